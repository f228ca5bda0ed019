internal import Engine
internal import Graphs
internal import Syntax

/// Ops on a script's arguments: binding, dtypes of script numbers, attributes, results as values.
extension Machine {
    /// Where the script stands, as a number that nodes carry.
    func origin() -> Int32 {
        for frame in frames.reversed() where !frame.module.isStandard {
            if let part = profiledParts.last, part.depth > (frames.lastIndex { !$0.module.isStandard } ?? 0) { return part.origin }
            return frame.code.origin(at: frame.pc, of: self)
        }
        return frames.last.map { $0.code.origin(at: $0.pc, of: self) } ?? -1
    }

    /// An op on positional values with attributes at their defaults.
    func apply(_ op: Op, _ values: [Value]) throws -> Value { try apply(op, values, []) }

    /// An op on a script's arguments.
    func apply(_ op: Op, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        // `min(a, b, …)` of script numbers, as in Python.
        if positional.count > 1, named.isEmpty, op.name == "min" || op.name == "max", !isTensor(positional[0]), try elements(positional[0]) == nil,
            let number = try reduce(op.name, ContiguousArray(positional))
        {
            return number
        }
        if !isCheck, tally == nil, let value = remembered.value(of: op, positional, named) { return value }
        if let usual = op.usual, positional.count == usual.inputCount, named.isEmpty, positional.contains(where: isTensor),
            !positional.contains(where: \.isUnknown)
        {
            return try results(of: op, promoteWeakly(op, positional), usual.attributes, calledWith: positional, named)
        }
        let bound = try bind(op, positional, named)
        if bound.inputs.contains(where: \.isUnknown) || bound.attributes.contains(where: hasUnknown) {
            return try unknownResult(op, bound)
        }
        if let number = try scriptNumber(op, bound) { return number }
        var inputs = try promoteWeakly(op, bound.inputs)
        if op.parameters.last?.kind == .key { inputs.append(random.nextKey()) }
        let attributes = Attributes(try zip(op.attributeParameters, bound.attributes).map { try attribute($0, $1, op) })
        return try results(of: op, inputs, attributes, calledWith: positional, named)
    }

    /// An op's results, at once if that costs less than to wait until somebody looks.
    func applied(_ op: Op, _ inputs: [Tensor], _ attributes: Attributes) throws -> [Tensor] {
        if !isCheck, let results = SmallProgram.of(op, inputs, attributes)?.run(inputs) { return results }
        return try Tensor.apply(op, inputs, attributes, origin: origin())
    }

    /// An op's results as a script sees them.
    private func results(
        of op: Op, _ inputs: [Tensor], _ attributes: Attributes, calledWith positional: [Value], _ named: [(String, Value)]
    ) throws -> Value {
        if !isCheck, tally == nil, let program = SmallProgram.of(op, inputs, attributes), let results = program.run(inputs) {
            let form = op.results(attributes)
            remembered.add(op, positional, named, inputs, program, form)
            return Value(results, as: form)
        }
        var results = try Tensor.apply(op, inputs, attributes, origin: origin())
        tally?.count(op, inputs, attributes)
        if isCheck {
            check.steps += CheckState.stepsPerOp
            results = results.map { $0.availability == .argument ? $0 : .unknown($0.type) }
            noteSquashed(op, results)
        }
        return Value(results, as: op.results(attributes))
    }

    private struct Bound {
        var inputs: [Value] = []
        var attributes: [Value] = []
    }

