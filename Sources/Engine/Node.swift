internal import Graphs

/// A result of a lazy node.
struct Edge {
    let node: Node
    let output: Int
}

/// A graph that stands in a larger one as a node: gradients, which are found once for all histories of one structure.
final class Block: Sendable {
    /// Names its structure.
    let id: Int
    /// The origins of its nodes are numbers of the history that it was made from.
    let graph: Graph

    init(_ graph: Graph) {
        id = Execution.nextSerial()
        self.graph = graph
    }
}

/// A node of the growing graph behind a script's tensors: data, an argument, or an op on other nodes, pending
/// until somebody looks.
///
/// The graph belongs to one thread at a time; computed nodes do not change any more and may be shared.
final class Node: @unchecked Sendable {
    enum Content {
        /// Elements: in `storages` from the start.
        case data
        /// A key of random draws: data, but what is drawn inside a trace is drawn anew at every run.
        case key
        /// Stands for an input of a compiled function or of a scan's body.
        case argument
        /// Has a type only.
        case unknown
        case op(OpID)
        /// Several ops, with the origins that the numbers of its graph stand for.
        case block(Block, origins: [Int32])
    }

    let content: Content
    let attributes: Attributes
    let types: Few<TensorType>
    let origin: Int32
    let serial: Int
    let availability: Availability
    /// What it is computed from; given up once it is computed, unless recorded.
    private(set) var inputs: Few<Edge>
    /// Elements of each result, when computed.
    var storages: Few<Storage?>
    /// How many pending nodes are below it, along the longest way.
    private(set) var depth: Int
    /// The outermost recording that wants to know how this was computed.
    var recording: Recording?
    /// Why it cannot be computed.
    var failure: ExecutionError?
    /// Handles that scripts have on it.
    var handles = 0
    /// How many leading results are stored when it is computed; the rest (a scan's history) only when asked for.
    var wanted: Int
    /// Of a gradient: the node of the value that it differentiates, which shares most of its work.
    var value: Node?
    /// The gradient whose `value` this is.
    weak var gradient: Node?

    /// Scratch of traversals: which one was here last, and what it noted.
    var visit = 0
    var note = 0
    var leaf = 0

    init(
        _ content: Content, inputs: Few<Edge> = Few(), attributes: Attributes = Attributes(), types: Few<TensorType>,
        storages: Few<Storage?> = Few(), origin: Int32 = -1
    ) {
        self.content = content
        self.inputs = inputs
        self.attributes = attributes
        self.types = types
        self.origin = origin
        self.storages = storages
        wanted = types.count
        serial = Execution.nextSerial()
        var depth = 0
        var availability: Availability =
            switch content {
            case .data, .key, .op, .block: .available
            case .argument: .argument
            case .unknown: .unknown
            }
        for edge in inputs {
            let node = edge.node
            availability = max(availability, node.availability)
            if !edge.isComputed { depth = max(depth, node.depth) }
            if let recording = node.recording, recording.isOpen, recording.depth < self.recording?.depth ?? .max {
                self.recording = recording
            }
            if edge.output >= node.wanted { node.wanted = node.types.count }
        }
        self.availability = availability
        switch content {
        case .op: self.depth = depth + 1
        case .block(let block, _): self.depth = depth + block.graph.nodes.count
        case .data, .key, .argument, .unknown: self.depth = 0
        }
    }

    /// Whether it is computed from its inputs.
    var isComposed: Bool {
        switch content {
        case .op, .block: true
        case .data, .key, .argument, .unknown: false
        }
    }
    /// Whether it is still to be computed, as far as is known without an error.
    var isPending: Bool { isComposed && storages.isEmpty && failure == nil }
    var isRecorded: Bool { recording?.isOpen == true }

    /// Takes the results; the history goes unless it is recorded.
    func complete(_ results: Few<Storage?>) {
        storages = results
        depth = 0
        value = nil
        if let recording, recording.isOpen {
            recording.add(self)
        } else {
            forget()
        }
    }

    func fail(_ error: ExecutionError) {
        failure = error
        depth = 0
        value = nil
        if !isRecorded { forget() }
    }

    /// Gives up the history, without recursion however long it is.
    func forget() {
        recording = nil
        release()
    }

    private func release() {
        var doomed: [Node] = []
        takeInputs(&doomed)
        if let value {
            doomed.append(value)
            self.value = nil
        }
        while var node = doomed.popLast() {
            if isKnownUniquelyReferenced(&node) { node.takeInputs(&doomed) }
        }
    }

    /// Moves the inputs that have inputs themselves; lets the others go.
    private func takeInputs(_ nodes: inout [Node]) {
        while let node = inputs.popLast()?.node {
            if !node.inputs.isEmpty { nodes.append(node) }
        }
    }

    deinit { if !inputs.isEmpty { release() } }
}

extension Edge {
    var type: TensorType { node.types[output] }
    var storage: Storage? { output < node.storages.count ? node.storages[output] : nil }
    var isComputed: Bool { storage != nil }
}

/// Whether a tensor's elements can be looked at.
public enum Availability: Sendable, Comparable {
    /// Yes: it depends on data alone.
    case available
    /// Not while code is traced: it depends on an argument.
    case argument
    /// Not in the check: it depends on something that has a type only.
    case unknown
}

/// While open, results that are computed from its tensors remember how, so that gradients by these tensors can
/// be asked for after somebody looked at results. Recordings nest and are closed in reverse order.
public final class Recording: @unchecked Sendable {
    public private(set) var isOpen = true
    let depth: Int
    private var nodes: [Weak] = []
    private struct Weak { weak var node: Node? }

    /// Records what is made of these tensors from here on.
    public init(of tensors: [Tensor]) {
        depth = Execution.nextSerial()
        for tensor in tensors where !tensor.edge.node.isRecorded { tensor.edge.node.recording = self }
    }

    func add(_ node: Node) { nodes.append(Weak(node: node)) }

    /// Lets the histories go.
    public func close() {
        guard isOpen else { return }
        isOpen = false
        for weak in nodes { if let node = weak.node, node.recording === self { node.forget() } }
        nodes = []
    }

    deinit { close() }
}
