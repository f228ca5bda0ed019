internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax
internal import Training

/// Numbers with a name, to be plotted.
public struct Series: Sendable {
    public var name: String
    public var values: [Double]
}

extension Value {
    /// `tensor f32[2, 3]`, `int`, `list of 3`.
    var typeText: String {
        switch self {
        case .tensor(let tensor): "tensor \(tensor.type)"
        case .list(let list): "list of \(list.values.count)"
        case .range(let range): "list of \(range.count)"
        case .record(let record): "record of \(record.names.count)"
        case .layer(let layer): "layer \(layer.kind)"
        case .table(let table): "table [\(table.table.count ?? 0), \(table.table.names.count)]"
        default: kind
        }
    }

    /// A short view for the prompt: never ten thousand numbers.
    var shown: String {
        if case .tensor(let tensor) = self { return "\(written)\(tensor.rank > 1 ? "\n" : "  ")\(tensor.type)" }
        return brief([100, 12, 6])
    }

    /// The value as it is written, of long lists only their ends.
    ///
    /// - Parameter limits: how many elements a list may have, from the outermost list inwards.
    private func brief(_ limits: ArraySlice<Int>) -> String {
        let limit = limits.first ?? 3
        let inner = limits.dropFirst()
        switch self {
        case .list(let list):
            if list.values.count <= limit { return "[" + list.values.map { $0.brief(inner) }.joined(separator: ", ") + "]" }
            let ends = list.values.prefix(3).map { $0.brief(inner) } + ["…"] + list.values.suffix(3).map { $0.brief(inner) }
            return "[" + ends.joined(separator: ", ") + "]  (\(list.values.count) values)"
        case .range(let range) where range.count > limit:
            return "[\(range[0]), \(range[1]), …, \(range[range.count - 1])]  (\(range.count) values)"
        case .record(let record):
            let fields = zip(record.names, record.values).map { (isPlainName($0) ? $0 : quoted($0)) + " = " + $1.brief(inner) }
            if fields.count <= limit { return "{" + fields.joined(separator: ", ") + "}" }
            return "{" + (fields.prefix(limit) + ["…"]).joined(separator: ", ") + "}  (\(fields.count) fields)"
        case .tensor(let tensor) where limits.count < 3 && tensor.count ?? 0 > 12: return "<tensor \(tensor.type)>"
        case .string(let text) where text.string.utf8.count > 2000: return quoted(String(text.string.prefix(limits.count < 3 ? 100 : 2000))) + "…"
        case .table(let table) where limits.count < 3: return "<\(typeText): \(table.table.names.prefix(6).joined(separator: ", "))>"
        default: return written
        }
    }

    /// The numbers to plot: a history's or record's lists by their names, else the value's own; an axis of a matrix that is
    /// the shorter one tells series apart.
    func series(_ name: String, _ machine: Machine) throws -> [Series] {
        let found = try self.found(name, machine)
        if found.isEmpty {
            throw Diagnostic(
                code: "E0002", what: "\(described) has no numbers to plot", at: nil,
                mend: "`:plot` takes a history, a list or tensor of numbers, or a record of them")
        }
        return found
    }

    private func found(_ name: String, _ machine: Machine) throws -> [Series] {
        switch self {
        case .estimator(let estimator): return try machine.historyRecord(estimator.history).found(name, machine)
        case .record(let record):
            return try zip(record.names, record.values).flatMap { name, value -> [Series] in
                if case .record = value { return [] }
                return try value.found(name, machine)
            }
        case .range(let range): return [Series(name: name, values: (0..<range.count).map { Double(range[$0]) })]
        case .list(let list):
            let numbers = try list.values.compactMap { value -> Double? in
                switch value {
                case .int(let x): return Double(x)
                case .float(let x): return x
                case .tensor(let tensor) where tensor.count == 1 && tensor.dtype != .string: return try tensor.elements(as: Double.self)[0]
                default: return nil
                }
            }
            if numbers.count == list.values.count { return numbers.isEmpty ? [] : [Series(name: name, values: numbers)] }
            return numbers.isEmpty ? try list.values.enumerated().flatMap { try $1.found("\(name)[\($0)]", machine) } : []
        case .tensor(let tensor):
            guard tensor.dtype != .string, tensor.dtype != .bool, let count = tensor.count, count > 0 else { return [] }
            let values = try tensor.elements(as: Double.self)
            guard tensor.rank == 2, min(tensor.shape[0], tensor.shape[1]) > 1 else { return [Series(name: name, values: values)] }
            let (rows, columns) = (tensor.shape[0], tensor.shape[1])
            if columns <= rows {
                return (0..<columns).map { c in Series(name: "\(name)[:, \(c)]", values: stride(from: c, to: count, by: columns).map { values[$0] }) }
            }
            return (0..<rows).map { r in Series(name: "\(name)[\(r)]", values: Array(values[r * columns..<(r + 1) * columns])) }
        case .table(let table):
            return try table.table.names.flatMap { try machine.columnValue(table.table, $0).found($0, machine) }
        default: return []
        }
    }
}
