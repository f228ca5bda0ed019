public import CKernels
internal import Synchronization

/// One row of the registry: everything tfs knows about an op, in one place.
///
/// From the rows come the argument check, shape inference, gradients, completion, `tfs doc`, the manual and
/// the tests. Adding an op adds a row (and, for a new `Kernel.special`, its arm in the engine).
public struct Op: Sendable {
    /// One object, so that passing a row on is passing a reference on.
    private final class Row: Sendable {
        let name: String
        let doc: String
        let parameters: [Parameter]
        let promotion: Promotion
        let infer: @Sendable (Inference) throws(OpError) -> [TensorType]
        let kernel: Kernel
        let gradient: Gradient
        let example: String
        let chooseResults: @Sendable (Arguments) -> Results
        let resultNames: [String]
        let domain: ClosedRange<Double>
        let ownSamples: [Sample]
        let attributeParameters: [Parameter]
        let attributeNames: [String]
        let usual: Usual?
        /// Where it stands in the registry, once it does.
        let position = Atomic<Int>(-1)

        init(
            name: String, doc: String, parameters: [Parameter], promotion: Promotion, kernel: Kernel, example: String,
            resultNames: [String], chooseResults: @escaping @Sendable (Arguments) -> Results, domain: ClosedRange<Double>,
            samples: [Sample], gradient: Gradient, infer: @escaping @Sendable (Inference) throws(OpError) -> [TensorType]
        ) {
            self.name = name
            self.doc = doc
            self.parameters = parameters
            self.promotion = promotion
            self.infer = infer
            self.kernel = kernel
            self.gradient = gradient
            self.example = example
            self.resultNames = resultNames
            self.chooseResults = chooseResults
            self.domain = domain
            ownSamples = samples
            attributeParameters = parameters.filter { !$0.kind.isInput }
            attributeNames = attributeParameters.map(\.name)
            usual = Usual(parameters)
        }
    }
    private let row: Row

    /// `exp`, `random.normal`, `nn.conv2d`
    public var name: String { row.name }
    /// One sentence with the formula.
    public var doc: String { row.doc }
    public var parameters: [Parameter] { row.parameters }
    /// Which inputs are converted before the rule sees them.
    public var promotion: Promotion { row.promotion }
    /// Shapes and dtypes of the results, from those of the inputs (already promoted) and the attributes.
    public var infer: @Sendable (Inference) throws(OpError) -> [TensorType] { row.infer }
    public var kernel: Kernel { row.kernel }
    public var gradient: Gradient { row.gradient }
    /// `softplus(0.0)    # => 0.6931`, run as a test.
    public var example: String { row.example }
    /// Names of the results of an op with several, as fields of a record; empty for one result or a list.
    public var resultNames: [String] { row.resultNames }
    /// Where numeric tests may draw inputs from.
    public var domain: ClosedRange<Double> { row.domain }
    /// Inputs and attributes that numeric tests try; empty when the row's kind needs nothing special.
    var ownSamples: [Sample] { row.ownSamples }
    /// The parameters that are attributes, in the order of `Attributes.values`.
    public var attributeParameters: [Parameter] { row.attributeParameters }
    /// Their names.
    public var attributeNames: [String] { row.attributeNames }
    /// How most calls are written; `nil` for ops that have no such form.
    public var usual: Usual? { row.usual }

    public init(
        _ name: String, doc: String, parameters: [Parameter], promotion: Promotion = .none, kernel: Kernel,
        example: String, results: Results = .one, resultsBy choose: (@Sendable (Arguments) -> Results)? = nil,
        domain: ClosedRange<Double> = -2...2, samples: [Sample] = [], gradient: Gradient,
        infer: @escaping @Sendable (Inference) throws(OpError) -> [TensorType]
    ) {
        let names: [String]
        if case .record(let fields) = results { names = fields } else { names = [] }
        row = Row(
            name: name, doc: doc, parameters: parameters, promotion: promotion, kernel: kernel, example: example, resultNames: names,
            chooseResults: choose ?? { _ in results }, domain: domain, samples: samples, gradient: gradient, infer: infer)
    }

    /// How a script sees the results of a use with these attributes.
    public func results(_ attributes: Attributes) -> Results { row.chooseResults(Arguments(self, attributes)) }

