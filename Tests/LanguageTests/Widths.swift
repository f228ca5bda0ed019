import Language
import Syntax
import Testing

/// Messages fit the terminal, and marks stand under what they mean.
enum Widths {
    /// Draws a message at several widths.
    static func check(_ diagnostic: Diagnostic) {
        for width in [40, 60, 80, 120] {
            for usesASCII in [false, true] {
                let lines = Renderer(width: width, usesASCII: usesASCII).render(diagnostic).split(separator: "\n").map(String.init)
                for line in lines where columns(line) > width {
                    #expect(isUnbreakable(line, width), "wider than \(width) columns:\n\(lines.joined(separator: "\n"))")
                }
                if !usesASCII { checkMarks(diagnostic, lines) }
            }
        }
    }

    /// A path, or one word behind a label: code in backticks stays whole where it fits a line.
    private static func isUnbreakable(_ line: String, _ width: Int) -> Bool {
        if line.contains("┌ ") || line.contains("├ ") || line.contains("--> ") || line.contains("called at ") || line.contains("and at ") { return true }
        var text = Substring(line)
        if let colon = line.firstRange(of: ": "), colon.lowerBound < line.index(line.startIndex, offsetBy: min(15, line.count)) { text = text[colon.upperBound...] }
        return !text.drop { $0 == " " || $0 == "│" || $0 == "|" || $0 == "^" || $0 == "-" }.contains(" ")
    }

    /// What stands over the carets is the beginning of the range.
    private static func checkMarks(_ diagnostic: Diagnostic, _ lines: [String]) {
        guard let range = diagnostic.at?.range else { return }
        let source = range.source
        let text = source.line(source.line(at: range.start))
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }), range.end > range.start, !source.text(range).contains("\n") else { return }
        guard let marks = lines.indices.first(where: { lines[$0].contains("│") && lines[$0].contains("^") && !lines[$0].prefix(while: { $0 != "│" }).contains { $0.isNumber } })
        else { return #expect(Bool(false), "no carets:\n\(lines.joined(separator: "\n"))") }
        var above = marks - 1
        while above > 0, lines[above].first?.isNumber != true, lines[above].prefix(while: { $0 != "│" }).allSatisfy({ $0 == " " }) { above -= 1 }
        let (drawn, signs) = (Array(lines[above]), Array(lines[marks]))
        let start = signs.firstIndex(of: "^")!
        let end = signs[start...].firstIndex { $0 != "^" } ?? signs.count
        let marked = String(drawn[min(start, drawn.count)..<min(end, drawn.count)])
        let meant = source.text(range)
        #expect(
            meant.hasPrefix(marked) && (marked.count == meant.count || drawn.last == "…" || !marked.isEmpty && meant.hasPrefix(marked + " ")),
            "`\(meant)` is meant, `\(marked)` marked:\n\(lines.joined(separator: "\n"))")
    }

    private static func columns(_ line: String) -> Int {
        line.unicodeScalars.reduce(0) { $0 + (0x1100...0x115F ~= $1.value || 0x2E80...0xD7A3 ~= $1.value || 0xF900...0xFFE6 ~= $1.value && $1.value != 0xFFFD || 0x1F300...0x1FAFF ~= $1.value ? 2 : 1) }
    }
}

extension ScriptTests {
    /// Those that the parser gives; those of golden scripts and pages are tried where they arise.
    @Suite struct WidthsOfFixtures {
        static let folder = Scripts.package + "/Tests/SyntaxTests/fixtures/diagnostics/"

        @Test func fit() throws {
            for name in Scripts.files(in: Self.folder) {
                let text = String(decoding: try Session.read(Self.folder + name).utf8, as: UTF8.self)
                let script = text.firstRange(of: "---\n").map { String(text[..<$0.lowerBound]) } ?? text
                for diagnostic in parse(SourceText(path: "script.tfs", text: script)).diagnostics { Widths.check(diagnostic) }
            }
        }
    }
}
