internal import ArgumentParser
internal import Glibc
internal import Language
internal import Syntax

/// The prompt, on a terminal or without one.
final class Repl {
    /// What has been reported while an entry ran, so that nothing is told twice.
    private final class Reported: @unchecked Sendable {
        var diagnostics: Set<Diagnostic> = []
    }

    private let reported: Reported
    private(set) var prompt: Prompt
    /// Whether an entry has failed since the start.
    private var hasFailed = false
    private var isDone = false

    private init() throws {
        let reported = Reported()
        self.reported = reported
        prompt = try Self.fresh(reported)
    }

    private static func fresh(_ reported: Reported) throws -> Prompt {
        let session = try Session.make { diagnostic in
            reported.diagnostics.insert(diagnostic)
            Terminal.report(diagnostic)
        }
        return session.beginPrompt()
    }

    static func start() throws {
        let repl = try Repl()
        if Terminal.inputIsTerminal, Terminal.outputIsTerminal {
            repl.readTerminal()
        } else {
            try repl.readPipe()
        }
    }

    // MARK: Reading

    private static let first = "tfs> "
    private static let further = "...> "

    private func readTerminal() {
        Terminal.write("tfs \(Tfs.version)   :help shows the commands, Ctrl-D leaves\n")
        Terminal.flush()
        Readline.begin(historyPath: Self.historyPath()) { [unowned self] word, before in self.completions(word, before) }
        var reader = StatementReader()
        while !isDone {
            switch Interrupts.during(.wakesPrompt, { Readline.read(reader.isEmpty ? Self.first : Self.further) }) {
            case .end:
                Terminal.write("\n")
                return
            case .interrupted: reader.reset()
            case .text(let text):
                for line in Self.withoutPrompts(text) { read(line, &reader) { Readline.remember($0) } }
            }
            Terminal.flush()
        }
    }

    private func readPipe() throws {
        var input = StandardInput()
        var reader = StatementReader()
        while !isDone, let bytes = input.line() {
            do {
                let line = try SourceText.decode(path: "<stdin>", bytes: bytes)
                read(String(decoding: line.utf8, as: UTF8.self), &reader) { _ in }
            } catch {
                Terminal.report(error)
                hasFailed = true
                reader.reset()
            }
        }
        if !isDone, !reader.isEmpty { enter(reader.text) }
        if hasFailed { throw ExitCode(1) }
    }

    /// Adds a line to the statement at hand, and runs what is finished.
    private func read(_ line: String, _ reader: inout StatementReader, remember: (String) -> Void) {
        if reader.isEmpty {
            let trimmed = line.trimmedSpaces
            if trimmed.isEmpty { return }
            if trimmed.hasPrefix(":") {
                remember(line)
                return command(String(trimmed.dropFirst()))
            }
        }
        guard reader.add(line) else { return }
        let text = reader.text
        reader.reset()
        remember(text)
        enter(text)
    }

    /// The lines of an entry; what was copied from another prompt comes without its prompts and answers.
    static func withoutPrompts(_ text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let prompts = [first, further]
        guard let start = lines.first(where: { !$0.trimmedSpaces.isEmpty }), prompts.contains(where: start.hasPrefix) else { return lines }
        return lines.compactMap { line in
            if prompts.contains(where: line.hasPrefix) { return String(line.dropFirst(first.count)) }
            return prompts.contains { $0.trimmedSpaces == line } ? "" : nil
        }
    }

    /// Where entries are kept from one session to the next.
    private static func historyPath() -> String? {
        guard let data = Terminal.environment("XDG_DATA_HOME") ?? Terminal.environment("HOME").map({ $0 + "/.local/share" }) else { return nil }
        Folder.make(data + "/tfs")
        return data + "/tfs/history"
    }

    // MARK: Running

    private var path: String { Terminal.inputIsTerminal ? "<prompt>" : "<stdin>" }

    private func enter(_ text: String) {
        if let shown = evaluate({ $0.enter(text, path: path) }) { Terminal.write(shown + "\n") }
    }

    /// What a reply shows, its errors reported; `nil` when there is nothing.
    private func evaluate(_ work: (Prompt) -> Prompt.Reply) -> String? {
        reported.diagnostics = []
        let reply = Interrupts.during(.stopsEvaluation) { work(prompt) }
        for diagnostic in reply.diagnostics where !reported.diagnostics.contains(diagnostic) { Terminal.report(diagnostic) }
        if reply.diagnostics.contains(where: { $0.severity == .error }) { hasFailed = true }
        if reply.isInterrupted {
            Terminal.writeError("interrupted\n")
            if !Terminal.inputIsTerminal { isDone = true }
            hasFailed = true
        }
        return reply.shown
    }

    // MARK: Commands

    private struct Command: Sendable {
        var name: String
        var argument: String
        var help: String
        var run: @Sendable (Repl, String) throws -> Void
    }

