internal import Engine
internal import Graphs

/// In the check: the kinds that a value may be of while no more is known about it.
public struct Kinds: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    static let none = Kinds(rawValue: 1)
    static let bool = Kinds(rawValue: 2)
    static let int = Kinds(rawValue: 4)
    static let float = Kinds(rawValue: 8)
    static let string = Kinds(rawValue: 16)
    static let list = Kinds(rawValue: 32)
    /// A list of strings, some of them missing: a column of text.
    static let texts = Kinds(rawValue: 64)
    /// Whatever else there is, tensors first.
    static let other = Kinds(rawValue: 128)

    static let any: Kinds = [.none, .bool, .int, .float, .string, .list, .texts, .other]
    static let number: Kinds = [.int, .float]
    /// What a tensor can be made of.
    static let numeric: Kinds = [.bool, .int, .float, .list, .other]
    /// A cell of a column of text.
    static let text: Kinds = [.string, .none]

    /// Each of the kinds by itself.
    private var each: [Kinds] { (0..<8).map { Kinds(rawValue: 1 << $0) }.filter(contains) }

    /// Values that stand for the kinds, the likeliest first; none where there is more than these can say.
    var examples: [Value] {
        if contains(.other) { return [] }
        let all: [(Kinds, Value)] = [
            (.string, .string("")), (.texts, .list([.string("")])), (.list, .list([.unknown])), (.float, .float(0)), (.int, .int(0)),
            (.bool, .bool(false)), (.none, .none),
        ]
        return all.filter { contains($0.0) }.map(\.1)
    }

    /// An element of a string or list.
    var element: Value {
        if contains(.list) || contains(.other) { return .unknown }
        return .unknown(contains(.texts) ? .text : .string)
    }

    /// An example of the one kind that has fields and verbs, `none` aside.
    var form: Value? {
        let examples = subtracting(.none).examples
        return examples.count == 1 ? examples[0] : nil
    }

    // MARK: Operators

    /// What an operator gives of these kinds; empty where it goes with none of them.
    static func binary(_ op: Opcode, _ a: Kinds, _ b: Kinds) -> Kinds {
        var result: Kinds = []
        for x in a.each { for y in b.each { result.formUnion(single(op, x, y)) } }
        return result
    }

    private static func single(_ op: Opcode, _ a: Kinds, _ b: Kinds) -> Kinds {
        let lists: Kinds = [.list, .texts]
        switch op {
        case .equal, .notEqual: return a == .other || b == .other ? .any : .bool
        case .contains:
            if b == .other { return .bool }
            return !b.isDisjoint(with: lists) || b == .string && (a == .string || a == .other) ? .bool : []
        default: break
        }
        if a == .other || b == .other { return a.union(b).isDisjoint(with: [.none, .string, .texts]) ? .any : [] }
        let areNumbers = number.contains(a) && number.contains(b)
        switch op {
        case .less, .lessEqual, .greater, .greaterEqual: return areNumbers || a == .string && b == .string ? .bool : []
        case .matmul: return a == .list && b == .list ? .any : []
        case _ where areNumbers:
            switch op {
            case .divide: return .float
            case .power: return number
            default: return a == .int && b == .int ? .int : .float
            }
        case .add:
            if a == .string, b == .string { return .string }
            return lists.contains(a) && lists.contains(b) ? (a == .texts && b == .texts ? .texts : .list) : []
        case .multiply:
            let repeated = a == .int ? b : b == .int ? a : []
            return [.string, .list, .texts].contains(repeated) ? repeated : []
        default: return []
        }
    }
}

extension Value {
    /// A value of which nothing is known.
    static var unknown: Value { .unknown(.any) }

    /// The kinds that it is or may be of.
    var kinds: Kinds {
        switch self {
        case .unknown(let kinds): kinds
        case .none: .none
        case .bool: .bool
        case .int: .int
        case .float: .float
        case .string: .string
        case .list(let list): !list.values.isEmpty && list.values.allSatisfy { Kinds.text.contains($0.kinds) } ? .texts : .list
        case .range: .list
        default: .other
        }
    }

    /// Itself, or of an unknown value one that it may be.
    var example: Value {
        if case .unknown(let kinds) = self { kinds.examples.first ?? self } else { self }
    }

    /// Whether it may be of one of these kinds.
    func mayBe(_ kinds: Kinds) -> Bool { !self.kinds.isDisjoint(with: kinds) }
}

extension Machine {
    /// In the check: what is done with an unknown value, tried on an example of each kind that it may be of. Throws where
    /// all of them fail, and not because of what they hold.
    func tryKinds(of value: Value, _ body: (Value) throws -> Void) throws {
        guard case .unknown(let kinds) = value else { return }
        var first: Fault?
        for example in kinds.examples {
            do {
                try body(example)
                return
            } catch let fault as Fault where !fault.dependsOnValues {
                first = first ?? fault
            } catch is Fault {
                return
            } catch is UnknownArgument {
                return
            }
        }
        if let first { throw first }
    }

    /// In the check: an operator on values of which one is unknown.
    func unknownBinary(_ op: Opcode, _ a: Value, _ b: Value) throws -> Value {
        let kinds = Kinds.binary(op, a.kinds, b.kinds)
        if !kinds.isEmpty { return .unknown(kinds) }
        // The same message as in the run, where there is enough for one.
        let (x, y) = (a.example, b.example)
        if x.isUnknown || y.isUnknown { throw Fault.operands(op.symbol, x, y) }
        return try binary(op, x, y)
    }
}
