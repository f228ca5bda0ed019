internal import CKernels
internal import Graphs

extension Libraries {
    /// The convolution (cross-correlation) of x by a kernel, over one to three spatial axes.
    ///
    /// **shape** x: [n, spatial…, in], kernel: [spatial…, in / groups, out], y: [n, spatial…, out]
    static func conv(_ x: Operand, _ kernel: Operand, _ window: Window, into y: Operand) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: y.dtype, x: x.shape, kernel: kernel.shape, y: y.shape, window)
        try unsafe run(.forward, geometry, x, kernel, y)
    }

    /// dx: the gradient of `conv` by x.
    static func convGradientInput(
        _ dy: Operand, _ kernel: Operand, _ window: Window, into dx: Operand
    ) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: dx.dtype, x: dx.shape, kernel: kernel.shape, y: dy.shape, window)
        try unsafe run(.gradientInput, geometry, dx, kernel, dy)
    }

    /// dkernel: the gradient of `conv` by the kernel.
    static func convGradientKernel(
        _ x: Operand, _ dy: Operand, _ window: Window, into dkernel: Operand
    ) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, kernel: dkernel.shape, y: dy.shape, window)
        try unsafe run(.gradientKernel, geometry, x, dkernel, dy)
    }

    /// Also the oracle of the tests.
    static func convPlain(
        _ direction: ConvDirection, _ geometry: WindowGeometry, _ x: Operand, _ kernel: Operand, _ y: Operand
    ) throws(OpError) {
        var s = geometry.plain
        switch (direction, geometry.dtype) {
        case (.forward, .f32): unsafe tfs_conv_f32(&s, x.elements(), kernel.elements(), y.elements())
        case (.forward, .f64): unsafe tfs_conv_f64(&s, x.elements(), kernel.elements(), y.elements())
        case (.gradientInput, .f32): unsafe tfs_conv_gradient_input_f32(&s, y.elements(), kernel.elements(), x.elements())
        case (.gradientInput, .f64): unsafe tfs_conv_gradient_input_f64(&s, y.elements(), kernel.elements(), x.elements())
        case (.gradientKernel, .f32): unsafe tfs_conv_gradient_kernel_f32(&s, x.elements(), y.elements(), kernel.elements())
        case (.gradientKernel, .f64): unsafe tfs_conv_gradient_kernel_f64(&s, x.elements(), y.elements(), kernel.elements())
        default: throw noKernel("conv", geometry.dtype)
        }
    }

    /// x, kernel and y are in their places whichever of them is the result.
    private static func run(
        _ direction: ConvDirection, _ geometry: WindowGeometry, _ x: Operand, _ kernel: Operand, _ y: Operand
    ) throws(OpError) {
        let result = unsafe direction == .forward ? y : direction == .gradientInput ? x : kernel
        if unsafe result.count == 0 { return }
        if unsafe x.count == 0 || kernel.count == 0 || y.count == 0 { return unsafe result.zero() }
        if geometry.dtype == .f32, try unsafe OneDNN.shared.run(direction, geometry, x, kernel, y) { return }
        try unsafe convPlain(direction, geometry, x, kernel, y)
    }
}

/// A convolution and its two gradients.
enum ConvDirection: Hashable, Sendable {
    case forward, gradientInput, gradientKernel
}
