/// A value that configures an op: known when the op is written, part of a graph's structure.
public enum Attribute: Sendable, Hashable {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    case dtype(DType)
    case ints([Int])
    case floats([Double])
    /// The body of a `scan`.
    case graph(Graph)
}

/// An op's attributes, in the order of its row's attribute parameters.
public struct Attributes: Sendable, Hashable {
    public var values: [Attribute]
    public init(_ values: [Attribute] = []) { self.values = values }
}
