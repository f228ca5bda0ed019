internal import CKernels

// Reductions over axes, statistics, running sums.
extension Op {
    static let reductions: [Op] = [
        .reduce(
            "sum", doc: "The sum over axes.", kernel: .sum, example: "sum([[1, 2], [3, 4]], axis = 0)    # => [4, 6]",
            promotion: .accumulating,
            gradient: .of { (b, dy) throws(OpError) in [try spread(b, dy)] }),
        .reduce(
            "prod", doc: "The product over axes.", kernel: .prod, example: "prod([[1, 2], [3, 4]], axis = 0)    # => [3, 8]",
            promotion: .accumulating,
            // The product of the others, without dividing: zeros are welcome.
            gradient: .of { (b, dy) throws(OpError) in
                let x = b.inputs[0]
                let axes = try b.arguments.axes(rank: x.shape.count)
                let kept = x.shape.indices.filter { !axes.contains($0) }
                let order = kept + axes
                let last = kept.count
                let flat = try x.transposed(order).reshaped(kept.map { x.shape[$0] } + [axes.map { x.shape[$0] }.elementCount ?? -1])
                let before = try flat.op("cumprod", with: ["axis": .int(last), "exclusive": .bool(true)])
                let after = try flat.op("cumprod", with: ["axis": .int(last), "exclusive": .bool(true), "reverse": .bool(true)])
                let others = try (before * after).reshaped(order.map { x.shape[$0] }).transposed(inverse(of: order))
                return [try spread(b, dy) * others]
            }),
        .reduce(
            "max", doc: "The largest over axes; equal ones share the gradient.", kernel: .max,
            example: "max([[1, 5], [3, 4]], axis = 0)    # => [3, 5]", promotion: .number, refusesEmpty: true, gradient: sharedExtreme),
        .reduce(
            "min", doc: "The smallest over axes; equal ones share the gradient.", kernel: .min,
            example: "min([[1, 5], [3, 4]], axis = 0)    # => [1, 4]", promotion: .number, refusesEmpty: true, gradient: sharedExtreme),
        .reduce(
            "all", doc: "Whether all elements over axes are true.", kernel: .all, example: "all([[true, false], [true, true]], axis = 0)    # => [true, false]",
            promotion: .logical, gradient: .truth),
        .reduce(
            "any", doc: "Whether an element over axes is true.", kernel: .any, example: "any([[true, false], [false, false]], axis = 0)    # => [true, false]",
            promotion: .logical, gradient: .truth),
        .statistic("mean", doc: "The mean over axes; integers give floats.", example: "mean([[1, 2], [3, 4]], axis = 0)    # => [2.0, 3.0]") {
            (x, axes, keep, _) throws(OpError) in
            try x.sum(axes, keepdims: keep) / Double(axes.map { x.shape[$0] }.elementCount ?? 1)
        },
        .statistic(
            "var", doc: "The variance over axes: Σ(x - mean)² / (n - ddof).", [.int("ddof", 0)],
            example: "var([1.0, 3.0])    # => 1.0"
        ) { (x, axes, keep, arguments) throws(OpError) in try variance(x, axes, keep, arguments.int("ddof")) },
        .statistic(
            "std", doc: "The standard deviation over axes; its gradient is 0 where it is 0.", [.int("ddof", 0)],
            example: "std([1.0, 3.0])    # => 1.0"
        ) { (x, axes, keep, arguments) throws(OpError) in try root(variance(x, axes, keep, arguments.int("ddof"))) },
        .statistic("logsumexp", doc: "log Σ eˣ over axes, shifted by the largest.", example: "logsumexp([0.0, 0.0])    # => 0.6931472") {
            (x, axes, keep, _) throws(OpError) in
            let top = try x.max(axes, keepdims: true).op("stop_gradient")
            let shift = try top.kept(where: top.op("isfinite"))
            let total = try (x - shift).op("exp").sum(axes, keepdims: true).op("log") + shift
            return try total.reshaped(x.shape.reduced(axes, keepdims: keep))
        },
        .statistic("euclidean_norm", doc: "√Σx² over axes.", example: "euclidean_norm([3.0, 4.0])    # => 5.0") {
            (x, axes, keep, _) throws(OpError) in try root((x * x).sum(axes, keepdims: keep))
        },
        .statistic("ptp", doc: "Largest minus smallest over axes.", example: "ptp([1.0, 5.0, 3.0])    # => 4.0") {
            (x, axes, keep, _) throws(OpError) in
            let low = try x.op("min", with: ["axis": .ints(axes), "keepdims": .bool(keep)])
            return try x.max(axes, keepdims: keep) - low
        },
        .statistic("nansum", doc: "The sum over axes of what is not nan.", example: "nansum([nan, 2.0])    # => 2.0") {
            (x, axes, keep, _) throws(OpError) in try x.kept(where: x.op("equal", x)).sum(axes, keepdims: keep)
        },
        .statistic("nanmean", doc: "The mean over axes of what is not nan.", example: "nanmean([nan, 2.0])    # => 2.0") {
            (x, axes, keep, _) throws(OpError) in
            let isNumber = try x.op("equal", x)
            return try x.kept(where: isNumber).sum(axes, keepdims: keep) / isNumber.cast(x.dtype).sum(axes, keepdims: keep)
        },
        .statistic("nanmax", doc: "The largest over axes of what is not nan.", example: "nanmax([nan, 2.0])    # => 2.0") {
            (x, axes, keep, _) throws(OpError) in
            try x.kept(where: x.op("equal", x), else: x.constant(-.infinity)).max(axes, keepdims: keep)
        },
        .statistic("nanmin", doc: "The smallest over axes of what is not nan.", example: "nanmin([nan, 2.0])    # => 2.0") {
            (x, axes, keep, _) throws(OpError) in
            try x.kept(where: x.op("equal", x), else: x.constant(.infinity)).op("min", with: ["axis": .ints(axes), "keepdims": .bool(keep)])
        },
        .composed(
            "count_nonzero", doc: "How many elements over axes differ from 0.", [.x, .axes, .keepdims],
            example: "count_nonzero([0, 3, 0, 5])    # => 2",
            infer: { (i) throws(OpError) in
                let axes = try i.arguments.axes(rank: i.shape.count)
                return [TensorType(.i32, i.shape.reduced(axes, keepdims: i.arguments.bool("keepdims")))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axes = try e.arguments.axes(rank: x.shape.count)
                return [try x.cast(.bool).cast(.i32).sum(axes, keepdims: e.arguments.bool("keepdims")).cast(.i32)]
            }),
        .composed(
            "zero_fraction", doc: "The share of exact zeros.", [.x], example: "zero_fraction([0.0, 1.0])    # => 0.5",
            infer: { (i) throws(OpError) in [TensorType(.f32, [])] },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                return [try x.op("equal", x.constant(0)).cast(.f32).op("mean")]
            }),
        .composed(
            "moments", doc: "Mean and (population) variance over axes.", [.x, .axes, .keepdims], promotion: .real,
            example: "moments([1.0, 3.0]).variance    # => 1.0", results: .record(["mean", "variance"]),
            samples: [Sample([.random([2, 3])], ["axis": .ints([0])])],
            infer: { (i) throws(OpError) in
                let axes = try i.arguments.axes(rank: i.shape.count)
                let type = TensorType(i.dtype, i.shape.reduced(axes, keepdims: i.arguments.bool("keepdims")))
                return [type, type]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axes = try e.arguments.axes(rank: x.shape.count)
                let keep = e.arguments.bool("keepdims")
                let given: [String: Attribute] = ["axis": .ints(axes), "keepdims": .bool(keep)]
                return [try x.op("mean", with: given), try x.op("var", with: given)]
            }),
        .composed(
            "average", doc: "Σ w·x / Σ w over axes.", [.x, .tensor("weights"), .axes, .keepdims], promotion: .real,
            example: "average([1.0, 3.0], [3.0, 1.0])    # => 1.5", domain: 0.5...2, samples: [Sample([.random([2, 3]), .random([3])])],
            infer: { (i) throws(OpError) in
                let shape = try i.broadcast()
                let axes = try i.arguments.axes(rank: shape.count)
                return [TensorType(i.dtype, shape.reduced(axes, keepdims: i.arguments.bool("keepdims")))]
            },
            { (e) throws(OpError) in
                let product = try e.inputs[0] * e.inputs[1]
                let axes = try e.arguments.axes(rank: product.shape.count)
                let keep = e.arguments.bool("keepdims")
                return [try product.sum(axes, keepdims: keep) / e.inputs[1].broadcast(product.shape).sum(axes, keepdims: keep)]
            }),
        .statistic("median", doc: "The middle value over axes, or the mean of the two middle ones.", example: "median([3.0, 1.0, 2.0])    # => 2.0") {
            (x, axes, keep, _) throws(OpError) in try quantile(x, axes, keep, 0.5)
        },
        .statistic(
            "quantile", doc: "The value below which the share q of the elements lies, interpolated linearly.",
            leading: [.float("q")], example: "quantile([1.0, 2.0, 3.0], 0.25)    # => 1.5",
            samples: [Sample([.distinct([3, 4])], ["q": .float(0.3), "axis": .ints([0])])]
        ) { (x, axes, keep, arguments) throws(OpError) in
            let q = arguments.float("q")
            guard (0...1).contains(q) else { throw .value(arguments.op, "q", q, expected: "a share between 0 and 1") }
            return try quantile(x, axes, keep, q)
        },
        .statistic(
            "percentile", doc: "The value below which q percent of the elements lie, interpolated linearly.",
            leading: [.float("q")], example: "percentile([1.0, 2.0, 3.0], 25)    # => 1.5",
            samples: [Sample([.distinct([3, 4])], ["q": .float(30)])]
        ) { (x, axes, keep, arguments) throws(OpError) in
            let q = arguments.float("q")
            guard (0...100).contains(q) else { throw .value(arguments.op, "q", q, expected: "a percentage between 0 and 100") }
            return try quantile(x, axes, keep, q / 100)
        },
        .composed(
            "norm", doc: "The length Σ|x|ᵖ^(1/p) over axes: `ord` is p (1, 2, inf, …); 2 by default.",
            [.x, Parameter("ord", .optionalFloat, default: Attribute.none), .axes, .keepdims], promotion: .real,
            example: "norm([3.0, 4.0])    # => 5.0", domain: 0.5...2, samples: [Sample([.distinct([2, 3])]), Sample([.distinct([2, 3])], ["ord": .float(3), "axis": .ints([1])])],
            infer: { (i) throws(OpError) in
                let axes = try i.arguments.axes(rank: i.shape.count)
                return [TensorType(i.dtype, i.shape.reduced(axes, keepdims: i.arguments.bool("keepdims")))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axes = try e.arguments.axes(rank: x.shape.count)
                let keep = e.arguments.bool("keepdims")
                let p = e.arguments.optionalFloat("ord") ?? 2
                if p == 2 { return [try root((x * x).sum(axes, keepdims: keep))] }
                let a = try x.op("abs")
                if p == .infinity { return [try a.max(axes, keepdims: keep)] }
                if p == 1 { return [try a.sum(axes, keepdims: keep)] }
                if p == 0 { return [try x.mask("not_equal", 0).sum(axes, keepdims: keep)] }
                return [try a.op("power", x.constant(p)).sum(axes, keepdims: keep).op("power", x.constant(1 / p))]
            }),
        .composed(
            "l2_loss", doc: "Σx² / 2.", [.x], promotion: .real, example: "l2_loss([1.0, 2.0])    # => 2.5",
            infer: { (i) throws(OpError) in [TensorType(i.dtype, [])] },
            { (e) throws(OpError) in [try (e.inputs[0] * e.inputs[0]).op("sum") * 0.5] }),
        .composed(
            "global_norm", doc: "√Σ x² over all elements of several tensors.", [Parameter("xs", .tensors)], promotion: .real,
            example: "global_norm([tensor([3.0]), tensor([4.0])])    # => 5.0", samples: [Sample([.random([2, 3]), .random([2])])],
            infer: { (i) throws(OpError) in [TensorType(i.inputs.first?.dtype ?? .f32, [])] },
            { (e) throws(OpError) in [try globalNorm(e)] }),
        .composed(
            "clip_by_global_norm", doc: "Scales several tensors so that their common norm is at most `clip_norm`.",
            [Parameter("xs", .tensors), .float("clip_norm")], promotion: .real,
            example: "clip_by_global_norm([tensor([3.0]), tensor([4.0])], 1.0)[0]    # => [0.6]", results: .list,
            samples: [Sample([.random([2, 3]), .random([2])], ["clip_norm": .float(0.5)])], infer: { (i) throws(OpError) in i.inputs },
            { (e) throws(OpError) in
                if e.inputs.isEmpty { return [] }
                let limit = e.arguments.float("clip_norm")
                let norm = try globalNorm(e)
                let scale = try limit / norm.op("maximum", norm.constant(limit))
                var result: [Term] = []
                for x in e.inputs { result.append(try x * scale) }
                return result
            }),
        .composed(
            "clip_by_norm", doc: "x · clip_norm / max(‖x‖, clip_norm), the norm over axes.", [.x, .float("clip_norm"), .axes],
            promotion: .real, example: "clip_by_norm([3.0, 4.0], 1.0)    # => [0.6, 0.8]",
            samples: [Sample([.random([2, 3])], ["clip_norm": .float(0.5)])],
            infer: { (i) throws(OpError) in
                _ = try i.arguments.axes(rank: i.shape.count)
                return [i.x]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let limit = e.arguments.float("clip_norm")
                let norm = try root((x * x).sum(e.arguments.axes(rank: x.shape.count), keepdims: true))
                return [try x * (limit / norm.op("maximum", norm.constant(limit)))]
            }),
        .composed(
            "normalize", doc: "x / max(‖x‖, epsilon) along an axis; `order` is that of the norm.",
            [.x, .axes([-1]), .float("order", 2), .float("epsilon", 1e-12)], promotion: .real,
            example: "normalize([3.0, 4.0])    # => [0.6, 0.8]", samples: [Sample([.random([2, 3])]), Sample([.random([2, 3])], ["order": .float(1)])],
            infer: { (i) throws(OpError) in
                _ = try i.arguments.axes(rank: i.shape.count)
                return [i.x]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axes = try e.arguments.axes(rank: x.shape.count)
                let epsilon = e.arguments.float("epsilon")
                if e.arguments.float("order") == 2 {
                    let squares = try (x * x).sum(axes, keepdims: true)
                    return [try x * squares.op("maximum", squares.constant(epsilon * epsilon)).op("rsqrt")]
                }
                let norm = try x.op("norm", with: ["ord": .float(e.arguments.float("order")), "axis": .ints(axes), "keepdims": .bool(true)])
                return [try x / norm.op("maximum", norm.constant(epsilon))]
            }),
        .argument("argmax", doc: "The index of the first largest along an axis, or in the flattened tensor.", kernel: .argmax, example: "argmax([1, 5, 3])    # => 1"),
        .argument("argmin", doc: "The index of the first smallest along an axis, or in the flattened tensor.", kernel: .argmin, example: "argmin([4, 1, 3])    # => 1"),
        .running("cumsum", doc: "The running sum along an axis.", kernel: .cumsum, example: "cumsum([1, 2, 3])    # => [1, 3, 6]",
            gradient: .of { (b, dy) throws(OpError) in
                let a = b.arguments
                return [
                    try dy.op(
                        "cumsum",
                        with: ["axis": a["axis"], "exclusive": a["exclusive"], "reverse": .bool(!a.bool("reverse"))])
                ]
            }),
        .running("cumprod", doc: "The running product along an axis.", kernel: .cumprod, example: "cumprod([1, 2, 3])    # => [1, 2, 6]",
            gradient: .of { (b, dy) throws(OpError) in [try cumprodGradient(b, dy)] }),
        .composed(
            "cumulative_logsumexp", doc: "log of the running sum of eˣ along an axis.", [.x, .axis(0)], promotion: .real,
            example: "cumulative_logsumexp([0.0, 0.0])    # => [0.0, 0.6931]", samples: [Sample([.random([4])])], infer: axisMap,
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                let top = try x.max([axis], keepdims: true).op("stop_gradient")
                return [try (x - top).op("exp").op("cumsum", with: ["axis": .int(axis)]).op("log") + top]
            }),
        .composed(
            "diff", doc: "Differences of neighbours along an axis, n times.", [.x, .int("n", 1), .axis(-1)], promotion: .number,
            example: "diff([1, 4, 9])    # => [3, 5]", samples: [Sample([.random([2, 3])])],
            infer: { (i) throws(OpError) in
                let axis = try i.arguments.axis(rank: i.shape.count)
                let n = i.arguments.int("n")
                // More have long lost all digits, and each is an op of its own.
                if n < 0 || n > 100 { throw .value(i.op, "n", n, expected: "0 to 100") }
                let size = i.shape[axis]
                return [TensorType(i.dtype, i.shape.replacing(axis, with: size < 0 ? -1 : Swift.max(size - n, 0)))]
            },
            { (e) throws(OpError) in
                var x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                for _ in 0..<Swift.min(e.arguments.int("n"), x.shape[axis]) {
                    x = try x.sliced(axis, 1, x.shape[axis]) - x.sliced(axis, 0, x.shape[axis] - 1)
                }
                return [x]
            }),
        .composed(
            "confusion_matrix", doc: "Counts by label (row) and prediction (column).",
            [.tensor("labels"), .tensor("predictions"), .int("num_classes")],
            example: "confusion_matrix([0, 1, 1], [0, 1, 0], 2)    # => [[1, 0], [1, 1]]",
            infer: { (i) throws(OpError) in
                for k in 0...1 { try i.requireIndices(k) }
                try i.require(rank: 1...1)
                if !i.inputs[0].shape.matches(i.inputs[1].shape) {
                    throw .disagree(i.op, "labels and predictions go in pairs", i.inputs[0].shape, i.inputs[1].shape)
                }
                let n = i.arguments.int("num_classes")
                try i.op.requireSizes([n, n], "num_classes")
                return [TensorType(.i32, [n, n])]
            },
            { (e) throws(OpError) in
                let n = e.arguments.int("num_classes")
                let index = try e.inputs[0] * Double(n) + e.inputs[1]
                let ones = try e.builder.constant(1, .i32).broadcast(index.shape)
                let counts = try ones.op("segment_sum", index, with: ["num_segments": .int(n * n)])
                return [try counts.reshaped([n, n])]
            }),
        .composed(
            "bincount", doc: "How often each of 0, 1, …, length - 1 occurs.", [.x, .int("length")],
            example: "bincount([0, 2, 2], 3)    # => [1, 0, 2]",
            infer: { (i) throws(OpError) in
                try i.requireIndices(0)
                try i.op.requireSizes([i.arguments.int("length")], "length")
                return [TensorType(.i32, [i.arguments.int("length")])]
            },
            { (e) throws(OpError) in
                let x = try e.inputs[0].reshaped([e.inputs[0].shape.elementCount ?? -1])
                let ones = try e.builder.constant(1, .i32).broadcast(x.shape)
                return [try ones.op("segment_sum", x, with: ["num_segments": .int(e.arguments.int("length"))])]
            }),
        .composed(
            "cov", doc: "The covariance matrix; rows are variables unless `rowvar` is false.",
            [.x, .bool("rowvar", true), .int("ddof", 1)], promotion: .real, example: "cov([[1.0, 3.0], [2.0, 6.0]])    # => [[2.0, 4.0], [4.0, 8.0]]",
            samples: [Sample([.random([2, 3])])], infer: covariance, { (e) throws(OpError) in [try cov(e, e.arguments.int("ddof"))] }),
        .composed(
            "corrcoef", doc: "The correlation matrix; rows are variables unless `rowvar` is false.",
            [.x, .bool("rowvar", true)], promotion: .real, example: "corrcoef([[1.0, 3.0], [2.0, 6.0]])    # => [[1.0, 1.0], [1.0, 1.0]]",
            samples: [Sample([.random([2, 3])])], infer: covariance,
            { (e) throws(OpError) in
                let c = try cov(e, 0)
                let d = try c.op("diagonal").op("rsqrt")
                return [try c * d * d.expanded(1)]
            }),
    ]

