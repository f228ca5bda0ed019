internal import Engine
internal import Graphs
internal import Syntax

/// Runs bytecode: the evaluator of scripts, and in check mode the check.
///
/// One machine serves one script or prompt. Calls of tfs functions do not nest Swift calls; only Swift code that
/// calls back (`grad`, `map`, a layer's application) does, and the machine runs on a stack large enough
/// for the 10,000 calls that the language allows.
public final class Machine {
    unowned let session: Session
    /// The session's, held here because going by way of it is counted at every step.
    let library: StandardLibrary
    let standard: StandardValues
    /// Whether this is the check: nothing is computed, printed or written, and unknown values are followed.
    let isCheck: Bool
    private let isQuick: Bool
    var frames = FrameStack(capacity: Machine.deepest + 1)
    private let stack: Registers
    private var stackTop = 0
    private var stackPrepared = 0
    /// Defaults in force, innermost last.
    var defaults: [Defaults] = []
    /// Layers whose bodies are running, innermost last.
    var applications: [Application] = []
    /// Models whose stacks are being built, innermost last.
    var constructions: [Construction] = []
    var random = RandomStream(seed: 0)
    /// How many traces (compiled code) are being made; inside one nobody may look at data.
    var traceDepth = 0
    var isTraining = false
    /// The dtype in which every layer computes, whatever its own: `in_f64` sets it.
    var precision: DType?
    /// Values that stand for parameters and states while a step is traced or `with_params` is in force.
    var substitutions: [ObjectIdentifier: Tensor] = [:]
    var failedExpectations: [Diagnostic] = []
    var measurements = Measurements()
    /// What `because` said since an `expect` was last decided.
    var reasons: [Reason] = []
    /// The instruction at which the outermost code stood when it last failed.
    private(set) var stoppedAt = 0
    var check = CheckState()
    /// What estimators know of their data while their fields are evaluated.
    var glimpses: [Glimpse] = []
    /// What `update` said during the outermost application.
    var pendingUpdates: [(LayerParameter, Tensor)] = []
    /// While code is traced or a profile made: the lines of the models' parts that are running, with the frames below
    /// them, since the script's own innermost line is that of a call such as `fit`.
    var profiledParts: [(origin: Int32, depth: Int)] = []
    /// Sees what each layer gives, while one looks for a number that is not finite.
    var outputProbe: ((Layer, Tensor) -> Void)?
    /// What the running application takes, while one counts.
    var tally: Tally?
    /// What `add_loss` said.
    var addedLosses: [Tensor] = []
    /// The bytes of the string that was formatted last.
    var formatted: [UInt8] = []
    /// Turns of builtins that call functions once per element, with the frames below them.
    var callbackTurns: [(depth: Int, count: Int)] = []
    /// The slots of optimizers that scripts apply by hand.
    var handSlots: [ObjectIdentifier: HandSlots] = [:]

    var remembered = RememberedCalls()
    private(set) lazy var immediates = Opcode.immediates

    static let stackCapacity = 4 << 20
    static let deepest = 10_000

    init(session: Session, isCheck: Bool) {
        self.session = session
        (library, standard) = (session.library, session.standard)
        self.isCheck = isCheck
        isQuick = session.isQuick
        stack = Registers(rawCapacity: Self.stackCapacity)
    }
    deinit {
        stack.release(prepared: stackPrepared)
        frames.release()
    }

    /// Room for a call's registers above those in use; false when the stack is full.
    @inline(__always) private func reserve(_ count: Int) -> Bool {
        stackTop + count <= stackPrepared || prepareStack(count)
    }

    @inline(never) private func prepareStack(_ count: Int) -> Bool {
        let target = min(max(stackTop + count, stackPrepared + 4096), Self.stackCapacity)
        if stackTop + count > target { return false }
        stack.prepare(stackPrepared..<target)
        stackPrepared = target
        return true
    }

    // MARK: Entering

    /// Runs a file's code (or an entry of the prompt) in its module's registers.
    func run(_ code: Code, in module: Module) throws -> Value {
        if module.registerCapacity < code.registerCount { module.grow(to: code.registerCount) }
        let function = Function(code.name, .code(code, captures: [], module: module))
        return try enter(function, registers: module.registers, onStack: false)
    }

