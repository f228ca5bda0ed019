internal import CKernels
internal import Graphs

/// Sorting, extremes and running products; in a wider dtype where the kernels have no loop of their own.
extension Lowering {
    func argExtreme(largest: Bool) -> Lowered {
        // Without an axis, of all elements.
        let isFlat = arguments.optionalInt("axis") == nil
        let (outer, n, inner) = isFlat ? (1, x.shape.product, 1) : x.shape.around(axis(x.shape.count))
        let (type, out) = (x, result)
        return .work { call throws(OpError) in
            let x = try unsafe Widened(call[0], type)
            let y = try unsafe Widened(writing: call[1], out, as: .i64)
            unsafe tfs_arg_extreme(type.dtype.wide.c, x.pointer, largest, y.pointer.assumingMemoryBound(to: Int64.self), outer, n, inner)
            y.finish()
        }
    }

    func cumulate(product: Bool) -> Lowered {
        let (outer, n, inner) = x.shape.around(axis(x.shape.count))
        let (type, out) = (x, result)
        let (exclusive, reverse) = (arguments.bool("exclusive"), arguments.bool("reverse"))
        return .work { call throws(OpError) in
            let x = try unsafe Widened(call[0], type)
            let y = try unsafe Widened(writing: call[1], out, as: type.dtype.wide)
            unsafe tfs_cumulate(type.dtype.wide.c, product, exclusive, reverse, x.pointer, y.pointer, outer, n, inner)
            y.finish()
        }
    }

    func sort() -> Lowered {
        let axis = axis(x.shape.count)
        let (outer, n, inner) = x.shape.around(axis)
        let (type, descending, wide) = (x, arguments.bool("descending"), x.dtype.wide)
        let (indexType, count) = (results[1], x.shape.product)
        let rows = outer * inner
        let view = ViewPlan([outer, inner, n], strides: [n * inner, 1, inner])
        return .work { call throws(OpError) in
            let x = try unsafe Widened(call[0], type)
            let rowsOfX = try scratch(count * wide.size)
            let (values, indices, spare) = (try scratch(count * wide.size), try scratch(count * 4), try scratch(n * 4))
            unsafe view.with(x.pointer, size: wide.size) { unsafe tfs_gather_view(wide.size, $0, rowsOfX.base, count) }
            for row in 0..<rows {
                unsafe tfs_sort_row(
                    wide.c, descending, rowsOfX.base + row * n * wide.size, values.base + row * n * wide.size,
                    (indices.base + row * n * 4).assumingMemoryBound(to: Int32.self),
                    spare.base.assumingMemoryBound(to: Int32.self), n)
            }
            let y = try unsafe Widened(writing: call[1], type, as: wide)
            let index = try unsafe Widened(writing: call[2], indexType, as: .i32)
            unsafe view.with(y.pointer, size: wide.size) { unsafe tfs_scatter_view(wide.size, values.base, $0, count) }
            unsafe view.with(index.pointer, size: 4) { unsafe tfs_scatter_view(4, indices.base, $0, count) }
            y.finish()
            index.finish()
        }
    }

    func topK() -> Lowered {
        let (type, wide, indexType, out) = (x, x.dtype.wide, results[1], results[0])
        let n = x.shape[x.shape.count - 1]
        let k = out.shape[out.shape.count - 1]
        let rows = x.shape.dropLast().product
        return .work { call throws(OpError) in
            let x = try unsafe Widened(call[0], type)
            let y = try unsafe Widened(writing: call[1], out, as: wide)
            let index = try unsafe Widened(writing: call[2], indexType, as: .i32)
            for row in 0..<rows {
                unsafe tfs_top_row(
                    wide.c, x.pointer + row * n * wide.size, y.pointer + row * k * wide.size,
                    (index.pointer + row * k * 4).assumingMemoryBound(to: Int32.self), n, k)
            }
            y.finish()
            index.finish()
        }
    }

    func searchSorted() -> Lowered {
        let (sorted, values, out) = (inputs[0], inputs[1], result)
        let wide = sorted.dtype.wide
        let right = arguments.string("side") == "right"
        return .work { call throws(OpError) in
            let (a, b) = (try unsafe Widened(call[0], sorted), try unsafe Widened(call[1], values))
            unsafe tfs_search_sorted(
                wide.c, a.pointer, sorted.shape.product, b.pointer, right, out.dtype.c, call[2].pointer, values.shape.product)
        }
    }
}

/// An operand in the dtype that a kernel wants: itself, or a converted copy.
@safe struct Widened {
    @unsafe let pointer: UnsafeMutableRawPointer
    private let copy: Storage?
    private let target: Operand
    private let dtype: DType

    init(_ operand: Operand, _ type: TensorType) throws(OpError) {
        try unsafe self.init(writing: operand, type, as: type.dtype.wide)
        if let copy { unsafe tfs_cast(type.dtype.c, operand.pointer, dtype.c, copy.base, type.shape.product) }
    }

    /// For results: `finish` converts back.
    init(writing operand: Operand, _ type: TensorType, as dtype: DType) throws(OpError) {
        unsafe target = operand
        self.dtype = dtype
        copy = dtype == type.dtype ? nil : try scratch(type.shape.product * dtype.size)
        if let copy { unsafe pointer = copy.base } else { unsafe pointer = operand.pointer }
    }

    func finish() {
        if let copy { unsafe tfs_cast(dtype.c, copy.base, target.dtype.c, target.pointer, target.count) }
    }
}
