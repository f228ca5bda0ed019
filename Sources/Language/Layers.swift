internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

/// A layer value: a configuration, and the parameters that it owns.
public final class Layer: @unchecked Sendable {
    let constructor: Constructor
    /// The values of the configuration's parameters, in order. A layer that is constructed again at the same
    /// place of a body keeps its parameters and takes the new configuration.
    var configuration: [Value]
    /// A model's layers and functions, in order.
    var stack: [Value]?
    /// Where the script wrote each of them.
    var stackRanges: [SourceRange?] = []
    /// What `input(…)` said.
    var inputType: TensorType?
    /// `with_params`: another layer, computing with these values.
    var substitution: (layer: Layer, values: [ObjectIdentifier: Tensor])?
    let path: String
    let seed: Int
    var trainable: Bool
    let dtype: DType
    /// The defaults in force where it was constructed.
    let defaults: [Defaults]
    private(set) var parameters: [LayerParameter] = []
    var children: [Site: Layer] = [:]
    /// Layers that its body has applied, in the order of their first application.
    var applied: [Layer] = []
    private var kindCounts: [String: Int] = [:]
    /// The output shape of the last application, for the summary.
    var outputType: TensorType?
    /// What it was first applied to, with tensors of which only the types are kept.
    var firstInputs: Inputs?

    struct Inputs {
        var positional: [Value]
        var named: [(String, Value)]
    }

    static let commonArguments = ["name", "trainable", "dtype"]

    init(
        constructor: Constructor, configuration: [Value], path: String, seed: Int, trainable: Bool, dtype: DType,
        defaults: [Defaults]
    ) {
        self.constructor = constructor
        self.configuration = configuration
        self.path = path
        self.seed = seed
        self.trainable = trainable
        self.dtype = dtype
        self.defaults = defaults
    }

    /// Whether it has not been applied yet.
    var isFresh: Bool { parameters.isEmpty && children.isEmpty && applied.isEmpty }

    /// In the check: as before it was applied.
    func forget() { (parameters, children, applied, kindCounts, outputType, firstInputs) = ([], [:], [], [:], nil, nil) }

    var kind: String { constructor.name }

    func parameter(named name: String) -> LayerParameter? { parameters.first { $0.name == name } }
    func add(_ parameter: LayerParameter) { parameters.append(parameter) }

    /// The path of the next layer of that name or kind below this one.
    func childPath(_ name: String?, kind: String) -> String {
        path + "/" + (name ?? Layer.numbered(kind, &kindCounts))
    }

    /// The kind's name, with `_1`, `_2` … from the second on.
    static func numbered(_ kind: String, _ counts: inout [String: Int]) -> String {
        let count = counts[kind, default: 0]
        counts[kind] = count + 1
        return count == 0 ? kind : "\(kind)_\(count)"
    }

    func noteUse(of layer: Layer) {
        if !applied.contains(where: { $0 === layer }) { applied.append(layer) }
    }

    /// Parameters and states of this layer and of every layer that its body applies, each once.
    func collect() -> [LayerParameter] { parts.flatMap(\.parameters) }

    /// This layer and every one that it applies, each once.
    var parts: [Layer] {
        var found: [Layer] = []
        var seen: Set<ObjectIdentifier> = []
        func walk(_ layer: Layer) {
            guard seen.insert(ObjectIdentifier(layer)).inserted else { return }
            found.append(layer)
            if let inner = layer.substitution?.layer { walk(inner) }
            for case .layer(let part) in layer.stack ?? [] { walk(part) }
            for part in layer.applied { walk(part) }
        }
        walk(self)
        return found
    }

    /// Whether parameters are learned, this layer and those around it permitting.
    func trainableParameters() -> [LayerParameter] {
        var found: [LayerParameter] = []
        var seen: Set<ObjectIdentifier> = []
        func walk(_ layer: Layer, _ frozen: Bool) {
            guard seen.insert(ObjectIdentifier(layer)).inserted else { return }
            let frozen = frozen || !layer.trainable
            if !frozen { found += layer.parameters.filter { $0.trainable && !$0.isState } }
            if let inner = layer.substitution?.layer { walk(inner, frozen) }
            for case .layer(let part) in layer.stack ?? [] { walk(part, frozen) }
            for part in layer.applied { walk(part, frozen) }
        }
        walk(self, false)
        return found
    }

