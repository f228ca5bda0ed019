public import Graphs
internal import CKernels

/// An element-wise op, a product of matrices or a stack whose results are computed when they are written, where the elements are
/// few and at hand: then a pending node costs more than the arithmetic.
///
/// That shows nowhere but in time, because such an op cannot fail on values. What is pending, traced or recorded stays
/// pending, and what is out of the ordinary (dtypes to promote, wrong arguments) is left to `Tensor.apply`, which gives the
/// same elements or says what is wrong.
public struct Immediate: Sendable {
    private enum Kernel { case map(tfs_map), zip(tfs_zip), product, stack }
    private let kernel: Kernel
    private let id: OpID
    /// For each dtype that is computed as it is, that of the result.
    private let results: InlineArray<11, DType?>
    /// Whether it takes ints as floats.
    private let isReal: Bool

    /// The bytes of the largest result that is computed at once.
    private static let most = 4096

    /// `nil` for other ops, and those that have attributes beside the usual ones.
    public init?(_ op: Op) {
        let count: Int
        let known: (kernel: Kernel, dtypes: Set<DType>)? =
            switch op.name {
            case "matmul": (.product, [.f32, .f64])
            case "stack": (.stack, Set(DType.allCases).subtracting([.string]))
            default: nil
            }
        if let known {
            (kernel, id, isReal) = (known.kernel, op.id, false)
            results = InlineArray { DType(rawValue: UInt8($0)).flatMap { known.dtypes.contains($0) ? $0 : nil } }
            return
        }
        let (given, op) = (op, Self.only(op, .f32) ?? op)
        switch op.kernel {
        case .map(let map): (kernel, count) = (.map(map), 1)
        case .zip(let zip): (kernel, count) = (.zip(zip), 2)
        case .reduce, .special, .composed: return nil
        }
        guard op.attributeNames.isEmpty, op.parameters.count == count, op.parameters.allSatisfy({ $0.kind == .tensor }) else { return nil }
        id = op.id
        isReal = op.promotion == .real
        let kernel = kernel
        results = InlineArray { (index: Int) -> DType? in
            guard let dtype = DType(rawValue: UInt8(index)), !Self.fails(kernel, dtype) else { return nil }
            let dtypes = Array(repeating: dtype, count: count)
            guard dtype != .string, op.promotedDTypes(dtypes) == dtypes else { return nil }
            if given.id != op.id, Self.only(given, dtype)?.id != op.id { return nil }
            let inputs = dtypes.map { TensorType($0, [2]) }
            return try? op.infer(Inference(op: op, inputs: inputs, attributes: Attributes()))[0].dtype
        }
    }

    /// The op that a composed one with its usual attributes consists of, where that is one op of one tensor.
    private static func only(_ op: Op, _ dtype: DType) -> Op? {
        guard case .composed = op.kernel, let usual = op.usual, usual.inputCount == 1 else { return nil }
        let (builder, type) = (GraphBuilder(), TensorType(dtype, [2]))
        // What a composed op is made of may be asked for only where its rule holds.
        guard (try? op.types([type], usual.attributes))?.map(\.shape) == [type.shape],
            let y = try? builder.add(op, [builder.input(type)], usual.attributes), y.map(\.ref) == [Ref(1)], builder.graph.nodes.count == 2,
            case .op(let id) = builder.graph.nodes[1].content
        else { return nil }
        return Op.at(id)
    }

    /// Whether some elements of the dtype are an error.
    private static func fails(_ kernel: Kernel, _ dtype: DType) -> Bool {
        guard dtype.isInteger, case .zip(let zip) = kernel else { return false }
        return zip == .floor_divide || zip == .mod
    }

    private func result(_ dtype: DType) -> DType? { results[Int(dtype.rawValue)] }

    /// The op of one tensor; `nil` where `Tensor.apply` should be asked.
    public func callAsFunction(_ x: Tensor, origin: () -> Int32) -> Tensor? {
        guard case .map(let map) = kernel, let dtype = result(x.dtype) else { return nil }
        let type = TensorType(dtype, x.shape)
        if let count = Self.few(type),
            let present = unsafe x.lendPresent({ x1 in
                unsafe Tensor.filled(type, count) { unsafe tfs_map(map, x.dtype.c, x1, $0, count) }
            })
        {
            return present
        }
        return pending(Few(x.edge), type, origin)
    }

