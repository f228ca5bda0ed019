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

    private let source: SourceText
    private let comments: [Comment]
    private let statements: [Statement]
    /// The comments written so far.
    private var nextComment = 0
    private var lines: [(code: String, comment: String?)] = []
    private var line = ""
    private var lineWidth = 0
    private var indent = 0

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

    private mutating func put(_ text: String) {
        line += text
        // Only the part behind a string's last newline counts.
        if let newline = text.utf8.lastIndex(of: 0x0A) {
            lineWidth = text[newline...].unicodeScalars.count - 1
        } else {
            lineWidth += text.unicodeScalars.count
        }
    }

    private mutating func endLine() {
        guard !line.isEmpty else { return }
        lines.append((line, nil))
        line = ""
        lineWidth = 0
    }

    private mutating func beginLine() {
        endLine()
        line = String(repeating: " ", count: indent * 4)
        lineWidth = indent * 4
    }

    /// Goes to a new line, which will show what stands at `offset`; comments before that come first.
    private mutating func newLine(at offset: Int, keepsBlank: Bool = false) {
        endLine()
        takeComments(before: offset, keepsBlank: keepsBlank)
        if keepsBlank, hasBlankLine(before: offset) { addBlankLine() }
        beginLine()
    }

    private mutating func addBlankLine() {
        if let last = lines.last, !last.code.isEmpty || last.comment != nil, !opensBlock { lines.append(("", nil)) }
    }

    private var opensBlock: Bool { lines.last.map { $0.code.hasSuffix("{") || $0.code.hasSuffix("(") || $0.code.hasSuffix("[") } ?? true }

    private mutating func takeComments(before offset: Int, keepsBlank: Bool) {
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

    private func text(of comment: Comment) -> String {
        let mark = comment.isDocumentation ? "##" : "#"
        if comment.text.isEmpty { return mark }
        let isTight = !comment.isDocumentation && (comment.text.hasPrefix("#") || comment.text.hasPrefix("!"))
        return mark + (isTight ? "" : " ") + comment.text
    }

    private func hasBlankLine(before offset: Int) -> Bool {
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

    private func hasComment(from start: Int, to end: Int) -> Bool {
        var low = 0
        var high = comments.count
        while low < high {
            let middle = (low + high) / 2
            if comments[middle].range.start < start { low = middle + 1 } else { high = middle }
        }
        return low < comments.count && comments[low].range.start < end
    }

    private func hasNewline(from start: Int, to end: Int) -> Bool {
        start < end && source.utf8[start..<end].contains(0x0A)
    }

    /// Joins the lines; the trailing comments of neighbouring lines stand below each other.
    private func assemble() -> String {
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

    private func lastLineWidth(_ code: String) -> Int {
        guard let newline = code.utf8.lastIndex(of: 0x0A) else { return code.unicodeScalars.count }
        return code[newline...].unicodeScalars.count - 1
    }

    // MARK: Statements

    private mutating func write(_ statements: [Statement], until end: Int, mayBeginBlank: Bool = true) {
        for statement in statements {
            newLine(at: statement.range.start, keepsBlank: true)
            write(statement)
        }
        endLine()
        takeComments(before: end, keepsBlank: true)
    }

    private mutating func write(_ statement: Statement) {
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

    private func text(_ target: Target) -> String {
        switch target {
        case .name(let name): name.text
        case .list(let names): names.map(\.text).joined(separator: ", ")
        case .record(let names): "{" + names.map(\.text).joined(separator: ", ") + "}"
        }
    }

    private mutating func write(_ declaration: Declaration, in range: SourceRange) {
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
    private func opening(_ bracket: UInt8, from offset: Int) -> Int {
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
    private mutating func write(_ block: Block, after offset: Int) {
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

    private func flat(_ block: Block, from start: Int, to end: Int) -> String? {
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

    private func flat(_ statement: Statement) -> String? {
        var printer = Printer(Script(source: source, statements: [], comments: comments))
        printer.nextComment = comments.count
        printer.write(statement)
        if printer.lines.isEmpty { return printer.line }
        return nil
    }

    private func fits(_ text: String) -> Bool {
        lineWidth + text.unicodeScalars.count <= Self.width && !text.utf8.contains(0x0A)
    }

    // MARK: Lists

    /// One item of a bracketed list.
    private struct Item {
        var start: Int
        var flat: String?
        var write: (inout Printer) -> Void
    }

    /// Writes the items between two brackets: on one line, or the last of them spread out, or one per line.
    private mutating func write(
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

    private func flat(_ items: [Item], _ open: String, _ close: String) -> String? {
        var text = open
        for (index, item) in items.enumerated() {
            guard let part = item.flat else { return nil }
            text += (index == 0 ? "" : ", ") + part
        }
        return text + close
    }

    /// Writes a list of parameters and gives the offset behind its `)`.
    private mutating func write(_ parameters: [Parameter], from offset: Int) -> Int {
        let start = opening(UInt8(ascii: "("), from: offset)
        let end = opening(UInt8(ascii: ")"), from: parameters.last?.range.end ?? start)
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

    private func head(_ parameter: Parameter) -> String {
        (parameter.isRest ? "..." : "") + parameter.name.text + (parameter.type.map { ": " + text($0) } ?? "")
    }

    private func flat(_ parameter: Parameter) -> String? {
        guard let value = parameter.defaultValue else { return head(parameter) }
        return flat(value).map { head(parameter) + " = " + $0 }
    }

    private func text(_ type: TypeAnnotation) -> String {
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

    private mutating func writeFields(_ fields: [Field], from start: Int, to end: Int) {
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

    private func start(_ field: Field) -> Int {
        switch field {
        case .value(let name, _), .function(let name, _, _), .shorthand(let name): name.range.start
        case .spread(let value): value.range.start
        }
    }

    private mutating func write(_ field: Field) {
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

    private mutating func write(_ body: Body, _ sign: String, after offset: Int) {
        switch body {
        case .expression(let value):
            put(sign)
            writeAfterNewline(value)
        case .block(let block):
            put(sign == " = " ? " " : sign)
            write(block, after: offset)
        }
    }

    private func flat(_ field: Field) -> String? {
        switch field {
        case .value(let name, let value): flat(value).map { name.text + " = " + $0 }
        case .function(let name, let parameters, let body): flat(parameters).flatMap { head in
            flat(body, " = ", after: parameters.last?.range.end ?? name.range.end).map { name.text + head + $0 }
        }
        case .shorthand(let name): name.text
        case .spread(let value): flat(value).map { "..." + $0 }
        }
    }

    private func flat(_ parameters: [Parameter]) -> String? {
        let parts = parameters.map { flat($0) }
        if parts.contains(where: { $0 == nil }) { return nil }
        return "(" + parts.compactMap { $0 }.joined(separator: ", ") + ")"
    }

    private func flat(_ body: Body, _ sign: String, after offset: Int) -> String? {
        switch body {
        case .expression(let value): return flat(value).map { sign + $0 }
        case .block(let block):
            let start = opening(UInt8(ascii: "{"), from: offset)
            let end = opening(UInt8(ascii: "}"), from: block.last?.range.end ?? start)
            return flat(block, from: start, to: end).map { (sign == " = " ? " " : sign) + $0 }
        }
    }

    // MARK: Expressions

    /// The value behind `=` or `return`, where a list may stand without brackets.
    private mutating func writeList(_ value: Expression) {
        guard case .list(let elements) = value.kind, let first = elements.first, !first.isSpread,
            first.value.range.start == value.range.start
        else { return writeAfterNewline(value) }
        for (index, element) in elements.enumerated() {
            if index > 0 {
                put(",")
                let text = flat(element.value).map { (element.isSpread ? " ..." : " ") + $0 }
                if let text, fits(text), !commentsWait(before: element.value.range.start) {
                    put(text)
                    continue
                }
                indent += 1
                newLine(at: element.value.range.start)
                put(element.isSpread ? "..." : "")
                write(element.value)
                indent -= 1
            } else {
                write(element.value)
            }
        }
    }

    private func commentsWait(before offset: Int) -> Bool {
        nextComment < comments.count && comments[nextComment].range.start < offset
    }

    /// A value behind a sign that may end its line; it does where a comment comes between.
    private mutating func writeAfterNewline(_ value: Expression) {
        guard commentsWait(before: value.range.start) else { return write(value) }
        while line.last == " " { line.removeLast() }
        indent += 1
        newLine(at: value.range.start)
        write(value)
        indent -= 1
    }

    private mutating func write(_ value: Expression) {
        if let text = flat(value), fits(text) { return put(text) }
        let range = value.range
        switch value.kind {
        case .none, .bool, .int, .float, .name, .string, .error: put(flat(value) ?? source.text(range))
        case .list(let elements):
            write(elements.map(item), "[", "]", from: range.start, to: range.end, hugsLast: elements.count == 1)
        case .comprehension(let element, let clauses): writeComprehension(element, clauses, range)
        case .record(let fields): writeFields(fields, from: range.start, to: range.end)
        case .lambda(let parameters, let body):
            var end = parameters.first?.range.end ?? range.start
            if let name = bareParameter(parameters, range) {
                put(name)
            } else {
                end = write(parameters, from: range.start)
            }
            write(body, " -> ", after: end)
        case .call(let callee, let arguments):
            write(callee)
            let last = arguments.last?.value
            write(arguments.map(item), "(", ")", from: callee.range.end, to: range.end, hugsLast: last.map(isSpreadable) ?? false)
        case .index(let base, let subscripts):
            write(base)
            write(subscripts.map(item), "[", "]", from: base.range.end, to: range.end)
        case .field(let base, let name):
            write(base)
            if commentsWait(before: name.range.start) {
                indent += 1
                newLine(at: name.range.start)
                indent -= 1
            }
            put("." + name.text)
        case .unary(let symbol, let operand):
            put(symbol == .not ? "not " : "-")
            if symbol == .not { writeAfterNewline(operand) } else { write(operand) }
        case .binary, .pipe: writeOperation(value)
        case .conditional(let branches, let otherwise):
            for (index, branch) in branches.enumerated() {
                put(index == 0 ? "if " : " else if ")
                write(branch.condition)
                put(" ")
                write(branch.block, after: branch.condition.range.end)
            }
            if let otherwise {
                put(" else ")
                let before = branches.last.map { closing($0.block, after: $0.condition.range.end) } ?? range.start
                write(otherwise, after: before)
            }
        case .with(let subject, let block):
            put("with ")
            write(subject)
            put(" ")
            write(block, after: subject.range.end)
        case .for(let names, let subject, let block):
            put("for " + names.map(\.text).joined(separator: ", ") + " in ")
            writeAfterNewline(subject)
            put(" ")
            write(block, after: subject.range.end)
        case .while(let condition, let block):
            put("while ")
            write(condition)
            put(" ")
            write(block, after: condition.range.end)
        case .model(let block):
            put("model ")
            write(block, after: range.start)
        case .parenthesized(let inner):
            put("(")
            if commentsWait(before: inner.range.start) {
                indent += 1
                newLine(at: inner.range.start)
                write(inner)
                indent -= 1
            } else {
                write(inner)
            }
            if hasComment(from: inner.range.end, to: range.end) { newLine(at: range.end) }
            put(")")
        }
    }

    /// The offset behind a block's closing brace.
    private func closing(_ block: Block, after offset: Int) -> Int {
        let start = opening(UInt8(ascii: "{"), from: offset)
        return opening(UInt8(ascii: "}"), from: block.last?.range.end ?? start) + 1
    }

    /// Whether a last argument may spread over lines while the others stay on the first.
    private func isSpreadable(_ value: Expression) -> Bool {
        switch value.kind {
        case .lambda(_, .block), .record, .list, .model, .conditional, .with: true
        default: false
        }
    }

    /// The parameter of `x -> …`, which was written without parentheses.
    private func bareParameter(_ parameters: [Parameter], _ range: SourceRange) -> String? {
        parameters.count == 1 && parameters[0].range.start == range.start && !parameters[0].isRest ? parameters[0].name.text : nil
    }

    private mutating func writeComprehension(_ element: Expression, _ clauses: [Clause], _ range: SourceRange) {
        put("[")
        indent += 1
        newLine(at: element.range.start)
        write(element)
        for clause in clauses {
            switch clause {
            case .each(let names, let subject):
                newLine(at: names.first?.range.start ?? subject.range.start)
                put("for " + names.map(\.text).joined(separator: ", ") + " in ")
                writeAfterNewline(subject)
            case .condition(let condition):
                newLine(at: condition.range.start)
                put("if ")
                write(condition)
            }
        }
        endLine()
        takeComments(before: range.end, keepsBlank: false)
        indent -= 1
        beginLine()
        put("]")
    }

    /// A chain of pipes, or of operators that bind alike: each operand on a line of its own.
    private mutating func writeOperation(_ value: Expression) {
        var operands: [(sign: String, value: Expression)] = []
        var left = value
        let precedence = self.precedence(value)
        while self.precedence(left) == precedence {
            if case .pipe(let next, let right) = left.kind {
                operands.append(("|>", right))
                left = next
            } else if case .binary(let symbol, let next, let right, _) = left.kind {
                operands.append((symbol.rawValue, right))
                left = next
                if symbol == .power { break }
            } else {
                break
            }
        }
        write(left)
        indent += 1
        for (sign, operand) in operands.reversed() {
            let text = flat(operand)
            let isPipe = sign == "|>"
            // An operator stays where what follows it spreads by itself.
            if !isPipe, operands.count == 1, text == nil || !fits(" \(sign) " + (text ?? "")), isSpreadable(operand) {
                put(" \(sign) ")
                indent -= 1
                writeAfterNewline(operand)
                indent += 1
                continue
            }
            if !isPipe { put(" " + sign) }
            newLine(at: operand.range.start)
            if isPipe { put("|> ") }
            write(operand)
        }
        indent -= 1
    }

    private func precedence(_ value: Expression) -> Int {
        switch value.kind {
        case .pipe: 0
        case .binary(let symbol, _, _, _):
            switch symbol {
            case .or: 1
            case .and: 2
            case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .in, .notIn: 3
            case .add, .subtract: 4
            case .multiply, .divide, .floorDivide, .modulo, .matmul: 5
            case .power: 6
            }
        default: -1
        }
    }

    // MARK: Items

    private func item(_ element: Element) -> Item {
        let mark = element.isSpread ? "..." : ""
        return Item(start: element.value.range.start, flat: flat(element.value).map { mark + $0 }) { printer in
            printer.put(mark)
            printer.write(element.value)
        }
    }

    private func item(_ argument: Argument) -> Item {
        let mark = argument.name.map { $0.text + " = " } ?? (argument.isSpread ? "..." : "")
        let start = argument.name?.range.start ?? argument.value.range.start
        return Item(start: start, flat: flat(argument.value).map { mark + $0 }) { printer in
            printer.put(mark)
            printer.writeAfterNewline(argument.value)
        }
    }

    private func item(_ subscript: Subscript) -> Item {
        let text = flat(`subscript`)
        let start =
            switch `subscript` {
            case .index(let value): value.range.start
            case .slice(_, _, _, let range), .ellipsis(let range): range.start
            }
        return Item(start: start, flat: text) { printer in
            switch `subscript` {
            case .index(let value): printer.write(value)
            case .ellipsis: printer.put("...")
            case .slice(let start, let stop, let step, _):
                if let start { printer.write(start) }
                printer.put(":")
                if let stop { printer.write(stop) }
                if let step {
                    printer.put(":")
                    printer.write(step)
                }
            }
        }
    }

    private func flat(_ subscript: Subscript) -> String? {
        switch `subscript` {
        case .index(let value): return flat(value)
        case .ellipsis: return "..."
        case .slice(let start, let stop, let step, _):
            let parts = [start, stop, step].map { $0.map { flat($0) } ?? "" }
            guard let first = parts[0], let second = parts[1], let third = parts[2] else { return nil }
            return first + ":" + second + (step == nil ? "" : ":" + third)
        }
    }

    // MARK: On one line

    /// The text of an expression on one line; `nil` where it cannot be: a comment in it, or a block of several lines.
    private func flat(_ value: Expression) -> String? {
        let range = value.range
        if hasComment(from: range.start, to: range.end) { return nil }
        switch value.kind {
        case .none: return "none"
        case .bool(let bool): return bool ? "true" : "false"
        case .int(let number): return number < 0 ? String(number) : source.text(range)
        case .float, .string, .error: return source.text(range)
        case .name(let name): return name
        case .list(let elements): return flat(elements.map(item), "[", "]")
        case .comprehension(let element, let clauses):
            guard var text = flat(element) else { return nil }
            for clause in clauses {
                switch clause {
                case .each(let names, let subject):
                    guard let part = flat(subject) else { return nil }
                    text += " for " + names.map(\.text).joined(separator: ", ") + " in " + part
                case .condition(let condition):
                    guard let part = flat(condition) else { return nil }
                    text += " if " + part
                }
            }
            return "[" + text + "]"
        case .record(let fields):
            let parts = fields.map { flat($0) }
            if parts.contains(where: { $0 == nil }) { return nil }
            return "{" + parts.compactMap { $0 }.joined(separator: ", ") + "}"
        case .lambda(let parameters, let body):
            guard let head = bareParameter(parameters, range) ?? flat(parameters) else { return nil }
            return flat(body, " -> ", after: parameters.last?.range.end ?? range.start).map { head + $0 }
        case .call(let callee, let arguments):
            guard let head = flat(callee) else { return nil }
            return flat(arguments.map(item), head + "(", ")")
        case .index(let base, let subscripts):
            guard let head = flat(base) else { return nil }
            return flat(subscripts.map(item), head + "[", "]")
        case .field(let base, let name): return flat(base).map { $0 + "." + name.text }
        case .unary(let symbol, let operand): return flat(operand).map { (symbol == .not ? "not " : "-") + $0 }
        case .binary(let symbol, let left, let right, _):
            guard let left = flat(left), let right = flat(right) else { return nil }
            return left + " " + symbol.rawValue + " " + right
        case .pipe(let left, let right):
            guard let left = flat(left), let right = flat(right) else { return nil }
            return left + " |> " + right
        case .conditional(let branches, let otherwise):
            var text = ""
            var end = range.start
            for (index, branch) in branches.enumerated() {
                guard let condition = flat(branch.condition) else { return nil }
                let after = branch.condition.range.end
                end = closing(branch.block, after: after)
                guard let block = flat(branch.block, from: opening(UInt8(ascii: "{"), from: after), to: end) else { return nil }
                text += (index == 0 ? "if " : " else if ") + condition + " " + block
            }
            guard let otherwise else { return text }
            return flat(.block(otherwise), " else ", after: end).map { text + $0 }
        case .with(let subject, let block):
            guard let head = flat(subject) else { return nil }
            return flat(.block(block), " ", after: subject.range.end).map { "with " + head + $0 }
        case .for(let names, let subject, let block):
            guard let head = flat(subject) else { return nil }
            return flat(.block(block), " ", after: subject.range.end).map {
                "for " + names.map(\.text).joined(separator: ", ") + " in " + head + $0
            }
        case .while(let condition, let block):
            guard let head = flat(condition) else { return nil }
            return flat(.block(block), " ", after: condition.range.end).map { "while " + head + $0 }
        case .model(let block): return flat(.block(block), " ", after: range.start).map { "model" + $0 }
        case .parenthesized(let inner): return flat(inner).map { "(" + $0 + ")" }
        }
    }
}
