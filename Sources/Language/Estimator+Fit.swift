internal import Datasets
internal import Engine
internal import Formats
internal import Graphs
internal import Syntax
internal import Training

extension Machine {
    private func standing(_ estimator: Estimator, for verb: String) throws -> Fitted {
        guard let fitted = estimator.fitted else {
            throw Fault(
                "E0461", "the estimator (\(estimator.name)) has not been fitted, so it cannot \(verb)", mend: "call its `fit(…)` first")
        }
        return fitted
    }

    // MARK: fit

    struct FitOptions {
        var steps: Int?
        var epochs: Int?
        var batch: Int
        var validation: Value
        var callbacks: [Value]
        var reset: Bool
        /// `.bf16`: the arguments of large products are rounded to it.
        var precision: DType
    }

    func fit(_ estimator: Estimator, _ data: Value, _ labels: Value, _ options: FitOptions) throws -> Value {
        defer { noteFit(estimator, data, validation: options.validation, batch: estimator.fitted?.batch, try? model(of: estimator)) }
        noteConditionalFit(estimator)
        // A table has its labels in it, whatever else is given.
        let isTable = if case .table = data { true } else { false }
        if data.isUnknown || labels.isUnknown && !isTable { return .unknown }
        for (name, value) in [("steps", options.steps), ("epochs", options.epochs), ("batch", options.batch)] {
            if let value, value < 1 { throw Fault("E0462", "`\(name)` must be at least 1, found \(value)") }
        }
        if options.reset, let before = estimator.fitted {
            try restart(estimator, before)
            // The new data's statistics and classes; what the model was built for stays.
            let after = try prepare(estimator, data, labels)
            (after.labelWidth, after.examples) = (after.labelWidth ?? before.labelWidth, after.examples ?? before.examples)
        }
        if estimator.isWhole { return try fitWhole(estimator, data, labels) }
        let fitted = try prepare(estimator, data, labels)
        if estimator.isWhole { return try fitWhole(estimator, data, labels) }
        guard let layer = try model(of: estimator) else { return .unknown }
        let examples = try examples(estimator, fitted, data, labels, withLabels: true)
        if examples.rows == 0 { throw Fault.noExamples("learn from") }
        fitted.batch = examples.dataset.isBatched ? examples.dataset.batchSize : options.batch
        let metrics = try metrics(of: estimator)
        // A step by hand shows its loss only.
        let trained = estimator.field("train_step") == nil ? metrics : []
        for callback in options.callbacks {
            switch callback {
            case .function(let function): try requireOneArgument(function)
            case .layer, .unknown: continue
            default: throw Fault.type("a callback", expected: "a function", found: callback)
            }
        }
        let validation = try options.validation.isNone ? nil : validationParts(options.validation)
        if isCheck {
            if case .table(let value) = data { fitted.table = value.table }
            try buildModel(estimator, fitted, layer, examples)
            if let (data, labels) = validation, !data.isUnknown, !labels.isUnknown {
                _ = try self.examples(estimator, fitted, data, labels, withLabels: true)
            }
            _ = try labelCheck(estimator, layer, examples)
            warnOfClassCount(estimator, fitted, layer)
            try checkOptimizer(estimator, layer)
            try checkStep(estimator, fitted, layer, examples)
            let row = [("loss", Value.unknown)] + trained.map { ($0.name, .unknown) } + (validation == nil ? [] : [("val_loss", .unknown)] + metrics.map { ("val_" + $0.name, .unknown) })
            // With fields or a validation that are not known, neither are the row's names.
            if !(estimator.field("metrics")?.hasUnknown ?? false), !options.validation.isUnknown {
                for case .function(let callback) in options.callbacks { _ = try call(.function(callback), [.record([("epoch", .unknown(.int))] + row)]) }
            }
            return .record(row)
        }
        if options.steps == nil {
            try requireEnd(examples, of: "fit", mend: "say how long to train: `steps = 1000`")
        }
        let (batched, perEpoch) = try batches(examples, options.batch)
        try buildModel(estimator, fitted, layer, examples)
        _ = try labelCheck(estimator, layer, examples)
        try begin(estimator, fitted, layer, trained)
        guard let trainer = fitted.trainer else { return .unknown }
        let seed = UInt64(bitPattern: Int64(random.seed)) &* 0x9E37_79B9_7F4A_7C15 &+ UInt64(random.draws)
        random.draws += 1
        let shuffled = examples.isShuffled ? try examples.dataset.shuffle(seed: seed).batch(options.batch) : batched
        let epochsBefore = estimator.history.values["loss"]?.count ?? 0
        var epoch = 0
        var plan = Trainer.Plan(
            limit: Trainer.Limit(steps: options.steps, epochs: options.epochs),
            step: { [self] types in try compileStep(estimator, fitted, layer, examples, trained, types, precision: options.precision) },
            batchesPerEpoch: perEpoch,
            batches: { epoch in
                var iterator = try shuffled.makeEagerIterator(iteration: examples.isShuffled ? epoch : nil)
                if examples.isShuffled { return { try iterator.next() } }
                let check = try self.labelCheck(estimator, layer, examples)
                return {
                    let element = try iterator.next()
                    if let element { try check(element) }
                    return element
                }
            },
            startTotals: try startTotals(trained),
            results: { [self] totals in
                do { return try results(trained, totals) } catch where Execution.isInterrupted {
                    // What was learned until then has its figures, too.
                    Execution.resume()
                    defer { Execution.interrupt() }
                    return try results(trained, totals)
                }
            },
            validate: try validation.map { data, labels in
                let held = try self.examples(estimator, fitted, data, labels, withLabels: true)
                try requireEnd(held, of: "validation")
                if held.rows == 0 { throw Fault.noExamples("validate on") }
                return { [self] in
                    try keep(fitted)
                    let (values, _) = try measure(estimator, fitted, layer, held, metrics, batch: options.batch)
                    return values
                }
            },
            afterEpoch: { [self] row in
                try keep(fitted)
                defer { epoch += 1 }
                for callback in options.callbacks {
                    let record = Value.record([("epoch", .int(epochsBefore + epoch))] + row.map { ($0.name, .float($0.value)) })
                    if case .bool(false) = try call(callback, [record]) { return false }
                }
                return true
            }, isInterrupted: { Execution.isInterrupted })
        plan.watch = watch(estimator, fitted, trainer)
        let console = session.console
        let progress = Progress(write: { console.progress($0) }, isTerminal: console.isTerminal, width: console.width)
        let outcome: Trainer.Outcome
        do {
            outcome = try trainer.fit(plan, progress: progress)
            if outcome.history.names.isEmpty, !outcome.isInterrupted { throw Fault.noExamples("learn from") }
        } catch let failure as Trainer.NotFinite {
            estimator.history.append(failure.history)
            throw try explain(failure, estimator, fitted, layer, examples)
        }
        try keep(fitted)
        estimator.history.append(outcome.history)
        session.recorder?.endFit()
        if outcome.isInterrupted {
            if !session.endsFitsEarly { throw Interruption() }
            session.hasEndedFit = true
        }
        return historyRecord(outcome.history)
    }

