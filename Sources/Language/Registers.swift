#if canImport(Glibc)
internal import Glibc
#endif

/// A block of registers, for a file's names or a stretch of the machine's stack.
///
/// With `Program`, `FrameStack` and `runPlain` the one unsafe place of this module: the machine reads and writes registers tens of
/// millions of times a second, and an array's bounds and uniqueness checks would double that time. Registers are
/// numbered by the compiler, which also states how many a code needs; a block is always large enough for the
/// codes that use it.
@safe struct Registers {
    let base: UnsafeMutablePointer<Value>

    /// A new block of unset registers, which lives until `release`.
    init(reserving capacity: Int) {
        self.init(rawCapacity: capacity)
        prepare(0..<max(capacity, 1))
    }

    /// A block whose registers are prepared as they come into use: until then it costs addresses, not memory.
    init(rawCapacity capacity: Int) {
        unsafe base = malloc(max(capacity, 1) * MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
    }

    /// Makes fresh registers unset.
    func prepare(_ range: Range<Int>) {
        unsafe (base + range.lowerBound).initialize(repeating: .unset, count: range.count)
    }

    init(base: UnsafeMutablePointer<Value>) { unsafe self.base = base }

    func release(capacity: Int) { release(prepared: max(capacity, 1)) }

    /// Frees a block of which so many registers were prepared.
    func release(prepared: Int) {
        unsafe base.deinitialize(count: prepared)
        unsafe free(base)
    }

    /// The block that begins `offset` registers further on.
    @inline(__always) func advanced(by offset: Int) -> Registers { unsafe Registers(base: base + offset) }

    /// Writes a number or truth value. Most often it replaces another one, which needs no releasing: that is seen
    /// here, because a call to find it out costs as much as an addition.
    @inline(__always) func set(_ index: UInt16, _ value: Value) {
        let place = unsafe base + Int(index)
        if unsafe place.pointee.isPlain { unsafe place.initialize(to: value) } else { unsafe place.pointee = value }
    }

    /// Makes registers unset that hold no reference.
    @inline(__always) func clear(_ range: Range<Int>) {
        for index in range { unsafe (base + index).initialize(to: .unset) }
    }

    /// Lets go what the first registers refer to.
    @inline(__always) func letGo(_ count: Int) {
        for index in 0..<count where unsafe !base[index].isPlain { unsafe base[index] = .unset }
    }

    @inline(__always) subscript(index: UInt16) -> Value {
        unsafeAddress { unsafe UnsafePointer(base + Int(index)) }
        nonmutating unsafeMutableAddress { unsafe base + Int(index) }
    }
    @inline(__always) subscript(index: Int) -> Value {
        unsafeAddress { unsafe UnsafePointer(base + index) }
        nonmutating unsafeMutableAddress { unsafe base + index }
    }

    /// Takes a register's value out and leaves `none`.
    @inline(__always) func take(_ register: UInt16) -> Value {
        let value = unsafe (base + Int(register)).move()
        unsafe (base + Int(register)).initialize(to: .none)
        return value
    }
}

extension Value {
    /// Whether it holds no reference.
    @inline(__always) var isPlain: Bool {
        switch self {
        case .unset, .unknown, .none, .bool, .int, .float, .dtype: true
        default: false
        }
    }

    /// A float, or an int as one.
    @inline(__always) var number: Double? {
        switch self {
        case .float(let x): x
        case .int(let x): Double(x)
        default: nil
        }
    }
}

/// A code's instructions and constants, as the machine reads them. Lives as long as its code.
@safe struct Program {
    let instructions: UnsafeMutablePointer<Instruction>
    let constants: Registers
    /// For a constant that is the name of a field, where that stood in the record that was met last.
    let places: UnsafeMutablePointer<FieldPlace>

    init(_ instructions: [Instruction], _ constants: [Value]) {
        unsafe self.instructions = .allocate(capacity: max(instructions.count, 1))
        for (index, instruction) in instructions.enumerated() { unsafe (self.instructions + index).initialize(to: instruction) }
        self.constants = Registers(reserving: constants.count)
        for (index, constant) in constants.enumerated() { self.constants[index] = constant }
        unsafe places = .allocate(capacity: max(constants.count, 1))
        unsafe places.initialize(repeating: FieldPlace(), count: constants.count)
    }

