internal import CKernels

// Arithmetic, element by element.
extension Op {
    static let arithmetic: [Op] = [
        .zip(
            "add", doc: "a + b, element by element.", kernel: .add, example: "add([1, 2], 10)    # => [11, 12]",
            promotion: .number, gradient: .zip { (_, _, _, dy) throws(OpError) in (dy, dy) }),
        .zip(
            "subtract", doc: "a - b, element by element.", kernel: .subtract, example: "subtract([1, 2], 1)    # => [0, 1]",
            promotion: .number, gradient: .zip { (_, _, _, dy) throws(OpError) in (dy, try -dy) }),
        .zip(
            "multiply", doc: "a · b, element by element.", kernel: .multiply, example: "multiply([1, 2], [3, 4])    # => [3, 8]",
            promotion: .number, gradient: .zip { (a, b, _, dy) throws(OpError) in (try dy * b, try dy * a) }),
        .zip(
            "divide", doc: "a / b, element by element; integers give floats.", kernel: .divide,
            example: "divide([1, 3], 2)    # => [0.5, 1.5]", domain: 0.5...2,
            gradient: .zip { (_, b, y, dy) throws(OpError) in
                let da = try dy / b
                return (da, try -(da * y))
            }),
        .zip(
            "floor_divide", doc: "⌊a / b⌋, element by element; integers by zero are an error.", kernel: .floor_divide,
            example: "floor_divide([7, -7], 2)    # => [3, -4]", promotion: .number, gradient: .steps),
        .zip(
            "mod", doc: "a - b·⌊a / b⌋, element by element: the sign is the divisor's.", kernel: .mod,
            example: "mod([7, -7], 3)    # => [1, 2]", promotion: .number, domain: 0.6...0.9,
            gradient: .zip { (a, b, _, dy) throws(OpError) in (dy, try -(dy * a.op("floor_divide", b))) }),
        .zip(
            "power", doc: "aᵇ, element by element.", kernel: .power, example: "power([1, 2, 3], 2)    # => [1, 4, 9]",
            promotion: .number, domain: 0.5...2,
            // At a = 0 the gradient by b is 0, and b = 0 gives no gradient by a: neither is nan.
            gradient: .zip { (a, b, y, dy) throws(OpError) in
                let da = try (b * a.op("power", b - 1)).kept(where: b.op("not_equal", b.constant(0)))
                let positive = try a.op("greater", a.constant(0))
                let db = try y * a.kept(where: positive, else: a.constant(1)).op("log")
                return (try dy * da, try dy * db)
            }),
        .zip(
            "maximum", doc: "The larger of a and b, element by element; nan wins.", kernel: .maximum,
            example: "maximum([1, 5], 3)    # => [3, 5]", promotion: .number,
            // At a tie the first argument has the gradient.
            gradient: .zip { (a, b, _, dy) throws(OpError) in
                let first = try a.op("greater_equal", b)
                return (try dy.kept(where: first), try dy.kept(where: first.op("logical_not")))
            }),
        .zip(
            "minimum", doc: "The smaller of a and b, element by element; nan wins.", kernel: .minimum,
            example: "minimum([1, 5], 3)    # => [1, 3]", promotion: .number,
            gradient: .zip { (a, b, _, dy) throws(OpError) in
                let first = try a.op("less_equal", b)
                return (try dy.kept(where: first), try dy.kept(where: first.op("logical_not")))
            }),
        .zip(
            "squared_difference", doc: "(a - b)², element by element.", kernel: .squared_difference,
            example: "squared_difference([1, 5], 3)    # => [4, 4]", promotion: .number,
            gradient: .zip { (a, b, _, dy) throws(OpError) in
                let da = try dy * ((a - b) * 2)
                return (da, try -da)
            }),
        .zip(
            "divide_no_nan", doc: "a / b, and 0 where b is 0.", kernel: .divide_no_nan,
            example: "divide_no_nan([1.0, 1.0], [0.0, 2.0])    # => [0.0, 0.5]", domain: 0.5...2,
            gradient: .zip { (_, b, y, dy) throws(OpError) in
                let da = try dy.op("divide_no_nan", b)
                return (da, try -(da * y))
            }),
        .zip(
            "logaddexp", doc: "log(eᵃ + eᵇ), element by element, without overflow.", kernel: .logaddexp,
            example: "logaddexp([0.0], [0.0])    # => [0.6931]",
            gradient: .zip { (a, b, _, dy) throws(OpError) in
                (try dy * (a - b).op("sigmoid"), try dy * (b - a).op("sigmoid"))
            }),
        .zip(
            "xlogy", doc: "x · log(y), and 0 where x is 0.", "x", "y", kernel: .xlogy,
            example: "xlogy([0.0, 2.0], [0.0, 1.0])    # => [0.0, 0.0]", domain: 0.5...2,
            gradient: .zip { (x, y, _, dy) throws(OpError) in
                let isZero = try x.op("equal", x.constant(0))
                let safe = try y.constant(1).kept(where: isZero, else: y)
                return (try dy * safe.op("log"), try dy * (x / safe))
            }),
        .zip(
            "arctan2", doc: "The angle of the point (x, y), in (-π, π].", "y", "x", kernel: .arctan2,
            example: "arctan2([1.0], [1.0])    # => [0.7854]", domain: 0.5...2,
            gradient: .zip { (y, x, _, dy) throws(OpError) in
                let scale = try dy / (x * x + y * y)
                return (try scale * x, try -(scale * y))
            }),
        .zip(
            "hypot", doc: "√(a² + b²), element by element, without overflow.", kernel: .hypot,
            example: "hypot([3.0], [4.0])    # => [5.0]", domain: 0.5...2,
            gradient: .zip { (a, b, y, dy) throws(OpError) in
                (try dy * a.op("divide_no_nan", y), try dy * b.op("divide_no_nan", y))
            }),
        .map(
            "negative", doc: "-x, element by element.", kernel: .negative, example: "negative([1, -2])    # => [-1, 2]",
            promotion: .number, gradient: .map { (_, _, dy) throws(OpError) in try -dy }),
        .map(
            "abs", doc: "|x|, element by element; its slope at 0 is 0.", kernel: .abs, example: "abs([1, -2])    # => [1, 2]",
            promotion: .number, gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("sign") }),
        .map(
            "sign", doc: "-1, 0 or 1: the sign of each element.", kernel: .sign, example: "sign([-3, 0, 2])    # => [-1, 0, 1]",
            promotion: .number, gradient: .steps),
        .map(
            "square", doc: "x², element by element.", kernel: .square, example: "square([1, -2])    # => [1, 4]",
            promotion: .number, gradient: .map { (x, _, dy) throws(OpError) in try dy * (x * 2) }),
        .map(
            "reciprocal", doc: "1 / x, element by element.", kernel: .reciprocal, example: "reciprocal([2.0])    # => [0.5]",
            domain: 0.5...2, gradient: .map { (_, y, dy) throws(OpError) in try -(dy * y * y) }),
        .map(
            "sqrt", doc: "√x, element by element.", kernel: .sqrt, example: "sqrt([4.0, 9.0])    # => [2.0, 3.0]",
            domain: 0.5...2, gradient: .map { (_, y, dy) throws(OpError) in try dy * 0.5 / y }),
        .map(
            "rsqrt", doc: "1 / √x, element by element.", kernel: .rsqrt, example: "rsqrt([4.0])    # => [0.5]",
            domain: 0.5...2, gradient: .map { (x, y, dy) throws(OpError) in try dy * -0.5 * y / x }),
        .map(
            "cbrt", doc: "The cube root of each element.", kernel: .cbrt, example: "cbrt([27.0, -8.0])    # => [3.0, -2.0]",
            domain: 0.5...2, gradient: .map { (_, y, dy) throws(OpError) in try dy / (y * y * 3) }),
        .map(
            "ceil", doc: "⌈x⌉, element by element.", kernel: .ceil, example: "ceil([1.2, -1.2])    # => [2.0, -1.0]",
            gradient: .steps),
        .map(
            "floor", doc: "⌊x⌋, element by element.", kernel: .floor, example: "floor([1.2, -1.2])    # => [1.0, -2.0]",
            gradient: .steps),
        .map(
            "_round", doc: "The nearest integer, half to even.", kernel: .round, example: "round([0.5, 1.5])    # => [0.0, 2.0]",
            gradient: .steps),
        .composed(
            "round", doc: "Rounds to `decimals` places, half to even.", [.x, .int("decimals", 0)], promotion: .real,
            example: "round([0.5, 1.5, 2.6])    # => [0.0, 2.0, 3.0]",
            infer: { (i) throws(OpError) in
                try i.requireNumbers()
                if !(-300...300).contains(i.arguments.int("decimals")) {
                    throw .value(i.op, "decimals", i.arguments.int("decimals"), expected: "-300 to 300")
                }
                return [i.x]
            },
            { (e) throws(OpError) in
                let decimals = e.arguments.int("decimals")
                if decimals == 0 { return [try e.inputs[0].op("_round")] }
                var scale = 1.0
                for _ in 0..<Swift.abs(decimals) { scale *= 10 }
                if decimals < 0 { return [try (e.inputs[0] / scale).op("_round") * scale] }
                return [try (e.inputs[0] * scale).op("_round") / scale]
            }),
        .map(
            "trunc", doc: "Drops the fraction, element by element.", kernel: .trunc,
            example: "trunc([1.7, -1.7])    # => [1.0, -1.0]", gradient: .steps),
        .formula(
            "clip", doc: "min(max(x, x_min), x_max), element by element; the gradient is 0 outside.",
            [.x, .tensor("x_min"), .tensor("x_max")], example: "clip([-3, 0, 5], -1, 1)    # => [-1, 0, 1]",
            promotion: .number, samples: [Sample([.random([2, 3]), .random([1, 3]), .random([2, 1])])]
        ) { (x, _) throws(OpError) in try x[0].op("maximum", x[1]).op("minimum", x[2]) },
        .formula(
            "fmod", doc: "The remainder of a / b with the sign of a.", [.tensor("a"), .tensor("b")],
            example: "fmod([7.0, -7.0], 3.0)    # => [1.0, -1.0]", domain: 0.6...0.9
        ) { (x, _) throws(OpError) in try x[0] - (x[0] / x[1]).op("trunc") * x[1] },
        .formula(
            "xdivy", doc: "x / y, and 0 where x is 0.", [.x, .tensor("y")], example: "xdivy([0.0, 1.0], [0.0, 2.0])    # => [0.0, 0.5]",
            domain: 0.5...2
        ) { (x, _) throws(OpError) in
            let isZero = try x[0].op("equal", x[0].constant(0))
            let y = try x[1].constant(1).kept(where: isZero, else: x[1])
            return try x[0] / y
        },
        .formula(
            "multiply_no_nan", doc: "a · b, and 0 where b is 0, even if a is infinite or nan.", [.tensor("a"), .tensor("b")],
            example: "multiply_no_nan([inf, 2.0], [0.0, 3.0])    # => [0.0, 6.0]"
        ) { (x, _) throws(OpError) in try (x[0] * x[1]).kept(where: x[1].op("not_equal", x[1].constant(0))) },
        .formula(
            "nan_to_num", doc: "Replaces nan, inf and -inf by numbers; `none` for the largest and lowest of the dtype.",
            [
                .x, .float("nan", 0), Parameter("posinf", .optionalFloat, default: Attribute.none),
                Parameter("neginf", .optionalFloat, default: Attribute.none),
            ], example: "nan_to_num([nan, 1.0])    # => [0.0, 1.0]"
        ) { (x, arguments) throws(OpError) in
            let x = x[0]
            let largest = x.dtype.largest
            var y = try x.kept(where: x.op("equal", x), else: x.constant(arguments.float("nan")))
            y = try x.constant(arguments.optionalFloat("posinf") ?? largest).kept(where: y.op("equal", y.constant(.infinity)), else: y)
            return try x.constant(arguments.optionalFloat("neginf") ?? -largest).kept(where: y.op("equal", y.constant(-.infinity)), else: y)
        },
        .composed(
            "add_n", doc: "The sum of several tensors, element by element.", [Parameter("xs", .tensors)], promotion: .number,
            example: "add_n([[1, 2], [3, 4], [5, 6]])    # => [9, 12]", samples: [Sample([.random([2, 3]), .random([2, 3]), .random([2, 3])])]
        ) { (e) throws(OpError) in
            guard var total = e.inputs.first else { throw .value(e.arguments.op, "xs", "[]", expected: "at least one tensor") }
            for next in e.inputs.dropFirst() { total = try total + next }
            return [total]
        },
        .formula(
            "deg2rad", doc: "x · π / 180.", example: "deg2rad([180.0])    # => [3.142]"
        ) { (x, _) throws(OpError) in try x[0] * (Double.pi / 180) },
        .formula(
            "rad2deg", doc: "x · 180 / π.", example: "rad2deg([pi])    # => [180.0]"
        ) { (x, _) throws(OpError) in try x[0] * (180 / Double.pi) },
        .formula(
            "sinc", doc: "sin(πx) / (πx), and 1 at 0.", example: "sinc([0.0, 0.5])    # => [1.0, 0.6366]", domain: 0.2...0.8
        ) { (x, _) throws(OpError) in
            let isZero = try x[0].op("equal", x[0].constant(0))
            let t = try x[0].constant(1).kept(where: isZero, else: x[0] * Double.pi)
            return try t.constant(1).kept(where: isZero, else: t.op("sin") / t)
        },
    ]

    static let functions: [Op] = [
        .map(
            "exp", doc: "eˣ, element by element.", kernel: .exp, example: "exp([0.0, 1.0])    # => [1.0, 2.718]",
            gradient: .map { (_, y, dy) throws(OpError) in try dy * y }),
        .map(
            "exp2", doc: "2ˣ, element by element.", kernel: .exp2, example: "exp2([3.0])    # => [8.0]",
            gradient: .map { (_, y, dy) throws(OpError) in try dy * y * ln2 }),
        .map(
            "expm1", doc: "eˣ - 1, exact near 0.", kernel: .expm1, example: "expm1([0.0, 1.0])    # => [0.0, 1.718]",
            gradient: .map { (_, y, dy) throws(OpError) in try dy * (y + 1) }),
        .map(
            "log", doc: "The natural logarithm.", kernel: .log, example: "log([1.0, 2.0])    # => [0.0, 0.6931]",
            domain: 0.5...2, gradient: .map { (x, _, dy) throws(OpError) in try dy / x }),
        .map(
            "log1p", doc: "log(1 + x), exact near 0.", kernel: .log1p, example: "log1p([0.0, 1.0])    # => [0.0, 0.6931]",
            domain: -0.5...2, gradient: .map { (x, _, dy) throws(OpError) in try dy / (x + 1) }),
        .map(
            "log2", doc: "The logarithm to base 2.", kernel: .log2, example: "log2([8.0])    # => [3.0]", domain: 0.5...2,
            gradient: .map { (x, _, dy) throws(OpError) in try dy / (x * ln2) }),
        .map(
            "log10", doc: "The logarithm to base 10.", kernel: .log10, example: "log10([100.0])    # => [2.0]", domain: 0.5...2,
            gradient: .map { (x, _, dy) throws(OpError) in try dy / (x * ln10) }),
        .map(
            "sin", doc: "The sine; x in radians.", kernel: .sin, example: "sin([0.0])    # => [0.0]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("cos") }),
        .map(
            "cos", doc: "The cosine; x in radians.", kernel: .cos, example: "cos([0.0])    # => [1.0]",
            gradient: .map { (x, _, dy) throws(OpError) in try -(dy * x.op("sin")) }),
        .map(
            "tan", doc: "The tangent; x in radians.", kernel: .tan, example: "tan([0.0])    # => [0.0]", domain: -1...1,
            gradient: .map { (_, y, dy) throws(OpError) in try dy * (y * y + 1) }),
        .map(
            "arcsin", doc: "The angle whose sine is x.", kernel: .arcsin, example: "arcsin([1.0])    # => [1.571]",
            domain: -0.9...0.9, gradient: .map { (x, _, dy) throws(OpError) in try dy * (1 - x * x).op("rsqrt") }),
        .map(
            "arccos", doc: "The angle whose cosine is x.", kernel: .arccos, example: "arccos([1.0])    # => [0.0]",
            domain: -0.9...0.9, gradient: .map { (x, _, dy) throws(OpError) in try -(dy * (1 - x * x).op("rsqrt")) }),
        .map(
            "arctan", doc: "The angle whose tangent is x.", kernel: .arctan, example: "arctan([1.0])    # => [0.7854]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy / (x * x + 1) }),
        .map(
            "sinh", doc: "The hyperbolic sine.", kernel: .sinh, example: "sinh([0.0])    # => [0.0]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("cosh") }),
        .map(
            "cosh", doc: "The hyperbolic cosine.", kernel: .cosh, example: "cosh([0.0])    # => [1.0]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("sinh") }),
        .map(
            "tanh", doc: "The hyperbolic tangent.", kernel: .tanh, example: "tanh([0.0, 1.0])    # => [0.0, 0.7616]",
            gradient: .map { (_, y, dy) throws(OpError) in try dy * (1 - y * y) }),
        .map(
            "arcsinh", doc: "The inverse of sinh.", kernel: .arcsinh, example: "arcsinh([0.0])    # => [0.0]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * (x * x + 1).op("rsqrt") }),
        .map(
            "arccosh", doc: "The inverse of cosh.", kernel: .arccosh, example: "arccosh([1.0])    # => [0.0]", domain: 1.5...3,
            gradient: .map { (x, _, dy) throws(OpError) in try dy * (x * x - 1).op("rsqrt") }),
        .map(
            "arctanh", doc: "The inverse of tanh.", kernel: .arctanh, example: "arctanh([0.0])    # => [0.0]",
            domain: -0.8...0.8, gradient: .map { (x, _, dy) throws(OpError) in try dy / (1 - x * x) }),
        .map(
            "erf", doc: "The error function 2/√π ∫₀ˣ e^(-t²) dt.", kernel: .erf, example: "erf([0.0, 1.0])    # => [0.0, 0.8427]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * (-(x * x)).op("exp") * twoOverSqrtPi }),
        .map(
            "erfc", doc: "1 - erf(x), exact for large x.", kernel: .erfc, example: "erfc([0.0])    # => [1.0]",
            gradient: .map { (x, _, dy) throws(OpError) in try dy * (-(x * x)).op("exp") * -twoOverSqrtPi }),
        .map(
            "lgamma", doc: "log |Γ(x)|.", kernel: .lgamma, example: "lgamma([1.0, 4.0])    # => [0.0, 1.792]", domain: 0.5...3,
            gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("digamma") }),
        .map(
            "digamma", doc: "The derivative of log Γ(x).", kernel: .digamma, example: "digamma([1.0])    # => [-0.5772]",
            domain: 0.5...3, gradient: .map { (x, _, dy) throws(OpError) in try dy * x.op("trigamma") }),
        .formula(
            "trigamma", doc: "The second derivative of log Γ(x).", example: "trigamma([1.0])    # => [1.645]", domain: 0.5...3
        ) { (x, _) throws(OpError) in
            // ψ₁(x) = Σ 1/(x + k)² for k < 10, then Stirling's series; below ½ by reflection.
            let reflects = try x[0].op("less", x[0].constant(0.5))
            let t = try (1 - x[0]).kept(where: reflects, else: x[0])
            let z = try t + 10
            let w = try 1 / (z * z)
            let series = try ((w * (-1 / 30) + 1 / 42) * w - 1 / 30) * w + 1 / 6
            var y = try 1 / z + w * 0.5 + series * w / z
            for k in 0..<10 { y = try y + (t + Double(k)).op("square").op("reciprocal") }
            let sine = try (x[0] * Double.pi).op("sin").kept(where: reflects, else: x[0].constant(1))
            return try (Double.pi * Double.pi / (sine * sine) - y).kept(where: reflects, else: y)
        },
        .bits(
            "bitwise_and", doc: "a & b, bit by bit.", kernel: .zip(.bitwise_and), example: "bitwise_and([6], [3])    # => [2]"),
        .bits("bitwise_or", doc: "a | b, bit by bit.", kernel: .zip(.bitwise_or), example: "bitwise_or([6], [3])    # => [7]"),
        .bits("bitwise_xor", doc: "a ^ b, bit by bit.", kernel: .zip(.bitwise_xor), example: "bitwise_xor([6], [3])    # => [5]"),
        .bits("bitwise_not", doc: "~x, bit by bit.", kernel: .map(.bitwise_not), example: "bitwise_not([0])    # => [-1]"),
        .bits(
            "bitwise_left_shift", doc: "a · 2ᵇ for integers.", kernel: .zip(.bitwise_left_shift),
            example: "bitwise_left_shift([1], [3])    # => [8]"),
        .bits(
            "bitwise_right_shift", doc: "⌊a / 2ᵇ⌋ for integers.", kernel: .zip(.bitwise_right_shift),
            example: "bitwise_right_shift([8], [2])    # => [2]"),
    ]

    private static let ln2 = 0.693147180559945309
    private static let ln10 = 2.302585092994045684
    private static let twoOverSqrtPi = 1.128379167095512574
}

extension DType {
    /// The largest finite number of a float dtype; of the others, the largest.
    var largest: Double {
        switch self {
        case .bool: 1
        case .u8: 255
        case .i8: 127
        case .i16: 32767
        case .i32: 2_147_483_647
        case .i64: 9_223_372_036_854_774_784
        case .f16: 65504
        case .bf16: 3.3895313892515355e38
        case .f32: Double(Float.greatestFiniteMagnitude)
        case .f64, .string: Double.greatestFiniteMagnitude
        }
    }
}
