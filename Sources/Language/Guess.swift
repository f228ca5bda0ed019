internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

/// What can be said about an expression without running it: names and fields are looked up, literals and calls have a kind.
struct Guess {
    var value: Value?
    /// As `type(x)` names it.
    var kind: String
    /// The rank of a tensor, where it is known.
    var rank: Int?
    /// Whether a tensor's elements are floats, where that is known.
    var isFloat: Bool?

    init(_ value: Value) {
        (self.value, kind) = (value, value.kind)
        if case .tensor(let tensor) = value { (rank, isFloat) = (tensor.rank, tensor.dtype.isFloat) }
    }
    init(kind: String, rank: Int? = nil) { (self.kind, self.rank) = (kind, rank) }

}

extension Prompt {
    /// The value of a name that the prompt knows.
    func own(_ name: String) -> Value? {
        guard let slot = module.slots[name], slot < module.registerCapacity else { return nil }
        if case .unset = module.registers[slot] { return nil }
        return module.registers[slot]
    }

    /// A name's value, the prompt's own before the library's.
    func known(_ name: String) -> Value? { own(name) ?? (try? session.library.value(named: name, machine)) }

    /// What the text of an expression stands for; nothing of it runs.
    func guess(_ text: String) -> Guess? {
        let parsed = parse(SourceText(path: "", text: text))
        guard parsed.diagnostics.isEmpty, parsed.script.statements.count == 1, case .expression(let expression) = parsed.script.statements[0].kind
        else { return nil }
        return guess(expression)
    }

    private func guess(_ expression: Expression) -> Guess? {
        switch expression.kind {
        case .none, .error, .conditional, .with, .for, .while: return nil
        case .bool: return Guess(kind: "bool")
        case .int: return Guess(kind: "int")
        case .float: return Guess(kind: "float")
        case .string: return Guess(kind: "string")
        case .list, .comprehension: return Guess(kind: "list")
        case .record: return Guess(kind: "record")
        case .lambda: return Guess(kind: "fn")
        case .model: return Guess(kind: "layer")
        case .parenthesized(let inner): return guess(inner)
        case .unary(_, let inner): return guess(inner).map { Guess(kind: $0.kind, rank: $0.rank) }
        case .binary(_, let left, let right, _):
            let sides = [guess(left), guess(right)]
            guard sides.contains(where: { $0?.kind == "tensor" }) else { return nil }
            let ranks = sides.compactMap { $0 }.map { $0.kind == "tensor" ? $0.rank : 0 }
            return Guess(kind: "tensor", rank: ranks.contains(nil) || sides.contains(where: { $0 == nil }) ? nil : ranks.compactMap { $0 }.max())
        case .name(let name): return known(name).map { Guess($0) }
        case .field(let base, let name):
            if let qualified = qualified(base, name.text) { return Guess(qualified) }
            return guess(base).flatMap { field(of: $0, name.text) }
        case .index(let base, let subscripts): return guess(base).flatMap { element(of: $0, subscripts) }
        case .pipe(let left, let right): return guess(left).flatMap { applied(right, to: $0) }
        case .call(let callee, let arguments):
            if case .field(let base, let name) = callee.kind, qualified(base, name.text) == nil, let receiver = guess(base) {
                return result(ofVerb: name.text, of: receiver)
            }
            return guess(callee).flatMap { result(of: $0, named(callee), arguments.first.flatMap { guess($0.value) }) }
        }
    }

    /// `nn.conv2d`, unless a name of the prompt's own hides the module.
    private func qualified(_ base: Expression, _ name: String) -> Value? {
        guard case .name(let module) = base.kind, own(module) == nil, session.library.modules.contains(module) else { return nil }
        return try? session.library.value(named: module + "." + name, machine)
    }

    private func named(_ callee: Expression) -> String {
        switch callee.kind {
        case .name(let name): name
        case .field(let base, let name): named(base) + "." + name.text
        default: ""
        }
    }

    /// A field, where looking it up makes nothing.
    private func field(of guess: Guess, _ name: String) -> Guess? {
        guard let value = guess.value else { return guess.kind == "table" ? Guess(kind: "tensor", rank: 1) : nil }
        switch value {
        case .table(let table):
            if table.table.names.contains(name) { return Guess(kind: "tensor", rank: 1) }
            return name == "columns" ? Guess(kind: "list") : nil
        // Parameters come into being when they are first asked for.
        case .layer where name == "params" || name == "states", .estimator where name == "params" || name == "states":
            return Guess(kind: "list of parameter")
        case .record, .tensor, .layer, .parameter, .estimator: return (try? machine.field(value, .string(name))).map { Guess($0) }
        default: return nil
        }
    }

    private func element(of guess: Guess, _ subscripts: [Subscript]) -> Guess? {
        if guess.kind == "list of parameter" { return Guess(kind: "parameter") }
        guard subscripts.count == 1, case .index(let index) = subscripts[0] else { return guess.kind == "tensor" ? Guess(kind: "tensor") : nil }
        if guess.kind == "tensor" { return Guess(kind: "tensor", rank: guess.rank.map { max($0 - 1, 0) }) }
        guard let value = guess.value else { return nil }
        switch (value, index.kind) {
        case (.list, .int(let i)), (.record, .int(let i)): return (try? machine.index(value, .int(i))).map { Guess($0) }
        case (.record, .string(let parts)):
            guard parts.count == 1, case .text(let name) = parts[0] else { return nil }
            return field(of: guess, name)
        default: return nil
        }
    }

