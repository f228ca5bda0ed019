/// Expressions that do not fit on the line, broken at their outermost joints.
extension Printer {
    /// The value behind `=` or `return`, where a list may stand without brackets.
    mutating func writeList(_ value: Expression) {
        guard let elements = bareElements(value) else { return writeBehindSign(value) }
        for (index, element) in elements.enumerated() {
            let isLast = index == elements.count - 1
            if index == 0 {
                trailing(1) { $0.writeBehindSign(element.value) }
                continue
            }
            comma()
            gap()
            if let text = flat(element.value), fits(text + (isLast ? "" : ",")), !commentsWait(before: element.value.range.start) {
                put(text, until: element.value.range.end)
            } else {
                indent += 1
                newLine()
                trailing(isLast ? 0 : 1) { $0.write(element.value) }
                indent -= 1
            }
        }
    }

    /// A value behind a sign that may end its line; it does where a comment comes between.
    mutating func writeBehindSign(_ value: Expression) {
        guard commentsWait(before: value.range.start) else { return write(value) }
        indent += 1
        newLine()
        write(value)
        indent -= 1
    }

    mutating func write(_ value: Expression) {
        if let text = flat(value), fits(text) { return put(text, until: value.range.end) }
        switch value.kind {
        case .string: put(verbatim(value.range), until: value.range.end)
        case .none, .bool, .int, .float, .name, .error: tokens(until: value.range.end)
        case .list(let elements):
            write(elements.map(item), hug: elements.count == 1 && isSpreadable(elements[0].value) ? .last : .never, keepsRows: keepsRows(elements))
        case .comprehension(let element, let clauses): writeComprehension(element, clauses)
        case .record(let fields): writeFields(fields)
        case .lambda(let parameters, let body):
            write(parameters)
            sign()
            switch body {
            case .expression(let value): writeBehindSign(value)
            case .block(let block): write(block)
            }
        case .call, .index, .field: writeChain(value)
        case .unary(let symbol, let operand):
            token()
            if symbol == .not {
                gap()
                writeBehindSign(operand)
            } else {
                write(operand)
            }
        case .binary: writeOperation(value)
        case .pipe: writePipe(value)
        case .conditional(let branches, let otherwise): writeConditional(branches, otherwise)
        case .with(let subject, let block):
            token()
            writeHead(subject, block)
        case .for(let names, let subject, let block):
            token()
            gap()
            write(names: names.count)
            gap()
            token()
            writeHead(subject, block)
        case .while(let condition, let block):
            token()
            writeHead(condition, block)
        case .model(let block):
            token()
            gap()
            write(block)
        case .parenthesized(let inner):
            token()
            if commentsWait(before: inner.range.start) || hasComment(from: inner.range.end, to: value.range.end) {
                indented { printer in
                    printer.newLine()
                    printer.write(inner)
                }
            } else {
                trailing(1) { $0.write(inner) }
            }
            token()
        }
    }

    /// A head's value and the block behind it.
    private mutating func writeHead(_ subject: Expression, _ block: Block) {
        gap()
        trailing(2) { $0.writeBehindSign(subject) }
        gap()
        write(block)
    }

    /// Whether a value that ends a line's head may spread over lines while the head stays.
    func isSpreadable(_ value: Expression) -> Bool {
        switch value.kind {
        case .lambda(_, .block), .record, .list, .comprehension, .model, .with: true
        case .lambda(_, .expression(let body)): isSpreadable(body)
        case .string: hasNewline(from: value.range.start, to: value.range.end)
        default: false
        }
    }

    private func holdsBlock(_ value: Expression) -> Bool {
        switch value.kind {
        case .lambda(_, .block), .model, .with: true
        case .lambda(_, .expression(let body)): holdsBlock(body)
        case .string: hasNewline(from: value.range.start, to: value.range.end)
        // One that is too long for a line will have lines of its own.
        case .record: hasNewline(from: value.range.start, to: value.range.end) || !(flat(value).map { fitsBelow($0 + ",") } ?? false)
        default: false
        }
    }

