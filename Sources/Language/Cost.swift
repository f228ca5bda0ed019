internal import Datasets
internal import Engine
internal import Graphs
public import Syntax

/// What a model takes, as far as the check can tell: what depends on data that it does not read is `nil`.
public struct ModelCost: Sendable, Equatable {
    /// The script's name for the estimator or the model.
    public var name: String
    /// What the model was declared as.
    public var kind: String
    /// All numbers that it keeps, those that are not trained included.
    public var parameters: Int?
    public var trainable: Int?
    /// Of its matrix products and convolutions, per example.
    public var multiplyAdds: Int?
    /// The batch at hand: that of `fit`, or of the tensors that the model is applied to.
    public var batch: Int
    /// The outputs of its layers on one batch, which training keeps for the gradients.
    public var activationBytes: Int?
    /// What the optimizer remembers; `nil` for a model that no estimator trains, too.
    public var optimizerBytes: Int?
    /// Its tensors in a saved file.
    public var diskBytes: Int?
    /// Why the numbers are not there, or how far they are to be trusted.
    public var note: Note?

    public enum Note: String, Sendable {
        case rowsUnread = "how wide the features are is learned from rows not read here"
        case allRows = "as if fitted to all rows: which ones `fit` sees is not known"
        case inputsUnknown = "the shape of the inputs is known in the run only"
        case neverFitted = "no `fit` with data of a known form was found"
    }
}

/// What one application of a layer takes, counted while it runs.
final class Tally {
    private(set) var multiplyAdds = 0
    private(set) var ofLayers: [ObjectIdentifier: Int] = [:]
    private(set) var outputBytes = 0
    /// Whether the sizes of all parameters are known.
    var isComplete = true
    /// How often what is counted now is done: steps of recurrences around it.
    var times = 1
    /// Outputs that have been counted; a model's output is that of its last layer.
    private var outputs: [ObjectIdentifier: Tensor] = [:]

    func count(_ op: Op, _ inputs: [Tensor], _ attributes: Attributes) {
        multiplyAdds += times * op.multiplyAdds(inputs.map(\.type), attributes)
    }

    func note(_ layer: Layer, _ output: Value, since before: Int) {
        ofLayers[ObjectIdentifier(layer), default: 0] += multiplyAdds - before
        note(output)
    }

    func note(_ output: Value) {
        switch output {
        case .tensor(let tensor):
            if outputs.updateValue(tensor, forKey: ObjectIdentifier(tensor)) == nil {
                outputBytes += times * tensor.type.byteCount
            }
        case .list(let list): list.values.forEach(note)
        case .record(let record): record.values.forEach(note)
        default: return
        }
    }
}

extension Machine {
    /// While a recurrence's body is traced once that runs so many times.
    func counting<T>(times: Int, _ body: () throws -> T) rethrows -> T {
        guard let tally else { return try body() }
        let outer = tally.times
        tally.times *= max(times, 1)
        defer { tally.times = outer }
        return try body()
    }

    /// What the layer takes on a batch of so many examples, of the form that it was first applied to or that `input(…)`
    /// states; `nil` when neither is known.
    func tallied(_ layer: Layer, batch: Int) throws -> Tally? {
        guard let inputs = layer.firstInputs ?? layer.inputType.map({ .init(positional: [.tensor(.unknown($0))], named: []) }) else {
            return nil
        }
        let counted = Tally()
        let outer = (tally, random, pendingUpdates, addedLosses, applications, defaults)
        tally = counted
        applications = []
        defaults = []
        traceDepth += 1
        defer {
            traceDepth -= 1
            (tally, random, pendingUpdates, addedLosses, applications, defaults) = outer
        }
        let sample = { (value: Value) in value.sample(batch: batch, isCheck: self.isCheck) }
        _ = try apply(layer, inputs.positional.map(sample), inputs.named.map { ($0, sample($1)) } + [("training", .bool(true))])
        return counted
    }

    /// What the models of a checked file take, in the order of its names.
    func costs(of module: Module, _ code: Code) -> [ModelCost] {
        check.steps = 0
        var models: [(name: String, layer: Layer, estimator: Estimator?)] = []
        var waiting: [ModelCost] = []
        let names = module.slots.sorted { $0.value < $1.value }.map(\.key)
        for name in names {
            switch module.registers[module.slots[name] ?? 0] {
            case .estimator(let estimator):
                if let layer = try? model(of: estimator) { models.append((name, layer, estimator)) } else if estimator.fields == nil {
                    waiting.append(ModelCost(name: name, kind: estimator.name, batch: 32, note: .neverFitted))
                }
            case .layer(let layer): models.append((name, layer, nil))
            default: continue
            }
        }
        // A declared model that nothing has constructed, as it is by default.
        for info in code.declarations where info.kind == .model && !info.isSingleValue {
            guard let slot = module.slots[info.name], case .function(let function) = module.registers[slot],
                case .constructor(let constructor) = function.kind,
                !models.contains(where: { $0.layer.constructor === constructor }),
                case .layer(let layer)? = try? construct(constructor, [], [])
            else { continue }
            models.append((info.name, layer, nil))
        }
        // What an estimator trains counts as that, and what is part of another model, with it.
        var parts: Set<ObjectIdentifier> = []
        for model in models {
            let layers = model.layer.parts.map(ObjectIdentifier.init)
            parts.formUnion(model.estimator == nil ? layers.filter { $0 != ObjectIdentifier(model.layer) } : layers)
        }
        let costs = models.filter { $0.estimator != nil || !parts.contains(ObjectIdentifier($0.layer)) }.compactMap { name, layer, estimator in
            let cost = cost(of: layer, name, estimator)
            guard cost?.parameters == nil, let estimator, let onAllRows = refit(estimator) else { return cost }
            return self.cost(of: onAllRows, name, estimator, note: .allRows)
        }
        return costs + waiting
    }

