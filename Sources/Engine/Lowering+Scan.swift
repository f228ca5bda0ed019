internal import Glibc
internal import Graphs
internal import Synchronization

extension Lowering {
    /// The body runs as a program of its own, on slices of the sequences. Where it works row by row on a batch, parts
    /// of the batch go through all steps by themselves, on different threads: there is no waiting between steps.
    func scan() throws(OpError) -> Lowered {
        let recurrence = try Recurrence(self)
        return .work { call throws(OpError) in
            try ThreadPool.run(recurrence.parts.count) { part throws(OpError) in try recurrence.run(part, call) }
        }
    }
}

/// A `_scan` of known shapes.
private final class Recurrence: Sendable {
    /// Rows of the batch, and who computes them.
    struct Part: Sendable {
        let rows: Range<Int>
        let runner: Runner
    }
    let parts: [Part]

    /// A result or input by its place among the operands of the call, as the body's program sees it.
    struct Flow: Sendable {
        let operand: Int
        /// From one step to the next, 0 for what all steps see.
        let stepBytes: Int
        /// From one row to the next, 0 for what all rows see.
        let rowBytes: Int
    }
    /// A carry of the body that somebody needs: where it begins, ends, and what each step begins with is kept.
    struct Carry: Sendable {
        let start: Flow
        let end: Flow?
        let history: Flow?
        let argument: Int
    }
    private let carries: [Carry]
    private let ys: [Flow]
    /// Slices and captures with the body's argument that they are.
    private let fixed: [(argument: Int, flow: Flow)]
    private let arguments: Int
    private let steps: Int
    private let reverse: Bool

    private static let programs = ProgramCache<Graph>()

    init(_ lowering: Lowering) throws(OpError) {
        let (arguments, inputs, results) = (lowering.arguments, lowering.inputs, lowering.results)
        let (carries, sequences) = (arguments.int("carries"), arguments.int("sequences"))
        let whole = arguments.graph("body")
        let ys = whole.outputs.count - carries
        self.arguments = inputs.count
        reverse = arguments.bool("reverse")
        let steps = sequences > 0 ? inputs[carries].shape[0] : results.dropFirst(carries).first?.shape[0] ?? 0

        self.steps = steps

        // Only what somebody needs is computed.
        let places = whole.arguments.map { Ref(Int($0)) }
        let neededYs = (carries..<carries + ys).filter { lowering.isNeeded[$0] }
        var live = Set((0..<carries).filter { lowering.isNeeded[$0] || lowering.isNeeded[carries + ys + $0] })
        while true {
            let (_, met) = whole.needed(for: (live.sorted() + neededYs).map { whole.outputs[$0] }, beyond: Set(places))
            let more = (0..<carries).filter { met.contains(places[$0]) && !live.contains($0) }
            if more.isEmpty { break }
            live.formUnion(more)
        }
        let liveCarries = live.sorted()
        let body = whole.part(from: places, to: (liveCarries + neededYs).map { whole.outputs[$0] })

        // The batch is the first axis of what changes from step to step.
        let moving = liveCarries + (carries..<carries + sequences)
        let batch = liveCarries.first.flatMap { inputs[$0].shape.first } ?? 0
        let cut = moving.filter { ($0 < carries ? inputs[$0].shape : Array(inputs[$0].shape.dropFirst())).first == batch }
        let count = Self.parts(batch, body: body, steps: steps)
        let split = count > 1 ? RowSplit(body, cutting: cut) : nil
        func flow(_ operand: Int, _ bytes: Int, isCut: Bool, along: Bool) -> Flow {
            let stepBytes = along ? bytes / max(1, steps) : bytes
            return Flow(operand: operand, stepBytes: along ? stepBytes : 0, rowBytes: isCut ? stepBytes / batch : 0)
        }
        func result(_ number: Int, along: Bool) -> Flow? {
            lowering.isNeeded[number]
                ? flow(inputs.count + number, results[number].byteCount, isCut: split != nil, along: along) : nil
        }
        func input(_ number: Int) -> Flow {
            flow(
                number, inputs[number].byteCount, isCut: split?.isCut[number] ?? false,
                along: carries..<carries + sequences ~= number)
        }
        self.carries = liveCarries.map { k in
            Carry(start: input(k), end: result(k, along: false), history: result(carries + ys + k, along: true), argument: k)
        }
        self.ys = neededYs.compactMap { result($0, along: true) }
        fixed = (carries..<inputs.count).map { ($0, input($0)) }

        var runners: [Int: Runner] = [:]
        func runner(_ rows: Int) throws(OpError) -> Runner {
            if let runner = runners[rows] { return runner }
            let graph = try split.map { split throws(OpError) in try split.graph(rows: rows) } ?? body
            do throws(ExecutionError) {
                let runner = Runner(try Self.programs.program(for: graph) { () throws(ExecutionError) in graph })
                runners[rows] = runner
                return runner
            } catch { throw error.error }
        }
        var parts: [Part] = []
        if split == nil {
            parts = [Part(rows: 0..<batch, runner: try runner(batch))]
        } else {
            let rows = (batch + count - 1) / count
            for start in stride(from: 0, to: batch, by: rows) {
                let range = start..<min(start + rows, batch)
                parts.append(Part(rows: range, runner: try runner(range.count)))
            }
        }
        self.parts = parts
    }