    var text: String {
        let parameters = constructor.info.configuration.parameters
        var parts: [String] = []
        for (info, value) in zip(parameters, configuration) {
            if info.hasDefault, let text = info.defaultText, value.written == text { continue }
            switch value {
            case .function(let function):
                // What a default's call made has no text of its own.
                if info.hasDefault, function.name == info.defaultText || function.name == "lambda" { continue }
                parts.append("\(info.name) = \(function.name)")
            default: parts.append("\(info.name) = \(value.written)")
            }
        }
        return "\(kind)(\(parts.joined(separator: ", ")))"
    }
}

/// A value that a layer owns: learned from gradients, or (a state) updated while training.
public final class LayerParameter: @unchecked Sendable {
    let name: String
    let path: String
    let type: TensorType
    var value: Tensor
    var trainable: Bool
    let isState: Bool
    let regularizer: Value
    let constraint: Value
    /// What made the first value, to begin afresh, with the seed it drew from.
    let initializer: Value
    let seed: Int

    init(
        name: String, path: String, type: TensorType, value: Tensor, trainable: Bool, isState: Bool, regularizer: Value,
        constraint: Value, initializer: Value, seed: Int
    ) {
        self.initializer = initializer
        self.seed = seed
        self.name = name
        self.path = path
        self.type = type
        self.value = value
        self.trainable = trainable
        self.isState = isState
        self.regularizer = regularizer
        self.constraint = constraint
    }
}

/// A place of construction inside a layer's body: the calls and loop turns on the way there.
struct Site: Hashable {
    var parts: [Int]
}

/// One running application of a layer.
struct Application {
    let layer: Layer
    /// The number of frames below its body.
    let depth: Int
    /// The tensors that stand for its states, to be found again by `update`.
    var states: [ObjectIdentifier: LayerParameter] = [:]
}

/// A model whose stack is being built.
struct Construction {
    let layer: Layer
    let depth: Int
}

extension Machine {
    // MARK: Constructing

    /// `dense(10)`, or `batch_norm(x)`: a constructor called on tensors applies the layer with its defaults.
    func callConstructor(_ constructor: Constructor, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        if constructor.info.kind == .estimator { return .estimator(try makeEstimator(constructor, positional, named)) }
        if let first = positional.first, isLayerInput(first, of: constructor) {
            let count = constructor.info.body.map { $0.parameters.count - constructor.info.configuration.parameters.count } ?? 1
            let inputs = Array(positional.prefix(max(count, 1)))
            return try call(try construct(constructor, Array(positional.dropFirst(inputs.count)), named), inputs)
        }
        if isCheck { warnOfDiscarded(constructor) }
        return try construct(constructor, positional, named)
    }

    private func isLayerInput(_ value: Value, of constructor: Constructor) -> Bool {
        // A first configuration value may itself be a tensor (`constant` embeddings); annotations tell.
        if let type = constructor.info.configuration.parameters.first?.type, case .tensor = type.base { return false }
        if isTensor(value) { return true }
        if case .list(let list) = value, !list.values.isEmpty { return list.values.allSatisfy(isTensor) }
        return false
    }

