internal import Language
internal import Syntax

/// The commands that begin with a colon.
extension Repl {
    struct Command: Sendable {
        /// What a command is given, for its completion.
        enum Argument: Sendable { case nothing, expression, file, name, command, part(StandardLibrary.Tier) }

        var name: String
        /// As the help shows it; in brackets where it may be left out.
        var argument = ""
        var takes = Argument.nothing
        var help: String
        var run: @Sendable (Repl, String) throws -> Void
    }

    static let commands: [Command] = [
        Command(name: "help", argument: "[NAME]", takes: .command, help: "this, or what a name or command is") { repl, name in try repl.help(name) },
        Command(name: "doc", argument: "NAME", takes: .name, help: "what a name stands for, with its arguments") { repl, name in try repl.doc(name) },
        Command(name: "source", argument: "NAME", takes: .name, help: "how it is written in tfs") { repl, name in
            let found = try repl.documentation(of: name)
            guard let text = try repl.prompt.source(of: name) else {
                throw Diagnostic.usage(
                    repl.prompt.isValue(name) ? "`\(name)` is a value, and has no source" : "`\(name)` is part of tfs itself and has no source in tfs",
                    mend: "`:doc \(name)` tells what it is")
            }
            Terminal.write(text + "\n")
        },
        Command(name: "layers", argument: "[TEXT]", takes: .part(.layers), help: "the layers, those with a text in them") { $0.list(.layers, $1) },
        Command(name: "ops", argument: "[TEXT]", takes: .part(.ops), help: "the ops and functions") { $0.list(.ops, $1) },
        Command(name: "estimators", argument: "[TEXT]", takes: .part(.estimators), help: "the ready estimators") { $0.list(.estimators, $1) },
        Command(name: "type", argument: "EXPR", takes: .expression, help: "kind, dtype and shape of a value") { repl, text in
            let path = repl.path
            repl.show(repl.evaluate { $0.type(of: text, path: path) })
        },
        Command(name: "time", argument: "EXPR", takes: .expression, help: "the value, and how long it took") { repl, text in
            let start = Terminal.seconds
            let path = repl.path
            let shown = repl.evaluate { $0.enter(text, path: path) }
            let seconds = Terminal.seconds - start
            repl.show(shown)
            Terminal.write(duration(seconds) + "\n")
        },
        Command(name: "vars", help: "the names that have values here") { repl, _ in repl.variables() },
        Command(name: "plot", argument: "EXPR", takes: .expression, help: "a history, list or tensor of numbers as curves") { repl, text in
            let path = repl.path
            var series: [Series] = []
            _ = repl.evaluate { prompt in
                let found = prompt.series(of: text, path: path)
                series = found.series
                return found.reply
            }
            if !series.isEmpty { Terminal.write(Plot(series, width: Terminal.width, isASCII: Terminal.usesASCII).text) }
        },
        Command(name: "load", argument: "FILE", takes: .file, help: "run a script here; its names stay") { repl, path in
            repl.load(try Session.read(path))
        },
        Command(name: "reload", help: "run loaded and imported files again, as they are now") { repl, _ in try repl.reload() },
        Command(name: "save", argument: "FILE", takes: .file, help: "write what has run as a script") { repl, path in try repl.save(to: path) },
        Command(name: "reset", help: "forget every name") { repl, _ in
            repl.prompt = try fresh(repl.reported)
            if Terminal.inputIsTerminal { repl.runStartFile() }
        },
        Command(name: "quit", help: "leave, as Ctrl-D does") { repl, _ in repl.isDone = true },
    ]

