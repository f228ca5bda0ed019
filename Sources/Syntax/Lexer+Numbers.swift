/// Number literals.
extension Lexer {
    /// Reads a number, or what was meant as one, whole, so that one mistake makes one complaint.
    mutating func readNumber() {
        let start = offset
        var end = start
        func isDigit(_ index: Int) -> Bool { index < bytes.count && bytes[index] >= 0x30 && bytes[index] <= 0x39 }
        func skipDigits() { while isDigit(end) || end < bytes.count && bytes[end] == 0x5F { end += 1 } }

        if bytes[start] == UInt8(ascii: ".") {
            end += 1
            end = endOfName(from: end)
            if start > 0, bytes[start - 1] == UInt8(ascii: ".") {
                report(.dotsForRange(range(start - 1, start + 1)))
                return add(.error, length: end - start)
            }
            let isApart = start == 0 || bytes[start - 1] < 0x80 && endOfName(from: start - 1) == start - 1
            report(.malformedNumber(range(start, end), why: "a number has a digit on both sides of its dot",
                meant: isApart ? "0\(text(start, end))" : nil))
            return add(.error, length: end - start)
        }
        if hasPrefix("0x", at: start) || hasPrefix("0X", at: start) {
            end = endOfName(from: start)
            return addInt(text(start + 2, end), radix: 16, length: end - start)
        }
        skipDigits()
        var isFloat = false
        if end < bytes.count, bytes[end] == UInt8(ascii: ".") {
            if isDigit(end + 1) {
                isFloat = true
                end += 1
                skipDigits()
            } else if !startsName(at: end + 1), !hasPrefix("..", at: end) {
                end += 1
                report(.malformedNumber(range(start, end), why: "a number has a digit on both sides of its dot",
                    meant: "\(text(start, end))0"))
                return add(.error, length: end - start)
            }
        }
        if end < bytes.count, bytes[end] | 0x20 == UInt8(ascii: "e") {
            let hasSign = end + 1 < bytes.count && (bytes[end + 1] == 0x2B || bytes[end + 1] == 0x2D)
            if isDigit(end + (hasSign ? 2 : 1)) {
                isFloat = true
                end += hasSign ? 2 : 1
                skipDigits()
            }
        }
        let tail = endOfName(from: end)
        if tail > end {
            report(.malformedNumber(range(start, tail), why: "`\(text(end, tail))` does not belong to a number"))
            return add(.error, length: tail - start)
        }
        let literal = text(start, end)
        if isFloat { addFloat(literal) } else { addInt(literal, radix: 10, length: end - start) }
    }

    private static let underscoreRule = "an underscore stands between two digits"

    private func text(_ start: Int, _ end: Int) -> String { String(decoding: bytes[start..<end], as: UTF8.self) }

    /// Whether each underscore stands between two digits.
    private func hasGoodUnderscores(_ literal: String) -> Bool {
        var before: UInt8 = 0
        for byte in literal.utf8 {
            if byte == 0x5F ? !isHexDigit(before) : before == 0x5F && !isHexDigit(byte) { return false }
            before = byte
        }
        return before != 0x5F
    }

    private mutating func addInt(_ literal: String, radix: Int, length: Int) {
        let place = range(offset, offset + length)
        let digits = literal.filter { $0 != "_" }
        if !hasGoodUnderscores(literal) || digits.isEmpty || radix == 16 && !digits.utf8.allSatisfy(isHexDigit) {
            let why = radix == 10 ? Self.underscoreRule : "behind `0x` stand digits 0 to 9 and a to f"
            report(.malformedNumber(place, why: why))
            return add(.error, length: length)
        }
        if let value = Int(digits, radix: radix) {
            ints.append(value)
            add(.int, length: length, payload: ints.count - 1)
        } else if radix == 10, UInt(digits) == UInt(Int.max) + 1 {
            add(.minimumInt, length: length)
        } else {
            report(.intOutOfRange(place, isNegated: false))
            add(.error, length: length)
        }
    }

    private mutating func addFloat(_ literal: String) {
        let length = literal.utf8.count
        let place = range(offset, offset + length)
        guard hasGoodUnderscores(literal), let value = Double(literal.filter { $0 != "_" }) else {
            report(.malformedNumber(place, why: Self.underscoreRule))
            return add(.error, length: length)
        }
        let mantissa = literal.prefix { $0 != "e" && $0 != "E" }
        let isLost = value == 0 && mantissa.contains { $0 >= "1" && $0 <= "9" }
        guard value.isFinite, !isLost else {
            report(.floatOutOfRange(place, isTooSmall: isLost))
            return add(.error, length: length)
        }
        floats.append(value)
        add(.float, length: length, payload: floats.count - 1)
    }
}
