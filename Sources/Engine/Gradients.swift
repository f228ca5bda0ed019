public import Graphs

/// Gradients of `y` (a scalar, or weighted by `seed`, a tensor of its shape) by tensors of its history, each treated
/// as a variable; `nil` where none flows.
///
/// Histories last until somebody looks; open a `Recording` of the `xs` before what may look at data on the way. A gradient
/// has gradients in its turn, by the `xs` and by whatever is older than they are.
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
        guard let dx = result[i], xs[i].edge.node.isComposed, !xs[i].edge.node.inputs.isEmpty else { continue }
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
        // The xs are leaves, except for y itself when it is one: then its history is what is asked for. What is older than
        // every x does not depend on one.
        var cuts: [Edge] = []
        for x in xs where x.edge.node !== y.edge.node { cuts.append(x.edge) }
        if let seed { cuts.append(seed.edge) }
        let oldest = xs.lazy.map(\.edge.node.serial).min() ?? 0
        let line = Linearisation(history: y.edge, cuts: cuts) { $0.serial < oldest }
        let (target, wanted) = (y.edge, xs.map(\.edge))
        let seedEdge = seed?.edge
        let derivative: Derivative
        do throws(ExecutionError) {
            let key = line.structure([target] + wanted + (seedEdge.map { [$0] } ?? []))
            derivative = try derivatives.value(for: key) { () throws(ExecutionError) in
                try Derivative(of: target, by: wanted, seed: seedEdge, line)
            }
        } catch { throw error.error }
        guard let block = derivative.block else { return xs.map { _ in nil } }
        let node = Node(
            .block(block, origins: line.origins), inputs: Few(derivative.leaves.map { line.leaves[$0] }), types: derivative.types,
            origin: y.edge.node.origin)
        if y.edge.node.isPending {
            node.value = y.edge.node
            y.edge.node.gradient = node
        }
        written(node)
        return derivative.outputs.map { $0.map { Tensor(node, $0) } }
    }

    private static let derivatives = StructureCache<Linearisation.Structure, Derivative>()
}

/// What the gradients of histories of one structure have in common.
private struct Derivative: Sendable {
    /// The gradients; `nil` where none flows.
    var block: Block?
    /// Which leaves of the history they need.
    var leaves: [Int] = []
    var types = Few<TensorType>()
    /// For each x, which result of the block is its gradient.
    var outputs: [Int?]

    init(of y: Edge, by xs: [Edge], seed: Edge?, _ line: Linearisation) throws(ExecutionError) {
        let (builder, terms, inputs) = try line.build()
        func term(_ edge: Edge) -> Term? { line.term(edge, terms, inputs) }
        let found: [Term?]
        do throws(OpError) {
            guard let target = term(y) else { preconditionFailure("a history holds its result") }
            let known = xs.map(term)
            var flowing = try builder.gradients(of: target, by: known.compactMap { $0 }, seed: seed.flatMap(term)).makeIterator()
            found = known.map { $0 == nil ? nil : flowing.next() ?? nil }
        } catch { throw ExecutionError(error, origin: y.node.origin) }
        let results = found.compactMap { $0 }
        outputs = []
        for term in found {
            outputs.append(term == nil ? nil : outputs.count { $0 != nil })
        }
        if results.isEmpty { return }
        let needed: Graph
        (needed, leaves) = builder.finish(results).pruningArguments()
        block = Block(needed)
        types = Few(results.map(\.type))
    }
}
