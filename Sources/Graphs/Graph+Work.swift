/// How much arithmetic there is in an op and in a graph, from shapes alone.
extension Op {
    /// Multiplications with an addition each that the op takes: those of products of matrices, convolutions and the
    /// bodies of recurrences. What is done element by element does not count, as in the papers that give such numbers.
    ///
    /// 0 where a size is not known.
    public func multiplyAdds(_ inputs: [TensorType], _ attributes: Attributes) -> Int {
        guard inputs.allSatisfy(\.shape.isKnown) else { return 0 }
        switch kernel {
        case .special(.matmul):
            let a = inputs[0].shape
            let inner = a[a.count - (Arguments(self, attributes).bool("transpose_a") ? 2 : 1)]
            return size((try? infer(Inference(op: self, inputs: inputs, attributes: attributes)))?.first) * inner
        case .special(.conv):
            let outputs = (try? infer(Inference(op: self, inputs: inputs, attributes: attributes)))?.first
            return size(outputs) * Self.weightsPerOutput(inputs[1].shape)
        case .special(.convGradientInput): return size(inputs[0]) * Self.weightsPerOutput(inputs[1].shape)
        case .special(.convGradientKernel):
            return size(inputs[1]) * Self.weightsPerOutput(Arguments(self, attributes).ints("kernel_shape"))
        case .special(.scan):
            let arguments = Arguments(self, attributes)
            guard arguments.int("sequences") > 0, let length = inputs[arguments.int("carries")].shape.first else { return 0 }
            return length * arguments.graph("body").multiplyAdds
        case .composed:
            let builder = GraphBuilder()
            _ = try? builder.add(self, inputs.map(builder.input), attributes)
            return builder.graph.multiplyAdds
        case .map, .zip, .reduce, .special: return 0
        }
    }

    private func size(_ type: TensorType?) -> Int { type?.shape.elementCount ?? 0 }

    /// A kernel is [spatial…, in / groups, out].
    private static func weightsPerOutput(_ kernel: Shape) -> Int { kernel.dropLast().reduce(1, *) }
}

extension Graph {
    /// Those of all its nodes.
    public var multiplyAdds: Int {
        nodes.indices.reduce(0) { sum, node in
            guard case .op(let id) = nodes[node].content else { return sum }
            return sum + Op.at(id).multiplyAdds(inputs(of: node).map(type(of:)), attributes(of: node))
        }
    }
}
