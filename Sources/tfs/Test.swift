internal import ArgumentParser
internal import Language
internal import Syntax

/// `tfs test [PATH…]`
struct Test: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the `test` blocks of scripts.",
        discussion: """
            A folder stands for every script below it that has tests. The last line says `N passed, N failed`.
            Status: 0, or 1 when a test failed.
            """)

    @Option(help: ArgumentHelp("Run only tests whose names contain this text.", valueName: "text")) var filter: String?
    @ArgumentParser.Argument(help: "Scripts or folders.") var paths: [String] = ["."]

    func run() throws {
        var (passed, failed) = (0, 0)
        for path in paths {
            for file in try scripts(in: path) {
                let source: SourceText
                do {
                    source = try Session.read(file)
                } catch let diagnostic as Diagnostic {
                    Terminal.report(diagnostic)
                    failed += 1
                    continue
                }
                if file != path, !hasTests(source) { continue }
                let session = try Session.make()
                let (outcome, results) = Interrupts.during(.stopsEvaluation) { session.test(source, named: filter) }
                if outcome.status == Status.interrupted {
                    Terminal.writeError("interrupted\n")
                    throw ExitCode(Status.interrupted)
                }
                if outcome.status != 0 {
                    failed += 1
                    Terminal.write("FAIL  \(file)\n")
                }
                for result in results {
                    if result.failures.isEmpty { passed += 1 } else { failed += 1 }
                    Terminal.write("\(result.failures.isEmpty ? "ok  " : "FAIL")  \(file): \(result.name)\n")
                }
            }
        }
        Terminal.write("\(passed) passed, \(failed) failed\n")
        if failed > 0 { throw ExitCode(Status.expectationFailed) }
    }

    private func hasTests(_ source: SourceText) -> Bool {
        Syntax.parse(source).script.statements.contains { if case .test = $0.kind { true } else { false } }
    }

    /// The scripts that a path stands for, in order.
    private func scripts(in path: String) throws -> [String] {
        guard let names = Folder.names(path) else { return [path] }
        return try names.filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
            let inner = path == "." ? name : path.hasSuffix("/") ? path + name : path + "/" + name
            if Folder.names(inner) != nil { return try scripts(in: inner) }
            return name.hasSuffix(".tfs") ? [inner] : []
        }
    }
}
