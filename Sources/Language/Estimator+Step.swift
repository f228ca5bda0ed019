internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax
internal import Training

/// A metric as the programs carry it: totals that batches add to, and what they come to.
struct Metric {
    enum Kind {
        /// A function of labels and predictions; its values are averaged over all examples.
        case average(Value)
        /// A record `{start, add, result}`.
        case running(start: Value, add: Value, result: Value)
    }
    var name: String
    var kind: Kind
}

/// What a program made of the model gives in one pass.
struct Pass {
    var outputs: Value
    var labels: Value
    /// The mean loss, with regularisation and added losses.
    var loss: Tensor
}

extension Machine {
    // MARK: Metrics

    func metrics(of estimator: Estimator) throws -> [Metric] {
        func metric(_ value: Value, _ name: String?) throws -> Metric {
            switch value {
            case .function(let function): return Metric(name: name ?? function.name, kind: .average(value))
            case .record(let record):
                guard let start = record["start"], let add = record["add"], let result = record["result"] else {
                    throw Fault("E0457", "a metric record needs `start`, `add` and `result`")
                }
                var own = name ?? "metric"
                if name == nil, case .string(let text)? = record["name"] { own = text.string }
                return Metric(name: own, kind: .running(start: start, add: add, result: result))
            case .unknown: return Metric(name: name ?? "metric", kind: .average(.unknown))
            case .string(let text):
                throw Fault.type("a metric", expected: "a function", found: value, mend: "write `\(text.string)` without quotes")
            default: throw Fault.type("a metric", expected: "a function `(labels, predictions)` or a record", found: value)
            }
        }
        switch estimator.field("metrics") {
        case nil, .unknown?: return []
        case .list(let list)?:
            // A factory such as `r2` without its call is called.
            return try list.values.map { try metric($0, nil) }
        case .record(let record)?:
            if record["start"] != nil { return [try metric(.record(record), nil)] }
            return try zip(record.names, record.values).map { try metric($1, $0) }
        case let value?: return [try metric(value, nil)]
        }
    }

    /// The tensors that a metric begins with.
    private func start(_ metric: Metric) throws -> [Tensor] {
        switch metric.kind {
        case .average: [.scalar(0.0, .f64), .scalar(0.0, .f64)]
        case .running(let start, _, _): try flatten(start, "`start` of a metric")
        }
    }

    func startTotals(_ metrics: [Metric]) throws -> [Tensor] { try metrics.flatMap { try start($0) } }

    private func form(_ metric: Metric) -> Value {
        if case .running(let start, _, _) = metric.kind { return start }
        return .none
    }

    /// Totals with a batch added.
    private func add(_ metric: Metric, _ totals: [Tensor], _ labels: Value, _ predictions: Value, batch: Int) throws -> [Tensor] {
        switch metric.kind {
        case .average(let function):
            let result = try call(function, [labels, predictions])
            if result.isUnknown { return totals }
            let values = try tensor(result, "what the metric `\(metric.name)` gives")
            let wide = try cast(values, to: .f64)
            let op = op("sum")
            var sum = try Tensor.apply(op, [wide], op.attributes(), origin: origin())[0]
            var count = values.shape.elementCount ?? 1
            if values.rank == 0 {
                guard case .tensor(let weighted) = try tensorBinary(.multiply, .tensor(sum), .int(batch)) else { return totals }
                sum = weighted
                count = batch
            }
            guard case .tensor(let newSum) = try tensorBinary(.add, .tensor(totals[0]), .tensor(sum)),
                case .tensor(let newCount) = try tensorBinary(.add, .tensor(totals[1]), .int(count))
            else { return totals }
            return [newSum, newCount]
        case .running(let start, let add, _):
            var rest = totals[...]
            let total = rebuild(start, from: &rest)
            let result = try call(add, [total, labels, predictions])
            if result.isUnknown { return totals }
            let made = try flatten(result, "what `add` of a metric gives")
            guard made.count == totals.count else {
                throw Fault("E0457", "`add` of the metric `\(metric.name)` gives another form than `start`")
            }
            return try zip(made, totals).map { try cast($0, to: $1.dtype) }
        }
    }

