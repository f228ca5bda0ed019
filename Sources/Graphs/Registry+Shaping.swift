// Shapes, order of axes, joining and cutting. No element is computed, only moved.
extension Op {
    static let shaping: [Op] = [
        .special(
            "_reshape", doc: "The same elements in another shape.", [.x, .shape], kernel: .reshape, example: "reshape([1, 2], [2, 1])    # => [[1], [2]]",
            samples: [Sample([.random([2, 3])], ["shape": .ints([3, 2])])],
            gradient: .of { (b, dy) throws(OpError) in [try dy.reshaped(b.inputs[0].shape)] },
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try resolvedReshape(i.op, i.shape, i.arguments.ints("shape")))] }),
        .composed(
            "reshape", doc: "The same elements in another shape; one size may be -1: what is left.", [.x, .shape],
            example: "reshape([1, 2, 3, 4], [2, -1])    # => [[1, 2], [3, 4]]", samples: [Sample([.random([2, 3])], ["shape": .ints([3, -1])])],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try resolvedReshape(i.op, i.shape, i.arguments.ints("shape")))] },
            { (e) throws(OpError) in
                [try e.inputs[0].reshaped(resolvedReshape(e.arguments.op, e.inputs[0].shape, e.arguments.ints("shape")))]
            }),
        .composed(
            "ravel", doc: "All elements in one axis.", [.x], example: "ravel([[1, 2], [3, 4]])    # => [1, 2, 3, 4]", samples: [Sample([.random([2, 3])])],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, [i.shape.elementCount ?? -1])] },
            { (e) throws(OpError) in [try e.inputs[0].reshaped([e.inputs[0].shape.elementCount ?? -1])] }),
        .composed(
            "flatten", doc: "All axes but the first in one.", [.x], example: "flatten([[[1, 2], [3, 4]]])    # => [[1, 2, 3, 4]]",
            samples: [Sample([.random([2, 3, 2])])], infer: { (i) throws(OpError) in [TensorType(i.dtype, try flattened(i.op, i.shape))] },
            { (e) throws(OpError) in [try e.inputs[0].reshaped(flattened(e.arguments.op, e.inputs[0].shape))] }),
        .composed(
            "merge_leading_dims", doc: "The first axes in one.", [.x, .int("num_dims", 2)], example: "merge_leading_dims([[[1], [2]], [[3], [4]]])    # => [[1], [2], [3], [4]]",
            samples: [Sample([.random([2, 3, 2])])],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try merged(i.op, i.shape, i.arguments.int("num_dims")))] },
            { (e) throws(OpError) in [try e.inputs[0].reshaped(merged(e.arguments.op, e.inputs[0].shape, e.arguments.int("num_dims")))] }),
        .special(
            "_transpose", doc: "Axes in another order.", [.x, .ints("axes")], kernel: .transpose, example: "transpose([[1, 2]])    # => [[1], [2]]",
            samples: [Sample([.random([2, 3, 2])], ["axes": .ints([2, 0, 1])])],
            gradient: .of { (b, dy) throws(OpError) in [try dy.transposed(inverse(of: b.arguments.ints("axes")))] },
            infer: { (i) throws(OpError) in [TensorType(i.dtype, i.arguments.ints("axes").map { i.shape[$0] })] }),
        .axesMove("transpose", doc: "Axes in the order given, reversed by default.", [Parameter("axes", .axes, default: Attribute.none)], example: "transpose([[1, 2]])    # => [[1], [2]]") {
            (a, rank) throws(OpError) in
            guard let axes = a.optionalInts("axes") else { return Array((0..<rank).reversed()) }
            let order = try a.op.resolve(axes: axes, rank: rank)
            if order.count != rank { throw .value(a.op, "axes", axes, expected: "each of the \(rank) axes once") }
            return order
        },
        .axesMove("matrix_transpose", doc: "The last two axes exchanged.", [], example: "matrix_transpose([[1, 2]])    # => [[1], [2]]") {
            (a, rank) throws(OpError) in
            if rank < 2 { throw .axis(a.op, -2, rank: rank) }
            var order = Array(0..<rank)
            order.swapAt(rank - 1, rank - 2)
            return order
        },
        .axesMove(
            "swapaxes", doc: "Two axes exchanged.", [.int("axis1"), .int("axis2")], example: "swapaxes([[1, 2]], 0, 1)    # => [[1], [2]]",
            sample: ["axis1": .int(0), "axis2": .int(-1)]
        ) { (a, rank) throws(OpError) in
            var order = Array(0..<rank)
            order.swapAt(try a.axis("axis1", rank: rank), try a.axis("axis2", rank: rank))
            return order
        },
        .axesMove(
            "moveaxis", doc: "Axes moved from `source` to `destination`, the others in their order.", [.ints("source"), .ints("destination")],
            example: "moveaxis(zeros([2, 3, 4]), 0, -1).shape    # => [3, 4, 2]", sample: ["source": .ints([0]), "destination": .ints([-1])]
        ) { (a, rank) throws(OpError) in
            let from = try a.op.resolve(axes: a.ints("source"), rank: rank)
            let to = try a.op.resolve(axes: a.ints("destination"), rank: rank)
            if from.count != to.count { throw .value(a.op, "destination", to, expected: "as many axes as `source`") }
            var order = (0..<rank).filter { !from.contains($0) }
            for (axis, place) in Swift.zip(from, to).sorted(by: { $0.1 < $1.1 }) { order.insert(axis, at: place) }
            return order
        },
        .composed(
            "expand_dims", doc: "A new axis of size 1.", [.x, .axis(0)], example: "expand_dims([1, 2], 1)    # => [[1], [2]]", samples: [Sample([.random([2, 3])], ["axis": .int(-1)])],
            infer: { (i) throws(OpError) in
                let axis = try i.op.resolve(axis: i.arguments.int("axis"), rank: i.shape.count + 1)
                return [TensorType(i.dtype, i.shape.inserting(1, at: axis))]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                return [try x.expanded(e.arguments.op.resolve(axis: e.arguments.int("axis"), rank: x.shape.count + 1))]
            }),
        .composed(
            "squeeze", doc: "Drops axes of size 1.", [.x, .axes], example: "squeeze([[1, 2]])    # => [1, 2]", samples: [Sample([.random([1, 3, 1])], ["axis": .ints([-1])])],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try squeezed(i.arguments, i.shape))] },
            { (e) throws(OpError) in [try e.inputs[0].reshaped(squeezed(e.arguments, e.inputs[0].shape))] }),
        .special(
            "broadcast_to", doc: "x repeated until it has the shape.", [.x, .shape], kernel: .broadcast, example: "broadcast_to([1, 2], [2, 2])    # => [[1, 2], [1, 2]]",
            samples: [Sample([.random([3, 1])], ["shape": .ints([2, 3, 2])])],
            gradient: .of { (b, dy) throws(OpError) in [try dy.unbroadcast(to: b.inputs[0].shape)] },
            infer: { (i) throws(OpError) in
                let shape = i.arguments.ints("shape")
                try i.op.requireSizes(shape)
                guard shape.count >= i.shape.count, let both = Shape.broadcast(i.shape, shape), both.matches(shape) else {
                    throw .doNotBroadcast(i.op, [i.shape, shape])
                }
                return [TensorType(i.dtype, shape)]
            }),
        .special(
            "cast", doc: "The same numbers in another dtype; floats to integers drop the fraction.", [.x, Parameter("dtype", .dtype)], kernel: .cast,
            example: "cast([1.7, 2.0], i32)    # => [1, 2]", samples: [Sample([.random([3])], ["dtype": .dtype(.f64)])],
            gradient: .of { (b, dy) throws(OpError) in
                guard b.inputs[0].dtype.isFloat, b.outputs[0].dtype.isFloat else { return [nil] }
                return [try dy.cast(b.inputs[0].dtype)]
            },
            infer: { (i) throws(OpError) in
                if i.dtype == .string || i.arguments.dtype("dtype") == .string { throw .dtype(i.op, .string, expected: "numbers") }
                return [TensorType(i.arguments.dtype("dtype"), i.shape)]
            }),
        .composed(
            "saturate_cast", doc: "Clips to the range of the dtype, then casts.", [.x, Parameter("dtype", .dtype)], example: "saturate_cast([300], u8)    # => [255]",
            infer: { (i) throws(OpError) in [TensorType(i.arguments.dtype("dtype"), i.shape)] },
            { (e) throws(OpError) in
                let (x, dtype) = (e.inputs[0], e.arguments.dtype("dtype"))
                if dtype.isFloat || x.dtype == .bool || dtype == .bool { return [try x.cast(dtype)] }
                var y = x
                if x.dtype.isFloat || x.dtype.largest > dtype.largest { y = try y.op("minimum", y.constant(Swift.min(dtype.largest, x.dtype.largest))) }
                if x.dtype.isFloat || x.dtype.lowest < dtype.lowest { y = try y.op("maximum", y.constant(Swift.max(dtype.lowest, x.dtype.lowest))) }
                return [try y.cast(dtype)]
            }),
        .special(
            "concat", doc: "Joins tensors along an axis.", [Parameter("xs", .tensors), .axis(0)], promotion: .common, kernel: .concat,
            example: "concat([[1, 2], [3]], axis = 0)    # => [1, 2, 3]", samples: [Sample([.random([2, 3]), .random([2, 1])], ["axis": .int(-1)])],
            gradient: .of { (b, dy) throws(OpError) in
                let axis = try b.arguments.axis(rank: dy.shape.count)
                var start = 0
                var result: [Term?] = []
                for x in b.inputs {
                    result.append(try dy.sliced(axis, start, start + x.shape[axis]))
                    start += x.shape[axis]
                }
                return result
            },
            infer: { (i) throws(OpError) in
                guard let first = i.inputs.first else { throw .value(i.op, "xs", "[]", expected: "at least one tensor") }
                let axis = try i.arguments.axis(rank: first.rank)
                var shape = first.shape
                for next in i.inputs.dropFirst() {
                    guard next.rank == first.rank, let both = shape.replacing(axis, with: -1).merged(next.shape.replacing(axis, with: -1)) else {
                        throw .disagree(i.op, "all sizes but that of axis \(axis) must be equal", first.shape, next.shape)
                    }
                    shape = both
                }
                return [TensorType(first.dtype, shape.replacing(axis, with: try i.op.sum(i.inputs.map { $0.shape[axis] })))]
            }),
        .composed(
            "stack", doc: "Joins tensors of one shape along a new axis.", [Parameter("xs", .tensors), .axis(0)], promotion: .common,
            example: "stack([tensor([1, 2]), tensor([3, 4])])    # => [[1, 2], [3, 4]]", samples: [Sample([.random([2, 3]), .random([2, 3])], ["axis": .int(1)])],
            infer: { (i) throws(OpError) in
                guard let first = i.inputs.first else { throw .value(i.op, "xs", "[]", expected: "at least one tensor") }
                let axis = try i.op.resolve(axis: i.arguments.int("axis"), rank: first.rank + 1)
                var shape = first.shape
                for next in i.inputs.dropFirst() {
                    guard let both = shape.merged(next.shape) else { throw .disagree(i.op, "the shapes must be equal", first.shape, next.shape) }
                    shape = both
                }
                return [TensorType(first.dtype, shape.inserting(i.inputs.count, at: axis))]
            },
            { (e) throws(OpError) in
                guard let first = e.inputs.first else { throw .value(e.arguments.op, "xs", "[]", expected: "at least one tensor") }
                let axis = try e.arguments.op.resolve(axis: e.arguments.int("axis"), rank: first.shape.count + 1)
                var parts: [Term] = []
                for x in e.inputs { parts.append(try x.expanded(axis)) }
                return [try parts.concat(axis)]
            }),
        .joined("hstack", doc: "Joins tensors side by side: along axis 1, vectors along axis 0.", example: "hstack([tensor([1]), tensor([2])])    # => [1, 2]") { x throws(OpError) in
            x.shape.isEmpty ? (try x.reshaped([1]), 0) : (x, x.shape.count == 1 ? 0 : 1)
        },
        .joined("vstack", doc: "Joins tensors one above the other: along axis 0, vectors as rows.", example: "vstack([tensor([1]), tensor([2])])    # => [[1], [2]]") { x throws(OpError) in
            x.shape.count < 2 ? (try x.reshaped([1, x.shape.first ?? 1]), 0) : (x, 0)
        },
        .composed(
            "unstack", doc: "A list of the parts along an axis, without it.", [.x, .axis(0), Parameter("num", .optionalInt, default: Attribute.none)],
            example: "unstack([[1, 2], [3, 4]])[1]    # => [3, 4]", results: .list, samples: [Sample([.random([2, 3])], ["axis": .int(1)])],
            infer: { (i) throws(OpError) in
                let axis = try i.arguments.axis(rank: i.shape.count)
                let count = try unstackCount(i.arguments, i.shape[axis])
                var shape = i.shape
                shape.remove(at: axis)
                return [TensorType](repeating: TensorType(i.dtype, shape), count: count)
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                var shape = x.shape
                shape.remove(at: axis)
                var parts: [Term] = []
                for k in 0..<(try unstackCount(e.arguments, x.shape[axis])) { parts.append(try x.sliced(axis, k, k + 1).reshaped(shape)) }
                return parts
            }),
        .composed(
            "split", doc: "A list of parts along an axis: one int gives that many equal parts, a list gives their sizes (one may be -1).",
            [.x, .ints("num_or_sizes"), .axis(0)], example: "split([1, 2, 3], [1, 2])[1]    # => [2, 3]", results: .list,
            samples: [Sample([.random([4, 3])], ["num_or_sizes": .ints([1, -1])]), Sample([.random([4, 3])], ["num_or_sizes": .ints([2])])],
            infer: { (i) throws(OpError) in
                let axis = try i.arguments.axis(rank: i.shape.count)
                return try splitSizes(i.arguments, i.shape, axis).map { TensorType(i.dtype, i.shape.replacing(axis, with: $0)) }
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                return try cut(x, axis, splitSizes(e.arguments, x.shape, axis))
            }),
        .composed(
            "array_split", doc: "A list of n parts along an axis, the first ones longer when it does not divide.", [.x, .int("n"), .axis(0)],
            example: "array_split([1, 2, 3], 2)[0]    # => [1, 2]", results: .list, samples: [Sample([.random([5, 2])], ["n": .int(2)])],
            infer: { (i) throws(OpError) in
                let axis = try i.arguments.axis(rank: i.shape.count)
                return try unevenSizes(i.arguments, i.shape[axis]).map { TensorType(i.dtype, i.shape.replacing(axis, with: $0)) }
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axis = try e.arguments.axis(rank: x.shape.count)
                return try cut(x, axis, unevenSizes(e.arguments, x.shape[axis]))
            }),
        .composed(
            "tile", doc: "x repeated as a whole along each axis.", [.x, .ints("repeats")], example: "tile([1, 2], 2)    # => [1, 2, 1, 2]",
            samples: [Sample([.random([2, 3])], ["repeats": .ints([2, 1])])],
            infer: { (i) throws(OpError) in
                let (shape, repeats) = try tiling(i.arguments, i.shape)
                var result = Shape()
                for (size, count) in Swift.zip(shape, repeats) { result.append(try i.op.product(size, count)) }
                try i.op.requireSizes(result)
                return [TensorType(i.dtype, result)]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let (shape, repeats) = try tiling(e.arguments, x.shape)
                var (thin, wide, flat) = (Shape(), Shape(), Shape())
                for (size, count) in Swift.zip(shape, repeats) {
                    thin += [1, size]
                    wide += [count, size]
                    flat.append(try e.arguments.op.product(size, count))
                }
                return [try x.reshaped(thin).broadcast(wide).reshaped(flat)]
            }),
        .composed(
            "repeat", doc: "Each element along an axis repeated; `none` flattens first. One count for all, or one each.",
            [.x, .ints("repeats"), Parameter("axis", .optionalInt, default: Attribute.none)], example: "repeat([1, 2], 2)    # => [1, 1, 2, 2]",
            samples: [Sample([.random([2, 3])], ["repeats": .ints([2]), "axis": .int(1)]), Sample([.random([2, 3])], ["repeats": .ints([2, 1]), "axis": .int(0)])],
            infer: { (i) throws(OpError) in
                let (shape, axis, repeats) = try repeating(i.arguments, i.shape)
                let size = repeats.count == 1 ? try i.op.product(shape[axis], repeats[0]) : try i.op.sum(repeats)
                try i.op.requireSizes(shape.replacing(axis, with: size))
                return [TensorType(i.dtype, shape.replacing(axis, with: size))]
            },
            { (e) throws(OpError) in
                let (shape, axis, repeats) = try repeating(e.arguments, e.inputs[0].shape)
                let x = try e.inputs[0].reshaped(shape)
                func copies(_ x: Term, _ count: Int) throws(OpError) -> Term {
                    let wide = x.shape.inserting(count, at: axis + 1)
                    return try x.expanded(axis + 1).broadcast(wide).reshaped(x.shape.replacing(axis, with: e.arguments.op.product(x.shape[axis], count)))
                }
                if repeats.count == 1 { return [try copies(x, repeats[0])] }
                var parts: [Term] = []
                for (k, count) in repeats.enumerated() where count > 0 { parts.append(try copies(x.sliced(axis, k, k + 1), count)) }
                return [parts.isEmpty ? try x.sliced(axis, 0, 0) : try parts.concat(axis)]
            }),
        .special(
            "_pad", doc: "x with elements of one value around it.", [.x, .ints("before"), .ints("after"), .float("value", 0)], kernel: .pad,
            example: "pad([1], 1)    # => [0, 1, 0]", samples: [Sample([.random([2, 3])], ["before": .ints([1, 0]), "after": .ints([0, 2])])],
            gradient: .of { (b, dy) throws(OpError) in
                let (before, shape) = (b.arguments.ints("before"), b.inputs[0].shape)
                return [
                    try dy.op(
                        "_slice",
                        with: ["begin": .ints(before), "end": .ints(Swift.zip(before, shape).map { $0 + $1 }), "step": .ints(before.map { _ in 1 })])
                ]
            },
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try padded(i.op, i.shape, i.arguments.ints("before"), i.arguments.ints("after")))] }),
        .composed(
            "pad", doc: "x with a border: constant, mirrored without (\"reflect\") or with (\"symmetric\") the edge, or the edge repeated.",
            [
                .x, Parameter("pad_width", .pairs, doc: "one amount, one pair [before, after], or a pair per axis"),
                .choice("mode", ["constant", "reflect", "symmetric", "edge"]), .float("constant_values", 0),
            ], example: "pad([1, 2, 3], 1, mode = \"reflect\")    # => [2, 1, 2, 3, 2]",
            samples: ["constant", "reflect", "symmetric", "edge"].map { Sample([.random([3, 3])], ["pad_width": .ints([1, 2, 0, 1]), "mode": .string($0)]) },
            infer: { (i) throws(OpError) in
                let (before, after) = try pairs(i.arguments, i.shape)
                return [TensorType(i.dtype, try padded(i.op, i.shape, before, after))]
            },
            { (e) throws(OpError) in
                var x = e.inputs[0]
                let (before, after) = try pairs(e.arguments, x.shape)
                _ = try padded(e.arguments.op, x.shape, before, after)
                let mode = e.arguments.string("mode")
                if mode == "constant" {
                    return [try x.op("_pad", with: ["before": .ints(before), "after": .ints(after), "value": .float(e.arguments.float("constant_values"))])]
                }
                for axis in x.shape.indices where before[axis] > 0 || after[axis] > 0 {
                    x = try mirrored(x, axis, before[axis], after[axis], mode)
                }
                return [x]
            }),
        .composed(
            "flip", doc: "The elements along axes in reverse order.", [.x, .axes], example: "flip([1, 2, 3])    # => [3, 2, 1]", samples: [Sample([.random([2, 3])], ["axis": .ints([-1])])],
            infer: { (i) throws(OpError) in
                _ = try i.arguments.axes(rank: i.shape.count)
                return [i.x]
            },
            { (e) throws(OpError) in
                var x = e.inputs[0]
                for axis in try e.arguments.axes(rank: x.shape.count) { x = try x.flipped(axis) }
                return [x]
            }),
        .composed(
            "roll", doc: "The elements moved along axes, round the end; `none` flattens first.", [.x, .ints("shift"), .axes],
            example: "roll([1, 2, 3], 1)    # => [3, 1, 2]", samples: [Sample([.random([2, 3])], ["shift": .ints([-1]), "axis": .ints([1])])],
            infer: { (i) throws(OpError) in
                if let axes = i.arguments.optionalInts("axis") { _ = try i.arguments.perAxis("shift", i.op.resolve(axes: axes, rank: i.shape.count).count) }
                return [i.x]
            },
            { (e) throws(OpError) in
                var x = e.inputs[0]
                let shape = x.shape
                var axes = [0]
                if let given = e.arguments.optionalInts("axis") {
                    axes = try e.arguments.op.resolve(axes: given, rank: shape.count)
                } else {
                    x = try x.reshaped([shape.elementCount ?? -1])
                }
                for (axis, shift) in Swift.zip(axes, try e.arguments.perAxis("shift", axes.count)) where x.shape[axis] > 0 {
                    let n = x.shape[axis]
                    let start = ((-(shift % n)) % n + n) % n
                    if start != 0 { x = try [x.sliced(axis, start, n), x.sliced(axis, 0, start)].concat(axis) }
                }
                return [try x.reshaped(shape)]
            }),
        .composed(
            "rot90", doc: "Turned k times by 90° in the plane of two axes, from the first towards the second.", [.x, .int("k", 1), .ints("axes", [0, 1])],
            example: "rot90([[1, 2], [3, 4]])    # => [[2, 4], [1, 3]]", samples: [Sample([.random([2, 3])], ["k": .int(1)])],
            infer: { (i) throws(OpError) in
                let axes = try i.op.resolve(axes: i.arguments.ints("axes"), rank: i.shape.count)
                if axes.count != 2 { throw .value(i.op, "axes", axes, expected: "two axes") }
                var shape = i.shape
                if i.arguments.int("k") % 2 != 0 { shape.swapAt(axes[0], axes[1]) }
                return [TensorType(i.dtype, shape)]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axes = try e.arguments.op.resolve(axes: e.arguments.ints("axes"), rank: x.shape.count)
                var order = Array(x.shape.indices)
                order.swapAt(axes[0], axes[1])
                switch (e.arguments.int("k") % 4 + 4) % 4 {
                case 1: return [try x.flipped(axes[1]).transposed(order)]
                case 2: return [try x.flipped(axes[0]).flipped(axes[1])]
                case 3: return [try x.transposed(order).flipped(axes[1])]
                default: return [x]
                }
            }),
        .composed(
            "space_to_depth", doc: "Blocks of pixels become channels: [b, h, w, c] to [b, h/s, w/s, c·s²].", [.x, .int("block_size")],
            example: "space_to_depth(zeros([1, 4, 4, 1]), 2).shape    # => [1, 2, 2, 4]", samples: [Sample([.random([1, 4, 2, 2])], ["block_size": .int(2)])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 4...4)
                let s = i.arguments.int("block_size")
                if s < 1 { throw .value(i.op, "block_size", s, expected: "1 or more") }
                var shape = i.shape
                for axis in 1...2 where shape[axis] >= 0 {
                    if shape[axis] % s != 0 { throw .value(i.op, "block_size", s, expected: "a divisor of height and width in `\(i.shape.text)`") }
                    shape[axis] /= s
                }
                shape[3] = try i.op.product(shape[3], i.op.product(s, s))
                return [TensorType(i.dtype, shape)]
            },
            { (e) throws(OpError) in
                let (x, s) = (e.inputs[0], e.arguments.int("block_size"))
                let (b, h, w, c) = (x.shape[0], x.shape[1] / s, x.shape[2] / s, x.shape[3])
                return [try x.reshaped([b, h, s, w, s, c]).transposed([0, 1, 3, 2, 4, 5]).reshaped([b, h, w, s * s * c])]
            }),
        .composed(
            "depth_to_space", doc: "Channels become blocks of pixels: [b, h, w, c·s²] to [b, h·s, w·s, c].", [.x, .int("block_size")],
            example: "depth_to_space(zeros([1, 2, 2, 4]), 2).shape    # => [1, 4, 4, 1]", samples: [Sample([.random([1, 2, 1, 8])], ["block_size": .int(2)])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 4...4)
                let s = i.arguments.int("block_size")
                if s < 1 { throw .value(i.op, "block_size", s, expected: "1 or more") }
                let square = try i.op.product(s, s)
                var shape = i.shape
                for axis in 1...2 { shape[axis] = try i.op.product(shape[axis], s) }
                if shape[3] >= 0 {
                    if shape[3] % square != 0 { throw .value(i.op, "block_size", s, expected: "one whose square divides the channels of `\(i.shape.text)`") }
                    shape[3] /= square
                }
                return [TensorType(i.dtype, shape)]
            },
            { (e) throws(OpError) in
                let (x, s) = (e.inputs[0], e.arguments.int("block_size"))
                let (b, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3] / (s * s))
                return [try x.reshaped([b, h, w, s, s, c]).transposed([0, 1, 3, 2, 4, 5]).reshaped([b, h * s, w * s, c])]
            }),
        .special(
            "copy", doc: "x itself, as a tensor of its own that gradients can be taken by.", [.x], kernel: .identity, example: "copy([1, 2])    # => [1, 2]",
            gradient: .map { (_, _, dy) throws(OpError) in dy }, infer: { (i) throws(OpError) in [i.x] }),
    ]

    /// The sizes that a request such as [2, -1] means.
    static func resolvedReshape(_ op: Op, _ from: Shape, _ to: Shape) throws(OpError) -> Shape {
        if to.contains(where: { $0 < -1 }) { throw .reshape(from, to) }
        let holes = to.filter { $0 == -1 }.count
        var rest = 1
        for size in to where size >= 0 { rest = try op.product(rest, size) }
        guard let count = from.elementCount else {
            // In the check: sizes unknown on either side; what is known may still refuse.
            if !from.isKnown { return to }
            throw .tooLarge(op)
        }
        if holes == 0 {
            if rest != count { throw .reshape(from, to) }
            return to
        }
        if holes > 1 { throw .reshape(from, to) }
        if rest == 0 || count % rest != 0 { throw .reshape(from, to) }
        return to.map { $0 < 0 ? count / rest : $0 }
    }

    private static func flattened(_ op: Op, _ shape: Shape) throws(OpError) -> Shape {
        var rest = 1
        for size in shape.dropFirst() { rest = try op.product(rest, size) }
        return [shape.first ?? 1, rest]
    }

    private static func merged(_ op: Op, _ shape: Shape, _ count: Int) throws(OpError) -> Shape {
        guard count >= 1, count <= shape.count else { throw .value(op, "num_dims", count, expected: "1 to \(shape.count)") }
        var first = 1
        for size in shape.prefix(count) { first = try op.product(first, size) }
        return [first] + shape.dropFirst(count)
    }

    private static func squeezed(_ arguments: Arguments, _ shape: Shape) throws(OpError) -> Shape {
        guard let given = arguments.optionalInts("axis") else { return shape.filter { $0 != 1 } }
        let axes = try arguments.op.resolve(axes: given, rank: shape.count)
        for axis in axes where shape[axis] > 1 || shape[axis] == 0 {
            throw .value(arguments.op, "axis", axis, expected: "an axis of size 1 of `\(shape.text)`")
        }
        return shape.reduced(axes, keepdims: false)
    }

    /// In the check an unknown size without `num` gives no parts: their number is unknown.
    private static func unstackCount(_ arguments: Arguments, _ size: Int) throws(OpError) -> Int {
        guard let num = arguments.optionalInt("num") else { return Swift.max(size, 0) }
        if num < 0 || (size >= 0 && size != num) { throw .value(arguments.op, "num", num, expected: "the size of the axis, \(size)") }
        return num
    }

    private static func splitSizes(_ arguments: Arguments, _ shape: Shape, _ axis: Int) throws(OpError) -> [Int] {
        let (given, size) = (arguments.ints("num_or_sizes"), shape[axis])
        // One number is a number of parts.
        if given.count == 1 {
            guard given[0] > 0, given[0] <= 1 << 20, size < 0 || size % given[0] == 0 else {
                throw .value(arguments.op, "num_or_sizes", given[0], expected: "a divisor of \(size), the size of axis \(axis)")
            }
            return [Int](repeating: size < 0 ? -1 : size / given[0], count: given[0])
        }
        let holes = given.filter { $0 == -1 }.count
        let known = try arguments.op.sum(given.filter { $0 >= 0 })
        guard holes <= 1, !given.contains(where: { $0 < -1 }), size < 0 || (holes == 1 ? known <= size : known == size) else {
            throw .value(arguments.op, "num_or_sizes", given, expected: "sizes that add up to \(size), the size of axis \(axis)")
        }
        return size < 0 ? given : given.map { $0 < 0 ? size - known : $0 }
    }

    private static func unevenSizes(_ arguments: Arguments, _ size: Int) throws(OpError) -> [Int] {
        let n = arguments.int("n")
        guard n > 0, n <= 1 << 20 else { throw .value(arguments.op, "n", n, expected: "1 to 1,048,576") }
        return (0..<n).map { size < 0 ? -1 : size / n + ($0 < size % n ? 1 : 0) }
    }

    private static func cut(_ x: Term, _ axis: Int, _ sizes: [Int]) throws(OpError) -> [Term] {
        var start = 0
        var parts: [Term] = []
        for size in sizes {
            parts.append(try x.sliced(axis, start, start + size))
            start += size
        }
        return parts
    }

    private static func tiling(_ arguments: Arguments, _ shape: Shape) throws(OpError) -> (Shape, [Int]) {
        let repeats = arguments.ints("repeats")
        try arguments.op.requireSizes(repeats, "repeats")
        let rank = Swift.max(shape.count, repeats.count)
        func filled(_ part: [Int]) -> [Int] { [Int](repeating: 1, count: rank - part.count) + part }
        return (filled(shape), filled(repeats))
    }

    private static func repeating(_ arguments: Arguments, _ shape: Shape) throws(OpError) -> (Shape, Int, [Int]) {
        let repeats = arguments.ints("repeats")
        try arguments.op.requireSizes(repeats, "repeats")
        var (shape, axis) = (shape, 0)
        if let given = arguments.optionalInt("axis") {
            axis = try arguments.op.resolve(axis: given, rank: shape.count)
        } else {
            shape = [shape.elementCount ?? -1]
        }
        if repeats.isEmpty || (repeats.count > 1 && shape[axis] >= 0 && shape[axis] != repeats.count) {
            throw .value(arguments.op, "repeats", repeats, expected: "one count, or one for each of the \(shape[axis]) elements")
        }
        return (shape, axis, repeats)
    }

    private static func pairs(_ arguments: Arguments, _ shape: Shape) throws(OpError) -> ([Int], [Int]) {
        let given = arguments.ints("pad_width")
        let rank = shape.count
        if given.count == 1 { return ([Int](repeating: given[0], count: rank), [Int](repeating: given[0], count: rank)) }
        if given.count == 2 { return ([Int](repeating: given[0], count: rank), [Int](repeating: given[1], count: rank)) }
        guard given.count == 2 * rank else {
            throw .value(arguments.op, "pad_width", given, expected: "one amount, one pair, or a pair for each of the \(rank) axes")
        }
        return ((0..<rank).map { given[2 * $0] }, (0..<rank).map { given[2 * $0 + 1] })
    }

    private static func padded(_ op: Op, _ shape: Shape, _ before: [Int], _ after: [Int]) throws(OpError) -> Shape {
        var result = Shape()
        for axis in shape.indices {
            if before[axis] < 0 || after[axis] < 0 { throw .value(op, "pad_width", Swift.min(before[axis], after[axis]), expected: "0 or more") }
            result.append(try op.sum([shape[axis], before[axis], after[axis]]))
        }
        try op.requireSizes(result)
        return result
    }

    private static func mirrored(_ x: Term, _ axis: Int, _ before: Int, _ after: Int, _ mode: String) throws(OpError) -> Term {
        let n = x.shape[axis]
        let reach = mode == "reflect" ? n - 1 : mode == "symmetric" ? n : n > 0 ? Int.max : 0
        if before > reach || after > reach {
            throw OpError("E0205", "`pad` in mode \"\(mode)\" reaches \(Swift.max(before, after)) elements into an axis of \(n)")
        }
        var parts: [Term] = []
        func edge(_ index: Int, _ count: Int) throws(OpError) -> Term {
            try x.sliced(axis, index, index + 1).broadcast(x.shape.replacing(axis, with: count))
        }
        let skip = mode == "reflect" ? 1 : 0
        if before > 0 { parts.append(mode == "edge" ? try edge(0, before) : try x.sliced(axis, skip, skip + before).flipped(axis)) }
        parts.append(x)
        if after > 0 { parts.append(mode == "edge" ? try edge(n - 1, after) : try x.sliced(axis, n - skip - after, n - skip).flipped(axis)) }
        return try parts.concat(axis)
    }

    private static func axesMove(
        _ name: String, doc: String, _ more: [Parameter], example: String, sample: [String: Attribute] = [:],
        _ order: @escaping @Sendable (Arguments, Int) throws(OpError) -> [Int]
    ) -> Op {
        composed(
            name, doc: doc, [.x] + more, example: example, samples: [Sample([.random([2, 3, 2])], sample)],
            infer: { (i) throws(OpError) in [TensorType(i.dtype, try order(i.arguments, i.shape.count).map { i.shape[$0] })] },
            { (e) throws(OpError) in [try e.inputs[0].transposed(order(e.arguments, e.inputs[0].shape.count))] })
    }

    private static func joined(
        _ name: String, doc: String, example: String, _ prepare: @escaping @Sendable (Term) throws(OpError) -> (Term, Int)
    ) -> Op {
        composed(
            name, doc: doc, [Parameter("xs", .tensors)], promotion: .common, example: example, samples: [Sample([.random([2, 3]), .random([2, 3])])]
        ) { (e) throws(OpError) in
            guard !e.inputs.isEmpty else { throw .value(e.arguments.op, "xs", "[]", expected: "at least one tensor") }
            var (parts, axis) = ([Term](), 0)
            for x in e.inputs {
                let (part, along) = try prepare(x)
                parts.append(part)
                axis = along
            }
            return [try parts.concat(axis)]
        }
    }
}

extension DType {
    /// The lowest number of the dtype.
    var lowest: Double {
        switch self {
        case .bool, .u8: 0
        case .i8, .i16, .i32: -largest - 1
        case .i64: -0x1p63
        case .f16, .bf16, .f32, .f64, .string: -largest
        }
    }
}
