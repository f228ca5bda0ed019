internal import Graphs
internal import Testing
@testable import Engine

/// The elements under each window of x [n, spatial…, c], as positions in x, in window order; one list per element of y.
private func windows(_ x: Shape, _ y: Shape, _ window: Window) -> [[Int]] {
    let n = window.size.count
    let c = x[x.count - 1]
    var result: [[Int]] = []
    for number in 0..<y.reduce(1, *) {
        let at = coordinates(number, y)
        var found: [Int] = []
        for tap in 0..<window.size.reduce(1, *) {
            let k = coordinates(tap, window.size)
            var position = at[0]
            var isInside = true
            for axis in 0..<n {
                let from = at[axis + 1] * window.strides[axis] + k[axis] - window.before[axis]
                isInside = isInside && from >= 0 && from < x[axis + 1]
                position = position * x[axis + 1] + from
            }
            if isInside { found.append(position * c + at[n + 1]) }
        }
        result.append(found)
    }
    return result
}

/// Every kind of pooling of a random x of [2, input…, c] against its definition.
private func check(_ dtype: DType, _ window: Window, _ input: [Int], _ c: Int, _ random: inout SplitMix) throws {
    let tolerance = dtype == .f32 ? 1e-5 : 1e-12
    let room = input.indices.map { input[$0] + window.before[$0] + window.after[$0] - window.size[$0] }
    guard room.allSatisfy({ $0 >= 0 }) else { return }
    let shape = [2] + input + [c]
    let shapeY = [2] + room.indices.map { room[$0] / window.strides[$0] + 1 } + [c]
    let lists = windows(shape, shapeY, window)
    // Few distinct values, so that ties are common.
    let x = Sample(dtype, shape, (0..<shape.reduce(1, *)).map { _ in Double(Int.random(in: -3...3, using: &random)) })
    let dy = Sample.random(dtype, shapeY, &random)
    let z = Sample.random(dtype, shape, &random)
    let (values, dyValues, zValues) = (x.values, dy.values, z.values)
    let first = lists.map { list in list.max { values[$0] < values[$1] || values[$0] == values[$1] && $0 > $1 } }

    let y = Sample.place(dtype, shapeY)
    try unsafe Libraries.maxPool(x.operand, window, into: y.operand)
    #expect(y.values == first.map { $0.map { values[$0] } ?? -.infinity })
    try unsafe Libraries.maxPoolTake(x.operand, z.operand, window, into: y.operand)
    #expect(y.values == first.map { $0.map { zValues[$0] } ?? 0 })
    let dx = Sample.place(dtype, shape)
    try unsafe Libraries.maxPoolGradient(x.operand, dy.operand, window, into: dx.operand)
    var expected = [Double](repeating: 0, count: values.count)
    for (out, place) in first.enumerated() { if let place { expected[place] += dyValues[out] } }
    #expect(distance(dx.values, expected) < tolerance)

    try unsafe Libraries.averagePool(x.operand, window, into: y.operand)
    #expect(distance(y.values, lists.map { $0.reduce(0) { $0 + values[$1] } / Double(max($0.count, 1)) }) < tolerance)
    try unsafe Libraries.averagePoolGradient(dy.operand, window, into: dx.operand)
    expected = [Double](repeating: 0, count: values.count)
    for (out, list) in lists.enumerated() { for place in list { expected[place] += dyValues[out] / Double(list.count) } }
    #expect(distance(dx.values, expected) < tolerance)
}

@Test(arguments: [DType.f32, .f64])
func poolingAgreesWithItsDefinition(_ dtype: DType) throws {
    var random = SplitMix(seed: 6)
    for _ in 0..<80 {
        let rank = Int.random(in: 1...3, using: &random)
        func each(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in .random(in: range, using: &random) } }
        let window = Window(size: each(1...3), strides: each(1...3), before: each(0...3), after: each(0...2))
        try check(dtype, window, each(1...7), [1, 3, 64, 70].randomElement(using: &random)!, &random)
    }
}