    private func bind(_ op: Op, _ positional: [Value], _ named: [(String, Value)]) throws -> Bound {
        var bound = Bound()
        var rest = positional[...]
        var named = named
        var known: [String] { op.parameters.filter { $0.kind != .key && $0.kind != .hidden }.map(\.name) }
        for parameter in op.parameters {
            var given: Value?
            if let index = named.firstIndex(where: { $0.0 == parameter.name }) {
                given = named.remove(at: index).1
                if parameter.kind == .tensors {
                    bound.inputs += Array(try listOfTensors(given ?? .none, op))
                    continue
                }
            } else if parameter.kind == .tensors {
                let isOneList: Bool
                if rest.count > 1, op.parameters.last?.kind == .tensors {
                    // `einsum("ij,jk->ik", a, b)`: nothing else may follow.
                    isOneList = false
                } else if case .list(let list)? = rest.first {
                    isOneList = list.values.contains { if case .tensor = $0 { true } else { $0.isUnknown || isList($0) } } || rest.count == 1
                } else {
                    isOneList = rest.first?.isUnknown ?? false
                }
                if isOneList, let first = rest.popFirst() {
                    bound.inputs += Array(try listOfTensors(first, op))
                } else {
                    while let next = rest.first, isTensorLike(next) {
                        bound.inputs.append(next)
                        rest.removeFirst()
                    }
                }
                continue
            } else if parameter.kind != .key, parameter.kind != .hidden {
                given = rest.popFirst()
            }
            switch parameter.kind {
            case .key: continue
            case .tensor:
                guard let given else { throw Fault.missingArgument(parameter.name, of: op.name) }
                bound.inputs.append(given)
            case .optionalTensor: if let given, !given.isNone { bound.inputs.append(given) }
            default:
                if let given {
                    bound.attributes.append(given)
                } else if let value = parameter.defaultValue {
                    bound.attributes.append(Value(value))
                } else {
                    throw Fault.missingArgument(parameter.name, of: op.name)
                }
            }
        }
        if let extra = named.first {
            if known.contains(extra.0) { throw Fault.repeatedArgument(extra.0, of: op.name) }
            throw Fault.unknownArgument(extra.0, of: op.name, known: known)
        }
        if !rest.isEmpty { throw Fault.surplusArguments(op.name, takes: known, found: positional.count) }
        return bound
    }

    private func isTensorLike(_ value: Value) -> Bool {
        switch value {
        case .tensor, .int, .float, .bool, .list, .range, .unknown: true
        default: false
        }
    }

    private func listOfTensors(_ value: Value, _ op: Op) throws -> ContiguousArray<Value> {
        if value.isUnknown { return [.unknown] }
        if case .tensor(let tensor) = value, let count = tensor.shape.first, count >= 0 {
            return ContiguousArray(try (0..<count).map { try index(value, .int($0)) })
        }
        guard let list = try elements(value) else { throw Fault.type("the first argument of `\(op.name)`", expected: "a list of tensors", found: value) }
        return list
    }

    /// Ops on script numbers alone give script numbers, in 64 bits.
    private func scriptNumber(_ op: Op, _ bound: Bound) throws -> Value? {
        if bound.inputs.contains(where: isTensor) { return nil }
        let isElementwise: Bool
        switch op.kernel {
        case .map, .zip: isElementwise = true
        case .composed: isElementwise = op.isElementwise
        default: isElementwise = op.name == "where" || op.name == "clip"
        }
        var numbers: [Tensor] = []
        if isElementwise, !bound.inputs.isEmpty {
            for value in bound.inputs {
                switch value {
                case .int(let x): numbers.append(op.promotion == .real ? .scalar(Double(x), .f64) : .scalar(x, .i64))
                case .float(let x): numbers.append(.scalar(x, .f64))
                case .bool(let x): numbers.append(Tensor.make([x], []))
                default: return nil
                }
            }
        } else if Self.listReductions.contains(op.name), bound.inputs.count == 1, let list = try elements(bound.inputs[0]),
            case .none? = bound.attributes.first
        {
            return try reduce(op.name, list)
        } else {
            return nil
        }
        if op.name == "abs", case .int(.min) = bound.inputs[0] { throw Fault.overflow }
        let attributes = Attributes(try zip(op.attributeParameters, bound.attributes).map { try attribute($0, $1, op) })
        let result = try Tensor.apply(op, numbers, attributes, origin: origin())[0]
        switch result.dtype {
        case .bool: return .bool(try result.elements(as: Bool.self)[0])
        case let dtype where dtype.isInteger: return .int(try result.elements(as: Int.self)[0])
        default: return .float(try result.elements(as: Double.self)[0])
        }
    }

