/// What stands before the cursor in a text that is being typed: what completion needs to know of it.
///
/// It comes from the lexer's tokens, since such a text seldom parses.
public struct Cursor: Sendable {
    public enum Place: Sendable, Equatable {
        case code
        /// In a string, behind these characters of it.
        case string(String)
        /// Where nothing can be completed: in a comment, in a number.
        case nothing
    }

    /// A bracket that is open, with what stands before it and in it.
    public struct Enclosure: Sendable {
        public enum Kind: Sendable { case call, index, other }
        public var kind: Kind
        /// What is called or indexed: `nn.conv2d`, `t.head(3).select`.
        public var callee: String
        /// The texts of the arguments before the one at hand, without their names.
        public var arguments: [(name: String?, text: String)]
        /// The name of the argument at hand, where it has one.
        public var argument: String?
    }

    public private(set) var place: Place
    /// The part of a name directly before the cursor.
    public private(set) var word = ""
    /// What stands before the dot before the word.
    public private(set) var base: String?
    /// What stands before the `|>` before the word.
    public private(set) var piped: String?
    /// The brackets that are open, innermost first.
    public private(set) var enclosures: [Enclosure] = []
    /// Every other name in the text, such as a function's parameters.
    public private(set) var names: Set<String> = []

    public init(before text: String) {
        let source = SourceText(path: "", text: text)
        var lexer = Lexer(source)
        lexer.readAll()
        let end = source.utf8.count
        var closed = text
        place = .code
        if let comment = lexer.comments.last, comment.range.end == end, source.utf8.last != 0x0A {
            place = .nothing
            return
        }
        if let content = Self.openString(lexer, end) {
            place = .string(String(decoding: source.utf8[content..<end], as: UTF8.self))
            // With its quotes closed the string is an argument like any other, and the brackets around it stay open.
            closed += lexer.bytes[..<content].suffix(3).elementsEqual("\"\"\"".utf8) ? "\"\"\"" : "\""
            lexer = Lexer(SourceText(path: "", text: closed))
            lexer.readAll()
        }
        let reading = Reading(lexer)
        enclosures = reading.enclosures()
        for (index, token) in reading.tokens.enumerated() where token.kind == .name && token.end < end {
            if index == 0 || reading.tokens[index - 1].kind != .dot { names.insert(reading.text(token)) }
        }
        guard place == .code, let last = reading.tokens.last else { return }
        var index = reading.tokens.count
        if last.end == end, last.kind == .int || last.kind == .float {
            place = .nothing
        } else if last.end == end, last.kind == .name || last.kind.isKeyword {
            word = reading.text(last)
            index -= 1
        }
        guard index > 0 else { return }
        switch reading.tokens[index - 1].kind {
        case .dot: base = reading.chain(endingAt: index - 2)
        case .pipe: piped = reading.operand(endingAt: index - 2)
        default: break
        }
    }

    /// Where the text of a string begins that is open at the end.
    private static func openString(_ lexer: Lexer, _ end: Int) -> Int? {
        if case .string(_, let token)? = lexer.contexts.last { return lexer.tokens[token].end }
        // The lexer ends a string on one line by itself, with quotes that are not there.
        guard let last = lexer.tokens.last, last.kind == .stringEnd, last.start == last.end, last.end == end else { return nil }
        var depth = 0
        for token in lexer.tokens.reversed() {
            if token.kind == .stringEnd { depth += 1 }
            if token.kind == .stringStart {
                depth -= 1
                if depth == 0 { return token.end }
            }
        }
        return nil
    }
}

/// Tokens with the partners of brackets and quotes.
private struct Reading {
    let tokens: [Token]
    private let lexer: Lexer
    /// The opening token of each closing one.
    private var opening: [Int: Int] = [:]

    init(_ lexer: Lexer) {
        self.lexer = lexer
        tokens = lexer.tokens
        var strings: [Int] = []
        for (index, token) in tokens.enumerated() {
            switch token.kind {
            case .stringStart: strings.append(index)
            case .stringEnd: if let start = strings.popLast() { opening[index] = start }
            case _ where token.kind.isOpening && token.payload > index: opening[token.payload] = index
            default: break
            }
        }
    }

    func text(_ token: Token) -> String { text(token.start, token.end) }
    private func text(_ start: Int, _ end: Int) -> String { String(decoding: lexer.bytes[start..<max(start, end)], as: UTF8.self) }

    /// The text of the operand that ends with a token: names, calls, indices and fields, without operators.
    func chain(endingAt last: Int) -> String? { chainStart(last).map { text(tokens[$0].start, tokens[last].end) } }

    private func chainStart(_ last: Int) -> Int? {
        var index = last
        while index >= 0 {
            switch tokens[index].kind {
            case .closeParenthesis, .closeBracket:
                guard let open = opening[index] else { return nil }
                index = open
                if open > 0, tokens[open - 1].end == tokens[open].start, endsOperand(tokens[open - 1].kind) {
                    index = open - 1
                    continue
                }
            case .closeBrace, .stringEnd:
                guard let open = opening[index] else { return nil }
                index = open
            case .name, .int, .float: break
            default: return nil
            }
            guard index > 1, tokens[index - 1].kind == .dot else { return index }
            index -= 2
        }
        return nil
    }

    private func endsOperand(_ kind: TokenKind) -> Bool {
        switch kind {
        case .name, .closeParenthesis, .closeBracket, .stringEnd: true
        default: false
        }
    }

    /// The text of the expression that ends with a token, back to where nothing binds as loosely as a pipe.
    func operand(endingAt last: Int) -> String? {
        var index = last
        var start: Int?
        loop: while index >= 0 {
            switch tokens[index].kind {
            case .closeParenthesis, .closeBracket, .closeBrace, .stringEnd:
                guard let open = opening[index] else { return nil }
                index = open
            case .newline, .semicolon, .comma, .equal, .arrow, .openParenthesis, .openBracket, .openBrace, .colon, .interpolationStart, .if,
                .for, .while, .with, .return, .in:
                break loop
            default: break
            }
            start = index
            index -= 1
        }
        return start.map { text(tokens[$0].start, tokens[last].end) }
    }

    /// The brackets that are open at the end, innermost first.
    func enclosures() -> [Cursor.Enclosure] {
        var found: [Cursor.Enclosure] = []
        var end = tokens.count
        for context in lexer.contexts.reversed() {
            guard case .bracket(let kind, let token) = context else {
                // What is outside of a string in which code stands is another matter.
                break
            }
            let before = token > 0 && tokens[token - 1].end == tokens[token].start && endsOperand(tokens[token - 1].kind) ? chain(endingAt: token - 1) : nil
            var enclosure = Cursor.Enclosure(kind: .other, callee: before ?? "", arguments: [], argument: nil)
            if before != nil, kind == .openParenthesis { enclosure.kind = .call }
            if before != nil, kind == .openBracket { enclosure.kind = .index }
            var start = token + 1
            var index = start
            func name(at index: Int) -> String? {
                index + 1 < end && tokens[index].kind == .name && tokens[index + 1].kind == .equal ? text(tokens[index]) : nil
            }
            while index < end {
                if tokens[index].kind.isOpening, tokens[index].payload > index {
                    index = tokens[index].payload
                } else if tokens[index].kind == .comma {
                    let named = name(at: start)
                    let first = named == nil ? start : start + 2
                    if first < index { enclosure.arguments.append((named, text(tokens[first].start, tokens[index - 1].end))) }
                    start = index + 1
                }
                index += 1
            }
            enclosure.argument = name(at: start)
            found.append(enclosure)
            end = token
        }
        return found
    }
}