    func construct(_ constructor: Constructor, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        let info = constructor.info
        var named = named
        // Defaults in force fill what the call leaves out; inner ones win, later entries win.
        let taken = Set(info.configuration.parameters.prefix(positional.count).map(\.name) + named.map(\.0))
        var fromDefaults: [(String, Value)] = []
        for group in defaults.reversed() {
            for entry in group.entries.reversed() where entry.constructor.info.range == info.range && entry.constructor.name == info.name {
                for (name, value) in entry.arguments.reversed()
                where !taken.contains(name) && !fromDefaults.contains(where: { $0.0 == name }) {
                    fromDefaults.append((name, value))
                }
            }
        }
        named += fromDefaults
        let own = Set(info.configuration.parameters.map(\.name))
        func common(_ name: String) -> Value? {
            guard !own.contains(name), let index = named.firstIndex(where: { $0.0 == name }) else { return nil }
            return named.remove(at: index).1
        }
        var name: String?
        switch common("name") {
        case nil, Value.none?: break
        case .string(let text)?: name = text.string
        case let value?: throw Fault.type("`name` of `\(info.name)`", expected: "a string", found: value)
        }
        var trainable = true
        switch common("trainable") {
        case nil: break
        case .bool(let flag)?: trainable = flag
        case let value?: throw Fault.type("`trainable` of `\(info.name)`", expected: "`true` or `false`", found: value)
        }
        var dtype = DType.f32
        switch common("dtype") {
        case nil: break
        case .dtype(let given)?: dtype = given
        case let value?: throw Fault.type("`dtype` of `\(info.name)`", expected: "a dtype", found: value)
        }
        for (name, _) in named where !own.contains(name) {
            throw Fault.unknownArgument(name, of: info.name, known: info.configuration.parameters.map(\.name) + Layer.commonArguments)
        }
        let arguments = try bind(info.configuration.parameters, positional, named, info.name)

        let parent = constructionParent()
        if let (owner, place) = parent, let site = place, let known = owner.children[site], known.constructor.info.range == info.range {
            // The place owns its instance; a model's stack stands, a layer takes the configuration of this turn.
            if info.body != nil { known.configuration = try configure(constructor, arguments) }
            return .layer(known)
        }
        let path: String
        if let (owner, _) = parent {
            path = owner.childPath(name, kind: info.name)
        } else if let name {
            path = name
        } else {
            path = Layer.numbered(info.name, &session.layerCounts)
        }
        let layer = Layer(
            constructor: constructor, configuration: [], path: path, seed: random.seed, trainable: trainable, dtype: dtype,
            defaults: defaults)
        if let (owner, place) = parent, let site = place { owner.children[site] = layer }
        if info.body == nil {
            layer.stack = []
            constructions.append(Construction(layer: layer, depth: frames.count))
            let suspended = applications
            applications = []
            defer {
                constructions.removeLast()
                applications = suspended
            }
            layer.configuration = arguments
            _ = try invoke(info.configuration, arguments, captures: constructor.configurationCaptures, module: constructor.module)
        } else {
            layer.configuration = try configure(constructor, arguments)
        }
        if isCheck { warnOfKeepProbability(layer) }
        // A model that states its input is checked without being called.
        if isCheck, layer.inputType != nil, parent == nil { try build(layer) }
        return .layer(layer)
    }

    private func configure(_ constructor: Constructor, _ arguments: [Value]) throws -> [Value] {
        // A construction inside a configuration (a layer given as an argument's default) belongs to the file.
        let result = try invoke(
            constructor.info.configuration, arguments, captures: constructor.configurationCaptures,
            module: constructor.module)
        if case .list(let list) = result { return Array(list.values) }
        return arguments.map { _ in .unknown }
    }

    /// Who owns a layer that is constructed now, and by which place; `nil` at file level.
    private func constructionParent() -> (Layer, Site?)? {
        if let construction = constructions.last, applications.isEmpty { return (construction.layer, nil) }
        guard let application = applications.last else { return nil }
        var parts: [Int] = []
        for frame in frames[application.depth...] {
            parts.append(ObjectIdentifier(frame.code).hashValue)
            parts.append(frame.pc)
            for loop in frame.code.loops where loop.start <= frame.pc && frame.pc < loop.end {
                switch frame.registers[loop.counter] {
                case .iterator(let iterator): parts.append(iterator.turns)
                case .int(let turns): parts.append(turns)
                default: break
                }
            }
        }
        for turn in callbackTurns where turn.depth >= application.depth { parts.append(turn.count) }
        return (application.layer, Site(parts: parts))
    }

