internal import CKernels
internal import Graphs

extension Libraries {
    /// e^x / Σ e^x over one axis. y may be x.
    static func softmax(_ x: Operand, axis: Int, into y: Operand) throws(OpError) {
        try unsafe softmax(x, axis, logarithm: false, y)
    }

    /// The logarithm of `softmax`. y may be x.
    static func logSoftmax(_ x: Operand, axis: Int, into y: Operand) throws(OpError) {
        try unsafe softmax(x, axis, logarithm: true, y)
    }

    private static func softmax(_ x: Operand, _ axis: Int, logarithm: Bool, _ y: Operand) throws(OpError) {
        let shape = unsafe x.shape
        // Rows of nothing may be too many to count.
        if shape.contains(0) { return }
        let place = axis < 0 ? axis + shape.count : axis
        let outer = shape[..<place].reduce(1, *)
        let inner = shape[(place + 1)...].reduce(1, *)
        try splitRows(outer, of: shape[place] * inner) { rows throws(OpError) in
            let first = rows.lowerBound * shape[place] * inner
            switch unsafe x.dtype {
            case .f32:
                unsafe tfs_softmax_f32(rows.count, shape[place], inner, logarithm ? 1 : 0, x.elements() + first, y.elements() + first)
            case .f64:
                unsafe tfs_softmax_f64(rows.count, shape[place], inner, logarithm ? 1 : 0, x.elements() + first, y.elements() + first)
            default: throw unsafe noKernel(logarithm ? "log_softmax" : "softmax", x.dtype)
            }
        }
    }

    /// y = (x - mean) · gamma / √(variance + ε) + beta, mean and population variance over all axes but the last.
    ///
    /// **shape** x, y: [..., c]; gamma, beta, mean, variance: [c]
    static func batchNorm(
        _ x: Operand, _ gamma: Operand, _ beta: Operand, epsilon: Double, into y: Operand, mean: Operand,
        variance: Operand
    ) throws(OpError) {
        let c = unsafe x.shape[x.shape.count - 1]
        let rows = unsafe x.shape.dropLast().reduce(1, *)
        switch unsafe x.dtype {
        case .f32: try unsafe batchNorm(rows, c, x, gamma, beta, epsilon, y, mean, variance, Float.self)
        case .f64: try unsafe batchNorm(rows, c, x, gamma, beta, epsilon, y, mean, variance, Double.self)
        default: throw unsafe noKernel("batch_norm", x.dtype)
        }
    }

    private static func batchNorm<T: NormElement>(
        _ rows: Int, _ c: Int, _ x: Operand, _ gamma: Operand, _ beta: Operand, _ epsilon: Double, _ y: Operand,
        _ mean: Operand, _ variance: Operand, _: T.Type
    ) throws(OpError) {
        let parts = (rows + grain(c) - 1) / grain(c)
        if parts <= 1 {
            try unsafe withScratch(Double.self, c) { sums throws(OpError) in
                unsafe T.statistics(rows, c, x.elements(), sums, mean.elements(), variance.elements())
            }
        } else {
            // Each part is read twice while it is in the cache.
            try unsafe withScratch(T.self, 2 * parts * c) { own throws(OpError) in
                try splitRows(rows, of: c) { range throws(OpError) in
                    let part = range.lowerBound / grain(c)
                    try unsafe withScratch(Double.self, c) { sums throws(OpError) in
                        unsafe T.statistics(
                            range.count, c, x.elements() + range.lowerBound * c, sums, own + part * c, own + (parts + part) * c)
                    }
                }
                unsafe T.merge(rows, grain(c), c, own, own + parts * c, mean.elements(), variance.elements())
            }
        }
        try splitRows(rows, of: c) { range throws(OpError) in
            try unsafe withScratch(T.self, c) { scale throws(OpError) in
                unsafe T.normalize(
                    range.count, c, epsilon, x.elements() + range.lowerBound * c, gamma.elements(), beta.elements(),
                    mean.elements(), variance.elements(), scale, y.elements() + range.lowerBound * c)
            }
        }
    }

    /// The same with mean and variance over the last axis.
    ///
    /// **shape** x, y: [..., c]; gamma, beta: [c]; mean, variance: one element per row
    static func layerNorm(
        _ x: Operand, _ gamma: Operand, _ beta: Operand, epsilon: Double, into y: Operand, mean: Operand,
        variance: Operand
    ) throws(OpError) {
        let c = unsafe x.shape[x.shape.count - 1]
        let rows = unsafe x.shape.dropLast().reduce(1, *)
        try splitRows(rows, of: c) { range throws(OpError) in
            let first = range.lowerBound
            switch unsafe x.dtype {
            case .f32:
                unsafe tfs_layer_norm_f32(
                    range.count, c, epsilon, x.elements() + first * c, gamma.elements(), beta.elements(),
                    y.elements() + first * c, mean.elements() + first, variance.elements() + first)
            case .f64:
                unsafe tfs_layer_norm_f64(
                    range.count, c, epsilon, x.elements() + first * c, gamma.elements(), beta.elements(),
                    y.elements() + first * c, mean.elements() + first, variance.elements() + first)
            default: throw unsafe noKernel("layer_norm", x.dtype)
            }
        }
    }

    /// Rows of `width` elements that a thread takes at a time.
    private static func grain(_ width: Int) -> Int { max(1, (1 << 15) / max(width, 1)) }

    /// Calls `body` with ranges of the rows, on all threads.
    private static func splitRows(
        _ count: Int, of width: Int, _ body: (Range<Int>) throws(OpError) -> Void
    ) throws(OpError) {
        let grain = grain(width)
        try ThreadPool.run((count + grain - 1) / grain) { chunk throws(OpError) in
            try body(chunk * grain..<min((chunk + 1) * grain, count))
        }
    }
}

/// The kernels of batch normalisation, of an element type; parameters as in `network.h`.
private protocol NormElement: BitwiseCopyable {
    typealias Read = UnsafePointer<Self>
    typealias Write = UnsafeMutablePointer<Self>
    static var statistics: (Int, Int, Read, UnsafeMutablePointer<Double>, Write, Write) -> Void { get }
    static var merge: (Int, Int, Int, Read, Read, Write, Write) -> Void { get }
    static var normalize: (Int, Int, Double, Read, Read, Read, Read, Read, Write, Write) -> Void { get }
}

extension Float: NormElement {
    fileprivate static var statistics: (Int, Int, Read, UnsafeMutablePointer<Double>, Write, Write) -> Void { unsafe tfs_batch_statistics_f32 }
    fileprivate static var merge: (Int, Int, Int, Read, Read, Write, Write) -> Void { unsafe tfs_merge_statistics_f32 }
    fileprivate static var normalize: (Int, Int, Double, Read, Read, Read, Read, Read, Write, Write) -> Void { unsafe tfs_batch_normalize_f32 }
}

extension Double: NormElement {
    fileprivate static var statistics: (Int, Int, Read, UnsafeMutablePointer<Double>, Write, Write) -> Void { unsafe tfs_batch_statistics_f64 }
    fileprivate static var merge: (Int, Int, Int, Read, Read, Write, Write) -> Void { unsafe tfs_merge_statistics_f64 }
    fileprivate static var normalize: (Int, Int, Double, Read, Read, Read, Read, Read, Write, Write) -> Void { unsafe tfs_batch_normalize_f64 }
}
