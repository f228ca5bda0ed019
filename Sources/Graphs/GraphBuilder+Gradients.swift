extension GraphBuilder {
    /// Gradients of `y`, weighted by `seed` (a term of its shape; ones by default), by terms of its history; `nil`
    /// where none flows. They are nodes of the same graph, so gradients have gradients.
    public func gradients(of y: Term, by xs: [Term], seed: Term? = nil) throws(OpError) -> [Term?] {
        let last = Int(y.ref.node)
        // Only what lies between an x and y carries a gradient.
        var depends = Array(repeating: false, count: last + 1)
        for x in xs where Int(x.ref.node) <= last { depends[Int(x.ref.node)] = true }
        for index in 0...last where graph.inputs(of: index).contains(where: { depends[Int($0.node)] }) {
            depends[index] = true
        }
        var sums: [Ref: Term] = [:]
        if let seed { sums[y.ref] = seed } else { sums[y.ref] = try constant(1, y.dtype).broadcast(y.shape) }
        let firstX = xs.map { Int($0.ref.node) }.min() ?? last + 1
        let callersOrigin = origin
        defer { origin = callersOrigin }
        for index in stride(from: last, through: firstX, by: -1) where depends[index] {
            guard case .op(let id) = graph.nodes[index].content else { continue }
            let op = Op.at(id)
            let outputs = (0..<graph.resultCount(of: index)).map { term(Ref(index, $0)) }
            let flowing = outputs.map { sums[$0.ref] }
            guard flowing.contains(where: { $0 != nil }), case .rule(let rule) = op.gradient else { continue }
            let inputs = graph.inputs(of: index).map { term($0) }
            guard inputs.contains(where: { depends[Int($0.ref.node)] }) else { continue }
            origin = graph.origins[index]
            let found = try rule(
                Backward(
                    inputs: inputs, outputs: outputs, gradients: flowing,
                    arguments: Arguments(op, graph.attributes(of: index)), builder: self))
            for (input, gradient) in zip(inputs, found) where depends[Int(input.ref.node)] {
                guard let gradient else { continue }
                if let sum = sums[input.ref] { sums[input.ref] = try sum + gradient } else { sums[input.ref] = gradient }
            }
        }
        return xs.map { sums[$0.ref] }
    }
}
