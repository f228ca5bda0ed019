internal import ArgumentParser
internal import Formats
internal import Language
internal import Syntax

/// `tfs check FILE…`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check scripts: syntax, names, types and shapes, without reading data.", discussion: "Status: 0, or 2 when something is wrong.")

    @Flag(help: "Treat warnings as errors.") var strict = false
    @Flag(help: "Show what each model takes: parameters, multiply-adds per example, memory for a batch, size on disk.") var cost = false
    @Flag(help: "With --cost: as JSON, numbers in full.") var json = false
    @OptionGroup var annotations: AnnotationOptions
    @ArgumentParser.Argument(help: "The scripts.") var files: [String]

    func run() throws {
        annotations.prepare()
        var isWrong = false
        var models: [JSON] = []
        for file in files {
            do {
                let source = try readScript(file)
                let session = try Session.make()
                let found = session.check(source)
                for diagnostic in found { Terminal.report(diagnostic) }
                let errors = found.count { $0.severity == .error }
                let warnings = found.count - errors
                if errors > 0 || (strict && warnings > 0) { isWrong = true }
                let counts = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
                let costs = cost ? session.costs(of: source) : []
                if json {
                    models += costs.map(\.json)
                } else {
                    Terminal.write("\(file): \(counts.isEmpty ? "no errors" : counts.joined(separator: ", "))\n")
                    if cost { Terminal.write(costTable(costs)) }
                }
            } catch let diagnostic as Diagnostic {
                Terminal.report(diagnostic)
                isWrong = true
            }
        }
        if json { Terminal.write(JSON.object([.init("models", .array(models))]).text(indent: 2) + "\n") }
        if isWrong { throw ExitCode(Status.checkFailed) }
    }
}
