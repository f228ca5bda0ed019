internal import CKernels
internal import Graphs

extension Program {
    /// Compiles a graph: nodes that no output needs are left out, element-wise ops are fused, what depends on constants
    /// alone is computed now, and results are planned into one arena by their lifetimes, in place where an input ends
    /// with the instruction.
    ///
    /// - Parameter donated: how many leading outputs replace as many leading inputs of the same types. They are written
    ///   after everything else is computed.
    /// - Parameter fixed: from which input on they are the same at every run.
    static func compile(_ graph: Graph, donated: Int = 0, fixed: Int = .max) throws(ExecutionError) -> Program {
        try Profile.compiling { () throws(ExecutionError) in
            var compiler = Compiler(graph, donated, fixed)
            return try compiler.compile()
        }
    }
}

private struct Compiler {
    let graph: Graph
    let donated: Int
    let fixed: Int
    let schedule: Schedule

    /// Memory that one or more slots (a value and its reshapes) share.
    struct Buffer {
        let bytes: Int
        var place: Program.Place?
        var lastUse = -1
    }
    /// An instruction before its operands have places.
    struct Draft {
        var work: Work
        var inputs: [Int]
        var results: [Int]
        /// Which result may lie where which input lies.
        var reuse: [(result: Int, input: Int)]
        let origin: Int32
        let name: String
        /// The loops that it runs, one after the other.
        var kernels: [FusedKernel] = []
    }
    var buffers: [Buffer] = []
    var slots: [(type: TensorType, buffer: Int)] = []
    var drafts: [Draft] = []
    var constants: [Storage] = []
    /// The number of drafts before the first that writes to an input.
    var commit = 0
    var slotOf: [Ref: Int] = [:]
    var isUsed: Set<Ref> = []

    init(_ graph: Graph, _ donated: Int, _ fixed: Int) {
        self.graph = graph
        self.donated = donated
        self.fixed = fixed
        schedule = Schedule(graph, donated: donated)
    }

    mutating func compile() throws(ExecutionError) -> Program {
        for output in graph.outputs { isUsed.insert(output) }
        for (index, isLive) in graph.needed.enumerated() where isLive { for input in graph.inputs(of: index) { isUsed.insert(input) } }
        for (index, item) in schedule.items.enumerated() {
            if index == schedule.commit { commit = drafts.count }
            switch item {
            case .node(let node, let finish): try add(node, finish)
            case .group(let group): add(group)
            }
        }
        if schedule.commit >= schedule.items.count { commit = drafts.count }
        deliver()
        let arenaSize = plan()
        var operands: [Int32] = []
        var instructions: [Program.Instruction] = []
        for draft in drafts {
            instructions.append(
                Program.Instruction(work: draft.work, first: operands.count, origin: draft.origin, name: draft.name))
            operands += (draft.inputs + draft.results).map { Int32($0) }
        }
        return Program(
            slots: slots.map { Program.Slot(type: $0.type, place: buffers[$0.buffer].place ?? .arena(0)) },
            operands: operands, instructions: instructions, commit: commit, constants: constants, arenaSize: arenaSize,
            outputs: graph.outputs.map { graph.type(of: $0) }, donated: donated)
    }

    // MARK: Slots

    private mutating func makeSlot(_ type: TensorType, _ place: Program.Place? = nil) -> Int {
        buffers.append(Buffer(bytes: type.byteCount, place: place))
        slots.append((type, buffers.count - 1))
        return slots.count - 1
    }

    /// Where a result lies: leaves and reshapes get their slots when they are first met.
    private mutating func slot(of ref: Ref) -> Int {
        if let slot = slotOf[ref] { return slot }
        let type = graph.type(of: ref)
        let slot: Int
        switch graph.nodes[Int(ref.node)].content {
        case .input(let argument): slot = makeSlot(type, .input(argument))
        case .constant(let value):
            constants.append(.scalar(value, type.dtype))
            slot = makeSlot(type, .constant(constants.count - 1))
        case .op:
            precondition(schedule.views.isReshape(Int(ref.node)), "a result is computed before it is read")
            let base = self.slot(of: schedule.views.base(of: ref))
            slots.append((type, slots[base].buffer))
            slot = slots.count - 1
        }
        slotOf[ref] = slot
        return slot
    }