    static let listReductions: Set = ["sum", "prod", "min", "max", "mean", "any", "all"]

    /// A reduction of a flat list of script numbers; `nil` for other lists.
    func reduce(_ name: String, _ list: ContiguousArray<Value>) throws -> Value? {
        var unknown = false
        for value in list {
            switch value {
            case .int, .float, .bool: continue
            case .unknown: unknown = true
            default: return nil
            }
        }
        if unknown { return .unknown }
        if name == "any" || name == "all" {
            let wanted = name == "any"
            for value in list {
                guard case .bool(let x) = value else { throw Fault.condition(value) }
                if x == wanted { return .bool(wanted) }
            }
            return .bool(!wanted)
        }
        guard var result = list.first else {
            switch name {
            case "sum": return .int(0)
            case "prod": return .int(1)
            default: throw Fault("E0422", "`\(name)` of an empty list has no value")
            }
        }
        if list.contains(where: { if case .bool = $0 { true } else { false } }) { return nil }
        if name == "min" || name == "max" { return try extreme(name == "max", list) }
        let op = name == "prod" ? Opcode.multiply : .add
        for value in list.dropFirst() { result = try binary(op, result, value) }
        return name == "mean" ? try binary(.divide, result, .int(list.count)) : result
    }

    /// The smallest or largest of script numbers, the first among equals; `nil` when there is another value among them.
    func extreme(_ isLargest: Bool, _ values: some Sequence<Value>) throws -> Value? {
        var best: Value?
        for value in values {
            guard value.number != nil else { return nil }
            if let known = best, case .bool(false) = try binary(.less, isLargest ? known : value, isLargest ? value : known) { continue }
            best = value
        }
        return best
    }

    /// Inputs as tensors; script numbers take the dtype of the tensors beside them.
    private func promoteWeakly(_ op: Op, _ inputs: [Value]) throws -> [Tensor] {
        let together: Range<Int>
        switch op.promotion {
        case .none, .realFirst: together = 0..<0
        case .common, .real, .number, .accumulating, .logical: together = 0..<inputs.count
        case .commonFirstTwo: together = 0..<min(2, inputs.count)
        case .commonAfterFirst: together = min(1, inputs.count)..<inputs.count
        }
        var widest: DType?
        for value in inputs[together] {
            if case .tensor(let tensor) = value { widest = widest.map { $0.promoted(with: tensor.dtype) } ?? tensor.dtype }
        }
        return try inputs.enumerated().map { position, value in
            if together.contains(position), let widest {
                switch value {
                case .int, .float: return try weak(value, beside: widest)
                case .list, .range:
                    if let made = try tensor(from: value) {
                        return widest.isFloat ? try cast(made, to: widest) : made
                    }
                default: break
                }
            }
            return try tensor(value, "an argument of `\(op.name)`")
        }
    }

    /// In the check: the result when an input or attribute is not known. What can be said of its type is said.
    private func unknownResult(_ op: Op, _ bound: Bound) throws -> Value {
        // A shape with unknown sizes still has a rank.
        let parameters = op.attributeParameters
        let shapes = zip(parameters, bound.attributes).allSatisfy { parameter, value in
            !value.hasUnknown || (parameter.kind == .shape && isList(value))
        }
        guard shapes, !bound.inputs.contains(where: \.isUnknown) else {
            for value in bound.inputs where !value.mayBe(.numeric) { _ = try tensor(value.example, "an argument of `\(op.name)`") }
            return .unknown
        }
        var inputs = try promoteWeakly(op, bound.inputs)
        if op.parameters.last?.kind == .key { inputs.append(random.nextKey()) }
        let attributes = Attributes(try zip(parameters, bound.attributes).map { try attribute($0, $1, op) })
        var given = inputs.map(\.type)
        // What is left for a size that is not known cannot be said of two: as little as if the tensor's own were not.
        let holes = zip(bound.attributes, attributes.values).contains { value, attribute in
            if value.hasUnknown, case .ints(let sizes) = attribute { sizes.filter { $0 == -1 }.count > 1 } else { false }
        }
        if holes { for index in given.indices where given[index].rank > 0 { given[index].shape[0] = Shape.unknownSize } }
        let types = try op.types(given, attributes)
        let results = types.map { Value.tensor(.unknown($0)) }
        check.steps += CheckState.stepsPerOp
        switch op.results(attributes) {
        case .one: return results[0]
        case .list: return .list(results)
        case .record(let names): return .record(zip(names, results).filter { !$0.0.isEmpty }.map { ($0, $1) })
        }
    }

