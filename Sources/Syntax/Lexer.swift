/// Turns the bytes of a source text into tokens, in one pass and in linear time.
///
/// It decides which newlines end a statement, pairs brackets, and takes strings apart, so that the parser sees
/// one flat list. What it complains about it also repairs, so that the parser need not complain again.
struct Lexer {
    /// What encloses the place that is being read.
    enum Context {
        case bracket(TokenKind, token: Int)
        case string(isTripled: Bool, token: Int)
        case interpolation(token: Int)
    }

    let source: SourceText
    let bytes: [UInt8]
    var offset = 0
    var tokens: [Token] = []
    var comments: [Comment] = []
    var diagnostics: [Diagnostic] = []
    var contexts: [Context] = []
    var interpolationDepth = 0
    var ints: [Int] = []
    var floats: [Double] = []
    var texts: [String] = []
    /// The text tokens of each open string.
    var pieces: [[Int]] = []
    /// Brackets found unclosed by an earlier reading, and where each is taken to end.
    private var unclosed: Set<Int> = []
    /// How many closing brackets of each kind may still follow whose opening one was ended without them.
    private var owed: [TokenKind: Int] = [:]
    private var dedents: [Int: Int] = [:]
    /// The first brace whose partner stands further left than its line: probably the one that is not closed.
    private var suspect: (opening: SourceRange, closing: SourceRange)?
    private var pendingNewline: Int?
    private var lineHasCode = false

    init(_ source: SourceText) {
        self.source = source
        bytes = source.utf8
        tokens.reserveCapacity(bytes.count / 4 + 2)
    }

    /// A lexer for a further line of a text that has these brackets and strings open.
    init(_ source: SourceText, within contexts: [Context]) {
        self.init(source)
        // Their opening tokens are on other lines; one stands for all of them.
        tokens.append(Token(kind: .openBrace, start: 0, end: 0))
        for context in contexts {
            switch context {
            case .bracket(let kind, _): self.contexts.append(.bracket(kind, token: 0))
            case .string(let isTripled, _):
                self.contexts.append(.string(isTripled: isTripled, token: 0))
                pieces.append([])
            case .interpolation: self.contexts.append(.interpolation(token: 0))
            }
        }
    }

    /// Reads everything; afterwards the last token is `.end`.
    ///
    /// An open `(` or `[` swallows the newlines of all that follows. Where one is still open at the end, the text is
    /// read again with that bracket ending where the indent falls back to its line's, so that the lines behind it are
    /// judged by themselves.
    mutating func run() {
        for attempt in 0...8 {
            readAll()
            guard attempt < 8, contexts.count <= 1000, let culprit = unclosedGroup else { break }
            let unclosed = unclosed.union([culprit])
            self = Lexer(source)
            self.unclosed = unclosed
        }
        finish()
    }

    /// Where the outermost bracket begins that is open at the end and swallows newlines.
    private var unclosedGroup: Int? {
        for case .bracket(let kind, let token) in contexts where kind != .openBrace {
            let start = tokens[token].start
            return !unclosed.contains(start) && dedent(behind: start) != nil ? start : nil
        }
        return nil
    }

    /// The first newline behind a bracket whose next line is indented no more than the bracket's own line.
    private func dedent(behind opening: Int) -> Int? {
        let line = source.line(at: opening)
        let indent = self.indent(ofLine: line)
        for next in (line + 1)..<max(source.lineStarts.count + 1, line + 2) where next <= source.lineStarts.count {
            let start = source.lineStarts[next - 1]
            let found = self.indent(ofLine: next)
            let ink = start + found < bytes.count ? bytes[start + found] : 0x0A
            if ink == 0x0A || ink == 0x0D || ink == UInt8(ascii: "#") { continue }
            if found <= indent { return start - 1 }
        }
        return nil
    }

    private func indent(ofLine line: Int) -> Int {
        var index = source.lineStarts[line - 1]
        let start = index
        while index < bytes.count, bytes[index] == 0x20 || bytes[index] == 0x09 { index += 1 }
        return index - start
    }

    /// A string that breaks off takes the brackets that were to be closed behind it along.
    mutating func dropGroupsOfThisLine() {
        let line = source.lineStarts[source.line(at: offset) - 1]
        while case .bracket(let kind, let token)? = contexts.last, kind != .openBrace, tokens[token].start >= line {
            tokens[token].payload = tokens.count
            contexts.removeLast()
        }
    }

