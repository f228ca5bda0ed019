internal import Engine
internal import Graphs
internal import Syntax

/// A model with its loss, optimizer and metrics, and what fitting has learned.
public final class Estimator: @unchecked Sendable {
    let name: String
    let constructor: Constructor
    let fields: Record

    static let fieldNames = [
        "model", "loss", "optimizer", "metrics", "features", "train_step", "predict", "standardize_labels",
        "standardize_features", "fit_all", "predict_all", "evaluate_all",
    ]

    init(name: String, constructor: Constructor, fields: Record) {
        self.name = name
        self.constructor = constructor
        self.fields = fields
    }
}

extension Machine {
    func makeEstimator(_ constructor: Constructor, _ positional: [Value], _ named: [(String, Value)]) throws -> Estimator {
        let info = constructor.info
        let arguments = try bind(info.configuration.parameters, positional, named, info.name)
        let result = try invoke(
            info.configuration, arguments, captures: constructor.configurationCaptures, function: nil, module: constructor.module)
        guard case .record(let fields) = result else { return Estimator(name: info.name, constructor: constructor, fields: Record([], [])) }
        return Estimator(name: info.name, constructor: constructor, fields: fields)
    }

    func estimatorField(_ estimator: Estimator, _ name: String) throws -> Value {
        throw Fault.noField(name, of: .estimator(estimator), known: [])
    }
}

extension Native {
    static let estimatorFunctions: [Native] = []
    static let estimatorVerbs: [Native] = []
}
