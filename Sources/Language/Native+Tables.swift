internal import Datasets
internal import Engine
internal import Formats
internal import Graphs
internal import Syntax

// What scripts do with tables. In the check a table is its names and its label.

extension Native {
    private static let table = Parameter("table")

    static let tableVerbs: [Native] = ownTableVerbs + datasetVerbs.filter { verb in
        ["batch", "unbatch", "repeat", "take", "skip", "zip", "cache", "prefetch", "shard", "enumerate", "window"].contains(verb.name)
    }

    private static let ownTableVerbs: [Native] = [
        Native(
            "split",
            [
                table, Parameter("shares", isRest: true), Parameter("shuffle", .bool(true)), Parameter("seed", .none),
                Parameter("stratify", .bool(false)),
            ],
            doc: "Parts of the rows by shares, and one part more with the rest; shuffled first, with `stratify` in the label's proportions.",
            example: "train, test = datasets.iris().split(0.8)"
        ) { machine, arguments in
            let shares = try arguments.list(1, machine).map { try arguments.number($0, 1) }
            let parts = try arguments.table(0).split(
                shares, shuffle: arguments.bool(2), seed: arguments.seed(3, machine), stratify: arguments.bool(4))
            return .list(parts.map { .table(TableValue($0)) })
        },
        Native("shuffle", [table, Parameter("seed", .none)], doc: "The rows in random order.", example: "datasets.iris().shuffle()") { machine, arguments in
            .table(TableValue(try arguments.table(0).shuffle(seed: arguments.seed(1, machine))))
        },
        Native("with_label", [table, Parameter("name")], doc: "The table with this column as what is to be learned; `none` for no label.", example: "datasets.iris().with_label(\"petal_width\")") { _, arguments in
            .table(TableValue(try arguments.table(0).withLabel(arguments.optionalString(1))))
        },
        Native("select", [table, Parameter("columns", isRest: true)], doc: "These columns, in this order.", example: "datasets.iris().select(\"species\").columns    # => [\"species\"]") { machine, arguments in
            .table(TableValue(try arguments.table(0).select(arguments.names(1, machine))))
        },
        Native("drop", [table, Parameter("columns", isRest: true)], doc: "All columns but these.", example: "datasets.iris().drop(\"species\")") { machine, arguments in
            .table(TableValue(try arguments.table(0).drop(arguments.names(1, machine))))
        },
        Native("rename", [table, Parameter("old"), Parameter("new")], doc: "The column `old` under the name `new`.", example: "datasets.iris().rename(\"species\", \"kind\").label    # => kind") { _, arguments in
            .table(TableValue(try arguments.table(0).rename(arguments.string(1), to: arguments.string(2))))
        },
        Native(
            "with_column", [table, Parameter("name"), Parameter("values")],
            doc: "With a column more, or another in the place of the one of that name: a list, a tensor, one value for all rows, or a function of a row.",
            example: "datasets.iris().with_column(\"area\", r -> r.petal_length * r.petal_width)", inCheck: .aware
        ) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return .unknown }
            let (table, name) = (try arguments.table(0), try arguments.string(1))
            if machine.isCheck {
                var value = arguments[2]
                if machine.isFunction(value) { value = try machine.call(value, [rowRecord(of: table)]) }
                return .table(TableValue(table.settingUnknown(name, isText: value.isText)))
            }
            let count = table.count ?? 0
            let column: Column
            switch arguments[2] {
            case .function, .layer:
                let cells = try machine.eachRow(table) { try machine.cell(machine.call(arguments[2], [$0]), name) }
                column = try Machine.column(cells, name)
            case .tensor(let tensor) where tensor.rank > 0: column = try machine.column(arguments[2], name)
            case .list, .range: column = try machine.column(arguments[2], name)
            default: column = try Machine.column(Array(repeating: machine.cell(arguments[2], name), count: count), name)
            }
            return .table(TableValue(try table.setting(name, to: column)))
        },
        Native("column", [table, Parameter("name")], doc: "A column: a tensor of its numbers (missing ones are `nan`) or truth values, or a list of its strings (missing ones are `none`).", example: "datasets.iris().column(\"petal_width\").shape    # => [150]") { machine, arguments in
            try machine.columnValue(arguments.table(0), arguments.string(1))
        },
        Native("filter", [table, Parameter("f")], doc: "The rows for which `f(row)` holds; a row is a record.", example: "datasets.iris().filter(r -> r.petal_width > 2)", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return .unknown }
            let (table, function) = (try arguments.table(0), try arguments.function(1))
            if machine.isCheck {
                _ = try machine.truth(machine.call(function, [rowRecord(of: table)]))
                return .table(TableValue(table.withRows(table.known?.any)))
            }
            let mask = try machine.eachRow(table) { row in try machine.truth(machine.call(function, [row])) ?? false }
            return .table(TableValue(try table.filter(mask)))
        },
        Native("map", [table, Parameter("f")], doc: "`f(row)` of each row: a table if `f` gives records, otherwise a list.", example: "datasets.iris().map(r -> ({ratio = r.petal_width / r.petal_length}))", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return .unknown }
            let (table, function) = (try arguments.table(0), try arguments.function(1))
            if machine.isCheck {
                let result = try machine.call(function, [rowRecord(of: table)])
                guard case .record(let row) = result else {
                    if result.isUnknown, result.mayBe(.other) { return .unknown }
                    return .unknown(result.kinds.isSubset(of: .text) ? .texts : .list)
                }
                let texts = zip(row.names, row.values).filter(\.1.isText).map { ($0.0, String?.none) }
                return .table(TableValue(
                    try Table(
                        schema: row.names, label: table.label.flatMap { row.names.contains($0) ? $0 : nil },
                        texts: Dictionary(texts, uniquingKeysWith: { first, _ in first }))))
            }
            let rows = try machine.eachRow(table) { try machine.call(function, [$0]) }
            guard case .record? = rows.first else {
                if rows.isEmpty { return .list([]) }
                return .list(rows)
            }
            return .table(TableValue(try machine.table(ofRows: rows, label: table.label)))
        },
        Native("head", [table, Parameter("n", .int(5))], doc: "The first rows.", example: "len(datasets.iris().head(3))    # => 3") { _, arguments in
            .table(TableValue(try arguments.table(0).head(arguments.int(1))))
        },
        Native("tail", [table, Parameter("n", .int(5))], doc: "The last rows.", example: "len(datasets.iris().tail(3))    # => 3") { _, arguments in
            .table(TableValue(try arguments.table(0).tail(arguments.int(1))))
        },
        Native("describe", [table], doc: "One row per column: its kind, what is there and missing, mean, spread, quartiles, the most frequent value.", example: "datasets.iris().describe()") { _, arguments in
            .table(TableValue(try arguments.table(0).describe()))
        },
        Native("sort", [table, Parameter("by"), Parameter("descending", .bool(false))], doc: "The rows in the order of a column, or of several, the first deciding; missing cells come last.", example: "datasets.iris().sort(\"petal_width\", descending = true).head(1)") { machine, arguments in
            var table = try arguments.table(0)
            for name in try arguments.strings(1, machine).reversed() { table = try table.sort(by: name, descending: arguments.bool(2)) }
            return .table(TableValue(table))
        },
        Native(
            "group", [table, Parameter("by")],
            doc: "The rows with equal cells in a column (or several): a list of records with the cells and the `rows`; or, with named functions of such a table, a table of what they give.",
            example: "datasets.iris().group(\"species\", n = len, width = t -> mean(t.petal_width))", inCheck: .aware, takesNamed: true
        ) { machine, arguments in
            if arguments[0].isUnknown || machine.hasUnknown(arguments[1]) { return .unknown }
            let (table, keys) = (try arguments.table(0), try arguments.strings(1, machine))
            let functions = try arguments.record(2)
            for (name, function) in zip(functions.names, functions.values) where !function.isUnknown && !machine.isFunction(function) {
                throw Fault.type("`\(name)` of `group`", expected: "a function of a table", found: function)
            }
            let groups = try table.group(by: keys)
            if machine.isCheck {
                for function in functions.values { _ = try machine.call(function, [.table(TableValue(table.withRows(table.known?.any)))]) }
                return functions.names.isEmpty ? .unknown : .table(TableValue(try Table(schema: keys + functions.names)))
            }
            let keyed = keys.map { name in table.names.firstIndex(of: name) }
            var records: [Value] = []
            for group in groups {
                let cells = zip(keyed, group.key).map { place, cell in value(of: cell, in: table.columns[place ?? 0]) }
                let rows = Value.table(TableValue(group.rows))
                if functions.names.isEmpty {
                    records.append(.record(Record(keys + ["rows"], cells + [rows])))
                } else {
                    records.append(.record(Record(keys + functions.names, cells + (try functions.values.map { try machine.call($0, [rows]) }))))
                }
            }
            if functions.names.isEmpty { return .list(records) }
            return .table(TableValue(try machine.table(ofRows: records, label: nil, names: keys + functions.names)))
        },
        Native("concat", [table, Parameter("other")], doc: "These rows, then those of another table with the same columns.", example: "t = datasets.iris()\nlen(t.concat(t))    # => 300") { _, arguments in
            .table(TableValue(try arguments.table(0).appending(arguments.table(1))))
        },
    ]

    static let tableFunctions: [Native] = [
        Native(
            "csv",
            [
                Parameter("path"), Parameter("label", .none), Parameter("columns", .none), Parameter("types", .none),
                Parameter("delimiter", .string(",")), Parameter("na", .list([])), Parameter("header", .bool(true)),
            ],
            doc: "A table from a file of comma-separated values; each column's kind is inferred, unless `types` says `{name = int}`. Cells that are empty or stand in `na` are missing, and so are `NA`, `null`, `?` and the like in columns of numbers.",
            example: "csv(\"data/iris.csv\", label = \"species\")"
        ) { machine, arguments in
            let path = try arguments.string(0)
            let label = try arguments.optionalString(1)
            var options = CSV.Options()
            if !arguments[2].isNone {
                var columns = try arguments.strings(2, machine)
                if let label, !columns.contains(label) { columns.append(label) }
                options.columns = columns
            }
            if !arguments[3].isNone { options.types = try columnKinds(arguments.record(3)) }
            let delimiter = Array(try arguments.string(4).utf8)
            guard delimiter.count == 1, ![10, 13, 34].contains(delimiter[0]) else {
                throw Fault("E0603", "`delimiter` of `csv` must be one ASCII character, found \(arguments[4].written)", mend: "write `\"\\t\"` for a tab")
            }
            options.delimiter = delimiter[0]
            options.na = try arguments.strings(5, machine)
            options.header = try arguments.bool(6)
            return try machine.readTable(path, options, label: label)
        },
        Native(
            "table", [Parameter("columns"), Parameter("label", .none)],
            doc: "A table from a record of columns (lists, or tensors of rank 1), or from a list of records, one per row.",
            example: "table({a = [1, 2], b = [\"x\", \"y\"]}).columns    # => [\"a\", \"b\"]", inCheck: .aware
        ) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return .unknown }
            return try machine.table(from: arguments[0], label: arguments.optionalString(1), "the argument of `table`")
        },
        Native(
            "train_test_split",
            [
                Parameter("arrays", isRest: true), Parameter("test_size", .float(0.25)), Parameter("seed", .none),
                Parameter("shuffle", .bool(true)),
            ],
            doc: "For each tensor or list the part to train with and the part to test with, rows kept together.",
            example: "x_train, x_test, y_train, y_test = train_test_split(zeros([8, 2]), zeros([8]))"
        ) { machine, arguments in
            let arrays = try arguments.list(0, machine)
            let share = try arguments.float(1)
            guard share > 0, share < 1 else {
                throw Fault("E0505", "`test_size` of `train_test_split` lies between 0 and 1, found \(arguments[1].written)")
            }
            var counts: [Int] = []
            for array in arrays {
                switch array {
                case .tensor(let tensor) where tensor.rank > 0: counts.append(tensor.shape[0])
                case .list, .range: counts.append(try machine.elements(array)?.count ?? 0)
                case .table: throw Fault.type("an argument of `train_test_split`", expected: "a tensor or a list", found: array, mend: "write `train, test = t.split(\(1 - share))`")
                default: throw Fault.type("an argument of `train_test_split`", expected: "a tensor or a list", found: array)
                }
            }
            guard let count = counts.first(where: { $0 >= 0 }) ?? counts.first else { throw Fault.missingArgument("arrays", of: "train_test_split") }
            if let odd = counts.first(where: { $0 >= 0 && $0 != count }) {
                throw Fault("E0502", "`train_test_split` got \(count) and \(odd) rows", mend: "give tensors of equally many rows")
            }
            if count < 0 { return .unknown }
            let test = min(count, Int((Double(count) * share).rounded(.up)))
            var random = SplitMix(seed: try arguments.seed(2, machine))
            let order = try arguments.bool(3) ? random.permutation(count) : Array(0..<count)
            let train = count - test
            let parts = [order[..<train], order[train...]]
            return .list(List(try arrays.flatMap { array -> [Value] in
                try parts.map { rows in
                    if let list = try machine.elements(array) { return .list(List(rows.map { list[$0] })) }
                    return try machine.index(array, .tensor(Tensor.make(rows.map { Int32(truncatingIfNeeded: $0) }, [rows.count])))
                }
            }))
        },
    ]

    /// `{age = int, name = "string"}`
    private static func columnKinds(_ types: Record) throws -> [String: ColumnKind] {
        var kinds: [String: ColumnKind] = [:]
        for (name, value) in zip(types.names, types.values) {
            let text: String
            switch value {
            case .string(let given): text = given.string
            case .function(let function): text = function.name
            case .dtype(let dtype): text = dtype.isFloat ? "float" : dtype.isInteger ? "int" : dtype.description
            default: throw Fault.type("the type of column `\(name)`", expected: "`int`, `float`, `bool` or `string`", found: value)
            }
            guard let kind = ColumnKind(rawValue: text) else {
                throw Fault.choice("the type of column `\(name)`", text, known: ColumnKind.allCases.map(\.rawValue))
            }
            kinds[name] = kind
        }
        return kinds
    }
}