    /// dy spread over what was folded into it.
    private static func spread(_ b: Backward, _ dy: Term) throws(OpError) -> Term {
        let shape = b.inputs[0].shape
        return try dy.keeping(b.arguments.axes(rank: shape.count), of: shape).broadcast(shape)
    }

    private static let sharedExtreme = Gradient.of { (b, dy) throws(OpError) in
        let x = b.inputs[0]
        let axes = try b.arguments.axes(rank: x.shape.count)
        let mask = try x.mask("equal", b.outputs[0].keeping(axes, of: x.shape))
        return [try mask * (dy.keeping(axes, of: x.shape) / mask.sum(axes, keepdims: true))]
    }

    static func inverse(of order: [Int]) -> [Int] {
        var result = order
        for (position, axis) in order.enumerated() { result[axis] = position }
        return result
    }

    /// √x whose gradient at 0 is 0, not infinite.
    static func root(_ x: Term) throws(OpError) -> Term {
        let isZero = try x.op("equal", x.constant(0))
        return try x.constant(0).kept(where: isZero, else: x.constant(1).kept(where: isZero, else: x).op("sqrt"))
    }

    private static func variance(_ x: Term, _ axes: [Int], _ keep: Bool, _ ddof: Int) throws(OpError) -> Term {
        let count = axes.map { x.shape[$0] }.elementCount ?? 1
        let centred = try x - x.sum(axes, keepdims: true) / Double(count)
        return try (centred * centred).sum(axes, keepdims: keep) / (Double(count) - Double(ddof))
    }

