internal import Language
internal import Syntax

/// The words behind a script's name, held against the options that it declares.
struct ScriptArguments {
    /// The text of each option that was given.
    private(set) var texts: [String: String] = [:]
    private(set) var asksForHelp = false
    /// Options of `tfs run` itself that stand behind the script.
    private(set) var own: [String] = []

    /// What `tfs run` takes itself, alone and with a value.
    private static let flags = ["strict", "json", "profile"]
    private static let settings = ["report", "baseline", "write_baseline", "annotate", "record"]

    init(_ words: [String], options: [OptionInfo], accepts: (String, OptionInfo) -> Bool) throws(Diagnostic) {
        var rest = words[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("-") else {
                throw .usage("`\(word)` stands for nothing here", mend: "a script's options are written `--name value`")
            }
            let parts = word.drop { $0 == "-" }.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = (parts.first.map(String.init) ?? "").replacing("-", with: "_")
            var value = parts.count > 1 ? String(parts[1]) : nil
            func isNamed(_ other: String) -> (OptionInfo) -> Bool { { $0.name == other } }

            if let option = options.first(where: isNamed(name)) {
                if value == nil {
                    if option.kind == "bool" {
                        value = rest.first.map { ["true", "false"].contains($0) } == true ? rest.popFirst() : "true"
                    } else if let next = rest.first, !next.hasPrefix("--") {
                        value = rest.popFirst()
                    } else {
                        throw .usage("`--\(shown(name))` needs a value", mend: "write `--\(shown(name)) \(Self.example(option))`")
                    }
                }
                guard let value, accepts(value, option) else {
                    throw .usage("`--\(shown(name))` takes \(Self.article(option.kind)), found \"\(value ?? "")\"")
                }
                texts[name] = value
            } else if name.hasPrefix("no_"), value == nil,
                let option = options.first(where: isNamed(String(name.dropFirst(3)))), option.kind == "bool"
            {
                texts[option.name] = "false"
            } else if value == nil, name == "help" || name == "h" {
                asksForHelp = true
            } else if value == nil, Self.flags.contains(name) {
                own.append(word)
            } else if Self.settings.contains(name) {
                own.append("--" + shown(name))
                own += (value ?? rest.popFirst()).map { [$0] } ?? []
            } else {
                let known = options.map { "--" + shown($0.name) }
                throw .usage(
                    "the script has no option `\(word.prefix { $0 != "=" })`",
                    mend: nearest(to: "--" + shown(name), in: known + (Self.flags + Self.settings).map { "--" + shown($0) }).map { "did you mean `\($0)`?" }
                        ?? (known.isEmpty ? "it declares none" : "it has " + known.map { "`\($0)`" }.joined(separator: ", ")))
            }
        }
    }

    /// What `--help` behind a script shows: its first documentation and its options.
    static func help(_ file: String, _ source: SourceText, _ options: [OptionInfo]) -> String {
        var text = "usage: tfs run \(file)" + (options.isEmpty ? "" : " [--option value …]") + "\n"
        let about = (1...min(source.lineStarts.count, 50)).lazy.map(source.line).prefix { $0.hasPrefix("#") }
            .map { String($0.drop { $0 == "#" || $0 == " " }) }
        if !about.isEmpty { text += "\n" + about.joined(separator: "\n") + "\n" }
        if options.isEmpty { return text + "\nThe script declares no options.\n" }
        text += "\noptions:\n"
        let heads = options.map { "  --\(shown($0.name)) \($0.kind == "bool" ? "/ --no-\(shown($0.name))" : "<\($0.kind)>")" }
        let column = min((heads.map(\.count).max() ?? 0) + 2, 40)
        for (option, head) in zip(options, heads) {
            let doc = option.documentation.map { $0 + " " } ?? ""
            text += head.padded(to: column) + doc + "(default: \(option.defaultText))\n"
        }
        return text
    }

    private static func article(_ kind: String) -> String { kind == "int" ? "an int" : kind == "bool" ? "`true` or `false`" : "a \(kind)" }
    private static func example(_ option: OptionInfo) -> String { option.defaultText }
}

/// An option's name as the command line writes it.
private func shown(_ name: String) -> String { name.replacing("_", with: "-") }

extension String {
    func padded(to width: Int) -> String {
        let count = self.count
        return count < width ? self + String(repeating: " ", count: width - count) : self + " "
    }

    /// Every occurrence of one character replaced by another.
    fileprivate func replacing(_ old: Character, with new: Character) -> String { String(map { $0 == old ? new : $0 }) }
}
