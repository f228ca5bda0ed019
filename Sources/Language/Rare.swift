internal import Engine
internal import Graphs
internal import Syntax

/// The instructions that are not worth a place in the machine's loop.
extension Machine {
    func executeRarely(_ instruction: Instruction, _ program: Program, _ regs: Registers) throws {
        let top = frames.count - 1
        var code: Code { frames[top].code }
        let a = Int(instruction.a)
        switch instruction.opcode {
        case .capture:
            if instruction.b == 0xFFFF {
                regs[a] = .function(frames[top].function)
            } else {
                let value = frames[top].captured(Int(instruction.b))
                if case .unset = value {
                    let name = code.captureNames[Int(instruction.b)]
                    guard let position = library.position(of: name) else {
                        throw Fault(
                            "E0302", "`\(name)` has no value here", why: "a lambda or inner `fn` sees what was set where it was made",
                            mend: "give `\(name)` its value above; what calls itself is written as `fn`")
                    }
                    regs[a] = try library.value(position, self)
                } else {
                    regs[a] = value
                }
            }
        case .standard: regs[a] = try library.value(instruction.wide, self)
        case .checkSet:
            if case .unset = regs[a] { regs[a] = try unset(code.nameLists[instruction.wide][0], frames[top].module) }
        case .training: regs[a] = .bool(isTraining)
        case .field: regs[a] = try field(program.value(instruction.b, regs), program.value(instruction.c, regs))
        case .index: regs[a] = try index(program.value(instruction.b, regs), program.value(instruction.c, regs))
        case .subscripts:
            var next = a + 1
            func take(_ present: Bool) -> Value? {
                guard present else { return nil }
                next += 1
                return regs[next - 1]
            }
            let kinds = code.subscripts[instruction.wide]
            if kinds.count == 1, case .slice(let start, let stop, let step) = kinds[0], regs[a].isListOrString {
                regs[a] = try slice(regs[a], take(start), take(stop), take(step))
                return
            }
            regs[a] = try subscripts(
                regs[a],
                kinds.map { kind in
                    switch kind {
                    case .index: .index(take(true) ?? .none)
                    case .slice(let start, let stop, let step): .slice(take(start), take(stop), take(step))
                    case .ellipsis: .ellipsis
                    }
                })
        case .unpack:
            let (count, first) = (Int(instruction.b), Int(instruction.c))
            if case .list(let list) = regs[a], list.values.count == count {
                for offset in 0..<count { regs[first + offset] = list.values[offset] }
            } else {
                for (offset, value) in try unpack(regs[a], count).enumerated() { regs[first + offset] = value }
            }
        case .unpackRecord:
            let value = regs[a]
            for (offset, name) in code.nameLists[Int(instruction.b)].enumerated() {
                regs[Int(instruction.c) + offset] = try field(value, .string(name))
            }
        case .list:
            regs[a] = .list(List((0..<Int(instruction.c)).map { regs[Int(instruction.b) + $0] }))
        case .listSpread:
            var values = ContiguousArray<Value>()
            var isUnknown = false
            for (offset, isSpread) in code.spreads[Int(instruction.b)].enumerated() {
                let value = regs[Int(instruction.c) + offset]
                if !isSpread {
                    values.append(value)
                } else if let list = try elements(value) {
                    values += list
                } else if value.isUnknown {
                    isUnknown = true
                } else {
                    throw Fault.type("what `...` spreads into a list", expected: "a list", found: value)
                }
            }
            regs[a] = isUnknown ? .unknown(.list) : .list(List(values))
        case .append:
            guard case .list(let list) = regs[a] else {
                if regs[a].isUnknown { return }
                preconditionFailure("`append` without a list")
            }
            try Value.requireRoom(values: list.values.count, growingBy: 1)
            list.values.append(program.value(instruction.b, regs))
        case .record: regs[a] = try record(code.recordShapes[Int(instruction.b)], Int(instruction.c), regs)
        case .closure:
            let nested = code.codes[Int(instruction.b)]
            let function = Function(
                nested.name,
                .code(nested, captures: captured(code.captures[Int(instruction.b)], regs), module: frames[top].module))
            regs[a] = .function(function)
        case .declare:
            let info = code.declarations[Int(instruction.b)]
            let constructor = Constructor(
                info: info, module: frames[top].module,
                configurationCaptures: captured(info.configurationCaptures, regs),
                bodyCaptures: captured(info.bodyCaptures, regs))
            if info.isSingleValue {
                regs[a] = info.kind == .estimator
                    ? .estimator(try makeEstimator(constructor, [], [])) : try construct(constructor, [], [])
            } else {
                regs[a] = .function(Function(info.name, .constructor(constructor)))
            }
        case .format:
            // The machine's own bytes keep their room from one string to the next.
            var bytes = exchange(&formatted, with: [])
            bytes.removeAll(keepingCapacity: true)
            var isUnknown = false
            var next = Int(instruction.c)
            for part in code.templates[Int(instruction.b)] {
                if case .text(let literal) = part {
                    bytes.append(contentsOf: literal.utf8)
                    continue
                }
                var format: FormatSpec?
                if case .formatted(let spec) = part { format = spec }
                let value = regs[next]
                next += 1
                if isCheck, !isKnown(value) {
                    try tryKinds(of: value) { _ = try format?.format($0) }
                    isUnknown = true
                } else if let format {
                    bytes.append(contentsOf: try format.format(value).utf8)
                } else {
                    try require(value)
                    value.print(to: &bytes)
                }
            }
            regs[a] = isUnknown ? .unknown(.string) : .string(String(decoding: bytes, as: UTF8.self))
            formatted = bytes
        case .pushDefaults:
            switch program.value(instruction.b, regs) {
            case .defaults(let group): defaults.append(group)
            case .unknown: defaults.append(Defaults([]))
            case let value: throw Fault.type("what `with` holds", expected: "defaults", found: value, mend: "write `with defaults(…) { … }`")
            }
        case .popDefaults: defaults.removeLast()
        case .stackAdd: try addToStack(program.value(instruction.b, regs))
        case .checkParameters: try checkParameters(code, regs)
        case .checkResult: try checkResult(code, regs[a], regs)
        case .checkOption: try checkOption(frames[top].module.options[instruction.wide], regs)
        case .expect: try expect(regs[a], code.expectations[Int(instruction.b)], regs)
        case .import: regs[a] = try session.runImport(code.imports[Int(instruction.b)], from: frames[top].module, self)
        default: preconditionFailure("\(instruction.opcode) is the loop's")
        }
    }

