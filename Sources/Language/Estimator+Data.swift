internal import Datasets
internal import Engine
internal import Formats
internal import Graphs
internal import Syntax

/// Data in the form in which an estimator's programs take it: elements of feature tensors, then label tensors.
struct Examples {
    var dataset: Dataset
    /// How the feature tensors of an element stand together; `nil` for a table's, which are the numbers and then
    /// one tensor of ids per embedding.
    var features: Structure?
    var featureCount: Int
    /// `nil` without labels.
    var labels: Structure?
    /// Tables and tensors are shuffled anew each epoch; datasets come as they are.
    var isShuffled: Bool
    var rows: Int?
    /// In the check of a table: an own loss may take class numbers or numbers, and the header does not tell which.
    var hasUnknownLabels = false
    /// The tensors that a table or tensors were turned into: features, then labels.
    var sources: [Tensor] = []
}

/// What a loss asks of labels.
enum LossKind {
    /// Class numbers: `sparse_…`.
    case classNumbers
    /// 0 and 1: `sigmoid_cross_entropy`, `binary_crossentropy`, `hinge`.
    case twoClasses
    /// One-hot rows or probabilities: `softmax_cross_entropy`, `categorical_crossentropy`.
    case oneHot
    case numbers

    init(_ loss: Value?) {
        guard case .function(let function)? = loss else {
            self = .numbers
            return
        }
        let name = function.name
        if name.hasPrefix("nn.") ? name.hasPrefix("nn.sparse") : name.hasPrefix("sparse_") {
            self = .classNumbers
        } else if name.contains("sigmoid") || name.contains("binary") || name.hasSuffix("hinge") && name != "categorical_hinge" {
            self = .twoClasses
        } else if name.contains("softmax") || name.contains("categorical") {
            self = .oneHot
        } else {
            self = .numbers
        }
    }

    var isClassifier: Bool { self != .numbers }
}

extension Machine {
    // MARK: First sight of the data

    /// What an estimator learns from the training data before any step: the features' statistics, the labels'
    /// classes, the width of the output.
    func prepare(_ estimator: Estimator, _ data: Value, _ labels: Value) throws -> Fitted {
        if let fitted = estimator.fitted {
            if case .table(let value) = data, let label = value.table.label, let learned = fitted.labelName, label != learned {
                throw Fault(
                    "E0452", "the estimator has learned the label `\(learned)`, and this table's is `\(label)`",
                    mend: "make another estimator for it, or write `.with_label(\"\(learned)\")`")
            }
            return fitted
        }
        let isWaiting = estimator.fields == nil
        let fields = try preview(of: estimator)
        let kind = LossKind(fields["loss"])
        var standardizes = false
        if case .bool(true)? = fields["standardize_labels"] { standardizes = true }
        let fitted: Fitted
        var width: Value
        switch data {
        case .table(let value):
            let table = value.table
            if !labels.mayBe(.none) {
                throw Fault(
                    "E0452", "the labels of a table are one of its columns; `labels` go with tensors",
                    mend: "name the column: `csv(…, label = \"…\")` or `.with_label(\"…\")`, and fit to the table alone")
            }
            let space = try featureSpace(fields["features"] ?? .none, table)
            if !isCheck { for note in space.notes { session.console.progress(note + "\n") } }
            fitted = Fitted(space: space, labels: .plain, labelName: table.label)
            width = .int(1)
            if fields["fit_all"]?.isNone ?? true {
                guard let name = table.label else {
                    throw Fault(
                        "E0452", "the table has no label to learn", mend: "say which column: `csv(…, label = \"…\")` or `.with_label(\"…\")`")
                }
                let column = try table.labelColumn()
                try requireNumbers(estimator, fields, name, column == nil ? table.texts[name] : column?.exampleText.map { .some($0) })
                if let column {
                    if kind.isClassifier || column.kind == .string {
                        width = .int(try learnClasses(of: column, name, kind, fitted))
                    } else {
                        let numbers = try LabelSpace.numbers(column, name: name)
                        if standardizes { fitted.labels = Self.standardization(numbers) }
                    }
                } else {
                    width = try foreseeLabels(of: table, name, kind, fitted)
                }
            }
        default:
            fitted = Fitted(space: nil, labels: .plain, labelName: nil)
            if let words = words(labels) {
                try requireNumbers(estimator, fields, nil, words.exampleText.map { .some($0) })
                width = .int(try learnClasses(of: words, "labels", kind, fitted))
            } else {
                width = isWaiting ? try labelWidth(data, labels, kind) : .none
            }
            if !isCheck, standardizes, let values = try labelNumbers(data, labels) {
                fitted.labels = Self.standardization(values)
            }
        }
        let count = isWaiting ? try exampleCount(data) : .none
        try complete(estimator, Glimpse(labelWidth: width, examples: count))
        if case .int(let known) = width { fitted.labelWidth = known }
        if case .int(let known) = count { fitted.examples = known }
        if let space = fitted.space { fitted.embeddings = try embeddings(of: space, for: estimator) }
        estimator.fitted = fitted
        return fitted
    }

