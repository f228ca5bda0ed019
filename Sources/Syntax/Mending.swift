/// A text with the certain mends of its mistakes made: what `tfs check --fix` does.
public struct Mending: Sendable {
    /// What was mended in a line, for the user to read.
    public struct Step: Sendable {
        public var codes: [String]
        public var line: Int
        /// The line before and after it.
        public var before: String
        public var after: String
    }

    public private(set) var source: SourceText
    public private(set) var steps: [Step] = []

    /// Mends, looks again, and goes on until nothing is left to mend.
    ///
    /// A mend may bring to light what was wrong behind it, so there may be more mistakes on the way; at the end there never
    /// are.
    public init(_ source: SourceText, check: (SourceText) -> [Diagnostic]) {
        self.source = source
        var found = check(source)
        var best = (source: source, steps: steps, severity: Self.severity(found))
        // Each round mends something; the limits are for texts of nonsense.
        var idle = 0
        while idle < 100, steps.count < 10_000 {
            let mendable = Self.apart(found.filter { !$0.fix.isEmpty && $0.fix.allSatisfy { $0.range.source === self.source } })
            guard let next = attempt(mendable, against: found, check) ?? attemptEach(mendable, against: found, check) else { break }
            found = next
            idle += 1
            if Self.severity(found) < best.severity {
                best = (self.source, steps, Self.severity(found))
                idle = 0
            }
        }
        (self.source, steps) = (best.source, best.steps)
    }

    /// Makes edits where fewer mistakes are left, or for a single one where the first of them stands further on.
    private mutating func attempt(_ mends: [Diagnostic], against found: [Diagnostic], _ check: (SourceText) -> [Diagnostic]) -> [Diagnostic]? {
        if mends.isEmpty { return nil }
        let edited = Self.edited(source, mends.flatMap(\.fix))
        if edited.utf8 == source.utf8 { return nil }
        let next = check(edited)
        guard Self.severity(next) < Self.severity(found) || mends.count == 1 && Self.isFurther(next, than: mends[0], of: found) else { return nil }
        let lines = Dictionary(grouping: mends) { source.line(at: $0.fix[0].range.start) }
        for (line, own) in lines.sorted(by: { $0.key < $1.key }) {
            steps.append(
                Step(codes: own.map(\.code), line: line, before: source.line(line), after: Self.line(line, of: source, with: own.flatMap(\.fix))))
        }
        source = edited
        return next
    }

    /// The first mend that helps by itself, where together they do not.
    private mutating func attemptEach(_ mends: [Diagnostic], against found: [Diagnostic], _ check: (SourceText) -> [Diagnostic]) -> [Diagnostic]? {
        for mend in mends { if let next = attempt([mend], against: found, check) { return next } }
        return nil
    }

    /// Mistakes of the text alone count before all others, since nothing else is looked for while there are some.
    private static func severity(_ found: [Diagnostic]) -> (Int, Int) {
        let ofText = found.count { $0.code.hasPrefix("E01") }
        return (ofText, ofText > 0 ? 0 : found.count)
    }

    /// Whether up to the mended place nothing is wrong that was not before, and what was wrong there is not.
    private static func isFurther(_ next: [Diagnostic], than mend: Diagnostic, of found: [Diagnostic]) -> Bool {
        let place = mend.at?.range.start ?? 0
        func before(_ list: [Diagnostic]) -> Int { list.count { ($0.at?.range.start ?? 0) < place } }
        return before(next) <= before(found) && !next.contains { $0.at?.range.start == place && $0.what == mend.what }
    }

    /// Those whose edits do not lie within each other's reach; of two the one that reaches further, since what lies within
    /// may be text of a string that begins there.
    private static func apart(_ mends: [Diagnostic]) -> [Diagnostic] {
        func reach(_ mend: Diagnostic) -> Range<Int> { mend.fix.map(\.range.start).min()!..<mend.fix.map(\.range.end).max()! + 1 }
        var kept: [(mend: Diagnostic, reach: Range<Int>)] = []
        for mend in mends {
            let own = reach(mend)
            guard let place = kept.firstIndex(where: { $0.reach.overlaps(own) }) else {
                kept.append((mend, own))
                continue
            }
            if own.count > kept[place].reach.count, kept.count(where: { $0.reach.overlaps(own) }) == 1 { kept[place] = (mend, own) }
        }
        return kept.map(\.mend)
    }

    /// The text with edits made that do not overlap.
    static func edited(_ source: SourceText, _ edits: [Edit]) -> SourceText {
        SourceText(path: source.path, text: String(decoding: bytes(of: source, with: edits, in: 0..<source.utf8.count), as: UTF8.self))
    }

    /// What a line begins with once edits are made.
    private static func line(_ line: Int, of source: SourceText, with edits: [Edit]) -> String {
        let start = source.lineStarts[line - 1]
        let reach = max(edits.map(\.range.end).max() ?? start, start)
        let end = source.utf8[reach...].firstIndex(of: 0x0A) ?? source.utf8.count
        return String(decoding: bytes(of: source, with: edits, in: start..<end).prefix { $0 != 0x0A }, as: UTF8.self)
    }

    private static func bytes(of source: SourceText, with edits: [Edit], in span: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        var place = span.lowerBound
        for edit in edits.sorted(by: { ($0.range.start, $0.range.end) < ($1.range.start, $1.range.end) }) where edit.range.start >= place {
            bytes += source.utf8[place..<edit.range.start]
            bytes += edit.replacement.utf8
            place = edit.range.end
        }
        return bytes + source.utf8[place..<span.upperBound]
    }
}