    /// Whether a value has text: in the check, tensors of the script's data have none.
    private func isKnown(_ value: Value) -> Bool {
        switch value {
        case .unknown: false
        case .tensor(let tensor): tensor.availability == .available
        default: true
        }
    }

    /// The text of a value that is looked at.
    func printed(_ value: Value) throws -> String {
        try require(value)
        let text = value.text
        // Both leave a text unfinished.
        if Execution.isInterrupted { throw Interruption() }
        if case .string = value { return text }
        if text.utf8.count > Value.longestText { throw Fault("E0290", "the text of \(value.described) would need more than 1 GB") }
        return text
    }

    /// Computes the tensors in a value, so that an error of theirs is thrown here.
    func require(_ value: Value) throws {
        var walk = Walk(isCheck: isCheck)
        try require(value, &walk)
    }

    private func require(_ value: Value, _ walk: inout Walk) throws {
        guard try walk.meets() else { return }
        switch value {
        case .tensor(let tensor):
            if case .argument = tensor.availability { return }
            if !isCheck { try tensor.compute() }
        case .list(let list): for value in list.values { try require(value, &walk) }
        case .record(let record): for value in record.values { try require(value, &walk) }
        default: return
        }
    }

    /// What a file's slot without a value stands for.
    func unsetGlobal(_ slot: UInt16) throws -> Value {
        let module = frames[frames.count - 1].module
        return try unset(module.slots.first { $0.value == Int(slot) }?.key ?? "?", module)
    }

    /// A name of a file that has no value yet may still be the standard library's.
    private func unset(_ name: String, _ module: Module) throws -> Value {
        if module.slots[name] != nil, let position = library.position(of: name) {
            return try library.value(position, self)
        }
        throw Fault.unset(name)
    }

    private func captured(_ sources: [CaptureSource], _ regs: Registers) -> [Value] {
        sources.map { source in
            switch source {
            case .register(let register): regs[register]
            case .capture(let index): frames[frames.count - 1].captured(index)
            case .global(let slot): frames[frames.count - 1].module.registers[slot]
            case .itself: .function(frames[frames.count - 1].function)
            }
        }
    }

    private func record(_ shape: RecordShape, _ first: Int, _ regs: Registers) throws -> Value {
        if shape.fields.names.count == shape.entries.count {
            return .record(Record(shape.fields, (0..<shape.entries.count).map { regs[first + $0] }))
        }
        var fields = Fields()
        for (offset, entry) in shape.entries.enumerated() {
            let value = regs[first + offset]
            if let entry {
                fields.set(entry, value)
            } else if case .record(let other) = value {
                fields.add(other)
            } else if value.isUnknown {
                return .unknown
            } else {
                throw Fault.type("what `...` spreads into a record", expected: "a record", found: value)
            }
        }
        return .record(fields.record)
    }

