internal import Formats
internal import Language
internal import Syntax

/// Everything as JSON, numbers as they are; `"nan"`, `"inf"` and `"-inf"` are strings, because JSON has no such numbers.
extension Report {
    func json(_ baseline: Baseline?) -> JSON {
        .object([
            .init("version", .int(1)), .init("command", .string(command)), .init("passed", .int(passed)), .init("failed", .int(failures.count)),
            .init("seconds", .exact(seconds)),
            .init("files", .array(files.map { file in
                .object([
                    .init("path", .string(file.path)), .init("seconds", .exact(file.seconds)),
                    .init("tests", .array(file.parts.map { self.json($0, file, baseline) })), .init("models", .array(file.costs.map(\.json))),
                ])
            })),
        ])
    }

    private func json(_ part: Part, _ file: File, _ baseline: Baseline?) -> JSON {
        .object([
            .init("name", part.name.map { .string($0) } ?? .null), .init("line", .int(part.line)), .init("status", .string(part.verdict)),
            .init("seconds", .exact(part.seconds)), .init("output", .string(part.output)),
            .init("gates", .array(part.measurements.gates.map(\.json))),
            .init("metrics", .array(metrics(of: part, file).map { $0.json(baseline) })),
            .init("diagnostics", .array(part.diagnostics.map(\.json))),
        ])
    }

    /// What `tfs run --json` writes: the one file's result.
    func runJSON(status: Int32) -> JSON {
        let (file, part) = (files[0], files[0].parts[0])
        return .object([
            .init("version", .int(1)), .init("script", .string(file.path)), .init("status", .int(Int(status))),
            .init("metrics", .array(metrics(of: part, file).map { $0.json(nil) })),
            .init("gates", .array(part.measurements.gates.map(\.json))),
            .init("models", .array(file.costs.map(\.json))), .init("diagnostics", .array(part.diagnostics.map(\.json))),
        ])
    }
}

extension JSON {
    static func exact(_ value: Double) -> JSON { value.isFinite ? .number(value) : .string(shown(value)) }
}

extension Measurements.Gate {
    var json: JSON {
        .object([
            .init("condition", .string(text)), .init("observed", .exact(observed)), .init("comparison", .string(comparison.rawValue)),
            .init("required", .exact(required)), .init("margin", .exact(margin)), .init("holds", .bool(holds)), .init("times", .int(times)),
            .init("file", .string(place.source.path)), .init("line", .int(place.line)),
        ])
    }
}
