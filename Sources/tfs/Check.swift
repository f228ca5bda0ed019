internal import ArgumentParser
internal import Formats
internal import Language
internal import Syntax

/// `tfs check FILE…`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check scripts: syntax, names, types and shapes, without reading data.",
        discussion: """
            Status: 0, or 2 when something is wrong.

            --fix mends in the file what can only be meant one way: misspelt names, quotes, operators of other languages,
            colons for braces, missing commas. --dry-run only shows it.

            --json writes one object to standard output: `diagnostics`, each with `code`, `severity`, `what`, `file`, `line`,
            `column`, `endLine`, `endColumn`, `why`, `mend`, `also`, `calls`, and `fix`, the edits that --fix would make; and
            with --cost `models`.
            """)

    @Flag(help: "Treat warnings as errors.") var strict = false
    @Flag(help: "Mend what can only be meant one way.") var fix = false
    @Flag(help: "With --fix: show the mends and leave the files as they are.") var dryRun = false
    @Flag(help: "Show what each model takes: parameters, multiply-adds per example, memory for a batch, size on disk.") var cost = false
    @Flag(help: "Write what is found as JSON to standard output.") var json = false
    @OptionGroup var annotations: AnnotationOptions
    @ArgumentParser.Argument(help: "The scripts.") var files: [String]

    func run() throws {
        if dryRun, !fix { throw refuse(.usage("`--dry-run` goes with `--fix`")) }
        if fix, files.contains("-") { throw refuse(.usage("`--fix` mends files, and `-` is none")) }
        annotations.prepare()
        var isWrong = false
        var all: [Diagnostic] = []
        var models: [JSON] = []
        for file in files {
            do {
                let source = fix ? try mend(try readScript(file)) : try readScript(file)
                let session = try Session.make()
                session.isStrict = strict
                let found = session.check(source)
                all += found
                if !json { for diagnostic in found { Terminal.report(diagnostic) } }
                let errors = found.count { $0.severity == .error }
                let warnings = found.count - errors
                if errors > 0 { isWrong = true }
                let counts = [(errors, "error"), (warnings, "warning")].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
                let costs = cost ? session.costs(of: source) : []
                if json {
                    models += costs.map(\.json)
                } else {
                    Terminal.write("\(file): \(counts.isEmpty ? "no errors" : counts.joined(separator: ", "))\n")
                    if cost { Terminal.write(costTable(costs)) }
                }
            } catch let diagnostic as Diagnostic {
                all.append(diagnostic)
                if !json { Terminal.report(diagnostic) }
                isWrong = true
            }
        }
        if json {
            let members = [JSON.Member("diagnostics", .array(all.map(\.json)))] + (cost ? [.init("models", .array(models))] : [])
            Terminal.write(JSON.object(members).text(indent: 2) + "\n")
        }
        if isWrong { throw ExitCode(Status.checkFailed) }
    }

    /// Mends a script in its file, and tells each line that has changed.
    private func mend(_ source: SourceText) throws -> SourceText {
        let library = try StandardLibrary.located()
        let mending = Mending(source) {
            let session = Session(library: library, console: Terminal.console())
            session.tellsEveryUse = true
            return session.check($0)
        }
        if mending.steps.isEmpty { return source }
        if !dryRun { try Files.replace(mending.source.utf8, at: source.path) }
        if !json {
            for step in mending.steps {
                Terminal.write("\(source.path):\(step.line): \(dryRun ? "would mend" : "mended") \(Set(step.codes).sorted().joined(separator: ", "))\n")
                for (sign, line) in [("-", step.before), ("+", step.after)] { Terminal.write("  \(sign) \(line.trimmingBlanks)\n") }
            }
        }
        return dryRun ? source : mending.source
    }
}

extension Files {
    /// Writes a file of the command's own: one that cannot be written is told as such.
    static func replace(_ bytes: [UInt8], at path: String) throws {
        do throws(FormatError) {
            try write(bytes, to: path)
        } catch {
            throw Diagnostic(code: "E0003", what: error.what, at: nil, mend: error.mend)
        }
    }
}

extension String {
    /// Without blanks at its ends.
    fileprivate var trimmingBlanks: Substring {
        var part = Substring(self)
        while part.last == " " || part.last == "\t" { part.removeLast() }
        return part.drop { $0 == " " || $0 == "\t" }
    }
}
