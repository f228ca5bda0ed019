/// Reads a script. Every mistake becomes a diagnostic; the tree holds what could be read.
///
/// The parser recovers at statement ends, so that one run reports several independent mistakes.
/// - Complexity: linear in the length of the text.
public func parse(_ source: SourceText) -> (script: Script, diagnostics: [Diagnostic]) {
    var lexer = Lexer(source)
    lexer.run()
    var parser = Parser(lexer)
    let statements = parser.script()
    let script = Script(source: source, statements: statements, comments: parser.comments)
    var diagnostics = parser.diagnostics
    diagnostics.sort { ($0.at?.range.start ?? 0) < ($1.at?.range.start ?? 0) }
    diagnostics = withoutConsequences(diagnostics)
    if diagnostics.count > Diagnostic.mostPerText {
        diagnostics.removeSubrange(Diagnostic.mostPerText...)
        if let last = diagnostics.last?.at { diagnostics.append(.tooManyErrors(at: last.range)) }
    }
    return (script, diagnostics)
}

/// What one mistake makes of the text behind it is not told: brackets on the line of a string that does not end, and the
/// `}` of a block that began with `:`.
private func withoutConsequences(_ diagnostics: [Diagnostic]) -> [Diagnostic] {
    let openStrings = Set(
        diagnostics.lazy.filter { $0.code == "E0103" }.compactMap(\.at).map { $0.range.source.line(at: $0.range.start) })
    var colons = 0
    return diagnostics.filter { diagnostic in
        guard let range = diagnostic.at?.range else { return true }
        switch diagnostic.code {
        case "E0107", "E0109", "E0112": return !openStrings.contains(range.source.line(at: range.start))
        case "E0123":
            if range.source.text(range) == ":" { colons += 1 }
            return true
        case "E0113" where colons > 0 && diagnostic.also.isEmpty && range.source.text(range) == "}":
            colons -= 1
            return false
        default: return true
        }
    }
}

/// Recursive descent for statements, precedence climbing for operators.
struct Parser {
    /// A mistake ends the reading of its statement; the diagnostic waits in `failure`.
    struct Failure: Error {}

    /// What depends on where in the tree the parser is; a failed statement puts it back.
    struct Context {
        var depth = 0
        /// The height of the tallest tree that the present level has read.
        var height = 0
        /// In the head of an `if`, `for`, `while` or `with`, where `model {` is no model expression.
        var isInHead = false
        var isInLoop = false
        var isInFunction = false
        var isTopLevel = true
    }

    /// How deep brackets, blocks and operators may nest. Deeper text would overflow the stack of whoever walks the tree.
    static let deepest = 200
    /// How tall an expression's tree may grow where it nests without brackets: `a + b + …`, `x.f().g()…`.
    static let tallest = 1000

    let source: SourceText
    let tokens: [Token]
    let comments: [Comment]
    let ints: [Int]
    let floats: [Double]
    let texts: [String]
    var diagnostics: [Diagnostic]
    var position = 0
    /// Where the last token read ends.
    var lastEnd = 0
    var context = Context()
    var failure: Diagnostic?
    /// Where the lexer complained, in order.
    private let lexicalErrors: [Int]

    init(_ lexer: Lexer) {
        source = lexer.source
        tokens = lexer.tokens
        comments = lexer.comments
        ints = lexer.ints
        floats = lexer.floats
        texts = lexer.texts
        diagnostics = lexer.diagnostics
        lexicalErrors = lexer.diagnostics.compactMap { $0.at?.range.start }.sorted()
    }

    // MARK: Tokens

    var kind: TokenKind { tokens[position].kind }

    func peek(_ ahead: Int = 1) -> TokenKind {
        position + ahead < tokens.count ? tokens[position + ahead].kind : .end
    }

    mutating func advance() {
        lastEnd = tokens[position].end
        if position < tokens.count - 1 { position += 1 }
    }

    mutating func accept(_ wanted: TokenKind) -> Bool {
        guard kind == wanted else { return false }
        advance()
        return true
    }

    mutating func expect(_ wanted: TokenKind, _ words: String, opened: SourceRange? = nil) throws(Failure) {
        guard accept(wanted) else { throw expected(words, opened: opened) }
    }

    /// Closes a bracket that was opened at token `opening`.
    mutating func close(_ wanted: TokenKind, _ words: String, opening: Int) throws(Failure) {
        guard accept(wanted) else {
            let fix = words.hasPrefix("`,`") && pythonMend == nil ? missingComma() : []
            throw expected(words, opened: tokenRange(opening), mend: fix.isEmpty ? nil : "put a comma before it", fix: fix)
        }
    }

    func text(_ index: Int) -> String { source.text(tokenRange(index)) }

    func tokenRange(_ index: Int) -> SourceRange { SourceRange(source, tokens[index].start, tokens[index].end) }