    // MARK: Instructions

    private mutating func add(_ node: Int, _ finish: Schedule.Finish) throws(ExecutionError) {
        guard case .op(let id) = graph.nodes[node].content else { return }
        let op = Op.at(id)
        var inputs = graph.inputs(of: node).map { slot(of: $0) }
        if case .zip(let kernel) = op.kernel {
            let x = slots[inputs[1]].type
            drafts.append(
                Draft(work: Lowering.divisorCheck(x, isRemainder: kernel == .mod), inputs: [inputs[1]], results: [], reuse: [], origin: graph.origins[node], name: op.name))
            return add(Schedule.Group(members: [node], folds: [], count: graph.type(of: Ref(node)).shape.product))
        }
        let results = (0..<graph.resultCount(of: node)).map { graph.type(of: Ref(node, $0)) }
        let lowering = Lowering(
            op: op, attributes: graph.attributes(of: node), inputs: inputs.map { slots[$0].type }, results: results,
            isNeeded: results.indices.map { isUsed.contains(Ref(node, $0)) },
            finish: Lowering.Finish(
                bias: finish.bias == nil ? nil : inputs.count,
                residual: finish.residual == nil ? nil : inputs.count + (finish.bias == nil ? 0 : 1), isRelu: finish.isRelu),
            isFixed: inputs.map { if case .input(let index)? = buffers[slots[$0].buffer].place { index >= fixed } else { false } })
        inputs += [finish.bias, finish.residual].compactMap { $0 }.map { slot(of: $0) }
        let lowered: Lowering.Lowered
        do throws(OpError) { lowered = try lowering.lower() } catch {
            throw ExecutionError(error, origin: graph.origins[node])
        }
        switch lowered {
        case .alias:
            slots.append((results[0], slots[inputs[0]].buffer))
            slotOf[Ref(node)] = slots.count - 1
        case .work(let work, let inPlace):
            // A result that nobody needs and the kernel leaves out takes no memory.
            let made = results.indices.map { i in
                lowering.omitsUnneeded && !lowering.isNeeded[i] ? makeSlot(results[i], .arena(0)) : makeSlot(results[i])
            }
            for (i, slot) in made.enumerated() { slotOf[Ref(node, i)] = slot }
            if finish.result != node {
                // The same memory; there may be a reshape in between.
                slots.append((graph.type(of: Ref(finish.result)), slots[made[0]].buffer))
                slotOf[Ref(finish.result)] = slots.count - 1
            }
            place(
                Draft(
                    work: work, inputs: inputs, results: made,
                    reuse: inPlace ? inputs.indices.filter { slots[inputs[$0]].type.dtype.size == results[0].dtype.size }.map { (0, $0) } : [],
                    origin: graph.origins[node], name: op.name + (finish.bias == nil ? "" : " add") + (finish.residual == nil ? "" : " add") + (finish.isRelu ? " relu" : "")))
        }
    }

    private mutating func add(_ group: Schedule.Group) {
        let kernel = FusedKernel(group, schedule)
        let inputs = kernel.inputs.map { slot(of: $0) }
        let made = kernel.outputs.map { makeSlot(graph.type(of: $0)) }
        for (ref, slot) in zip(kernel.outputs, made) { slotOf[ref] = slot }
        // The same loop over other operands (the optimizer's, parameter by parameter) is one instruction.
        if let last = drafts.last, let first = last.kernels.first, drafts.count > commit || schedule.commit == schedule.items.count,
            first.code == kernel.code, kernel.code.folds.isEmpty, last.kernels.count < 256,
            !last.results.contains(where: { result in inputs.contains { slots[$0].buffer == slots[result].buffer } })
        {
            append(kernel, inputs, made)
            return
        }
        let names = (group.members + group.folds).map(graph.name)
        place(
            Draft(
                work: FusedKernel.work([kernel]), inputs: inputs, results: made + kernel.partials.map { makeSlot($0) },
                reuse: kernel.reuse.map { ($0.output, $0.input) }, origin: graph.origins[(group.members + group.folds).last!],
                name: names.joined(separator: " "), kernels: [kernel]))
    }

