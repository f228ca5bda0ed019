internal import Formats
internal import Syntax

/// What is to be said about a code at length: a page of `stdlib/errors/`, in Markdown.
///
///     # E0301: a name that stands for nothing
///     (a paragraph or two)
///     ## Wrong
///     ```tfs            a program that gives the code, or ```sh and a command line
///     ```text           what tfs answers; `make docs` writes it
///     ## Mended
///     ```tfs            a program that gives no diagnostic
///
/// A block with a file's name behind its language is a file that lies beside the program, for the mended program only where
/// it stands under its heading. Pages about defects of tfs itself have no programs.
public struct ErrorPage: Sendable {
    public struct Program: Sendable {
        /// `tfs` or `sh`.
        public var language: String
        public var text: String
        /// The files beside it, by name.
        public var files: [File]
    }
    public struct File: Sendable {
        public var name: String
        public var language: String
        public var text: String
    }

    public var code: String
    public var title: String
    public var paragraphs: [String]
    public var wrong: Program?
    public var message: String?
    public var mended: Program?

    /// Reads a page; `nil` where it does not have the form.
    public init?(_ markdown: String) {
        var lines = markdown.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)[...]
        guard let head = lines.popFirst(), head.hasPrefix("# "), let colon = head.firstIndex(of: ":") else { return nil }
        code = String(head[head.index(head.startIndex, offsetBy: 2)..<colon])
        title = String(head[head.index(after: colon)...].drop { $0 == " " })
        paragraphs = []
        var section = ""
        var paragraph: [String] = []
        func end(_ paragraphs: inout [String]) {
            if !paragraph.isEmpty { paragraphs.append(paragraph.joined(separator: " ")) }
            paragraph = []
        }
        while let line = lines.popFirst() {
            if line.hasPrefix("## ") {
                section = String(line.dropFirst(3))
                guard section == "Wrong" || section == "Mended" else { return nil }
            } else if line.hasPrefix("```") {
                let words = line.dropFirst(3).split(separator: " ").map(String.init)
                guard let language = words.first, let close = lines.firstIndex(of: "```") else { return nil }
                let text = lines[..<close].map { $0 + "\n" }.joined()
                lines = lines[(close + 1)...]
                let program = Program(language: language, text: text, files: [])
                switch (section, words.count) {
                case ("Wrong", 1) where language == "text": message = text
                case ("Wrong", 1) where wrong == nil: wrong = program
                case ("Mended", 1) where mended == nil: mended = program
                case ("Wrong", 2): wrong?.files.append(File(name: words[1], language: language, text: text))
                case ("Mended", 2): mended?.files.append(File(name: words[1], language: language, text: text))
                default: return nil
                }
            } else if line.isEmpty {
                end(&paragraphs)
            } else {
                guard section.isEmpty else { return nil }
                paragraph.append(line)
            }
        }
        end(&paragraphs)
        guard !paragraphs.isEmpty, (wrong == nil) == (mended == nil) else { return nil }
        // What stands beside the wrong program stands beside the mended one too.
        let own = mended?.files ?? []
        mended?.files = (wrong?.files ?? []).filter { file in !own.contains { $0.name == file.name } } + own
    }

    // MARK: Writing

    /// The page in Markdown again, with a line behind it.
    public func markdown(closing: String = "") -> String {
        var text = "# \(code): \(title)\n"
        for paragraph in paragraphs { text += "\n" + Self.wrap(paragraph, 100).joined(separator: "\n") + "\n" }
        func block(_ info: String, _ content: String) { text += "\n```\(info)\n\(content)```\n" }
        if let wrong {
            text += "\n## Wrong\n"
            block(wrong.language, wrong.text)
            for file in wrong.files { block("\(file.language) \(file.name)", file.text) }
            if let message { block("text", message) }
        }
        if let mended {
            text += "\n## Mended\n"
            block(mended.language, mended.text)
            for file in mended.files where !isShared(file) { block("\(file.language) \(file.name)", file.text) }
        }
        return text + (closing.isEmpty ? "" : "\n" + closing + "\n")
    }

    /// The page as `docs/errors/` has it.
    public var document: String { markdown(closing: "[All codes](README.md)") }

    private func isShared(_ file: File) -> Bool { wrong?.files.contains { $0.name == file.name && $0.text == file.text } ?? false }

    /// The page for a terminal.
    public func text(width: Int, emphasis: (String) -> String = { $0 }) -> String {
        let width = min(max(width, 40), 100)
        var text = Self.wrap("\(code): \(title)", width).map(emphasis).joined(separator: "\n") + "\n"
        for paragraph in paragraphs { text += "\n" + Self.wrap(paragraph, width).joined(separator: "\n") + "\n" }
        func block(_ heading: String, _ content: String) {
            text += "\n" + emphasis(heading) + "\n\n"
            text += content.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map { $0.isEmpty ? "\n" : "    \($0)\n" }.joined()
        }
        if let wrong {
            block("Wrong:", wrong.text)
            for file in wrong.files { block("with the file \(file.name):", file.text) }
            if let message { block("What tfs says:", message) }
        }
        if let mended {
            block("Mended:", mended.text)
            for file in mended.files where !isShared(file) { block("with the file \(file.name):", file.text) }
        }
        return text
    }

    private static func wrap(_ text: String, _ width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    // MARK: Groups

    /// The headings under which codes are listed, by how they begin; the longest that fits counts.
    private static let groups = [
        ("E00", "The command"), ("E01", "The text of a script"), ("E02", "Tensors and ops"), ("E03", "Names, types and imports"),
        ("E04", "Values, calls, layers and estimators"), ("E05", "Expectations, tables and datasets"), ("E06", "Files"),
        ("E09", "Defects of tfs"), ("W", "Warnings"),
    ]

    public var group: String { Self.groups.last { code.hasPrefix($0.0) }?.1 ?? "Others" }
}

extension StandardLibrary {
    /// The codes that have a page, in order.
    public var errorCodes: [String] {
        Self.list(root + "/errors").filter { $0.hasSuffix(".md") }.map { String($0.dropLast(3)) }
    }

    /// The page of a code.
    public func errorPage(_ code: String) throws -> ErrorPage? {
        let path = root + "/errors/\(code).md"
        guard Files.exists(path) else { return nil }
        return ErrorPage(String(decoding: try Session.read(path).utf8, as: UTF8.self))
    }
}