    /// The present token; at the end of the text, the place behind the last one.
    var here: SourceRange { kind == .end ? SourceRange(source, lastEnd, lastEnd) : tokenRange(position) }

    /// From the token at `start` to the last one read.
    func range(from start: Int) -> SourceRange {
        SourceRange(source, tokens[start].start, max(lastEnd, tokens[start].start))
    }

    /// The index of the token that closes the bracket at `opening`.
    func match(_ opening: Int) -> Int { max(tokens[opening].payload, opening) }

    func isWord(_ word: String, at index: Int) -> Bool {
        tokens[index].kind == .name && tokens[index].end - tokens[index].start == word.utf8.count
            && source.utf8[tokens[index].start..<tokens[index].end].elementsEqual(word.utf8)
    }

    mutating func name(_ what: String) throws(Failure) -> Name {
        guard kind == .name else {
            if kind.isKeyword { throw fail(.keywordAsName(text(position), what: what, at: here)) }
            throw expected("a name for \(what)", mend: [.star, .starStar].contains(kind) ? "what is left is taken by a parameter such as `...rest`" : nil)
        }
        let name = Name(text(position), here)
        advance()
        return name
    }

    // MARK: Mistakes

    /// What stands at the present token, in the user's words.
    var found: String {
        switch kind {
        case .newline: "the end of the line"
        case .end: "the end of the text"
        case .stringStart: "a string"
        case .interpolationEnd, .format, .stringText, .stringEnd: "the end of the interpolation"
        default: "`\(source.excerpt(here))`"
        }
    }

    func expected(_ words: String, opened: SourceRange? = nil, mend: String? = nil, fix: [Edit] = []) -> Diagnostic {
        .expected(words, found: found, at: here, opened: opened, mend: pythonMend ?? mend, fix: fix.isEmpty ? withoutPrefix : fix)
    }

    mutating func expected(_ words: String, opened: SourceRange? = nil, mend: String? = nil, fix: [Edit] = []) -> Failure {
        fail(expected(words, opened: opened, mend: mend, fix: fix))
    }

    mutating func fail(_ diagnostic: Diagnostic) -> Failure {
        failure = diagnostic
        return Failure()
    }

    mutating func report(_ diagnostic: Diagnostic) {
        if diagnostics.count <= Diagnostic.mostPerText { diagnostics.append(diagnostic) }
    }

    // MARK: Depth

    /// Goes one level down; the result is for `leave`.
    mutating func enter() throws(Failure) -> Int {
        guard context.depth < Self.deepest else { throw fail(.tooDeep(here, limit: Self.deepest)) }
        context.depth += 1
        let outer = context.height
        context.height = 0
        return outer
    }

    mutating func leave(_ outer: Int) {
        context.depth -= 1
        context.height = max(outer, context.height + 1)
    }

    /// The tree read last becomes a child of a new node.
    mutating func grow() throws(Failure) {
        context.height += 1
        if context.height > Self.tallest { throw fail(.tooLong(here, limit: Self.tallest)) }
    }

    // MARK: Statements in a row

    mutating func script() -> [Statement] {
        // A closing brace that closes nothing was dropped by the lexer, so this reads to the end.
        statements(until: tokens.count - 1)
    }

    /// Statements up to the token `end`, which is not read.
    mutating func statements(until end: Int) -> [Statement] {
        var result: [Statement] = []
        while true {
            while position < end, kind == .newline || kind == .semicolon { advance() }
            guard position < end else { return result }
            let start = position
            let outer = context
            do throws(Failure) {
                result.append(try statement())
                context.height = outer.height
                guard position >= end || kind == .newline || kind == .semicolon else { throw endExpected(after: start) }
            } catch {
                context = outer
                recover(from: start, until: end)
                if result.last.map({ $0.range.start < tokens[start].start }) ?? true {
                    result.append(Statement(.error, range(from: start)))
                }
            }
        }
    }

    /// Goes to the end of the statement that began at `start`, and reports its mistake unless the lexer has.
    private mutating func recover(from start: Int, until end: Int) {
        var index = start
        while index < end {
            let token = tokens[index]
            if index >= position, token.kind == .newline || token.kind == .semicolon { break }
            index = token.kind.isOpening ? max(match(index), index) + 1 : index + 1
        }
        let failed = position
        index = behindBody(index, of: start, failed: failed, until: end)
        position = min(index, end)
        lastEnd = tokens[max(position - 1, start)].end
        guard let failure else { return }
        self.failure = nil
        let first = tokens[start].start
        let last = max(tokens[position].start, tokens[failed].end)
        var low = 0
        var high = lexicalErrors.count
        while low < high {
            let middle = (low + high) / 2
            if lexicalErrors[middle] < first { low = middle + 1 } else { high = middle }
        }
        if low < lexicalErrors.count, lexicalErrors[low] <= last { return }
        report(failure)
    }

