internal import CKernels
internal import Graphs
internal import Testing
@testable import Engine

private func plainProduct(
    _ a: [Double], _ b: [Double], _ m: Int, _ n: Int, _ k: Int, _ ta: Bool, _ tb: Bool
) -> [Double] {
    var y = [Double](repeating: 0, count: m * n)
    for i in 0..<m {
        for p in 0..<k {
            let factor = a[ta ? p * m + i : i * k + p]
            for j in 0..<n { y[i * n + j] += factor * b[tb ? j * k + p : p * n + j] }
        }
    }
    return y
}

@Test(arguments: [DType.f32, .f64, .i32, .i64])
func matmulAgreesWithPlainSums(_ dtype: DType) throws {
    var random = SplitMix(seed: 1)
    let sizes = [(1, 1, 1), (2, 2, 2), (1, 7, 9), (9, 1, 7), (5, 6, 0), (4, 32, 3), (7, 65, 33), (130, 70, 90), (1, 300, 2)]
    for (m, n, k) in sizes {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            func integers(_ count: Int) -> [Double] {
                (0..<count).map { _ in dtype.isFloat ? .random(in: -1...1, using: &random) : Double(Int.random(in: -9...9, using: &random)) }
            }
            let a = Sample(dtype, ta ? [k, m] : [m, k], integers(m * k))
            let b = Sample(dtype, tb ? [n, k] : [k, n], integers(k * n))
            let y = Sample.place(dtype, [m, n])
            try unsafe Libraries.matmul(a.operand, b.operand, transposeA: ta, transposeB: tb, into: y.operand)
            let d = distance(y.values, plainProduct(a.values, b.values, m, n, k, ta, tb))
            #expect(d < (dtype == .f32 ? 1e-5 : 1e-12), "\(dtype) \(m) \(n) \(k) \(ta) \(tb)")
        }
    }
}

/// Large enough for several blocks, with odd borders; matrix times vector among them.
@Test(arguments: [(130, 171, 203), (301, 37, 100), (17, 403, 200), (4, 700, 400), (150, 10, 1000), (65, 65, 800), (1, 3001, 200), (3001, 1, 200)])
func matmulInBlocksAgreesWithPlainSums(_ m: Int, _ n: Int, _ k: Int) throws {
    var random = SplitMix(seed: 12)
    for dtype in [DType.f32, .f64, .bf16] {
        let result = dtype == .bf16 ? DType.f32 : dtype
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let a = Sample.random(dtype, ta ? [k, m] : [m, k], &random)
            let b = Sample.random(dtype, tb ? [n, k] : [k, n], &random)
            let (y, alone) = (Sample.place(result, [m, n]), Sample.place(result, [m, n]))
            try unsafe Libraries.matmul(a.operand, b.operand, transposeA: ta, transposeB: tb, into: y.operand)
            let expected = plainProduct(a.values, b.values, m, n, k, ta, tb)
            let tolerance = result == .f32 ? 3e-5 : 1e-12
            #expect(distance(y.values, expected) < tolerance, "\(dtype) \(ta) \(tb)")
            try onOneThread { try unsafe Libraries.matmul(a.operand, b.operand, transposeA: ta, transposeB: tb, into: alone.operand) }
            #expect(alone.values == y.values, "\(dtype) \(ta) \(tb)")

            let (bias, residual) = (Sample.random(result, [n], &random), Sample.random(result, [m, n], &random))
            let (shifts, more) = (bias.values, residual.values)
            for parts in 0..<8 {
                let (isBiased, isAdded, isCut) = (parts & 1 > 0, parts & 2 > 0, parts & 4 > 0)
                let epilogue = unsafe Epilogue(bias: isBiased ? bias.operand : nil, residual: isAdded ? residual.operand : nil, relu: isCut)
                try unsafe Libraries.matmul(a.operand, b.operand, transposeA: ta, transposeB: tb, epilogue: epilogue, into: y.operand)
                let finished = expected.indices.map { place in
                    let sum = expected[place] + (isBiased ? shifts[place % n] : 0) + (isAdded ? more[place] : 0)
                    return isCut ? max(sum, 0) : sum
                }
                #expect(distance(y.values, finished) < tolerance, "epilogue \(parts) \(dtype) \(ta) \(tb)")
            }
        }
    }
}

