internal import CKernels
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
    /// Whether it holds more than the roots need.
    private(set) var hasCompanions = false

    /// Everything that the roots need, and where `companions` the values beside gradients, and gradients beside values,
    /// that scripts still hold: they share their work. `isLeaf` says where to stop beside computed nodes.
    init(of roots: [Node], companions: Bool = false, isLeaf: (Node) -> Bool) {
        self.roots = roots
        for root in roots {
            walk(root, isLeaf)
            if companions, let gradient = root.gradient { walk(companion: gradient, isLeaf) }
        }
        guard companions else { return }
        var index = 0
        while index < nodes.count {
            if let value = nodes[index].value { walk(companion: value, isLeaf) }
            index += 1
        }
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
        let given = leaves.count
        visit(root, isCut)
        cutWhatIsApart(from: given)
    }

    /// Makes leaves of the nodes that depend on none of the leaves given: a program that the history becomes part of has
    /// those results already, captured or computed, and would not see that what is made of copies of them is the same.
    private mutating func cutWhatIsApart(from given: Int) {
        var depends: [Bool] = []
        depends.reserveCapacity(nodes.count)
        for node in nodes {
            depends.append(node.inputs.contains { edge in leafIndex(edge).map { $0 < given } ?? depends[edge.node.note] })
        }
        if depends.last != true || !depends.contains(false) { return }
        let all = nodes
        nodes = []
        for (node, depends) in zip(all, depends) {
            if !depends {
                node.note = -2
                continue
            }
            for edge in node.inputs where leafIndex(edge) == nil && edge.node.note == -2 { note(leaf: edge) }
            node.note = nodes.count
            nodes.append(node)
        }
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
        if node.failure != nil || !node.isComposed || isLeaf(node) {
            note(leaf: edge)
            return false
        }
        return true
    }

    private mutating func visit(_ edge: Edge, _ isLeaf: (Node) -> Bool) {
        if needsWalk(edge, isLeaf) { walk(edge.node, isLeaf) }
    }

    private mutating func walk(companion node: Node, _ isLeaf: (Node) -> Bool) {
        guard node.isPending, node.availability == .available, node.handles > 0 else { return }
        hasCompanions = true
        walk(node, isLeaf)
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

    func leafIndex(_ edge: Edge) -> Int? {
        edge.node.leaf >= 0 && (edge.isComputed || edge.node.note == -2) ? edge.node.leaf + edge.output : nil
    }

    // MARK: Graphs

    /// A graph under construction with the results of each node; the origin of what a node becomes is its place in
    /// `origins`.
    ///
    /// - Parameter constants: leaves that are numbers of the graph instead of arguments.
    func build(constants: [Int: Double] = [:]) throws(ExecutionError) -> (builder: GraphBuilder, terms: [[Term]], leaves: [Term]) {
        let builder = GraphBuilder()
        let inputs = leaves.enumerated().map { index, leaf in
            constants[index].map { builder.constant($0, leaf.type.dtype) } ?? builder.input(leaf.type)
        }
        var terms: [[Term]] = []
        terms.reserveCapacity(nodes.count)
        var place: Int32 = 0
        for node in nodes {
            let arguments = node.inputs.map { edge in
                leafIndex(edge).map { inputs[$0] } ?? terms[edge.node.note][edge.output]
            }
            switch node.content {
            case .op(let id):
                builder.origin = place
                place += 1
                do throws(OpError) { terms.append(try builder.add(Op.at(id), arguments, node.attributes)) } catch {
                    throw ExecutionError(error, origin: node.origin)
                }
            case .block(let block, let origins):
                terms.append(builder.inline(block.graph, arguments: arguments, originsFrom: place))
                place += Int32(origins.count)
            case .data, .key, .argument, .unknown: preconditionFailure("only what has inputs is computed")
            }
        }
        return (builder, terms, inputs)
    }

    /// What the origins of a built graph stand for.
    var origins: [Int32] {
        var result: [Int32] = []
        result.reserveCapacity(nodes.count)
        for node in nodes {
            if case .block(_, let origins) = node.content { result += origins } else { result.append(node.origin) }
        }
        return result
    }

    /// The graph of these results.
    func graph(_ outputs: [Edge], constants: [Int: Double] = [:]) throws(ExecutionError) -> Graph {
        let (builder, terms, inputs) = try build(constants: constants)
        return builder.finish(outputs.map { edge in leafIndex(edge).map { inputs[$0] } ?? terms[edge.node.note][edge.output] })
    }

    /// Leaves from a place on that are single numbers: what a script's own numbers became.
    func numbers(from first: Int) -> [Int: Double] {
        var result: [Int: Double] = [:]
        for index in leaves.indices.dropFirst(first) {
            let leaf = leaves[index]
            guard case .data = leaf.node.content, leaf.type.rank == 0, let storage = leaf.storage else { continue }
            switch leaf.type.dtype {
            case .f32, .f64, .i32, .bool:
                var value = 0.0
                unsafe tfs_cast(leaf.type.dtype.c, storage.base, .f64, &value, 1)
                result[index] = value
            case .u8, .i8, .i16, .i64, .f16, .bf16, .string: continue
            }
        }
        return result
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
            let program = try Self.programs.value(for: structure(outputs)) { () throws(ExecutionError) in
                let graph = try graph(outputs)
                return try located { () throws(ExecutionError) in try Program.compile(graph) }
            }
            results = try located { () throws(ExecutionError) in
                try program.run(leaves.map { edge in
                    guard let storage = edge.storage else { preconditionFailure("a leaf has elements") }
                    return storage
                })
            }
            Profile.attribute(origins)
        } catch {
            let isLasting = error.error.code != "E0290" && error.error.code != "E0299"
            if isLasting, roots.count == 1, !hasCompanions { roots[0].fail(error) }
            throw error
        }
        var next = 0
        // Last first: a node gives up its history only when those after it have.
        for node in completed {
            if node.types.count == 1 {
                node.complete(Few(results[next]))
            } else {
                node.complete(Few(node.types.indices.map { $0 < node.wanted ? results[next + $0] : nil }))
            }
            next += node.wanted
        }
    }

    /// Errors of a program, which tell a place of its graph, with the place in the script.
    private func located<R>(_ body: () throws(ExecutionError) -> R) throws(ExecutionError) -> R {
        do throws(ExecutionError) { return try body() } catch { throw error.placed(in: origins) }
    }

    /// What programs are kept under: ops, attributes and types, without elements and origins.
    struct Structure: Hashable, Sendable {
        var words: [Int] = []
        var attributes: [Attributes] = []
    }

    func structure(_ outputs: [Edge]) -> Structure {
        var result = Structure()
        result.words.reserveCapacity(4 * (nodes.count + leaves.count + outputs.count) + 16)
        result.words.append(leaves.count)
        for leaf in leaves {
            let type = leaf.type
            result.words.append(Int(type.dtype.rawValue) << 8 | type.shape.count)
            result.words += type.shape
        }
        for node in nodes {
            switch node.content {
            case .op(let id): result.words.append(Int(id.index) << 32 | node.inputs.count)
            case .block(let block, _): result.words.append(~(block.id << 20 | node.inputs.count))
            case .data, .key, .argument, .unknown: preconditionFailure("only what has inputs is computed")
            }
            for edge in node.inputs { result.words.append(word(edge)) }
            if !node.attributes.values.isEmpty { result.attributes.append(node.attributes) }
        }
        result.words.append(-1)
        for edge in outputs { result.words.append(word(edge)) }
        return result
    }

    private func word(_ edge: Edge) -> Int { leafIndex(edge).map { ~$0 } ?? edge.node.note << 24 | edge.output }

    private static let programs = ProgramCache<Structure>()
}

/// What was made of structures seen before.
final class StructureCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let values = Mutex<[Key: Value]>([:])
    private let most: Int

    /// - Parameter most: with more than that all are forgotten.
    init(most: Int = 512) { self.most = most }

    func value<E: Error>(for key: Key, make: () throws(E) -> Value) throws(E) -> Value {
        if let value = values.withLock({ $0[key] }) { return value }
        let value = try make()
        values.withLock { values in
            if values.count >= most { values.removeAll() }
            values[key] = value
        }
        return value
    }
}

typealias ProgramCache<Key: Hashable & Sendable> = StructureCache<Key, Program>

extension StructureCache where Value == Program {
    func program(for key: Key, compile: () throws(ExecutionError) -> Graph) throws(ExecutionError) -> Program {
        try value(for: key) { () throws(ExecutionError) in try Program.compile(try compile()) }
    }
}