extension Arguments {
    func table(_ index: Int) throws -> Table {
        guard case .table(let table) = values[index] else { throw Fault.type(what(index), expected: "a table", found: values[index]) }
        return table.table
    }
    func number(_ value: Value, _ index: Int) throws -> Double {
        switch value {
        case .int(let x): return Double(x)
        case .float(let x): return x
        default: throw Fault.type(what(index), expected: "a number", found: value)
        }
    }
    /// Names given one by one, or as a list.
    func names(_ index: Int, _ machine: Machine) throws -> [String] {
        try list(index, machine).flatMap { value -> [String] in
            switch value {
            case .string(let text): return [text.string]
            default:
                guard let list = try machine.elements(value) else { throw Fault.type(what(index), expected: "strings", found: value) }
                return try list.map {
                    guard case .string(let text) = $0 else { throw Fault.type(what(index), expected: "strings", found: $0) }
                    return text.string
                }
            }
        }
    }
    /// The seed that is given, or the next of the script's stream.
    func seed(_ index: Int, _ machine: Machine) throws -> UInt64 {
        try optionalInt(index).map { UInt64(bitPattern: Int64($0)) } ?? machine.random.nextSeed()
    }
}

extension RandomStream {
    /// A seed for a stream of its own.
    mutating func nextSeed() -> UInt64 {
        draws += 1
        var random = SplitMix(seed: UInt64(bitPattern: Int64(seed)), stream: UInt64(bitPattern: Int64(draws)))
        return random.next()
    }
}

