internal import ConeDNN
internal import Glibc
internal import Graphs
internal import Synchronization

/// The wrapper of oneDNN: its engine and what it compiled.
///
/// `Sendable` holds because oneDNN's engine may be used by all threads; the cache is under a lock.
@safe final class OneDNN: @unchecked Sendable {
    static let shared = OneDNN()

    private let engine: dnnl_engine_t?
    private let plans = Mutex(BoundedCache<ConvPlan.Key, ConvPlan?>(limit: 512))

    private init() {
        var engine: dnnl_engine_t?
        _ = unsafe dnnl_engine_create(&engine, dnnl_cpu, 0)
        unsafe self.engine = engine
    }

    /// How a convolution or one of its gradients is computed; `nil` when oneDNN has no code for the geometry.
    func plan(_ key: ConvPlan.Key) throws(OpError) -> ConvPlan? {
        guard let engine = unsafe engine else { return nil }
        return try plans.withLock { plans throws(OpError) in
            if let known = plans[key] { return known }
            Self.useOneThread()
            let plan = try unsafe ConvPlan(key, engine: engine)
            plans[key] = .some(plan)
            return plan
        }
    }

    /// OpenMP's `omp_set_num_threads`.
    private static let setThreads: (@convention(c) (Int32) -> Void)? = unsafe unsafeBitCast(
        dlsym(nil, "omp_set_num_threads"), to: (@convention(c) (Int32) -> Void)?.self)

    /// Keeps oneDNN on the calling thread; OpenMP has the setting once per thread.
    ///
    /// Its own threads would wait for each other spinning, which beside any other busy process costs a time slice
    /// per call (measured: 8 ms instead of 0.5), and its sums by kernels would depend on their number.
    static func useOneThread() { setThreads?(1) }

    static func check(_ status: dnnl_status_t) throws(OpError) {
        if status != dnnl_success { throw Libraries.failed("oneDNN", Int(status.rawValue)) }
    }
}

/// A dictionary that forgets what was used longest ago when it holds more than `limit` entries.
struct BoundedCache<Key: Hashable, Value> {
    let limit: Int
    private var entries: [Key: (value: Value, used: Int)] = [:]
    private var clock = 0

    init(limit: Int) { self.limit = limit }

    subscript(key: Key) -> Value? {
        mutating get {
            clock += 1
            entries[key]?.used = clock
            return entries[key]?.value
        }
        set {
            clock += 1
            entries[key] = newValue.map { ($0, clock) }
            if entries.count > limit, let oldest = entries.min(by: { $0.value.used < $1.value.used })?.key {
                entries[oldest] = nil
            }
        }
    }
}