    /// Whether this row serves other rows only and is not shown to users.
    public var isInternal: Bool { name.hasPrefix("_") }

    /// A call that gives so many tensors, one after the other, and no attributes.
    public struct Usual: Sendable {
        public let inputCount: Int
        public let attributes: Attributes

        /// `nil` when an input may be left out or stand for several, or an attribute has no default.
        fileprivate init?(_ parameters: [Parameter]) {
            inputCount = parameters.count { $0.kind.isInput }
            guard inputCount > 0, parameters.prefix(inputCount).allSatisfy({ $0.kind == .tensor }) else { return nil }
            var values: [Attribute] = []
            for parameter in parameters.dropFirst(inputCount) {
                guard let value = parameter.defaultValue, parameter.kind != .hidden else { return nil }
                values.append(value)
            }
            attributes = Attributes(values)
        }
    }

    /// Where this row stands in the registry.
    public var id: OpID {
        if row.position.load(ordering: .relaxed) < 0 { _ = Op.all }
        let position = row.position.load(ordering: .relaxed)
        precondition(position >= 0, "the op is in the registry")
        return OpID(position)
    }
    func place(at position: Int) { row.position.store(position, ordering: .relaxed) }

    /// How a script sees what an op gives.
    public enum Results: Sendable, Equatable {
        /// A tensor: the first result.
        case one
        /// A list of all results.
        case list
        /// A record with a field for each name; the result at an empty name is not shown.
        case record([String])
    }

    /// A parameter of an op: an input tensor or an attribute.
    public struct Parameter: Sendable {
        public let name: String
        public let kind: Kind
        /// `nil` when the argument is required.
        public let defaultValue: Attribute?
        public let doc: String
        public init(_ name: String, _ kind: Kind, default defaultValue: Attribute? = nil, doc: String = "") {
            (self.name, self.kind, self.defaultValue, self.doc) = (name, kind, defaultValue, doc)
        }
    }

    public enum Kind: Sendable, Equatable {
        /// A tensor (a script number or nested list is accepted).
        case tensor
        /// A tensor or `none`; an absent one is not among the node's inputs. At most one, the last input.
        case optionalTensor
        /// A list of tensors (`concat`, `stack`, `einsum`): takes all remaining inputs. Where it is the last parameter
        /// a script may also write them one by one (`einsum("ij,jk", a, b)`).
        case tensors
        /// The random key: not an argument of the script, supplied by the engine. Always the last input.
        case key
        case bool, int, float, dtype
        /// An int or float, kept as written (`.int` or `.float`).
        case number
        case optionalNumber
        /// `int` or `none`.
        case optionalInt
        case optionalFloat
        case optionalDType
        /// `none`, one int, or a list of ints; stored as `.none` or `.ints`.
        case axes
        /// A list of sizes (one int is taken as a list of one); stored as `.ints`.
        case shape
        /// A list of ints of any length (one int is taken as a list of one); stored as `.ints`.
        case ints
        /// As `ints`, or `none`.
        case optionalInts
        case floats
        /// Amounts before and after each axis: one int for all, one pair for all, or a list of pairs; stored flat
        /// as `.ints` of 1, 2 or 2 · rank numbers.
        case pairs
        /// One of the given strings; any string when the list is empty.
        case string([String])
        /// Not an argument of the script: a graph or count filled in by the language.
        case hidden

        public var isInput: Bool {
            switch self {
            case .tensor, .optionalTensor, .tensors, .key: true
            default: false
            }
        }
    }

    /// How input dtypes are made to agree before inference; casts are inserted by whoever builds the node.
    public enum Promotion: Sendable {
        /// As they are.
        case none
        /// All inputs become the widest of their dtypes.
        case common
        /// As `common`, and integers and bools become `f32`.
        case real
        /// As `common`, and `bool` becomes `i32`.
        case number
        /// As `number` for sums: `bool` and integers narrower than `i32` become `i32`.
        case accumulating
        /// All inputs become `bool`: whether they differ from zero.
        case logical
        /// The first input becomes real, the others (indices, ids, a key) stay.
        case realFirst
        /// The first two inputs become the wider of theirs, the others (a mask, a key) stay.
        case commonFirstTwo
        /// All inputs but the first, a condition, become the widest of theirs (`where`).
        case commonAfterFirst
    }

