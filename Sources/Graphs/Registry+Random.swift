// Random numbers. Every row draws from its key, the last input, which the engine supplies; a script may pass `seed`.
extension Op {
    static let random: [Op] = [
        .draw("_random_uniform", doc: "Uniform in [0, 1).", [.shape, .realDType], kernel: .randomUniform),
        .draw("_random_normal", doc: "Standard normal.", [.shape, .realDType], kernel: .randomNormal),
        .draw("_random_truncated_normal", doc: "Standard normal, redrawn outside ±2.", [.shape, .realDType], kernel: .randomTruncatedNormal),
        .drawn("random.uniform", doc: "Uniform numbers in [minval, maxval).", [.shape, .float("minval", 0), .float("maxval", 1), .realDType], example: "random.uniform([2, 3]).shape    # => [2, 3]") {
            (e, key) throws(OpError) in
            let (low, high) = (e.arguments.float("minval"), e.arguments.float("maxval"))
            let u = try key.op("_random_uniform", with: ["shape": e.arguments["shape"], "dtype": e.arguments["dtype"]])
            return low == 0 && high == 1 ? u : try u * (high - low) + low
        },
        .drawn("random.normal", doc: "Normal numbers.", [.shape, .float("mean", 0), .float("stddev", 1), .realDType], example: "random.normal([2, 3]).shape    # => [2, 3]") {
            (e, key) throws(OpError) in try scaled(e, key, "_random_normal")
        },
        .drawn(
            "random.truncated_normal", doc: "Normal numbers, redrawn beyond two standard deviations.", [.shape, .float("mean", 0), .float("stddev", 1), .realDType],
            example: "random.truncated_normal([2]).shape    # => [2]"
        ) { (e, key) throws(OpError) in try scaled(e, key, "_random_truncated_normal") },
        .drawn("random.exponential", doc: "Exponential numbers with mean `scale`.", [.shape, .float("scale", 1), .realDType], example: "random.exponential([2]).shape    # => [2]") {
            (e, key) throws(OpError) in
            try (-key.op("_random_uniform", with: ["shape": e.arguments["shape"], "dtype": e.arguments["dtype"]])).op("log1p") * -e.arguments.float("scale")
        },
        .special(
            "random.randint", doc: "Integers in [minval, maxval).", [.shape, .int("minval"), .int("maxval"), Parameter("dtype", .dtype, default: .dtype(.i32)), .key],
            kernel: .randomInt, example: "random.randint([2], 0, 10).shape    # => [2]", gradient: .drawn,
            infer: { (i) throws(OpError) in
                try i.op.requireSizes(i.arguments.ints("shape"))
                if i.arguments.int("minval") >= i.arguments.int("maxval") {
                    throw .value(i.op, "maxval", i.arguments.int("maxval"), expected: "more than minval, \(i.arguments.int("minval"))")
                }
                return [TensorType(i.arguments.dtype("dtype"), i.arguments.ints("shape"))]
            }),
        .special(
            "random.permutation", doc: "0, …, n - 1 in random order.", [.int("n"), .key], kernel: .randomPermutation, example: "random.permutation(3).shape    # => [3]",
            gradient: .drawn,
            infer: { (i) throws(OpError) in
                try i.op.requireSizes([i.arguments.int("n")], "n")
                return [TensorType(.i32, [i.arguments.int("n")])]
            }),
        .composed(
            "random.shuffle", doc: "x with the parts along an axis in random order.", [.x, .axis(0), .key], example: "sort(random.shuffle([1, 2, 3]))    # => [1, 2, 3]",
            samples: [Sample([.random([3, 2]), .key])], infer: axisMap,
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                let order = try e.inputs[1].op("random.permutation", with: ["n": .int(x.shape[axis])])
                return [try x.op("gather", order, with: ["axis": .int(axis)])]
            }),
        .composed(
            "random.choice", doc: "`size` random parts of x along its first axis, with or without putting back.", [.x, .shape("size"), .bool("replace", true), .key],
            example: "random.choice([1, 2, 3], 5).shape    # => [5]", samples: [Sample([.random([3, 2]), .key], ["size": .ints([2])])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 1...64)
                let size = i.arguments.ints("size")
                try i.op.requireSizes(size, "size")
                if !i.arguments.bool("replace"), i.shape[0] >= 0, (size.elementCount ?? 0) > i.shape[0] {
                    throw .value(i.op, "size", size, expected: "at most \(i.shape[0]) without putting back")
                }
                return [TensorType(i.dtype, size + i.shape.dropFirst())]
            },
            { (e) throws(OpError) in
                let (x, key, size) = (e.inputs[0], e.inputs[1], e.arguments.ints("size"))
                let indices: Term
                if e.arguments.bool("replace") {
                    indices = try key.op("random.randint", with: ["shape": .ints(size), "minval": .int(0), "maxval": .int(Swift.max(x.shape[0], 1))])
                } else {
                    indices = try key.op("random.permutation", with: ["n": .int(x.shape[0])]).sliced(0, 0, size.elementCount ?? 0).reshaped(size)
                }
                return [try x.op("gather", indices)]
            }),
        .composed(
            "random.categorical", doc: "Classes drawn with probabilities softmax(logits): [batch, classes] to [batch, num_samples].",
            [.tensor("logits"), .int("num_samples"), .key], promotion: .realFirst, example: "random.categorical([[0.0, 100.0]], 1)    # => [[1]]",
            infer: { (i) throws(OpError) in
                try i.require(rank: 2...2)
                try i.op.requireSizes([i.arguments.int("num_samples")], "num_samples")
                return [TensorType(.i64, [i.shape[0], i.arguments.int("num_samples")])]
            },
            { (e) throws(OpError) in
                // The largest of logits + Gumbel noise has the wanted distribution.
                let (logits, n) = (e.inputs[0], e.arguments.int("num_samples"))
                let shape = [logits.shape[0], n, logits.shape[1]]
                let u = try e.inputs[1].op("_random_uniform", with: ["shape": .ints(shape), "dtype": .dtype(logits.dtype)])
                let gumbel = try -(-(u.op("maximum", u.constant(1e-37))).op("log")).op("log")
                return [try (logits.expanded(1) + gumbel).op("argmax", with: ["axis": .int(2)])]
            }),
        .composed(
            "random.bernoulli", doc: "1 with probability p, else 0, for each element of p.", [.tensor("p"), .realDType, .key], promotion: .realFirst,
            example: "random.bernoulli([0.0, 1.0])    # => [0.0, 1.0]", infer: { (i) throws(OpError) in [TensorType(i.arguments.dtype("dtype"), i.shape)] },
            { (e) throws(OpError) in
                let p = e.inputs[0]
                let u = try e.inputs[1].op("_random_uniform", with: ["shape": .ints(p.shape), "dtype": .dtype(p.dtype)])
                return [try u.op("less", p).cast(e.arguments.dtype("dtype"))]
            }),
        .composed(
            "random.crop", doc: "A part of x of the given size, at a random place.", [.x, .shape("size"), .key], example: "random.crop([1, 2, 3], 2).shape    # => [2]",
            samples: [Sample([.random([4, 3]), .key], ["size": .ints([2, 3])])],
            infer: { (i) throws(OpError) in
                let size = i.arguments.ints("size")
                guard size.count == i.shape.count, Swift.zip(size, i.shape).allSatisfy({ $0 >= -1 && ($1 < 0 || $0 <= $1) }) else {
                    throw .value(i.op, "size", size, expected: "sizes within `\(i.shape.text)`")
                }
                return [TensorType(i.dtype, size)]
            },
            { (e) throws(OpError) in
                var (x, key) = (e.inputs[0], e.inputs[1])
                for (axis, size) in e.arguments.ints("size").enumerated() where size < x.shape[axis] {
                    // Each axis draws from a key of its own.
                    key = try key * 1_000_003 + Double(axis + 1)
                    let start = try key.op("random.randint", with: ["shape": .ints([1]), "minval": .int(0), "maxval": .int(x.shape[axis] - size + 1)])
                    x = try x.op("gather", Term.iota(e.builder, [size], axis: 0, .i32) + start, with: ["axis": .int(axis)])
                }
                return [x]
            }),
    ]

    private static func scaled(_ e: Expansion, _ key: Term, _ name: String) throws(OpError) -> Term {
        let z = try key.op(name, with: ["shape": e.arguments["shape"], "dtype": e.arguments["dtype"]])
        let (mean, stddev) = (e.arguments.float("mean"), e.arguments.float("stddev"))
        let wide = stddev == 1 ? z : try z * stddev
        return mean == 0 ? wide : try wide + mean
    }

    private static func draw(_ name: String, doc: String, _ parameters: [Parameter], kernel: Special) -> Op {
        special(name, doc: doc, parameters + [.key], kernel: kernel, example: "random.normal([2]).shape    # => [2]", gradient: .drawn, infer: floatDraw)
    }

    private static func drawn(
        _ name: String, doc: String, _ parameters: [Parameter], example: String, _ expand: @escaping @Sendable (Expansion, Term) throws(OpError) -> Term
    ) -> Op {
        composed(name, doc: doc, parameters + [.key], example: example, infer: floatDraw, { (e) throws(OpError) in [try expand(e, e.inputs[0])] })
    }

    private static func floatDraw(_ i: Inference) throws(OpError) -> [TensorType] {
        let dtype = i.arguments.dtype("dtype")
        if !dtype.isFloat { throw .dtype(i.op, dtype, expected: "a float dtype", mend: "`random.randint` draws integers") }
        try i.op.requireSizes(i.arguments.ints("shape"))
        return [TensorType(dtype, i.arguments.ints("shape"))]
    }
}

extension Op.Parameter {
    static func shape(_ name: String) -> Self { Self(name, .shape) }
}
