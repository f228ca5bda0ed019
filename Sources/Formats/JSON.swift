/// A JSON value (RFC 8259). Objects keep their order; whole numbers of 64 bits stay exact.
public enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    public struct Member: Sendable, Equatable {
        public var name: String
        public var value: JSON
        public init(_ name: String, _ value: JSON) { (self.name, self.value) = (name, value) }
    }

    /// The member of an object, or `nil`.
    public subscript(name: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    public var string: String? { if case .string(let v) = self { v } else { nil } }
    public var bool: Bool? { if case .bool(let v) = self { v } else { nil } }
    public var int: Int? { if case .int(let v) = self { v } else { nil } }
    public var array: [JSON]? { if case .array(let v) = self { v } else { nil } }
    public var members: [Member]? { if case .object(let v) = self { v } else { nil } }
    public var double: Double? {
        switch self {
        case .int(let v): Double(v)
        case .number(let v): v
        default: nil
        }
    }

    // MARK: Reading

    public static func read(_ path: String) throws(FormatError) -> JSON {
        try parse(Files.read(path), path: path)
    }

    /// How deep arrays and objects nest in one another at most.
    public static let deepest = 512

    /// Parses one value; `path` names the text in errors.
    public static func parse(_ bytes: [UInt8], path: String = "text") throws(FormatError) -> JSON {
        var parser = JSONParser(bytes: bytes, path: path)
        return try parser.document()
    }

    public static func parse(_ text: String, path: String = "text") throws(FormatError) -> JSON {
        try parse(Array(text.utf8), path: path)
    }

    // MARK: Writing

    public static func write(_ value: JSON, to path: String) throws(FormatError) {
        if let name = value.notFinite {
            throw FormatError(code: "E0604", path, "JSON has no `\(name)`", mend: "write `none` or a string in its place")
        }
        try Files.write(value.text(indent: 2) + "\n", to: path)
    }

    /// One line, or with an indent one line per member. Numbers that are not finite become `null`.
    public func text(indent: Int? = nil) -> String {
        var text = ""
        append(to: &text, indent: indent, level: 0)
        return text
    }

    private var notFinite: String? {
        switch self {
        case .number(let v): v.isFinite ? nil : v.description
        case .array(let items): items.lazy.compactMap(\.notFinite).first
        case .object(let members): members.lazy.compactMap(\.value.notFinite).first
        case .null, .bool, .int, .string: nil
        }
    }

    private func append(to text: inout String, indent: Int?, level: Int) {
        func newline(_ level: Int) {
            if let indent { text += "\n" + String(repeating: " ", count: indent * level) }
        }
        switch self {
        case .null: text += "null"
        case .bool(let v): text += v ? "true" : "false"
        case .int(let v): text += String(v)
        case .number(let v): text += v.isFinite ? v.description : "null"
        case .string(let v): Self.quote(v, &text)
        case .array(let items):
            let isFlat = items.allSatisfy { if case .array = $0 { false } else if case .object = $0 { false } else { true } }
            text += "["
            for (index, item) in items.enumerated() {
                if index > 0 { text += indent != nil && isFlat ? ", " : "," }
                if !isFlat { newline(level + 1) }
                item.append(to: &text, indent: indent, level: level + 1)
            }
            if !isFlat { newline(level) }
            text += "]"
        case .object(let members):
            text += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { text += "," }
                newline(level + 1)
                Self.quote(member.name, &text)
                text += indent == nil ? ":" : ": "
                member.value.append(to: &text, indent: indent, level: level + 1)
            }
            if !members.isEmpty { newline(level) }
            text += "}"
        }
    }

    private static func quote(_ value: String, _ text: inout String) {
        text += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.value < 32:
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

/// Recursive descent over bytes.
private struct JSONParser {
    let bytes: [UInt8]
    let path: String
    var at = 0

    init(bytes: [UInt8], path: String) { (self.bytes, self.path) = (bytes, path) }

    mutating func document() throws(FormatError) -> JSON {
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { at = 3 }
        let value = try value(depth: 0)
        blank()
        if at < bytes.count { throw wrong("there is something after the value") }
        return value
    }

    private mutating func value(depth: Int) throws(FormatError) -> JSON {
        blank()
        guard at < bytes.count else { throw wrong("a value is missing: the text ends") }
        guard depth <= JSON.deepest else { throw wrong("values are nested more than \(JSON.deepest) deep") }
        switch bytes[at] {
        case UInt8(ascii: "{"):
            at += 1
            var (members, names): ([JSON.Member], Set<String>) = ([], [])
            if take("}") { return .object([]) }
            repeat {
                blank()
                guard at < bytes.count, bytes[at] == UInt8(ascii: "\"") else { throw wrong("a name in quotes is expected") }
                let start = at
                let name = try string()
                if !names.insert(name).inserted {
                    at = start
                    throw wrong("the name `\(name)` stands twice in one object")
                }
                guard take(":") else { throw wrong("`:` is expected after a name") }
                members.append(JSON.Member(name, try value(depth: depth + 1)))
            } while take(",")
            guard take("}") else { throw wrong("`,` or `}` is expected") }
            return .object(members)
        case UInt8(ascii: "["):
            at += 1
            if take("]") { return .array([]) }
            var items: [JSON] = []
            repeat { items.append(try value(depth: depth + 1)) } while take(",")
            guard take("]") else { throw wrong("`,` or `]` is expected") }
            return .array(items)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t") where word("true"): return .bool(true)
        case UInt8(ascii: "f") where word("false"): return .bool(false)
        case UInt8(ascii: "n") where word("null"): return .null
        default: return try number()
        }
    }

    private mutating func number() throws(FormatError) -> JSON {
        let start = at
        var isWhole = true
        if peek("-") { at += 1 }
        let first = at
        digits()
        guard at > first, at == first + 1 || bytes[first] != 48 else {
            at = start
            throw wrong("this is not a JSON value")
        }
        if peek(".") {
            isWhole = false
            at += 1
            let fraction = at
            digits()
            if at == fraction { throw wrong("a digit is expected after the point") }
        }
        if peek("e") || peek("E") {
            isWhole = false
            at += 1
            if peek("+") || peek("-") { at += 1 }
            let exponent = at
            digits()
            if at == exponent { throw wrong("a digit is expected in the exponent") }
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isWhole, let value = Int(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else {
            at = start
            throw wrong("the number `\(text.prefix(40))` is too large")
        }
        return .number(value)
    }

    private mutating func string() throws(FormatError) -> String {
        let opening = at
        at += 1
        var (result, run): (String, Int) = ("", at)
        func flush(_ end: Int) throws(FormatError) {
            guard let text = String(validating: bytes[run..<end], as: UTF8.self) else {
                throw FormatError(path, place(run), "this string is not UTF-8 text")
            }
            result += text
        }
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                try flush(at)
                at += 1
                return result
            case UInt8(ascii: "\\"):
                try flush(at)
                at += 1
                guard at < bytes.count else { break }
                let escape = bytes[at]
                at += 1
                switch escape {
                case UInt8(ascii: "n"): result += "\n"
                case UInt8(ascii: "t"): result += "\t"
                case UInt8(ascii: "r"): result += "\r"
                case UInt8(ascii: "b"): result += "\u{8}"
                case UInt8(ascii: "f"): result += "\u{c}"
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"):
                    result.unicodeScalars.append(Unicode.Scalar(escape))
                case UInt8(ascii: "u"):
                    var code = try hex()
                    if (0xd800..<0xdc00).contains(code), at + 1 < bytes.count, bytes[at] == 92, bytes[at + 1] == UInt8(ascii: "u") {
                        at += 2
                        let low = try hex()
                        guard (0xdc00..<0xe000).contains(low) else { throw wrong("half of a surrogate pair stands alone") }
                        code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
                    }
                    guard let scalar = Unicode.Scalar(code) else { throw wrong("half of a surrogate pair stands alone") }
                    result.unicodeScalars.append(scalar)
                default:
                    at -= 1
                    throw wrong("there is no such escape in JSON")
                }
                run = at
            case 0..<32: throw wrong("a control character in a string is written as an escape")
            default: at += 1
            }
        }
        at = opening
        throw wrong("this string is never closed")
    }

    private mutating func hex() throws(FormatError) -> UInt32 {
        guard at + 4 <= bytes.count, bytes[at] != UInt8(ascii: "+"), bytes[at] != UInt8(ascii: "-"),
            let value = UInt32(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16)
        else { throw wrong("four hexadecimal digits are expected") }
        at += 4
        return value
    }

    private mutating func digits() { while at < bytes.count, (48...57).contains(bytes[at]) { at += 1 } }
    private func peek(_ character: Unicode.Scalar) -> Bool { at < bytes.count && bytes[at] == UInt8(ascii: character) }
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        blank()
        guard peek(character) else { return false }
        at += 1
        return true
    }
    private mutating func word(_ text: String) -> Bool {
        guard bytes[at...].starts(with: text.utf8) else { return false }
        at += text.utf8.count
        return true
    }
    private mutating func blank() {
        while at < bytes.count, bytes[at] == 32 || (9...10).contains(bytes[at]) || bytes[at] == 13 { at += 1 }
    }

    private func place(_ offset: Int) -> FormatError.Place {
        let before = bytes[..<min(offset, bytes.count)]
        let line = before.count { $0 == 10 } + 1
        return .line(line, column: before.count - (before.lastIndex(of: 10).map { $0 + 1 } ?? 0) + 1)
    }

    private func wrong(_ what: String) -> FormatError { FormatError(path, place(at), what) }
}