// MARK: Rows and cells

/// A cell as a script sees it: missing numbers are `nan`, other missing cells `none`.
private func value(of cell: Cell, in column: Column) -> Value {
    switch cell {
    case .missing: if case .numbers = column.values { .float(.nan) } else { Value.none }
    case .int(let x): .int(x)
    case .float(let x): .float(x)
    case .bool(let x): .bool(x)
    case .string(let x): .string(x)
    }
}

/// A row as a record.
func rowRecord(_ table: Table, _ row: Int) -> Value {
    .record(Record(table.names, table.columns.map { value(of: $0[row], in: $0) }))
}

/// In the check: a row of which the names are known, and the kinds of some cells.
func rowRecord(of table: Table) -> Value {
    .record(Record(table.names, table.names.map { name in
        if table.texts[name] != nil { return .unknown(.text) }
        guard let column = table.known?.columns[name] else { return .unknown }
        let hasMissing = column.missingCount > 0
        switch column.kind {
        case .int: return .unknown(hasMissing ? .number : .int)
        case .float: return .unknown(.float)
        case .bool: return .unknown(hasMissing ? [.bool, .none] : .bool)
        case .string: return .unknown(.text)
        }
    }))
}

extension Value {
    /// In the check: whether it makes a cell, or a column, of text.
    fileprivate var isText: Bool {
        switch self {
        case .string: true
        case .list: kinds == .texts
        case .unknown(let kinds): kinds == .string || kinds == .text || kinds == .texts
        default: false
        }
    }
}

