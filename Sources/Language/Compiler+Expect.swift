internal import Syntax

/// `expect`: the condition is computed so that what it was computed from is still there when it fails.
extension Compiler {
    func expect(_ condition: Expression, _ message: Expression?, _ range: SourceRange) {
        let start = here
        let overlays = scope.overlays.count
        let probe = probe(condition)
        scope.overlays.removeLast(scope.overlays.count - overlays)
        let text = message.map { message in
            let register = allocate()
            load(message, into: register)
            return register
        }
        scope.code.expectations.append(Expectation(range: condition.range, start: start, condition: probe, message: text))
        emit(Instruction(.expect, probe.value.register, scope.code.expectations.count - 1), condition.range)
    }

    private func probe(_ condition: Expression) -> Probe {
        let range = condition.range
        switch condition.kind {
        case .parenthesized(let inner): return probe(inner)
        case .binary(let op, let left, let right, _) where op == .and || op == .or:
            let first = probe(left)
            let result = allocate()
            emit(Instruction(.move, result, first.value.register), left.range)
            let skip = emit(Instruction(op == .and ? .jumpAnd : .jumpOr, result), left.range)
            let before = scope.definitelySet
            let second = probe(right)
            emit(Instruction(op == .and ? .and : .or, result, result, second.value.register), range)
            patch(skip, to: here)
            scope.code.joins[skip] = here
            scope.definitelySet = before
            return .logical(op, first, second, .init(register: result, range: range))
        case .binary(let op, let left, let right, let operatorRange) where isComparison(op):
            let sides = (keep(left), keep(right))
            let result = allocate()
            emitBinary(op, result, sides.0.register, sides.1.register, operatorRange.union(range))
            return .comparison(op, left: sides.0, right: sides.1, .init(register: result, range: range))
        case .unary(.not, let inner):
            let inner = probe(inner)
            let result = allocate()
            emit(Instruction(.not, result, inner.value.register), range)
            return .negation(inner, .init(register: result, range: range))
        case .call(let callee, let arguments) where !arguments.contains(where: \.isSpread): return call(callee, arguments, range)
        case .field(let base, let name):
            guard case .name(let module) = base.kind, library.modules.contains(module) else {
                let record = keep(base)
                let result = allocate()
                load(Expression(.field(self.name(for: record), name), range), into: result)
                return .field(of: record, .init(register: result, range: range))
            }
        default: break
        }
        return .plain(keep(condition))
    }

    /// A call whose arguments are computed beforehand, into registers that the call leaves alone.
    private func call(_ callee: Expression, _ arguments: [Argument], _ range: SourceRange) -> Probe {
        var name = ""
        var isStandard = false
        var callee = callee
        var kept: [(name: String?, Probe.Kept)] = []
        if case .name(let text) = callee.kind {
            name = text
            if case .standard = resolve(text) { isStandard = true }
        } else if case .field(let base, let method) = callee.kind {
            name = method.text
            if case .name(let module) = base.kind, library.modules.contains(module) { return .plain(keep(Expression(.call(callee, arguments), range))) }
            let receiver = keep(base)
            kept.append((nil, receiver))
            callee = Expression(.field(self.name(for: receiver), method), callee.range)
        }
        var tested: Probe?
        let given = arguments.enumerated().map { position, argument in
            let value: Probe.Kept
            if position == 0, kept.isEmpty, isStandard, name == "all" || name == "any", case .binary(let op, _, _, _) = argument.value.kind,
                isComparison(op)
            {
                let probe = probe(argument.value)
                tested = probe
                value = probe.value
            } else {
                value = keep(argument.value)
            }
            kept.append((argument.name?.text, value))
            var argument = argument
            argument.value = self.name(for: value)
            return argument
        }
        let result = allocate()
        load(Expression(.call(callee, given), range), into: result)
        return .call(name: name, standard: isStandard, arguments: kept, tested: tested, .init(register: result, range: range))
    }

    private func keep(_ expression: Expression) -> Probe.Kept {
        let register = allocate()
        load(expression, into: register)
        return Probe.Kept(register: register, range: expression.range, depth: depth(expression))
    }

    private func depth(_ expression: Expression) -> Int {
        switch expression.kind {
        case .none, .bool, .int, .float, .string: 0
        case .name: 1
        case .parenthesized(let inner), .unary(.negate, let inner): depth(inner)
        default: 2
        }
    }

    /// A kept value as an expression: a name that no script can write.
    private func name(for kept: Probe.Kept) -> Expression {
        let name = "#\(kept.register)"
        scope.overlays.append([name: kept.register])
        return Expression(.name(name), kept.range)
    }

    private func isComparison(_ op: BinaryOperator) -> Bool {
        switch op {
        case .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .in, .notIn: true
        default: false
        }
    }
}
