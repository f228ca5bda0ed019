internal import Graphs
internal import Testing
@testable import Engine

private func product(_ a: Sample, _ b: Sample, transposeA: Bool = false, transposeB: Bool = false) throws -> Sample {
    let m = a.shape[a.shape.count - (transposeA ? 1 : 2)]
    let n = b.shape[b.shape.count - (transposeB ? 2 : 1)]
    let y = Sample.place(unsafe a.operand.dtype, a.shape.dropLast(2) + [m, n])
    try unsafe Libraries.matmul(a.operand, b.operand, transposeA: transposeA, transposeB: transposeB, into: y.operand)
    return y
}

private func identities(_ batch: Int, _ n: Int) -> [Double] {
    (0..<batch * n * n).map { ($0 % (n * n)) / n == $0 % n ? 1 : 0 }
}

/// a·aᵀ + n on the diagonal: well-conditioned, symmetric and positive definite.
private func definite(_ dtype: DType, _ batch: Int, _ n: Int, _ random: inout SplitMix) throws -> Sample {
    let a = Sample.random(dtype, [batch, n, n], &random)
    let square = try product(a, a, transposeB: true).values
    return Sample(dtype, [batch, n, n], zip(square, identities(batch, n)).map { $0 + Double(n) * $1 })
}

@Test(arguments: [DType.f32, .f64])
func factorsMultiplyBack(_ dtype: DType) throws {
    var random = SplitMix(seed: 9)
    let tolerance = dtype == .f32 ? 3e-5 : 1e-12
    for (batch, n, k) in [(1, 1, 1), (2, 3, 2), (3, 7, 1), (1, 40, 5), (0, 4, 2), (2, 0, 3)] {
        let a = try definite(dtype, batch, n, &random)
        let b = Sample.random(dtype, [batch, n, k], &random)

        let inverse = Sample.place(dtype, a.shape)
        try unsafe Libraries.inverse(a.operand, into: inverse.operand)
        #expect(distance(try product(a, inverse).values, identities(batch, n)) < tolerance)

        let x = Sample.place(dtype, b.shape)
        try unsafe Libraries.solve(a.operand, b.operand, into: x.operand)
        #expect(distance(try product(a, x).values, b.values) < tolerance)

        let factor = Sample.place(dtype, a.shape)
        try unsafe Libraries.cholesky(a.operand, into: factor.operand)
        #expect(distance(try product(factor, factor, transposeB: true).values, a.values) < tolerance)

        for (lower, transposed) in [(true, false), (true, true), (false, false), (false, true)] {
            let triangle = Sample(
                dtype, a.shape,
                factor.values.indices.map { at in
                    let (row, column) = (at % (n * n) / n, at % n)
                    return factor.values[at - at % (n * n) + (lower ? row * n + column : column * n + row)]
                })
            try unsafe Libraries.solveTriangular(
                triangle.operand, b.operand, lower: lower, transpose: transposed, into: x.operand)
            #expect(distance(try product(triangle, x, transposeA: transposed).values, b.values) < tolerance)
        }

        let (values, vectors) = (Sample.place(dtype, [batch, n]), Sample.place(dtype, a.shape))
        try unsafe Libraries.eigh(a.operand, values: values.operand, vectors: vectors.operand)
        let scaled = Sample(
            dtype, a.shape, vectors.values.indices.map { vectors.values[$0] * values.values[$0 / (n * n) * n + $0 % n] })
        #expect(distance(try product(a, vectors).values, scaled.values) < tolerance * 10)
        #expect(distance(try product(vectors, vectors, transposeA: true).values, identities(batch, n)) < tolerance)
    }
}

@Test(arguments: [DType.f32, .f64], [false, true])
func rectanglesMultiplyBack(_ dtype: DType, full: Bool) throws {
    var random = SplitMix(seed: 10)
    let tolerance = dtype == .f32 ? 3e-5 : 1e-12
    for (batch, m, n) in [(1, 1, 1), (2, 3, 5), (2, 5, 3), (1, 40, 30), (1, 4, 4), (1, 3, 0), (1, 0, 3)] {
        let a = Sample.random(dtype, [batch, m, n], &random)
        let small = min(m, n)
        let k = full ? m : small
        let (q, r) = (Sample.place(dtype, [batch, m, k]), Sample.place(dtype, [batch, k, n]))
        try unsafe Libraries.qr(a.operand, q: q.operand, r: r.operand)
        #expect(distance(try product(q, r).values, a.values) < tolerance, "\(m) \(n)")
        #expect(distance(try product(q, q, transposeA: true).values, identities(batch, k)) < tolerance, "\(m) \(n)")
        #expect(r.values.indices.allSatisfy { at in at % (k * n) / n <= at % n || r.values[at] == 0 })

        let (rows, columns) = full ? (m, n) : (small, small)
        let (u, s) = (Sample.place(dtype, [batch, m, rows]), Sample.place(dtype, [batch, small]))
        let vh = Sample.place(dtype, [batch, columns, n])
        try unsafe Libraries.svd(a.operand, u: u.operand, s: s.operand, vh: vh.operand)
        var diagonal = [Double](repeating: 0, count: batch * rows * columns)
        for image in 0..<batch {
            for i in 0..<small { diagonal[(image * rows + i) * columns + i] = s.values[image * small + i] }
        }
        let middle = Sample(dtype, [batch, rows, columns], diagonal)
        #expect(distance(try product(try product(u, middle), vh).values, a.values) < tolerance, "\(m) \(n)")
        #expect(distance(try product(u, u, transposeA: true).values, identities(batch, rows)) < tolerance)
        #expect(distance(try product(vh, vh, transposeB: true).values, identities(batch, columns)) < tolerance)
    }
}

