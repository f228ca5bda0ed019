/// Statements and blocks.
extension Parser {
    mutating func statement() throws(Failure) -> Statement {
        let start = position
        let kind = try statementKind()
        return Statement(kind, range(from: start))
    }

    private mutating func statementKind() throws(Failure) -> Statement.Kind {
        switch kind {
        case .fn: return .declare(try declaration(.fn))
        case .for, .while: return .expression(try loop())
        case .return: return try returnStatement()
        case .break, .continue: return leaveLoop()
        case .else: throw fail(.strayElse(here))
        case .name: return try nameStatement()
        default: return try expressionStatement()
        }
    }

    // MARK: Statements that begin with a name

    private mutating func nameStatement() throws(Failure) -> Statement.Kind {
        let next = peek()
        if next == .equal { return try assignment() }
        if let update = next.updateOperator { return try updateStatement(update) }
        if next == .comma, let targets = targetList() { return try listAssignment(targets) }
        if let contextual = try contextualStatement(next) { return contextual }
        return try expressionStatement()
    }

    private mutating func assignment() throws(Failure) -> Statement.Kind {
        let target = try name("a value")
        advance()
        if kind == .name, peek() == .equal, source.line(at: lastEnd) < source.line(at: here.start) {
            throw fail(.expectedValue(found: "the end of the line", at: SourceRange(source, lastEnd, lastEnd)))
        }
        return .assign(.name(target), try valueList())
    }

    private mutating func updateStatement(_ update: BinaryOperator) throws(Failure) -> Statement.Kind {
        let target = try name("a value")
        let operatorRange = here
        advance()
        let value = try expression()
        if kind == .equal { throw fail(.assignmentAsValue(at: here, isChain: true)) }
        return .update(target, update, value, operatorRange: operatorRange)
    }

    /// The number of names in `a, b =`, or `nil` when this is no such list.
    private func targetList() -> Int? {
        var index = position
        var count = 0
        while tokens[index].kind == .name {
            count += 1
            index += 1
            if tokens[index].kind == .equal { return count }
            guard tokens[index].kind == .comma else { return nil }
            index += 1
        }
        return nil
    }

    private mutating func listAssignment(_ count: Int) throws(Failure) -> Statement.Kind {
        var names: [Name] = []
        for _ in 0..<count {
            names.append(try name("a value"))
            advance()
        }
        checkRepeats(names, "the name")
        return .assign(.list(names), try valueList())
    }

    /// `layer`, `model`, `estimator`, `option`, `import`, `test` and `expect` are names unless what follows on the
    /// line is what their statement needs.
    private mutating func contextualStatement(_ next: TokenKind) throws(Failure) -> Statement.Kind? {
        switch next {
        case .name:
            switch text(position) {
            case "layer": return .declare(try declaration(.layer))
            case "model": return .declare(try declaration(.model))
            case "estimator": return .declare(try declaration(.estimator))
            case "option": return try option()
            case "expect": return try expectStatement()
            default: return nil
            }
        case .stringStart:
            switch text(position) {
            case "import": return try importStatement()
            case "test": return try test()
            case "expect": return try expectStatement()
            default: return nil
            }
        case .equal, .dot, .comma, .newline, .semicolon, .closeBrace, .end, .pipe, .arrow: return nil
        case .not where peek(2) == .in: return nil
        default:
            guard isWord("expect", at: position), next.updateOperator == nil,
                next.binaryOperator == nil || next == .minus
            else { return nil }
            return try expectStatement()
        }
    }

    /// An expression, or what looked like one and is a target.
    private mutating func expressionStatement() throws(Failure) -> Statement.Kind {
        let start = position
        let value = try expression()
        if kind == .equal {
            if case .record(let fields) = value.kind, let names = recordTarget(fields) {
                advance()
                checkRepeats(names, "the name")
                return .assign(.record(names), try valueList())
            }
            throw badTarget(value, start)
        }
        if kind.updateOperator != nil { throw badTarget(value, start) }
        return .expression(value)
    }