    /// An expression statement in a model: the next layer.
    func addToStack(_ value: Value) throws {
        guard let construction = constructions.last else { return }
        switch value {
        case .none: return
        default: construction.layer.stackRanges.append(frames.last?.module.isStandard ?? true ? nil : currentRange)
        }
        switch value {
        case .none: return
        case .layer, .unknown: construction.layer.stack?.append(value)
        case .function(let function):
            switch function.kind {
            case .constructor(let constructor) where constructor.info.kind != .estimator:
                construction.layer.stack?.append(try construct(constructor, [], []))
            case .dual(_, let layer):
                if case .constructor(let constructor) = layer.kind {
                    construction.layer.stack?.append(try construct(constructor, [], []))
                }
            default: construction.layer.stack?.append(value)
            }
        default:
            throw Fault(
                "E0430", "a line of a model must give a layer or a function, found \(value.described)",
                mend: "give it a name if it is meant as a binding")
        }
    }

    // MARK: Applying

    func apply(_ layer: Layer, _ inputs: [Value], _ named: [(String, Value)]) throws -> Value {
        var named = named
        var training = isTraining
        if let index = named.firstIndex(where: { $0.0 == "training" }) {
            let value = named.remove(at: index).1
            guard case .bool(let flag) = value else { throw Fault.type("`training`", expected: "`true` or `false`", found: value) }
            training = flag
        }
        if frames.count + applications.count >= Self.deepest || applications.count > 1000 { throw Fault.tooDeep }
        if let application = applications.last { application.layer.noteUse(of: layer) }
        if let substitution = layer.substitution {
            let before = substitutions
            substitutions.merge(substitution.values) { $1 }
            defer { substitutions = before }
            return try apply(substitution.layer, inputs, named + [("training", .bool(training))])
        }
        let inputs = try inputs.map { try cast($0, for: layer) }
        let isOutermost = applications.isEmpty
        if isOutermost, layer.firstInputs == nil {
            layer.firstInputs = Layer.Inputs(positional: inputs.map(\.withoutData), named: named.map { ($0, $1.withoutData) })
        }
        let before = tally?.multiplyAdds ?? 0
        let saved = (isTraining, defaults, applications.count, constructions)
        isTraining = training && layer.trainable
        defaults = layer.defaults
        constructions = []
        applications.append(Application(layer: layer, depth: frames.count))
        defer {
            isTraining = saved.0
            defaults = saved.1
            applications.removeLast(applications.count - saved.2)
            constructions = saved.3
        }
        let result: Value
        if let stack = layer.stack {
            if let extra = named.first { throw Fault.unknownArgument(extra.0, of: layer.kind, known: ["training"]) }
            guard inputs.count == 1, var value = inputs.first else {
                throw Fault.surplusArguments(layer.kind, takes: ["x"], found: inputs.count)
            }
            if let type = layer.inputType { try checkInput(value, type, layer) }
            for (place, part) in stack.enumerated() {
                let range = layer.stackRanges.indices.contains(place) ? layer.stackRanges[place] : nil
                let outer = profiledParts.count
                if session.profileStart != nil || traceDepth > 0, let range { profiledParts.append((session.partOrigin(range), frames.count)) }
                defer { profiledParts.removeLast(profiledParts.count - outer) }
                do {
                    value = try call(part, [value])
                    tally?.note(value)
                } catch {
                    throw located(error, range, layer)
                }
            }
            result = value
        } else if let body = layer.constructor.info.body {
            let count = layer.configuration.count
            let bound = try bind(Array(body.parameters.dropFirst(count)), inputs, named, layer.kind)
            result = try invoke(
                body, layer.configuration + bound, captures: layer.constructor.bodyCaptures,
                module: layer.constructor.module)
        } else {
            result = .unknown
        }
        if case .tensor(let tensor) = result {
            layer.outputType = tensor.type
            outputProbe?(layer, tensor)
        }
        tally?.note(layer, result, since: before)
        if isOutermost, traceDepth == 0 {
            for (state, value) in pendingUpdates { state.value = value }
            pendingUpdates = []
            addedLosses = []
        }
        return result
    }

    /// An error inside a part of a model that has no place of its own in the script stands at the part's line.
    private func located(_ error: any Error, _ range: SourceRange?, _ layer: Layer) -> any Error {
        guard let range, var diagnostic = describe(error, above: 0) as? Diagnostic,
            let place = frames.last(where: { !$0.module.isStandard }), place.pc < place.code.ranges.count,
            diagnostic.at?.range == place.code.ranges[place.pc]
        else { return error }
        diagnostic.calls.insert(Label(place.code.ranges[place.pc], "(`\(layer.kind)`)"), at: 0)
        diagnostic.at = Label(range)
        return diagnostic
    }

