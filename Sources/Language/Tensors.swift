internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

/// Ops on values: script numbers and lists become tensors, and results become values.
extension Machine {
    func op(_ name: String) -> Op {
        guard let op = Op.named(name) else { preconditionFailure("no op `\(name)`") }
        return op
    }

    func isTensor(_ value: Value) -> Bool { if case .tensor = value { true } else { false } }

    /// Looks at a tensor. Inside a trace that is an error; in the check the answer is `nil`.
    func look<T>(_ tensor: Tensor, _ what: String, _ body: (Tensor) throws -> T) throws -> T? {
        switch tensor.availability {
        case .available: return try body(tensor)
        case .unknown: return nil
        case .argument: throw Fault.looksAtData(what)
        }
    }

    // MARK: Values as tensors

    /// A nested list of numbers as a tensor; `nil` when it holds something else.
    func tensor(from list: ContiguousArray<Value>, dtype: DType? = nil) throws -> Tensor? {
        var shape: Shape = []
        var numbers: [Double] = []
        var integers: [Int] = []
        var parts: [Tensor] = []
        var hasFloat = false, hasInt = false, hasBool = false
        var leafDepth: Int?
        func walk(_ values: ContiguousArray<Value>, _ depth: Int) throws -> Bool {
            if shape.count == depth {
                shape.append(values.count)
            } else if shape[depth] != values.count {
                throw Fault(
                    "E0420", "the rows of this list have different lengths: \(shape[depth]) and \(values.count)",
                    mend: "a tensor needs rows of one length")
            }
            for value in values {
                switch value {
                case .int, .float, .bool:
                    if leafDepth == nil { leafDepth = depth }
                    if leafDepth != depth || shape.count != depth + 1 {
                        throw Fault("E0420", "numbers and lists stand side by side in this list", mend: "a tensor needs rows of one length")
                    }
                default: break
                }
                switch value {
                case .int(let x):
                    hasInt = true
                    integers.append(x)
                    numbers.append(Double(x))
                case .float(let x):
                    hasFloat = true
                    numbers.append(x)
                    integers.append(0)
                case .bool(let x):
                    hasBool = true
                    integers.append(x ? 1 : 0)
                    numbers.append(x ? 1 : 0)
                case .tensor(let tensor): parts.append(tensor)
                case .list, .range:
                    guard let inner = elements(value), try walk(inner, depth + 1) else { return false }
                default: return false
                }
            }
            return true
        }
        guard try walk(list, 0) else { return nil }
        if !parts.isEmpty {
            guard numbers.isEmpty, shape.count == 1 else { return nil }
            return try Tensor.apply(op("stack"), parts, op("stack").attributes(), origin: origin())[0]
        }
        guard shape.reduce(1, *) == numbers.count else {
            throw Fault("E0420", "numbers and lists stand side by side in this list", mend: "a tensor needs rows of one length")
        }
        if hasBool && (hasInt || hasFloat) { return nil }
        let natural: DType = hasFloat ? .f32 : hasInt ? .i32 : hasBool ? .bool : .f32
        let wanted = dtype ?? natural
        if hasFloat || wanted.isFloat || wanted == .bool { return try make(numbers, shape, wanted) }
        if !hasBool, let odd = integers.first(where: { !wanted.holds($0) }) {
            throw Fault("E0421", "\(odd) does not fit `\(wanted)`", mend: "make an `i64` tensor: `tensor(…, dtype = i64)`")
        }
        return try cast(Tensor.make(integers, shape), to: wanted)
    }

    private func make(_ numbers: [Double], _ shape: Shape, _ dtype: DType) throws -> Tensor {
        dtype == .f32 ? Tensor.make(numbers.map { Float($0) }, shape) : try cast(Tensor.make(numbers, shape), to: dtype)
    }