    /// x with the axes flattened into a last one, sorted, and the q-quantile of that.
    private static func quantile(_ x: Term, _ axes: [Int], _ keep: Bool, _ q: Double) throws(OpError) -> Term {
        let kept = x.shape.indices.filter { !axes.contains($0) }
        let n = axes.map { x.shape[$0] }.elementCount ?? 1
        let sorted = try x.transposed(kept + axes).reshaped(kept.map { x.shape[$0] } + [n]).op("sort")
        let last = kept.count
        let position = q * Double(n - 1)
        let low = Int(position)
        let high = Swift.min(low + 1, n - 1)
        let a = try sorted.sliced(last, low, low + 1)
        let b = try sorted.sliced(last, high, high + 1)
        let t = position - Double(low)
        let value = t == 0 ? a : try a + (b - a) * t
        return try value.reshaped(x.shape.reduced(axes, keepdims: keep))
    }

    private static func globalNorm(_ e: Expansion) throws(OpError) -> Term {
        var total = e.builder.constant(0, e.inputs.first?.dtype ?? .f32)
        for x in e.inputs { total = try total + (x * x).op("sum") }
        return try root(total)
    }

    private static func cumprodGradient(_ b: Backward, _ dy: Term) throws(OpError) -> Term {
        let x = b.inputs[0]
        let (axis, n) = (try b.arguments.axis(rank: x.shape.count), x.shape[try b.arguments.axis(rank: x.shape.count)])
        let (exclusive, reverse) = (b.arguments.bool("exclusive"), b.arguments.bool("reverse"))
        if n > 1024 {
            // Too long for the exact form below: not defined where x is 0.
            let sums = try (dy * b.outputs[0]).op(
                "cumsum", with: ["axis": .int(axis), "exclusive": .bool(exclusive), "reverse": .bool(!reverse)])
            return try sums / x
        }
        // dx[k] = Π_{j<k} x[j] · Σ_{i≥k} dy[i] Π_{k<j≤i} x[j]: products without x[k], so zeros do no harm.
        var order = Array(x.shape.indices)
        order.append(order.remove(at: axis))
        func last(_ t: Term) throws(OpError) -> Term {
            let t = try t.transposed(order)
            return reverse ? try t.flipped(order.count - 1) : t
        }
        let (u, axisLast) = (try last(x), order.count - 1)
        var g = try last(dy)
        if exclusive { g = try g.sliced(axisLast, 1, n).padded(axisLast, 0, 1) }
        let square = u.shape + [n]
        let j = try Term.iota(b.builder, square, axis: axisLast + 1, .i32)
        let k = try Term.iota(b.builder, square, axis: axisLast, .i32)
        let factors = try u.expanded(axisLast).broadcast(square).kept(where: j.op("greater", k), else: u.constant(1))
        let products = try factors.op("cumprod", with: ["axis": .int(axisLast + 1)]).kept(where: j.op("greater_equal", k))
        let sums = try (products * g.expanded(axisLast)).sum([axisLast + 1])
        let before = try u.op("cumprod", with: ["axis": .int(axisLast), "exclusive": .bool(true)])
        var result = try sums * before
        if reverse { result = try result.flipped(axisLast) }
        return try result.transposed(inverse(of: order))
    }

