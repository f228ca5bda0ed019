internal import Engine
internal import Formats

/// How the columns of a table become the inputs of a model, learned from the training rows: means, vocabularies.
public struct FeatureSpace: Sendable, Equatable {
    /// One feature, with what was learned about it.
    enum Fitted: Sendable, Equatable {
        /// `(x - mean) · scale`, `fill` where missing, and with `marks` a second number that is 1 where missing.
        case numeric(column: String, mean: Double, scale: Double, fill: Double, marks: Bool)
        case oneHot(Category, weight: String?)
        case embedding(Category, dimension: Int)
    }

    let features: [Fitted]
    /// What was decided without being asked: columns that were dropped and why.
    public let notes: [String]
    /// Whether these are all features. In the check only those are there that are certain, and where the rows of the table
    /// are not known, whether numbers are missing, which makes a feature wider, is not known either.
    public let isComplete: Bool

    init(_ features: [Fitted], notes: [String], isComplete: Bool = true) {
        (self.features, self.notes, self.isComplete) = (features, notes, isComplete)
    }

    // MARK: Learning

    /// `features = auto`: from all columns but the label.
    ///
    /// - Numbers are standardised, missing ones become the mean, and a column says which were missing if some
    ///   were. Truth values and ints with at most two values stay as they are.
    /// - Strings of at most 30 words become one-hot vectors with a place for missing and unknown words. Of longer
    ///   vocabularies the words that occur more than once are embedded, in 2 · ⁴√n numbers.
    /// - Dropped are columns that are constant or empty, strings that differ on (nearly) every row, and ints that do and are
    ///   called an id: numbers alone might as well be the hours of a measurement.
    ///
    /// Of a table of which only the names are known, nothing is learned: the space has no features.
    public init(auto table: Table) throws(DataError) {
        var (features, notes, isComplete): ([Fitted], [String], Bool) = ([], [], true)
        for name in table.names where name != table.label {
            guard let column = try table.column(name) ?? table.known?.columns[name], table.known?.isCertainFeature(column, named: name) ?? true else {
                isComplete = false
                continue
            }
            switch Self.fit(name, column) {
            case .success(let feature): features.append(feature)
            case .failure(let reason): notes.append("dropped `\(name)`: \(reason.text)")
            }
        }
        if features.isEmpty, isComplete {
            throw DataError(
                "E0509", "no column of the table can be learned from", why: notes.joined(separator: "; "),
                mend: table.count == 0 ? "the table has no rows" : nil)
        }
        self.init(features, notes: notes, isComplete: isComplete)
    }

    private struct Reason: Error { let text: String }

    private static func fit(_ name: String, _ column: Column) -> Result<Fitted, Reason> {
        let present = column.count - column.missingCount
        guard present > 0 else { return .failure(Reason(text: "it is empty")) }
        if case .strings(let values) = column.values {
            var counts: [String: Int] = [:]
            for row in values.indices where !column.isMissing(row) { counts[values[row], default: 0] += 1 }
            if counts.count == 1, present == column.count {
                return .failure(Reason(text: "it is `\(counts.first?.key ?? "")` in every row"))
            }
            let isName = counts.count > 30 ? counts.count * 10 >= present * 9 : counts.count == present && present >= 10
            if isName { return .failure(Reason(text: "its text differs on \(counts.count == present ? "every" : "nearly every") row")) }
            let words = counts.count <= 30 ? Array(counts.keys) : counts.filter { $0.value > 1 }.map(\.key)
            let category = Category.vocabulary(name, words: words.sorted(by: codePointPrecedes), others: 1)
            if words.count <= 30 { return .success(.oneHot(category, weight: nil)) }
            let dimension = max(2, Int((2 * Double(words.count).squareRoot().squareRoot()).rounded()))
            return .success(.embedding(category, dimension: dimension))
        }
        let numbers = (try? Self.numbers(column, name)) ?? []
        let values = numbers.indices.filter { !column.isMissing($0) && numbers[$0].isFinite }.map { numbers[$0] }
        let distinct = Set(values.prefix(1000)).count > 2 ? 3 : Set(values).count
        if distinct <= 1, present == column.count {
            return .failure(Reason(text: "it is \(column[0].text) in every row"))
        }
        if isIdentifier(name), column.kind == .int, present >= 10, Set(values).count == present {
            return .failure(Reason(text: "its number differs on every row"))
        }
        return .success(numeric(name, column, values, normalize: distinct > 2 || column.kind == .float))
    }

