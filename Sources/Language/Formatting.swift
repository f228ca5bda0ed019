internal import Datasets
internal import Engine
internal import Graphs

extension Value {
    /// The value as `print` writes it: strings bare.
    public var text: String {
        if case .string(let text) = self { text.string } else { written }
    }

    /// Appends `text`.
    func print(to bytes: inout [UInt8]) {
        guard case .int(let value) = self else { return bytes.append(contentsOf: text.utf8) }
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = value.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// The value as a script would write it: strings quoted.
    public var written: String {
        var out = ""
        write(to: &out, depth: 0)
        return out
    }

    /// A text that grows beyond this is cut short; `Machine.printed` refuses it.
    static let longestText = 1 << 30

    private func write(to out: inout String, depth: Int) {
        if depth > 100 || out.utf8.count > Self.longestText || Execution.isInterrupted {
            out += "…"
            return
        }
        switch self {
        case .unset, .unknown: out += "?"
        case .none: out += "none"
        case .bool(let value): out += value ? "true" : "false"
        case .int(let value): out += String(value)
        case .float(let value): out += formatShortest(value)
        case .dtype(let dtype): out += dtype.description
        case .string(let text): out += quoted(text.string)
        case .bytes(let bytes): out += "<\(bytes.array.count) bytes>"
        case .list(let list):
            out += "["
            for (index, value) in list.values.enumerated() {
                if index > 0 { out += ", " }
                value.write(to: &out, depth: depth + 1)
            }
            out += "]"
        case .range(let range):
            out += "["
            for index in 0..<min(range.count, 1000) {
                if index > 0 { out += ", " }
                out += String(range[index])
            }
            out += range.count > 1000 ? ", …, \(range[range.count - 1])]" : "]"
        case .record(let record):
            out += "{"
            for (index, name) in record.names.enumerated() {
                if index > 0 { out += ", " }
                out += isPlainName(name) ? name : quoted(name)
                out += " = "
                record.values[index].write(to: &out, depth: depth + 1)
            }
            out += "}"
        case .function(let function): out += "<fn \(function.name)>"
        case .layer(let layer): out += layer.text
        case .parameter(let parameter): out += "<\(parameter.path) \(parameter.type)>"
        case .estimator(let estimator): out += "<estimator \(estimator.name)>"
        case .tensor(let tensor): out += tensorText(tensor)
        case .table(let table): out += table.table.description
        case .dataset(let dataset): out += dataset.text
        case .defaults: out += "<defaults>"
        case .iterator: out += "<iterator>"
        }
    }
}

/// A string in quotes, escaped as the lexer reads it back.
func quoted(_ string: String) -> String {
    var out = "\""
    for scalar in string.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\t": out += "\\t"
        case "{": out += "{{"
        case "}": out += "}}"
        default:
            if scalar.value < 32 || scalar.value == 127 {
                out += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
    }
    return out + "\""
}

func isPlainName(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, first.properties.isAlphabetic || first == "_" else { return false }
    return name.unicodeScalars.allSatisfy { $0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "_" }
}

// MARK: Numbers

/// The shortest decimal digits that read back as the number, and the exponent of the first.
private func shortestDigits(_ description: String) -> (negative: Bool, digits: [Character], exponent: Int) {
    var text = Substring(description)
    let negative = text.first == "-"
    if negative { text = text.dropFirst() }
    var exponent = 0
    if let e = text.firstIndex(where: { $0 == "e" || $0 == "E" }) {
        exponent = Int(text[text.index(after: e)...]) ?? 0
        text = text[..<e]
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    var digits = Array(parts[0])
    exponent += digits.count - 1
    if parts.count > 1 { digits += Array(parts[1]) }
    let leading = digits.prefix { $0 == "0" }.count
    if leading == digits.count { return (negative, ["0"], 0) }
    digits.removeFirst(leading)
    exponent -= leading
    while digits.count > 1, digits.last == "0" { digits.removeLast() }
    return (negative, digits, exponent)
}

/// As Python writes floats: shortest digits, `.0` when whole, an exponent below 1e-4 and from 1e16.
func formatShortest(_ value: some BinaryFloatingPoint & CustomStringConvertible) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    let description = value.description
    // Swift writes most numbers as Python does.
    if value.magnitude < 1e16, !description.utf8.contains(UInt8(ascii: "e")) { return description }
    return laidOut(description)
}

/// Swift's description of a finite number, in Python's layout.
func laidOut(_ description: String) -> String {
    let (negative, digits, exponent) = shortestDigits(description)
    return (negative ? "-" : "") + plain(digits, exponent)
}

private func plain(_ digits: [Character], _ exponent: Int) -> String {
    if exponent < -4 || exponent >= 16 {
        var text = String(digits[0])
        if digits.count > 1 { text += "." + String(digits[1...]) }
        let size = abs(exponent)
        return text + (exponent < 0 ? "e-" : "e+") + (size < 10 ? "0" : "") + String(size)
    }
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + String(digits) }
    if digits.count <= exponent + 1 {
        return String(digits) + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return String(digits[...exponent]) + "." + String(digits[(exponent + 1)...])
}

/// Four significant digits, as tensors print: `0.3333`, `1.2e+06`, `1.0`.
func formatFour(_ value: Double) -> String {
    if !value.isFinite { return formatShortest(value) }
    let text = cFormat("%.4g", value)
    return text.contains(where: { $0 == "." || $0 == "e" }) ? text : text + ".0"
}

// MARK: Tensors

/// Elements printed in full up to this count; beyond it long axes show their ends.
private let fullCount = 1000
private let edge = 3

func tensorText(_ tensor: Tensor) -> String {
    guard tensor.availability == .available else { return "<tensor \(tensor.type)>" }
    if tensor.rank == 0 {
        switch tensor.dtype {
        case .bool: return (try? tensor.elements(as: Bool.self).first).map { $0 ? "true" : "false" } ?? "?"
        case .f32, .f16, .bf16: return (try? tensor.elements(as: Float.self).first).map(formatShortest) ?? "?"
        default:
            let text = tensor.dtype.isFloat ? (try? tensor.element(0)).map(formatShortest) : (try? tensor.integer(0)).map { String($0) }
            return text ?? "?"
        }
    }
    guard (try? tensor.compute()) != nil else { return "<tensor \(tensor.type)>" }
    // Only what is shown is read and formatted. (Rows without elements are shown, too.)
    let isLong = tensor.shape.reduce(1.0) { $0 * Double(max($1, 1)) } > Double(fullCount)
    var out = ""
    func cell(_ index: Int) -> String {
        if tensor.dtype.isFloat { return (try? tensor.element(index)).map(formatFour) ?? "?" }
        guard let integer = try? tensor.integer(index) else { return "?" }
        return tensor.dtype == .bool ? (integer != 0 ? "true" : "false") : String(integer)
    }
    func shown(_ size: Int) -> [Int?] {
        isLong && size > 2 * edge ? Array(0..<edge) + [nil] + Array(size - edge..<size) : Array(0..<size)
    }
    var widths = 0
    func measure(_ axis: Int, _ offset: Int) {
        let stride = tensor.shape[(axis + 1)...].reduce(1, *)
        for index in shown(tensor.shape[axis]) {
            guard let index else { continue }
            if axis == tensor.rank - 1 { widths = max(widths, cell(offset + index).count) } else { measure(axis + 1, offset + index * stride) }
        }
    }
    if tensor.rank > 1 { measure(0, 0) }
    func write(_ axis: Int, _ offset: Int, _ indent: Int) {
        let stride = tensor.shape[(axis + 1)...].reduce(1, *)
        let isLast = axis == tensor.rank - 1
        out += "["
        for (position, index) in shown(tensor.shape[axis]).enumerated() {
            if position > 0 { out += isLast ? ", " : "," + String(repeating: "\n", count: tensor.rank - 1 - axis) + String(repeating: " ", count: indent + 1) }
            guard let index else {
                out += "..."
                continue
            }
            if isLast {
                let text = cell(offset + index)
                out += String(repeating: " ", count: max(0, widths - text.count)) + text
            } else {
                write(axis + 1, offset + index * stride, indent + 1)
            }
        }
        out += "]"
    }
    write(0, 0, 0)
    return out
}

// MARK: Format specifications

/// Python's `[[fill]align][sign][width][,][.precision][d f e g % x s]`.
struct FormatSpec {
    var fill: Character = " "
    var align: Character?
    var sign: Character = "-"
    var zero = false
    var width = 0
    var comma = false
    var precision: Int?
    var type: Character?

