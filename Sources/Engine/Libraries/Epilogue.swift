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

    /// The parts that a product does itself, at a place of its result: one of two additions.
    func finish<T>(_ row: Int, _ column: Int, _: T.Type) -> tfs_finish {
        if let bias = unsafe bias {
            return unsafe tfs_finish(adds: false, relu: relu && residual == nil, row: 0, plus: bias.elements(T.self) + column)
        }
        guard let residual = unsafe residual else { return unsafe tfs_finish(adds: false, relu: relu, row: 0, plus: nil) }
        let width = unsafe residual.shape.last ?? 1
        return unsafe tfs_finish(adds: false, relu: relu, row: width, plus: residual.elements(T.self) + row * width + column)
    }
    /// What is left to do then.
    var afterFinish: Epilogue { unsafe bias == nil ? Epilogue() : rest }

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
