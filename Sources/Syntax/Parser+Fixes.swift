/// The edits that mend what the parser complains about, where they are certain to be what is meant.
extension Parser {
    /// Where the statement at the present token ends: behind its last token.
    private var statementEnd: Int {
        var index = position
        var end = lastEnd
        while index < tokens.count {
            switch tokens[index].kind {
            case .newline, .semicolon, .end, .closeBrace: return end
            default: break
            }
            if tokens[index].kind.isOpening { index = max(match(index), index) }
            end = tokens[index].end
            index += 1
        }
        return end
    }

    private func edit(_ start: Int, _ end: Int, _ text: String) -> Edit { Edit(SourceRange(source, start, end), text) }

    private func isBlank(_ offset: Int) -> Bool {
        source.utf8.indices.contains(offset) && [0x20, 0x09, 0x0A, 0x0D].contains(source.utf8[offset])
    }

    /// Whether nothing but blanks stands before the present token on its line.
    var isFirstOnLine: Bool {
        let start = source.lineStarts[source.line(at: tokens[position].start) - 1]
        return source.utf8[start..<tokens[position].start].allSatisfy { $0 == 0x20 || $0 == 0x09 }
    }

    /// `a = ` for `a:`, the colon being the present token or the next one.
    func equalForColon(_ colon: Int) -> [Edit] {
        let (start, end) = (tokens[colon].start, tokens[colon].end)
        return [edit(start, end, (isBlank(start - 1) ? "" : " ") + "=" + (isBlank(end) ? "" : " "))]
    }

    /// `name = ` for `"name": ` in a record.
    func fieldForString() -> [Edit] {
        let colon = position + 3
        guard kind == .stringStart, peek() == .stringText, peek(2) == .stringEnd, peek(3) == .colon else { return [] }
        let name = text(position + 1)
        guard isBareName(name) else { return [] }
        let end = tokens[colon].end
        return [edit(tokens[position].start, end, name + " =" + (isBlank(end) ? "" : " "))]
    }

    /// A comma behind the last token, where another element follows.
    func missingComma() -> [Edit] {
        switch kind {
        case .name, .int, .float, .stringStart: position > 0 ? [edit(lastEnd, lastEnd, ",")] : []
        default: []
        }
    }

    /// `"{x}"` for Python's `f"{x}"`.
    var withoutPrefix: [Edit] {
        guard kind == .stringStart, position > 0, lastEnd == tokens[position].start, ["f", "F"].contains(text(position - 1)) else { return [] }
        return [edit(tokens[position - 1].start, lastEnd, "")]
    }

    /// Other brackets for those that open at a token.
    func brackets(_ open: String, _ close: String, for opening: Int) -> [Edit] {
        let closing = match(opening)
        guard closing > opening else { return [] }
        return [edit(tokens[opening].start, tokens[opening].end, open), edit(tokens[closing].start, tokens[closing].end, close)]
    }

    /// Brackets within those that open at a token: `f([… for x in xs])`.
    func bracketsWithin(_ opening: Int) -> [Edit] {
        let closing = match(opening)
        guard closing > opening else { return [] }
        return [edit(tokens[opening].end, tokens[opening].end, "["), edit(tokens[closing].start, tokens[closing].start, "]")]
    }

    /// Brackets around the statement that began at a token.
    func bracketsAroundStatement(from start: Int) -> [Edit] {
        [edit(tokens[start].start, tokens[start].start, "["), edit(statementEnd, statementEnd, "]")]
    }

    /// `print(x)` for `print x`.
    func parenthesesBehind(_ word: Int) -> [Edit] {
        let end = statementEnd
        guard tokens[word + 1].start > tokens[word].end, end > tokens[word].end else { return [] }
        return [edit(tokens[word].end, tokens[word + 1].start, "("), edit(end, end, ")")]
    }

    /// The word of tfs for one of another language, or none where a name gets its value without one.
    func ownWord(for word: Int) -> [Edit] {
        let (start, end) = (tokens[word].start, tokens[word].end)
        switch text(word) {
        case "def", "func", "function": return peek() == .openParenthesis ? [edit(start, end, "fn")] : []
        case "let", "var", "const", "val": return peek() == .equal ? [edit(start, tokens[word + 1].start, "")] : []
        case "assert": return [edit(start, end, "expect")]
        case "elif", "elsif": return [edit(start, end, "else if")]
        case "print": return parenthesesBehind(word)
        default: return []
        }
    }

    /// `0 < x and x < 1` for `0 < x < 1`, where saying `x` twice computes nothing twice.
    func repeated(_ middle: Expression, before second: SourceRange) -> [Edit] {
        switch middle.kind {
        case .name, .int, .float: [edit(second.start, second.start, "and \(source.text(middle.range)) ")]
        default: []
        }
    }

    /// The `{` of the next line on this one.
    func braceFromNextLine() -> [Edit] {
        // A comment between them would swallow it.
        guard kind == .newline, peek() == .openBrace, source.utf8[lastEnd..<tokens[position + 1].start].allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) })
        else { return [] }
        return [edit(lastEnd, tokens[position + 1].start, " ")]
    }

    /// Braces for a `:` at the end of a line, around the lines below that are indented more than its own.
    func bracesForColon() -> [Edit] {
        guard kind == .colon, peek() == .newline else { return [] }
        let head = source.line(at: tokens[position].start)
        func indent(_ line: Int) -> Int? {
            let text = source.line(line)
            return text.allSatisfy { $0 == " " || $0 == "\t" } ? nil : text.prefix { $0 == " " || $0 == "\t" }.count
        }
        guard let outer = indent(head) else { return [] }
        var last = head
        var line = head + 1
        while line <= source.lineStarts.count, line - head < 10_000 {
            if let inner = indent(line) {
                if inner <= outer { break }
                last = line
            }
            line += 1
        }
        guard last > head else { return [] }
        let end = source.lineStarts[last - 1] + source.line(last).utf8.count
        let margin = source.line(head).prefix { $0 == " " || $0 == "\t" }
        return [edit(tokens[position].start, tokens[position].end, " {"), edit(end, end, "\n\(margin)}")]
    }
}

/// Whether a text can be a name.
func isBareName(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, first == "_" || first.properties.isXIDStart else { return false }
    return text.unicodeScalars.allSatisfy { $0 == "_" || $0.properties.isXIDContinue } && TokenKind.keywords[text] == nil
}
