internal import Graphs
internal import Syntax

extension Compiler {
    /// `fn`, `layer`, `model` or `estimator` with a name: makes the value and gives it to the name.
    func declare(_ declaration: Declaration) {
        guard let register = scope.locals[declaration.name.text] else { return }
        let range = declaration.name.range
        if declaration.kind == .fn {
            guard case .body(let body) = declaration.content else { return }
            closure(
                name: declaration.name.text, kind: .function, parameters: declaration.parameters ?? [], body: body,
                result: declaration.result, range: range, documentation: declaration.documentation, mayCallItself: true,
                into: register)
        } else {
            let info = self.declaration(declaration, range: range)
            scope.code.declarations.append(info)
            emit(Instruction(.declare, register, scope.code.declarations.count - 1), range)
        }
        scope.definitelySet.insert(register)
    }

    func closure(
        name: String, kind: Code.Kind, parameters: [Syntax.Parameter], body: Body, result: TypeAnnotation?, range: SourceRange,
        documentation: String? = nil, mayCallItself: Bool = false, into target: Int
    ) {
        let (code, captures) = function(
            name: name, kind: kind, parameters: parameters, body: body, result: result, range: range,
            mayCallItself: mayCallItself)
        code.documentation = documentation
        scope.code.codes.append(code)
        scope.code.captures.append(captures)
        emit(Instruction(.closure, target, scope.code.codes.count - 1), range)
    }

    /// Compiles a function's body in a scope of its own.
    func function(
        name: String, kind: Code.Kind, parameters: [Syntax.Parameter], body: Body, result: TypeAnnotation?, range: SourceRange,
        isStack: Bool = false, mayCallItself: Bool = false
    ) -> (Code, [CaptureSource]) {
        inScope(name: name, kind: kind, range: range) {
            if mayCallItself { scope.ownName = name }
            self.parameters(parameters)
            scope.code.result = result.map(typeSpec)
            reserveLocals(body)
            if parameters.contains(where: { $0.type != nil }) { emit(Instruction(.checkParameters), range) }
            scope.isStack = isStack
            switch body {
            case .expression(let expression): returning(expression)
            case .block(let block):
                if isStack {
                    statements(block)
                    emitReturn(constant(.none), range)
                } else {
                    returning(block, range)
                }
            }
        }
    }

    /// A block whose value is the function's.
    private func returning(_ block: Block, _ range: SourceRange) {
        guard case .expression(let last)? = block.last?.kind else {
            statements(block)
            if case .return? = block.last?.kind {} else { emitReturn(constant(.none), range) }
            return
        }
        statements(Block(block.dropLast()))
        returning(last)
    }

    /// An expression whose value is the function's: each way of an `if` returns by itself.
    private func returning(_ expression: Expression) {
        guard case .conditional(let branches, let otherwise) = expression.kind else {
            let mark = scope.nextRegister
            emitReturn(operand(expression), expression.range)
            scope.nextRegister = mark
            return
        }
        conditional(branches, otherwise, expression.range, endsEach: false) { block in
            if let block { returning(block, expression.range) } else { emitReturn(constant(.none), expression.range) }
        }
    }

    func inScope(name: String, kind: Code.Kind, range: SourceRange, _ body: () -> Void) -> (Code, [CaptureSource]) {
        let outer = scope
        let code = Code(name: name, kind: kind, range: range)
        scope = Scope(code: code, parent: outer)
        scope.keepsValues = !(outer.isFile && (isHoisting || kind == .test))
        body()
        let captures = scope.captureSources
        scope = outer
        return (code, captures)
    }

    /// Gives parameters their registers, and evaluates defaults where no argument came.
    private func parameters(_ parameters: [Syntax.Parameter]) {
        for parameter in parameters {
            let register = allocate()
            scope.locals[parameter.name.text] = register
            scope.code.registerNames[register] = parameter.name.text
            scope.code.parameters.append(
                ParameterInfo(
                    name: parameter.name.text, hasDefault: parameter.defaultValue != nil, isRest: parameter.isRest,
                    type: parameter.type.map(typeSpec), documentation: parameter.documentation,
                    defaultText: parameter.defaultValue.map { $0.range.source.text($0.range) }, range: parameter.range))
        }
        for parameter in parameters {
            guard let register = scope.locals[parameter.name.text] else { continue }
            if let value = parameter.defaultValue {
                let skip = emit(Instruction(.jumpIfSet, register), value.range)
                let mark = scope.nextRegister
                load(value, into: register)
                scope.nextRegister = mark
                patch(skip, to: here)
            }
            scope.definitelySet.insert(register)
        }
    }

    private func reserveLocals(_ body: Body) {
        guard case .block(let block) = body else { return }
        var assigned = Assigned()
        assigned.add(block)
        for name in assigned.ordered where scope.locals[name] == nil {
            let register = allocate()
            scope.locals[name] = register
            scope.code.registerNames[register] = name
        }
    }

