/// Expressions, by precedence climbing.
extension Parser {
    /// How tightly an operator binds; the table of the language page.
    enum Precedence: Int, Comparable {
        case pipe, or, and, not, comparison, sum, product, sign, power
        static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
        var next: Precedence { Precedence(rawValue: rawValue + 1) ?? .power }
    }

    mutating func expression() throws(Failure) -> Expression {
        let outer = try enter()
        let value = isLambda ? try lambda() : try operation(.pipe)
        leave(outer)
        return value
    }

    private var isLambda: Bool {
        switch kind {
        case .name: peek() == .arrow
        case .openParenthesis: match(position) + 1 < tokens.count && tokens[match(position) + 1].kind == .arrow
        default: false
        }
    }

    // MARK: Operators

    /// The operator at the present token, and its precedence.
    private func operation(at index: Int) -> (BinaryOperator?, Precedence)? {
        let kind = tokens[index].kind
        switch kind {
        case .pipe: return (nil, .pipe)
        case .or: return (.or, .or)
        case .and: return (.and, .and)
        case .not: return index + 1 < tokens.count && tokens[index + 1].kind == .in ? (.notIn, .comparison) : nil
        case .in: return (.in, .comparison)
        case .plus, .minus: return (kind.binaryOperator, .sum)
        case .star, .slash, .slashSlash, .percent, .at: return (kind.binaryOperator, .product)
        case .starStar: return (.power, .power)
        default: return kind.isComparison ? (kind.binaryOperator, .comparison) : nil
        }
    }

    private mutating func operation(_ minimum: Precedence) throws(Failure) -> Expression {
        let start = position
        var left = try prefix(minimum)
        var comparison: SourceRange?
        while let (symbol, precedence) = operation(at: position), precedence >= minimum {
            let first = position
            advance()
            if symbol == .notIn { advance() }
            let operatorRange = range(from: first)
            if precedence == .comparison, let comparison { throw chained(left, first: comparison, second: operatorRange) }
            let outer = try enter()
            let right = try operation(precedence == .power ? .power : precedence.next)
            leave(outer)
            try grow()
            let whole = range(from: start)
            if let symbol {
                left = Expression(.binary(symbol, left, right, operatorRange: operatorRange), whole)
            } else {
                left = Expression(.pipe(left, right), whole)
            }
            if precedence == .comparison { comparison = operatorRange }
        }
        return left
    }

    private mutating func chained(_ left: Expression, first: SourceRange, second: SourceRange) -> Failure {
        var mend: String?
        var fix: [Edit] = []
        if case .binary(_, _, let middle, _) = left.kind { fix = repeated(middle, before: second) }
        if case .binary(_, _, let middle, _) = left.kind, left.range.end - left.range.start < 60 {
            mend = "write `\(source.text(left.range)) and \(source.text(middle.range)) \(source.text(second)) …`"
        }
        return fail(.chainedComparison(first: first, second: second, mend: mend, fix: fix))
    }

    private mutating func prefix(_ minimum: Precedence) throws(Failure) -> Expression {
        switch kind {
        case .minus: return try negation()
        case .not:
            guard minimum <= .not else { throw fail(.notNeedsParentheses(here)) }
            let start = position
            let outer = try enter()
            advance()
            let operand = try operation(.not)
            leave(outer)
            return Expression(.unary(.not, operand), range(from: start))
        case .plus: throw fail(.unaryPlus(here))
        default: return try postfix()
        }
    }

    private mutating func negation() throws(Failure) -> Expression {
        let start = position
        advance()
        if kind == .minimumInt {
            switch peek() {
            case .starStar, .dot, .openParenthesis, .openBracket: break
            default:
                advance()
                return Expression(.int(.min), range(from: start))
            }
        }
        let outer = try enter()
        let operand = try operation(.power)
        leave(outer)
        return Expression(.unary(.negate, operand), range(from: start))
    }

    // MARK: Calls, indices, fields

    private mutating func postfix() throws(Failure) -> Expression {
        let start = position
        var value = try primary()
        while true {
            switch kind {
            case .openParenthesis: value = Expression(.call(value, try arguments()), range(from: start))
            case .openBracket: value = Expression(.index(value, try subscripts()), range(from: start))
            case .dot:
                advance()
                value = Expression(.field(value, try name("a field")), range(from: start))
            default: return value
            }
            try grow()
        }
    }