    /// The model of an estimator that was fitted to some rows of a small file, fitted to all of them.
    private func refit(_ estimator: Estimator) -> Layer? {
        guard let fitted = estimator.fitted, let table = fitted.table, let known = table.known else { return nil }
        if estimator.hasWaited { estimator.fields = nil } else { (try? model(of: estimator))??.parts.forEach { $0.forget() } }
        estimator.fitted = nil
        let options = FitOptions(
            steps: nil, epochs: nil, batch: fitted.batch ?? 32, validation: .none, callbacks: [], reset: false, precision: .f32)
        _ = try? fit(estimator, .table(TableValue(table.withRows(known.whole))), .none, options)
        return try? model(of: estimator)
    }

    private func cost(of layer: Layer, _ name: String, _ estimator: Estimator?, note: ModelCost.Note? = nil) -> ModelCost? {
        let applied = layer.firstInputs?.batch
        let batch = estimator?.fitted?.batch ?? (estimator == nil ? applied : nil) ?? 32
        var tally = try? tallied(layer, batch: batch)
        if tally?.isComplete == false { tally = nil }
        guard let tally else {
            guard let estimator else { return nil }
            let space = estimator.fitted?.space
            let reason: ModelCost.Note = space != nil ? .rowsUnread : estimator.fitted == nil ? .neverFitted : .inputsUnknown
            return ModelCost(name: name, kind: layer.kind, batch: batch, note: reason)
        }
        let embeddings = estimator?.fitted?.embeddings ?? []
        let kept = (embeddings + [layer]).flatMap { $0.collect() }
        let trained = (embeddings + [layer]).flatMap { $0.trainableParameters() }
        let embedded = embeddings.reduce(0) { $0 + batch * ($1.collect().first.map { ($0.type.shape.last ?? 0) * $0.type.dtype.size } ?? 0) }
        return ModelCost(
            name: name, kind: layer.kind, parameters: kept.reduce(0) { $0 + $1.size }, trainable: trained.reduce(0) { $0 + $1.size },
            multiplyAdds: tally.multiplyAdds / batch, batch: batch, activationBytes: tally.outputBytes + embedded,
            optimizerBytes: estimator.flatMap { try? slotBytes(of: $0, for: trained) },
            diskBytes: kept.reduce(0) { $0 + $1.type.byteCount }, note: note)
    }

    /// The slots that the optimizer makes for parameters.
    private func slotBytes(of estimator: Estimator, for parameters: [LayerParameter]) throws -> Int {
        guard let initialise = try optimizer(of: estimator)["init"] else { return 0 }
        return try parameters.reduce(0) { sum, parameter in
            let slots = try flatten(call(initialise, [.tensor(.unknown(parameter.type))]), "an optimizer's slots")
            return sum + slots.reduce(0) { $0 + $1.type.byteCount }
        }
    }
}

extension Session {
    /// What the models of a script take; the check's own findings are `check`'s to tell.
    public func costs(of source: SourceText) -> [ModelCost] {
        if checked?.source !== source { _ = check(source) }
        guard let checked, checked.source === source else { return [] }
        return checked.machine.costs(of: checked.module, checked.code)
    }
}

extension LayerParameter {
    /// How many numbers it has.
    var size: Int { type.shape.elementCount ?? 0 }
}

extension Layer.Inputs {
    /// How many examples there were.
    var batch: Int? { (positional.first ?? named.first?.1)?.batch }
}

extension Value {
    /// Itself with tensors of which only the types are known.
    var withoutData: Value {
        switch self {
        case .tensor(let tensor): .tensor(.unknown(tensor.type))
        case .list(let list): .list(List(list.values.map(\.withoutData)))
        case .record(let record): .record(Record(record.names, record.values.map(\.withoutData)))
        default: self
        }
    }

    /// A batch of so many examples of the same form: tensors for tracing, or in the check unknown ones.
    fileprivate func sample(batch: Int, isCheck: Bool) -> Value {
        switch self {
        case .tensor(let tensor):
            var shape = tensor.shape
            if !shape.isEmpty { shape[0] = batch }
            let type = TensorType(tensor.dtype, shape)
            return .tensor(isCheck || !shape.isKnown ? .unknown(type) : .argument(type))
        case .list(let list): return .list(List(list.values.map { $0.sample(batch: batch, isCheck: isCheck) }))
        case .record(let record): return .record(Record(record.names, record.values.map { $0.sample(batch: batch, isCheck: isCheck) }))
        default: return self
        }
    }

    /// The length of the first axis.
    fileprivate var batch: Int? {
        switch self {
        case .tensor(let tensor): tensor.shape.first.flatMap { $0 > 0 ? $0 : nil }
        case .list(let list): list.values.first?.batch
        case .record(let record): record.values.first?.batch
        default: nil
        }
    }
}
