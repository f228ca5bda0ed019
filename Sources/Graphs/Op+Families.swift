public import CKernels

// What the members of a family share: parameters, promotion, shape rule.
extension Op {
    /// Element by element: the result has the argument's shape.
    static func map(
        _ name: String, doc: String, kernel: tfs_map, example: String, promotion: Promotion = .real,
        result: DType? = nil, domain: ClosedRange<Double> = -2...2, gradient: Gradient
    ) -> Op {
        Op(
            name, doc: doc, parameters: [.x], promotion: promotion, kernel: .map(kernel), example: example,
            domain: domain, gradient: gradient
        ) { (i) throws(OpError) in
            try i.requireNumbers()
            return [TensorType(result ?? i.dtype, i.shape)]
        }
    }

    /// Two arguments element by element, broadcast.
    static func zip(
        _ name: String, doc: String, _ a: String = "a", _ b: String = "b", kernel: tfs_zip, example: String,
        promotion: Promotion = .real, result: DType? = nil, domain: ClosedRange<Double> = -2...2,
        samples: [Sample] = [], gradient: Gradient
    ) -> Op {
        Op(
            name, doc: doc, parameters: [Parameter(a, .tensor), Parameter(b, .tensor)], promotion: promotion,
            kernel: .zip(kernel), example: example, domain: domain, samples: samples, gradient: gradient
        ) { (i) throws(OpError) in
            try i.requireNumbers()
            return [TensorType(result ?? i.dtype, try i.broadcast())]
        }
    }

    /// Integers and bools bit by bit.
    static func bits(_ name: String, doc: String, kernel: Kernel, example: String) -> Op {
        let isMap = if case .map = kernel { true } else { false }
        return Op(
            name, doc: doc, parameters: isMap ? [.x] : [Parameter("a", .tensor), Parameter("b", .tensor)],
            promotion: .common, kernel: kernel, example: example,
            samples: [Sample([.ints([6, -3], [2])] + (isMap ? [] : [.ints([3], [1])]))], gradient: .stops(because: "integers have no gradient")
        ) { (i) throws(OpError) in
            if i.dtype != .bool, !i.dtype.isInteger { throw .dtype(i.op, i.dtype, expected: "integers and bools") }
            return [TensorType(i.dtype, try i.broadcast())]
        }
    }

    /// Folds axes away.
    static func reduce(
        _ name: String, doc: String, kernel: tfs_reduce, example: String, promotion: Promotion,
        refusesEmpty: Bool = false, gradient: Gradient
    ) -> Op {
        Op(
            name, doc: doc, parameters: [.x, .axes, .keepdims], promotion: promotion, kernel: .reduce(kernel),
            example: example, samples: refusesEmpty ? Sample.distinctReductions : [], gradient: gradient
        ) { (i) throws(OpError) in
            try i.requireNumbers()
            let axes = try i.arguments.axes(rank: i.shape.count)
            if refusesEmpty, axes.contains(where: { i.shape[$0] == 0 }) { throw .empty(i.op, i.shape) }
            return [TensorType(i.dtype, i.shape.reduced(axes, keepdims: i.arguments.bool("keepdims")))]
        }
    }

    /// Work of its own, one result.
    static func special(
        _ name: String, doc: String, _ parameters: [Parameter], promotion: Promotion = .none, kernel: Special,
        example: String, results: Results = .one, domain: ClosedRange<Double> = -2...2, samples: [Sample] = [],
        gradient: Gradient, infer: @escaping @Sendable (Inference) throws(OpError) -> [TensorType]
    ) -> Op {
        Op(
            name, doc: doc, parameters: parameters, promotion: promotion, kernel: .special(kernel), example: example,
            results: results, domain: domain, samples: samples, gradient: gradient, infer: infer)
    }

    /// Written in other ops. Without a rule of its own the shapes are those that the composition gives, so it must
    /// then work with unknown sizes.
    static func composed(
        _ name: String, doc: String, _ parameters: [Parameter], promotion: Promotion = .none, example: String,
        results: Results = .one, domain: ClosedRange<Double> = -2...2, samples: [Sample] = [],
        infer: (@Sendable (Inference) throws(OpError) -> [TensorType])? = nil,
        _ expand: @escaping @Sendable (Expansion) throws(OpError) -> [Term]
    ) -> Op {
        var rule: @Sendable (Inference) throws(OpError) -> [TensorType] = { (i) throws(OpError) in
            let builder = GraphBuilder()
            var inputs: [Term] = []
            for type in i.inputs { inputs.append(builder.input(type)) }
            let outputs = try expand(Expansion(inputs: inputs, arguments: i.arguments, builder: builder))
            return outputs.map(\.type)
        }
        if let infer { rule = infer }
        return Op(
            name, doc: doc, parameters: parameters, promotion: promotion, kernel: .composed(expand), example: example,
            results: results, domain: domain, samples: samples, gradient: .composed, infer: rule)
    }