    /// Ends the innermost bracket here if it is known to be unclosed and the next line falls back.
    private mutating func endUnclosedGroup() {
        guard !unclosed.isEmpty, contexts.count <= 1000,
            let index = contexts.firstIndex(where: {
                if case .bracket(_, let token) = $0 { unclosed.contains(tokens[token].start) } else { false }
            }),
            case .bracket(_, let token) = contexts[index],
            let dedent = dedents[tokens[token].start] ?? dedent(behind: tokens[token].start)
        else { return }
        dedents[tokens[token].start] = dedent
        guard offset >= dedent else { return }
        report(.unclosedBracket(range(tokens[token].start, tokens[token].end)))
        for case .bracket(let kind, let token) in contexts[index...] {
            tokens[token].payload = tokens.count
            owed[kind, default: 0] += 1
        }
        contexts.removeSubrange(index...)
    }

    /// Reads to the end of the text, leaving open what is open there.
    mutating func readAll() {
        if offset == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { offset = 3 }
        while offset < bytes.count {
            if case .string(let isTripled, _) = contexts.last { readString(isTripled: isTripled) } else { readCode() }
        }
    }

    private mutating func finish() {
        if interpolationDepth > 0 { breakInterpolation() }
        if case .string(_, let token) = contexts.last {
            report(.unclosedText(opening: range(tokens[token].start, tokens[token].end)))
            endString(closingAt: bytes.count)
        }
        if case .bracket(let kind, let token)? = contexts.last {
            let opening = range(tokens[token].start, tokens[token].end)
            if kind == .openBrace, let suspect, suspect.opening.start > opening.start {
                report(.unclosedBracket(suspect.opening, before: suspect.closing))
            } else {
                report(.unclosedBracket(opening))
            }
        }
        for case .bracket(_, let token) in contexts { tokens[token].payload = tokens.count }
        contexts = []
        tokens.append(Token(kind: .end, start: bytes.count, end: bytes.count))
    }

    // MARK: Helpers

    func range(_ start: Int, _ end: Int) -> SourceRange { SourceRange(source, start, end) }

    /// Many complaints about one text help nobody, and garbage has millions.
    mutating func report(_ diagnostic: Diagnostic) {
        if diagnostics.count <= Diagnostic.mostPerText { diagnostics.append(diagnostic) }
    }

    func byte(_ ahead: Int = 0) -> UInt8 {
        let index = offset + ahead
        return index < bytes.count ? bytes[index] : 0
    }

    func hasPrefix(_ text: String, at index: Int) -> Bool {
        let wanted = text.utf8
        guard index + wanted.count <= bytes.count else { return false }
        return bytes[index..<index + wanted.count].elementsEqual(wanted)
    }

    func scalar(at index: Int) -> (scalar: Unicode.Scalar, length: Int) {
        let first = bytes[index]
        if first < 0x80 { return (Unicode.Scalar(first), 1) }
        let length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
        var value = UInt32(first) & (length == 2 ? 0x1F : length == 3 ? 0x0F : 0x07)
        for step in 1..<length where index + step < bytes.count { value = value << 6 | UInt32(bytes[index + step] & 0x3F) }
        return (Unicode.Scalar(value) ?? "\u{FFFD}", min(length, bytes.count - index))
    }

    func startsName(at index: Int) -> Bool {
        guard index < bytes.count else { return false }
        let byte = bytes[index]
        if byte < 0x80 { return isNameStart(byte) }
        return scalar(at: index).scalar.properties.isXIDStart
    }

    private func isNameStart(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte == 0x5F
    }

    /// The offset behind the name characters that begin at `index`.
    func endOfName(from index: Int) -> Int {
        var end = index
        while end < bytes.count {
            let byte = bytes[end]
            if byte < 0x80 {
                guard isNameStart(byte) || byte >= 0x30 && byte <= 0x39 else { break }
                end += 1
            } else {
                let (scalar, length) = scalar(at: end)
                guard scalar.properties.isXIDContinue else { break }
                end += length
            }
        }
        return end
    }