    private mutating func arguments() throws(Failure) -> [Argument] {
        let opening = position
        let wasInHead = context.isInHead
        context.isInHead = false
        advance()
        var arguments: [Argument] = []
        var named: SourceRange?
        var isTold = false
        while kind != .closeParenthesis {
            if kind == .name, peek() == .equal {
                let name = try name("an argument")
                advance()
                arguments.append(Argument(name: name, value: try expression()))
                named = name.range
            } else {
                let isSpread = accept(.ellipsis)
                let value = try expression()
                if let name = named, !isSpread, !isTold {
                    report(.positionalAfterNamed(value.range, named: name))
                    isTold = true
                }
                arguments.append(Argument(name: nil, value: value, isSpread: isSpread))
            }
            if !accept(.comma) { break }
        }
        if kind == .for {
            throw expected(
                "`,` or `)`", mend: "a list that is made by a loop stands in brackets: `f([… for x in xs])`",
                fix: arguments.count == 1 && arguments[0].name == nil ? bracketsWithin(opening) : [])
        }
        if kind == .colon {
            let isName = tokens[position - 1].kind == .name && (tokens[position - 2].kind == .comma || position - 2 == opening)
            throw expected("`,` or `)`", mend: "a named argument is written `name = value`", fix: isName ? equalForColon(position) : [])
        }
        if kind == .equal { throw fail(.assignmentAsValue(at: here, isChain: false)) }
        try close(.closeParenthesis, "`,` or `)`", opening: opening)
        context.isInHead = wasInHead
        return arguments
    }

    private mutating func subscripts() throws(Failure) -> [Subscript] {
        let opening = position
        let wasInHead = context.isInHead
        context.isInHead = false
        advance()
        if kind == .closeBracket { throw expected("an index") }
        var subscripts: [Subscript] = []
        while kind != .closeBracket {
            subscripts.append(try oneSubscript())
            if !accept(.comma) { break }
        }
        try close(.closeBracket, "`,` or `]`", opening: opening)
        context.isInHead = wasInHead
        return subscripts
    }

    private mutating func oneSubscript() throws(Failure) -> Subscript {
        let start = position
        if accept(.ellipsis) { return .ellipsis(range(from: start)) }
        var first: Expression?
        if kind != .colon {
            let value = try expression()
            guard kind == .colon else { return .index(value) }
            first = value
        }
        advance()
        let stop = try sliceBound()
        var step: Expression?
        if accept(.colon) { step = try sliceBound() }
        return .slice(start: first, stop: stop, step: step, range(from: start))
    }

    private mutating func sliceBound() throws(Failure) -> Expression? {
        kind == .colon || kind == .comma || kind == .closeBracket ? nil : try expression()
    }

    // MARK: Primaries

    private mutating func primary() throws(Failure) -> Expression {
        switch kind {
        case .name: return try nameOrModel()
        case .int, .float, .true, .false, .none, .error: return literal()
        case .stringStart: return try string()
        case .openParenthesis: return try parenthesized()
        case .openBracket: return try list()
        case .openBrace: return try record()
        case .if: return try conditional()
        case .with: return try with()
        default: throw noValue()
        }
    }

    private mutating func nameOrModel() throws(Failure) -> Expression {
        if peek() == .arrow { throw fail(.lambdaNeedsParentheses(here)) }
        if peek() == .openBrace, !context.isInHead, isWord("model", at: position) { return try modelExpression() }
        let value = Expression(.name(text(position)), here)
        advance()
        return value
    }

    private mutating func literal() -> Expression {
        let token = tokens[position]
        let kind: Expression.Kind =
            switch token.kind {
            case .int: .int(ints[token.payload])
            case .float: .float(floats[token.payload])
            case .true: .bool(true)
            case .false: .bool(false)
            case .none: .none
            default: .error
            }
        let value = Expression(kind, here)
        advance()
        return value
    }

    private mutating func noValue() -> Failure {
        switch kind {
        case .minimumInt: return fail(.intOutOfRange(here, isNegated: false))
        case .for, .while: return fail(.loopAsValue(text(position), at: here))
        case .fn: return fail(.expectedValue(found: found, at: here, mend: "a function without a name is written `(a, b) -> …`"))
        case .slashSlash where position == 0 || tokens[position - 1].kind == .newline:
            return fail(.expectedValue(found: found, at: here, mend: "a comment begins with `#`", fix: isFirstOnLine ? [Edit(here, "#")] : []))
        case .ellipsis:
            return fail(.expectedValue(found: found, at: here, mend: "`...` spreads inside brackets: `[...xs]`, `f(...xs)`, `{...r}`"))
        case .dot: return fail(.expectedValue(found: found, at: here))
        case .equal where tokens[max(position - 1, 0)].kind == .equal:
            return fail(.expectedValue(found: found, at: here, mend: "`==` has no blank inside"))
        default: return fail(.expectedValue(found: found, at: here))
        }
    }

    mutating func string() throws(Failure) -> Expression {
        let start = position
        guard kind == .stringStart else { throw expected("a string") }
        advance()
        var parts: [StringPart] = []
        while kind != .stringEnd, kind != .end {
            switch kind {
            case .stringText:
                let text = texts[tokens[position].payload]
                if !text.isEmpty { parts.append(.text(text)) }
                advance()
            case .interpolationStart: parts.append(try interpolation())
            default: throw expected("the end of the string")
            }
        }
        advance()
        return Expression(.string(parts), range(from: start))
    }