    private static func covariance(_ i: Inference) throws(OpError) -> [TensorType] {
        try i.require(rank: 2...2)
        let n = i.shape[i.arguments.bool("rowvar") ? 0 : 1]
        return [TensorType(i.dtype, [n, n])]
    }
    private static func cov(_ e: Expansion, _ ddof: Int) throws(OpError) -> Term {
        let x = e.arguments.bool("rowvar") ? e.inputs[0] : try e.inputs[0].matrixTranspose
        let n = Double(x.shape[1])
        let centred = try x - x.sum([1], keepdims: true) / n
        return try centred.matmul(centred, transposeB: true) / (n - Double(ddof))
    }

    /// A real number per remaining element, written in other ops.
    private static func statistic(
        _ name: String, doc: String, leading: [Parameter] = [], _ more: [Parameter] = [], example: String, samples: [Sample]? = nil,
        _ formula: @escaping @Sendable (_ x: Term, _ axes: [Int], _ keep: Bool, _ arguments: Arguments) throws(OpError) -> Term
    ) -> Op {
        composed(
            name, doc: doc, [.x] + leading + [.axes] + more + [.keepdims], promotion: .real, example: example,
            samples: samples ?? Sample.distinctReductions,
            infer: { (i) throws(OpError) in
                try i.requireNumbers()
                let axes = try i.arguments.axes(rank: i.shape.count)
                if ["median", "quantile", "percentile", "ptp", "logsumexp", "nanmax", "nanmin"].contains(i.op.name), axes.contains(where: { i.shape[$0] == 0 }) {
                    throw .empty(i.op, i.shape)
                }
                return [TensorType(i.dtype, i.shape.reduced(axes, keepdims: i.arguments.bool("keepdims")))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axes = try e.arguments.axes(rank: x.shape.count)
                return [try formula(x, axes, e.arguments.bool("keepdims"), e.arguments)]
            })
    }

    private static func argument(_ name: String, doc: String, kernel: Special, example: String) -> Op {
        special(
            name, doc: doc, [.x, Parameter("axis", .optionalInt, default: Attribute.none, doc: "none: of all elements"), .keepdims],
            kernel: kernel, example: example, gradient: .positions
        ) { (i) throws(OpError) in
            try i.requireNumbers()
            var axes = Array(i.shape.indices)
            if let axis = i.arguments.optionalInt("axis") { axes = [try i.op.resolve(axis: axis, rank: i.shape.count)] }
            if axes.contains(where: { i.shape[$0] == 0 }) { throw .empty(i.op, i.shape) }
            return [TensorType(.i64, i.shape.reduced(axes, keepdims: i.arguments.bool("keepdims")))]
        }
    }

    private static func running(_ name: String, doc: String, kernel: Special, example: String, gradient: Gradient) -> Op {
        special(
            name, doc: doc, [.x, .axis(0), .bool("exclusive", false, doc: "leave out the element itself"), .bool("reverse", false)],
            promotion: .accumulating, kernel: kernel, example: example,
            samples: [
                Sample([.random([4])]), Sample([.random([2, 3])], ["axis": .int(-1), "exclusive": .bool(true)]),
                Sample([.random([3, 2])], ["reverse": .bool(true)]),
            ],
            gradient: gradient, infer: axisMap)
    }
}

extension Op.Parameter {
    static func axes(_ value: [Int]) -> Self { Self("axis", .axes, default: .ints(value), doc: "one axis or a list") }
}
