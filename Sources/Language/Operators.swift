internal import Datasets
internal import Engine
internal import Glibc
internal import Graphs
internal import Syntax

/// The operators on values that the machine's loop does not handle itself.
extension Machine {
    /// `a = b op c`. What an expression needed on the way is let go: a large tensor that nobody holds is never written
    /// to memory.
    func arithmetic(_ instruction: Instruction, _ program: Program, _ regs: Registers) throws {
        let (b, c) = (program.value(instruction.b, regs), program.value(instruction.c, regs))
        let result = try binary(instruction.opcode, b, c)
        regs[instruction.a] = result
        guard case .tensor = result else { return }
        for (operand, value) in [(instruction.b, b), (instruction.c, c)] where operand < constantBit && operand != instruction.a {
            guard case .tensor(let tensor) = value, tensor.count ?? 0 > 1024 else { continue }
            if frames[frames.count - 1].code.registerNames[Int(operand)] == nil { regs[operand] = .none }
        }
    }

    func binary(_ op: Opcode, _ a: Value, _ b: Value) throws -> Value {
        switch (a, b) {
        case (.int(let x), .int(let y)): return try integers(op, x, y)
        case (.float(let x), .float(let y)): return try floats(op, x, y)
        case (.float(let x), .int(let y)): return try floats(op, x, Double(y))
        case (.int(let x), .float(let y)): return try floats(op, Double(x), y)
        default: break
        }
        if let row = immediates[Int(op.rawValue)], let result = immediately(row, a, b) { return .tensor(result) }
        switch op {
        case .equal, .notEqual: return try equality(op, a, b)
        case .contains: return try contains(a, in: b)
        default: break
        }
        if a.isUnknown || b.isUnknown { return try unknownBinary(op, a, b) }
        if isTensor(a) || isTensor(b) {
            return try tensorBinary(op, a, b)
        }
        switch (op, a, b) {
        case (.add, .string(let x), .string(let y)):
            try Value.requireRoom(bytes: x.byteCount + y.byteCount)
            return .string(x.string + y.string)
        case (.add, .list, _), (.add, .range, _):
            guard let x = try elements(a), let y = try elements(b) else { break }
            try Value.requireRoom(values: x.count + y.count)
            return .list(List(x + y))
        case (.add, .defaults(let x), .defaults(let y)): return .defaults(Defaults(x.entries + y.entries))
        case (.multiply, .string(let x), .int(let n)), (.multiply, .int(let n), .string(let x)):
            return .string(String(repeating: x.string, count: try repeats(x.string.utf8.count, n)))
        case (.multiply, .list(let x), .int(let n)), (.multiply, .int(let n), .list(let x)):
            let count = try repeats(x.values.count * 16, n)
            return .list(List((0..<count).flatMap { _ in x.values }))
        case (.less, .string(let x), .string(let y)): return .bool(x.precedes(y))
        case (.greater, .string(let x), .string(let y)): return .bool(y.precedes(x))
        case (.lessEqual, .string(let x), .string(let y)): return .bool(!y.precedes(x))
        case (.greaterEqual, .string(let x), .string(let y)): return .bool(!x.precedes(y))
        case (.matmul, _, _) where isList(a) && isList(b): return try tensorBinary(op, a, b)
        default: break
        }
        throw Fault.operands(op.symbol, a, b)
    }

    /// An element-wise op of a tensor and a tensor or number, where it needs no more than arithmetic.
    func immediately(_ row: Immediate, _ a: Value, _ b: Value) -> Tensor? {
        let result: Tensor? =
            switch (a, b) {
            case (.tensor(let x), .tensor(let y)): row(x, y, origin: origin)
            case (.tensor(let x), .float(let y)): row(x, number: y, isFirst: false, origin: origin)
            case (.tensor(let x), .int(let y)): row(x, number: Double(y), isFirst: false, origin: origin)
            case (.float(let x), .tensor(let y)): row(y, number: x, isFirst: true, origin: origin)
            case (.int(let x), .tensor(let y)): row(y, number: Double(x), isFirst: true, origin: origin)
            default: nil
            }
        return isCheck ? result.map { checked($0) } : result
    }

    /// In the check nothing is computed, and an op counts as many steps.
    func checked(_ result: Tensor) -> Tensor {
        check.steps += CheckState.stepsPerOp
        return result.availability == .argument ? result : .unknown(result.type)
    }

    /// How often something of `size` bytes may be repeated.
    private func repeats(_ size: Int, _ count: Int) throws -> Int {
        // Nothing, however often, is nothing.
        if size == 0 { return 0 }
        let (total, overflow) = size.multipliedReportingOverflow(by: max(count, 0))
        try Value.requireRoom(bytes: overflow ? .max : total)
        return max(count, 0)
    }

