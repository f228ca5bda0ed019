internal import CKernels
internal import Glibc
internal import Graphs

/// Gathering and scattering. Indices may be negative, counting from the end; all are checked before any is used.
extension Lowering {
    private typealias Blocks = (batch: Int, outer: Int, n: Int, m: Int, inner: Int)

    private func blocks(_ shape: Shape, _ indices: Shape) -> Blocks {
        let (axis, batch) = (axis(shape.count), arguments.int("batch_dims"))
        return (
            shape[..<batch].product, shape[batch..<axis].product, shape[axis], indices[batch...].product,
            shape[(axis + 1)...].product
        )
    }

    func gather() -> Lowered {
        let b = blocks(x.shape, inputs[1].shape)
        let (size, index) = (x.dtype.size, inputs[1])
        return .work { call throws(OpError) in
            try unsafe check(call[1], index, limit: b.n)
            let (x, at, y) = unsafe (call[0].pointer, call[1].pointer, call[2].pointer)
            if b.batch * b.outer > 1 {
                return unsafe tfs_gather(size, x, index.dtype.c, at, y, b.batch, b.outer, b.n, b.m, b.inner)
            }
            ThreadPool.split(b.m, grain: Self.rowsTogether(of: b.inner * size)) { range in
                unsafe tfs_gather(
                    size, x, index.dtype.c, at + range.lowerBound * index.dtype.size, y + range.lowerBound * b.inner * size, 1, 1, b.n,
                    range.count, b.inner)
            }
        }
    }

    func gatherGradient() -> Lowered {
        let b = blocks(result.shape, inputs[0].shape)
        let (index, type) = (inputs[0], result)
        return .work { call throws(OpError) in
            try unsafe check(call[0], index, limit: b.n)
            try unsafe accumulate(call[1], into: call[2], type, zeroed: true) { wide, x, y in
                unsafe tfs_gather_add(wide, x, index.dtype.c, call[0].pointer, y, b.batch, b.outer, b.n, b.m, b.inner)
            }
        }
    }

    func takeAlong() -> Lowered {
        let axis = axis(x.shape.count)
        let (outer, n, inner) = x.shape.around(axis)
        let (size, index, m) = (x.dtype.size, inputs[1], inputs[1].shape[axis])
        return .work { call throws(OpError) in
            try unsafe check(call[1], index, limit: n)
            unsafe tfs_take_along(size, call[0].pointer, index.dtype.c, call[1].pointer, call[2].pointer, outer, n, m, inner)
        }
    }

    func takeAlongGradient() -> Lowered {
        let axis = axis(result.shape.count)
        let (outer, n, inner) = result.shape.around(axis)
        let (index, m, type) = (inputs[0], inputs[0].shape[axis], result)
        return .work { call throws(OpError) in
            try unsafe check(call[0], index, limit: n)
            try unsafe accumulate(call[1], into: call[2], type, zeroed: true) { wide, x, y in
                unsafe tfs_take_along_add(wide, x, index.dtype.c, call[0].pointer, y, outer, n, m, inner)
            }
        }
    }

    func gatherND() -> Lowered {
        let (shape, index, size) = (x.shape, inputs[1], x.dtype.size)
        let k = index.shape[index.shape.count - 1]
        let rows = index.shape.dropLast().product
        let inner = shape[k...].product
        return .work { call throws(OpError) in
            let at = try unsafe flatten(call[1], index, rows: rows, into: Shape(shape[..<k]))
            unsafe tfs_gather(size, call[0].pointer, .i64, at.base, call[2].pointer, 1, 1, shape[..<k].product, rows, inner)
        }
    }

    static func update(_ name: String) -> tfs_update {
        switch name {
        case "add", "sum": .add
        case "mul", "prod": .mul
        case "max": .max
        case "min": .min
        default: .none
        }
    }

    func scatter(into x: Int?, indices: Int, updates: Int, _ update: tfs_update) -> Lowered {
        let (type, index, bytes) = (result, inputs[indices], result.byteCount)
        let k = index.shape[index.shape.count - 1]
        let rows = index.shape.dropLast().product
        let inner = type.shape[k...].product
        return .work { call throws(OpError) in
            let at = try unsafe flatten(call[indices], index, rows: rows, into: Shape(type.shape[..<k]))
            let y = unsafe call[updates + 1]
            if let x { unsafe memcpy(y.pointer, call[x].pointer, bytes) }
            try unsafe accumulate(call[updates], into: y, type, zeroed: x == nil) { wide, x, y in
                unsafe tfs_update_rows(update, wide, at.base.assumingMemoryBound(to: Int64.self), x, y, rows, inner)
            }
        }
    }