    /// The command of a name or of its first letters.
    static func command(named name: String) throws -> Command {
        if let exact = commands.first(where: { $0.name == name }) { return exact }
        let found = name.isEmpty ? [] : commands.filter { $0.name.hasPrefix(name) }
        if found.count == 1 { return found[0] }
        if found.isEmpty {
            throw Diagnostic.usage(
                name.isEmpty ? "a colon begins a command" : "there is no command `:\(name)`",
                mend: nearest(to: name, in: commands.map(\.name)).map { "did you mean `:\($0)`?" } ?? "`:help` lists the commands")
        }
        let names = found.map { "`:\($0.name)`" }
        throw Diagnostic.usage("`:\(name)` may be " + names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1], mend: "write a letter more")
    }

    /// Runs a line that begins with a colon.
    func command(_ line: String) {
        let text = line.dropFirst()
        let name = text.prefix { !$0.isWhitespace }
        let argument = String(text[name.endIndex...]).trimmedSpaces
        do {
            let command = try Self.command(named: String(name))
            if argument.isEmpty, !command.argument.isEmpty, !command.argument.hasPrefix("[") {
                throw Diagnostic.usage("`:\(command.name)` needs an argument", mend: "write `:\(command.name) \(command.argument)`")
            }
            if !argument.isEmpty, command.argument.isEmpty {
                throw Diagnostic.usage("`:\(command.name)` takes no argument, found `\(argument)`")
            }
            try command.run(self, argument)
        } catch {
            if let diagnostic = error as? Diagnostic { Terminal.report(diagnostic) }
            hasFailed = true
        }
    }

    // MARK: What they write

    private func help(_ name: String) throws {
        guard name.isEmpty else {
            guard let command = try? Self.command(named: name.hasPrefix(":") ? String(name.dropFirst()) : name), name.hasPrefix(":") || command.name == name else {
                return try doc(name)
            }
            return Terminal.write("  :\(command.name) \(command.argument)".trimmedEnd + "   " + command.help + "\n")
        }
        Terminal.write(Self.introduction)
        for command in Self.commands {
            Terminal.write("  :\(command.name) \(command.argument)".padded(to: 22) + command.help + "\n")
        }
        Terminal.write(Self.keys)
    }

    private static let introduction = """
        An entry runs at once, and its value is shown:

          x = tensor([1.0, 2.0, 4.0])         a name for a value
          mean(x) + 1                         a value, kept in `ans`; a `;` at the end hides it
          iris = datasets.iris()              a table; `csv("my.csv", label = "y")` reads yours
          e = dnn_classifier()                an estimator
          h = e.fit(iris, epochs = 20)        trains it; Ctrl-C ends that early and keeps what was learned
          e.evaluate(iris)
          :plot h                             the loss, as a curve

        Commands; the first letters will do:


        """

    private static let keys = """

          Tab                 completes names, fields, arguments, columns and files
          Up, Ctrl-R          find earlier entries
          Enter               goes on with the next line behind a `{`, `(` or operator; an empty line ends that
          Ctrl-C              clears the line, or stops what runs
          Ctrl-D              leaves

        """

    func documentation(of name: String) throws -> [Documentation] {
        let found = try prompt.documentation(of: name)
        if found.isEmpty {
            throw Diagnostic.usage("nothing is called `\(name)`", mend: nearest(to: name, in: prompt.documentedNames).map { "did you mean `\($0)`?" })
        }
        return found
    }

    private func doc(_ name: String) throws {
        let name = name.hasSuffix("(") || name.hasSuffix("()") ? String(name.prefix { $0 != "(" }) : name
        Terminal.write(Manual.text(try documentation(of: name)))
    }

    private func list(_ tier: StandardLibrary.Tier, _ filter: String) {
        Terminal.write(Manual.listing(tier, filter, prompt.session.library))
    }

    private func variables() {
        let found = prompt.variables
        if found.isEmpty { return Terminal.write("no name has a value yet\n") }
        let names = min((found.map(\.name.count).max() ?? 0) + 4, 24)
        let kinds = (found.map(\.kind.count).max() ?? 0) + 2
        for variable in found {
            let line = ("  " + variable.name).padded(to: names) + variable.kind.padded(to: kinds) + variable.text
            Terminal.write(Terminal.fitted(line) + "\n")
        }
    }

    private static func duration(_ seconds: Double) -> String {
        let (value, unit) = seconds < 1e-3 ? (seconds * 1e6, Terminal.usesASCII ? "us" : "µs") : seconds < 1 ? (seconds * 1e3, "ms") : (seconds, "s")
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(unit)"
    }
}

extension Repl.Command.Argument {
    /// Whether it is written in the language.
    var isCode: Bool { if case .expression = self { true } else { false } }
}
