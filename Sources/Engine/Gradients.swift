public import Graphs

/// Gradients of `y` (a scalar, or weighted by `seed`, a tensor of its shape) by tensors of its history, each treated
/// as a variable; `nil` where none flows.
///
/// Histories last until somebody looks; open a `Recording` of the `xs` before what may look at data on the way.
public func gradients(of y: Tensor, by xs: [Tensor], seed: Tensor? = nil) throws(OpError) -> [Tensor?] {
    if ([y] + xs).contains(where: { $0.availability == .unknown }) {
        return xs.map { Tensor.unknown($0.type) }
    }
    // An x that lies in the history of another gets what flows through that one too, so the last ones come first.
    var result: [Tensor?] = Array(repeating: nil, count: xs.count)
    let order = xs.indices.sorted { xs[$0].edge.node.serial > xs[$1].edge.node.serial }
    let direct = try Tensor.partials(of: y, by: xs, seed: seed)
    for i in xs.indices { result[i] = direct[i] }
    for (rank, i) in order.enumerated() {
        guard let dx = result[i], xs[i].edge.node.isOp, !xs[i].edge.node.inputs.isEmpty else { continue }
        let earlier = order[(rank + 1)...].filter { xs[$0].edge.node !== xs[i].edge.node }
        if earlier.isEmpty { continue }
        let through = try Tensor.partials(of: xs[i], by: earlier.map { xs[$0] }, seed: dx)
        for (j, gradient) in zip(earlier, through) {
            guard let gradient else { continue }
            if let sum = result[j] { result[j] = try sum.plus(gradient) } else { result[j] = gradient }
        }
    }
    return result
}

extension Tensor {
    fileprivate func plus(_ other: Tensor) throws(OpError) -> Tensor {
        guard let add = Op.named("add") else { preconditionFailure("the registry has `add`") }
        return try Tensor.apply(add, [self, other], add.attributes(), origin: edge.node.origin)[0]
    }

    /// Gradients with every x held fixed but the one in question.
    fileprivate static func partials(of y: Tensor, by xs: [Tensor], seed: Tensor?) throws(OpError) -> [Tensor?] {
        // The xs are leaves, except for y itself when it is one: then its history is what is asked for.
        let cuts = xs.filter { $0.edge.node !== y.edge.node }
        let seeds = seed.map { [$0] } ?? []
        let cutNodes = Set(cuts.map { ObjectIdentifier($0.edge.node) })
        let line = Linearisation(history: y.edge, cuts: cuts.map(\.edge) + seeds.map(\.edge)) {
            cutNodes.contains(ObjectIdentifier($0))
        }
        let built: (builder: GraphBuilder, terms: [[Term]], leaves: [Term])
        do throws(ExecutionError) { built = try line.build() } catch { throw error.error }
        func term(_ tensor: Tensor) -> Term? { line.term(tensor.edge, built.terms, built.leaves) }
        guard let target = term(y) else { return xs.map { _ in nil } }
        let wanted = xs.map { term($0) }
        let known = wanted.compactMap { $0 }
        var found = try built.builder.gradients(of: target, by: known, seed: seed.flatMap { term($0) }).makeIterator()
        let terms = wanted.map { $0 == nil ? nil : found.next() ?? nil }
        var nodes = LazyNodes(built.builder.graph, line, built.terms, built.leaves)
        return terms.map { $0.map { Tensor(nodes.edge($0.ref)) } }
    }
}

/// Nodes of a built graph as lazy nodes again: those that it was built from, and new ones for the rest.
private struct LazyNodes {
    let graph: Graph
    let line: Linearisation
    private var edges: [Ref: Edge] = [:]
    private var made: [Int32: Node] = [:]

    init(_ graph: Graph, _ line: Linearisation, _ terms: [[Term]], _ leaves: [Term]) {
        self.graph = graph
        self.line = line
        for (edge, term) in zip(line.leaves, leaves) { edges[term.ref] = edge }
        for (node, results) in zip(line.nodes, terms) {
            for (output, term) in results.enumerated() where edges[term.ref] == nil {
                edges[term.ref] = Edge(node: node, output: output)
            }
        }
    }

    mutating func edge(_ ref: Ref) -> Edge {
        var stack = [ref]
        while let top = stack.last {
            if edges[top] != nil {
                stack.removeLast()
                continue
            }
            let index = Int(top.node)
            let missing = graph.inputs(of: index).filter { edges[$0] == nil }
            if !missing.isEmpty {
                stack += missing
                continue
            }
            stack.removeLast()
            let node: Node
            switch graph.nodes[index].content {
            case .input: preconditionFailure("inputs are leaves")
            case .constant(let value): node = Tensor.scalar(value, graph.type(of: top).dtype).edge.node
            case .op:
                if let existing = made[top.node] {
                    node = existing
                } else {
                    let origin = graph.origins[index]
                    node = Node(
                        graph.nodes[index].content.lazy, inputs: graph.inputs(of: index).map { edges[$0]! },
                        attributes: graph.attributes(of: index),
                        types: (0..<graph.resultCount(of: index)).map { graph.type(of: Ref(index, $0)) },
                        origin: origin >= 0 && Int(origin) < line.nodes.count ? line.nodes[Int(origin)].origin : -1)
                    made[top.node] = node
                }
            }
            edges[top] = Edge(node: node, output: Int(top.output))
        }
        return edges[ref]!
    }
}

extension Graph.Content {
    fileprivate var lazy: Node.Content {
        guard case .op(let id) = self else { preconditionFailure("an op") }
        return .op(id)
    }
}
