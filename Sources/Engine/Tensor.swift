public import Graphs
internal import CKernels
internal import Synchronization

/// A tensor of a script: a handle on data, on an argument, or on what will be computed when somebody looks.
///
/// A tensor never changes. Handles of one graph are used by one thread at a time; see `Node`.
public final class Tensor: @unchecked Sendable {
    public let type: TensorType
    /// Whether the elements lie in `few`.
    private let isSmall: Bool
    private let output: Int32
    /// What it is a result of, as the bits of a reference that this tensor owns: data become a node only when a pending op
    /// reads them, perhaps of two threads at once. Most often nobody ever asks for one.
    private let made: Atomic<UInt>
    /// The elements of small data, which need no memory beside this object.
    private let few: InlineArray<8, UInt64>
    /// Those of larger data.
    private let storage: Storage?

    /// The bytes of the largest small data.
    static let small = 64

    init(_ node: Node, _ output: Int = 0) {
        type = node.types[output]
        isSmall = false
        self.output = Int32(output)
        few = InlineArray(repeating: 0)
        storage = nil
        made = Atomic(Self.bits(owning: node))
        node.handles += 1
    }
    convenience init(_ edge: Edge) { self.init(edge.node, edge.output) }
    init(_ type: TensorType, _ storage: Storage) {
        self.type = type
        isSmall = false
        output = 0
        made = Atomic(0)
        few = InlineArray(repeating: 0)
        self.storage = storage
    }

    /// Data of at most `small` bytes, written by `fill`.
    @inline(__always) init(_ type: TensorType, filling fill: (UnsafeMutableRawPointer) -> Void) {
        self.type = type
        isSmall = true
        output = 0
        made = Atomic(0)
        var few = InlineArray<8, UInt64>(repeating: 0)
        unsafe withUnsafeMutablePointer(to: &few) { unsafe fill(UnsafeMutableRawPointer($0)) }
        self.few = few
        storage = nil
    }

    deinit {
        if let node = unsafe owned {
            unsafe node._withUnsafeGuaranteedRef { $0.handles -= 1 }
            unsafe node.release()
        }
    }

    private static func bits(owning node: Node) -> UInt {
        unsafe UInt(bitPattern: Unmanaged.passRetained(node).toOpaque())
    }
    private var owned: Unmanaged<Node>? {
        unsafe UnsafeRawPointer(bitPattern: made.load(ordering: .acquiring)).map { unsafe Unmanaged.fromOpaque($0) }
    }
    private var node: Node? { unsafe owned?.takeUnretainedValue() }

    var edge: Edge {
        if let node { return Edge(node: node, output: Int(output)) }
        let storage = storage ?? copyOfFew()
        let node = Node(.data, types: Few(type), storages: Few(storage))
        node.handles = 1
        let bits = Self.bits(owning: node)
        let (isFirst, other) = made.compareExchange(expected: 0, desired: bits, ordering: .acquiringAndReleasing)
        if isFirst { return Edge(node: node, output: 0) }
        unsafe Unmanaged<Node>.fromOpaque(UnsafeRawPointer(bitPattern: bits)!).release()
        return Edge(node: unsafe Unmanaged<Node>.fromOpaque(UnsafeRawPointer(bitPattern: other)!).takeUnretainedValue(), output: 0)
    }

    private func copyOfFew() -> Storage {
        let storage = Tensor.allocate(Tensor.small)
        unsafe withUnsafePointer(to: few) { unsafe storage.base.copyMemory(from: $0, byteCount: Tensor.small) }
        return storage
    }

    public var dtype: DType { type.dtype }
    public var shape: Shape { type.shape }
    public var rank: Int { type.shape.count }
    /// The number of elements; `nil` while a size is unknown.
    public var count: Int? { shape.elementCount }

    /// Whether its elements can be looked at.
    public var availability: Availability { node?.availability ?? .available }
    /// Whether its elements are there already, so that looking costs nothing.
    public var isComputed: Bool { isSmall || storage != nil || edge.isComputed }

    // MARK: Making

    public static func scalar(_ value: Double, _ dtype: DType) -> Tensor {
        unsafe Tensor(TensorType(dtype, [])) { unsafe tfs_fill(dtype.c, value, $0, 1) }
    }
    public static func scalar(_ value: Int, _ dtype: DType) -> Tensor {
        unsafe Tensor(TensorType(dtype, [])) { unsafe tfs_fill_int(dtype.c, Int64(value), $0, 1) }
    }

    /// A tensor of these elements in row-major order.
    public static func make<T: TensorElement>(_ values: [T], _ shape: Shape) -> Tensor {
        precondition(shape.elementCount == values.count, "as many elements as the shape says")
        return T.store(values, shape)
    }

