internal import Formats

/// What a script says about one feature: `feature.numeric("age")`, `feature.embedding(feature.hashed("cabin", 100), 8)`.
public indirect enum Feature: Sendable, Equatable {
    /// A column as it is or, normalised, with mean 0 and standard deviation 1; missing cells become the mean.
    case numeric(String, normalize: Bool)
    /// Which of the ranges (-∞, b₀), [b₀, b₁), … a number lies in.
    case bucketized(String, boundaries: [Double])
    /// The place in a list of words, or one of `otherBuckets` after it (at least one) for other words.
    case vocabulary(String, words: [String], otherBuckets: Int)
    /// A hash of the text, below `buckets`.
    case hashed(String, buckets: Int)
    /// An int that is its own category, from 0 up to below `buckets`.
    case identity(String, buckets: Int)
    /// A hash of several columns together, below `buckets`.
    case crossed([String], buckets: Int)
    /// The one-hot vector of a category times a number.
    case weighted(Feature, by: String)
    /// The one-hot vector of a category; a category alone means the same.
    case indicator(Feature)
    /// A trained vector per category.
    case embedding(Feature, dimension: Int)

    /// The columns of the table that it reads.
    public var columns: [String] {
        switch self {
        case .numeric(let c, _), .bucketized(let c, _), .vocabulary(let c, _, _), .hashed(let c, _), .identity(let c, _): [c]
        case .crossed(let all, _): all
        case .weighted(let f, let c): f.columns + [c]
        case .indicator(let f), .embedding(let f, _): f.columns
        }
    }
}

/// A feature that maps a row to one of a number of categories.
enum Category: Sendable, Equatable {
    case buckets(String, boundaries: [Double])
    case vocabulary(String, words: [String], others: Int)
    case hashed(String, Int)
    case identity(String, Int)
    case crossed([String], Int)

    init(_ feature: Feature) throws(DataError) {
        func positive(_ count: Int, _ name: String) throws(DataError) {
            if count < 1 || count > 1 << 24 {
                throw DataError("E0508", "`\(name)` needs a number of buckets from 1 to 16,777,216, found \(count)")
            }
        }
        switch feature {
        case .bucketized(let column, let boundaries):
            guard zip(boundaries, boundaries.dropFirst()).allSatisfy({ $0 < $1 }), !boundaries.isEmpty else {
                throw DataError("E0508", "the boundaries of `bucketized` are to rise, found \(boundaries)")
            }
            self = .buckets(column, boundaries: boundaries)
        case .vocabulary(let column, let words, let others):
            guard Set(words).count == words.count, !words.isEmpty else {
                throw DataError("E0508", "the words of `vocabulary` for `\(column)` are empty or repeated")
            }
            try positive(max(others, 1), "vocabulary")
            self = .vocabulary(column, words: words, others: max(others, 1))
        case .hashed(let column, let count):
            try positive(count, "hashed")
            self = .hashed(column, count)
        case .identity(let column, let count):
            try positive(count, "identity")
            self = .identity(column, count)
        case .crossed(let columns, let count):
            try positive(count, "crossed")
            guard columns.count > 1 else { throw DataError("E0508", "`crossed` needs at least two columns") }
            self = .crossed(columns, count)
        case .numeric(let column, _):
            throw DataError(
                "E0506", "`numeric(\"\(column)\")` has no categories",
                mend: "write `bucketized(\"\(column)\", […])` or `identity(\"\(column)\", n)`")
        case .weighted, .indicator, .embedding:
            throw DataError("E0506", "an `indicator`, `embedding` or `weighted` is made from a category, not from another of its kind")
        }
    }

    var columns: [String] {
        switch self {
        case .buckets(let c, _), .vocabulary(let c, _, _), .hashed(let c, _), .identity(let c, _): [c]
        case .crossed(let all, _): all
        }
    }

    /// The number of categories; missing numbers have one of their own, the last.
    var size: Int {
        switch self {
        case .buckets(_, let boundaries): boundaries.count + 2
        case .vocabulary(_, let words, let others): words.count + others
        case .hashed(_, let count), .identity(_, let count), .crossed(_, let count): count
        }
    }

    /// What each category is called in `importance()`.
    func name(_ id: Int) -> String {
        switch self {
        case .buckets(let column, let boundaries):
            if id > boundaries.count { "\(column) missing" } else if id == 0 { "\(column) < \(boundaries[0])" } else {
                "\(column) >= \(boundaries[id - 1])"
            }
        case .vocabulary(let column, let words, _): id < words.count ? "\(column) = \(words[id])" : "\(column) other"
        case .hashed(let column, _), .identity(let column, _): "\(column) \(id)"
        case .crossed(let columns, _): "\(columns.joined(separator: " × ")) \(id)"
        }
    }

    /// The category of each row.
    func ids(_ table: Table) throws(DataError) -> [Int32] {
        let count = table.count ?? 0
        var found: [Column] = []
        for name in columns { if let column = try table.column(name) { found.append(column) } }
        guard found.count == columns.count else { return [] }
        let column = found[0]
        var result: [Int32] = []
        result.reserveCapacity(count)
        switch self {
        case .buckets(let name, let boundaries):
            let numbers = try FeatureSpace.numbers(column, name)
            for (row, value) in numbers.enumerated() {
                if column.isMissing(row) {
                    result.append(Int32(boundaries.count + 1))
                } else {
                    var (low, high) = (0, boundaries.count)
                    while low < high {
                        let middle = (low + high) / 2
                        if value < boundaries[middle] { high = middle } else { low = middle + 1 }
                    }
                    result.append(Int32(low))
                }
            }
        case .vocabulary(_, let words, let others):
            let places = Dictionary(words.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { a, _ in a })
            for row in 0..<count {
                let key = column[row].key
                if !column.isMissing(row), let place = places[key] {
                    result.append(place)
                } else {
                    result.append(Int32(words.count + (others == 1 ? 0 : Hash.bucket(key, others))))
                }
            }
        case .hashed(_, let buckets):
            for row in 0..<count { result.append(Int32(Hash.bucket(column[row].key, buckets))) }
        case .identity(let name, let buckets):
            for row in 0..<count {
                guard let number = column[row].number, number >= 0, number < Double(buckets), let id = Int32(exactly: number) else {
                    throw DataError(
                        "E0508", "row \(row) of `\(name)` is \(column.isMissing(row) ? "missing" : "`\(column[row].text)`")",
                        why: "`identity(\"\(name)\", \(buckets))` takes ints from 0 to \(buckets - 1)")
                }
                result.append(id)
            }
        case .crossed(_, let buckets):
            for row in 0..<count {
                var text = ""
                for column in found {
                    let key = column[row].key
                    text += "\(key.utf8.count):\(key)"
                }
                result.append(Int32(Hash.bucket(text, buckets)))
            }
        }
        return result
    }
}

/// FNV-1a of the UTF-8 bytes, its bits mixed by SplitMix's finish: the same on every machine.
enum Hash {
    static func bucket(_ text: String, _ count: Int) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        var mixer = SplitMix(seed: hash)
        return Int(mixer.next() % UInt64(max(count, 1)))
    }
}