    private func recordTarget(_ fields: [Field]) -> [Name]? {
        var names: [Name] = []
        for field in fields {
            guard case .shorthand(let name) = field else { return nil }
            names.append(name)
        }
        return names.isEmpty ? nil : names
    }

    private mutating func badTarget(_ value: Expression, _ start: Int) -> Failure {
        let whole = source.excerpt(value.range)
        switch value.kind {
        case .index(let base, let subscripts):
            let of = source.excerpt(base.range)
            if case .index(let key)? = subscripts.first, subscripts.count == 1, case .string(let parts) = key.kind {
                var name = "name"
                if parts.count == 1, case .text(let text) = parts[0], isIdentifier(text) { name = text }
                return fail(.assignmentToElement(value.range, mend: "make a new record: `\(of) = {...\(of), \(name) = …}`"))
            }
            return fail(.assignmentToElement(
                value.range, mend: "choose by a mask: `\(of) = where(mask, new, \(of))`; or build the list anew: `[… for v in \(of)]`"))
        case .field(let base, let name):
            let of = source.excerpt(base.range)
            return fail(.assignmentToField(value.range, mend: "make a new record: `\(of) = {...\(of), \(name.text) = …}`"))
        case .parenthesized, .list:
            return fail(.assignmentTarget(value.range, what: "`\(whole)`", mend: "names stand bare: `a, b = …`"))
        case .bool, .none:
            return fail(.assignmentTarget(value.range, what: "the keyword `\(whole)`", mend: nil))
        case .call(let callee, _):
            var mend: String?
            if case .name(let name) = callee.kind { mend = "a function is declared with `fn \(name)(…) = …`" }
            return fail(.assignmentTarget(value.range, what: "a call", mend: mend))
        case .record:
            return fail(.assignmentTarget(value.range, what: "this record", mend: "only names stand there: `{a, b} = …`"))
        case .binary:
            return fail(.assignmentTarget(value.range, what: "an expression", mend: "`==` compares"))
        default:
            return fail(.assignmentTarget(value.range, what: "`\(whole)`", mend: nil))
        }
    }

    private func isIdentifier(_ text: String) -> Bool {
        text.utf8.count < 40 && !text.isEmpty && text.utf8.allSatisfy { $0 == 0x5F || $0 >= 0x61 && $0 <= 0x7A }
            && TokenKind.keywords[text] == nil
    }

    // MARK: Other statements

    private mutating func returnStatement() throws(Failure) -> Statement.Kind {
        if !context.isInFunction { report(.returnOutsideFunction(here)) }
        advance()
        switch kind {
        case .newline, .semicolon, .closeBrace, .end: return .return(nil)
        default: return .return(try valueList())
        }
    }

    private mutating func leaveLoop() -> Statement.Kind {
        let isBreak = kind == .break
        if !context.isInLoop { report(.outsideLoop(isBreak ? "break" : "continue", at: here)) }
        advance()
        return isBreak ? .break : .continue
    }

    private mutating func expectStatement() throws(Failure) -> Statement.Kind {
        advance()
        let condition = try expression()
        if kind == .equal { throw fail(.assignmentAsValue(at: here, isChain: false, isCondition: true)) }
        let message: Expression? = accept(.comma) ? try expression() : nil
        return .expect(condition, message: message)
    }

    private mutating func option() throws(Failure) -> Statement.Kind {
        let documentation = precedingDocumentation(position)
        checkTopLevel()
        advance()
        let name = try name("an option")
        let type: TypeAnnotation? = accept(.colon) ? try typeAnnotation() : nil
        guard accept(.equal) else {
            throw kind == .newline || kind == .end || kind == .semicolon
                ? fail(.optionNeedsDefault(name)) : expected("`=` and a default")
        }
        let value = try valueList()
        return .option(name, type, defaultValue: value, documentation: trailingDocumentation() ?? documentation)
    }

    private mutating func importStatement() throws(Failure) -> Statement.Kind {
        checkTopLevel()
        advance()
        let (path, pathRange) = try plainString("the path of an import")
        guard isWord("as", at: position) else { return .import(path: path, pathRange: pathRange, nil) }
        advance()
        if kind == .star {
            let star = here
            advance()
            return .import(path: path, pathRange: pathRange, .everything(star))
        }
        return .import(path: path, pathRange: pathRange, .name(try name("an import")))
    }

