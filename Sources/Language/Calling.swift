internal import Engine
internal import Graphs
internal import Syntax

/// A builtin verb, written in Swift.
final class Native: Sendable {
    struct Parameter: Sendable {
        var name: String
        /// `nil` when the argument is required.
        var defaultValue: Value?
        var isRest = false
        /// The strings that it may be; any value when there are none.
        var choices: [String] = []
        init(_ name: String, isRest: Bool = false) { (self.name, self.isRest) = (name, isRest) }
        init(_ name: String, _ defaultValue: Value) { (self.name, self.defaultValue) = (name, defaultValue) }
        /// One of these strings, the first unless another is given.
        init(_ name: String, choices: [String]) { (self.name, defaultValue, self.choices) = (name, .string(choices[0]), choices) }
    }

    /// What the check does with a call.
    enum InCheck: Sendable {
        /// Calls it, unless an argument is unknown: then the result is.
        case pure
        /// Calls it always; the body minds `machine.isCheck` and unknown arguments.
        case aware
        /// Does not call it; the result is `none`.
        case skipped
        /// Does not call it; the result is unknown.
        case unknown
    }

    let name: String
    let parameters: [Parameter]
    /// The parameters' names.
    let names: [String]
    let doc: String
    let example: String
    let inCheck: InCheck
    /// The kinds that its result may be of, as far as the check can use them.
    let result: Kinds
    /// Whether named arguments beyond the parameters are welcome; they arrive as a record behind the others.
    let takesNamed: Bool
    /// The number of arguments that fill the parameters one by one; -1 when they need binding.
    let exactCount: Int
    let body: @Sendable (Machine, Arguments) throws -> Value

    init(
        _ name: String, _ parameters: [Parameter], doc: String, example: String = "", inCheck: InCheck = .pure,
        result: Kinds = .any, takesNamed: Bool = false, body: @escaping @Sendable (Machine, Arguments) throws -> Value
    ) {
        self.name = name
        self.parameters = parameters
        names = parameters.map(\.name)
        self.doc = doc
        self.example = example
        self.inCheck = inCheck
        self.result = result
        self.takesNamed = takesNamed
        exactCount = takesNamed || parameters.contains(where: \.isRest) ? -1 : parameters.count
        self.body = body
    }
}

/// A builtin's arguments, in the order of its parameters.
struct Arguments {
    var function: String
    var names: [String]
    var values: [Value]

    subscript(index: Int) -> Value { values[index] }
    func what(_ index: Int) -> String { "`\(names[index])` of `\(function)`" }

