internal import Engine
internal import Graphs
internal import Synchronization

extension Dataset {
    typealias Stream = () throws -> [Tensor]?

    /// The elements of one iteration.
    func stream(_ iteration: Int?) -> Stream {
        if let (components, next) = rows(iteration) {
            return {
                guard let row = try next() else { return nil }
                return try components.map { try Self.available($0.tensor).row(row, scale: $0.scale) }
            }
        }
        switch plan {
        case .slices: preconditionFailure("slices are rows")
        case .list(let elements):
            var index = 0
            return {
                guard index < elements.count else { return nil }
                index += 1
                return elements[index - 1]
            }
        case .generated(let start):
            var next: (@Sendable () throws -> [Tensor]?)?
            return {
                if next == nil { next = try start() }
                return try next?()
            }
        case .mapped(let source, let f):
            let next = source.stream(iteration)
            return { try next().map(f) }
        case .filtered(let source, let f):
            let next = source.stream(iteration)
            return {
                var turn = 0
                while let element = try next() {
                    if try f(element) { return element }
                    turn += 1
                    try Self.pause(turn)
                }
                return nil
            }
        case .batched(let source, let size, let dropRemainder, let padding):
            return source.batches(size, dropRemainder, padding, iteration)
        case .unbatched(let source): return source.slices(iteration)
        case .shuffled(let source, let buffer, let seed, let counter):
            let random = SplitMix(seed: seed, stream: UInt64(bitPattern: Int64(iteration ?? counter.next())))
            return Self.shuffling(buffer, random, source.stream(iteration))
        case .repeated(let source, let times): return Self.repeating(times, iteration) { source.stream($0) }
        case .taken(let source, let n): return Self.taking(n, source.stream(iteration))
        case .skipped(let source, let n): return Self.skipping(n, source.stream(iteration))
        case .sharded(let source, let count, let index): return Self.sharding(count, index, source.stream(iteration))
        case .zipped(let sources):
            let streams = sources.map { $0.stream(iteration) }
            return {
                var element: [Tensor] = []
                for next in streams {
                    guard let part = try next() else { return nil }
                    element += part
                }
                return element
            }
        case .joined(let first, let second):
            let next = first.stream(iteration)
            var rest: Stream?
            return {
                if let rest { return try rest() }
                if let element = try next() { return element }
                let other = second.stream(iteration)
                rest = other
                return try other()
            }
        case .cached(let source, let cache):
            if let kept = cache.elements.withLock({ $0 }) {
                var index = 0
                return {
                    guard index < kept.count else { return nil }
                    index += 1
                    return kept[index - 1]
                }
            }
            let next = source.stream(iteration)
            var seen: [[Tensor]] = []
            return {
                if let element = try next() {
                    seen.append(element)
                    try Self.pause(seen.count, holding: weight, for: "what `cache` keeps")
                    return element
                }
                let complete = seen
                cache.elements.withLock { if $0 == nil { $0 = complete } }
                return nil
            }
        case .enumerated(let source, let start):
            let next = source.stream(iteration)
            var index = start
            return {
                guard let element = try next() else { return nil }
                defer { index &+= 1 }
                return [Tensor.scalar(index, .i64)] + element
            }
        case .windowed(let source, let size, let shift, let stride, let dropRemainder):
            return source.windows(size, shift, stride, dropRemainder, iteration)
        }
    }

    /// For slices of tensors that are only chosen and put in order: the tensors, and the numbers of the rows.
    private func rows(_ iteration: Int?) -> (components: [Component], next: () throws -> Int?)? {
        switch plan {
        case .slices(let components):
            let count = count ?? 0
            var index = 0
            return (
                components,
                {
                    guard index < count else { return nil }
                    index += 1
                    return index - 1
                }
            )
        case .shuffled(let source, let buffer, let seed, let counter):
            guard let (components, next) = source.rows(iteration) else { return nil }
            let random = SplitMix(seed: seed, stream: UInt64(bitPattern: Int64(iteration ?? counter.next())))
            return (components, Self.shuffling(buffer, random, next))
        case .repeated(let source, let times):
            let components = source.components
            guard !components.isEmpty else { return nil }
            return (components, Self.repeating(times, iteration) { source.rows($0)?.next ?? { nil } })
        case .taken(let source, let n):
            return source.rows(iteration).map { ($0.components, Self.taking(n, $0.next)) }
        case .skipped(let source, let n):
            return source.rows(iteration).map { ($0.components, Self.skipping(n, $0.next)) }
        case .sharded(let source, let count, let index):
            return source.rows(iteration).map { ($0.components, Self.sharding(count, index, $0.next)) }
        case .list, .generated, .mapped, .filtered, .batched, .unbatched, .zipped, .joined, .cached, .enumerated, .windowed:
            return nil
        }
    }

