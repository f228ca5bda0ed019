/// Collects a column's cells and finds out what they are.
struct CSVColumnBuilder {
    private enum State {
        /// Only missing cells so far.
        case undecided
        case numbers(isInteger: Bool)
        case bools
        case strings
        /// Text after numbers or truth values: the column is to be read again as text.
        case late
    }

    private let fixed: ColumnKind?
    private var state: State
    private var numbers: [Double] = []
    private var bools: [Bool] = []
    private var strings: [String] = []
    private var missingRows: [Int] = []
    private var count = 0
    private var sawBlank = false

    init(_ kind: ColumnKind?) {
        fixed = kind
        state = switch kind {
        case .int: .numbers(isInteger: true)
        case .float: .numbers(isInteger: false)
        case .bool: .bools
        case .string: .strings
        case nil: .undecided
        }
    }

    /// What a cell is not that holds other bytes than text.
    static let encoding = "UTF-8 text"

    var needsText: Bool { if case .late = state { true } else { false } }

    /// Adds a cell; returns what it is not when it does not have the kind asked for.
    mutating func append(_ field: CSVScanner.Field, in buffer: [UInt8], na: Set<[UInt8]>) -> String? {
        if case .late = state { return nil }
        defer { count += 1 }
        if field.start == field.end || !na.isEmpty && na.contains(Array(buffer[field.start..<field.end])) {
            addMissing()
            return nil
        }
        switch state {
        case .numbers(let isInteger):
            let number = CSVNumber(buffer.span, field.start, field.end)
            switch number {
            case .integer(let value): numbers.append(value)
            case .real(let value):
                if isInteger {
                    if fixed == .int { return "an int" }
                    state = .numbers(isInteger: false)
                }
                numbers.append(value)
            case .nothing: addMissing()
            case .other:
                if fixed != nil { return fixed == .int ? "an int" : "a number" }
                becomeLate()
            }
        case .bools:
            if let value = truth(field, buffer) {
                bools.append(value)
            } else if case .nothing = CSVNumber(buffer.span, field.start, field.end) {
                addMissing()
            } else if fixed != nil {
                return "`true` or `false`"
            } else {
                becomeLate()
            }
        case .strings:
            guard let text = field.text(in: buffer) else { return Self.encoding }
            strings.append(text)
        case .undecided:
            switch CSVNumber(buffer.span, field.start, field.end) {
            case .integer(let value):
                state = .numbers(isInteger: true)
                numbers = Array(repeating: .nan, count: count) + [value]
            case .real(let value):
                state = .numbers(isInteger: false)
                numbers = Array(repeating: .nan, count: count) + [value]
            case .nothing:
                // Missing if numbers follow, text if text does.
                sawBlank = true
                missingRows.append(count)
            case .other:
                if let value = truth(field, buffer) {
                    state = .bools
                    bools = Array(repeating: false, count: count) + [value]
                } else if sawBlank {
                    becomeLate()
                } else {
                    guard let text = field.text(in: buffer) else { return Self.encoding }
                    state = .strings
                    strings = Array(repeating: "", count: count) + [text]
                }
            }
        case .late: break
        }
        return nil
    }

    private mutating func becomeLate() {
        state = .late
        (numbers, bools, missingRows) = ([], [], [])
    }

    private mutating func addMissing() {
        missingRows.append(count)
        switch state {
        case .numbers: numbers.append(.nan)
        case .bools: bools.append(false)
        case .strings: strings.append("")
        case .undecided, .late: break
        }
    }

    private func truth(_ field: CSVScanner.Field, _ buffer: [UInt8]) -> Bool? {
        guard field.end - field.start <= 16 else { return nil }
        switch String(decoding: buffer[field.start..<field.end], as: UTF8.self) {
        case "true", "True", "TRUE": return true
        case "false", "False", "FALSE": return false
        default: return nil
        }
    }

    /// Whether what is read so far makes a column of strings, whatever follows.
    var isText: Bool {
        switch state {
        case .strings, .late: true
        case .undecided, .numbers, .bools: false
        }
    }