    /// A callback is called with an epoch's row and nothing else.
    private func requireOneArgument(_ function: Function) throws {
        guard case .code(let code, _, _) = function.kind else { return }
        let needed = code.parameters.count { !$0.hasDefault && !$0.isRest }
        if needed > 1 || code.parameters.isEmpty { throw Fault.callback(parameters: needed) }
    }

    /// A table, a dataset, or `[x, y]`.
    private func validationParts(_ value: Value) throws -> (Value, Value) {
        switch value {
        case .list(let list) where list.values.count == 2: return (list.values[0], list.values[1])
        case .table, .dataset, .unknown: return (value, .none)
        default: throw Fault.validation(value)
        }
    }

    /// In the check: a `train_step` with a batch of which only the types are known.
    private func checkStep(_ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples) throws {
        guard let step = estimator.field("train_step") else { return }
        let optimizer = try optimizer(of: estimator)
        let trainable = fitted.embeddings.flatMap { $0.trainableParameters() } + layer.trainableParameters()
        let values = trainable.map { Tensor.unknown($0.type) }
        let slots = try values.map { value in try optimizer["init"].map { try call($0, [.tensor(value)]) } ?? .none }
        let batch = batchTypes(examples, size: -1).map { Tensor.unknown($0) }
        try tracing(Array(zip(trainable, values))) {
            do {
                _ = try customStep(step, fitted, examples, batch, values, slots)
            } catch is UnknownArgument {}
        }
    }

