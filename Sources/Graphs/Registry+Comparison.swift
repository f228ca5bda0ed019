internal import CKernels

// Comparisons, truth values and choosing by them.
extension Op {
    static let comparison: [Op] = [
        .compare("equal", doc: "a == b, element by element.", kernel: .equal, example: "equal([1, 2], 2)    # => [false, true]"),
        .compare("not_equal", doc: "a != b, element by element.", kernel: .not_equal, example: "not_equal([1, 2], 2)    # => [true, false]"),
        .compare("less", doc: "a < b, element by element.", kernel: .less, example: "less([1, 2], 2)    # => [true, false]"),
        .compare("less_equal", doc: "a <= b, element by element.", kernel: .less_equal, example: "less_equal([1, 3], 2)    # => [true, false]"),
        .compare("greater", doc: "a > b, element by element.", kernel: .greater, example: "greater([1, 3], 2)    # => [false, true]"),
        .compare(
            "greater_equal", doc: "a >= b, element by element.", kernel: .greater_equal,
            example: "greater_equal([1, 3], 3)    # => [false, true]"),
        .zip(
            "logical_and", doc: "a and b, element by element.", kernel: .logical_and,
            example: "logical_and([true, true], [true, false])    # => [true, false]", promotion: .logical, result: .bool, gradient: .truth),
        .zip(
            "logical_or", doc: "a or b, element by element.", kernel: .logical_or,
            example: "logical_or([true, false], [false, false])    # => [true, false]", promotion: .logical, result: .bool, gradient: .truth),
        .zip(
            "logical_xor", doc: "Either a or b, element by element.", kernel: .logical_xor,
            example: "logical_xor([true, false], [true, true])    # => [false, true]", promotion: .logical, result: .bool, gradient: .truth),
        .map(
            "logical_not", doc: "not x, element by element.", kernel: .logical_not, example: "logical_not([true, false])    # => [false, true]",
            promotion: .logical, result: .bool, gradient: .truth),
        .map(
            "isnan", doc: "Whether each element is nan.", kernel: .isnan, example: "isnan([nan, 1.0])    # => [true, false]",
            result: .bool, gradient: .truth),
        .map(
            "isinf", doc: "Whether each element is inf or -inf.", kernel: .isinf, example: "isinf([inf, 1.0])    # => [true, false]",
            result: .bool, gradient: .truth),
        .map(
            "isfinite", doc: "Whether each element is a number other than nan and ±inf.", kernel: .isfinite,
            example: "isfinite([inf, 1.0])    # => [false, true]", result: .bool, gradient: .truth),
        .special(
            "where", doc: "a where the condition holds, else b, element by element.",
            [.tensor("condition"), .tensor("a"), .tensor("b")], promotion: .commonAfterFirst, kernel: .select,
            example: "where([true, false], [1, 2], [3, 4])    # => [1, 4]",
            samples: [Sample([.bools([true, false, true, true, false, false], [2, 3]), .random([2, 3]), .random([3])])],
            gradient: .of { (b, dy) throws(OpError) in
                let condition = b.inputs[0]
                let da = try dy.kept(where: condition)
                let db = try dy.constant(0).kept(where: condition, else: dy)
                return [nil, try da.unbroadcast(to: b.inputs[1].shape), try db.unbroadcast(to: b.inputs[2].shape)]
            },
            infer: { (i) throws(OpError) in
                if i.dtype != .bool { throw .dtype(i.op, i.dtype, expected: "a `bool` condition", mend: "compare it, as in `x != 0`") }
                return [TensorType(i.inputs[1].dtype, try i.broadcast())]
            }),
        .composed(
            "isclose", doc: "|a - b| <= atol + rtol · |b|, element by element.",
            [.tensor("a"), .tensor("b"), .float("rtol", 1e-5), .float("atol", 1e-8), .bool("equal_nan", false)],
            promotion: .real, example: "isclose([1.0, 2.0], [1.0, 2.1])    # => [true, false]",
            infer: { (i) throws(OpError) in [TensorType(.bool, try i.broadcast())] },
            { (e) throws(OpError) in [try close(e)] }),
        .composed(
            "allclose", doc: "Whether all elements are close: |a - b| <= atol + rtol · |b|.",
            [.tensor("a"), .tensor("b"), .float("rtol", 1e-5), .float("atol", 1e-8), .bool("equal_nan", false)],
            promotion: .real, example: "allclose([1.0], [1.0])    # => true",
            infer: { (i) throws(OpError) in
                _ = try i.broadcast()
                return [TensorType(.bool, [])]
            },
            { (e) throws(OpError) in [try close(e).op("all")] }),
        .composed(
            "isin", doc: "Whether each element of x is among those of `test`.", [.x, .tensor("test")], promotion: .common,
            example: "isin([1, 2, 3], [2, 3])    # => [false, true, true]",
            infer: { (i) throws(OpError) in [TensorType(.bool, i.shape)] },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let test = try e.inputs[1].reshaped([e.inputs[1].shape.elementCount ?? -1])
                return [try x.expanded(x.shape.count).op("equal", test).op("any", with: ["axis": .ints([-1])])]
            }),
    ]

    private static func close(_ e: Expansion) throws(OpError) -> Term {
        let (a, b) = (e.inputs[0], e.inputs[1])
        let bound = try b.op("abs") * e.arguments.float("rtol") + e.arguments.float("atol")
        // Equal infinities are close; their difference is nan.
        var result = try a.op("equal", b).op("logical_or", ((a - b).op("abs").op("less_equal", bound)).op("logical_and", b.op("isfinite")))
        if e.arguments.bool("equal_nan") {
            result = try result.op("logical_or", a.op("isnan").op("logical_and", b.op("isnan")))
        }
        return result
    }

    private static func compare(_ name: String, doc: String, kernel: tfs_zip, example: String) -> Op {
        Op(
            name, doc: doc, parameters: [.tensor("a"), .tensor("b")], promotion: .common, kernel: .zip(kernel),
            example: example, gradient: .truth
        ) { (i) throws(OpError) in [TensorType(.bool, try i.broadcast())] }
    }
}
