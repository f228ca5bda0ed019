internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax
internal import Training

/// A model with its loss, optimizer and metrics, and what fitting has learned.
public final class Estimator: @unchecked Sendable {
    let name: String
    let constructor: Constructor
    let arguments: [Value]
    /// The fields' values. `nil` while they wait for data: a model that asks for `label_width()`, say.
    var fields: Record?
    let hasWaited: Bool
    var fitted: Fitted?
    var history = History()

    static let fieldNames = [
        "model", "loss", "optimizer", "metrics", "features", "train_step", "predict", "standardize_labels",
        "standardize_features", "fit_all", "predict_all", "evaluate_all",
    ]

    init(name: String, constructor: Constructor, arguments: [Value], fields: Record?) {
        self.name = name
        self.constructor = constructor
        self.arguments = arguments
        self.fields = fields
        hasWaited = fields == nil
    }

    func field(_ name: String) -> Value? {
        guard let value = fields?[name], !value.isNone else { return nil }
        return value
    }

    /// Whether it learns from all the data at once instead of by gradients (`fit_all`).
    var isWhole: Bool { field("fit_all") != nil }
}

/// What an estimator knows once it has seen data.
final class Fitted {
    /// How a table's columns become features, and its label classes or numbers.
    var space: FeatureSpace?
    var labels: LabelCoding
    /// The name of the table's label.
    var labelName: String?
    /// Layers that embed a table's long vocabularies, in the order of the space.
    var embeddings: [Layer] = []
    var trainer: Trainer?
    /// The parameters and states that the trainer carries, in its order.
    var parameters: [LayerParameter] = []
    var states: [LayerParameter] = []
    /// The form of the slots: one value per parameter.
    var slotForms: [Value] = []
    /// How many draws had been numbered before the step for these types was compiled.
    var draws: [[TensorType]: Int] = [:]
    /// What `fit_all` gave.
    var learned: Value?
    /// The types of one example's features, to build the model again when it is loaded.
    var inputTypes: [TensorType] = []
    /// In the check: what it was fitted to.
    var table: Table?
    /// What its fields were told of the data.
    var labelWidth: Int?
    var examples: Int?
    /// How many examples a step of the last fit took.
    var batch: Int?

    /// Programs that predict, by the types of a batch's features and the precision.
    var predictors: [PredictorKey: Predictor] = [:]

    struct PredictorKey: Hashable {
        let types: [TensorType]
        let precision: DType
    }

    struct Prediction {
        let program: CompiledFunction
        let structure: Structure
    }
    /// The program for any parameters, and the one for the parameters that the last prediction was made with.
    struct Predictor {
        var values: [Tensor] = []
        var general: Prediction?
        var bound: Prediction?
    }

    init(space: FeatureSpace?, labels: LabelCoding, labelName: String?) {
        (self.space, self.labels, self.labelName) = (space, labels, labelName)
    }
}

/// What labels are to a model.
enum LabelCoding {
    /// As they come.
    case plain
    /// Classes with names, by number.
    case classes(LabelSpace)
    /// Numbers that were standardised: `(y - mean) / deviation`.
    case standardized(mean: Double, deviation: Double)
}

/// Thrown by `label_width()` and `example_count()` while no data has been seen.
struct NeedsData: Error {}

/// What an estimator's fields may ask about the data.
struct Glimpse {
    /// The width that the labels need.
    var labelWidth: Value
    /// `inf` when there is no end of them.
    var examples: Value
}

extension Machine {
    func makeEstimator(_ constructor: Constructor, _ positional: [Value], _ named: [(String, Value)]) throws -> Estimator {
        let arguments = try bind(constructor.info.configuration.parameters, positional, named, constructor.name)
        let counts = session.layerCounts
        let depth = frames.count
        do {
            let fields = try evaluateFields(constructor, arguments)
            let estimator = Estimator(name: constructor.name, constructor: constructor, arguments: arguments, fields: fields)
            try require(estimator)
            return estimator
        } catch is NeedsData {
            unwind(to: depth)
            session.layerCounts = counts
            return Estimator(name: constructor.name, constructor: constructor, arguments: arguments, fields: nil)
        }
    }