extension Machine {
    func isFunction(_ value: Value) -> Bool {
        switch value {
        case .function, .layer: true
        default: false
        }
    }

    func eachRow<T>(_ table: Table, _ body: (Value) throws -> T) throws -> [T] {
        try eachTurn((0..<(table.count ?? 0)).lazy.map { rowRecord(table, $0) }, body)
    }

    /// A script's value as a cell of a column.
    func cell(_ value: Value, _ name: String) throws -> Cell {
        switch value {
        case .none: return .missing
        case .int(let x): return .int(x)
        case .float(let x): return x.isNaN ? .missing : .float(x)
        case .bool(let x): return .bool(x)
        case .string(let text): return .string(text.string)
        case .tensor(let tensor) where tensor.shape.elementCount == 1:
            guard tensor.availability == .available else { throw Fault.looksAtData("a cell of a table") }
            if tensor.dtype == .f32 { return try cell(.float(decimal(tensor.elements(as: Float.self)[0])), name) }
            return try cell(tensor.scriptNumber(), name)
        default: throw Fault.type("a cell of column `\(name)`", expected: "a number, a truth value, a string or `none`", found: value)
        }
    }

    /// A list or a tensor of rank 1 as a column.
    func column(_ value: Value, _ name: String) throws -> Column {
        if let list = try elements(value) { return try Self.column(list.map { try cell($0, name) }, name) }
        guard case .tensor(let tensor) = value, tensor.rank == 1 else {
            throw Fault.type("column `\(name)`", expected: "a list or a tensor of rank 1", found: value)
        }
        if tensor.dtype == .bool { return Column(try tensor.elements(as: Bool.self)) }
        if tensor.dtype.isInteger { return try Self.column(tensor.elements(as: Int.self).map { .int($0) }, name) }
        let numbers = tensor.dtype == .f64 ? try tensor.elements(as: Double.self) : try tensor.elements(as: Float.self).map(decimal)
        return Column(.numbers(numbers, isInteger: false), missing: numbers.map(\.isNaN))
    }