    /// A float tensor given to a layer is cast to the layer's dtype.
    private func cast(_ value: Value, for layer: Layer) throws -> Value {
        guard case .tensor(let tensor) = value else {
            if case .list = value { return value }
            switch value {
            case .int, .float: return .tensor(try self.tensor(value, "an input of `\(layer.kind)`"))
            default: return value
            }
        }
        return tensor.dtype.isFloat ? .tensor(try cast(tensor, to: precision ?? layer.dtype)) : value
    }

    private func checkInput(_ value: Value, _ type: TensorType, _ layer: Layer) throws {
        guard case .tensor(let tensor) = value else { return }
        if !tensor.shape.matches(type.shape) {
            let found = tensor.shape.dropFirst()
            throw Fault(
                "E0431", "`\(layer.kind)` takes inputs of shape \(type.shape.text), found \(tensor.shape.text)",
                why: "its `input(…)` says so; `_` stands for the batch",
                mend: tensor.rank == type.rank && found.allSatisfy { $0 >= 0 } ? "for these examples write `input(\(Array(found).text))`" : nil)
        }
    }

    // MARK: Parameters and states

    private func currentApplication(_ what: String) throws -> Int {
        if applications.isEmpty {
            throw Fault("E0432", "`\(what)` belongs in the body of a layer", mend: "declare a `layer` around it")
        }
        return applications.count - 1
    }

    /// `param(…)` and `state(…)`: the current layer's own value of that name, made at the first call.
    func parameter(
        _ name: String, shape: Value, initializer: Value, regularizer: Value = .none, constraint: Value = .none,
        trainable: Bool = true, isState: Bool
    ) throws -> Value {
        let verb = isState ? "state" : "param"
        let position = try currentApplication(verb)
        let layer = applications[position].layer
        let sizes: Shape
        switch shape {
        case .unknown: return .unknown
        case .int(let n): sizes = [n]
        default:
            guard let list = try elements(shape) else { throw Fault.type("`shape` of `\(verb)`", expected: "a list of sizes", found: shape) }
            sizes = try list.map {
                switch $0 {
                case .int(let n) where n >= 0: return n
                case .unknown: return -1
                case .int(let n): throw Fault("E0402", "a size in `shape` of `\(verb)` must be at least 0, found \(n)")
                default: throw Fault.type("a size in `shape` of `\(verb)`", expected: "an int", found: $0)
                }
            }
        }
        let type = TensorType(layer.dtype, sizes)
        let parameter: LayerParameter
        if let known = layer.parameter(named: name) {
            if !known.type.shape.matches(sizes) {
                throw Fault(
                    "E0433", "`\(layer.path)/\(name)` has shape \(known.type.shape.text), and shape \(sizes.text) is asked for",
                    why: "one layer value has one set of parameters, shared by all its uses",
                    mend: "construct a second layer for inputs of another width")
            }
            parameter = known
        } else if !sizes.isKnown {
            tally?.isComplete = false
            return .tensor(.unknown(type))
        } else {
            for (role, value) in [("regularizer", regularizer), ("constraint", constraint)] {
                switch value {
                case .none, .function, .unknown: break
                case .int, .float: throw Fault.type("a \(role)", expected: "a function", found: value, mend: "write `l2(\(value.written))`")
                default: throw Fault.type("a \(role)", expected: "a function", found: value)
                }
            }
            let path = layer.path + "/" + name
            let value = try initial(path, type, initializer, seed: layer.seed)
            parameter = LayerParameter(
                name: name, path: path, type: type, value: value, trainable: trainable && layer.trainable, isState: isState,
                regularizer: regularizer, constraint: constraint, initializer: initializer, seed: layer.seed)
            layer.add(parameter)
        }
        var tensor = substitutions[ObjectIdentifier(parameter)] ?? parameter.value
        if let precision, tensor.dtype.isFloat { tensor = try cast(tensor, to: precision) }
        if isState { applications[position].states[ObjectIdentifier(tensor)] = parameter }
        return .tensor(tensor)
    }

