internal import COpenBLAS
internal import Graphs

/// The wrapper of OpenBLAS and LAPACK. `load` comes before any other call.
enum OpenBLAS {
    static func load() throws(OpError) {
        if let missing = unsafe tfs_blas_load() {
            throw unsafe OpError(
                "E0291", String(cString: missing), why: "`linalg` is computed by it",
                mend: "install it (Debian: `apt install libopenblas0`)")
        }
    }

    /// LAPACK's `info` below 0 says that an argument is wrong.
    static func check(_ info: Int32) throws(OpError) {
        if info < 0 { throw Libraries.failed("LAPACK", Int(info)) }
    }
}

/// An element type of BLAS and LAPACK; parameters as in `blas.h`.
///
/// LAPACK's are column-major, each leading size that of the matrix.
protocol BLASElement: BitwiseCopyable, BinaryFloatingPoint {
    typealias Values = UnsafeMutablePointer<Self>
    typealias Integers = UnsafeMutablePointer<Int32>
    /// Row-major.
    static func trsm(_ lower: Bool, _ transpose: Bool, _ n: Int32, _ k: Int32, _ a: UnsafePointer<Self>, _ b: Values)
    static func getrf(_ n: Int32, _ a: Values, _ pivots: Integers) -> Int32
    static func getrs(
        _ transpose: Bool, _ n: Int32, _ k: Int32, _ a: UnsafePointer<Self>, _ pivots: UnsafePointer<Int32>, _ b: Values
    ) -> Int32
    static func getri(_ n: Int32, _ a: Values, _ pivots: UnsafePointer<Int32>, _ work: Values, _ size: Int32) -> Int32
    /// Of the upper part, in place.
    static func potrf(_ n: Int32, _ a: Values) -> Int32
    static func geqrf(_ m: Int32, _ n: Int32, _ a: Values, _ tau: Values, _ work: Values, _ size: Int32) -> Int32
    static func orgqr(
        _ m: Int32, _ n: Int32, _ k: Int32, _ a: Values, _ tau: UnsafePointer<Self>, _ work: Values, _ size: Int32
    ) -> Int32
    /// `all` gives square u and vt, else their first min(m, n) vectors.
    static func gesdd(
        _ all: Bool, _ m: Int32, _ n: Int32, _ a: Values, _ s: Values, _ u: Values, _ vt: Values, _ work: Values,
        _ size: Int32, _ integers: Integers
    ) -> Int32
    /// Of the upper part; the vectors come in `a`.
    static func syevd(
        _ n: Int32, _ a: Values, _ values: Values, _ work: Values, _ size: Int32, _ integers: Integers,
        _ integersSize: Int32
    ) -> Int32
}

