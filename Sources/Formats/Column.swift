/// One column of a table: numbers, truth values or strings, some of them missing.
public struct Column: Sendable {
    public enum Values: Sendable {
        /// `isInteger` columns hold whole numbers below 2⁵³ in size, which print without `.0`.
        case numbers([Double], isInteger: Bool)
        case bools([Bool])
        case strings([String])
    }

    /// Where a cell is missing this holds NaN, `false` or `""`.
    public let values: Values
    /// Whether each cell is missing; `nil` when none is.
    public let missing: [Bool]?

    /// `missing`, if given, has one entry per value.
    public init(_ values: Values, missing: [Bool]? = nil) {
        self.values = values
        self.missing = missing?.contains(true) == true ? missing : nil
        precondition(missing == nil || missing?.count == count, "one mark per cell")
    }

    public init(_ numbers: [Double]) { self.init(.numbers(numbers, isInteger: false)) }
    public init(_ integers: [Int]) { self.init(.numbers(integers.map(Double.init), isInteger: true)) }
    public init(_ bools: [Bool]) { self.init(.bools(bools)) }
    public init(_ strings: [String]) { self.init(.strings(strings)) }

    public var count: Int {
        switch values {
        case .numbers(let v, _): v.count
        case .bools(let v): v.count
        case .strings(let v): v.count
        }
    }

    public var kind: ColumnKind {
        switch values {
        case .numbers(_, let isInteger): isInteger ? .int : .float
        case .bools: .bool
        case .strings: .string
        }
    }

    public func isMissing(_ row: Int) -> Bool { missing?[row] ?? false }
    public var missingCount: Int { missing?.count { $0 } ?? 0 }

    /// The cell of a row that exists.
    public subscript(row: Int) -> Cell {
        if isMissing(row) { return .missing }
        switch values {
        case .numbers(let v, let isInteger): return isInteger ? Int(exactly: v[row]).map(Cell.int) ?? .float(v[row]) : .float(v[row])
        case .bools(let v): return .bool(v[row])
        case .strings(let v): return .string(v[row])
        }
    }

    /// The cells of these rows, in this order; each row exists.
    public func gathering(_ rows: [Int]) -> Column {
        let missing = missing.map { mask in rows.map { mask[$0] } }
        switch values {
        case .numbers(let v, let isInteger):
            return Column(.numbers(rows.map { v[$0] }, isInteger: isInteger), missing: missing)
        case .bools(let v): return Column(.bools(rows.map { v[$0] }), missing: missing)
        case .strings(let v): return Column(.strings(rows.map { v[$0] }), missing: missing)
        }
    }

    /// Cells as one column: of ints if all are, else floats, else bools, else strings. `nil` for a mixture.
    public init?(cells: [Cell]) {
        var (ints, floats, bools, strings) = (0, 0, 0, 0)
        for cell in cells {
            switch cell {
            case .missing: break
            case .int(let v): if v.magnitude <= 1 << 53 { ints += 1 } else { floats += 1 }
            case .float: floats += 1
            case .bool: bools += 1
            case .string: strings += 1
            }
        }
        let missing = cells.map { $0 == .missing }
        if bools == 0, strings == 0 {
            let numbers = cells.map(\.number)
            self.init(.numbers(numbers.map { $0 ?? .nan }, isInteger: ints > 0 && floats == 0), missing: missing)
        } else if ints + floats + strings == 0 {
            self.init(.bools(cells.map { $0 == .bool(true) }), missing: missing)
        } else if ints + floats + bools == 0 {
            self.init(.strings(cells.map { if case .string(let v) = $0 { v } else { "" } }), missing: missing)
        } else {
            return nil
        }
    }
}

extension Column: Equatable {
    public static func == (a: Column, b: Column) -> Bool {
        guard a.count == b.count, a.missing == b.missing else { return false }
        switch (a.values, b.values) {
        case (.numbers(let x, _), .numbers(let y, _)):
            return x.indices.allSatisfy { x[$0] == y[$0] || x[$0].isNaN && y[$0].isNaN }
        case (.bools(let x), .bools(let y)): return x == y
        case (.strings(let x), .strings(let y)): return x == y
        default: return false
        }
    }
}

/// The kind of a column's values, by the names that `types =` takes.
public enum ColumnKind: String, Sendable, CaseIterable { case int, float, bool, string }

/// One value of a table.
public enum Cell: Sendable, Hashable {
    case missing
    case int(Int)
    case float(Double)
    case bool(Bool)
    case string(String)

    /// The value as a number; `nil` for a missing one, truth values and strings.
    public var number: Double? {
        switch self {
        case .int(let v): Double(v)
        case .float(let v): v
        case .missing, .bool, .string: nil
        }
    }

    /// As it stands in a file: `3`, `0.5`, `true`, `setosa`; empty where missing.
    public var text: String {
        switch self {
        case .missing: ""
        case .int(let v): String(v)
        case .float(let v): v.description
        case .bool(let v): v ? "true" : "false"
        case .string(let v): v
        }
    }
}
