internal import Graphs

/// What one kernel call sees: its operands (inputs, then results) and the number of the step.
@safe struct Call {
    private let operands: UnsafePointer<Operand>
    private let slots: UnsafePointer<Int32>
    let step: UInt64

    init(operands: UnsafePointer<Operand>, slots: UnsafePointer<Int32>, step: UInt64) {
        unsafe (self.operands, self.slots) = (operands, slots)
        self.step = step
    }

    subscript(index: Int) -> Operand { unsafe operands[Int(slots[index])] }
}

/// The work of an instruction, with everything known beforehand bound into it.
typealias Work = @Sendable (Call) throws(OpError) -> Void

/// A compiled graph: instructions over slots of planned memory. Runs any number of times.
final class Program: Sendable {
    /// Where a value lies.
    enum Place: Sendable {
        case input(Int), output(Int), constant(Int)
        /// At an offset of the arena.
        case arena(Int)
    }
    struct Slot: Sendable {
        let type: TensorType
        let place: Place
    }
    struct Instruction: Sendable {
        let work: Work
        /// Its first operand in `operands`.
        let first: Int
        let origin: Int32
    }

    let slots: [Slot]
    let operands: [Int32]
    let instructions: [Instruction]
    let constants: [Storage]
    let arenaSize: Int
    let outputs: [TensorType]

    init(
        slots: [Slot], operands: [Int32], instructions: [Instruction], constants: [Storage], arenaSize: Int,
        outputs: [TensorType]
    ) {
        self.slots = slots
        self.operands = operands
        self.instructions = instructions
        self.constants = constants
        self.arenaSize = arenaSize
        self.outputs = outputs
    }

    /// Runs over storages: results in fresh ones.
    func run(_ inputs: [Storage], step: Int = 0) throws(ExecutionError) -> [Storage] {
        var results: [Storage] = []
        results.reserveCapacity(outputs.count)
        for type in outputs {
            guard let storage = Storage(byteCount: type.byteCount) else { throw ExecutionError(.memory(type), origin: -1) }
            results.append(storage)
        }
        var frame = try Frame(self)
        unsafe try frame.run(inputs.map { unsafe $0.base }, results.map { unsafe $0.base }, step: UInt64(truncatingIfNeeded: step))
        withExtendedLifetime(inputs) {}
        return results
    }

    /// A program with its memory, ready to be run on pointers.
    @safe struct Frame: ~Copyable {
        private let program: Program
        private let arena: Storage
        private var table: [Operand] = unsafe []

        init(_ program: Program) throws(ExecutionError) {
            self.program = program
            guard let arena = Storage(byteCount: program.arenaSize) else {
                throw ExecutionError(.memory(bytes: Double(program.arenaSize), of: "this computation"), origin: -1)
            }
            self.arena = arena
            unsafe table.reserveCapacity(program.slots.count)
        }

        /// The pointers are those of the inputs and outputs, in order.
        @unsafe mutating func run(
            _ inputs: [UnsafeMutableRawPointer], _ outputs: [UnsafeMutableRawPointer], step: UInt64
        ) throws(ExecutionError) {
            unsafe table.removeAll(keepingCapacity: true)
            for slot in program.slots {
                let pointer =
                    switch slot.place {
                    case .input(let index): unsafe inputs[index]
                    case .output(let index): unsafe outputs[index]
                    case .constant(let index): unsafe program.constants[index].base
                    case .arena(let offset): unsafe arena.base + offset
                    }
                unsafe table.append(Operand(pointer: pointer, dtype: slot.type.dtype, shape: slot.type.shape))
            }
            let program = program
            try unsafe table.withUnsafeBufferPointer { table throws(ExecutionError) in
                try unsafe program.operands.withUnsafeBufferPointer { operands throws(ExecutionError) in
                    for instruction in program.instructions {
                        if Execution.isInterrupted { throw ExecutionError(.interrupted, origin: instruction.origin) }
                        guard let base = table.baseAddress, let first = operands.baseAddress else { return }
                        do throws(OpError) {
                            try unsafe instruction.work(Call(operands: base, slots: first + instruction.first, step: step))
                        } catch {
                            throw ExecutionError(error, origin: instruction.origin)
                        }
                    }
                }
            }
        }
    }
}

extension TensorType {
    /// Bytes of the elements; sizes were checked when the op was written.
    var byteCount: Int { (shape.elementCount ?? 0) * dtype.size }
}
