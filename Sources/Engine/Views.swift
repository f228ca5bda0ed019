internal import Graphs

/// What the results of movement ops are walks over: broadcasts, slices, reshapes, and transposes that keep the last axis
/// together. Nothing need be copied for those who can read by strides.
struct Views {
    /// A walk over a result that lies densely in memory.
    struct Source: Hashable {
        var base: Ref
        var shape: [Int]
        var strides: [Int]
        /// In elements.
        var offset = 0

        init(dense ref: Ref, _ shape: [Int]) {
            base = ref
            self.shape = shape
            strides = ViewPlan.denseStrides(shape)
        }

        /// Whether it is its base, element by element.
        var isDense: Bool { offset == 0 && isContiguous }
        var isContiguous: Bool {
            var stride = 1
            for axis in shape.indices.reversed() where shape[axis] != 1 {
                if strides[axis] != stride { return false }
                stride *= shape[axis]
            }
            return true
        }
        /// Whether all elements are the same one.
        var isScalar: Bool { zip(shape, strides).allSatisfy { $0 == 1 || $1 == 0 } }

        /// Whether it is the same dense row again and again.
        var isRow: Bool {
            guard let last = shape.indices.last, offset == 0, strides[last] == 1 || shape[last] == 1 else { return false }
            return shape.indices.dropLast().allSatisfy { shape[$0] == 1 || strides[$0] == 0 }
        }

        func broadcast(to wide: [Int]) -> Source {
            var result = self
            result.shape = wide
            result.strides = wide.indices.map { axis in
                let own = axis - (wide.count - shape.count)
                return own < 0 || shape[own] == 1 ? 0 : strides[own]
            }
            return result
        }

        /// Under other sizes of equally many elements, if strides can tell it.
        func reshaped(_ new: [Int]) -> Source? {
            var result = self
            result.shape = new
            if isContiguous {
                result.strides = ViewPlan.denseStrides(new)
                return result
            }
            // Only axes of size 1 come and go.
            let kept = shape.indices.filter { shape[$0] != 1 }
            guard kept.map({ shape[$0] }) == new.filter({ $0 != 1 }) else { return nil }
            var next = kept.makeIterator()
            result.strides = new.map { $0 == 1 ? 0 : strides[next.next()!] }
            return result
        }
    }

    private let graph: Graph
    private var sources: [Source?]
    private var reshapes: [Bool]

    init(_ graph: Graph) {
        self.graph = graph
        sources = Array(repeating: nil, count: graph.nodes.count)
        reshapes = Array(repeating: false, count: graph.nodes.count)
        for index in graph.nodes.indices {
            guard case .op(let id) = graph.nodes[index].content, case .special(let special) = Op.at(id).kernel else { continue }
            sources[index] = view(index, special, Arguments(Op.at(id), graph.attributes(of: index)))
            if let source = sources[index] { reshapes[index] = source.isDense && source.shape.product == graph.type(of: source.base).shape.product }
        }
    }

    private func view(_ index: Int, _ special: Special, _ arguments: Arguments) -> Source? {
        let shape = graph.type(of: Ref(index)).shape
        guard let input = graph.inputs(of: index).first, graph.type(of: input).dtype != .string, !shape.contains(0) else { return nil }
        let x = source(of: input)
        switch special {
        case .reshape, .identity: return x.reshaped(shape)
        case .broadcast: return x.broadcast(to: shape)
        case .slice:
            var result = x
            result.shape = shape
            for (axis, (begin, step)) in zip(arguments.ints("begin"), arguments.ints("step")).enumerated() {
                result.offset += begin * x.strides[axis]
                result.strides[axis] = x.strides[axis] * step
            }
            return result
        case .transpose:
            var result = x
            result.shape = shape
            result.strides = arguments.ints("axes").map { x.strides[$0 < 0 ? $0 + shape.count : $0] }
            // Where neighbours lie far apart, blocks are copied faster than rows.
            guard let last = shape.lastIndex(where: { $0 != 1 }) else { return result }
            return abs(result.strides[last]) <= 1 ? result : nil
        default: return nil
        }
    }

    func isView(_ node: Int) -> Bool { sources[node] != nil }
    /// Whether a view is its base under other sizes.
    func isReshape(_ node: Int) -> Bool { reshapes[node] }
    func source(of ref: Ref) -> Source { sources[Int(ref.node)] ?? Source(dense: ref, graph.type(of: ref).shape) }
    func base(of ref: Ref) -> Ref { sources[Int(ref.node)]?.base ?? ref }
}