    private mutating func interpolation() throws(Failure) -> StringPart {
        let opening = position
        let wasInHead = context.isInHead
        context.isInHead = false
        advance()
        let value = try expression()
        var format: String?
        if kind == .format {
            format = texts[tokens[position].payload]
            advance()
        }
        try close(.interpolationEnd, "`}`", opening: opening)
        context.isInHead = wasInHead
        return .interpolation(value, format: format)
    }

    private mutating func parenthesized() throws(Failure) -> Expression {
        let start = position
        if isLambda { throw fail(.lambdaNeedsParentheses(tokenRange(match(position) + 1))) }
        let wasInHead = context.isInHead
        context.isInHead = false
        advance()
        if kind == .closeParenthesis { throw fail(.expectedValue(found: found, at: here, mend: "an empty list is `[]`")) }
        let value = try expression()
        if kind == .comma {
            let isTarget = match(start) + 1 < tokens.count && tokens[match(start) + 1].kind == .equal
            let mend = isTarget ? "names stand bare: `a, b = …`" : "a list stands in brackets: `[a, b]`"
            throw expected("`)`", opened: tokenRange(start), mend: mend, fix: isTarget ? brackets("", "", for: start) : brackets("[", "]", for: start))
        }
        if kind == .equal { throw fail(.assignmentAsValue(at: here, isChain: false)) }
        try close(.closeParenthesis, "`)`", opening: start)
        context.isInHead = wasInHead
        return Expression(.parenthesized(value), range(from: start))
    }

    private mutating func list() throws(Failure) -> Expression {
        let start = position
        let wasInHead = context.isInHead
        context.isInHead = false
        advance()
        var elements: [Element] = []
        while kind != .closeBracket {
            let isSpread = accept(.ellipsis)
            let value = try expression()
            if kind == .for, elements.isEmpty, !isSpread {
                let clauses = try clauses()
                try close(.closeBracket, "`for`, `if` or `]`", opening: start)
                context.isInHead = wasInHead
                return Expression(.comprehension(element: value, clauses: clauses), range(from: start))
            }
            elements.append(Element(value, isSpread: isSpread))
            if !accept(.comma) { break }
        }
        if kind == .equal { throw fail(.assignmentAsValue(at: here, isChain: false)) }
        try close(.closeBracket, "`,` or `]`", opening: start)
        context.isInHead = wasInHead
        return Expression(.list(elements), range(from: start))
    }

    private mutating func clauses() throws(Failure) -> [Clause] {
        var clauses: [Clause] = []
        while true {
            if accept(.for) {
                let names = try loopNames()
                try expect(.in, "`in`")
                clauses.append(.each(names, in: try expression()))
            } else if accept(.if) {
                clauses.append(.condition(try expression()))
            } else {
                return clauses
            }
        }
    }

    // MARK: Records

    private mutating func record() throws(Failure) -> Expression {
        let start = position
        let fields = try fields()
        return Expression(.record(fields), range(from: start))
    }

    /// `{ … }`: the fields of a record or of an estimator.
    mutating func fields() throws(Failure) -> [Field] {
        let opening = position
        let wasInHead = context.isInHead
        context.isInHead = false
        advance()
        var fields: [Field] = []
        var names: [Name] = []
        while true {
            while kind == .newline || kind == .semicolon { advance() }
            if kind == .closeBrace { break }
            fields.append(try field(&names))
            while kind == .newline || kind == .semicolon { advance() }
            if kind == .closeBrace { break }
            let before = tokens[position - 1].kind
            guard accept(.comma) || before == .newline || before == .semicolon else {
                let fix = kind == .name && peek() == .equal ? missingComma() : []
                throw expected("`,` or `}`", opened: tokenRange(opening), mend: fix.isEmpty ? nil : "put a comma before it", fix: fix)
            }
        }
        advance()
        context.isInHead = wasInHead
        checkRepeats(names, "the field")
        return fields
    }

    private mutating func field(_ names: inout [Name]) throws(Failure) -> Field {
        if accept(.ellipsis) { return .spread(try expression()) }
        guard kind == .name else { throw badField() }
        switch peek() {
        case .equal:
            let name = try name("a field")
            names.append(name)
            advance()
            return .value(name, try expression())
        case .openParenthesis where shortFunctionFollows:
            let name = try name("a field")
            names.append(name)
            let parameters = try parameters()
            return .function(name, parameters, try shortFunctionBody())
        case .comma, .newline, .semicolon, .closeBrace, .end:
            let name = try name("a field")
            names.append(name)
            return .shorthand(name)
        default: throw badField()
        }
    }