    /// In the check: one parameter through the optimizer.
    private func checkOptimizer(_ estimator: Estimator, _ layer: Layer) throws {
        let optimizer = try optimizer(of: estimator)
        guard let initialise = optimizer["init"], let step = optimizer["step"], let parameter = layer.trainableParameters().first else { return }
        let value = Value.tensor(.unknown(parameter.type))
        let slots = try call(initialise, [value])
        _ = try call(step, [value, value, slots, .tensor(.unknown(TensorType(.f32, [])))])
    }

    private func batches(_ examples: Examples, _ size: Int) throws -> (Dataset, Int?) {
        if examples.dataset.isBatched { return (examples.dataset, examples.dataset.count) }
        let batched = try examples.dataset.batch(size)
        return (batched, batched.count)
    }

    /// Takes up training: parameters as they are, the optimizer's slots from the last time.
    private func begin(_ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ metrics: [Metric]) throws {
        let trainable = fitted.embeddings.flatMap { $0.trainableParameters() } + layer.trainableParameters()
        let states = allParameters(layer, fitted).filter(\.isState)
        let totals = try startTotals(metrics)
        fitted.states = states
        var slots: [Tensor] = []
        if let trainer = fitted.trainer, trainable.map(ObjectIdentifier.init) == fitted.parameters.map(ObjectIdentifier.init) {
            if try trainer.resume((trainable + states).map(\.value), totals: totals) { return }
            slots = try trainer.carried.slots
        } else {
            fitted.parameters = trainable
            fitted.slotForms = []
            let optimizer = try optimizer(of: estimator)
            for parameter in trainable {
                let form = try optimizer["init"].map { try call($0, [.tensor(parameter.value)]) } ?? .none
                let own = try flatten(form, "an optimizer's slots")
                // Their elements are the trainer's to keep.
                var types = own.map { Tensor.unknown($0.type) }[...]
                fitted.slotForms.append(rebuild(form, from: &types))
                slots += own
            }
            try Tensor.compute(slots)
        }
        let carried = Carried(parameters: trainable.map(\.value), states: states.map(\.value), slots: slots)
        fitted.trainer = try Trainer(carried, totals: totals, step: fitted.trainer?.step ?? 0)
    }

    /// The trainer's values become the layers'.
    func keep(_ fitted: Fitted) throws {
        guard let values = try fitted.trainer?.values else { return }
        for (parameter, value) in zip(fitted.parameters + fitted.states, values) { parameter.value = value }
    }

    /// Parameters as they were made, and an optimizer that has seen nothing.
    private func restart(_ estimator: Estimator, _ fitted: Fitted) throws {
        if let layer = try model(of: estimator) {
            for parameter in allParameters(layer, fitted) {
                parameter.value = try initial(parameter.path, parameter.type, parameter.initializer, seed: parameter.seed)
            }
        }
        estimator.fitted = nil
        estimator.history = History()
    }

    private func fitWhole(_ estimator: Estimator, _ data: Value, _ labels: Value) throws -> Value {
        let fitted = try prepare(estimator, data, labels)
        guard let function = estimator.field("fit_all") else { return .none }
        let x = try wholeFeatures(estimator, fitted, data)
        if isCheck {
            _ = try call(function, [x])
            return .unknown
        }
        let learned = try call(function, [x])
        try require(learned)
        try record(estimator, features: x, learned: learned)
        fitted.learned = learned
        return learned
    }

    /// All features as one tensor.
    private func wholeFeatures(_ estimator: Estimator, _ fitted: Fitted, _ data: Value) throws -> Value {
        let examples = try examples(estimator, fitted, data, .none, withLabels: false)
        if isCheck {
            return .tensor(.unknown(TensorType(.f32, [-1] + (examples.dataset.types.first?.shape ?? [-1]))))
        }
        if examples.isShuffled, let tensor = examples.sources.first {
            return .tensor(tensor.dtype.isFloat ? tensor : try cast(tensor, to: .f32))
        }
        try requireEnd(examples, of: "fit")
        var rows: [Value] = []
        var iterator = examples.dataset.makeIterator(iteration: 0)
        while let element = try iterator.next() { if let first = element.first { rows.append(.tensor(first)) } }
        return try apply(op(examples.dataset.isBatched ? "concat" : "stack"), [.list(rows)])
    }

    // MARK: evaluate