    /// Adds a token, and before it the newline token that is due.
    mutating func add(_ kind: TokenKind, length: Int, payload: Int = -1) {
        if let newline = pendingNewline {
            pendingNewline = nil
            if newlineEndsStatement(before: kind) { tokens.append(Token(kind: .newline, start: newline, end: newline)) }
        }
        if kind != .semicolon { lineHasCode = true }
        tokens.append(Token(kind: kind, start: offset, end: offset + length, payload: payload))
        offset += length
    }

    private func newlineEndsStatement(before kind: TokenKind) -> Bool {
        switch contexts.last {
        case .bracket(.openParenthesis, _), .bracket(.openBracket, _): return false
        default: break
        }
        guard let last = tokens.last, !last.kind.continuesLine || isImportStar else { return false }
        switch kind {
        case .pipe, .else, .closeBrace: return false
        case .dot: return !startsName(at: offset + 1)
        default: return true
        }
    }

    /// Whether the last token is the star of `import "…" as *`, which is no operator.
    var isImportStar: Bool {
        let count = tokens.count
        guard count >= 3, tokens[count - 1].kind == .star, tokens[count - 2].kind == .name else { return false }
        let word = tokens[count - 2]
        return tokens[count - 3].kind == .stringEnd && bytes[word.start..<word.end].elementsEqual("as".utf8)
    }

    // MARK: Code

    /// What stands between the tokens of a line: a carriage return counts, for files of Windows.
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    private mutating func readCode() {
        let byte = byte()
        switch byte {
        case 0x20, 0x09, 0x0D: offset += 1
        case 0x0A: readNewline()
        case 0x23: readComment()
        case 0x22: beginString()
        case 0x27: readSingleQuoted()
        case 0x30...0x39: readNumber()
        case _ where byte < 0x80 && isNameStart(byte): readName()
        case _ where byte >= 0x80 && startsName(at: offset): readName()
        default: readPunctuation()
        }
    }

    private mutating func readNewline() {
        if interpolationDepth > 0 { return breakInterpolation() }
        endUnclosedGroup()
        if pendingNewline == nil { pendingNewline = offset }
        lineHasCode = false
        offset += 1
    }

    private mutating func readComment() {
        let start = offset
        while offset < bytes.count, bytes[offset] != 0x0A { offset += 1 }
        var end = offset
        while bytes[end - 1] == 0x0D { end -= 1 }
        let isDocumentation = hasPrefix("##", at: start) && !hasPrefix("###", at: start)
        var textStart = start + (isDocumentation ? 2 : 1)
        if textStart < end, bytes[textStart] == 0x20 { textStart += 1 }
        var textEnd = end
        while textEnd > textStart, bytes[textEnd - 1] == 0x20 || bytes[textEnd - 1] == 0x09 || bytes[textEnd - 1] == 0x0D { textEnd -= 1 }
        comments.append(
            Comment(
                text: String(decoding: bytes[textStart..<textEnd], as: UTF8.self), isDocumentation: isDocumentation,
                isTrailing: lineHasCode, range: range(start, end)))
    }

    private mutating func readName() {
        let end = endOfName(from: offset)
        var kind = TokenKind.name
        if end - offset <= 8 {
            kind = TokenKind.keywords[String(decoding: bytes[offset..<end], as: UTF8.self)] ?? .name
        }
        add(kind, length: end - offset)
    }

