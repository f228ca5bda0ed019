internal import Graphs

// Matrices here are row-major and LAPACK's column-major: the same bytes are the transpose to it. Where the maths
// allows it that is used instead of copying, and each function says how.

extension Libraries {
    /// y = a⁻¹. **shape** a, y: [..., n, n]
    static func inverse(_ a: Operand, into y: Operand) throws(OpError) {
        switch try unsafe linalgType("inv", a) {
        case .f32: try unsafe inverse(Float.self, a, y)
        case .f64: try unsafe inverse(Double.self, a, y)
        }
    }

    /// y = a⁻¹ · b. **shape** a: [..., n, n], b, y: [..., n, k]; leading axes broadcast
    static func solve(_ a: Operand, _ b: Operand, into y: Operand) throws(OpError) {
        switch try unsafe linalgType("solve", a) {
        case .f32: try unsafe solve(Float.self, a, b, y)
        case .f64: try unsafe solve(Double.self, a, b, y)
        }
    }

    /// **shape** a: [..., n, n], y: [...]
    static func determinant(_ a: Operand, into y: Operand) throws(OpError) {
        switch try unsafe linalgType("det", a) {
        case .f32: try unsafe determinant(Float.self, a, y)
        case .f64: try unsafe determinant(Double.self, a, y)
        }
    }

    /// The lower y with y · yᵀ = a; looks at a's lower triangle. **shape** a, y: [..., n, n]
    static func cholesky(_ a: Operand, into y: Operand) throws(OpError) {
        switch try unsafe linalgType("cholesky", a) {
        case .f32: try unsafe cholesky(Float.self, a, y)
        case .f64: try unsafe cholesky(Double.self, a, y)
        }
    }

    /// a = q · r. **shape** a: [..., m, n], q: [..., m, k], r: [..., k, n], k = min(m, n) or m
    static func qr(_ a: Operand, q: Operand, r: Operand) throws(OpError) {
        switch try unsafe linalgType("qr", a) {
        case .f32: try unsafe qr(Float.self, a, q, r)
        case .f64: try unsafe qr(Double.self, a, q, r)
        }
    }

    /// a = u · diag(s) · vh, s descending.
    ///
    /// **shape** a: [..., m, n], u: [..., m, k], s: [..., min(m, n)], vh: [..., k, n]; k = min(m, n), or both square
    static func svd(_ a: Operand, u: Operand, s: Operand, vh: Operand) throws(OpError) {
        switch try unsafe linalgType("svd", a) {
        case .f32: try unsafe svd(Float.self, a, u, s, vh)
        case .f64: try unsafe svd(Double.self, a, u, s, vh)
        }
    }

    /// Eigenvalues, ascending, and eigenvectors (columns) of a symmetric a, of which the lower triangle is looked at.
    ///
    /// **shape** a, vectors: [..., n, n], values: [..., n]
    static func eigh(_ a: Operand, values: Operand, vectors: Operand) throws(OpError) {
        switch try unsafe linalgType("eigh", a) {
        case .f32: try unsafe eigh(Float.self, a, values, vectors)
        case .f64: try unsafe eigh(Double.self, a, values, vectors)
        }
    }

    /// y = op(a)⁻¹ · b for the lower or upper triangle of a; the rest of a is not looked at.
    ///
    /// **shape** a: [..., n, n], b, y: [..., n, k]; leading axes broadcast
    static func solveTriangular(
        _ a: Operand, _ b: Operand, lower: Bool, transpose: Bool = false, into y: Operand
    ) throws(OpError) {
        switch try unsafe linalgType("solve_triangular", a) {
        case .f32: try unsafe solveTriangular(Float.self, a, b, lower, transpose, y)
        case .f64: try unsafe solveTriangular(Double.self, a, b, lower, transpose, y)
        }
    }
}

private enum LinalgType { case f32, f64 }

/// The type to compute in, once LAPACK is there and the matrices of `a` have sizes that it can count.
private func linalgType(_ name: String, _ a: Operand) throws(OpError) -> LinalgType {
    let sizes = unsafe Shape(a.shape.suffix(2))
    guard let count = sizes.elementCount, count <= Int32.max, sizes.allSatisfy({ $0 <= Int32.max }) else {
        throw tooLarge("`linalg.\(name)` of matrices \(sizes.text)")
    }
    let type: LinalgType
    switch unsafe a.dtype {
    case .f32: type = .f32
    case .f64: type = .f64
    default: throw unsafe Libraries.noKernel("linalg.\(name)", a.dtype)
    }
    try OpenBLAS.load()
    return type
}