    /// Calls a function's code with its parameters already bound.
    func invoke(_ code: Code, _ arguments: [Value], captures: [Value], module: Module) throws -> Value {
        let function = Function(code.name, .code(code, captures: captures, module: module))
        return try invoke(function, arguments)
    }

    /// Calls a `fn` or lambda with a value for each parameter.
    func invoke(_ function: Function, _ arguments: [Value]) throws -> Value {
        guard let entry = function.entry else { preconditionFailure("only code has frames") }
        guard frames.count < Self.deepest, reserve(entry.registerCount) else { throw Fault.tooDeep }
        let registers = stack.advanced(by: stackTop)
        registers.clear(0..<entry.registerCount)
        for index in arguments.indices { registers[index] = arguments[index] }
        return try enter(function, registers: registers, onStack: true)
    }

    private func enter(_ function: Function, registers: Registers, onStack: Bool) throws -> Value {
        let depth = frames.count
        let code = function.body.code
        pushFrame(function, registers: registers, onStack: onStack)
        if isCheck { code.wasChecked = true }
        defer { withExtendedLifetime(function) {} }
        do {
            let exit = isCheck ? try loop(Checking.self, region: nil) : try loop(Running.self, region: nil)
            guard case .returned(let value) = exit else { return .unknown }
            return value
        } catch {
            let described = describe(error, above: depth)
            if depth == 0 { stoppedAt = frames[0].pc }
            unwind(to: depth)
            throw described
        }
    }

    /// A frame that Swift code waits for.
    func pushFrame(_ function: Function, registers: Registers, pc: Int = 0, onStack: Bool) {
        guard let entry = function.entry else { preconditionFailure("only code has frames") }
        frames.append(
            unsafe Frame(
                .passUnretained(function), entry, registers, pc: pc, result: 0, stackBase: stackTop,
                defaultsDepth: defaults.count, isBarrier: true))
        if onStack { stackTop += entry.registerCount }
    }

    /// A frame for a call out of the machine's own loops, whose caller goes on behind `pc`; `nil` where that takes more
    /// than plain steps: no room is prepared, or calls nest too deep.
    @inline(__always) func pushPlain(_ function: Unmanaged<Function>, _ entry: Entry, result: Int, pc: Int) -> Registers? {
        guard stackTop + entry.registerCount <= stackPrepared, frames.count < Self.deepest else { return nil }
        frames[frames.count - 1].pc = pc
        let window = stack.advanced(by: stackTop)
        if entry.looksAtUnset { window.clear(0..<entry.registerCount) }
        frames.append(
            unsafe Frame(
                function, entry, window, result: result, stackBase: stackTop, defaultsDepth: defaults.count, isBarrier: false))
        stackTop += entry.registerCount
        return window
    }

    /// Drops the frames above `depth` and what belongs to them.
    func unwind(to depth: Int) {
        while frames.count > depth { popFrame() }
    }

    @inline(__always) func popFrame() {
        let frame = frames[frames.count - 1]
        frames.removeLast()
        if frame.stackBase < stackTop {
            // A register left behind would keep its tensor alive until somebody happens to overwrite it.
            frame.registers.letGo(frame.registerCount)
        }
        stackTop = frame.stackBase
        if defaults.count > frame.defaultsDepth { defaults.removeLast(defaults.count - frame.defaultsDepth) }
        if isCheck { check.pending[frames.count + 1] = nil }
    }

    /// Where the innermost frame stands.
    var currentRange: SourceRange? {
        guard let frame = frames.last, frame.pc < frame.code.ranges.count else { return nil }
        return frame.code.ranges[frame.pc]
    }

    // MARK: The loop

    enum Exit {
        case returned(Value)
        /// In the check: control reached the end of the region, or left it for this place.
        case reached(Int)
    }

