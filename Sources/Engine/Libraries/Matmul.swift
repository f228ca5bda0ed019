internal import CKernels
internal import Graphs

extension Libraries {
    /// y = op(a) · op(b): the last two axes are matrices, the leading ones broadcast.
    ///
    /// **shape** a: [..., m, k] ([..., k, m] when transposed), b: [..., k, n], y: [..., m, n]
    static func matmul(
        _ a: Operand, _ b: Operand, transposeA: Bool = false, transposeB: Bool = false, into y: Operand
    ) throws(OpError) {
        let product = unsafe Product(a, b, transposeA, transposeB, y)
        if unsafe y.count == 0 { return }
        if product.k == 0 { return unsafe y.zero() }
        switch unsafe y.dtype {
        case .f32: try unsafe product.run(a, b, y, Float.self)
        case .f64: try unsafe product.run(a, b, y, Double.self)
        case .u8, .i8: try unsafe product.runPlain(a, b, y, UInt8.self)
        case .i16: try unsafe product.runPlain(a, b, y, UInt16.self)
        case .i32: try unsafe product.runPlain(a, b, y, UInt32.self)
        case .i64: try unsafe product.runPlain(a, b, y, UInt64.self)
        case .bool, .f16, .bf16, .string: throw unsafe noKernel("matmul", y.dtype)
        }
    }
}

/// The sizes of a batched product.
private struct Product {
    /// From this many multiplications on, calling OpenBLAS beats the plain loop.
    static let worthCalling = 16 * 16 * 16
    /// From this many on, all matrices together, it is worth loading.
    static let worthLoading = 64 * 64 * 64

    private(set) var m: Int
    let n: Int
    let k: Int
    let transposeA: Bool
    let transposeB: Bool
    private(set) var batches: Batches

    init(_ a: Operand, _ b: Operand, _ transposeA: Bool, _ transposeB: Bool, _ y: Operand) {
        let rank = unsafe (a: a.shape.count, b: b.shape.count, y: y.shape.count)
        m = unsafe y.shape[rank.y - 2]
        n = unsafe y.shape[rank.y - 1]
        k = unsafe a.shape[rank.a - (transposeA ? 2 : 1)]
        (self.transposeA, self.transposeB) = (transposeA, transposeB)
        guard rank != (2, 2, 2) else {
            batches = .single
            return
        }
        let axesB = unsafe Shape(b.shape.dropLast(2))
        let axesA = unsafe Shape(a.shape.dropLast(2))
        batches = unsafe Batches(Shape(y.shape.dropLast(2)), [(axesA, m * k), (axesB, k * n)])
        // Many matrices times one: one product of all their rows.
        if !transposeA, axesB.allSatisfy({ $0 == 1 }), axesA == batches.shape {
            m *= batches.shape.reduce(1, *)
            batches = .single
        }
    }

    private var work: Int { m * n * k }

    /// A matrix-vector product is bound by memory, so the plain loop is as fast.
    private var isPlain: Bool {
        m == 1 || n == 1 || work < Self.worthCalling || work * batches.shape.reduce(1, *) < Self.worthLoading
    }

    func run<T: BLASElement>(_ a: Operand, _ b: Operand, _ y: Operand, _: T.Type) throws(OpError) {
        if isPlain { return try unsafe runPlain(a, b, y, T.self) }
        let limit = Int(Int32.max)
        guard m <= limit, n <= limit, k <= limit else {
            throw OpError("E0205", "a product of [\(m), \(k)] and [\(k), \(n)] is too large", why: "OpenBLAS counts rows in 32 bits")
        }
        try OpenBLAS.load()
        try batches.forEach { number, offsets throws(OpError) in
            unsafe T.gemm(
                transposeA, transposeB, Int32(m), Int32(n), Int32(k), a.elements(T.self) + offsets[0],
                b.elements(T.self) + offsets[1], y.elements(T.self) + number * m * n)
        }
    }

    func runPlain<T: ProductElement>(_ a: Operand, _ b: Operand, _ y: Operand, _: T.Type) throws(OpError) {
        let copies = transposeB && m > 1 && n > 1
        try unsafe withScratch(T.self, copies ? n * k : 0) { scratch throws(OpError) in
            try batches.forEach { number, offsets throws(OpError) in
                let a = unsafe a.elements(T.self) + offsets[0]
                let b = unsafe b.elements(T.self) + offsets[1]
                let y = unsafe y.elements(T.self) + number * m * n
                if n == 1 {
                    unsafe transposeA ? T.matvec(k, m, 1, a, b, y) : T.matvec(m, k, 0, a, b, y)
                } else if m == 1 {
                    unsafe transposeB ? T.matvec(n, k, 0, b, a, y) : T.matvec(k, n, 1, b, a, y)
                } else {
                    if copies { unsafe transpose(b, rows: n, columns: k, into: scratch) }
                    unsafe T.matmul(m, n, k, a, transposeA ? 1 : k, transposeA ? m : 1, copies ? scratch : b, y)
                }
            }
        }
    }
}

/// y[columns][rows] = x[rows][columns]ᵀ
func transpose<T: BitwiseCopyable>(
    _ x: UnsafePointer<T>, rows: Int, columns: Int, into y: UnsafeMutablePointer<T>
) {
    for row in 0..<rows {
        for column in 0..<columns { unsafe y[column * rows + row] = x[row * columns + column] }
    }
}

/// m, n, k, a with its strides along rows and columns, b, and the product.
typealias MatrixProduct<T> = (Int, Int, Int, UnsafePointer<T>, Int, Int, UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void
/// m, n, whether the matrix is transposed, the matrix, the vector, and the product.
typealias VectorProduct<T> = (Int, Int, Int32, UnsafePointer<T>, UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void

/// An element type with plain C products.
protocol ProductElement: BitwiseCopyable {
    static var matmul: MatrixProduct<Self> { get }
    static var matvec: VectorProduct<Self> { get }
}

extension Float: ProductElement {
    static var matmul: MatrixProduct<Self> { unsafe tfs_matmul_f32 }
    static var matvec: VectorProduct<Self> { unsafe tfs_matvec_f32 }
}
extension Double: ProductElement {
    static var matmul: MatrixProduct<Self> { unsafe tfs_matmul_f64 }
    static var matvec: VectorProduct<Self> { unsafe tfs_matvec_f64 }
}
extension UInt8: ProductElement {
    static var matmul: MatrixProduct<Self> { unsafe tfs_matmul_i8 }
    static var matvec: VectorProduct<Self> { unsafe tfs_matvec_i8 }
}
extension UInt16: ProductElement {
    static var matmul: MatrixProduct<Self> { unsafe tfs_matmul_i16 }
    static var matvec: VectorProduct<Self> { unsafe tfs_matvec_i16 }
}
extension UInt32: ProductElement {
    static var matmul: MatrixProduct<Self> { unsafe tfs_matmul_i32 }
    static var matvec: VectorProduct<Self> { unsafe tfs_matvec_i32 }
}
extension UInt64: ProductElement {
    static var matmul: MatrixProduct<Self> { unsafe tfs_matmul_i64 }
    static var matvec: VectorProduct<Self> { unsafe tfs_matvec_i64 }
}
