public import Engine
public import Graphs
internal import Synchronization

/// A lazy stream of elements, each a few tensors.
///
/// Nothing is computed before somebody iterates; each iteration starts anew. Slices of tensors in memory that are
/// only shuffled, taken, skipped, sharded or repeated stay numbers of rows until they are batched, and a batch is
/// then one copy per tensor.
public struct Dataset: Sendable {
    /// How an element's tensors stand together.
    public let structure: Structure
    /// Their types; sizes that differ or are not known are -1.
    public let types: [TensorType]
    /// The number of elements; `nil` if it is unknown or has no end.
    public let count: Int?
    /// Whether it never ends (`repeat` without a number).
    public let isEndless: Bool
    /// Whether its elements are batches, so that `fit` does not batch them again.
    public let isBatched: Bool
    let plan: Plan

    /// Where elements come from.
    indirect enum Plan: Sendable {
        case slices([Component])
        case list([[Tensor]])
        case generated(@Sendable () throws -> @Sendable () throws -> [Tensor]?)
        case mapped(Dataset, @Sendable ([Tensor]) throws -> [Tensor])
        case filtered(Dataset, @Sendable ([Tensor]) throws -> Bool)
        case batched(Dataset, Int, dropRemainder: Bool, padding: Double?)
        case unbatched(Dataset)
        case shuffled(Dataset, buffer: Int?, seed: UInt64, Counter)
        case repeated(Dataset, Int?)
        case taken(Dataset, Int)
        case skipped(Dataset, Int)
        case sharded(Dataset, count: Int, index: Int)
        case zipped([Dataset])
        case joined(Dataset, Dataset)
        case cached(Dataset, Cache)
        case enumerated(Dataset, start: Int)
        case windowed(Dataset, size: Int, shift: Int, stride: Int, dropRemainder: Bool)
    }

    /// A tensor whose rows are elements; `scale` makes `f32` of `u8`.
    struct Component: Sendable {
        let tensor: Tensor
        let scale: Float?
    }

    /// Counts the iterations of a shuffle, so that each has an order of its own.
    final class Counter: Sendable {
        private let value = Mutex(0)
        func next() -> Int {
            value.withLock {
                $0 += 1
                return $0 - 1
            }
        }
    }

    /// The elements of the first complete iteration.
    final class Cache: Sendable {
        let elements = Mutex<[[Tensor]]?>(nil)
    }

    init(
        _ plan: Plan, _ structure: Structure, _ types: [TensorType], count: Int?, isEndless: Bool = false, isBatched: Bool = false
    ) {
        self.plan = plan
        self.structure = structure
        self.types = types
        self.count = count
        self.isEndless = isEndless
        self.isBatched = isBatched
    }

    // MARK: Sources

    /// The slices along the first axis of tensors that have equally many.
    ///
    /// - Parameter scales: for `u8` tensors, by their place: elements become `f32`, multiplied by this.
    public init(slices tensors: [Tensor], _ structure: Structure, scales: [Int: Float] = [:]) throws(DataError) {
        precondition(structure.count == tensors.count, "a place for each tensor")
        var rows: Int?
        for (index, tensor) in tensors.enumerated() {
            guard let length = tensor.shape.first else {
                throw DataError("E0507", "a dataset takes slices along the first axis, a scalar has none", mend: "write `[x]`")
            }
            if let rows, rows >= 0, length >= 0, rows != length {
                throw DataError(
                    "E0502", "the tensors of a dataset have \(rows) and \(length) rows",
                    why: "shapes \(tensors[0].shape.text) and \(tensor.shape.text)")
            }
            if rows == nil || rows == -1 { rows = length }
            if scales[index] != nil, tensor.dtype != .u8 { throw DataError("E0507", "only `u8` tensors are scaled") }
        }
        guard let rows else { throw DataError("E0507", "a dataset needs at least one tensor") }
        self.init(
            .slices(tensors.enumerated().map { Component(tensor: $1, scale: scales[$0]) }), structure,
            tensors.enumerated().map { TensorType(scales[$0] == nil ? $1.dtype : .f32, Array($1.shape.dropFirst())) },
            count: rows < 0 ? nil : rows)
    }

