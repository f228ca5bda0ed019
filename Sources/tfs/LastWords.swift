internal import Glibc

/// What is said when memory has run out in a place that cannot answer for it: small blocks are not asked for first, and the
/// runtime ends the process where it gets none.
enum LastWords {
    private static let words: StaticString = "error[E0290]: out of memory\n  why: this machine, or `ulimit -v`, has no more to give\n"

    static func install() {
        // What a handler needs must be there before.
        _ = words.utf8CodeUnitCount
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { signal in LastWords.speak(signal) }
        action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND))
        for signal in [SIGABRT, SIGILL, SIGTRAP] { unsafe sigaction(signal, &action, nil) }
    }

    private static func speak(_ signal: Int32) {
        // The number of the last failed call: an allocation's, where it was that.
        if errno == ENOMEM {
            _ = unsafe write(2, words.utf8Start, words.utf8CodeUnitCount)
            _exit(Status.failed)
        }
        raise(signal)
    }
}