    /// The number that a 32-bit float is written as, so that 0.1 stays 0.1.
    private func decimal(_ x: Float) -> Double { Double(x.description) ?? Double(x) }

    static func column(_ cells: [Cell], _ name: String) throws -> Column {
        guard let column = Column(cells: cells) else {
            throw DataError("E0506", "column `\(name)` mixes numbers, truth values or strings")
        }
        return column
    }

    /// A column as a tensor or a list.
    func columnValue(_ table: Table, _ name: String) throws -> Value {
        guard let column = try table.column(name), !isCheck else { return knownColumn(table, name) }
        switch column.values {
        case .numbers(let values, let isInteger):
            if isInteger, column.missing == nil {
                let small = values.compactMap { Int32(exactly: $0) }
                if small.count == values.count { return .tensor(.make(small, [small.count])) }
                return .tensor(.make(values.map { Int($0) }, [values.count]))
            }
            return .tensor(.make(values.indices.map { column.isMissing($0) ? Float.nan : Float(values[$0]) }, [values.count]))
        case .bools(let values):
            if column.missing == nil { return .tensor(.make(values, [values.count])) }
            return .list((0..<column.count).map { value(of: column[$0], in: column) })
        case .strings: return .list((0..<column.count).map { value(of: column[$0], in: column) })
        }
    }

