internal import ArgumentParser
internal import Language
internal import Syntax

/// `tfs check FILE…`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check scripts: syntax, names, types and shapes, without reading data.", discussion: "Status: 0, or 2 when something is wrong.")

    @Flag(help: "Treat warnings as errors.") var strict = false
    @ArgumentParser.Argument(help: "The scripts.") var files: [String]

    func run() throws {
        var isWrong = false
        for file in files {
            do {
                let source = try readScript(file)
                let found = try Session.make().check(source)
                for diagnostic in found { Terminal.report(diagnostic) }
                let errors = found.count { $0.severity == .error }
                let warnings = found.count - errors
                if errors > 0 || (strict && warnings > 0) { isWrong = true }
                let counts = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
                Terminal.write("\(file): \(counts.isEmpty ? "no errors" : counts.joined(separator: ", "))\n")
            } catch let diagnostic as Diagnostic {
                Terminal.report(diagnostic)
                isWrong = true
            }
        }
        if isWrong { throw ExitCode(Status.checkFailed) }
    }
}