    func evaluateFields(_ constructor: Constructor, _ arguments: [Value]) throws -> Record {
        let suspended = (applications, constructions, defaults)
        applications = []
        constructions = []
        defer { (applications, constructions, defaults) = suspended }
        let result = try invoke(
            constructor.info.configuration, arguments, captures: constructor.configurationCaptures,
            module: constructor.module)
        guard case .record(let fields) = result else { return Record([], []) }
        return fields
    }

    private func require(_ estimator: Estimator) throws {
        // A field that does not exist has been reported; what it was meant to be is not missing.
        if estimator.isWhole || estimator.fields?.names.contains(where: { !Estimator.fieldNames.contains($0) }) ?? false { return }
        for name in ["model", "loss"] where estimator.field(name) == nil {
            if name == "loss", estimator.field("train_step") != nil { continue }
            throw Fault(
                "E0451", "the estimator `\(estimator.name)` has no `\(name)`", mend: "add the field `\(name) = …`")
        }
        if case .string(let text)? = estimator.field("loss") {
            throw Fault.type("`loss`", expected: "a function", found: estimator.field("loss") ?? .none, mend: "write `\(text.string)` without quotes")
        }
        if case .string(let text)? = estimator.field("optimizer") {
            throw Fault.type("`optimizer`", expected: "an optimizer", found: estimator.field("optimizer") ?? .none, mend: "write `\(text.string)()` without quotes")
        }
    }

    /// Evaluates fields that waited for a look at the data.
    func complete(_ estimator: Estimator, _ glimpse: Glimpse) throws {
        guard estimator.fields == nil else { return }
        glimpses.append(glimpse)
        defer { glimpses.removeLast() }
        let fields = try evaluateFields(estimator.constructor, estimator.arguments)
        estimator.fields = fields
        try require(estimator)
    }

    /// The estimator's model as a layer; a layer's name stands for the layer with its defaults.
    func model(of estimator: Estimator) throws -> Layer? {
        switch estimator.field("model") {
        case .layer(let layer)?: return layer
        case .unknown?, nil: return nil
        case .function(let function)?:
            let made: Value
            switch function.kind {
            case .constructor(let constructor): made = try construct(constructor, [], [])
            case .dual(_, let layer): made = try call(.function(layer), [])
            default:
                throw Fault.type("`model` of `\(estimator.name)`", expected: "a layer", found: .function(function))
            }
            guard case .layer(let layer) = made, let fields = estimator.fields else { return nil }
            estimator.fields = fields.setting("model", made)
            return layer
        case let value?: throw Fault.type("`model` of `\(estimator.name)`", expected: "a layer", found: value)
        }
    }

    func estimatorField(_ estimator: Estimator, _ name: String) throws -> Value {
        switch name {
        case "params", "states":
            guard let layer = try model(of: estimator) else { return .list([Value]()) }
            let own = try layerParameters(layer) + (estimator.fitted?.embeddings.flatMap { $0.collect() } ?? [])
            return .list(own.filter { $0.isState == (name == "states") }.map { .parameter($0) })
        case "history": return isCheck ? .unknown : historyRecord(estimator.history)
        case "name": return .string(estimator.name)
        case "model", "loss", "optimizer", "metrics": return estimator.fields?[name] ?? .none
        default:
            if case .record(let learned)? = estimator.fitted?.learned, let value = learned[name] { return value }
            if estimator.isWhole, isCheck { return .unknown }
            if library.verbs(of: .estimator(estimator)).contains(name) {
                throw Fault("E0407", "`\(name)` of an estimator must be called", mend: "write `.\(name)(…)`")
            }
            throw Fault.noField(name, of: .estimator(estimator), known: Value.estimator(estimator).fieldNames)
        }
    }

    private func layerParameters(_ layer: Layer) throws -> [LayerParameter] {
        try build(layer)
        return layer.collect()
    }

    func historyRecord(_ history: History) -> Value {
        .record(history.names.map { name in (name, .list((history.values[name] ?? []).map { .float($0) })) })
    }
}
