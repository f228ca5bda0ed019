import Datasets
import Fuzzing
import Language
import Syntax
import Testing

extension ScriptTests {
    /// What `tfs check --fix` makes of a script: `Tests/fixes/NAME.txt` holds it before and, after a line `---`, mended.
    @Suite struct Fixes {
        static let folder = Scripts.package + "/Tests/fixes/"
        private let library = StandardLibrary(root: Scripts.package + "/stdlib")

        private func check(_ source: SourceText) -> [Diagnostic] {
            let console = Console(write: { _ in }, report: { _ in }, progress: { _ in }, isTerminal: false, width: 80)
            let session = Session(library: library, console: console)
            session.tellsEveryUse = true
            return session.check(source)
        }

        @Test(arguments: Scripts.files(in: folder))
        func mends(_ name: String) throws {
            let text = String(decoding: try Session.read(Self.folder + name).utf8, as: UTF8.self)
            let middle = try #require(text.firstRange(of: "---\n"))
            var mended = ""
            withLargeStack {
                let mending = Mending(SourceText(path: name, text: String(text[..<middle.lowerBound])), check: check)
                mended = String(decoding: mending.source.utf8, as: UTF8.self)
                // Done is done.
                #expect(Mending(mending.source, check: check).steps.isEmpty)
            }
            #expect(mended == String(text[middle.upperBound...]))
        }

        /// One round mends them all, and tells each line.
        @Test(.timeLimit(.minutes(1))) func mendsThousands() {
            let lines = (0..<2000).map { "print(mena([1.0, \($0)]))\n" }
            withLargeStack {
                let mending = Mending(SourceText(path: "many.tfs", text: lines.joined()), check: check)
                #expect(mending.steps.map(\.line) == Array(1...2000))
                #expect(mending.steps.last?.after == "print(mean([1.0, 1999]))")
                #expect(String(decoding: mending.source.utf8, as: UTF8.self) == lines.joined().replacing("mena", with: "mean"))
            }
        }

        /// Scripts with tokens of other languages strewn in: mending comes to an end, and never leaves more mistakes.
        @Test func neverHarms() throws {
            var random = SplitMix(seed: 11)
            let strange = [
                "'a'", "“b”", "‘", "’", " && ", "!", " ? ", ":", ":\n", "\n{", "{", "}", "(", ")", "[", "]", ",", "=", "==", " < ", "def ", "elif ",
                "print ", "let ", "\"", "\\d", " x ", " 3 ", ".5", "+", "\u{A0}", "\t", "\n", "// ", "for (a, b) in ", "{\"k\": 1}", "=>", "é", "日本",
            ]
            let corpus = try Scripts.files(in: Self.folder).map { String(decoding: try Session.read(Self.folder + $0).utf8, as: UTF8.self) }
            for _ in 0..<400 {
                var text = Array(corpus.randomElement(using: &random)!.unicodeScalars)
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    let place = Int.random(in: 0...text.count, using: &random)
                    if Bool.random(using: &random), place < text.count {
                        text.remove(at: place)
                    } else {
                        text.insert(contentsOf: strange.randomElement(using: &random)!.unicodeScalars, at: place)
                    }
                }
                var script = ""
                script.unicodeScalars.append(contentsOf: text)
                let source = SourceText(path: "fuzz.tfs", text: script)
                let before = parse(source).diagnostics.count
                let mending = Mending(source) { parse($0).diagnostics }
                #expect(parse(mending.source).diagnostics.count <= before, "\(script)")
            }
        }
    }
}