    func evaluate(_ estimator: Estimator, _ data: Value, _ labels: Value, batch: Int) throws -> Value {
        noteEvaluation(estimator, data)
        if data.isUnknown || labels.isUnknown { return .unknown }
        if isCheck, estimator.fitted == nil, !isSurelyUnfitted(estimator) {
            if estimator.isWhole || estimator.fields == nil { return .unknown }
            return try evaluationRecord(estimator)
        }
        let fitted = try standing(estimator, for: "evaluate")
        if let function = estimator.field("evaluate_all") {
            if isCheck { return .unknown }
            let result = try call(function, [fitted.learned ?? .none, try wholeFeatures(estimator, fitted, data)])
            guard case .record(let record) = result else { return result }
            return .record(try zip(record.names, record.values).map { name, value in
                if case .tensor(let tensor) = value, tensor.count == 1 { return (name, try tensor.scriptNumber()) }
                return (name, value)
            })
        }
        guard let layer = try model(of: estimator) else { return .unknown }
        let examples = try examples(estimator, fitted, data, labels, withLabels: true)
        if isCheck {
            try buildModel(estimator, fitted, layer, examples)
            return try evaluationRecord(estimator)
        }
        let (values, count) = try measure(estimator, fitted, layer, examples, metrics(of: estimator), batch: batch)
        if count == 0 { throw Fault.noExamples("evaluate on") }
        return .record(values.map { ($0.name, .float($0.value)) } + [("examples", .int(count))])
    }

    private func evaluationRecord(_ estimator: Estimator) throws -> Value {
        .record([("loss", .unknown(.float))] + (try metrics(of: estimator)).map { ($0.name, .unknown(.float)) } + [("examples", .unknown(.int))])
    }

    /// Loss and metrics over all examples.
    private func measure(
        _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples, _ metrics: [Metric], batch: Int
    ) throws -> ([(name: String, value: Double)], Int) {
        try requireEnd(examples, of: "evaluate")
        let check = try labelCheck(estimator, layer, examples)
        let (batched, _) = try batches(examples, max(batch, 256))
        var iterator = batched.makeIterator(iteration: 0)
        var totals = try startTotals(metrics)
        var programs: [[TensorType]: CompiledFunction] = [:]
        var (lossSum, count) = (0.0, 0)
        while let element = try iterator.next() {
            try check(element)
            let types = element.map(\.type)
            let program = try programs[types] ?? compileEvaluation(estimator, fitted, layer, examples, metrics, types)
            programs[types] = program
            let results = try program.run(allParameters(layer, fitted).map(\.value) + totals + element)
            totals = Array(results.dropLast())
            let size = types[0].shape[0]
            lossSum += try results[results.count - 1].elements(as: Double.self)[0] * Double(size)
            count += size
        }
        return ([("loss", lossSum / Double(max(count, 1)))] + (try results(metrics, totals)), count)
    }

    // MARK: predict

    func predict(_ estimator: Estimator, _ data: Value, batch: Int, precision: DType = .f32) throws -> Value {
        if data.isUnknown { return .unknown }
        if isCheck, estimator.fitted == nil, !isSurelyUnfitted(estimator) { return .unknown }
        let fitted = try standing(estimator, for: "predict")
        if let function = estimator.field("predict_all") {
            let result = try call(function, [fitted.learned ?? .unknown, try wholeFeatures(estimator, fitted, data)])
            guard case .table = data, case .tensor(let tensor) = result, !isCheck else { return isCheck ? .unknown : result }
            return .table(TableValue(try Table(names: ["cluster"], columns: [Column(try tensor.elements(as: Int.self))])))
        }
        guard let layer = try model(of: estimator) else { return .unknown }
        let examples = try examples(estimator, fitted, data, .none, withLabels: false)
        if isCheck {
            let outputs = try buildPrediction(estimator, fitted, layer, examples)
            guard case .table = data, case .tensor(let tensor) = outputs else { return .unknown }
            return try predictionSchema(fitted, tensor).map { .table(TableValue($0)) } ?? .unknown
        }
        try requireEnd(examples, of: "predict")
        var parts: [[Tensor]] = []
        var structure = Structure.tensor
        func add(_ inputs: [Tensor]) throws {
            let (outputs, form) = try predicted(estimator, fitted, layer, examples, inputs, precision)
            structure = form
            parts.append(outputs)
        }
        let whole = Array(examples.sources.prefix(examples.featureCount))
        if let rows = examples.rows, rows > 0, rows <= max(batch, 256), whole.count == examples.featureCount {
            try add(whole)
        } else {
            let (batched, _) = try batches(examples, max(batch, 256))
            var iterator = batched.makeIterator(iteration: 0)
            while let element = try iterator.next() { try add(Array(element.prefix(examples.featureCount))) }
        }
        guard let first = parts.first else { throw Fault.noExamples("predict for") }
        let joined: [Tensor] = parts.count == 1 ? first : try first.indices.map { index in
            guard case .tensor(let whole) = try apply(op("concat"), [.list(parts.map { .tensor($0[index]) })]) else { return first[index] }
            return whole
        }
        if structure == .tensor, let outputs = joined.first {
            var isTable = false
            if case .table = data { isTable = true }
            if let table = try predictionTable(fitted, outputs, isTable: isTable) { return .table(TableValue(table)) }
        }
        return structure.value(joined)
    }

