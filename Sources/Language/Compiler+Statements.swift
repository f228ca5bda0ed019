internal import Graphs
internal import Syntax

extension Compiler {
    func statements(_ block: Block) {
        for statement in block { self.statement(statement) }
    }

    /// A block whose value is wanted: that of its last expression, or `none`.
    func block(_ block: Block, into target: Int?) {
        guard let target, let last = block.last else {
            statements(block)
            if let target { emit(Instruction(.move, target, constant(.none)), scope.code.range) }
            return
        }
        statements(Block(block.dropLast()))
        if case .expression(let expression) = last.kind {
            let mark = scope.nextRegister
            load(expression, into: target)
            scope.nextRegister = mark
        } else {
            statement(last)
            switch last.kind {
            case .return, .break, .continue: break
            default: emit(Instruction(.move, target, constant(.none)), last.range)
            }
        }
    }

    func statement(_ statement: Statement) {
        let mark = scope.nextRegister
        defer { scope.nextRegister = mark }
        let range = statement.range
        switch statement.kind {
        case .expression(let expression):
            if scope.isStack, !isBlockLike(expression) {
                let value = operand(expression)
                emit(Instruction(.stackAdd, 0, value), expression.range)
            } else if isBlockLike(expression) {
                blockLike(expression, into: nil)
            } else {
                _ = operand(expression)
            }
        case .assign(let target, let value): assign(target, value, range)
        case .update(let name, .add, let value, let operatorRange)
            where push(value, to: name, at: operatorRange.union(value.range).union(name.range)): break
        case .update(let name, let op, let value, let operatorRange):
            let current = self.name(name.text, name.range)
            let right = operand(value)
            guard case .register(let register)? = Optional(resolve(name.text)) else { return }
            emit(Instruction(opcode(op), register, current, right), operatorRange.union(value.range).union(name.range))
            scope.definitelySet.insert(register)
        case .return(let value):
            // The parser has said so where it stands outside a function.
            if scope.isFile || scope.code.kind == .test { return }
            let result = value.map { operand($0) } ?? constant(.none)
            emitReturn(result, range)
        case .break:
            guard !scope.loops.isEmpty else { return }
            leaveWiths(range)
            scope.loops[scope.loops.count - 1].breaks.append(emit(Instruction(.jump), range))
        case .continue:
            guard !scope.loops.isEmpty else { return }
            leaveWiths(range)
            scope.loops[scope.loops.count - 1].continues.append(emit(Instruction(.jump), range))
        case .declare(let declaration): declare(declaration)
        case .option(let name, let type, let defaultValue, let documentation):
            guard let slot = scope.locals[name.text], scope.isFile else { return }
            module.options.append(
                OptionInfo(
                    name: name.text, documentation: documentation,
                    defaultText: defaultValue.range.source.text(defaultValue.range), type: type.map(typeSpec), slot: slot,
                    range: name.range))
            let skip = emit(Instruction(.jumpIfSet, slot), range)
            load(defaultValue, into: slot)
            if type != nil { emit(Instruction(.checkOption, slot, wide: module.options.count - 1), defaultValue.range) }
            patch(skip, to: here)
            scope.definitelySet.insert(slot)
        case .import(let path, let pathRange, let alias): importFile(path, pathRange, alias, range)
        case .test(let name, let nameRange, let block):
            let (code, _) = function(name: name, kind: .test, parameters: [], body: .block(block), result: nil, range: range)
            module.tests.append(TestInfo(name: name, place: nameRange, code: code))
        case .expect(let condition, let message): expect(condition, message, range)
        case .error: break
        }
    }

    private func leaveWiths(_ range: SourceRange) {
        let depth = scope.loops.last?.withDepth ?? 0
        for _ in depth..<max(scope.withDepth, depth) { emit(Instruction(.popDefaults), range) }
    }

    func emitReturn(_ operand: Int, _ range: SourceRange) {
        var result = operand
        if isConstant(operand) || scope.code.result != nil {
            result = allocate()
            emit(Instruction(.move, result, operand), range)
        }
        if scope.code.result != nil { emit(Instruction(.checkResult, result), range) }
        emit(Instruction(.return, result), range)
    }