    /// `id`, `ID`, `user_id`, `PassengerId`.
    static func isIdentifier(_ name: String) -> Bool {
        let bytes = Array(name.utf8)
        guard name.lowercased().hasSuffix("id") else { return false }
        guard bytes.count > 2 else { return true }
        let before = bytes[bytes.count - 3]
        let isLetter = (0x41...0x5A).contains(before & ~0x20) || before >= 0x80
        // A word of its own in `PassengerId`, but not in `humid` or `HUMID`.
        return !isLetter || bytes[bytes.count - 2] == UInt8(ascii: "I") && before & 0x20 != 0
    }

    private static func numeric(_ name: String, _ column: Column, _ values: [Double], normalize: Bool) -> Fitted {
        let n = Double(max(values.count, 1))
        let sum = values.reduce(0, +)
        let mean = sum.isFinite ? sum / n : values.reduce(0) { $0 + $1 / n }
        let deviation = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / n }.squareRoot()
        // A spread lost in rounding is none.
        let scale = deviation > 1e-12 * mean.magnitude && deviation.isFinite ? 1 / deviation : 1
        return .numeric(
            column: name, mean: normalize ? mean : 0, scale: normalize && scale.isFinite ? scale : 1,
            fill: mean.isFinite ? mean : 0, marks: column.missingCount > 0)
    }

    /// Features that a script names, learned from the training rows.
    public init(_ chosen: [Feature], fitting table: Table) throws(DataError) {
        guard !chosen.isEmpty else { throw DataError("E0509", "a model needs at least one feature") }
        var (features, isComplete): ([Fitted], Bool) = ([], true)
        for feature in chosen {
            for name in feature.columns {
                _ = try table.index(of: name)
                if name == table.label {
                    throw DataError("E0506", "`\(name)` is the label and cannot be a feature as well")
                }
            }
            switch feature {
            case .numeric(let name, let normalize):
                guard let column = try table.column(name) ?? table.known?.form(of: name)?.column else {
                    features.append(.numeric(column: name, mean: 0, scale: 1, fill: 0, marks: false))
                    isComplete = false
                    continue
                }
                let numbers = try Self.numbers(column, name)
                let values = numbers.indices.filter { !column.isMissing($0) && numbers[$0].isFinite }.map { numbers[$0] }
                features.append(Self.numeric(name, column, values, normalize: normalize))
            case .weighted(let category, let weight): features.append(.oneHot(try Category(category), weight: weight))
            case .indicator(.weighted(let category, let weight)):
                features.append(.oneHot(try Category(category), weight: weight))
            case .indicator(let category): features.append(.oneHot(try Category(category), weight: nil))
            case .embedding(let category, let dimension):
                guard dimension >= 1, dimension <= 65536 else {
                    throw DataError("E0508", "an embedding needs a dimension of at least 1, found \(dimension)")
                }
                features.append(.embedding(try Category(category), dimension: dimension))
            case .bucketized, .vocabulary, .hashed, .identity, .crossed:
                features.append(.oneHot(try Category(feature), weight: nil))
            }
        }
        self.init(features, notes: [], isComplete: isComplete)
        try requireColumns(in: table)
    }

    // MARK: Looking

    /// The columns that a table needs to have.
    public var columns: [String] {
        var seen: Set<String> = []
        return features.flatMap { feature -> [String] in
            switch feature {
            case .numeric(let column, _, _, _, _): [column]
            case .oneHot(let category, let weight): category.columns + (weight.map { [$0] } ?? [])
            case .embedding(let category, _): category.columns
            }
        }.filter { seen.insert($0).inserted }
    }

    /// The table has the columns, and as far as is known before its rows are read no strings where numbers are needed.
    public func requireColumns(in table: Table) throws(DataError) {
        for name in columns { _ = try table.index(of: name) }
        for name in features.flatMap(\.numberColumns) {
            if let text = table.texts[name] { throw .notNumbers(name, text) }
        }
    }

    /// The names of the numbers in a row of `dense`.
    public var denseNames: [String] {
        features.flatMap { feature -> [String] in
            switch feature {
            case .numeric(let column, _, _, _, let marks): marks ? [column, "\(column) missing"] : [column]
            case .oneHot(let category, _): (0..<category.size).map(category.name)
            case .embedding: []
            }
        }
    }

    /// Numbers per row of `dense`.
    public var width: Int {
        features.reduce(0) { sum, feature in
            switch feature {
            case .numeric(_, _, _, _, let marks): sum + (marks ? 2 : 1)
            case .oneHot(let category, _): sum + category.size
            case .embedding: sum
            }
        }
    }

    /// The columns of categories that a model embeds.
    public var embeddings: [(name: String, vocabulary: Int, dimension: Int)] {
        features.compactMap { feature in
            guard case .embedding(let category, let dimension) = feature else { return nil }
            return (category.columns.joined(separator: "_"), category.size, dimension)
        }
    }

    // MARK: Encoding

    /// A table as numbers.
    public struct Encoded: Sendable, Equatable {
        /// Row-major, `[rows, width]`.
        public var dense: [Float]
        public var rows: Int
        public var width: Int
        /// One list of categories per embedding, in the order of `embeddings`.
        public var ids: [[Int32]]
    }

    /// Encodes the rows of a table; columns that are not needed are ignored, a missing one is an error.
    /// `standardized: false` leaves numbers in the units of the table.
    public func encode(_ table: Table, standardized: Bool = true) throws(DataError) -> Encoded {
        let (rows, width) = (table.count ?? 0, width)
        for name in columns { _ = try table.index(of: name) }
        let (cells, overflow) = rows.multipliedReportingOverflow(by: max(width, 1))
        guard !overflow, cells <= Tensor.largestByteCount / 8 else {
            throw DataError(
                "E0508", "\(rows) rows of \(width) numbers do not fit into memory", mend: "use `embedding` instead of `indicator`")
        }
        var encoded = Encoded(dense: Array(repeating: 0, count: rows * width), rows: rows, width: width, ids: [])
        if table.isSchema { return encoded }
        var at = 0
        for feature in features {
            switch feature {
            case .numeric(let name, let mean, let scale, let fill, let marks):
                guard let column = try table.column(name) else { continue }
                let numbers = try Self.numbers(column, name)
                for row in 0..<rows {
                    let isMissing = column.isMissing(row)
                    let number = isMissing ? fill : numbers[row]
                    encoded.dense[row * width + at] = Float(standardized ? (number - mean) * scale : number)
                    if marks, isMissing { encoded.dense[row * width + at + 1] = 1 }
                }
                at += marks ? 2 : 1
            case .oneHot(let category, let weight):
                let ids = try category.ids(table)
                var weights: [Double]?
                if let weight, let column = try table.column(weight) {
                    weights = try Self.numbers(column, weight)
                    if let row = (0..<rows).first(where: column.isMissing) {
                        throw DataError("E0504", "the weight `\(weight)` is missing in row \(row)")
                    }
                }
                for row in 0..<rows { encoded.dense[row * width + at + Int(ids[row])] = Float(weights?[row] ?? 1) }
                at += category.size
            case .embedding(let category, _): encoded.ids.append(try category.ids(table))
            }
        }
        return encoded
    }

    /// A column's numbers; truth values are 0 and 1.
    static func numbers(_ column: Column, _ name: String) throws(DataError) -> [Double] {
        switch column.values {
        case .numbers(let values, _): return values
        case .bools(let values): return values.map { $0 ? 1 : 0 }
        case .strings(let values):
            throw .notNumbers(name, column.exampleText ?? values.first ?? "")
        }
    }
}

extension FeatureSpace.Fitted {
    /// The columns that must hold numbers.
    fileprivate var numberColumns: [String] {
        func bounded(_ category: Category) -> [String] { if case .buckets(let column, _) = category { [column] } else { [] } }
        return switch self {
        case .numeric(let column, _, _, _, _): [column]
        case .oneHot(let category, let weight): bounded(category) + (weight.map { [$0] } ?? [])
        case .embedding(let category, _): bounded(category)
        }
    }
}

extension DataError {
    static func notNumbers(_ column: String, _ example: String?) -> DataError {
        DataError(
            "E0506", "column `\(column)` holds strings\(example.map { " such as `\($0)`" } ?? ""), numbers are needed",
            mend: "use `vocabulary` or `hashed`, or name the cells that stand for missing ones when reading")
    }
}
