internal import Engine
internal import Graphs
public import Syntax

/// A function's compiled body, or a file's: instructions and what they refer to by number.
public final class Code: @unchecked Sendable {
    let name: String
    /// What this is the body of, for the messages that name it.
    let kind: Kind
    var instructions: [Instruction] = []
    var constants: [Value] = []
    /// Where each instruction was written.
    var ranges: [SourceRange] = []
    var parameters: [ParameterInfo] = []
    var result: TypeSpec?
    /// Registers used, parameters first.
    var registerCount = 0
    /// Names of the registers that are variables, for messages.
    var registerNames: [Int: String] = [:]
    /// Names of the captured values, in order.
    var captureNames: [String] = []
    var callSites: [CallSite] = []
    var nameLists: [[String]] = []
    var spreads: [[Bool]] = []
    var recordShapes: [RecordShape] = []
    var subscripts: [[SubscriptKind]] = []
    var templates: [[TemplatePart]] = []
    var codes: [Code] = []
    /// For each nested code, what it captures when it is made.
    var captures: [[CaptureSource]] = []
    var declarations: [DeclarationInfo] = []
    var expectations: [Expectation] = []
    var imports: [ImportInfo] = []
    /// For each conditional jump on a value the check may not know: where both ways meet again.
    var joins: [Int: Int] = [:]
    /// Loops, outermost first: where they stand and what they set.
    var loops: [LoopInfo] = []
    /// Top-level statements, for the check to go on behind one that failed.
    var statements: [StatementInfo] = []
    var documentation: String?
    var range: SourceRange
    /// Set once the check has run this body, so that it need not be tried with unknown arguments.
    var wasChecked = false
    /// For each instruction, the number under which nodes remember its place; -1 until one does.
    var originNumbers: [Int32] = []

    enum Kind { case file, function, lambda, layer, model, estimator, test }

    /// The form the machine runs, made at the first run.
    private(set) lazy var program = Program(instructions, constants)
    /// The number of arguments that fill the parameters one by one; -1 when defaults or a rest need binding.
    var exactCount: Int { parameters.contains(where: \.isRest) ? -1 : parameters.count }

    /// Whether it may look at a register that it has not set: to see whether it is, or to capture it.
    private(set) lazy var looksAtUnset = instructions.contains {
        switch $0.opcode {
        case .checkSet, .jumpIfSet, .closure, .declare: true
        default: false
        }
    }

    /// How the arguments of a call instruction are written.
    func callSite(of instruction: Instruction) -> CallSite {
        callSites[instruction.opcode == .callPlain ? Int(instruction.c) : instruction.wide]
    }

    /// The whole of a call, a method's receiver included; of another instruction its place.
    func callRange(at pc: Int) -> SourceRange {
        [.call, .callPlain, .method].contains(instructions[pc].opcode) ? callSite(of: instructions[pc]).range : ranges[pc]
    }

    init(name: String, kind: Kind, range: SourceRange) { (self.name, self.kind, self.range) = (name, kind, range) }
    deinit { program.release(constants: constants.count) }
}

struct ParameterInfo {
    var name: String
    var hasDefault: Bool
    var isRest: Bool
    var type: TypeSpec?
    var documentation: String?
    /// The default as it is written, for `:doc` and `--help`.
    var defaultText: String?
    var range: SourceRange?
}

/// The arguments of a call as they are written.
struct CallSite {
    /// One per argument; `nil` for a positional one.
    var names: [String?]
    var spread: [Bool]
    /// The method's name.
    var method: String?
    /// The verbs that are called so, by the kind of their value.
    var verbs: [(kind: String, verb: Value)] = []
    /// What a method falls back to when it is neither a field nor a verb: a register, a global or a standard name.
    var fallback: Fallback = .none
    var range: SourceRange
    var argumentRanges: [SourceRange]
    var isPlain: Bool

    enum Fallback { case none, register(Int), global(Int), capture(Int), itself, standard(Int) }
}

enum SubscriptKind { case index, slice(start: Bool, stop: Bool, step: Bool), ellipsis }

