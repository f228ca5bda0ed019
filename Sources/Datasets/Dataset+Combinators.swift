public import Engine
public import Graphs

extension Dataset {
    /// What `f` makes of each element; it gives tensors of these types.
    public func map(
        to structure: Structure, types: [TensorType], isBatched: Bool? = nil,
        _ f: @escaping @Sendable ([Tensor]) throws -> [Tensor]
    ) -> Dataset {
        Dataset(.mapped(self, f), structure, types, count: count, isEndless: isEndless, isBatched: isBatched ?? self.isBatched)
    }

    /// The elements for which `f` holds.
    public func filter(_ f: @escaping @Sendable ([Tensor]) throws -> Bool) -> Dataset {
        derived(.filtered(self, f), count: nil)
    }

    /// Stacks `size` elements into one; the last may be shorter.
    public func batch(_ size: Int, dropRemainder: Bool = false) throws(DataError) -> Dataset {
        try batched(size, dropRemainder, padding: nil)
    }

    /// As `batch`, for elements of different sizes: shorter ones are filled up at their ends.
    public func paddedBatch(_ size: Int, value: Double = 0, dropRemainder: Bool = false) throws(DataError) -> Dataset {
        try batched(size, dropRemainder, padding: value)
    }

    private func batched(_ size: Int, _ dropRemainder: Bool, padding: Double?) throws(DataError) -> Dataset {
        try Self.atLeast(1, size, "batch")
        let isEven = dropRemainder || isEndless || count.map { $0 % size == 0 } ?? false
        try requireRoom(isEven ? size : count.map { min($0, size) }, "a batch")
        return Dataset(
            .batched(self, size, dropRemainder: dropRemainder, padding: padding), structure,
            types.map { TensorType($0.dtype, [isEven ? size : -1] + $0.shape) },
            count: count.map { dropRemainder ? $0 / size : $0 / size + ($0 % size > 0 ? 1 : 0) }, isEndless: isEndless,
            isBatched: true)
    }

    /// How many examples its batches hold; `nil` if it has none, or they came as they are.
    public var batchSize: Int? {
        switch plan {
        case .batched(_, let size, _, _): size
        case .mapped(let source, _), .filtered(let source, _), .shuffled(let source, _, _, _), .repeated(let source, _),
            .taken(let source, _), .skipped(let source, _), .sharded(let source, _, _), .joined(let source, _), .cached(let source, _):
            isBatched ? source.batchSize : nil
        case .zipped(let sources): sources.first?.batchSize
        case .slices, .list, .generated, .unbatched, .enumerated, .windowed: nil
        }
    }

    /// The slices of each element along its first axis.
    public func unbatch() throws(DataError) -> Dataset {
        if let bad = types.first(where: { $0.rank == 0 }) {
            throw DataError("E0507", "`unbatch` takes slices along the first axis, found \(bad)")
        }
        var known = count
        if let size = types.first?.shape[0], let n = count, size >= 0 {
            let (product, overflow) = n.multipliedReportingOverflow(by: size)
            known = overflow ? nil : product
        } else {
            known = nil
        }
        return Dataset(
            .unbatched(self), structure, types.map { TensorType($0.dtype, Array($0.shape.dropFirst())) }, count: known,
            isEndless: isEndless)
    }

    /// Random order, another in each iteration. With a buffer, the next element is drawn from that many; without,
    /// from all.
    public func shuffle(buffer: Int? = nil, seed: UInt64 = 0) throws(DataError) -> Dataset {
        if let buffer { try Self.atLeast(1, buffer, "shuffle") }
        if buffer == nil, isEndless {
            throw DataError("E0508", "a dataset without an end cannot be shuffled whole", mend: "shuffle before `repeat`, or give a size")
        }
        try requireRoom(isEndless ? buffer : count.map { min($0, buffer ?? $0) }, "a shuffle")
        return derived(.shuffled(self, buffer: buffer, seed: seed, Counter()), count: count)
    }

    /// The elements `times` times over, or without end.
    public func repeated(_ times: Int? = nil) throws(DataError) -> Dataset {
        guard let times else {
            return Dataset(.repeated(self, nil), structure, types, count: nil, isEndless: true, isBatched: isBatched)
        }
        try Self.atLeast(0, times, "repeat")
        var known = count
        // More elements than an int counts are as good as no end.
        var isEndless = isEndless && times > 0
        if let n = count {
            let (product, overflow) = n.multipliedReportingOverflow(by: times)
            known = overflow ? nil : product
            isEndless = isEndless || overflow
        }
        return Dataset(.repeated(self, times), structure, types, count: known, isEndless: isEndless, isBatched: isBatched)
    }

    public func take(_ n: Int) throws(DataError) -> Dataset {
        try Self.atLeast(0, n, "take")
        return Dataset(
            .taken(self, n), structure, types, count: isEndless ? n : count.map { min($0, n) }, isBatched: isBatched)
    }

    public func skip(_ n: Int) throws(DataError) -> Dataset {
        try Self.atLeast(0, n, "skip")
        return derived(.skipped(self, n), count: count.map { max(0, $0 - n) })
    }

    /// Every `count`-th element, from the `index`-th on.
    public func shard(_ count: Int, _ index: Int) throws(DataError) -> Dataset {
        try Self.atLeast(1, count, "shard")
        guard index >= 0, index < count else {
            throw DataError("E0508", "shard \(index) is not one of 0 to \(count - 1)")
        }
        return derived(
            .sharded(self, count: count, index: index),
            count: self.count.map { $0 > index ? ($0 - index - 1) / count + 1 : 0 })
    }

