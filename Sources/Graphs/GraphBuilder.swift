/// Builds a graph; equal nodes meet at construction, so common subexpressions are computed once.
///
/// `add` promotes inputs (inserting casts), runs the op's shape rule, and replaces composed ops by what they
/// are composed of.
public final class GraphBuilder {
    public private(set) var graph = Graph()
    /// The origin given to nodes from here on.
    public var origin: Int32 = -1
    private var known: [Key: Int32] = [:]
    private var knownAttributes: [Attributes: Int32] = [Attributes(): 0]

    private struct Key: Hashable {
        var content: Graph.Content
        var inputs: [Ref]
        var attributes: Int32
        var types: [TensorType]
    }

    public init() {}
    public init(_ graph: Graph) {
        self.graph = graph
        for (index, attributes) in graph.attributes.enumerated() { knownAttributes[attributes] = Int32(index) }
        for index in graph.nodes.indices { known[key(of: index)] = Int32(index) }
    }

    private func key(of index: Int) -> Key {
        let node = graph.nodes[index]
        return Key(
            content: node.content, inputs: Array(graph.inputs(of: index)), attributes: node.attributes,
            types: Array(graph.types[Int(node.results.lowerBound)..<Int(node.results.upperBound)]))
    }

    /// A new argument of the graph.
    public func input(_ type: TensorType) -> Term {
        let index = append(.input(graph.arguments.count), inputs: [], attributes: Attributes(), types: [type])
        graph.arguments.append(index)
        return term(Ref(Int(index)))
    }

    /// A scalar constant.
    public func constant(_ value: Double, _ dtype: DType) -> Term {
        // NaN is never equal to itself; without this it would be a new node each time, which is harmless.
        term(Ref(Int(append(.constant(value), inputs: [], attributes: Attributes(), types: [TensorType(dtype, [])]))))
    }

    public func add(_ op: Op, _ inputs: [Term], _ attributes: Attributes = Attributes()) throws(OpError) -> [Term] {
        let dtypes = op.promotedDTypes(inputs.map(\.type.dtype))
        var promoted: [Term] = []
        for (term, dtype) in zip(inputs, dtypes) {
            promoted.append(try term.cast(dtype))
        }
        if case .composed(let expand) = op.kernel {
            return try expand(Expansion(inputs: promoted, arguments: Arguments(op, attributes), builder: self))
        }
        let types = try op.types(promoted.map(\.type), attributes)
        let node = append(.op(op.id), inputs: promoted.map(\.ref), attributes: attributes, types: types)
        return types.indices.map { term(Ref(Int(node), $0)) }
    }

    public func term(_ ref: Ref) -> Term { Term(builder: self, ref: ref) }

    /// The graph with these outputs; nodes that they do not need stay until `Graph.pruned()`.
    public func finish(_ outputs: [Term]) -> Graph {
        var result = graph
        result.outputs = outputs.map(\.ref)
        return result
    }

    func append(
        _ content: Graph.Content, inputs: [Ref], attributes: Attributes, types: [TensorType]
    ) -> Int32 {
        let attributesIndex: Int32
        if let index = knownAttributes[attributes] {
            attributesIndex = index
        } else {
            attributesIndex = Int32(graph.attributes.count)
            graph.attributes.append(attributes)
            knownAttributes[attributes] = attributesIndex
        }
        let key = Key(content: content, inputs: inputs, attributes: attributesIndex, types: types)
        if let index = known[key] { return index }
        let index = Int32(graph.nodes.count)
        let edgeStart = Int32(graph.edges.count)
        graph.edges += inputs
        let typeStart = Int32(graph.types.count)
        graph.types += types
        graph.nodes.append(
            Graph.Node(
                content: content, inputs: edgeStart..<Int32(graph.edges.count), attributes: attributesIndex,
                results: typeStart..<Int32(graph.types.count)))
        graph.origins.append(origin)
        known[key] = index
        return index
    }
}

/// A result in a graph under construction, with operators, so that gradients read like formulas.
public struct Term {
    public let builder: GraphBuilder
    public let ref: Ref
    public var type: TensorType { builder.graph.type(of: ref) }
    public var shape: Shape { type.shape }
    public var dtype: DType { type.dtype }

    public init(builder: GraphBuilder, ref: Ref) { (self.builder, self.ref) = (builder, ref) }

    /// The first result of an op whose further inputs are given; attributes by name, defaults for the rest.
    public func op(_ name: String, _ others: Term..., with attributes: [String: Attribute] = [:]) throws(OpError) -> Term {
        try builder.op(name, [self] + others, with: attributes)[0]
    }
    /// A constant of this term's dtype.
    public func constant(_ value: Double) -> Term { builder.constant(value, dtype) }
    public func cast(_ dtype: DType) throws(OpError) -> Term {
        dtype == self.dtype ? self : try op("cast", with: ["dtype": .dtype(dtype)])
    }
}

extension GraphBuilder {
    /// An op by name; attributes by name, defaults for the rest.
    public func op(_ name: String, _ inputs: [Term], with given: [String: Attribute] = [:]) throws(OpError) -> [Term] {
        guard let op = Op.named(name) else { preconditionFailure("no op `\(name)`") }
        return try add(op, inputs, op.attributes(given))
    }
}

extension Op {
    /// Attributes from those given by name and the defaults of the others.
    public func attributes(_ given: [String: Attribute] = [:]) -> Attributes {
        for name in given.keys { precondition(attributeNames.contains(name), "op `\(self.name)` has no `\(name)`") }
        return Attributes(
            attributeParameters.map { parameter in
                guard let value = given[parameter.name] ?? parameter.defaultValue else {
                    preconditionFailure("op `\(self.name)` needs `\(parameter.name)`")
                }
                return value
            })
    }

    /// The dtypes that inputs of the given dtypes are cast to.
    public func promotedDTypes(_ dtypes: [DType]) -> [DType] {
        func widest(_ part: some Collection<DType>) -> DType { part.dropFirst().reduce(part.first ?? .f32) { $0.promoted(with: $1) } }
        switch promotion {
        case .none: return dtypes
        case .common: return dtypes.map { _ in widest(dtypes) }
        case .real: return dtypes.map { _ in widest(dtypes).real }
        case .number, .accumulating:
            let common = widest(dtypes)
            let narrow = common == .bool || (promotion == .accumulating && common.rawValue < DType.i32.rawValue)
            return dtypes.map { _ in narrow ? .i32 : common }
        case .logical: return dtypes.map { _ in .bool }
        case .realFirst: return dtypes.enumerated().map { $0 == 0 ? $1.real : $1 }
        case .commonFirstTwo:
            let common = widest(dtypes.prefix(2))
            return dtypes.enumerated().map { $0 < 2 ? common : $1 }
        case .commonAfterFirst: return dtypes.enumerated().map { $0 == 0 ? $1 : widest(dtypes.dropFirst()) }
        }
    }
}
