import FoundationEssentials
import Testing

/// `tfs check --fix` and `--json`.
@Suite struct CheckTests {
    private let broken = "xs = [1 2]\nprint('a', lenn(xs))\n"

    @Test func fixMendsTheFileAndTellsWhatItDid() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", broken)
        let preview = try tfs("check", "--fix", "--dry-run", path)
        #expect(preview.status == 2 && preview.output.contains("\(path):1: would mend E0120\n  - xs = [1 2]\n  + xs = [1, 2]\n"))
        #expect(try scratch.text("a.tfs") == broken)
        let mended = try tfs("check", "--fix", path)
        #expect(mended.status == 0 && mended.errors.isEmpty && mended.output.hasSuffix("\(path): no errors\n"), "\(mended)")
        #expect(try scratch.text("a.tfs") == "xs = [1, 2]\nprint(\"a\", len(xs))\n")
        #expect(try tfs("check", "--fix", path).output == "\(path): no errors\n")
    }

    @Test func fixLeavesWhatCanBeMeantInSeveralWays() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "x1 = 1\nx2 = 2\nprint(x3, x1, x2)\n")
        let kept = try tfs("check", "--fix", path)
        #expect(kept.status == 2 && kept.errors.hasPrefix("error[E0301]"))
        #expect(try scratch.text("a.tfs") == "x1 = 1\nx2 = 2\nprint(x3, x1, x2)\n")
        #expect(try tfs("check", "--fix", "-", input: "x = 'a'").status == 64)
        #expect(try tfs("check", "--dry-run", path).status == 64)
        #expect(try tfs("check", "--fix", scratch.path + "/none.tfs").errors.hasPrefix("error[E0001]"))
    }

    @Test func jsonHoldsAllThatIsSaid() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "é = \"é\"\nprint(é, 'a'); x = [1\n")
        let found = try tfs("check", "--json", path, scratch.path + "/none.tfs")
        #expect(found.status == 2 && found.errors.isEmpty)
        struct Place: Decodable, Equatable { var line, column, endLine, endColumn: Int }
        struct Edit: Decodable { var file, replacement: String; var line, column: Int }
        struct Entry: Decodable { var code, severity, what: String; var file: String?; var line, column, endLine, endColumn: Int?; var mend: String?; var fix: [Edit]? }
        struct Document: Decodable { var diagnostics: [Entry] }
        let entries = try JSONDecoder().decode(Document.self, from: Data(found.output.utf8)).diagnostics
        #expect(entries.map(\.code) == ["E0104", "E0112", "E0001"])
        let first = try #require(entries.first)
        #expect(first.severity == "error" && first.file == path && first.line == 2 && first.column == 10 && first.endLine == 2 && first.endColumn == 13)
        #expect(first.fix?.first?.replacement == "\"a\"" && first.fix?.first?.column == 10 && first.mend == "write `\"a\"`")
        #expect(entries[2].file == nil && entries[2].line == nil)
        let clean = try tfs("check", "--json", try scratch.file("b.tfs", "print(1)\n"))
        #expect(clean.status == 0 && clean.output == "{\n  \"diagnostics\": []\n}\n")
    }
}