    func int(_ index: Int) throws -> Int {
        switch values[index] {
        case .int(let x): return x
        case .tensor(let tensor) where tensor.rank == 0 && tensor.dtype.isInteger:
            switch tensor.availability {
            case .available: return try tensor.elements(as: Int.self)[0]
            case .unknown: throw UnknownArgument()
            case .argument: throw Fault.looksAtData(what(index))
            }
        default: throw Fault.type(what(index), expected: "an int", found: values[index])
        }
    }
    func optionalInt(_ index: Int) throws -> Int? { values[index].isNone ? nil : try int(index) }
    func float(_ index: Int) throws -> Double {
        switch values[index] {
        case .int(let x): return Double(x)
        case .float(let x): return x
        case .tensor(let tensor) where tensor.shape.elementCount == 1:
            switch tensor.availability {
            case .available: return try tensor.elements(as: Double.self)[0]
            case .unknown: throw UnknownArgument()
            case .argument: throw Fault.looksAtData(what(index))
            }
        default: throw Fault.type(what(index), expected: "a number", found: values[index])
        }
    }
    func bool(_ index: Int) throws -> Bool {
        guard case .bool(let x) = values[index] else { throw Fault.type(what(index), expected: "`true` or `false`", found: values[index]) }
        return x
    }
    func string(_ index: Int) throws -> String {
        guard case .string(let x) = values[index] else { throw Fault.type(what(index), expected: "a string", found: values[index]) }
        return x.string
    }
    func optionalString(_ index: Int) throws -> String? { values[index].isNone ? nil : try string(index) }
    func tensor(_ index: Int, _ machine: Machine) throws -> Tensor { try machine.tensor(values[index], what(index)) }
    func layer(_ index: Int) throws -> Layer {
        guard case .layer(let x) = values[index] else { throw Fault.type(what(index), expected: "a layer", found: values[index]) }
        return x
    }
    func record(_ index: Int) throws -> Record {
        guard case .record(let x) = values[index] else { throw Fault.type(what(index), expected: "a record", found: values[index]) }
        return x
    }
    func list(_ index: Int, _ machine: Machine) throws -> ContiguousArray<Value> {
        if let list = try machine.elements(values[index]) { return list }
        throw Fault.type(what(index), expected: "a list", found: values[index])
    }
    func strings(_ index: Int, _ machine: Machine) throws -> [String] {
        if case .string(let one) = values[index] { return [one.string] }
        return try list(index, machine).map {
            guard case .string(let text) = $0 else { throw Fault.type(what(index), expected: "a list of strings", found: values[index]) }
            return text.string
        }
    }
    func function(_ index: Int) throws -> Value {
        switch values[index] {
        case .function, .layer, .unknown: return values[index]
        case .string(let text):
            throw Fault.type(what(index), expected: "a function", found: values[index], mend: "write `\(text.string)` without quotes")
        default: throw Fault.type(what(index), expected: "a function", found: values[index])
        }
    }
}

extension Machine {
    // MARK: From bytecode

    func call(at instruction: Instruction, _ regs: Registers) throws -> Value {
        let callee = Int(instruction.a)
        guard instruction.opcode == .callPlain else {
            guard let (positional, named) = try gather(frames[frames.count - 1].code.callSites, instruction.wide, callee + 1, regs) else {
                return .unknown
            }
            return try call(regs[callee], positional, named)
        }
        let arguments = callee + 1..<callee + 1 + Int(instruction.b)
        if case .function(let function) = regs[callee], let result = try immediately(function, regs, arguments) { return result }
        return try call(regs[callee], arguments.map { regs[$0] })
    }

    /// An op whose arguments need no binding; `nil` where they may.
    private func immediately(_ function: Function, _ regs: Registers, _ arguments: Range<Int>) throws -> Value? {
        if let isLargest = function.isExtreme { return arguments.count > 1 ? try extreme(isLargest, arguments.lazy.map { regs[$0] }) : nil }
        guard let row = function.immediate else { return nil }
        // The check wants to know which function made a model's outputs.
        if arguments.count == 1, case .tensor(let x) = regs[arguments.lowerBound] { return isCheck ? nil : row(x, origin: origin).map { .tensor($0) } }
        // Of anything but a tensor a name that is a layer, too, may make one.
        if case .dual = function.kind {
            guard !isCheck, arguments.count == 2, case .tensor(let x) = regs[arguments.lowerBound], case .tensor(let y) = regs[arguments.lowerBound + 1]
            else { return nil }
            return row(x, y, origin: origin).map { .tensor($0) }
        }
        if arguments.count == 1, case .list(let list) = regs[arguments.lowerBound] {
            if isCheck { return nil }
            let parts = list.values
            return row(stacking: parts.count) { if case .tensor(let part) = parts[$0] { part } else { nil } }.map { .tensor($0) }
        }
        switch arguments.count {
        case 1: return Immediate.Number(regs[arguments.lowerBound]).flatMap { row($0) }.map { Value($0) }
        case 2:
            let (x, y) = (regs[arguments.lowerBound], regs[arguments.lowerBound + 1])
            if let x = Immediate.Number(x), let y = Immediate.Number(y) { return row(x, y).map { Value($0) } }
            return immediately(row, x, y).map { .tensor($0) }
        default: return nil
        }
    }

