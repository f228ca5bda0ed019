internal import Syntax

extension Prompt {
    /// A script that gives the names the values they have: the statements that ran to their end, in order and formatted.
    ///
    /// - Parameter path: where it is to lie; the files it imports are named from there.
    public func script(at path: String) -> String {
        let writer = ScriptWriter(entries, folder: path.lastIndex(of: "/").map { String(path[...$0]) } ?? "")
        let text = writer.text
        let parsed = parse(SourceText(path: path, text: text))
        return parsed.diagnostics.isEmpty ? format(parsed.script) : text
    }
}

/// Makes one script of entries. What is different in one file than at the prompt is rewritten: names there mean the same in
/// the whole file, an option stands once, imports are relative, and nothing keeps `ans`.
private struct ScriptWriter {
    let entries: [Prompt.Entry]
    let folder: String
    /// How many statements give a value to each name, and the last option of a name.
    private var makers: [String: Int] = [:]
    private var lastOption: [String: Int] = [:]

    init(_ entries: [Prompt.Entry], folder: String) {
        (self.entries, self.folder) = (entries, folder)
        for (index, entry) in entries.enumerated() {
            for statement in entry.statements {
                for name in statement.names { makers[name, default: 0] += 1 }
                if case .option(let name, _, _, _) = statement.kind { lastOption[name.text] = index }
            }
        }
    }

    var text: String {
        entries.indices.map { index in
            let entry = entries[index]
            // Its comments come along with an entry that ran whole.
            if entry.statements.count == entry.script.statements.count { return rewritten(entry, index) }
            return entry.statements.map { rewritten(Prompt.Entry(script: entry.script, statements: [$0], setsAnswer: false), index, onlyStatement: true) }
                .joined(separator: "\n")
        }.joined(separator: "\n") + "\n"
    }

    private func rewritten(_ entry: Prompt.Entry, _ index: Int, onlyStatement: Bool = false) -> String {
        let source = entry.script.source
        var edits: [(start: Int, end: Int, text: String)] = []
        for (position, statement) in entry.statements.enumerated() {
            switch statement.kind {
            case .declare(let declaration) where declaration.parameters != nil && makers[declaration.name.text, default: 0] > 1:
                // In a block it is made when control comes there, not for the whole file.
                edits.append((statement.range.start, statement.range.start, "if true {\n"))
                edits.append((statement.range.end, statement.range.end, "\n}"))
            case .option(let name, _, let value, _) where lastOption[name.text] != index:
                edits.append((statement.range.start, statement.range.end, name.text + " = " + source.text(value.range)))
            case .import(let path, let range, _):
                let whole = Session.resolve(path, from: source.path)
                let shown = folder.isEmpty || whole.hasPrefix("/") ? whole : whole.hasPrefix(folder) ? String(whole.dropFirst(folder.count)) : climb(whole)
                edits.append((range.start, range.end, quoted(shown)))
            case .expression where position == entry.statements.count - 1 && isAnswerUsed(index):
                edits.append((statement.range.start, statement.range.start, "ans = "))
            default: break
            }
        }
        let (start, end) = onlyStatement ? (entry.statements[0].range.start, entry.statements[0].range.end) : (0, source.utf8.count)
        var text = ""
        var place = start
        for edit in edits {
            text += source.text(SourceRange(source, place, edit.start)) + edit.text
            place = edit.end
        }
        return text + source.text(SourceRange(source, place, end))
    }

    /// A path from the script's folder up to where the prompt is.
    private func climb(_ path: String) -> String {
        folder.hasPrefix("/") ? path : folder.split(separator: "/").filter { $0 != "." }.map { _ in "../" }.joined() + path
    }

    /// Whether an entry up to the next one that has an answer, that one included, names `ans`.
    private func isAnswerUsed(_ index: Int) -> Bool {
        guard entries[index].setsAnswer else { return false }
        for later in entries[(index + 1)...] {
            if Cursor(before: String(decoding: later.script.source.utf8, as: UTF8.self) + "\n").names.contains("ans") { return true }
            if later.setsAnswer { return false }
        }
        return false
    }
}

extension Statement {
    /// The names that it gives values to, at the top of a file.
    fileprivate var names: [String] {
        switch kind {
        case .assign(.name(let name), _), .update(let name, _, _, _): [name.text]
        case .assign(.list(let names), _), .assign(.record(let names), _): names.map(\.text)
        case .declare(let declaration): [declaration.name.text]
        default: []
        }
    }
}