    /// The op of two tensors; `nil` where `Tensor.apply` should be asked.
    public func callAsFunction(_ a: Tensor, _ b: Tensor, origin: () -> Int32) -> Tensor? {
        guard a.dtype == b.dtype, let dtype = result(a.dtype) else { return nil }
        guard case .zip(let zip) = kernel else { return product(a, b) }
        let scalar: Scalar
        let type: TensorType
        if a.shape == b.shape {
            (type, scalar) = (TensorType(dtype, a.shape), .neither)
        } else if b.shape.isEmpty {
            (type, scalar) = (TensorType(dtype, a.shape), .second)
        } else if a.shape.isEmpty {
            (type, scalar) = (TensorType(dtype, b.shape), .first)
        } else {
            guard let shape = Shape.broadcast(a.shape, b.shape) else { return nil }
            return rows(zip, a, b, TensorType(dtype, shape)) ?? pending(Few(a.edge, b.edge), TensorType(dtype, shape), origin)
        }
        if let count = Self.few(type),
            let present = unsafe Self.atHand(a, b, type, count, { unsafe Self.run(zip, a.dtype.c, $0, $1, $2, count, scalar) })
        {
            return present
        }
        return pending(Few(a.edge, b.edge), type, origin)
    }

    /// The rows of one tensor with the only one of another; `nil` where there are many rows, or it is otherwise.
    private func rows(_ zip: tfs_zip, _ a: Tensor, _ b: Tensor, _ type: TensorType) -> Tensor? {
        guard let count = Self.few(type), count > 0, let width = type.shape.last, count / width <= 32 else { return nil }
        func isWhole(_ x: Tensor) -> Bool { x.shape == type.shape }
        func isRow(_ x: Tensor) -> Bool { x.count == width && x.shape.last == width }
        guard isWhole(a) && isRow(b) || isRow(a) && isWhole(b) else { return nil }
        let (stepA, stepB, step) = (isWhole(a) ? width * a.dtype.size : 0, isWhole(b) ? width * b.dtype.size : 0, width * type.dtype.size)
        return unsafe Self.atHand(a, b, type, count) { x, y, target in
            for row in 0..<count / width { unsafe tfs_zip(zip, a.dtype.c, x + row * stepA, y + row * stepB, target + row * step, width) }
        }
    }

    /// The product of two matrices. It is left pending where its epilogue would be worth more, or a profile tells of it.
    private func product(_ a: Tensor, _ b: Tensor) -> Tensor? {
        guard case .product = kernel, a.rank == 2, b.rank == 2, !Profile.isOn else { return nil }
        let (m, k, n) = (a.shape[0], a.shape[1], b.shape[1])
        guard b.shape[0] == k, m >= 0, k >= 0, n >= 0, m < 1 << 12, n < 1 << 12, m * n <= 1 << 12, k <= (1 << 20) / max(m * n, 1)
        else { return nil }
        let type = n == k ? a.type : m == k ? b.type : TensorType(a.dtype, [m, n])
        var isComputed = false
        let present = unsafe Self.atHand(a, b, type, m * n) { x, y, target in
            isComputed = (try? unsafe Libraries.matmul(Operand(x, a.type), Operand(y, b.type), into: Operand(target, type))) != nil
        }
        return isComputed ? present : nil
    }

    /// So many tensors on a new first axis; `nil` where `Tensor.apply` should be asked.
    public func callAsFunction(stacking count: Int, _ part: (Int) -> Tensor?) -> Tensor? {
        guard case .stack = kernel, count > 0, let first = part(0), first.rank < TensorType.mostAxes, let dtype = result(first.dtype)
        else { return nil }
        let (type, length) = (TensorType(dtype, [count] + first.shape), first.type.byteCount)
        guard let total = Self.few(type) else { return nil }
        var isComplete = true
        let stacked = unsafe Tensor.filled(type, total) { target in
            for place in 0..<count {
                guard isComplete, let tensor = part(place), tensor.type == first.type,
                    (unsafe tensor.lendPresent { unsafe (target + place * length).copyMemory(from: $0, byteCount: length) }) != nil
                else {
                    isComplete = false
                    return
                }
            }
        }
        return isComplete ? stacked : nil
    }

    /// What `fill` makes of the elements of two tensors; `nil` unless both are at hand.
    @inline(__always) private static func atHand(
        _ a: Tensor, _ b: Tensor, _ type: TensorType, _ count: Int,
        _ fill: (UnsafeRawPointer, UnsafeRawPointer, UnsafeMutableRawPointer) -> Void
    ) -> Tensor? {
        let present = unsafe a.lendPresent { x in unsafe b.lendPresent { y in unsafe Tensor.filled(type, count) { unsafe fill(x, y, $0) } } }
        guard let present else { return nil }
        return present
    }

