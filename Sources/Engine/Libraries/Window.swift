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
    /// Of x and, in a convolution, of the kernel.
    let dtype: DType
    fileprivate(set) var batch: Int
    let groups: Int
    let channelsIn: Int
    let channelsOut: Int
    fileprivate(set) var input: [Int]
    let kernel: [Int]
    fileprivate(set) var output: [Int]
    let strides: [Int]
    fileprivate(set) var before: [Int]
    fileprivate(set) var after: [Int]
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

/// A part of a convolution or pooling that stands alone: some images, or some rows of one.
struct WindowPiece {
    fileprivate(set) var geometry: WindowGeometry
    /// Where its x and y begin, in elements.
    fileprivate(set) var x: Int
    fileprivate(set) var y: Int
}

extension WindowGeometry {
    /// How far a window reaches along the first axis.
    private var reach: Int { (kernel[0] - 1) * dilations[0] + 1 }
    private var inputRow: Int { input.dropFirst().reduce(channelsIn, *) }
    private var outputRow: Int { output.dropFirst().reduce(channelsOut, *) }

    /// Of one image.
    var elements: (x: Int, y: Int) { (input[0] * inputRow, output[0] * outputRow) }

    /// `count` images from `first` on.
    private func images(_ first: Int, _ count: Int) -> WindowPiece {
        var piece = self
        piece.batch = count
        return WindowPiece(geometry: piece, x: first * elements.x, y: first * elements.y)
    }

    /// In pieces of `grain` images, the last one smaller.
    func byImages(_ grain: Int) -> [WindowPiece] {
        stride(from: 0, to: batch, by: max(grain, 1)).map { images($0, min(max(grain, 1), batch - $0)) }
    }

    /// Rows of x and of y that belong together, with what the window finds missing of x as padding. `nil` where
    /// that cannot be said: the window jumps over rows of x, or stands in the padding alone.
    private func rows(_ image: Int, x: Range<Int>, y: Range<Int>) -> WindowPiece? {
        guard !x.isEmpty, !y.isEmpty else { return nil }
        var piece = images(image, 1)
        piece.geometry.input[0] = x.count
        piece.geometry.output[0] = y.count
        let start = y.lowerBound * strides[0] - before[0]
        let end = (y.upperBound - 1) * strides[0] - before[0] + reach
        piece.geometry.before[0] = x.lowerBound - start
        piece.geometry.after[0] = max(end - x.upperBound, 0)
        guard x.lowerBound >= start, x.upperBound - end < strides[0] else { return nil }
        piece.x += x.lowerBound * inputRow
        piece.y += y.lowerBound * outputRow
        return piece
    }

    /// In pieces of `grain` rows of y, the last of an image smaller, each with the rows of x that it reads.
    func byOutputRows(_ grain: Int) -> [WindowPiece]? {
        pieces(output[0], grain) { image, rows in
            let start = rows.lowerBound * strides[0] - before[0]
            let end = (rows.upperBound - 1) * strides[0] - before[0] + reach
            let (first, last) = (max(start, 0), min(end, input[0]))
            return first < last ? self.rows(image, x: first..<last, y: rows) : nil
        }
    }

    /// In pieces of `grain` rows of x, the last of an image smaller, each with the rows of y that read it.
    func byInputRows(_ grain: Int) -> [WindowPiece]? {
        pieces(input[0], grain) { image, rows in
            let first = max(rows.lowerBound + before[0] - reach + strides[0], 0) / strides[0]
            let last = min((rows.upperBound - 1 + before[0]) / strides[0] + 1, output[0])
            return first < last ? self.rows(image, x: rows, y: first..<last) : nil
        }
    }

    private func pieces(_ rows: Int, _ grain: Int, _ piece: (Int, Range<Int>) -> WindowPiece?) -> [WindowPiece]? {
        var result: [WindowPiece] = []
        for image in 0..<batch {
            for first in stride(from: 0, to: rows, by: max(grain, 1)) {
                guard let next = piece(image, first..<min(first + max(grain, 1), rows)) else { return nil }
                result.append(next)
            }
        }
        return result
    }
}
