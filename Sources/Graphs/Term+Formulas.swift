// Operators and shorthands, so that gradients and compositions read like formulas.
extension Term {
    static func + (a: Term, b: Term) throws(OpError) -> Term { try a.op("add", b) }
    static func - (a: Term, b: Term) throws(OpError) -> Term { try a.op("subtract", b) }
    static func * (a: Term, b: Term) throws(OpError) -> Term { try a.op("multiply", b) }
    static func / (a: Term, b: Term) throws(OpError) -> Term { try a.op("divide", b) }
    static func + (a: Term, b: Double) throws(OpError) -> Term { try a.op("add", a.constant(b)) }
    static func - (a: Term, b: Double) throws(OpError) -> Term { try a.op("subtract", a.constant(b)) }
    static func - (a: Double, b: Term) throws(OpError) -> Term { try b.constant(a).op("subtract", b) }
    static func * (a: Term, b: Double) throws(OpError) -> Term { try a.op("multiply", a.constant(b)) }
    static func * (a: Double, b: Term) throws(OpError) -> Term { try b * a }
    static func / (a: Term, b: Double) throws(OpError) -> Term { try a.op("divide", a.constant(b)) }
    static func / (a: Double, b: Term) throws(OpError) -> Term { try b.constant(a).op("divide", b) }
    static prefix func - (a: Term) throws(OpError) -> Term { try a.op("negative") }

    /// 1 where the comparison of another op with `b` holds, else 0, in this term's dtype.
    func mask(_ comparison: String, _ b: Term) throws(OpError) -> Term { try op(comparison, b).cast(dtype) }
    func mask(_ comparison: String, _ b: Double) throws(OpError) -> Term { try mask(comparison, constant(b)) }

    /// This where `condition` holds, else `other`.
    func kept(where condition: Term, else other: Term) throws(OpError) -> Term { try condition.op("where", self, other) }
    func kept(where condition: Term) throws(OpError) -> Term { try kept(where: condition, else: constant(0)) }

    func filled(_ value: Double) throws(OpError) -> Term { try constant(value).broadcast(shape) }

    func sum(_ axes: [Int], keepdims: Bool = false) throws(OpError) -> Term {
        axes.isEmpty ? self : try op("sum", with: ["axis": .ints(axes), "keepdims": .bool(keepdims)])
    }
    func max(_ axes: [Int], keepdims: Bool = false) throws(OpError) -> Term {
        axes.isEmpty ? self : try op("max", with: ["axis": .ints(axes), "keepdims": .bool(keepdims)])
    }
    func reshaped(_ shape: Shape) throws(OpError) -> Term {
        shape == self.shape ? self : try op("_reshape", with: ["shape": .ints(shape)])
    }
    func transposed(_ axes: [Int]) throws(OpError) -> Term {
        axes == Array(axes.indices) ? self : try op("_transpose", with: ["axes": .ints(axes)])
    }
    /// The last two axes exchanged.
    var matrixTranspose: Term {
        get throws(OpError) {
            var axes = Array(shape.indices)
            axes.swapAt(axes.count - 1, axes.count - 2)
            return try transposed(axes)
        }
    }
    func broadcast(_ shape: Shape) throws(OpError) -> Term {
        shape == self.shape ? self : try op("broadcast_to", with: ["shape": .ints(shape)])
    }
    func expanded(_ axis: Int) throws(OpError) -> Term { try reshaped(shape.inserting(1, at: axis)) }

    /// Part of one axis; `end` is exclusive.
    func sliced(_ axis: Int, _ begin: Int, _ end: Int, step: Int = 1) throws(OpError) -> Term {
        var begins = [Int](repeating: 0, count: shape.count)
        var ends = shape
        var steps = [Int](repeating: 1, count: shape.count)
        (begins[axis], ends[axis], steps[axis]) = (begin, end, step)
        return try op("_slice", with: ["begin": .ints(begins), "end": .ints(ends), "step": .ints(steps)])
    }
    func flipped(_ axis: Int) throws(OpError) -> Term {
        shape[axis] == 1 ? self : try sliced(axis, shape[axis] < 0 ? -2 : shape[axis] - 1, -1, step: -1)
    }
    func padded(_ axis: Int, _ before: Int, _ after: Int) throws(OpError) -> Term {
        if before == 0, after == 0 { return self }
        var befores = [Int](repeating: 0, count: shape.count)
        var afters = befores
        (befores[axis], afters[axis]) = (before, after)
        return try op("_pad", with: ["before": .ints(befores), "after": .ints(afters)])
    }
    func matmul(_ b: Term, transposeA: Bool = false, transposeB: Bool = false) throws(OpError) -> Term {
        try op("_matmul", b, with: ["transpose_a": .bool(transposeA), "transpose_b": .bool(transposeB)])
    }

    /// Sums away what broadcasting to this term's shape added to `shape`.
    func unbroadcast(to shape: Shape) throws(OpError) -> Term {
        if shape == self.shape { return self }
        let added = self.shape.count - shape.count
        let axes = self.shape.indices.filter { $0 < added || (shape[$0 - added] == 1 && self.shape[$0] != 1) }
        // Each element that flows to a maximum over windows flows on to one place: no window lies on padding alone.
        let flow = pooling.flatMap { Set(axes).isSuperset(of: 1..<self.shape.count - 1) ? $0.dy : nil } ?? self
        return try flow.sum(Array(axes)).reshaped(shape)
    }

    /// This where y > 0, else 0. The gradient of a maximum over windows of y is cut where the maximum is not above 0: there
    /// are fewer of those, and y is not read again.
    func reluGradient(_ y: Term) throws(OpError) -> Term {
        guard let (gradient, x, dy, attributes) = pooling, x.ref == y.ref, let pool = Op.named("_max_pool") else { return try op("_relu_gradient", y) }
        let largest = try builder.add(pool, [y], attributes)[0]
        return try builder.add(gradient, [y, dy.op("_relu_gradient", largest)], attributes)[0]
    }

    /// If this is the gradient of a maximum over windows: the op, what the windows lie over, and what flows to the maximum.
    private var pooling: (op: Op, x: Term, dy: Term, attributes: Attributes)? {
        let (graph, node) = (builder.graph, Int(ref.node))
        guard case .op(let id) = graph.nodes[node].content, case .special(.maxPoolGradient) = Op.at(id).kernel else { return nil }
        let inputs = graph.inputs(of: node).map { builder.term($0) }
        return (Op.at(id), inputs[0], inputs[1], graph.attributes(of: node))
    }

    /// Brings a reduction's result (or its gradient) back to where it can meet its input: size 1 at `axes`.
    func keeping(_ axes: [Int], of shape: Shape) throws(OpError) -> Term {
        try reshaped(shape.reduced(axes, keepdims: true))
    }

    /// 0, 1, 2, … along an axis of `shape`.
    static func iota(_ builder: GraphBuilder, _ shape: Shape, axis: Int, _ dtype: DType) throws(OpError) -> Term {
        try builder.op("_iota", [], with: ["shape": .ints(shape), "axis": .int(axis), "dtype": .dtype(dtype)])[0]
    }
}

extension [Term] {
    func concat(_ axis: Int) throws(OpError) -> Term {
        count == 1 ? self[0] : try self[0].builder.op("concat", self, with: ["axis": .int(axis)])[0]
    }
}
