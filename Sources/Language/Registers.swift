#if canImport(Glibc)
internal import Glibc
#endif

/// A block of registers, for a file's names or a stretch of the machine's stack.
///
/// With `Program` the one unsafe place of this module: the machine reads and writes registers tens of
/// millions of times a second, and an array's bounds and uniqueness checks would double that time. Registers are
/// numbered by the compiler, which also states how many a code needs; a block is always large enough for the
/// codes that use it.
@safe struct Registers {
    fileprivate let base: UnsafeMutablePointer<Value>

    /// A new block of unset registers, which lives until `release`.
    init(reserving capacity: Int) {
        let count = max(capacity, 1)
        // `unset` is written lazily where its bits are zero: a large block then costs no memory until it is used.
        let isZero = unsafe withUnsafeBytes(of: Value.unset) { unsafe $0.allSatisfy { $0 == 0 } }
        if isZero {
            unsafe base = calloc(count, MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
        } else {
            unsafe base = malloc(count * MemoryLayout<Value>.stride).assumingMemoryBound(to: Value.self)
            unsafe base.initialize(repeating: .unset, count: count)
        }
    }

    private init(base: UnsafeMutablePointer<Value>) { unsafe self.base = base }

    func release(capacity: Int) {
        unsafe base.deinitialize(count: max(capacity, 1))
        unsafe free(base)
    }

    /// The block that begins `offset` registers further on.
    @inline(__always) func advanced(by offset: Int) -> Registers { unsafe Registers(base: base + offset) }

    @inline(__always) subscript(index: UInt16) -> Value {
        unsafeAddress { unsafe UnsafePointer(base + Int(index)) }
        nonmutating unsafeMutableAddress { unsafe base + Int(index) }
    }
    @inline(__always) subscript(index: Int) -> Value {
        unsafeAddress { unsafe UnsafePointer(base + index) }
        nonmutating unsafeMutableAddress { unsafe base + index }
    }
}

/// A code's instructions and constants, as the machine reads them. Lives as long as its code.
@safe struct Program {
    private let instructions: UnsafeMutablePointer<Instruction>
    private let constants: Registers
    private let counts: (Int, Int)

    init(_ instructions: [Instruction], _ constants: [Value]) {
        counts = (instructions.count, constants.count)
        unsafe self.instructions = .allocate(capacity: max(instructions.count, 1))
        for (index, instruction) in instructions.enumerated() { unsafe (self.instructions + index).initialize(to: instruction) }
        self.constants = Registers(reserving: constants.count)
        for (index, constant) in constants.enumerated() { self.constants[index] = constant }
    }

    func release() {
        unsafe instructions.deallocate()
        constants.release(capacity: counts.1)
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

    /// Both operands when they are ints.
    @inline(__always) func ints(_ instruction: Instruction, _ registers: Registers) -> (Int, Int)? {
        if case .int(let x) = unsafe address(instruction.b, registers).pointee,
            case .int(let y) = unsafe address(instruction.c, registers).pointee
        {
            return (x, y)
        }
        return nil
    }

    /// Both operands when they are numbers and one is a float.
    @inline(__always) func floats(_ instruction: Instruction, _ registers: Registers) -> (Double, Double)? {
        switch (unsafe address(instruction.b, registers).pointee, unsafe address(instruction.c, registers).pointee) {
        case (.float(let x), .float(let y)): (x, y)
        case (.float(let x), .int(let y)): (x, Double(y))
        case (.int(let x), .float(let y)): (Double(x), y)
        default: nil
        }
    }
}
