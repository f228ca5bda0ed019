internal import CKernels
internal import Graphs

/// The update of a table of which a step reads a few rows only, such as an embedding: taken out of the step's graph.
///
/// The gradient of all other rows is zero, and what the update makes of it can wait until somebody reads the row
/// (`LazyRows`).
struct RowUpdate: Sendable {
    /// Donated arguments that change row by row: the table, then what the optimizer keeps beside it.
    let members: [Int]
    /// The argument that names the rows.
    let ids: Int
    let rows: Int
    /// Elements of a row.
    let width: Int
    /// The update: from the members, the gradient and numbers to the members.
    let graph: Graph
    let loop: Loop

    /// How many numbers the update reads: the rate, corrections that depend on the step.
    var numbers: Int { graph.arguments.count - members.count - 1 }

    /// The one loop over elements that the update is. It is run on rows instead of the table, which gives the same bits.
    struct Loop: Sendable {
        enum Source: Sendable {
            case argument(Int)
            case constant(Storage)
        }
        let code: FusedKernel.Code
        /// The ops that it computes, and where the script wrote the last of them.
        let name: String
        let origin: Int32
        let inputs: [Source]
        /// Which member each of its outputs is.
        let outputs: [Int]
        /// Whether it may write members over what they were.
        let isInPlace: Bool

        /// `nil` where the update is no single loop that treats all elements alike.
        init?(_ graph: Graph, members: Int) {
            let schedule = Schedule(graph, donated: 0)
            guard schedule.items.count == 1, case .group(let group) = schedule.items[0], group.folds.isEmpty, group.count > 1 else { return nil }
            let kernel = FusedKernel(group, schedule)
            guard kernel.code.walks.isEmpty, !kernel.code.steps.contains(where: { $0.kind == .uniform }) else { return nil }
            code = kernel.code
            name = group.members.map(graph.name).joined(separator: " ")
            origin = graph.origins[group.members[group.members.count - 1]]
            inputs = kernel.inputs.map { ref in
                switch graph.nodes[Int(ref.node)].content {
                case .input(let argument): .argument(argument)
                case .constant(let value): .constant(.scalar(value, graph.type(of: ref).dtype))
                case .op: preconditionFailure("a loop of a graph of one loop reads arguments and constants")
                }
            }
            outputs = kernel.outputs.compactMap { graph.outputs.firstIndex(of: $0) }
            guard outputs.count == members, kernel.outputs.count == members else { return nil }
            let (inputs, outputs) = (inputs, outputs)
            isInPlace = outputs.indices.allSatisfy { output in
                kernel.reuse.contains { pair in
                    if pair.output == output, case .argument(outputs[output]) = inputs[pair.input] { true } else { false }
                }
            }
        }
    }
}

extension Graph {
    /// The smallest table, in bytes, whose rows are looked after one by one, and how many of its rows there must be for
    /// each that a step reads: others are as quickly gone through as a whole.
    private static let leastTable = 1 << 22
    private static let leastRowsPerRead = 4
    /// Elements of a row for which it pays to fetch it alone.
    private static let leastWidth = 32

    /// A step's graph without the updates of such tables. Behind its outputs come, for each of them, what flows to the rows
    /// that were read and the numbers that the update reads; the tables themselves are handed on as they are.
    ///
    /// - Parameter given: how many arguments come with each step, the donated ones among them.
    func takingOutRowUpdates(donated: Int, given: Int) -> (graph: Graph, updates: [RowUpdate]) {
        let large = (0..<donated).filter { type(of: Ref(Int(arguments[$0]))).byteCount >= Self.leastTable }
        if large.isEmpty { return (self, []) }
        let readers = readers
        var outputs = outputs
        var updates: [RowUpdate] = []
        for table in large {
            guard let (update, more) = rowUpdate(of: table, donated, given, readers) else { continue }
            for member in update.members { outputs[member] = Ref(Int(arguments[member])) }
            outputs += more
            updates.append(update)
        }
        return updates.isEmpty ? (self, []) : (part(from: arguments.map { Ref(Int($0)) }, to: outputs), updates)
    }

