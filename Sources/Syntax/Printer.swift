/// Writes a tree as text, in the one format: four spaces of indent, lines of up to 112 columns, what does not fit
/// one item per line. Comments and single blank lines stay.
///
/// The tree must come from a text that parses without errors; numbers and strings are written as they were there.
public func format(_ script: Script) -> String {
    var printer = Printer(script)
    return printer.print()
}

/// Whatever fits on the line is written flat; the rest is broken at its outermost brackets, pipes or operators.
/// Comments are taken up wherever a line ends.
struct Printer {
    static let width = 112

    let source: SourceText
    let comments: [Comment]
    private let statements: [Statement]
    /// The comments written so far.
    var nextComment = 0
    private var lines: [(code: String, comment: String?)] = []
    var line = ""
    private var lineWidth = 0
    var indent = 0

    init(_ script: Script) {
        source = script.source
        comments = script.comments
        statements = script.statements
    }

    mutating func print() -> String {
        write(statements, until: source.utf8.count, mayBeginBlank: false)
        return assemble()
    }

    // MARK: Lines

    mutating func put(_ text: String) {
        line += text
        // Only the part behind a string's last newline counts.
        if let newline = text.utf8.lastIndex(of: 0x0A) {
            lineWidth = text[newline...].unicodeScalars.count - 1
        } else {
            lineWidth += text.unicodeScalars.count
        }
    }

    mutating func endLine() {
        guard !line.isEmpty else { return }
        lines.append((line, nil))
        line = ""
        lineWidth = 0
    }

    mutating func beginLine() {
        endLine()
        line = String(repeating: " ", count: indent * 4)
        lineWidth = indent * 4
    }

    /// Goes to a new line, which will show what stands at `offset`; comments before that come first.
    mutating func newLine(at offset: Int, keepsBlank: Bool = false) {
        endLine()
        takeComments(before: offset, keepsBlank: keepsBlank)
        if keepsBlank, hasBlankLine(before: offset) { addBlankLine() }
        beginLine()
    }

    mutating func addBlankLine() {
        if let last = lines.last, !last.code.isEmpty || last.comment != nil, !opensBlock { lines.append(("", nil)) }
    }

    private var opensBlock: Bool { lines.last.map { $0.code.hasSuffix("{") || $0.code.hasSuffix("(") || $0.code.hasSuffix("[") } ?? true }

    mutating func takeComments(before offset: Int, keepsBlank: Bool) {
        while nextComment < comments.count, comments[nextComment].range.start < offset {
            let comment = comments[nextComment]
            nextComment += 1
            if comment.isTrailing, let last = lines.last, last.comment == nil, !last.code.isEmpty {
                lines[lines.count - 1].comment = text(of: comment)
            } else {
                if keepsBlank, hasBlankLine(before: comment.range.start) { addBlankLine() }
                lines.append((String(repeating: " ", count: indent * 4), text(of: comment)))
            }
        }
    }

