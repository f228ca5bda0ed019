internal import Syntax

/// A text of several lines that came at once: pasted, or called back from the history.
struct Pasted {
    static let first = "tfs> "
    static let further = "...> "

    private(set) var lines: [String]
    /// Whether it was copied from a prompt; its prompts and the answers are left out.
    private(set) var isTranscript = false

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.hasSuffix("\r") ? String($0.dropLast()) : String($0) }
        let prompts = [Self.first, Self.further]
        guard let start = lines.first(where: { !$0.trimmedSpaces.isEmpty })?.drop(while: \.isWhitespace), prompts.contains(where: start.hasPrefix) else { return }
        isTranscript = true
        lines = lines.compactMap { line in
            let line = String(line.drop(while: \.isWhitespace))
            if prompts.contains(where: line.hasPrefix) { return String(line.dropFirst(Self.first.count)) }
            return prompts.contains { $0.trimmedSpaces == line } ? "" : nil
        }
    }

    struct Part {
        var text: String
        var isCommand = false
        /// Declarations that stand together know each other, as in a file.
        var isDeclaration = false
    }

    /// The statements and commands, one after the other, as a file would have them: a blank line ends nothing, and a line that
    /// begins with `|>`, `.name` or `else` goes on with the one before. What is not finished stays in the reader.
    func parts(_ reader: inout StatementReader) -> [Part] {
        var parts: [Part] = []
        for (index, line) in lines.enumerated() {
            if reader.isEmpty {
                let trimmed = line.trimmedSpaces
                if trimmed.isEmpty { continue }
                if trimmed.hasPrefix(":") {
                    parts.append(Part(text: trimmed, isCommand: true))
                    continue
                }
            }
            guard reader.add(line, isPasted: true), !goesOn(behind: index) else { continue }
            let text = reader.text.trimmedEnd
            reader.reset()
            let statements = parse(SourceText(path: "", text: text)).script.statements
            let isDeclaration = !statements.isEmpty && statements.allSatisfy { if case .declare = $0.kind { true } else { false } }
            if isDeclaration, parts.last?.isDeclaration == true {
                parts[parts.count - 1].text += "\n" + text
            } else {
                parts.append(Part(text: text, isDeclaration: isDeclaration))
            }
        }
        return parts
    }

    private func goesOn(behind index: Int) -> Bool {
        guard let next = lines[(index + 1)...].lazy.map(\.trimmedSpaces).first(where: { !$0.isEmpty && !$0.hasPrefix("#") }) else { return false }
        if next.hasPrefix("|>") || next.hasPrefix("else") && !(next.dropFirst(4).first.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false) { return true }
        return next.hasPrefix(".") && next.dropFirst().first.map { $0.isLetter || $0 == "_" } ?? false
    }
}
