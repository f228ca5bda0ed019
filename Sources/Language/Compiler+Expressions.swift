internal import Graphs
internal import Syntax

extension Compiler {
    /// The value of an expression in a given register.
    ///
    /// A lambda that is given a name at once goes by it in messages.
    func load(_ expression: Expression, into target: Int, named name: String = "lambda") {
        let range = expression.range
        switch expression.kind {
        case .conditional, .with, .for, .while: blockLike(expression, into: target)
        case .parenthesized(let inner): load(inner, into: target)
        case .unary(let op, let value):
            // A literal's sign belongs to it.
            switch (op, value.kind) {
            case (.negate, .int(let number)) where number != .min:
                emit(Instruction(.move, target, constant(.int(-number))), range)
            case (.negate, .float(let number)): emit(Instruction(.move, target, constant(.float(-number))), range)
            default:
                let operand = self.operand(value)
                emit(Instruction(op == .negate ? .negate : .not, target, operand), range)
            }
        case .binary(let op, let left, let right, let operatorRange): binary(op, left, right, operatorRange, range, into: target)
        case .call(let callee, let arguments):
            let mark = scope.nextRegister
            emit(Instruction(.take, target, call(callee, arguments, range)), range)
            scope.nextRegister = mark
        case .pipe(let left, let right):
            let mark = scope.nextRegister
            let value = stableOperand(left, beside: right)
            let function = operand(right)
            // What fails is the function at hand, not the chain that leads to it.
            emit(Instruction(.pipe, target, function, value), right.range)
            scope.nextRegister = mark
        case .index(let base, let subscripts): index(base, subscripts, range, into: target)
        case .field(let base, let name):
            if let qualified = qualifiedName(expression) {
                standard(qualified, range, into: target)
                return
            }
            let mark = scope.nextRegister
            let value = operand(base)
            emit(Instruction(.field, target, value, constant(.string(name.text))), name.range)
            scope.nextRegister = mark
        case .list(let elements): list(elements, range, into: target)
        case .comprehension(let element, let clauses): comprehension(element, clauses, range, into: target)
        case .record(let fields): record(fields, range, into: target)
        case .string(let parts): string(parts, range, into: target)
        case .lambda(let parameters, let body):
            closure(name: name, kind: .lambda, parameters: parameters, body: body, result: nil, range: range, into: target)
        case .model(let block):
            let info = declaration(
                Declaration(
                    kind: .model, name: Name("model", range), parameters: nil, inputs: nil, result: nil,
                    content: .body(.block(block)), documentation: nil), range: range)
            scope.code.declarations.append(info)
            emit(Instruction(.declare, target, scope.code.declarations.count - 1), range)
        case .name(let name):
            // Straight into the target where the value has to be fetched.
            switch resolve(name) {
            case .global(let slot): emit(Instruction(.global, target, slot), range)
            case .capture(let index): emit(Instruction(.capture, target, index), range)
            case .standard(let index) where name != "training": emit(Instruction(.standard, target, wide: index), range)
            default:
                let operand = self.operand(expression)
                if operand != target { emit(Instruction(.move, target, operand), range) }
            }
        case .none, .bool, .int, .float, .error:
            let operand = self.operand(expression)
            if operand != target { emit(Instruction(.move, target, operand), range) }
        }
    }

    /// The value of an expression wherever it already is, or in a new register.
    func operand(_ expression: Expression) -> Int {
        switch expression.kind {
        case .none: return constant(.none)
        case .bool(let value): return constant(.bool(value))
        case .int(let value): return constant(.int(value))
        case .float(let value): return constant(.float(value))
        case .string(let parts) where parts.isEmpty: return constant(.string(""))
        case .string(let parts):
            if parts.count == 1, case .text(let text) = parts[0] { return constant(.string(text)) }
        case .unary(.negate, let value):
            if case .int(let number) = value.kind, number != .min { return constant(.int(-number)) }
            if case .float(let number) = value.kind { return constant(.float(-number)) }
        case .name(let name): return self.name(name, expression.range)
        case .parenthesized(let inner): return operand(inner)
        case .call(let callee, let arguments): return call(callee, arguments, expression.range)
        case .error: return constant(.unknown)
        default: break
        }
        let target = allocate()
        load(expression, into: target)
        return target
    }

    /// As `operand`, but safe from what `other` may set before the operand is used.
    private func stableOperand(_ expression: Expression, beside other: Expression) -> Int {
        let value = operand(expression)
        guard !isConstant(value), containsBlock(other) else { return value }
        let copy = allocate()
        emit(Instruction(.move, copy, value), expression.range)
        return copy
    }

    func containsBlock(_ expression: Expression) -> Bool {
        switch expression.kind {
        case .conditional, .with, .for, .while: true
        case .parenthesized(let a), .unary(_, let a), .field(let a, _), .index(let a, _): containsBlock(a)
        case .binary(_, let a, let b, _), .pipe(let a, let b): containsBlock(a) || containsBlock(b)
        case .call(let callee, let arguments): containsBlock(callee) || arguments.contains { containsBlock($0.value) }
        case .list(let elements): elements.contains { containsBlock($0.value) }
        default: false
        }
    }