    /// The model's predictions for a batch, by a program that is kept. What a model predicts with again and again is
    /// compiled for its parameters as they are: what depends on them alone is computed once.
    private func predicted(
        _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples, _ inputs: [Tensor], _ precision: DType
    ) throws -> ([Tensor], Structure) {
        let types = inputs.map(\.type)
        let parameters = allParameters(layer, fitted)
        let values = parameters.map(\.value)
        let key = Fitted.PredictorKey(types: types, precision: precision)
        var predictor = fitted.predictors[key] ?? Fitted.Predictor()
        let isSame = predictor.values.elementsEqual(values, by: ===)
        defer { fitted.predictors[key] = predictor }
        if isSame {
            let bound = try predictor.bound ?? compilePrediction(estimator, fitted, layer, examples, types, binding: true, precision: precision)
            predictor.bound = bound
            return (try bound.program.run(inputs), bound.structure)
        }
        predictor.bound = nil
        predictor.values = values
        let general = try predictor.general ?? compilePrediction(estimator, fitted, layer, examples, types, binding: false, precision: precision)
        predictor.general = general
        return (try general.program.run(values + inputs), general.structure)
    }

    private func buildPrediction(_ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples) throws -> Value {
        traceDepth += 1
        defer { traceDepth -= 1 }
        let sample = batchTypes(examples, size: -1).prefix(examples.featureCount).map { Tensor.unknown($0) }
        let input = try features(fitted, examples.features, sample[...])
        return try applyModel(layer, input, training: false)
    }

    /// In the check: the columns of `predictionTable`, where they are certain.
    private func predictionSchema(_ fitted: Fitted, _ outputs: Tensor) throws -> Table? {
        guard case .classes(let classes) = fitted.labels, outputs.rank == 2, let width = outputs.shape.last,
            width == classes.count || width == 1 && classes.count == 2
        else { return nil }
        return try Table(schema: ["class"] + classes.names.map { "p_" + $0 })
    }

    /// For a table, or classes with names: `class` and `p_NAME` from a classifier, `prediction` from a regressor.
    private func predictionTable(_ fitted: Fitted, _ outputs: Tensor, isTable: Bool) throws -> Table? {
        if case .classes(let classes) = fitted.labels {
            let values = try outputs.elements(as: Double.self)
            let rows = outputs.shape.first ?? 0
            let width = rows > 0 ? values.count / rows : classes.count
            var probabilities: [[Double]]
            if width == 1 {
                probabilities = values.map { [1 - $0, $0] }
            } else {
                probabilities = (0..<rows).map { Array(values[$0 * width..<($0 + 1) * width]) }
            }
            guard probabilities.first.map({ $0.count == classes.count }) ?? true else { return nil }
            let ids = probabilities.map { row in row.indices.max { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) } ?? 0 }
            let columns = classes.names.indices.map { index in Column(probabilities.map { $0[index] }) }
            probabilities = []
            return try Table(names: ["class"] + classes.names.map { "p_" + $0 }, columns: [classes.decode(ids)] + columns)
        }
        guard isTable else { return nil }
        if outputs.rank == 1 || outputs.shape.last == 1 {
            return try Table(names: ["prediction"], columns: [Column(try outputs.elements(as: Double.self))])
        }
        let width = outputs.shape.last ?? 1
        let values = try outputs.elements(as: Double.self)
        return try Table(
            names: (0..<width).map { "prediction_\($0)" },
            columns: (0..<width).map { column in Column(stride(from: column, to: values.count, by: width).map { values[$0] }) })
    }
}