    /// A call's arguments, spreads taken apart; `nil` in the check when what is spread is not known.
    private func gather(_ sites: [CallSite], _ index: Int, _ first: Int, _ regs: Registers) throws -> ([Value], [(String, Value)])? {
        let (names, spread) = (sites[index].names, sites[index].spread)
        var positional: [Value] = []
        var named: [(String, Value)] = []
        for (offset, name) in names.enumerated() {
            let value = regs[first + offset]
            if spread[offset] {
                switch value {
                case .list, .range: positional += try elements(value) ?? []
                case .record(let record): named += zip(record.names, record.values).map { ($0, $1) }
                case .unknown: return nil
                default: throw Fault.type("what `...` spreads", expected: "a list or record", found: value)
                }
            } else if let name {
                named.append((name, value))
            } else {
                positional.append(value)
            }
        }
        return (positional, named)
    }

    func method(at instruction: Instruction, _ regs: Registers) throws -> Value {
        let sites = frames[frames.count - 1].code.callSites
        let receiver = regs[instruction.a]
        guard let name = sites[instruction.wide].method else { preconditionFailure("a method call without a name") }
        let first = Int(instruction.a) + 1
        var field: Value?
        if case .record(let record) = receiver { field = record[name] }
        var form = receiver
        if case .unknown(let kinds) = receiver {
            guard let known = kinds.form else {
                _ = try gather(sites, instruction.wide, first, regs)
                return .unknown
            }
            form = known
        }
        var verb: Value?
        if field == nil {
            let (verbs, kind) = (sites[instruction.wide].verbs, form.kind)
            verb = verbs.indices.first { verbs[$0].kind == kind }.map { verbs[$0].verb }
        }
        if let verb, sites[instruction.wide].isPlain {
            return try call(verb, (first - 1..<first + sites[instruction.wide].names.count).map { regs[$0] })
        }
        guard let (positional, named) = try gather(sites, instruction.wide, first, regs) else { return .unknown }
        if let field { return try call(field, positional, named) }
        if let verb { return try call(verb, [receiver] + positional, named) }
        let near: Value
        switch sites[instruction.wide].fallback {
        case .none: near = .none
        case .register(let register): near = regs[register]
        case .global(let slot): near = frames[frames.count - 1].module.registers[slot]
        case .capture(let index): near = frames[frames.count - 1].captured(index)
        case .itself: near = .function(frames[frames.count - 1].function)
        case .standard(let index): near = try library.value(index, self)
        }
        if isCallable(near) { return try chain(near, receiver, positional, named) }
        if let position = library.position(of: name) {
            let standard = try library.value(position, self)
            if isCallable(standard) { return try chain(standard, receiver, positional, named) }
        }
        if near.isUnknown { return .unknown }
        var known = library.verbs(of: form)
        if case .record(let record) = receiver { known += record.names }
        if nearest(to: name, in: known) == nil { known = library.names.filter { !$0.contains(".") } }
        var fields: [String] = []
        if case .tensor = receiver { fields = ["shape", "dtype", "rank", "size"] }
        if case .table = receiver { fields = ["columns", "rows", "label", "shape"] }
        if case .layer = receiver { fields = ["params", "states", "config", "layers"] }
        // `dataset.iris()` for `datasets.iris()`
        var member: String?
        if case .function(let function) = receiver {
            member = library.modules.sorted().first {
                library.position(of: $0 + "." + name) != nil && nearest(to: function.name, in: [$0]) != nil
            }.map { $0 + "." + name }
        }
        throw Fault.noMethod(name, of: form, known: known, fields: fields, member: member)
    }

    private func isCallable(_ value: Value) -> Bool {
        switch value {
        case .function, .layer: true
        default: false
        }
    }

