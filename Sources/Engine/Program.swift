internal import Graphs
internal import Synchronization

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
    /// Where an operand lies.
    func pointer(_ index: Int) -> UnsafeMutableRawPointer { unsafe operands[Int(slots[index])].pointer }
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
        /// The ops that it computes.
        let name: String
    }

    let slots: [Slot]
    let operands: [Int32]
    let instructions: [Instruction]
    /// How many instructions come before the first that writes to an input.
    let commit: Int
    let constants: [Storage]
    let arenaSize: Int
    let outputs: [TensorType]
    /// How many leading outputs take the places of as many inputs.
    let donated: Int
    /// Slots whose place differs from run to run.
    private let inputSlots: [(slot: Int, index: Int)]
    private let outputSlots: [(slot: Int, index: Int)]
    /// Frames with little memory, for the next run.
    private let frames = Mutex<[Frame]>([])
    private static let smallArena = 1 << 18

    init(
        slots: [Slot], operands: [Int32], instructions: [Instruction], commit: Int, constants: [Storage], arenaSize: Int,
        outputs: [TensorType], donated: Int
    ) {
        self.slots = slots
        self.operands = operands
        self.instructions = instructions
        self.commit = commit
        self.constants = constants
        self.arenaSize = arenaSize
        self.outputs = outputs
        self.donated = donated
        inputSlots = slots.enumerated().compactMap { if case .input(let index) = $1.place { ($0, index) } else { nil } }
        outputSlots = slots.enumerated().compactMap { if case .output(let index) = $1.place { ($0, index) } else { nil } }
    }

    /// Runs over storages: results in fresh ones. Nothing is donated.
    func run(_ inputs: [Storage], step: Int = 0) throws(ExecutionError) -> [Storage] {
        var results: [Storage] = []
        results.reserveCapacity(outputs.count)
        for type in outputs {
            guard let storage = Storage(byteCount: type.byteCount) else { throw ExecutionError(.memory(type), origin: -1) }
            results.append(storage)
        }
        let frame: Frame
        if let kept = frames.withLock({ $0.popLast() }) { frame = kept } else { frame = try Frame(self) }
        defer { if arenaSize <= Self.smallArena { frames.withLock { $0.append(frame) } } }
        unsafe try frame.run(inputs.map { unsafe $0.base }, results.map { unsafe $0.base }, step: UInt64(truncatingIfNeeded: step))
        withExtendedLifetime(inputs) {}
        return results
    }

    /// Working memory for one run at a time.
    func makeArena() throws(ExecutionError) -> Storage {
        if let arena = Storage(byteCount: arenaSize) { return arena }
        throw ExecutionError(.memory(bytes: Double(arenaSize), of: "this computation"), origin: -1)
    }

    /// A program's memory and operands, ready to be run on pointers, by one thread at a time.
    @safe final class Frame: @unchecked Sendable {
        private unowned let program: Program
        let arena: Storage
        private let table: UnsafeMutablePointer<Operand>
        private let count: Int

        /// - Parameter shared: working memory, at least as large as needed, that nobody else uses while this runs.
        init(_ program: Program, in shared: Storage? = nil) throws(ExecutionError) {
            self.program = program
            let arena = if let shared { shared } else { try program.makeArena() }
            self.arena = arena
            count = program.slots.count
            unsafe table = .allocate(capacity: max(count, 1))
            for (i, slot) in program.slots.enumerated() {
                let pointer =
                    switch slot.place {
                    case .input, .output: unsafe arena.base  // until a run says where
                    case .constant(let index): unsafe program.constants[index].base
                    case .arena(let offset): unsafe arena.base + offset
                    }
                unsafe (table + i).initialize(to: Operand(pointer: pointer, dtype: slot.type.dtype, shape: slot.type.shape))
            }
        }

        deinit {
            unsafe table.deinitialize(count: count)
            unsafe table.deallocate()
        }

        /// The pointers are those of the inputs and outputs, in order; those of donated outputs do not matter.
        ///
        /// - Parameter proceed: asked before the first input is written to; when it says no, all inputs are as they were,
        ///   and the outputs up to there are there.
        @unsafe func run(
            _ inputs: [UnsafeMutableRawPointer], _ outputs: [UnsafeMutableRawPointer], step: UInt64, proceed: () -> Bool = { true }
        ) throws(ExecutionError) {
            let program = program
            for (slot, index) in program.inputSlots { unsafe table[slot].pointer = inputs[index] }
            for (slot, index) in program.outputSlots { unsafe table[slot].pointer = outputs[index] }
            try run(0..<program.commit, step, isInterruptible: true)
            if program.commit < program.instructions.count, proceed() {
                try run(program.commit..<program.instructions.count, step, isInterruptible: program.donated == 0)
            }
        }

        private func run(_ range: Range<Int>, _ step: UInt64, isInterruptible: Bool) throws(ExecutionError) {
            try Execution.stoppably(isInterruptible) { () throws(ExecutionError) in try runAll(range, step, isInterruptible) }
        }

        private func runAll(_ range: Range<Int>, _ step: UInt64, _ isInterruptible: Bool) throws(ExecutionError) {
            let program = program
            let table = unsafe UnsafePointer(table)
            try unsafe program.operands.withUnsafeBufferPointer { operands throws(ExecutionError) in
                guard let first = operands.baseAddress else { return }
                let timer = Profile.isOn ? Profile.Timer(isBeginning: range.lowerBound == 0) : nil
                defer { timer?.end() }
                for index in range {
                    let instruction = program.instructions[index]
                    if isInterruptible, Execution.isInterrupted { throw ExecutionError(.interrupted, origin: instruction.origin) }
                    let start = timer?.now
                    do throws(OpError) {
                        try unsafe instruction.work(Call(operands: table, slots: first + instruction.first, step: step))
                    } catch {
                        throw ExecutionError(error, origin: instruction.origin)
                    }
                    if let timer, let start { timer.add(instruction, since: start) }
                }
            }
        }
    }
}
