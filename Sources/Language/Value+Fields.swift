internal import Datasets

extension Value {
    /// What may follow the value and a dot without being called.
    var fieldNames: [String] {
        switch self {
        case .record(let record): record.names + Self.fieldNames(ofKind: kind)
        case .table(let table): table.table.names + Self.fieldNames(ofKind: kind)
        default: Self.fieldNames(ofKind: kind)
        }
    }

    /// The fields that every value of a kind has.
    static func fieldNames(ofKind kind: String) -> [String] {
        switch kind {
        case "record": ["keys", "values"]
        case "tensor": ["shape", "dtype", "rank", "size"]
        case "layer": ["params", "states", "config", "layers", "path"]
        case "parameter": ["name", "path", "shape", "size", "dtype", "value", "trainable"]
        case "estimator": ["params", "states", "history", "name", "model", "loss", "optimizer", "metrics"]
        case "table": ["columns", "rows", "label", "shape"]
        case "dataset": ["types"]
        default: []
        }
    }
}
