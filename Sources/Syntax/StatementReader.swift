/// Gathers the lines of one statement, at the prompt or from a pipe: a finished line runs at once, and a blank line
/// ends an unfinished statement.
///
/// - Complexity: each line is read once, however many lines a statement has.
public struct StatementReader: Sendable {
    /// The lines so far.
    public private(set) var text = ""
    private var contexts: [Lexer.Context] = []
    private var lastContinues = false
    private var isDocumentation = true

    public init() {}

    /// Whether nothing has been read since the start or the last `reset`.
    public var isEmpty: Bool { text.isEmpty }

    /// Adds a line (without its newline); the result tells whether the text is now to be run. In what was pasted a blank line
    /// ends nothing.
    public mutating func add(_ line: String, isPasted: Bool = false) -> Bool {
        let isBlank = line.utf8.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A }
        text += text.isEmpty ? line : "\n" + line
        if isBlank, !isPasted { return true }
        var lexer = Lexer(SourceText(path: "", text: line + "\n"), within: contexts)
        lexer.readAll()
        contexts = lexer.contexts
        if lexer.tokens.count > 1, let last = lexer.tokens.last {
            isDocumentation = false
            lastContinues = last.kind.continuesLine && !lexer.isImportStar
        } else if isDocumentation, let comment = lexer.comments.last {
            // A documentation comment waits for what it documents.
            if comment.isDocumentation { return false }
            isDocumentation = false
        }
        // What is open this deep is an error by now, and must not make each further line dearer.
        return contexts.isEmpty && (!lastContinues || !lexer.diagnostics.isEmpty) || isTooDeep
    }

    fileprivate var isTooDeep: Bool { contexts.count > 2 * Parser.deepest }

    /// Forgets the lines, for the next statement.
    public mutating func reset() { self = StatementReader() }
}

/// Whether a text is finished: nothing is open at its end, and its last line does not go on.
public func isComplete(_ text: String) -> Bool {
    var reader = StatementReader()
    var isDone = true
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    if lines.count > 1, lines.last == "" { lines.removeLast() }
    for line in lines where !reader.isTooDeep { isDone = reader.add(String(line)) }
    return isDone
}