/// Windows of 2×2 beside each other go their own way, with or without a row and a column left over.
@Test(arguments: [DType.f32, .f64])
func poolingOfPairsAgreesWithItsDefinition(_ dtype: DType) throws {
    var random = SplitMix(seed: 7)
    for input in [[2, 2], [6, 4], [5, 7], [3, 2], [1, 4, 6], [3, 4, 5]] {
        let ones = [Int](repeating: 1, count: input.count - 2)
        let none = [Int](repeating: 0, count: input.count)
        let window = Window(size: ones + [2, 2], strides: ones + [2, 2], before: none, after: none)
        for c in [1, 3, 64, 70] { try check(dtype, window, input, c, &random) }
    }
}

@Test func maxPoolKeepsNaN() throws {
    let window = Window(size: [2], strides: [2], before: [0], after: [0])
    let x = Sample(.f32, [1, 6, 1], [.nan, 1, 1, .nan, 2, -.infinity])
    let y = Sample.place(.f32, [1, 3, 1])
    try unsafe Libraries.maxPool(x.operand, window, into: y.operand)
    #expect(y.values[0].isNaN && y.values[1].isNaN && y.values[2] == 2)
    let z = Sample(.f32, [1, 6, 1], [0, 1, 2, 3, 4, 5])
    try unsafe Libraries.maxPoolTake(x.operand, z.operand, window, into: y.operand)
    #expect(y.values == [0, 3, 4])
}

@Test func maxPoolOfPairsTakesTheFirstNaN() throws {
    let window = Window(size: [2, 2], strides: [2, 2], before: [0, 0], after: [0, 0])
    let x = Sample(.f32, [1, 2, 6, 1], [1, .nan, 2, 2, -.infinity, -.infinity, .nan, 3, 1, .nan, -.infinity, -.infinity])
    let y = Sample.place(.f32, [1, 1, 3, 1])
    try unsafe Libraries.maxPool(x.operand, window, into: y.operand)
    #expect(y.values[0].isNaN && y.values[1].isNaN && y.values[2] == -.infinity)
    let (dy, dx) = (Sample(.f32, [1, 1, 3, 1], [5, 6, 7]), Sample.place(.f32, [1, 2, 6, 1]))
    try unsafe Libraries.maxPoolGradient(x.operand, dy.operand, window, into: dx.operand)
    #expect(dx.values == [0, 5, 0, 0, 7, 0, 0, 0, 0, 6, 0, 0])
}

@Test func poolingInPiecesIsTheSame() throws {
    var random = SplitMix(seed: 14)
    // Many images, and one large image by rows.
    for (batch, size, c) in [(40, 20, 9), (1, 150, 40), (2, 131, 33)] {
        let window = Window(size: [3, 2], strides: [2, 2], before: [1, 0], after: [1, 1])
        let (xShape, yShape) = ([batch, size, size, c], [batch, (size - 1) / 2 + 1, (size - 1) / 2 + 1, c])
        let (x, dy) = (Sample.random(.f32, xShape, &random), Sample.random(.f32, yShape, &random))
        func compare(_ shape: Shape, _ run: (Operand) throws -> Void) throws {
            let (together, alone) = (Sample.place(.f32, shape), Sample.place(.f32, shape))
            try unsafe run(together.operand)
            try onOneThread { try unsafe run(alone.operand) }
            #expect(together.values == alone.values)
        }
        try unsafe compare(yShape) { try unsafe Libraries.maxPool(x.operand, window, into: $0) }
        try unsafe compare(yShape) { try unsafe Libraries.averagePool(x.operand, window, into: $0) }
        try unsafe compare(yShape) { try unsafe Libraries.maxPoolTake(x.operand, x.operand, window, into: $0) }
        try unsafe compare(xShape) { try unsafe Libraries.maxPoolGradient(x.operand, dy.operand, window, into: $0) }
        try unsafe compare(xShape) { try unsafe Libraries.averagePoolGradient(dy.operand, window, into: $0) }
    }
}

@Test func poolingByRowsAgreesWithItsDefinition() throws {
    var random = SplitMix(seed: 15)
    let (x, y): (Shape, Shape) = ([1, 151, 150, 8], [1, 76, 75, 8])
    let window = Window(size: [3, 2], strides: [2, 2], before: [1, 0], after: [1, 0])
    let values = Sample.random(.f32, x, &random)
    let (found, elements) = (Sample.place(.f32, y), values.values)
    try unsafe Libraries.maxPool(values.operand, window, into: found.operand)
    #expect(found.values == windows(x, y, window).map { $0.map { elements[$0] }.max()! })
}