    /// Elements side by side, as long as all have some.
    public static func zip(_ sets: [Dataset]) throws(DataError) -> Dataset {
        guard !sets.isEmpty else { throw DataError("E0508", "`zip` needs a dataset") }
        let finite = sets.filter { !$0.isEndless }
        let counts = finite.map(\.count)
        return Dataset(
            .zipped(sets), .list(sets.map(\.structure)), sets.flatMap(\.types),
            count: counts.contains(nil) ? nil : counts.compactMap { $0 }.min(), isEndless: finite.isEmpty,
            isBatched: sets.allSatisfy(\.isBatched))
    }

    /// These elements, then those of another dataset of the same structure.
    public func concat(_ other: Dataset) throws(DataError) -> Dataset {
        guard structure == other.structure else {
            throw DataError("E0507", "datasets whose elements have different structures cannot be joined")
        }
        let types = try Self.joined(types, other.types, "the elements of the two datasets")
        var known: Int?
        if let a = count, let b = other.count, !a.addingReportingOverflow(b).overflow { known = a + b }
        return Dataset(
            .joined(self, other), structure, types, count: known, isEndless: isEndless || other.isEndless, isBatched: isBatched)
    }

    /// Keeps the elements of the first complete iteration for the later ones.
    public func cache() throws(DataError) -> Dataset {
        if isEndless { throw DataError("E0508", "a dataset without an end cannot be kept", mend: "write `.cache()` before `.repeat()`") }
        try requireRoom(count, "a cache")
        return derived(.cached(self, Cache()), count: count)
    }

    /// Work ahead of the consumer. It gives the same elements; for now they are made when asked for.
    public func prefetch(_ n: Int? = nil) throws(DataError) -> Dataset {
        if let n { try Self.atLeast(0, n, "prefetch") }
        return self
    }

    /// Each element with its number: `[i, x]`.
    public func enumerated(from start: Int = 0) -> Dataset {
        Dataset(
            .enumerated(self, start: start), .list([.tensor, structure]), [TensorType(.i64, [])] + types, count: count,
            isEndless: isEndless)
    }

    /// `size` elements, `stride` apart, stacked; each window begins `shift` (or `size`) after the one before.
    public func window(_ size: Int, shift: Int? = nil, stride: Int = 1, dropRemainder: Bool = true) throws(DataError) -> Dataset {
        try Self.atLeast(1, size, "window")
        try Self.atLeast(1, stride, "window")
        if let shift { try Self.atLeast(1, shift, "window") }
        let (reach, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
        let shift = shift ?? size
        guard !overflow, reach < 1 << 24, shift < 1 << 40 else {
            throw DataError("E0508", "a window of \(size) elements, \(stride) apart, is too wide")
        }
        let known = count.map { n in dropRemainder ? (n > reach ? (n - reach - 1) / shift + 1 : 0) : (n + shift - 1) / shift }
        return Dataset(
            .windowed(self, size: size, shift: shift, stride: stride, dropRemainder: dropRemainder), structure,
            types.map { TensorType($0.dtype, [dropRemainder ? size : -1] + $0.shape) }, count: known, isEndless: isEndless)
    }

    /// The stream with what repeats without end taken once.
    public var finite: Dataset {
        guard isEndless else { return self }
        if case .repeated(let base, _) = plan { return base.finite }
        let plan: Plan =
            switch plan {
            case .slices, .list, .generated, .taken, .cached, .repeated: plan
            case .mapped(let base, let f): .mapped(base.finite, f)
            case .filtered(let base, let f): .filtered(base.finite, f)
            case .batched(let base, let size, let drop, let padding): .batched(base.finite, size, dropRemainder: drop, padding: padding)
            case .unbatched(let base): .unbatched(base.finite)
            case .shuffled(let base, let buffer, let seed, let counter): .shuffled(base.finite, buffer: buffer, seed: seed, counter)
            case .skipped(let base, let n): .skipped(base.finite, n)
            case .sharded(let base, let count, let index): .sharded(base.finite, count: count, index: index)
            case .zipped(let sets): .zipped(sets.map(\.finite))
            case .joined(let a, let b): .joined(a.finite, b.finite)
            case .enumerated(let base, let start): .enumerated(base.finite, start: start)
            case .windowed(let base, let size, let shift, let stride, let drop):
                .windowed(base.finite, size: size, shift: shift, stride: stride, dropRemainder: drop)
            }
        return Dataset(plan, structure, types, count: nil, isBatched: isBatched)
    }

    private func derived(_ plan: Plan, count: Int?) -> Dataset {
        Dataset(plan, structure, types, count: count, isEndless: isEndless, isBatched: isBatched)
    }

    /// Refuses to hold more elements at once than there can be memory for.
    private func requireRoom(_ elements: Int?, _ what: String) throws(DataError) {
        let each = types.reduce(8) { $0 &+ ($1.shape.elementCount ?? 0) &* max($1.dtype.size, 1) }
        if let elements, elements > Tensor.largestByteCount / each { throw .room("\(what) of \(elements) elements") }
    }

    private static func atLeast(_ least: Int, _ n: Int, _ name: String) throws(DataError) {
        if n < least { throw DataError("E0508", "`\(name)` takes a number of at least \(least), found \(n)") }
    }
}
