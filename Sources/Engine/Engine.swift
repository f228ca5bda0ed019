// Engine: graph → program → results. It owns all memory, the threads, the kernels' calls and the random
// numbers; it imports Graphs and the C kernels and system libraries. Unsafe pointers live here and do not leave.
//
// The way of a tensor: `Tensor` is a handle on a `Node`. Looking at it linearises the pending nodes
// (`Linearisation`), finds or compiles a `Program` for their structure, and runs it. Its element-wise groups are loops over
// tiles (`FusedKernel`), their arithmetic machine code (`NativeSteps`). Ops on few elements go the shorter way of `Immediate`,
// without a node; gradients are nodes of whole graphs (`Block`).
internal import Glibc
public import Graphs
internal import Synchronization

/// What belongs to the engine as a whole.
public enum Execution {
    private static let flag = Atomic(false)

    /// Asks running programs to stop with an E0299 before their next instruction, or a part of one; safe in a signal handler.
    public static func interrupt() { flag.store(true, ordering: .relaxed) }
    /// Forgets an interruption, before new work begins.
    public static func resume() { flag.store(false, ordering: .relaxed) }
    public static var isInterrupted: Bool { flag.load(ordering: .relaxed) }

    /// The number of threads that compute: `TFS_THREADS`, or one per processor.
    public static var threads: Int { ThreadPool.width }

    /// The thread whose program may also end amidst an instruction, since nobody will see what that has left.
    private static let stoppable = Atomic<UInt>(0)
    static var mayStop: Bool { stoppable.load(ordering: .relaxed) == pthread_self() }

    /// Lets what this thread computes end amidst an instruction, unless another thread's is let already.
    static func stoppably<R>(_ isWanted: Bool, _ body: () throws(ExecutionError) -> R) throws(ExecutionError) -> R {
        guard isWanted, stoppable.compareExchange(expected: 0, desired: pthread_self(), ordering: .relaxed).exchanged else { return try body() }
        defer { stoppable.store(0, ordering: .relaxed) }
        return try body()
    }

    private static let serials = Atomic(0)
    /// Numbers that only grow: the order in which nodes were written.
    static func nextSerial() -> Int { serials.wrappingAdd(1, ordering: .relaxed).newValue }
}

/// An error of values, with the origin of the node whose values they are.
public struct ExecutionError: Error, Sendable, Hashable {
    public var error: OpError
    public var origin: Int32
    public init(_ error: OpError, origin: Int32) { (self.error, self.origin) = (error, origin) }
    /// Of what was built from these places, which a program numbers from 0: with the place itself.
    func placed(in origins: [Int32]) -> ExecutionError {
        ExecutionError(error, origin: origin >= 0 ? origins[Int(origin)] : origin)
    }
    /// Whether somebody asked to stop (`Execution.interrupt`).
    public var isInterruption: Bool { error == .interrupted }
}

extension OpError {
    static let interrupted = OpError("E0299", "interrupted")

    /// A result is larger than the machine's memory.
    static func memory(_ type: TensorType) -> OpError {
        var size = Double(type.dtype.size)
        for axis in type.shape { size *= Double(axis) }
        return memory(bytes: size, of: "a tensor of shape \(type.shape.text)")
    }
    static func memory(bytes: Double, of what: String) -> OpError {
        var (amount, units) = (bytes, ["bytes", "KB", "MB", "GB", "TB", "PB", "EB"])
        while amount >= 1024, units.count > 1 {
            amount /= 1024
            units.removeFirst()
        }
        let tenths = Int((Swift.min(amount, 1e6) * 10).rounded())
        return OpError("E0290", "\(what) needs \(tenths / 10).\(tenths % 10) \(units[0]) of memory", why: "this machine has less")
    }
}
