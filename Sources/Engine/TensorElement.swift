public import Graphs
internal import CKernels

/// A Swift type that tensors are made of and read as.
public protocol TensorElement: BitwiseCopyable, Sendable {
    static var dtype: DType { get }
}
extension Float: TensorElement { public static let dtype = DType.f32 }
extension Double: TensorElement { public static let dtype = DType.f64 }
extension Int64: TensorElement { public static let dtype = DType.i64 }
extension Int: TensorElement { public static let dtype = DType.i64 }
extension Int32: TensorElement { public static let dtype = DType.i32 }
extension Int16: TensorElement { public static let dtype = DType.i16 }
extension Int8: TensorElement { public static let dtype = DType.i8 }
extension UInt8: TensorElement { public static let dtype = DType.u8 }
extension Bool: TensorElement { public static let dtype = DType.bool }

extension TensorElement {
    static func store(_ values: [Self], _ shape: Shape) -> Tensor {
        let (type, byteCount) = (TensorType(dtype, shape), values.count * dtype.size)
        return unsafe values.withUnsafeBytes { bytes in
            if byteCount <= Tensor.small {
                return unsafe Tensor(type) { target in
                    if let from = bytes.baseAddress { unsafe target.copyMemory(from: from, byteCount: byteCount) }
                }
            }
            let storage = Tensor.allocate(byteCount)
            unsafe storage.lend { unsafe $0.copyMemory(from: bytes) }
            return Tensor(type, storage)
        }
    }

    static func load(_ bytes: UnsafeRawPointer, _ from: DType, count: Int) -> [Self] {
        unsafe [Self](unsafeUninitializedCapacity: count) { buffer, initialized in
            if count > 0 { unsafe tfs_cast(from.c, bytes, dtype.c, UnsafeMutableRawPointer(buffer.baseAddress!), count) }
            initialized = count
        }
    }
}

extension DType {
    /// The kernels' name.
    var c: tfs_dtype {
        switch self {
        case .bool: .bool
        case .u8: .u8
        case .i8: .i8
        case .i16: .i16
        case .i32: .i32
        case .i64: .i64
        case .f16: .f16
        case .bf16: .bf16
        case .f32: .f32
        case .f64: .f64
        case .string: preconditionFailure("strings are not numbers")
        }
    }
}
