internal import Datasets
internal import Engine
internal import Graphs
public import Syntax

/// The prompt: entries run one after the other in one file that lasts.
public final class Prompt {
    public let session: Session
    let module: Module
    let machine: Machine
    /// What has run, in order.
    var entries: [Entry] = []
    /// Files that `load` has run, each once, in the order of their first time.
    public private(set) var loaded: [String] = []

    /// An entry, or a file, with those of its statements that ran to their end.
    struct Entry {
        var script: Script
        var statements: [Statement]
        /// Whether its value became `ans`.
        var setsAnswer: Bool
    }

    init(session: Session, module: Module, machine: Machine) {
        (self.session, self.module, self.machine) = (session, module, machine)
        session.endsFitsEarly = true
    }

    public struct Reply {
        /// The value of an entry that ends in an expression, as the prompt shows it; `nil` for `none`.
        public var shown: String?
        public var diagnostics: [Diagnostic]
        public var isInterrupted = false

        public var hasFailed: Bool { isInterrupted || diagnostics.contains { $0.severity == .error } }
    }

    // MARK: Running

    /// Runs an entry. Its value is kept in `ans`, and shown unless a `;` ends the entry.
    public func enter(_ text: String, path: String = "<prompt>") -> Reply {
        run(SourceText(path: path, text: text), keeps: true) { $0.shown }
    }

    /// Runs a file here, its options as the session has them.
    public func load(_ source: SourceText) -> Reply {
        if !loaded.contains(source.path) { loaded.append(source.path) }
        return run(source, keeps: true) { $0.shown }
    }

    /// The kind, dtype and shape of an expression's value. What it draws at random is drawn again later.
    public func type(of text: String, path: String = "<prompt>") -> Reply {
        glance(text, path) { $0.typeText }
    }

    /// The numbers that a value holds, by name: those of a history, a list or a tensor.
    public func series(of text: String, path: String = "<prompt>") -> (series: [Series], reply: Reply) {
        var found: [Series] = []
        let reply = glance(text, path) { [machine] value in
            found = try value.series(text, machine)
            return ""
        }
        return (found, reply)
    }

    /// Evaluates an expression on the side: `ans`, the random stream and what `save` writes stay as they are.
    private func glance(_ text: String, _ path: String, _ show: (Value) throws -> String) -> Reply {
        let source = SourceText(path: path, text: text)
        let script = parse(source).script
        if script.statements.count > 1 || script.statements.contains(where: { if case .expression = $0.kind { false } else { true } }),
            !script.statements.contains(where: { if case .error = $0.kind { true } else { false } })
        {
            let all = SourceRange(source, 0, source.utf8.count)
            return Reply(
                shown: nil, diagnostics: [Diagnostic(code: "E0002", what: "this command takes one expression", at: Label(all, "a statement"))])
        }
        let random = machine.random
        defer { machine.random = random }
        return run(source, keeps: false, show)
    }

    private func run(_ source: SourceText, keeps: Bool, _ show: (Value) throws -> String) -> Reply {
        let (code, script, diagnostics) = session.compileEntry(source, in: module)
        if diagnostics.contains(where: { $0.severity == .error }) { return Reply(shown: nil, diagnostics: diagnostics) }
        machine.failedExpectations = []
        Execution.resume()
        session.hasEndedFit = false
        let before = (random: machine.random, layers: session.layerCounts)
        do {
            let value = try machine.run(code, in: module)
            // A fit that was asked to end has ended, and that is all that was asked.
            if session.hasEndedFit { Execution.resume() }
            let answers = keeps && !value.isNone
            if keeps { entries.append(Entry(script: script, statements: script.statements, setsAnswer: answers)) }
            var shown: String?
            if !value.isNone, !keeps || !script.endsInSemicolon {
                try machine.require(value)
                shown = try show(value)
            }
            if answers { keep(value) }
            return Reply(shown: shown, diagnostics: diagnostics + machine.failedExpectations)
        } catch {
            Execution.resume()
            let done = keeps ? code.finished(of: script, at: machine.stoppedAt) : []
            if !done.isEmpty { entries.append(Entry(script: script, statements: done, setsAnswer: false)) }
            let described = machine.describe(error, above: 0)
            guard let diagnostic = described as? Diagnostic else {
                return Reply(shown: nil, diagnostics: machine.failedExpectations, isInterrupted: true)
            }
            // What failed at once has left nothing that the next entry should notice.
            if done.isEmpty { (machine.random, session.layerCounts) = before }
            return Reply(shown: nil, diagnostics: machine.failedExpectations + [diagnostic])
        }
    }

    private func keep(_ answer: Value) {
        if module.slots["ans"] == nil { module.addSlot("ans") }
        if module.registerCapacity <= module.slots.count { module.grow(to: module.slots.count + 1) }
        module.registers[module.slots["ans"]!] = answer
    }

    // MARK: Files

    /// The imports that have run and the loaded files, to be run anew: what to enter, in order.
    public func filesAgain() -> (imports: [String], loaded: [String]) {
        session.forgetFiles()
        var imports: [String] = []
        for entry in entries where !loaded.contains(entry.script.source.path) {
            for statement in entry.statements {
                guard case .import = statement.kind else { continue }
                let text = entry.script.source.text(statement.range)
                if !imports.contains(text) { imports.append(text) }
            }
        }
        return (imports, loaded)
    }

    // MARK: Names

    /// The names that the prompt has given values to, with their kinds and a short view.
    public var variables: [(name: String, kind: String, text: String)] {
        module.slots.sorted { $0.value < $1.value }.compactMap { name, _ in
            guard let value = own(name) else { return nil }
            let text = if case .tensor = value { value.written } else { value.shown }
            return (name, value.typeText, text.split(separator: "\n").first.map(String.init) ?? "")
        }
    }
}

extension Script {
    /// Whether a `;` stands behind the last statement.
    fileprivate var endsInSemicolon: Bool {
        guard let last = statements.last else { return false }
        return source.text(SourceRange(source, last.range.end, source.utf8.count)).trimmed.hasPrefix(";")
    }
}

extension Code {
    /// The statements that were over when the file's code stood at an instruction. What the file declares for all of it comes
    /// first.
    fileprivate func finished(of script: Script, at pc: Int) -> [Statement] {
        var ends = statements.map(\.end)[...]
        return script.statements.filter { statement in
            if case .declare(let declaration) = statement.kind, declaration.parameters != nil { return true }
            return (ends.popFirst() ?? .max) <= pc
        }
    }
}