    private mutating func append(_ kernel: FusedKernel, _ inputs: [Int], _ results: [Int]) {
        let index = drafts.count - 1
        let (before, after) = (drafts[index].inputs.count, drafts[index].results.count)
        drafts[index].kernels.append(kernel)
        drafts[index].inputs += inputs
        drafts[index].results += results
        drafts[index].reuse += kernel.reuse.map { (after + $0.output, before + $0.input) }
        drafts[index].work = FusedKernel.work(drafts[index].kernels)
    }

    /// Adds a draft, or computes it now where it depends on constants alone and its results are small.
    private mutating func place(_ draft: Draft) {
        if !fold(draft) { drafts.append(draft) }
    }

    private mutating func fold(_ draft: Draft) -> Bool {
        let bytes = draft.results.reduce(0) { $0 + slots[$1].type.byteCount }
        guard bytes <= 1024, draft.results.allSatisfy({ buffers[slots[$0].buffer].place == nil }) else { return false }
        var operands: [Operand] = unsafe []
        for input in draft.inputs {
            guard case .constant(let index) = buffers[slots[input].buffer].place else { return false }
            unsafe operands.append(Operand(pointer: constants[index].base, dtype: slots[input].type.dtype, shape: slots[input].type.shape))
        }
        var made: [Storage] = []
        for result in draft.results {
            let type = slots[result].type
            made.append(Tensor.allocate(type.byteCount))
            unsafe operands.append(Operand(pointer: made[made.count - 1].base, dtype: type.dtype, shape: type.shape))
        }
        do throws(OpError) {
            let order = unsafe operands.indices.map { Int32($0) }
            try unsafe operands.withUnsafeBufferPointer { table throws(OpError) in
                try unsafe order.withUnsafeBufferPointer { order throws(OpError) in
                    try unsafe draft.work(Call(operands: table.baseAddress!, slots: order.baseAddress!, step: 0))
                }
            }
        } catch {
            return false  // an error of values belongs to the run
        }
        for (result, storage) in zip(draft.results, made) {
            constants.append(storage)
            buffers[slots[result].buffer].place = .constant(constants.count - 1)
        }
        return true
    }

    // MARK: Outputs

    /// Makes values outputs: in place where nothing else claims their memory, else by a copy.
    private mutating func deliver() {
        for (index, ref) in graph.outputs.enumerated().dropFirst(donated) {
            let slot = slot(of: ref)
            let buffer = slots[slot].buffer
            if buffers[buffer].place == nil {
                buffers[buffer].place = .output(index)
            } else {
                copy(slot, to: .output(index), before: commit)
            }
        }
        // What is another input's value now is kept until that input has been replaced.
        var values: [(output: Int, slot: Int)] = []
        for (index, ref) in graph.outputs.prefix(donated).enumerated() {
            let slot = slot(of: ref)
            switch buffers[slots[slot].buffer].place {
            case .input(index)?: continue
            case nil: values.append((index, slot))
            default: values.append((index, copy(slot, to: nil, before: nil)))
            }
        }
        noteUses()
        var taken: Set<Int> = []
        var copies: [(output: Int, slot: Int)] = []
        for (output, slot) in values {
            let buffer = slots[slot].buffer
            if taken.insert(buffer).inserted, isInPlace(buffer, output) {
                buffers[buffer].place = .input(output)
            } else {
                copies.append((output, slot))
            }
        }
        for (output, slot) in copies { copy(slot, to: .input(output), before: nil) }
    }

    /// Whether the instruction that writes a buffer may write it over a donated input.
    private func isInPlace(_ buffer: Int, _ output: Int) -> Bool {
        guard let index = drafts.firstIndex(where: { $0.results.contains { slots[$0].buffer == buffer } }), index >= commit,
            let result = drafts[index].results.firstIndex(where: { slots[$0].buffer == buffer })
        else { return false }
        return drafts[index].reuse.contains { reuse in
            guard reuse.result == result else { return false }
            let input = slots[drafts[index].inputs[reuse.input]].buffer
            guard case .input(output)? = buffers[input].place, buffers[input].bytes == buffers[buffer].bytes else { return false }
            // No other slot of that input may be read later, or elsewhere in this instruction.
            let readers = buffers.indices.filter { if case .input(output)? = buffers[$0].place { true } else { false } }
            let reads = drafts[index].inputs.count { readers.contains(slots[$0].buffer) }
            return reads == 1 && readers.allSatisfy { buffers[$0].lastUse <= index }
        }
    }