extension Native {
    static let estimatorFunctions: [Native] = [
        Native("label_width", [], doc: "In an estimator's fields: the width that the labels need; the number of classes of a classifier, 1 for single numbers.", example: "", inCheck: .aware) { machine, _ in
            guard let glimpse = machine.glimpses.last else { throw NeedsData() }
            return glimpse.labelWidth
        },
        Native("example_count", [], doc: "In an estimator's fields: the number of examples that it is first fitted to; `inf` when there is no end of them.", example: "", inCheck: .aware) { machine, _ in
            guard let glimpse = machine.glimpses.last else { throw NeedsData() }
            return glimpse.examples
        },
        Native("load", [Parameter("path")], doc: "A saved estimator.", example: "", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .unknown }
            let path = try arguments.string(0)
            if machine.isCheck {
                try machine.requireFile(path)
                return .unknown
            }
            return .estimator(try machine.loadEstimator(path))
        },
    ] + featureFunctions

    static let estimatorVerbs: [Native] = [
        Native(
            "fit",
            [
                Parameter("estimator"), Parameter("data"), Parameter("labels", Value.none), Parameter("steps", Value.none),
                Parameter("epochs", Value.none), Parameter("batch", .int(32)), Parameter("validation", Value.none),
                Parameter("callbacks", .list([Value]())), Parameter("reset", .bool(false)),
                Parameter("precision", .string("f32")),
            ],
            doc: "Trains: so many steps, or epochs, or until the loss has stopped improving. Gives the history. With `precision = \"bf16\"` the arguments of large products are rounded to bf16, their sums are not.",
            example: "", inCheck: .aware
        ) { machine, arguments in
            guard case .estimator(let estimator) = arguments[0] else { return .unknown }
            let result = try machine.fit(
                estimator, arguments[1], arguments[2],
                Machine.FitOptions(
                    steps: arguments[3].isUnknown ? nil : try arguments.optionalInt(3),
                    epochs: arguments[4].isUnknown ? nil : try arguments.optionalInt(4),
                    batch: arguments[5].isUnknown ? 32 : try arguments.int(5), validation: arguments[6],
                    callbacks: arguments[7].isUnknown ? [] : Array(try arguments.list(7, machine)),
                    reset: arguments[8].isUnknown ? false : try arguments.bool(8), precision: try precision(arguments, 9)))
            if case .record(let history) = result {
                machine.note(estimator, "fit", zip(history.names, history.values).map { name, value in
                    // What it came to at the end.
                    if case .list(let epochs) = value { (name, epochs.values.last ?? .none) } else { (name, value) }
                })
            }
            return result
        },
        evaluation("evaluate"), evaluation("score"),
        Native("predict", [Parameter("estimator"), Parameter("data"), Parameter("batch", .int(256)), Parameter("precision", .string("f32"))], doc: "A tensor or table with one row per example, in the order of the data.", example: "", inCheck: .aware) { machine, arguments in
            guard case .estimator(let estimator) = arguments[0] else { return .unknown }
            return try machine.predict(estimator, arguments[1], batch: try arguments.int(2), precision: try precision(arguments, 3))
        },
        Native("save", [Parameter("estimator"), Parameter("path")], doc: "Writes the whole estimator to one file.", example: "", inCheck: .aware) { machine, arguments in
            guard case .estimator(let estimator) = arguments[0], !arguments[1].isUnknown else { return .none }
            let path = try arguments.string(1)
            if machine.isCheck {
                if machine.isSurelyUnfitted(estimator) { throw Fault.nothingToSave(estimator.name) }
                machine.session.written.insert(path)
            } else {
                try machine.saveEstimator(estimator, to: path)
            }
            return .none
        },
        Native("summary", [Parameter("estimator")], doc: "Prints the model's layers, shapes and parameter counts.", example: "", inCheck: .aware) { machine, arguments in
            guard case .estimator(let estimator) = arguments[0], let layer = try machine.model(of: estimator) else { return .none }
            try machine.build(layer)
            if !machine.isCheck { machine.session.console.write(machine.summary(of: layer)) }
            return .none
        },
    ]

    /// How products are computed: `"f32"`, or `"bf16"` with sums in f32.
    private static func precision(_ arguments: Arguments, _ index: Int) throws -> DType {
        if arguments[index].isUnknown { return .f32 }
        switch try arguments.string(index) {
        case "f32": return .f32
        case "bf16": return .bf16
        case let other: throw Fault("E0444", "`precision` is \"f32\" or \"bf16\", found \"\(other)\"")
        }
    }

    private static func evaluation(_ name: String) -> Native {
        Native(
            name, [Parameter("estimator"), Parameter("data"), Parameter("labels", Value.none), Parameter("batch", .int(256))],
            doc: "A record of the loss, each metric and the number of examples.", example: "", inCheck: .aware
        ) { machine, arguments in
            guard case .estimator(let estimator) = arguments[0] else { return .unknown }
            let result = try machine.evaluate(estimator, arguments[1], arguments[2], batch: try arguments.int(3))
            if case .record(let record) = result { machine.note(estimator, name, zip(record.names, record.values).map { ($0, $1) }) }
            return result
        }
    }

    // MARK: Feature columns

    private static func featureFunction(_ name: String, _ parameters: [Parameter], _ doc: String) -> Native {
        Native("feature." + name, parameters, doc: doc, example: "") { _, arguments in
            .record([("feature", .string(name))] + zip(arguments.names, arguments.values).map { ($0, $1) })
        }
    }

    private static let featureFunctions: [Native] = [
        featureFunction("numeric", [Parameter("column"), Parameter("normalize", .bool(true))], "A number, standardised unless told otherwise."),
        featureFunction("bucketized", [Parameter("column"), Parameter("boundaries")], "Which of the ranges between the boundaries a number lies in."),
        featureFunction("vocabulary", [Parameter("column"), Parameter("words"), Parameter("other_buckets", .int(1))], "The place of a word in a list."),
        featureFunction("hashed", [Parameter("column"), Parameter("buckets")], "A hash of the text, below `buckets`."),
        featureFunction("identity", [Parameter("column"), Parameter("buckets")], "An int that is its own category."),
        featureFunction("crossed", [Parameter("columns"), Parameter("buckets")], "A hash of several columns together."),
        featureFunction("weighted", [Parameter("category"), Parameter("by")], "The one-hot vector of a category times a number."),
        featureFunction("indicator", [Parameter("category")], "The one-hot vector of a category."),
        featureFunction("embedding", [Parameter("category"), Parameter("dimension")], "A trained vector per category."),
    ]
}

