internal import Syntax

/// What Python and the libraries of its landscape call things of tfs: for the mend of an unknown name.
enum OtherNames {
    static let constants = [
        "True": "true", "False": "false", "None": "none", "null": "none", "nil": "none", "NaN": "nan", "str": "string",
        "read_csv": "csv", "gradient": "grad", "dict": "record", "lambda": "x -> …", "list": "[...values]", "pass": "{ }",
        "open": "io.read(path)", "LinearRegression": "linear_regressor()", "LogisticRegression": "linear_classifier()",
        "MLPClassifier": "dnn_classifier(hidden_units = [100])", "MLPRegressor": "dnn_regressor(hidden_units = [100])",
        "KMeans": "kmeans(k)", "accuracy_score": "estimator.evaluate(test).accuracy",
        "mse": "mean_squared_error", "MSELoss": "mean_squared_error", "mae": "mean_absolute_error", "L1Loss": "mean_absolute_error",
        "mape": "mean_absolute_percentage_error", "rmse": "root_mean_squared_error", "f1": "f1_score", "bce": "binary_crossentropy",
        "BCELoss": "binary_crossentropy", "BCEWithLogitsLoss": "sigmoid_cross_entropy", "cross_entropy": "softmax_cross_entropy",
        "CrossEntropyLoss": "sparse_softmax_cross_entropy", "to_categorical": "one_hot", "Model": "model { … }", "DataFrame": "table({…})",
        "DataLoader": "dataset(x, y).batch(32)", "TensorDataset": "dataset(x, y)", "EarlyStopping": "fit(…, callbacks = [row -> row.loss > 0.1])",
    ]

    /// Those that mean just the same, so that one may stand for the other without a look.
    static let exact: Set<String> = ["True", "False", "None", "null", "nil", "NaN", "str", "read_csv"]

    /// `$` stands for what the script wrote before the dot.
    static let verbs = [
        "train": "fit", "groupby": "group", "sort_values": "sort", "dropna": "filter(row -> …)", "astype": "cast",
        "append": "[...list, value]", "push": "[...list, value]", "extend": "a + b", "items": "for key, value in record { … }",
        "get": "record[\"name\"]", "format": "\"… {value}\"", "to_csv": "io.write(path, table)", "startswith": "starts_with",
        "endswith": "ends_with", "view": "reshape", "detach": "stop_gradient", "backward": "grad(f)(x)", "numpy": "tolist()",
        "length": "len($)", "size": "len($)", "count": "len($)", "info": "describe()", "query": "filter(row -> …)",
        "predict_proba": "predict(data)", "isnull": "describe()", "isna": "describe()",
        "head": "$[:n]", "tail": "$[-n:]",
    ]

    static let fields = [
        "length": "len($)", "size": "len($)", "count": "len($)", "T": "transpose($)", "parameters": "params", "weights": "params",
        "ndim": "rank", "lower": "lower()", "upper": "upper()",
    ]

    static let arguments = [
        "batch_size": "batch", "validation_data": "validation", "lr": "learning_rate", "filter": "filters", "random_state": "seed",
        "activation_fn": "activation", "num_epochs": "epochs", "n_epochs": "epochs",
    ]

    /// The mend of an argument that is called otherwise here, or that is not needed.
    static func mend(argument name: String, known: [String]) -> String? {
        if name == "label" || name == "target", known.contains("data"), known.contains("labels") {
            return "the label of a table is one of its columns: `csv(…, label = \"…\")` or `.with_label(\"…\")`; `labels` go with tensors"
        }
        return arguments[name].flatMap { known.contains($0) ? "did you mean `\($0)`?" : nil }
    }

    /// A mend with what stands before the dot at `place`.
    static func mend(_ mend: String, before place: SourceRange?) -> String {
        guard mend.hasPrefix("write `"), mend.contains("$") else { return mend }
        return mend.replacing("$", with: place.flatMap(receiver) ?? "x")
    }

    /// The names, calls and indices on the line that lead up to a field.
    private static func receiver(before place: SourceRange) -> String? {
        let bytes = place.source.utf8[..<place.start]
        guard bytes.last == UInt8(ascii: ".") else { return nil }
        var (start, depth) = (bytes.count - 1, 0)
        while start > 0 {
            switch bytes[start - 1] {
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth += 1
            case UInt8(ascii: "("), UInt8(ascii: "["):
                if depth == 0 { return text(bytes[start..<bytes.count - 1]) }
                depth -= 1
            case UInt8(ascii: "\n"): return nil
            case UInt8(ascii: "\""):
                guard let opening = bytes[..<(start - 1)].lastIndex(of: UInt8(ascii: "\"")) else { return nil }
                start = opening + 1
            case let byte where depth == 0 && !(byte >= 0x80 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)):
                return text(bytes[start..<bytes.count - 1])
            default: break
            }
            start -= 1
        }
        return text(bytes[..<(bytes.count - 1)])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? { bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }

    /// A module of another library before a name, `np.zeros`, or a class of one.
    static func mend(module name: String) -> String? {
        ["np", "numpy", "tf", "torch", "jnp", "jax", "F", "keras", "K"].contains(name)
            ? "tfs has its functions without a prefix: `zeros`, `sum`, `relu`" : ["pd", "pandas", "pl"].contains(name)
            ? "write `csv(path)` for a table, and its verbs behind it" : ["math", "torchvision", "sklearn", "scipy", "plt"].contains(name)
            ? "tfs has its functions without a prefix; `tfs ops` and `tfs estimators` list them" : mend(learner: name)
    }

    /// What stands for a class of scikit-learn.
    private static func mend(learner name: String) -> String? {
        guard name.first?.isUppercase ?? false else { return nil }
        if name.hasSuffix("Classifier") { return "the ready classifiers are `dnn_classifier` and `linear_classifier`" }
        if name.hasSuffix("Regressor") { return "the ready regressors are `dnn_regressor` and `linear_regressor`" }
        if ["Scaler", "Encoder", "Imputer"].contains(where: name.hasSuffix) {
            return "leave it out: an estimator scales a table's numbers, fills its gaps and encodes its words"
        }
        return nil
    }
}
