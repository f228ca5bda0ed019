internal import ArgumentParser
internal import Glibc
internal import Syntax

/// `tfs`: the table of its subcommands.
struct Tfs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tfs",
        abstract: "A small language for machine learning: ops, layers, models and estimators.",
        usage: """
            tfs                       the prompt (from a pipe: its statements)
            tfs FILE [--option value …]
            tfs -i FILE               runs the script, then gives the prompt with its names
            tfs <subcommand> …
            """,
        version: version,
        subcommands: [
            Run.self, Replay.self, Check.self, Test.self, Predict.self, Format.self, Doc.self, Layers.self, Ops.self, Estimators.self,
            Explain.self, Start.self,
        ],
        defaultSubcommand: Start.self)

    static let version = "0.1.0"

    /// Parses the arguments, runs what they ask for, and ends the process with its status.
    static func start() {
        var status: Int32 = 0
        do {
            Interrupts.install()
            var command = try parseAsRoot()
            try command.run()
        } catch let diagnostic as Diagnostic {
            Terminal.report(diagnostic)
            status = Status.checkFailed
        } catch let code as ExitCode {
            status = code.rawValue
        } catch {
            // `--help` and `--version` come this way too.
            let text = fullMessage(for: error)
            status = exitCode(for: error).rawValue
            if status == 0 { Terminal.write(text + "\n") } else { Terminal.writeError(text + "\n") }
        }
        if !Terminal.flush(), status == 0 {
            Terminal.report(
                Diagnostic(
                    code: "E0005", what: "standard output cannot be written: \(unsafe String(cString: strerror(errno)).lowercased())",
                    at: nil))
            status = Status.failed
        }
        if status == Status.checkFailed || status == Status.failed { Terminal.pointToExplanation() }
        Glibc.exit(status)
    }
}

/// Exit statuses, for scripts that call tfs.
enum Status {
    static let expectationFailed: Int32 = 1
    static let checkFailed: Int32 = 2
    static let failed: Int32 = 3
    static let wrongUsage: Int32 = 64
    static let interrupted: Int32 = 130
}

extension Diagnostic {
    /// A command line that cannot be meant.
    static func usage(_ what: String, mend: String? = nil) -> Diagnostic { Diagnostic(code: "E0002", what: what, at: nil, mend: mend) }
}

/// Reports a wrong command line and ends with its status.
func refuse(_ diagnostic: Diagnostic) -> any Error {
    Terminal.report(diagnostic)
    return ExitCode(Status.wrongUsage)
}
