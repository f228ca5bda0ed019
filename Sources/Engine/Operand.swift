internal import Graphs

/// Memory that one kernel call reads or writes: a dense, row-major array, 64-byte aligned.
///
/// The pointer is valid during the call only.
@unsafe struct Operand {
    var pointer: UnsafeMutableRawPointer
    let dtype: DType
    let shape: Shape

    /// The number of elements.
    var count: Int { unsafe shape.reduce(1, *) }
}
