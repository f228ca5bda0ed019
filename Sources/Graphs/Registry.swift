extension Op {
    /// Every row, in the order of the families' files.
    public static let all: [Op] = {
        let all =
            arithmetic + functions + activations + comparison + reductions + shaping + indexing + creation + random + linearAlgebra
            + networks + control
        for (position, op) in all.enumerated() { op.place(at: position) }
        return all
    }()

    private static let index: [String: Int] = Dictionary(
        uniqueKeysWithValues: all.enumerated().map { ($1.name, $0) })

    /// The row of that name, as scripts write it (`nn.conv2d`).
    public static func named(_ name: String) -> Op? { index[name].map { all[$0] } }

    public static func at(_ id: OpID) -> Op { all[Int(id.index)] }
}
