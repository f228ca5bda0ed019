import Syntax
import Testing

/// Whatever the text: an answer, in time, and never a trap.
@Suite struct RobustnessTests {
    static let seeds = files(in: ParserTests.tour, suffix: ".tfs").map { read(ParserTests.tour + $0) }

    private func check(_ text: String) {
        let (script, diagnostics) = parsed(text)
        for diagnostic in diagnostics.prefix(5) { _ = Renderer().render(diagnostic) }
        #expect(diagnostics.count <= 101)
        if diagnostics.isEmpty { #expect(parsed(format(script)).script.dump == script.dump) }
        _ = isComplete(text)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func mutatedPrograms(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let scraps = ["{", "}", "(", ")", "[", "]", "\"", "\"\"\"", "'", "\\", "\n", "->", "|>", "=", ",", ":", "...", "#", "##", "if",
            "fn f(", "model", "é", "\u{0}", "not", "in", "1e", "0x", ".", ";", "{{", "}}", "\u{202E}"]
        for _ in 0..<40 {
            var bytes = Array(Self.seeds.randomElement(using: &random)?.utf8 ?? "x".utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0...bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.insert(contentsOf: (scraps.randomElement(using: &random) ?? "").utf8, at: at)
                case 1: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 1...20, using: &random)))
                case 2:
                    let from = Int.random(in: 0...bytes.count, using: &random)
                    let piece = bytes[from..<min(bytes.count, from + Int.random(in: 1...60, using: &random))]
                    bytes.insert(contentsOf: piece, at: at)
                default: bytes = Array(bytes[..<at])
                }
            }
            check(String(decoding: bytes, as: UTF8.self))
        }
    }

    @Test func randomBytes() {
        var random = SplitMix(seed: 1)
        for _ in 0..<200 {
            let count = Int.random(in: 0...300, using: &random)
            let isASCII = Bool.random(using: &random)
            check(String(decoding: (0..<count).map { _ in UInt8.random(in: 0...(isASCII ? 127 : 255), using: &random) }, as: UTF8.self))
        }
    }

    /// Each of these once overflowed a stack, or took time that grew with the square, in one parser or another.
    @Test(arguments: [
        "(", "[", "{", "x = {a = ", "-", "not ", "f(", "x -> ", "x -> { ", "if a { ", "\"{", "fn f() {\n", "a[", "1 ** ", "1 + ", "x.f()",
        "x |> f ", "else ", ")", "'", "\\", "$ ", "a,", "\"", "#\n", "{{", "x = [\n", "model { ", "if a { } else ", "\u{0}", "é", "...",
    ])
    func repeated(scrap: String) {
        check(String(repeating: scrap, count: 10_000))
    }

    @Test(arguments: [("(", ")"), ("[", "]"), ("{a = ", "}"), ("f(", ")"), ("x -> { ", " }"), ("if a { ", " }"), ("\"{", "}\""), ("x[", "]")])
    func closedNests(open: String, close: String) {
        check("y = " + String(repeating: open, count: 90) + "1" + String(repeating: close, count: 90))
        check("y = " + String(repeating: open, count: 5_000) + "1" + String(repeating: close, count: 20_000))
    }

    /// A comment put at any place where a line ends is kept, and printing twice changes nothing.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func commentsAreKept(seed: UInt64) {
        var random = SplitMix(seed: seed)
        for text in Self.seeds {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let mixed = lines.map { line in
                switch Int.random(in: 0..<6, using: &random) {
                case 0 where !line.contains("#"): line + " # behind"
                case 1: "# above\n" + line
                case 2: "\n# above, after a blank line\n\n" + line
                default: String(line)
                }
            }.joined(separator: "\n")
            let (script, diagnostics) = parsed(mixed)
            #expect(diagnostics.isEmpty)
            let printed = format(script)
            let again = parsed(printed).script
            #expect(again.comments.map(\.text) == script.comments.map(\.text))
            #expect(format(again) == printed)
        }
    }
}