    private static let numberLosses: Set = [
        "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_logarithmic_error", "huber",
        "log_cosh", "poisson", "cosine_distance", "cosine_similarity",
    ]

    /// A standard loss that compares numbers has no use for a label of text.
    /// `text` is there if the label is text, and holds an example if one is known.
    private func requireNumbers(_ estimator: Estimator, _ fields: Record, _ label: String?, _ text: String??) throws {
        guard let example = text, fields["train_step"]?.isNone ?? true,
            case .function(let loss)? = fields["loss"], case .code(_, _, let module) = loss.kind, module.isStandard,
            Self.numberLosses.contains(loss.name)
        else { return }
        throw Fault.textLabel(label, example, loss: loss.name, estimator: estimator.name)
    }

    /// The classes of a label column; gives the width that they need.
    private func learnClasses(of column: Column, _ name: String, _ kind: LossKind, _ fitted: Fitted) throws -> Int {
        let classes = try LabelSpace(column, name: name)
        if case .numbers(let values, false) = column.values, classes.count > min(20, column.count / 2),
            let example = values.first(where: { $0.rounded() != $0 })
        {
            throw Fault.quantity(name, example, classes.count)
        }
        if kind == .twoClasses, classes.count != 2 {
            throw Fault.notTwoClasses(name, classes.count)
        }
        fitted.labels = .classes(classes)
        return kind == .twoClasses ? 1 : classes.count
    }

    /// In the check: what is certain of a table's label, and the width that it needs as far as that is known.
    private func foreseeLabels(of table: Table, _ name: String, _ kind: LossKind, _ fitted: Fitted) throws -> Value {
        let isText = table.texts[name] != nil
        guard kind.isClassifier || isText else {
            if let known = table.known { try known.requireLabels(name) }
            return .int(1)
        }
        guard let known = table.known else { return kind == .twoClasses ? .int(1) : .unknown(.int) }
        if let (example, count) = known.quantity(name) { throw Fault.quantity(name, example, count) }
        let classes = try LabelSpace(known, name: name)
        if kind == .twoClasses {
            if let classes, classes.count != 2 { throw Fault.notTwoClasses(name, classes.count) }
            if classes == nil, known.leastClasses(name) > 2 { throw Fault.notTwoClasses(name, known.leastClasses(name), isLeast: true) }
        }
        if let classes { fitted.labels = .classes(classes) }
        return kind == .twoClasses ? .int(1) : classes.map { .int($0.count) } ?? .unknown(.int)
    }

    /// Labels given as a list of words, as a column.
    private func words(_ labels: Value) -> Column? {
        guard case .list(let list) = labels, !list.values.isEmpty else { return nil }
        var words: [String] = []
        for value in list.values {
            guard case .string(let text) = value else { return nil }
            words.append(text.string)
        }
        return Column(words)
    }

    /// A layer for each vocabulary that is embedded before the model.
    func embeddings(of space: FeatureSpace, for estimator: Estimator) throws -> [Layer] {
        guard let layer = try library.value(named: "embedding", self) else { return [] }
        return try space.embeddings.compactMap { embedding in
            let made = try call(
                layer, [.int(embedding.vocabulary), .int(embedding.dimension)],
                [("name", .string("\(estimator.name)/features/\(embedding.name)"))])
            guard case .layer(let layer) = made else { return nil }
            return layer
        }
    }

    /// An estimator's fields; of one whose fields wait for data, as they would be for some data.
    private func preview(of estimator: Estimator) throws -> Record {
        if let fields = estimator.fields { return fields }
        glimpses.append(Glimpse(labelWidth: .int(1), examples: .int(1)))
        defer { glimpses.removeLast() }
        let counts = session.layerCounts
        defer { session.layerCounts = counts }
        return try evaluateFields(estimator.constructor, estimator.arguments)
    }

