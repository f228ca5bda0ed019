internal import Formats
internal import Glibc
internal import Language
internal import Syntax

/// A metric by its own name, so that it is known again.
struct Metric: Hashable {
    var file: String
    /// `nil`: of the file's own statements.
    var test: String?
    /// The call that gave it, as it is written.
    var call: String
    var name: String
    var value: Double
    var estimator: String
    var line: Int?

    var title: String { (test.map { $0 + ": " } ?? "") + call + "." + name }

    /// Whether more of it is better; `nil` where the name does not tell.
    var isHigherBetter: Bool? {
        let words = name.hasPrefix("val_") ? String(name.dropFirst(4)) : name
        let isOneOf = { (parts: [String]) in parts.contains { words.contains($0) } }
        if isOneOf(["loss", "error", "entropy", "divergence", "distance", "hinge", "inertia", "poisson", "log_cosh", "huber", "perplexity"]) { return false }
        if ["mae", "mse", "rmse", "mape", "msle", "nll"].contains(words) { return false }
        if isOneOf(["accuracy", "auc", "precision", "recall", "f1", "r2", "iou", "similarity", "score", "dice"]) { return true }
        return nil
    }
}

extension Report {
    func metrics(of part: Part, _ file: File) -> [Metric] {
        part.measurements.evaluations.flatMap { evaluation in
            evaluation.values.map { name, value in
                Metric(
                    file: file.path, test: part.name, call: evaluation.call, name: name, value: value, estimator: evaluation.estimator,
                    line: evaluation.place?.line)
            }
        }
    }

    var metrics: [Metric] { files.flatMap { file in file.parts.flatMap { metrics(of: $0, file) } } }
}

extension Metric {
    func json(_ baseline: Baseline?) -> JSON {
        var members: [JSON.Member] = [
            .init("estimator", .string(estimator)), .init("call", .string(call)), .init("name", .string(name)), .init("value", .exact(value)),
            .init("line", line.map { .int($0) } ?? .null),
        ]
        if let baseline { members.append(.init("baseline", baseline.value(of: self).map { .exact($0) } ?? .null)) }
        return .object(members)
    }
}

/// Metrics and costs of an earlier run. Scripts go by their paths from the file's own folder, so that it does not matter where tfs is
/// started.
struct Baseline {
    private struct Key: Hashable {
        var file: String
        var test: String?
        var call: String
        var name: String
    }

    private(set) var path: String
    private var values: [Key: Double] = [:]
    private var order: [Key] = []
    private var models: [(file: String, name: String, cost: JSON)] = []

    init(path: String) throws {
        self.path = path
        let json: JSON
        do throws(FormatError) { json = try JSON.read(path) } catch {
            throw Diagnostic(
                code: "E0001", what: error.place == .whole ? error.what : error.description, at: nil,
                mend: Files.exists(path) ? error.mend : "write it first, with `--write-baseline \(path)`")
        }
        guard json["version"]?.int == 1, let metrics = json["metrics"]?.array else {
            throw Diagnostic(code: "E0001", what: "`\(path)` is no baseline of tfs", at: nil, mend: "write one with `--write-baseline \(path)`")
        }
        for entry in metrics {
            guard let file = entry["file"]?.string, let call = entry["call"]?.string, let name = entry["name"]?.string else { continue }
            let special = ["nan": Double.nan, "inf": .infinity, "-inf": -.infinity]
            guard let value = entry["value"]?.double ?? entry["value"]?.string.flatMap({ special[$0] }) else { continue }
            values[Key(file: file, test: entry["test"]?.string, call: call, name: name)] = value
        }
        for model in json["models"]?.array ?? [] {
            if let file = model["file"]?.string, let name = model["name"]?.string { models.append((file, name, model)) }
        }
    }

    init(_ report: Report, path: String) {
        self.path = path
        for metric in report.metrics {
            let key = key(metric)
            values[key] = metric.value
            order.append(key)
        }
        for file in report.files { for cost in file.costs { models.append((Self.relative(file.path, to: path), cost.name, cost.json)) } }
    }

    func value(of metric: Metric) -> Double? { values[key(metric)] }

    /// A number of a model's cost, under its name in JSON.
    func cost(_ number: String, of model: ModelCost, in file: String) -> Int? {
        let path = Self.relative(file, to: path)
        return models.first { $0.file == path && $0.name == model.name }?.cost[number]?.int
    }

    var json: JSON {
        .object([
            .init("version", .int(1)),
            .init("metrics", .array(order.map { key in
                .object([
                    .init("file", .string(key.file)), .init("test", key.test.map { .string($0) } ?? .null), .init("call", .string(key.call)),
                    .init("name", .string(key.name)), .init("value", .exact(values[key] ?? .nan)),
                ])
            })),
            .init("models", .array(models.map { file, _, cost in .object([.init("file", .string(file))] + (cost.members ?? [])) })),
        ])
    }

    private func key(_ metric: Metric) -> Key {
        Key(file: Self.relative(metric.file, to: path), test: metric.test, call: metric.call, name: metric.name)
    }

    /// A script's path from the folder of the baseline.
    private static func relative(_ file: String, to baseline: String) -> String {
        let folder = baseline.lastIndex(of: "/").map { $0 == baseline.startIndex ? "/" : String(baseline[..<$0]) } ?? "."
        guard let from = Folder.resolved(folder), let to = Folder.resolved(file) else { return file }
        let (base, target) = (from.split(separator: "/"), to.split(separator: "/"))
        let common = zip(base, target).prefix { $0 == $1 }.count
        return (Array(repeating: "..", count: base.count - common) + target.dropFirst(common).map(String.init)).joined(separator: "/")
    }
}
