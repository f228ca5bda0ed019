internal import CKernels
internal import Graphs

extension Op {
    /// Whether the shapes of its results depend on its inputs' values.
    var isValueDependent: Bool {
        guard case .special(let special) = kernel else { return false }
        return switch special {
        case .nonzero, .unique, .booleanMask: true
        default: false
        }
    }
}

extension Tensor {
    /// Ops whose shapes depend on values: computed when they are written.
    static func valueDependent(
        _ op: Op, _ inputs: [Edge], _ attributes: Attributes, origin: Int32
    ) throws(OpError) -> [Edge] {
        if inputs.contains(where: { $0.node.availability == .argument }) {
            throw OpError(
                "E0210", "the shape of `\(op.name)` depends on values, which compiled code does not know",
                mend: "use `where` or a mask of fixed shape")
        }
        do throws(ExecutionError) { try compute(inputs.map { Tensor($0) }) } catch { throw error.error }
        guard case .special(let special) = op.kernel else { preconditionFailure("`\(op.name)` knows its shape") }
        switch special {
        case .nonzero: return [try nonzero(inputs[0])]
        case .unique: return try unique(inputs[0])
        case .booleanMask:
            // Gathered by the places that hold, so that gradients flow.
            guard let gather = Op.all.first(where: { if case .special(.gatherND) = $0.kernel { true } else { false } }) else {
                preconditionFailure("the registry has a row for `gatherND`")
            }
            return try apply(gather, [inputs[0], try nonzero(inputs[1])], gather.attributes(), origin: origin)
        default: preconditionFailure("`\(op.name)` knows its shape")
        }
    }

    private static func nonzero(_ x: Edge) throws(OpError) -> Edge {
        guard let storage = x.storage else { preconditionFailure("it was computed") }
        let (type, count) = (x.type, x.type.shape.product)
        let places = try scratch(count * 8)
        let found = unsafe tfs_nonzero(type.dtype.c, storage.base, places.base.assumingMemoryBound(to: Int64.self), count)
        var indices: [Int64] = []
        indices.reserveCapacity(found * type.shape.count)
        for i in 0..<found {
            let flat = unsafe Int(places.base.load(fromByteOffset: i * 8, as: Int64.self))
            for index in Lowering.place(flat, in: type.shape) { indices.append(Int64(index)) }
        }
        return make(indices, [found, type.shape.count]).edge
    }

    /// Sorted distinct values, where each first occurs, which of them each element is, and how often they occur.
    private static func unique(_ x: Edge) throws(OpError) -> [Edge] {
        guard let storage = x.storage else { preconditionFailure("it was computed") }
        let (dtype, count) = (x.type.dtype, x.type.shape.product)
        let wide = dtype.wide
        let source = try scratch(count * wide.size)
        let (sorted, order, spare) = (try scratch(count * wide.size), try scratch(count * 4), try scratch(count * 4))
        unsafe tfs_cast(dtype.c, storage.base, wide.c, source.base, count)
        unsafe tfs_sort_row(
            wide.c, false, source.base, sorted.base, order.base.assumingMemoryBound(to: Int32.self),
            spare.base.assumingMemoryBound(to: Int32.self), count)
        var (starts, firsts, inverse, counts) = ([Int64](), [Int64](), [Int64](repeating: 0, count: count), [Int64]())
        for i in 0..<count {
            let place = unsafe Int(order.base.load(fromByteOffset: i * 4, as: Int32.self))
            let isNew = unsafe i == 0 || tfs_less(wide.c, sorted.base, i - 1, i)
            if isNew {
                starts.append(Int64(i))
                firsts.append(Int64(place))  // the sort is stable
                counts.append(0)
            }
            inverse[place] = Int64(starts.count - 1)
            counts[starts.count - 1] += 1
        }
        let values = try scratch(starts.count * wide.size)
        unsafe tfs_gather(wide.size, sorted.base, .i64, starts, values.base, 1, 1, count, starts.count, 1)
        let narrow = try scratch(starts.count * dtype.size)
        unsafe tfs_cast(wide.c, values.base, dtype.c, narrow.base, starts.count)
        let types = [starts.count]
        return [
            Tensor(TensorType(dtype, types), narrow).edge, make(firsts, types).edge, make(inverse, [count]).edge,
            make(counts, types).edge,
        ]
    }
}
