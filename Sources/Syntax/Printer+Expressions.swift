/// Expressions: flat where they fit, else broken at their outermost joints.
extension Printer {
    /// The value behind `=` or `return`, where a list may stand without brackets.
    mutating func writeList(_ value: Expression) {
        guard let elements = bareElements(value) else { return writeAfterNewline(value) }
        for (index, element) in elements.enumerated() {
            guard index > 0 else {
                write(element.value)
                continue
            }
            put(",")
            if let text = flat(element.value), fits(" " + text), !commentsWait(before: element.value.range.start) {
                put(" " + text)
            } else {
                indent += 1
                newLine(at: element.value.range.start)
                write(element.value)
                indent -= 1
            }
        }
    }

    func commentsWait(before offset: Int) -> Bool {
        nextComment < comments.count && comments[nextComment].range.start < offset
    }

    /// A value behind a sign that may end its line; it does where a comment comes between.
    mutating func writeAfterNewline(_ value: Expression) {
        guard commentsWait(before: value.range.start) else { return write(value) }
        while line.last == " " { line.removeLast() }
        indent += 1
        newLine(at: value.range.start)
        write(value)
        indent -= 1
    }

    mutating func write(_ value: Expression) {
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
    func closing(_ block: Block, after offset: Int) -> Int {
        let start = opening(UInt8(ascii: "{"), from: offset)
        return behind(opening(UInt8(ascii: "}"), from: block.last?.range.end ?? start))
    }

    /// Whether a last argument may spread over lines while the others stay on the first.
    func isSpreadable(_ value: Expression) -> Bool {
        switch value.kind {
        case .lambda(_, .block), .record, .list, .model, .conditional, .with: true
        default: false
        }
    }

    /// The parameter of `x -> …`, which was written without parentheses.
    func bareParameter(_ parameters: [Parameter], _ range: SourceRange) -> String? {
        parameters.count == 1 && parameters[0].range.start == range.start && !parameters[0].isRest ? parameters[0].name.text : nil
    }

    mutating func writeComprehension(_ element: Expression, _ clauses: [Clause], _ range: SourceRange) {
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
    mutating func writeOperation(_ value: Expression) {
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

    func precedence(_ value: Expression) -> Int {
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

    func item(_ element: Element) -> Item {
        let mark = element.isSpread ? "..." : ""
        return Item(start: element.value.range.start, flat: flat(element.value).map { mark + $0 }) { printer in
            printer.put(mark)
            printer.write(element.value)
        }
    }

    func item(_ argument: Argument) -> Item {
        let mark = argument.name.map { $0.text + " = " } ?? (argument.isSpread ? "..." : "")
        let start = argument.name?.range.start ?? argument.value.range.start
        return Item(start: start, flat: flat(argument.value).map { mark + $0 }) { printer in
            printer.put(mark)
            printer.writeAfterNewline(argument.value)
        }
    }

    func item(_ subscript: Subscript) -> Item {
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

    // MARK: On one line

    /// The text of an expression on one line; `nil` where it cannot be: a comment in it, or a block of several lines.
    func flat(_ value: Expression) -> String? {
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
