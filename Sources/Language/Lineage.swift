internal import Datasets
internal import Engine
internal import Graphs

/// In the check: which rows a table or dataset holds, to tell whether two have rows in common.
struct Lineage {
    /// The rows by their identity, and those that they were taken from.
    final class Rows {
        let parent: Rows?
        init(parent: Rows? = nil) { self.parent = parent }
    }
    var rows = Rows()
    /// The label whose order the rows have.
    var order: String?

    /// Whether each class stands in one run of several; few labels say nothing.
    static func isGrouped(_ classes: [some Hashable]) -> Bool {
        let runs = zip(classes, classes.dropFirst()).count { $0 != $1 } + 1
        return classes.count >= 12 && runs >= 2 && runs == Set(classes).count && classes.count >= 4 * runs
    }

    /// Whether all of these rows are among those.
    func isPart(of other: Lineage) -> Bool {
        var current: Rows? = rows
        while let rows = current {
            if rows === other.rows { return true }
            current = rows.parent
        }
        return false
    }
}

extension Machine {
    /// Verbs whose results have the rows of what they are called on.
    private static let keepingRows: Set = [
        "with_label", "select", "drop", "rename", "with_column", "map", "shuffle", "sort", "batch", "padded_batch", "unbatch", "repeat", "cache",
        "prefetch", "enumerate", "window", "dataset",
    ]

    /// A builtin's results have rows of its first argument.
    func passOnLineage(_ name: String, _ arguments: Arguments, _ result: Value) {
        guard let first = arguments.values.first, var lineage = lineage(of: first) else { return }
        if !Self.keepingRows.contains(name) { lineage.rows = Lineage.Rows(parent: lineage.rows) }
        switch name {
        case "shuffle": lineage.order = nil
        case "split":
            if case .bool(false) = arguments[2] {} else { lineage.order = nil }
        case "sort":
            if case .table(let table) = first, case .string(let by) = arguments[1] { lineage.order = by.string == table.table.label ? by.string : nil }
        case "dataset":
            if arguments.values.count > 1 { lineage.order = self.lineage(of: arguments[1])?.order }
        default: break
        }
        func give(_ value: Value, _ lineage: Lineage) {
            switch value {
            case .table(let table) where !isSame(value, first): table.lineage = lineage
            case .dataset(let dataset) where !isSame(value, first): dataset.lineage = lineage
            default: return
            }
        }
        guard case .list(let list) = result else { return give(result, lineage) }
        for value in list.values {
            var own = lineage
            own.rows = Lineage.Rows(parent: lineage.rows.parent ?? lineage.rows)
            give(value, own)
        }
    }

    /// Whether a tensor's elements, if the check knows them, are classes that come one after the other.
    private func isGrouped(_ tensor: Tensor) -> Bool {
        guard tensor.rank == 1, tensor.dtype.isInteger, tensor.availability == .available, let classes = try? tensor.elements(as: Int.self)
        else { return false }
        return Lineage.isGrouped(classes)
    }

    /// Where data that are given to an estimator come from.
    func lineage(of value: Value) -> Lineage? {
        switch value {
        case .table(let value):
            var lineage = value.lineage
            if lineage.order == nil, let label = value.table.label, let classes = value.table.known?.inOrder(label), Lineage.isGrouped(classes) {
                lineage.order = label
            }
            return lineage
        case .dataset(let dataset): return dataset.lineage
        case .tensor(let tensor):
            if let known = check.tensors[ObjectIdentifier(tensor)] { return known.lineage }
            var lineage = Lineage()
            if isGrouped(tensor) { lineage.order = "" }
            check.tensors[ObjectIdentifier(tensor)] = (tensor, lineage)
            return lineage
        case .list(let list): return list.values.first.flatMap(lineage)
        case .record(let record): return record.values.first.flatMap(lineage)
        default: return nil
        }
    }
}
