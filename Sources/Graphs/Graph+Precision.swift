extension Graph {
    /// The same graph with the arguments of its large products and convolutions rounded to bf16. Products are summed up,
    /// and everything else is computed, as before.
    public func narrowed() throws(OpError) -> Graph {
        let builder = GraphBuilder()
        var places: [[Ref]] = []
        places.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            builder.origin = origins[index]
            let results = Array(types[Int(node.results.lowerBound)..<Int(node.results.upperBound)])
            if case .input = node.content {
                places.append([builder.input(results[0]).ref])
                continue
            }
            var inputs = self.inputs(of: index).map { places[Int($0.node)][Int($0.output)] }
            if isLargeProduct(index) {
                for place in inputs.indices.prefix(2) { inputs[place] = try builder.term(inputs[place]).cast(.bf16).ref }
            }
            let made = builder.append(node.content, inputs: inputs, attributes: attributes(of: index), types: results)
            places.append(results.indices.map { Ref(Int(made), $0) })
        }
        return builder.finish(outputs.map { builder.term(places[Int($0.node)][Int($0.output)]) })
    }

    /// Whether rounding and unrounded sums pay: from about 32³ multiplications on.
    private func isLargeProduct(_ index: Int) -> Bool {
        guard case .op(let id) = nodes[index].content, case .special(let special) = Op.at(id).kernel else { return false }
        switch special {
        case .matmul, .conv, .convGradientInput, .convGradientKernel: break
        default: return false
        }
        let inputs = inputs(of: index).prefix(2).map { type(of: $0) }
        guard inputs.count == 2, inputs.allSatisfy({ $0.dtype == .f32 }) else { return false }
        let sizes = (inputs + [type(of: Ref(index))]).map { Double($0.shape.elementCount ?? 0) }
        // The product of the three arrays' sizes is (m · n · k)² for matrices, and about that much for convolutions.
        return sizes.reduce(1, *) >= 1e9
    }
}