enum TemplatePart {
    case text(String), value
    /// (Elsewhere, since a format has much to copy.)
    indirect case formatted(FormatSpec)
}

struct RecordShape {
    /// The fields that are written out.
    var fields: FieldNames
    /// One per value: the field's name, or `nil` for a record spread into it.
    var entries: [String?]
}

enum CaptureSource { case register(Int), capture(Int), global(Int), itself }

struct Expectation {
    var range: SourceRange
    /// The first of the instructions that compute the condition.
    var start: Int
    var condition: Probe
    /// The register of the message.
    var message: Int?
}

/// A condition, or a part of one, with the registers that keep what it was computed from, so that a failure can tell.
indirect enum Probe {
    case comparison(BinaryOperator, left: Kept, right: Kept, Kept)
    /// `and`, `or`
    case logical(BinaryOperator, Probe, Probe, Kept)
    case negation(Probe, Kept)
    /// `standard` when the callee is the standard library's; `tested` is the argument as a condition, as in `all(a == b)`.
    case call(name: String, standard: Bool, arguments: [(name: String?, Kept)], tested: Probe?, Kept)
    case field(of: Kept, Kept)
    case plain(Kept)

    /// The value itself.
    var value: Kept {
        switch self {
        case .comparison(_, _, _, let value), .logical(_, _, _, let value), .negation(_, let value), .call(_, _, _, _, let value),
            .field(_, let value), .plain(let value):
            value
        }
    }

    /// A value in a register, and where it is written.
    struct Kept {
        var register: Int
        var range: SourceRange
        /// 0 for a literal, 1 for a name, 2 for what has to be computed.
        var depth = 2

        /// The value as it is written.
        var text: String { singleLine(range.source.text(range)) }
    }
}

struct ImportInfo {
    var path: String
    var range: SourceRange
    /// `nil` brings the names in bare.
    var alias: String?
    /// For a bare import: the slot of each name.
    var slots: [(name: String, slot: Int)]
}

struct LoopInfo {
    var start: Int
    var end: Int
    /// The register whose iterator counts the turns.
    var counter: Int
    var assigned: Set<Int>
}

struct StatementInfo {
    var start: Int
    var end: Int
    var assigned: Set<Int>
}

/// A layer, model or estimator as declared: how to construct it and how to apply it.
struct DeclarationInfo {
    var kind: Declaration.Kind
    var name: String
    /// Takes the configuration; gives the list of its values (layer), builds the stack (model), or gives the
    /// record of fields (estimator).
    var configuration: Code
    /// Takes configuration and inputs. `nil` for a stack and an estimator.
    var body: Code?
    var configurationCaptures: [CaptureSource]
    var bodyCaptures: [CaptureSource]
    /// `model name { … }`: made at once.
    var isSingleValue: Bool
    var documentation: String?
    var range: SourceRange
}

/// An annotation, resolved.
struct TypeSpec {
    enum Base: Equatable {
        case any, int, float, bool, string, list, record, fn, layer, table, dataset, estimator
        case tensor(TensorKind)
    }
    enum TensorKind: Equatable { case any, anyFloat, anyInteger, exactly(DType) }
    enum Dimension { case number(Int), name(String), any, ellipsis }
    var base: Base
    var dimensions: [Dimension]?
    var isOptional: Bool
    var text: String
    var range: SourceRange

    /// Whether one of its dimensions has this name.
    func names(_ dimension: String) -> Bool {
        dimensions?.contains { if case .name(dimension) = $0 { true } else { false } } ?? false
    }
}

/// Anything that can be called with arguments.
public final class Function: @unchecked Sendable {
    enum Kind {
        /// A `fn` or a lambda.
        case code(Code, captures: [Value], module: Module)
        case op(Op)
        case native(Native)
        case constructor(Constructor)
        /// A name that is both an op and a layer.
        case dual(op: Function, layer: Function)
        /// Made by `grad` and its like: Swift code over values it holds.
        case closure(parameters: [ParameterInfo]?, (Machine, [Value], [(String, Value)]) throws -> Value)
    }
    let name: String
    let kind: Kind
    /// What a `.code` runs, where the machine reaches it without taking `kind` apart.
    let body: Body!
    /// What calling it needs, as plain data; `nil` for anything but a `.code`.
    let entry: Entry?
    /// For an op that is element by element, a product or a stack, the quick way to its result.
    private(set) lazy var immediate: Immediate? =
        switch kind {
        case .op(let op): Immediate(op)
        case .dual(let op, _): op.immediate
        case .code, .native, .constructor, .closure: nil
        }
    /// For `min` and `max`, whether it is `max`.
    let isExtreme: Bool?

