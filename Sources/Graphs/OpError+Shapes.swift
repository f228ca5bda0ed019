// The wording of what shape rules refuse. One factory per kind of mistake.
extension OpError {
    static func doNotBroadcast(_ op: Op, _ shapes: [Shape]) -> OpError {
        // A vector with a number for each row of a matrix.
        let vector = shapes.first { $0.count == 1 && $0[0] > 1 }
        let isOfRows = shapes.contains { shape in shape.count == 2 && vector?[0] == shape[0] }
        return OpError(
            "E0201", "shapes \(shapes.map { "`\($0.text)`" }.joined(separator: " and ")) do not broadcast in `\(op.name)`",
            why: "aligned at the last axis, sizes must be equal or 1",
            mend: isOfRows ? "`[:, none]` behind what has shape `\(vector?.text ?? "")` makes it a column" : nil)
    }
    static func rank(_ op: Op, _ parameter: String, _ expected: String, got shape: Shape) -> OpError {
        OpError("E0202", "`\(op.name)` expects `\(parameter)` with \(expected), found shape `\(shape.text)`")
    }
    static func axis(_ op: Op, _ axis: Int, rank: Int) -> OpError {
        OpError(
            "E0203", "`\(op.name)` has no axis \(axis) to work on: the tensor has \(rank) \(rank == 1 ? "axis" : "axes")",
            why: rank == 0 ? "a tensor of one number has no axes" : "axes go from \(-rank) to \(rank - 1)")
    }
    static func repeatedAxis(_ op: Op, _ axis: Int) -> OpError {
        OpError("E0203", "`\(op.name)` names axis \(axis) twice")
    }
    static func disagree(_ op: Op, _ what: String, _ a: Shape, _ b: Shape, mend: String? = nil) -> OpError {
        OpError("E0204", "`\(op.name)`: shapes `\(a.text)` and `\(b.text)` do not go together", why: what, mend: mend)
    }
    static func value(_ op: Op, _ name: String, _ value: some Any, expected: String) -> OpError {
        OpError("E0205", "`\(op.name)`: `\(name)` is \(value), expected \(expected)")
    }
    static func reshape(_ from: Shape, _ to: Shape) -> OpError {
        OpError(
            "E0206", "a tensor of shape `\(from.text)` cannot be reshaped to `[\(to.map(String.init).joined(separator: ", "))]`",
            why: from.elementCount.map { "it has \($0) elements" })
    }
    static func dtype(_ op: Op, _ got: DType, expected: String, mend: String? = nil) -> OpError {
        OpError("E0207", "`\(op.name)` works on \(expected), found `\(got)`", mend: mend)
    }
    static func tooLarge(_ op: Op) -> OpError {
        OpError("E0290", "the result of `\(op.name)` has too many elements to count")
    }
    static func empty(_ op: Op, _ shape: Shape) -> OpError {
        OpError("E0204", "`\(op.name)` of no elements has no value: the shape is `\(shape.text)`")
    }
    /// A value-dependent shape meets compiled code.
    static func needsValues(_ op: Op) -> OpError {
        OpError(
            "E0210", "the shape that `\(op.name)` gives depends on values",
            why: "in compiled code every shape is known before the first value", mend: "use a mask with `where`")
    }
}
