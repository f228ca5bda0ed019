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

    /// The next element of a range.
    @inline(__always) func nextInt() -> Int? {
        guard case .range(let range) = source, turns < range.count else { return nil }
        turns += 1
        return range[turns - 1]
    }

    func next(_ machine: Machine) throws -> Value? {
        switch source {
        case .range, .unknown: return nil
        case .list(let list):
            guard turns < list.values.count else { return nil }
            turns += 1
            return list.values[turns - 1]
        case .text(let scalars):
            guard turns < scalars.count else { return nil }
            turns += 1
            return .string(String(scalars[turns - 1]))
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
        case .unknown: return Iterator(.unknown(element: .unknown))
        case .table(let table): return iterator(over: table)
        case .dataset(let dataset): return try iterator(over: dataset)
        default:
            throw Fault("E0418", "`for` cannot go over \(value.described)", mend: value.kind == "int" ? "write `range(…)`" : nil)
        }
    }
}
