internal import CKernels
internal import Graphs

/// Convolutions with few outputs for the size of their kernel, and their gradients, as products of what each window sees:
/// the kernel is used as it lies, while oneDNN would lay it out anew for each use and add up gradients of its size.
struct Patches {
    private let geometry: WindowGeometry
    /// One for each output of the batch.
    private let rows: Int
    /// What a window sees: all taps and channels.
    private let columns: Int

    /// `nil` where oneDNN is as fast.
    init?(_ direction: ConvDirection, _ g: WindowGeometry) {
        (geometry, rows, columns) = (g, g.output.reduce(g.batch, *), g.kernel.reduce(g.channelsIn, *))
        // Adding up gradients costs more than laying out a kernel.
        let most = direction == .gradientKernel ? 3 * g.channelsOut : g.channelsOut / 2
        guard rows <= most, columns * g.channelsOut >= 1 << 16, g.dtype == .f32, g.groups == 1 else { return nil }
    }

    /// The convolution.
    func run(_ x: Operand, _ kernel: Operand, _ y: Operand, _ epilogue: Epilogue) throws(OpError) {
        let seen = try unsafe seen(of: x)
        try unsafe Libraries.matmul(matrix(seen.base), flat(kernel), epilogue: epilogue, into: flat(y))
    }

    /// dkernel = patchesᵀ · dy.
    func gradientKernel(_ x: Operand, _ dy: Operand, into dkernel: Operand) throws(OpError) {
        let seen = try unsafe seen(of: x)
        try unsafe Libraries.matmul(matrix(seen.base), flat(dy), transposeA: true, into: flat(dkernel))
    }

    /// dx: each place the sum of the windows that see it, of dy · kernelᵀ.
    func gradientInput(_ dy: Operand, _ kernel: Operand, into dx: Operand) throws(OpError) {
        let flow = try scratch(rows * columns * 4)
        try unsafe Libraries.matmul(flat(dy), flat(kernel), transposeB: true, into: matrix(flow.base))
        let (channels, grain) = (geometry.channelsIn, 64)
        let blocks = (channels + grain - 1) / grain
        ThreadPool.split(geometry.batch * blocks, grain: max(1, (1 << 14) * blocks * geometry.batch / (rows * columns))) { range in
            var window = geometry.plain
            for part in range {
                let first = part % blocks * grain
                unsafe tfs_patches_sum_f32(
                    &window, part / blocks, first, min(grain, channels - first), flow.base.assumingMemoryBound(to: Float.self), dx.elements())
            }
        }
    }

    private func seen(of x: Operand) throws(OpError) -> Storage {
        let result = try scratch(rows * columns * 4)
        ThreadPool.split(rows, grain: max(1, (1 << 14) / columns)) { range in
            var window = geometry.plain
            let place = unsafe result.base.assumingMemoryBound(to: Float.self) + range.lowerBound * columns
            unsafe tfs_patches_f32(&window, range.lowerBound, range.count, x.elements(), place)
        }
        return result
    }

    private func matrix(_ patches: UnsafeMutableRawPointer) -> Operand {
        unsafe Operand(pointer: patches, dtype: .f32, shape: [rows, columns])
    }

    /// A kernel, or outputs, as a matrix.
    private func flat(_ operand: Operand) -> Operand {
        unsafe Operand(pointer: operand.pointer, dtype: .f32, shape: [operand.count / geometry.channelsOut, geometry.channelsOut])
    }
}