    func opcode(_ op: BinaryOperator) -> Opcode {
        switch op {
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .divide: .divide
        case .floorDivide: .floorDivide
        case .modulo: .modulo
        case .power: .power
        case .matmul: .matmul
        case .equal: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessEqual: .lessEqual
        case .greater: .greater
        case .greaterEqual: .greaterEqual
        case .in, .notIn: .contains
        case .and: .and
        case .or: .or
        }
    }

    func emitBinary(_ op: BinaryOperator, _ target: Int, _ left: Int, _ right: Int, _ range: SourceRange) {
        emit(Instruction(opcode(op), target, left, right), range)
        if op == .notIn { emit(Instruction(.not, target, target), range) }
    }

    private func binary(
        _ op: BinaryOperator, _ left: Expression, _ right: Expression, _ operatorRange: SourceRange, _ range: SourceRange,
        into target: Int
    ) {
        let mark = scope.nextRegister
        defer { scope.nextRegister = mark }
        if op == .and || op == .or {
            // The target may be a variable that the right side reads, so the result is made beside it.
            let result = allocate()
            load(left, into: result)
            let skip = emit(Instruction(op == .and ? .jumpAnd : .jumpOr, result), left.range)
            let before = scope.definitelySet
            let second = operand(right)
            emit(Instruction(op == .and ? .and : .or, result, result, second), range)
            patch(skip, to: here)
            scope.code.joins[skip] = here
            scope.definitelySet = before
            emit(Instruction(.move, target, result), range)
            return
        }
        let a = stableOperand(left, beside: right)
        let b = operand(right)
        emitBinary(op, target, a, b, range)
    }

    // MARK: Calls

    /// `nn.conv2d` and its like: the whole name, when its first part is a module of the standard library.
    private func qualifiedName(_ expression: Expression) -> String? {
        guard case .field(let base, let name) = expression.kind, case .name(let module) = base.kind,
            library.modules.contains(module), case .missing = resolveOwn(module)
        else { return nil }
        return module + "." + name.text
    }

    /// A name of the script's own, not the standard library's.
    private func resolveOwn(_ name: String) -> Resolution {
        if case .standard = resolve(name) { return .missing }
        return resolve(name)
    }

    private func standard(_ name: String, _ range: SourceRange, into target: Int) {
        if let position = library.position(of: name) {
            emit(Instruction(.standard, target, wide: position), range)
        } else {
            diagnostics.append(.unknownMember(name, at: range, known: library.names))
            emit(Instruction(.move, target, constant(.unknown)), range)
        }
    }

    /// Evaluates a call and gives the register of its result, the last one in use.
    private func call(_ callee: Expression, _ arguments: [Argument], _ range: SourceRange) -> Int {
        let first = allocate(1 + arguments.count)
        defer { scope.nextRegister = first + 1 }
        var site = CallSite(
            names: arguments.map { $0.name?.text }, spread: arguments.map(\.isSpread), range: range,
            argumentRanges: arguments.map { $0.name?.range.union($0.value.range) ?? $0.value.range },
            isPlain: arguments.allSatisfy { $0.name == nil && !$0.isSpread })
        var isMethod = false
        // A message about one call of a chain points at that call.
        var place = range
        var globalCallee: Int?
        if case .field(let base, let name) = callee.kind, qualifiedName(callee) == nil {
            isMethod = true
            place = SourceRange(range.source, name.range.start, range.end)
            load(base, into: first)
            site.method = name.text
            site.verbs = library.verbs(named: name.text)
            switch resolve(name.text) {
            case .register(let register): site.fallback = .register(register)
            case .capture(let index): site.fallback = .capture(index)
            case .itself: site.fallback = .itself
            case .global(let slot): site.fallback = .global(slot)
            case .standard(let index): site.fallback = .standard(index)
            case .missing: break
            }
        } else if case .name(let name) = callee.kind, case .global(let slot) = resolve(name),
            arguments.allSatisfy({ $0.name == nil && !$0.isSpread })
        {
            globalCallee = slot
        } else {
            load(callee, into: first)
        }
        for (offset, argument) in arguments.enumerated() { load(argument.value, into: first + 1 + offset) }
        scope.code.callSites.append(site)
        let position = scope.code.callSites.count - 1
        if let globalCallee {
            if position <= 0xFFFF { emit(Instruction(.callGlobal, first, arguments.count, globalCallee), range) }
            else { emit(Instruction(.global, first, globalCallee), range) }
        }
        if !isMethod, site.isPlain, position <= 0xFFFF, arguments.count <= 0xFFFF {
            emit(Instruction(.callPlain, first, arguments.count, position), range)
        } else {
            emit(Instruction(isMethod ? .method : .call, first, wide: position), place)
        }
        return first
    }

    // MARK: Parts

