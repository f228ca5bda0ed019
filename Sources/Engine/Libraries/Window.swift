internal import CKernels
internal import Graphs

/// How a window walks over the spatial axes of channels-last data: one entry per spatial axis, explicit padding.
struct Window: Hashable, Sendable {
    /// The window of a pooling; a convolution takes it from its kernel.
    var size: [Int] = []
    var strides: [Int]
    var before: [Int]
    var after: [Int]
    var dilations: [Int] = []
    var groups = 1
}

/// Everything that a convolution or pooling depends on but the elements; the key of oneDNN's primitives.
struct WindowGeometry: Hashable, Sendable {
    let dtype: DType
    let batch: Int
    let groups: Int
    let channelsIn: Int
    let channelsOut: Int
    let input: [Int]
    let kernel: [Int]
    let output: [Int]
    let strides: [Int]
    let before: [Int]
    let after: [Int]
    let dilations: [Int]

    /// Of a convolution of x by a kernel.
    init(dtype: DType, x: Shape, kernel: Shape, y: Shape, _ window: Window) {
        self.init(
            dtype: dtype, x: x, size: Shape(kernel.dropLast(2)), channelsOut: kernel[kernel.count - 1], y: y, window,
            groups: window.groups, dilations: window.dilations)
    }

    /// Of a pooling.
    init(dtype: DType, x: Shape, y: Shape, _ window: Window) {
        self.init(
            dtype: dtype, x: x, size: window.size, channelsOut: x[x.count - 1], y: y, window, groups: 1, dilations: [])
    }

    private init(
        dtype: DType, x: Shape, size: [Int], channelsOut: Int, y: Shape, _ window: Window, groups: Int, dilations: [Int]
    ) {
        self.dtype = dtype
        batch = x[0]
        self.groups = groups
        channelsIn = x[x.count - 1]
        self.channelsOut = channelsOut
        input = Shape(x.dropFirst().dropLast())
        kernel = size
        output = Shape(y.dropFirst().dropLast())
        strides = window.strides
        before = window.before
        after = window.after
        self.dilations = dilations.isEmpty ? size.map { _ in 1 } : dilations
    }

    /// For the plain loops.
    var plain: tfs_window {
        func three(_ sizes: [Int], else missing: Int) -> (Int, Int, Int) {
            let at = { (axis: Int) in axis + sizes.count < 3 ? missing : sizes[axis + sizes.count - 3] }
            return (at(0), at(1), at(2))
        }
        return tfs_window(
            batch: batch, channels_in: channelsIn, channels_out: channelsOut, groups: groups,
            input: three(input, else: 1), kernel: three(kernel, else: 1), output: three(output, else: 1),
            stride: three(strides, else: 1), before: three(before, else: 0), dilation: three(dilations, else: 1))
    }
}
