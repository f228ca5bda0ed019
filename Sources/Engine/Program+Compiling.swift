internal import Graphs

extension Program {
    /// Compiles a graph: nodes that no output needs are left out, what depends on constants alone is computed now,
    /// and results are planned into one arena by their lifetimes, in place where an input ends with the instruction.
    static func compile(_ graph: Graph) throws(ExecutionError) -> Program {
        var compiler = Compiler(graph)
        return try compiler.compile()
    }
}

private struct Compiler {
    let graph: Graph

    /// Memory that one or more slots (a value and its reshapes) share.
    struct Buffer {
        let bytes: Int
        var place: Program.Place?
        var lastUse = -1
    }
    struct Draft {
        let work: Work
        let inPlace: Bool
        let inputs: [Int]
        let results: [Int]
        let origin: Int32
    }
    var buffers: [Buffer] = []
    var slots: [(type: TensorType, buffer: Int)] = []
    var drafts: [Draft] = []
    var constants: [Storage] = []
    /// The first slot of each node, -1 where it is not needed.
    var first: [Int]
    var isUsed: Set<Ref> = []

    init(_ graph: Graph) {
        self.graph = graph
        first = Array(repeating: -1, count: graph.nodes.count)
    }

    mutating func slot(_ type: TensorType, _ place: Program.Place? = nil) -> Int {
        buffers.append(Buffer(bytes: type.byteCount, place: place))
        slots.append((type, buffers.count - 1))
        return slots.count - 1
    }

    func slot(of ref: Ref) -> Int { first[Int(ref.node)] + Int(ref.output) }

    mutating func compile() throws(ExecutionError) -> Program {
        for index in liveNodes() { try add(index) }
        for (index, ref) in graph.outputs.enumerated() { deliver(slot(of: ref), as: index) }
        let arenaSize = plan()
        var operands: [Int32] = []
        var instructions: [Program.Instruction] = []
        for draft in drafts {
            instructions.append(Program.Instruction(work: draft.work, first: operands.count, origin: draft.origin))
            operands += (draft.inputs + draft.results).map { Int32($0) }
        }
        return Program(
            slots: slots.map { Program.Slot(type: $0.type, place: buffers[$0.buffer].place ?? .arena(0)) },
            operands: operands, instructions: instructions, constants: constants, arenaSize: arenaSize,
            outputs: graph.outputs.map { graph.type(of: $0) })
    }

    /// The nodes that outputs need, in order.
    private mutating func liveNodes() -> [Int] {
        var isLive = Array(repeating: false, count: graph.nodes.count)
        for ref in graph.outputs {
            isLive[Int(ref.node)] = true
            isUsed.insert(ref)
        }
        for index in graph.nodes.indices.reversed() where isLive[index] {
            for ref in graph.inputs(of: index) {
                isLive[Int(ref.node)] = true
                isUsed.insert(ref)
            }
        }
        return graph.nodes.indices.filter { isLive[$0] }
    }

    private mutating func add(_ index: Int) throws(ExecutionError) {
        let node = graph.nodes[index]
        first[index] = slots.count
        switch node.content {
        case .input(let argument):
            _ = slot(graph.type(of: Ref(index)), .input(argument))
        case .constant(let value):
            let type = graph.type(of: Ref(index))
            constants.append(.scalar(value, type.dtype))
            _ = slot(type, .constant(constants.count - 1))
        case .op(let id):
            let inputs = graph.inputs(of: index).map { slot(of: $0) }
            let results = (0..<graph.resultCount(of: index)).map { graph.type(of: Ref(index, $0)) }
            let lowering = Lowering(
                op: Op.at(id), attributes: graph.attributes(of: index), inputs: inputs.map { slots[$0].type }, results: results,
                isNeeded: results.indices.map { isUsed.contains(Ref(index, $0)) })
            let lowered: Lowering.Lowered
            do throws(OpError) { lowered = try lowering.lower() } catch {
                throw ExecutionError(error, origin: graph.origins[index])
            }
            switch lowered {
            case .alias:
                slots.append((results[0], slots[inputs[0]].buffer))
            case .work(let work, let inPlace):
                if fold(work, inputs: inputs, results: results) { return }
                // A result that nobody needs and the kernel leaves out takes no memory.
                let made = results.indices.map { i in
                    lowering.omitsUnneeded && !lowering.isNeeded[i] ? slot(results[i], .arena(0)) : slot(results[i])
                }
                drafts.append(Draft(work: work, inPlace: inPlace, inputs: inputs, results: made, origin: graph.origins[index]))
            }
        }
    }

