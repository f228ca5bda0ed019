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
        let place = axis < 0 ? axis + shape.count : axis
        let outer = shape[..<place].reduce(1, *)
        let inner = shape[(place + 1)...].reduce(1, *)
        switch unsafe x.dtype {
        case .f32: unsafe tfs_softmax_f32(outer, shape[place], inner, logarithm ? 1 : 0, x.elements(), y.elements())
        case .f64: unsafe tfs_softmax_f64(outer, shape[place], inner, logarithm ? 1 : 0, x.elements(), y.elements())
        default: throw unsafe noKernel(logarithm ? "log_softmax" : "softmax", x.dtype)
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
        case .f32:
            try unsafe withScratch(Double.self, c) { scratch throws(OpError) in
                unsafe tfs_batch_statistics_f32(rows, c, x.elements(), scratch, mean.elements(), variance.elements())
            }
            try unsafe withScratch(Float.self, c) { scratch throws(OpError) in
                unsafe tfs_batch_normalize_f32(
                    rows, c, epsilon, x.elements(), gamma.elements(), beta.elements(), mean.elements(),
                    variance.elements(), scratch, y.elements())
            }
        case .f64:
            try unsafe withScratch(Double.self, c) { scratch throws(OpError) in
                unsafe tfs_batch_statistics_f64(rows, c, x.elements(), scratch, mean.elements(), variance.elements())
                unsafe tfs_batch_normalize_f64(
                    rows, c, epsilon, x.elements(), gamma.elements(), beta.elements(), mean.elements(),
                    variance.elements(), scratch, y.elements())
            }
        default: throw unsafe noKernel("batch_norm", x.dtype)
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
        switch unsafe x.dtype {
        case .f32:
            unsafe tfs_layer_norm_f32(
                rows, c, epsilon, x.elements(), gamma.elements(), beta.elements(), y.elements(), mean.elements(),
                variance.elements())
        case .f64:
            unsafe tfs_layer_norm_f64(
                rows, c, epsilon, x.elements(), gamma.elements(), beta.elements(), y.elements(), mean.elements(),
                variance.elements())
        default: throw unsafe noKernel("layer_norm", x.dtype)
        }
    }
}
