// Reverse-mode differentiation, graph to graph: the rules of the rows, chained from the outputs to the inputs. What
// it adds are ops like any others, so gradients have gradients.
extension GraphBuilder {
    /// The gradients of `y` (of the sum of its elements, each weighted by `seed`) by each of `xs`, any terms of this
    /// graph; `nil` where `y` does not depend on one, or only through what has no gradient.
    public func gradients(of y: Term, by xs: [Term], seed: Term? = nil) throws(OpError) -> [Term?] {
        try gradients(of: [(y, seed.or(1, like: y))], by: xs)
    }

    /// The gradients of the sum of several terms, each with its seed of the same shape.
    public func gradients(of ys: [(term: Term, seed: Term)], by xs: [Term]) throws(OpError) -> [Term?] {
        let last = ys.map { Int($0.term.ref.node) }.max() ?? -1
        let depends = dependents(of: xs, upTo: last)
        // What flows to each value, in the order in which it came.
        var flowing: [Ref: [Term]] = [:]
        func add(_ gradient: Term, to ref: Ref) throws(OpError) {
            flowing[ref, default: []].append(try gradient.cast(graph.type(of: ref).dtype))
        }
        func total(_ ref: Ref) throws(OpError) -> Term? {
            guard let parts = flowing[ref] else { return nil }
            let sum = try sum(parts)
            flowing[ref] = [sum]
            return sum
        }
        for (term, seed) in ys where depends[Int(term.ref.node)] && term.dtype.isFloat { try add(seed, to: term.ref) }

        let before = origin
        defer { origin = before }
        for index in stride(from: last, through: 0, by: -1) where depends[index] {
            guard case .op(let id) = graph.nodes[index].content else { continue }
            let inputs = Array(graph.inputs(of: index))
            guard inputs.contains(where: { depends[Int($0.node)] && graph.type(of: $0).dtype.isFloat }) else { continue }
            let outputs = (0..<graph.resultCount(of: index)).map { Ref(index, $0) }
            origin = graph.origins[index]
            var incoming: [Term?] = []
            for output in outputs { incoming.append(try total(output)) }
            guard incoming.contains(where: { $0 != nil }) else { continue }
            let op = Op.at(id)
            guard case .rule(let rule) = op.gradient else { continue }
            let gradients = try rule(
                Backward(
                    inputs: inputs.map(term), outputs: outputs.map(term), gradients: incoming,
                    arguments: Arguments(op, graph.attributes(of: index)), builder: self))
            for (input, gradient) in zip(inputs, gradients) {
                guard let gradient, depends[Int(input.node)], graph.type(of: input).dtype.isFloat else { continue }
                try add(gradient, to: input)
            }
        }
        var results: [Term?] = []
        for x in xs { results.append(try total(x.ref)) }
        return results
    }

    /// The sum of gradients of one value. Those of slices that make up the whole value are joined instead of added: no
    /// element of it lies in two of them.
    private func sum(_ parts: [Term]) throws(OpError) -> Term {
        var (slices, others): ([(axis: Int, begin: Int, end: Int, term: Term)], [Term]) = ([], [])
        for part in parts {
            if let slice = slice(of: part) { slices.append(slice) } else { others.append(part) }
        }
        slices.sort { $0.begin < $1.begin }
        if slices.count > 1, slices.allSatisfy({ $0.axis == slices[0].axis }), slices[0].begin == 0,
            slices.last?.end == parts[0].shape[slices[0].axis], zip(slices, slices.dropFirst()).allSatisfy({ $0.end == $1.begin })
        {
            others.append(try slices.map(\.term).concat(slices[0].axis))
        } else {
            others = parts
        }
        var sum = others[0]
        for other in others.dropFirst() { sum = try sum + other }
        return sum
    }

    /// A gradient that is zero but for one range of one axis: that range, and what stands there.
    private func slice(of gradient: Term) -> (axis: Int, begin: Int, end: Int, term: Term)? {
        let index = Int(gradient.ref.node)
        guard case .op(let id) = graph.nodes[index].content, case .special(.sliceGradient) = Op.at(id).kernel else { return nil }
        let arguments = Arguments(Op.at(id), graph.attributes(of: index))
        let (begin, end) = (arguments.ints("begin"), arguments.ints("end"))
        let axes = gradient.shape.indices.filter { begin[$0] != 0 || end[$0] != gradient.shape[$0] }
        guard arguments.ints("step").allSatisfy({ $0 == 1 }), axes.count == 1 else { return nil }
        return (axes[0], begin[axes[0]], end[axes[0]], term(graph.inputs(of: index)[graph.inputs(of: index).startIndex]))
    }

    /// Which nodes up to `last` have one of `xs` in their history.
    private func dependents(of xs: [Term], upTo last: Int) -> [Bool] {
        var depends = [Bool](repeating: false, count: Swift.max(last, xs.map { Int($0.ref.node) }.max() ?? -1) + 1)
        for x in xs { depends[Int(x.ref.node)] = true }
        for index in 0..<Swift.max(last + 1, 0) where !depends[index] {
            depends[index] = graph.inputs(of: index).contains { depends[Int($0.node)] }
        }
        return depends
    }

    /// Adds the nodes of another graph, its arguments replaced by terms of this one; gives its outputs. The origins of
    /// the new nodes are this builder's, or those of the other graph counted from `first`.
    public func inline(_ other: Graph, arguments: [Term], originsFrom first: Int32? = nil) -> [Term] {
        precondition(arguments.count == other.arguments.count, "inline needs a term for each argument")
        var places: [Int] = []
        var outputs: [Ref?] = [Ref?](repeating: nil, count: other.nodes.count)
        for (index, node) in other.nodes.enumerated() {
            if case .input(let argument) = node.content {
                outputs[index] = arguments[argument].ref
                places.append(-1)
                continue
            }
            if let first { origin = other.origins[index] < 0 ? -1 : first + other.origins[index] }
            let inputs = other.inputs(of: index).map { resolve($0, places, outputs) }
            let types = Array(other.types[Int(node.results.lowerBound)..<Int(node.results.upperBound)])
            places.append(Int(append(node.content, inputs: inputs, attributes: other.attributes(of: index), types: types)))
        }
        return other.outputs.map { term(resolve($0, places, outputs)) }
    }

    private func resolve(_ ref: Ref, _ places: [Int], _ arguments: [Ref?]) -> Ref {
        arguments[Int(ref.node)] ?? Ref(places[Int(ref.node)], Int(ref.output))
    }
}

extension Term? {
    /// This, or a constant in the shape of `other` where there is none.
    func or(_ value: Double, like other: Term) throws(OpError) -> Term {
        if let self { return self }
        return try other.filled(value)
    }
}
