internal import Graphs

/// A result of a lazy node.
struct Edge {
    let node: Node
    let output: Int
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
    }

    let content: Content
    let attributes: Attributes
    let types: [TensorType]
    let origin: Int32
    let serial: Int
    let availability: Availability
    /// What it is computed from; given up once it is computed, unless recorded.
    private(set) var inputs: [Edge]
    /// Elements of each result, when computed.
    var storages: [Storage?]
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

    /// Scratch of traversals: which one was here last, and what it noted.
    var visit = 0
    var note = 0
    var leaf = 0

    init(
        _ content: Content, inputs: [Edge] = [], attributes: Attributes = Attributes(), types: [TensorType],
        storages: [Storage?] = [], origin: Int32 = -1
    ) {
        self.content = content
        self.inputs = inputs
        self.attributes = attributes
        self.types = types
        self.origin = origin
        self.storages = storages
        wanted = types.count
        serial = Execution.nextSerial()
        var availability: Availability =
            switch content {
            case .data, .key, .op: .available
            case .argument: .argument
            case .unknown: .unknown
            }
        var depth = 0
        for edge in inputs {
            availability = max(availability, edge.node.availability)
            if !edge.isComputed { depth = max(depth, edge.node.depth + 1) }
            if let recording = edge.node.recording, recording.isOpen, recording.depth < self.recording?.depth ?? .max {
                self.recording = recording
            }
            if edge.output >= edge.node.wanted { edge.node.wanted = edge.node.types.count }
        }
        self.availability = availability
        self.depth = max(depth, inputs.isEmpty ? 0 : 1)
    }

    var isOp: Bool { if case .op = content { true } else { false } }

    /// Takes the results; the history goes unless it is recorded.
    func complete(_ results: [Storage?]) {
        storages = results
        depth = 0
        if let recording, recording.isOpen {
            recording.add(self)
        } else {
            forget()
        }
    }

    func fail(_ error: ExecutionError) {
        failure = error
        depth = 0
        if recording?.isOpen != true { forget() }
    }

    /// Gives up the history, without recursion however long it is.
    func forget() {
        recording = nil
        var doomed = inputs
        inputs = []
        Self.release(&doomed)
    }

    private static func release(_ doomed: inout [Edge]) {
        while var node = doomed.popLast()?.node {
            if !node.inputs.isEmpty, isKnownUniquelyReferenced(&node) {
                doomed += node.inputs
                node.inputs = []
            }
        }
    }

    deinit {
        if !inputs.isEmpty {
            var doomed = inputs
            inputs = []
            Self.release(&doomed)
        }
    }
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
        for tensor in tensors where tensor.edge.node.recording?.isOpen != true { tensor.edge.node.recording = self }
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
