internal import CKernels
internal import Graphs

/// The kernels that stand on a library (OpenBLAS, oneDNN) or on a plain C loop where the library is not worth it.
///
/// Every function computes results of the shapes that the op's row infers, writes each of them whole, and wants
/// them apart from its inputs. `f32` and `f64` are computed, products of integers too.
enum Libraries {
    /// The refusal of a dtype that has no kernel.
    static func noKernel(_ what: String, _ dtype: DType) -> OpError {
        OpError("E0207", "`\(what)` does not compute in \(dtype)", mend: "`cast` it to f32 first")
    }

    /// A library's refusal, with its own status.
    static func failed(_ library: String, _ status: Int) -> OpError {
        OpError("E0291", "\(library) refused the computation with status \(status)")
    }
}

extension Operand {
    /// The elements as `T`, which must be the type of `dtype`.
    func elements<T>(_: T.Type = T.self) -> UnsafeMutablePointer<T> { unsafe pointer.assumingMemoryBound(to: T.self) }

    var byteCount: Int { unsafe count * dtype.size }

    func zero() { unsafe pointer.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount) }
}

/// Lends the elements as f32.
func widened<R>(_ x: Operand, _ body: (Operand) throws(OpError) -> R) throws(OpError) -> R {
    let wide = try scratch(unsafe x.count * 4)
    unsafe tfs_cast(x.dtype.c, x.pointer, DType.f32.c, wide.base, x.count)
    return try unsafe body(Operand(pointer: wide.base, dtype: .f32, shape: x.shape))
}

/// Memory of one call, freed at its end; never of size 0.
func withScratch<T: BitwiseCopyable, R>(
    _: T.Type = T.self, _ count: Int, _ body: (UnsafeMutablePointer<T>) throws(OpError) -> R
) throws(OpError) -> R {
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * MemoryLayout<T>.stride, alignment: 64)
    defer { unsafe raw.deallocate() }
    return try unsafe body(raw.bindMemory(to: T.self, capacity: max(count, 1)))
}

/// The leading axes of operands that broadcast against each other, as offsets of matrices: an operand that lacks an
/// axis, or has size 1 there, stays where it is.
struct Batches: Sendable {
    /// One matrix of each of two operands.
    static let single = Batches([], [([], 0), ([], 0)])

    let shape: Shape
    private let strides: [[Int]]

    /// `operands` are the leading axes of each operand with the number of elements of its matrix.
    init(_ shape: Shape, _ operands: [(axes: Shape, matrix: Int)]) {
        self.shape = shape
        strides = operands.map { axes, matrix in
            var stride = matrix
            var result = Shape(repeating: 0, count: shape.count)
            for axis in axes.indices.reversed() {
                if axes[axis] != 1 { result[axis + shape.count - axes.count] = stride }
                stride *= axes[axis]
            }
            return result
        }
    }

    /// The number of matrices of the result.
    var count: Int { shape.reduce(1, *) }

    /// Where the matrix begins that the operand gives for a matrix of the result.
    func offset(_ number: Int, _ operand: Int) -> Int {
        var (rest, offset) = (number, 0)
        for axis in shape.indices.reversed() {
            offset += rest % shape[axis] * strides[operand][axis]
            rest /= shape[axis]
        }
        return offset
    }

    /// Calls `body` with the number of each matrix of the result and the operands' offsets.
    func forEach(_ body: (Int, [Int]) throws(OpError) -> Void) throws(OpError) {
        var index = Shape(repeating: 0, count: shape.count)
        var offsets = [Int](repeating: 0, count: strides.count)
        for number in 0..<max(count, 0) {
            try body(number, offsets)
            for axis in shape.indices.reversed() {
                index[axis] += 1
                for operand in strides.indices { offsets[operand] += strides[operand][axis] }
                if index[axis] < shape[axis] { break }
                for operand in strides.indices { offsets[operand] -= strides[operand][axis] * shape[axis] }
                index[axis] = 0
            }
        }
    }
}