    /// `x.g(args)`: `g(x, args)` for a function, `g(args)(x)` for a layer.
    private func chain(_ g: Value, _ x: Value, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        switch g {
        case .function(let function):
            switch function.kind {
            case .constructor(let constructor) where constructor.info.kind != .estimator:
                return try call(try construct(constructor, positional, named), [x])
            case .dual where x.isUnknown: return .unknown
            case .dual(let op, let layer):
                if isTensor(x) || isList(x), accepts(op, positional.count + 1, named.map(\.0)) {
                    return try call(.function(op), [x] + positional, named)
                }
                return try chain(.function(layer), x, positional, named)
            default: return try call(g, [x] + positional, named)
            }
        case .layer: return try call(g, [x] + positional, named)
        default: throw Fault.notCallable(g)
        }
    }

    // MARK: From anywhere

    func call(_ callee: Value, _ positional: [Value], _ named: [(String, Value)] = []) throws -> Value {
        switch callee {
        case .function(let function): return try call(function, positional, named)
        case .layer(let layer): return try apply(layer, positional, named)
        case .unknown: return .unknown
        case .estimator(let estimator):
            throw Fault("E0408", "the estimator `\(estimator.name)` cannot be called", mend: "write `\(estimator.name).predict(…)`")
        default: throw Fault.notCallable(callee)
        }
    }

    private func call(_ function: Function, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        if !isCheck, function.entry?.exactCount == positional.count, named.isEmpty { return try invoke(function, positional) }
        switch function.kind {
        case .code(let code, _, let module):
            if isCheck, checkShouldCutCall() { return .unknown }
            let arguments = try bind(code.parameters, positional, named, function.name)
            if isCheck, module.isStandard { warnOfSquashed(function.name, arguments) }
            return try invoke(function, arguments)
        case .op(let op):
            do {
                return try apply(op, positional, named)
            } catch let fault as Fault where isCheck && fault.dependsOnValues {
                return .unknown
            }
        case .native(let native): return try call(native, positional, named)
        case .constructor(let constructor): return try callConstructor(constructor, positional, named)
        case .dual(let op, let layer):
            if positional.contains(where: \.isUnknown) { return .unknown }
            if isOpCall(op, layer, positional, named) { return try call(op, positional, named) }
            return try call(layer, positional, named)
        case .closure(let parameters, let body):
            if let parameters {
                return try body(self, try bind(parameters, positional, named, function.name), [])
            }
            return try body(self, positional, named)
        }
    }

    func call(_ native: Native, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        let values = named.isEmpty && positional.count == native.exactCount ? positional : try bind(native, positional, named)
        if session.isSealed || session.knowsSealed, Native.outside.contains(native.name),
            session.isSealed && native.name != "print" || frames.contains(where: \.module.isSealed)
        {
            throw Fault.sealed(native.name)
        }
        if isCheck {
            switch native.inCheck {
            case .pure: if values.contains(where: \.hasUnknown) { return .unknown(native.result) }
            case .aware: break
            case .skipped: return .none
            case .unknown: return .unknown(native.result)
            }
        }
        let arguments = Arguments(function: native.name, names: native.names, values: values)
        if !isCheck { return try native.body(self, arguments) }
        do {
            let result = try native.body(self, arguments)
            passOnLineage(native.name, arguments, result)
            return result
        } catch let fault as Fault where fault.dependsOnValues {
            return .unknown(native.result)
        } catch is UnknownArgument {
            return .unknown(native.result)
        }
    }

