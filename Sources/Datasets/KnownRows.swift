public import Formats

/// In the check: the rows of a file so small that the check has read it all. The table at hand has come of them by losing
/// some, which ones is not known.
public struct KnownRows: Sendable, Equatable {
    /// By name, those that are still as they were read.
    public internal(set) var columns: [String: Column]
    /// How many there were.
    let count: Int
    /// How many of them the table does not have.
    private(set) var lost = 0
    /// Whether they stand as they were read.
    private(set) var isInOrder = true
    /// Whether `lost` is their number, and not only its bound.
    private(set) var isCounted = true

    init(_ columns: [String: Column], count: Int) { (self.columns, self.count) = (columns, count) }

    /// How many are left; `nil` when that is not known.
    public var left: Int? { isCounted ? count - lost : nil }

    /// So many of what is left.
    func keeping(_ rows: Int) -> KnownRows {
        guard let left else { return self }
        var kept = self
        kept.lost = count - min(max(rows, 0), left)
        kept.isInOrder = false
        return kept
    }

    /// All of them.
    public var whole: KnownRows {
        var whole = self
        (whole.lost, whole.isCounted) = (0, true)
        return whole
    }

    /// Any of them: only the kinds of the columns are known.
    public var any: KnownRows {
        var any = self
        (any.lost, any.isInOrder, any.isCounted) = (count, false, false)
        return any
    }

    func shuffled() -> KnownRows {
        var shuffled = self
        shuffled.isInOrder = false
        return shuffled
    }

    func renaming(_ names: [String: String]) -> KnownRows {
        var renamed = self
        renamed.columns = [:]
        for (old, new) in names { renamed.columns[new] = columns[old] }
        return renamed
    }

    func forgetting(_ name: String) -> KnownRows {
        var known = self
        known.columns[name] = nil
        return known
    }

    /// A column's cells, where all are there and stand as they were read.
    public func inOrder(_ name: String) -> [Cell]? {
        guard isInOrder, lost == 0, let column = columns[name] else { return nil }
        return (0..<column.count).map { column[$0] }
    }

    /// What a column's values are when the table is asked for them, as `Machine.columnValue` gives them, and whether some
    /// are missing; `nil` when that depends on the rows.
    public func form(of name: String) -> (column: Column, hasMissing: Bool)? {
        guard let column = columns[name] else { return nil }
        let missing = column.missingCount
        return missing == 0 || missing > lost ? (column, missing > 0) : nil
    }

    // MARK: What is certain

    /// A column as it is in the table, but for cells of lost rows that say nothing new: each of its values is still there,
    /// and so are missing cells if there were any. `nil` when that is not certain.
    public func certain(_ name: String) -> Column? {
        guard let column = columns[name] else { return nil }
        if lost == 0 { return column }
        let missing = column.missingCount
        guard missing == 0 || missing > lost, column.counts.values.allSatisfy({ $0 > lost }) else { return nil }
        return column
    }

    /// Whether the column becomes the same feature, whichever rows are lost: see `FeatureSpace.fit`.
    func isCertainFeature(_ column: Column, named name: String) -> Bool {
        if lost == 0 { return true }
        let missing = column.missingCount
        let present = column.count - missing
        guard missing == 0 || missing > lost else { return false }
        if present == 0 { return true }
        guard present > lost else { return false }
        let counts = column.counts
        if counts.count == 1 { return true }
        switch column.values {
        case .strings:
            if counts.count == present { return present - lost >= 10 }
            return counts.values.allSatisfy { $0 > (counts.count <= 30 ? lost : lost + 1) }
        case .numbers where column.kind == .int && FeatureSpace.isIdentifier(name):
            return counts.count == present ? present - lost >= 10 : present - counts.count > lost
        case .numbers, .bools: return present - (counts.values.max() ?? 0) > lost
        }
    }
}

extension Column {
    /// How often each value occurs.
    var counts: [Cell: Int] {
        var counts: [Cell: Int] = [:]
        for row in 0..<count where !isMissing(row) { counts[self[row], default: 0] += 1 }
        return counts
    }
}

extension LabelSpace {
    /// In the check: the classes of a label, as far as they are certain; what is certainly wrong with them is thrown.
    public init?(_ known: KnownRows, name: String) throws(DataError) {
        guard let column = known.columns[name] else { return nil }
        try known.requireLabels(name)
        guard column.missingCount == 0, known.left ?? 0 > 0, known.certain(name) != nil || column.counts.count == 1 else { return nil }
        self = try LabelSpace(column, name: name)
    }
}

extension KnownRows {
    /// A number that is no class, and how many different ones there are, where a label certainly is a quantity: some of its
    /// numbers are fractional, and more than 20 or half the rows differ.
    public func quantity(_ name: String) -> (example: Double, count: Int)? {
        guard let column = columns[name], case .numbers(let values, false) = column.values else { return nil }
        let fractions = values.filter { $0.rounded() != $0 && !$0.isNaN }
        let different = column.counts.count
        guard let left, fractions.count > lost, let example = fractions.first, different - lost > min(20, left / 2) else { return nil }
        return (example, different)
    }

    /// A label is certainly missing in no row that the table surely has.
    public func requireLabels(_ name: String) throws(DataError) {
        if let column = columns[name], column.missingCount > lost {
            throw .missingLabel(name, isInOrder ? (0..<column.count).first(where: column.isMissing) : nil)
        }
    }

    /// How many classes a label has at least.
    public func leastClasses(_ name: String) -> Int { columns[name]?.counts.values.count { $0 > lost } ?? 0 }
}
