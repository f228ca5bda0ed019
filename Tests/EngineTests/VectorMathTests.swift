import Engine
import Glibc
import Graphs
import Testing

/// The vectorised functions of f32 against libm's of f64, over every exponent, with the bounds that vector.h states.
@Suite struct VectorMathTests {
    struct Function: Sendable, CustomTestStringConvertible {
        let op: String
        let bound: Double
        let exact: @Sendable (Double) -> Double
        var testDescription: String { op }
    }
    static func sigmoid(_ x: Double) -> Double { x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)) }
    static func softplus(_ x: Double) -> Double { (x < 0 ? 0 : x) + log1p(exp(-abs(x))) }
    /// x · share(x), which vanishes at -∞.
    static func gate(_ share: @escaping @Sendable (Double) -> Double) -> @Sendable (Double) -> Double {
        { $0 == -.infinity ? -0.0 : $0 * share($0) }
    }

    static let functions: [Function] = [
        Function(op: "exp", bound: 1, exact: { exp($0) }),
        Function(op: "exp2", bound: 1, exact: { exp2($0) }),
        Function(op: "expm1", bound: 1.5, exact: { expm1($0) }),
        Function(op: "log", bound: 0.9, exact: { log($0) }),
        Function(op: "log1p", bound: 1.5, exact: { log1p($0) }),
        Function(op: "log2", bound: 0.51, exact: { log2($0) }),
        Function(op: "log10", bound: 0.51, exact: { log10($0) }),
        Function(op: "sin", bound: 1.6, exact: { sin($0) }),
        Function(op: "cos", bound: 1.6, exact: { cos($0) }),
        Function(op: "tan", bound: 3.4, exact: { tan($0) }),
        Function(op: "arctan", bound: 1.6, exact: { atan($0) }),
        Function(op: "sinh", bound: 1.7, exact: { sinh($0) }),
        Function(op: "cosh", bound: 1.5, exact: { cosh($0) }),
        Function(op: "tanh", bound: 1.5, exact: { tanh($0) }),
        Function(op: "erf", bound: 1.9, exact: { erf($0) }),
        Function(op: "erfc", bound: 2.5, exact: { erfc($0) }),
        Function(op: "sigmoid", bound: 2.0, exact: sigmoid),
        Function(op: "_softplus", bound: 1.7, exact: softplus),
        Function(op: "log_sigmoid", bound: 1.7, exact: { -softplus(-$0) }),
        Function(op: "silu", bound: 2.5, exact: gate(sigmoid)),
        Function(op: "_gelu", bound: 3.2, exact: gate { 0.5 * erfc(-$0 * 0.5.squareRoot()) }),
        Function(op: "_gelu_tanh", bound: 2.5, exact: gate { sigmoid(2 * (2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0)) }),
        Function(op: "mish", bound: 4.3, exact: gate { tanh(softplus($0)) }),
    ]

    /// All exponents and both signs, more of them where functions bend, and what stands at the ends.
    static let arguments: [Float] = {
        var bits = Array(stride(from: UInt32(0), to: .max - 524_287, by: 524_287))
        for sign: UInt32 in [0, 1 << 31] { bits += stride(from: sign | 0x3880_0000, to: sign | 0x4300_0000, by: 32_749) }
        let ends: [Float] = [0, 1, 2, .infinity, .leastNonzeroMagnitude, .leastNormalMagnitude, .greatestFiniteMagnitude]
        return bits.map(Float.init(bitPattern:)) + ends + ends.map { -$0 } + [.nan]
    }()

    /// The error in units of the last place of an f32 near `exact`.
    static func error(of found: Float, _ exact: Double) -> Double {
        let nearest = Float(exact)
        if nearest.isNaN || found.isNaN { return nearest.isNaN == found.isNaN ? 0 : .infinity }
        if exact == 0 && found == 0 { return found.sign == exact.sign ? 0 : .infinity }
        // At the end of the range the neighbour is infinity.
        let ends = Double(Float.greatestFiniteMagnitude)
        let (a, b) = (min(max(Double(found), -ends), ends), min(max(exact, -ends), ends))
        return abs(a - b) / Double(Float(b).ulp)
    }

    @Test(arguments: functions) func errorsStayWithinTheirBounds(_ function: Function) throws {
        let found = try op(function.op, Tensor.make(Self.arguments, [Self.arguments.count])).elements(as: Float.self)
        var (worst, place) = (0.0, 0)
        for i in found.indices {
            let error = Self.error(of: found[i], function.exact(Double(Self.arguments[i])))
            if error > worst { (worst, place) = (error, i) }
        }
        #expect(worst <= function.bound, "\(function.op)(\(Self.arguments[place])) = \(found[place])")
    }

    /// The remainder of a loop computes as its vectors do.
    @Test(arguments: functions) func anElementIsTheSameWhereverItStands(_ function: Function) throws {
        let x = (0..<100).map { Float($0 * $0) * 0.01 - 20 } + [300_000, 1]
        let whole = try op(function.op, Tensor.make(x, [x.count])).elements(as: Float.self).map(\.bitPattern)
        for start in [0, 1, 60, 95, 101] {
            let part = Array(x[start...])
            let found = try op(function.op, Tensor.make(part, [part.count])).elements(as: Float.self).map(\.bitPattern)
            #expect(found == Array(whole[start...]))
        }
    }

    @Test func powersStayWithinTheirBound() throws {
        let special: [Float] = [
            0, 1, 2, 3, 0.5, 1.5, .infinity, 0x1p23, 0x1p23 + 1, 0x1p24 + 2, 0x1p23 - 0.5, 1.000_000_1, .leastNonzeroMagnitude,
            .greatestFiniteMagnitude,
        ]
        let ends = special + special.map { -$0 } + [.nan]
        var (a, b) = ([Float](), [Float]())
        for x in ends { for y in ends { (a, b) = (a + [x], b + [y]) } }
        var draws = Draws(11)
        for _ in 0..<10_000 {
            a.append(Float(bitPattern: UInt32(truncatingIfNeeded: draws.next())))
            b.append(Float(draws.uniform(-1, 1)) * Float(sign: .plus, exponent: draws.below(12) - 4, significand: 1))
        }
        let found = try op("power", Tensor.make(a, [a.count]), Tensor.make(b, [b.count])).elements(as: Float.self)
        for i in found.indices {
            let exact = pow(Double(a[i]), Double(b[i]))
            #expect(Self.error(of: found[i], exact) <= 1, "\(a[i]) to the \(b[i]) = \(found[i]), not \(exact)")
        }
    }
}
