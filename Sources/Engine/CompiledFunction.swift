public import Graphs

/// A traced piece of code, compiled: arguments → outputs. What the outputs need beside the arguments is captured:
/// it is computed once and bound. Running it builds no graph.
///
/// Random ops whose keys were made after the arguments draw anew at every run, by its `step`.
public final class CompiledFunction: @unchecked Sendable {
    private let program: Program
    let types: [TensorType]
    let captures: [Storage]
    let origins: [Int32]
    public let outputTypes: [TensorType]
    /// How many leading outputs may take the memory of as many arguments (`advance`).
    let donated: Int
    /// Updates that `advance` makes row by row, beside the program.
    let rowUpdates: [RowUpdate]
    /// What the program gives behind the donated outputs: the others, then what row updates need.
    let resultTypes: [TensorType]
    private var frame: Program.Frame?

    /// - Parameter precision: `.bf16` rounds the arguments of large products to it.
    public convenience init(arguments: [Tensor], outputs: [Tensor], donated: Int = 0, precision: DType = .f32) throws(OpError) {
        try self.init(arguments, outputs, donated: donated, precision: precision, updatesRows: true)
    }

    /// - Parameter updatesRows: whether large tables are updated row by row, as rows are read; the results are the same.
    init(_ arguments: [Tensor], _ outputs: [Tensor], donated: Int, precision: DType = .f32, updatesRows: Bool) throws(OpError) {
        precondition(zip(arguments, outputs).prefix(donated).allSatisfy { $0.type == $1.type }, "donated outputs have their arguments' types")
        self.donated = donated
        let isInside = Tensor.inside(arguments, outputs)
        let line = Linearisation(of: outputs.map(\.edge), arguments: arguments.map(\.edge)) { !isInside($0) }
        types = arguments.map(\.type)
        let numbers = line.numbers(from: arguments.count)
        let captured = line.leaves.indices.dropFirst(arguments.count).filter { numbers[$0] == nil }.map { Tensor(line.leaves[$0]) }
        for tensor in captured where tensor.availability != .available {
            throw OpError("E0210", "compiled code cannot depend on a value that belongs to other compiled code")
        }
        do throws(ExecutionError) {
            func make() throws(ExecutionError) -> Parts {
                // The graph first: computing walks the same nodes anew.
                let graph = try line.graph(outputs.map(\.edge), constants: numbers)
                return try Parts(graph, captured, arguments: arguments.count, donated: donated, precision, updatesRows: updatesRows)
            }
            var parts: Parts
            // Vectors that a step captures, keys of draws among them, shape no program; larger captures may.
            if donated > 0 ? captured.allSatisfy({ $0.rank <= 1 }) : captured.isEmpty {
                let form = Form(
                    structure: line.structure(outputs.map(\.edge)), numbers: numbers.mapValues(\.bitPattern), arguments: arguments.count,
                    donated: donated, precision: precision, updatesRows: updatesRows)
                parts = try Self.known.value(for: form, make: make)
                parts.captures = try captured.map { tensor throws(ExecutionError) in try tensor.computedStorage() }
            } else {
                parts = try make()
            }
            (program, captures, rowUpdates, resultTypes) = (parts.program, parts.captures, parts.rowUpdates, parts.resultTypes)
        } catch { throw error.error }
        origins = line.origins
        outputTypes = outputs.map(\.type)
    }

    /// What training, evaluating and predicting make once for each structure, however often they are called.
    private static let known = StructureCache<Form, Parts>(most: 32)

    private struct Form: Hashable {
        let structure: Linearisation.Structure
        /// The bits of numbers among the leaves.
        let numbers: [Int: UInt64]
        let arguments: Int
        let donated: Int
        let precision: DType
        let updatesRows: Bool
    }

    private struct Parts: Sendable {
        let program: Program
        var captures: [Storage]
        let rowUpdates: [RowUpdate]
        let resultTypes: [TensorType]

        init(
            _ traced: Graph, _ captured: [Tensor], arguments: Int, donated: Int, _ precision: DType, updatesRows: Bool
        ) throws(ExecutionError) {
            var graph = traced
            do throws(OpError) {
                if donated == 0 { graph = try graph.normsFolded(graph.fixedNodes(from: arguments)) }
                if precision == .bf16 { graph = try graph.narrowed() }
            } catch { throw ExecutionError(error, origin: -1) }
            try Tensor.compute(captured)
            captures = []
            for tensor in captured { captures.append(try tensor.computedStorage()) }
            if donated == 0, !captured.isEmpty {
                // What depends on captures alone is computed here and now.
                let (fixed, rest) = graph.hoisted(graph.fixedNodes(from: arguments), from: arguments)
                var made = try Program.compile(fixed.computed).run(captures)[...]
                let given = captures
                captures = fixed.outputs.map { output in
                    if case .input(let index) = fixed.nodes[Int(output.node)].content { given[index] } else { made.removeFirst() }
                }
                graph = rest
            }
            (graph, rowUpdates) = updatesRows ? graph.takingOutRowUpdates(donated: donated, given: arguments) : (graph, [])
            resultTypes = graph.outputs.dropFirst(donated).map { graph.type(of: $0) }
            program = try Program.compile(graph, donated: donated, fixed: arguments)
        }
    }

