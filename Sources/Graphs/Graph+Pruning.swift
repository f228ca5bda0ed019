extension Graph {
    /// Which nodes the outputs need.
    public var needed: [Bool] {
        var needed = [Bool](repeating: false, count: nodes.count)
        for output in outputs { needed[Int(output.node)] = true }
        for index in nodes.indices.reversed() where needed[index] {
            for input in inputs(of: index) { needed[Int(input.node)] = true }
        }
        return needed
    }

    /// The same graph without nodes that its outputs do not need. Its arguments all stay, in their order.
    public func pruned() -> Graph {
        var keep = needed
        for argument in arguments { keep[Int(argument)] = true }
        return keep.contains(false) ? keeping(keep) : self
    }

    /// The same graph without nodes and arguments that its outputs do not need, and which arguments stayed.
    public func pruningArguments() -> (graph: Graph, kept: [Int]) {
        let keep = needed
        let kept = arguments.indices.filter { keep[Int(arguments[$0])] }
        var graph = self
        graph.arguments = kept.map { arguments[$0] }
        for (index, argument) in graph.arguments.enumerated() { graph.nodes[Int(argument)].content = .input(index) }
        return (graph.keeping(keep), kept)
    }

    private func keeping(_ keep: [Bool]) -> Graph {
        var result = Graph()
        var places = [Int32](repeating: -1, count: nodes.count)
        var attributePlaces: [Int32: Int32] = [0: 0]
        func moved(_ ref: Ref) -> Ref { Ref(Int(places[Int(ref.node)]), Int(ref.output)) }
        for (index, node) in nodes.enumerated() where keep[index] {
            places[index] = Int32(result.nodes.count)
            let edge = Int32(result.edges.count)
            result.edges += inputs(of: index).map(moved)
            let type = Int32(result.types.count)
            result.types += types[Int(node.results.lowerBound)..<Int(node.results.upperBound)]
            if attributePlaces[node.attributes] == nil {
                attributePlaces[node.attributes] = Int32(result.attributes.count)
                result.attributes.append(attributes(of: index))
            }
            result.nodes.append(
                Node(
                    content: node.content, inputs: edge..<Int32(result.edges.count), attributes: attributePlaces[node.attributes] ?? 0,
                    results: type..<Int32(result.types.count)))
            result.origins.append(origins[index])
        }
        result.arguments = arguments.map { places[Int($0)] }
        result.outputs = outputs.map(moved)
        return result
    }

    /// The last node that reads each result of each node (`nodes.count` for outputs, -1 for what nobody reads), in
    /// the order of `types`.
    public var lastUses: [Int32] {
        var result = [Int32](repeating: -1, count: types.count)
        for index in nodes.indices {
            for input in inputs(of: index) { result[Int(nodes[Int(input.node)].results.lowerBound + input.output)] = Int32(index) }
        }
        for output in outputs { result[Int(nodes[Int(output.node)].results.lowerBound + output.output)] = Int32(nodes.count) }
        return result
    }
}