    private mutating func test() throws(Failure) -> Statement.Kind {
        checkTopLevel()
        advance()
        let (name, nameRange) = try plainString("the name of a test")
        return .test(name: name, nameRange: nameRange, try block(after: "the name of the test"))
    }

    private mutating func checkTopLevel() {
        if !context.isTopLevel { report(.topLevelOnly(text(position), at: here)) }
    }

    private mutating func plainString(_ what: String) throws(Failure) -> (String, SourceRange) {
        let start = position
        let value = try string()
        guard case .string(let parts) = value.kind else { throw expected("a string") }
        var text = ""
        for part in parts {
            guard case .text(let piece) = part else { throw fail(.plainStringNeeded(what, at: range(from: start))) }
            text += piece
        }
        return (text, value.range)
    }

    // MARK: Values, loops and blocks

    /// What stands behind `=` and `return`: an expression, or several that make a list.
    mutating func valueList() throws(Failure) -> Expression {
        let start = position
        let first = try expression()
        if kind == .equal { throw fail(.assignmentAsValue(at: here, isChain: true)) }
        guard kind == .comma else { return first }
        var elements = [Element(first)]
        while accept(.comma) { elements.append(Element(try expression())) }
        if kind == .equal { throw fail(.assignmentAsValue(at: here, isChain: true)) }
        return Expression(.list(elements), range(from: start))
    }

    /// `for` and `while`.
    private mutating func loop() throws(Failure) -> Expression {
        let start = position
        let isFor = kind == .for
        advance()
        var names: [Name] = []
        if isFor {
            names = try loopNames()
            try expect(.in, "`in`")
        }
        let subject = try headExpression()
        let wasInLoop = context.isInLoop
        context.isInLoop = true
        let body = try block(after: isFor ? "the list of the loop" : "the condition of the loop")
        context.isInLoop = wasInLoop
        return Expression(isFor ? .for(names, in: subject, body) : .while(subject, body), range(from: start))
    }

    mutating func loopNames() throws(Failure) -> [Name] {
        let isParenthesized = kind == .openParenthesis
        if isParenthesized {
            throw expected("a name", mend: "the names of a loop stand bare: `for a, b in …`", fix: brackets("", "", for: position))
        }
        var names = [try name("a loop variable")]
        while accept(.comma) { names.append(try name("a loop variable")) }
        checkRepeats(names, "the loop variable")
        return names
    }

    mutating func headExpression() throws(Failure) -> Expression {
        let wasInHead = context.isInHead
        context.isInHead = true
        let value = try expression()
        context.isInHead = wasInHead
        return value
    }

    mutating func block(after head: String) throws(Failure) -> Block {
        guard kind == .openBrace else {
            if kind == .equal {
                throw fail(.assignmentAsValue(at: here, isChain: false, isCondition: head.hasPrefix("the condition")))
            }
            var mend: String?
            if kind == .colon { mend = "write `{ … }` instead of `:`" }
            if isWord("is", at: position) { mend = Self.identityMend }
            if kind == .newline, peek() == .openBrace { mend = "put the `{` on this line" }
            throw fail(.expectedBlock(after: head, found: found, at: here, mend: mend, fix: bracesForColon() + braceFromNextLine()))
        }
        let outer = try enter()
        let flags = context
        context.isTopLevel = false
        context.isInHead = false
        let end = match(position)
        advance()
        let statements = statements(until: end)
        if kind == .closeBrace { advance() }
        context.isTopLevel = flags.isTopLevel
        context.isInHead = flags.isInHead
        leave(outer)
        return statements
    }

    mutating func checkRepeats(_ names: [Name], _ what: String) {
        guard names.count > 1 else { return }
        var seen: [String: SourceRange] = [:]
        for name in names where name.text != "_" {
            if let first = seen[name.text] { report(.repeatedName(name, first: first, kind: what)) }
            seen[name.text] = name.range
        }
    }
}