    /// Rows: a list of lists that was written over several lines.
    func keepsRows(_ elements: [Element]) -> Bool {
        elements.allSatisfy { if case .list = $0.value.kind { true } else { false } }
            && zip(elements, elements.dropFirst()).contains { hasNewline(from: $0.value.range.end, to: $1.value.range.start) }
    }

    // MARK: Choices

    /// `if … { … } else if … { … } else { … }`: with every block on its line, each branch begins one; else all are broken.
    private mutating func writeConditional(_ branches: [Expression.Branch], _ otherwise: Block?) {
        let blocks = branches.map(\.block) + (otherwise.map { [$0] } ?? [])
        // Behind `x = ` the branches stand a step further right.
        let step = isAtLineStart ? 0 : 1
        let isShort = linesFit(branches, otherwise, indent: indent + step)
        if isShort { indent += step }
        for index in blocks.indices {
            if index > 0 {
                // The comments before `else` keep it on a line of its own.
                if isShort || commentsWait(before: upcoming.start) { newLine(keepsBlank: false) } else { gap() }
                token()
                gap()
            }
            if index < branches.count {
                token()
                gap()
                trailing(2) { $0.write(branches[index].condition) }
                gap()
            }
            if isShort { write(blocks[index]) } else { writeBroken(blocks[index]) }
        }
        if isShort { indent -= step }
    }

    /// Whether each branch of a choice is a line by itself.
    private func linesFit(_ branches: [Expression.Branch], _ otherwise: Block?, indent: Int) -> Bool {
        guard otherwise != nil || branches.count > 1 else { return false }
        func fits(_ head: String, _ block: Block, after offset: Int) -> Bool {
            let (opening, closing) = brackets(.openBrace, from: offset)
            guard !block.isEmpty, let text = flat(block, opening, closing) else { return false }
            if head.hasPrefix("if ") { return self.fits(head + text) }
            return indent * 4 + head.unicodeScalars.count + text.unicodeScalars.count + trail <= Self.width && !text.utf8.contains(0x0A)
        }
        var end = 0
        for (index, branch) in branches.enumerated() {
            guard let condition = flat(branch.condition) else { return false }
            guard fits((index == 0 ? "if " : "else if ") + condition + " ", branch.block, after: branch.condition.range.end) else { return false }
            end = brackets(.openBrace, from: branch.condition.range.end).closing.end
        }
        return otherwise.map { fits("else ", $0, after: end) } ?? true
    }

    private mutating func writeBroken(_ block: Block) {
        if block.isEmpty { write(block) } else { writeLines(block) }
    }

    // MARK: Comprehensions

    private mutating func writeComprehension(_ element: Expression, _ clauses: [Clause]) {
        token()
        indented { printer in
            printer.newLine()
            printer.write(element)
            for clause in clauses {
                printer.newLine()
                printer.token()
                printer.gap()
                switch clause {
                case .each(let names, let subject):
                    printer.write(names: names.count)
                    printer.gap()
                    printer.token()
                    printer.gap()
                    printer.writeBehindSign(subject)
                case .condition(let condition): printer.write(condition)
                }
            }
        }
        token()
    }

    // MARK: Operators

    /// Operators that bind alike: each operand on a line of its own.
    private mutating func writeOperation(_ value: Expression) {
        var operands: [(symbol: BinaryOperator, value: Expression)] = []
        var left = value
        let precedence = self.precedence(value)
        while self.precedence(left) == precedence, case .binary(let symbol, let next, let right, _) = left.kind {
            operands.append((symbol, right))
            left = next
            if symbol == .power { break }
        }
        operands.reverse()
        let start = place
        trailing(1 + operands[0].symbol.rawValue.utf8.count) { $0.write(left) }
        let isShort = place.line == start.line && place.column - start.column <= 16
        indent += 1
        for (index, operand) in operands.enumerated() {
            let follows = index + 1 < operands.count ? 1 + operands[index + 1].symbol.rawValue.utf8.count : 0
            gap()
            token()
            if operand.symbol == .notIn {
                gap()
                token()
            }
            gap()
            // The operand stays where it spreads by itself.
            if operands.count == 1, isSpreadable(operand.value) || staysBehind(operand.value, isShort: isShort) {
                indent -= 1
                writeBehindSign(operand.value)
                indent += 1
            } else {
                newLine(keepsBlank: false)
                trailing(follows) { $0.write(operand.value) }
            }
        }
        indent -= 1
    }

