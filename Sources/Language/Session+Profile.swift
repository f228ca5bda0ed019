internal import Engine
public import Syntax

/// Where a run's time went.
public struct ProfileReport: Sendable {
    /// What the same ops of one line have cost.
    public struct Row: Sendable {
        public let ops: String
        /// `nil` for what no line asked for.
        public let source: SourceText?
        public let line: Int
        public internal(set) var calls = 0
        public internal(set) var seconds = 0.0
    }

    /// Of the whole run.
    public let seconds: Double
    /// How many programs were compiled, and how long that took.
    public let compiled: (programs: Int, seconds: Double)
    /// The costliest first.
    public let rows: [Row]
}

extension Session {
    /// Measures from here on.
    public func startProfile() {
        profileStart = ContinuousClock().now
        Profile.start()
    }

    /// What has been measured since `startProfile`.
    public func profile() -> ProfileReport {
        struct Place: Hashable {
            let ops: String
            let source: ObjectIdentifier?
            let line: Int
        }
        var rows: [Place: ProfileReport.Row] = [:]
        for entry in Profile.entries {
            let range = range(of: entry.origin)
            let line = range.map { $0.source.line(at: $0.start) } ?? 0
            let place = Place(ops: entry.ops, source: range.map { ObjectIdentifier($0.source) }, line: line)
            rows[place, default: ProfileReport.Row(ops: entry.ops, source: range?.source, line: line)].calls += entry.calls
            rows[place]?.seconds += entry.seconds
        }
        let elapsed = (profileStart ?? ContinuousClock().now).duration(to: ContinuousClock().now).components
        return ProfileReport(
            seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18, compiled: Profile.compiled,
            rows: rows.values.sorted { $0.seconds > $1.seconds })
    }
}
