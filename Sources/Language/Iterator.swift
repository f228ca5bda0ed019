internal import Datasets
internal import Engine
internal import Graphs

/// The state of a `for` loop.
public final class Iterator: @unchecked Sendable {
    enum Source {
        case range(RangeList)
        case list(List)
        case text([Unicode.Scalar])
        /// Elements of a record: `[key, value]`, or the keys when there is one name.
        case record(Record, pairs: Bool)
        case tensor(Tensor, count: Int)
        /// Elements made one by one: rows of a table, batches of a dataset.
        case generator(() throws -> Value?)
        /// In the check: any number of elements like this one.
        case unknown(element: Value)
    }
    let source: Source
    /// The number of turns begun.
    var turns = 0
    /// In the check, how often the body has been followed, and what stood in the registers before.
    var followed = 0

    init(_ source: Source) { self.source = source }

    var isUnknown: Bool { if case .unknown = source { true } else { false } }

    func next(_ machine: Machine) throws -> Value? {
        switch source {
        case .range(let range):
            guard turns < range.count else { return nil }
            turns += 1
            return .int(range[turns - 1])
        case .unknown: return nil
        case .list(let list):
            guard turns < list.values.count else { return nil }
            turns += 1
            return list.values[turns - 1]
        case .text(let scalars):
            guard turns < scalars.count else { return nil }
            turns += 1
            return .string(.of(scalars[turns - 1]))
        case .record(let record, let pairs):
            guard turns < record.names.count else { return nil }
            turns += 1
            let key = Value.string(record.names[turns - 1])
            return pairs ? .list([key, record.values[turns - 1]]) : key
        case .tensor(let tensor, let count):
            guard turns < count else { return nil }
            turns += 1
            return try machine.index(.tensor(tensor), .int(turns - 1))
        case .generator(let next):
            turns += 1
            return try next()
        }
    }
}

extension Machine {
    /// A loop over a range or a list needs no iterator. Its state is four registers: the turns begun, their number, the
    /// list or the range's first element, and the range's step. (The check has iterators there too, which its branches
    /// share.) False for anything else.
    func beginLoop(_ source: Value, _ state: Registers) -> Bool {
        switch source {
        case .range(let range):
            state[1] = .int(range.count)
            state[2] = .int(range.start)
            state[3] = .int(range.step)
        case .list(let list):
            state[1] = .int(list.values.count)
            state[2] = source
        default: return false
        }
        state[0] = .int(0)
        return true
    }

    /// The next element of such a loop; at its end nothing is kept of the list.
    func nextElement(_ state: Registers) -> Value? {
        guard case .int(let turns) = state[0], case .int(let count) = state[1] else { preconditionFailure("`next` without a loop") }
        if turns < count {
            state[0] = .int(turns + 1)
            if case .list(let list) = state[2] { return list.values[turns] }
            if case .int(let start) = state[2], case .int(let step) = state[3] { return .int(start &+ turns &* step) }
        }
        state[0] = .unset
        state[2] = .unset
        return nil
    }

    /// What a `for` with so many names goes through.
    func iterator(over value: Value, names: Int) throws -> Iterator {
        switch value {
        case .range(let range): return Iterator(.range(range))
        case .list(let list): return Iterator(.list(list))
        case .string(let text): return Iterator(.text(text.codePoints))
        case .record(let record): return Iterator(.record(record, pairs: names > 1))
        case .tensor(let tensor):
            guard let count = tensor.shape.first else {
                throw Fault("E0418", "a tensor of rank 0 has no axis to go over", mend: "write `[x]` for a list of it")
            }
            if count < 0 {
                return Iterator(.unknown(element: .tensor(.unknown(TensorType(tensor.dtype, Array(tensor.shape.dropFirst()))))))
            }
            return Iterator(.tensor(tensor, count: count))
        case .unknown(let kinds):
            try tryKinds(of: value) { _ = try iterator(over: $0, names: names) }
            return Iterator(.unknown(element: kinds.element))
        case .table(let table): return iterator(over: table)
        case .dataset(let dataset): return try iterator(over: dataset)
        default:
            throw Fault("E0418", "`for` cannot go over \(value.described)", mend: value.kind == "int" ? "write `range(…)`" : nil)
        }
    }
}
