/// Inputs and attributes that the numeric tests of a row try.
public struct Sample: Sendable {
    /// An input of a row under test.
    public enum Input: Sendable {
        /// Numbers drawn from the row's domain.
        case random(Shape)
        /// Numbers of the domain, evenly spaced and shuffled: no ties.
        case distinct(Shape)
        /// An invertible, well-conditioned matrix in the last two axes.
        case matrix(Shape)
        /// A symmetric positive definite matrix in the last two axes, its eigenvalues apart.
        case positive(Shape)
        case ints([Int], Shape)
        case bools([Bool], Shape)
        /// The key of a random op.
        case key
    }
    public var inputs: [Input]
    /// Attributes by name; the defaults for the rest.
    public var attributes: [String: Attribute]

    public init(_ inputs: [Input], _ attributes: [String: Attribute] = [:]) {
        (self.inputs, self.attributes) = (inputs, attributes)
    }

    static let distinctReductions = [
        Sample([.distinct([3, 4])]), Sample([.distinct([2, 3, 2])], ["axis": .ints([0, -1]), "keepdims": .bool(true)]),
    ]
}

extension Sample.Input {
    /// The dtype and shape, floats in `real`.
    public func type(_ real: DType) -> TensorType {
        switch self {
        case .random(let shape), .distinct(let shape), .matrix(let shape), .positive(let shape): TensorType(real, shape)
        case .ints(_, let shape): TensorType(.i32, shape)
        case .bools(_, let shape): TensorType(.bool, shape)
        case .key: TensorType(.i64, [])
        }
    }

    /// The elements, the same at each call with the same seed.
    public func values(in domain: ClosedRange<Double>, seed: UInt64) -> [Double] {
        // Not a multiple of the increment below, or the draws of two seeds would overlap.
        var state = seed &* 0xD134_2543_DE82_EF95 &+ 0x1234_5678_9ABC_DEF1
        func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
        func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }
        let width = domain.upperBound - domain.lowerBound
        switch self {
        case .random(let shape): return (0..<(shape.elementCount ?? 0)).map { _ in domain.lowerBound + width * uniform() }
        case .distinct(let shape):
            let count = shape.elementCount ?? 0
            var values = (0..<count).map { domain.lowerBound + width * (Double($0) + 0.5) / Double(count) }
            for i in stride(from: count - 1, to: 0, by: -1) { values.swapAt(i, Int(next() % UInt64(i + 1))) }
            return values
        case .matrix(let shape):
            let n = shape[shape.count - 1]
            return (0..<(shape.elementCount ?? 0)).map { index in
                let (row, column) = (index / n % shape[shape.count - 2], index % n)
                return uniform() - 0.5 + (row == column ? 1.5 + Double(row) : 0)
            }
        case .positive(let shape):
            let n = shape[shape.count - 1]
            var values = [Double](repeating: 0, count: shape.elementCount ?? 0)
            for base in stride(from: 0, to: values.count, by: n * n) {
                for row in 0..<n {
                    for column in 0...row {
                        let value = row == column ? 2 + 1.7 * Double(row) : 0.6 * (uniform() - 0.5)
                        values[base + row * n + column] = value
                        values[base + column * n + row] = value
                    }
                }
            }
            return values
        case .ints(let values, _): return values.map(Double.init)
        case .bools(let values, _): return values.map { $0 ? 1 : 0 }
        case .key: return [Double(next() >> 34)]
        }
    }
}

extension Op {
    /// What numeric tests try on this row: its own samples, or random numbers where the row's inputs are plain tensors
    /// and every attribute has a default. Empty when neither is so.
    public var samples: [Sample] {
        if !ownSamples.isEmpty { return ownSamples }
        let inputs = parameters.filter(\.kind.isInput)
        guard parameters.allSatisfy({ $0.kind.isInput || $0.defaultValue != nil }) else { return [] }
        guard !inputs.isEmpty, inputs.allSatisfy({ $0.kind == .tensor }) else { return [] }
        var result = [Sample(inputs.map { _ in .random([2, 3]) })]
        if inputs.count == 2 { result.append(Sample([.random([2, 3]), .random([3])])) }
        if inputs.count == 1 { result.append(Sample([.random([])])) }
        return result
    }
}