    private func assign(_ target: Target, _ value: Expression, _ range: SourceRange) {
        switch target {
        case .name(let name):
            guard let register = scope.locals[name.text] else { return }
            if case .binary(.add, let left, let right, let operatorRange) = value.kind, case .name(name.text) = left.kind,
                push(right, to: name, at: operatorRange.union(value.range))
            { return }
            load(value, into: register, named: name.text)
            scope.definitelySet.insert(register)
        case .list(let names):
            // `a, b = b, a` needs no list.
            if case .list(let elements) = value.kind, elements.count == names.count, !elements.contains(where: \.isSpread) {
                let first = allocate(names.count)
                for (offset, element) in elements.enumerated() { load(element.value, into: first + offset) }
                return store(names, from: first, range)
            }
            let source = allocate()
            load(value, into: source)
            let first = allocate(names.count)
            emit(Instruction(.unpack, source, names.count, first), range)
            store(names, from: first, range)
        case .record(let names):
            let source = allocate()
            load(value, into: source)
            let first = allocate(names.count)
            scope.code.nameLists.append(names.map(\.text))
            emit(Instruction(.unpackRecord, source, scope.code.nameLists.count - 1, first), range)
            store(names, from: first, range)
        }
    }

    private func register(of name: Name) -> Int? { scope.overlays.last?[name.text] ?? scope.locals[name.text] }

    /// Moves consecutive registers into the names' own.
    func store(_ names: [Name], from first: Int, _ range: SourceRange) {
        for (offset, name) in names.enumerated() {
            guard let register = register(of: name) else { continue }
            emit(Instruction(.move, register, first + offset), range)
            scope.definitelySet.insert(register)
        }
    }

    /// `v = v + [x]` without a list of one; false for any other right side.
    private func push(_ value: Expression, to name: Name, at range: SourceRange) -> Bool {
        guard case .list(let elements) = value.kind, elements.count == 1, !elements[0].isSpread, !containsBlock(elements[0].value),
            case .register(let register) = resolve(name.text)
        else { return false }
        _ = self.name(name.text, name.range)
        emit(Instruction(.push, register, operand(elements[0].value)), range)
        scope.definitelySet.insert(register)
        return true
    }

    private func importFile(_ path: String, _ pathRange: SourceRange, _ alias: Statement.Alias?, _ range: SourceRange) {
        var info = ImportInfo(path: path, range: pathRange, alias: nil, slots: [])
        let target = allocate()
        switch alias {
        case .everything:
            for name in (try? importedNames(path, pathRange)) ?? [] where !ownFunctions.contains(name) {
                guard let slot = scope.locals[name] else { continue }
                info.slots.append((name, slot))
                scope.definitelySet.insert(slot)
            }
        case .name(let name): info.alias = name.text
        case nil:
            info.alias = importName(path)
            if !isIdentifier(importName(path)) { diagnostics.append(.importNeedsName(path, at: pathRange)) }
        }
        scope.code.imports.append(info)
        emit(Instruction(.import, target, scope.code.imports.count - 1), range)
        if let alias = info.alias, let slot = scope.locals[alias] {
            emit(Instruction(.move, slot, target), range)
            scope.definitelySet.insert(slot)
        }
    }

    private func isIdentifier(_ text: String) -> Bool {
        guard let first = text.first, first.isLetter || first == "_" else { return false }
        return text.allSatisfy { $0.isLetter || $0.isNumber || $0 == "_" }
    }

    // MARK: Blocks

    func isBlockLike(_ expression: Expression) -> Bool {
        switch expression.kind {
        case .conditional, .with, .for, .while: true
        default: false
        }
    }

    func blockLike(_ expression: Expression, into target: Int?) {
        switch expression.kind {
        case .conditional(let branches, let otherwise): conditional(branches, otherwise, expression.range, into: target)
        case .with(let value, let block):
            let defaults = operand(value)
            emit(Instruction(.pushDefaults, 0, defaults), value.range)
            scope.withDepth += 1
            self.block(block, into: target)
            scope.withDepth -= 1
            emit(Instruction(.popDefaults), expression.range)
        case .for(let names, let source, let block):
            forLoop(names, source, block, expression.range)
            if let target { emit(Instruction(.move, target, constant(.none)), expression.range) }
        case .while(let condition, let block):
            whileLoop(condition, block, expression.range)
            if let target { emit(Instruction(.move, target, constant(.none)), expression.range) }
        default: break
        }
    }

    private func conditional(
        _ branches: [Expression.Branch], _ otherwise: Block?, _ range: SourceRange, into target: Int?
    ) {
        conditional(branches, otherwise, range, endsEach: true) { block in
            if let block {
                self.block(block, into: target)
            } else if let target {
                emit(Instruction(.move, target, constant(.none)), range)
            }
        }
    }

