internal import ArgumentParser
internal import Language
internal import Syntax

/// `tfs explain [CODE]`
struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Explain an error's code, with a wrong program and the mended one.",
        discussion: "Without a code all of them are listed.")

    @ArgumentParser.Argument(help: "A code as a message shows it, such as E0301; 301 will do.") var code: String?

    func run() throws {
        let library = try StandardLibrary.located()
        guard let code else { return Terminal.write(try Self.listing(library)) }
        guard let found = Self.code(code, in: library.errorCodes), let page = try library.errorPage(found) else {
            throw refuse(.usage("no message has the code `\(code)`", mend: Self.mend(code, library)))
        }
        Terminal.write(page.text(width: Terminal.width, emphasis: Terminal.emphasised))
    }

    /// What is meant by `E0301`, `e0301`, `[E0301]`, `0301` or `301`.
    static func code(_ text: String, in codes: [String]) -> String? {
        let wanted = text.uppercased().filter { $0.isLetter || $0.isNumber }
        if codes.contains(wanted) { return wanted }
        let digits = wanted.drop { $0 == "E" || $0 == "W" }
        guard digits.count <= 4, digits.allSatisfy(\.isNumber), !digits.isEmpty else { return nil }
        let number = String(repeating: "0", count: 4 - digits.count) + digits
        let letters = wanted.first.map { $0.isLetter ? [String($0)] : ["E", "W"] } ?? []
        return letters.lazy.map { $0 + number }.first { codes.contains($0) }
    }

    private static func mend(_ code: String, _ library: StandardLibrary) -> String {
        let near = nearest(to: code.uppercased(), in: library.errorCodes)
        return (near.map { "did you mean `\($0)`? " } ?? "") + "`tfs explain` lists the codes"
    }

    private static func listing(_ library: StandardLibrary) throws -> String {
        var text = ""
        var group = ""
        for page in try library.errorCodes.compactMap(library.errorPage) {
            if page.group != group { text += (text.isEmpty ? "" : "\n") + page.group + "\n" }
            group = page.group
            text += "  \(page.code)  \(page.title)\n"
        }
        return text
    }
}