    private static func standardization(_ numbers: [Double]) -> LabelCoding {
        guard !numbers.isEmpty else { return .plain }
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
        return .standardized(mean: mean, deviation: variance > 0 ? variance.squareRoot() : 1)
    }

    private func featureSpace(_ chosen: Value, _ table: Table) throws -> FeatureSpace {
        if let list = try elements(chosen) { return try FeatureSpace(try list.map { try feature($0) }, fitting: table) }
        if case .string(let text) = chosen, text.string != "auto" {
            throw Fault.type("`features`", expected: "`auto` or a list of `feature.…` columns", found: chosen)
        }
        return try FeatureSpace(auto: table)
    }

    private func labelWidth(_ data: Value, _ labels: Value, _ kind: LossKind) throws -> Value {
        var label: Tensor?
        switch (data, labels) {
        case (.dataset(let value), _):
            guard case .list(let parts) = value.dataset.structure, parts.count == 2, let type = value.dataset.types.last else { return .int(1) }
            if kind == .classNumbers {
                if isCheck { return .unknown }
                var largest = 0
                var iterator = value.dataset.finite.makeIterator(iteration: 0)
                while let element = try iterator.next() {
                    if let last = element.last { largest = max(largest, try last.elements(as: Int.self).max() ?? 0) }
                }
                return .int(largest + 1)
            }
            let rank = type.rank - (value.dataset.isBatched ? 1 : 0)
            return rank > 0 ? (type.shape.last.map { $0 < 0 ? .unknown : .int($0) } ?? .int(1)) : .int(1)
        case (_, .none), (_, .unknown): return labels.isUnknown ? .unknown : .int(1)
        case _ where isSeveral(labels): return .int(1)
        default: label = try tensor(labels, "labels")
        }
        guard let label else { return .int(1) }
        if kind == .classNumbers {
            guard label.availability == .available else { return .unknown }
            return .int(max(1, (try label.elements(as: Int.self).max() ?? 0) + 1))
        }
        return label.rank > 1 ? (label.shape.last.map { $0 < 0 ? .unknown : .int($0) } ?? .int(1)) : .int(1)
    }

    /// Labels of a model with several outputs: a list of tensors, or a record.
    private func isSeveral(_ labels: Value) -> Bool {
        if case .record = labels { return true }
        if case .list(let list) = labels { return list.values.contains(where: isTensor) }
        return false
    }

    /// How many examples there are; `inf` when there is no end of them.
    private func exampleCount(_ data: Value) throws -> Value {
        if isCheck {
            if case .table(let value) = data, let count = value.table.known?.left { return .int(count) }
            return .unknown
        }
        switch data {
        case .table(let value): return value.table.count.map { .int($0) } ?? .unknown
        case .dataset(let value):
            let dataset = value.dataset
            if dataset.isEndless { return .float(.infinity) }
            if !dataset.isBatched, let count = dataset.count { return .int(count) }
            var count = 0
            var iterator = dataset.makeIterator(iteration: 0)
            while let element = try iterator.next() { count += dataset.isBatched ? element.first?.shape.first ?? 1 : 1 }
            return .int(count)
        default:
            var tensors: [Tensor] = []
            _ = try structure(of: try stacked(data), "the data", &tensors)
            return tensors.first?.shape.first.map { .int($0) } ?? .unknown
        }
    }

    private func labelNumbers(_ data: Value, _ labels: Value) throws -> [Double]? {
        if case .dataset = data { return nil }
        if labels.isNone || isSeveral(labels) { return nil }
        let tensor = try tensor(labels, "labels")
        return tensor.availability == .available && tensor.rank == 1 ? try tensor.elements(as: Double.self) : nil
    }

    // MARK: Examples

