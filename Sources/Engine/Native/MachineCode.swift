internal import CKernels
internal import Glibc

/// Machine code in memory of its own, which is either written or run.
@safe final class MachineCode: @unchecked Sendable {
    private let base: UnsafeMutableRawPointer
    private let size: Int

    /// Whether this processor runs what `Assembler` writes.
    static let isPossible: Bool = {
        #if arch(x86_64)
            Surroundings.features.contains("avx2") && Surroundings.features.contains("fma")
        #else
            false
        #endif
    }()

    /// `nil` where the system gives no such memory.
    init?(_ bytes: [UInt8]) {
        let page = sysconf(Int32(_SC_PAGESIZE))
        size = (bytes.count + page - 1) / page * page
        guard let memory = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), unsafe memory != MAP_FAILED
        else { return nil }
        unsafe base = memory
        unsafe bytes.withUnsafeBytes { unsafe base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        guard unsafe mprotect(base, size, PROT_READ | PROT_EXEC) == 0 else {
            unsafe munmap(base, size)
            return nil
        }
    }

    deinit { unsafe munmap(base, size) }

    /// The function that begins at a place.
    func function(at place: Int) -> tfs_native { unsafe unsafeBitCast(base + place, to: tfs_native.self) }
}
