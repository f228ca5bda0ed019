internal import Engine

/// A way through a value that may be far larger than what holds it: lists share their parts, so that fifty lists of two
/// can have 2^50 elements.
struct Walk {
    private var count = 0
    private let most: Int

    /// The check's work is bounded; what hangs on more is left to the run.
    init(isCheck: Bool) { most = isCheck ? 100_000 : .max }

    /// Counts values met, each of which takes so many bytes somewhere. False where the check has seen enough.
    mutating func meets(_ values: Int = 1, bytes: Int = 0) throws -> Bool {
        let before = count
        (count, _) = count.addingReportingOverflow(values)
        if count >> 16 != before >> 16 {
            if Execution.isInterrupted { throw Interruption() }
            if bytes > 0 { try Value.requireRoom(bytes: count.multipliedReportingOverflow(by: bytes).partialValue) }
        }
        return count <= most
    }
}
