internal import Graphs
internal import Synchronization

/// Pending nodes in an order in which they can be computed, with the results that they start from.
struct Linearisation {
    private(set) var nodes: [Node] = []
    /// Inputs of the graph: first those given, then the others as they are met.
    private(set) var leaves: [Edge] = []
    private let stamp = Execution.nextSerial()
    private let roots: [Node]
    private var walksHistory = false
    /// The first node met that cannot be computed.
    private var failure: ExecutionError?

    /// Everything that the roots need. `isLeaf` says where to stop beside computed nodes.
    init(of roots: [Node], arguments: [Edge] = [], isLeaf: (Node) -> Bool) {
        self.roots = roots
        for argument in arguments { note(leaf: argument) }
        for root in roots { walk(root, isLeaf) }
    }
    init(of edges: [Edge], arguments: [Edge], isLeaf: (Node) -> Bool) {
        roots = []
        for argument in arguments { note(leaf: argument) }
        for edge in edges { visit(edge, isLeaf) }
    }

    /// The history of a result, through computed nodes as far as it was recorded, up to where it is cut.
    init(history root: Edge, cuts: [Edge], isCut: (Node) -> Bool) {
        roots = []
        walksHistory = true
        for cut in cuts { note(leaf: cut) }
        visit(root, isCut)
    }

    /// A node's `note` is its index among `nodes` (`.max` while below it is walked, -2 where the walk stops, -1 when
    /// unmet), `leaf` the index of its first result among `leaves`. A node some of whose results are computed may be both.
    private func meet(_ node: Node) {
        if node.visit != stamp { (node.visit, node.note, node.leaf) = (stamp, -1, -1) }
    }

    private mutating func note(leaf edge: Edge, isCut: Bool = true) {
        meet(edge.node)
        if isCut { edge.node.note = -2 }
        guard edge.node.leaf < 0 else { return }
        edge.node.leaf = leaves.count
        for output in edge.node.types.indices {
            let leaf = Edge(node: edge.node, output: output)
            if isCut || leaf.isComputed { leaves.append(leaf) }
        }
    }

    /// Whether the edge reads an op that is still to be walked; notes it if it reads a leaf.
    private mutating func needsWalk(_ edge: Edge, _ isLeaf: (Node) -> Bool) -> Bool {
        let node = edge.node
        meet(node)
        if let error = node.failure { failure = failure ?? error }
        if leafIndex(edge) != nil || node.note >= 0 { return false }
        if edge.isComputed, !(walksHistory && !node.inputs.isEmpty) {
            note(leaf: edge, isCut: walksHistory)
            return false
        }
        if node.failure != nil || !node.isOp || isLeaf(node) {
            note(leaf: edge)
            return false
        }
        return true
    }

    private mutating func visit(_ edge: Edge, _ isLeaf: (Node) -> Bool) {
        if needsWalk(edge, isLeaf) { walk(edge.node, isLeaf) }
    }

    /// Depth first, without recursion: histories may be long.
    private mutating func walk(_ root: Node, _ isLeaf: (Node) -> Bool) {
        meet(root)
        guard root.note == -1 else { return }
        root.note = .max
        var stack: [(node: Node, next: Int)] = [(root, 0)]
        while let (node, next) = stack.last {
            guard next < node.inputs.count else {
                stack.removeLast()
                node.note = nodes.count
                nodes.append(node)
                continue
            }
            stack[stack.count - 1].next += 1
            let edge = node.inputs[next]
            if needsWalk(edge, isLeaf) {
                edge.node.note = .max
                stack.append((edge.node, 0))
            }
        }
    }

    private func leafIndex(_ edge: Edge) -> Int? {
        edge.node.leaf >= 0 && (edge.isComputed || edge.node.note == -2) ? edge.node.leaf + edge.output : nil
    }

    // MARK: Graphs

