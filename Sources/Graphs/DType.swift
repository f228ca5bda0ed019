/// The element type of a tensor, ordered so that a wider type follows a narrower one.
public enum DType: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    case bool, u8, i8, i16, i32, i64, f16, bf16, f32, f64, string

    /// The name in scripts: `f32`, `bool`, …
    public var description: String {
        switch self {
        case .bool: "bool"
        case .u8: "u8"
        case .i8: "i8"
        case .i16: "i16"
        case .i32: "i32"
        case .i64: "i64"
        case .f16: "f16"
        case .bf16: "bf16"
        case .f32: "f32"
        case .f64: "f64"
        case .string: "string"
        }
    }

    public init?(name: String) {
        guard let found = DType.allCases.first(where: { $0.description == name }) else { return nil }
        self = found
    }

    /// Bytes per element. A `string` tensor's elements live outside numeric storage.
    public var size: Int {
        switch self {
        case .bool, .u8, .i8: 1
        case .i16, .f16, .bf16: 2
        case .i32, .f32: 4
        case .i64, .f64: 8
        case .string: 0
        }
    }

    public var isFloat: Bool { (DType.f16.rawValue...DType.f64.rawValue).contains(rawValue) }
    public var isInteger: Bool { (DType.u8.rawValue...DType.i64.rawValue).contains(rawValue) }

    /// The type that tensors of both types are computed in (`f16` with `bf16` gives `f32`).
    public func promoted(with other: DType) -> DType {
        switch (self, other) {
        case (.f16, .bf16), (.bf16, .f16): .f32
        default: rawValue >= other.rawValue ? self : other
        }
    }

    /// The float type for real-valued results: itself for floats, `f32` for integers and `bool`.
    public var real: DType { isFloat ? self : .f32 }
}