    /// Where a head failed because its body is not what a body must be, steps over that body too: a block on the next
    /// line, or the indented lines behind a `:`.
    private func behindBody(_ index: Int, of start: Int, failed: Int, until end: Int) -> Int {
        guard index > start, index < end, tokens[index].kind == .newline else { return index }
        if failure?.code == "E0123", index == failed, tokens[index + 1].kind == .openBrace {
            return min(max(match(index + 1), index + 1) + 1, end)
        }
        guard tokens[index - 1].kind == .colon else { return index }
        var index = index
        let indent = column(of: start)
        while index < end, tokens[index].kind == .newline, column(of: index + 1) > indent {
            index += 1
            while index < end, tokens[index].kind != .newline {
                index = tokens[index].kind.isOpening ? max(match(index), index) + 1 : index + 1
            }
        }
        return min(index, end)
    }

    private func column(of token: Int) -> Int {
        tokens[token].kind == .end ? 0 : tokens[token].start - source.lineStarts[source.line(at: tokens[token].start) - 1]
    }

    private mutating func endExpected(after start: Int) -> Failure {
        let first = tokens[start].kind == .name ? text(start) : ""
        if kind == .name, isWord("elif", at: position) || isWord("elsif", at: position) {
            return fail(.foreignWord(text(position), at: here, mend: "write `else if`", fix: ownWord(for: position)))
        }
        if kind == .else { return fail(.strayElse(here)) }
        if position == start + 1, tokens[start].kind == .name, let mend = Self.foreignWords[first] {
            return fail(.foreignWord(first, at: tokenRange(start), mend: mend, fix: ownWord(for: start)))
        }
        if position == start + 1, first == "test", kind == .name {
            return fail(.expectedEnd(found: found, at: here, mend: "a test has its name in quotes: `test \"\(text(position))\" { … }`"))
        }
        if position == start + 1, first == "import", kind == .name {
            return fail(.importWithoutQuotes(here, name: text(position)))
        }
        var mend: String?
        switch kind {
        case .comma:
            let next = position + 1 < tokens.count ? tokens[position + 1].start : here.end
            return fail(
                .bareList(
                    SourceRange(source, tokens[start].start, here.end), isLast: source.line(at: next) > source.line(at: here.start),
                    fix: bracketsAroundStatement(from: start)))
        case .equal: return fail(.assignmentAsValue(at: here, isChain: true))
        case .colon: mend = "a name gets its value with `=`, and only parameters and options have types"
        case .openBrace: mend = "braces follow the head of a declaration, `if`, `for`, `while`, `with` or `model`"
        case .name, .stringStart, .int, .float:
            if tokens[position - 1].kind == .name {
                mend = position == start + 1 ? "a call is written `\(first)(…)`; or is an operator or comma missing?" : nil
            }
        default: break
        }
        return fail(.expectedEnd(found: found, at: here, mend: pythonMend ?? mend, fix: withoutPrefix))
    }

    /// What is meant where a value goes on as in Python: `b if a else c`, `lambda x: x`, `f"{x}"`.
    private var pythonMend: String? {
        guard position > 0 else { return nil }
        let last = tokens[position - 1]
        switch kind {
        case .if, .question: return "a choice is written `if a { b } else { c }`"
        case .name where isWord("is", at: position): return Self.identityMend
        case .name where isWord("lambda", at: position - 1): return Self.foreignWords["lambda"]
        case .stringStart where last.kind == .name && last.end == tokens[position].start:
            return "a string takes values by itself: leave out the `\(text(position - 1))`"
        default: return nil
        }
    }

    /// Values have no identity beside their equality.
    static let identityMend = "write `==`, or `!=` for `is not`"

    /// Words that begin a statement in other languages.
    static let foreignWords: [String: String] = [
        "def": "a function is written `fn name(a, b) { … }`", "func": "write `fn`", "function": "write `fn`",
        "let": "a name gets its value with `name = …`", "var": "a name gets its value with `name = …`",
        "const": "a name gets its value with `name = …`", "val": "a name gets its value with `name = …`",
        "class": "declare a `layer`, a `model` or an `estimator`, or use a record: `{a = 1}`",
        "elif": "write `else if`", "print": "write `print(…)`", "from": "what comes with tfs needs no import; names of a file: `import \"file.tfs\" as *`",
        "assert": "write `expect`", "lambda": "a function is written `x -> …`", "del": "names need no removal",
        "raise": "write `error(\"…\")`", "switch": "use `if … { … } else if … { … }`",
        "match": "use `if … { … } else if … { … }`", "try": "errors end the script; ask before, with `if` or `expect`",
        "except": "errors end the script; ask before, with `if` or `expect`", "global": "a function never changes names outside itself",
        "yield": "a function gives one value: a list, or a dataset", "async": "everything runs in the order it is written",
    ]
}