    private func index(_ base: Expression, _ subscripts: [Subscript], _ range: SourceRange, into target: Int) {
        let mark = scope.nextRegister
        defer { scope.nextRegister = mark }
        if subscripts.count == 1, case .index(let position) = subscripts[0] {
            let value = stableOperand(base, beside: position)
            emit(Instruction(.index, target, value, operand(position)), range)
            return
        }
        var bounds: [Expression] = []
        var kinds: [SubscriptKind] = []
        for part in subscripts {
            switch part {
            case .index(let expression):
                bounds.append(expression)
                kinds.append(.index)
            case .slice(let start, let stop, let step, _):
                bounds += [start, stop, step].compactMap { $0 }
                kinds.append(.slice(start: start != nil, stop: stop != nil, step: step != nil))
            case .ellipsis: kinds.append(.ellipsis)
            }
        }
        let first = allocate(1 + bounds.count)
        load(base, into: first)
        for (offset, bound) in bounds.enumerated() { load(bound, into: first + 1 + offset) }
        scope.code.subscripts.append(kinds)
        emit(Instruction(.subscripts, first, wide: scope.code.subscripts.count - 1), range)
        if first != target { emit(Instruction(.move, target, first), range) }
    }

    private func list(_ elements: [Element], _ range: SourceRange, into target: Int) {
        let mark = scope.nextRegister
        defer { scope.nextRegister = mark }
        let first = allocate(elements.count)
        for (offset, element) in elements.enumerated() { load(element.value, into: first + offset) }
        if elements.contains(where: \.isSpread) {
            scope.code.spreads.append(elements.map(\.isSpread))
            emit(Instruction(.listSpread, target, scope.code.spreads.count - 1, first), range)
        } else {
            emit(Instruction(.list, target, first, elements.count), range)
        }
    }

    private func comprehension(_ element: Expression, _ clauses: [Clause], _ range: SourceRange, into target: Int) {
        let mark = scope.nextRegister
        defer { scope.nextRegister = mark }
        let result = allocate()
        emit(Instruction(.list, result, 0, 0), range)
        let overlays = scope.overlays.count
        func clause(_ index: Int) {
            guard index < clauses.count else {
                emit(Instruction(.append, result, operand(element)), element.range)
                return
            }
            switch clauses[index] {
            case .each(let names, let source):
                var overlay: [String: Int] = [:]
                for name in names { overlay[name.text] = allocate() }
                // The source sees the names outside; the overlay comes into force with the first turn.
                let list = operand(source)
                scope.overlays.append(overlay)
                loop(names, list, source.range, range) { clause(index + 1) }
            case .condition(let condition):
                let test = allocate()
                load(condition, into: test)
                let skip = emit(Instruction(.jumpIfFalse, test), condition.range)
                clause(index + 1)
                patch(skip, to: here)
                scope.code.joins[skip] = here
            }
        }
        clause(0)
        scope.overlays.removeLast(scope.overlays.count - overlays)
        emit(Instruction(.move, target, result), range)
    }

    private func record(_ fields: [Field], _ range: SourceRange, into target: Int) {
        let mark = scope.nextRegister
        defer { scope.nextRegister = mark }
        let first = allocate(fields.count)
        var entries: [String?] = []
        for (offset, field) in fields.enumerated() {
            switch field {
            case .value(let name, let value):
                load(value, into: first + offset)
                entries.append(name.text)
            case .function(let name, let parameters, let body):
                closure(
                    name: name.text, kind: .function, parameters: parameters, body: body, result: nil, range: name.range,
                    into: first + offset)
                entries.append(name.text)
            case .shorthand(let name):
                load(Expression(.name(name.text), name.range), into: first + offset)
                entries.append(name.text)
            case .spread(let value):
                load(value, into: first + offset)
                entries.append(nil)
            }
        }
        scope.code.recordShapes.append(RecordShape(fields: FieldNames(entries.compactMap { $0 }), entries: entries))
        emit(Instruction(.record, target, scope.code.recordShapes.count - 1, first), range)
    }

    private func string(_ parts: [StringPart], _ range: SourceRange, into target: Int) {
        let mark = scope.nextRegister
        defer { scope.nextRegister = mark }
        if parts.count <= 1, case .text(let text)? = parts.first ?? .text("") {
            emit(Instruction(.move, target, constant(.string(text))), range)
            return
        }
        var template: [TemplatePart] = []
        let count = parts.count { if case .interpolation = $0 { true } else { false } }
        let first = allocate(count)
        var position = first
        for part in parts {
            switch part {
            case .text(let text): template.append(.text(text))
            case .interpolation(let expression, let format):
                load(expression, into: position)
                position += 1
                let spec = format.flatMap { FormatSpec($0) }
                if let format, spec == nil { diagnostics.append(.badFormat(format, at: expression.range)) }
                template.append(spec.map { .formatted($0) } ?? .value)
            }
        }
        scope.code.templates.append(template)
        emit(Instruction(.format, target, scope.code.templates.count - 1, first), range)
    }
}