    /// Tests in order, and for each branch (`nil`: an `else` that is not there) what `body` makes of it. Branches that
    /// do not end by themselves meet behind the last.
    func conditional(
        _ branches: [Expression.Branch], _ otherwise: Block?, _ range: SourceRange, endsEach: Bool, body: (Block?) -> Void
    ) {
        let before = scope.definitelySet
        var afterEach: [Set<Int>] = []
        var ends: [Int] = []
        var tests: [Int] = []
        for branch in branches {
            let mark = scope.nextRegister
            let condition = allocate()
            load(branch.condition, into: condition)
            let skip = emit(Instruction(.jumpIfFalse, condition), branch.condition.range)
            tests.append(skip)
            scope.nextRegister = mark
            let conditionSet = scope.definitelySet
            body(branch.block)
            if !endsAbruptly(branch.block) { afterEach.append(scope.definitelySet) }
            if endsEach { ends.append(emit(Instruction(.jump), range)) }
            patch(skip, to: here)
            scope.definitelySet = conditionSet
        }
        body(otherwise)
        if otherwise.map({ !endsAbruptly($0) }) ?? true { afterEach.append(scope.definitelySet) }
        for end in ends { patch(end, to: here) }
        for test in tests { scope.code.joins[test] = here }
        scope.definitelySet = afterEach.dropFirst().reduce(afterEach.first ?? before) { $0.intersection($1) }
    }

    private func endsAbruptly(_ block: Block) -> Bool {
        switch block.last?.kind {
        case .return, .break, .continue: true
        default: false
        }
    }

    func forLoop(_ names: [Name], _ source: Expression, _ body: Block, _ range: SourceRange) {
        loop(names, operand(source), source.range, range) { self.statements(body) }
    }

    /// The frame of a `for`; names live in the innermost overlay that has them, or in the function.
    func loop(_ names: [Name], _ list: Int, _ sourceRange: SourceRange, _ range: SourceRange, _ body: () -> Void) {
        // The state of a loop over a range takes four registers.
        let iterator = allocate(4)
        let own = names.count == 1 ? register(of: names[0]) : nil
        let element = own ?? allocate()
        emit(Instruction(.iterate, iterator, list, names.count), sourceRange)
        let start = here
        let next = emit(Instruction(.next, iterator, element), sourceRange)
        let before = scope.definitelySet
        if let own {
            scope.definitelySet.insert(own)
        } else {
            let first = allocate(names.count)
            emit(Instruction(.unpack, element, names.count, first), names[0].range.union(names[names.count - 1].range))
            store(names, from: first, range)
        }
        scope.loops.append(LoopContext(withDepth: scope.withDepth))
        body()
        let context = scope.loops.removeLast()
        for jump in context.continues { patch(jump, to: start) }
        emit(Instruction(.jump, 0, wide: start), range)
        patch(next, to: here)
        for jump in context.breaks { patch(jump, to: here) }
        closeLoop(start: start, counter: iterator)
        scope.definitelySet = before
    }

    private func whileLoop(_ condition: Expression, _ body: Block, _ range: SourceRange) {
        let counter = allocate()
        emit(Instruction(.move, counter, constant(.int(0))), range)
        let start = here
        emit(Instruction(.turn, counter), range)
        let mark = scope.nextRegister
        let test = allocate()
        load(condition, into: test)
        let exit = emit(Instruction(.jumpIfFalse, test), condition.range)
        scope.nextRegister = mark
        let before = scope.definitelySet
        scope.loops.append(LoopContext(withDepth: scope.withDepth))
        statements(body)
        let context = scope.loops.removeLast()
        for jump in context.continues { patch(jump, to: start) }
        emit(Instruction(.jump, 0, wide: start), range)
        patch(exit, to: here)
        for jump in context.breaks { patch(jump, to: here) }
        closeLoop(start: start, counter: counter)
        scope.definitelySet = before
    }

    private func closeLoop(start: Int, counter: Int) {
        var assigned: Set<Int> = []
        for instruction in scope.code.instructions[start..<here] { assigned.formUnion(written(by: instruction)) }
        scope.code.loops.append(LoopInfo(start: start, end: here, counter: counter, assigned: assigned))
    }

    /// The registers an instruction writes, for the check to forget after a loop that it cut short.
    private func written(by instruction: Instruction) -> [Int] {
        switch instruction.opcode {
        case .move, .take, .global, .capture, .standard, .training, .add, .subtract, .multiply, .divide, .floorDivide, .modulo,
            .power, .matmul, .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .contains, .negate, .not, .and,
            .or, .call, .callPlain, .callGlobal, .method, .pipe, .field, .index, .subscripts, .list, .listSpread, .append, .push, .record, .closure,
            .declare, .format, .import, .iterate, .turn:
            [Int(instruction.a)]
        case .next: [Int(instruction.b)]
        case .unpack: Array(Int(instruction.c)..<Int(instruction.c) + Int(instruction.b))
        case .unpackRecord:
            Array(Int(instruction.c)..<Int(instruction.c) + scope.code.nameLists[Int(instruction.b)].count)
        case .checkSet, .jump, .jumpIfFalse, .jumpAnd, .jumpOr, .jumpIfSet, .return, .pushDefaults,
            .popDefaults, .stackAdd, .checkParameters, .checkResult, .checkOption, .expect:
            []
        }
    }
}
