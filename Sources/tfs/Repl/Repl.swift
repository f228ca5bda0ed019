internal import ArgumentParser
internal import Glibc
internal import Language
internal import Syntax

/// The prompt, on a terminal or without one: what it reads, and what it does with that.
final class Repl {
    /// What has been reported while an entry ran, so that nothing is told twice.
    final class Reported: @unchecked Sendable {
        var diagnostics: Set<Diagnostic> = []
    }

    let reported = Reported()
    var prompt: Prompt
    private var reader = StatementReader()
    /// Whether an entry has failed since the start.
    var hasFailed = false
    var isDone = false
    private let isOnTerminal = Terminal.inputIsTerminal && Terminal.outputIsTerminal

    private init() throws { prompt = try Self.fresh(reported) }

    static func fresh(_ reported: Reported) throws -> Prompt {
        let session = try Session.make { diagnostic in
            reported.diagnostics.insert(diagnostic)
            Terminal.report(diagnostic)
        }
        return session.beginPrompt()
    }

    /// Reads until the end, first running a file whose names the prompt then has.
    static func start(running file: (source: SourceText, options: [String: String])? = nil) throws {
        let repl = try Repl()
        if repl.isOnTerminal {
            Terminal.write("tfs \(Tfs.version)   :help shows what there is, Ctrl-D leaves\n")
            repl.runStartFile()
        }
        if let file {
            repl.prompt.session.optionTexts = file.options
            repl.load(file.source)
        }
        if repl.isOnTerminal { repl.readTerminal() } else { try repl.readPipe() }
    }

    // MARK: Reading

    private func readTerminal() {
        Terminal.flush()
        Readline.begin(historyPath: Self.historyPath()) { [unowned self] before in
            completion(of: before, behind: reader.isEmpty ? "" : reader.text + "\n")
        }
        while !isDone {
            switch Interrupts.during(.wakesPrompt, { Readline.read(reader.isEmpty ? Pasted.first : Pasted.further) }) {
            case .end:
                Terminal.write("\n")
                return
            case .interrupted: reader.reset()
            case .text(let text): take(text)
            }
            Terminal.flush()
        }
    }

    private func readPipe() throws {
        var input = StandardInput()
        while !isDone, let bytes = input.line() {
            do {
                let line = try SourceText.decode(path: path, bytes: bytes)
                read(String(decoding: line.utf8, as: UTF8.self))
            } catch {
                Terminal.report(error)
                hasFailed = true
                reader.reset()
            }
        }
        if input.isTooLong {
            Terminal.report(Session.tooLong(path))
            hasFailed = true
        } else if !isDone, !reader.isEmpty {
            enter(reader.text)
        }
        if hasFailed { throw ExitCode(1) }
    }

    /// Takes what readline gave: a line, or several that were pasted or called back from the history.
    private func take(_ text: String) {
        let pasted = Pasted(text)
        if pasted.isTranscript || pasted.lines.count == 1 {
            for line in pasted.lines where !isDone { read(line) }
            return
        }
        let parts = pasted.parts(&reader)
        if !parts.isEmpty { Readline.remember(parts.map(\.text).joined(separator: "\n")) }
        for (index, part) in parts.enumerated() where !isDone {
            let failed = hasFailed
            hasFailed = false
            defer { hasFailed = hasFailed || failed }
            if part.isCommand { command(part.text) } else { enter(part.text) }
            if hasFailed, index < parts.count - 1 {
                let rest = parts.count - 1 - index
                Terminal.writeError("not run: the \(rest == 1 ? "statement" : "\(rest) statements") pasted behind it\n")
                return reader.reset()
            }
        }
    }

    /// Adds a line to the statement at hand, and runs what is finished.
    private func read(_ line: String) {
        if reader.isEmpty {
            let trimmed = line.trimmedSpaces
            if trimmed.isEmpty { return }
            if trimmed.hasPrefix(":") {
                remember(line)
                return command(trimmed)
            }
        }
        guard reader.add(line) else { return }
        let text = reader.text
        reader.reset()
        remember(text)
        enter(text)
    }

    private func remember(_ entry: String) {
        if isOnTerminal { Readline.remember(entry.trimmedEnd) }
    }

    /// Where entries are kept from one session to the next.
    private static func historyPath() -> String? {
        guard let data = Terminal.environment("XDG_DATA_HOME") ?? Terminal.environment("HOME").map({ $0 + "/.local/share" }) else { return nil }
        Folder.make(data + "/tfs")
        return data + "/tfs/history"
    }

    // MARK: Running

    /// What entries are called in messages.
    var path: String { Terminal.inputIsTerminal ? SourceText.promptPath : "<stdin>" }

    func enter(_ text: String) {
        let path = path
        show(evaluate { $0.enter(text, path: path) })
    }

    func show(_ text: String?) {
        if let text { Terminal.write(text + "\n") }
    }

    /// What a reply shows, its errors reported; `nil` when there is nothing.
    func evaluate(_ work: (Prompt) -> Prompt.Reply) -> String? {
        reported.diagnostics = []
        let reply = Interrupts.during(isOnTerminal ? .stopsEntry : .stopsEvaluation) { work(prompt) }
        for diagnostic in reply.diagnostics where !reported.diagnostics.contains(diagnostic) { Terminal.report(diagnostic) }
        if reply.hasFailed { hasFailed = true }
        if reply.isInterrupted {
            // The terminal has written `^C`.
            Terminal.writeError((isOnTerminal ? "\n" : "") + "interrupted\n")
            if !isOnTerminal { isDone = true }
        }
        return reply.shown
    }
}

extension String {
    /// Without spaces, tabs and newlines at both ends.
    var trimmedSpaces: String { String(trimmedEnd.drop(while: \.isWhitespace)) }

    var trimmedEnd: String {
        var part = self[...]
        while let last = part.last, last.isWhitespace { part.removeLast() }
        return String(part)
    }
}