    /// What metrics' totals come to.
    func results(_ metrics: [Metric], _ totals: [Tensor]) throws -> [(name: String, value: Double)] {
        var rest = totals[...]
        return try metrics.compactMap { metric in
            switch metric.kind {
            case .average:
                guard let sum = rest.popFirst(), let count = rest.popFirst() else { return nil }
                let total = try count.elements(as: Double.self)[0]
                return (metric.name, total > 0 ? try sum.elements(as: Double.self)[0] / total : .nan)
            case .running(let start, _, let result):
                let value = try call(result, [rebuild(start, from: &rest)])
                switch value {
                case .float(let x): return (metric.name, x)
                case .int(let x): return (metric.name, Double(x))
                case .tensor(let tensor) where tensor.count == 1: return (metric.name, try tensor.elements(as: Double.self)[0])
                default: throw Fault("E0457", "`result` of the metric `\(metric.name)` must give one number, found \(value.described)")
                }
            }
        }
    }

    // MARK: One pass

    /// The features of a batch as the model takes them.
    func features(_ fitted: Fitted, _ structure: Structure?, _ tensors: ArraySlice<Tensor>) throws -> Value {
        if let structure { return structure.value(Array(tensors)) }
        var rest = tensors
        guard let dense = rest.popFirst() else { return .unknown }
        var parts: [Value] = [.tensor(dense)]
        for (layer, ids) in zip(fitted.embeddings, rest) { parts.append(try apply(layer, [.tensor(ids)], [])) }
        if parts.count == 1 { return parts[0] }
        return try apply(op("concat"), [.list(parts)], [("axis", .int(-1))])
    }

    /// The model on features: one value, or the inputs that the model names.
    func applyModel(_ layer: Layer, _ features: Value, training: Bool) throws -> Value {
        let flag: [(String, Value)] = [("training", .bool(training))]
        switch features {
        case .list(let list): return try apply(layer, Array(list.values), flag)
        case .record(let record):
            let inputs = layer.constructor.info.body?.parameters.dropFirst(layer.configuration.count).map(\.name) ?? []
            if inputs.count > 1 || inputs.first.map({ record[$0] != nil }) ?? false {
                return try apply(layer, [], zip(record.names, record.values).map { ($0, $1) } + flag)
            }
            return try apply(layer, [features], flag)
        default: return try apply(layer, [features], flag)
        }
    }

    /// What metrics and `predict` see of the outputs.
    private func predictions(_ estimator: Estimator, _ fitted: Fitted, _ outputs: Value) throws -> Value {
        if let function = estimator.field("predict") { return try call(function, [outputs]) }
        guard case .tensor = outputs else { return outputs }
        if case .function(let loss)? = estimator.field("loss") {
            if loss.name.contains("softmax") { return try apply(op("softmax"), [outputs]) }
            if loss.name.contains("sigmoid") { return try apply(op("sigmoid"), [outputs]) }
        }
        return try destandardize(fitted, outputs)
    }

    /// Labels or predictions in the labels' own units.
    private func destandardize(_ fitted: Fitted, _ value: Value) throws -> Value {
        guard case .standardized(let mean, let deviation) = fitted.labels, case .tensor = value else { return value }
        return try tensorBinary(.add, try tensorBinary(.multiply, value, .float(deviation)), .float(mean))
    }

    func pass(
        _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples, _ batch: [Tensor], training: Bool
    ) throws -> Pass {
        pendingUpdates = []
        addedLosses = []
        let input = try features(fitted, examples.features, batch[..<examples.featureCount])
        let outputs = try applyModel(layer, input, training: training)
        let labels = examples.hasUnknownLabels ? .unknown : examples.labels?.value(Array(batch[examples.featureCount...])) ?? .none
        guard let function = estimator.field("loss") else { return Pass(outputs: outputs, labels: labels, loss: .scalar(0.0, .f32)) }
        try checkAgreement(labels, outputs, estimator)
        if isCheck { check.lastPart = layer.stackRanges.last ?? nil }
        defer { check.lastPart = nil }
        let value = try call(function, [labels, outputs])
        if value.isUnknown { return Pass(outputs: outputs, labels: labels, loss: .unknown(TensorType(.f32, []))) }
        var loss = try mean(try tensor(value, "what the loss gives"))
        for added in addedLosses { loss = try sum(loss, try mean(added)) }
        if training {
            for parameter in layer.trainableParameters() where !parameter.regularizer.isNone {
                let value = substitutions[ObjectIdentifier(parameter)] ?? parameter.value
                let penalty = try call(parameter.regularizer, [.tensor(value)])
                if !penalty.isUnknown { loss = try sum(loss, try mean(try tensor(penalty, "what a regularizer gives"))) }
            }
        }
        return Pass(outputs: outputs, labels: labels, loss: loss)
    }