extension Float: BLASElement {
    static func trsm(_ lower: Bool, _ transpose: Bool, _ n: Int32, _ k: Int32, _ a: UnsafePointer<Self>, _ b: Values) {
        unsafe tfs_strsm(lower ? 1 : 0, transpose ? 1 : 0, n, k, a, b)
    }
    static func getrf(_ n: Int32, _ a: Values, _ pivots: Integers) -> Int32 { unsafe tfs_sgetrf(n, n, a, n, pivots) }
    static func getrs(
        _ transpose: Bool, _ n: Int32, _ k: Int32, _ a: UnsafePointer<Self>, _ pivots: UnsafePointer<Int32>, _ b: Values
    ) -> Int32 {
        unsafe tfs_sgetrs(transpose ? letter("T") : letter("N"), n, k, a, n, pivots, b, n)
    }
    static func getri(_ n: Int32, _ a: Values, _ pivots: UnsafePointer<Int32>, _ work: Values, _ size: Int32) -> Int32 {
        unsafe tfs_sgetri(n, a, n, pivots, work, size)
    }
    static func potrf(_ n: Int32, _ a: Values) -> Int32 { unsafe tfs_spotrf(letter("U"), n, a, n) }
    static func geqrf(_ m: Int32, _ n: Int32, _ a: Values, _ tau: Values, _ work: Values, _ size: Int32) -> Int32 {
        unsafe tfs_sgeqrf(m, n, a, m, tau, work, size)
    }
    static func orgqr(
        _ m: Int32, _ n: Int32, _ k: Int32, _ a: Values, _ tau: UnsafePointer<Self>, _ work: Values, _ size: Int32
    ) -> Int32 {
        unsafe tfs_sorgqr(m, n, k, a, m, tau, work, size)
    }
    static func gesdd(
        _ all: Bool, _ m: Int32, _ n: Int32, _ a: Values, _ s: Values, _ u: Values, _ vt: Values, _ work: Values,
        _ size: Int32, _ integers: Integers
    ) -> Int32 {
        unsafe tfs_sgesdd(all ? letter("A") : letter("S"), m, n, a, m, s, u, m, vt, all ? n : min(m, n), work, size, integers)
    }
    static func syevd(
        _ n: Int32, _ a: Values, _ values: Values, _ work: Values, _ size: Int32, _ integers: Integers,
        _ integersSize: Int32
    ) -> Int32 {
        unsafe tfs_ssyevd(letter("V"), letter("U"), n, a, n, values, work, size, integers, integersSize)
    }
}

extension Double: BLASElement {
    static func trsm(_ lower: Bool, _ transpose: Bool, _ n: Int32, _ k: Int32, _ a: UnsafePointer<Self>, _ b: Values) {
        unsafe tfs_dtrsm(lower ? 1 : 0, transpose ? 1 : 0, n, k, a, b)
    }
    static func getrf(_ n: Int32, _ a: Values, _ pivots: Integers) -> Int32 { unsafe tfs_dgetrf(n, n, a, n, pivots) }
    static func getrs(
        _ transpose: Bool, _ n: Int32, _ k: Int32, _ a: UnsafePointer<Self>, _ pivots: UnsafePointer<Int32>, _ b: Values
    ) -> Int32 {
        unsafe tfs_dgetrs(transpose ? letter("T") : letter("N"), n, k, a, n, pivots, b, n)
    }
    static func getri(_ n: Int32, _ a: Values, _ pivots: UnsafePointer<Int32>, _ work: Values, _ size: Int32) -> Int32 {
        unsafe tfs_dgetri(n, a, n, pivots, work, size)
    }
    static func potrf(_ n: Int32, _ a: Values) -> Int32 { unsafe tfs_dpotrf(letter("U"), n, a, n) }
    static func geqrf(_ m: Int32, _ n: Int32, _ a: Values, _ tau: Values, _ work: Values, _ size: Int32) -> Int32 {
        unsafe tfs_dgeqrf(m, n, a, m, tau, work, size)
    }
    static func orgqr(
        _ m: Int32, _ n: Int32, _ k: Int32, _ a: Values, _ tau: UnsafePointer<Self>, _ work: Values, _ size: Int32
    ) -> Int32 {
        unsafe tfs_dorgqr(m, n, k, a, m, tau, work, size)
    }
    static func gesdd(
        _ all: Bool, _ m: Int32, _ n: Int32, _ a: Values, _ s: Values, _ u: Values, _ vt: Values, _ work: Values,
        _ size: Int32, _ integers: Integers
    ) -> Int32 {
        unsafe tfs_dgesdd(all ? letter("A") : letter("S"), m, n, a, m, s, u, m, vt, all ? n : min(m, n), work, size, integers)
    }
    static func syevd(
        _ n: Int32, _ a: Values, _ values: Values, _ work: Values, _ size: Int32, _ integers: Integers,
        _ integersSize: Int32
    ) -> Int32 {
        unsafe tfs_dsyevd(letter("V"), letter("U"), n, a, n, values, work, size, integers, integersSize)
    }
}

/// The letters by which LAPACK takes its choices.
private func letter(_ scalar: Unicode.Scalar) -> CChar { CChar(scalar.value) }
