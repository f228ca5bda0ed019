internal import CKernels
internal import Glibc
internal import Graphs
internal import Synchronization

/// The engine's threads: one per processor, the caller's among them.
///
/// Work comes in chunks that threads take one after the other, so that a thread whose processor is busy elsewhere
/// takes fewer. Where chunks begin depends on the size of the problem only, which keeps results the same for any number
/// of threads. Threads start when they are first needed; one that finds nothing to do for some microseconds sleeps.
///
/// `Sendable` holds because the job is written before chunks are offered, and not touched until all are done.
@safe final class ThreadPool: @unchecked Sendable {
    private static let shared = ThreadPool()

    /// How many threads there are: `TFS_THREADS`, or as many as processors that the process may use.
    static let width: Int = {
        if let text = unsafe getenv("TFS_THREADS"), let asked = unsafe Int(String(cString: text)) { return min(max(asked, 1), 256) }
        return Int(tfs_processors())
    }()

    /// About 100 µs of waiting before a thread sleeps: longer than the stretches of a script between two of its products,
    /// shorter than what a neighbour would notice.
    private static let patience = 5000

    private typealias Body = (Int) -> Void
    /// The job.
    private var body: UnsafePointer<Body>?
    // Threads wait for each other where what they write and read lies in one cache line, so that these lie apart.
    private typealias Apart = InlineArray<16, UInt64>
    private let apart0 = Apart(repeating: 0)
    /// Chunks that nobody has taken: from the lower 32 bits up to the upper ones. Whoever posts a job takes from the
    /// front, the others from the back, so that a thread finds in its cache what it left there in the job before.
    private let open = Atomic<UInt64>(0)
    private let apart1 = Apart(repeating: 0)
    /// Chunks that are not finished.
    private let unfinished = Atomic(0)
    private let apart2 = Apart(repeating: 0)
    /// Whether some thread's job has the pool.
    private let isTaken = Atomic(false)
    private let sleepers = Atomic(0)
    private let lock: UnsafeMutablePointer<pthread_mutex_t>
    private let wakeUp: UnsafeMutablePointer<pthread_cond_t>

    private init() {
        unsafe lock = .allocate(capacity: 1)
        unsafe wakeUp = .allocate(capacity: 1)
        unsafe pthread_mutex_init(lock, nil)
        unsafe pthread_cond_init(wakeUp, nil)
        for _ in 1..<max(Self.width, 1) {
            var thread = pthread_t()
            // A thread that cannot be had is done without.
            unsafe pthread_create(
                &thread, nil,
                { pool in
                    unsafe Unmanaged<ThreadPool>.fromOpaque(pool!).takeUnretainedValue().serve()
                    return nil
                }, Unmanaged.passUnretained(self).toOpaque())
        }
    }

    /// Calls `body` with each number below `chunks`, on all threads, and returns when all calls have. In a chunk, or
    /// while another thread's job has the pool, the calls are made one after the other.
    static func run(_ chunks: Int, _ body: (Int) -> Void) {
        precondition(chunks < 1 << 31, "as many chunks as the counter holds")
        if chunks > 1, width > 1, shared.take() {
            shared.run(chunks, body)
        } else {
            for chunk in 0..<max(chunks, 0) { body(chunk) }
        }
    }

    /// The same for bodies that may fail: the error of the first chunk that did. Whoever asks the engine to stop need not wait
    /// for the chunks that have not begun.
    static func run(_ chunks: Int, throwing body: (Int) throws(OpError) -> Void) throws(OpError) {
        let failure = Mutex<(chunk: Int, error: OpError)?>(nil)
        let mayStop = Execution.mayStop
        run(chunks) { chunk in
            do throws(OpError) {
                if mayStop, Execution.isInterrupted { throw .interrupted }
                try body(chunk)
            } catch {
                failure.withLock { if chunk < $0?.chunk ?? .max { $0 = (chunk, error) } }
            }
        }
        if let (_, error) = failure.withLock({ $0 }) { throw error }
    }

    /// Calls `body` with ranges of `grain` items, the last one shorter, that together are 0..<count.
    static func split(_ count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
        let grain = max(grain, 1)
        run((count + grain - 1) / grain) { chunk in body(chunk * grain..<min((chunk + 1) * grain, count)) }
    }

    private func take() -> Bool { isTaken.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged }

    private func run(_ count: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            unsafe withUnsafePointer(to: body) { pointer in
                unsafe self.body = pointer
                unfinished.store(count, ordering: .relaxed)
                open.store(UInt64(count) << 32, ordering: .sequentiallyConsistent)
                if sleepers.load(ordering: .sequentiallyConsistent) > 0 {
                    unsafe pthread_mutex_lock(lock)
                    unsafe pthread_cond_broadcast(wakeUp)
                    unsafe pthread_mutex_unlock(lock)
                }
                work(fromBack: false)
                var waits = 0
                while unfinished.load(ordering: .acquiring) > 0 {
                    waits += 1
                    // Whoever has the last chunk may have lost its processor.
                    if waits > Self.patience { sched_yield() } else { tfs_pause() }
                }
            }
        }
        isTaken.store(false, ordering: .releasing)
    }

    private static func isEmpty(_ open: UInt64) -> Bool { open & 0xFFFF_FFFF >= open >> 32 }

    /// Takes chunks until none is left.
    private func work(fromBack: Bool) {
        var left = open.load(ordering: .acquiring)
        while !Self.isEmpty(left) {
            let taken = open.compareExchange(
                expected: left, desired: fromBack ? left - (1 << 32) : left + 1, ordering: .acquiringAndReleasing)
            guard taken.exchanged else {
                left = taken.original
                continue
            }
            // From here until the chunk is finished the job stays.
            unsafe body!.pointee(Int(fromBack ? (left >> 32) - 1 : left & 0xFFFF_FFFF))
            unfinished.subtract(1, ordering: .releasing)
            left = open.load(ordering: .acquiring)
        }
    }

    private func serve() {
        while true {
            var waits = 0
            while Self.isEmpty(open.load(ordering: .relaxed)) {
                waits += 1
                if waits < Self.patience {
                    tfs_pause()
                } else {
                    sleep()
                    waits = 0
                }
            }
            work(fromBack: true)
        }
    }

    private func sleep() {
        unsafe pthread_mutex_lock(lock)
        sleepers.add(1, ordering: .sequentiallyConsistent)
        while Self.isEmpty(open.load(ordering: .sequentiallyConsistent)) { unsafe pthread_cond_wait(wakeUp, lock) }
        sleepers.subtract(1, ordering: .relaxed)
        unsafe pthread_mutex_unlock(lock)
    }
}