    func cast(_ tensor: Tensor, to dtype: DType) throws -> Tensor {
        if tensor.dtype == dtype { return tensor }
        let op = op("cast")
        return try Tensor.apply(op, [tensor], op.attributes(["dtype": .dtype(dtype)]), origin: origin())[0]
    }

    /// A value as a tensor of its natural dtype (ints `i32`, floats `f32`).
    func tensor(_ value: Value, _ what: String) throws -> Tensor {
        switch value {
        case .tensor(let tensor): return tensor
        case .int(let x): return .scalar(x, DType.i32.holds(x) ? .i32 : .i64)
        case .float(let x): return .scalar(x, .f32)
        case .bool(let x): return Tensor.make([x], [])
        case .list, .range:
            if let elements = elements(value), let made = try tensor(from: elements) { return made }
        default: break
        }
        throw Fault.type(what, expected: "a tensor", found: value, mend: value.kind == "string" ? nil : nil)
    }

    /// A script number beside a tensor: a scalar of the dtype that the pair is computed in.
    private func weak(_ value: Value, beside dtype: DType) throws -> Tensor {
        switch value {
        case .int(let x):
            if dtype.isFloat { return .scalar(Double(x), dtype) }
            if dtype == .bool { return .scalar(x, .i32) }
            if !dtype.holds(x) {
                throw Fault("E0421", "\(x) does not fit the tensor's dtype `\(dtype)`", mend: "cast the tensor: `cast(x, i64)`")
            }
            return .scalar(x, dtype)
        case .float(let x): return .scalar(x, dtype.isFloat ? dtype : .f32)
        default: return try tensor(value, "an operand")
        }
    }

    func tensorBinary(_ op: Opcode, _ a: Value, _ b: Value) throws -> Value {
        guard let name = op.opName else { throw Fault.operands(op.symbol, a, b) }
        for value in [a, b] {
            switch value {
            case .tensor, .int, .float, .bool, .list, .range: continue
            default: throw Fault.operands(op.symbol, a, b)
            }
        }
        do {
            return try apply(self.op(name), [a, b])
        } catch var fault as Fault {
            // The script wrote a sign, not the op's name.
            fault.what = fault.what.replacing("`\(name)`", with: "`\(op.symbol)`")
            if op == .matmul, fault.mend?.contains("transpose_b") ?? false { fault.mend = "`a @ transpose(b)` if `b` lies on its side" }
            throw fault
        }
    }

    // MARK: Applying

    /// Where the script stands, as a number that nodes carry.
    func origin() -> Int32 {
        for frame in frames.reversed() where !frame.module.isStandard {
            return frame.code.origin(at: frame.pc, session)
        }
        return frames.last.map { $0.code.origin(at: $0.pc, session) } ?? -1
    }

    /// An op on positional values with attributes at their defaults.
    func apply(_ op: Op, _ values: [Value]) throws -> Value { try apply(op, values, []) }

    /// An op on a script's arguments.
    func apply(_ op: Op, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        // `min(a, b, …)` of script numbers, as in Python.
        if positional.count > 1, named.isEmpty, op.name == "min" || op.name == "max", !isTensor(positional[0]), elements(positional[0]) == nil,
            let number = try reduce(op.name, ContiguousArray(positional))
        {
            return number
        }
        let bound = try bind(op, positional, named)
        if bound.inputs.contains(where: \.isUnknown) || bound.attributes.contains(where: { $0.hasUnknown }) {
            return try unknownResult(op, bound)
        }
        if let number = try scriptNumber(op, bound) { return number }
        var inputs = try promoteWeakly(op, bound.inputs)
        if op.parameters.last?.kind == .key { inputs.append(random.nextKey()) }
        let attributes = Attributes(try zip(attributeParameters(op), bound.attributes).map { try attribute($0, $1, op) })
        var results = try Tensor.apply(op, inputs, attributes, origin: origin())
        if isCheck {
            // Nothing is computed, and an op counts as many steps.
            results = results.map { $0.availability == .argument ? $0 : .unknown($0.type) }
            check.steps += CheckState.stepsPerOp
        }
        switch op.results(attributes) {
        case .one: return .tensor(results[0])
        case .list: return .list(results.map { .tensor($0) })
        case .record(let names):
            return .record(zip(names, results).filter { !$0.0.isEmpty }.map { ($0, .tensor($1)) })
        }
    }

