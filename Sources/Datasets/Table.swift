internal import Graphs
public import Formats

/// Named columns of one length, one of which may be the label.
///
/// A table of which only the names are known stands for a file that the check has not read: it has no `count`,
/// and what needs its rows gives such a table again.
public struct Table: Sendable, Equatable {
    public let names: [String]
    /// One per name; empty when only the names are known.
    public let columns: [Column]
    /// The number of rows, unless only the names are known.
    public let count: Int?
    /// The column that is to be learned.
    public let label: String?
    /// If only the names are known: columns that surely hold strings, each with one of them if one is known.
    public let texts: [String: String?]
    /// If only the names are known: its rows, where it comes of a file so small that they have been read all the same.
    public let known: KnownRows?

    /// Columns with distinct names.
    public init(names: [String], columns: [Column], label: String? = nil) throws(DataError) {
        guard names.count == columns.count else {
            throw DataError("E0502", "\(names.count) names stand for \(columns.count) columns")
        }
        if let odd = columns.indices.first(where: { columns[$0].count != columns[0].count }) {
            throw DataError(
                "E0502", "column `\(names[odd])` has \(columns[odd].count) rows, `\(names[0])` has \(columns[0].count)")
        }
        try Self.checkDistinct(names)
        self.init(unchecked: names, columns, count: columns.first?.count ?? 0, label: nil)
        if let label { self = try withLabel(label) }
    }

    /// Only names, for the check; `columns` when they are known as well.
    public init(schema names: [String], label: String? = nil, texts: [String: String?] = [:], columns: [Column]? = nil) throws(DataError) {
        try Self.checkDistinct(names)
        let known = columns.map { columns in
            KnownRows(Dictionary(uniqueKeysWithValues: zip(names, columns)), count: columns.first?.count ?? 0)
        }
        self.init(unchecked: names, [], count: nil, label: nil, texts: texts, known: known)
        if let label { self = try withLabel(label) }
    }

    public init(_ contents: CSV.Contents, label: String? = nil) throws(DataError) {
        try self.init(names: contents.names, columns: contents.columns, label: label)
    }

    /// Rows as records, whose cells decide the columns' kinds.
    public init(names: [String], rows: [[Cell]], label: String? = nil) throws(DataError) {
        if let odd = rows.firstIndex(where: { $0.count != names.count }) {
            throw DataError("E0502", "row \(odd) has \(rows[odd].count) cells for \(names.count) columns")
        }
        var columns: [Column] = []
        for (index, name) in names.enumerated() {
            guard let column = Column(cells: rows.map { $0[index] }) else {
                throw DataError("E0506", "column `\(name)` mixes numbers, truth values or strings")
            }
            columns.append(column)
        }
        try self.init(names: names, columns: columns, label: label)
    }

    init(
        unchecked names: [String], _ columns: [Column], count: Int?, label: String?, texts: [String: String?] = [:], known: KnownRows? = nil
    ) {
        (self.names, self.columns, self.count, self.label, self.texts, self.known) = (names, columns, count, label, texts, known)
    }

    /// In the check: the same columns with rows of which nothing is known.
    public func withRows(_ known: KnownRows?) -> Table {
        Table(unchecked: names, columns, count: count, label: label, texts: texts, known: known)
    }

    private static func checkDistinct(_ names: [String]) throws(DataError) {
        var seen: Set<String> = []
        for name in names where !seen.insert(name).inserted {
            throw DataError("E0502", "two columns have the name `\(name)`")
        }
    }

    // MARK: Looking

    public var isSchema: Bool { count == nil }
    /// The names of all columns but the label.
    public var featureNames: [String] { names.filter { $0 != label } }

    /// The place of a column, or an error that names the nearest.
    public func index(of name: String) throws(DataError) -> Int {
        if let index = names.firstIndex(of: name) { return index }
        throw DataError("E0501", "the table has no column `\(name)`", mend: Names.mend(name, in: names), misspelling: Misspelling(name, known: names))
    }