    private func integers(_ op: Opcode, _ x: Int, _ y: Int) throws -> Value {
        func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Value {
            if result.overflow {
                if isCheck { return .unknown(.int) }
                throw Fault.overflow
            }
            return .int(result.partialValue)
        }
        switch op {
        case .add: return try checked(x.addingReportingOverflow(y))
        case .subtract: return try checked(x.subtractingReportingOverflow(y))
        case .multiply: return try checked(x.multipliedReportingOverflow(by: y))
        case .divide:
            if y == 0 { return try dividedByZero() }
            return .float(Double(x) / Double(y))
        case .floorDivide:
            if y == 0 { return try dividedByZero() }
            let result = x.dividedReportingOverflow(by: y)
            if result.overflow { return try checked(result) }
            return .int(x % y != 0 && (x < 0) != (y < 0) ? result.partialValue - 1 : result.partialValue)
        case .modulo:
            if y == 0 { return try dividedByZero() }
            if y == -1 { return .int(0) }
            let rest = x % y
            return .int(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest)
        case .power:
            if y < 0 {
                if x == 0 { return try dividedByZero() }
                return .float(pow(Double(x), Double(y)))
            }
            var result = 1
            var base = x
            var exponent = y
            while exponent > 0 {
                if exponent & 1 == 1 {
                    let (product, overflow) = result.multipliedReportingOverflow(by: base)
                    if overflow { return try checked((0, true)) }
                    result = product
                }
                exponent >>= 1
                if exponent > 0 {
                    let (square, overflow) = base.multipliedReportingOverflow(by: base)
                    if overflow { return try checked((0, true)) }
                    base = square
                }
            }
            return .int(result)
        case .equal: return .bool(x == y)
        case .notEqual: return .bool(x != y)
        case .less: return .bool(x < y)
        case .lessEqual: return .bool(x <= y)
        case .greater: return .bool(x > y)
        case .greaterEqual: return .bool(x >= y)
        default: throw Fault.operands(op.symbol, .int(x), .int(y))
        }
    }

    private func floats(_ op: Opcode, _ x: Double, _ y: Double) throws -> Value {
        switch op {
        case .add: return .float(x + y)
        case .subtract: return .float(x - y)
        case .multiply: return .float(x * y)
        case .divide:
            if y == 0 { return try dividedByZero() }
            return .float(x / y)
        case .floorDivide:
            if y == 0 { return try dividedByZero() }
            return .float((x / y).rounded(.down))
        case .modulo:
            if y == 0 { return try dividedByZero() }
            let rest = fmod(x, y)
            return .float(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest)
        case .power:
            if x == 0, y < 0 { return try dividedByZero() }
            if x < 0, y.rounded() != y, y.isFinite {
                if isCheck { return .unknown(.float) }
                throw Fault("E0417", "a negative number has no real power \(Value.float(y).text)")
            }
            return .float(pow(x, y))
        case .equal: return .bool(x == y)
        case .notEqual: return .bool(x != y)
        case .less: return .bool(x < y)
        case .lessEqual: return .bool(x <= y)
        case .greater: return .bool(x > y)
        case .greaterEqual: return .bool(x >= y)
        default: throw Fault.operands(op.symbol, .float(x), .float(y))
        }
    }

    /// The value of a division decides, so the check leaves it to the run.
    private func dividedByZero() throws -> Value {
        if isCheck { return .unknown(.number) }
        throw Fault.divisionByZero
    }

    func negate(_ value: Value) throws -> Value {
        switch value {
        case .int(let x):
            if x == .min { throw Fault.overflow }
            return .int(-x)
        case .float(let x): return .float(-x)
        case .unknown(let kinds):
            try tryKinds(of: value) { _ = try negate($0) }
            return .unknown(kinds)
        case .tensor: return try apply(op("negative"), [value])
        default: throw Fault.type("the operand of `-`", expected: "a number or tensor", found: value)
        }
    }

    func not(_ value: Value) throws -> Value {
        switch value {
        case .bool(let x): return .bool(!x)
        case .unknown(let kinds):
            try tryKinds(of: value) { _ = try not($0) }
            return .unknown(kinds.contains(.other) ? .any : .bool)
        case .tensor(let tensor) where tensor.dtype == .bool: return try apply(op("logical_not"), [value])
        default: throw Fault.condition(value)
        }
    }

    // MARK: Truth

    /// Whether a condition holds; `nil` when the check cannot know.
    func truth(_ value: Value) throws -> Bool? {
        switch value {
        case .bool(let x): return x
        case .unknown:
            try tryKinds(of: value) { _ = try truth($0) }
            return nil
        case .tensor(let tensor) where tensor.dtype == .bool:
            if let count = tensor.shape.elementCount, count != 1 { break }
            return try look(tensor, "a condition") { try $0.elements(as: Bool.self)[0] }
        default: break
        }
        throw Fault.condition(value)
    }