    private static let commands: [Command] = [
        Command(name: "help", argument: "", help: "this list") { repl, _ in repl.help() },
        Command(name: "doc", argument: "NAME", help: "what a name stands for") { repl, name in
            let found = try repl.prompt.documentation(of: name)
            if found.isEmpty { throw Manual.unknown(name, repl.prompt.session.library) }
            Terminal.write(Manual.text(found))
        },
        Command(name: "source", argument: "NAME", help: "its source in tfs") { repl, name in
            let found = try repl.prompt.documentation(of: name)
            if found.isEmpty { throw Manual.unknown(name, repl.prompt.session.library) }
            guard let text = try repl.prompt.source(of: name) else {
                throw Diagnostic.usage("`\(name)` is part of tfs itself and has no source in tfs", mend: "`:doc \(name)` tells what it does")
            }
            Terminal.write(text + "\n")
        },
        Command(name: "layers", argument: "[TEXT]", help: "the layers, those with a text in them") { $0.list(.layers, $1) },
        Command(name: "ops", argument: "[TEXT]", help: "the ops and functions") { $0.list(.ops, $1) },
        Command(name: "estimators", argument: "[TEXT]", help: "the ready estimators") { $0.list(.estimators, $1) },
        Command(name: "type", argument: "EXPR", help: "kind, dtype and shape of a value") { repl, text in
            if let shown = repl.evaluate({ $0.type(of: text) }) { Terminal.write(shown + "\n") }
        },
        Command(name: "time", argument: "EXPR", help: "how long it takes") { repl, text in
            let start = Terminal.seconds
            let shown = repl.evaluate { $0.enter(text, path: repl.path) }
            let seconds = Terminal.seconds - start
            if let shown { Terminal.write(shown + "\n") }
            Terminal.write(duration(seconds) + "\n")
        },
        Command(name: "vars", argument: "", help: "the names that have values") { repl, _ in repl.variables() },
        Command(name: "load", argument: "FILE", help: "run a script here; its names stay") { repl, path in
            let source = try Session.read(path)
            if let shown = repl.evaluate({ $0.enter(String(decoding: source.utf8, as: UTF8.self), path: path) }) { Terminal.write(shown + "\n") }
        },
        Command(name: "reset", argument: "", help: "forget every name") { repl, _ in repl.prompt = try fresh(repl.reported) },
        Command(name: "quit", argument: "", help: "leave") { repl, _ in repl.isDone = true },
    ]

    private func command(_ text: String) {
        let name = text.prefix { !$0.isWhitespace }
        let argument = String(text[name.endIndex...]).trimmedSpaces
        let found = Self.commands.filter { $0.name == name }.isEmpty
            ? Self.commands.filter { $0.name.hasPrefix(name) } : Self.commands.filter { $0.name == name }
        do {
            guard found.count == 1, !name.isEmpty else {
                throw Diagnostic.usage(
                    found.isEmpty ? "there is no command `:\(name)`" : "`:\(name)` may be " + found.map { "`:\($0.name)`" }.joined(separator: " or "),
                    mend: nearest(to: String(name), in: Self.commands.map(\.name)).map { "did you mean `:\($0)`?" } ?? "`:help` lists the commands")
            }
            let command = found[0]
            if argument.isEmpty, !command.argument.isEmpty, !command.argument.hasPrefix("[") {
                throw Diagnostic.usage("`:\(command.name)` needs an argument", mend: "write `:\(command.name) \(command.argument)`")
            }
            try command.run(self, argument)
        } catch {
            if let diagnostic = error as? Diagnostic { Terminal.report(diagnostic) }
            hasFailed = true
        }
    }

    private func help() {
        for command in Self.commands {
            Terminal.write("  :\(command.name) \(command.argument)".padded(to: 22) + command.help + "\n")
        }
        Terminal.write(
            """

              The first letters of a command will do. The last value is `ans`; a `;` at the end keeps it unseen.
              An empty line ends an unfinished statement, Ctrl-C clears a line or stops what runs, Ctrl-D leaves.

            """)
    }

    private func list(_ tier: StandardLibrary.Tier, _ filter: String) {
        Terminal.write(Manual.listing(tier, filter, prompt.session.library))
    }

    private func variables() {
        let found = prompt.variables
        let names = (found.map(\.name.count).max() ?? 0) + 4
        let kinds = (found.map(\.kind.count).max() ?? 0) + 2
        for variable in found {
            let line = ("  " + variable.name).padded(to: names) + variable.kind.padded(to: kinds) + variable.text
            Terminal.write((line.count > Terminal.width ? line.prefix(Terminal.width - 1) + "…" : line) + "\n")
        }
    }

    private static func duration(_ seconds: Double) -> String {
        let (value, unit) = seconds < 1e-3 ? (seconds * 1e6, "µs") : seconds < 1 ? (seconds * 1e3, "ms") : (seconds, "s")
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }

    // MARK: Completion

    private func completions(_ word: String, _ before: String) -> [String] {
        // Readline takes `a/b` for one word.
        if let slash = word.lastIndex(of: "/") {
            let head = word[...slash]
            return completions(String(word[word.index(after: slash)...]), before).map { head + $0 }
        }
        let line = before.trimmedSpaces
        if line.hasPrefix(":") {
            let head = line.dropFirst().prefix { !$0.isWhitespace }
            if !before.contains(where: \.isWhitespace) || before.trimmedSpaces.dropFirst() == head && !(before.last?.isWhitespace ?? false) {
                return Self.commands.map(\.name).filter { $0.hasPrefix(word) }
            }
        }
        var found = prompt.completions(of: word)
        if !word.contains("."), let callee = Self.callee(before.dropLast(word.count)) {
            found = prompt.argumentNames(of: callee).filter { $0.hasPrefix(word) }.map { $0 + " = " } + found
        }
        return found
    }

    /// The name before the innermost `(` that is open.
    private static func callee(_ text: Substring) -> String? {
        var depth = 0
        var index = text.endIndex
        while index > text.startIndex {
            index = text.index(before: index)
            switch text[index] {
            case ")", "]", "}": depth += 1
            case "[", "{":
                if depth == 0 { return nil }
                depth -= 1
            case "(":
                if depth == 0 {
                    let name = text[..<index].reversed().prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }
                    return name.isEmpty ? nil : String(name.reversed())
                }
                depth -= 1
            default: break
            }
        }
        return nil
    }
}

extension String {
    /// Without spaces and tabs at both ends.
    var trimmedSpaces: String {
        var part = self[...]
        while let first = part.first, first.isWhitespace { part.removeFirst() }
        while let last = part.last, last.isWhitespace { part.removeLast() }
        return String(part)
    }
}