    /// How many parts a batch is computed in: of at most 16 rows, but at least two where it is worth waking a thread.
    private static func parts(_ batch: Int, body: Graph, steps: Int) -> Int {
        var work = 0
        for index in body.nodes.indices {
            guard case .op(let id) = body.nodes[index].content else { continue }
            var inner = 1
            if case .special(.matmul) = Op.at(id).kernel, let a = body.inputs(of: index).first {
                inner = body.type(of: a).shape.last ?? 1
            }
            work += inner * (body.type(of: Ref(index)).shape.elementCount ?? 0)
        }
        return steps * work < 1 << 18 ? 1 : max((batch + 15) / 16, min(2, batch / 4))
    }

    /// All steps of some rows.
    func run(_ number: Int, _ call: Call) throws(OpError) {
        let (rows, runner) = (parts[number].rows, parts[number].runner)
        func place(_ flow: Flow, _ step: Int) -> UnsafeMutableRawPointer {
            unsafe call.pointer(flow.operand) + (step * flow.stepBytes + rows.lowerBound * flow.rowBytes)
        }
        func byteCount(_ flow: Flow) -> Int {
            flow.rowBytes > 0 ? rows.count * flow.rowBytes : unsafe call[flow.operand].byteCount
        }
        if steps == 0 {
            for carry in carries {
                if let end = carry.end { unsafe memcpy(place(end, 0), place(carry.start, 0), byteCount(carry.start)) }
            }
            return
        }
        let workspace = try runner.take(
            carries.map { byteCount($0.start) }, arguments: arguments, outputs: carries.count + ys.count)
        defer { runner.give(workspace) }
        /// The position in the sequence: it names the step's random draws, too, so that a gradient meets the same.
        func position(of step: Int) -> Int { reverse ? steps - 1 - step : step }
        for (k, carry) in carries.enumerated() {
            unsafe workspace.from[carry.argument] = place(carry.start, 0)
            if let history = carry.history {
                unsafe memcpy(place(history, position(of: 0)), place(carry.start, 0), byteCount(carry.start))
            }
            unsafe workspace.to[k] = workspace.from[carry.argument]
        }
        for step in 0..<steps {
            let at = position(of: step)
            for (argument, flow) in fixed { unsafe workspace.from[argument] = place(flow, at) }
            for (k, carry) in carries.enumerated() {
                unsafe workspace.from[carry.argument] = workspace.to[k]
                // Straight to where it is wanted.
                if step == steps - 1, let end = carry.end {
                    unsafe workspace.to[k] = place(end, 0)
                } else if step < steps - 1, let history = carry.history {
                    unsafe workspace.to[k] = place(history, position(of: step + 1))
                } else {
                    unsafe workspace.to[k] = workspace.carries[k][step & 1].base
                }
            }
            for (k, flow) in ys.enumerated() { unsafe workspace.to[carries.count + k] = place(flow, at) }
            try workspace.run(step: call.step &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(at) &+ 1)
        }
    }
}

/// A body's program with the memory of those who run it, kept from call to call.
private final class Runner: Sendable {
    private let program: Program
    private let idle = Mutex<[Workspace]>([])

    init(_ program: Program) { self.program = program }

    func take(_ carryBytes: [Int], arguments: Int, outputs: Int) throws(OpError) -> Workspace {
        if let workspace = idle.withLock({ $0.popLast() }) { return workspace }
        return try Workspace(program, carryBytes, arguments: arguments, outputs: outputs)
    }
    func give(_ workspace: Workspace) { idle.withLock { $0.append(workspace) } }
}

/// The memory of one thread's way through the steps.
///
/// `Sendable` holds because one thread at a time has taken it from its runner.
@safe private final class Workspace: @unchecked Sendable {
    private let program: Program
    private let frame: Program.Frame
    /// Two places for each carry: a step reads one and writes the other.
    let carries: [[Storage]]
    /// What the program reads and writes.
    @unsafe var from: [UnsafeMutableRawPointer]
    @unsafe var to: [UnsafeMutableRawPointer]

    init(_ program: Program, _ carryBytes: [Int], arguments: Int, outputs: Int) throws(OpError) {
        self.program = program
        do throws(ExecutionError) { frame = try Program.Frame(program) } catch { throw error.error }
        var carries: [[Storage]] = []
        for bytes in carryBytes { carries.append([try scratch(bytes), try scratch(bytes)]) }
        self.carries = carries
        // Every place is written before a run.
        let nowhere = unsafe UnsafeMutableRawPointer(bitPattern: 64)!
        unsafe from = Array(repeating: nowhere, count: arguments)
        unsafe to = Array(repeating: nowhere, count: outputs)
    }

    func run(step: UInt64) throws(OpError) {
        do throws(ExecutionError) { unsafe try frame.run(from, to, step: step) } catch { throw error.error }
    }
}