    /// A tensor whose bytes are written once, by `fill`; they start as zeros.
    public static func data<E: Error>(
        _ dtype: DType, _ shape: Shape, filling fill: (inout MutableRawSpan) throws(E) -> Void
    ) throws(E) -> Tensor {
        guard let count = shape.elementCount else { preconditionFailure("the shape is known") }
        let storage = allocate(count * dtype.size)
        try unsafe storage.lend { bytes throws(E) in
            unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
            var span = unsafe MutableRawSpan(_unsafeBytes: bytes)
            try fill(&span)
        }
        return Tensor(TensorType(dtype, shape), storage)
    }

    /// An input of code that is traced: of a `CompiledFunction` or of the body of a `scan`.
    public static func argument(_ type: TensorType) -> Tensor { Tensor(Node(.argument, types: Few(type))) }

    /// A tensor of the check: it has a type and no elements, and sizes may be -1.
    public static func unknown(_ type: TensorType) -> Tensor { Tensor(Node(.unknown, types: Few(type))) }

    /// The key of one draw, the last input of a random op. Keys made while code is traced stand for new draws at
    /// every run of it.
    public static func key(seed: Int, draw: Int) -> Tensor {
        let storage = allocate(8)
        let mixed = tfs_mix(UInt64(bitPattern: Int64(seed)), UInt64(bitPattern: Int64(draw)))
        unsafe storage.lend { bytes in unsafe bytes.storeBytes(of: mixed, as: UInt64.self) }
        return Tensor(Node(.key, types: Few(TensorType(.i64, [])), storages: Few(storage)))
    }

    /// Memory for elements whose number was found reasonable before.
    static func allocate(_ byteCount: Int) -> Storage {
        guard let storage = Storage(byteCount: byteCount) else { preconditionFailure("out of memory") }
        return storage
    }
}

// MARK: Ops

extension Tensor {
    /// Chains of pending ops are computed beyond this length, so that loops run in constant memory.
    private static let deepest = 256

    /// The results of an op: their shapes are checked now, their elements are computed when somebody looks.
    ///
    /// An op whose shape depends on values is computed at once; on arguments it is an E0210, on unknowns the
    /// results are unknown.
    public static func apply(
        _ op: Op, _ inputs: [Tensor], _ attributes: Attributes = Attributes(), origin: Int32 = -1
    ) throws(OpError) -> [Tensor] {
        try apply(op, inputs.map(\.edge), attributes, origin: origin).map { Tensor($0) }
    }

    static func apply(
        _ op: Op, _ inputs: [Edge], _ attributes: Attributes, origin: Int32
    ) throws(OpError) -> [Edge] {
        var inputs = inputs
        if !inputs.isEmpty { try promote(&inputs, for: op, origin: origin) }
        let types = try op.types(inputs.map(\.type), attributes)
        var isKnown = true
        for type in types {
            for size in type.shape where size < 0 { isKnown = false }
            if isKnown {
                guard let count = type.shape.elementCount, count <= Storage.limit / max(1, type.dtype.size) else {
                    throw .memory(type)
                }
            }
        }
        let node = Node(.op(op.id), inputs: Few(inputs), attributes: attributes, types: Few(types), origin: origin)
        if node.availability == .unknown {
            // The check keeps no history.
            let unknown = Node(.unknown, types: Few(types))
            return types.indices.map { Edge(node: unknown, output: $0) }
        }
        if !isKnown {
            if !op.isValueDependent, let type = types.first(where: { $0.shape.contains { $0 < 0 } }) {
                // Nothing here is unknown: a size of -1 was asked for.
                throw OpError("E0205", "`\(op.name)` would give a tensor of shape [\(type.shape.map(String.init).joined(separator: ", "))]", why: "a size is at least 0")
            }
            return try valueDependent(op, inputs, attributes, origin: origin)
        }
        written(node)
        return types.indices.map { Edge(node: node, output: $0) }
    }

    /// A new pending node: what it reads may have failed, and what grows long without a recording is computed.
    static func written(_ node: Node) {
        for edge in node.inputs {
            if let failure = edge.node.failure { return node.fail(failure) }
        }
        if node.depth > deepest, node.availability == .available, !node.isRecorded {
            // An error belongs to whoever looks.
            try? compute([node])
        }
    }

    private static func promote(_ inputs: inout [Edge], for op: Op, origin: Int32) throws(OpError) {
        let dtypes = op.promotedDTypes(inputs.map(\.type.dtype))
        for (i, dtype) in dtypes.enumerated() where inputs[i].type.dtype != dtype {
            guard let cast = Op.named("cast") else { preconditionFailure("the registry has `cast`") }
            inputs[i] = try apply(cast, [inputs[i]], cast.attributes(["dtype": .dtype(dtype)]), origin: origin)[0]
        }
    }
}

