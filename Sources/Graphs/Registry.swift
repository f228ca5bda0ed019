extension Op {
    /// Every row, in the order of the families' files.
    public static let all: [Op] =
        arithmetic + functions + activations + comparison + reductions + shaping + indexing + creation + random + linearAlgebra + networks + control

    private static let index: [String: Int] = Dictionary(
        uniqueKeysWithValues: all.enumerated().map { ($1.name, $0) })

    /// The row of that name, as scripts write it (`nn.conv2d`).
    public static func named(_ name: String) -> Op? { index[name].map { all[$0] } }

    public static func at(_ id: OpID) -> Op { all[Int(id.index)] }

    /// Where this row stands in the registry.
    public var id: OpID {
        guard let position = Op.index[name] else { preconditionFailure("op `\(name)` is not in the registry") }
        return OpID(position)
    }
}
