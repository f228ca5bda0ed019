internal import Glibc
internal import Synchronization

/// One 64-byte aligned block of memory, freed with its last owner. Blocks are kept for the next of their size.
///
/// `Sendable` holds because bytes are written only before the storage becomes visible to others.
@safe final class Storage: @unchecked Sendable {
    let byteCount: Int
    private let capacity: Int
    /// Valid while the storage lives; taken only for the length of a call.
    @unsafe let base: UnsafeMutableRawPointer

    /// Uninitialised memory; `nil` when there is none.
    init?(byteCount: Int) {
        precondition(byteCount >= 0, "a block has a size")
        guard byteCount <= Self.limit else { return nil }
        self.byteCount = byteCount
        capacity = Self.capacity(for: byteCount)
        guard let block = unsafe Self.recycled(capacity) ?? Self.fresh(capacity) else { return nil }
        unsafe base = block
    }

    deinit {
        if unsafe Self.keep(base, capacity) { return }
        unsafe free(base)
    }

    /// Lends the bytes for the length of the call.
    func lend<R, E: Error>(_ body: (UnsafeMutableRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try unsafe body(UnsafeMutableRawBufferPointer(start: base, count: byteCount))
    }

    /// The machine's memory, which no single block may exceed.
    static let limit: Int = max(1 << 28, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))

    // MARK: Recycling

    /// So many small blocks of a size are kept.
    private static let mostSmall = 1 << 12
    private static let small = 1 << 12

    private struct Pool {
        /// By the sizes' numbers.
        var blocks: [[UInt]] = Array(repeating: [], count: 8 * Int.bitWidth)
        var bytes = 0
    }
    /// Numbers the sizes of blocks.
    private static func number(_ capacity: Int) -> Int {
        let exponent = Int.bitWidth - 1 - capacity.leadingZeroBitCount
        return exponent << 3 | capacity >> (exponent - 3) & 7
    }
    private static let pool = Mutex(Pool())

    /// Sizes in eighths of a power of two, so that nearly equal ones share blocks.
    private static func capacity(for byteCount: Int) -> Int {
        let step = max(64, (1 << (Int.bitWidth - 1 - max(byteCount, 1).leadingZeroBitCount)) >> 3)
        return max(step, (byteCount + step - 1) / step * step)
    }

    /// A block from the system. Large ones ask for huge pages: filling many small ones costs more than the arithmetic.
    private static func fresh(_ capacity: Int) -> UnsafeMutableRawPointer? {
        guard Memory.allows(capacity) else { return nil }
        let hugePage = 1 << 21
        guard capacity >= 2 * hugePage else { return unsafe aligned_alloc(64, capacity) }
        guard let block = unsafe aligned_alloc(hugePage, capacity) else { return nil }
        unsafe madvise(block, capacity, MADV_HUGEPAGE)
        return unsafe block
    }

    private static func recycled(_ capacity: Int) -> UnsafeMutableRawPointer? {
        let address = pool.withLock { pool -> UInt? in
            guard let address = pool.blocks[number(capacity)].popLast() else { return nil }
            pool.bytes -= capacity
            return address
        }
        return unsafe address.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0) }
    }

    private static func keep(_ base: UnsafeMutableRawPointer, _ capacity: Int) -> Bool {
        let address = UInt(bitPattern: base)
        return pool.withLock { pool in
            let number = number(capacity)
            guard pool.bytes + capacity <= limit / 8, capacity >= small || pool.blocks[number].count < mostSmall else { return false }
            pool.bytes += capacity
            pool.blocks[number].append(address)
            return true
        }
    }
}
