// What steers gradients, checks values, and repeats.
extension Op {
    static let control: [Op] = [
        .special(
            "stop_gradient", doc: "x, as a constant to gradients.", [.x], kernel: .identity, example: "stop_gradient([1, 2])    # => [1, 2]",
            gradient: .stops(because: "that is its purpose"), infer: { (i) throws(OpError) in [i.x] }),
        .special(
            "scale_gradient", doc: "x; its gradient is multiplied by `scale`.", [.x, .float("scale")], kernel: .identity, example: "scale_gradient([1, 2], 0.5)    # => [1, 2]",
            gradient: .of { (b, dy) throws(OpError) in [try dy * b.arguments.float("scale")] }, infer: { (i) throws(OpError) in [i.x] }),
        .special(
            "reverse_gradient", doc: "x; its gradient is multiplied by -scale (domain-adversarial training).", [.x, .float("scale", 1)], kernel: .identity,
            example: "reverse_gradient([1, 2])    # => [1, 2]",
            gradient: .of { (b, dy) throws(OpError) in [try dy * -b.arguments.float("scale")] }, infer: { (i) throws(OpError) in [i.x] }),
        .special(
            "clip_gradient", doc: "x; its gradient is clipped to [min, max].", [.x, .float("min"), .float("max")], kernel: .identity,
            example: "clip_gradient([1, 2], -1.0, 1.0)    # => [1, 2]",
            gradient: .of { (b, dy) throws(OpError) in
                [try dy.op("maximum", dy.constant(b.arguments.float("min"))).op("minimum", dy.constant(b.arguments.float("max")))]
            },
            infer: { (i) throws(OpError) in [i.x] }),
        .special(
            "check_numerics", doc: "x, or an error when an element is nan or infinite.", [.x, Parameter("message", .string([]), default: .string(""))], kernel: .checkNumerics,
            example: "check_numerics([1.0])    # => [1.0]", gradient: .map { (_, _, dy) throws(OpError) in dy }, infer: { (i) throws(OpError) in [i.x] }),
        .special(
            "_assert", doc: "x, or an error when an element of the condition is false.", [.tensor("condition"), .x, Parameter("message", .string([]), default: .string(""))],
            kernel: .assert, example: "assert_equal([1], [1])    # => [1]", samples: [Sample([.bools([true], [1]), .random([2])])],
            gradient: .of { (_, dy) throws(OpError) in [nil, dy] },
            infer: { (i) throws(OpError) in
                if i.dtype != .bool { throw .dtype(i.op, i.dtype, expected: "a `bool` condition") }
                return [i.inputs[1]]
            }),
        .asserting("assert_equal", doc: "a, or an error when an element differs from b's.", "equal", example: "assert_equal([1], [1])    # => [1]"),
        .asserting("assert_less", doc: "a, or an error when an element is not less than b's.", "less", example: "assert_less([1], [2])    # => [1]"),
        .asserting("assert_greater", doc: "a, or an error when an element is not greater than b's.", "greater", example: "assert_greater([2], [1])    # => [2]"),
        .composed(
            "assert_near", doc: "a, or an error when an element is not close to b's.",
            [.tensor("a"), .tensor("b"), .float("rtol", 1e-5), .float("atol", 1e-8), Parameter("message", .string([]), default: .string(""))], promotion: .common,
            example: "assert_near([1.0], [1.0])    # => [1.0]", samples: [Sample([.ints([1], [1]), .ints([1], [1])])],
            infer: { (i) throws(OpError) in
                _ = try i.broadcast()
                return [i.x]
            },
            { (e) throws(OpError) in
                let close = try e.inputs[0].op("isclose", e.inputs[1], with: ["rtol": e.arguments["rtol"], "atol": e.arguments["atol"]])
                return [try close.op("_assert", e.inputs[0], with: ["message": e.arguments["message"]])]
            }),
        Op(
            "_scan", doc: "A recurrence: the body maps carries, slices and captures to carries and outputs, along axis 0.",
            parameters: [Parameter("inputs", .tensors), Parameter("body", .hidden), Parameter("carries", .hidden), Parameter("sequences", .hidden), .bool("reverse", false)],
            kernel: .special(.scan), example: "scan((c, x) -> [c + x, c], 0, [1, 2])[0]    # => 3", results: .list,
            gradient: .rule(scanGradient), infer: scanTypes),
    ]

    private static func scanTypes(_ i: Inference) throws(OpError) -> [TensorType] {
        let (body, carries, sequences) = (i.arguments.graph("body"), i.arguments.int("carries"), i.arguments.int("sequences"))
        var length = -1
        for k in carries..<(carries + sequences) {
            let shape = i.inputs[k].shape
            guard let size = shape.first else { throw .axis(i.op, 0, rank: 0) }
            if length >= 0, size >= 0, size != length {
                throw OpError("E0204", "`scan` goes along sequences of \(length) and \(size) elements at once")
            }
            length = Swift.max(length, size)
        }
        let results = body.outputs.map(body.type(of:))
        for k in 0..<carries where i.inputs[k].dtype != results[k].dtype || !i.inputs[k].shape.matches(results[k].shape) {
            throw OpError("E0204", "the carry of `scan` changes from `\(i.inputs[k])` to `\(results[k])`", why: "a carry keeps its dtype and shape from step to step")
        }
        func stacked(_ type: TensorType) -> TensorType { TensorType(type.dtype, [length] + type.shape) }
        return i.inputs.prefix(carries) + results.dropFirst(carries).map(stacked) + i.inputs.prefix(carries).map(stacked)
    }

    private static func asserting(_ name: String, doc: String, _ comparison: String, example: String) -> Op {
        composed(
            name, doc: doc, [.tensor("a"), .tensor("b"), Parameter("message", .string([]), default: .string(""))], promotion: .common, example: example,
            samples: [Sample([.ints([comparison == "greater" ? 2 : 1], [1]), .ints([comparison == "less" ? 2 : 1], [1])])],
            infer: { (i) throws(OpError) in
                _ = try i.broadcast()
                return [i.x]
            },
            { (e) throws(OpError) in
                [try e.inputs[0].op(comparison, e.inputs[1]).op("_assert", e.inputs[0], with: ["message": e.arguments["message"]])]
            })
    }
}
