internal import CKernels
internal import Graphs

/// Convolutions by 3 × 3 kernels, and their gradients, with a quarter of the multiplications: transformed tiles of 4 × 4
/// outputs, multiplied as 36 matrices. Errors stay below 2·10⁻⁵ of the largest value.
///
/// Threads take chunks of tiles; where those begin depends on the sizes only.
struct Winograd {
    /// The convolution whose outputs are tiled: for the gradient by x, the one of dy by the turned kernel.
    private let window: tfs_window
    private let isTurned: Bool
    private let tiles: Int
    private let chunk: Int

    /// `nil` where the direct way is as fast: few channels, few tiles (fewer are worth it where the kernel `isKept` as it is packed),
    /// or tiles that reach far over the edge.
    init?(_ direction: ConvDirection, _ g: WindowGeometry, isKept: Bool = false) {
        guard g.dtype == .f32, g.kernel == [3, 3], g.strides == [1, 1], g.dilations == [1, 1], g.groups == 1,
            min(g.channelsIn, g.channelsOut) >= 16, g.before.allSatisfy({ $0 <= 2 })
        else { return nil }
        isTurned = direction == .gradientInput
        var window = g.plain
        if isTurned {
            swap(&window.channels_in, &window.channels_out)
            swap(&window.input, &window.output)
            window.before = (0, 2 - window.before.1, 2 - window.before.2)
        }
        self.window = window
        tiles = unsafe tfs_winograd_tiles(&window)
        guard tiles >= (isKept ? 12 : 32), window.batch * window.output.1 * window.output.2 >= 9 * tiles else { return nil }
        // What a chunk holds stays in the second-level cache, unless the kernel is too large for it anyway.
        let most = max(48, 5500 / (window.channels_in + window.channels_out))
        let wanted = max((tiles + most - 1) / most, min(tiles / 12, 8))
        chunk = (tiles + wanted - 1) / wanted
    }

    private var inputs: Int { window.channels_in }
    private var outputs: Int { window.channels_out }
    private var places: Int { inputs * outputs }

    /// The distance of two of 36 matrices: an odd number of cache lines, or they would all fall on the same few sets.
    private static func step(_ count: Int) -> Int { (count + 15) / 16 * 16 | 16 }

    private var chunks: Int { (tiles + chunk - 1) / chunk }
    private func range(_ number: Int) -> Range<Int> { number * chunk..<min((number + 1) * chunk, tiles) }

    private static func floats(_ count: Int) throws(OpError) -> Storage { try scratch(count * 4) }

    /// The transformed kernel.
    func pack(_ kernel: Operand) throws(OpError) -> Storage {
        let (count, step) = (places, Self.step(places))
        let u = try Self.floats(36 * step)
        let turned = try Self.floats(isTurned ? 9 * count : 0)
        if isTurned {
            ThreadPool.split(9, grain: count < 1 << 14 ? 9 : 1) { taps in
                for tap in taps { unsafe tfs_winograd_turn(tap, outputs, inputs, kernel.elements(), turned.floats) }
            }
        }
        ThreadPool.split(count, grain: 4096) { range in
            let kernel = unsafe isTurned ? turned.floats : kernel.elements()
            unsafe tfs_winograd_kernel(range.lowerBound, range.count, count, kernel, u.floats, step)
        }
        return u
    }

    /// Convolution, or with a kernel that was packed for it, the gradient by x.
    func run(_ x: Operand, _ u: Storage, _ y: Operand, _ epilogue: Epilogue) throws(OpError) {
        if chunks == 1 { return try unsafe runTogether(x, u, y, epilogue) }
        let (stepX, stepY) = (Self.step(chunk * inputs), Self.step(chunk * outputs))
        try ThreadPool.run(chunks) { number throws(OpError) in
            let range = range(number)
            var window = window
            let memory = try Self.floats(36 * (stepX + stepY))
            let (v, m) = unsafe (memory.floats, memory.floats + 36 * stepX)
            unsafe tfs_winograd_input(&window, range.lowerBound, range.count, x.elements(), v, stepX)
            for i in 0..<36 {
                unsafe tfs_matmul_f32(
                    range.count, outputs, inputs, v + i * stepX, inputs, 1, u.floats + i * Self.step(places), outputs, 1,
                    m + i * stepY, outputs, tfs_finish())
            }
            unsafe tfs_winograd_output(
                &window, range.lowerBound, range.count, m, stepY, epilogue.bias?.elements(), epilogue.residual?.elements(),
                epilogue.relu ? 1 : 0, y.elements())
        }
    }