    private func mean(_ tensor: Tensor) throws -> Tensor {
        if tensor.rank == 0 { return tensor }
        guard case .tensor(let result) = try apply(op("mean"), [.tensor(tensor)]) else { return tensor }
        return result
    }

    private func sum(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        guard case .tensor(let result) = try tensorBinary(.add, .tensor(a), .tensor(b)) else { return a }
        return result
    }

    /// Losses never broadcast: `[n]` against `[n, 1]` silently trains a wrong model elsewhere.
    private func checkAgreement(_ labels: Value, _ outputs: Value, _ estimator: Estimator) throws {
        guard case .tensor(let y) = labels, case .tensor(let p) = outputs else { return }
        let kind = LossKind(estimator.field("loss"))
        guard kind == .numbers || kind == .twoClasses else { return }
        if y.rank != p.rank, y.rank + 1 == p.rank, p.shape.last == 1 || y.shape.last == 1 {
            throw Fault(
                "E0450", "labels have shape \(y.shape.text), predictions \(p.shape.text)",
                why: "a loss compares element by element and does not broadcast",
                mend: "end the model with `squeeze_single`, or give labels an axis: `y[:, none]`")
        }
        if y.rank == p.rank + 1, y.shape.last == 1 {
            throw Fault(
                "E0450", "labels have shape \(y.shape.text), predictions \(p.shape.text)",
                why: "a loss compares element by element and does not broadcast", mend: "drop the labels' last axis: `y[:, 0]`")
        }
    }

    /// Makes the parameters by a first application, to data that are never computed.
    func buildModel(_ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples) throws {
        let types = batchTypes(examples, size: isCheck ? -1 : 1)
        fitted.inputTypes = types.prefix(examples.featureCount).map { TensorType($0.dtype, Array($0.shape.dropFirst())) }
        let sample: [Tensor] = types.map { isCheck ? .unknown($0) : .argument($0) }
        traceDepth += 1
        defer { traceDepth -= 1 }
        if isCheck {
            let made = try pass(estimator, fitted, layer, examples, sample, training: true)
            let predicted = try predictions(estimator, fitted, made.outputs)
            let labels = try destandardize(fitted, made.labels)
            if !predicted.isUnknown {
                for metric in try metrics(of: estimator) {
                    _ = try add(metric, try start(metric).map { .unknown($0.type) }, labels, predicted, batch: 1)
                }
            }
        } else {
            let input = try features(fitted, examples.features, sample[..<examples.featureCount])
            _ = try applyModel(layer, input, training: true)
        }
        pendingUpdates = []
        addedLosses = []
    }

    /// The types of a batch of so many examples.
    func batchTypes(_ examples: Examples, size: Int) -> [TensorType] {
        examples.dataset.types.map { type in
            examples.dataset.isBatched
                ? TensorType(type.dtype, [size] + type.shape.dropFirst()) : TensorType(type.dtype, [size] + type.shape)
        }
    }

    // MARK: Programs

    func argument(_ tensor: Tensor) -> Tensor { .argument(tensor.type) }

    /// Traces with these values for parameters and states.
    func tracing<T>(_ pairs: [(LayerParameter, Tensor)], _ body: () throws -> T) throws -> T {
        let before = (substitutions, applications, defaults)
        for (parameter, tensor) in pairs { substitutions[ObjectIdentifier(parameter)] = tensor }
        applications = []
        defaults = []
        traceDepth += 1
        defer {
            traceDepth -= 1
            (substitutions, applications, defaults) = before
            pendingUpdates = []
            addedLosses = []
        }
        return try body()
    }