    /// Element by element, written in other ops of `x` and further arguments.
    static func formula(
        _ name: String, doc: String, _ parameters: [Parameter] = [.x], example: String, promotion: Promotion = .real,
        domain: ClosedRange<Double> = -2...2, samples: [Sample] = [],
        _ expand: @escaping @Sendable (_ x: [Term], _ arguments: Arguments) throws(OpError) -> Term
    ) -> Op {
        composed(
            name, doc: doc, parameters, promotion: promotion, example: example, domain: domain, samples: samples,
            infer: { (i) throws(OpError) in
                try i.requireNumbers()
                return [TensorType(i.dtype, try i.broadcast())]
            },
            { (e) throws(OpError) in [try expand(e.inputs, e.arguments)] })
    }
}

extension Op.Parameter {
    static let x = Op.Parameter("x", .tensor)
    static let axes = Op.Parameter("axis", .axes, default: Attribute.none, doc: "one axis or a list; none: all")
    static let keepdims = Op.Parameter("keepdims", .bool, default: .bool(false), doc: "keep the axes, with size 1")
    static let key = Op.Parameter("key", .key)
    static let shape = Op.Parameter("shape", .shape)
    static let realDType = Op.Parameter("dtype", .dtype, default: .dtype(.f32))
    static func axis(_ value: Int, doc: String = "") -> Self { Self("axis", .int, default: .int(value), doc: doc) }
    static func tensor(_ name: String, doc: String = "") -> Self { Self(name, .tensor, doc: doc) }
    static func int(_ name: String, _ value: Int? = nil, doc: String = "") -> Self {
        Self(name, .int, default: value.map { .int($0) }, doc: doc)
    }
    static func float(_ name: String, _ value: Double? = nil, doc: String = "") -> Self {
        Self(name, .float, default: value.map { .float($0) }, doc: doc)
    }
    static func bool(_ name: String, _ value: Bool, doc: String = "") -> Self {
        Self(name, .bool, default: .bool(value), doc: doc)
    }
    static func ints(_ name: String, _ value: [Int]? = nil, doc: String = "") -> Self {
        Self(name, .ints, default: value.map { .ints($0) }, doc: doc)
    }
    static func choice(_ name: String, _ choices: [String], _ value: String? = nil, doc: String = "") -> Self {
        Self(name, .string(choices), default: .string(value ?? choices[0]), doc: doc)
    }
}

extension Op.Gradient {
    /// Of a map: dx from x, y and dy.
    static func map(_ rule: @escaping @Sendable (_ x: Term, _ y: Term, _ dy: Term) throws(OpError) -> Term) -> Self {
        .rule { (b) throws(OpError) in
            guard let dy = b.gradients[0] else { return [nil] }
            return [try rule(b.inputs[0], b.outputs[0], dy)]
        }
    }
    /// Of a zip: each gradient as if nothing had been broadcast.
    static func zip(
        _ rule: @escaping @Sendable (_ a: Term, _ b: Term, _ y: Term, _ dy: Term) throws(OpError) -> (Term?, Term?)
    ) -> Self {
        .rule { (b) throws(OpError) in
            guard let dy = b.gradients[0] else { return [nil, nil] }
            let (da, db) = try rule(b.inputs[0], b.inputs[1], b.outputs[0], dy)
            return [
                try da?.unbroadcast(to: b.inputs[0].shape), try db?.unbroadcast(to: b.inputs[1].shape),
            ]
        }
    }
    /// Of an op with one result: gradients of all inputs.
    static func of(_ rule: @escaping @Sendable (_ b: Backward, _ dy: Term) throws(OpError) -> [Term?]) -> Self {
        .rule { (b) throws(OpError) in
            guard let dy = b.gradients[0] else { return b.inputs.map { _ in nil } }
            return try rule(b, dy)
        }
    }
    static let steps = Op.Gradient.stops(because: "it is piecewise constant")
    static let truth = Op.Gradient.stops(because: "truth values have no gradient")
    static let positions = Op.Gradient.stops(because: "positions have no gradient")
    static let drawn = Op.Gradient.stops(because: "a random draw depends on no tensor")
    static let made = Op.Gradient.stops(because: "it depends on no tensor")
}