    /// What computes the op.
    public enum Kernel: Sendable {
        /// Element by element: `y = f(x)`.
        case map(tfs_map)
        /// Element by element with broadcasting: `y = f(a, b)`.
        case zip(tfs_zip)
        /// Folds the axes in `axis`; `keepdims` keeps them with size 1.
        case reduce(tfs_reduce)
        /// Work of its own in the engine.
        case special(Special)
        /// Written in other ops; replaced by them when a graph is built.
        case composed(@Sendable (Expansion) throws(OpError) -> [Term])
    }

    public enum Gradient: Sendable {
        /// Gradients of the inputs (`nil` where none flows) from those of the outputs, written in ops.
        case rule(@Sendable (Backward) throws(OpError) -> [Term?])
        /// No gradient flows, and why, in words a user reads.
        case stops(because: String)
        /// The gradient of what the op is composed of.
        case composed
    }
}

/// What a shape rule sees.
public struct Inference: Sendable {
    public let op: Op
    public let inputs: [TensorType]
    public let attributes: Attributes
    public init(op: Op, inputs: [TensorType], attributes: Attributes) {
        (self.op, self.inputs, self.attributes) = (op, inputs, attributes)
    }
}

/// What the definition of a composed op sees.
public struct Expansion {
    public let inputs: [Term]
    public let arguments: Arguments
    public let builder: GraphBuilder
    public init(inputs: [Term], arguments: Arguments, builder: GraphBuilder) {
        (self.inputs, self.arguments, self.builder) = (inputs, arguments, builder)
    }
}

/// What a gradient rule sees.
public struct Backward {
    public let inputs: [Term]
    public let outputs: [Term]
    /// The gradient of each output; `nil` where none flows in.
    public let gradients: [Term?]
    public let arguments: Arguments
    public let builder: GraphBuilder
    public init(inputs: [Term], outputs: [Term], gradients: [Term?], arguments: Arguments, builder: GraphBuilder) {
        self.inputs = inputs
        self.outputs = outputs
        self.gradients = gradients
        self.arguments = arguments
        self.builder = builder
    }
}

/// Attributes by the names of an op's parameters. Asking for a name or kind that the row does not declare is
/// a mistake in the row.
public struct Arguments: Sendable {
    public let op: Op
    public let attributes: Attributes
    public init(_ op: Op, _ attributes: Attributes) { (self.op, self.attributes) = (op, attributes) }

    public subscript(name: String) -> Attribute {
        guard let index = op.attributeNames.firstIndex(of: name) else {
            preconditionFailure("op `\(op.name)` has no attribute `\(name)`")
        }
        return attributes.values[index]
    }
    public func bool(_ name: String) -> Bool { if case .bool(let v) = self[name] { v } else { wrong(name) } }
    public func int(_ name: String) -> Int { if case .int(let v) = self[name] { v } else { wrong(name) } }
    public func optionalInt(_ name: String) -> Int? { if case .int(let v) = self[name] { v } else { nil } }
    public func string(_ name: String) -> String { if case .string(let v) = self[name] { v } else { wrong(name) } }
    public func dtype(_ name: String) -> DType { if case .dtype(let v) = self[name] { v } else { wrong(name) } }
    public func optionalDType(_ name: String) -> DType? { if case .dtype(let v) = self[name] { v } else { nil } }
    public func ints(_ name: String) -> [Int] { if case .ints(let v) = self[name] { v } else { wrong(name) } }
    public func optionalInts(_ name: String) -> [Int]? { if case .ints(let v) = self[name] { v } else { nil } }
    public func graph(_ name: String) -> Graph { if case .graph(let v) = self[name] { v } else { wrong(name) } }
    public func float(_ name: String) -> Double {
        switch self[name] {
        case .float(let v): v
        case .int(let v): Double(v)
        default: wrong(name)
        }
    }
    public func optionalFloat(_ name: String) -> Double? { if case .none = self[name] { nil } else { float(name) } }
    private func wrong(_ name: String) -> Never {
        preconditionFailure("op `\(op.name)`: attribute `\(name)` has another kind")
    }
}