    /// Runs until the innermost barrier frame returns, or in the check until control leaves a region of it.
    func loop<M: Mode>(_ mode: M.Type, region: Range<Int>?) throws -> Exit {
        let depth = frames.count
        var regs = frames[depth - 1].registers
        var program = frames[depth - 1].program
        var globals = frames[depth - 1].globals
        var pc = frames[depth - 1].pc
        if let region { pc = region.lowerBound }

        while true {
            if M.isCheck {
                if let region, frames.count == depth, !region.contains(pc) { return .reached(pc) }
                check.steps += 1
            } else if isQuick, program[pc].opcode.isPlain {
                pc = runPlain(pc)
                let frame = frames[frames.count - 1]
                regs = frame.registers
                program = frame.program
                globals = frame.globals
            }
            let instruction = program[pc]
            switch instruction.opcode {
            case .move: regs[instruction.a] = program.value(instruction.b, regs)
            case .take: regs[instruction.a] = regs.take(instruction.b)
            case .global:
                let value = globals[instruction.b]
                if case .unset = value {
                    frames[frames.count - 1].pc = pc
                    regs[instruction.a] = try unsetGlobal(instruction.b)
                } else {
                    regs[instruction.a] = value
                }

            // Operators
            case .add:
                frames[frames.count - 1].pc = pc
                try add(instruction, program, regs)
            case .push:
                frames[frames.count - 1].pc = pc
                try push(instruction, program, regs)
            case .subtract, .multiply, .divide, .power, .matmul:
                frames[frames.count - 1].pc = pc
                try arithmetic(instruction, program, regs)
            case .floorDivide, .modulo, .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual, .contains:
                frames[frames.count - 1].pc = pc
                regs[instruction.a] = try binary(
                    instruction.opcode, program.value(instruction.b, regs), program.value(instruction.c, regs))
            case .negate:
                frames[frames.count - 1].pc = pc
                regs[instruction.a] = try negate(program.value(instruction.b, regs))
            case .not:
                frames[frames.count - 1].pc = pc
                regs[instruction.a] = try not(program.value(instruction.b, regs))

            // Jumps
            case .jump:
                if M.isCheck, instruction.wide <= pc, checkShouldLeaveLoop() {
                    frames[frames.count - 1].pc = pc
                    pc = cutLoop(at: instruction.wide, from: pc, regs)
                    continue
                }
                pc = instruction.wide
                continue
            case .jumpIfFalse:
                if case .bool(let condition) = regs[instruction.a] {
                    if !condition {
                        pc = instruction.wide
                        continue
                    }
                } else {
                    frames[frames.count - 1].pc = pc
                    if let condition = try truth(regs[instruction.a]) {
                        if !condition {
                            pc = instruction.wide
                            continue
                        }
                    } else {
                        switch try followBoth(pc, instruction.wide, regs) {
                        case .returned(let value):
                            if let exit = finishReturn(value, &regs, &program, &globals, &pc) { return exit }
                            continue
                        case .reached(let place):
                            pc = place
                            continue
                        }
                    }
                }
            case .jumpAnd, .jumpOr:
                let short = instruction.opcode == .jumpOr
                if case .bool(let condition) = regs[instruction.a] {
                    if condition == short {
                        pc = instruction.wide
                        continue
                    }
                } else {
                    frames[frames.count - 1].pc = pc
                    try requireLogical(regs[instruction.a], instruction.opcode)
                }
            case .and, .or:
                frames[frames.count - 1].pc = pc
                regs[instruction.a] = try logical(
                    instruction.opcode, regs[instruction.b], program.value(instruction.c, regs))
            case .jumpIfSet:
                if case .unset = regs[instruction.a] {} else {
                    pc = instruction.wide
                    continue
                }

            // Loops
            case .iterate:
                frames[frames.count - 1].pc = pc
                let source = program.value(instruction.b, regs)
                if !M.isCheck, beginLoop(source, regs.advanced(by: Int(instruction.a))) {} else {
                    regs[instruction.a] = .iterator(try iterator(over: source, names: Int(instruction.c)))
                }
            case .next:
                frames[frames.count - 1].pc = pc
                if case .iterator(let iterator) = regs[instruction.a] {
                    if M.isCheck, iterator.isUnknown {
                        if try followUnknownLoop(iterator, instruction, pc, regs) {
                            pc += Int(instruction.c)
                            continue
                        }
                    } else if let value = try iterator.next(self) {
                        regs[instruction.b] = value
                    } else {
                        regs[instruction.a] = .unset
                        pc += Int(instruction.c)
                        continue
                    }
                } else if let value = nextElement(regs.advanced(by: Int(instruction.a))) {
                    regs[instruction.b] = value
                } else {
                    pc += Int(instruction.c)
                    continue
                }
                if Execution.isInterrupted { throw Interruption() }
            case .turn:
                guard case .int(let turns) = regs[instruction.a] else { preconditionFailure("`turn` without a count") }
                regs.set(instruction.a, .int(turns &+ 1))
                if Execution.isInterrupted { throw Interruption() }

            // Calls
            case .callGlobal, .callPlain:
                let isGlobal = instruction.opcode == .callGlobal
                // A caller stands at its `callPlain`, behind which it goes on.
                if isGlobal { pc += 1 }
                frames[frames.count - 1].pc = pc
                if Execution.isInterrupted { throw Interruption() }
                let found = unsafe isGlobal
                    ? globals.callee(instruction.c, taking: Int(instruction.b)) : regs.callee(instruction.a, taking: Int(instruction.b))
                if let (function, entry) = unsafe found, reserve(entry.registerCount) {
                    if frames.count >= Self.deepest { throw Fault.tooDeep }
                    if M.isCheck {
                        if checkShouldCutCall() {
                            regs[instruction.a] = .unknown
                            break
                        }
                        unsafe function.takeUnretainedValue().body.code.wasChecked = true
                    }
                    let window = stack.advanced(by: stackTop)
                    window.clear(0..<entry.registerCount)
                    let first = Int(instruction.a) + 1
                    for index in 0..<Int(instruction.b) { window[index] = regs[first + index] }
                    frames.append(
                        unsafe Frame(
                            function, entry, window, result: Int(instruction.a), stackBase: stackTop, defaultsDepth: defaults.count,
                            isBarrier: false))
                    stackTop += entry.registerCount
                    program = entry.program
                    globals = entry.globals
                    regs = window
                    pc = 0
                    continue
                }
                if isGlobal {
                    let value = globals[instruction.c]
                    if case .unset = value { regs[instruction.a] = try unsetGlobal(instruction.c) } else { regs[instruction.a] = value }
                    continue
                }
                regs[instruction.a] = try call(at: instruction, regs)
            case .call:
                frames[frames.count - 1].pc = pc
                let value = try call(at: instruction, regs)
                regs[instruction.a] = value
            case .method:
                frames[frames.count - 1].pc = pc
                let value = try method(at: instruction, regs)
                regs[instruction.a] = value
            case .pipe:
                frames[frames.count - 1].pc = pc
                let function = program.value(instruction.b, regs)
                let argument = program.value(instruction.c, regs)
                regs[instruction.a] = try call(function, [argument])
            case .return:
                let value = regs[instruction.a]
                if let exit = finishReturn(value, &regs, &program, &globals, &pc) { return exit }
                continue

            default:
                frames[frames.count - 1].pc = pc
                try executeRarely(instruction, program, regs)
            }
            pc += 1
        }
    }

    /// Leaves the innermost frame: the loop's exit when Swift code waits for it, otherwise the caller goes on.
    @inline(__always) private func finishReturn(
        _ value: Value, _ regs: inout Registers, _ program: inout Program, _ globals: inout Registers, _ pc: inout Int
    ) -> Exit? {
        var value = value
        if isCheck {
            if check.regionDepths.last == frames.count {
                // The frame itself goes on beside this way; its caller learns of the value when it ends.
                return .returned(value)
            }
            if let pending = check.pending[frames.count] { value = merge(value, pending) }
        }
        let frame = frames[frames.count - 1]
        let result = frame.result
        popFrame()
        if frame.isBarrier { return .returned(value) }
        let caller = frames[frames.count - 1]
        regs = caller.registers
        program = caller.program
        globals = caller.globals
        pc = caller.pc + 1
        regs[result] = value
        return nil
    }
}

/// Which of its two lives the loop is compiled for.
protocol Mode {
    static var isCheck: Bool { get }
}
enum Running: Mode { static var isCheck: Bool { false } }
enum Checking: Mode { static var isCheck: Bool { true } }

/// Thrown when the user interrupts.
struct Interruption: Error {}
