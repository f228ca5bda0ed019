/// The structure of a tree as text, without ranges: equal texts are equal programs.
extension Script {
    public var dump: String { statements.map(Dump.text).joined(separator: "\n") }
}

enum Dump {
    static func text(_ statement: Statement) -> String {
        switch statement.kind {
        case .expression(let value): text(value)
        case .assign(let target, let value): "(= \(text(target)) \(text(value)))"
        case .update(let name, let symbol, let value, _): "(\(symbol.rawValue)= \(name.text) \(text(value)))"
        case .return(let value): "(return\(value.map { " " + text($0) } ?? ""))"
        case .break: "(break)"
        case .continue: "(continue)"
        case .declare(let declaration): text(declaration)
        case .option(let name, let type, let value, let words):
            "(option \(name.text)\(text(type)) \(text(value))\(documentation(words)))"
        case .import(let path, _, let alias):
            "(import \(path.debugDescription)\(alias.map { if case .name(let name) = $0 { " " + name.text } else { " *" } } ?? ""))"
        case .test(let name, _, let block): "(test \(name.debugDescription) \(text(block)))"
        case .expect(let condition, let message): "(expect \(text(condition))\(message.map { " " + text($0) } ?? ""))"
        case .error: "(error)"
        }
    }

    private static func text(_ block: Block) -> String { "{" + block.map(text).joined(separator: "; ") + "}" }

    private static func documentation(_ text: String?) -> String { text.map { " ##" + $0.debugDescription } ?? "" }

    private static func text(_ target: Target) -> String {
        switch target {
        case .name(let name): name.text
        case .list(let names): "[" + names.map(\.text).joined(separator: " ") + "]"
        case .record(let names): "{" + names.map(\.text).joined(separator: " ") + "}"
        }
    }

    private static func text(_ declaration: Declaration) -> String {
        var result = "(\(declaration.kind.rawValue) \(declaration.name.text)"
        if let parameters = declaration.parameters { result += " " + text(parameters) }
        if let inputs = declaration.inputs { result += " " + text(inputs) }
        result += text(declaration.result) + documentation(declaration.documentation) + " "
        switch declaration.content {
        case .body(let body): result += text(body)
        case .fields(let fields): result += text(fields)
        }
        return result + ")"
    }

    private static func text(_ parameters: [Parameter]) -> String {
        let parts = parameters.map { parameter in
            (parameter.isRest ? "..." : "") + parameter.name.text + text(parameter.type)
                + (parameter.defaultValue.map { " = " + text($0) } ?? "") + documentation(parameter.documentation)
        }
        return "(" + parts.joined(separator: ", ") + ")"
    }

    private static func text(_ type: TypeAnnotation?) -> String {
        guard let type else { return "" }
        let dimensions = type.dimensions.map { "\($0.map(text))" } ?? ""
        return ":" + type.name.text + dimensions + (type.isOptional ? "?" : "")
    }

    private static func text(_ dimension: TypeAnnotation.Dimension) -> String {
        switch dimension {
        case .number(let number): String(number)
        case .name(let name): name.text
        case .any: "_"
        case .ellipsis: "..."
        }
    }

    private static func text(_ body: Body) -> String {
        switch body {
        case .expression(let value): text(value)
        case .block(let block): text(block)
        }
    }

    private static func text(_ fields: [Field]) -> String {
        let parts = fields.map { field in
            switch field {
            case .value(let name, let value): "\(name.text) = \(text(value))"
            case .function(let name, let parameters, let body): "\(name.text)\(text(parameters)) \(text(body))"
            case .shorthand(let name): name.text
            case .spread(let value): "..." + text(value)
            }
        }
        return "{" + parts.joined(separator: ", ") + "}"
    }

    static func text(_ value: Expression) -> String {
        switch value.kind {
        case .none: "none"
        case .bool(let bool): String(bool)
        case .int(let number): String(number)
        case .float(let number): number.description
        case .name(let name): name
        case .string(let parts): "(string" + parts.map { " " + text($0) }.joined() + ")"
        case .list(let elements): "[" + elements.map { ($0.isSpread ? "..." : "") + text($0.value) }.joined(separator: ", ") + "]"
        case .comprehension(let element, let clauses): "[\(text(element))\(clauses.map(text).joined())]"
        case .record(let fields): text(fields)
        case .lambda(let parameters, let body): "(-> \(text(parameters)) \(text(body)))"
        case .call(let callee, let arguments):
            "(call \(text(callee))" + arguments.map { " " + ($0.isSpread ? "..." : "") + ($0.name.map { $0.text + "=" } ?? "") + text($0.value) }
                .joined() + ")"
        case .index(let base, let subscripts): "(index \(text(base))" + subscripts.map { " " + text($0) }.joined() + ")"
        case .field(let base, let name): "(. \(text(base)) \(name.text))"
        case .unary(let symbol, let operand): "(\(symbol.rawValue) \(text(operand)))"
        case .binary(let symbol, let left, let right, _): "(\(symbol.rawValue) \(text(left)) \(text(right)))"
        case .pipe(let left, let right): "(|> \(text(left)) \(text(right)))"
        case .conditional(let branches, let otherwise):
            "(if" + branches.map { " \(text($0.condition)) \(text($0.block))" }.joined()
                + (otherwise.map { " else \(text($0))" } ?? "") + ")"
        case .with(let subject, let block): "(with \(text(subject)) \(text(block)))"
        case .for(let names, let subject, let block):
            "(for \(names.map(\.text).joined(separator: ",")) \(text(subject)) \(text(block)))"
        case .while(let condition, let block): "(while \(text(condition)) \(text(block)))"
        case .model(let block): "(model \(text(block)))"
        case .parenthesized(let inner): "(paren \(text(inner)))"
        case .error: "(error)"
        }
    }

    private static func text(_ part: StringPart) -> String {
        switch part {
        case .text(let text): text.debugDescription
        case .interpolation(let value, let format): "{\(text(value))\(format.map { ":" + $0 } ?? "")}"
        }
    }

    private static func text(_ clause: Clause) -> String {
        switch clause {
        case .each(let names, let subject): " for \(names.map(\.text).joined(separator: ",")) in \(text(subject))"
        case .condition(let condition): " if " + text(condition)
        }
    }

    private static func text(_ subscript: Subscript) -> String {
        switch `subscript` {
        case .index(let value): text(value)
        case .ellipsis: "..."
        case .slice(let start, let stop, let step, _):
            [start, stop, step].map { $0.map(text) ?? "" }.joined(separator: ":")
        }
    }
}
