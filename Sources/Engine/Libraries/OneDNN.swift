internal import ConeDNN
internal import Glibc
internal import Graphs
internal import Synchronization

/// The wrapper of oneDNN: an engine, a stream, compiled primitives and their scratch memory.
///
/// `Sendable` holds because all state is used under the lock.
@safe final class OneDNN: @unchecked Sendable {
    static let shared = OneDNN()

    private let lock = Mutex(())
    private var engine: dnnl_engine_t?
    private var stream: dnnl_stream_t?
    private var cache = BoundedCache<ConvPrimitive.Key, ConvPrimitive?>(limit: 512)
    private var scratch: UnsafeMutableRawPointer?
    private var scratchSize = 0

    /// OpenMP's `omp_set_num_threads`, for the calling thread.
    ///
    /// oneDNN runs on the caller's thread alone: its threads would wait for each other spinning, which beside any
    /// other busy process costs a time slice per call (measured: 8 ms instead of 0.5), and its sums by kernels would
    /// depend on their number.
    private let setThreads: (@convention(c) (Int32) -> Void)?

    private init() {
        let symbol = unsafe dlsym(nil, "omp_set_num_threads")
        unsafe setThreads = unsafeBitCast(symbol, to: (@convention(c) (Int32) -> Void)?.self)
    }

    /// Computes a convolution or one of its gradients in f32; `false` when oneDNN has no code for the geometry.
    func run(
        _ direction: ConvDirection, _ geometry: WindowGeometry, _ x: Operand, _ kernel: Operand, _ y: Operand
    ) throws(OpError) -> Bool {
        try lock.withLock { _ throws(OpError) in
            setThreads?(1)
            let key = ConvPrimitive.Key(direction: direction, geometry: geometry)
            let found: ConvPrimitive?
            if let cached = cache[key] {
                found = cached
            } else {
                found = try unsafe ConvPrimitive(key, engine: start())
                cache[key] = .some(found)
            }
            guard let found else { return false }
            try unsafe execute(found, direction, x, kernel, y)
            return true
        }
    }

    private func execute(
        _ conv: ConvPrimitive, _ direction: ConvDirection, _ x: Operand, _ kernel: Operand, _ y: Operand
    ) throws(OpError) {
        try unsafe Self.check(dnnl_memory_set_data_handle(conv.x, x.pointer))
        try unsafe Self.check(dnnl_memory_set_data_handle(conv.y, y.pointer))
        try unsafe Self.check(dnnl_memory_set_data_handle(conv.kernel, kernel.pointer))
        if unsafe conv.packed != nil {
            try unsafe Self.check(dnnl_memory_set_data_handle(conv.packed, scratch(of: conv.packedSize)))
        }
        let weights = unsafe conv.packed ?? conv.kernel
        let arguments: (x: Int32, kernel: Int32, y: Int32) =
            switch direction {
            case .forward: (1, 33, 17)
            case .gradientInput: (129, 33, 145)
            case .gradientKernel: (1, 161, 145)
            }
        if direction != .gradientKernel { try unsafe execute(conv.reorder, [(1, conv.kernel), (17, conv.packed)]) }
        try unsafe execute(conv.primitive, [(arguments.x, conv.x), (arguments.kernel, weights), (arguments.y, conv.y)])
        if direction == .gradientKernel { try unsafe execute(conv.reorder, [(1, conv.packed), (17, conv.kernel)]) }
        try unsafe Self.check(dnnl_stream_wait(stream))
    }

    private func execute(
        _ primitive: dnnl_primitive_t?, _ arguments: [(Int32, dnnl_memory_t?)]
    ) throws(OpError) {
        guard let primitive = unsafe primitive else { return }
        let list = unsafe arguments.map { unsafe dnnl_exec_arg_t(arg: $0.0, memory: $0.1) }
        try unsafe Self.check(dnnl_primitive_execute(primitive, stream, Int32(list.count), list))
    }

    private func start() throws(OpError) -> dnnl_engine_t {
        if let engine = unsafe engine { return unsafe engine }
        try unsafe Self.check(dnnl_engine_create(&engine, dnnl_cpu, 0))
        try unsafe Self.check(dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)))
        return unsafe engine!
    }

    private func scratch(of size: Int) -> UnsafeMutableRawPointer {
        if size > scratchSize || scratchSize == 0 {
            unsafe scratch?.deallocate()
            unsafe scratch = .allocate(byteCount: max(size, 64), alignment: 64)
            scratchSize = max(size, 64)
        }
        return unsafe scratch!
    }

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