    /// Elements at hand, of one structure.
    public init(elements: [[Tensor]], _ structure: Structure) throws(DataError) {
        guard let first = elements.first else { throw DataError("E0507", "a dataset needs at least one element") }
        var types = first.map(\.type)
        for (index, element) in elements.enumerated() {
            guard element.count == structure.count else {
                throw DataError("E0507", "element \(index) has \(element.count) tensors, the first \(structure.count)")
            }
            types = try Self.joined(types, element.map(\.type), "element \(index) and the first")
        }
        self.init(.list(elements), structure, types, count: elements.count)
    }

    /// Elements made one by one: `start` begins an iteration, what it gives makes elements until it gives `nil`.
    public init(
        types: [TensorType], _ structure: Structure, count: Int? = nil,
        generate start: @escaping @Sendable () throws -> @Sendable () throws -> [Tensor]?
    ) {
        self.init(.generated(start), structure, types, count: count)
    }

    /// What two elements have in common; sizes that differ become -1.
    static func joined(_ a: [TensorType], _ b: [TensorType], _ what: String) throws(DataError) -> [TensorType] {
        guard a.count == b.count else { throw DataError("E0507", "\(what) have \(a.count) and \(b.count) tensors") }
        var types: [TensorType] = []
        for (x, y) in Swift.zip(a, b) {
            guard x.dtype == y.dtype, x.rank == y.rank else {
                throw DataError("E0507", "\(what) do not go together: \(x) and \(y)")
            }
            types.append(TensorType(x.dtype, Swift.zip(x.shape, y.shape).map { $0 == $1 ? $0 : -1 }))
        }
        return types
    }

    // MARK: Looking

    /// Starts an iteration.
    ///
    /// - Parameter iteration: which one it is, for shuffles; without it each shuffle counts for itself. `fit` gives
    ///   the number of the epoch, so that a resumed run sees the same order.
    public func makeIterator(iteration: Int? = nil) -> Iterator { Iterator(next: stream(iteration)) }

    /// As `makeIterator`; where no script's function is called on the way, elements are made ahead on another thread.
    public func makeEagerIterator(iteration: Int? = nil) throws -> Iterator {
        guard let sources = selfContained else { return makeIterator(iteration: iteration) }
        // The graph behind a tensor belongs to this thread.
        try Tensor.compute(sources)
        let next = stream(iteration)
        // A few small elements, two large ones.
        let size = types.reduce(1.0) { $0 + $1.shape.reduce(Double($1.dtype.size)) { $0 * Double(max($1, 32)) } }
        let producer = Producer(depth: Int(max(2, min(8, Double(4 << 20) / size)))) { try next() }
        return Iterator { try producer.next() }
    }

    /// The tensors that elements are made of, if nothing else has a part in it.
    private var selfContained: [Tensor]? {
        switch plan {
        case .slices(let components): components.map(\.tensor)
        case .list(let elements): elements.flatMap { $0 }
        case .batched(let source, _, _, _), .unbatched(let source), .shuffled(let source, _, _, _), .repeated(let source, _),
            .taken(let source, _), .skipped(let source, _), .sharded(let source, _, _):
            source.selfContained
        case .generated, .mapped, .filtered, .zipped, .joined, .cached, .enumerated, .windowed: nil
        }
    }

    public struct Iterator {
        let advance: () throws -> [Tensor]?
        init(next: @escaping () throws -> [Tensor]?) { advance = next }
        /// The next element; `nil` at the end. Throws `DataError`, `ExecutionError`, `FormatError` and what the
        /// functions of `map` and `filter` throw.
        public mutating func next() throws -> [Tensor]? { try advance() }
    }
}