private func tooLarge(_ what: String) -> OpError {
    OpError("E0205", "\(what) is too large", why: "LAPACK counts in 32 bits")
}

private func singular(_ number: Int, of batches: Batches) -> OpError {
    OpError("E0212", "the matrix\(which(number, of: batches)) is singular", why: "it has no inverse")
}

/// " 3" when there are several.
private func which(_ number: Int, of batches: Batches) -> String {
    batches.shape.reduce(1, *) == 1 ? "" : " \(number) (counting from 0)"
}

/// The sizes of a's matrices and their batches.
private func matrices(_ a: Operand) -> (rows: Int, columns: Int, batches: Batches) {
    let rank = unsafe a.shape.count
    let leading = unsafe Shape(a.shape.dropLast(2))
    let (rows, columns) = unsafe (a.shape[rank - 2], a.shape[rank - 1])
    return (rows, columns, Batches(leading, [(leading, rows * columns)]))
}

/// Calls LAPACK twice: for the size of its work memory, then with it.
private func withWork<T: BLASElement>(
    _: T.Type, _ call: (UnsafeMutablePointer<T>, Int32) -> Int32
) throws(OpError) -> Int32 {
    var answer: T = 0
    try unsafe OpenBLAS.check(call(&answer, -1))
    // A large size in f32 may come rounded down.
    let size = Int(answer * 1.001) + 1
    guard size <= Int32.max else { throw tooLarge("the matrix") }
    let info = try unsafe withScratch(T.self, size) { work throws(OpError) in unsafe call(work, Int32(size)) }
    try OpenBLAS.check(info)
    return info
}

extension Libraries {
    // (aᵀ)⁻¹ = (a⁻¹)ᵀ
    private static func inverse<T: BLASElement>(_: T.Type, _ a: Operand, _ y: Operand) throws(OpError) {
        let (n, _, batches) = unsafe matrices(a)
        if n == 0 { return }
        try unsafe withScratch(Int32.self, n) { pivots throws(OpError) in
            try batches.forEach { number, offsets throws(OpError) in
                let result = unsafe y.elements(T.self) + number * n * n
                unsafe result.update(from: a.elements(T.self) + offsets[0], count: n * n)
                let info = unsafe T.getrf(Int32(n), result, pivots)
                try OpenBLAS.check(info)
                if info > 0 { throw singular(number, of: batches) }
                let status = try unsafe withWork(T.self) { unsafe T.getri(Int32(n), result, pivots, $0, $1) }
                if status > 0 { throw singular(number, of: batches) }
            }
        }
    }

    // LAPACK factors aᵀ and solves with the transpose of that; b and y are transposed on the way.
    private static func solve<T: BLASElement>(_: T.Type, _ a: Operand, _ b: Operand, _ y: Operand) throws(OpError) {
        let (n, k, batches) = try unsafe systems(a, b, y)
        if n == 0 || k == 0 { return }
        try unsafe withScratch(Int32.self, n) { pivots throws(OpError) in
            try unsafe withScratch(T.self, n * n + n * k) { factors throws(OpError) in
                let columns = unsafe factors + n * n
                try batches.forEach { number, offsets throws(OpError) in
                    unsafe factors.update(from: a.elements(T.self) + offsets[0], count: n * n)
                    unsafe Engine.transpose(b.elements(T.self) + offsets[1], rows: n, columns: k, into: columns)
                    let info = unsafe T.getrf(Int32(n), factors, pivots)
                    try OpenBLAS.check(info)
                    if info > 0 { throw singular(number, of: batches) }
                    try unsafe OpenBLAS.check(T.getrs(true, Int32(n), Int32(k), factors, pivots, columns))
                    unsafe Engine.transpose(columns, rows: k, columns: n, into: y.elements(T.self) + number * n * k)
                }
            }
        }
    }

