internal import ArgumentParser
internal import Formats
internal import Language
internal import Syntax

/// `tfs replay RUN.json`
struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a recorded script again, and name the first thing that differs.",
        discussion: """
            The record is what `tfs run --record run.json FILE` has written; run this in the folder where that ran. What has
            changed since (the script, files that it reads, the standard library, tfs, the processor) is told first. The
            script's output is compared, not shown.
            Status: 0 the same; 1 something differs; 2 a file cannot be read, or the check failed; 3 a run-time error that the
            record does not have; 64 wrong usage; 130 interrupted.
            """)

    @ArgumentParser.Argument(help: ArgumentHelp("The record.", valueName: "run.json")) var record: String

    func run() throws {
        let expected = try readRecord()
        let isFromInput = expected.script == Self.standardInput
        let source = try isFromInput ? SourceText.decode(path: expected.script, bytes: Array(expected.text.utf8)) : script(expected)
        let recorder = Recorder(RunRecord(of: expected.script, source, options: expected.options), expected: expected)
        var console = Terminal.console()
        let progress = console.progress
        console.write = recorder.wrote
        console.progress = { if recorder.isGoing { progress($0) } }
        let session = Session(library: try StandardLibrary.located(), console: console)
        session.optionTexts = expected.options
        session.recorder = recorder
        for change in expected.changes(to: recorder.record, library: session.library.root) { Terminal.write("changed: \(change)\n") }
        Terminal.flush()
        let status = Interrupts.during(.stopsEvaluation) { session.run(source).status }
        if status == Status.checkFailed { throw ExitCode(status) }
        recorder.end(status: Int(status), files: [])
        if let difference = recorder.difference {
            Terminal.write("differs: \(difference)\n")
            throw ExitCode(status == Status.failed ? status : Status.expectationFailed)
        }
        if status == Status.interrupted, !recorder.isThrough {
            Terminal.write("interrupted; the same so far: \(recorder.record.size)\n")
            throw ExitCode(status)
        }
        Terminal.write("the same\(expected.isPartial ? " as far as the record goes" : ""): \(expected.size)\n")
    }

    private func readRecord() throws -> RunRecord {
        let json: JSON
        do throws(FormatError) {
            json = try JSON.read(record)
        } catch {
            throw Diagnostic(code: error.code, what: error.place == .whole ? error.what : error.description, at: nil, why: error.why, mend: error.mend)
        }
        if let read = RunRecord(json: json) { return read }
        throw Diagnostic(
            code: "E0602", what: "`\(record)` is no record of a run that this version can read", at: nil,
            mend: "record anew: `tfs run --record run.json FILE`")
    }

    private func script(_ expected: RunRecord) throws -> SourceText {
        do {
            return try Session.read(expected.script)
        } catch var diagnostic as Diagnostic {
            if diagnostic.mend == nil { diagnostic.mend = "run `tfs replay` in the folder where the record was made" }
            throw diagnostic
        }
    }

    fileprivate static let standardInput = "<stdin>"
}

extension RunRecord {
    init(of path: String, _ source: SourceText, options: [String: String] = [:]) {
        self.init(
            version: Tfs.version, script: path == "-" ? Replay.standardInput : path, text: String(decoding: source.utf8, as: UTF8.self),
            options: options)
    }
}

extension Recorder {
    /// For `--record`: a place that cannot be written is told before anything runs.
    convenience init(of file: String, _ source: SourceText, options: [String: String], savingTo path: String) throws {
        do throws(FormatError) {
            if Files.exists(path + "/") { throw FormatError(code: "E0601", path, "cannot write `\(path)`: it is a folder") }
            _ = try OutputFile(path)
        } catch { throw Diagnostic(code: error.code, what: error.what, at: nil, mend: error.mend) }
        Journal.open()
        self.init(RunRecord(of: file, source, options: options)) { record in
            do throws(FormatError) {
                try Files.write(record.json.text(indent: 1) + "\n", to: path)
            } catch { Terminal.report(Diagnostic(code: error.code, what: error.what, at: nil, mend: error.mend)) }
        }
    }

    /// Whether the run is still to be followed.
    var isGoing: Bool { difference == nil && !isThrough }
}

extension Session {
    /// What the run has read beside its script; files of the standard library are named from `stdlib/` on.
    func filesRead(beside source: SourceText) -> [Journal.Entry] {
        Journal.entries.filter { $0.path != source.path }.map { entry in
            let inLibrary = entry.path.hasPrefix(library.root + "/")
            return Journal.Entry(path: inLibrary ? "stdlib" + entry.path.dropFirst(library.root.count) : entry.path, digest: entry.digest)
        }
    }
}