    /// A script's value as an op's attribute.
    private func attribute(_ parameter: Op.Parameter, _ value: Value, _ op: Op) throws -> Attribute {
        var what: String { "`\(parameter.name)` of `\(op.name)`" }
        func ints(_ value: Value) throws -> [Int]? {
            switch value {
            case .int(let x): return [x]
            case .list, .range:
                return try elements(value)?.map { element in
                    switch element {
                    case .int(let x): return x
                    case .unknown: return -1
                    case .tensor(let tensor) where tensor.rank == 0 && tensor.dtype.isInteger:
                        return try look(tensor, what) { try $0.elements(as: Int.self)[0] } ?? -1
                    default: throw Fault.type(what, expected: "a list of ints", found: element)
                    }
                }
            case .tensor(let tensor) where tensor.dtype.isInteger && tensor.rank <= 1:
                return try look(tensor, what) { try $0.elements(as: Int.self) }
            default: return nil
            }
        }
        switch parameter.kind {
        case .bool: if case .bool(let x) = value { return .bool(x) }
        case .int, .optionalInt:
            if case .int(let x) = value { return .int(x) }
            if case .none = value, parameter.kind == .optionalInt { return .none }
            if case .tensor(let tensor) = value, tensor.rank == 0, tensor.dtype.isInteger {
                return .int(try look(tensor, what) { try $0.elements(as: Int.self)[0] } ?? 0)
            }
        case .float, .optionalFloat:
            if case .float(let x) = value { return .float(x) }
            if case .int(let x) = value { return .float(Double(x)) }
            if case .none = value, parameter.kind == .optionalFloat { return .none }
            if case .tensor(let tensor) = value, tensor.shape.elementCount == 1 {
                return .float(try look(tensor, what) { try $0.elements(as: Double.self)[0] } ?? 0)
            }
        case .dtype, .optionalDType:
            if let dtype = value.dtype { return .dtype(dtype) }
            if case .none = value, parameter.kind == .optionalDType { return .none }
            if case .string(let text) = value {
                throw Fault.type(what, expected: "a dtype", found: value, mend: "write `\(text.string)` without quotes")
            }
            let mend: String? = if case .int = value { "if this is a size: a shape is a list, `[2, 3]`" } else { nil }
            throw Fault.type(what, expected: "a dtype such as `f32`", found: value, mend: mend)
        case .axes:
            if case .none = value { return .none }
            if let list = try ints(value) { return .ints(list) }
        case .number, .optionalNumber:
            switch value {
            case .int(let x): return .int(x)
            case .float(let x): return .float(x)
            case .bool(let x): return .bool(x)
            case .none where parameter.kind == .optionalNumber: return .none
            case .tensor(let tensor) where tensor.shape.elementCount == 1:
                let number = try look(tensor, what) { try $0.scriptNumber() }
                return try number.map { try attribute(parameter, $0, op) } ?? .int(0)
            default: break
            }
        case .optionalInts:
            if case .none = value { return .none }
            if let list = try ints(value) { return .ints(list) }
        case .pairs:
            if case .int(let x) = value { return .ints([x]) }
            if let list = try elements(value) {
                return .ints(try list.flatMap { try ints($0) ?? [] })
            }
        case .shape, .ints: if let list = try ints(value) { return .ints(list) }
        case .floats:
            if let list = try elements(value) {
                return .floats(
                    try list.map {
                        switch $0 {
                        case .int(let x): Double(x)
                        case .float(let x): x
                        default: throw Fault.type(what, expected: "a list of numbers", found: $0)
                        }
                    })
            }
        case .string(let choices):
            if case .none = value, choices.isEmpty == false, case Attribute.none? = parameter.defaultValue { return .none }
            if case .string(let text) = value {
                if !choices.isEmpty, !choices.contains(text.string) { throw Fault.choice(what, text.string, known: choices) }
                return .string(text.string)
            }
            if choices.isEmpty == false {
                throw Fault.type(what, expected: "one of " + choices.map { "\"\($0)\"" }.joined(separator: ", "), found: value)
            }
        case .hidden: return parameter.defaultValue ?? .none
        case .tensor, .optionalTensor, .tensors, .key: break
        }
        throw Fault.type(what, expected: parameter.kind.expected, found: value)
    }
}