    // det aᵀ = det a
    private static func determinant<T: BLASElement>(_: T.Type, _ a: Operand, _ y: Operand) throws(OpError) {
        let (n, _, batches) = unsafe matrices(a)
        try unsafe withScratch(Int32.self, n) { pivots throws(OpError) in
            try unsafe withScratch(T.self, n * n) { factors throws(OpError) in
                try batches.forEach { number, offsets throws(OpError) in
                    var product: T = 1
                    if n > 0 {
                        unsafe factors.update(from: a.elements(T.self) + offsets[0], count: n * n)
                        try unsafe OpenBLAS.check(T.getrf(Int32(n), factors, pivots))
                    }
                    for i in 0..<n {
                        unsafe product *= factors[i * n + i]
                        if unsafe pivots[i] != Int32(i + 1) { product = -product }
                    }
                    unsafe y.elements(T.self)[number] = product
                }
            }
        }
    }

    // The lower triangle is LAPACK's upper one, and so is the result.
    private static func cholesky<T: BLASElement>(_: T.Type, _ a: Operand, _ y: Operand) throws(OpError) {
        let (n, _, batches) = unsafe matrices(a)
        if n == 0 { return }
        try batches.forEach { number, offsets throws(OpError) in
            let result = unsafe y.elements(T.self) + number * n * n
            unsafe result.update(from: a.elements(T.self) + offsets[0], count: n * n)
            let info = unsafe T.potrf(Int32(n), result)
            try OpenBLAS.check(info)
            if info > 0 {
                throw OpError(
                    "E0212", "the matrix\(which(number, of: batches)) is not positive definite",
                    why: "its leading minor of order \(info) is not positive, so it has no Cholesky factor")
            }
            for row in 0..<n {
                for column in (row + 1)..<n { unsafe result[row * n + column] = 0 }
            }
        }
    }

    // On a transposed copy.
    private static func qr<T: BLASElement>(_: T.Type, _ a: Operand, _ q: Operand, _ r: Operand) throws(OpError) {
        let (m, n, batches) = unsafe matrices(a)
        let reduced = min(m, n)
        let k = unsafe q.shape[q.shape.count - 1]
        if m == 0 { return }
        // The full q has more columns than a when m > n.
        try unsafe withScratch(T.self, m * max(n, k) + reduced) { copy throws(OpError) in
            let tau = unsafe copy + m * max(n, k)
            try batches.forEach { number, offsets throws(OpError) in
                unsafe Engine.transpose(a.elements(T.self) + offsets[0], rows: m, columns: n, into: copy)
                if reduced > 0 {
                    _ = try unsafe withWork(T.self) { unsafe T.geqrf(Int32(m), Int32(n), copy, tau, $0, $1) }
                }
                let triangle = unsafe r.elements(T.self) + number * k * n
                for row in 0..<k {
                    for column in 0..<n {
                        unsafe triangle[row * n + column] = row <= column ? copy[column * m + row] : 0
                    }
                }
                if k > 0 {
                    _ = try unsafe withWork(T.self) {
                        unsafe T.orgqr(Int32(m), Int32(k), Int32(reduced), copy, tau, $0, $1)
                    }
                }
                unsafe Engine.transpose(copy, rows: k, columns: m, into: q.elements(T.self) + number * m * k)
            }
        }
    }

    // aᵀ = vhᵀ · s · uᵀ: what LAPACK calls u is vh, read by rows, and the other way round.
    private static func svd<T: BLASElement>(
        _: T.Type, _ a: Operand, _ u: Operand, _ s: Operand, _ vh: Operand
    ) throws(OpError) {
        let (m, n, batches) = unsafe matrices(a)
        let small = min(m, n)
        let rank = unsafe u.shape.count
        let sizes = unsafe (u: m * u.shape[rank - 1], vh: vh.shape[rank - 2] * n)
        let all = unsafe u.shape[rank - 1] != small || vh.shape[rank - 2] != small
        if small == 0 {
            unsafe identity(T.self, u)
            return unsafe identity(T.self, vh)
        }
        try unsafe withScratch(T.self, m * n) { copy throws(OpError) in
            try unsafe withScratch(Int32.self, 8 * small) { integers throws(OpError) in
                try batches.forEach { number, offsets throws(OpError) in
                    unsafe copy.update(from: a.elements(T.self) + offsets[0], count: m * n)
                    if unsafe !isFinite(copy, m * n) { throw notFinite("svd", number, of: batches) }
                    let info = try unsafe withWork(T.self) {
                        unsafe T.gesdd(
                            all, Int32(n), Int32(m), copy, s.elements(T.self) + number * small,
                            vh.elements(T.self) + number * sizes.vh, u.elements(T.self) + number * sizes.u, $0, $1,
                            integers)
                    }
                    if info > 0 { throw notConverged("svd", number, of: batches) }
                }
            }
        }
    }