    /// A column; `nil` when only the names are known.
    public func column(_ name: String) throws(DataError) -> Column? {
        let index = try index(of: name)
        return isSchema ? nil : columns[index]
    }

    /// The label's column; an error when there is none.
    public func labelColumn() throws(DataError) -> Column? {
        guard let label else {
            throw DataError(
                "E0501", "the table has no label", why: "nothing says which column is to be learned",
                mend: "write `csv(path, label = \"…\")` or `.with_label(\"…\")`")
        }
        return try column(label)
    }

    /// The cells of a row, in the order of the names; negative rows count from the end.
    public func row(_ index: Int) throws(DataError) -> [Cell] {
        let place = try place(of: index)
        return columns.map { $0[place] }
    }

    /// A row's number, counted from the start.
    public func place(of index: Int) throws(DataError) -> Int {
        let rows = count ?? 0
        let place = index < 0 ? index &+ rows : index
        guard place >= 0, place < rows else {
            throw DataError("E0508", "row \(index) is outside the table's \(rows) rows")
        }
        return place
    }

    // MARK: Choosing columns

    public func withLabel(_ name: String?) throws(DataError) -> Table {
        if let name { _ = try index(of: name) }
        return Table(unchecked: names, columns, count: count, label: name, texts: texts, known: known)
    }

    /// These columns in this order; the label stays one if it is among them.
    public func select(_ chosen: [String]) throws(DataError) -> Table {
        try Self.checkDistinct(chosen)
        var places: [Int] = []
        for name in chosen { places.append(try index(of: name)) }
        return Table(
            unchecked: chosen, isSchema ? [] : places.map { columns[$0] }, count: count,
            label: label.flatMap { chosen.contains($0) ? $0 : nil }, texts: texts.filter { chosen.contains($0.key) }, known: known)
    }

    public func drop(_ dropped: [String]) throws(DataError) -> Table {
        for name in dropped { _ = try index(of: name) }
        return try select(names.filter { !dropped.contains($0) })
    }

    /// With a column more, or another in the place of the one of that name.
    public func setting(_ name: String, to column: Column) throws(DataError) -> Table {
        guard let count else { return settingUnknown(name) }
        guard column.count == count || names.isEmpty else {
            throw DataError("E0502", "column `\(name)` has \(column.count) values for \(count) rows")
        }
        if let place = names.firstIndex(of: name) {
            var changed = columns
            changed[place] = column
            return Table(unchecked: names, changed, count: column.count, label: label)
        }
        return Table(unchecked: names + [name], columns + [column], count: column.count, label: label)
    }

    /// In the check: with a column of which only the name is known, or that it holds strings.
    public func settingUnknown(_ name: String, isText: Bool = false) -> Table {
        var texts = texts
        texts[name] = isText ? .some(nil) : nil
        return Table(
            unchecked: names.contains(name) ? names : names + [name], [], count: nil, label: label, texts: texts,
            known: known?.forgetting(name))
    }

    public func rename(_ old: String, to new: String) throws(DataError) -> Table {
        var renamed = names
        renamed[try index(of: old)] = new
        try Self.checkDistinct(renamed)
        var texts = texts
        if let text = texts.removeValue(forKey: old) { texts[new] = text }
        return Table(
            unchecked: renamed, columns, count: count, label: label == old ? new : label, texts: texts,
            known: known?.renaming(Dictionary(uniqueKeysWithValues: zip(names, renamed))))
    }

    // MARK: Choosing rows

    /// These rows in this order; each exists.
    public func gathering(_ rows: [Int]) -> Table {
        Table(unchecked: names, columns.map { $0.gathering(rows) }, count: isSchema ? nil : rows.count, label: label, texts: texts)
    }

