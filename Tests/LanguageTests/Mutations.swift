import Engine
import Glibc
import Language
import Syntax
import Testing

extension ScriptTests {
    /// Scripts with tokens left out, repeated, exchanged or borrowed: whatever they say, the check and the run answer
    /// with diagnostics and never trap.
    ///
    /// `TFS_MUTATIONS=5000` tries more, `TFS_MUTATION_SEED=7` others, and `TFS_MUTATION_LOG=path` keeps the last script
    /// there, to be found when a trap has ended the process.
    @Suite struct Mutations {
        @Test func neverTrap() throws {
            let count = number("TFS_MUTATIONS") ?? 150
            let seed = number("TFS_MUTATION_SEED") ?? 1
            let log = unsafe getenv("TFS_MUTATION_LOG").map { unsafe String(cString: $0) }
            var random = SplitMix(state: UInt64(truncatingIfNeeded: seed))
            let corpus = try Scripts.all.filter { !$0.hasPrefix("data/") && !$0.hasPrefix("estimators/") }.map { path in
                tokens(String(decoding: try Session.read(Scripts.root + "/" + path).utf8, as: UTF8.self))
            }
            let library = StandardLibrary(root: Scripts.package + "/stdlib")
            // A mutated loop may never end.
            signal(SIGALRM) { _ in Execution.interrupt() }
            defer { signal(SIGALRM, SIG_DFL) }
            for _ in 0..<count {
                let text = mutated(corpus, &random)
                if let log { Scripts.write(text, to: log) }
                alarm(2)
                _ = Scripts.run(SourceText(path: "mutation.tfs", text: text), library: library)
                alarm(0)
                Execution.resume()
            }
        }

        private func mutated(_ corpus: [[String]], _ random: inout SplitMix) -> String {
            var words = corpus[Int.random(in: 0..<corpus.count, using: &random)]
            for _ in 0..<Int.random(in: 1...4, using: &random) where words.count > 1 {
                let place = Int.random(in: 0..<words.count, using: &random)
                let other = Int.random(in: 0..<words.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: words.remove(at: place)
                case 1: words.insert(words[place], at: place)
                case 2: words.swapAt(place, other)
                case 3: words[place] = words[other]
                default:
                    let donor = corpus[Int.random(in: 0..<corpus.count, using: &random)]
                    words[place] = donor[Int.random(in: 0..<donor.count, using: &random)]
                }
            }
            return words.joined()
        }

        /// Runs of letters and digits, and everything else character by character.
        private func tokens(_ text: String) -> [String] {
            var found: [String] = []
            for character in text {
                if character.isLetter || character.isNumber || character == "_", let last = found.last?.last,
                    last.isLetter || last.isNumber || last == "_"
                {
                    found[found.count - 1].append(character)
                } else {
                    found.append(String(character))
                }
            }
            return found
        }

        private func number(_ name: String) -> Int? { unsafe getenv(name).flatMap { unsafe Int(String(cString: $0)) } }
    }
}

/// Steele, Lea and Flood 2014, the same on every machine.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
