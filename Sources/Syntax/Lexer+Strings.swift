/// Strings: their pieces, interpolations and escapes.
extension Lexer {
    mutating func beginString() {
        let isTripled = hasPrefix("\"\"\"", at: offset)
        add(.stringStart, length: isTripled ? 3 : 1)
        contexts.append(.string(isTripled: isTripled, token: tokens.count - 1))
        pieces.append([])
    }

    /// Reads text up to an interpolation, the closing quotes, or the end of a line that ends too early.
    mutating func readString(isTripled: Bool) {
        let start = offset
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: "\""):
                if isTripled, !hasPrefix("\"\"\"", at: offset) {
                    offset += 1
                    continue
                }
                addPiece(from: start)
                return endString(closingAt: offset)
            case UInt8(ascii: "\\"):
                skipEscape()
            case UInt8(ascii: "{"):
                if byte(1) == UInt8(ascii: "{") {
                    offset += 2
                    continue
                }
                addPiece(from: start)
                add(.interpolationStart, length: 1)
                contexts.append(.interpolation(token: tokens.count - 1))
                interpolationDepth += 1
                return
            case UInt8(ascii: "}"):
                if byte(1) == UInt8(ascii: "}") {
                    offset += 2
                } else {
                    report(.loneBrace(range(offset, offset + 1)))
                    offset += 1
                }
            case 0x0A where !isTripled || interpolationDepth > 0:
                addPiece(from: start)
                if interpolationDepth > 0 { return breakInterpolation() }
                if case .string(_, let token) = contexts.last {
                    report(.newlineInString(range(tokens[token].start, offset)))
                }
                endString(closingAt: offset)
                return dropGroupsOfThisLine()
            default:
                offset += 1
            }
        }
        addPiece(from: start)
        if !isTripled, interpolationDepth == 0, case .string(_, let token) = contexts.last {
            report(.newlineInString(range(tokens[token].start, offset)))
            endString(closingAt: offset)
            dropGroupsOfThisLine()
        }
    }

    private mutating func addPiece(from start: Int) {
        guard offset > start else { return }
        let end = offset
        offset = start
        add(.stringText, length: end - start)
        pieces[pieces.count - 1].append(tokens.count - 1)
    }

    /// Steps over an escape without judging it, so that `\"` ends nothing and `\u{…}` begins nothing.
    private mutating func skipEscape() {
        if hasPrefix("\\u{", at: offset) {
            offset += 3
            while offset < bytes.count, isHexDigit(bytes[offset]) { offset += 1 }
            if byte() == UInt8(ascii: "}") { offset += 1 }
        } else {
            offset += 1
            if offset < bytes.count, bytes[offset] != 0x0A { offset += scalar(at: offset).length }
        }
    }

    func isHexDigit(_ byte: UInt8) -> Bool {
        byte >= 0x30 && byte <= 0x39 || (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66
    }

    /// Ends the innermost string, whose closing quotes (if they are there) begin at `closing`.
    mutating func endString(closingAt closing: Int) {
        guard case .string(let isTripled, let token) = contexts.removeLast() else { return }
        let texts = pieces.removeLast()
        let indent = isTripled ? outline(of: texts, from: tokens[token].end, to: closing) : nil
        for index in texts { decode(index, indent) }
        offset = closing
        let length = isTripled ? 3 : 1
        add(.stringEnd, length: closing + length <= bytes.count && bytes[closing] == UInt8(ascii: "\"") ? length : 0)
    }

    /// An interpolation met the end of its line: complains, and closes it and what it encloses.
    mutating func breakInterpolation() {
        guard let outermost = contexts.firstIndex(where: { if case .interpolation = $0 { true } else { false } }),
            case .interpolation(let token) = contexts[outermost]
        else { return }
        report(.unclosedInterpolation(range(tokens[token].start, tokens[token].end)))
        while contexts.count > outermost + 1 {
            switch contexts[contexts.count - 1] {
            case .string: endString(closingAt: offset)
            case .interpolation(let token):
                tokens[token].payload = tokens.count
                add(.interpolationEnd, length: 0)
                contexts.removeLast()
            case .bracket(_, let token):
                tokens[token].payload = tokens.count
                contexts.removeLast()
            }
        }
        tokens[token].payload = tokens.count
        add(.interpolationEnd, length: 0)
        contexts.removeLast()
        interpolationDepth = 0
        guard case .string(false, _) = contexts.last else { return }
        endString(closingAt: offset)
        dropGroupsOfThisLine()
    }

    /// The format behind an interpolation's colon.
    mutating func readFormat() {
        offset += 1
        let start = offset
        while offset < bytes.count, bytes[offset] != UInt8(ascii: "}"), bytes[offset] != 0x0A { offset += 1 }
        let end = offset
        offset = start
        texts.append(String(decoding: bytes[start..<end], as: UTF8.self))
        add(.format, length: end - start, payload: texts.count - 1)
    }

    /// `'…'` is no string, but what is meant is clear.
    mutating func readSingleQuoted() {
        var end = offset + 1
        while end < bytes.count, bytes[end] != 0x27, bytes[end] != 0x0A { end += bytes[end] == 0x5C ? 2 : 1 }
        guard end < bytes.count, bytes[end] == 0x27 else {
            report(.unexpectedCharacter("'", at: range(offset, offset + 1)))
            return add(.error, length: 1)
        }
        let text = String(decoding: bytes[offset + 1..<end], as: UTF8.self)
        report(.singleQuotes(range(offset, end + 1), text: text))
        add(.error, length: end + 1 - offset)
    }

    // MARK: Text

    /// What a `"""` string drops: the first and last newline next to the quotes, and the indent all lines share.
    private struct Outline {
        var start: Int
        var end: Int
        var indent: [UInt8]
    }

    private func outline(of pieces: [Int], from contentStart: Int, to contentEnd: Int) -> Outline {
        var outline = Outline(start: contentStart, end: contentEnd, indent: [])
        if let first = pieces.first, tokens[first].start == contentStart {
            var index = contentStart
            while index < tokens[first].end, Self.isBlank(bytes[index]) { index += 1 }
            if index < tokens[first].end, bytes[index] == 0x0A { outline.start = index + 1 }
        }
        if let last = pieces.last, tokens[last].end == contentEnd {
            var index = contentEnd
            while index > tokens[last].start, Self.isBlank(bytes[index - 1]) { index -= 1 }
            if index > outline.start, index > tokens[last].start, bytes[index - 1] == 0x0A {
                outline.end = index - 1
                while outline.end > outline.start, bytes[outline.end - 1] == 0x0D { outline.end -= 1 }
            } else if index == outline.start, index > contentStart {
                outline.end = index
            }
        }
        var common: [UInt8]?
        for piece in pieces {
            var index = max(tokens[piece].start, outline.start)
            let end = min(tokens[piece].end, outline.end)
            while index <= end {
                guard index > contentStart, index == outline.start || bytes[index - 1] == 0x0A else {
                    index += 1
                    continue
                }
                var text = index
                while text < end, bytes[text] == 0x20 || bytes[text] == 0x09 { text += 1 }
                let isEmpty = text < end ? bytes[text] == 0x0A || bytes[text] == 0x0D : text == outline.end
                if !isEmpty {
                    let indent = bytes[index..<text]
                    common = common.map { zip($0, indent).prefix { $0 == $1 }.map(\.0) } ?? Array(indent)
                }
                index = max(text, index + 1)
            }
        }
        outline.indent = common ?? []
        return outline
    }

    /// Stores the text a piece stands for: escapes and doubled braces replaced, indent dropped.
    private mutating func decode(_ token: Int, _ outline: Outline?) {
        var index = tokens[token].start
        var end = tokens[token].end
        var text: [UInt8] = []
        var lineBegins = false
        if let outline {
            lineBegins = outline.start > index
            index = max(index, outline.start)
            end = min(end, outline.end)
        }
        text.reserveCapacity(max(end - index, 0))
        while index < end {
            if lineBegins, let outline {
                var drop = 0
                while drop < outline.indent.count, index + drop < end, bytes[index + drop] == outline.indent[drop] {
                    drop += 1
                }
                index += drop
                lineBegins = false
                continue
            }
            let byte = bytes[index]
            switch byte {
            case 0x0A:
                text.append(byte)
                index += 1
                lineBegins = true
            case 0x0D where endsLine(at: index):
                index += 1
            case UInt8(ascii: "{"), UInt8(ascii: "}"):
                text.append(byte)
                index += index + 1 < end && bytes[index + 1] == byte ? 2 : 1
            case UInt8(ascii: "\\"):
                index = decodeEscape(at: index, into: &text)
            default:
                text.append(byte)
                index += 1
            }
        }
        texts.append(String(decoding: text, as: UTF8.self))
        tokens[token].payload = texts.count - 1
    }

    /// Whether only carriage returns lie between here and a newline.
    private func endsLine(at index: Int) -> Bool {
        var index = index
        while index < bytes.count, bytes[index] == 0x0D { index += 1 }
        return index < bytes.count && bytes[index] == 0x0A
    }

    private mutating func decodeEscape(at index: Int, into text: inout [UInt8]) -> Int {
        let letter = index + 1 < bytes.count ? bytes[index + 1] : 0x0A
        switch letter {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): text.append(letter)
        case UInt8(ascii: "u"):
            var end = index + 2
            guard end < bytes.count, bytes[end] == UInt8(ascii: "{") else {
                report(.badUnicodeEscape(range(index, end)))
                return end
            }
            end += 1
            let digits = end
            while end < bytes.count, isHexDigit(bytes[end]) { end += 1 }
            let value = UInt32(String(decoding: bytes[digits..<end], as: UTF8.self), radix: 16)
            let isClosed = end < bytes.count && bytes[end] == UInt8(ascii: "}")
            if isClosed { end += 1 }
            guard isClosed, let value, let scalar = Unicode.Scalar(value) else {
                report(.badUnicodeEscape(range(index, end)))
                return end
            }
            text.append(contentsOf: String(scalar).utf8)
            return end
        default:
            let length = letter == 0x0A ? 0 : scalar(at: index + 1).length
            let escape = range(index, index + 1 + length)
            report(.unknownEscape(escape))
            return index + 1 + length
        }
        return index + 2
    }
}