    init?(_ text: String) {
        var rest = Substring(text)
        if rest.count >= 2, "<>^=".contains(rest[rest.index(after: rest.startIndex)]) {
            fill = rest.removeFirst()
            align = rest.removeFirst()
        } else if let first = rest.first, "<>^=".contains(first) {
            align = rest.removeFirst()
        }
        if let first = rest.first, "+- ".contains(first) { sign = rest.removeFirst() }
        if rest.first == "0" {
            zero = true
            rest.removeFirst()
        }
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        if !digits.isEmpty {
            guard let value = Int(digits), value <= 10_000 else { return nil }
            width = value
            rest = rest.dropFirst(digits.count)
        }
        if rest.first == "," {
            comma = true
            rest.removeFirst()
        }
        if rest.first == "." {
            rest.removeFirst()
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            guard let value = Int(digits), value <= 500 else { return nil }
            precision = value
            rest = rest.dropFirst(digits.count)
        }
        if let last = rest.first {
            guard "dfeg%xs".contains(last), rest.count == 1 else { return nil }
            type = last
        }
    }

    func format(_ value: Value) throws -> String {
        switch value {
        case .tensor(let tensor) where tensor.shape.elementCount == 1:
            if tensor.dtype.isFloat { return try format(.float(tensor.elements(as: Double.self)[0])) }
            if tensor.dtype == .bool { return try format(.bool(tensor.elements(as: Bool.self)[0])) }
            return try format(.int(tensor.elements(as: Int.self)[0]))
        case .int(let number):
            switch type {
            case nil, "d": return pad(number < 0, grouped(String(number.magnitude)), isNumber: true)
            case "x": return pad(number < 0, String(number.magnitude, radix: 16), isNumber: true)
            case "s": throw Fault("E0419", "the format `s` is for strings, found an int")
            default: return try format(.float(Double(number)))
            }
        case .float(let number): return try format(number)
        case .bool, .string, .none, .list, .range, .record, .dtype:
            if let type, type != "s" { throw Fault("E0419", "the format `\(type)` is for numbers, found \(value.described)") }
            var text = value.text
            if let precision { text = String(text.unicodeScalars.prefix(precision).map(Character.init)) }
            return pad(false, text, isNumber: false)
        default:
            if width == 0, type == nil, precision == nil { return value.text }
            throw Fault("E0419", "\(value.described) cannot be formatted; formats are for numbers, strings and one-element tensors")
        }
    }