    /// Data, and labels if they are wanted, as elements for the programs.
    func examples(_ estimator: Estimator, _ fitted: Fitted, _ data: Value, _ labels: Value, withLabels: Bool) throws -> Examples {
        switch data {
        case .table(let value): return try examples(estimator, fitted, value.table, withLabels: withLabels)
        case .dataset(let value):
            let dataset = value.dataset
            if withLabels {
                guard case .list(let parts) = dataset.structure, parts.count == 2 else {
                    throw Fault(
                        "E0454", "the dataset has no labels: its elements are not pairs of features and labels",
                        mend: "make it of both, `dataset(x, y)`, or `map` its elements to `[features, labels]`")
                }
                return Examples(
                    dataset: dataset, features: parts[0], featureCount: parts[0].count, labels: parts[1], isShuffled: false,
                    rows: dataset.isBatched ? nil : dataset.count)
            }
            var features = dataset.structure
            if case .list(let parts) = dataset.structure, parts.count == 2 { features = parts[0] }
            return Examples(
                dataset: dataset, features: features, featureCount: features.count, labels: nil, isShuffled: false,
                rows: dataset.isBatched ? nil : dataset.count)
        default: break
        }
        if fitted.space != nil, isRows(data) {
            throw Fault.type("the data", expected: "a table, as in `fit`", found: data, mend: "make one of single rows: `table([{…}])`")
        }
        var tensors: [Tensor] = []
        let features = try structure(of: try stacked(data), "the data", &tensors)
        let count = tensors.count
        for tensor in tensors where tensor.rank == 0 {
            throw Fault("E0202", "the data needs an axis of examples, found a tensor of rank 0 (\(tensor.type))")
        }
        var labelStructure: Structure?
        if withLabels {
            if labels.isNone {
                throw Fault("E0454", "there are no labels", mend: "give them: `fit(x, y)`")
            }
            let structure: Structure
            if let words = words(labels) {
                guard case .classes = fitted.labels else {
                    throw Fault.type("the labels", expected: "numbers, as in the first fit", found: labels)
                }
                tensors.append(try labelTensor(estimator, fitted, words, "labels"))
                structure = .tensor
            } else {
                structure = try self.structure(of: try stacked(labels), "the labels", &tensors)
            }
            labelStructure = structure
            if case .standardized(let mean, let deviation) = fitted.labels, case .tensor = structure, let y = tensors.last {
                let centred = try tensorBinary(.subtract, .tensor(try cast(y, to: .f32)), .float(mean))
                if case .tensor(let scaled) = try tensorBinary(.divide, centred, .float(deviation)) { tensors[tensors.count - 1] = scaled }
            }
            if LossKind(estimator.field("loss")) == .classNumbers, let y = tensors.last, y.dtype.isFloat, y.availability == .available {
                throw Fault(
                    "E0207", "the labels of `\(lossName(estimator))` must be integers, found `\(y.dtype)`", mend: "cast them: `cast(y, i32)`")
            }
        }
        let structure = Structure.list([features] + (labelStructure.map { [$0] } ?? []))
        let dataset = try Dataset(slices: tensors, structure)
        return Examples(
            dataset: dataset, features: features, featureCount: count, labels: labelStructure, isShuffled: true, rows: dataset.count,
            sources: tensors)
    }

    /// Nested lists of numbers as one tensor; lists of tensors stay several inputs.
    private func stacked(_ value: Value) throws -> Value {
        if case .list(let list) = value, list.values.contains(where: isTensor) { return value }
        guard let made = try tensor(from: value) else { return value }
        return .tensor(made)
    }

    private func hasOwnLoss(_ estimator: Estimator) -> Bool {
        guard case .function(let function)? = estimator.field("loss"), case .code(_, _, let module) = function.kind else { return false }
        return !module.isStandard
    }

    private func lossName(_ estimator: Estimator) -> String {
        if case .function(let function)? = estimator.field("loss") { return function.name }
        return "loss"
    }