    /// The live nodes that read each node.
    private var readers: [[Int]] {
        var readers = [[Int]](repeating: [], count: nodes.count)
        for (node, isLive) in needed.enumerated() where isLive {
            for input in inputs(of: node) where readers[Int(input.node)].last != node { readers[Int(input.node)].append(node) }
        }
        return readers
    }

    private func kernel(of node: Int) -> Op.Kernel? {
        if case .op(let id) = nodes[node].content { Op.at(id).kernel } else { nil }
    }

    /// Whether the node takes whole rows along the first axis, or adds into them.
    private func isOfRows(_ node: Int) -> Bool {
        guard case .op(let id) = nodes[node].content else { return false }
        let arguments = Arguments(Op.at(id), attributes(of: node))
        return arguments.int("axis") == 0 && arguments.int("batch_dims") == 0
    }

    private func rowUpdate(of table: Int, _ donated: Int, _ given: Int, _ readers: [[Int]]) -> (RowUpdate, outputs: [Ref])? {
        let x = Ref(Int(arguments[table]))
        let type = type(of: x)
        guard type.dtype == .f32, case let width = type.shape.dropFirst().product, width >= Self.leastWidth, let rows = type.shape.first
        else { return nil }
        // Read by one gather, by rows that come with the batch.
        let gathers = readers[Int(x.node)].filter { if case .special(.gather)? = kernel(of: $0) { isOfRows($0) } else { false } }
        guard gathers.count == 1, let at = inputs(of: gathers[0]).last, case .input(let ids) = nodes[Int(at.node)].content, donated..<given ~= ids,
            case let read = self.type(of: at), read.dtype.isInteger, read.shape.product * Self.leastRowsPerRead <= rows
        else { return nil }
        // Everything that makes the new members, back to the old ones, the gradient and numbers.
        var members = [table]
        var loop: Set<Int32> = []
        var (gradient, numbers): (Ref?, [Ref]) = (nil, [])
        var stack = [outputs[table]]
        while let ref = stack.popLast() {
            let node = Int(ref.node)
            if self.type(of: ref).shape.isEmpty {
                if case .constant = nodes[node].content { continue }
                if !numbers.contains(ref) { numbers.append(ref) }
                continue
            }
            switch kernel(of: node) {
            case nil:
                guard case .input(let argument) = nodes[node].content, argument < donated, self.type(of: ref) == type else { return nil }
                if !members.contains(argument) {
                    members.append(argument)
                    stack.append(outputs[argument])
                }
            case .special(.gatherGradient):
                guard gradient == nil || gradient == ref, inputs(of: node).first == at, isOfRows(node), self.type(of: ref) == type else { return nil }
                gradient = ref
            case .map, .zip, .special(.select), .special(.cast):
                guard self.type(of: ref).shape == type.shape else { return nil }
                if loop.insert(ref.node).inserted { stack += inputs(of: node) }
            default: return nil
            }
        }
        guard let gradient, let flowing = inputs(of: Int(gradient.node)).last else { return nil }
        // Nobody else may see what changes late.
        let own = members.map { arguments[$0] } + [gradient.node]
        let made = members.map { outputs[$0] }
        guard (own + loop).allSatisfy({ readers[Int($0)].allSatisfy { loop.contains(Int32($0)) || $0 == gathers[0] } }),
            made.allSatisfy({ loop.contains($0.node) }), Set(made).count == made.count,
            outputs.count(where: { loop.contains($0.node) || own.contains($0.node) }) == members.count
        else { return nil }
        let graph = part(from: members.map { Ref(Int(arguments[$0])) } + [gradient] + numbers, to: made)
        guard let found = RowUpdate.Loop(graph, members: members.count) else { return nil }
        let update = RowUpdate(
            members: members, ids: ids, rows: rows, width: width, graph: graph, loop: found)
        return (update, [flowing] + numbers)
    }
}
