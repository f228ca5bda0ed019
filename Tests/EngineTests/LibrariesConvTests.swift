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
    // Transformed tiles err by up to 2e-5 of the largest, and sums grow with their length.
    let tolerance = (dtype == .f32 ? 2e-5 : 1e-12) * max(1, Double(c.kernel.dropLast().reduce(1, *)).squareRoot() / 4)
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
    let residual = Sample.random(dtype, c.y, &random)
    let bias = Sample.random(dtype, [c.y[c.y.count - 1]], &random)
    let finished = Sample.place(dtype, c.y)
    try unsafe Libraries.conv(
        x.operand, kernel.operand, c.window, epilogue: Epilogue(bias: bias.operand, residual: residual.operand, relu: true),
        into: finished.operand)
    let (sums, shifts, more) = (y.values, bias.values, residual.values)
    let expected = sums.indices.map { max(sums[$0] + shifts[$0 % shifts.count] + more[$0], 0) }
    #expect(distance(finished.values, expected) < tolerance, "epilogue \(dtype) \(c)")
    // Element by element against the plain loops.
    let geometry = WindowGeometry(dtype: dtype, x: c.x, kernel: c.kernel, y: c.y, c.window)
    let plain = Sample.place(dtype, c.x)
    try unsafe Libraries.convPlain(.gradientInput, geometry, plain.operand, kernel.operand, dy.operand)
    #expect(distance(dx.values, plain.values) < tolerance, "by x \(dtype) \(c)")
    let plainKernel = Sample.place(dtype, c.kernel)
    try unsafe Libraries.convPlain(.gradientKernel, geometry, x.operand, plainKernel.operand, dy.operand)
    #expect(distance(dkernel.values, plainKernel.values) < tolerance * 3, "by kernel \(dtype) \(c)")
    let dbias = Sample.place(dtype, bias.shape)
    try unsafe Libraries.convGradientKernel(x.operand, dy.operand, c.window, into: dkernel.operand, bias: dbias.operand)
    #expect(distance(dkernel.values, plainKernel.values) < tolerance * 3, "by kernel with bias \(dtype) \(c)")
    let values = dy.values
    let total = (0..<shifts.count).map { channel in stride(from: channel, to: values.count, by: shifts.count).reduce(0) { $0 + values[$1] } }
    #expect(distance(dbias.values, total) < tolerance * 10, "by bias \(dtype) \(c)")
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

/// Large enough to be cut into pieces: by images, with a shorter last piece, and by rows.
private let pieced: [ConvCase?] = [
    ConvCase(batch: 13, input: [14, 14], size: [3, 3], channels: (16, 32), groups: 1, ([1, 1], [1, 1], [1, 1], [1, 1])),
    ConvCase(batch: 150, input: [9, 8], size: [2, 3], channels: (5, 7), groups: 1, ([1, 1], [1, 1], [0, 1], [1, 0])),
    ConvCase(batch: 1, input: [33, 32], size: [3, 3], channels: (16, 16), groups: 1, ([1, 1], [1, 1], [1, 1], [1, 1])),
    ConvCase(batch: 2, input: [41, 30], size: [5, 3], channels: (16, 32), groups: 1, ([2, 2], [2, 1], [3, 0], [4, 2])),
    ConvCase(batch: 1, input: [47, 47], size: [7, 7], channels: (3, 64), groups: 1, ([2, 2], [1, 1], [3, 3], [3, 3])),
    ConvCase(batch: 1, input: [64, 64], size: [1, 1], channels: (32, 33), groups: 1, ([3, 3], [1, 1], [0, 0], [0, 0])),
    ConvCase(batch: 1, input: [9000], size: [9], channels: (8, 16), groups: 2, ([1], [1], [8], [0])),
    ConvCase(batch: 1, input: [7, 7], size: [3, 3], channels: (256, 512), groups: 1, ([1, 1], [1, 1], [1, 1], [1, 1])),
]

/// Few outputs for large kernels: over edges, with gaps, along one axis and three, with odd channels.
private let patched = [
    ConvCase(batch: 3, input: [5, 6], size: [3, 3], channels: (40, 200), groups: 1, ([2, 2], [1, 1], [1, 0], [1, 1])),
    ConvCase(batch: 2, input: [20], size: [5], channels: (64, 256), groups: 1, ([1], [3], [12], [0])),
    ConvCase(batch: 1, input: [3, 4, 5], size: [2, 3, 2], channels: (24, 256), groups: 1, ([1, 2, 1], [1, 1, 1], [0, 1, 0], [0, 1, 0])),
    ConvCase(batch: 1, input: [4, 4], size: [4, 4], channels: (70, 130), groups: 1, ([3, 3], [1, 1], [2, 2], [2, 2])),
]