    /// Arguments in the order of a builtin's parameters, defaults filled in.
    private func bind(_ native: Native, _ positional: [Value], _ named: [(String, Value)]) throws -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(native.parameters.count + 1)
        var rest = positional[...]
        var named = named
        for parameter in native.parameters {
            if parameter.isRest {
                values.append(.list(Array(rest)))
                rest = []
            } else if !named.isEmpty, let index = named.firstIndex(where: { $0.0 == parameter.name }) {
                values.append(named.remove(at: index).1)
            } else if let value = rest.popFirst() {
                values.append(value)
            } else if let value = parameter.defaultValue {
                values.append(value)
            } else {
                throw Fault.missingArgument(parameter.name, of: native.name)
            }
        }
        if native.takesNamed {
            values.append(.record(named))
            named = []
        }
        if let extra = named.first {
            throw native.names.contains(extra.0)
                ? Fault.repeatedArgument(extra.0, of: native.name) : Fault.unknownArgument(extra.0, of: native.name, known: native.names)
        }
        if !rest.isEmpty { throw Fault.surplusArguments(native.name, takes: native.names, found: positional.count) }
        return values
    }

    /// Arguments in the order of the parameters; those that are left out stay unset for the body to fill.
    func bind(
        _ parameters: [ParameterInfo], _ positional: [Value], _ named: [(String, Value)], _ function: String
    ) throws -> [Value] {
        var values = [Value](repeating: .unset, count: parameters.count)
        var rest = positional[...]
        // A parameter has much to copy, so only what is asked for is read.
        for index in parameters.indices {
            if parameters[index].isRest {
                values[index] = .list(Array(rest))
                rest = []
            } else if let value = rest.popFirst() {
                values[index] = value
            }
        }
        if !rest.isEmpty { throw Fault.surplusArguments(function, takes: parameters.map(\.name), found: positional.count) }
        for (name, value) in named {
            guard let index = parameters.indices.first(where: { parameters[$0].name == name && !parameters[$0].isRest }) else {
                throw Fault.unknownArgument(name, of: function, known: parameters.map(\.name))
            }
            guard case .unset = values[index] else { throw Fault.repeatedArgument(name, of: function) }
            values[index] = value
        }
        for index in parameters.indices where !parameters[index].hasDefault {
            if case .unset = values[index] { throw Fault.missingArgument(parameters[index].name, of: function) }
        }
        return values
    }

    // MARK: Names that are an op and a layer

    /// The op, with a tensor as first argument or arguments that only the op can take; otherwise the layer.
    private func isOpCall(_ op: Function, _ layer: Function, _ positional: [Value], _ named: [(String, Value)]) -> Bool {
        if let first = positional.first {
            if isTensor(first) { return true }
            if case .list(let list) = first, list.values.contains(where: isTensor) { return true }
        }
        let names = named.map(\.0)
        let layerTakes = accepts(layer, positional.count, names)
        if !layerTakes { return true }
        // A number as first argument of a function without configuration is the op's: `relu(-1.0)`.
        if let first = positional.first, case .float = first, !layerTakesNumber(layer) { return true }
        return false
    }

    private func layerTakesNumber(_ layer: Function) -> Bool {
        guard case .constructor(let constructor) = layer.kind else { return false }
        return !constructor.info.configuration.parameters.isEmpty
    }

    private func accepts(_ function: Function, _ count: Int, _ names: [String]) -> Bool {
        let parameters: [(name: String, isRest: Bool)]
        switch function.kind {
        case .code(let code, _, _): parameters = code.parameters.map { ($0.name, $0.isRest) }
        case .op(let op):
            parameters = op.parameters.filter { $0.kind != .key && $0.kind != .hidden }.map { ($0.name, $0.kind == .tensors) }
        case .native(let native): parameters = native.parameters.map { ($0.name, $0.isRest) }
        case .constructor(let constructor):
            parameters = constructor.info.configuration.parameters.map { ($0.name, $0.isRest) }
                + Layer.commonArguments.map { ($0, false) }
            if count > constructor.info.configuration.parameters.count, !parameters.contains(where: \.isRest) { return false }
        default: return true
        }
        if count > parameters.count, !parameters.contains(where: \.isRest) { return false }
        return names.allSatisfy { name in parameters.contains { $0.name == name } }
    }
}


/// In the check: a builtin needs the elements of a tensor, so its result is not known.
struct UnknownArgument: Error {}

/// An argument that does not conform to its parameter's annotation.
struct ArgumentFault: Error {
    var fault: Fault
    var position: Int
}