    /// The op of a tensor and a number of the script's, which is taken in the tensor's dtype.
    public func callAsFunction(_ x: Tensor, number: Double, isFirst: Bool, origin: () -> Int32) -> Tensor? {
        guard case .zip(let zip) = kernel, x.dtype.isFloat, let dtype = result(x.dtype) else { return nil }
        let type = TensorType(dtype, x.shape)
        if let count = Self.few(type),
            let present = unsafe x.lendPresent({ elements in
                unsafe Tensor.filled(type, count) { target in
                    var word: UInt64 = 0
                    unsafe withUnsafeMutablePointer(to: &word) { word in
                        unsafe tfs_fill(x.dtype.c, number, word, 1)
                        unsafe Self.run(
                            zip, x.dtype.c, isFirst ? UnsafeRawPointer(word) : elements,
                            isFirst ? elements : UnsafeRawPointer(word), target, count, isFirst ? .first : .second)
                    }
                }
            })
        {
            return present
        }
        let scalar = Tensor.scalar(number, x.dtype)
        return pending(isFirst ? Few(scalar.edge, x.edge) : Few(x.edge, scalar.edge), type, origin)
    }

    /// A script's number, which is no tensor.
    public enum Number {
        case bool(Bool), int(Int), float(Double)

        fileprivate var dtype: DType {
            switch self {
            case .bool: .bool
            case .int: .i64
            case .float: .f64
            }
        }
        fileprivate var bits: UInt64 {
            switch self {
            case .bool(let x): x ? 1 : 0
            case .int(let x): UInt64(bitPattern: Int64(x))
            case .float(let x): x.bitPattern
            }
        }
        fileprivate init?(_ dtype: DType, _ bits: UInt64) {
            switch dtype {
            case .bool: self = .bool(bits & 0xFF != 0)
            case .i64: self = .int(Int(Int64(bitPattern: bits)))
            case .f64: self = .float(Double(bitPattern: bits))
            default: return nil
            }
        }
        fileprivate func taken(asFloat isReal: Bool) -> Number { if isReal, case .int(let x) = self { .float(Double(x)) } else { self } }
    }

    /// The op of one number, in 64 bits; `nil` where `Tensor.apply` should be asked.
    public func callAsFunction(_ x: Number) -> Number? {
        let x = x.taken(asFloat: isReal)
        guard case .map(let map) = kernel, let dtype = result(x.dtype) else { return nil }
        var (bits, word) = (x.bits, UInt64(0))
        unsafe tfs_map(map, x.dtype.c, &bits, &word, 1)
        return Number(dtype, word)
    }

    /// The op of two numbers of one kind, in 64 bits; `nil` where `Tensor.apply` should be asked.
    public func callAsFunction(_ a: Number, _ b: Number) -> Number? {
        let (a, b) = (a.taken(asFloat: isReal), b.taken(asFloat: isReal))
        guard case .zip(let zip) = kernel, a.dtype == b.dtype, let dtype = result(a.dtype) else { return nil }
        var (x, y, word) = (a.bits, b.bits, UInt64(0))
        unsafe tfs_zip(zip, a.dtype.c, &x, &y, &word, 1)
        return Number(dtype, word)
    }

    private enum Scalar { case neither, first, second }

    @inline(__always) private static func run(
        _ zip: tfs_zip, _ dtype: tfs_dtype, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ count: Int,
        _ scalar: Scalar
    ) {
        switch scalar {
        case .neither: unsafe tfs_zip(zip, dtype, a, b, y, count)
        case .first: unsafe tfs_zip_scalar(zip, dtype, a, b, true, y, count)
        case .second: unsafe tfs_zip_scalar(zip, dtype, a, b, false, y, count)
        }
    }

    /// The number of elements, if it is known and they are few.
    @inline(__always) private static func few(_ type: TensorType) -> Int? {
        guard let count = type.shape.elementCount, count <= most / type.dtype.size else { return nil }
        return count
    }

    /// What `Tensor.apply` would write.
    private func pending(_ inputs: Few<Edge>, _ type: TensorType, _ origin: () -> Int32) -> Tensor? {
        for edge in inputs where edge.node.availability == .unknown { return .unknown(type) }
        guard let count = type.shape.elementCount, count <= Storage.limit / type.dtype.size else { return nil }
        let node = Node(.op(id), inputs: inputs, types: Few(type), origin: origin())
        Tensor.written(node)
        return Tensor(node)
    }
}

extension Tensor {
    /// Data whose elements `fill` writes.
    @inline(__always) static func filled(_ type: TensorType, _ count: Int, _ fill: (UnsafeMutableRawPointer) -> Void) -> Tensor {
        if count * type.dtype.size <= small { return unsafe Tensor(type, filling: fill) }
        let storage = allocate(count * type.dtype.size)
        unsafe storage.lend { unsafe fill($0.baseAddress!) }
        return Tensor(type, storage)
    }
}
