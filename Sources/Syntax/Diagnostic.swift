/// A range of source with a few words about it.
public struct Label: Sendable, Hashable {
    public var range: SourceRange
    public var text: String

    public init(_ range: SourceRange, _ text: String = "") {
        self.range = range
        self.text = text
    }
}

/// A piece of text to be put in the place of another.
public struct Edit: Sendable, Hashable {
    public var range: SourceRange
    public var replacement: String

    public init(_ range: SourceRange, _ replacement: String) {
        self.range = range
        self.replacement = replacement
    }
}

/// What a user is told about one mistake: what, where, why, and how to mend it.
///
/// A diagnostic is data; `Renderer` draws it. Wording lives in factories (`Diagnostic+Syntax.swift` here, and
/// one such file in each module that finds errors). Codes are permanent.
public struct Diagnostic: Error, Sendable, Hashable {
    public enum Severity: Sendable { case error, warning }

    public var code: String
    public var severity: Severity
    /// One line that makes sense alone: what was found and what was expected. Lower case, code in backticks.
    public var what: String
    /// The primary range; `nil` where there is no text to point at (a missing script, a wrong command line).
    public var at: Label?
    public var also: [Label]
    public var why: String?
    public var mend: String?
    /// The edits that mend it, all together; only where they are certain to be what is meant. `tfs check --fix` makes them.
    public var fix: [Edit]
    /// The script's own calls that led here, innermost first.
    public var calls: [Label]

    public init(
        code: String, severity: Severity = .error, what: String, at: Label?, also: [Label] = [],
        why: String? = nil, mend: String? = nil, fix: [Edit] = [], calls: [Label] = []
    ) {
        self.code = code
        self.severity = severity
        self.what = what
        self.at = at
        self.also = also
        self.why = why
        self.mend = mend
        self.fix = fix
        self.calls = calls
    }
}