    /// In the check: a column as far as its form is certain.
    private func knownColumn(_ table: Table, _ name: String) -> Value {
        if table.texts[name] != nil { return .unknown(.texts) }
        guard let known = table.known, let (column, hasMissing) = known.form(of: name) else { return .unknown }
        func tensor(_ dtype: DType) -> Value { .tensor(.unknown(TensorType(dtype, [known.left ?? -1]))) }
        switch column.values {
        case .numbers(let values, let isInteger):
            if hasMissing || !isInteger { return tensor(.f32) }
            guard values.allSatisfy({ Int32(exactly: $0) != nil }), case .tensor(let made) = tensor(.i32) else { return .unknown }
            if let classes = known.inOrder(name), Lineage.isGrouped(classes) {
                check.tensors[ObjectIdentifier(made)] = (made, Lineage(order: name))
            }
            return .tensor(made)
        case .bools: return hasMissing ? .unknown(.list) : tensor(.bool)
        case .strings: return .unknown(.texts)
        }
    }

    // MARK: Making

    /// Rows, each a record of the same names, as a table.
    func table(ofRows rows: [Value], label: String?, names given: [String]? = nil) throws -> Table {
        var names = given ?? []
        if given == nil, case .record(let first)? = rows.first { names = first.names }
        var cells: [[Cell]] = []
        for (number, row) in rows.enumerated() {
            guard case .record(let record) = row else { throw Fault.type("row \(number) of the table", expected: "a record", found: row) }
            guard record.names.count == names.count else {
                throw DataError("E0502", "row \(number) has \(record.names.count) fields, the first \(names.count)")
            }
            cells.append(try names.map { name in
                guard let value = record[name] else { throw DataError("E0502", "row \(number) has no field `\(name)`") }
                return try cell(value, name)
            })
        }
        return try Table(names: names, rows: cells, label: label.flatMap { names.contains($0) ? $0 : nil })
    }

    /// A record of columns, or a list of records.
    func table(from value: Value, label: String?, _ what: String) throws -> Value {
        switch value {
        case .unknown: return .unknown
        case .table(let table): return .table(label == nil ? table : TableValue(try table.table.withLabel(label)))
        case .record(let record):
            if isCheck {
                for (name, value) in zip(record.names, record.values) where !hasUnknown(value) && !isList(value) {
                    guard case .tensor(let tensor) = value, tensor.rank == 1 else {
                        throw Fault.type("column `\(name)`", expected: "a list or a tensor of rank 1", found: value)
                    }
                }
                var texts: [String: String] = [:]
                for (name, value) in zip(record.names, record.values) { texts[name] = text(in: value) }
                let columns = try record.values.allSatisfy(isKnownColumn) ? zip(record.names, record.values).map { try column($1, $0) } : nil
                if let columns { _ = try Table(names: record.names, columns: columns) }
                return .table(TableValue(try Table(schema: record.names, label: label, texts: texts, columns: columns)))
            }
            let columns = try zip(record.names, record.values).map { try column($1, $0) }
            return .table(TableValue(try Table(names: record.names, columns: columns, label: label)))
        case .list(let list):
            if isCheck {
                guard case .record(let first)? = list.values.first else { return .unknown }
                return .table(TableValue(try Table(schema: first.names, label: label)))
            }
            let made = try table(ofRows: Array(list.values), label: nil)
            return .table(TableValue(label == nil ? made : try made.withLabel(label)))
        default: throw Fault.type(what, expected: "a record of columns or a list of records", found: value)
        }
    }