    /// The finished column; one without any value is of missing numbers.
    consuming func column() -> Column {
        var mask: [Bool]?
        if !missingRows.isEmpty {
            var marks = Array(repeating: false, count: count)
            for row in missingRows { marks[row] = true }
            mask = marks
        }
        switch state {
        case .undecided:
            return Column(.numbers(Array(repeating: .nan, count: count), isInteger: false), missing: mask)
        case .numbers(let isInteger):
            // Whole numbers that a Double cannot tell apart are not integers any more.
            let exact = isInteger && numbers.allSatisfy { !($0.magnitude > 0x1p53) }
            return Column(.numbers(numbers, isInteger: exact), missing: mask)
        case .bools: return Column(.bools(bools), missing: mask)
        case .strings, .late: return Column(.strings(strings), missing: mask)
        }
    }
}

/// A cell read as a number.
enum CSVNumber {
    case integer(Double)
    case real(Double)
    /// Blank, `nan`, or what else people and programs write where a number is missing.
    case nothing
    case other

    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
        1e19, 1e20, 1e21, 1e22,
    ]

    /// Exactly rounded: a significand below 2⁵³ and a power of ten below 10²³ are both exact, so one
    /// multiplication or division rounds once (Clinger 1990); all else goes through the standard library.
    init(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) {
        var (at, end) = (from, to)
        while at < end, bytes[at] == 32 || bytes[at] == 9 { at += 1 }
        while at < end, bytes[end - 1] == 32 || bytes[end - 1] == 9 { end -= 1 }
        if at == end {
            self = .nothing
            return
        }
        let first = at
        let isNegative = bytes[at] == UInt8(ascii: "-")
        if isNegative || bytes[at] == UInt8(ascii: "+") { at += 1 }
        var (significand, digits, scale): (UInt64, Int, Int) = (0, 0, 0)
        var (isReal, isLong) = (false, false)
        while at < end {
            let digit = bytes[at] &- 48
            if digit > 9 { break }
            if significand > 99_999_999_999_999_999 { isLong = true } else { significand = significand &* 10 &+ UInt64(digit) }
            digits &+= 1
            at &+= 1
        }
        if at < end, bytes[at] == UInt8(ascii: ".") {
            isReal = true
            at &+= 1
            while at < end {
                let digit = bytes[at] &- 48
                if digit > 9 { break }
                if significand > 99_999_999_999_999_999 {
                    isLong = true
                } else {
                    significand = significand &* 10 &+ UInt64(digit)
                    scale &-= 1
                }
                digits &+= 1
                at &+= 1
            }
        }
        if digits == 0 {
            self = Self.word(bytes, first, end)
            return
        }
        if at < end, bytes[at] | 32 == UInt8(ascii: "e") {
            isReal = true
            at += 1
            var isDown = false
            if at < end, bytes[at] == UInt8(ascii: "-") || bytes[at] == UInt8(ascii: "+") {
                isDown = bytes[at] == UInt8(ascii: "-")
                at += 1
            }
            let start = at
            var exponent = 0
            while at < end, bytes[at] &- 48 <= 9 {
                exponent = min(exponent * 10 + Int(bytes[at] &- 48), 1_000_000)
                at += 1
            }
            if at == start {
                self = .other
                return
            }
            scale += isDown ? -exponent : exponent
        }
        if at != end {
            self = .other
            return
        }
        var value: Double
        if !isLong, significand <= 1 << 53, scale >= -22, scale <= 22 {
            value = Double(significand)
            if scale < 0 { value /= Self.powers[-scale] } else if scale > 0 { value *= Self.powers[scale] }
            if isNegative { value = -value }
        } else {
            var text = ""
            for index in first..<end { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
            guard let parsed = Double(text) else {
                self = .other
                return
            }
            value = parsed
        }
        self = isReal ? .real(value) : .integer(value)
    }

    private static func word(_ bytes: Span<UInt8>, _ from: Int, _ to: Int) -> CSVNumber {
        guard to - from <= 9 else { return .other }
        var text = ""
        for index in from..<to { text.unicodeScalars.append(Unicode.Scalar(bytes[index] | 32)) }
        return switch text {
        case "nan", "+nan", "-nan", "na", "n/a", "#n/a", "null", "none", "?", "-", "--": .nothing
        case "inf", "infinity": .real(.infinity)
        default: bytes[from] == UInt8(ascii: "-") && (text.dropFirst() == "inf" || text.dropFirst() == "infinity")
            ? .real(-.infinity) : .other
        }
    }
}
