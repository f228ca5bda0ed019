internal import Glibc
internal import Graphs
internal import Testing
@testable import Engine

@Test(arguments: [DType.f32, .f64])
func softmaxAgreesWithItsDefinition(_ dtype: DType) throws {
    var random = SplitMix(seed: 7)
    let shapes: [(Shape, Int)] = [
        ([1], 0), ([5], -1), ([3, 10], 1), ([2, 100], 1), ([4, 3, 7], 1), ([6, 130], 0), ([2, 3, 4, 5], 2), ([0, 4], 1),
    ]
    for (shape, axis) in shapes {
        let count = shape.reduce(1, *)
        let x = Sample(dtype, shape, (0..<count).map { _ in .random(in: -30...30, using: &random) })
        let place = axis < 0 ? axis + shape.count : axis
        let inner = shape[(place + 1)...].reduce(1, *)
        let n = shape[place]
        let values = x.values
        let expected = (0..<count).map { at in
            let start = at / (n * inner) * n * inner + at % inner
            let row = (0..<n).map { values[start + $0 * inner] }
            let largest = row.max()!
            return values[at] - largest - log(row.reduce(0) { $0 + exp($1 - largest) })
        }
        let y = Sample.place(dtype, shape)
        try unsafe Libraries.logSoftmax(x.operand, axis: axis, into: y.operand)
        #expect(distance(y.values, expected) < (dtype == .f32 ? 1e-6 : 1e-14))
        try unsafe Libraries.softmax(x.operand, axis: axis, into: y.operand)
        for (found, logarithm) in zip(y.values, expected) {
            let exact = exp(logarithm)
            // The distance from the largest is rounded: by up to 2e-6 here in f32.
            #expect(abs(found - exact) <= (dtype == .f32 ? 4e-6 : 1e-14) * exact)
        }
        try unsafe Libraries.softmax(x.operand, axis: axis, into: x.operand)
        #expect(x.values == y.values)
    }
}

@Test func softmaxOfExtremes() throws {
    // Computed with NumPy.
    let x = Sample(.f32, [4], [1, 2, 3, -1000])
    let y = Sample.place(.f32, [4])
    try unsafe Libraries.softmax(x.operand, axis: 0, into: y.operand)
    #expect(distance(y.values, [0.09003057317038046, 0.24472847105479764, 0.6652409557748218, 0]) < 1e-7)
    try unsafe Libraries.logSoftmax(x.operand, axis: 0, into: y.operand)
    #expect(distance(y.values, [-2.4076059644443806, -1.4076059644443804, -0.4076059644443804, -1003.4076059644444]) < 1e-7)
    let infinite = Sample(.f32, [2], [-.infinity, 5])
    let z = Sample.place(.f32, [2])
    try unsafe Libraries.softmax(infinite.operand, axis: 0, into: z.operand)
    #expect(z.values == [0, 1])
    // The exponential itself, down to where f32 has no normal numbers left.
    let depths = (0..<1040).map { -Double($0) / 10 }
    let deep = Sample(.f32, [1040], depths)
    let found = Sample.place(.f32, [1040])
    try unsafe Libraries.softmax(deep.operand, axis: 0, into: found.operand)
    let sum = depths.reduce(0) { $0 + exp(Double(Float($1))) }
    for (value, depth) in zip(found.values, depths) {
        let exact = exp(Double(Float(depth))) / sum
        #expect(abs(value - exact) <= 1e-6 * exact + 3e-45, "at \(depth)")
    }
}