    @discardableResult
    private mutating func copy(_ slot: Int, to place: Program.Place?, before index: Int?) -> Int {
        let type = slots[slot].type
        let copy = makeSlot(type, place)
        let draft = Draft(work: Lowering.copy(bytes: type.byteCount), inputs: [slot], results: [copy], reuse: [], origin: -1, name: "copy")
        if let index {
            drafts.insert(draft, at: index)
            commit += 1
        } else {
            drafts.append(draft)
        }
        return copy
    }

    // MARK: Memory

    private mutating func noteUses() {
        for buffer in buffers.indices { buffers[buffer].lastUse = -1 }
        for (i, draft) in drafts.enumerated() {
            for slot in draft.inputs + draft.results { buffers[slots[slot].buffer].lastUse = i }
        }
    }

    /// Gives buffers their offsets in the arena; returns its size.
    private mutating func plan() -> Int {
        noteUses()
        var spans: [Span] = []
        var spanOf: [Int: Int] = [:]
        for (i, draft) in drafts.enumerated() {
            var taken: [Int] = []
            for (place, slot) in draft.results.enumerated() where buffers[slots[slot].buffer].place == nil {
                let result = slots[slot].buffer
                // Over what this instruction is the last to need, if it may.
                let inputs = draft.reuse.filter { $0.result == place }.map { slots[draft.inputs[$0.input]].buffer }
                let reused = inputs.first { input in
                    spanOf[input] != nil && !taken.contains(input) && buffers[input].lastUse == i && buffers[input].bytes == buffers[result].bytes
                        && draft.inputs.count { slots[$0].buffer == input } == 1
                }
                if let reused, let span = spanOf[reused] {
                    taken.append(reused)
                    spans[span].end = buffers[result].lastUse
                    spanOf[result] = span
                } else {
                    spanOf[result] = spans.count
                    spans.append(Span(bytes: buffers[result].bytes, begin: i, end: buffers[result].lastUse))
                }
            }
        }
        let (offsets, size) = Span.place(spans)
        for (buffer, span) in spanOf { buffers[buffer].place = .arena(offsets[span]) }
        return size
    }
}

/// Memory that is needed from one instruction to another, both included.
private struct Span {
    let bytes: Int
    let begin: Int
    var end: Int

    init(bytes: Int, begin: Int, end: Int) { (self.bytes, self.begin, self.end) = (max(64, (bytes + 63) & ~63), begin, end) }

    /// Offsets for all, and the size of the block they lie in: the largest first, each as low as those allow that are needed
    /// at the same time.
    static func place(_ spans: [Span]) -> (offsets: [Int], size: Int) {
        var offsets = [Int](repeating: 0, count: spans.count)
        var placed: [(range: Range<Int>, span: Span)] = []
        var size = 0
        for index in spans.indices.sorted(by: { (spans[$1].bytes, $0) < (spans[$0].bytes, $1) }) {
            let span = spans[index]
            var offset = 0
            for (range, other) in placed where other.begin <= span.end && span.begin <= other.end {
                if range.lowerBound >= offset + span.bytes { break }
                offset = max(offset, range.upperBound)
            }
            offsets[index] = offset
            size = max(size, offset + span.bytes)
            var (low, high) = (0, placed.count)
            while low < high {
                let middle = (low + high) / 2
                if placed[middle].range.lowerBound <= offset { low = middle + 1 } else { high = middle }
            }
            placed.insert((offset..<offset + span.bytes, span), at: low)
        }
        return (offsets, size)
    }
}

extension Graph {
    /// The op of a node, for people.
    func name(of node: Int) -> String { if case .op(let id) = nodes[node].content { Op.at(id).name } else { "" } }
}

extension Storage {
    static func scalar(_ value: Double, _ dtype: DType) -> Storage {
        guard let storage = Tensor.scalar(value, dtype).edge.storage else { preconditionFailure("a scalar has elements") }
        return storage
    }
}
