public import Graphs

/// A dense, row-major array as it stands in a file: a type, sizes, and the bytes of its elements, least
/// significant first.
public struct NumericArray: Sendable, Equatable {
    public let dtype: DType
    public let shape: Shape
    public let bytes: [UInt8]

    /// `nil` when the number of bytes is not that of the elements.
    public init?(_ dtype: DType, _ shape: Shape, bytes: [UInt8]) {
        guard dtype != .string, let count = Self.byteCount(shape, dtype.size), count == bytes.count else { return nil }
        (self.dtype, self.shape, self.bytes) = (dtype, shape, bytes)
    }

    public var type: TensorType { TensorType(dtype, shape) }
    public var count: Int { shape.reduce(1, *) }

    /// The elements as 64-bit floats (integers beyond 2⁵³ are rounded).
    public var doubles: [Double] {
        let size = dtype.size
        return (0..<count).map { index in
            let bits = bits(at: index * size, size)
            return switch dtype {
            case .bool: bits == 0 ? 0 : 1
            case .u8: Double(bits)
            case .i8, .i16, .i32, .i64: Double(Self.signed(bits, size))
            case .f16: Double(Self.half(UInt16(truncatingIfNeeded: bits)))
            case .bf16: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16))
            case .f32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
            case .f64: Double(bitPattern: bits)
            case .string: 0
            }
        }
    }

    /// The elements as integers; `nil` for floats.
    public var integers: [Int]? {
        guard !dtype.isFloat else { return nil }
        let size = dtype.size
        return (0..<count).map { index in
            let bits = bits(at: index * size, size)
            return dtype == .u8 || dtype == .bool ? Int(bits) : Int(Self.signed(bits, size))
        }
    }

    public init?(_ values: [Float], _ shape: Shape) {
        self.init(.f32, shape, bytes: values.flatMap { Self.bytes(UInt64($0.bitPattern), 4) })
    }
    public init?(_ values: [Int32], _ shape: Shape) {
        self.init(.i32, shape, bytes: values.flatMap { Self.bytes(UInt64(UInt32(bitPattern: $0)), 4) })
    }
    public init?(_ values: [Double], _ shape: Shape) {
        self.init(.f64, shape, bytes: values.flatMap { Self.bytes($0.bitPattern, 8) })
    }

    private func bits(at offset: Int, _ size: Int) -> UInt64 {
        var bits: UInt64 = 0
        for place in 0..<size { bits |= UInt64(bytes[offset + place]) << UInt64(8 * place) }
        return bits
    }

    private static func signed(_ bits: UInt64, _ size: Int) -> Int64 {
        let shift = UInt64(64 - 8 * size)
        return Int64(bitPattern: bits << shift) >> Int64(shift)
    }

    static func bytes(_ bits: UInt64, _ size: Int) -> [UInt8] {
        (0..<size).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) }
    }

    private static func half(_ bits: UInt16) -> Float {
        let (sign, exponent, fraction) = (bits >> 15, Int(bits >> 10 & 31), UInt32(bits & 1023))
        let magnitude: Float =
            switch exponent {
            case 0: Float(fraction) * 0x1p-24
            case 31: fraction == 0 ? .infinity : .nan
            default: Float(bitPattern: UInt32(exponent + 112) << 23 | fraction << 13)
            }
        return sign == 0 ? magnitude : -magnitude
    }

    /// The product of the sizes times `size`, or `nil` when one is negative or a product of some of them does not
    /// fit (a size of 0 would hide that).
    static func byteCount(_ shape: Shape, _ size: Int) -> Int? {
        guard let count = shape.elementCount, let all = shape.map({ max($0, 1) }).elementCount,
            !all.multipliedReportingOverflow(by: 8).overflow
        else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
        return overflow ? nil : bytes
    }

    /// Reverses the bytes of each element.
    static func swapped(_ bytes: [UInt8], size: Int) -> [UInt8] {
        guard size > 1 else { return bytes }
        var result = bytes
        for start in stride(from: 0, to: bytes.count - size + 1, by: size) {
            for place in 0..<size { result[start + place] = bytes[start + size - 1 - place] }
        }
        return result
    }

    /// Unsigned integers that tfs has no type for, in the next wider one; `nil` when one does not fit.
    static func widened(_ bytes: [UInt8], from size: Int) -> (DType, [UInt8])? {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count * 2)
        if size == 8 {
            for start in stride(from: 7, to: bytes.count, by: 8) where bytes[start] > 127 { return nil }
            return (.i64, bytes)
        }
        for start in stride(from: 0, to: bytes.count, by: size) {
            for place in 0..<size { result.append(bytes[start + place]) }
            for _ in 0..<size { result.append(0) }
        }
        return (size == 2 ? .i32 : .i64, result)
    }
}
