/// How the tensors of an element stand together: `x`, `[x, y]`, `{a = x, b = y}`, and these inside each other.
public indirect enum Structure: Sendable, Equatable {
    case tensor
    case list([Structure])
    case record([Field])

    public struct Field: Sendable, Equatable {
        public let name: String
        public let value: Structure
        public init(_ name: String, _ value: Structure) { (self.name, self.value) = (name, value) }
    }

    /// Features and labels.
    public static let pair = Structure.list([.tensor, .tensor])

    /// A record of tensors.
    public static func record(of names: [String]) -> Structure { .record(names.map { Field($0, .tensor) }) }

    /// The number of tensors.
    public var count: Int {
        switch self {
        case .tensor: 1
        case .list(let items): items.reduce(0) { $0 + $1.count }
        case .record(let fields): fields.reduce(0) { $0 + $1.value.count }
        }
    }

    /// The part of an element's tensors that belongs to each item of a list or field of a record.
    public var parts: [(name: String?, structure: Structure, range: Range<Int>)] {
        var (result, start): ([(name: String?, structure: Structure, range: Range<Int>)], Int) = ([], 0)
        func add(_ name: String?, _ structure: Structure) {
            result.append((name, structure, start..<start + structure.count))
            start += structure.count
        }
        switch self {
        case .tensor: add(nil, self)
        case .list(let items): for item in items { add(nil, item) }
        case .record(let fields): for field in fields { add(field.name, field.value) }
        }
        return result
    }
}
