internal import Language
internal import Syntax

/// Completion at the prompt: of commands here, of everything else by the language.
extension Repl {
    /// What may stand at the end of a line; `behind` is what the unfinished statement has before it.
    func completion(of line: String, behind: String) -> Completion {
        let trimmed = line.drop(while: \.isWhitespace)
        guard behind.isEmpty, trimmed.hasPrefix(":") else { return prompt.completion(of: behind + line) { Self.files($0) } }
        guard let space = trimmed.firstIndex(where: \.isWhitespace) else {
            let word = String(trimmed.dropFirst())
            return Completion(word, Self.commands.map(\.name).filter { $0.hasPrefix(word) })
        }
        let argument = String(trimmed[space...].drop(while: \.isWhitespace))
        guard let command = try? Self.command(named: String(trimmed[..<space].dropFirst())) else { return Completion(argument, []) }
        switch command.takes {
        case .nothing: return Completion("", [])
        case .expression: return prompt.completion(of: argument) { Self.files($0) }
        case .file: return Completion(argument, Self.files(argument))
        case .name: return Completion(argument, prompt.documentedNames)
        case .command: return Completion(argument, Self.commands.map(\.name) + prompt.documentedNames)
        case .part(let tier): return Completion(argument, prompt.session.library.catalog(tier).map(\.name))
        }
    }

    /// The paths that go on from a part of one; a folder ends in `/`.
    private static func files(_ part: String) -> [String] {
        let folder = part.lastIndex(of: "/").map { String(part[...$0]) } ?? ""
        let name = part.dropFirst(folder.count)
        var place = folder.isEmpty ? "." : folder
        if place.hasPrefix("~/"), let home = Terminal.environment("HOME") { place = home + place.dropFirst() }
        return (Folder.names(place) ?? []).filter { $0.hasPrefix(name) && (name.hasPrefix(".") || !$0.hasPrefix(".")) }.map { found in
            folder + found + (Folder.isFolder(place + "/" + found) ? "/" : "")
        }
    }
}
