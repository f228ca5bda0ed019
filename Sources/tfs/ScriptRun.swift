internal import ArgumentParser
internal import Formats
internal import Language
internal import Syntax

/// One run of a script by `tfs run`.
struct ScriptRun {
    var file: String
    var words: [String]
    var isStrict: Bool
    var isProfiled: Bool
    var isJSON: Bool
    var recordPath: String?
    /// Whether the prompt comes afterwards, with the script's names.
    var isInteractive: Bool
    var reports: ReportOptions

    func run() throws {
        if file.hasPrefix("-"), file.count > 1 {
            throw refuse(.usage("`tfs run` has no option `\(file)`", mend: "the script's own options stand after its name"))
        }
        let source = try readScript(file)
        // A text that does not parse tells its mistakes before its options are asked for.
        if words.isEmpty || !parse(source).diagnostics.isEmpty { return try run(source, options: [:]) }
        let session = try Session.make()
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
        var run = self
        if !arguments.own.isEmpty {
            let own = try Run.parse(arguments.own)
            run.isStrict = isStrict || own.strict
            run.isProfiled = isProfiled || own.profile
            run.isJSON = isJSON || own.json
            run.recordPath = own.record ?? recordPath
            run.isInteractive = isInteractive || own.interactive
            run.reports.add(own.reports)
        }
        try run.run(source, options: arguments.texts)
    }

    private func run(_ source: SourceText, options: [String: String]) throws {
        if isInteractive { return try Repl.start(running: (source, options)) }
        try reports.prepare()
        let recorder = try recordPath.map { try Recorder(of: file, source, options: options, savingTo: $0) }
        let isKept = isJSON || !reports.isEmpty
        let capture = Capture()
        var console = Terminal.console()
        if isKept {
            let (write, kept) = (isJSON ? Terminal.writeError : Terminal.write, capture.console)
            console.write = { text in
                write(text)
                kept.write(text)
            }
            console.report = { diagnostic in
                Terminal.report(diagnostic)
                kept.report(diagnostic)
            }
        }
        if let recorder {
            let write = console.write
            console.write = { text in
                recorder.wrote(text)
                write(text)
            }
        }
        let session = Session(library: try StandardLibrary.located(), console: console)
        session.optionTexts = options
        session.recorder = recorder
        if isProfiled { session.startProfile() }
        let start = Terminal.seconds
        session.isStrict = isStrict
        let status = Interrupts.during(.stopsEvaluation) { session.run(source).status }
        // What did not run leaves an older record as it is.
        if status != Status.checkFailed { recorder?.end(status: Int(status), files: session.filesRead(beside: source)) }
        if status == Status.interrupted { Terminal.writeError("interrupted\n") }
        if isProfiled { Terminal.writeError(profileTable(session.profile(), width: Terminal.width)) }
        if isKept {
            let seconds = Terminal.seconds - start
            let (output, diagnostics) = capture.take()
            let part = Report.Part(
                line: 1, seconds: seconds, status: status, output: output, diagnostics: diagnostics, measurements: session.measurements)
            let report = Report(command: "run", files: [Report.File(path: source.path, parts: [part], costs: session.costsOfRun(of: source))], seconds: seconds)
            try reports.write(report)
            if isJSON { Terminal.write(report.runJSON(status: status).text(indent: 2) + "\n") }
        }
        if status != 0 { throw ExitCode(status) }
    }
}