    func text(of comment: Comment) -> String {
        let mark = comment.isDocumentation ? "##" : "#"
        if comment.text.isEmpty { return mark }
        let isTight = !comment.isDocumentation && (comment.text.hasPrefix("#") || comment.text.hasPrefix("!"))
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

    /// Joins the lines; the trailing comments of neighbouring lines stand below each other.
    func assemble() -> String {
        var result = ""
        var index = 0
        while index < lines.count {
            var end = index
            var column = 0
            while end < lines.count, lines[end].comment != nil, lines[end].code.contains(where: { $0 != " " }) {
                let width = lastLineWidth(lines[end].code)
                if end > index, max(column, width) - min(column, width) > 40 { break }
                column = max(column, width)
                end += 1
            }
            if end == index {
                result += lines[index].code + (lines[index].comment ?? "") + "\n"
                index += 1
            }
            for line in lines[index..<max(end, index)] {
                let gap = String(repeating: " ", count: column - lastLineWidth(line.code) + 2)
                result += line.code + gap + (line.comment ?? "") + "\n"
            }
            index = max(end, index)
        }
        return result
    }

    func lastLineWidth(_ code: String) -> Int {
        guard let newline = code.utf8.lastIndex(of: 0x0A) else { return code.unicodeScalars.count }
        return code[newline...].unicodeScalars.count - 1
    }

    // MARK: Statements

    mutating func write(_ statements: [Statement], until end: Int, mayBeginBlank: Bool = true) {
        for statement in statements {
            newLine(at: statement.range.start, keepsBlank: true)
            write(statement)
        }
        endLine()
        takeComments(before: end, keepsBlank: true)
    }

    mutating func write(_ statement: Statement) {
        switch statement.kind {
        case .expression(let value): write(value)
        case .assign(let target, let value):
            put(text(target) + " = ")
            writeList(value)
        case .update(let name, let symbol, let value, _):
            put("\(name.text) \(symbol.rawValue)= ")
            writeAfterNewline(value)
        case .return(let value):
            put("return")
            if let value {
                put(" ")
                writeList(value)
            }
        case .break: put("break")
        case .continue: put("continue")
        case .declare(let declaration): write(declaration, in: statement.range)
        case .option(let name, let type, let value, _):
            put("option \(name.text)\(type.map { ": " + text($0) } ?? "") = ")
            writeList(value)
        case .import(_, let pathRange, let alias):
            put("import " + source.text(pathRange))
            switch alias {
            case nil: break
            case .name(let name): put(" as " + name.text)
            case .everything: put(" as *")
            }
        case .test(_, let nameRange, let block):
            put("test \(source.text(nameRange)) ")
            write(block, after: nameRange.end)
        case .expect(let condition, let message):
            put("expect ")
            write(condition)
            if let message {
                put(", ")
                writeAfterNewline(message)
            }
        case .error: put(source.text(statement.range))
        }
    }

    func text(_ target: Target) -> String {
        switch target {
        case .name(let name): name.text
        case .list(let names): names.map(\.text).joined(separator: ", ")
        case .record(let names): "{" + names.map(\.text).joined(separator: ", ") + "}"
        }
    }

    mutating func write(_ declaration: Declaration, in range: SourceRange) {
        put("\(declaration.kind.rawValue) \(declaration.name.text)")
        var end = declaration.name.range.end
        if let parameters = declaration.parameters { end = write(parameters, from: end) }
        if let inputs = declaration.inputs { end = write(inputs, from: end) }
        if let result = declaration.result {
            put(" -> " + text(result))
            end = result.range.end
        }
        switch declaration.content {
        case .fields(let fields):
            put(" ")
            writeFields(fields, from: opening(UInt8(ascii: "{"), from: end), to: range.end)
        case .body(.block(let block)):
            put(" ")
            write(block, after: end)
        case .body(.expression(let value)):
            put(" = ")
            writeList(value)
        }
    }

    // MARK: Blocks

    /// The offset of the next bracket of a kind, comments not counted.
    func opening(_ bracket: UInt8, from offset: Int) -> Int {
        var index = offset
        while index < source.utf8.count, source.utf8[index] != bracket {
            if source.utf8[index] == UInt8(ascii: "#") {
                while index < source.utf8.count, source.utf8[index] != 0x0A { index += 1 }
            } else {
                index += 1
            }
        }
        return index
    }

    /// Writes a block whose head ends at `offset`; it stays on one line if it was written so and fits.
    mutating func write(_ block: Block, after offset: Int) {
        let start = opening(UInt8(ascii: "{"), from: offset)
        let end = opening(UInt8(ascii: "}"), from: block.last?.range.end ?? start)
        if let text = flat(block, from: start, to: end), fits(text) { return put(text) }
        put("{")
        endLine()
        indent += 1
        write(block, until: end)
        indent -= 1
        beginLine()
        put("}")
    }

    func flat(_ block: Block, from start: Int, to end: Int) -> String? {
        if hasComment(from: start, to: end) { return nil }
        if block.isEmpty { return "{}" }
        if hasNewline(from: start, to: end) { return nil }
        var parts: [String] = []
        for statement in block {
            guard let text = flat(statement) else { return nil }
            parts.append(text)
        }
        return "{ " + parts.joined(separator: "; ") + " }"
    }

    func flat(_ statement: Statement) -> String? {
        switch statement.kind {
        case .expression(let value): return flat(value)
        case .assign(let target, let value): return flatList(value).map { text(target) + " = " + $0 }
        case .update(let name, let symbol, let value, _): return flat(value).map { "\(name.text) \(symbol.rawValue)= \($0)" }
        case .return(nil): return "return"
        case .return(let value?): return flatList(value).map { "return " + $0 }
        case .break: return "break"
        case .continue: return "continue"
        case .declare(let declaration): return flat(declaration)
        case .expect(let condition, let message):
            guard let head = flat(condition) else { return nil }
            guard let message else { return "expect " + head }
            return flat(message).map { "expect \(head), \($0)" }
        case .option, .import, .test, .error: return nil
        }
    }

    /// A list that was written without brackets stays so.
    func flatList(_ value: Expression) -> String? {
        guard let elements = bareElements(value) else { return flat(value) }
        return flat(elements.map(item), "", "")
    }

    func bareElements(_ value: Expression) -> [Element]? {
        guard case .list(let elements) = value.kind, let first = elements.first, !first.isSpread,
            first.value.range.start == value.range.start
        else { return nil }
        return elements
    }

    func flat(_ declaration: Declaration) -> String? {
        guard case .body(let body) = declaration.content else { return nil }
        var text = "\(declaration.kind.rawValue) \(declaration.name.text)"
        var end = declaration.name.range.end
        for parameters in [declaration.parameters, declaration.inputs] {
            guard let parameters else { continue }
            guard let part = flat(parameters) else { return nil }
            text += part
            end = closing(parameters, from: end)
        }
        if let result = declaration.result {
            text += " -> " + self.text(result)
            end = result.range.end
        }
        switch body {
        case .expression(let value): return flatList(value).map { text + " = " + $0 }
        case .block: return flat(body, " = ", after: end).map { text + $0 }
        }
    }

    /// The offset behind the `)` of a list of parameters.
    func closing(_ parameters: [Parameter], from offset: Int) -> Int {
        let start = opening(UInt8(ascii: "("), from: offset)
        return behind(opening(UInt8(ascii: ")"), from: parameters.last?.range.end ?? start))
    }

    func behind(_ offset: Int) -> Int { min(offset + 1, source.utf8.count) }

    func fits(_ text: String) -> Bool {
        lineWidth + text.unicodeScalars.count <= Self.width && !text.utf8.contains(0x0A)
    }

    // MARK: Lists

    /// One item of a bracketed list.
    struct Item {
        var start: Int
        var flat: String?
        var write: (inout Printer) -> Void
    }

    /// Writes the items between two brackets: on one line, or the last of them spread out, or one per line.
    mutating func write(
        _ items: [Item], _ open: String, _ close: String, from start: Int, to end: Int, hugsLast: Bool = false
    ) {
        let isCommented = hasComment(from: start, to: items.last?.start ?? end) || items.isEmpty && hasComment(from: start, to: end)
        if !isCommented, let text = flat(items, open, close), fits(text) { return put(text) }
        if !isCommented, hugsLast, let last = items.last {
            let others = items.dropLast().map { $0.flat.map { $0 + ", " } }
            if others.allSatisfy({ $0 != nil }) {
                let text = open + others.compactMap { $0 }.joined()
                if fits(text) {
                    put(text)
                    last.write(&self)
                    return put(close)
                }
            }
        }
        put(open)
        indent += 1
        for item in items {
            newLine(at: item.start)
            item.write(&self)
            put(",")
        }
        endLine()
        takeComments(before: end, keepsBlank: false)
        indent -= 1
        beginLine()
        put(close)
    }

    func flat(_ items: [Item], _ open: String, _ close: String) -> String? {
        var text = open
        for (index, item) in items.enumerated() {
            guard let part = item.flat else { return nil }
            text += (index == 0 ? "" : ", ") + part
        }
        return text + close
    }

    /// Writes a list of parameters and gives the offset behind its `)`.
    mutating func write(_ parameters: [Parameter], from offset: Int) -> Int {
        let start = opening(UInt8(ascii: "("), from: offset)
        let end = closing(parameters, from: offset) - 1
        let items = parameters.map { parameter in
            Item(start: parameter.range.start, flat: flat(parameter)) { printer in
                printer.put(printer.head(parameter))
                if let value = parameter.defaultValue {
                    printer.put(" = ")
                    printer.write(value)
                }
            }
        }
        if hasComment(from: start, to: end) {
            // A comment behind the last parameter, too, needs a line of its own.
            put("(")
            indent += 1
            for item in items {
                newLine(at: item.start)
                item.write(&self)
                put(",")
            }
            endLine()
            takeComments(before: end, keepsBlank: false)
            indent -= 1
            beginLine()
            put(")")
        } else {
            write(items, "(", ")", from: start, to: end)
        }
        return end + 1
    }

    func head(_ parameter: Parameter) -> String {
        (parameter.isRest ? "..." : "") + parameter.name.text + (parameter.type.map { ": " + text($0) } ?? "")
    }

    func flat(_ parameter: Parameter) -> String? {
        guard let value = parameter.defaultValue else { return head(parameter) }
        return flat(value).map { head(parameter) + " = " + $0 }
    }

    func text(_ type: TypeAnnotation) -> String {
        var text = type.name.text
        if let dimensions = type.dimensions {
            let parts = dimensions.map { dimension in
                switch dimension {
                case .number(let number): String(number)
                case .name(let name): name.text
                case .any: "_"
                case .ellipsis: "..."
                }
            }
            text += "[" + parts.joined(separator: ", ") + "]"
        }
        return text + (type.isOptional ? "?" : "")
    }

    // MARK: Fields

    mutating func writeFields(_ fields: [Field], from start: Int, to end: Int) {
        put("{")
        endLine()
        indent += 1
        for field in fields {
            newLine(at: self.start(field), keepsBlank: true)
            write(field)
        }
        endLine()
        takeComments(before: end, keepsBlank: true)
        indent -= 1
        beginLine()
        put("}")
    }

    func start(_ field: Field) -> Int {
        switch field {
        case .value(let name, _), .function(let name, _, _), .shorthand(let name): name.range.start
        case .spread(let value): value.range.start
        }
    }

    mutating func write(_ field: Field) {
        switch field {
        case .value(let name, let value):
            put(name.text + " = ")
            writeAfterNewline(value)
        case .function(let name, let parameters, let body):
            put(name.text)
            let end = write(parameters, from: name.range.end)
            write(body, " = ", after: end)
        case .shorthand(let name): put(name.text)
        case .spread(let value):
            put("...")
            write(value)
        }
    }

    mutating func write(_ body: Body, _ sign: String, after offset: Int) {
        switch body {
        case .expression(let value):
            put(sign)
            writeAfterNewline(value)
        case .block(let block):
            put(sign == " = " ? " " : sign)
            write(block, after: offset)
        }
    }

    func flat(_ field: Field) -> String? {
        switch field {
        case .value(let name, let value): flat(value).map { name.text + " = " + $0 }
        case .function(let name, let parameters, let body): flat(parameters).flatMap { head in
            flat(body, " = ", after: closing(parameters, from: name.range.end)).map { name.text + head + $0 }
        }
        case .shorthand(let name): name.text
        case .spread(let value): flat(value).map { "..." + $0 }
        }
    }

    func flat(_ parameters: [Parameter]) -> String? {
        let parts = parameters.map { flat($0) }
        if parts.contains(where: { $0 == nil }) { return nil }
        return "(" + parts.compactMap { $0 }.joined(separator: ", ") + ")"
    }

    func flat(_ body: Body, _ sign: String, after offset: Int) -> String? {
        switch body {
        case .expression(let value): return flat(value).map { sign + $0 }
        case .block(let block):
            let start = opening(UInt8(ascii: "{"), from: offset)
            let end = opening(UInt8(ascii: "}"), from: block.last?.range.end ?? start)
            return flat(block, from: start, to: end).map { (sign == " = " ? " " : sign) + $0 }
        }
    }
}
