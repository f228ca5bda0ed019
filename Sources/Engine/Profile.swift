internal import Synchronization

/// Where the time of compiled programs goes, instruction by instruction, once somebody wants to know.
public enum Profile {
    /// What the instructions of one kind at one place have cost.
    public struct Entry: Sendable {
        /// The ops that they compute.
        public let ops: String
        /// Where the script wrote the last of these, as nodes carry it; -1 when nobody knows.
        public let origin: Int32
        public fileprivate(set) var calls = 0
        public fileprivate(set) var seconds = 0.0
    }

    private struct Key: Hashable {
        let ops: String
        let origin: Int32
    }
    private struct State {
        var costs: [Key: Entry] = [:]
        /// Of the outermost program since `attribute`: the origins are still its own numbers.
        var pending: [Key: Entry] = [:]
        /// Of programs inside the instruction that the outermost one is at: the body of a `scan`.
        var inner: [Key: Entry] = [:]
        var compiled = (programs: 0, seconds: 0.0)
    }
    private static let state = Mutex(State())
    private static let flag = Atomic(false)
    /// Whether the outermost program is running.
    private static let isBusy = Atomic(false)
    static let clock = ContinuousClock()

    /// Measures every program from here on.
    public static func start() { flag.store(true, ordering: .relaxed) }
    static var isOn: Bool { flag.load(ordering: .relaxed) }

    /// What was measured so far.
    public static var entries: [Entry] { state.withLock { Array($0.costs.values) } }
    /// How many programs were compiled, and how long that took.
    public static var compiled: (programs: Int, seconds: Double) { state.withLock { $0.compiled } }

    /// Gives what the outermost program has cost since the last call its places in the script: what the origins of its
    /// graph stand for.
    static func attribute(_ origins: @autoclosure () -> [Int32]) {
        guard isOn else { return }
        let places = origins()
        state.withLock { state in
            for (key, entry) in state.pending {
                let origin = key.origin < 0 ? -1 : places[Int(key.origin)]
                add(entry.calls, entry.seconds, Key(ops: key.ops, origin: origin), to: &state.costs)
            }
            state.pending = [:]
        }
    }

    /// Compiles a program, and the programs inside it, on the clock.
    static func compiling(_ compile: () throws(ExecutionError) -> Program) throws(ExecutionError) -> Program {
        guard isOn else { return try compile() }
        let before = compiled
        let start = clock.now
        let program = try compile()
        let spent = seconds(since: start)
        state.withLock { $0.compiled = (before.programs + 1, before.seconds + spent) }
        return program
    }

    /// Times the instructions of one run of a program.
    struct Timer {
        private let isOutermost: Bool
        /// Now, for `add`.
        var now: ContinuousClock.Instant { clock.now }

        /// - Parameter isBeginning: whether this is a program's first instruction; what an earlier run left behind, which
        ///   ended with an error, is forgotten then.
        init(isBeginning: Bool) {
            isOutermost = isBusy.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged
            if isOutermost, isBeginning { state.withLock { $0.pending = [:] } }
        }
        func end() { if isOutermost { isBusy.store(false, ordering: .relaxed) } }

        func add(_ instruction: Program.Instruction, since start: ContinuousClock.Instant) {
            let spent = Profile.seconds(since: start)
            let key = Key(ops: instruction.name, origin: instruction.origin)
            state.withLock { state in
                guard isOutermost else { return Profile.add(1, spent, key, to: &state.inner) }
                // What several threads did at once is scaled to the time that went by.
                let inside = state.inner.values.reduce(0) { $0 + $1.seconds }
                let scale = inside > spent ? spent / inside : 1
                for (key, entry) in state.inner { Profile.add(entry.calls, entry.seconds * scale, key, to: &state.costs) }
                state.inner = [:]
                Profile.add(1, spent - inside * scale, key, to: &state.pending)
            }
        }
    }

    /// Adds what a program's run took beside its instructions, since `start` and before.
    static func add(_ ops: String, _ origin: Int32, since start: ContinuousClock.Instant, before: Double) {
        let spent = before + seconds(since: start)
        state.withLock { add(1, spent, Key(ops: ops, origin: origin), to: &$0.pending) }
    }

    private static func add(_ calls: Int, _ seconds: Double, _ key: Key, to entries: inout [Key: Entry]) {
        entries[key, default: Entry(ops: key.ops, origin: key.origin)].calls += calls
        entries[key]?.seconds += seconds
    }

    static func seconds(since start: ContinuousClock.Instant) -> Double {
        let spent = start.duration(to: clock.now).components
        return Double(spent.seconds) + Double(spent.attoseconds) * 1e-18
    }
}
