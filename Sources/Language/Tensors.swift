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

    /// A nested list of numbers, or a range, as a tensor; `nil` for anything else.
    func tensor(from value: Value, dtype: DType? = nil) throws -> Tensor? {
        if case .range(let range) = value, let made = try tensor(from: range, dtype ?? .i32) { return made }
        guard let list = try elements(value) else { return nil }
        return try tensor(from: list, dtype: dtype)
    }

    /// A long range without its numbers one by one; `nil` for a short one, or where it takes care.
    private func tensor(from range: RangeList, _ dtype: DType) throws -> Tensor? {
        guard range.count > 100_000 else { return nil }
        // The numbers are counted in floats of 64 bits.
        let last = range[range.count - 1]
        for number in [range.start, last] where number.magnitude >= 1 << 52 || !dtype.isFloat && !dtype.holds(number) { return nil }
        let op = op("arange")
        let attributes = op.attributes(["start": .int(range.start), "stop": .int(last + range.step.signum()), "step": .int(range.step), "dtype": .dtype(dtype)])
        return try Tensor.apply(op, [], attributes, origin: origin())[0]
    }

    private func tensor(from list: ContiguousArray<Value>, dtype: DType?) throws -> Tensor? {
        var shape: Shape = []
        var numbers: [Double] = []
        var integers: [Int] = []
        var parts: [Tensor] = []
        var hasFloat = false, hasInt = false, hasBool = false
        var leafDepth: Int?
        var met = Walk(isCheck: isCheck)
        func walk(_ values: ContiguousArray<Value>, _ depth: Int) throws -> Bool {
            if depth == TensorType.mostAxes { throw Fault("E0202", "lists nested more than \(TensorType.mostAxes) deep make no tensor", why: "a tensor has at most \(TensorType.mostAxes) axes") }
            guard try met.meets(values.count, bytes: 16) else { throw UnknownArgument() }
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
                    guard let inner = try elements(value), try walk(inner, depth + 1) else { return false }
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
    func tensor(_ value: Value, _ what: @autoclosure () -> String) throws -> Tensor {
        switch value {
        case .tensor(let tensor): return tensor
        case .int(let x): return .scalar(x, DType.i32.holds(x) ? .i32 : .i64)
        case .float(let x): return .scalar(x, .f32)
        case .bool(let x): return Tensor.make([x], [])
        case .list, .range:
            if let made = try tensor(from: value) { return made }
        default: break
        }
        throw Fault.type(what(), expected: "a tensor", found: value)
    }

    /// A script number beside a tensor: a scalar of the dtype that the pair is computed in.
    func weak(_ value: Value, beside dtype: DType) throws -> Tensor {
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