extension Value {
    /// An attribute's value as a script sees it.
    init(_ attribute: Attribute) {
        switch attribute {
        case .none, .graph: self = .none
        case .bool(let x): self = .bool(x)
        case .int(let x): self = .int(x)
        case .float(let x): self = .float(x)
        case .string(let x): self = .string(x)
        case .dtype(let x): self = .dtype(x)
        case .ints(let x): self = .list(x.map { .int($0) })
        case .floats(let x): self = .list(x.map { .float($0) })
        }
    }

    /// In the check: unknown, or a list with something unknown in it. Of a list of more elements than the check looks at
    /// nothing is known.
    var hasUnknown: Bool {
        var walk = Walk(isCheck: true)
        return hasUnknown(&walk)
    }

    private func hasUnknown(_ walk: inout Walk) -> Bool {
        switch self {
        case .unknown: true
        case .list(let list): list.values.contains { value in (try? walk.meets()) != true || value.hasUnknown(&walk) }
        default: false
        }
    }
}

extension Machine {
    /// Whether the check does not know all of a value.
    func hasUnknown(_ value: Value) -> Bool { isCheck && value.hasUnknown }
}

extension Op.Kind {
    /// What a value of this kind is, for messages.
    var expected: String {
        switch self {
        case .tensor, .optionalTensor: "a tensor"
        case .tensors: "a list of tensors"
        case .key, .hidden: "nothing"
        case .bool: "`true` or `false`"
        case .int: "an int"
        case .float: "a number"
        case .dtype, .optionalDType: "a dtype such as `f32`"
        case .optionalInt: "an int or `none`"
        case .optionalFloat: "a number or `none`"
        case .axes: "an axis, a list of axes or `none`"
        case .shape: "a list of sizes"
        case .ints: "an int or a list of ints"
        case .floats: "a list of numbers"
        case .number: "a number"
        case .optionalNumber: "a number or `none`"
        case .optionalInts: "an int, a list of ints or `none`"
        case .pairs: "an int or a list of pairs"
        case .string: "a string"
        }
    }
}

extension Op {
    /// Composed of element-wise ops, so that it takes script numbers too.
    var isElementwise: Bool {
        guard case .composed = kernel, parameters.allSatisfy({ $0.kind == .tensor || !$0.kind.isInput }) else { return false }
        let scalar = TensorType(.f64, [])
        let count = parameters.count { $0.kind.isInput }
        guard attributeNames.isEmpty || parameters.filter({ !$0.kind.isInput }).allSatisfy({ $0.defaultValue != nil }) else { return false }
        let matrix = TensorType(.f64, [3, 5])
        let types = try? infer(Inference(op: self, inputs: Array(repeating: matrix, count: count), attributes: attributes()))
        return types?.count == 1 && types?[0].shape == matrix.shape
            && (try? infer(Inference(op: self, inputs: Array(repeating: scalar, count: count), attributes: attributes()))) != nil
    }
}