    func segment() -> Lowered {
        let (ids, type, count) = (inputs[1], result, arguments.int("num_segments"))
        let rows = ids.shape.product
        let inner = type.shape.dropFirst().product
        let update = Self.update(arguments.string("mode"))
        return .work { call throws(OpError) in
            for row in 0..<rows {
                let id = unsafe tfs_index_at(ids.dtype.c, call[1].pointer, row)
                if id < 0 || id >= count {
                    throw OpError("E0208", "the segment id \(id) is out of range", why: "there are \(count) segments, and ids count from 0")
                }
            }
            let at = try unsafe flatten(call[1], TensorType(ids.dtype, [rows, 1]), rows: rows, into: [count])
            let y = unsafe call[2]
            unsafe fillNeutral(update, y)
            try unsafe accumulate(call[0], into: y, type, zeroed: false) { wide, x, y in
                unsafe tfs_update_rows(update, wide, at.base.assumingMemoryBound(to: Int64.self), x, y, rows, inner)
            }
        }
    }
}

/// What an empty segment has: the extremes are finite, as TensorFlow's are.
private func fillNeutral(_ update: tfs_update, _ y: Operand) {
    let largest: Double =
        switch unsafe y.dtype {
        case .f32: Double(Float.greatestFiniteMagnitude)
        case .f16: 65504
        case .bf16: 3.3895313892515355e38
        default: .greatestFiniteMagnitude
        }
    let value: Double =
        switch update {
        case .mul: 1
        case .max: -largest
        case .min: largest
        default: 0
        }
    unsafe tfs_fill(y.dtype.c, value, y.pointer, y.count)
}

private func check(_ operand: Operand, _ type: TensorType, limit: Int) throws(OpError) {
    let place = unsafe tfs_check_indices(type.dtype.c, operand.pointer, type.shape.product, Int64(limit))
    guard place == .fine else {
        throw unsafe outOfRange(tfs_index_at(type.dtype.c, operand.pointer, place), at: Lowering.place(place, in: type.shape), limit)
    }
}

private func outOfRange(_ index: Int64, at place: [Int], _ limit: Int) -> OpError {
    OpError(
        "E0208", "the index \(index) is out of range for an axis of size \(limit)",
        why: place.isEmpty ? nil : "it is the element at \(place.text) of the indices")
}

/// Row numbers from tuples of indices.
private func flatten(_ operand: Operand, _ type: TensorType, rows: Int, into shape: Shape) throws(OpError) -> Storage {
    let at = try scratch(rows * 8)
    let place = unsafe tfs_flatten_indices(
        type.dtype.c, operand.pointer, rows, shape.count, shape, at.base.assumingMemoryBound(to: Int64.self))
    guard place == .fine else {
        let limit = shape[place % shape.count]
        throw unsafe outOfRange(tfs_index_at(type.dtype.c, operand.pointer, place), at: Lowering.place(place, in: type.shape), limit)
    }
    return at
}

/// Adds (or so) x into y in a dtype that has kernels.
private func accumulate(
    _ x: Operand, into y: Operand, _ type: TensorType, zeroed: Bool,
    _ body: (tfs_dtype, UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
) throws(OpError) {
    let (dtype, wide, count) = (type.dtype, type.dtype.wide, type.shape.product)
    if zeroed { unsafe memset(y.pointer, 0, count * dtype.size) }
    if wide == dtype { return unsafe body(dtype.c, x.pointer, y.pointer) }
    let (a, b) = (try scratch(unsafe x.count * wide.size), try scratch(count * wide.size))
    unsafe tfs_cast(dtype.c, x.pointer, wide.c, a.base, x.count)
    unsafe tfs_cast(dtype.c, y.pointer, wide.c, b.base, count)
    unsafe body(wide.c, a.base, b.base)
    unsafe tfs_cast(wide.c, b.base, dtype.c, y.pointer, count)
}

extension DType {
    /// The dtype that kernels without a loop of their own for this one compute in: i32, i64, f32 or f64.
    var wide: DType {
        switch self {
        case .bool, .u8, .i8, .i16, .i32: .i32
        case .f16, .bf16, .f32: .f32
        case .i64, .f64, .string: self
        }
    }
}
