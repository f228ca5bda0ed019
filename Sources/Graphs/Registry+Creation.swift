// Tensors out of nothing but a shape.
extension Op {
    static let creation: [Op] = [
        .special(
            "_fill", doc: "A tensor of one number.", [.shape, .float("value"), Parameter("dtype", .dtype)], kernel: .fill, example: "zeros([2])    # => [0.0, 0.0]",
            gradient: .made, infer: made),
        .special(
            "_iota", doc: "The index along an axis.", [.shape, .int("axis"), Parameter("dtype", .dtype)], kernel: .iota, example: "arange(3)    # => [0, 1, 2]",
            gradient: .made, infer: made),
        .composed(
            "zeros", doc: "A tensor of zeros.", [.shape, .realDType], example: "zeros([2])    # => [0.0, 0.0]", infer: made,
            { (e) throws(OpError) in [try fill(e, e.arguments.ints("shape"), 0, e.arguments.dtype("dtype"))] }),
        .composed(
            "ones", doc: "A tensor of ones.", [.shape, .realDType], example: "ones([2])    # => [1.0, 1.0]", infer: made,
            { (e) throws(OpError) in [try fill(e, e.arguments.ints("shape"), 1, e.arguments.dtype("dtype"))] }),
        .composed(
            "full", doc: "A tensor of one value.", [.shape, .tensor("fill_value"), Parameter("dtype", .optionalDType, default: Attribute.none)],
            example: "full([2], 7)    # => [7, 7]", samples: [Sample([.random([])], ["shape": .ints([2, 2])])],
            infer: { (i) throws(OpError) in
                try i.op.requireSizes(i.arguments.ints("shape"))
                return [TensorType(i.arguments.optionalDType("dtype") ?? i.dtype, i.arguments.ints("shape"))]
            },
            { (e) throws(OpError) in
                [try e.inputs[0].cast(e.arguments.optionalDType("dtype") ?? e.inputs[0].dtype).broadcast(e.arguments.ints("shape"))]
            }),
        .like("zeros_like", doc: "Zeros in the shape of x.", example: "zeros_like([1, 2])    # => [0, 0]") { _, x, dtype throws(OpError) in x.builder.constant(0, dtype) },
        .like("ones_like", doc: "Ones in the shape of x.", example: "ones_like([1, 2])    # => [1, 1]") { _, x, dtype throws(OpError) in x.builder.constant(1, dtype) },
        .like("full_like", doc: "One number in the shape of x.", [.float("fill_value")], example: "full_like([1, 2], 7)    # => [7, 7]") {
            arguments, x, dtype throws(OpError) in x.builder.constant(arguments.float("fill_value"), dtype)
        },
        .composed(
            "eye", doc: "n × m, ones on the k-th diagonal.", [.int("n"), Parameter("m", .optionalInt, default: Attribute.none), .int("k", 0), .realDType],
            example: "eye(2)    # => [[1.0, 0.0], [0.0, 1.0]]",
            infer: { (i) throws(OpError) in
                let shape = square(i.arguments)
                try i.op.requireSizes(shape)
                return [TensorType(i.arguments.dtype("dtype"), shape)]
            },
            { (e) throws(OpError) in
                [try offset(e.builder, square(e.arguments)).op("equal", e.builder.constant(Double(e.arguments.int("k")), .i32)).cast(e.arguments.dtype("dtype"))]
            }),
        .composed(
            "tri", doc: "n × m, ones on and below the k-th diagonal.", [.int("n"), Parameter("m", .optionalInt, default: Attribute.none), .int("k", 0), .realDType],
            example: "tri(2)    # => [[1.0, 0.0], [1.0, 1.0]]",
            infer: { (i) throws(OpError) in
                let shape = square(i.arguments)
                try i.op.requireSizes(shape)
                return [TensorType(i.arguments.dtype("dtype"), shape)]
            },
            { (e) throws(OpError) in
                [try offset(e.builder, square(e.arguments)).op("less_equal", e.builder.constant(Double(e.arguments.int("k")), .i32)).cast(e.arguments.dtype("dtype"))]
            }),
        .band("tril", doc: "The part of each matrix on and below the k-th diagonal, 0 elsewhere.", [.int("k", 0)], example: "tril([[1, 2], [3, 4]])    # => [[1, 0], [3, 4]]") {
            (a, offset) throws(OpError) in try offset.op("less_equal", offset.constant(Double(a.int("k"))))
        },
        .band("triu", doc: "The part of each matrix on and above the k-th diagonal, 0 elsewhere.", [.int("k", 0)], example: "triu([[1, 2], [3, 4]])    # => [[1, 2], [0, 4]]") {
            (a, offset) throws(OpError) in try offset.op("greater_equal", offset.constant(Double(a.int("k"))))
        },
        .band(
            "band_part", doc: "`num_lower` diagonals below the main one and `num_upper` above, 0 elsewhere; -1 keeps all.", [.int("num_lower", -1), .int("num_upper", -1)],
            example: "band_part([[1, 2], [3, 4]], 0, -1)    # => [[1, 2], [0, 4]]"
        ) { (a, offset) throws(OpError) in
            var inside = try offset.op("equal", offset)
            let (lower, upper) = (a.int("num_lower"), a.int("num_upper"))
            if lower >= 0 { inside = try inside.op("logical_and", offset.op("greater_equal", offset.constant(-Double(lower)))) }
            if upper >= 0 { inside = try inside.op("logical_and", offset.op("less_equal", offset.constant(Double(upper)))) }
            return inside
        },
        .composed(
            "diag", doc: "A vector on the k-th diagonal of a matrix; of a matrix, its k-th diagonal.", [.x, .int("k", 0)], example: "diag([1, 2])    # => [[1, 0], [0, 2]]",
            samples: [Sample([.random([3])], ["k": .int(1)]), Sample([.random([3, 2])], ["k": .int(-1)])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 1...2)
                let k = i.arguments.int("k")
                if i.shape.count == 2 { return [TensorType(i.dtype, [diagonalCount(i.shape, k)])] }
                let n = try i.op.sum([i.shape[0], Int(clamping: k.magnitude)])
                try i.op.requireSizes([n, n])
                return [TensorType(i.dtype, [n, n])]
            },
            { (e) throws(OpError) in
                let (x, k) = (e.inputs[0], e.arguments.int("k"))
                if x.shape.count == 2 { return [try diagonal(x, k)] }
                let n = x.shape[0] + Swift.abs(k)
                // Down the columns the vector stands in row order, or moved down by -k.
                let column = try x.padded(0, Swift.max(-k, 0), Swift.max(k, 0)).expanded(1)
                let isDiagonal = try offset(e.builder, [n, n]).op("equal", e.builder.constant(Double(k), .i32))
                return [try column.broadcast([n, n]).kept(where: isDiagonal)]
            }),
        .composed(
            "diagonal", doc: "The diagonals of the matrices in two axes, as a last axis.", [.x, .int("offset", 0), .int("axis1", 0), .int("axis2", 1)],
            example: "diagonal([[1, 2], [3, 4]])    # => [1, 4]", samples: [Sample([.random([2, 3, 3])], ["axis1": .int(1), "axis2": .int(2)])],
            infer: { (i) throws(OpError) in
                let axes = try i.op.resolve(axes: [i.arguments.int("axis1"), i.arguments.int("axis2")], rank: i.shape.count)
                let n = diagonalCount([i.shape[axes[0]], i.shape[axes[1]]], i.arguments.int("offset"))
                return [TensorType(i.dtype, i.shape.reduced(axes, keepdims: false) + [n])]
            },
            { (e) throws(OpError) in
                let x = e.inputs[0]
                let axes = try e.arguments.op.resolve(axes: [e.arguments.int("axis1"), e.arguments.int("axis2")], rank: x.shape.count)
                return [try diagonal(x.transposed(x.shape.indices.filter { !axes.contains($0) } + axes), e.arguments.int("offset"))]
            }),
        .composed(
            "trace", doc: "The sum of the diagonals of the matrices in two axes.", [.x, .int("offset", 0), .int("axis1", -2), .int("axis2", -1)], promotion: .accumulating,
            example: "trace([[1, 2], [3, 4]])    # => 5", samples: [Sample([.random([2, 3, 3])])],
            infer: { (i) throws(OpError) in
                let axes = try i.op.resolve(axes: [i.arguments.int("axis1"), i.arguments.int("axis2")], rank: i.shape.count)
                return [TensorType(i.dtype, i.shape.reduced(axes, keepdims: false))]
            },
            { (e) throws(OpError) in
                let a = e.arguments
                let d = try e.inputs[0].op("diagonal", with: ["offset": a["offset"], "axis1": a["axis1"], "axis2": a["axis2"]])
                return [try d.sum([d.shape.count - 1])]
            }),
        .composed(
            "arange", doc: "start, start + step, … before stop; with one argument from 0. Ints give i32.",
            [
                Parameter("start", .number), Parameter("stop", .optionalNumber, default: Attribute.none), Parameter("step", .number, default: .int(1)),
                Parameter("dtype", .optionalDType, default: Attribute.none),
            ], example: "arange(2, 8, 3)    # => [2, 5]",
            infer: { (i) throws(OpError) in
                let r = try range(i.arguments)
                return [TensorType(r.dtype, [r.count])]
            },
            { (e) throws(OpError) in
                let r = try range(e.arguments)
                let wide: DType = r.isInt ? .i64 : r.dtype
                if r.isInt, r.start == 0, r.step == 1 { return [try Term.iota(e.builder, [r.count], axis: 0, r.dtype)] }
                return [try (Term.iota(e.builder, [r.count], axis: 0, wide) * r.step + r.start).cast(r.dtype)]
            }),
        .composed(
            "linspace", doc: "`num` evenly spaced numbers from start to stop, along a new axis.",
            [.tensor("start"), .tensor("stop"), .int("num", 50), .bool("endpoint", true), .axis(0)], promotion: .real,
            example: "linspace(0.0, 1.0, 3)    # => [0.0, 0.5, 1.0]", samples: [Sample([.random([2]), .random([])], ["num": .int(3)])],
            infer: { (i) throws(OpError) in
                let shape = try i.broadcast()
                let num = i.arguments.int("num")
                try i.op.requireSizes([num], "num")
                return [TensorType(i.dtype, shape.inserting(num, at: try i.op.resolve(axis: i.arguments.int("axis"), rank: shape.count + 1)))]
            },
            { (e) throws(OpError) in
                let (start, stop, num) = (e.inputs[0], e.inputs[1], e.arguments.int("num"))
                let shape = try e.arguments.op.broadcast([start.shape, stop.shape])
                let axis = try e.arguments.op.resolve(axis: e.arguments.int("axis"), rank: shape.count + 1)
                let parts = Swift.max(e.arguments.bool("endpoint") ? num - 1 : num, 1)
                let t = try Term.iota(e.builder, Shape(repeating: 1, count: shape.count).inserting(num, at: axis), axis: axis, start.dtype) / Double(parts)
                // Both ends are met exactly.
                return [try start.broadcast(shape).expanded(axis) * (1 - t) + stop.broadcast(shape).expanded(axis) * t]
            }),
        .composed(
            "meshgrid", doc: "Vectors as grids: each repeated along the axes of the others.", [Parameter("xs", .tensors), .choice("indexing", ["xy", "ij"])],
            example: "meshgrid([tensor([1, 2]), tensor([3])])[0]    # => [[1, 2]]", results: .list, samples: [Sample([.random([2]), .random([3])])],
            infer: { (i) throws(OpError) in
                for index in i.inputs.indices { try i.require(rank: 1...1, index) }
                var shape = i.inputs.map { $0.shape[0] }
                if i.arguments.string("indexing") == "xy", shape.count > 1 { shape.swapAt(0, 1) }
                return i.inputs.map { TensorType($0.dtype, shape) }
            },
            { (e) throws(OpError) in
                var shape = e.inputs.map { $0.shape[0] }
                let swaps = e.arguments.string("indexing") == "xy" && shape.count > 1
                if swaps { shape.swapAt(0, 1) }
                var result: [Term] = []
                for (k, x) in e.inputs.enumerated() {
                    var thin = Shape(repeating: 1, count: shape.count)
                    thin[swaps && k < 2 ? 1 - k : k] = x.shape[0]
                    result.append(try x.reshaped(thin).broadcast(shape))
                }
                return result
            }),
        .window("signal.hann", doc: "0.5 - 0.5 cos(2πn / N).", 0.5, 0.5, 0, example: "signal.hann(4)    # => [0.0, 0.5, 1.0, 0.5]"),
        .window("signal.hamming", doc: "0.54 - 0.46 cos(2πn / N).", 0.54, 0.46, 0, example: "signal.hamming(4)    # => [0.08, 0.54, 1.0, 0.54]"),
        .window("signal.blackman", doc: "0.42 - 0.5 cos(2πn / N) + 0.08 cos(4πn / N).", 0.42, 0.5, 0.08, example: "signal.blackman(4)[2]    # => 1.0"),
    ]

    private static func made(_ i: Inference) throws(OpError) -> [TensorType] {
        let shape = i.arguments.ints("shape")
        try i.op.requireSizes(shape)
        return [TensorType(i.arguments.dtype("dtype"), shape)]
    }

    static func fill(_ e: Expansion, _ shape: Shape, _ value: Double, _ dtype: DType) throws(OpError) -> Term {
        try e.builder.op("_fill", [], with: ["shape": .ints(shape), "value": .float(value), "dtype": .dtype(dtype)])[0]
    }

    private static func square(_ a: Arguments) -> Shape { [a.int("n"), a.optionalInt("m") ?? a.int("n")] }

    /// Column minus row of the matrices in the last two axes of `shape`.
    static func offset(_ builder: GraphBuilder, _ shape: Shape) throws(OpError) -> Term {
        let row = try Term.iota(builder, [shape[shape.count - 2], 1], axis: 0, .i32)
        return try Term.iota(builder, [1, shape[shape.count - 1]], axis: 1, .i32) - row
    }

    private static func diagonalCount(_ shape: Shape, _ k: Int) -> Int {
        if shape[0] < 0 || shape[1] < 0 { return -1 }
        return Swift.max(Swift.min(k < 0 ? shape[0].addingReportingOverflow(k).partialValue : shape[0], k > 0 ? shape[1] - k : shape[1]), 0)
    }

    /// The k-th diagonals of the last two axes: every (m + 1)-th of the flattened elements.
    static func diagonal(_ x: Term, _ k: Int) throws(OpError) -> Term {
        let (n, m) = (x.shape[x.shape.count - 2], x.shape[x.shape.count - 1])
        let count = diagonalCount([n, m], k)
        let leading = Shape(x.shape.dropLast(2))
        if count <= 0 { return try x.reshaped(leading + [n * m]).sliced(leading.count, 0, 0) }
        let begin = k >= 0 ? k : -k * m
        return try x.reshaped(leading + [n * m]).sliced(leading.count, begin, begin + (count - 1) * (m + 1) + 1, step: m + 1)
    }

    private static func range(_ a: Arguments) throws(OpError) -> (start: Double, step: Double, count: Int, dtype: DType, isInt: Bool) {
        for name in ["start", "stop", "step"] {
            if case .bool(let truth) = a[name] { throw .value(a.op, name, truth, expected: "a number") }
        }
        var (start, stop, step) = ((value: 0.0, isInt: true), a.number("start"), a.number("step"))
        if case .none = a["stop"] {} else { (start, stop) = (stop, a.number("stop")) }
        if step.value == 0 { throw .value(a.op, "step", 0, expected: "a number other than 0") }
        let size = Swift.max(((stop.value - start.value) / step.value).rounded(.up), 0)
        guard size < 0x1p48 else { throw .tooLarge(a.op) }
        let isInt = start.isInt && stop.isInt && step.isInt
        return (start.value, step.value, Int(size), a.optionalDType("dtype") ?? (isInt ? .i32 : .f32), isInt)
    }

    private static func like(
        _ name: String, doc: String, _ more: [Parameter] = [], example: String, _ value: @escaping @Sendable (Arguments, Term, DType) throws(OpError) -> Term
    ) -> Op {
        composed(
            name, doc: doc, [.x] + more + [Parameter("dtype", .optionalDType, default: Attribute.none)], example: example,
            infer: { (i) throws(OpError) in [TensorType(i.arguments.optionalDType("dtype") ?? i.dtype, i.shape)] },
            { (e) throws(OpError) in
                [try value(e.arguments, e.inputs[0], e.arguments.optionalDType("dtype") ?? e.inputs[0].dtype).broadcast(e.inputs[0].shape)]
            })
    }

    private static func band(
        _ name: String, doc: String, _ more: [Parameter], example: String, _ inside: @escaping @Sendable (Arguments, Term) throws(OpError) -> Term
    ) -> Op {
        composed(
            name, doc: doc, [.x] + more, example: example, samples: [Sample([.random([2, 3, 3])])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 2...64)
                return [i.x]
            },
            { (e) throws(OpError) in [try e.inputs[0].kept(where: inside(e.arguments, offset(e.builder, e.inputs[0].shape)))] })
    }

    private static func window(_ name: String, doc: String, _ a: Double, _ b: Double, _ c: Double, example: String) -> Op {
        composed(
            name, doc: doc + " N is the length, or one less for the symmetric form.", [.int("window_length"), .bool("periodic", true), .realDType], example: example,
            infer: { (i) throws(OpError) in
                try i.op.requireSizes([i.arguments.int("window_length")], "window_length")
                return [TensorType(i.arguments.dtype("dtype"), [i.arguments.int("window_length")])]
            },
            { (e) throws(OpError) in
                let n = e.arguments.int("window_length")
                let dtype = e.arguments.dtype("dtype")
                if n == 1 { return [try fill(e, [1], 1, dtype)] }
                let period = Double(e.arguments.bool("periodic") ? n : n - 1)
                let t = try Term.iota(e.builder, [n], axis: 0, .f64) * (2 * Double.pi / period)
                var y = try a - t.op("cos") * b
                if c != 0 { y = try y + (t * 2).op("cos") * c }
                return [try y.cast(dtype)]
            })
    }
}