    // The lower triangle is LAPACK's upper one; its vectors are rows here.
    private static func eigh<T: BLASElement>(
        _: T.Type, _ a: Operand, _ values: Operand, _ vectors: Operand
    ) throws(OpError) {
        let (n, _, batches) = unsafe matrices(a)
        if n == 0 { return }
        let integersSize = 3 + 5 * n
        try unsafe withScratch(T.self, n * n) { copy throws(OpError) in
            try unsafe withScratch(Int32.self, integersSize) { integers throws(OpError) in
                try batches.forEach { number, offsets throws(OpError) in
                    unsafe copy.update(from: a.elements(T.self) + offsets[0], count: n * n)
                    if unsafe !isFinite(copy, n * n) { throw notFinite("eigh", number, of: batches) }
                    let info = try unsafe withWork(T.self) {
                        unsafe T.syevd(
                            Int32(n), copy, values.elements(T.self) + number * n, $0, $1, integers, Int32(integersSize))
                    }
                    if info > 0 { throw notConverged("eigh", number, of: batches) }
                    unsafe Engine.transpose(copy, rows: n, columns: n, into: vectors.elements(T.self) + number * n * n)
                }
            }
        }
    }

    private static func solveTriangular<T: BLASElement>(
        _: T.Type, _ a: Operand, _ b: Operand, _ lower: Bool, _ transpose: Bool, _ y: Operand
    ) throws(OpError) {
        let (n, k, batches) = try unsafe systems(a, b, y)
        if n == 0 || k == 0 { return }
        try batches.forEach { number, offsets throws(OpError) in
            let matrix = unsafe a.elements(T.self) + offsets[0]
            for i in 0..<n where unsafe matrix[i * n + i] == 0 { throw singular(number, of: batches) }
            let result = unsafe y.elements(T.self) + number * n * k
            unsafe result.update(from: b.elements(T.self) + offsets[1], count: n * k)
            unsafe T.trsm(lower, transpose, Int32(n), Int32(k), matrix, result)
        }
    }

    /// The sizes of systems of equations a · y = b.
    private static func systems(_ a: Operand, _ b: Operand, _ y: Operand) throws(OpError) -> (n: Int, k: Int, batches: Batches) {
        let rank = unsafe y.shape.count
        let (n, k) = unsafe (y.shape[rank - 2], y.shape[rank - 1])
        guard k <= Int32.max else {
            throw tooLarge("a system with \(k) right-hand sides")
        }
        return unsafe (
            n, k,
            Batches(
                Shape(y.shape.dropLast(2)),
                [(Shape(a.shape.dropLast(2)), n * n), (Shape(b.shape.dropLast(2)), n * k)])
        )
    }

    private static func notConverged(_ name: String, _ number: Int, of batches: Batches) -> OpError {
        OpError(
            "E0212", "`linalg.\(name)` found no result for the matrix\(which(number, of: batches))",
            why: "its iteration did not converge")
    }

    private static func notFinite(_ name: String, _ number: Int, of batches: Batches) -> OpError {
        OpError("E0212", "`linalg.\(name)`: the matrix\(which(number, of: batches)) has elements that are not finite")
    }

    /// LAPACK's iterations may never end on what is not.
    private static func isFinite<T: BLASElement>(_ x: UnsafePointer<T>, _ count: Int) -> Bool {
        for i in 0..<count where unsafe !x[i].isFinite { return false }
        return true
    }

    private static func identity<T: BLASElement>(_: T.Type, _ y: Operand) {
        unsafe y.zero()
        let n = unsafe y.shape[y.shape.count - 1]
        for i in unsafe 0..<(n == 0 ? 0 : y.count / n) { unsafe y.elements(T.self)[i * n + i % n] = 1 }
    }
}