    private struct Bound {
        var inputs: [Value] = []
        var attributes: [Value] = []
    }

    private func attributeParameters(_ op: Op) -> [Op.Parameter] { op.parameters.filter { !$0.kind.isInput } }

    private func bind(_ op: Op, _ positional: [Value], _ named: [(String, Value)]) throws -> Bound {
        var bound = Bound()
        var rest = positional[...]
        var named = named
        let known = op.parameters.filter { $0.kind != .key && $0.kind != .hidden }.map(\.name)
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
                    isOneList = list.values.contains { if case .tensor = $0 { true } else { $0.isUnknown || elements($0) != nil } } || rest.count == 1
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
        if !rest.isEmpty { throw Fault.surplusArguments(op.name, takes: known.count, found: positional.count) }
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
        guard let list = elements(value) else { throw Fault.type("the first argument of `\(op.name)`", expected: "a list of tensors", found: value) }
        return list
    }

    /// Ops on script numbers alone give script numbers, in 64 bits.
    private func scriptNumber(_ op: Op, _ bound: Bound) throws -> Value? {
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
        } else if Self.listReductions.contains(op.name), bound.inputs.count == 1, let list = elements(bound.inputs[0]),
            case .none? = bound.attributes.first
        {
            return try reduce(op.name, list)
        } else {
            return nil
        }
        let attributes = Attributes(try zip(attributeParameters(op), bound.attributes).map { try attribute($0, $1, op) })
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
        for value in list.dropFirst() {
            switch name {
            case "sum", "mean": result = try binary(.add, result, value)
            case "prod": result = try binary(.multiply, result, value)
            case "min": if case .bool(true) = try binary(.less, value, result) { result = value }
            default: if case .bool(true) = try binary(.less, result, value) { result = value }
            }
        }
        return name == "mean" ? try binary(.divide, result, .int(list.count)) : result
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
                    if let list = elements(value), let made = try tensor(from: list) {
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
        let parameters = attributeParameters(op)
        let shapes = zip(parameters, bound.attributes).allSatisfy { parameter, value in
            !value.hasUnknown || (parameter.kind == .shape && elements(value) != nil)
        }
        guard shapes, !bound.inputs.contains(where: \.isUnknown) else { return .unknown }
        var inputs = try promoteWeakly(op, bound.inputs)
        if op.parameters.last?.kind == .key { inputs.append(random.nextKey()) }
        let attributes = Attributes(try zip(parameters, bound.attributes).map { try attribute($0, $1, op) })
        let types = try op.infer(Inference(op: op, inputs: inputs.map(\.type), attributes: attributes))
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
        let what = "`\(parameter.name)` of `\(op.name)`"
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
            if case .dtype(let dtype) = value { return .dtype(dtype) }
            if case .none = value, parameter.kind == .optionalDType { return .none }
            if case .string(let text) = value {
                throw Fault.type(what, expected: "a dtype", found: value, mend: "write `\(text.string)` without quotes")
            }
            throw Fault.type(what, expected: "a dtype such as `f32`", found: value)
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
                let number = try look(tensor, what) { try $0.scriptNumbers()[0] }
                return try number.map { try attribute(parameter, $0, op) } ?? .int(0)
            default: break
            }
        case .optionalInts:
            if case .none = value { return .none }
            if let list = try ints(value) { return .ints(list) }
        case .pairs:
            if case .int(let x) = value { return .ints([x]) }
            if let list = elements(value) {
                return .ints(try list.flatMap { try ints($0) ?? [] })
            }
        case .shape, .ints: if let list = try ints(value) { return .ints(list) }
        case .floats:
            if let list = elements(value) {
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

    // MARK: Indexing

    /// `base[position]` for one index that is no slice.
    func index(_ base: Value, _ position: Value) throws -> Value {
        switch (base, position) {
        case (.unknown, _): return .unknown
        case (.tensor, _): return try subscripts(base, [.index(position)])
        case (_, .unknown): return .unknown
        case (.list(let list), .int(let i)):
            guard let place = resolve(i, list.values.count) else {
                if isCheck { return .unknown }
                throw Fault.index(i, count: list.values.count, of: "list")
            }
            return list.values[place]
        case (.range(let range), .int(let i)):
            guard let place = resolve(i, range.count) else {
                if isCheck { return .unknown }
                throw Fault.index(i, count: range.count, of: "range")
            }
            return .int(range[place])
        case (.string(let text), .int(let i)):
            let scalars = text.codePoints
            guard let place = resolve(i, scalars.count) else {
                if isCheck { return .unknown }
                throw Fault.index(i, count: scalars.count, of: "string")
            }
            return .string(String(scalars[place]))
        case (.bytes(let bytes), .int(let i)):
            guard let place = resolve(i, bytes.array.count) else { throw Fault.index(i, count: bytes.array.count, of: "value of bytes") }
            return .int(Int(bytes.array[place]))
        case (.record(let record), .string(let name)):
            guard let value = record[name.string] else {
                if isCheck { return .unknown }
                throw Fault.noField(name.string, of: base, known: record.names)
            }
            return value
        case (.record(let record), .int(let i)):
            guard let place = resolve(i, record.values.count) else {
                throw Fault.index(i, count: record.values.count, of: "record")
            }
            return record.values[place]
        case (.table, .string): return try tableVerb("column", base, [position], [])
        case (.table(let table), _): return try rows(table, position)
        case (.list, .tensor(let tensor)), (.range, .tensor(let tensor)), (.string, .tensor(let tensor)):
            guard tensor.rank == 0, tensor.dtype.isInteger else { break }
            guard let i = try look(tensor, "an index", { try $0.elements(as: Int.self)[0] }) else { return .unknown }
            return try index(base, .int(i))
        default: break
        }
        switch base {
        case .list, .range, .string, .bytes: throw Fault.type("an index", expected: "an int", found: position)
        case .record: throw Fault.type("an index of a record", expected: "a field's name or place", found: position)
        default: throw Fault("E0423", "\(base.described) cannot be indexed")
        }
    }

    private func resolve(_ index: Int, _ count: Int) -> Int? {
        let place = index < 0 ? index + count : index
        return place >= 0 && place < count ? place : nil
    }

    enum Subscription {
        case index(Value)
        case slice(Value?, Value?, Value?)
        case ellipsis
    }

    /// `base[…]` with slices, several indices, `...` or `none`.
    func subscripts(_ base: Value, _ parts: [Subscription]) throws -> Value {
        if base.isUnknown { return .unknown }
        guard case .tensor(let tensor) = base else {
            guard parts.count == 1, case .slice(let start, let stop, let step) = parts[0] else {
                if parts.count == 1, case .index(let position) = parts[0] { return try index(base, position) }
                throw Fault("E0423", "\(base.described) takes one index")
            }
            for bound in [start, stop, step] { if let bound, bound.isUnknown { return .unknown } }
            let (count, pick): (Int, ([Int]) -> Value)
            switch base {
            case .list(let list): (count, pick) = (list.values.count, { .list(List($0.map { list.values[$0] })) })
            case .range(let range): (count, pick) = (range.count, { .list(List($0.map { .int(range[$0]) })) })
            case .string(let text):
                let scalars = text.codePoints
                (count, pick) = (
                    scalars.count,
                    { places in
                        var view = String.UnicodeScalarView()
                        for place in places { view.append(scalars[place]) }
                        return .string(String(view))
                    }
                )
            case .table(let table):
                if isCheck { return base }
                (count, pick) = (table.table.count ?? 0, { .table(TableValue(table.table.gathering($0))) })
            case .bytes(let bytes): (count, pick) = (bytes.array.count, { .bytes(Bytes($0.map { bytes.array[$0] })) })
            default: throw Fault("E0423", "\(base.described) cannot be sliced")
            }
            let (begin, end, stride) = try bounds(start, stop, step, count)
            return pick(Array(Swift.stride(from: begin, to: end, by: stride)))
        }
        return try tensorSubscripts(tensor, parts)
    }

    /// Python's rule for the bounds of a slice.
    private func bounds(_ start: Value?, _ stop: Value?, _ step: Value?, _ count: Int) throws -> (Int, Int, Int) {
        func int(_ value: Value?) throws -> Int? {
            switch value {
            case nil, Value.none?: return nil
            case .int(let x)?: return x
            case .tensor(let tensor)? where tensor.rank == 0 && tensor.dtype.isInteger:
                return try look(tensor, "a slice") { try $0.elements(as: Int.self)[0] }
            case let value?: throw Fault.type("a bound of a slice", expected: "an int", found: value)
            }
        }
        let stride = try int(step) ?? 1
        if stride == 0 { throw Fault("E0424", "the step of a slice must not be 0") }
        func clamp(_ value: Int?, _ missing: Int) -> Int {
            guard let value else { return missing }
            let place = value < 0 ? value &+ count : value
            return stride > 0 ? min(max(place, 0), count) : min(max(place, -1), count - 1)
        }
        return stride > 0
            ? (clamp(try int(start), 0), clamp(try int(stop), count), stride)
            : (clamp(try int(start), count - 1), clamp(try int(stop), -1), stride)
    }

    /// NumPy's indexing: ints and slices as one strided slice, then one array index or mask by gathering.
    private func tensorSubscripts(_ tensor: Tensor, _ parts: [Subscription]) throws -> Value {
        // It may be an int, a mask or an array: the result's rank is not known.
        for case .index(.unknown) in parts { return .unknown }
        let consumed = parts.reduce(0) { count, part in
            switch part {
            case .index(.none), .ellipsis: count
            case .index(.tensor(let mask)) where mask.dtype == .bool: count + mask.rank
            default: count + 1
            }
        }
        if consumed > tensor.rank {
            throw Fault("E0202", "a tensor of shape \(tensor.shape.text) takes \(tensor.rank) indices, found \(consumed)")
        }
        var axis = 0
        var begin: [Int] = [], end: [Int] = [], step: [Int] = []
        /// The axes of the result: kept (size from the slice), dropped, new, or gathered by an index.
        enum Plan { case keep, drop, new, gather(Value) }
        var plan: [Plan] = []
        var isUnknown = false
        var hasEllipsis = false
        func keepWhole() {
            begin.append(0)
            end.append(tensor.shape[axis])
            step.append(1)
            plan.append(.keep)
            axis += 1
        }
        var unknownAxes: Set<Int> = []
        for part in parts {
            switch part {
            case .ellipsis:
                if hasEllipsis { throw Fault("E0425", "an index may have one `...`") }
                hasEllipsis = true
                for _ in 0..<(tensor.rank - consumed) { keepWhole() }
            case .index(.none): plan.append(.new)
            case .index(.int(let i)):
                let size = tensor.shape[axis]
                if size >= 0 {
                    guard let place = resolve(i, size) else {
                        throw Fault(
                            "E0406", "index \(i) is outside axis \(axis) of shape \(tensor.shape.text)",
                            mend: size > 0 ? "indices go from 0 to \(size - 1), or from -\(size) to -1" : nil)
                    }
                    begin.append(place)
                    end.append(place + 1)
                } else {
                    isUnknown = true
                    begin.append(0)
                    end.append(1)
                }
                step.append(1)
                plan.append(.drop)
                axis += 1
            case .slice(let start, let stop, let stride):
                let size = tensor.shape[axis]
                let isOpen = [start, stop, stride].allSatisfy { $0 == nil || $0!.isNone }
                if isOpen {
                    keepWhole()
                } else if size < 0 || [start, stop, stride].contains(where: { $0?.isUnknown ?? false }) {
                    unknownAxes.insert(axis)
                    isUnknown = true
                    begin.append(0)
                    end.append(size)
                    step.append(1)
                    plan.append(.keep)
                    axis += 1
                } else {
                    let (b, e, s) = try bounds(start, stop, stride, size)
                    begin.append(b)
                    end.append(e)
                    step.append(s)
                    plan.append(.keep)
                    axis += 1
                }
            case .index(let value):
                if case .tensor(let scalar) = value, scalar.rank == 0, scalar.dtype.isInteger, scalar.availability == .available {
                    let i = try scalar.elements(as: Int.self)[0]
                    return try tensorSubscripts(tensor, parts.map { p in
                        if case .index(.tensor(let t)) = p, t === scalar { .index(.int(i)) } else { p }
                    })
                }
                if case .tensor(let mask) = value, mask.dtype == .bool {
                    if parts.count == 1 { return try apply(op("boolean_mask"), [.tensor(tensor), value]) }
                    guard mask.rank == 1 else {
                        throw Fault("E0425", "a mask beside other indices must have rank 1", mend: "index twice: `x[mask][…]`")
                    }
                }
                if case .list(let list) = value, list.values.allSatisfy({ if case .bool = $0 { true } else { false } }), !list.values.isEmpty {
                    let mask = Value.tensor(try self.tensor(value, "a mask"))
                    return try tensorSubscripts(tensor, parts.map { p in
                        if case .index(.list(let l)) = p, l === list { .index(mask) } else { p }
                    })
                }
                switch value {
                case .tensor(let indices) where indices.dtype.isFloat:
                    throw Fault("E0207", "an index must be of integers or bools, found `\(indices.dtype)`", mend: "cast it: `cast(i, i32)`")
                case .tensor, .list, .range: break
                default: throw Fault.type("an index of a tensor", expected: "an int, a slice, a tensor or a list", found: value)
                }
                begin.append(0)
                end.append(tensor.shape[axis])
                step.append(1)
                plan.append(.gather(value))
                axis += 1
            }
        }
        while axis < tensor.rank { keepWhole() }
        if plan.count(where: { if case .gather = $0 { true } else { false } }) > 1 {
            return try gatherSeveral(tensor, parts)
        }
        var result = tensor
        if isUnknown || !tensor.shape.isKnown {
            var shape: Shape = []
            for a in 0..<tensor.rank {
                if unknownAxes.contains(a) { shape.append(-1) } else if tensor.shape[a] < 0 {
                    shape.append(end[a] == 1 && step[a] == 1 && begin[a] == 0 ? 1 : -1)
                } else {
                    shape.append(max(0, (end[a] - begin[a] + (step[a] > 0 ? step[a] - 1 : step[a] + 1)) / step[a]))
                }
            }
            result = .unknown(TensorType(tensor.dtype, shape))
        } else if !(0..<tensor.rank).allSatisfy({ begin[$0] == 0 && end[$0] == tensor.shape[$0] && step[$0] == 1 }) {
            let slice = op("_slice")
            result = try Tensor.apply(
                slice, [tensor], slice.attributes(["begin": .ints(begin), "end": .ints(end), "step": .ints(step)]),
                origin: origin())[0]
        }
        var shape: Shape = []
        var source = 0
        var gather: (axis: Int, index: Value)?
        for item in plan {
            switch item {
            case .keep:
                shape.append(result.shape[source])
                source += 1
            case .drop: source += 1
            case .new: shape.append(1)
            case .gather(let value):
                gather = (shape.count, value)
                shape.append(result.shape[source])
                source += 1
            }
        }
        if shape != result.shape || plan.contains(where: { if case .new = $0 { true } else { false } }) {
            if result.availability == .unknown {
                result = .unknown(TensorType(result.dtype, shape))
            } else {
                let reshape = op("reshape")
                result = try Tensor.apply(reshape, [result], reshape.attributes(["shape": .ints(shape)]), origin: origin())[0]
            }
        }
        guard let gather else { return .tensor(result) }
        var indices = try self.tensor(gather.index, "an index")
        if indices.dtype == .bool {
            guard case .tensor(let places) = try apply(op("nonzero"), [.tensor(indices)]) else { return .unknown }
            guard case .tensor(let flat) = try apply(op("reshape"), [.tensor(places), .list([.int(-1)])]) else { return .unknown }
            indices = flat
        }
        indices = try wrapNegative(indices, result.shape[gather.axis])
        return try apply(op("gather"), [.tensor(result), .tensor(indices)], [("axis", .int(gather.axis))])
    }

    /// Negative indices count from the end.
    private func wrapNegative(_ indices: Tensor, _ size: Int) throws -> Tensor {
        if size < 0 || indices.availability == .unknown { return indices }
        if indices.availability == .available, let count = indices.count, count <= 4096 {
            if !(try indices.elements(as: Int.self).contains { $0 < 0 }) { return indices }
        }
        let value = Value.tensor(indices)
        let wrapped = try apply(
            op("where"), [try tensorBinary(.less, value, .int(0)), try tensorBinary(.add, value, .int(size)), value])
        guard case .tensor(let tensor) = wrapped else { return indices }
        return tensor
    }

    /// `x[rows, columns]` with several index tensors: element by element, as NumPy pairs them.
    private func gatherSeveral(_ tensor: Tensor, _ parts: [Subscription]) throws -> Value {
        var indices: [Value] = []
        for (axis, part) in parts.enumerated() {
            guard case .index(let value) = part, !value.isNone else {
                throw Fault("E0425", "several index tensors cannot stand beside slices", mend: "index twice")
            }
            indices.append(.tensor(try wrapNegative(cast(try self.tensor(value, "an index"), to: .i64), tensor.shape[axis])))
        }
        var shape: Shape = []
        for case .tensor(let index) in indices {
            guard let meet = Shape.broadcast(shape, index.shape) else {
                throw Fault("E0201", "index tensors of shapes \(shape.text) and \(index.shape.text) do not go together")
            }
            shape = meet
        }
        let sizes = Value.list(shape.map { .int($0) })
        let spread = try indices.map { try apply(op("broadcast_to"), [$0, sizes]) }
        let stacked = try apply(op("stack"), [.list(spread)], [("axis", .int(-1))])
        return try apply(op("gather_nd"), [.tensor(tensor), stacked])
    }
}

extension DType {
    /// Whether an int fits.
    func holds(_ value: Int) -> Bool {
        switch self {
        case .bool: value == 0 || value == 1
        case .u8: UInt8(exactly: value) != nil
        case .i8: Int8(exactly: value) != nil
        case .i16: Int16(exactly: value) != nil
        case .i32: Int32(exactly: value) != nil
        default: true
        }
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

    /// Unknown, or a list with something unknown in it.
    var hasUnknown: Bool {
        switch self {
        case .unknown: true
        case .list(let list): list.values.contains(where: \.hasUnknown)
        default: false
        }
    }
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

/// The stream of random keys: draws are numbered in the order in which the script writes them.
struct RandomStream {
    var seed: Int
    var draws = 0

    init(seed: Int) { self.seed = seed }

    mutating func nextKey() -> Tensor {
        draws += 1
        return .key(seed: seed, draw: draws)
    }
}
