/// What an instruction does. `a` is the register written unless said otherwise; `b` and `c` are operands.
/// An operand from `constantBit` up is a constant of the code, below it a register.
enum Opcode: UInt8 {
    // Values
    /// a = b
    case move
    /// a = b, a register that gives its value up: what a call left on the way is not held beside its result.
    case take
    /// a = the module's global number b
    case global
    /// a = captured value number b
    case capture
    /// a = the standard library's name number bc
    case standard
    /// Fails when register a has no value; bc is its name.
    case checkSet
    /// a = whether training is on
    case training
    // Operators
    case add, subtract, multiply, divide, floorDivide, modulo, power, matmul
    case equal, notEqual, less, lessEqual, greater, greaterEqual, contains
    /// a = -b
    case negate
    case not
    // Jumps: the target is bc
    case jump
    /// Jumps when a is false.
    case jumpIfFalse
    /// `and`: jumps when a is the bool false.
    case jumpAnd
    case jumpOr
    /// a = b and c, after `jumpAnd` fell through
    case and
    case or
    /// Jumps when parameter a was given.
    case jumpIfSet
    // Loops
    /// a = an iterator over b
    case iterate
    /// a holds an iterator: sets register a + 1 to the next element, or jumps to bc
    case next
    /// a = the number of turns so far; counts and polls for interruption
    case turn
    // Calls
    /// Calls register a with the arguments that follow it, as call site bc says; the result goes to a.
    case call
    /// As `call`, without names and spreads: b arguments, call site c.
    case callPlain
    /// Calls the file's name number c with b arguments, and passes over the `callPlain` that follows; what is no plain
    /// function is fetched into a for it.
    case callGlobal
    /// Calls the method that call site bc names on register a.
    case method
    /// Calls b (a function or layer) with one argument, register c.
    case pipe
    /// Returns a.
    case `return`
    // Parts
    /// a = field number c (a constant: its name) of b
    case field
    /// a = b[c]
    case index
    /// a = register a, indexed as subscript list bc says; indices follow a
    case subscripts
    /// Takes register a apart into the b registers from c on.
    case unpack
    /// Takes the fields listed in name list b from register a into the registers from c on.
    case unpackRecord
    // Making
    /// a = list of the c registers from b on
    case list
    /// a = list whose b-th element description says which of the registers from c on are spread
    case listSpread
    /// Appends b to the list that register a alone holds.
    case append
    /// a = a + [b]
    case push
    /// a = record as record description b says, of the registers from c on
    case record
    /// a = function of code number b, capturing
    case closure
    /// a = layer, model or estimator declaration number b
    case declare
    /// a = string from the parts of template b and the registers from c on
    case format
    // Blocks
    /// Pushes defaults a.
    case pushDefaults
    case popDefaults
    /// Adds a to the stack that a model under construction is.
    case stackAdd
    /// Checks annotated parameters, described by the code's signature.
    case checkParameters
    /// Checks a against the result annotation.
    case checkResult
    /// Checks a, the default of the option `wide`, against its annotation.
    case checkOption
    /// Reports when a is false; b describes the expectation.
    case expect
    /// Begins the import number b; a = its record of names.
    case `import`
}

extension Opcode {
    /// Whether `Machine.runPlain` knows it.
    @inline(__always) var isPlain: Bool {
        switch self {
        case .move, .take, .add, .subtract, .multiply, .divide, .floorDivide, .modulo, .equal, .notEqual, .less, .lessEqual,
            .greater, .greaterEqual, .jump, .jumpIfFalse, .jumpAnd, .jumpOr, .jumpIfSet, .and, .or, .not, .next, .turn, .callPlain, .callGlobal,
            .return, .push, .append, .index, .field, .unpack, .capture:
            true
        default: false
        }
    }
}

/// Where operands stop naming registers and name constants.
let constantBit: UInt16 = 0x8000

/// Eight bytes: an opcode and three operands.
struct Instruction {
    var opcode: Opcode
    var a: UInt16
    var b: UInt16
    var c: UInt16

    init(_ opcode: Opcode, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0) {
        self.opcode = opcode
        self.a = UInt16(truncatingIfNeeded: a)
        self.b = UInt16(truncatingIfNeeded: b)
        self.c = UInt16(truncatingIfNeeded: c)
    }
    init(_ opcode: Opcode, _ a: Int, wide: Int) {
        self.init(opcode, a, wide >> 16, wide & 0xFFFF)
    }
    /// `b` and `c` as one number: a jump target or the index of a description.
    var wide: Int { Int(b) << 16 | Int(c) }
}
