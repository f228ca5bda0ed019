internal import Language
internal import Syntax

/// How documentation and listings look.
enum Manual {
    static func text(_ found: [Documentation]) -> String { found.map(page).joined(separator: "\n") }

    private static func page(_ documentation: Documentation) -> String {
        var text = "\(documentation.kind) \(signature(documentation))\n"
        if !documentation.text.isEmpty {
            text += "\n" + documentation.text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.isEmpty ? "" : "  " + $0 }.joined(separator: "\n") + "\n"
        }
        let explained = documentation.parameters.filter { !$0.doc.isEmpty }
        if !explained.isEmpty {
            let column = (explained.map(\.name.count).max() ?? 0) + 4
            text += "\n" + explained.map { ("  " + $0.name).padded(to: column) + $0.doc }.joined(separator: "\n") + "\n"
        }
        if let example = documentation.example, !example.isEmpty { text += "\n  example  \(example)\n" }
        if let path = documentation.source?.path, path.hasPrefix("stdlib/") { text += "\n  \(path)\n" }
        return text
    }

    /// On one line where it fits, else a line for each parameter.
    private static func signature(_ documentation: Documentation) -> String {
        let whole = documentation.signature
        if whole.count + documentation.kind.count + 1 <= Terminal.width || documentation.parameters.isEmpty { return whole }
        guard let open = whole.firstIndex(of: "(") else { return whole }
        var lines = [String(whole[...open])]
        var line = ""
        var depth = 0
        var isInString = false
        for character in whole[whole.index(after: open)...] {
            if character == "\"" { isInString.toggle() }
            if !isInString, "([{".contains(character) { depth += 1 }
            if !isInString, ")]}".contains(character) { depth -= 1 }
            if depth == -1 {
                if !line.isEmpty { lines.append("    " + line) }
                line = ""
                lines.append(String(character))
                depth = Int.min / 2
            } else if depth < -1 {
                lines[lines.count - 1].append(character)
            } else {
                if line.isEmpty, character == " " { continue }
                line.append(character)
                if depth == 0, !isInString, character == "," {
                    lines.append("    " + line)
                    line = ""
                }
            }
        }
        return lines.joined(separator: "\n")
    }

    /// A listing in two columns, grouped.
    static func listing(_ tier: StandardLibrary.Tier, _ filter: String?, _ library: StandardLibrary) -> String {
        let wanted = filter?.lowercased() ?? ""
        let all = library.catalog(tier)
        let entries = all.filter { wanted.isEmpty || $0.name.lowercased().contains(wanted) || $0.summary.lowercased().contains(wanted) }
        if entries.isEmpty { return "nothing matches \"\(filter ?? "")\"\n" }
        let column = min((entries.map(\.name.count).max() ?? 0) + 4, 34)
        let isGrouped = Set(all.map(\.group)).count > 1
        var text = ""
        var group = ""
        for entry in entries {
            if isGrouped, entry.group != group {
                text += (text.isEmpty ? "" : "\n") + entry.group + "\n"
                group = entry.group
            }
            text += Terminal.fitted(("  " + entry.name).padded(to: column) + entry.summary) + "\n"
        }
        return text
    }

    static func unknown(_ name: String, _ library: StandardLibrary) -> Diagnostic {
        .usage("nothing is called `\(name)`", mend: nearest(to: name, in: library.documentedNames).map { "did you mean `\($0)`?" })
    }
}