    func release(constants count: Int) {
        unsafe instructions.deallocate()
        constants.release(capacity: count)
        unsafe places.deinitialize(count: count)
        unsafe places.deallocate()
    }

    @inline(__always) subscript(index: Int) -> Instruction { unsafe instructions[index] }

    @inline(__always) private func address(_ operand: UInt16, _ registers: Registers) -> UnsafeMutablePointer<Value> {
        unsafe operand & constantBit == 0
            ? registers.base + Int(operand) : constants.base + Int(operand & ~constantBit)
    }

    /// The value of an operand: a register, or a constant.
    @inline(__always) func value(_ operand: UInt16, _ registers: Registers) -> Value {
        unsafe address(operand, registers).pointee
    }
}

/// The place of a field among these names.
struct FieldPlace {
    var names: FieldNames?
    var place = 0
}

/// What calling a function needs, as plain data that is valid as long as the function.
@safe struct Entry {
    let program: Program
    /// The names of the file that the function stands in.
    let globals: Registers
    let registerCount: Int
    /// The number of arguments that fill the parameters one by one; -1 when they need binding.
    let exactCount: Int
    /// Whether it may look at a register that it has not set.
    let looksAtUnset: Bool
}

extension Registers {
    /// The function in a register, if it takes exactly so many arguments.
    @inline(__always) func callee(_ index: UInt16, taking count: Int) -> (Unmanaged<Function>, Entry)? {
        guard case .function(let function) = unsafe base[Int(index)], let entry = function.entry, entry.exactCount == count else { return nil }
        return unsafe (Unmanaged.passUnretained(function), entry)
    }
}

/// One call in progress: plain data, so that calling costs no reference counting. Whoever calls holds the
/// function (a register, or Swift code that waits), so the frame need not.
@safe struct Frame {
    private let held: Unmanaged<Function>
    let program: Program
    let globals: Registers
    let registers: Registers
    /// Where the next instruction stands while another frame runs.
    var pc: Int
    /// The caller's register for the result.
    let result: Int
    /// Where the machine's stack ended before.
    let stackBase: Int
    let defaultsDepth: Int
    let registerCount: Int
    /// Swift code waits for this frame's result.
    let isBarrier: Bool

    @inline(__always) init(
        _ function: Unmanaged<Function>, _ entry: Entry, _ registers: Registers, pc: Int = 0, result: Int, stackBase: Int,
        defaultsDepth: Int, isBarrier: Bool
    ) {
        unsafe held = function
        program = entry.program
        globals = entry.globals
        self.registers = registers
        self.pc = pc
        self.result = result
        self.stackBase = stackBase
        self.defaultsDepth = defaultsDepth
        registerCount = entry.registerCount
        self.isBarrier = isBarrier
    }

    var function: Function { unsafe held.takeUnretainedValue() }
    var code: Code { function.body.code }
    /// A value that the function keeps from where it was made.
    @inline(__always) func captured(_ index: Int) -> Value { unsafe held._withUnsafeGuaranteedRef { $0.body.captures[index] } }
    var module: Module { function.body.module }
}

/// The calls in progress, innermost last, in a block of fixed size.
@safe struct FrameStack: RandomAccessCollection {
    private let base: UnsafeMutablePointer<Frame>
    private(set) var count = 0

    init(capacity: Int) { unsafe base = .allocate(capacity: capacity) }
    func release() { unsafe base.deallocate() }

    var startIndex: Int { 0 }
    var endIndex: Int { count }
    @inline(__always) subscript(index: Int) -> Frame {
        unsafeAddress { unsafe UnsafePointer(base + index) }
        nonmutating unsafeMutableAddress { unsafe base + index }
    }
    @inline(__always) mutating func append(_ frame: Frame) {
        unsafe (base + count).initialize(to: frame)
        count += 1
    }
    @inline(__always) mutating func removeLast() { count -= 1 }
}
