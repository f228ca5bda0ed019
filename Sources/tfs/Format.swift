internal import ArgumentParser
internal import Formats
internal import Language
internal import Syntax

/// `tfs fmt [--check] FILE…`
struct Format: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fmt", abstract: "Write scripts in the one format.",
        discussion: "With --check nothing is written: the scripts that would change are listed, and the status is 1.")

    @Flag(help: "Only tell which scripts would change.") var check = false
    @ArgumentParser.Argument(help: "The scripts (`-`: standard input to standard output).") var files: [String]

    func run() throws {
        var status: Int32 = 0
        for file in files {
            do {
                let source = try readScript(file)
                let (script, diagnostics) = Syntax.parse(source)
                if !diagnostics.isEmpty {
                    for diagnostic in diagnostics { Terminal.report(diagnostic) }
                    status = Status.checkFailed
                    continue
                }
                let text = Syntax.format(script)
                let isChanged = Array(text.utf8) != source.utf8
                if check {
                    if isChanged {
                        Terminal.write(file + "\n")
                        status = max(status, 1)
                    }
                } else if file == "-" {
                    Terminal.write(text)
                } else if isChanged {
                    try Files.replace(Array(text.utf8), at: file)
                }
            } catch let diagnostic as Diagnostic {
                Terminal.report(diagnostic)
                status = Status.checkFailed
            }
        }
        if status != 0 { throw ExitCode(status) }
    }
}
