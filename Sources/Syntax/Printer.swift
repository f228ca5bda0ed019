/// Writes a tree as text, in the one format: four spaces of indent, lines of up to 120 columns, what does not fit broken
/// at its outermost joints. Comments and single blank lines stay.
///
/// The tree must come from a text that parses without errors; numbers and strings are written as they were there. What is
/// written is the same when it is formatted again: where breaks that are new would be kept as an author's, it is written
/// until nothing changes.
public func format(_ script: Script) -> String {
    var (script, text) = (script, "")
    for _ in 0..<8 {
        var printer = Printer(script)
        let written = printer.print(script.statements)
        if written == text { break }
        text = written
        let again = parse(SourceText(path: script.source.path, text: text))
        guard again.diagnostics.isEmpty else { break }
        script = again.script
    }
    return text
}

/// Walks the tree and the tokens that it was read from side by side: each token is written in its turn, and the comments
/// before it come before it. So none is lost, and a line that a comment ends goes on where the source went on, wherever
/// that was.
///
/// Whatever fits on the line is written flat (`Printer+Flat`); the rest is broken. The author decides where both may be:
/// braces, `else`, pipes and rows of lists that begin a line keep it.
struct Printer {
    static let width = 120

    let source: SourceText
    let tokens: [Token]
    private let comments: [Comment]
    /// The token to be written next.
    private(set) var next = 0
    /// The comments written so far.
    private var nextComment = 0
    private var lines: [Line] = []
    private var line = ""
    private var lineWidth = 0
    /// Whether the next token stands behind a blank on its line.
    private var gapIsDue = false
    var indent = 0
    /// How many columns will follow on the line what is being written: `,`, ` {`.
    var trail = 0

    struct Line {
        var code: String
        var comment: String?
        /// Of the code; only the part behind a string's last newline counts.
        var width: Int
        var indent: Int
    }

    init(_ script: Script) {
        var lexer = Lexer(script.source)
        lexer.run()
        source = script.source
        tokens = lexer.tokens
        comments = lexer.comments
    }

    mutating func print(_ statements: [Statement]) -> String {
        writeScript(statements)
        return Self.assemble(lines)
    }

    // MARK: Tokens

    /// What separates statements and fields is the layout's to say.
    mutating func skipSeparators() {
        while tokens[next].kind == .newline || tokens[next].kind == .semicolon { next += 1 }
    }

    /// The token to be written next, separators passed over.
    var upcoming: Token {
        mutating get {
            skipSeparators()
            return tokens[next]
        }
    }

    /// Writes the next token.
    mutating func token() {
        let token = upcoming
        put(source.text(SourceRange(source, token.start, token.end)), before: token.start)
        next += 1
    }

    /// Writes a piece of source that stands on one line as `text`.
    mutating func put(_ text: String, until end: Int) {
        put(text, before: upcoming.start)
        next = max(next, index(from: end))
    }

    /// Writes tokens one by one up to an offset, a blank behind each comma: what comments have come between.
    mutating func tokens(until end: Int) {
        while upcoming.start < end, tokens[next].kind != .end {
            let isComma = tokens[next].kind == .comma
            token()
            if isComma { gap() }
        }
    }

    mutating func gap() { gapIsDue = true }

    private mutating func put(_ text: String, before offset: Int) {
        if commentsWait(before: offset) {
            // The comment ends the line; what it interrupts goes on below, a step further right.
            let isBlank = line.allSatisfy { $0 == " " }
            takeComments(before: offset, indent: isBlank ? indent : indent + 1)
            begin(isBlank ? indent : indent + 1)
        }
        if gapIsDue, line.last != " " { append(" ") }
        gapIsDue = false
        append(text)
    }

    /// Writes a sign that the source need not have there.
    mutating func append(_ text: String) {
        line += text
        if let newline = text.utf8.lastIndex(of: 0x0A) {
            lineWidth = text[newline...].unicodeScalars.count - 1
        } else {
            lineWidth += text.unicodeScalars.count
        }
    }

    /// The comma behind an item, and of the source's what comes with it.
    mutating func comma() {
        guard upcoming.kind == .comma else { return append(",") }
        let start = tokens[next].start
        if commentsWait(before: start), !mayOvertake(start) { return token() }
        append(",")
        next += 1
    }

    /// Passes over a token that is not to be written.
    mutating func skipToken() {
        skipSeparators()
        next += 1
    }
    /// Passes over a comma that is not to be written.
    mutating func skipComma() { if upcoming.kind == .comma { next += 1 } }

    /// Whether a comma may come before the comments that stand before it: not where a `##` would change what it
    /// documents, nor where another comment already follows the comma on its line.
    private func mayOvertake(_ comma: Int) -> Bool {
        var index = nextComment
        while index < comments.count, comments[index].range.start < comma {
            if comments[index].isDocumentation, index > nextComment || !isTrailing(comments[index]) { return false }
            index += 1
        }
        if comments[nextComment].isDocumentation, index > nextComment + 1 { return false }
        guard index < comments.count, isTrailing(comments[index]) else { return true }
        var following = next + 1
        while tokens[following].kind == .newline || tokens[following].kind == .semicolon { following += 1 }
        return comments[index].range.start > tokens[following].start
    }

