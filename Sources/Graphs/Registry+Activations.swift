internal import CKernels

// Activations, element by element and along an axis.
extension Op {
    static let activations: [Op] = [
        .map(
            "sigmoid", doc: "1 / (1 + e⁻ˣ).", kernel: .sigmoid, example: "sigmoid([0.0])    # => [0.5]",
            gradient: .map { (_, y, dy) throws(OpError) in try dy * (y * (1 - y)) }),
        .map(
            "_softplus", doc: "log(1 + eˣ).", kernel: .softplus, example: "softplus([0.0])    # => [0.6931]", domain: -20...20,
            gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("sigmoid") }),
        .formula(
            "softplus", doc: "Smooth ReLU: log(1 + eˢˣ) / s.", [.x, .float("scale", 1)],
            example: "softplus([0.0])    # => [0.6931]", domain: -20...20
        ) { (x, arguments) throws(OpError) in
            let scale = arguments.float("scale")
            return scale == 1 ? try x[0].op("_softplus") : try (x[0] * scale).op("_softplus") / scale
        },
        .map(
            "log_sigmoid", doc: "log(sigmoid(x)) = -softplus(-x).", kernel: .log_sigmoid,
            example: "log_sigmoid([0.0])    # => [-0.6931]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * (-x).op("sigmoid") }),
        .map(
            "_relu", doc: "max(x, 0).", kernel: .relu, example: "relu(tensor([-1, 2]))    # => [0, 2]", promotion: .number,
            // y is positive where x is, and x need not be kept.
            gradient: .map { (_, y, dy) throws(OpError) in try dy.reluGradient(y) }),
        .zip(
            "_relu_gradient", doc: "dy where x > 0, else 0.", "dy", "x", kernel: .relu_gradient,
            example: "relu(tensor([-1, 2]))    # => [0, 2]", promotion: .real,
            gradient: .zip { (_, x, _, ddy) throws(OpError) in (try ddy.op("_relu_gradient", x), nil) }),
        .formula(
            "relu", doc: "max(x, 0); below `threshold` the slope is `negative_slope`, and `max_value` caps it.",
            [
                .x, .float("negative_slope", 0), Parameter("max_value", .optionalFloat, default: Attribute.none), .float("threshold", 0),
            ], example: "relu(tensor([-1, 2]))    # => [0, 2]", promotion: .number
        ) { (x, arguments) throws(OpError) in
            let (slope, threshold) = (arguments.float("negative_slope"), arguments.float("threshold"))
            var y: Term
            if threshold == 0, slope == 0 {
                y = try x[0].op("_relu")
            } else {
                let x = try x[0].cast(x[0].dtype.real)
                y = try x.kept(where: x.op("greater", x.constant(threshold)), else: (x - threshold) * slope)
            }
            if let cap = arguments.optionalFloat("max_value") { y = try y.op("minimum", y.constant(cap)) }
            return try y.cast(x[0].dtype)
        },
        .map(
            "relu6", doc: "min(max(x, 0), 6).", kernel: .relu6, example: "relu6([-1, 7])    # => [0, 6]", promotion: .number,
            gradient: .map { (x, _, dy) throws(OpError) in
                try dy * x.mask("greater", 0) * x.mask("less", 6)
            }),
        .formula(
            "leaky_relu", doc: "x above 0, negative_slope · x below.", [.x, .float("negative_slope", 0.2)],
            example: "leaky_relu(tensor([-1.0, 2.0]))    # => [-0.2, 2.0]"
        ) { (x, arguments) throws(OpError) in
            try x[0].kept(where: x[0].op("greater", x[0].constant(0)), else: x[0] * arguments.float("negative_slope"))
        },
        .formula(
            "prelu", doc: "x above 0, alpha · x below; alpha is learned.", [.x, .tensor("alpha")],
            example: "prelu(tensor([-1.0, 2.0]), 0.5)    # => [-0.5, 2.0]"
        ) { (x, _) throws(OpError) in
            try x[0].kept(where: x[0].op("greater", x[0].constant(0)), else: x[0] * x[1])
        },
        .formula(
            "elu", doc: "x above 0, alpha · (eˣ - 1) below.", [.x, .float("alpha", 1)],
            example: "elu(tensor([-1.0, 2.0]))    # => [-0.6321, 2.0]"
        ) { (x, arguments) throws(OpError) in
            let below = try x[0].op("minimum", x[0].constant(0)).op("expm1") * arguments.float("alpha")
            return try x[0].kept(where: x[0].op("greater", x[0].constant(0)), else: below)
        },
        .formula(
            "celu", doc: "max(x, 0) + alpha · (e^(min(x, 0) / alpha) - 1).", [.x, .float("alpha", 1)],
            example: "celu([-1.0, 2.0])    # => [-0.6321, 2.0]"
        ) { (x, arguments) throws(OpError) in
            let alpha = arguments.float("alpha")
            let below = try (x[0].op("minimum", x[0].constant(0)) / alpha).op("expm1") * alpha
            return try x[0].kept(where: x[0].op("greater", x[0].constant(0)), else: below)
        },
        .map(
            "selu", doc: "Scaled ELU of self-normalising networks (Klambauer et al. 2017).", kernel: .selu,
            example: "selu([0.0, 1.0])    # => [0.0, 1.051]",
            gradient: .map { (x, y, dy) throws(OpError) in
                let scale = 1.0507009873554804934
                let slope = try (y + scale * 1.6732632423543772848).constant(scale).kept(
                    where: x.op("greater", x.constant(0)), else: y + scale * 1.6732632423543772848)
                return try dy * slope
            }),
        .map(
            "silu", doc: "x · sigmoid(x), also called swish.", kernel: .silu, example: "silu([0.0, 1.0])    # => [0.0, 0.7311]",
            gradient: .map { (x, y, dy) throws(OpError) in
                let s = try x.op("sigmoid")
                return try dy * (s + y * (1 - s))
            }),
        .map(
            "_gelu", doc: "x · Φ(x).", kernel: .gelu, example: "gelu([1.0])    # => [0.8413]",
            gradient: .map { (x, _, dy) throws(OpError) in
                let phi = try (x * x * -0.5).op("exp") * 0.398942280401432678
                let cumulative = try (x * -0.707106781186547524).op("erfc") * 0.5
                return try dy * (cumulative + x * phi)
            }),
        .map(
            "_gelu_tanh", doc: "x · Φ(x) by tanh.", kernel: .gelu_tanh, example: "gelu([1.0], approximate = true)    # => [0.8412]",
            gradient: .map { (x, _, dy) throws(OpError) in
                let (a, c) = (0.797884560802865356, 0.044715)
                let square = try x * x
                let t = try (x * (square * c + 1) * a).op("tanh")
                let slope = try x * (1 - t * t) * (square * (3 * c) + 1) * (0.5 * a)
                return try dy * ((t + 1) * 0.5 + slope)
            }),
        .formula(
            "gelu", doc: "x · Φ(x), the standard normal's distribution function; `approximate` takes the tanh form.",
            [.x, .bool("approximate", false)], example: "gelu([1.0])    # => [0.8413]"
        ) { (x, arguments) throws(OpError) in try x[0].op(arguments.bool("approximate") ? "_gelu_tanh" : "_gelu") },
        .map(
            "softsign", doc: "x / (1 + |x|).", kernel: .softsign, example: "softsign([1.0])    # => [0.5]",
            gradient: .map { (x, _, dy) throws(OpError) in
                let d = try x.op("abs") + 1
                return try dy / (d * d)
            }),
        .map(
            "mish", doc: "x · tanh(softplus(x)).", kernel: .mish, example: "mish([0.0])    # => [0.0]",
            gradient: .map { (x, _, dy) throws(OpError) in
                let t = try x.op("_softplus").op("tanh")
                return try dy * (t + x * x.op("sigmoid") * (1 - t * t))
            }),
        .map(
            "hard_sigmoid", doc: "relu6(x + 3) / 6.", kernel: .hard_sigmoid, example: "hard_sigmoid([0.0, 4.0])    # => [0.5, 1.0]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("abs").mask("less", 3) / 6 }),
        .map(
            "hard_silu", doc: "x · hard_sigmoid(x).", kernel: .hard_silu, example: "hard_silu([0.0, 4.0])    # => [0.0, 4.0]",
            gradient: .map { (x, _, dy) throws(OpError) in
                let h = try x.op("hard_sigmoid")
                return try dy * (h + x * x.op("abs").mask("less", 3) / 6)
            }),
        .formula(
            "hard_tanh", doc: "min(max(x, -1), 1).", example: "hard_tanh([-2.0, 0.5])    # => [-1.0, 0.5]"
        ) { (x, _) throws(OpError) in
            try x[0].op("maximum", x[0].constant(-1)).op("minimum", x[0].constant(1))
        },
        .formula(
            "threshold", doc: "x where x > threshold, else value.", [.x, .float("threshold"), .float("value")],
            example: "threshold([1.0, 3.0], 2.0, 0.0)    # => [0.0, 3.0]",
            samples: [Sample([.random([2, 3])], ["threshold": .float(0.1), "value": .float(0.5)])]
        ) { (x, arguments) throws(OpError) in
            let t = x[0].constant(arguments.float("threshold"))
            return try x[0].kept(where: x[0].op("greater", t), else: x[0].constant(arguments.float("value")))
        },
        .formula(
            "thresholded_relu", doc: "x where x > theta, else 0.", [.x, .float("theta", 1)],
            example: "thresholded_relu([0.5, 3.0])    # => [0.0, 3.0]"
        ) { (x, arguments) throws(OpError) in
            try x[0].kept(where: x[0].op("greater", x[0].constant(arguments.float("theta"))))
        },
        .formula(
            "soft_shrink", doc: "Moves x towards 0 by threshold, and to 0 within it.", [.x, .float("threshold", 0.5)],
            example: "soft_shrink([-1.0, 0.2, 1.0])    # => [-0.5, 0.0, 0.5]"
        ) { (x, arguments) throws(OpError) in
            let t = arguments.float("threshold")
            return try (x[0] - t).op("_relu") - (-x[0] - t).op("_relu")
        },
        .formula(
            "hard_shrink", doc: "x where |x| > threshold, else 0.", [.x, .float("threshold", 0.5)],
            example: "hard_shrink([-1.0, 0.2, 1.0])    # => [-1.0, 0.0, 1.0]"
        ) { (x, arguments) throws(OpError) in
            try x[0].kept(where: x[0].op("abs").op("greater", x[0].constant(arguments.float("threshold"))))
        },
        .formula(
            "tanh_shrink", doc: "x - tanh(x).", example: "tanh_shrink([0.0])    # => [0.0]"
        ) { (x, _) throws(OpError) in try x[0] - x[0].op("tanh") },
        .formula(
            "squareplus", doc: "(x + √(x² + b)) / 2.", [.x, .float("b", 4)], example: "squareplus([0.0])    # => [1.0]"
        ) { (x, arguments) throws(OpError) in
            try (x[0] + (x[0] * x[0] + arguments.float("b")).op("sqrt")) * 0.5
        },
        .formula(
            "exponential", doc: "eˣ, as an activation.", example: "exponential([0.0])    # => [1.0]"
        ) { (x, _) throws(OpError) in try x[0].op("exp") },
        .formula(
            "linear", doc: "x itself, as an activation.", example: "linear([1.0])    # => [1.0]", promotion: .none
        ) { (x, _) throws(OpError) in x[0] },
        .special(
            "_softmax", doc: "Softmax of one axis.", [.x, .int("axis")], promotion: .real, kernel: .softmax,
            example: "softmax(tensor([0.0, 0.0]))    # => [0.5, 0.5]", samples: [Sample([.random([2, 3])], ["axis": .int(1)])],
            gradient: .of { (b, dy) throws(OpError) in
                let y = b.outputs[0]
                let axis = b.arguments.int("axis")
                return [try y * (dy - (dy * y).sum([axis], keepdims: true))]
            },
            infer: { (i) throws(OpError) in [i.x] }),
        .special(
            "_log_softmax", doc: "Logarithm of softmax of one axis.", [.x, .int("axis")], promotion: .real, kernel: .logSoftmax,
            example: "log_softmax([0.0, 0.0])    # => [-0.6931, -0.6931]", samples: [Sample([.random([2, 3])], ["axis": .int(1)])],
            gradient: .of { (b, dy) throws(OpError) in
                let axis = b.arguments.int("axis")
                return [try dy - b.outputs[0].op("exp") * dy.sum([axis], keepdims: true)]
            },
            infer: { (i) throws(OpError) in [i.x] }),
        .composed(
            "softmax", doc: "eˣ / Σ eˣ along an axis, shifted by the largest so that nothing overflows.", [.x, .axis(-1)],
            promotion: .real, example: "softmax(tensor([0.0, 0.0]))    # => [0.5, 0.5]", samples: [Sample([.random([2, 3])])],
            infer: axisMap,
            { (e) throws(OpError) in
                let axis = try e.arguments.axis(rank: e.inputs[0].shape.count)
                return [try e.inputs[0].op("_softmax", with: ["axis": .int(axis)])]
            }),
        .composed(
            "log_softmax", doc: "x - log Σ eˣ along an axis.", [.x, .axis(-1)], promotion: .real,
            example: "log_softmax([0.0, 0.0])    # => [-0.6931, -0.6931]", samples: [Sample([.random([2, 3])])], infer: axisMap,
            { (e) throws(OpError) in
                let axis = try e.arguments.axis(rank: e.inputs[0].shape.count)
                return [try e.inputs[0].op("_log_softmax", with: ["axis": .int(axis)])]
            }),
        .composed(
            "hardmax", doc: "1 at the first largest along an axis, else 0.", [.x, .axis(-1)], promotion: .real,
            example: "hardmax([1.0, 3.0, 2.0])    # => [0.0, 1.0, 0.0]", samples: [Sample([.random([2, 3])])], infer: axisMap,
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                let best = try x.op("argmax", with: ["axis": .int(axis)])
                return [
                    try best.op("_one_hot", with: ["num_classes": .int(x.shape[axis]), "axis": .int(axis), "dtype": .dtype(x.dtype)])
                ]
            }),
        .composed(
            "sparsemax", doc: "The nearest point of the simplex along an axis (Martins & Astudillo 2016).", [.x, .axis(-1)],
            promotion: .real, example: "sparsemax([0.0, 0.0])    # => [0.5, 0.5]", samples: [Sample([.distinct([2, 3])])],
            infer: axisMap,
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                let sorted = try x.op("sort", with: ["axis": .int(axis), "descending": .bool(true)])
                let sums = try sorted.op("cumsum", with: ["axis": .int(axis)])
                let ranks = try Term.iota(e.builder, x.shape, axis: axis, x.dtype) + 1
                let inside = try (sorted * ranks + 1).mask("greater", sums)
                let size = try inside.sum([axis], keepdims: true)
                let tau = try ((sorted * inside).sum([axis], keepdims: true) - 1) / size
                return [try (x - tau).op("_relu")]
            }),
        .composed(
            "crelu", doc: "relu(x) and relu(-x), joined along an axis.", [.x, .axis(-1)], promotion: .number,
            example: "crelu([-1, 2])    # => [0, 2, 1, 0]", samples: [Sample([.random([2, 3])])]
        ) { (e) throws(OpError) in
            let axis = try e.arguments.axis(rank: e.inputs[0].shape.count)
            return [try [e.inputs[0].op("_relu"), (-e.inputs[0]).op("_relu")].concat(axis)]
        },
        .composed(
            "glu", doc: "a · sigmoid(b), where a and b are the halves of an axis.", [.x, .axis(-1)], promotion: .real,
            example: "glu([2.0, 0.0])    # => [1.0]", samples: [Sample([.random([2, 4])])],
            infer: { (i) throws(OpError) in
                let axis = try i.arguments.axis(rank: i.shape.count)
                let size = i.shape[axis]
                if size >= 0, size % 2 != 0 { throw .value(i.op, "the size of axis \(axis)", size, expected: "an even number") }
                return [TensorType(i.dtype, i.shape.replacing(axis, with: size < 0 ? -1 : size / 2))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                let half = x.shape[axis] / 2
                return [try x.sliced(axis, 0, half) * x.sliced(axis, half, 2 * half).op("sigmoid")]
            }),
        .composed(
            "maxout", doc: "The largest of each group along an axis, which becomes `num_units` long.",
            [.x, .int("num_units"), .axis(-1)], promotion: .number, example: "maxout([1, 4, 3, 2], 2)    # => [4, 3]",
            samples: [Sample([.distinct([2, 4])], ["num_units": .int(2)])],
            infer: { (i) throws(OpError) in
                let axis = try i.arguments.axis(rank: i.shape.count)
                let (size, units) = (i.shape[axis], i.arguments.int("num_units"))
                if units < 1 || (size >= 0 && size % units != 0) {
                    throw .value(i.op, "num_units", units, expected: "a divisor of the axis's size \(size)")
                }
                return [TensorType(i.dtype, i.shape.replacing(axis, with: units))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                let units = e.arguments.int("num_units")
                let grouped = x.shape.replacing(axis, with: units).inserting(x.shape[axis] / units, at: axis + 1)
                return [try x.reshaped(grouped).max([axis + 1])]
            }),
    ]

    /// The rule of what keeps the shape and works along `axis`.
    static func axisMap(_ i: Inference) throws(OpError) -> [TensorType] {
        try i.requireNumbers()
        _ = try i.arguments.axis(rank: i.shape.count)
        return [i.x]
    }
}