    /// The whole training step as one program: forward, loss, backward, optimizer, metrics.
    func compileStep(
        _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples, _ metrics: [Metric],
        _ types: [TensorType], precision: DType
    ) throws -> CompiledFunction {
        let parameters = fitted.parameters.map { argument($0.value) }
        let states = fitted.states.map { argument($0.value) }
        let slots = fitted.trainer?.slotTypes.map { Tensor.argument($0) } ?? []
        let totals = try startTotals(metrics).map(argument)
        let time = Tensor.argument(TensorType(.f32, []))
        let batch = types.map { Tensor.argument($0) }
        let pairs = Array(zip(fitted.parameters + fitted.states, parameters + states))
        fitted.draws[types] = random.draws
        return try tracing(pairs) {
            var watched: [Tensor] = []
            var newParameters: [Tensor] = []
            var newSlots: [Tensor] = []
            var rest = slots[...]
            let slotValues = fitted.slotForms.map { rebuild($0, from: &rest) }
            let loss: Tensor
            var outputs: Value = .none
            var labels: Value = .none
            var newStates = states
            if let custom = estimator.field("train_step") {
                (newParameters, newSlots, loss) = try customStep(custom, fitted, examples, batch, parameters, slotValues)
                watched = smallest(newParameters)
            } else {
                let made = try pass(estimator, fitted, layer, examples, batch, training: true)
                (loss, outputs, labels) = (made.loss, made.outputs, made.labels)
                for (index, state) in fitted.states.enumerated() {
                    if let update = pendingUpdates.last(where: { $0.0 === state }) { newStates[index] = update.1 }
                }
                let gradients = try Engine.gradients(of: loss, by: parameters)
                (newParameters, newSlots, watched) = try optimize(estimator, fitted, parameters, gradients, slotValues, time)
            }
            var newTotals: [Tensor] = []
            var position = 0
            let predicted = outputs.isNone ? .none : try predictions(estimator, fitted, outputs)
            let original = try destandardize(fitted, labels)
            for metric in metrics {
                let count = try start(metric).count
                let before = Array(totals[position..<position + count])
                position += count
                newTotals += outputs.isNone ? before : try add(metric, before, original, predicted, batch: types[0].shape[0])
            }
            return try CompiledFunction(
                arguments: parameters + states + slots + totals + [time] + batch,
                outputs: newParameters + newStates + newSlots + newTotals + [loss] + watched,
                donated: newParameters.count + newStates.count + newSlots.count + newTotals.count, precision: precision)
        }
    }

    /// New parameters and slots, and gradients as the optimizer sees them that must be finite.
    private func optimize(
        _ estimator: Estimator, _ fitted: Fitted, _ parameters: [Tensor], _ gradients: [Tensor?], _ slots: [Value], _ time: Tensor
    ) throws -> ([Tensor], [Tensor], [Tensor]) {
        let optimizer = try self.optimizer(of: estimator)
        guard let step = optimizer["step"] else { return (parameters, [], []) }
        var grads: [Value] = try zip(gradients, parameters).map { gradient, parameter in
            if let gradient { return .tensor(gradient) }
            return try apply(op("zeros_like"), [.tensor(parameter)])
        }
        if let clip = optimizer["clip"], !clip.isNone, let clipped = try elements(try call(clip, [.list(grads)])) { grads = Array(clipped) }
        var newParameters: [Tensor] = []
        var newSlots: [Tensor] = []
        for (index, parameter) in parameters.enumerated() {
            let result = try call(step, [.tensor(parameter), grads[index], slots[index], .tensor(time)])
            guard case .list(let pair) = result, pair.values.count == 2, case .tensor(var new) = pair.values[0] else {
                throw Fault("E0443", "an optimizer's `step` must give `[p, slots]`, found \(result.described)")
            }
            let constraint = fitted.parameters[index].constraint
            if !constraint.isNone, case .tensor(let bounded) = try call(constraint, [.tensor(new)]) { new = bounded }
            newParameters.append(try cast(new, to: parameter.dtype))
            let before = try flatten(slots[index], "an optimizer's slots")
            let after = try flatten(pair.values[1], "an optimizer's slots")
            guard before.count == after.count else {
                throw Fault("E0443", "an optimizer's `step` gives slots of another form than `init`")
            }
            newSlots += try zip(after, before).map { try cast($0, to: $1.dtype) }
        }
        let flowing: [Tensor] = zip(grads, gradients).compactMap { value, gradient in
            if gradient != nil, case .tensor(let tensor) = value { tensor } else { nil }
        }
        return (newParameters, newSlots, smallest(flowing))
    }

    /// Those that a step looks at before it counts: a bias or a scale hears of everything above it, and looking at
    /// larger ones would cost time.
    private func smallest(_ tensors: [Tensor]) -> [Tensor] {
        var room = 1 << 14
        var chosen: Set<Int> = []
        for (index, tensor) in tensors.enumerated().sorted(by: { ($0.element.count ?? .max, $0.offset) < ($1.element.count ?? .max, $1.offset) }) {
            guard let count = tensor.count, count <= room else { break }
            room -= count
            chosen.insert(index)
        }
        return tensors.indices.filter(chosen.contains).map { tensors[$0] }
    }

    /// In the check: whether a part of a value, however deep, is not known.
    private func holdsUnknown(_ value: Value) -> Bool {
        switch value {
        case .unknown: true
        case .list(let list): list.values.contains(where: holdsUnknown)
        case .record(let record): record.values.contains(where: holdsUnknown)
        default: false
        }
    }

