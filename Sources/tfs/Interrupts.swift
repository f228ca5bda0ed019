internal import Engine
internal import Glibc
internal import Synchronization

/// What Ctrl-C does.
enum Interrupts {
    enum Mode: Int {
        /// Nothing is worth ending in order: the process ends at once.
        case ends
        /// The running evaluation is asked to end; a second Ctrl-C before it has, ends the process.
        case stopsEvaluation
        /// The same at the prompt, where a session is at stake: the second Ctrl-C tells what the third will do.
        case stopsEntry
        /// The prompt is woken, to clear its line.
        case wakesPrompt
    }

    private static let mode = Atomic(Mode.ends.rawValue)
    private static let hasWarned = Atomic(false)
    private static let warning: StaticString = "\nthis cannot be stopped yet; once more ends tfs (the history is kept)\n"
    /// A pipe that wakes the prompt: which of the threads a signal interrupts is not ours to say.
    private static let wakingEnd = Atomic<Int32>(-1)
    private static let sleepingEnd = Atomic<Int32>(-1)

    /// The descriptor on which the prompt hears of a Ctrl-C.
    static var descriptor: Int32 { sleepingEnd.load(ordering: .relaxed) }

    static func install() {
        // Globals are made on first use, and a signal handler is no place for that.
        Execution.resume()
        mode.store(Mode.ends.rawValue, ordering: .relaxed)
        hasWarned.store(false, ordering: .relaxed)
        var ends: [Int32] = [-1, -1]
        if unsafe pipe(&ends) == 0 {
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) + fcntl(end, F_SETFL, O_NONBLOCK) }
            sleepingEnd.store(ends[0], ordering: .relaxed)
            wakingEnd.store(ends[1], ordering: .relaxed)
        }
        // Whoever started us may have blocked it.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe sigaddset(&signals, SIGINT)
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in Interrupts.handle() }
        action.sa_flags = SA_RESTART
        unsafe sigaction(SIGINT, &action, nil)
    }

    private static func handle() {
        switch Mode(rawValue: mode.load(ordering: .relaxed)) {
        case .stopsEvaluation where !Execution.isInterrupted, .stopsEntry where !Execution.isInterrupted: Execution.interrupt()
        case .stopsEntry where !hasWarned.exchange(true, ordering: .relaxed):
            _ = unsafe write(2, warning.utf8Start, warning.utf8CodeUnitCount)
        case .wakesPrompt:
            var byte: UInt8 = 0
            _ = unsafe write(wakingEnd.load(ordering: .relaxed), &byte, 1)
        default: _exit(130)
        }
    }

    /// Forgets what has woken the prompt.
    static func drain() {
        var byte: UInt8 = 0
        while unsafe read(descriptor, &byte, 1) > 0 {}
    }

    /// Does something during which Ctrl-C has another effect.
    static func during<R>(_ new: Mode, _ body: () throws -> R) rethrows -> R {
        hasWarned.store(false, ordering: .relaxed)
        let old = mode.exchange(new.rawValue, ordering: .relaxed)
        defer { mode.store(old, ordering: .relaxed) }
        return try body()
    }
}