    /// The rows where the mask holds.
    public func filter(_ mask: [Bool]) throws(DataError) -> Table {
        guard let count else { return withRows(known?.any) }
        guard mask.count == count else {
            throw DataError("E0502", "the mask has \(mask.count) values for \(count) rows")
        }
        return gathering(mask.indices.filter { mask[$0] })
    }

    /// Rows `range`, cut to those that exist.
    public func rows(_ range: Range<Int>) -> Table {
        guard let count else { return withRows(known?.keeping(range.count)) }
        return gathering(Array(range.clamped(to: 0..<count)))
    }

    public func head(_ n: Int = 5) -> Table { rows(0..<max(n, 0)) }

    public func tail(_ n: Int = 5) -> Table {
        guard let count else { return head(n) }
        return rows(max(0, count - max(n, 0))..<count)
    }

    /// The rows of another table of the same columns after these.
    public func appending(_ other: Table) throws(DataError) -> Table {
        let other = try other.select(names)
        guard let count, let more = other.count else { return Table(unchecked: names, [], count: nil, label: label, texts: texts) }
        var joined: [Column] = []
        for (name, (a, b)) in zip(names, zip(columns, other.columns)) {
            guard let column = Column(cells: (0..<count).map { a[$0] } + (0..<more).map { b[$0] }) else {
                throw DataError("E0506", "column `\(name)` is of \(a.kind) in one table and of \(b.kind) in the other")
            }
            joined.append(column)
        }
        return Table(unchecked: names, joined, count: count + more, label: label)
    }

    /// Rows in the order of a column: numbers by value, strings by code point, missing ones last; equal ones stay
    /// in their order.
    public func sort(by name: String, descending: Bool = false) throws(DataError) -> Table {
        guard let column = try column(name) else { return withRows(known?.shuffled()) }
        let present = (0..<column.count).filter { !column.isMissing($0) }
        let missing = (0..<column.count).filter { column.isMissing($0) }
        let ranks = column.ranks()
        return gathering(
            present.sorted { (descending ? ranks[$0] > ranks[$1] : ranks[$0] < ranks[$1]) || ranks[$0] == ranks[$1] && $0 < $1 }
                + missing)
    }

    /// The rows with equal cells in these columns, together; groups in the order of their cells.
    public func group(by keys: [String]) throws(DataError) -> [(key: [Cell], rows: Table)] {
        var places: [Int] = []
        for name in keys { places.append(try index(of: name)) }
        guard let count else { return [] }
        let ranks = places.map { columns[$0].ranks() }
        var groups: [[Int]: [Int]] = [:]
        for row in 0..<count { groups[ranks.map { $0[row] }, default: []].append(row) }
        return groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { group in
            (places.map { columns[$0][group.value[0]] }, gathering(group.value))
        }
    }

    public func shuffle(seed: UInt64) -> Table {
        var random = SplitMix(seed: seed)
        return count.map { gathering(random.permutation($0)) } ?? withRows(known?.shuffled())
    }
}

extension Column {
    /// For each row the place of its value among the distinct values in order; missing ones come last.
    func ranks() -> [Int] {
        func places<T: Hashable>(_ values: [T], _ precedes: (T, T) -> Bool) -> [Int] {
            var distinct: Set<T> = []
            for row in values.indices where !isMissing(row) { distinct.insert(values[row]) }
            let order = Dictionary(uniqueKeysWithValues: distinct.sorted(by: precedes).enumerated().map { ($1, $0) })
            return values.indices.map { isMissing($0) ? distinct.count : order[values[$0]] ?? distinct.count }
        }
        switch values {
        case .numbers(let v, _): return places(v.map { $0.isNaN ? .infinity : $0 }, <)
        case .bools(let v): return places(v) { !$0 && $1 }
        case .strings(let v): return places(v, codePointPrecedes)
        }
    }
}

/// The order of strings by code point, which is that of their UTF-8 bytes.
func codePointPrecedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }
