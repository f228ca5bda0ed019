public import Formats

/// The classes of a label column, in order: numbers by value, `false` before `true`, strings by code point.
public struct LabelSpace: Sendable, Equatable {
    public let classes: [Cell]
    private let ids: [String: Int]

    /// The classes that a column holds.
    public init(_ column: Column, name: String) throws(DataError) {
        if let row = (0..<column.count).first(where: column.isMissing) { throw .missingLabel(name, row) }
        var first: [Int: Cell] = [:]
        for (row, rank) in column.ranks().enumerated() where first[rank] == nil { first[rank] = column[row] }
        let classes = first.sorted { $0.key < $1.key }.map(\.value)
        guard classes.count > 1 else {
            throw DataError(
                "E0509", classes.isEmpty ? "the table has no rows to learn classes from"
                    : "label `\(name)` is `\(classes[0].text)` in every row",
                why: "a classifier needs at least two classes")
        }
        self.init(classes: classes)
    }

    /// Classes in the order of their ids.
    public init(classes: [Cell]) {
        self.classes = classes
        ids = Dictionary(classes.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    public var count: Int { classes.count }
    /// The classes as text: `setosa`, `0`, `true`.
    public var names: [String] { classes.map(\.key) }

    /// The class of each row.
    public func encode(_ column: Column, name: String) throws(DataError) -> [Int32] {
        var result: [Int32] = []
        result.reserveCapacity(column.count)
        for row in 0..<column.count {
            if column.isMissing(row) { throw .missingLabel(name, row) }
            let key = column[row].key
            guard let id = ids[key] else {
                let shown = names.prefix(8).map { "`\($0)`" }.joined(separator: ", ") + (count > 8 ? ", …" : "")
                throw DataError(
                    "E0503", "row \(row) has the label `\(key)`, which is not one of the classes \(shown)",
                    mend: Names.nearest(to: key, in: names).map { "did you mean `\($0)`?" })
            }
            result.append(Int32(id))
        }
        return result
    }

    /// The classes with these ids as a column of the labels' own kind; missing where there is no such class.
    public func decode(_ ids: [Int]) -> Column {
        let cells = ids.map { classes.indices.contains($0) ? classes[$0] : .missing }
        return Column(cells: cells) ?? Column(cells.map(\.key))
    }

    /// The label as numbers, for regression.
    public static func numbers(_ column: Column, name: String) throws(DataError) -> [Double] {
        if let row = (0..<column.count).first(where: column.isMissing) { throw .missingLabel(name, row) }
        switch column.values {
        case .numbers(let values, _): return values
        case .bools(let values): return values.map { $0 ? 1 : 0 }
        case .strings(let values):
            throw DataError(
                "E0506", "label `\(name)` holds strings such as `\(values.first ?? "")`, a regressor needs numbers",
                mend: "use a classifier")
        }
    }

    public var json: JSON { .array(classes.map(\.json)) }
    public init?(json: JSON) {
        guard let items = json.array else { return nil }
        self.init(classes: items.map(Cell.init(json:)))
    }
}

extension Column {
    /// Of a column of strings: one that makes it so, because it is no number.
    public var exampleText: String? {
        guard case .strings(let values) = values else { return nil }
        let present = values.indices.filter { !isMissing($0) }
        return (present.first { Double(values[$0]) == nil } ?? present.first).map { values[$0] }
    }
}

extension DataError {
    /// `row` is `nil` where it is not known in which.
    static func missingLabel(_ name: String, _ row: Int?) -> DataError {
        DataError(
            "E0504", "label `\(name)` is missing in \(row.map { "row \($0)" } ?? "some rows")", mend: "leave such rows out: `.filter(r -> r.\(name) != none)`")
    }
}

extension Cell {
    /// The value as a category: whole numbers without `.0`, so that `1` and `1.0` are one.
    var key: String {
        if case .float(let v) = self, let whole = Int(exactly: v) { String(whole) } else { text }
    }

    var json: JSON {
        switch self {
        case .missing: .null
        case .int(let v): .int(v)
        case .float(let v): .number(v)
        case .bool(let v): .bool(v)
        case .string(let v): .string(v)
        }
    }

    init(json: JSON) {
        self =
            switch json {
            case .bool(let v): .bool(v)
            case .int(let v): .int(v)
            case .number(let v): .float(v)
            case .string(let v): .string(v)
            case .null, .array, .object: .missing
            }
    }
}
