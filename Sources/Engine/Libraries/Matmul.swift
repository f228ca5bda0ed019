internal import CKernels
internal import Graphs

extension Libraries {
    /// y = op(a) · op(b): the last two axes are matrices, the leading ones broadcast. a and b may be bf16 with y f32.
    ///
    /// **shape** a: [..., m, k] ([..., k, m] when transposed), b: [..., k, n], y: [..., m, n], bias: [n]
    static func matmul(
        _ a: Operand, _ b: Operand, transposeA: Bool = false, transposeB: Bool = false, epilogue: Epilogue = unsafe Epilogue(),
        into y: Operand
    ) throws(OpError) {
        if unsafe y.count == 0 { return }
        let product = unsafe Product(a, b, transposeA, transposeB, y)
        if product.k == 0 {
            unsafe y.zero()
            return try unsafe epilogue.apply(rows: 0..<y.count / product.n, columns: 0..<product.n, of: product.n, to: y)
        }
        switch unsafe (a.dtype, y.dtype) {
        case (.bf16, .f32): try unsafe product.runNarrow(a, b, y, epilogue)
        case (_, .f32): try unsafe product.run(a, b, y, epilogue, Float.self)
        case (_, .f64): try unsafe product.run(a, b, y, epilogue, Double.self)
        case (_, .u8), (_, .i8): try unsafe product.run(a, b, y, epilogue, UInt8.self)
        case (_, .i16): try unsafe product.run(a, b, y, epilogue, UInt16.self)
        case (_, .i32): try unsafe product.run(a, b, y, epilogue, UInt32.self)
        case (_, .i64): try unsafe product.run(a, b, y, epilogue, UInt64.self)
        case (_, .bool), (_, .f16), (_, .bf16), (_, .string): throw unsafe noKernel("matmul", y.dtype)
        }
    }
}

/// The sizes of a batched product, and how threads share it: in blocks of rows and columns of each result, whose
/// borders depend on the sizes only.
private struct Product {
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

    /// Multiplications of 5 µs: less is not worth a block of its own.
    private static let leastWork = 300_000
    /// Two blocks of half as much are: another thread takes its own in 2 µs, and the way there and back less than one.
    private static let leastShared = 200_000

    /// Rows and columns of a block.
    private var block: (rows: Int, columns: Int) {
        if m * n * k < Self.leastShared { return (m, n) }
        if m * n * k < 2 * Self.leastWork { return m > n ? ((m + 1) / 2, n) : (m, (n / 2 + 31) / 32 * 32) }
        // About thirty-two blocks, so that threads end together.
        let work = min(max(m * n * k / 32, Self.leastWork), 1 << 27)
        // Rows that stay in the second-level cache; where there are too few columns to share, as many as there is work for.
        let parts = m * n * k / work
        let most = n >= 64 ? (m >= 512 ? 256 : 128) : max(32, (m / parts + 7) / 8 * 8)
        let rows = min(m, most)
        let columns = min(n, (work / (rows * k) + 63) / 64 * 64)
        return (rows, max(columns, min(n, 32)))
    }

    func run<T: ProductElement>(_ a: Operand, _ b: Operand, _ y: Operand, _ epilogue: Epilogue, _: T.Type) throws(OpError) {
        if m == 1 || n == 1 { return try unsafe runVector(a, b, y, epilogue, T.self) }
        let block = block
        let (down, across) = ((m + block.rows - 1) / block.rows, (n + block.columns - 1) / block.columns)
        // Small matrices are taken several at a time.
        let grain = down * across > 1 ? 1 : max(1, Self.leastWork / (m * n * k))
        let count = batches.count * down * across
        try ThreadPool.run((count + grain - 1) / grain) { chunk throws(OpError) in
            for item in chunk * grain..<min((chunk + 1) * grain, count) {
                let (number, place) = item.quotientAndRemainder(dividingBy: down * across)
                let (row, column) = (place / across * block.rows, place % across * block.columns)
                let (rows, columns) = (row..<min(row + block.rows, m), column..<min(column + block.columns, n))
                let (rowA, columnA) = transposeA ? (1, m) : (k, 1)
                let (rowB, columnB) = transposeB ? (1, k) : (n, 1)
                unsafe T.matmul(
                    rows.count, columns.count, k, a.elements(T.self) + batches.offset(number, 0) + row * rowA, rowA, columnA,
                    b.elements(T.self) + batches.offset(number, 1) + column * columnB, rowB, columnB,
                    y.elements(T.self) + number * m * n + row * n + column, n, epilogue.finish(number * m + row, column, T.self))
                let all = number * m + row..<number * m + rows.upperBound
                try unsafe epilogue.afterFinish.apply(rows: all, columns: columns, of: n, to: y)
            }
        }
    }

    /// A product of a matrix and a vector is bound by reading the matrix.
    private func runVector<T: ProductElement>(_ a: Operand, _ b: Operand, _ y: Operand, _ epilogue: Epilogue, _: T.Type) throws(OpError) {
        let isColumn = n == 1
        let count = isColumn ? m : n
        let isTransposed = isColumn ? transposeA : !transposeB
        // In pieces of 256 kB, and of whole cache lines.
        let bytes = count * k * MemoryLayout<T>.stride
        let pieces = min(max(bytes >> 18, 1), 16, max(count / 64, 1))
        let grain = pieces == 1 ? count : ((count + pieces - 1) / pieces + 63) / 64 * 64
        let parts = (count + grain - 1) / grain
        let matrices = batches.count
        let together = parts > 1 ? 1 : max(1, (1 << 18) / max(bytes, 1))
        let total = matrices * parts
        try ThreadPool.run((total + together - 1) / together) { chunk throws(OpError) in
            for item in chunk * together..<min((chunk + 1) * together, total) {
                let (number, part) = item.quotientAndRemainder(dividingBy: parts)
                let range = part * grain..<min((part + 1) * grain, count)
                let (a, b) = unsafe (a.elements(T.self) + batches.offset(number, 0), b.elements(T.self) + batches.offset(number, 1))
                let (matrix, vector) = unsafe isColumn ? (a, b) : (b, a)
                let result = unsafe y.elements(T.self) + number * count + range.lowerBound
                if isTransposed {
                    unsafe T.matvec(k, range.count, count, 1, matrix + range.lowerBound, vector, result)
                } else {
                    unsafe T.matvec(range.count, k, k, 0, matrix + range.lowerBound * k, vector, result)
                }
                let (rows, columns) = isColumn ? (number * m + range.lowerBound..<number * m + range.upperBound, 0..<1) : (number..<number + 1, range)
                try unsafe epilogue.apply(rows: rows, columns: columns, of: n, to: y)
            }
        }
    }

    /// In bf16 a product is a convolution by a kernel of size 1, or one of its gradients, which oneDNN has code for.
    func runNarrow(_ a: Operand, _ b: Operand, _ y: Operand, _ epilogue: Epilogue) throws(OpError) {
        guard batches.count == 1, !(transposeA && transposeB), m * n * k >= Self.leastWork else {
            return try unsafe widened(a) { a throws(OpError) in
                try unsafe widened(b) { b throws(OpError) in try unsafe run(a, b, y, epilogue, Float.self) }
            }
        }
        let window = Window(strides: [1], before: [0], after: [0], dilations: [1])
        func shaped(_ x: Operand, _ shape: Shape) -> Operand { unsafe Operand(pointer: x.pointer, dtype: x.dtype, shape: shape) }
        if transposeA {
            try unsafe Libraries.convGradientKernel(shaped(a, [1, k, m]), shaped(b, [1, k, n]), window, into: shaped(y, [1, m, n]))
        } else if transposeB {
            try unsafe Libraries.convGradientInput(shaped(a, [1, m, k]), shaped(b, [1, n, k]), window, into: shaped(y, [1, m, n]))
        } else {
            return try unsafe Libraries.conv(
                shaped(a, [1, m, k]), shaped(b, [1, k, n]), window, epilogue: epilogue, into: shaped(y, [1, m, n]))
        }
        try unsafe epilogue.apply(rows: 0..<m, columns: 0..<n, of: n, to: y)
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

/// m, n, k, a and b each with its strides along rows and columns, the product, its stride along rows, what else is done to it.
typealias MatrixProduct<T> = (
    Int, Int, Int, UnsafePointer<T>, Int, Int, UnsafePointer<T>, Int, Int, UnsafeMutablePointer<T>, Int, tfs_finish
) -> Void
/// m, n, the stride along rows, whether the matrix is transposed, the matrix, the vector, and the product.
typealias VectorProduct<T> = (Int, Int, Int, Int32, UnsafePointer<T>, UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void

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