    /// A call stays behind something short, or if it has to be broken anyway.
    private func staysBehind(_ call: Expression, isShort: Bool) -> Bool {
        guard case .call = call.kind, let callee = flat(call.callee), fits(callee + "(") else { return false }
        return isShort || !(flat(call).map { fitsBelow($0) } ?? false)
    }

    private func isCall(_ value: Expression) -> Bool { if case .call = value.kind { true } else { false } }

    func precedence(_ value: Expression) -> Int {
        guard case .binary(let symbol, _, _, _) = value.kind else { return -1 }
        switch symbol {
        case .or: return 1
        case .and: return 2
        case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .in, .notIn: return 3
        case .add, .subtract: return 4
        case .multiply, .divide, .floorDivide, .modulo, .matmul: return 5
        case .power: return 6
        }
    }

    /// A chain of pipes: broken where the source is, else before each.
    private mutating func writePipe(_ value: Expression) {
        var stages: [(value: Expression, breaks: Bool)] = []
        var left = value
        while case .pipe(let next, let right) = left.kind {
            stages.append((right, hasNewline(from: next.range.end, to: right.range.start)))
            left = next
        }
        stages.reverse()
        let isKept = stages.contains(where: \.breaks)
        write(left)
        indent += 1
        for stage in stages {
            let text = flat(stage.value)
            if stage.breaks || !isKept || !(text.map { fits(" |> " + $0) } ?? false) { newLine(keepsBlank: false) }
            sign()
            writeBehindSign(stage.value)
        }
        indent -= 1
    }

    // MARK: Calls, indices, fields

    /// A chain of calls, indices and fields: broken before the dots where the source is, or before each call of several
    /// where it is too long.
    private mutating func writeChain(_ value: Expression) {
        var links: [Expression] = []
        var base = value
        while true {
            switch base.kind {
            case .call(let inner, _), .index(let inner, _), .field(let inner, _):
                links.append(base)
                base = inner
                continue
            default: break
            }
            break
        }
        links.reverse()
        /// The calls with a dot before them, the first one behind a plain name not among them.
        var calls = Set(links.indices.filter { index in
            if case .field = links[index].kind, index + 1 < links.count, case .call = links[index + 1].kind { true } else { false }
        })
        if case .name = base.kind { calls.remove(0) }
        let isKept = links.contains { breaksBeforeDot($0) }
        let breaksAll = !isKept && calls.count > 1 && !fits(flat(links[links.count - 1].callee) ?? String(repeating: "x", count: Self.width))
        trailing(1) { $0.write(base) }
        var isBroken = false
        for (index, link) in links.enumerated() {
            switch link.kind {
            case .field:
                if breaksBeforeDot(link) || breaksAll && calls.contains(index) {
                    if !isBroken { indent += 1 }
                    isBroken = true
                    newLine(keepsBlank: false)
                }
                token()
                token()
            case .call(_, let arguments):
                write(arguments.map(item), hug: hug(arguments))
            case .index(_, let subscripts): write(subscripts.map(item))
            default: break
            }
        }
        if isBroken { indent -= 1 }
    }

