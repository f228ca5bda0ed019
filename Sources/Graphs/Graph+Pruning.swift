extension Graph {
    /// Which nodes the outputs need.
    public var needed: [Bool] { needed(for: outputs, beyond: []).nodes }

    /// The same graph without nodes that its outputs do not need. Its arguments all stay, in their order.
    public func pruned() -> Graph { part(from: arguments.map { Ref(Int($0)) }, to: outputs) }

    /// The same graph without nodes and arguments that its outputs do not need, and which arguments stayed.
    public func pruningArguments() -> (graph: Graph, kept: [Int]) {
        let keep = needed
        let kept = arguments.indices.filter { keep[Int(arguments[$0])] }
        return (part(from: kept.map { Ref(Int(arguments[$0])) }, to: outputs), kept)
    }

    /// What computes some values from others: a graph with an argument for each of `inputs`, which may be any values
    /// of this one, and the nodes that `outputs` need beyond them.
    public func part(from inputs: [Ref], to outputs: [Ref]) -> Graph {
        var result = Graph()
        var places: [Ref: Ref] = [:]
        var attributePlaces: [Int32: Int32] = [0: 0]
        func append(_ content: Content, _ origin: Int32, inputs: [Ref], attributes: Int32, types: some Sequence<TensorType>) {
            let (edge, type) = (Int32(result.edges.count), Int32(result.types.count))
            result.edges += inputs
            result.types += types
            result.nodes.append(
                Node(
                    content: content, inputs: edge..<Int32(result.edges.count), attributes: attributes,
                    results: type..<Int32(result.types.count)))
            result.origins.append(origin)
        }
        for (argument, input) in inputs.enumerated() {
            if places[input] == nil { places[input] = Ref(result.nodes.count) }
            result.arguments.append(Int32(result.nodes.count))
            append(.input(argument), origins[Int(input.node)], inputs: [], attributes: 0, types: [type(of: input)])
        }
        func placed(_ ref: Ref) -> Ref {
            guard let place = places[ref] else {
                preconditionFailure("outputs depend on arguments that are not among the inputs")
            }
            return place
        }
        let keep = needed(for: outputs, beyond: Set(inputs)).nodes
        for (index, node) in nodes.enumerated() where keep[index] {
            if attributePlaces[node.attributes] == nil {
                attributePlaces[node.attributes] = Int32(result.attributes.count)
                result.attributes.append(attributes(of: index))
            }
            let place = result.nodes.count
            append(
                node.content, origins[index], inputs: self.inputs(of: index).map(placed),
                attributes: attributePlaces[node.attributes] ?? 0,
                types: types[Int(node.results.lowerBound)..<Int(node.results.upperBound)])
            for output in 0..<resultCount(of: index) where places[Ref(index, output)] == nil {
                places[Ref(index, output)] = Ref(place, output)
            }
        }
        result.outputs = outputs.map(placed)
        return result
    }

    /// The nodes that `outputs` need without looking behind `inputs`, and which of the inputs they need.
    public func needed(for outputs: [Ref], beyond inputs: Set<Ref>) -> (nodes: [Bool], inputs: Set<Ref>) {
        var needed = [Bool](repeating: false, count: nodes.count)
        var met: Set<Ref> = []
        func need(_ ref: Ref) {
            if inputs.contains(ref) { met.insert(ref) } else { needed[Int(ref.node)] = true }
        }
        outputs.forEach(need)
        for index in nodes.indices.reversed() where needed[index] { self.inputs(of: index).forEach(need) }
        return (needed, met)
    }

    /// The last node that reads each result of each node (`nodes.count` for outputs, -1 for what nobody reads), in
    /// the order of `types`.
    public var lastUses: [Int32] {
        var result = [Int32](repeating: -1, count: types.count)
        for index in nodes.indices {
            for input in inputs(of: index) {
                result[Int(nodes[Int(input.node)].results.lowerBound + input.output)] = Int32(index)
            }
        }
        for output in outputs { result[Int(nodes[Int(output.node)].results.lowerBound + output.output)] = Int32(nodes.count) }
        return result
    }
}