    /// The tensors whose rows the elements are; none if they are something else.
    private var components: [Component] {
        switch plan {
        case .slices(let components): components
        case .shuffled(let source, _, _, _), .repeated(let source, _), .taken(let source, _), .skipped(let source, _),
            .sharded(let source, _, _):
            source.components
        case .list, .generated, .mapped, .filtered, .batched, .unbatched, .zipped, .joined, .cached, .enumerated, .windowed: []
        }
    }

    /// Asked now and then by a loop that may be long: whether somebody wants an end, and whether what it holds, so many
    /// bytes for each turn, still finds room.
    private static func pause(_ turn: Int, holding bytes: Int = 0, for what: @autoclosure () -> String = "") throws(DataError) {
        guard turn & 0xFFFF == 0 else { return }
        if Execution.isInterrupted { throw DataError("E0299", "interrupted") }
        if bytes > 0, turn > 0, !Memory.allows(1 << 28) { throw .room(what()) }
    }

    /// About what an element takes that is held.
    private var weight: Int { types.reduce(64) { $0 &+ 64 &+ ($1.shape.elementCount ?? 0) &* max($1.dtype.size, 1) } }

    static func available(_ tensor: Tensor) throws(DataError) -> Tensor {
        if tensor.availability == .available { return tensor }
        throw DataError("E0507", "the elements of this dataset are not known here, only their types")
    }

    // MARK: Batches

    private func batches(_ size: Int, _ dropRemainder: Bool, _ padding: Double?, _ iteration: Int?) -> Stream {
        if let (components, next) = rows(iteration) {
            let each = types.reduce(8) { $0 + ($1.shape.elementCount ?? 0) * max($1.dtype.size, 1) }
            return {
                var rows: [Int] = []
                rows.reserveCapacity(min(size, 1 << 16))
                while rows.count < size, let row = try next() {
                    rows.append(row)
                    try Self.pause(rows.count)
                    if rows.count > Tensor.largestByteCount / each { throw DataError.room("a batch of \(size) elements") }
                }
                if rows.isEmpty || dropRemainder && rows.count < size { return nil }
                return try components.map { try Self.available($0.tensor).gatheringRows(rows, scale: $0.scale) }
            }
        }
        let next = stream(iteration)
        return {
            var elements: [[Tensor]] = []
            while elements.count < size, let element = try next() {
                elements.append(element)
                try Self.pause(elements.count, holding: weight, for: "a batch of \(size) elements")
            }
            if elements.isEmpty || dropRemainder && elements.count < size { return nil }
            return try Self.stacked(elements, padding: padding)
        }
    }

    /// Elements on a new first axis.
    static func stacked(_ elements: [[Tensor]], padding: Double? = nil) throws -> [Tensor] {
        var result: [Tensor] = []
        for place in elements[0].indices {
            let tensors = try elements.map { try available($0[place]) }
            var shape = tensors[0].shape
            for tensor in tensors {
                guard tensor.dtype == tensors[0].dtype, tensor.rank == shape.count, padding != nil || tensor.shape == shape else {
                    throw DataError(
                        "E0507", "elements of one batch are \(tensors[0].type) and \(tensor.type)",
                        mend: tensor.rank == shape.count ? "use `.padded_batch`, or bring them to one size with `.map`" : nil)
                }
                shape = Swift.zip(shape, tensor.shape).map { max($0, $1) }
            }
            let filler = padding.map { Tensor.scalar($0, tensors[0].dtype) }
            result.append(try Tensor.stacking(tensors, in: shape, filler: filler))
        }
        return result
    }

