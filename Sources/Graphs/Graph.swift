/// A result of a node.
public struct Ref: Sendable, Hashable {
    public var node: Int32
    public var output: Int32
    public init(_ node: Int, _ output: Int = 0) { (self.node, self.output) = (Int32(node), Int32(output)) }
}

/// A dataflow graph: small nodes in topological order, their inputs in one flat array.
///
/// A graph is a value, equal to another of the same structure; its hash is what programs are cached under.
public struct Graph: Sendable, Hashable {
    public enum Content: Sendable, Hashable {
        /// The index-th argument of the graph.
        case input(Int)
        /// A number, broadcast to a scalar of the node's dtype.
        case constant(Double)
        /// A row of the registry.
        case op(OpID)
    }

    public struct Node: Sendable, Hashable {
        public var content: Content
        /// A range of `edges`.
        public var inputs: Range<Int32>
        /// An index into `attributes`.
        public var attributes: Int32
        /// A range of `types`, one per result.
        public var results: Range<Int32>
    }

    public internal(set) var nodes: [Node] = []
    public internal(set) var edges: [Ref] = []
    public internal(set) var types: [TensorType] = []
    public internal(set) var attributes: [Attributes] = [Attributes()]
    /// The node of each argument.
    public internal(set) var arguments: [Int32] = []
    public internal(set) var outputs: [Ref] = []
    /// Where each node was written: an opaque number of the language's, not part of the structure.
    public var origins: [Int32] = []

    public init() {}

    public func inputs(of node: Int) -> ArraySlice<Ref> {
        let range = nodes[node].inputs
        return edges[Int(range.lowerBound)..<Int(range.upperBound)]
    }
    public func type(of ref: Ref) -> TensorType { types[Int(nodes[Int(ref.node)].results.lowerBound + ref.output)] }
    public func resultCount(of node: Int) -> Int { nodes[node].results.count }
    public func attributes(of node: Int) -> Attributes { attributes[Int(nodes[node].attributes)] }

    public static func == (a: Graph, b: Graph) -> Bool {
        a.nodes == b.nodes && a.edges == b.edges && a.outputs == b.outputs && a.types == b.types
            && a.attributes == b.attributes
    }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(nodes)
        hasher.combine(edges)
        hasher.combine(outputs)
        hasher.combine(types)
    }
}

/// The index of a row in the registry.
public struct OpID: Sendable, Hashable {
    public var index: Int32
    public init(_ index: Int) { self.index = Int32(index) }
}