    /// The initializer's value, drawn from the seed and the path.
    func initial(_ path: String, _ type: TensorType, _ initializer: Value, seed: Int) throws -> Tensor {
        if case .string(let text) = initializer {
            throw Fault.type(
                "an initializer", expected: "a function of a shape", found: initializer,
                mend: "write `\(text.string)` without quotes")
        }
        let saved = (random, traceDepth, isTraining, applications)
        random = RandomStream(seed: mix(seed, path))
        traceDepth = 0
        applications = []
        defer { (random, traceDepth, isTraining, applications) = saved }
        let made = try call(initializer, [.list(type.shape.map { .int($0) })])
        var tensor: Tensor
        switch made {
        case .unknown: return .unknown(type)
        case .tensor(let value): tensor = value
        case .int, .float: tensor = try self.tensor(made, "an initial value")
        default: throw Fault.type("what an initializer gives", expected: "a tensor", found: made)
        }
        if !tensor.shape.matches(type.shape) {
            throw Fault(
                "E0434", "the initializer of `\(path)` gives shape \(tensor.shape.text), expected \(type.shape.text)")
        }
        tensor = try cast(tensor, to: type.dtype)
        if isCheck { return .unknown(type) }
        try tensor.compute()
        return tensor
    }

    /// A seed for everything that hangs on a path (FNV-1a over its bytes).
    private func mix(_ seed: Int, _ path: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325 ^ UInt64(bitPattern: Int64(seed))
        for byte in path.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: hash)
    }

    /// `update(s, value)`.
    func update(_ state: Value, _ value: Value) throws -> Value {
        let position = try currentApplication("update")
        guard isTraining else { return .none }
        guard case .tensor(let handle) = state else {
            if state.isUnknown { return .none }
            throw Fault.type("the first argument of `update`", expected: "what `state(…)` gave", found: state)
        }
        guard let parameter = applications[position].states[ObjectIdentifier(handle)] else {
            // In the check: a state whose size is not known.
            if handle.availability == .unknown, !handle.shape.isKnown { return .none }
            throw Fault("E0435", "the first argument of `update` must be what `state(…)` gave in this layer")
        }
        if value.isUnknown { return .none }
        let tensor = try self.tensor(value, "the second argument of `update`")
        if !tensor.shape.matches(parameter.type.shape) {
            throw Fault("E0436", "`\(parameter.path)` has shape \(parameter.type.shape.text), the update has \(tensor.shape.text)")
        }
        let cast = try cast(tensor, to: parameter.type.dtype)
        pendingUpdates.removeAll { $0.0 === parameter }
        pendingUpdates.append((parameter, cast))
        return .none
    }

    func addLoss(_ value: Value) throws -> Value {
        _ = try currentApplication("add_loss")
        if value.isUnknown { return .none }
        addedLosses.append(try tensor(value, "the argument of `add_loss`"))
        return .none
    }
}

extension Machine {
    /// `defaults(layer, …, arg = value, …)`: each argument must be one that every listed layer has.
    func makeDefaults(_ layers: ContiguousArray<Value>, _ arguments: Record) throws -> Value {
        var constructors: [Constructor] = []
        for value in layers {
            if value.isUnknown { return .unknown }
            guard case .function(let function) = value else {
                throw Fault.type("an argument of `defaults`", expected: "the name of a layer", found: value)
            }
            switch function.kind {
            case .constructor(let constructor): constructors.append(constructor)
            case .dual(_, let layer):
                if case .constructor(let constructor) = layer.kind { constructors.append(constructor) }
            default: throw Fault("E0438", "`\(function.name)` is no layer, so it has no defaults to set")
            }
        }
        if constructors.isEmpty { throw Fault("E0438", "`defaults` needs the layers that it is for", mend: "write `defaults(dense, …)`") }
        let pairs = zip(arguments.names, arguments.values).map { ($0, $1) }
        for constructor in constructors {
            let known = constructor.info.configuration.parameters.map(\.name) + Layer.commonArguments
            for name in arguments.names where !known.contains(name) {
                throw Fault.unknownArgument(name, of: constructor.name, known: known)
            }
        }
        return .defaults(Defaults(constructors.map { ($0, pairs) }))
    }
}