    /// The outputs for these inputs, nothing donated. `step` numbers the run: random draws differ from step to step.
    public func run(_ inputs: [Tensor], step: Int = 0) throws(ExecutionError) -> [Tensor] {
        precondition(inputs.map(\.type) == types, "inputs of the arguments' types")
        precondition(rowUpdates.isEmpty, "row updates belong to a memory")
        try Tensor.compute(inputs)
        var storages: [Storage] = []
        storages.reserveCapacity(inputs.count + captures.count)
        for input in inputs { storages.append(try input.computedStorage()) }
        let results: [Storage]
        do throws(ExecutionError) { results = try program.run(storages + captures, step: step) } catch { throw error.placed(in: origins) }
        Profile.attribute(origins)
        return zip(outputTypes, results).map { Tensor($0, $1) }
    }

    /// The memory of steps. Programs of one training (for full batches and for the last, short one) share it.
    func stepFrame(in memory: StepMemory) throws(ExecutionError) -> Program.Frame {
        if memory.arena?.byteCount ?? -1 < program.arenaSize { memory.arena = try program.makeArena() }
        if let frame, frame.arena === memory.arena { return frame }
        let made = try Program.Frame(program, in: memory.arena)
        frame = made
        return made
    }

    /// Bytes of working memory that a run takes beside its results.
    public var workingBytes: Int { program.arenaSize }
    /// The number of instructions of a run.
    public var instructionCount: Int { program.instructions.count }
}

extension Tensor {
    /// Which nodes below the outputs belong to a trace: those that depend on its arguments, or draw random numbers by
    /// a key that was made in it.
    static func inside(_ arguments: [Tensor], _ outputs: [Tensor]) -> (Node) -> Bool {
        let start = arguments.map(\.edge.node.serial).min() ?? 0
        var known: [ObjectIdentifier: Bool] = [:]
        for argument in arguments { known[ObjectIdentifier(argument.edge.node)] = true }
        for output in outputs {
            var stack: [(node: Node, next: Int)] = [(output.edge.node, 0)]
            while let (node, next) = stack.last {
                if next == 0, known[ObjectIdentifier(node)] != nil {
                    stack.removeLast()
                } else if next < node.inputs.count {
                    stack[stack.count - 1].next += 1
                    if known[ObjectIdentifier(node.inputs[next].node)] == nil { stack.append((node.inputs[next].node, 0)) }
                } else {
                    stack.removeLast()
                    known[ObjectIdentifier(node)] = node.inputs.contains { edge in
                        if case .key = edge.node.content { return edge.node.serial > start }
                        return known[ObjectIdentifier(edge.node)] == true
                    }
                }
            }
        }
        return { known[ObjectIdentifier($0)] == true }
    }
}

/// A recurrence as one op: `bodyOutputs` (carries, then ys) are traced from `bodyArguments` (carries, then the slices
/// of the sequences along axis 0); whatever else they need is captured.
public func scan(
    carries: [Tensor], sequences: [Tensor], reverse: Bool = false, bodyArguments: [Tensor], bodyOutputs: [Tensor],
    origin: Int32
) throws(OpError) -> (carries: [Tensor], ys: [Tensor]) {
    let isInside = Tensor.inside(bodyArguments, bodyOutputs)
    let line = Linearisation(of: bodyOutputs.map(\.edge), arguments: bodyArguments.map(\.edge)) { !isInside($0) }
    let captures = line.leaves[bodyArguments.count...].map { Tensor($0) }
    var body: Graph
    do throws(ExecutionError) { body = try line.graph(bodyOutputs.map(\.edge)) } catch { throw error.error }
    let origins = line.origins
    body.origins = body.origins.map { $0 >= 0 ? origins[Int($0)] : $0 }
    let attributes = Op.scanAttributes(body: body, carries: carries.count, sequences: sequences.count, reverse: reverse)
    let results = try Tensor.apply(Op.scanRow, carries + sequences + captures, attributes, origin: origin)
    let visible = bodyOutputs.count
    // What is for gradients is stored only when one asks for it.
    if results[0].edge.node.isComposed { results[0].edge.node.wanted = visible }
    return (Array(results[..<carries.count]), Array(results[carries.count..<visible]))
}