/// The tiles of processors with narrow registers, which most machines do not choose.
@Test(arguments: [(1, 1, 1), (5, 16, 7), (6, 17, 20), (7, 40, 9), (8, 32, 400), (11, 33, 70), (64, 48, 500), (67, 90, 800), (130, 9, 1300)])
func narrowTilesAgreeWithPlainSums(_ m: Int, _ n: Int, _ k: Int) throws {
    var random = SplitMix(seed: 5)
    for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
        let (rowA, columnA, rowB, columnB) = (ta ? 1 : k, ta ? m : 1, tb ? 1 : n, tb ? k : 1)
        let (a, b) = (Sample.random(.f64, [m * k], &random).values, Sample.random(.f64, [k * n], &random).values)
        let expected = plainProduct(a, b, m, n, k, ta, tb)
        var double = [Double](repeating: 1, count: m * n)
        unsafe tfs_matmul_narrow_f64(m, n, k, a, rowA, columnA, b, rowB, columnB, &double, n, tfs_finish(adds: true, relu: false, row: 0, plus: nil))
        #expect(distance(double.map { $0 - 1 }, expected) < 1e-12, "\(ta) \(tb)")
        var single = [Float](repeating: 1, count: m * n)
        unsafe tfs_matmul_narrow_f32(m, n, k, a.map { Float($0) }, rowA, columnA, b.map { Float($0) }, rowB, columnB, &single, n, tfs_finish())
        #expect(distance(single.map { Double($0) }, expected) < 3e-5, "\(ta) \(tb)")
        let shifts = (0..<n).map { Double($0 % 5) - 2 }
        unsafe shifts.withUnsafeBytes { shifts in
            let finish = unsafe tfs_finish(adds: false, relu: true, row: 0, plus: shifts.baseAddress)
            unsafe tfs_matmul_narrow_f64(m, n, k, a, rowA, columnA, b, rowB, columnB, &double, n, finish)
        }
        #expect(distance(double, expected.indices.map { max(expected[$0] + shifts[$0 % n], 0) }) < 1e-12, "finished \(ta) \(tb)")
    }
}

@Test func epilogueOfAnEmptyProduct() throws {
    let (a, b, bias) = (Sample.place(.f32, [2, 0]), Sample.place(.f32, [0, 3]), Sample(.f32, [3], [1, -2, 3]))
    let y = Sample.place(.f32, [2, 3])
    try unsafe Libraries.matmul(a.operand, b.operand, epilogue: Epilogue(bias: bias.operand, relu: true), into: y.operand)
    #expect(y.values == [1, 0, 3, 1, 0, 3])
}

@Test(arguments: [1, 40, 90])
func matmulBroadcastsLeadingAxes(_ size: Int) throws {
    var random = SplitMix(seed: 2)
    let (m, n, k) = (size, size + 1, size + 2)
    let cases: [(Shape, Shape, Shape)] = [
        ([3], [], [3]), ([3], [1], [3]), ([2, 1], [3], [2, 3]), ([], [4], [4]), ([1, 3], [2, 1], [2, 3]), ([0], [1], [0]),
    ]
    for (leadA, leadB, lead) in cases {
        for ta in [false, true] {
            let a = Sample.random(.f64, leadA + (ta ? [k, m] : [m, k]), &random)
            let b = Sample.random(.f64, leadB + [k, n], &random)
            let y = Sample.place(.f64, lead + [m, n])
            try unsafe Libraries.matmul(a.operand, b.operand, transposeA: ta, into: y.operand)
            var expected: [Double] = []
            for number in 0..<lead.reduce(1, *) {
                func offset(_ axes: Shape) -> Int {
                    var (rest, stride, result) = (number, 1, 0)
                    for axis in lead.indices.reversed() {
                        let position = rest % lead[axis]
                        rest /= lead[axis]
                        let own = axis - (lead.count - axes.count)
                        if own >= 0 {
                            if axes[own] > 1 { result += position * stride }
                            stride *= axes[own]
                        }
                    }
                    return result
                }
                let (first, second) = (offset(leadA) * m * k, offset(leadB) * k * n)
                expected += plainProduct(
                    Array(a.values[first..<first + m * k]), Array(b.values[second..<second + k * n]), m, n, k, ta, false)
            }
            #expect(distance(y.values, expected) < 1e-12, "\(leadA) \(leadB) \(ta)")
        }
    }
}

@Test func matmulOfIntegersWrapsAround() throws {
    let a = Sample(.u8, [1, 2], [200, 100])
    let y = Sample.place(.u8, [1, 1])
    try unsafe Libraries.matmul(a.operand, a.operand, transposeB: true, into: y.operand)
    #expect(y.values == [Double((200 * 200 + 100 * 100) % 256)])
}
