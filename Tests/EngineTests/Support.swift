import Engine
import Graphs
import Testing

/// Ops by name, so that tests read like scripts.
func op(_ name: String, _ inputs: Tensor..., with attributes: [String: Attribute] = [:]) throws -> Tensor {
    try ops(name, inputs, with: attributes)[0]
}
func ops(_ name: String, _ inputs: [Tensor], with attributes: [String: Attribute] = [:], origin: Int32 = -1) throws -> [Tensor] {
    let row = try #require(Op.named(name))
    return try Tensor.apply(row, inputs, row.attributes(attributes), origin: origin)
}

extension Tensor {
    static func of(_ values: Double..., dtype: DType = .f64) throws -> Tensor {
        try op("cast", .make(values, [values.count]), with: ["dtype": .dtype(dtype)])
    }
    static func f64(_ values: [Double], _ shape: Shape) -> Tensor { .make(values, shape) }
    var doubles: [Double] { get throws { try elements(as: Double.self) } }
}

func isClose(_ a: Double, _ b: Double, _ tolerance: Double) -> Bool {
    a == b || (a.isNaN && b.isNaN) || abs(a - b) <= tolerance * (1 + max(abs(a), abs(b)))
}

/// SplitMix64, for tests that draw.
struct Draws {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func uniform(_ low: Double = 0, _ high: Double = 1) -> Double { low + (high - low) * Double(next() >> 11) * 0x1p-53 }
    mutating func below(_ n: Int) -> Int { Int(next() % UInt64(n)) }
}