    /// With few tiles: threads take matrices.
    private func runTogether(_ x: Operand, _ u: Storage, _ y: Operand, _ epilogue: Epilogue) throws(OpError) {
        let (stepX, stepY) = (Self.step(tiles * inputs), Self.step(tiles * outputs))
        let memory = try Self.floats(36 * (stepX + stepY))
        let (v, m) = unsafe (memory.floats, memory.floats + 36 * stepX)
        ThreadPool.split(tiles, grain: 4) { range in
            var window = window
            unsafe tfs_winograd_input(&window, range.lowerBound, range.count, x.elements(), v + range.lowerBound * inputs, stepX)
        }
        try ThreadPool.run(36) { i throws(OpError) in
            unsafe tfs_matmul_f32(
                tiles, outputs, inputs, v + i * stepX, inputs, 1, u.floats + i * Self.step(places), outputs, 1, m + i * stepY, outputs,
                tfs_finish())
        }
        ThreadPool.split(tiles, grain: 4) { range in
            var window = window
            unsafe tfs_winograd_output(
                &window, range.lowerBound, range.count, m + range.lowerBound * outputs, stepY, epilogue.bias?.elements(),
                epilogue.residual?.elements(), epilogue.relu ? 1 : 0, y.elements())
        }
    }

    /// The gradient by the kernel: sums over a few parts of the tiles, added in their order.
    func gradient(_ x: Operand, _ dy: Operand, into kernel: Operand) throws(OpError) {
        let (stepX, stepY, step) = (Self.step(chunk * inputs), Self.step(chunk * outputs), Self.step(places))
        let parts = min(chunks, max(2, min(8, (1 << 26) / (36 * step * 4))))
        let sums = try Self.floats(parts * 36 * step)
        try ThreadPool.run(parts) { part throws(OpError) in
            var window = window
            let memory = try Self.floats(36 * (stepX + stepY))
            let (v, m) = unsafe (memory.floats, memory.floats + 36 * stepX)
            let first = part * chunks / parts
            for number in first..<(part + 1) * chunks / parts {
                let range = range(number)
                unsafe tfs_winograd_input(&window, range.lowerBound, range.count, x.elements(), v, stepX)
                unsafe tfs_winograd_gradient(&window, range.lowerBound, range.count, dy.elements(), m, stepY)
                for i in 0..<36 {
                    unsafe tfs_matmul_f32(
                        inputs, outputs, range.count, v + i * stepX, 1, inputs, m + i * stepY, outputs, 1,
                        sums.floats + (part * 36 + i) * step, outputs,
                        tfs_finish(adds: number > first, relu: false, row: 0, plus: nil))
                }
            }
        }
        ThreadPool.split(places, grain: 1024) { range in
            for i in 0..<36 {
                let rows = unsafe (0..<parts).map { unsafe UnsafePointer(sums.floats) + ($0 * 36 + i) * step + range.lowerBound }
                unsafe tfs_sum_rows_f32(range.count, parts, rows, sums.floats + i * step + range.lowerBound)
            }
            unsafe tfs_winograd_kernel_gradient(range.lowerBound, range.count, sums.floats, step, places, kernel.elements())
        }
    }
}

extension Storage {
    fileprivate var floats: UnsafeMutablePointer<Float> { unsafe base.assumingMemoryBound(to: Float.self) }
}
