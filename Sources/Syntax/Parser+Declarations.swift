/// Declarations, their parameters, types and documentation.
extension Parser {
    mutating func declaration(_ kind: Declaration.Kind) throws(Failure) -> Declaration {
        let start = position
        var documentation = precedingDocumentation(start)
        advance()
        if kind == .fn, self.kind == .openParenthesis {
            throw expected("the function's name", mend: "a function without a name is written `(a, b) -> …`")
        }
        let name = try name(kind == .fn ? "a function" : kind == .estimator ? "an estimator" : "a \(kind.rawValue)")
        var first: [Parameter]?
        var second: [Parameter]?
        var result: TypeAnnotation?
        if self.kind == .openParenthesis { first = try parameters() }
        if first != nil, kind == .layer || kind == .model, self.kind == .openParenthesis { second = try parameters() }
        switch kind {
        case .fn where first == nil: throw expected("`(` and the function's parameters")
        case .layer where first == nil: throw expected("`(` and the layer's configuration")
        case .layer where second == nil: throw fail(.layerNeedsTwoLists(name, at: name.range))
        default: break
        }
        if kind == .fn || second != nil, accept(.arrow) { result = try typeAnnotation() }
        if documentation == nil { documentation = headDocumentation() }
        let content: Declaration.Content
        if kind == .estimator {
            content = .fields(try estimatorFields())
        } else {
            content = .body(try body(isStack: kind == .model && second == nil))
        }
        documentation = documentation ?? trailingDocumentation()
        return Declaration(
            kind: kind, name: name, parameters: first, inputs: second, result: result, content: content,
            documentation: documentation)
    }

    /// A function's body, or a model's stack of layers.
    private mutating func body(isStack: Bool) throws(Failure) -> Body {
        let flags = context
        context.isTopLevel = false
        context.isInLoop = false
        context.isInFunction = !isStack
        let body: Body
        if !isStack, accept(.equal) {
            body = .expression(try valueList())
        } else {
            body = .block(try block(after: isStack ? "the model's name" : "the parameters"))
        }
        context.isTopLevel = flags.isTopLevel
        context.isInLoop = flags.isInLoop
        context.isInFunction = flags.isInFunction
        return body
    }

    private mutating func estimatorFields() throws(Failure) -> [Field] {
        guard kind == .openBrace else {
            throw fail(.expectedBlock(after: "the estimator's name", found: found, at: here, mend: nil))
        }
        let flags = context
        context.isTopLevel = false
        let fields = try self.fields()
        context.isTopLevel = flags.isTopLevel
        return fields
    }

    /// `model { … }` as an expression.
    mutating func modelExpression() throws(Failure) -> Expression {
        let start = position
        advance()
        guard case .block(let block) = try body(isStack: true) else { throw expected("`{`") }
        return Expression(.model(block), range(from: start))
    }

    // MARK: Parameters

    /// `(a, b: int = 3, ...rest)`
    mutating func parameters() throws(Failure) -> [Parameter] {
        let opening = position
        let wasInHead = context.isInHead
        context.isInHead = false
        advance()
        var parameters: [Parameter] = []
        while kind != .closeParenthesis {
            if let last = parameters.last, last.isRest { report(.restParameter(last.range, hasDefault: false)) }
            var parameter = try parameter()
            parameter.documentation = parameter.documentation ?? trailingDocumentation()
            if kind != .closeParenthesis {
                guard accept(.comma) else { throw expected("`,` or `)`", opened: tokenRange(opening)) }
            }
            parameter.documentation = parameter.documentation ?? trailingDocumentation()
            parameters.append(parameter)
        }
        advance()
        context.isInHead = wasInHead
        checkRepeats(parameters.map(\.name), "the parameter")
        return parameters
    }

    private mutating func parameter() throws(Failure) -> Parameter {
        let start = position
        let documentation = precedingDocumentation(start)
        let isRest = accept(.ellipsis)
        let name = try name("a parameter")
        let type: TypeAnnotation? = accept(.colon) ? try typeAnnotation() : nil
        var value: Expression?
        if accept(.equal) {
            value = try expression()
            if isRest { report(.restParameter(range(from: start), hasDefault: true)) }
        }
        return Parameter(
            name: name, type: type, defaultValue: value, isRest: isRest, documentation: documentation,
            range: range(from: start))
    }

    /// `int?`, `f32[batch, 28, _, ...]`
    mutating func typeAnnotation() throws(Failure) -> TypeAnnotation {
        let start = position
        guard kind == .name || kind == .fn else { throw expected("a type") }
        let name = Name(text(start), here)
        advance()
        var dimensions: [TypeAnnotation.Dimension]?
        if kind == .openBracket {
            let opening = position
            advance()
            var list: [TypeAnnotation.Dimension] = []
            while kind != .closeBracket {
                list.append(try dimension())
                if !accept(.comma) { break }
            }
            try close(.closeBracket, "`,` or `]`", opening: opening)
            dimensions = list
        }
        let isOptional = accept(.question)
        return TypeAnnotation(name: name, dimensions: dimensions, isOptional: isOptional, range: range(from: start))
    }

    private mutating func dimension() throws(Failure) -> TypeAnnotation.Dimension {
        let start = position
        switch kind {
        case .int:
            advance()
            return .number(ints[tokens[start].payload])
        case .ellipsis:
            advance()
            return .ellipsis
        case .name:
            advance()
            let name = Name(text(start), tokenRange(start))
            return name.text == "_" ? .any : .name(name)
        default: throw expected("a dimension: a number, a name, `_` or `...`")
        }
    }

    // MARK: Documentation

    /// The index of the first comment that begins at or behind an offset.
    private func firstComment(from offset: Int) -> Int {
        var low = 0
        var high = comments.count
        while low < high {
            let middle = (low + high) / 2
            if comments[middle].range.start < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether only blanks and a single newline lie between two offsets.
    private func isAdjacent(_ start: Int, _ end: Int) -> Bool {
        var newlines = 0
        for byte in source.utf8[start..<end] {
            if byte == 0x0A { newlines += 1 } else if byte != 0x20, byte != 0x09, byte != 0x0D, byte != UInt8(ascii: ";") { return false }
        }
        return newlines == 1
    }

    /// The `##` lines right above a token.
    func precedingDocumentation(_ token: Int) -> String? {
        var end = tokens[token].start
        var index = firstComment(from: end)
        var lines: [String] = []
        while index > 0 {
            let comment = comments[index - 1]
            guard comment.isDocumentation, !comment.isTrailing, isAdjacent(comment.range.end, end) else { break }
            lines.append(comment.text)
            end = comment.range.start
            index -= 1
        }
        return lines.isEmpty ? nil : lines.reversed().joined(separator: "\n")
    }

    /// The `##` behind the last token read, on its line.
    func trailingDocumentation() -> String? {
        let index = firstComment(from: lastEnd)
        guard index < comments.count else { return nil }
        let comment = comments[index]
        guard comment.isDocumentation, comment.isTrailing else { return nil }
        let between = source.utf8[lastEnd..<comment.range.start]
        return between.allSatisfy { Lexer.isBlank($0) || $0 == UInt8(ascii: ";") } ? comment.text : nil
    }

    /// The `##` behind the `{` that the parser stands at, on its line.
    private func headDocumentation() -> String? {
        guard kind == .openBrace else { return nil }
        let index = firstComment(from: tokens[position].end)
        guard index < comments.count, comments[index].isDocumentation, comments[index].isTrailing else { return nil }
        let between = source.utf8[tokens[position].end..<comments[index].range.start]
        return between.allSatisfy(Lexer.isBlank) ? comments[index].text : nil
    }

}