    /// Which argument spreads, and when: the one that holds lines of its own rather than the others leave the first line.
    private func hug(_ arguments: [Argument]) -> Hug {
        guard let last = arguments.last?.value else { return .never }
        let torn = arguments.indices.filter { !(flat(arguments[$0].value).map { fitsBelow($0 + ",") } ?? false) }
        let end = arguments.count - 1
        if torn.count == 1, torn[0] == 0 || torn[0] == end, holdsBlock(arguments[torn[0]].value) { return .first(torn[0]) }
        if torn.isEmpty, holdsBlock(last) { return .first(end) }
        if arguments.count == 1 { return isSpreadable(last) || isCall(last) ? .last : .never }
        return isSpreadable(last) && arguments[end].name == nil ? .last : .never
    }

    /// What stays on the line of a value that spreads; `nil` when that is no line.
    private func lead(_ value: Expression) -> String? {
        switch value.kind {
        case .lambda(let parameters, let body):
            let isBare = tokens[index(from: value.range.start)].kind == .name
            guard let head = isBare ? parameters.first?.name.text : flat(parameters) else { return nil }
            if case .expression(let inner) = body { return lead(inner).map { head + " -> " + $0 } }
            return head + " -> {"
        case .call(let callee, _): return flat(callee).map { $0 + "(" }
        case .model: return "model {"
        case .with(let subject, _): return flat(subject).map { "with " + $0 + " {" }
        case .string: return verbatim(value.range).split(separator: "\n", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        default: return "["
        }
    }

    // MARK: Items

    func item(_ element: Element) -> Item {
        Item(start: element.start(self), flat: flat(element.value).map { (element.isSpread ? "..." : "") + $0 }, isShort: isShort(element.value), lead: lead(element.value)) { printer in
            if element.isSpread { printer.token() }
            printer.write(element.value)
        }
    }

    func item(_ argument: Argument) -> Item {
        let mark = argument.name.map { $0.text + " = " } ?? (argument.isSpread ? "..." : "")
        let start = argument.name?.range.start ?? (argument.isSpread ? spread(before: argument.value) : argument.value.range.start)
        return Item(start: start, flat: flat(argument.value).map { mark + $0 }, isShort: argument.name == nil && isShort(argument.value), isWhole: isWhole(argument.value), lead: lead(argument.value).map { mark + $0 }) { printer in
            if argument.name != nil {
                printer.token()
                printer.sign()
            } else if argument.isSpread {
                printer.token()
            }
            printer.writeBehindSign(argument.value)
        }
    }

    func item(_ subscript: Subscript) -> Item {
        let start =
            switch `subscript` {
            case .index(let value): value.range.start
            case .slice(_, _, _, let range), .ellipsis(let range): range.start
            }
        return Item(start: start, flat: flat(`subscript`)) { printer in
            switch `subscript` {
            case .index(let value): printer.write(value)
            case .ellipsis: printer.token()
            case .slice(let start, let stop, let step, let range):
                if let start { printer.write(start) }
                printer.token()
                if let stop { printer.write(stop) }
                if printer.upcoming.start < range.end, printer.tokens[printer.next].kind == .colon {
                    if step == nil { printer.skipToken() } else { printer.token() }
                }
                if let step { printer.write(step) }
            }
        }
    }

    /// Where the `...` before a value begins.
    func spread(before value: Expression) -> Int { tokens[max(index(from: value.range.start) - 1, 0)].start }

    private func isWhole(_ value: Expression) -> Bool {
        switch value.kind {
        case .none, .bool, .int, .float, .name, .string: true
        default: false
        }
    }

    /// Numbers and plain words, of which a line holds many.
    private func isShort(_ value: Expression) -> Bool {
        switch value.kind {
        case .none, .bool, .int, .float: true
        case .string: value.range.end - value.range.start <= 24 && !hasNewline(from: value.range.start, to: value.range.end)
        case .unary(.negate, let operand): isShort(operand)
        default: false
        }
    }
}

extension Expression {
    /// What a call calls; any other expression itself.
    fileprivate var callee: Expression { if case .call(let callee, _) = kind { callee } else { self } }
}

extension Element {
    fileprivate func start(_ printer: Printer) -> Int { isSpread ? printer.spread(before: value) : value.range.start }
}