    private func examples(_ estimator: Estimator, _ fitted: Fitted, _ table: Table, withLabels: Bool) throws -> Examples {
        guard let space = fitted.space else {
            throw Fault(
                "E0455", "the estimator was fitted to tensors, and this is a table",
                mend: "give tensors of the same form as in `fit`")
        }
        if table.isSchema {
            try space.requireColumns(in: table)
            var tensors: [Tensor] = [.unknown(TensorType(.f32, [-1, space.isComplete ? space.width : -1]))]
            for _ in space.embeddings { tensors.append(.unknown(TensorType(.i32, [-1]))) }
            let featureCount = tensors.count
            let kind = LossKind(estimator.field("loss"))
            if withLabels {
                var count = -1
                if case .classes(let classes) = fitted.labels { count = classes.count }
                tensors.append(.unknown(TensorType(kind == .classNumbers ? .i32 : .f32, kind == .oneHot ? [-1, count] : [-1])))
            }
            return Examples(
                dataset: try Dataset(slices: tensors, .list(tensors.map { _ in .tensor })), features: nil, featureCount: featureCount,
                labels: withLabels ? .tensor : nil, isShuffled: true, rows: nil, hasUnknownLabels: kind == .numbers && hasOwnLoss(estimator))
        }
        let encoded: FeatureSpace.Encoded
        if case .bool(false)? = estimator.field("standardize_features") {
            encoded = try raw(space, table)
        } else {
            encoded = try space.encode(table)
        }
        var tensors = [Tensor.make(encoded.dense, [encoded.rows, encoded.width])]
        for ids in encoded.ids { tensors.append(Tensor.make(ids, [encoded.rows])) }
        let featureCount = tensors.count
        if withLabels { tensors.append(try labelTensor(estimator, fitted, table)) }
        return Examples(
            dataset: try Dataset(slices: tensors, .list(tensors.map { _ in .tensor })), features: nil,
            featureCount: featureCount, labels: withLabels ? .tensor : nil, isShuffled: true, rows: encoded.rows,
            sources: tensors)
    }

    /// Features in their own units, for estimators to which a column's scale means something.
    private func raw(_ space: FeatureSpace, _ table: Table) throws -> FeatureSpace.Encoded {
        try space.encode(table, standardized: false)
    }

    /// A record, or a list of them.
    private func isRows(_ data: Value) -> Bool {
        switch data {
        case .record: true
        case .list(let list): if case .record? = list.values.first { true } else { false }
        default: false
        }
    }

    private func labelTensor(_ estimator: Estimator, _ fitted: Fitted, _ table: Table) throws -> Tensor {
        guard let name = fitted.labelName ?? table.label, let column = try table.column(name) else {
            throw Fault("E0452", "the table has no label", mend: "say which column: `.with_label(\"…\")`")
        }
        return try labelTensor(estimator, fitted, column, name)
    }

    private func labelTensor(_ estimator: Estimator, _ fitted: Fitted, _ column: Column, _ name: String) throws -> Tensor {
        switch fitted.labels {
        case .classes(let classes):
            let ids = try classes.encode(column, name: name)
            switch LossKind(estimator.field("loss")) {
            case .twoClasses: return Tensor.make(ids.map { Float($0) }, [ids.count])
            case .oneHot:
                return Tensor.make(ids.flatMap { id in (0..<classes.count).map { Float($0 == Int(id) ? 1 : 0) } }, [ids.count, classes.count])
            default: return Tensor.make(ids, [ids.count])
            }
        case .standardized(let mean, let deviation):
            let numbers = try LabelSpace.numbers(column, name: name)
            return Tensor.make(numbers.map { Float(($0 - mean) / deviation) }, [numbers.count])
        case .plain:
            let numbers = try LabelSpace.numbers(column, name: name)
            return Tensor.make(numbers.map { Float($0) }, [numbers.count])
        }
    }

    /// Labels outside the classes, with their row: of tables and tensors at once, of a dataset while it is read, by
    /// what this gives.
    func labelCheck(_ estimator: Estimator, _ layer: Layer, _ examples: Examples) throws -> ([Tensor]) throws -> Void {
        guard LossKind(estimator.field("loss")) == .classNumbers, examples.labels == .tensor,
            let width = layer.outputType?.shape.last, width > 0
        else { return { _ in } }
        var row = 0
        func check(_ labels: Tensor) throws {
            guard labels.dtype.isInteger, labels.availability == .available, labels.rank == 1 else { return }
            for label in try labels.elements(as: Int.self) {
                if label < 0 || label >= width {
                    throw Fault(
                        "E0456", "row \(row) has the label \(label), which is not one of the \(width) classes that the model has",
                        why: "classes are numbered from 0", mend: "give the last layer more units, or mend the labels")
                }
                row += 1
            }
        }
        if examples.isShuffled {
            if let labels = examples.sources.last { try check(labels) }
            return { _ in }
        }
        return { element in if let labels = element.last { try check(labels) } }
    }

    /// An error for data without an end where all of it is to be read.
    func requireEnd(_ examples: Examples, of verb: String, mend: String = "write `.take(n)` after the dataset") throws {
        if examples.dataset.isEndless { throw Fault("E0418", "this dataset has no end, and `\(verb)` reads all of it", mend: mend) }
    }
}
