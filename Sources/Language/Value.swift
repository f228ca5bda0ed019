public import Datasets
public import Engine
public import Graphs

/// Any value of a script. Small, so that registers hold it directly; what is larger is a final class.
public enum Value: @unchecked Sendable {
    /// A register that has no value yet. Never seen by a script.
    case unset
    /// In the check: a value that depends on data, with the kinds that it may be of. It silences what follows from it, as
    /// far as one of them allows it.
    case unknown(Kinds)
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case dtype(DType)
    case string(Text)
    case bytes(Bytes)
    case list(List)
    /// A list of evenly spaced ints that is not stored.
    case range(RangeList)
    case record(Record)
    case function(Function)
    case layer(Layer)
    /// A parameter or state of a layer, as `net.params` lists them.
    case parameter(LayerParameter)
    case estimator(Estimator)
    case tensor(Tensor)
    case table(TableValue)
    case dataset(DatasetValue)
    case defaults(Defaults)
    /// The state of a loop; lives in a hidden register.
    case iterator(Iterator)
}

public final class Bytes: Sendable {
    public let array: [UInt8]
    public init(_ array: [UInt8]) { self.array = array }
}

public final class List: @unchecked Sendable {
    public internal(set) var values: ContiguousArray<Value>
    public init(_ values: ContiguousArray<Value>) { self.values = values }
    public convenience init(_ values: some Sequence<Value>) { self.init(ContiguousArray(values)) }

    /// The first element at any depth that no tensor could hold, among the first thousand.
    var oddElement: Value? {
        var left = 1000
        return oddElement(among: &left)
    }

    private func oddElement(among left: inout Int) -> Value? {
        for value in values {
            if left == 0 { return nil }
            left -= 1
            switch value.mayBe(.numeric) ? value : value.example {
            case .list(let inner): if let odd = inner.oddElement(among: &left) { return odd }
            case .int, .float, .bool, .range, .tensor, .unknown, .unset: break
            case let odd: return odd
            }
        }
        return nil
    }
}

public final class RangeList: Sendable {
    public let start: Int, step: Int, count: Int
    public init(start: Int, step: Int, count: Int) { (self.start, self.step, self.count) = (start, step, count) }
    /// The range of Python's `range(start, stop, step)`; `nil` when its length does not fit an int.
    public convenience init?(from start: Int, to stop: Int, by step: Int) {
        precondition(step != 0)
        if step > 0 ? start >= stop : start <= stop {
            self.init(start: start, step: step, count: 0)
            return
        }
        let (distance, overflow) = step > 0
            ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
        if overflow || step == .min { return nil }
        self.init(start: start, step: step, count: (distance - 1) / abs(step) + 1)
    }
    public subscript(index: Int) -> Int { start &+ index &* step }

    func contains(_ value: Int) -> Bool {
        guard count > 0 else { return false }
        let (low, high) = step > 0 ? (start, self[count - 1]) : (self[count - 1], start)
        guard low <= value, value <= high else { return false }
        return UInt(bitPattern: step > 0 ? value &- start : start &- value).isMultiple(of: step.magnitude)
    }
}

/// Ordered named fields.
public final class Record: @unchecked Sendable {
    let fields: FieldNames
    public let values: [Value]
    public var names: [String] { fields.names }

    init(_ fields: FieldNames, _ values: [Value]) { (self.fields, self.values) = (fields, values) }
    public convenience init(_ names: [String], _ values: [Value]) { self.init(FieldNames(names), values) }
    public convenience init(_ fields: [(String, Value)]) { self.init(fields.map(\.0), fields.map(\.1)) }

    public func position(of name: String) -> Int? { fields.position(of: name) }
    public subscript(name: String) -> Value? { position(of: name).map { values[$0] } }

    /// This record with a field replaced, or added at the end.
    func setting(_ name: String, _ value: Value) -> Record {
        var fields = Fields()
        fields.add(self)
        fields.set(name, value)
        return fields.record
    }
}

/// A record in the making.
struct Fields {
    private var names = FieldNames.none
    private var values: [Value] = []

    var record: Record { Record(names, values) }

    /// Replaces a field, or adds it at the end.
    mutating func set(_ name: String, _ value: Value) {
        if let position = names.position(of: name) {
            values[position] = value
        } else {
            names = FieldNames(names.names + [name])
            values.append(value)
        }
    }

    mutating func add(_ other: Record) {
        if values.isEmpty {
            (names, values) = (other.fields, other.values)
        } else {
            for (name, value) in zip(other.names, other.values) { set(name, value) }
        }
    }
}

/// A table of the script: its data, or in the check only what its header tells.
public final class TableValue: @unchecked Sendable {
    public let table: Table
    /// In the check: where its rows come from.
    var lineage = Lineage()
    public init(_ table: Table) { self.table = table }
}

public final class DatasetValue: @unchecked Sendable {
    public let dataset: Dataset
    /// Whether the elements' types are known: in the check those of a file's rows are not.
    let isTyped: Bool
    /// In the check: where its rows come from.
    var lineage = Lineage()
    public init(_ dataset: Dataset, isTyped: Bool = true) { (self.dataset, self.isTyped) = (dataset, isTyped) }
}

/// Default arguments for listed layers, as `defaults(conv2d, padding = "same")` makes them.
public final class Defaults: @unchecked Sendable {
    /// One entry per layer kind, later ones win.
    let entries: [(constructor: Constructor, arguments: [(String, Value)])]
    init(_ entries: [(constructor: Constructor, arguments: [(String, Value)])]) { self.entries = entries }
}

extension Value {
    public static func string(_ text: String) -> Value { .string(Text(text)) }
    static func list(_ values: [Value]) -> Value { .list(List(values)) }
    static func record(_ fields: [(String, Value)]) -> Value { .record(Record(fields)) }

    /// A dtype; `bool` is one too, where a dtype is asked for.
    var dtype: DType? {
        switch self {
        case .dtype(let dtype): return dtype
        case .function(let function):
            guard case .native(let native) = function.kind, native.name == "bool" else { return nil }
            return .bool
        default: return nil
        }
    }

    /// The kind as `type(x)` and messages name it.
    public var kind: String {
        switch self {
        case .unset, .unknown: "any"
        case .none: "none"
        case .bool: "bool"
        case .int: "int"
        case .float: "float"
        case .dtype: "dtype"
        case .string: "string"
        case .bytes: "bytes"
        case .list, .range: "list"
        case .record: "record"
        case .function: "fn"
        case .layer: "layer"
        case .parameter: "parameter"
        case .estimator: "estimator"
        case .tensor: "tensor"
        case .table: "table"
        case .dataset: "dataset"
        case .defaults: "defaults"
        case .iterator: "iterator"
        }
    }

    /// The kind with its article: `an int`, `a string`.
    var described: String {
        switch self {
        case .none: "`none`"
        case .int, .estimator: "an \(kind)"
        case .tensor(let tensor): "a tensor \(tensor.type)"
        default: "a \(kind)"
        }
    }

    var isListOrString: Bool {
        switch self {
        case .list, .range, .string: true
        default: false
        }
    }
    var isUnknown: Bool { if case .unknown = self { true } else { false } }
    var isNone: Bool { if case .none = self { true } else { false } }
    var isParameter: Bool { if case .parameter = self { true } else { false } }
}