    private var shortFunctionFollows: Bool {
        let after = match(position + 1) + 1
        return after < tokens.count && (tokens[after].kind == .equal || tokens[after].kind == .openBrace)
    }

    private mutating func shortFunctionBody() throws(Failure) -> Body {
        let flags = context
        context.isInLoop = false
        context.isInFunction = true
        context.isTopLevel = false
        let body: Body = accept(.equal) ? .expression(try expression()) : .block(try block(after: "the parameters"))
        context.isInLoop = flags.isInLoop
        context.isInFunction = flags.isInFunction
        context.isTopLevel = flags.isTopLevel
        return body
    }

    private mutating func badField() -> Failure {
        if kind.isKeyword, peek() == .equal { return fail(.keywordAsName(text(position), what: "a field of a record", at: here)) }
        var mend = "a block stands only behind a head such as `if c`; write statements without braces"
        var fix: [Edit] = []
        if kind == .name, peek() == .colon {
            mend = "write `\(text(position)) = …`"
            fix = equalForColon(position + 1)
        }
        if kind == .int || kind == .float { mend = "a list stands in brackets: `[1, 2]`" }
        if kind == .stringStart {
            mend = "names of fields stand without quotes: `{name = value}`"
            fix = fieldForString()
        }
        return fail(.recordField(here, found: found, mend: mend, fix: fix))
    }

    // MARK: Functions

    private mutating func lambda() throws(Failure) -> Expression {
        let start = position
        let parameters: [Parameter]
        if kind == .name {
            let name = try name("a parameter")
            parameters = [Parameter(name: name, range: name.range)]
        } else {
            parameters = try self.parameters()
        }
        let head = range(from: start)
        advance()
        let flags = context
        context.isInLoop = false
        context.isInFunction = true
        context.isTopLevel = false
        let body: Body
        if kind != .openBrace {
            body = .expression(try expression())
        } else {
            body = .block(try lambdaBlock(head))
        }
        context.isInLoop = flags.isInLoop
        context.isInFunction = flags.isInFunction
        context.isTopLevel = flags.isTopLevel
        return Expression(.lambda(parameters, body), range(from: start))
    }

    private mutating func lambdaBlock(_ head: SourceRange) throws(Failure) -> Block {
        let brace = position
        if looksLikeRecord {
            reportMeantRecord(brace, head)
            position = min(match(brace), tokens.count - 1)
            if kind == .closeBrace { advance() }
            return []
        }
        let block = try block(after: "`->`")
        switch block.last?.kind {
        case .assign, .update: reportMeantRecord(brace, head)
        default: break
        }
        return block
    }

    private mutating func reportMeantRecord(_ brace: Int, _ head: SourceRange) {
        let end = min(match(brace), tokens.count - 1)
        let whole = SourceRange(source, tokens[brace].start, tokens[end].end)
        let isShort = whole.end - whole.start <= 40 && !source.utf8[whole.start..<whole.end].contains(0x0A)
        report(.lambdaMeantRecord(
            tokenRange(brace), parameters: source.excerpt(head), body: isShort ? source.text(whole) : "{ … }"))
    }

    /// Whether the braces at the present token hold what only a record can: `...`, `a, b`, `a = 1, b = 2`.
    private var looksLikeRecord: Bool {
        let end = match(position)
        var index = position + 1
        guard index < end else { return false }
        if tokens[index].kind == .ellipsis { return true }
        guard tokens[index].kind == .name else { return false }
        let startsWithBinding = tokens[index + 1].kind == .equal
        var isNamesOnly = tokens[index + 1].kind == .comma
        while index < end {
            let token = tokens[index]
            switch token.kind {
            case .newline, .semicolon: return false
            case .comma:
                let next = tokens[index + 1].kind
                if startsWithBinding, next == .ellipsis || next == .name && tokens[min(index + 2, end)].kind == .equal {
                    return true
                }
            case .name: break
            default: isNamesOnly = false
            }
            index = token.kind.isOpening ? max(match(index), index) + 1 : index + 1
        }
        return isNamesOnly
    }

    // MARK: if and with

    private mutating func conditional() throws(Failure) -> Expression {
        let start = position
        var branches: [Expression.Branch] = []
        var otherwise: Block?
        while true {
            advance()
            let condition = try headExpression()
            branches.append(Expression.Branch(condition: condition, block: try block(after: "the condition")))
            guard accept(.else) else { break }
            if kind == .if { continue }
            otherwise = try block(after: "`else`")
            break
        }
        return Expression(.conditional(branches, otherwise: otherwise), range(from: start))
    }

    private mutating func with() throws(Failure) -> Expression {
        let start = position
        advance()
        let subject = try headExpression()
        let body = try block(after: "the value of `with`")
        return Expression(.with(subject, body), range(from: start))
    }
}
