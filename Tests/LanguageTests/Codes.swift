import Glibc
import Language
import Syntax
import Testing

extension ScriptTests {
    /// Every code that a script can provoke has a golden message.
    @Suite struct Codes {
        /// Codes without one, and why.
        static let excepted: [String: String] = [
            "E0002": "of the command, in CommandTests", "E0003": "of the command", "E0004": "of the command", "E0005": "of the command",
            "E0291": "a system library that is missing or fails", "E0299": "never shown: an interruption",
            "E0304": "the parser finds it first, as E0125 and its neighbours",
            "E0312": "a damaged standard library", "E0321": "the command's options, in CommandTests",
            "E0390": "32,768 values in one function", "E0604": "a file of an element type that no dtype holds",
            "E0999": "an error that nothing expects",
        ]

        /// The codes that the sources use.
        private static func known() throws -> Set<String> {
            var known: Set<String> = []
            for text in try texts(below: Scripts.package + "/Sources", ending: ".swift") { known.formUnion(codes(in: text, quoted: true)) }
            return known
        }

        /// A page in `stdlib/errors/` for every code, and none for a code that is gone.
        @Test func everyCodeHasAPage() throws {
            let pages = Set(StandardLibrary(root: Scripts.package + "/stdlib").errorCodes)
            let known = try Self.known()
            #expect(known.subtracting(pages).sorted() == [], "codes without a page")
            #expect(pages.subtracting(known).sorted() == [], "pages without a code")
        }

        @Test func everyCodeHasAGoldenMessage() throws {
            let known = try Self.known()
            var proved: Set<String> = []
            for folder in ["scripts", "SyntaxTests", "FormatsTests", "DatasetsTests", "EngineTests", "GraphsTests"] {
                for ending in [".out", ".swift", ".txt", ".md"] {
                    for text in try Self.texts(below: Scripts.package + "/Tests/" + folder, ending: ending) {
                        proved.formUnion(Self.codes(in: text, quoted: false))
                    }
                }
            }
            #expect(!known.isEmpty)
            #expect(known.subtracting(proved).subtracting(Self.excepted.keys).sorted() == [])
        }

        /// `E0123` or `W0123` in a text, in quotes where `quoted` says so.
        private static func codes(in text: [UInt8], quoted: Bool) -> Set<String> {
            var found: Set<String> = []
            var index = 0
            while index + 5 <= text.count {
                defer { index += 1 }
                guard text[index] == UInt8(ascii: "E") || text[index] == UInt8(ascii: "W"), text[index + 1..<index + 5].allSatisfy({ (48...57).contains($0) }) else { continue }
                if quoted, index == 0 || text[index - 1] != UInt8(ascii: "\"") { continue }
                found.insert(String(decoding: text[index..<index + 5], as: UTF8.self))
            }
            return found
        }

        private static func texts(below folder: String, ending: String) throws -> [[UInt8]] {
            guard let handle = unsafe opendir(folder) else { return [] }
            defer { unsafe closedir(handle) }
            var found: [[UInt8]] = []
            while let entry = unsafe readdir(handle) {
                let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                if name.hasPrefix(".") { continue }
                if name.hasSuffix(ending) {
                    found.append(try Session.read(folder + "/" + name).utf8)
                } else if !name.contains(".") {
                    found += try texts(below: folder + "/" + name, ending: ending)
                }
            }
            return found
        }
    }
}
