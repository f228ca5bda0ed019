internal import Graphs
internal import Testing
@testable import Engine

/// A convolution to test: shapes and the way the window walks.
struct ConvCase: CustomStringConvertible {
    var x: Shape
    var kernel: Shape
    var window: Window
    var y: Shape

    /// `nil` when no window fits.
    init?(batch: Int, input: [Int], size: [Int], channels: (Int, Int), groups: Int, _ walk: (strides: [Int], dilations: [Int], before: [Int], after: [Int])) {
        x = [batch] + input + [channels.0]
        kernel = size + [channels.0 / groups, channels.1]
        window = Window(strides: walk.strides, before: walk.before, after: walk.after, dilations: walk.dilations, groups: groups)
        var output: [Int] = []
        for axis in input.indices {
            let room = input[axis] + walk.before[axis] + walk.after[axis] - (size[axis] - 1) * walk.dilations[axis] - 1
            if room < 0 { return nil }
            output.append(room / walk.strides[axis] + 1)
        }
        y = [batch] + output + [channels.1]
    }

    var description: String { "x \(x) kernel \(kernel) y \(y) \(window)" }

    static func random(_ random: inout SplitMix) -> ConvCase {
        while true {
            let rank = Int.random(in: 1...3, using: &random)
            func each(_ range: ClosedRange<Int>) -> [Int] { (0..<rank).map { _ in .random(in: range, using: &random) } }
            let groups = [1, 1, 2, 3, 4].randomElement(using: &random)!
            let channels = (groups * .random(in: 1...5, using: &random), groups * .random(in: 1...9, using: &random))
            let found = ConvCase(
                batch: [1, 5].randomElement(using: &random)!, input: each(1...9), size: each(1...4), channels: channels,
                groups: groups, (each(1...3), each(1...2), each(0...2), each(0...2)))
            if let found { return found }
        }
    }
}

/// The sum over every tap by its definition, on nested indices.
private func plainConv(_ c: ConvCase, _ x: [Double], _ kernel: [Double]) -> [Double] {
    let n = c.window.strides.count
    let (inputs, outputs) = (c.x[c.x.count - 1], c.y[c.y.count - 1])
    let (inGroup, outGroup) = (inputs / c.window.groups, outputs / c.window.groups)
    let (spatialX, spatialK, spatialY) = (Shape(c.x[1...n]), Shape(c.kernel[..<n]), Shape(c.y[1...n]))
    var y: [Double] = []
    for image in 0..<c.y[0] {
        for place in 0..<spatialY.reduce(1, *) {
            let at = coordinates(place, spatialY)
            for out in 0..<outputs {
                var sum = 0.0
                for tap in 0..<spatialK.reduce(1, *) {
                    let k = coordinates(tap, spatialK)
                    var position = image
                    var isInside = true
                    for axis in 0..<n {
                        let from = at[axis] * c.window.strides[axis] + k[axis] * c.window.dilations[axis] - c.window.before[axis]
                        isInside = isInside && from >= 0 && from < spatialX[axis]
                        position = position * spatialX[axis] + from
                    }
                    guard isInside else { continue }
                    for i in 0..<inGroup {
                        sum += x[position * inputs + out / outGroup * inGroup + i] * kernel[(tap * inGroup + i) * outputs + out]
                    }
                }
                y.append(sum)
            }
        }
    }
    return y
}

