internal import CKernels
internal import Graphs

/// What a convolution or product does to its result while that is in the cache: relu(y + bias + residual).
@unsafe struct Epilogue {
    /// **shape** [channels]
    var bias: Operand?
    /// Of the result's shape; it may not be the result.
    var residual: Operand?
    var relu = false

    /// The parts that oneDNN does itself. Its addition of a residual is not among them: where channels are no multiple of
    /// 16, or in three dimensions, version 2.6 adds wrong elements.
    struct Fused: Hashable, Sendable {
        var bias = false
        var relu = false
    }

    var fused: Fused { unsafe Fused(bias: bias != nil, relu: relu && residual == nil) }
    /// What is left to do when those are done.
    var rest: Epilogue { unsafe Epilogue(residual: residual, relu: relu && residual != nil) }
    var isEmpty: Bool { unsafe bias == nil && residual == nil && !relu }

    /// Does it to a block of y, whose rows have `width` columns.
    func apply(rows: Range<Int>, columns: Range<Int>, of width: Int, to y: Operand) throws(OpError) {
        if unsafe isEmpty { return }
        let first = rows.lowerBound * width + columns.lowerBound
        switch unsafe y.dtype {
        case .f32:
            unsafe tfs_epilogue_f32(
                rows.count, columns.count, width, relu ? 1 : 0, bias.map { unsafe $0.elements() + columns.lowerBound },
                residual.map { unsafe $0.elements() + first }, y.elements() + first)
        case .f64:
            unsafe tfs_epilogue_f64(
                rows.count, columns.count, width, relu ? 1 : 0, bias.map { unsafe $0.elements() + columns.lowerBound },
                residual.map { unsafe $0.elements() + first }, y.elements() + first)
        default: throw unsafe Libraries.noKernel("relu(y + bias)", y.dtype)
        }
    }
}
