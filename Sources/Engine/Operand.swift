internal import Graphs

/// Memory that one kernel call reads or writes: a dense, row-major array, 64-byte aligned.
///
/// The pointer is valid during the call only.
@unsafe struct Operand {
    var pointer: UnsafeMutableRawPointer
    let dtype: DType
    let shape: Shape

    init(pointer: UnsafeMutableRawPointer, dtype: DType, shape: Shape) {
        unsafe (self.pointer, self.dtype, self.shape) = (pointer, dtype, shape)
    }
    /// What is only read.
    init(_ pointer: UnsafeRawPointer, _ type: TensorType) {
        unsafe self.init(UnsafeMutableRawPointer(mutating: pointer), type)
    }
    init(_ pointer: UnsafeMutableRawPointer, _ type: TensorType) {
        unsafe self.init(pointer: pointer, dtype: type.dtype, shape: type.shape)
    }

    /// The number of elements.
    var count: Int { unsafe shape.reduce(1, *) }
}