/// Bias, residual and relu on the way are what they are afterwards.
private func expectFinishing(_ c: ConvCase, _ random: inout SplitMix, _ conv: (Epilogue, Operand) throws -> Void) throws {
    let (bias, residual) = (Sample.random(.f32, [c.y.last!], &random), Sample.random(.f32, c.y, &random))
    let (y, finished) = (Sample.place(.f32, c.y), Sample.place(.f32, c.y))
    try unsafe conv(Epilogue(), y.operand)
    try unsafe conv(Epilogue(bias: bias.operand, residual: residual.operand, relu: true), finished.operand)
    let (sums, shifts, more) = (y.values, bias.values, residual.values)
    #expect(distance(finished.values, sums.indices.map { max(sums[$0] + shifts[$0 % shifts.count] + more[$0], 0) }) < 1e-5, "\(c)")
}

@Test func fewOutputsOfLargeKernelsAreProducts() throws {
    var random = SplitMix(seed: 14)
    for c in patched {
        let c = try #require(c)
        let geometry = WindowGeometry(dtype: .f32, x: c.x, kernel: c.kernel, y: c.y, c.window)
        for direction in [ConvDirection.forward, .gradientInput, .gradientKernel] { #expect(Patches(direction, geometry) != nil, "\(c)") }
        let (x, kernel) = (Sample.random(.f32, c.x, &random), Sample.random(.f32, c.kernel, &random))
        try unsafe expectFinishing(c, &random) { try unsafe Libraries.conv(x.operand, kernel.operand, c.window, epilogue: $0, into: $1) }
    }
}

@Test func convInPiecesAndAsProductsAgreesWithPlainLoops() throws {
    var random = SplitMix(seed: 6)
    for c in pieced + patched {
        let c = try #require(c)
        let (x, kernel, dy) = (Sample.random(.f32, c.x, &random), Sample.random(.f32, c.kernel, &random), Sample.random(.f32, c.y, &random))
        let geometry = WindowGeometry(dtype: .f32, x: c.x, kernel: c.kernel, y: c.y, c.window)
        func compare(_ name: String, _ shape: Shape, _ plain: (Operand) throws -> Void, _ fast: (Operand) throws -> Void) throws {
            let (expected, found, alone) = (Sample.place(.f32, shape), Sample.place(.f32, shape), Sample.place(.f32, shape))
            try unsafe plain(expected.operand)
            try unsafe fast(found.operand)
            #expect(scaledDistance(found.values, expected.values) < 2e-5, "\(name) \(c)")
            try onOneThread { try unsafe fast(alone.operand) }
            #expect(alone.values == found.values, "\(name) on one thread \(c)")
        }
        try unsafe compare("forward", c.y) { y in
            try unsafe Libraries.convPlain(.forward, geometry, x.operand, kernel.operand, y)
        } _: { y in
            try unsafe Libraries.conv(x.operand, kernel.operand, c.window, into: y)
        }
        try unsafe compare("by x", c.x) { dx in
            try unsafe Libraries.convPlain(.gradientInput, geometry, dx, kernel.operand, dy.operand)
        } _: { dx in
            try unsafe Libraries.convGradientInput(dy.operand, kernel.operand, c.window, into: dx)
        }
        try unsafe compare("by kernel", c.kernel) { dkernel in
            try unsafe Libraries.convPlain(.gradientKernel, geometry, x.operand, dkernel, dy.operand)
        } _: { dkernel in
            try unsafe Libraries.convGradientKernel(x.operand, dy.operand, c.window, into: dkernel)
        }
    }
}

/// Winograd's way against the direct sums: over edges, with odd channels, several chunks and parts.
@Test func transformedTilesAgreeWithPlainLoops() throws {
    var random = SplitMix(seed: 13)
    let cases = [
        ConvCase(batch: 4, input: [26, 26], size: [3, 3], channels: (32, 64), groups: 1, ([1, 1], [1, 1], [0, 0], [0, 0])),
        ConvCase(batch: 9, input: [13, 7], size: [3, 3], channels: (17, 50), groups: 1, ([1, 1], [1, 1], [1, 1], [1, 1])),
        ConvCase(batch: 1, input: [23, 41], size: [3, 3], channels: (16, 16), groups: 1, ([1, 1], [1, 1], [2, 0], [1, 2])),
        ConvCase(batch: 16, input: [6, 7], size: [3, 3], channels: (130, 47), groups: 1, ([1, 1], [1, 1], [1, 1], [1, 1])),
        // So few tiles that threads take matrices.
        ConvCase(batch: 1, input: [14, 13], size: [3, 3], channels: (40, 23), groups: 1, ([1, 1], [1, 1], [1, 1], [1, 1])),
    ]
    for c in cases {
        let c = try #require(c)
        let (x, kernel, dy) = (Sample.random(.f32, c.x, &random), Sample.random(.f32, c.kernel, &random), Sample.random(.f32, c.y, &random))
        let geometry = WindowGeometry(dtype: .f32, x: c.x, kernel: c.kernel, y: c.y, c.window)
        for direction in [ConvDirection.forward, .gradientInput, .gradientKernel] {
            let winograd = try #require(Winograd(direction, geometry, isKept: true), "\(c)")
            let shape = direction == .forward ? c.y : direction == .gradientInput ? c.x : c.kernel
            let (found, alone, expected) = (Sample.place(.f32, shape), Sample.place(.f32, shape), Sample.place(.f32, shape))
            func run(_ result: Sample) throws {
                switch direction {
                case .forward:
                    try unsafe winograd.run(x.operand, winograd.pack(kernel.operand), result.operand, Epilogue())
                    try unsafe Libraries.convPlain(direction, geometry, x.operand, kernel.operand, expected.operand)
                case .gradientInput:
                    try unsafe winograd.run(dy.operand, winograd.pack(kernel.operand), result.operand, Epilogue())
                    try unsafe Libraries.convPlain(direction, geometry, expected.operand, kernel.operand, dy.operand)
                case .gradientKernel:
                    try unsafe winograd.gradient(x.operand, dy.operand, into: result.operand)
                    try unsafe Libraries.convPlain(direction, geometry, x.operand, expected.operand, dy.operand)
                }
            }
            try run(found)
            #expect(scaledDistance(found.values, expected.values) < 2e-5, "\(direction) \(c)")
            try onOneThread { try run(alone) }
            #expect(alone.values == found.values, "\(direction) \(c)")
        }
        let winograd = try #require(Winograd(.forward, geometry, isKept: true))
        try unsafe expectFinishing(c, &random) { try unsafe winograd.run(x.operand, winograd.pack(kernel.operand), $1, $0) }
    }
}

@Test func piecesOfAConvolutionCoverIt() throws {
    var random = SplitMix(seed: 9)
    for _ in 0..<300 {
        let c = ConvCase.random(&random)
        let geometry = WindowGeometry(dtype: .f32, x: c.x, kernel: c.kernel, y: c.y, c.window)
        for pieces in [geometry.byImages(2), geometry.byOutputRows(2), geometry.byInputRows(2)] {
            guard let pieces else { continue }
            for piece in pieces {
                let g = piece.geometry
                for axis in g.input.indices {
                    let room = g.input[axis] + g.before[axis] + g.after[axis] - (g.kernel[axis] - 1) * g.dilations[axis] - 1
                    #expect(g.before[axis] >= 0 && room / g.strides[axis] + 1 == g.output[axis], "\(c)")
                }
            }
        }
    }
}

@Test func convOfBF16AgreesWithF32() throws {
    var random = SplitMix(seed: 10)
    let cases = pieced[...3] + [ConvCase(batch: 2, input: [5, 5], size: [3, 3], channels: (3, 6), groups: 3, ([1, 1], [1, 1], [1, 1], [1, 1]))]
    for c in cases {
        let c = try #require(c)
        func pair(_ shape: Shape) -> (Sample, Sample) {
            let narrow = Sample.random(.bf16, shape, &random)
            return (narrow, Sample(.f32, shape, narrow.values))
        }
        func compare(_ name: String, _ shape: Shape, _ run: (Operand, Bool) throws -> Void) throws {
            let (found, expected) = (Sample.place(.f32, shape), Sample.place(.f32, shape))
            try unsafe run(found.operand, true)
            try unsafe run(expected.operand, false)
            #expect(scaledDistance(found.values, expected.values) < 2e-5, "\(name) \(c)")
        }
        let (x, kernel, dy) = (pair(c.x), pair(c.kernel), pair(c.y))
        try unsafe compare("forward", c.y) { y, narrow in
            try unsafe Libraries.conv(narrow ? x.0.operand : x.1.operand, narrow ? kernel.0.operand : kernel.1.operand, c.window, into: y)
        }
        try unsafe compare("by x", c.x) { dx, narrow in
            try unsafe Libraries.convGradientInput(narrow ? dy.0.operand : dy.1.operand, narrow ? kernel.0.operand : kernel.1.operand, c.window, into: dx)
        }
        try unsafe compare("by kernel", c.kernel) { dkernel, narrow in
            try unsafe Libraries.convGradientKernel(narrow ? x.0.operand : x.1.operand, narrow ? dy.0.operand : dy.1.operand, c.window, into: dkernel)
        }
    }
}

@Test func aKeptKernelServesEveryGeometry() throws {
    var random = SplitMix(seed: 11)
    let walk = (strides: [1, 1], dilations: [1, 1], before: [1, 1], after: [1, 1])
    let kept = KeptKernel()
    let kernel = Sample.random(.f32, [3, 3, 16, 24], &random)
    for batch in [4, 1, 4, 9] {
        let c = try #require(ConvCase(batch: batch, input: [9, 9], size: [3, 3], channels: (16, 24), groups: 1, walk))
        let (x, found, expected) = (Sample.random(.f32, c.x, &random), Sample.place(.f32, c.y), Sample.place(.f32, c.y))
        for _ in 0..<2 { try unsafe Libraries.conv(x.operand, kernel.operand, c.window, kept: kept, into: found.operand) }
        try unsafe Libraries.conv(x.operand, kernel.operand, c.window, into: expected.operand)
        #expect(found.values == expected.values)
    }
}