    /// A graph under construction with the results of each node; the origin of what a node becomes is its index.
    func build() throws(ExecutionError) -> (builder: GraphBuilder, terms: [[Term]], leaves: [Term]) {
        let builder = GraphBuilder()
        let inputs = leaves.map { builder.input($0.type) }
        var terms: [[Term]] = []
        terms.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            guard case .op(let id) = node.content else { preconditionFailure("only ops are computed") }
            builder.origin = Int32(index)
            let arguments = node.inputs.map { edge in
                leafIndex(edge).map { inputs[$0] } ?? terms[edge.node.note][edge.output]
            }
            do throws(OpError) { terms.append(try builder.add(Op.at(id), arguments, node.attributes)) } catch {
                throw ExecutionError(error, origin: node.origin)
            }
        }
        return (builder, terms, inputs)
    }

    /// The graph of these results.
    func graph(_ outputs: [Edge]) throws(ExecutionError) -> Graph {
        let (builder, terms, inputs) = try build()
        return builder.finish(outputs.map { edge in leafIndex(edge).map { inputs[$0] } ?? terms[edge.node.note][edge.output] })
    }

    /// The term of a result after `build`.
    func term(_ edge: Edge, _ terms: [[Term]], _ inputs: [Term]) -> Term? {
        guard edge.node.visit == stamp else { return nil }
        if let leaf = leafIndex(edge) { return inputs[leaf] }
        return edge.node.note >= 0 ? terms[edge.node.note][edge.output] : nil
    }

    // MARK: Running

    /// Computes the roots, and with them every node on the way that a script holds.
    func run() throws(ExecutionError) {
        if let failure { throw failure }
        var outputs: [Edge] = []
        var completed: [Node] = []
        for root in roots { root.handles += 1 }
        for node in nodes where node.handles > 0 {
            completed.append(node)
            for output in 0..<node.wanted { outputs.append(Edge(node: node, output: output)) }
        }
        for root in roots { root.handles -= 1 }
        let results: [Storage]
        do throws(ExecutionError) {
            let program = try Self.programs.program(for: structure(outputs)) { () throws(ExecutionError) in try graph(outputs) }
            results = try program.run(leaves.map { edge in
                guard let storage = edge.storage else { preconditionFailure("a leaf has elements") }
                return storage
            })
        } catch {
            var error = error
            if error.origin >= 0 { error.origin = nodes[Int(error.origin)].origin }
            let isLasting = error.error.code != "E0290" && error.error.code != "E0299"
            if isLasting, roots.count == 1 { roots[0].fail(error) }
            throw error
        }
        var next = 0
        // Last first: a node gives up its history only when those after it have.
        for node in completed {
            var storages: [Storage?] = Array(results[next..<next + node.wanted])
            next += node.wanted
            while storages.count < node.types.count { storages.append(nil) }
            node.complete(storages)
        }
    }

    /// What programs are kept under: ops, attributes and types, without elements and origins.
    struct Structure: Hashable, Sendable {
        var words: [Int] = []
        var attributes: [Attributes] = []
    }

    private func structure(_ outputs: [Edge]) -> Structure {
        var result = Structure()
        result.words.reserveCapacity(8 * nodes.count + 4 * leaves.count)
        result.words.append(leaves.count)
        for leaf in leaves {
            let type = leaf.type
            result.words.append(Int(type.dtype.rawValue) << 8 | type.shape.count)
            result.words += type.shape
        }
        func word(_ edge: Edge) -> Int { leafIndex(edge).map { ~$0 } ?? edge.node.note << 24 | edge.output }
        for node in nodes {
            guard case .op(let id) = node.content else { preconditionFailure("only ops are computed") }
            result.words.append(Int(id.index) << 32 | node.inputs.count)
            for edge in node.inputs { result.words.append(word(edge)) }
            if !node.attributes.values.isEmpty { result.attributes.append(node.attributes) }
        }
        result.words.append(-1)
        for edge in outputs { result.words.append(word(edge)) }
        return result
    }

    private static let programs = ProgramCache<Structure>()
}

/// Programs by what they were compiled from.
final class ProgramCache<Key: Hashable & Sendable>: Sendable {
    private let programs = Mutex<[Key: Program]>([:])
    private let most = 512

    func program(
        for key: Key, compile: () throws(ExecutionError) -> Graph
    ) throws(ExecutionError) -> Program {
        if let program = programs.withLock({ $0[key] }) { return program }
        let program = try Program.compile(try compile())
        programs.withLock { programs in
            if programs.count >= most { programs.removeAll() }
            programs[key] = program
        }
        return program
    }
}
