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
    @ArgumentParser.Argument(parsing: .captureForPassthrough, help: ArgumentHelp("The script (`-` for standard input) and its options.", valueName: "file"))
    var words: [String] = []

    func run() throws {
        guard let file = words.first else { throw ValidationError("which script? Write `tfs run FILE`.") }
        try runScript(file, Array(words.dropFirst()), isStrict: strict, isProfiled: profile)
    }
}

/// `tfs`, `tfs FILE …`: the prompt, or a script without the word `run`.
struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "start", shouldDisplay: false)

    @Flag(help: .hidden) var strict = false
    @ArgumentParser.Argument(parsing: .captureForPassthrough, help: .hidden) var words: [String] = []

    func run() throws {
        guard let file = words.first else { return try Repl.start() }
        if !fileExists(file), !file.contains("/"), !file.contains("."), !file.hasPrefix("-") {
            let commands = Tfs.configuration.subcommands.compactMap { $0.configuration.commandName ?? "\($0)".lowercased() }
            throw refuse(
                .usage("there is no command or script `\(file)`",
                    mend: nearest(to: file, in: commands).map { "did you mean `tfs \($0)`?" } ?? "`tfs --help` lists the commands"))
        }
        try runScript(file, Array(words.dropFirst()), isStrict: strict)
    }
}

/// The text of a script; `-` is standard input.
func readScript(_ path: String) throws -> SourceText {
    guard path == "-" else { return try Session.read(path) }
    var input = StandardInput()
    return try SourceText.decode(path: "<stdin>", bytes: input.rest())
}

private func runScript(_ file: String, _ words: [String], isStrict: Bool, isProfiled: Bool = false) throws {
    if file.hasPrefix("-"), file.count > 1 {
        throw refuse(.usage("`tfs run` has no option `\(file)`", mend: "the script's own options stand after its name"))
    }
    let source = try readScript(file)
    let session = try Session.make()
    var isStrict = isStrict
    // A text that does not parse tells its mistakes before its options are asked for.
    if !words.isEmpty, parse(source).diagnostics.isEmpty {
        let options = session.options(of: source)
        let arguments: ScriptArguments
        do {
            arguments = try ScriptArguments(words, options: options, accepts: session.accepts)
        } catch {
            throw refuse(error)
        }
        if arguments.asksForHelp {
            Terminal.write(ScriptArguments.help(file, source, options))
            return
        }
        session.optionTexts = arguments.texts
        isStrict = isStrict || arguments.isStrict
    }
    if isProfiled { session.startProfile() }
    let status = Interrupts.during(.stopsEvaluation) {
        if isStrict {
            let found = session.check(source)
            if !found.isEmpty {
                for diagnostic in found { session.console.report(diagnostic) }
                return Status.checkFailed
            }
        }
        return session.run(source).status
    }
    if status == Status.interrupted { Terminal.writeError("interrupted\n") }
    if isProfiled { Terminal.writeError(profileTable(session.profile(), width: Terminal.width)) }
    if status != 0 { throw ExitCode(status) }
}
