/// The text of a piece of the tree on one line; `nil` where that cannot be: for a comment in it, or for lines that the
/// author has begun.
extension Printer {
    func flat(_ value: Expression) -> String? {
        let range = value.range
        if hasComment(from: range.start, to: range.end) { return nil }
        switch value.kind {
        case .none: return "none"
        case .bool(let bool): return bool ? "true" : "false"
        case .int(let number): return number < 0 ? String(number) : source.text(range)
        case .float, .error: return source.text(range)
        case .string: return verbatim(range)
        case .name(let name): return name
        case .list(let elements):
            if keepsRows(elements) { return nil }
            return flat(elements.map(item)).map { "[" + $0 + "]" }
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
        case .record(let fields): return flat(fields, in: range)
        case .lambda(let parameters, let body):
            let isBare = tokens[index(from: range.start)].kind == .name
            guard let head = isBare ? parameters.first?.name.text : flat(parameters) else { return nil }
            return flat(body, " -> ", after: parameters.last?.range.end ?? range.start).map { head + $0 }
        case .call(let callee, let arguments):
            guard let head = flat(callee), let inner = flat(arguments.map(item)) else { return nil }
            return head + "(" + inner + ")"
        case .index(let base, let subscripts):
            guard let head = flat(base), let inner = flat(subscripts.map(item)) else { return nil }
            return head + "[" + inner + "]"
        case .field(let base, let name):
            if breaksBeforeDot(value) { return nil }
            return flat(base).map { $0 + "." + name.text }
        case .unary(let symbol, let operand): return flat(operand).map { (symbol == .not ? "not " : "-") + $0 }
        case .binary(let symbol, let left, let right, _):
            guard let left = flat(left), let right = flat(right) else { return nil }
            return left + " " + symbol.rawValue + " " + right
        case .pipe(let left, let right):
            if hasNewline(from: left.range.end, to: right.range.start) { return nil }
            guard let left = flat(left), let right = flat(right) else { return nil }
            return left + " |> " + right
        case .conditional(let branches, let otherwise): return flat(branches, otherwise)
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

    /// A string as it is; line ends are those of the file that is written.
    func verbatim(_ range: SourceRange) -> String {
        guard source.utf8[range.start..<range.end].contains(0x0D) else { return source.text(range) }
        var bytes: [UInt8] = []
        for byte in source.utf8[range.start..<range.end] {
            if byte == 0x0A { while bytes.last == 0x0D { bytes.removeLast() } }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether a field's dot begins a line in the source.
    func breaksBeforeDot(_ value: Expression) -> Bool {
        guard case .field(let base, let name) = value.kind else { return false }
        return hasNewline(from: base.range.end, to: name.range.start)
    }

    private func flat(_ branches: [Expression.Branch], _ otherwise: Block?) -> String? {
        var text = ""
        var end = branches.first?.condition.range.start ?? 0
        for (index, branch) in branches.enumerated() {
            guard let condition = flat(branch.condition) else { return nil }
            let (opening, closing) = brackets(.openBrace, from: branch.condition.range.end)
            guard index == 0 || !hasNewline(from: end, to: branch.condition.range.start) else { return nil }
            guard let block = flat(branch.block, opening, closing) else { return nil }
            text += (index == 0 ? "if " : " else if ") + condition + " " + block
            end = closing.end
        }
        guard let otherwise else { return text }
        let (opening, closing) = brackets(.openBrace, from: end)
        guard !hasNewline(from: end, to: opening.start), let block = flat(otherwise, opening, closing) else { return nil }
        return text + " else " + block
    }

    // MARK: Lists

    func flat(_ items: [Item]) -> String? {
        var text = ""
        for (index, item) in items.enumerated() {
            guard let part = item.flat, index == 0 || !hasBlankLine(before: item.start) else { return nil }
            text += (index == 0 ? "" : ", ") + part
        }
        return text
    }

    func flat(_ parameters: [Parameter]) -> String? {
        let parts = parameters.map { flat($0) }
        if parts.contains(where: { $0 == nil }) { return nil }
        if parameters.dropFirst().contains(where: { hasBlankLine(before: $0.range.start) }) { return nil }
        return "(" + parts.compactMap { $0 }.joined(separator: ", ") + ")"
    }

    func flat(_ parameter: Parameter) -> String? {
        if hasComment(from: parameter.range.start, to: parameter.range.end) { return nil }
        let head = (parameter.isRest ? "..." : "") + parameter.name.text + (parameter.type.map { ": " + text($0) } ?? "")
        guard let value = parameter.defaultValue else { return head }
        return flat(value).map { head + " = " + $0 }
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

    func flat(_ subscript: Subscript) -> String? {
        switch `subscript` {
        case .index(let value): return flat(value)
        case .ellipsis: return "..."
        case .slice(let start, let stop, let step, _):
            let parts = [start, stop, step].map { $0.map { flat($0) } ?? "" }
            guard let first = parts[0], let second = parts[1], let third = parts[2] else { return nil }
            return first + ":" + second + (step == nil ? "" : ":" + third)
        }
    }

    /// A record stays over several lines if its first field begins one.
    private func flat(_ fields: [Field], in range: SourceRange) -> String? {
        guard let first = fields.first else { return "{}" }
        if hasNewline(from: range.start, to: start(first)) { return nil }
        let parts = fields.map { flat($0) }
        if parts.contains(where: { $0 == nil }) { return nil }
        if fields.dropFirst().contains(where: { hasBlankLine(before: start($0)) }) { return nil }
        return "{" + parts.compactMap { $0 }.joined(separator: ", ") + "}"
    }

    private func start(_ field: Field) -> Int {
        switch field {
        case .value(let name, _), .function(let name, _, _), .shorthand(let name): name.range.start
        case .spread(let value): spread(before: value)
        }
    }

    private func flat(_ field: Field) -> String? {
        switch field {
        case .value(let name, let value): return flat(value).map { name.text + " = " + $0 }
        case .function(let name, let parameters, let body):
            let closing = brackets(.openParenthesis, from: name.range.end).closing
            return flat(parameters).flatMap { head in flat(body, " = ", after: closing.end).map { name.text + head + $0 } }
        case .shorthand(let name): return name.text
        case .spread(let value): return flat(value).map { "..." + $0 }
        }
    }

    // MARK: Statements and blocks

    func flat(_ body: Body, _ sign: String, after offset: Int) -> String? {
        switch body {
        case .expression(let value): return flatList(value).map { sign + $0 }
        case .block(let block):
            let (opening, closing) = brackets(.openBrace, from: offset)
            return flat(block, opening, closing).map { (sign == " = " ? " " : sign) + $0 }
        }
    }

    func flat(_ block: Block, _ opening: Token, _ closing: Token) -> String? {
        if hasComment(from: opening.start, to: closing.start) { return nil }
        if block.isEmpty { return "{}" }
        if hasNewline(from: opening.end, to: closing.start) { return nil }
        var parts: [String] = []
        for statement in block {
            guard let text = flat(statement) else { return nil }
            parts.append(text)
        }
        return "{ " + parts.joined(separator: "; ") + " }"
    }

    private func flat(_ statement: Statement) -> String? {
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

    private func text(_ target: Target) -> String {
        switch target {
        case .name(let name): name.text
        case .list(let names): names.map(\.text).joined(separator: ", ")
        case .record(let names): "{" + names.map(\.text).joined(separator: ", ") + "}"
        }
    }

    /// A list that was written without brackets stays so.
    private func flatList(_ value: Expression) -> String? {
        guard let elements = bareElements(value) else { return flat(value) }
        return flat(elements.map(item))
    }

    func bareElements(_ value: Expression) -> [Element]? {
        guard case .list(let elements) = value.kind, let first = elements.first, !first.isSpread,
            first.value.range.start == value.range.start
        else { return nil }
        return elements
    }

    private func flat(_ declaration: Declaration) -> String? {
        guard case .body(let body) = declaration.content else { return nil }
        var text = "\(declaration.kind.rawValue) \(declaration.name.text)"
        var end = declaration.name.range.end
        for parameters in [declaration.parameters, declaration.inputs] {
            guard let parameters else { continue }
            guard let part = flat(parameters) else { return nil }
            text += part
            end = brackets(.openParenthesis, from: end).closing.end
        }
        if let result = declaration.result {
            text += " -> " + self.text(result)
            end = result.range.end
        }
        return flat(body, " = ", after: end).map { text + $0 }
    }
}