    /// The values that a binding to several names gives them.
    private func unpack(_ value: Value, _ count: Int) throws -> [Value] {
        switch value {
        case .unknown(let kinds):
            // How many values there are is not known, only whether there can be any.
            if kinds.isDisjoint(with: [.string, .list, .texts, .other]) { try tryKinds(of: value) { _ = try unpack($0, count) } }
            return Array(repeating: kinds.element, count: count)
        case .list(let list):
            throw Fault.unpack(list.values.count, into: count, "a list")
        case .range(let range):
            guard range.count == count else { throw Fault.unpack(range.count, into: count, "a range") }
            return (0..<count).map { .int(range[$0]) }
        case .record(let record):
            guard record.values.count == count else { throw Fault.unpack(record.values.count, into: count, "a record") }
            return record.values
        case .tensor(let tensor):
            guard let size = tensor.shape.first else { throw Fault.unpack(1, into: count, "a tensor of rank 0") }
            guard size == count || size < 0 else { throw Fault.unpack(size, into: count, "a tensor of shape \(tensor.shape.text)") }
            return try (0..<count).map { try index(value, .int($0)) }
        case .string(let text):
            let scalars = text.codePoints
            guard scalars.count == count else { throw Fault.unpack(scalars.count, into: count, "a string") }
            return scalars.map { .string(.of($0)) }
        default: throw Fault("E0416", "\(value.described) cannot be taken apart into \(count) names")
        }
    }

    // MARK: Fields

    func field(_ value: Value, _ nameValue: Value) throws -> Value {
        guard case .string(let text) = nameValue else { return .unknown }
        let name = text.string
        switch value {
        case .unknown:
            try tryKinds(of: value) { _ = try field($0, nameValue) }
            return .unknown
        case .record(let record):
            if let field = record[name] { return field }
            if name == "keys" { return .list(record.names.map { .string($0) }) }
            if name == "values" { return .list(record.values) }
            throw Fault.noField(name, of: value, known: record.names)
        case .tensor(let tensor):
            switch name {
            case "shape": return .list(tensor.shape.map { $0 < 0 ? .unknown(.int) : .int($0) })
            case "dtype": return .dtype(tensor.dtype)
            case "rank": return .int(tensor.rank)
            case "size": return tensor.count.map { .int($0) } ?? .unknown(.int)
            default: throw Fault.noField(name, of: value, known: value.fieldNames)
            }
        case .layer(let layer): return try layerField(layer, name)
        case .parameter(let parameter):
            switch name {
            case "name": return .string(parameter.name)
            case "path": return .string(parameter.path)
            case "shape": return .list(parameter.type.shape.map { .int($0) })
            case "size": return .int(parameter.type.shape.elementCount ?? 0)
            case "dtype": return .dtype(parameter.type.dtype)
            case "value": return .tensor(parameter.value)
            case "trainable": return .bool(parameter.trainable)
            default:
                throw Fault.noField(name, of: value, known: value.fieldNames)
            }
        case .estimator(let estimator): return try estimatorField(estimator, name)
        case .table(let table): return try tableField(table, name)
        case .dataset(let dataset): return try datasetField(dataset, name)
        default:
            let verbs = library.verbs(of: value)
            if verbs.contains(name) {
                throw Fault("E0407", "`\(name)` of \(value.described) must be called", mend: "write `.\(name)(…)`")
            }
            if library.position(of: name) != nil {
                throw Fault("E0407", "\(value.described) has no field `\(name)`", mend: "write `.\(name)(…)` to call the function")
            }
            throw Fault.noField(name, of: value, known: verbs)
        }
    }

    private func layerField(_ layer: Layer, _ name: String) throws -> Value {
        switch name {
        case "params":
            try build(layer)
            return .list(layer.collect().filter { !$0.isState }.map { .parameter($0) })
        case "states":
            try build(layer)
            return .list(layer.collect().filter(\.isState).map { .parameter($0) })
        case "config":
            let names = layer.constructor.info.configuration.parameters.map(\.name)
            return .record(Record(names, Array(layer.configuration.prefix(names.count))))
        case "layers":
            return .list(layer.stack ?? layer.applied.map { .layer($0) })
        case "path", "name": return .string(layer.path)
        default:
            if library.verbs(of: .layer(layer)).contains(name) {
                throw Fault("E0407", "`\(name)` of a layer must be called", mend: "write `.\(name)(…)`")
            }
            throw Fault.noField(name, of: .layer(layer), known: Value.layer(layer).fieldNames)
        }
    }

    /// Makes the parameters of a model that states its input, by applying it to an example that is never computed.
    func build(_ layer: Layer) throws {
        guard layer.collect().isEmpty, let type = layer.inputType else { return }
        var shape = type.shape
        if shape.first == -1 { shape[0] = 1 }
        let sample = Tensor.argument(TensorType(type.dtype, shape))
        traceDepth += 1
        defer { traceDepth -= 1 }
        let updates = pendingUpdates
        _ = try apply(layer, [.tensor(sample)], [])
        // Not one of the script's.
        layer.firstInputs = nil
        pendingUpdates = updates
    }
}