    func declaration(_ declaration: Declaration, range: SourceRange) -> DeclarationInfo {
        let name = declaration.name.text
        let parameters = declaration.parameters ?? []
        let configuration: (Code, [CaptureSource])
        var body: (Code, [CaptureSource])?
        switch (declaration.kind, declaration.content) {
        case (.estimator, .fields(let fields)):
            configuration = inScope(name: name, kind: .estimator, range: range) { estimator(parameters, fields, range) }
        case (.model, .body(let content)) where declaration.inputs == nil:
            configuration = function(
                name: name, kind: .model, parameters: parameters, body: content, result: nil, range: range, isStack: true)
        case (_, .body(let content)):
            configuration = inScope(name: name, kind: .layer, range: range) {
                self.parameters(parameters)
                if parameters.contains(where: { $0.type != nil }) { emit(Instruction(.checkParameters), range) }
                let values = allocate()
                emit(Instruction(.list, values, 0, parameters.count), range)
                emit(Instruction(.return, values), range)
            }
            // The body sees configuration and inputs as its parameters; the configuration arrives evaluated.
            let plain = parameters.map {
                var parameter = $0
                parameter.defaultValue = nil
                parameter.type = nil
                parameter.isRest = false
                return parameter
            }
            body = function(
                name: name, kind: .layer, parameters: plain + (declaration.inputs ?? []), body: content,
                result: declaration.result, range: range)
        case (_, .fields):
            configuration = inScope(name: name, kind: .layer, range: range) {}
        }
        return DeclarationInfo(
            kind: declaration.kind, name: name, configuration: configuration.0, body: body?.0,
            configurationCaptures: configuration.1, bodyCaptures: body?.1 ?? [],
            isSingleValue: declaration.parameters == nil && declaration.kind != .layer
                && !(declaration.kind == .model && declaration.inputs != nil),
            documentation: declaration.documentation, range: range)
    }

    /// An estimator's fields, evaluated in order; each sees those above it.
    private func estimator(_ parameters: [Syntax.Parameter], _ fields: [Field], _ range: SourceRange) {
        self.parameters(parameters)
        if parameters.contains(where: { $0.type != nil }) { emit(Instruction(.checkParameters), range) }
        var entries: [(Name, Int)] = []
        for field in fields {
            let register = allocate()
            let name: Name
            switch field {
            case .value(let fieldName, let value):
                name = fieldName
                load(value, into: register)
            case .function(let fieldName, let parameters, let body):
                name = fieldName
                closure(
                    name: fieldName.text, kind: .function, parameters: parameters, body: body, result: nil,
                    range: fieldName.range, into: register)
            case .shorthand(let fieldName):
                name = fieldName
                load(Expression(.name(fieldName.text), fieldName.range), into: register)
            case .spread(let value):
                diagnostics.append(.misplaced("...", "a record, list or call", at: value.range))
                continue
            }
            if !Estimator.fieldNames.contains(name.text) {
                diagnostics.append(.unknownEstimatorField(name.text, at: name.range, known: Estimator.fieldNames))
            }
            entries.append((name, register))
            scope.locals[name.text] = register
            scope.definitelySet.insert(register)
        }
        let first = allocate(entries.count)
        for (offset, entry) in entries.enumerated() { emit(Instruction(.move, first + offset, entry.1), range) }
        scope.code.recordShapes.append(
            RecordShape(fields: FieldNames(entries.map(\.0.text)), entries: entries.map { Optional($0.0.text) }))
        let result = allocate()
        emit(Instruction(.record, result, scope.code.recordShapes.count - 1, first), range)
        emit(Instruction(.return, result), range)
    }

    func typeSpec(_ annotation: TypeAnnotation) -> TypeSpec {
        let text = annotation.range.source.text(annotation.range)
        var base: TypeSpec.Base
        let hasShape = annotation.dimensions != nil
        switch annotation.name.text {
        case "any": base = .any
        case "int": base = hasShape ? .tensor(.anyInteger) : .int
        case "float": base = hasShape ? .tensor(.anyFloat) : .float
        case "bool": base = hasShape ? .tensor(.exactly(.bool)) : .bool
        case "string": base = .string
        case "list": base = .list
        case "record": base = .record
        case "fn": base = .fn
        case "layer": base = .layer
        case "table": base = .table
        case "dataset": base = .dataset
        case "estimator": base = .estimator
        case "tensor": base = .tensor(.any)
        default:
            if let dtype = DType(name: annotation.name.text) {
                base = .tensor(.exactly(dtype))
            } else {
                diagnostics.append(.unknownType(annotation.name.text, at: annotation.name.range))
                base = .any
            }
        }
        if hasShape, case .tensor = base {} else if hasShape {
            diagnostics.append(.typeHasNoShape(annotation.name.text, at: annotation.range))
        }
        let dimensions = annotation.dimensions?.map { dimension -> TypeSpec.Dimension in
            switch dimension {
            case .number(let number): .number(number)
            case .name(let name): .name(name.text)
            case .any: .any
            case .ellipsis: .ellipsis
            }
        }
        return TypeSpec(
            base: base, dimensions: dimensions, isOptional: annotation.isOptional, text: text, range: annotation.range)
    }
}