    /// The first token that begins at or behind an offset.
    func index(from offset: Int) -> Int {
        var low = 0
        var high = tokens.count - 1
        while low < high {
            let middle = (low + high) / 2
            if tokens[middle].start < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The next bracket of a kind at or behind an offset, and the one that closes it.
    func brackets(_ kind: TokenKind, from offset: Int) -> (opening: Token, closing: Token) {
        var index = index(from: offset)
        while tokens[index].kind != kind, tokens[index].kind != .end { index += 1 }
        return (tokens[index], tokens[max(tokens[index].payload, index)])
    }

    // MARK: Lines

    func fits(_ text: String) -> Bool {
        lineWidth + (gapIsDue ? 1 : 0) + text.unicodeScalars.count + trail <= Self.width && !text.utf8.contains(0x0A)
    }

    /// How far the text has come.
    var place: (line: Int, column: Int) { (lines.count, lineWidth) }

    /// Whether nothing stands on the line but its indent.
    var isAtLineStart: Bool { line.utf8.allSatisfy { $0 == 0x20 } }

    private mutating func endLine() {
        if !isAtLineStart { lines.append(Line(code: line, width: lineWidth, indent: line.utf8.prefix { $0 == 0x20 }.count)) }
        line = ""
        lineWidth = 0
        gapIsDue = false
    }

    private mutating func begin(_ indent: Int) {
        endLine()
        line = String(repeating: " ", count: indent * 4)
        lineWidth = indent * 4
    }

    /// Goes to a new line for the next token; the comments before that come first, and a blank line stays.
    mutating func newLine(keepsBlank: Bool = true) {
        let offset = upcoming.start
        endLine()
        takeComments(before: offset, indent: indent)
        if keepsBlank, hasBlankLine(before: offset) { addBlankLine() }
        begin(indent)
    }

    private mutating func addBlankLine() {
        guard let last = lines.last, !last.code.isEmpty || last.comment != nil else { return }
        if last.comment == nil, let end = last.code.utf8.last, [0x7B, 0x28, 0x5B].contains(end) { return }
        lines.append(Line(code: "", width: 0, indent: 0))
    }

    /// Writes what is inside brackets, a step further right, and the closing one on a line of its own.
    mutating func indented(_ body: (inout Printer) -> Void) {
        let outer = trail
        trail = 0
        indent += 1
        body(&self)
        endLine()
        takeComments(before: upcoming.start, indent: indent)
        indent -= 1
        trail = outer
        begin(indent)
    }

    // MARK: Comments

    func commentsWait(before offset: Int) -> Bool {
        nextComment < comments.count && comments[nextComment].range.start < offset
    }

    private mutating func takeComments(before offset: Int, indent: Int) {
        endLine()
        while commentsWait(before: offset) {
            let comment = comments[nextComment]
            nextComment += 1
            if isTrailing(comment), let last = lines.last, last.comment == nil, !last.code.isEmpty {
                lines[lines.count - 1].comment = text(of: comment)
            } else {
                if hasBlankLine(before: comment.range.start) { addBlankLine() }
                lines.append(Line(code: "", comment: text(of: comment), width: indent * 4, indent: indent * 4))
            }
        }
    }

    /// Whether code stands before a comment on its line.
    private func isTrailing(_ comment: Comment) -> Bool {
        var index = comment.range.start - 1
        while index >= 0 {
            switch source.utf8[index] {
            case 0x20, 0x09, 0x0D, UInt8(ascii: ";"): index -= 1
            case 0x0A: return false
            default: return true
            }
        }
        return false
    }

    private func text(of comment: Comment) -> String {
        let mark = comment.isDocumentation ? "##" : "#"
        if comment.text.isEmpty { return mark }
        // `#!` begins a script that the shell runs, and `###` draws a line.
        let isTight = !comment.isDocumentation && (comment.text.hasPrefix("##") || comment.text.hasPrefix("!"))
        return mark + (isTight ? "" : " ") + comment.text
    }

    func hasBlankLine(before offset: Int) -> Bool {
        var index = offset - 1
        var newlines = 0
        while index >= 0 {
            switch source.utf8[index] {
            case 0x0A: newlines += 1
            case 0x20, 0x09, 0x0D, UInt8(ascii: ";"): break
            default: return newlines > 1
            }
            index -= 1
        }
        return false
    }

    func hasComment(from start: Int, to end: Int) -> Bool {
        var low = 0
        var high = comments.count
        while low < high {
            let middle = (low + high) / 2
            if comments[middle].range.start < start { low = middle + 1 } else { high = middle }
        }
        return low < comments.count && comments[low].range.start < end
    }

    func hasNewline(from start: Int, to end: Int) -> Bool {
        start < end && source.utf8[start..<end].contains(0x0A)
    }

    // MARK: The text

    /// Joins the lines; comments behind lines of one indent, with no blank line between, stand below each other.
    private static func assemble(_ lines: [Line]) -> String {
        var columns: [Int] = Array(repeating: 0, count: lines.count)
        var group: [Int] = []
        func settle() {
            let column = group.map { lines[$0].width }.max() ?? 0
            for index in group { columns[index] = column + 2 }
            group = []
        }
        for (index, line) in lines.enumerated() {
            let isBlank = line.code.isEmpty && line.comment == nil
            if isBlank || group.last.map({ lines[$0].indent != line.indent }) ?? false { settle() }
            guard line.comment != nil, !line.code.isEmpty else { continue }
            // One long line does not push the comments of the others far away.
            let widths = group.map { lines[$0].width } + [line.width]
            if (widths.max() ?? 0) - (widths.min() ?? 0) > 40 { settle() }
            group.append(index)
        }
        settle()
        var result = ""
        for (index, line) in lines.enumerated() {
            result += line.code
            if let comment = line.comment {
                result += String(repeating: " ", count: line.code.isEmpty ? line.indent : columns[index] - line.width) + comment
            }
            result += "\n"
        }
        return result
    }
}