// MARK: Looking

extension Tensor {
    /// Computes it, if that has not been done.
    public func compute() throws(ExecutionError) { try Tensor.compute([self]) }

    /// Computes several at once, which shares work. An argument of a trace is an E0210.
    public static func compute(_ tensors: [Tensor]) throws(ExecutionError) {
        var nodes: [Node] = []
        for tensor in tensors where !tensor.isComputed {
            guard tensor.availability == .available else {
                throw ExecutionError(
                    OpError(
                        "E0210", "compiled code cannot look at the elements of a tensor",
                        why: "they are known only when it runs", mend: "use `where`, a mask or `scan`"),
                    origin: tensor.edge.node.origin)
            }
            nodes.append(tensor.edge.node)
        }
        if !nodes.isEmpty { try compute(nodes) }
    }

    static func compute(_ roots: [Node]) throws(ExecutionError) {
        for root in roots { if let failure = root.failure { throw failure } }
        let line = Linearisation(of: roots, companions: true, isLeaf: { _ in false })
        do throws(ExecutionError) { try line.run() } catch {
            // An error of what nobody asked for is nobody's.
            guard line.hasCompanions, !error.isInterruption else { throw error }
            try Linearisation(of: roots, isLeaf: { _ in false }).run()
        }
    }

    func computedStorage() throws(ExecutionError) -> Storage {
        if let storage { return storage }
        try compute()
        guard let storage = edge.storage else { preconditionFailure("a computed tensor has elements") }
        return storage
    }

    /// Lends the memory of the elements, computed if need be.
    private func lendElements<R>(_ body: (UnsafeRawPointer) -> R) throws(ExecutionError) -> R {
        if isSmall { return unsafe withUnsafePointer(to: few) { unsafe body(UnsafeRawPointer($0)) } }
        let storage = try computedStorage()
        return unsafe storage.lend { unsafe body(UnsafeRawPointer($0.baseAddress!)) }
    }

    /// Lends the memory of the elements if they are there and no recording wants to know what becomes of them.
    @inline(__always) func lendPresent<R>(_ body: (UnsafeRawPointer) -> R) -> R? {
        let node = node
        if let node, node.isRecorded { return nil }
        if isSmall { return unsafe withUnsafePointer(to: few) { unsafe body(UnsafeRawPointer($0)) } }
        guard let storage = storage ?? node.flatMap({ Edge(node: $0, output: Int(output)).storage }) else { return nil }
        return unsafe storage.lend { unsafe body(UnsafeRawPointer($0.baseAddress!)) }
    }

    /// Where the elements are that `lendPresent` would lend; the few that lie in the tensor itself are copied.
    func presentAddress(orCopyTo place: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        unsafe lendPresent { elements in
            if !isSmall { return unsafe UnsafeMutableRawPointer(mutating: elements) }
            unsafe place.copyMemory(from: elements, byteCount: Tensor.small)
            return unsafe place
        }
    }

    /// The elements in row-major order, converted to `T` as a cast would.
    @_specialize(where T == Double) @_specialize(where T == Int)
    public func elements<T: TensorElement>(as: T.Type = T.self) throws(ExecutionError) -> [T] {
        let (dtype, count) = (dtype, count ?? 0)
        return try unsafe lendElements { unsafe T.load($0, dtype, count: count) }
    }

    /// Lends the bytes of the elements in row-major order.
    public func withBytes<R>(_ body: (RawSpan) -> R) throws(ExecutionError) -> R {
        let byteCount = type.byteCount
        return try unsafe lendElements { bytes in
            body(unsafe UnsafeRawBufferPointer(start: bytes, count: byteCount).bytes)
        }
    }

    /// One element, by its place in row-major order.
    public func element(_ index: Int) throws(ExecutionError) -> Double {
        precondition(index >= 0 && index < count ?? 0, "an element of the tensor")
        var result = 0.0
        try unsafe lendElements { bytes in unsafe tfs_cast(dtype.c, bytes + index * dtype.size, .f64, &result, 1) }
        return result
    }
    /// One element as an integer, without the loss that 64-bit integers have as floats.
    public func integer(_ index: Int) throws(ExecutionError) -> Int {
        precondition(index >= 0 && index < count ?? 0, "an element of the tensor")
        var result: Int64 = 0
        try unsafe lendElements { bytes in unsafe tfs_cast(dtype.c, bytes + index * dtype.size, .i64, &result, 1) }
        return Int(result)
    }
}
