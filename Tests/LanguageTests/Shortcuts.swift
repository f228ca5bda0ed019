import Datasets
import Fuzzing
import Testing
@testable import Language

extension ScriptTests {
    /// What is written for speed gives what the plain form gives.
    @Suite struct Shortcuts {
        /// The machine's quick loop leaves no trace: not in what is printed, and not in where an error points.
        @Test(arguments: Scripts.all.filter { path in folders.contains { path.hasPrefix($0 + "/") } })
        func quickLoop(_ path: String) {
            #expect(Scripts.run(path) == Scripts.run(path) { $0.isQuick = false }, "\(path)")
        }

        private static let folders = [
            "assignment", "blocks", "calls", "control", "equality", "errors", "lambdas", "lists", "numbers", "operators", "records", "scope",
            "strings", "truth",
        ]

        /// Bytes serve where code points are meant.
        @Test func texts() {
            var random = SplitMix(seed: 3)
            let alphabet: [Unicode.Scalar] = ["a", "b", " ", "\n", "\r", "\u{0}", "é", "\u{301}", "日", "\u{3000}", "\u{10FFFF}", "\u{1F600}"]
            func text(_ length: Int, _ kinds: Int) -> String {
                String(String.UnicodeScalarView((0..<Int.random(in: 0...length, using: &random)).map { _ in alphabet[Int.random(in: 0..<kinds, using: &random)] }))
            }
            for turn in 0..<2000 {
                let kinds = turn % 2 == 0 ? 4 : alphabet.count
                let (x, y) = (text(20, kinds), text(2, kinds))
                let (s, t) = (Array(x.unicodeScalars), Array(y.unicodeScalars))
                func string(_ part: some Sequence<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(part)) }
                let places = (0...max(s.count - t.count, 0)).filter { s.count >= t.count && Array(s[$0..<$0 + t.count]) == t }
                #expect(x.place(of: y).map { x.part(0..<$0).unicodeScalars.count } == places.first)
                #expect(x.starts(with: y) == s.starts(with: t))
                #expect(x.ends(with: y) == s.reversed().starts(with: t.reversed()))
                #expect(x.precedes(y) == s.lexicographicallyPrecedes(t))
                #expect(x.isSame(as: y) == (s == t))
                #expect(x.words == x.split(whereSeparator: \.isWhitespace).map(String.init))
                #expect(x.isASCII == s.allSatisfy(\.isASCII))
                if !t.isEmpty { #expect(x.parts(around: y).map { Array($0.unicodeScalars) }.joined(separator: t).elementsEqual(s)) }
                let grown = Text(y)
                for point in s { grown.append(.of(point)) }
                #expect(grown.byteCount == y.utf8.count + x.utf8.count && grown.string.isSame(as: y + x) && grown.count == t.count + s.count)
                grown.append(Text(x))
                let all = t + s + s
                #expect(grown.count == all.count && grown.codePoints == all)
                for place in all.indices { #expect(grown.character(at: place).string.isSame(as: string([all[place]]))) }
                let start = Int.random(in: 0...all.count, using: &random), end = Int.random(in: start...all.count, using: &random)
                #expect(grown.part(start..<end).string.isSame(as: string(all[start..<end])))
            }
        }

        /// Numbers are written as the layout of their digits says.
        @Test func numbers() {
            var random = SplitMix(seed: 5)
            for turn in 0..<20_000 {
                let x = turn % 2 == 0 ? Double(bitPattern: random.next()) : Double(Int.random(in: -1000...1000, using: &random)) * 1e-3
                if x.isFinite { #expect(formatShortest(x) == laidOut(x.description)) }
                let y = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
                if y.isFinite { #expect(formatShortest(y) == laidOut(y.description)) }
            }
        }

        /// A name stands where a search from the front finds it.
        @Test func names() {
            let names = (0..<100).map { "k\($0 * 7919 % 100)" }
            let record = Record(names, names.indices.map { .int($0) })
            for name in names + ["", "k100", "K1"] { #expect(record.position(of: name) == names.firstIndex(of: name)) }
        }
    }
}
