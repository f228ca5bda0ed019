/// Statements, declarations and blocks.
extension Printer {
    mutating func writeScript(_ statements: [Statement]) {
        for statement in statements {
            newLine()
            trail = 0
            write(statement)
        }
        newLine(keepsBlank: false)
    }

    mutating func write(_ statement: Statement) {
        switch statement.kind {
        case .expression(let value): write(value)
        case .assign(let target, let value):
            write(target)
            sign()
            writeList(value)
        case .update(_, _, let value, _):
            token()
            sign()
            writeBehindSign(value)
        case .return(let value):
            token()
            if let value {
                gap()
                writeList(value)
            }
        case .break, .continue: token()
        case .declare(let declaration): write(declaration)
        case .option(_, let type, let value, _):
            token()
            gap()
            token()
            write(type, then: 0)
            sign()
            writeList(value)
        case .import(_, let path, let alias):
            token()
            gap()
            put(verbatim(path), until: path.end)
            guard alias != nil else { return }
            gap()
            token()
            gap()
            token()
        case .test(_, let name, let block):
            token()
            gap()
            put(verbatim(name), until: name.end)
            gap()
            write(block)
        case .expect(let condition, let message):
            token()
            gap()
            if message != nil { trailing(1) { $0.write(condition) } } else { write(condition) }
            guard let message else { return }
            comma()
            gap()
            writeBehindSign(message)
        case .error: tokens(until: statement.range.end)
        }
    }

    /// Writes `=`, `+=` or `->` with blanks around it.
    mutating func sign() {
        gap()
        token()
        gap()
    }

    private mutating func write(_ target: Target) {
        switch target {
        case .name: token()
        case .list(let names): write(names: names.count)
        case .record(let names):
            token()
            write(names: names.count)
            skipComma()
            token()
        }
    }

    /// Names with commas between them.
    mutating func write(names count: Int) {
        for index in 0..<count {
            if index > 0 {
                comma()
                gap()
            }
            token()
        }
    }

    // MARK: Declarations

    private mutating func write(_ declaration: Declaration) {
        token()
        gap()
        token()
        // What stands behind the parameters on their last line has to fit too.
        let tail = 2 + (declaration.result.map { 4 + text($0).unicodeScalars.count } ?? 0)
        if let parameters = declaration.parameters {
            trailing(declaration.inputs == nil ? tail : 1) { $0.write(parameters) }
        }
        if let inputs = declaration.inputs { trailing(tail) { $0.write(inputs) } }
        if let result = declaration.result {
            sign()
            write(type: result)
        }
        gap()
        switch declaration.content {
        case .fields(let fields): writeFields(fields)
        case .body(let body): write(body)
        }
    }

    /// A body behind its head: a block, or `=` and an expression, which goes to the next line if it fits there whole.
    mutating func write(_ body: Body) {
        switch body {
        case .block(let block): write(block)
        case .expression(let value):
            token()
            gap()
            if bareElements(value) == nil, let text = flat(value), !fits(text), !isSpreadable(value), !commentsWait(before: value.range.start),
                fitsBelow(text)
            {
                indent += 1
                newLine(keepsBlank: false)
                write(value)
                indent -= 1
            } else {
                writeList(value)
            }
        }
    }

    /// Whether a text fits on a line of its own, a step further right.
    func fitsBelow(_ text: String) -> Bool {
        (indent + 1) * 4 + text.unicodeScalars.count + trail <= Self.width && !text.utf8.contains(0x0A)
    }

    mutating func write(_ parameters: [Parameter]) {
        let isBare = upcoming.kind == .name
        if isBare { return token() }
        let items = parameters.map { parameter in
            Item(start: parameter.range.start, flat: flat(parameter)) { printer in
                if parameter.isRest { printer.token() }
                printer.token()
                printer.write(parameter.type, then: parameter.defaultValue == nil ? 0 : 3)
                if let value = parameter.defaultValue {
                    printer.sign()
                    printer.writeBehindSign(value)
                }
            }
        }
        write(items)
    }

    /// `: type`, if there is one.
    private mutating func write(_ type: TypeAnnotation?, then columns: Int) {
        guard let type else { return }
        token()
        gap()
        trailing(columns) { $0.write(type: type) }
    }

    private mutating func write(type: TypeAnnotation) {
        if hasComment(from: type.range.start, to: type.range.end) { tokens(until: type.range.end) } else { put(text(type), until: type.range.end) }
    }

    // MARK: Blocks

    /// A block whose brace is next. One that was written on one line stays there if it fits.
    mutating func write(_ block: Block) {
        let (opening, closing) = brackets(.openBrace, from: upcoming.start)
        if let text = flat(block, opening, closing), fits(text) { put(text, until: closing.end) } else { writeLines(block) }
    }

    /// A block whose brace is next, a line for each statement.
    mutating func writeLines(_ block: Block) {
        token()
        indented { printer in
            for statement in block {
                printer.newLine()
                printer.trail = 0
                printer.write(statement)
            }
        }
        token()
    }
}