@Test(arguments: [DType.f32, .f64])
func normalisationAgreesWithItsDefinition(_ dtype: DType) throws {
    var random = SplitMix(seed: 8)
    for (rows, c) in [(1, 1), (7, 3), (300, 5), (129, 64), (40, 100), (260, 33), (5, 200)] {
        // A mean far from 0 shows a variance that is computed as E[x²] - E[x]².
        let x = Sample(dtype, [rows, c], (0..<rows * c).map { _ in 1000 + .random(in: -1...1, using: &random) })
        let (gamma, beta) = (Sample.random(dtype, [c], &random), Sample.random(dtype, [c], &random))
        let (values, scale, shift) = (x.values, gamma.values, beta.values)
        for byChannel in [true, false] {
            let groups = byChannel ? c : rows
            let y = Sample.place(dtype, [rows, c])
            let (mean, variance) = (Sample.place(dtype, [groups]), Sample.place(dtype, [groups]))
            if byChannel {
                try unsafe Libraries.batchNorm(
                    x.operand, gamma.operand, beta.operand, epsilon: 1e-3, into: y.operand, mean: mean.operand, variance: variance.operand)
            } else {
                try unsafe Libraries.layerNorm(
                    x.operand, gamma.operand, beta.operand, epsilon: 1e-3, into: y.operand, mean: mean.operand, variance: variance.operand)
            }
            var sums = [(sum: Double, squares: Double, count: Double)](repeating: (0, 0, 0), count: groups)
            for (at, value) in values.enumerated() {
                let group = byChannel ? at % c : at / c
                sums[group].sum += value
                sums[group].count += 1
            }
            let means = sums.map { $0.sum / $0.count }
            for (at, value) in values.enumerated() {
                let group = byChannel ? at % c : at / c
                sums[group].squares += (value - means[group]) * (value - means[group])
            }
            let variances = sums.map { $0.squares / $0.count }
            let expected = values.indices.map { at in
                let group = byChannel ? at % c : at / c
                return (values[at] - means[group]) / (variances[group] + 1e-3).squareRoot() * scale[at % c] + shift[at % c]
            }
            let unit = dtype == .f32 ? 1.0 : 1e-8
            #expect(distance(mean.values, means) < 2e-7 * unit, "\(rows) \(c) \(byChannel)")
            #expect(distance(variance.values, variances) < 2e-6 * unit, "\(rows) \(c) \(byChannel)")
            // A mean of 1000 has a last place of 6e-5 in f32.
            #expect(distance(y.values, expected) < (dtype == .f32 ? 2e-4 : 1e-9), "\(rows) \(c) \(byChannel)")
        }
    }
}

/// The statistics of parts, merged, agree with those of all rows.
@Test(arguments: [DType.f32, .f64])
func batchNormOfManyRowsAgreesWithItsDefinition(_ dtype: DType) throws {
    var random = SplitMix(seed: 16)
    for (rows, c) in [(3001, 37), (70, 3000)] {
        // Each part has another mean.
        let x = Sample(dtype, [rows, c], (0..<rows * c).map { Double($0 / (c * 500)) + .random(in: -1...1, using: &random) })
        let (gamma, beta) = (Sample.random(dtype, [c], &random), Sample.random(dtype, [c], &random))
        func run() throws -> (y: [Double], mean: [Double], variance: [Double]) {
            let (y, mean, variance) = (Sample.place(dtype, [rows, c]), Sample.place(dtype, [c]), Sample.place(dtype, [c]))
            try unsafe Libraries.batchNorm(
                x.operand, gamma.operand, beta.operand, epsilon: 1e-3, into: y.operand, mean: mean.operand, variance: variance.operand)
            return (y.values, mean.values, variance.values)
        }
        let found = try run()
        let values = x.values
        let means = (0..<c).map { j in (0..<rows).reduce(0) { $0 + values[$1 * c + j] } / Double(rows) }
        let variances = (0..<c).map { j in (0..<rows).reduce(0) { $0 + (values[$1 * c + j] - means[j]) * (values[$1 * c + j] - means[j]) } / Double(rows) }
        let tolerance = dtype == .f32 ? 2e-6 : 1e-13
        #expect(distance(found.mean, means) < tolerance)
        #expect(distance(found.variance, variances) < tolerance)
        let (scale, shift) = (gamma.values, beta.values)
        let expected = values.indices.map { (values[$0] - means[$0 % c]) * scale[$0 % c] / (variances[$0 % c] + 1e-3).squareRoot() + shift[$0 % c] }
        #expect(distance(found.y, expected) < 5 * tolerance)
        try onOneThread {
            let alone = try run()
            #expect(alone == found)
        }
    }
}