    private mutating func readPunctuation() {
        let next = byte(1)
        switch byte() {
        case UInt8(ascii: "("): open(.openParenthesis)
        case UInt8(ascii: "["): open(.openBracket)
        case UInt8(ascii: "{"): open(.openBrace)
        case UInt8(ascii: ")"): close(.openParenthesis, with: .closeParenthesis)
        case UInt8(ascii: "]"): close(.openBracket, with: .closeBracket)
        case UInt8(ascii: "}"): close(.openBrace, with: .closeBrace)
        case UInt8(ascii: ","): add(.comma, length: 1)
        case UInt8(ascii: ";"): add(.semicolon, length: 1)
        case UInt8(ascii: "?"): add(.question, length: 1)
        case UInt8(ascii: ":"):
            if case .interpolation = contexts.last { return readFormat() }
            if next == UInt8(ascii: "=") { return addForeign(":=", as: .equal, own: "=") }
            add(.colon, length: 1)
        case UInt8(ascii: "."):
            if hasPrefix("...", at: offset) { return add(.ellipsis, length: 3) }
            if next >= 0x30, next <= 0x39 { return readNumber() }
            add(.dot, length: 1)
        case UInt8(ascii: "="):
            if hasPrefix("===", at: offset) { return addForeign("===", as: .equalEqual, own: "==") }
            if hasPrefix("=>", at: offset) { return addForeign("=>", as: .arrow, own: "->") }
            next == UInt8(ascii: "=") ? add(.equalEqual, length: 2) : add(.equal, length: 1)
        case UInt8(ascii: "!"):
            if next == UInt8(ascii: "=") { return add(.notEqual, length: 2) }
            addForeign("!", as: .not, mend: negatesPlainly ? nil : "write `not`", own: "not")
        case UInt8(ascii: "<"):
            if next == UInt8(ascii: ">") { return addForeign("<>", as: .notEqual, own: "!=") }
            next == UInt8(ascii: "=") ? add(.lessEqual, length: 2) : add(.less, length: 1)
        case UInt8(ascii: ">"): next == UInt8(ascii: "=") ? add(.greaterEqual, length: 2) : add(.greater, length: 1)
        case UInt8(ascii: "+"): next == UInt8(ascii: "=") ? add(.addEqual, length: 2) : add(.plus, length: 1)
        case UInt8(ascii: "-"):
            if next == UInt8(ascii: ">") { return add(.arrow, length: 2) }
            next == UInt8(ascii: "=") ? add(.subtractEqual, length: 2) : add(.minus, length: 1)
        case UInt8(ascii: "*"):
            if hasPrefix("**=", at: offset) { return add(.powerEqual, length: 3) }
            if next == UInt8(ascii: "*") { return add(.starStar, length: 2) }
            next == UInt8(ascii: "=") ? add(.multiplyEqual, length: 2) : add(.star, length: 1)
        case UInt8(ascii: "/"):
            if hasPrefix("//=", at: offset) { return add(.floorDivideEqual, length: 3) }
            if next == UInt8(ascii: "/") { return add(.slashSlash, length: 2) }
            next == UInt8(ascii: "=") ? add(.divideEqual, length: 2) : add(.slash, length: 1)
        case UInt8(ascii: "%"): next == UInt8(ascii: "=") ? add(.moduloEqual, length: 2) : add(.percent, length: 1)
        case UInt8(ascii: "@"): next == UInt8(ascii: "=") ? add(.matmulEqual, length: 2) : add(.at, length: 1)
        case UInt8(ascii: "|"):
            if next == UInt8(ascii: ">") { return add(.pipe, length: 2) }
            if next == UInt8(ascii: "|") { return addForeign("||", as: .or, own: "or") }
            addForeign("|", as: .or, mend: "write `or`, or `|>` to pipe a value into a function")
        case UInt8(ascii: "&"):
            if next == UInt8(ascii: "&") { return addForeign("&&", as: .and, own: "and") }
            addForeign("&", as: .and, mend: "write `and`")
        case UInt8(ascii: "^"): addForeign("^", as: .starStar, mend: "a power is written `**`")
        default: readUnexpected()
        }
    }

    /// Whether `not` for the `!` here takes the same operand: a name or call in front of `and`, `or`, a bracket or the end of
    /// the line. It binds looser than comparisons, which `!` does not.
    private var negatesPlainly: Bool {
        var index = offset + 1
        var depth = 0
        while index < bytes.count, bytes[index] != 0x0A {
            let byte = bytes[index]
            if byte == UInt8(ascii: "(") || byte == UInt8(ascii: "[") { depth += 1 }
            if byte == UInt8(ascii: ")") || byte == UInt8(ascii: "]") {
                if depth == 0 { break }
                depth -= 1
            } else if depth == 0, !(byte >= 0x80 || byte == 0x5F || byte == 0x2E || byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A || byte >= 0x30 && byte <= 0x39) , byte != 0x28, byte != 0x5B {
                break
            }
            index += 1
        }
        while index < bytes.count, bytes[index] == 0x20 { index += 1 }
        if index >= bytes.count { return true }
        return ["\n", "\r", ")", "]", "}", "{", ",", ";", "#", "&&", "||", "and ", "or "].contains { hasPrefix($0, at: index) }
    }