    private func format(_ number: Double) throws -> String {
        let magnitude = number.magnitude
        let negative = number.sign == .minus && !number.isNaN
        guard number.isFinite else { return pad(negative, number.isNaN ? "nan" : "inf", isNumber: true) }
        var text: String
        switch type {
        case "d", "x": throw Fault("E0419", "the format `\(type!)` is for ints, found a float", mend: "use `.0f`, or convert with `int(…)`")
        case "s": throw Fault("E0419", "the format `s` is for strings, found a float")
        case "f": text = cFormat("%.\(precision ?? 6)f", magnitude)
        case "e": text = cFormat("%.\(precision ?? 6)e", magnitude)
        case "g": text = cFormat("%.\(precision ?? 6)g", magnitude)
        case "%": text = cFormat("%.\(precision ?? 6)f", magnitude * 100) + "%"
        default:
            if let precision {
                text = cFormat("%.\(precision)g", magnitude)
                if !text.contains(where: { $0 == "." || $0 == "e" }) { text += ".0" }
            } else {
                text = formatShortest(magnitude)
            }
        }
        if comma {
            let whole = text.prefix { $0.isNumber }
            text = grouped(String(whole)) + text.dropFirst(whole.count)
        }
        return pad(negative, text, isNumber: true)
    }

    private func grouped(_ digits: String) -> String {
        guard comma else { return digits }
        var result = ""
        for (offset, digit) in digits.enumerated() {
            if offset > 0, (digits.count - offset) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return result
    }

    private func pad(_ negative: Bool, _ body: String, isNumber: Bool) -> String {
        let mark = negative ? "-" : !isNumber || sign == "-" ? "" : String(sign)
        if width == 0 { return mark + body }
        let missing = max(0, width - mark.count - body.count)
        let filler = String(repeating: zero && align == nil ? "0" : fill, count: missing)
        switch align ?? (zero ? "=" : isNumber ? ">" : "<") {
        case "<": return mark + body + filler
        case "^":
            let left = String(filler.prefix(missing / 2))
            return left + mark + body + filler.dropFirst(missing / 2)
        case "=": return mark + filler + body
        default: return filler + mark + body
        }
    }
}
