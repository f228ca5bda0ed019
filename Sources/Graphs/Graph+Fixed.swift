extension Graph {
    /// The same graph with normalisations by numbers that do not change drawn into the convolutions before them:
    /// (conv(x, k) + a - m) · f + b = conv(x, k · f) + (a - m) · f + b, each of a, m, f and b a number per channel.
    ///
    /// - Parameter isFixed: which nodes do not change.
    public func normsFolded(_ isFixed: [Bool]) throws(OpError) -> Graph {
        var uses = [Int](repeating: 0, count: nodes.count)
        for edge in edges { uses[Int(edge.node)] += 1 }
        for output in outputs { uses[Int(output.node)] += 2 }
        let builder = GraphBuilder()
        var places: [[Ref]] = []
        func term(_ ref: Ref) -> Term { builder.term(places[Int(ref.node)][Int(ref.output)]) }
        for (index, node) in nodes.enumerated() {
            builder.origin = origins[index]
            let results = Array(types[Int(node.results.lowerBound)..<Int(node.results.upperBound)])
            if case .input = node.content {
                places.append([builder.input(results[0]).ref])
                continue
            }
            if let chain = affine(endingAt: index, isFixed, uses) {
                let factor = term(chain.factor)
                var shift = term(chain.offset)
                if let bias = chain.bias, let mean = chain.mean {
                    shift = try (term(bias) - term(mean)) * factor + shift
                } else if let bias = chain.bias {
                    shift = try term(bias) * factor + shift
                } else if let mean = chain.mean {
                    shift = try shift - term(mean) * factor
                }
                let kernel = try term(chain.kernel) * factor
                let conv = builder.append(
                    nodes[chain.conv].content, inputs: [term(chain.x).ref, kernel.ref], attributes: attributes(of: chain.conv), types: results)
                places.append([try (builder.term(Ref(Int(conv))) + shift).ref])
                continue
            }
            let inputs = self.inputs(of: index).map { places[Int($0.node)][Int($0.output)] }
            let made = builder.append(node.content, inputs: inputs, attributes: attributes(of: index), types: results)
            places.append(results.indices.map { Ref(Int(made), $0) })
        }
        return builder.finish(outputs.map { term($0) }).pruned()
    }

    private struct Affine {
        var conv: Int
        var x: Ref
        var kernel: Ref
        var bias: Ref?
        var mean: Ref?
        var factor: Ref
        var offset: Ref
    }

    /// A convolution with what follows it up to the node, if that is a normalisation.
    private func affine(endingAt index: Int, _ isFixed: [Bool], _ uses: [Int]) -> Affine? {
        /// The other arguments of an op on a value that nobody else reads, and that value's node.
        func step(_ name: String, _ node: Int) -> (value: Int, other: Ref)? {
            guard case .op(let id) = nodes[node].content, Op.at(id).name == name else { return nil }
            let inputs = Array(self.inputs(of: node))
            for (value, other) in [(inputs[0], inputs[1]), (inputs[1], inputs[0])] {
                if name == "subtract", value != inputs[0] { continue }
                let channels = type(of: value).shape.last
                if uses[Int(value.node)] == 1, isFixed[Int(other.node)], !isFixed[Int(value.node)],
                    type(of: other).shape == [channels ?? 0], type(of: value).shape == type(of: Ref(node)).shape
                {
                    return (Int(value.node), other)
                }
            }
            return nil
        }
        guard type(of: Ref(index)).dtype == .f32, let sum = step("add", index), let product = step("multiply", sum.value) else { return nil }
        var node = product.value
        var (bias, mean): (Ref?, Ref?)
        if let difference = step("subtract", node) { (node, mean) = (difference.value, difference.other) }
        if let biased = step("add", node) { (node, bias) = (biased.value, biased.other) }
        guard case .op(let id) = nodes[node].content, case .special(.conv) = Op.at(id).kernel else { return nil }
        let inputs = Array(self.inputs(of: node))
        guard isFixed[Int(inputs[1].node)] else { return nil }
        return Affine(conv: node, x: inputs[0], kernel: inputs[1], bias: bias, mean: mean, factor: product.other, offset: sum.other)
    }

    /// The same graph without outputs that are inputs.
    public var computed: Graph {
        var result = self
        result.outputs.removeAll { if case .input = nodes[Int($0.node)].content { true } else { false } }
        return result
    }

    /// Which nodes depend on nothing but constants and the inputs from `first` on, and draw no random numbers.
    public func fixedNodes(from first: Int) -> [Bool] {
        var result: [Bool] = []
        for (index, node) in nodes.enumerated() {
            switch node.content {
            case .input(let argument): result.append(argument >= first)
            case .constant: result.append(true)
            case .op(let id):
                let draws = Op.at(id).parameters.contains { $0.kind == .key }
                result.append(!draws && inputs(of: index).allSatisfy { result[Int($0.node)] })
            }
        }
        return result
    }

    /// The graph in two: what its fixed nodes compute for the others, and the rest, which takes those values as further
    /// inputs after the first `first`. The first takes this graph's inputs from `first` on.
    public func hoisted(_ isFixed: [Bool], from first: Int) -> (fixed: Graph, rest: Graph) {
        var wanted: [Ref] = []
        func want(_ ref: Ref) { if isFixed[Int(ref.node)], !wanted.contains(ref) { wanted.append(ref) } }
        for index in nodes.indices where !isFixed[index] { for input in inputs(of: index) { want(input) } }
        for output in outputs { want(output) }
        wanted.removeAll { if case .constant = nodes[Int($0.node)].content { true } else { false } }
        let (before, after) = (GraphBuilder(), GraphBuilder())
        var (early, late): ([[Ref]], [[Ref]]) = ([], [])
        for (index, node) in nodes.enumerated() {
            let results = Array(types[Int(node.results.lowerBound)..<Int(node.results.upperBound)])
            func copy(_ builder: GraphBuilder, _ places: [[Ref]]) -> [Ref] {
                builder.origin = origins[index]
                let inputs = self.inputs(of: index).map { places[Int($0.node)][Int($0.output)] }
                let made = builder.append(node.content, inputs: inputs, attributes: attributes(of: index), types: results)
                return results.indices.map { Ref(Int(made), $0) }
            }
            switch node.content {
            case .input(let argument):
                early.append(argument >= first ? [before.input(results[0]).ref] : [])
                late.append(argument >= first ? [] : [after.input(results[0]).ref])
            case .constant:
                early.append(copy(before, early))
                late.append(copy(after, late))
            case .op:
                early.append(isFixed[index] ? copy(before, early) : [])
                late.append(isFixed[index] ? results.map { _ in Ref(-1) } : [])
            }
            if case .constant = node.content { continue }
            if isFixed[index] {
                // Its values come in as inputs where they are wanted.
                late[index] = results.indices.map { output in
                    let ref = Ref(index, output)
                    return wanted.contains(ref) ? after.input(type(of: ref)).ref : Ref(-1)
                }
            } else if case .op = node.content {
                late[index] = copy(after, late)
            }
        }
        let ordered = nodes.indices.flatMap { index in
            (0..<resultCount(of: index)).map { Ref(index, $0) }.filter { wanted.contains($0) }
        }
        return (
            before.finish(ordered.map { before.term(early[Int($0.node)][Int($0.output)]) }).pruned(),
            after.finish(outputs.map { after.term(late[Int($0.node)][Int($0.output)]) }).pruned()
        )
    }
}