    /// Computes small results of constants now.
    private mutating func fold(_ work: Work, inputs: [Int], results: [TensorType]) -> Bool {
        guard results.count == 1, results[0].byteCount <= 1024 else { return false }
        var operands: [Operand] = unsafe []
        for input in inputs {
            guard case .constant(let index) = buffers[slots[input].buffer].place else { return false }
            unsafe operands.append(Operand(pointer: constants[index].base, dtype: slots[input].type.dtype, shape: slots[input].type.shape))
        }
        let storage = Tensor.allocate(results[0].byteCount)
        unsafe operands.append(Operand(pointer: storage.base, dtype: results[0].dtype, shape: results[0].shape))
        do throws(OpError) {
            let order = unsafe operands.indices.map { Int32($0) }
            try unsafe operands.withUnsafeBufferPointer { table throws(OpError) in
                try unsafe order.withUnsafeBufferPointer { order throws(OpError) in
                    try unsafe work(Call(operands: table.baseAddress!, slots: order.baseAddress!, step: 0))
                }
            }
        } catch {
            return false  // an error of values belongs to the run
        }
        constants.append(storage)
        _ = slot(results[0], .constant(constants.count - 1))
        return true
    }

    /// Makes a slot's value an output: in place where nothing else claims its memory, else by a copy.
    private mutating func deliver(_ slot: Int, as output: Int) {
        let buffer = slots[slot].buffer
        if buffers[buffer].place == nil {
            buffers[buffer].place = .output(output)
        } else {
            let type = slots[slot].type
            let copy = self.slot(type, .output(output))
            drafts.append(Draft(work: Lowering.copy(bytes: type.byteCount), inPlace: false, inputs: [slot], results: [copy], origin: -1))
        }
    }

    /// Gives buffers their offsets in the arena; returns its size.
    private mutating func plan() -> Int {
        for (i, draft) in drafts.enumerated() {
            for slot in draft.inputs + draft.results { buffers[slots[slot].buffer].lastUse = i }
        }
        var arena = Arena()
        for (i, draft) in drafts.enumerated() {
            // The memory that this instruction is the last to need, in a fixed order: plans do not depend on hashing.
            var ending: [Int] = []
            func ends(_ buffer: Int) {
                if buffers[buffer].lastUse == i, case .arena = buffers[buffer].place, !ending.contains(buffer) { ending.append(buffer) }
            }
            for slot in draft.inputs { ends(slots[slot].buffer) }
            for slot in draft.results where buffers[slots[slot].buffer].place == nil {
                let result = slots[slot].buffer
                if draft.inPlace, let reused = draft.inputs.first(where: { input in
                    ending.contains(slots[input].buffer) && buffers[slots[input].buffer].bytes == buffers[result].bytes
                        && slots[input].type.dtype.size == slots[slot].type.dtype.size
                }) {
                    buffers[result].place = buffers[slots[reused].buffer].place
                    ending.removeAll { $0 == slots[reused].buffer }
                } else {
                    buffers[result].place = .arena(arena.take(buffers[result].bytes))
                }
                ends(result)
            }
            for buffer in ending {
                if case .arena(let offset) = buffers[buffer].place { arena.give(offset, buffers[buffer].bytes) }
            }
        }
        return arena.size
    }
}

/// Free ranges of one block of memory that grows as needed.
private struct Arena {
    private(set) var size = 0
    private var free: [Range<Int>] = []

    private static func rounded(_ bytes: Int) -> Int { max(64, (bytes + 63) & ~63) }

    mutating func take(_ bytes: Int) -> Int {
        let bytes = Self.rounded(bytes)
        if let best = free.indices.filter({ free[$0].count >= bytes }).min(by: { free[$0].count < free[$1].count }) {
            let offset = free[best].lowerBound
            if free[best].count == bytes { free.remove(at: best) } else { free[best] = offset + bytes..<free[best].upperBound }
            return offset
        }
        if let last = free.last, last.upperBound == size {
            free.removeLast()
            size = last.lowerBound + bytes
            return last.lowerBound
        }
        size += bytes
        return size - bytes
    }

    mutating func give(_ offset: Int, _ bytes: Int) {
        var range = offset..<offset + Self.rounded(bytes)
        var index = free.firstIndex { $0.lowerBound > offset } ?? free.count
        if index < free.count, free[index].lowerBound == range.upperBound {
            range = range.lowerBound..<free[index].upperBound
            free.remove(at: index)
        }
        if index > 0, free[index - 1].upperBound == range.lowerBound {
            index -= 1
            range = free[index].lowerBound..<range.upperBound
            free.remove(at: index)
        }
        free.insert(range, at: index)
    }
}

extension Storage {
    static func scalar(_ value: Double, _ dtype: DType) -> Storage {
        guard let storage = Tensor.scalar(value, dtype).edge.storage else { preconditionFailure("a scalar has elements") }
        return storage
    }
}
