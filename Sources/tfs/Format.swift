internal import ArgumentParser
internal import Formats
internal import Language
internal import Syntax

/// `tfs fmt [--check] [--diff] [PATH…]`
struct Format: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fmt", abstract: "Write scripts in the one format.",
        discussion: """
            A folder stands for every script below it. Without a path, or with `-`, standard input goes to standard output.
            --check writes nothing and lists the scripts that would change; --diff writes nothing and shows the changes.
            Status: 0; 1 with --check when a script would change; 2 when one does not parse, which stays as it is.
            """)

    @Flag(help: "Only tell which scripts would change.") var check = false
    @Flag(help: "Only show what would change.") var diff = false
    @ArgumentParser.Argument(help: "Scripts or folders (`-`: standard input).") var paths: [String] = []

    func run() throws {
        if paths.isEmpty, Terminal.inputIsTerminal {
            throw refuse(.usage("which scripts? Write `tfs fmt FILE`", mend: "`tfs fmt .` formats every script below this folder"))
        }
        var status: Int32 = 0
        for path in paths.isEmpty ? ["-"] : paths {
            for file in path == "-" ? ["-"] : Folder.scripts(path) {
                do {
                    if try format(file) { status = max(status, check ? 1 : 0) }
                } catch let refused as Refused {
                    for diagnostic in refused.diagnostics { Terminal.report(diagnostic) }
                    status = Status.checkFailed
                } catch let diagnostic as Diagnostic {
                    Terminal.report(diagnostic)
                    status = Status.checkFailed
                }
            }
        }
        if status != 0 { throw ExitCode(status) }
    }

    /// A text that does not parse.
    private struct Refused: Error { var diagnostics: [Diagnostic] }

    /// Formats a file as the flags say; whether it was not in the format.
    private func format(_ file: String) throws -> Bool {
        let source = try readScript(file)
        let (script, diagnostics) = Syntax.parse(source)
        guard diagnostics.isEmpty else { throw Refused(diagnostics: diagnostics) }
        let text = Syntax.format(script)
        let isChanged = Array(text.utf8) != source.utf8
        if check || diff {
            if isChanged { Terminal.write(diff ? unifiedDiff(source, text, path: source.path) : source.path + "\n") }
        } else if file == "-" {
            Terminal.write(text)
        } else if isChanged {
            try Files.replace(Array(text.utf8), at: file)
        }
        return isChanged
    }
}