    func customStep(
        _ function: Value, _ fitted: Fitted, _ examples: Examples, _ batch: [Tensor], _ parameters: [Tensor], _ slots: [Value]
    ) throws -> ([Tensor], [Tensor], Tensor) {
        let input = try features(fitted, examples.features, batch[..<examples.featureCount])
        // Whether a table's label are words, and so class numbers, the check need not know.
        let labels = isCheck && fitted.space != nil ? .unknown : examples.labels?.value(Array(batch[examples.featureCount...])) ?? .none
        let result = try call(
            function, [.record([("features", input), ("labels", labels)]), .list(parameters.map { .tensor($0) }), .list(slots)])
        if result.isUnknown { throw UnknownArgument() }
        guard case .record(let record) = result, let new = record["params"], let made = record["slots"], let loss = record["loss"] else {
            throw Fault("E0458", "`train_step` must give a record `{params, slots, loss}`, found \(result.described)")
        }
        if holdsUnknown(result) { throw UnknownArgument() }
        let newParameters = try flatten(new, "`params` of `train_step`")
        guard newParameters.count == parameters.count else {
            throw Fault("E0458", "`train_step` got \(parameters.count) parameters and gives \(newParameters.count)")
        }
        return (newParameters, try flatten(made, "`slots` of `train_step`"), try mean(tensor(loss, "`loss` of `train_step`")))
    }

    func optimizer(of estimator: Estimator) throws -> Record {
        switch estimator.field("optimizer") {
        case .record(let record)?:
            if record["init"] == nil || record["step"] == nil {
                throw Fault("E0443", "`optimizer` has no `init` and `step`", mend: "use `adam()`, `sgd()` or another of `stdlib/optimizers`")
            }
            return record
        case nil:
            guard let adam = try library.value(named: "adam", self), case .record(let record) = try call(adam, []) else {
                throw Fault("E0443", "the standard library has no `adam`")
            }
            return record
        case .function(let function)?:
            throw Fault("E0443", "`optimizer` must be an optimizer, found the function `\(function.name)`", mend: "call it: `\(function.name)()`")
        case .unknown?: return Record([], [])
        case let value?: throw Fault.type("`optimizer`", expected: "an optimizer such as `adam()`", found: value)
        }
    }

    /// A program that adds a batch to the metrics' totals, without training: totals, then the sum of the loss.
    func compileEvaluation(
        _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples, _ metrics: [Metric], _ types: [TensorType]
    ) throws -> CompiledFunction {
        let all = allParameters(layer, fitted)
        let values = all.map { argument($0.value) }
        let totals = try startTotals(metrics).map(argument)
        let batch = types.map { Tensor.argument($0) }
        return try tracing(Array(zip(all, values))) {
            let made = try pass(estimator, fitted, layer, examples, batch, training: false)
            let predicted = try predictions(estimator, fitted, made.outputs)
            let original = try destandardize(fitted, made.labels)
            var newTotals: [Tensor] = []
            var position = 0
            for metric in metrics {
                let count = try start(metric).count
                newTotals += try add(
                    metric, Array(totals[position..<position + count]), original, predicted, batch: types[0].shape[0])
                position += count
            }
            return try CompiledFunction(arguments: values + totals + batch, outputs: newTotals + [made.loss])
        }
    }

    /// A program from parameters and features to predictions; from features alone when the parameters are bound.
    func compilePrediction(
        _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples, _ types: [TensorType], binding: Bool,
        precision: DType
    ) throws -> Fitted.Prediction {
        let all = binding ? [] : allParameters(layer, fitted)
        let values = all.map { argument($0.value) }
        let batch = types.map { Tensor.argument($0) }
        return try tracing(Array(zip(all, values))) {
            let input = try features(fitted, examples.features, batch[..<examples.featureCount])
            let outputs = try applyModel(layer, input, training: false)
            var tensors: [Tensor] = []
            let structure = try structure(of: try predictions(estimator, fitted, outputs), "what the model predicts", &tensors)
            return Fitted.Prediction(
                program: try CompiledFunction(arguments: values + batch, outputs: tensors, precision: precision), structure: structure)
        }
    }

    /// Parameters and states of the model and of the embeddings before it.
    func allParameters(_ layer: Layer, _ fitted: Fitted) -> [LayerParameter] {
        fitted.embeddings.flatMap { $0.collect() } + layer.collect()
    }
}