private func check(_ c: ConvCase, _ dtype: DType, _ random: inout SplitMix) throws {
    let tolerance = dtype == .f32 ? 2e-5 : 1e-12
    let x = Sample.random(dtype, c.x, &random)
    let kernel = Sample.random(dtype, c.kernel, &random)
    let dy = Sample.random(dtype, c.y, &random)
    let y = Sample.place(dtype, c.y)
    let dx = Sample.place(dtype, c.x)
    let dkernel = Sample.place(dtype, c.kernel)
    try unsafe Libraries.conv(x.operand, kernel.operand, c.window, into: y.operand)
    try unsafe Libraries.convGradientInput(dy.operand, kernel.operand, c.window, into: dx.operand)
    try unsafe Libraries.convGradientKernel(x.operand, dy.operand, c.window, into: dkernel.operand)
    #expect(distance(y.values, plainConv(c, x.values, kernel.values)) < tolerance, "forward \(dtype) \(c)")
    // The convolution is linear in x and in the kernel, so these hold exactly but for rounding.
    let product = dot(dy.values, y.values)
    #expect(abs(dot(dx.values, x.values) - product) < tolerance * max(10, abs(product)), "by x \(dtype) \(c)")
    #expect(abs(dot(dkernel.values, kernel.values) - product) < tolerance * max(10, abs(product)), "by kernel \(dtype) \(c)")
    // Element by element against the plain loops.
    let geometry = WindowGeometry(dtype: dtype, x: c.x, kernel: c.kernel, y: c.y, c.window)
    let plain = Sample.place(dtype, c.x)
    try unsafe Libraries.convPlain(.gradientInput, geometry, plain.operand, kernel.operand, dy.operand)
    #expect(distance(dx.values, plain.values) < tolerance, "by x \(dtype) \(c)")
    let plainKernel = Sample.place(dtype, c.kernel)
    try unsafe Libraries.convPlain(.gradientKernel, geometry, x.operand, plainKernel.operand, dy.operand)
    #expect(distance(dkernel.values, plainKernel.values) < tolerance * 3, "by kernel \(dtype) \(c)")
}

@Test(arguments: [DType.f32, .f64])
func convAgreesWithPlainSums(_ dtype: DType) throws {
    var random = SplitMix(seed: 3)
    for _ in 0..<60 { try check(.random(&random), dtype, &random) }
}

@Test func convOfUsualLayers() throws {
    var random = SplitMix(seed: 4)
    let same = (strides: [1, 1], dilations: [1, 1], before: [1, 1], after: [1, 1])
    let halving = (strides: [2, 2], dilations: [1, 1], before: [0, 0], after: [1, 1])
    let cases = [
        ConvCase(batch: 2, input: [14, 14], size: [3, 3], channels: (16, 32), groups: 1, same),
        ConvCase(batch: 2, input: [14, 14], size: [3, 3], channels: (1, 32), groups: 1, same),
        ConvCase(batch: 2, input: [14, 14], size: [3, 3], channels: (16, 16), groups: 16, same),
        ConvCase(batch: 2, input: [14, 14], size: [3, 3], channels: (16, 32), groups: 16, halving),
        ConvCase(batch: 2, input: [13, 12], size: [3, 3], channels: (3, 64), groups: 1, halving),
        ConvCase(batch: 2, input: [7, 7], size: [1, 1], channels: (64, 48), groups: 1, (strides: [1, 1], dilations: [1, 1], before: [0, 0], after: [0, 0])),
    ]
    for c in cases { try check(#require(c), .f32, &random) }
}

@Test func convOfNothing() throws {
    let walk = (strides: [1, 1], dilations: [1, 1], before: [0, 0], after: [0, 0])
    let c = try #require(ConvCase(batch: 0, input: [5, 5], size: [3, 3], channels: (2, 4), groups: 1, walk))
    let (x, y) = (Sample.place(.f32, c.x), Sample.place(.f32, c.y))
    let kernel = Sample.place(.f32, c.kernel)
    try unsafe Libraries.conv(x.operand, kernel.operand, c.window, into: y.operand)
    try unsafe Libraries.convGradientKernel(x.operand, y.operand, c.window, into: kernel.operand)
    #expect(kernel.values == [Double](repeating: 0, count: 72))
}

@Test func oneDNNGivesTheSameBytesAgain() throws {
    var random = SplitMix(seed: 5)
    let walk = (strides: [1, 1], dilations: [1, 1], before: [1, 1], after: [1, 1])
    let c = try #require(ConvCase(batch: 4, input: [9, 9], size: [3, 3], channels: (8, 24), groups: 1, walk))
    let x = Sample.random(.f32, c.x, &random)
    let dy = Sample.random(.f32, c.y, &random)
    let results = try (0..<3).map { _ in
        let kernel = Sample.place(.f32, c.kernel)
        try unsafe Libraries.convGradientKernel(x.operand, dy.operand, c.window, into: kernel.operand)
        return kernel.values
    }
    #expect(results[0] == results[1] && results[1] == results[2])
}
