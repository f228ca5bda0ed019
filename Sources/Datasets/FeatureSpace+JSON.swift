public import Formats

/// Feature spaces travel in the metadata of a saved estimator.
extension FeatureSpace {
    public var json: JSON {
        .object([.init("features", .array(features.map(\.json))), .init("notes", .array(notes.map(JSON.string)))])
    }

    /// `nil` when the value is not one that `json` gives.
    public init?(json: JSON) {
        guard let items = json["features"]?.array, let notes = json["notes"]?.array else { return nil }
        let features = items.compactMap(Fitted.init(json:))
        guard features.count == items.count else { return nil }
        self.init(features, notes: notes.compactMap(\.string))
    }
}

extension FeatureSpace.Fitted {
    var json: JSON {
        switch self {
        case .numeric(let column, let mean, let scale, let fill, let marks):
            .object([
                .init("kind", .string("numeric")), .init("column", .string(column)), .init("mean", .number(mean)),
                .init("scale", .number(scale)), .init("fill", .number(fill)), .init("marks", .bool(marks)),
            ])
        case .oneHot(let category, let weight):
            .object([
                .init("kind", .string("one_hot")), .init("category", category.json),
                .init("weight", weight.map(JSON.string) ?? .null),
            ])
        case .embedding(let category, let dimension):
            .object([.init("kind", .string("embedding")), .init("category", category.json), .init("dimension", .int(dimension))])
        }
    }

    init?(json: JSON) {
        switch json["kind"]?.string {
        case "numeric":
            guard let column = json["column"]?.string, let mean = json["mean"]?.double, let scale = json["scale"]?.double,
                let fill = json["fill"]?.double, let marks = json["marks"]?.bool
            else { return nil }
            self = .numeric(column: column, mean: mean, scale: scale, fill: fill, marks: marks)
        case "one_hot":
            guard let category = json["category"].flatMap(Category.init(json:)) else { return nil }
            self = .oneHot(category, weight: json["weight"]?.string)
        case "embedding":
            guard let category = json["category"].flatMap(Category.init(json:)), let dimension = json["dimension"]?.int,
                (1...65536).contains(dimension)
            else { return nil }
            self = .embedding(category, dimension: dimension)
        default: return nil
        }
    }
}

extension Category {
    var json: JSON {
        func object(_ kind: String, _ rest: JSON.Member...) -> JSON {
            .object([.init("kind", .string(kind)), .init("columns", .array(columns.map(JSON.string)))] + rest)
        }
        return switch self {
        case .buckets(_, let boundaries): object("buckets", .init("boundaries", .array(boundaries.map(JSON.number))))
        case .vocabulary(_, let words, let others):
            object("vocabulary", .init("words", .array(words.map(JSON.string))), .init("others", .int(others)))
        case .hashed(_, let count): object("hashed", .init("size", .int(count)))
        case .identity(_, let count): object("identity", .init("size", .int(count)))
        case .crossed(_, let count): object("crossed", .init("size", .int(count)))
        }
    }

    init?(json: JSON) {
        guard let columns = json["columns"]?.array?.compactMap(\.string), let first = columns.first else { return nil }
        let size = json["size"]?.int ?? 0
        let feature: Feature
        switch json["kind"]?.string {
        case "buckets": feature = .bucketized(first, boundaries: json["boundaries"]?.array?.compactMap(\.double) ?? [])
        case "vocabulary":
            feature = .vocabulary(first, words: json["words"]?.array?.compactMap(\.string) ?? [], otherBuckets: json["others"]?.int ?? 1)
        case "hashed": feature = .hashed(first, buckets: size)
        case "identity": feature = .identity(first, buckets: size)
        case "crossed": feature = .crossed(columns, buckets: size)
        default: return nil
        }
        guard let category = try? Category(feature) else { return nil }
        self = category
    }
}