    /// An operator of other languages: complains, and goes on with what is meant.
    private mutating func addForeign(_ text: String, as kind: TokenKind, mend: String? = nil, own: String? = nil) {
        report(
            .foreignOperator(
                text, at: range(offset, offset + text.utf8.count), mend: mend ?? "write `\(own ?? "")`", own: mend == nil ? own : nil))
        add(kind, length: text.utf8.count)
    }

    /// One complaint for a run of characters that have no place in a script.
    private mutating func readUnexpected() {
        let start = offset
        let (first, length) = scalar(at: start)
        let typographic: TokenKind? =
            switch first {
            case "−", "–", "—": .minus
            case "×", "·", "∗": .star
            case "÷": .slash
            case "≤": .lessEqual
            case "≥": .greaterEqual
            case "≠": .notEqual
            case "→", "⇒": .arrow
            case "…": .ellipsis
            default: nil
            }
        if let typographic {
            report(.unexpectedCharacter(first, at: range(start, start + length)))
            return add(typographic, length: length)
        }
        if first == "\u{A0}" || first == "\u{FEFF}" || first == "\u{200B}" {
            report(.unexpectedCharacter(first, at: range(start, start + length)))
            offset += length
            return
        }
        offset += length
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { break }
            if byte >= 0x80 {
                let (scalar, length) = scalar(at: offset)
                if scalar.properties.isXIDStart { break }
                offset += length
            } else if byte < 0x20 || byte == 0x24 || byte == 0x5C || byte == 0x60 || byte == 0x7E || byte == 0x7F {
                offset += 1
            } else {
                break
            }
        }
        report(.unexpectedCharacter(first, at: range(start, offset)))
        let end = offset
        offset = start
        add(.error, length: end - start)
    }

    // MARK: Brackets

    private mutating func open(_ kind: TokenKind) {
        add(kind, length: 1)
        contexts.append(.bracket(kind, token: tokens.count - 1))
    }

    private mutating func close(_ opening: TokenKind, with closing: TokenKind) {
        // Look for the opening bracket, no further than the string that encloses this code.
        var index = contexts.count - 1
        search: while index >= 0 {
            switch contexts[index] {
            case .bracket(opening, _): break search
            case .bracket: index -= 1
            case .interpolation where closing == .closeBrace: break search
            case .interpolation, .string:
                index = -1
                break search
            }
        }
        guard index >= 0 else {
            if let count = owed[opening], count > 0 {
                owed[opening] = count - 1
                offset += 1
                return
            }
            guard case .bracket(let kind, let token)? = contexts.last, kind != .openBrace else {
                report(.strayBracket(range(offset, offset + 1), open: nil))
                offset += 1
                return
            }
            // It was probably meant to close the bracket that is open.
            report(.strayBracket(range(offset, offset + 1), open: range(tokens[token].start, tokens[token].end)))
            add(kind == .openParenthesis ? .closeParenthesis : .closeBracket, length: 1)
            tokens[token].payload = tokens.count - 1
            contexts.removeLast()
            return
        }
        if index < contexts.count - 1, case .bracket(_, let token) = contexts[contexts.count - 1] {
            report(.unclosedBracket(range(tokens[token].start, tokens[token].end), before: range(offset, offset + 1)))
            for case .bracket(let kind, _) in contexts[(index + 1)...] { owed[kind, default: 0] += 1 }
        }
        let isInterpolation = if case .interpolation = contexts[index] { true } else { false }
        if isInterpolation, tokens.last?.kind == .interpolationStart {
            report(.emptyInterpolation(range(offset - 1, offset + 1)))
            tokens.append(Token(kind: .error, start: offset, end: offset))
        }
        if closing == .closeBrace, !isInterpolation, !lineHasCode, suspect == nil, case .bracket(_, let token) = contexts[index] {
            let opening = range(tokens[token].start, tokens[token].end)
            let line = source.line(at: opening.start)
            if indent(ofLine: line) > offset - source.lineStarts[source.line(at: offset) - 1] {
                suspect = (opening, range(offset, offset + 1))
            }
        }
        add(isInterpolation ? .interpolationEnd : closing, length: 1)
        for context in contexts[index...] {
            switch context {
            case .bracket(_, let token), .interpolation(let token): tokens[token].payload = tokens.count - 1
            case .string: break
            }
        }
        contexts.removeSubrange(index...)
        if isInterpolation { interpolationDepth -= 1 }
    }
}