@Test func linalgAgreesWithNumPy() throws {
    let a = Sample(.f64, [3, 3], [4, -2, 1, 3, 6, -4, 2, 1, 8])
    let symmetric = Sample(.f64, [3, 3], [4, 1, 2, 1, 3, 0, 2, 0, 5])
    let y = Sample.place(.f64, [3, 3])
    try unsafe Libraries.inverse(a.operand, into: y.operand)
    #expect(distance(y.values, [0.197718631178707, 0.064638783269962, 0.00760456273764259, -0.121673003802281, 0.114068441064639, 0.0722433460076046, -0.0342205323193916, -0.0304182509505703, 0.114068441064639]) < 1e-14)
    let number = Sample.place(.f64, [])
    try unsafe Libraries.determinant(a.operand, into: number.operand)
    #expect(distance(number.values, [263]) < 1e-13)
    try unsafe Libraries.cholesky(symmetric.operand, into: y.operand)
    #expect(distance(y.values, [2, 0, 0, 0.5, 1.6583123951777, 0, 1, -0.301511344577764, 1.97714210644832]) < 1e-14)
    let values = Sample.place(.f64, [3])
    try unsafe Libraries.eigh(symmetric.operand, values: values.operand, vectors: y.operand)
    #expect(distance(values.values, [1.85489730879958, 3.47602360291813, 6.66907908828229]) < 1e-14)
    let rectangle = Sample(.f64, [2, 3], [1, 2, 3, 4, 5, 6])
    let (u, s, vh) = (Sample.place(.f64, [2, 2]), Sample.place(.f64, [2]), Sample.place(.f64, [2, 3]))
    try unsafe Libraries.svd(rectangle.operand, u: u.operand, s: s.operand, vh: vh.operand)
    #expect(distance(s.values, [9.50803200069572, 0.772869635673484]) < 1e-14)
    // Only the lower triangle counts.
    let lower = Sample(.f64, [2, 2], [4, 99, 2, 5])
    let factor = Sample.place(.f64, [2, 2])
    try unsafe Libraries.cholesky(lower.operand, into: factor.operand)
    #expect(factor.values == [2, 0, 1, 2])
}

@Test func determinantsOfBatches() throws {
    let a = Sample(.f32, [4, 2, 2], [1, 2, 3, 4, 0, 1, 1, 0, 1, 2, 2, 4, 2, 0, 0, 3])
    let y = Sample.place(.f32, [4])
    try unsafe Libraries.determinant(a.operand, into: y.operand)
    #expect(distance(y.values, [-2, -1, 0, 6]) < 1e-6)
}

@Test func solveBroadcasts() throws {
    let a = Sample(.f64, [2, 2], [2, 0, 0, 4])
    let b = Sample(.f64, [3, 2, 1], [2, 4, 4, 8, 6, 12])
    let y = Sample.place(.f64, [3, 2, 1])
    try unsafe Libraries.solve(a.operand, b.operand, into: y.operand)
    #expect(y.values == [1, 1, 2, 2, 3, 3])
    try unsafe Libraries.solveTriangular(a.operand, b.operand, lower: true, into: y.operand)
    #expect(y.values == [1, 1, 2, 2, 3, 3])
}

@Test func singularMatricesAreRefused() throws {
    let a = Sample(.f32, [2, 2, 2], [1, 0, 0, 1, 1, 2, 2, 4])
    let y = Sample.place(.f32, [2, 2, 2])
    let error = try #require(throws: OpError.self) { try unsafe Libraries.inverse(a.operand, into: y.operand) }
    #expect(error.code == "E0212" && error.what == "the matrix 1 (counting from 0) is singular")
    #expect(throws: OpError.self) { try unsafe Libraries.solve(a.operand, a.operand, into: y.operand) }
    #expect(throws: OpError.self) { try unsafe Libraries.cholesky(a.operand, into: y.operand) }
    let zero = Sample(.f32, [1, 1], [0])
    #expect(throws: OpError.self) { try unsafe Libraries.solveTriangular(zero.operand, zero.operand, lower: true, into: y.operand) }
    let wrong = Sample(.f32, [1, 2], [1, .nan])
    let (u, s, vh) = (Sample.place(.f32, [1, 1]), Sample.place(.f32, [1]), Sample.place(.f32, [1, 2]))
    #expect(throws: OpError.self) { try unsafe Libraries.svd(wrong.operand, u: u.operand, s: s.operand, vh: vh.operand) }
    let integers = Sample(.i32, [1, 1], [1])
    #expect(throws: OpError.self) { try unsafe Libraries.inverse(integers.operand, into: integers.operand) }
}
