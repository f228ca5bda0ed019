// Taking elements by place, writing them, order, segments.
extension Op {
    static let indexing: [Op] = [
        .special(
            "_slice", doc: "Every `step`-th element from `begin` up to `end` (exclusive; -1 with a negative step is past the first), per axis.",
            [.x, .ints("begin"), .ints("end"), .ints("step")], kernel: .slice, example: "slice([1, 2, 3], 1, 2)    # => [2, 3]",
            samples: [
                Sample([.random([3, 4])], ["begin": .ints([1, 3]), "end": .ints([3, -1]), "step": .ints([1, -2])])
            ],
            gradient: .of { (b, dy) throws(OpError) in
                let a = b.arguments
                return [try dy.op("_slice_gradient", with: ["begin": a["begin"], "end": a["end"], "step": a["step"], "shape": .ints(b.inputs[0].shape)])]
            },
            infer: { (i) throws(OpError) in
                let (begin, end, step) = (i.arguments.ints("begin"), i.arguments.ints("end"), i.arguments.ints("step"))
                var shape = Shape()
                for (axis, size) in i.shape.enumerated() { shape.append(try sliceCount(i.op, size, begin[axis], end[axis], step[axis])) }
                return [TensorType(i.dtype, shape)]
            }),
        .special(
            "_slice_gradient", doc: "dy written into zeros of `shape` at a slice.", [.tensor("dy"), .ints("begin"), .ints("end"), .ints("step"), .shape],
            kernel: .sliceGradient, example: "slice([1, 2, 3], 1, 2)    # => [2, 3]",
            samples: [Sample([.random([2])], ["begin": .ints([1]), "end": .ints([4]), "step": .ints([2]), "shape": .ints([5])])],
            gradient: .of { (b, ddy) throws(OpError) in
                let a = b.arguments
                return [try ddy.op("_slice", with: ["begin": a["begin"], "end": a["end"], "step": a["step"]])]
            },
            infer: { (i) throws(OpError) in [TensorType(i.dtype, i.arguments.ints("shape"))] }),
        .composed(
            "slice", doc: "The part of x from `begin` with the given sizes; -1: up to the end.", [.x, .ints("begin"), .ints("size")],
            example: "slice([1, 2, 3], 1, 2)    # => [2, 3]", samples: [Sample([.random([3, 3])], ["begin": .ints([1, 0]), "size": .ints([-1, 2])])],
            infer: { (i) throws(OpError) in
                let (begin, end) = try sliceBounds(i.arguments, i.shape)
                return [TensorType(i.dtype, i.shape.indices.map { begin[$0] == 0 && end[$0] == -1 ? -1 : end[$0] < 0 ? -1 : end[$0] - begin[$0] })]
            },
            { (e) throws(OpError) in
                let (begin, end) = try sliceBounds(e.arguments, e.inputs[0].shape)
                return [try e.inputs[0].op("_slice", with: ["begin": .ints(begin), "end": .ints(end), "step": .ints(begin.map { _ in 1 })])]
            }),
        .composed(
            "slice_update", doc: "x with `updates` written from `start` on.", [.x, .tensor("updates"), .ints("start")], promotion: .common,
            example: "slice_update([1, 2, 3], [9], 1)    # => [1, 9, 3]", samples: [Sample([.random([3, 3]), .random([2, 1])], ["start": .ints([1, 0])])],
            infer: { (i) throws(OpError) in
                _ = try updatePadding(i.arguments, i.shape, i.inputs[1].shape)
                return [i.x]
            },
            { (e) throws(OpError) in
                let (x, updates) = (e.inputs[0], e.inputs[1])
                let (before, after) = try updatePadding(e.arguments, x.shape, updates.shape)
                let amounts: [String: Attribute] = ["before": .ints(before), "after": .ints(after)]
                let inside = try e.builder.constant(1, .bool).broadcast(updates.shape).op("_pad", with: amounts)
                return [try inside.op("where", updates.op("_pad", with: amounts), x)]
            }),
        .special(
            "gather", doc: "The parts of x along an axis at `indices`, whose shape replaces the axis; an index out of range is an error.",
            [.x, .tensor("indices"), .axis(0), .int("batch_dims", 0, doc: "leading axes that x and indices share")], kernel: .gather,
            example: "gather([10, 20, 30], [2, 0])    # => [30, 10]",
            samples: [
                Sample([.random([3, 2]), .ints([2, 0, 2, 1], [2, 2])]),
                Sample([.random([2, 3, 2]), .ints([1, 0, 2, 2], [2, 2])], ["axis": .int(1), "batch_dims": .int(1)]),
            ],
            gradient: .of { (b, dy) throws(OpError) in
                let a = b.arguments
                let shape = b.inputs[0].shape
                return [
                    try b.inputs[1].op(
                        "_gather_gradient", dy,
                        with: ["shape": .ints(shape), "axis": .int(a.axis(rank: shape.count)), "batch_dims": a["batch_dims"]]), nil,
                ]
            },
            infer: { (i) throws(OpError) in
                try i.requireIndices(1)
                let (axis, batch) = (try i.arguments.axis(rank: i.shape.count), i.arguments.int("batch_dims"))
                let indices = i.inputs[1].shape
                guard batch >= 0, batch <= axis, batch <= indices.count else {
                    throw .value(i.op, "batch_dims", batch, expected: "0 to \(Swift.min(axis, indices.count))")
                }
                guard Shape(i.shape.prefix(batch)).matches(Shape(indices.prefix(batch))) else {
                    throw .disagree(i.op, "the first \(batch) axes are shared", i.shape, indices)
                }
                return [TensorType(i.dtype, Shape(i.shape.prefix(axis)) + indices.dropFirst(batch) + i.shape.dropFirst(axis + 1))]
            }),
        .special(
            "_gather_gradient", doc: "Updates added into zeros of `shape` where a gather would read.",
            [.tensor("indices"), .tensor("updates"), .shape, .int("axis"), .int("batch_dims")], kernel: .gatherGradient,
            example: "gather([10, 20, 30], [2, 0])    # => [30, 10]",
            samples: [Sample([.ints([2, 0, 2], [3]), .random([3, 2])], ["shape": .ints([4, 2]), "axis": .int(0), "batch_dims": .int(0)])],
            gradient: .of { (b, ddx) throws(OpError) in
                [nil, try ddx.op("gather", b.inputs[0], with: ["axis": b.arguments["axis"], "batch_dims": b.arguments["batch_dims"]])]
            },
            infer: { (i) throws(OpError) in [TensorType(i.inputs[1].dtype, i.arguments.ints("shape"))] }),
        .composed(
            "embedding_lookup", doc: "The rows of `params` at `ids`.", [.tensor("params"), .tensor("ids")], example: "embedding_lookup([[1, 2], [3, 4]], [1])    # => [[3, 4]]",
            samples: [Sample([.random([3, 2]), .ints([2, 0], [2])])]
        ) { (e) throws(OpError) in [try e.inputs[0].op("gather", e.inputs[1])] },
        .special(
            "_take_along", doc: "The element of x along an axis at each index.", [.x, .tensor("indices"), .int("axis")], kernel: .takeAlong,
            example: "take_along_axis([[1, 2]], [[1]], axis = 1)    # => [[2]]", samples: [Sample([.random([2, 3]), .ints([2, 0], [2, 1])], ["axis": .int(1)])],
            gradient: .of { (b, dy) throws(OpError) in
                [try b.inputs[1].op("_take_along_gradient", dy, with: ["shape": .ints(b.inputs[0].shape), "axis": b.arguments["axis"]]), nil]
            },
            infer: { (i) throws(OpError) in
                try i.requireIndices(1)
                let (axis, indices) = (i.arguments.int("axis"), i.inputs[1].shape)
                guard indices.count == i.shape.count, i.shape.replacing(axis, with: -1).matches(indices.replacing(axis, with: -1)) else {
                    throw .disagree(i.op, "all sizes but that of axis \(axis) must be equal", i.shape, indices)
                }
                return [TensorType(i.dtype, indices)]
            }),
        .special(
            "_take_along_gradient", doc: "Updates added into zeros of `shape` where a take_along_axis would read.",
            [.tensor("indices"), .tensor("updates"), .shape, .int("axis")], kernel: .takeAlongGradient,
            example: "take_along_axis([[1, 2]], [[1]], axis = 1)    # => [[2]]",
            samples: [Sample([.ints([2, 0, 2], [3]), .random([3])], ["shape": .ints([4]), "axis": .int(0)])],
            gradient: .of { (b, ddx) throws(OpError) in [nil, try ddx.op("_take_along", b.inputs[0], with: ["axis": b.arguments["axis"]])] },
            infer: { (i) throws(OpError) in [TensorType(i.inputs[1].dtype, i.arguments.ints("shape"))] }),
        .composed(
            "take_along_axis", doc: "The element of x along an axis at each index; `none` flattens x first.",
            [.x, .tensor("indices"), Parameter("axis", .optionalInt, default: .int(-1))], example: "take_along_axis([[1, 2]], [[1]], axis = 1)    # => [[2]]",
            samples: [Sample([.random([2, 3]), .ints([2, 0], [2, 1])])]
        ) { (e) throws(OpError) in
            var x = e.inputs[0]
            var axis = 0
            if let given = e.arguments.optionalInt("axis") {
                axis = try e.arguments.op.resolve(axis: given, rank: x.shape.count)
            } else {
                x = try x.reshaped([x.shape.elementCount ?? -1])
            }
            return [try x.op("_take_along", e.inputs[1], with: ["axis": .int(axis)])]
        },
        .special(
            "gather_nd", doc: "The parts of x at index vectors: the last axis of `indices` addresses the first axes of x.", [.x, .tensor("indices")],
            kernel: .gatherND, example: "gather_nd([[1, 2], [3, 4]], [[1, 0]])    # => [3]", samples: [Sample([.random([2, 3]), .ints([1, 2, 0, 0], [2, 2])])],
            gradient: .of { (b, dy) throws(OpError) in [try b.inputs[1].op("scatter", dy, with: ["shape": .ints(b.inputs[0].shape)]), nil] },
            infer: { (i) throws(OpError) in
                try i.requireIndices(1)
                let indices = i.inputs[1].shape
                guard let depth = indices.last, depth <= i.shape.count else {
                    throw .disagree(i.op, "the last axis of the indices addresses axes of x", i.shape, indices)
                }
                if depth < 0 { throw .rank(i.op, "indices", "a known last size", got: indices) }
                return [TensorType(i.dtype, indices.dropLast() + i.shape.dropFirst(depth))]
            }),
        .special(
            "scatter", doc: "`values` added into zeros of `shape` at index vectors (the last axis of `indices`).",
            [.tensor("indices"), .tensor("values"), .shape], kernel: .scatterND, example: "scatter([[0], [2], [0]], [1, 2, 3], 4)    # => [4, 0, 2, 0]",
            samples: [Sample([.ints([0, 2, 0], [3, 1]), .random([3, 2])], ["shape": .ints([4, 2])])],
            gradient: .of { (b, dy) throws(OpError) in [nil, try dy.op("gather_nd", b.inputs[0])] },
            infer: { (i) throws(OpError) in
                try i.requireIndices(0)
                let shape = i.arguments.ints("shape")
                try i.op.requireSizes(shape)
                try scatterShapes(i.op, shape, i.shape, i.inputs[1].shape)
                return [TensorType(i.inputs[1].dtype, shape)]
            }),
        .special(
            "_scatter_update", doc: "x with `updates` combined in at index vectors.",
            [.x, .tensor("indices"), .tensor("updates"), .choice("reduction", ["none", "add", "max", "min", "mul"])], kernel: .scatterUpdate,
            example: "scatter_update([1, 2, 3], [[1]], [9])    # => [1, 9, 3]",
            samples: ["none", "add", "max", "min", "mul"].map { Sample([.distinct([4, 2]), .ints([2, 0], [2, 1]), .distinct([2, 2])], ["reduction": .string($0)]) },
            gradient: .of { (b, dy) throws(OpError) in
                let (x, indices, updates, y) = (b.inputs[0], b.inputs[1], b.inputs[2], b.outputs[0])
                func write(_ target: Term, _ values: Term, _ how: String) throws(OpError) -> Term {
                    try target.op("_scatter_update", indices, values, with: ["reduction": .string(how)])
                }
                let there = try dy.op("gather_nd", indices)
                switch b.arguments.string("reduction") {
                case "none": return [try write(dy, updates.filled(0), "none"), nil, there]
                case "add": return [dy, nil, there]
                case "mul":
                    // Not defined where an update is 0: several may meet in one place.
                    return [try dy * write(x.filled(1), updates, "mul"), nil, try (dy * y).op("gather_nd", indices) / updates]
                default:
                    let own = try x.mask("equal", y)
                    let theirs = try updates.mask("equal", y.op("gather_nd", indices))
                    let share = try dy / write(own, theirs, "add")
                    return [try own * share, nil, try theirs * share.op("gather_nd", indices)]
                }
            },
            infer: { (i) throws(OpError) in
                try i.requireIndices(1)
                try scatterShapes(i.op, i.shape, i.inputs[1].shape, i.inputs[2].shape)
                return [i.x]
            }),
        .composed(
            "scatter_update", doc: "x with `updates` written (or added, …) at index vectors (the last axis of `indices`).",
            [.x, .tensor("indices"), .tensor("updates"), .choice("reduction", ["none", "add", "sub", "max", "min", "mul"])],
            example: "scatter_update([1, 2, 3], [[1]], [9])    # => [1, 9, 3]", samples: [Sample([.random([4, 2]), .ints([2, 0], [2, 1]), .random([2, 2])], ["reduction": .string("sub")])]
        ) { (e) throws(OpError) in
            let (x, how) = (e.inputs[0], e.arguments.string("reduction"))
            var updates = try e.inputs[2].cast(x.dtype)
            if how == "sub" { updates = try -updates }
            return [try x.op("_scatter_update", e.inputs[1], updates, with: ["reduction": .string(how == "sub" ? "add" : how)])]
        },
        .special(
            "boolean_mask", doc: "The parts of x where the mask holds; the mask's axes are the first of x.", [.x, .tensor("mask")], kernel: .booleanMask,
            example: "boolean_mask([1, 2, 3], [true, false, true])    # => [1, 3]",
            samples: [Sample([.random([3, 2]), .bools([true, false, true], [3])])],
            gradient: .of { (b, dy) throws(OpError) in
                // The n-th part that the mask keeps has row n of dy; the others a row of zeros put after the last.
                let (x, mask) = (b.inputs[0], b.inputs[1])
                let flat = try mask.reshaped([mask.shape.elementCount ?? -1])
                let kept = dy.shape[0]
                let place = try flat.cast(.i32).op("cumsum", with: ["exclusive": .bool(true)])
                let row = try place.kept(where: flat, else: place.constant(Double(kept)))
                return [try dy.padded(0, 0, 1).op("gather", row).reshaped(x.shape), nil]
            },
            infer: { (i) throws(OpError) in
                let mask = i.inputs[1]
                if mask.dtype != .bool { throw .dtype(i.op, mask.dtype, expected: "a `bool` mask") }
                guard mask.rank >= 1, mask.rank <= i.shape.count, Shape(i.shape.prefix(mask.rank)).matches(mask.shape) else {
                    throw .disagree(i.op, "the mask's axes are the first axes of x", i.shape, mask.shape)
                }
                return [TensorType(i.dtype, [-1] + i.shape.dropFirst(mask.rank))]
            }),
        .special(
            "nonzero", doc: "The places of the elements that are not 0: one row of indices each.", [.x], kernel: .nonzero,
            example: "nonzero([0, 3, 5])    # => [[1], [2]]", gradient: .positions,
            infer: { (i) throws(OpError) in [TensorType(.i64, [-1, i.shape.count])] }),
        Op(
            "unique", doc: "The distinct values, sorted; on request where each first stands, each element's place among them, and counts.",
            parameters: [.x, .bool("return_index", false), .bool("return_inverse", false), .bool("return_counts", false)], kernel: .special(.unique),
            example: "unique([3, 1, 3, 2])    # => [1, 2, 3]",
            resultsBy: { arguments in
                let names = ["values"] + ["index", "inverse", "counts"].map { arguments.bool("return_" + $0) ? $0 : "" }
                return names.dropFirst().allSatisfy(\.isEmpty) ? .one : .record(names)
            },
            gradient: .stops(because: "which values are equal is piecewise constant")
        ) { (i) throws(OpError) in
            [TensorType(i.dtype, [-1]), TensorType(.i64, [-1]), TensorType(.i64, [i.shape.elementCount ?? -1]), TensorType(.i64, [-1])]
        },
        .special(
            "_sort", doc: "x sorted along an axis, and where each element stood.", [.x, .axis(-1), .bool("descending", false)], kernel: .sort,
            example: "sort([3, 1, 2])    # => [1, 2, 3]", results: .record(["values", "indices"]), samples: [Sample([.distinct([2, 3])])],
            gradient: .rule { (b) throws(OpError) in
                guard let dy = b.gradients[0] else { return [nil] }
                let shape = b.inputs[0].shape
                return [try b.outputs[1].op("_take_along_gradient", dy, with: ["shape": .ints(shape), "axis": .int(b.arguments.axis(rank: shape.count))])]
            },
            infer: { (i) throws(OpError) in
                _ = try i.arguments.axis(rank: i.shape.count)
                return [i.x, TensorType(.i32, i.shape)]
            }),
        .composed(
            "sort", doc: "x sorted along an axis.", [.x, .axis(-1), .bool("descending", false)], example: "sort([3, 1, 2])    # => [1, 2, 3]",
            samples: [Sample([.distinct([2, 3])]), Sample([.distinct([3, 2])], ["axis": .int(0), "descending": .bool(true)])], infer: axisMap,
            { (e) throws(OpError) in [try e.inputs[0].op("_sort", with: ["axis": e.arguments["axis"], "descending": e.arguments["descending"]])] }),
        .composed(
            "argsort", doc: "Where the elements of the sorted x stood; equal ones keep their order.", [.x, .axis(-1), .bool("descending", false)],
            example: "argsort([3, 1, 2])    # => [1, 2, 0]", samples: [Sample([.distinct([2, 3])])],
            infer: { (i) throws(OpError) in [TensorType(.i32, try axisMap(i)[0].shape)] },
            { (e) throws(OpError) in
                [try e.builder.op("_sort", e.inputs, with: ["axis": e.arguments["axis"], "descending": e.arguments["descending"]])[1]]
            }),
        .special(
            "top_k", doc: "The k largest along the last axis, largest first, and their places; of equal ones the first.", [.x, .int("k", 1)],
            kernel: .topK, example: "top_k([1, 3, 3, 2], 2).indices    # => [1, 2]", results: .record(["values", "indices"]),
            samples: [Sample([.distinct([2, 4])], ["k": .int(2)])],
            gradient: .rule { (b) throws(OpError) in
                guard let dy = b.gradients[0] else { return [nil] }
                let shape = b.inputs[0].shape
                return [try b.outputs[1].op("_take_along_gradient", dy, with: ["shape": .ints(shape), "axis": .int(shape.count - 1)])]
            },
            infer: { (i) throws(OpError) in
                try i.require(rank: 1...64)
                let (k, n) = (i.arguments.int("k"), i.shape[i.shape.count - 1])
                guard k >= 0, n < 0 || k <= n else { throw .value(i.op, "k", k, expected: "0 to \(n), the size of the last axis") }
                let shape = i.shape.replacing(i.shape.count - 1, with: k)
                return [TensorType(i.dtype, shape), TensorType(.i32, shape)]
            }),
        .composed(
            "in_top_k", doc: "Whether the target is among the k largest predictions of its row; ties count as in.",
            [.tensor("targets"), .tensor("predictions"), .int("k")], example: "in_top_k([2], [[1.0, 3.0, 3.0, 3.0]], 1)    # => [true]",
            infer: { (i) throws(OpError) in
                try i.requireIndices(0)
                try i.require(rank: 1...1)
                try i.require(rank: 2...2, 1)
                guard i.shape.matches([i.inputs[1].shape[0]]) else {
                    throw .disagree(i.op, "there is one target for each row of predictions", i.shape, i.inputs[1].shape)
                }
                return [TensorType(.bool, i.shape)]
            },
            { (e) throws(OpError) in
                let (targets, predictions) = (e.inputs[0], e.inputs[1])
                let own = try predictions.op("_take_along", targets.expanded(1), with: ["axis": .int(1)])
                let larger = try predictions.op("greater", own).cast(.i32).sum([1])
                return [try larger.op("less", larger.constant(Double(e.arguments.int("k"))))]
            }),
        .special(
            "searchsorted", doc: "Where each value would be put into the sorted vector: before (\"left\") or after equal ones.",
            [.tensor("sorted"), .tensor("values"), .choice("side", ["left", "right"])], promotion: .common, kernel: .searchsorted,
            example: "searchsorted([1, 3, 5], [3, 4])    # => [1, 2]", samples: [Sample([.ints([1, 3, 5], [3]), .ints([3, 4], [2])])], gradient: .positions,
            infer: { (i) throws(OpError) in
                try i.require(rank: 1...1)
                return [TensorType(.i32, i.inputs[1].shape)]
            }),
        .composed(
            "bucketize", doc: "How many of the boundaries, a sorted vector, are <= x.", [.x, .tensor("boundaries")], promotion: .common,
            example: "bucketize([0, 1, 2, 3], [1, 2])    # => [0, 1, 2, 2]",
            samples: [Sample([.ints([0, 1, 2, 3], [4]), .ints([1, 2], [2])])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 1...1, 1)
                return [TensorType(.i32, i.shape)]
            },
            { (e) throws(OpError) in
                [try e.inputs[1].op("searchsorted", e.inputs[0], with: ["side": .string("right")])]
            }),
        .composed(
            "reverse_sequence", doc: "The first `lengths` elements of each row along `seq_axis` reversed, the rest as it is.",
            [.x, .tensor("lengths"), .int("seq_axis", 1), .int("batch_axis", 0)], example: "reverse_sequence([[1, 2, 3]], [2])    # => [[2, 1, 3]]",
            samples: [Sample([.random([2, 3]), .ints([2, 3], [2])])],
            infer: { (i) throws(OpError) in
                try i.requireIndices(1)
                let batch = try i.arguments.axis("batch_axis", rank: i.shape.count)
                _ = try i.arguments.axis("seq_axis", rank: i.shape.count)
                guard [i.shape[batch]].matches(i.inputs[1].shape) else {
                    throw .disagree(i.op, "there is one length for each entry of axis \(batch)", i.shape, i.inputs[1].shape)
                }
                return [i.x]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let (axis, batch) = (try e.arguments.axis("seq_axis", rank: x.shape.count), try e.arguments.axis("batch_axis", rank: x.shape.count))
                var thin = Shape(repeating: 1, count: x.shape.count)
                thin[batch] = x.shape[batch]
                let lengths = try e.inputs[1].cast(.i32).reshaped(thin)
                let place = try Term.iota(e.builder, x.shape, axis: axis, .i32)
                let indices = try (lengths - 1 - place).kept(where: place.op("less", lengths), else: place)
                return [try x.op("_take_along", indices, with: ["axis": .int(axis)])]
            }),
        .special(
            "_segment", doc: "The rows of x folded by their ids.", [.x, .tensor("ids"), .int("num_segments"), .choice("mode", ["sum", "max", "min", "prod"])],
            kernel: .segment, example: "segment_sum([1, 2, 3], [0, 2, 0], 3)    # => [4, 0, 2]",
            samples: ["sum", "max", "min", "prod"].map { Sample([.distinct([4, 2]), .ints([2, 0, 2, 1], [4])], ["num_segments": .int(3), "mode": .string($0)]) },
            gradient: .of { (b, dy) throws(OpError) in
                let (x, ids, y) = (b.inputs[0], b.inputs[1], b.outputs[0])
                let total = { (t: Term, mode: String) throws(OpError) -> Term in
                    try t.op("_segment", ids, with: ["num_segments": b.arguments["num_segments"], "mode": .string(mode)])
                }
                let there = try dy.op("gather", ids)
                switch b.arguments.string("mode") {
                case "sum": return [there, nil]
                case "prod":
                    // The product of the others, also where an element is 0.
                    let isZero = try x.op("equal", x.constant(0))
                    let nonzero = try x.constant(1).kept(where: isZero, else: x)
                    let others = try total(nonzero, "prod").op("gather", ids) / nonzero
                    let zerosBeside = try total(isZero.cast(x.dtype), "sum").op("gather", ids) - isZero.cast(x.dtype)
                    return [try there * others * zerosBeside.mask("equal", 0), nil]
                default:
                    let mask = try x.mask("equal", y.op("gather", ids))
                    return [try mask * (there / total(mask, "sum").op("gather", ids)), nil]
                }
            },
            infer: { (i) throws(OpError) in
                let n = i.arguments.int("num_segments")
                return [TensorType(i.dtype, try segmentShape(i, n))]
            }),
        .segment("segment_sum", doc: "The sums of the rows of x with the same id; ids need no order.", example: "segment_sum([1, 2, 3], [0, 2, 0], 3)    # => [4, 0, 2]") {
            (x, ids, fold) throws(OpError) in try fold(x, "sum")
        },
        .segment("segment_mean", doc: "The means of the rows of x with the same id; 0 where there is none.", real: true, example: "segment_mean([1.0, 2.0, 3.0], [0, 2, 0], 3)    # => [2.0, 0.0, 2.0]") {
            (x, ids, fold) throws(OpError) in try fold(x, "sum") / segmentCounts(x, ids, fold)
        },
        .segment("segment_sqrt_n", doc: "The sums of the rows of x with the same id over the root of their number.", real: true, example: "segment_sqrt_n([1.0, 3.0], [0, 0], 1)    # => [2.828]") {
            (x, ids, fold) throws(OpError) in try fold(x, "sum") / segmentCounts(x, ids, fold).op("sqrt")
        },
        .segment("segment_max", doc: "The largest of the rows of x with the same id; the lowest number where there is none.", example: "segment_max([1, 2, 3], [0, 1, 0], 2)    # => [3, 2]") {
            (x, ids, fold) throws(OpError) in try fold(x, "max")
        },
        .segment("segment_min", doc: "The smallest of the rows of x with the same id; the highest number where there is none.", example: "segment_min([1, 2, 3], [0, 1, 0], 2)    # => [1, 2]") {
            (x, ids, fold) throws(OpError) in try fold(x, "min")
        },
        .segment("segment_prod", doc: "The products of the rows of x with the same id; 1 where there is none.", example: "segment_prod([1, 2, 3], [0, 1, 0], 2)    # => [3, 2]") {
            (x, ids, fold) throws(OpError) in try fold(x, "prod")
        },
        .special(
            "_one_hot", doc: "1 at the index along a new axis, 0 elsewhere.", [.x, .int("num_classes"), .int("axis"), Parameter("dtype", .dtype)],
            kernel: .oneHot, example: "one_hot([1], 3)    # => [[0.0, 1.0, 0.0]]", gradient: .positions,
            infer: { (i) throws(OpError) in [TensorType(i.arguments.dtype("dtype"), try oneHotShape(i))] }),
        .composed(
            "one_hot", doc: "`on_value` at the index along a new axis, `off_value` elsewhere; an index outside gives none.",
            [.x, .int("num_classes"), .axis(-1), .float("on_value", 1), .float("off_value", 0), .realDType], example: "one_hot([1, -1], 3)    # => [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]",
            infer: { (i) throws(OpError) in
                try i.requireIndices(0)
                return [TensorType(i.arguments.dtype("dtype"), try oneHotShape(i))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let (on, off, dtype) = (e.arguments.float("on_value"), e.arguments.float("off_value"), e.arguments.dtype("dtype"))
                let axis = try e.arguments.op.resolve(axis: e.arguments.int("axis"), rank: x.shape.count + 1)
                func hot(_ dtype: DType) throws(OpError) -> Term {
                    try x.op("_one_hot", with: ["num_classes": e.arguments["num_classes"], "axis": .int(axis), "dtype": .dtype(dtype)])
                }
                if on == 1, off == 0 { return [try hot(dtype)] }
                return [try e.builder.constant(on, dtype).kept(where: hot(.bool), else: e.builder.constant(off, dtype))]
            }),
        .composed(
            "multi_hot", doc: "1 at every index along the last axis, which becomes `num_classes` long.", [.x, .int("num_classes"), .realDType],
            example: "multi_hot([0, 2], 3)    # => [1.0, 0.0, 1.0]",
            infer: { (i) throws(OpError) in
                try i.requireIndices(0)
                try i.require(rank: 1...64)
                try i.op.requireSizes([i.arguments.int("num_classes")], "num_classes")
                return [TensorType(i.arguments.dtype("dtype"), i.shape.replacing(i.shape.count - 1, with: i.arguments.int("num_classes")))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let hot = try x.op("_one_hot", with: ["num_classes": e.arguments["num_classes"], "axis": .int(x.shape.count), "dtype": .dtype(.bool)])
                return [try hot.op("any", with: ["axis": .ints([-2])]).cast(e.arguments.dtype("dtype"))]
            }),
        .composed(
            "sequence_mask", doc: "Which of `maxlen` places lie before each length.", [.tensor("lengths"), .int("maxlen"), Parameter("dtype", .dtype, default: .dtype(.bool))],
            example: "sequence_mask([1, 2], 3)    # => [[true, false, false], [true, true, false]]",
            infer: { (i) throws(OpError) in
                try i.requireIndices(0)
                try i.op.requireSizes([i.arguments.int("maxlen")], "maxlen")
                return [TensorType(i.arguments.dtype("dtype"), i.shape + [i.arguments.int("maxlen")])]
            },
            { (e) throws(OpError) in
                let lengths = e.inputs[0]
                let place = try Term.iota(e.builder, [e.arguments.int("maxlen")], axis: 0, .i32)
                return [try place.op("less", lengths.expanded(lengths.shape.count)).cast(e.arguments.dtype("dtype"))]
            }),
    ]

    /// How many elements a slice takes from an axis; -1 where the size is unknown and decides.
    static func sliceCount(_ op: Op, _ size: Int, _ begin: Int, _ end: Int, _ step: Int) throws(OpError) -> Int {
        if step == 0 { throw .value(op, "step", 0, expected: "a number other than 0") }
        if size < 0, begin < 0 || end < 0 { return -1 }
        let range = step > 0 ? 0...Swift.max(size, 0) : -1...Swift.max(size, 0)
        if size >= 0, !range.contains(begin) || !range.contains(end) {
            throw OpError("E0208", "a slice from \(begin) to \(end) leaves an axis of size \(size)")
        }
        let (distance, by) = step > 0 ? (end - begin, step) : (begin - end, step == .min ? .max : -step)
        return distance <= 0 ? 0 : (distance - 1) / by + 1
    }

    private static func sliceBounds(_ arguments: Arguments, _ shape: Shape) throws(OpError) -> ([Int], [Int]) {
        let (begin, size) = (arguments.ints("begin"), arguments.ints("size"))
        guard begin.count == shape.count else { throw .value(arguments.op, "begin", begin, expected: "\(shape.count) ints, one per axis") }
        guard size.count == shape.count else { throw .value(arguments.op, "size", size, expected: "\(shape.count) ints, one per axis") }
        var end = [Int]()
        for axis in shape.indices {
            let (n, b, s) = (shape[axis], begin[axis], size[axis])
            guard b >= 0, s >= -1, n < 0 || (b <= n && (s == -1 || s <= n - b)) else {
                throw OpError("E0208", "`slice` from \(b) with size \(s) leaves axis \(axis) of `\(shape.text)`")
            }
            end.append(s == -1 ? n : b.addingReportingOverflow(s).partialValue)
        }
        return (begin, end)
    }

    private static func updatePadding(_ arguments: Arguments, _ shape: Shape, _ updates: Shape) throws(OpError) -> ([Int], [Int]) {
        let start = arguments.ints("start")
        guard updates.count == shape.count else { throw .disagree(arguments.op, "x and the updates have as many axes", shape, updates) }
        guard start.count == shape.count else { throw .value(arguments.op, "start", start, expected: "\(shape.count) ints, one per axis") }
        var after = [Int]()
        for axis in shape.indices {
            if shape[axis] < 0 || updates[axis] < 0 { after.append(0) } else {
                guard start[axis] >= 0, start[axis] <= shape[axis] - updates[axis] else {
                    throw OpError("E0208", "updates of shape `\(updates.text)` at \(start) leave `\(shape.text)`")
                }
                after.append(shape[axis] - updates[axis] - start[axis])
            }
        }
        return (start, after)
    }

    /// Index vectors of depth k into `shape` need updates of the indices' leading axes and the shape's trailing ones.
    private static func scatterShapes(_ op: Op, _ shape: Shape, _ indices: Shape, _ updates: Shape) throws(OpError) {
        guard let depth = indices.last, depth <= shape.count else {
            throw .disagree(op, "the last axis of the indices addresses axes of the result", shape, indices)
        }
        let expected = depth < 0 ? updates : Shape(indices.dropLast()) + shape.dropFirst(depth)
        if !expected.matches(updates) {
            throw .disagree(op, "indices of shape `\(indices.text)` into `\(shape.text)` need updates of shape `\(expected.text)`", expected, updates)
        }
    }

    private static func oneHotShape(_ i: Inference) throws(OpError) -> Shape {
        let n = i.arguments.int("num_classes")
        try i.op.requireSizes([n], "num_classes")
        return i.shape.inserting(n, at: try i.op.resolve(axis: i.arguments.int("axis"), rank: i.shape.count + 1))
    }

    private static func segmentShape(_ i: Inference, _ n: Int) throws(OpError) -> Shape {
        try i.requireIndices(1)
        try i.require(rank: 1...64)
        try i.op.requireSizes([n], "num_segments")
        guard i.inputs[1].rank == 1, [i.shape[0]].matches(i.inputs[1].shape) else {
            throw .disagree(i.op, "there is one id for each row of x", i.shape, i.inputs[1].shape)
        }
        return i.shape.replacing(0, with: n)
    }

    private static func segmentCounts(_ x: Term, _ ids: Term, _ fold: (Term, String) throws(OpError) -> Term) throws(OpError) -> Term {
        let ones = try x.constant(1).broadcast([ids.shape[0]] + Shape(repeating: 1, count: x.shape.count - 1))
        let counts = try fold(ones, "sum")
        return try counts.op("maximum", counts.constant(1))
    }

    private static func segment(
        _ name: String, doc: String, real: Bool = false, example: String,
        _ formula: @escaping @Sendable (_ x: Term, _ ids: Term, _ fold: (Term, String) throws(OpError) -> Term) throws(OpError) -> Term
    ) -> Op {
        composed(
            name, doc: doc, [.x, .tensor("ids"), .int("num_segments")], promotion: real ? .realFirst : .none, example: example,
            samples: [Sample([.distinct([4, 2]), .ints([2, 0, 2, 1], [4])], ["num_segments": .int(3)])],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try segmentShape(i, i.arguments.int("num_segments")))] },
            { (e) throws(OpError) in
                let (ids, n) = (e.inputs[1], e.arguments["num_segments"])
                let y = try formula(e.inputs[0], ids) { (t: Term, mode: String) throws(OpError) -> Term in
                    try t.op("_segment", ids, with: ["num_segments": n, "mode": .string(mode)])
                }
                return [y]
            })
    }
}
