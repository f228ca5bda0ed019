internal import CKernels
internal import Graphs

/// What traced code gives for certain values, op by op: to find where a number that is not finite comes from.
///
/// It computes and keeps the result of every op at once, so it is for the one step that went wrong.
public struct Inspection {
    private let graph: Graph
    private let origins: [Int32]
    private let outputs: [Ref]
    /// Results by the node and its output; those of arguments and captures among them.
    private let values: [Ref: Tensor]

    /// - Parameter step: the number of the run, which random draws depend on.
    public init(arguments: [Tensor], values: [Tensor], outputs: [Tensor], step: Int) throws {
        let isInside = Tensor.inside(arguments, outputs)
        let line = Linearisation(of: outputs.map(\.edge), arguments: arguments.map(\.edge)) { !isInside($0) }
        let graph = try line.graph(outputs.map(\.edge))
        let captured = line.leaves.dropFirst(arguments.count).map { Tensor($0) }
        try Tensor.compute(values + captured)
        let inputs = values + captured
        let builder = GraphBuilder(graph)
        var seen: [Ref] = []
        for node in graph.nodes.indices {
            guard case .op = graph.nodes[node].content else { continue }
            for output in 0..<graph.resultCount(of: node) where graph.type(of: Ref(node, output)).dtype != .string { seen.append(Ref(node, output)) }
        }
        let watched = builder.finish(seen.map(builder.term))
        let results = try Program.compile(watched).run(try inputs.map { try $0.computedStorage() }, step: step)
        var known: [Ref: Tensor] = [:]
        for (index, node) in graph.arguments.enumerated() { known[Ref(Int(node))] = inputs[index] }
        for (ref, storage) in zip(seen, results) { known[ref] = Tensor(graph.type(of: ref), storage) }
        (self.graph, self.values, origins, self.outputs) = (graph, known, line.origins, graph.outputs)
    }

    private func isFinite(_ ref: Ref) -> Bool {
        if case .constant(let value) = graph.nodes[Int(ref.node)].content { return value.isFinite }
        return values[ref]?.isFinite ?? true
    }

    /// Whether all elements of an output are finite.
    public func isFinite(output: Int) -> Bool { isFinite(outputs[output]) }

    /// The first element of an output that is not finite, or its first.
    public func value(of output: Int) -> Double {
        let tensor = values[outputs[output]]
        return (try? tensor?.element(tensor?.firstNotFinite ?? 0)) ?? .nan
    }

    /// An op that gives numbers that are not finite for finite ones.
    public struct Source {
        public let op: String
        /// Where it was written.
        public let origin: Int32
        /// What one element came to, and of which numbers; none where an element is made of more than a few.
        public let result: Double
        public let operands: [Double]
    }

    /// The op that an output's first number that is not finite comes from; `nil` where the arguments held it already.
    public func source(of output: Int) throws -> Source? {
        var ref = outputs[output]
        // From a result to one of its inputs that is not finite either, until there is none.
        while true {
            let node = Int(ref.node)
            guard case .op(let id) = graph.nodes[node].content else { return nil }
            let inputs = Array(graph.inputs(of: node))
            if let bad = inputs.first(where: { !isFinite($0) }) {
                ref = bad
                continue
            }
            guard let tensor = values[ref], let place = tensor.firstNotFinite else { return nil }
            let isElementwise = switch Op.at(id).kernel { case .map, .zip: true; default: false }
            let operands = isElementwise ? try inputs.map { try element($0, at: place, of: tensor.shape) } : []
            let origin = graph.origins[node]
            return Source(
                op: Op.at(id).name, origin: origin >= 0 ? origins[Int(origin)] : -1, result: try tensor.element(place),
                operands: operands)
        }
    }

    /// The element of an input that an element of the result is made of; the input broadcasts to the result's shape.
    private func element(_ input: Ref, at place: Int, of shape: Shape) throws -> Double {
        if case .constant(let value) = graph.nodes[Int(input.node)].content { return value }
        let own = graph.type(of: input).shape
        var (rest, offset, stride) = (place, 0, 1)
        for (axis, size) in zip(shape.indices, shape).reversed() {
            let index = rest % size
            rest /= size
            let ownAxis = axis - (shape.count - own.count)
            guard ownAxis >= 0 else { continue }
            if own[ownAxis] != 1 { offset += index * stride }
            stride *= own[ownAxis]
        }
        return try values[input]?.element(offset) ?? .nan
    }
}

extension Tensor {
    /// The place of the first element that is not finite, in row-major order. It computes the tensor; what cannot be
    /// computed has none.
    public var firstNotFinite: Int? {
        guard dtype.isFloat, let count, let storage = try? computedStorage() else { return nil }
        let place = unsafe tfs_find_nonfinite(dtype.c, storage.base, count)
        return place == .fine ? nil : Int(place)
    }
    public var isFinite: Bool { firstNotFinite == nil }
}