    /// In the check: whether all cells of a column that the script writes are there.
    private func isKnownColumn(_ value: Value) -> Bool {
        switch value {
        case .list(let list): list.values.count <= 1000 && list.values.allSatisfy { !$0.hasUnknown && !isTensor($0) }
        case .range(let range): range.count <= 1000
        case .tensor(let tensor): tensor.availability == .available && tensor.count ?? .max <= 1000
        default: false
        }
    }

    /// A string of a list that holds nothing else, but for missing ones.
    private func text(in value: Value) -> String? {
        guard case .list(let list) = value else { return nil }
        let cells = list.values.compactMap { value -> Cell? in
            switch value {
            case .string(let text): .string(text.string)
            case .none: .missing
            default: nil
            }
        }
        return cells.count == list.values.count ? Column(cells: cells)?.exampleText : nil
    }

    /// A file as a table; in the check, what its first lines tell.
    func readTable(_ path: String, _ options: CSV.Options, label: String?) throws -> Value {
        guard isCheck else { return .table(TableValue(try Table(CSV.read(path, options: options), label: label))) }
        guard try mayRead(path) else { return .unknown }
        // So that a loop over a file comes to an end soon.
        check.steps += CheckState.stepsPerOp * 100
        let header = try CSV.readHeader(path, options: options)
        return .table(TableValue(try Table(schema: header.names, label: label, texts: header.texts, columns: header.columns)))
    }

    // MARK: Fields and loops

    /// `t[position]`: a row, the columns of a list of names, or the rows that a mask chooses.
    func rows(_ value: TableValue, _ position: Value) throws -> Value {
        switch position {
        case .int(let row): return isCheck ? rowRecord(of: value.table) : rowRecord(value.table, try value.table.place(of: row))
        case .list(let list):
            if case .string? = list.values.first { return try tableVerb("select", .table(value), [position], []) }
            if list.values.isEmpty { return try tableVerb("select", .table(value), [position], []) }
            return try rows(value, .tensor(try tensor(position, "an index of a table")))
        case .tensor(let tensor) where tensor.rank == 1 && (tensor.dtype == .bool || tensor.dtype.isInteger):
            if isCheck { return .table(TableValue(value.table.withRows(value.table.known?.any))) }
            let table = value.table
            if tensor.dtype == .bool { return .table(TableValue(try table.filter(tensor.elements(as: Bool.self)))) }
            return .table(TableValue(table.gathering(try tensor.elements(as: Int.self).map { try table.place(of: $0) })))
        default:
            throw Fault.type("an index of a table", expected: "a column's name, a row's number, a list of them or a mask", found: position)
        }
    }

    /// The number of rows.
    func count(of table: Table) -> Value { (table.count ?? table.known?.left).map { .int($0) } ?? .unknown(.int) }

    func tableField(_ value: TableValue, _ name: String) throws -> Value {
        let table = value.table
        switch name {
        case "columns": return .list(table.names.map { .string($0) })
        case "rows": return count(of: table)
        case "label": return table.label.map { .string($0) } ?? Value.none
        case "shape": return .list([count(of: table), .int(table.names.count)])
        default:
            if table.names.contains(name) { return try columnValue(table, name) }
            if library.verbs(of: .table(value)).contains(name) {
                throw Fault("E0407", "`\(name)` of a table must be called", mend: "write `.\(name)(…)`")
            }
            throw Fault.noField(name, of: .table(value), known: Value.table(value).fieldNames)
        }
    }

    func iterator(over value: TableValue) -> Iterator {
        let table = value.table
        if isCheck { return Iterator(.unknown(element: rowRecord(of: table))) }
        var row = 0
        return Iterator(
            .generator {
                guard row < table.count ?? 0 else { return nil }
                row += 1
                return rowRecord(table, row - 1)
            })
    }

    /// A verb of tables, called from Swift.
    func tableVerb(_ name: String, _ table: Value, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        try call(library.verb(name, of: table) ?? .none, [table] + positional, named)
    }
}