    /// The left side of `and` and `or`: a bool, or a bool tensor (whose right side is always evaluated).
    func requireLogical(_ value: Value, _ op: Opcode) throws {
        switch value {
        case .bool: return
        case .unknown: try tryKinds(of: value) { try requireLogical($0, op) }
        case .tensor(let tensor) where tensor.dtype == .bool: return
        default: throw Fault.condition(value)
        }
    }

    func logical(_ op: Opcode, _ a: Value, _ b: Value) throws -> Value {
        try requireLogical(b, op)
        switch (a, b) {
        case (.bool(let x), .bool(let y)): return .bool(op == .and ? x && y : x || y)
        case (.unknown, _), (_, .unknown): return .unknown(a.mayBe(.other) || b.mayBe(.other) ? .any : .bool)
        case (.bool(let x), _) where x == (op == .and): return b
        default: return try apply(self.op(op == .and ? "logical_and" : "logical_or"), [a, b])
        }
    }

    // MARK: Equality

    private func equality(_ op: Opcode, _ a: Value, _ b: Value) throws -> Value {
        if a.isNone || b.isNone {
            if a.isUnknown || b.isUnknown { return .unknown(.bool) }
            return .bool((a.isNone && b.isNone) == (op == .equal))
        }
        if a.isUnknown || b.isUnknown { return .unknown(Kinds.binary(op, a.kinds, b.kinds)) }
        if isTensor(a) || isTensor(b) {
            switch (isTensor(a) ? b : a) {
            case .tensor, .int, .float, .bool, .list, .range: return try tensorBinary(op, a, b)
            default: return .bool(op == .notEqual)
            }
        }
        guard let equal = try equal(a, b) else { return .unknown(.bool) }
        return .bool(equal == (op == .equal))
    }

    /// Whether two values are equal, tensors by shape and elements; `nil` when the check cannot know.
    func equal(_ a: Value, _ b: Value) throws -> Bool? {
        var walk = Walk(isCheck: isCheck)
        return try equal(a, b, &walk)
    }

    private func equal(_ a: Value, _ b: Value, _ walk: inout Walk) throws -> Bool? {
        guard try walk.meets() else { return nil }
        switch (a, b) {
        case (.unknown, _), (_, .unknown): return nil
        case (.none, .none): return true
        case (.bool(let x), .bool(let y)): return x == y
        case (.int(let x), .int(let y)): return x == y
        case (.float(let x), .float(let y)): return x == y
        case (.int(let x), .float(let y)), (.float(let y), .int(let x)): return Double(x) == y
        case (.string(let x), .string(let y)): return x.isSame(as: y)
        case (.bytes(let x), .bytes(let y)): return x.array == y.array
        case (.dtype(let x), .dtype(let y)): return x == y
        case (.dtype(let x), .function), (.function, .dtype(let x)): return a.dtype == x && b.dtype == x
        case (.range(let x), .range(let y)):
            return x.count == y.count && (x.count == 0 || x.start == y.start && (x.count == 1 || x.step == y.step))
        case (.list, .list), (.list, .range), (.range, .list):
            guard let x = try elements(a), let y = try elements(b) else { return false }
            if x.count != y.count { return false }
            return try all(zip(x, y).map { ($0, $1) }, &walk)
        case (.record(let x), .record(let y)):
            if x.names.count != y.names.count { return false }
            var pairs: [(Value, Value)] = []
            for (name, value) in zip(x.names, x.values) {
                guard let other = y[name] else { return false }
                pairs.append((value, other))
            }
            return try all(pairs, &walk)
        case (.tensor(let x), .tensor(let y)):
            if !x.shape.matches(y.shape) { return false }
            if isCheck { return nil }
            return try x.elements(as: Double.self) == y.elements(as: Double.self)
        case (.function(let x), .function(let y)): return x === y
        case (.layer(let x), .layer(let y)): return x === y
        case (.estimator(let x), .estimator(let y)): return x === y
        case (.parameter(let x), .parameter(let y)): return x === y
        case (.table(let x), .table(let y)): return x === y || x.table == y.table
        case (.dataset(let x), .dataset(let y)): return x === y
        case (.defaults(let x), .defaults(let y)): return x === y
        default: return false
        }
    }

    private func all(_ pairs: [(Value, Value)], _ walk: inout Walk) throws -> Bool? {
        var known = true
        for (x, y) in pairs {
            switch try equal(x, y, &walk) {
            case false: return false
            case nil: known = false
            default: break
            }
        }
        return known ? true : nil
    }