    private func slices(_ iteration: Int?) -> Stream {
        let next = stream(iteration)
        var (batch, index, count): ([Tensor], Int, Int) = ([], 0, 0)
        return {
            while index >= count {
                guard let element = try next() else { return nil }
                (batch, index, count) = (element, 0, element.first?.shape.first ?? 0)
                if let odd = element.first(where: { $0.shape.first != count }) {
                    throw DataError("E0502", "`unbatch` found tensors of \(count) and \(odd.shape.first ?? 0) rows in one element")
                }
            }
            index += 1
            return try batch.map { try Self.available($0).row(index - 1) }
        }
    }

    private func windows(_ size: Int, _ shift: Int, _ stride: Int, _ dropRemainder: Bool, _ iteration: Int?) -> Stream {
        let next = stream(iteration)
        let reach = (size - 1) * stride + 1
        var (buffer, toSkip): ([[Tensor]], Int) = ([], 0)
        return {
            while toSkip > 0 {
                guard try next() != nil else { return nil }
                toSkip -= 1
                try Self.pause(toSkip)
            }
            while buffer.count < reach, let element = try next() {
                buffer.append(element)
                try Self.pause(buffer.count, holding: weight, for: "a window over \(reach) elements")
            }
            if buffer.isEmpty || dropRemainder && buffer.count < reach { return nil }
            let chosen = Swift.stride(from: 0, to: min(reach, buffer.count), by: stride).map { buffer[$0] }
            toSkip = max(0, shift - buffer.count)
            buffer.removeFirst(min(shift, buffer.count))
            return try Self.stacked(chosen)
        }
    }

    // MARK: Order, of elements or of row numbers

    private static func shuffling<T>(
        _ buffer: Int?, _ random: SplitMix, _ next: @escaping () throws -> T?
    ) -> () throws -> T? {
        var (random, held, isFilled): (SplitMix, [T], Bool) = (random, [], false)
        return {
            if !isFilled {
                while held.count < buffer ?? .max, let item = try next() {
                    held.append(item)
                    try pause(held.count, holding: 8, for: "what `shuffle` holds")
                }
                isFilled = true
            }
            guard !held.isEmpty else { return nil }
            let place = random.below(held.count)
            // Without a buffer everything is held already.
            if buffer != nil, let item = try next() {
                let drawn = held[place]
                held[place] = item
                return drawn
            }
            held.swapAt(place, held.count - 1)
            return held.removeLast()
        }
    }

    /// Passes of an iteration are iterations of their own; one without elements ends it.
    private static func repeating<T>(
        _ times: Int?, _ iteration: Int?, _ start: @escaping (Int?) -> () throws -> T?
    ) -> () throws -> T? {
        var (pass, isEmpty): (Int, Bool) = (0, true)
        var next: (() throws -> T?)?
        return {
            while pass < times ?? .max {
                try pause(pass)
                let source = next ?? start(iteration.map { $0 &* 0x1_0000_0001 &+ pass })
                next = source
                if let item = try source() {
                    isEmpty = false
                    return item
                }
                if isEmpty { return nil }
                next = nil
                isEmpty = true
                pass += 1
            }
            return nil
        }
    }

    private static func taking<T>(_ n: Int, _ next: @escaping () throws -> T?) -> () throws -> T? {
        var taken = 0
        return {
            guard taken < n else { return nil }
            taken += 1
            return try next()
        }
    }

    private static func skipping<T>(_ n: Int, _ next: @escaping () throws -> T?) -> () throws -> T? {
        var skipped = 0
        return {
            while skipped < n {
                skipped += 1
                try pause(skipped)
                guard try next() != nil else {
                    skipped = n
                    return nil
                }
            }
            return try next()
        }
    }

    private static func sharding<T>(_ count: Int, _ index: Int, _ next: @escaping () throws -> T?) -> () throws -> T? {
        var at = 0
        return {
            while let item = try next() {
                defer { at += 1 }
                if at % count == index { return item }
                try pause(at)
            }
            return nil
        }
    }
}