    // MARK: Results

    private func applied(_ right: Expression, to left: Guess) -> Guess? {
        if case .call(let callee, _) = right.kind, let function = guess(callee)?.value { return result(ofPiped: function, left) }
        return guess(right)?.value.flatMap { result(ofPiped: $0, left) }
    }

    /// `x |> f` or `x |> f(…)`: what a layer gives, as far as its signature tells.
    private func result(ofPiped function: Value, _ input: Guess) -> Guess? {
        if input.kind != "tensor" { return nil }
        if case .function(let f) = function, case .op(let op) = f.kind { return Guess(kind: "tensor", rank: rank(of: op, input)) }
        guard let constructor = constructor(of: function), constructor.info.kind != .estimator else { return nil }
        return Guess(kind: "tensor", rank: rank(of: constructor, input))
    }

    private func rank(of op: Op, _ input: Guess?) -> Int? {
        if case .map = op.kernel { input?.rank } else { nil }
    }

    /// The rank of a layer's output: what its signature says, `...` being what it stands for in the input.
    private func rank(of constructor: Constructor, _ input: Guess) -> Int? {
        guard let body = constructor.info.body, let result = body.result?.dimensions else { return nil }
        if !result.contains(where: \.isEllipsis) { return result.count }
        guard let rank = input.rank, let given = inputs(of: constructor).first?.type?.dimensions, given.contains(where: \.isEllipsis) else { return nil }
        return rank - given.count + result.count
    }

    private func result(of callee: Guess, _ name: String, _ first: Guess?) -> Guess? {
        guard let value = callee.value else { return nil }
        switch value {
        case .layer(let layer): return first.map { Guess(kind: "tensor", rank: rank(of: layer.constructor, $0)) }
        case .function(let function):
            switch function.kind {
            case .constructor(let constructor) where constructor.info.kind == .estimator: return Guess(kind: "estimator")
            case .constructor, .dual: return first?.kind == "tensor" ? result(ofPiped: value, first ?? Guess(kind: "tensor")) : Guess(kind: "layer")
            case .op(let op): return op.resultNames.isEmpty ? Guess(kind: "tensor", rank: rank(of: op, first)) : Guess(kind: "record")
            case .native(let native): return native.gives.map { Guess(kind: $0) }
            case .code: return name.hasPrefix("datasets.") ? Guess(kind: "table") : nil
            case .closure: return nil
            }
        default: return nil
        }
    }

    private func result(ofVerb name: String, of receiver: Guess) -> Guess? {
        if let native = Native.verbs[receiver.kind]?[name] { return native.gives.map { Guess(kind: $0) } }
        if receiver.kind == "tensor", let function = known(name) { return result(ofPiped: function, receiver) }
        return nil
    }

    // MARK: Signatures

    /// What makes the layers of a name.
    func constructor(of value: Value) -> Constructor? {
        switch value {
        case .layer(let layer): return layer.constructor
        case .function(let function):
            switch function.kind {
            case .constructor(let constructor): return constructor
            case .dual(_, let layer): return constructor(of: .function(layer))
            default: return nil
            }
        default: return nil
        }
    }

    /// The parameters of a layer's second list.
    func inputs(of constructor: Constructor) -> [ParameterInfo] {
        guard let body = constructor.info.body else { return [] }
        return Array(body.parameters.dropFirst(constructor.info.configuration.parameters.count))
    }

    /// Whether a layer takes a value like this as its one input, and whether its rank is exactly what the layer asks for.
    func fit(_ constructor: Constructor, _ input: Guess) -> (fits: Bool, isExact: Bool) {
        if constructor.info.body == nil { return (constructor.info.kind != .estimator, false) }
        let inputs = inputs(of: constructor)
        guard let first = inputs.first, inputs.count(where: { !$0.hasDefault && !$0.isRest }) <= 1 else { return (false, false) }
        guard let type = first.type else { return (!first.isRest, false) }
        guard case .tensor(let kind) = type.base else { return (type.base == .any, false) }
        if let isFloat = input.isFloat {
            switch kind {
            case .anyFloat where !isFloat, .anyInteger where isFloat: return (false, false)
            default: break
            }
        }
        guard let rank = input.rank, let dimensions = type.dimensions else { return (true, false) }
        if dimensions.contains(where: \.isEllipsis) { return (rank >= dimensions.count - 1, false) }
        return (rank == dimensions.count, rank == dimensions.count)
    }
}

extension TypeSpec.Dimension {
    var isEllipsis: Bool { if case .ellipsis = self { true } else { false } }
}

extension Native {
    /// The kind of what it gives, where that is always the same.
    var gives: String? { Self.kinds[name] ?? result.form?.kind }

    private static let kinds: [String: String] = [
        "csv": "table", "sqlite": "table", "head": "table", "tail": "table", "select": "table", "drop": "table", "rename": "table",
        "with_label": "table", "with_column": "table", "describe": "table", "sort": "table", "dataset": "dataset", "mnist": "dataset",
        "fashion_mnist": "dataset", "cifar10": "dataset", "text_lines": "dataset", "batch": "dataset", "unbatch": "dataset", "repeat": "dataset",
        "cache": "dataset", "prefetch": "dataset", "shard": "dataset", "window": "dataset", "tensor": "tensor", "npy": "tensor", "idx": "tensor",
        "range": "list", "enumerate": "list", "zip": "list", "sorted": "list", "reversed": "list", "tolist": "list",
    ]
}