extension Machine {
    /// A feature column from what `feature.…` gave; a name alone is a number.
    func feature(_ value: Value) throws -> Feature {
        if case .string(let name) = value { return .numeric(name.string, normalize: true) }
        guard case .record(let record) = value, case .string(let kind)? = record["feature"] else {
            if value.isUnknown { throw UnknownArgument() }
            throw Fault.type("a feature", expected: "a column of the module `feature`", found: value, mend: "write `feature.numeric(\"age\")`")
        }
        let arguments = Arguments(function: "feature." + kind.string, names: record.names, values: record.values)
        func string(_ index: Int) throws -> String { try arguments.string(index) }
        switch kind.string {
        case "numeric": return .numeric(try string(1), normalize: try arguments.bool(2))
        case "bucketized":
            return .bucketized(try string(1), boundaries: try arguments.list(2, self).map { value in
                switch value {
                case .int(let x): return Double(x)
                case .float(let x): return x
                default: throw Fault.type("a boundary", expected: "a number", found: value)
                }
            })
        case "vocabulary": return .vocabulary(try string(1), words: try arguments.strings(2, self), otherBuckets: try arguments.int(3))
        case "hashed": return .hashed(try string(1), buckets: try arguments.int(2))
        case "identity": return .identity(try string(1), buckets: try arguments.int(2))
        case "crossed": return .crossed(try arguments.strings(1, self), buckets: try arguments.int(2))
        case "weighted": return .weighted(try feature(arguments[1]), by: try string(2))
        case "indicator": return .indicator(try feature(arguments[1]))
        case "embedding": return .embedding(try feature(arguments[1]), dimension: try arguments.int(2))
        default: throw Fault.type("a feature", expected: "a column of the module `feature`", found: value)
        }
    }
}
