// Convolutions, pools, normalisation, attention and losses. Channels last; a kernel is [spatial…, in / groups, out].
extension Op {
    static let networks: [Op] = [
        .special(
            "_conv", doc: "Convolution (cross-correlation) with explicit padding.", [.x, .tensor("kernel")] + windowParameters + [.int("groups", 1)], promotion: .real,
            kernel: .conv, example: "nn.conv1d([[[1.0], [2.0]]], [[[3.0]]])    # => [[[3.0], [6.0]]]", samples: [convSample([.random([2, 5, 4, 2]), .random([3, 2, 1, 4])])],
            gradient: .of { (b, dy) throws(OpError) in
                let (x, kernel) = (b.inputs[0], b.inputs[1])
                return [
                    try dy.op("_conv_gradient_input", kernel, with: carried(b.arguments, ["input_shape": .ints(x.shape)])),
                    try x.op("_conv_gradient_kernel", dy, with: carried(b.arguments, ["kernel_shape": .ints(kernel.shape)])),
                ]
            },
            infer: { (i) throws(OpError) in
                let (x, kernel, groups) = (i.shape, i.inputs[1].shape, i.arguments.int("groups"))
                try checkChannels(i.op, x, kernel, groups)
                let window = Window(i.arguments, size: Shape(kernel.dropLast(2)))
                return [TensorType(i.dtype, [x[0]] + (try window.count(i.op, Shape(x.dropFirst().dropLast()))) + [kernel[kernel.count - 1]])]
            }),
        .special(
            "_conv_gradient_input", doc: "The gradient of a convolution by its input.", [.tensor("dy"), .tensor("kernel"), .shape("input_shape")] + windowParameters + [.int("groups", 1)], promotion: .real,
            kernel: .convGradientInput, example: "nn.conv1d_transpose([[[1.0]]], [[[3.0]]])    # => [[[3.0]]]",
            samples: [convSample([.random([2, 2, 3, 4]), .random([3, 2, 1, 4])], ["input_shape": .ints([2, 5, 4, 2])])],
            gradient: .of { (b, ddx) throws(OpError) in
                [
                    try ddx.op("_conv", b.inputs[1], with: carried(b.arguments)),
                    try ddx.op("_conv_gradient_kernel", b.inputs[0], with: carried(b.arguments, ["kernel_shape": .ints(b.inputs[1].shape)])),
                ]
            },
            infer: { (i) throws(OpError) in [TensorType(i.dtype, i.arguments.ints("input_shape"))] }),
        .special(
            "_conv_gradient_kernel", doc: "The gradient of a convolution by its kernel.", [.x, .tensor("dy"), .shape("kernel_shape")] + windowParameters + [.int("groups", 1)], promotion: .real,
            kernel: .convGradientKernel, example: "nn.conv1d([[[1.0]]], [[[3.0]]])    # => [[[3.0]]]",
            samples: [convSample([.random([2, 5, 4, 2]), .random([2, 2, 3, 4])], ["kernel_shape": .ints([3, 2, 1, 4])])],
            gradient: .of { (b, ddk) throws(OpError) in
                [
                    try b.inputs[1].op("_conv_gradient_input", ddk, with: carried(b.arguments, ["input_shape": .ints(b.inputs[0].shape)])),
                    try b.inputs[0].op("_conv", ddk, with: carried(b.arguments)),
                ]
            },
            infer: { (i) throws(OpError) in [TensorType(i.dtype, i.arguments.ints("kernel_shape"))] }),
        .conv("nn.conv1d", 1), .conv("nn.conv2d", 2), .conv("nn.conv3d", 3),
        .convTranspose("nn.conv1d_transpose", 1), .convTranspose("nn.conv2d_transpose", 2), .convTranspose("nn.conv3d_transpose", 3),
        .depthwise("nn.depthwise_conv1d", 1), .depthwise("nn.depthwise_conv2d", 2),
        .separable("nn.separable_conv1d", 1), .separable("nn.separable_conv2d", 2),
        .special(
            "_max_pool", doc: "The largest of each window.", [.x] + poolParameters, kernel: .maxPool, example: "nn.max_pool1d([[[1.0], [2.0]]], 2)    # => [[[2.0]]]",
            samples: [poolSample([.distinct([2, 5, 4, 2])])],
            gradient: .of { (b, dy) throws(OpError) in [try b.inputs[0].op("_max_pool_gradient", dy, with: carried(b.arguments))] }, infer: pooled),
        .special(
            "_max_pool_gradient", doc: "dy at the first largest of each window.", [.x, .tensor("dy")] + poolParameters, promotion: .common, kernel: .maxPoolGradient,
            example: "nn.max_pool1d([[[1.0], [2.0]]], 2)    # => [[[2.0]]]", samples: [poolSample([.distinct([2, 5, 4, 2]), .random([2, 2, 2, 2])])],
            gradient: .of { (b, ddx) throws(OpError) in [nil, try b.inputs[0].op("_max_pool_take", ddx, with: carried(b.arguments))] },
            infer: { (i) throws(OpError) in [i.x] }),
        .special(
            "_max_pool_take", doc: "z at the first largest of each window of x.", [.x, .tensor("z")] + poolParameters, promotion: .common, kernel: .maxPoolTake,
            example: "nn.max_pool1d([[[1.0], [2.0]]], 2)    # => [[[2.0]]]", samples: [poolSample([.distinct([2, 5, 4, 2]), .random([2, 5, 4, 2])])],
            gradient: .of { (b, dy) throws(OpError) in [nil, try b.inputs[0].op("_max_pool_gradient", dy, with: carried(b.arguments))] }, infer: pooled),
        .special(
            "_avg_pool", doc: "The mean of each window; padding does not count.", [.x] + poolParameters, promotion: .real, kernel: .averagePool,
            example: "nn.avg_pool1d([[[1.0], [3.0]]], 2)    # => [[[2.0]]]", samples: [poolSample([.random([2, 5, 4, 2])])],
            gradient: .of { (b, dy) throws(OpError) in [try dy.op("_avg_pool_gradient", with: carried(b.arguments, ["input_shape": .ints(b.inputs[0].shape)]))] }, infer: pooled),
        .special(
            "_avg_pool_gradient", doc: "dy spread over each window.", [.tensor("dy"), .shape("input_shape")] + poolParameters, promotion: .real, kernel: .averagePoolGradient,
            example: "nn.avg_pool1d([[[1.0], [3.0]]], 2)    # => [[[2.0]]]", samples: [poolSample([.random([2, 2, 2, 2])], ["input_shape": .ints([2, 5, 4, 2])])],
            gradient: .of { (b, ddx) throws(OpError) in [try ddx.op("_avg_pool", with: carried(b.arguments))] },
            infer: { (i) throws(OpError) in [TensorType(i.dtype, i.arguments.ints("input_shape"))] }),
        .pool("nn.max_pool1d", 1, "_max_pool"), .pool("nn.max_pool2d", 2, "_max_pool"), .pool("nn.max_pool3d", 3, "_max_pool"),
        .pool("nn.avg_pool1d", 1, "_avg_pool"), .pool("nn.avg_pool2d", 2, "_avg_pool"), .pool("nn.avg_pool3d", 3, "_avg_pool"),
        .special(
            "nn.batch_norm", doc: "(x - mean) / √(variance + epsilon) · gamma + beta with the batch's own statistics, over all axes but the last; gives them too.",
            [.x, .tensor("gamma"), .tensor("beta"), .float("epsilon", 1e-3)], promotion: .real, kernel: .batchNorm,
            example: "nn.batch_norm([[1.0], [3.0]], [1.0], [0.0]).mean    # => [2.0]", results: .record(["y", "mean", "variance"]), samples: [Sample([.random([3, 2, 2]), .random([2]), .random([2])])],
            gradient: .rule { (b) throws(OpError) in try normGradient(b, axes: Array(0..<(b.inputs[0].shape.count - 1))) },
            infer: { (i) throws(OpError) in
                let channels = try normChannels(i)
                let statistics = TensorType(i.dtype, [channels])
                return [i.x, statistics, statistics]
            }),
        .special(
            "_layer_norm", doc: "(x - mean) / √(variance + epsilon) · gamma + beta, over the last axis.", [.x, .tensor("gamma"), .tensor("beta"), .float("epsilon", 1e-3)], promotion: .real,
            kernel: .layerNorm, example: "nn.layer_norm([1.0, 1.0], [1.0, 1.0], [0.0, 0.0])    # => [0.0, 0.0]", results: .record(["y", "mean", "variance"]),
            samples: [Sample([.random([2, 2, 3]), .random([3]), .random([3])])],
            gradient: .rule { (b) throws(OpError) in try normGradient(b, axes: [b.inputs[0].shape.count - 1]) },
            infer: { (i) throws(OpError) in
                _ = try normChannels(i)
                let statistics = TensorType(i.dtype, Shape(i.shape.dropLast()))
                return [i.x, statistics, statistics]
            }),
        .composed(
            "nn.layer_norm", doc: "(x - mean) / √(variance + epsilon) · gamma + beta, mean and variance over the last axis of each example.",
            [.x, .tensor("gamma"), .tensor("beta"), .float("epsilon", 1e-3)], promotion: .real, example: "nn.layer_norm([1.0, 1.0], [1.0, 1.0], [0.0, 0.0])    # => [0.0, 0.0]",
            samples: [Sample([.random([2, 3]), .random([3]), .random([3])])],
            infer: { (i) throws(OpError) in
                _ = try normChannels(i)
                return [i.x]
            },
            { (e) throws(OpError) in [try e.builder.op("_layer_norm", e.inputs, with: ["epsilon": e.arguments["epsilon"]])[0]] }),
        .formula(
            "batch_normalization", doc: "(x - mean) / √(variance + epsilon) · scale + offset with the statistics given.",
            [.x, .tensor("mean"), .tensor("variance"), .tensor("offset"), .tensor("scale"), .float("epsilon", 1e-3)], example: "batch_normalization([3.0], [1.0], [4.0], [0.0], [1.0], 0.0)    # => [1.0]",
            domain: 0.5...2, samples: [Sample([.random([2, 3]), .random([3]), .random([3]), .random([3]), .random([3])])]
        ) { (x, a) throws(OpError) in
            let factor = try (x[2] + a.float("epsilon")).op("rsqrt") * x[4]
            return try (x[0] - x[1]) * factor + x[3]
        },
        .composed(
            "rms_normalization", doc: "x / √(mean(x²) + epsilon) · scale, the mean over an axis.", [.x, .tensor("scale"), .axis(-1), .float("epsilon", 1e-6)], promotion: .real,
            example: "rms_normalization([2.0, 2.0], [1.0, 1.0])    # => [1.0, 1.0]", samples: [Sample([.random([2, 3]), .random([3])])], infer: axisMap,
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                let square = try x.op("square").op("mean", with: ["axis": .ints([axis]), "keepdims": .bool(true)])
                return [try x * (square + e.arguments.float("epsilon")).op("rsqrt") * e.inputs[1]]
            }),
        .composed(
            "lrn", doc: "Local response normalisation: x / (bias + alpha · Σ x²)^beta, the sum over `depth_radius` channels either side.",
            [.x, .int("depth_radius", 5), .float("bias", 1), .float("alpha", 1), .float("beta", 0.5)], promotion: .real, example: "lrn([1.0, 1.0, 1.0], 1, 1.0, 1.0, 1.0)    # => [0.3333, 0.25, 0.3333]",
            samples: [Sample([.random([2, 4])], ["depth_radius": .int(1)])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 1...64)
                if !(0...1024).contains(i.arguments.int("depth_radius")) { throw .value(i.op, "depth_radius", i.arguments.int("depth_radius"), expected: "0 to 1024") }
                return [i.x]
            },
            { (e) throws(OpError) in
                let (x, radius) = (e.inputs[0], e.arguments.int("depth_radius"))
                let last = x.shape.count - 1
                let squares = try x.op("square").padded(last, radius, radius)
                var total = try squares.sliced(last, 0, x.shape[last])
                for k in stride(from: 1, through: 2 * radius, by: 1) { total = try total + squares.sliced(last, k, k + x.shape[last]) }
                let base = try total * e.arguments.float("alpha") + e.arguments.float("bias")
                return [try x / base.op("power", base.constant(e.arguments.float("beta")))]
            }),
        .composed(
            "bias_add", doc: "x + b, b along the last axis.", [.x, .tensor("b")], promotion: .number, example: "bias_add([[1, 2]], [10, 20])    # => [[11, 22]]",
            samples: [Sample([.random([2, 3]), .random([3])])],
            infer: { (i) throws(OpError) in
                guard i.inputs[1].rank == 1, let last = i.shape.last, [last].matches(i.inputs[1].shape) else {
                    throw .disagree(i.op, "b has one number per channel, the last axis of x", i.shape, i.inputs[1].shape)
                }
                return [i.x]
            },
            { (e) throws(OpError) in [try e.inputs[0] + e.inputs[1]] }),
        .composed(
            "nn.dropout", doc: "0 with probability rate, else x / (1 - rate).", [.x, .float("rate"), Parameter("noise_shape", .optionalInts, default: Attribute.none), .key], promotion: .realFirst,
            example: "nn.dropout([1.0, 2.0], 0.0)    # => [1.0, 2.0]", samples: [Sample([.random([4]), .key], ["rate": .float(0.5)])],
            infer: { (i) throws(OpError) in
                let rate = i.arguments.float("rate")
                guard (0...1).contains(rate) else { throw .value(i.op, "rate", rate, expected: "a share between 0 and 1") }
                if let noise = i.arguments.optionalInts("noise_shape"), Shape.broadcast(i.shape, noise)?.matches(i.shape) != true { throw .doNotBroadcast(i.op, [i.shape, noise]) }
                return [i.x]
            },
            { (e) throws(OpError) in
                let (x, key, rate) = (e.inputs[0], e.inputs[1], e.arguments.float("rate"))
                if rate == 0 { return [x] }
                if rate == 1 { return [try x * 0] }
                let shape = e.arguments.optionalInts("noise_shape") ?? x.shape
                let u = try key.op("_random_uniform", with: ["shape": .ints(shape), "dtype": .dtype(.f32)])
                return [try (x / (1 - rate)).kept(where: u.op("greater_equal", u.constant(rate)))]
            }),
        .composed(
            "nn.softmax_cross_entropy", doc: "-Σ labels · log softmax(logits) over the last axis.", [.tensor("labels"), .tensor("logits")], promotion: .real,
            example: "nn.softmax_cross_entropy([[1.0, 0.0]], [[0.0, 0.0]])    # => [0.6931]", samples: [Sample([.random([2, 3]), .random([2, 3])])],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, Shape(try sameShapes(i).dropLast()))] },
            { (e) throws(OpError) in
                let log = try e.inputs[1].op("log_softmax")
                return [try -((e.inputs[0] * log).sum([log.shape.count - 1]))]
            }),
        .composed(
            "nn.sparse_softmax_cross_entropy", doc: "-log softmax(logits) at the label, over the last axis.", [.tensor("labels"), .tensor("logits")],
            example: "nn.sparse_softmax_cross_entropy([0], [[0.0, 0.0]])    # => [0.6931]", samples: [Sample([.ints([2, 0], [2]), .random([2, 3])])],
            infer: { (i) throws(OpError) in
                try i.requireIndices(0)
                try i.require(rank: 1...64, 1)
                let logits = i.inputs[1]
                guard i.shape.matches(Shape(logits.shape.dropLast())) else {
                    throw .disagree(i.op, "there is one label for each row of logits", i.shape, logits.shape, mend: i.shape.last == 1 ? "`squeeze(labels, -1)`" : nil)
                }
                return [TensorType(logits.dtype.real, i.shape)]
            },
            { (e) throws(OpError) in
                let (labels, logits) = (e.inputs[0], e.inputs[1])
                let log = try logits.op("log_softmax")
                let last = log.shape.count - 1
                return [try -(log.op("_take_along", labels.expanded(last), with: ["axis": .int(last)]).reshaped(labels.shape))]
            }),
        .composed(
            "nn.sigmoid_cross_entropy", doc: "-z·log σ(x) - (1 - z)·log σ(-x) for labels z and logits x, element by element.", [.tensor("labels"), .tensor("logits")], promotion: .real,
            example: "nn.sigmoid_cross_entropy([1.0], [0.0])    # => [0.6931]", samples: [Sample([.random([2, 3]), .random([2, 3])])],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try sameShapes(i))] },
            { (e) throws(OpError) in
                let (z, x) = (e.inputs[0], e.inputs[1])
                return [try z * (-x).op("_softplus") + (1 - z) * x.op("_softplus")]
            }),
        .composed(
            "nn.weighted_cross_entropy", doc: "As sigmoid_cross_entropy, positive labels weighing `pos_weight`.", [.tensor("labels"), .tensor("logits"), .tensor("pos_weight")], promotion: .real,
            example: "nn.weighted_cross_entropy([1.0], [0.0], 2.0)    # => [1.386]", samples: [Sample([.random([2, 3]), .random([2, 3]), .random([])])]
        ) { (e) throws(OpError) in
            let (z, x, q) = (e.inputs[0], e.inputs[1], e.inputs[2])
            return [try q * z * (-x).op("_softplus") + (1 - z) * x.op("_softplus")]
        },
        .composed(
            "log_poisson_loss", doc: "e^c - z·c for targets z and log rates c; `compute_full_loss` adds Stirling's approximation of log z!.",
            [.tensor("targets"), .tensor("log_input"), .bool("compute_full_loss", false)], promotion: .real, example: "log_poisson_loss([1.0], [0.0])    # => [1.0]",
            domain: 1.5...3, samples: [Sample([.random([2, 3]), .random([2, 3])]), Sample([.random([3]), .random([3])], ["compute_full_loss": .bool(true)])]
        ) { (e) throws(OpError) in
            let (z, c) = (e.inputs[0], e.inputs[1])
            let loss = try c.op("exp") - z * c
            if !e.arguments.bool("compute_full_loss") { return [loss] }
            let safe = try z.op("maximum", z.constant(1))
            let stirling = try safe * safe.op("log") - safe + (safe * (2 * Double.pi)).op("log") * 0.5
            return [try loss + stirling.kept(where: z.op("greater", z.constant(1)))]
        },
        .composed(
            "dot_product_attention", doc: "softmax(q·kᵀ · scale + bias)·v over [batch, time, heads, depth]; a bool bias is a mask of what is seen.",
            [
                .tensor("q"), .tensor("k"), .tensor("v"), Parameter("scale", .optionalFloat, default: Attribute.none, doc: "none: 1 / √depth"), .bool("is_causal", false),
                Parameter("bias", .optionalTensor, doc: "added to the scores [batch, heads, time, time], or a bool mask"),
            ], example: "dot_product_attention(ones([1, 2, 1, 3]), ones([1, 2, 1, 3]), ones([1, 2, 1, 3])).shape    # => [1, 2, 1, 3]",
            samples: [Sample([.random([1, 2, 2, 3]), .random([1, 3, 2, 3]), .random([1, 3, 2, 2])]), Sample([.random([1, 2, 1, 3]), .random([1, 2, 1, 3]), .random([1, 2, 1, 2])], ["is_causal": .bool(true)])],
            infer: { (i) throws(OpError) in
                for index in 0...2 { try i.require(rank: 4...4, index) }
                let (q, k, v) = (i.shape, i.inputs[1].shape, i.inputs[2].shape)
                guard let keys = Shape(k.dropLast()).merged(Shape(v.dropLast())) else { throw .disagree(i.op, "keys and values go in pairs", k, v) }
                guard [q[0], q[2], q[3]].matches([k[0], k[2], k[3]]) else { throw .disagree(i.op, "queries and keys agree in batch, heads and depth", q, k) }
                var dtype = i.dtype.promoted(with: i.inputs[1].dtype).promoted(with: i.inputs[2].dtype).real
                if i.inputs.count > 3 {
                    guard Shape.broadcast([q[0], q[2], q[1], keys[1]], i.inputs[3].shape)?.count == 4 else { throw .doNotBroadcast(i.op, [[q[0], q[2], q[1], keys[1]], i.inputs[3].shape]) }
                    if i.inputs[3].dtype != .bool { dtype = dtype.promoted(with: i.inputs[3].dtype) }
                }
                return [TensorType(dtype, Shape(q.dropLast()) + [v[3]])]
            },
            { (e) throws(OpError) in
                let depth = Double(Swift.max(e.inputs[0].shape[3], 1))
                let scale = e.arguments.optionalFloat("scale") ?? 1 / depth.squareRoot()
                let (q, k, v) = (try e.inputs[0].transposed([0, 2, 1, 3]), try e.inputs[1].transposed([0, 2, 1, 3]), try e.inputs[2].transposed([0, 2, 1, 3]))
                var scores = try (q.cast(q.dtype.real) * scale).matmul(k, transposeB: true)
                // Far below every score, and finite: a row that sees nothing stays a number.
                let hidden = scores.constant(scores.dtype == .f16 ? -6e4 : -1e30)
                if e.arguments.bool("is_causal") {
                    let ahead = try offset(e.builder, scores.shape).op("greater", e.builder.constant(0, .i32))
                    scores = try hidden.kept(where: ahead, else: scores)
                }
                if e.inputs.count > 3 {
                    let bias = e.inputs[3]
                    scores = bias.dtype == .bool ? try scores.kept(where: bias, else: hidden) : try scores + bias
                }
                return [try scores.op("softmax").matmul(v).transposed([0, 2, 1, 3])]
            }),
        .composed(
            "image.extract_patches", doc: "Patches of images as vectors: [b, h, w, c] to [b, h', w', kh · kw · c].",
            [.x, .ints("size"), Parameter("strides", .optionalInts, default: Attribute.none, doc: "none: the size"), .ints("dilations", [1]), .choice("padding", ["valid", "same"])],
            example: "image.extract_patches(ones([1, 4, 4, 1]), 2).shape    # => [1, 2, 2, 4]", samples: [Sample([.random([1, 4, 4, 2])], ["size": .ints([2]), "strides": .ints([1]), "padding": .string("same")])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 4...4)
                let window = try patches(i.arguments, i.shape)
                return [TensorType(i.dtype, [i.shape[0]] + (try window.count(i.op, [i.shape[1], i.shape[2]])) + [try i.op.product(i.shape[3], i.op.product(window.size[0], window.size[1]))])]
            },
            { (e) throws(OpError) in
                var x = e.inputs[0]
                let w = try patches(e.arguments, x.shape)
                let count = try w.count(e.arguments.op, [x.shape[1], x.shape[2]])
                x = try x.padded(1, w.before[0], w.after[0]).padded(2, w.before[1], w.after[1])
                var parts: [Term] = []
                for row in 0..<w.size[0] {
                    let (r, c0) = (row * w.dilations[0], w.strides[0])
                    let rows = try x.sliced(1, r, r + (count[0] - 1) * c0 + 1, step: c0)
                    for column in 0..<w.size[1] {
                        let c = column * w.dilations[1]
                        parts.append(try rows.sliced(2, c, c + (count[1] - 1) * w.strides[1] + 1, step: w.strides[1]))
                    }
                }
                return [try parts.concat(3)]
            }),
    ]

    private static let windowParameters: [Parameter] = [.ints("strides"), .ints("before"), .ints("after"), .ints("dilations")]
    private static let poolParameters: [Parameter] = [.ints("pool_size"), .ints("strides"), .ints("before"), .ints("after")]

    private static func convSample(_ inputs: [Sample.Input], _ more: [String: Attribute] = [:]) -> Sample {
        Sample(inputs, ["strides": .ints([2, 1]), "before": .ints([0, 1]), "after": .ints([1, 0]), "dilations": .ints([1, 2]), "groups": .int(2)].merging(more) { $1 })
    }
    private static func poolSample(_ inputs: [Sample.Input], _ more: [String: Attribute] = [:]) -> Sample {
        Sample(inputs, ["pool_size": .ints([3, 2]), "strides": .ints([2, 2]), "before": .ints([0, 0]), "after": .ints([0, 0])].merging(more) { $1 })
    }

    /// The window attributes of a row, for the row of its gradient.
    private static func carried(_ a: Arguments, _ more: [String: Attribute] = [:]) -> [String: Attribute] {
        var result = more
        for name in ["strides", "before", "after", "dilations", "groups", "pool_size"] where a.op.attributeNames.contains(name) { result[name] = a[name] }
        return result
    }

    private static func checkChannels(_ op: Op, _ x: Shape, _ kernel: Shape, _ groups: Int) throws(OpError) {
        let channels = x[x.count - 1]
        let (inputs, outputs) = (kernel[kernel.count - 2], kernel[kernel.count - 1])
        guard groups >= 1, outputs < 0 || outputs % groups == 0 else { throw .value(op, "groups", groups, expected: "a divisor of the \(outputs) output channels") }
        let (needed, overflow) = inputs.multipliedReportingOverflow(by: groups)
        if channels >= 0, inputs >= 0, overflow || needed != channels {
            throw .disagree(op, "the kernel is for \(inputs) channels\(groups > 1 ? " in each of \(groups) groups" : ""), x has \(channels)", x, kernel)
        }
    }

    private static func pooled(_ i: Inference) throws(OpError) -> [TensorType] {
        let window = Window(i.arguments, size: i.arguments.ints("pool_size"), dilated: false)
        return [TensorType(i.dtype, [i.shape[0]] + (try window.count(i.op, Shape(i.shape.dropFirst().dropLast()))) + [i.shape[i.shape.count - 1]])]
    }

    private static func sameShapes(_ i: Inference) throws(OpError) -> Shape {
        let (labels, logits) = (i.shape, i.inputs[1].shape)
        guard let both = labels.merged(logits), !both.isEmpty || i.op.name == "nn.sigmoid_cross_entropy" else {
            throw .disagree(i.op, "labels and logits have one shape", labels, logits)
        }
        return both
    }

    private static func normChannels(_ i: Inference) throws(OpError) -> Int {
        try i.require(rank: 1...64)
        let channels = i.shape[i.shape.count - 1]
        for k in 1...2 where !i.inputs[k].shape.matches([channels]) {
            throw .disagree(i.op, "gamma and beta have one number per channel, the last axis of x", i.shape, i.inputs[k].shape)
        }
        return channels
    }

    /// Of y, mean and variance over `axes`; gamma and beta lie along the last axis.
    private static func normGradient(_ b: Backward, axes: [Int]) throws(OpError) -> [Term?] {
        let (x, gamma) = (b.inputs[0], b.inputs[1])
        let leading = Array(0..<(x.shape.count - 1))
        let n = Double(axes.map { x.shape[$0] }.elementCount ?? 1)
        let mean = try b.outputs[1].keeping(axes, of: x.shape)
        let centred = try x - mean
        var dx: Term?
        var (dGamma, dBeta): (Term?, Term?)
        func add(_ more: Term) throws(OpError) { if let so = dx { dx = try so + more } else { dx = more } }
        if let dy = b.gradients[0] {
            let inverse = try (b.outputs[2].keeping(axes, of: x.shape) + b.arguments.float("epsilon")).op("rsqrt")
            let normal = try centred * inverse
            dGamma = try (dy * normal).sum(leading)
            dBeta = try dy.sum(leading)
            let d = try dy * gamma
            let along = try (d * normal).sum(axes, keepdims: true) / n
            try add(inverse * (d - d.sum(axes, keepdims: true) / n - normal * along))
        }
        if let dMean = b.gradients[1] { try add((dMean.keeping(axes, of: x.shape) / n).broadcast(x.shape)) }
        if let dVariance = b.gradients[2] { try add(dVariance.keeping(axes, of: x.shape) * centred * (2 / n)) }
        return [dx, dGamma, dBeta]
    }

    private static func patches(_ a: Arguments, _ shape: Shape) throws(OpError) -> Window {
        let size = try a.perAxis("size", 2)
        let strides = a.optionalInts("strides").map { $0.count == 1 ? [$0[0], $0[0]] : $0 } ?? size
        if strides.count != 2 { throw .value(a.op, "strides", strides, expected: "one int or 2") }
        return try Window(a, size: size, input: [shape[1], shape[2]], strides: strides, dilations: a.perAxis("dilations", 2))
    }

    // MARK: Families

    private static func paddings(_ rank: Int) -> Parameter { .choice("padding", rank == 1 ? ["valid", "same", "causal"] : ["valid", "same"]) }

    private static func spatial(_ x: Shape) -> Shape { Shape(x.dropFirst().dropLast()) }

    private static func requireImages(_ op: Op, _ rank: Int, _ x: Shape, _ kernel: Shape) throws(OpError) {
        let layout = ["[batch, length, channels]", "[batch, height, width, channels]", "[batch, depth, height, width, channels]"][rank - 1]
        if x.count != rank + 2 { throw .rank(op, "x", "\(rank + 2) axes, \(layout)", got: x) }
        if kernel.count != rank + 2 { throw .rank(op, "filters", "\(rank + 2) axes", got: kernel) }
    }

    private static func window(_ a: Arguments, _ rank: Int, _ x: Shape, _ kernel: Shape) throws(OpError) -> Window {
        try Window(
            a, size: Shape(kernel.prefix(rank)), input: spatial(x), strides: a.perAxis("strides", rank),
            dilations: a.op.attributeNames.contains("dilations") ? a.perAxis("dilations", rank) : [Int](repeating: 1, count: rank))
    }

    private static func outputShape(_ a: Arguments, _ rank: Int, _ x: Shape, _ kernel: Shape, channels: Int) throws(OpError) -> Shape {
        [x[0]] + (try window(a, rank, x, kernel).count(a.op, spatial(x))) + [channels]
    }

    private static func convolve(_ e: Expansion, _ rank: Int, _ x: Term, _ kernel: Term, groups: Int) throws(OpError) -> Term {
        let window = try window(e.arguments, rank, x.shape, kernel.shape)
        return try x.op("_conv", kernel, with: window.dilated.merging(["groups": .int(groups)]) { $1 })
    }

    /// Shapes of a small test: x and kernel.
    private static func testShapes(_ rank: Int, _ kernel: Shape) -> [Sample.Input] {
        [.random([2] + [5, 4, 3].prefix(rank) + [2]), .random([3, 2, 2].prefix(rank) + kernel)]
    }

    private static func conv(_ name: String, _ rank: Int) -> Op {
        composed(
            name, doc: "Convolution over \(rank) \(rank == 1 ? "axis" : "axes"): filters [\(rank == 1 ? "k" : "k…"), in / groups, out].",
            [.x, .tensor("filters"), .ints("strides", [1]), paddings(rank), .ints("dilations", [1]), .int("groups", 1)], promotion: .real,
            example: "\(name)(ones([1, \(rank > 1 ? "3, " : "")\(rank > 2 ? "3, " : "")3, 1]), ones([\(rank > 1 ? "2, " : "")\(rank > 2 ? "2, " : "")2, 1, 4])).shape    # => [1, \(rank > 1 ? "2, " : "")\(rank > 2 ? "2, " : "")2, 4]",
            samples: [Sample(testShapes(rank, [2, 3]), ["padding": .string("same"), "strides": .ints([2])]), Sample(testShapes(rank, [1, 4]), ["groups": .int(2)])],
            infer: { (i) throws(OpError) in
                let (x, kernel) = (i.shape, i.inputs[1].shape)
                try requireImages(i.op, rank, x, kernel)
                try checkChannels(i.op, x, kernel, i.arguments.int("groups"))
                return [TensorType(i.dtype, try outputShape(i.arguments, rank, x, kernel, channels: kernel[rank + 1]))]
            },
            { (e) throws(OpError) in
                try requireImages(e.arguments.op, rank, e.inputs[0].shape, e.inputs[1].shape)
                return [try convolve(e, rank, e.inputs[0], e.inputs[1], groups: e.arguments.int("groups"))]
            })
    }

    private static func convTranspose(_ name: String, _ rank: Int) -> Op {
        composed(
            name, doc: "Transposed convolution over \(rank) \(rank == 1 ? "axis" : "axes"): filters [\(rank == 1 ? "k" : "k…"), out, in].",
            [.x, .tensor("filters"), .ints("strides", [1]), .choice("padding", ["valid", "same"]), Parameter("output_padding", .optionalInts, default: Attribute.none), .ints("dilations", [1])],
            promotion: .real, example: "nn.conv2d_transpose(ones([1, 4, 4, 1]), ones([5, 5, 2, 1]), strides = 2, padding = \"same\").shape    # => [1, 8, 8, 2]",
            samples: [Sample(testShapes(rank, [3, 2]), ["padding": .string("same"), "strides": .ints([2])]), Sample(testShapes(rank, [3, 2]), ["strides": .ints([3])])],
            infer: { (i) throws(OpError) in
                let (x, kernel) = (i.shape, i.inputs[1].shape)
                try requireImages(i.op, rank, x, kernel)
                if ![kernel[rank + 1]].matches([x[rank + 1]]) { throw .disagree(i.op, "the filters are for \(kernel[rank + 1]) channels, x has \(x[rank + 1])", x, kernel) }
                return [TensorType(i.dtype, [x[0]] + (try transposed(i.arguments, rank, x, kernel).output) + [kernel[rank]])]
            },
            { (e) throws(OpError) in
                let (x, kernel) = (e.inputs[0], e.inputs[1])
                try requireImages(e.arguments.op, rank, x.shape, kernel.shape)
                let (window, output) = try transposed(e.arguments, rank, x.shape, kernel.shape)
                return [try x.op("_conv_gradient_input", kernel, with: window.dilated.merging(["input_shape": .ints([x.shape[0]] + output + [kernel.shape[rank]])]) { $1 })]
            })
    }

    /// The convolution whose gradient a transposed one is, and the size of that one's input.
    private static func transposed(_ a: Arguments, _ rank: Int, _ x: Shape, _ kernel: Shape) throws(OpError) -> (window: Window, output: Shape) {
        var window = try window(a, rank, x, kernel)
        let same = a.string("padding") == "same"
        var extra: [Int]?
        if a.optionalInts("output_padding") != nil { extra = try a.perAxis("output_padding", rank) }
        var output = Shape()
        for axis in 0..<rank {
            let (n, k, s) = (x[axis + 1], window.extent(axis), window.strides[axis])
            if n < 0 || k < 0 {
                output.append(-1)
                continue
            }
            var size = try a.op.product(n, s)
            if let extra {
                guard extra[axis] >= 0, extra[axis] < s else { throw .value(a.op, "output_padding", extra[axis], expected: "0 up to less than the stride, \(s)") }
                size = Swift.max((n - 1) * s + k - (same ? 2 * (k / 2) : 0) + extra[axis], 0)
            } else if !same {
                size += Swift.max(k - s, 0)
            }
            let total = same ? Swift.max((n - 1) * s + k - size, 0) : 0
            window.before[axis] = extra != nil && same ? Swift.min(k / 2, total) : total / 2
            window.after[axis] = total - window.before[axis]
            output.append(size)
        }
        return (window, output)
    }

    private static func depthwise(_ name: String, _ rank: Int) -> Op {
        composed(
            name, doc: "Each channel convolved by its own filters [\(rank == 1 ? "k" : "k, k"), channels, multiplier]; channel c gives c·m … c·m + m - 1.",
            [.x, .tensor("filters"), .ints("strides", [1]), paddings(rank), .ints("dilations", [1])], promotion: .real,
            example: "nn.depthwise_conv2d(ones([1, 3, 3, 2]), ones([2, 2, 2, 3])).shape    # => [1, 2, 2, 6]", samples: [Sample(testShapes(rank, [2, 3]), ["padding": .string("same")])],
            infer: { (i) throws(OpError) in
                let (x, kernel) = (i.shape, i.inputs[1].shape)
                try requireImages(i.op, rank, x, kernel)
                if ![kernel[rank]].matches([x[rank + 1]]) { throw .disagree(i.op, "the filters are for \(kernel[rank]) channels, x has \(x[rank + 1])", x, kernel) }
                return [TensorType(i.dtype, try outputShape(i.arguments, rank, x, kernel, channels: i.op.product(kernel[rank], kernel[rank + 1])))]
            },
            { (e) throws(OpError) in
                try requireImages(e.arguments.op, rank, e.inputs[0].shape, e.inputs[1].shape)
                return [try depthwise(e, rank)]
            })
    }

    private static func depthwise(_ e: Expansion, _ rank: Int) throws(OpError) -> Term {
        let (x, kernel) = (e.inputs[0], e.inputs[1])
        let wide = try kernel.reshaped(Shape(kernel.shape.prefix(rank)) + [1, e.arguments.op.product(kernel.shape[rank], kernel.shape[rank + 1])])
        return try convolve(e, rank, x, wide, groups: kernel.shape[rank])
    }

    private static func separable(_ name: String, _ rank: Int) -> Op {
        composed(
            name, doc: "A depthwise convolution, then one that mixes the channels of each place: pointwise [\(rank == 1 ? "1" : "1, 1"), channels · multiplier, out].",
            [.x, .tensor("depthwise"), .tensor("pointwise"), .ints("strides", [1]), paddings(rank), .ints("dilations", [1])], promotion: .real,
            example: "nn.separable_conv2d(ones([1, 3, 3, 2]), ones([2, 2, 2, 1]), ones([1, 1, 2, 5])).shape    # => [1, 2, 2, 5]",
            samples: [Sample(testShapes(rank, [2, 2]) + [.random(Shape(repeating: 1, count: rank) + [4, 3])])],
            infer: { (i) throws(OpError) in
                let (x, kernel, point) = (i.shape, i.inputs[1].shape, i.inputs[2].shape)
                try requireImages(i.op, rank, x, kernel)
                guard point.count == rank + 2 else { throw .rank(i.op, "pointwise", "\(rank + 2) axes", got: point) }
                let channels = try i.op.product(kernel[rank], kernel[rank + 1])
                guard [kernel[rank], 1].matches([x[rank + 1], point[0]]), [channels].matches([point[rank]]) else {
                    throw .disagree(i.op, "the pointwise filters mix \(channels) channels", kernel, point)
                }
                return [TensorType(i.dtype, try outputShape(i.arguments, rank, x, kernel, channels: point[rank + 1]))]
            },
            { (e) throws(OpError) in
                try requireImages(e.arguments.op, rank, e.inputs[0].shape, e.inputs[1].shape)
                let one = [Int](repeating: 1, count: rank)
                let zero = [Int](repeating: 0, count: rank)
                return [try depthwise(e, rank).op("_conv", e.inputs[2], with: ["strides": .ints(one), "before": .ints(zero), "after": .ints(zero), "dilations": .ints(one)])]
            })
    }

    private static func pool(_ name: String, _ rank: Int, _ kernel: String) -> Op {
        let isMax = kernel == "_max_pool"
        return composed(
            name, doc: "The \(isMax ? "largest" : "mean") of each window over \(rank) \(rank == 1 ? "axis" : "axes")\(isMax ? "" : "; padding does not count").",
            [.x, .ints("pool_size"), Parameter("strides", .optionalInts, default: Attribute.none, doc: "none: the pool size"), .choice("padding", ["valid", "same"])],
            promotion: isMax ? .number : .real,
            example: "\(name)(ones([1, \(rank > 1 ? "4, " : "")\(rank > 2 ? "4, " : "")4, 1]), 2).shape    # => [1, \(rank > 1 ? "2, " : "")\(rank > 2 ? "2, " : "")2, 1]",
            samples: [Sample([.distinct([2] + [5, 4, 3].prefix(rank) + [2])], ["pool_size": .ints([2]), "padding": .string("same")])],
            infer: { (i) throws(OpError) in
                let window = try poolWindow(i.arguments, rank, i.shape)
                return [TensorType(i.dtype, [i.shape[0]] + (try window.count(i.op, spatial(i.shape))) + [i.shape[rank + 1]])]
            },
            { (e) throws(OpError) in
                let window = try poolWindow(e.arguments, rank, e.inputs[0].shape)
                return [try e.inputs[0].op(kernel, with: window.attributes.merging(["pool_size": .ints(window.size)]) { $1 })]
            })
    }

    private static func poolWindow(_ a: Arguments, _ rank: Int, _ x: Shape) throws(OpError) -> Window {
        let layout = ["[batch, length, channels]", "[batch, height, width, channels]", "[batch, depth, height, width, channels]"][rank - 1]
        if x.count != rank + 2 { throw .rank(a.op, "x", "\(rank + 2) axes, \(layout)", got: x) }
        let size = try a.perAxis("pool_size", rank)
        var strides = size
        if case .ints = a["strides"] { strides = try a.perAxis("strides", rank) }
        return try Window(a, size: size, input: spatial(x), strides: strides, dilations: [Int](repeating: 1, count: rank))
    }
}
