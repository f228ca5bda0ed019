internal import ArgumentParser
internal import Language
internal import Syntax

/// `tfs run FILE [--option value …]`
struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check a script, then run it.",
        discussion: """
            What follows FILE are the script's own options; `tfs run FILE --help` lists them.
            Status: 0; 1 an `expect` failed; 2 the check failed; 3 a run-time error; 64 wrong usage; 130 interrupted.
            """)

    @Flag(help: "Treat warnings as errors.") var strict = false
    @Flag(help: "Show at the end where the time went, by ops and lines.") var profile = false
    @Flag(help: "At the end write metrics, gates and diagnostics as one JSON object; what the script prints goes to standard error.")
    var json = false
    @Option(help: ArgumentHelp("Write down what the run did, for `tfs replay`.", valueName: "run.json")) var record: String?
    @OptionGroup var reports: ReportOptions
    @Flag(name: [.customShort("i"), .long], help: "Give the prompt afterwards, with the script's names.") var interactive = false
    @ArgumentParser.Argument(parsing: .captureForPassthrough, help: ArgumentHelp("The script (`-` for standard input) and its options.", valueName: "file"))
    var words: [String] = []

    func run() throws {
        guard let file = words.first else { throw ValidationError("which script? Write `tfs run FILE`.") }
        if file == "--help" || file == "-h" { throw CleanExit.helpRequest(self) }
        try ScriptRun(
            file: file, words: Array(words.dropFirst()), isStrict: strict, isProfiled: profile, isJSON: json, recordPath: record,
            isInteractive: interactive, reports: reports
        ).run()
    }
}

/// `tfs`, `tfs FILE …`: the prompt, or a script without the word `run`.
struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "start", shouldDisplay: false)

    @Flag(help: .hidden) var strict = false
    @Flag(name: [.customShort("i"), .long], help: .hidden) var interactive = false
    @ArgumentParser.Argument(parsing: .captureForPassthrough, help: .hidden) var words: [String] = []

    func run() throws {
        guard let file = words.first else { return try Repl.start() }
        if !fileExists(file), !file.contains("/"), !file.contains("."), !file.hasPrefix("-") {
            let commands = Tfs.configuration.subcommands.compactMap { $0.configuration.commandName ?? "\($0)".lowercased() }
            throw refuse(
                .usage("there is no command or script `\(file)`",
                    mend: nearest(to: file, in: commands).map { "did you mean `tfs \($0)`?" } ?? "`tfs --help` lists the commands"))
        }
        var run = try Run.parse([])
        run.words = words
        run.strict = strict
        run.interactive = interactive
        try run.run()
    }
}

/// The text of a script; `-` is standard input.
func readScript(_ path: String) throws -> SourceText {
    guard path == "-" else { return try Session.read(path) }
    var input = StandardInput()
    guard let bytes = input.rest(atMost: Session.longestScript) else { throw Session.tooLong("<stdin>") }
    return try SourceText.decode(path: "<stdin>", bytes: bytes)
}

