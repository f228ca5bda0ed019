internal import Graphs
@testable import Engine

/// Memory of a test with its operand: values go in and come out as Double.
@safe final class Sample {
    let operand: Operand
    var shape: Shape { unsafe operand.shape }

    init(_ dtype: DType, _ shape: Shape, _ values: [Double]) {
        unsafe operand = Operand(
            pointer: .allocate(byteCount: max(values.count * dtype.size, 64), alignment: 64), dtype: dtype, shape: shape)
        precondition(unsafe values.count == operand.count)
        for (i, value) in values.enumerated() {
            switch dtype {
            case .f32: unsafe operand.elements(Float.self)[i] = Float(value)
            case .f64: unsafe operand.elements(Double.self)[i] = value
            // Cut, not rounded: any value of the type will do.
            case .bf16: unsafe operand.elements(UInt16.self)[i] = UInt16(Float(value).bitPattern >> 16)
            case .i32: unsafe operand.elements(Int32.self)[i] = Int32(value)
            case .i64: unsafe operand.elements(Int64.self)[i] = Int64(value)
            case .u8: unsafe operand.elements(UInt8.self)[i] = UInt8(value)
            default: preconditionFailure("no samples of \(dtype)")
            }
        }
    }

    /// A place for results, filled with what no result is.
    static func place(_ dtype: DType, _ shape: Shape) -> Sample {
        Sample(dtype, shape, [Double](repeating: dtype.isFloat ? .nan : 77, count: shape.reduce(1, *)))
    }

    static func random(_ dtype: DType, _ shape: Shape, _ random: inout SplitMix) -> Sample {
        Sample(dtype, shape, (0..<shape.reduce(1, *)).map { _ in Double.random(in: -1...1, using: &random) })
    }

    deinit { unsafe operand.pointer.deallocate() }

    var values: [Double] {
        (0..<(unsafe operand.count)).map { i in
            switch unsafe operand.dtype {
            case .f32: unsafe Double(operand.elements(Float.self)[i])
            case .f64: unsafe operand.elements(Double.self)[i]
            case .bf16: unsafe Double(Float(bitPattern: UInt32(operand.elements(UInt16.self)[i]) << 16))
            case .i32: unsafe Double(operand.elements(Int32.self)[i])
            case .i64: unsafe Double(operand.elements(Int64.self)[i])
            case .u8: unsafe Double(operand.elements(UInt8.self)[i])
            default: preconditionFailure("no samples of this dtype")
            }
        }
    }
}

/// Runs the body as one thread would: in a chunk, work is not shared out again.
func onOneThread(_ body: () throws -> Void) throws {
    var failure: (any Error)?
    ThreadPool.run(2) { chunk in
        if chunk == 0 { do { try body() } catch { failure = error } }
    }
    if let failure { throw failure }
}

/// A small generator whose numbers are the same everywhere.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// The largest distance, relative to 1 or the larger expected element; infinite when one is missing or not a number.
func distance(_ found: [Double], _ expected: [Double]) -> Double {
    guard found.count == expected.count else { return .infinity }
    var largest = 0.0
    for (x, y) in zip(found, expected) {
        if x == y || x.isNaN && y.isNaN { continue }
        let d = abs(x - y) / max(1, abs(y))
        largest = d.isNaN ? .infinity : max(largest, d)
    }
    return largest
}

/// The largest distance relative to the largest expected element.
func scaledDistance(_ found: [Double], _ expected: [Double]) -> Double {
    let largest = expected.reduce(0) { max($0, abs($1)) }
    return distance(found.map { $0 / largest }, expected.map { $0 / largest })
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// The index along each axis of the element with that number.
func coordinates(_ number: Int, _ sizes: [Int]) -> [Int] {
    var index = [Int](repeating: 0, count: sizes.count)
    var rest = number
    for axis in sizes.indices.reversed() {
        index[axis] = rest % sizes[axis]
        rest /= sizes[axis]
    }
    return index
}