    private func contains(_ a: Value, in b: Value) throws -> Value {
        if b.isUnknown { return try unknownBinary(.contains, a, b) }
        switch (a, b) {
        case (_, .list(let list)):
            var unknown = false
            for value in list.values {
                switch try equal(a, value) {
                case true: return .bool(true)
                case nil: unknown = true
                default: break
                }
            }
            return unknown ? .unknown(.bool) : .bool(false)
        case (.int(let x), .range(let range)): return .bool(range.contains(x))
        case (.float(let x), .range):
            guard let exact = Int(exactly: x) else { return .bool(false) }
            return try contains(.int(exact), in: b)
        case (_, .range): return .bool(false)
        case (.string(let part), .string(let whole)): return .bool(whole.string.place(of: part.string) != nil)
        case (.string(let name), .record(let record)): return .bool(record.position(of: name.string) != nil)
        case (.string(let name), .table(let table)): return .bool(table.table.names.contains(name.string))
        case (.unknown, _): return try unknownBinary(.contains, a, b)
        default: throw Fault.operands("in", a, b)
        }
    }

    func isList(_ value: Value) -> Bool {
        switch value {
        case .list, .range: true
        default: false
        }
    }

    /// The elements of a list or range; `nil` for other values.
    func elements(_ value: Value) throws -> ContiguousArray<Value>? {
        switch value {
        case .list(let list): return list.values
        case .range(let range):
            // The check's work is bounded; what hangs on so many elements is left to the run.
            if isCheck, range.count > 100_000 { throw UnknownArgument() }
            try Value.requireRoom(values: range.count)
            return ContiguousArray((0..<range.count).lazy.map { .int(range[$0]) })
        default: return nil
        }
    }
}

extension Value {
    /// A list or string may grow to 4 GB, and no further than there is memory.
    static func requireRoom(bytes: Int) throws {
        if bytes > 1 << 32 { throw Fault("E0290", "a string or list would need more than 4 GB") }
        if !Memory.allows(bytes) { throw Fault("E0290", "a string or list would need \(bytes >> 20) MB of memory", why: "there is less left") }
    }
    static func requireRoom(values count: Int) throws {
        try requireRoom(bytes: count > 1 << 32 / MemoryLayout<Value>.stride ? .max : count * MemoryLayout<Value>.stride)
    }
    /// What grows bit by bit asks once for each 4 MB: to look how much memory there is takes longer than to append.
    static func requireRoom(bytes: Int, growingBy more: Int) throws {
        if bytes >> 22 != (bytes + more) >> 22 { try requireRoom(bytes: bytes + more) }
    }
    static func requireRoom(values: Int, growingBy more: Int) throws {
        try requireRoom(bytes: values * MemoryLayout<Value>.stride, growingBy: more * MemoryLayout<Value>.stride)
    }
}

extension Opcode {
    /// The rows of the operators by their opcodes, as far as they are element by element.
    static let immediates: [Immediate?] = (0...UInt8.max).map { value in
        Opcode(rawValue: value)?.opName.flatMap { Op.named($0) }.flatMap { Immediate($0) }
    }

    /// The operator as scripts write it.
    var symbol: String {
        switch self {
        case .add: "+"
        case .subtract: "-"
        case .multiply: "*"
        case .divide: "/"
        case .floorDivide: "//"
        case .modulo: "%"
        case .power: "**"
        case .matmul: "@"
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessEqual: "<="
        case .greater: ">"
        case .greaterEqual: ">="
        case .contains: "in"
        case .and: "and"
        case .or: "or"
        default: "?"
        }
    }

    /// The row of the registry that computes the operator on tensors.
    var opName: String? {
        switch self {
        case .add: "add"
        case .subtract: "subtract"
        case .multiply: "multiply"
        case .divide: "divide"
        case .floorDivide: "floor_divide"
        case .modulo: "mod"
        case .power: "power"
        case .matmul: "matmul"
        case .equal: "equal"
        case .notEqual: "not_equal"
        case .less: "less"
        case .lessEqual: "less_equal"
        case .greater: "greater"
        case .greaterEqual: "greater_equal"
        default: nil
        }
    }
}

extension Immediate.Number {
    /// A script's number. (The smallest int is left to those who look for overflow.)
    init?(_ value: Value) {
        switch value {
        case .int(let x) where x != .min: self = .int(x)
        case .float(let x): self = .float(x)
        default: return nil
        }
    }
}

extension Value {
    init(_ number: Immediate.Number) {
        switch number {
        case .bool(let x): self = .bool(x)
        case .int(let x): self = .int(x)
        case .float(let x): self = .float(x)
        }
    }
}
