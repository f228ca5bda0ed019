internal import Glibc

/// A thread for the evaluator with a stack that deep recursion does not use up.
enum LargeStack {
    private final class Job: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs the work on such a thread and waits for its end. The memory is only reserved; what is never touched costs
    /// nothing. A machine that refuses so much gets less.
    static func run(_ body: @escaping @Sendable () -> Void) {
        var attributes = pthread_attr_t()
        guard unsafe pthread_attr_init(&attributes) == 0 else { return body() }
        defer { unsafe pthread_attr_destroy(&attributes) }
        for megabytes in [1024, 256, 64] {
            guard unsafe pthread_attr_setstacksize(&attributes, megabytes << 20) == 0 else { continue }
            let job = unsafe Unmanaged.passRetained(Job(body))
            var thread = pthread_t()
            let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { job in
                if let job = unsafe job { unsafe Unmanaged<Job>.fromOpaque(job).takeRetainedValue().body() }
                return nil
            }
            if unsafe pthread_create(&thread, &attributes, entry, job.toOpaque()) == 0 {
                pthread_join(thread, nil)
                return
            }
            unsafe job.release()
        }
        body()
    }
}