    struct Body {
        let code: Code
        let captures: [Value]
        let module: Module
    }

    init(_ name: String, _ kind: Kind) {
        (self.name, self.kind) = (name, kind)
        isExtreme = if case .op(let op) = kind { ["min": false, "max": true][op.name] } else { nil }
        if case .code(let code, let captures, let module) = kind {
            body = Body(code: code, captures: captures, module: module)
            entry = Entry(
                program: code.program, globals: module.registers, registerCount: code.registerCount, exactCount: code.exactCount,
                looksAtUnset: code.looksAtUnset)
        } else {
            body = nil
            entry = nil
        }
    }
}

/// What makes layers or estimators of one declaration.
public final class Constructor: @unchecked Sendable {
    let info: DeclarationInfo
    let module: Module
    let configurationCaptures: [Value]
    let bodyCaptures: [Value]
    var name: String { info.name }

    init(info: DeclarationInfo, module: Module, configurationCaptures: [Value], bodyCaptures: [Value]) {
        self.info = info
        self.module = module
        self.configurationCaptures = configurationCaptures
        self.bodyCaptures = bodyCaptures
    }
}

/// One file that has been compiled, and the values of its names.
public final class Module: @unchecked Sendable {
    let path: String
    let isStandard: Bool
    /// The slot of each name the file gives a value to.
    var slots: [String: Int] = [:]
    /// A block that never moves, so that functions may keep it: as many registers as operands can name.
    let registers: Registers
    private(set) var registerCapacity: Int
    var state: State = .new
    /// Whether it came with a file that somebody else may have made: its code computes, and reaches nothing outside.
    var isSealed = false
    /// Declared options in order.
    var options: [OptionInfo] = []
    var tests: [TestInfo] = []
    /// The file's statements in order, with the names they give values to: what a saved estimator is cut from.
    var statements: [(names: [String], text: String)] = []

    enum State { case new, running, done }

    init(path: String, isStandard: Bool) {
        self.path = path
        self.isStandard = isStandard
        registers = Registers(rawCapacity: Int(constantBit))
        registers.prepare(0..<64)
        registerCapacity = 64
    }
    deinit { registers.release(capacity: registerCapacity) }

    /// Lets go of all values.
    func letGo() { registers.letGo(registerCapacity) }

    /// A register for a further name, which has no value yet: earlier entries of the prompt may have used it in passing.
    func addSlot(_ name: String) {
        let slot = slots.count
        slots[name] = slot
        if slot < registerCapacity { registers[slot] = .unset }
    }

    /// Makes room for a code that needs more registers.
    func grow(to count: Int) {
        let target = min(count * 2, Int(constantBit))
        guard target > registerCapacity else { return }
        registers.prepare(registerCapacity..<target)
        registerCapacity = target
    }
}

public struct OptionInfo: Sendable {
    public var name: String
    public var documentation: String?
    public var defaultText: String
    var type: TypeSpec?
    var slot: Int
    public var range: SourceRange

    /// What its values are: `int`, `float`, `bool`, or whatever else its type names; the default tells where no type does.
    public var kind: String {
        if let type { return type.isOptional && type.text.hasSuffix("?") ? String(type.text.dropLast()) : type.text }
        let digits = defaultText.filter { $0 != "_" }
        if Int(digits) != nil { return "int" }
        if Double(digits) != nil { return "float" }
        return ["true", "false"].contains(defaultText) ? "bool" : "string"
    }
}

struct TestInfo {
    var name: String
    var place: SourceRange
    var code: Code
}
