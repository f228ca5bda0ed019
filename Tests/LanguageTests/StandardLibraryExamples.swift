import Language
import Syntax
import Testing

/// A documented example: `expression    # => what print gives`, from an op's row, a builtin or a docstring.
struct Example: Sendable, CustomTestStringConvertible {
    let name: String
    let line: String

    var testDescription: String { "\(name): \(line)" }

    /// What it prints, if the example says; otherwise it only shows how a call is written.
    var result: String? { halves.1 }

    /// Statements, and the last line's value printed.
    var script: String {
        var lines = halves.0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if let last = lines.popLast() { lines.append(last.hasPrefix("print(") ? last : "print(\(last))") }
        return lines.joined(separator: "\n") + "\n"
    }

    private var halves: (String, String?) {
        let separator = Array("# =>")
        let text = Array(line)
        for start in text.indices where text[start...].starts(with: separator) {
            return (String(text[..<start]), String(text[(start + separator.count)...]))
        }
        return (line, nil)
    }
}

extension ScriptTests {
    /// Everything that the manual shows is so.
    @Suite struct StandardLibraryExamples {
        static let library = StandardLibrary(root: Scripts.package + "/stdlib")

        /// The examples of everything that a script may name, in the order of the names.
        static let all: [Example] = library.documentedNames.sorted().flatMap { name in
            ((try? library.documentation(of: name)) ?? []).flatMap { found -> [Example] in
                // A docstring has them as lines that begin with the word.
                let lines = found.text.split(separator: "\n").filter { $0.hasPrefix("example ") }.map { $0.dropFirst("example ".count) }
                return (lines.map(String.init) + [found.example].compactMap { $0 }).map { Example(name: name, line: $0) }
            }
        }

        @Test(arguments: all)
        func holds(_ example: Example) throws {
            guard let result = example.result else {
                let parsed = parse(SourceText(path: "example.tfs", text: example.line))
                #expect(parsed.diagnostics.isEmpty, "\(parsed.diagnostics)")
                return
            }
            let printed = Scripts.run(SourceText(path: "example.tfs", text: example.script))
            // A tensor's rows stand on lines of their own; in an example they follow each other.
            func dense(_ text: String) -> String { String(text.filter { !$0.isWhitespace }) }
            #expect(dense(printed) == dense(result), "\(printed)")
        }

        /// Every file can be read, and says in a sentence what it declares.
        @Test(arguments: library.documentedNames.filter { !library.files(of: $0).isEmpty })
        func isDocumented(_ name: String) throws {
            for found in try Self.library.documentation(of: name) {
                #expect(found.summary.hasSuffix("."), "the first line of `\(name)` is a sentence: \(found.summary)")
            }
        }
    }

    /// A new layer is missed in `Tests/stdlib/training.tfs`, which `tfs test` runs, until it stands there.
    @Test func everyLayerIsTrained() throws {
        let script = try Session.read(Scripts.package + "/Tests/stdlib/training.tfs")
        let text = String(decoding: script.utf8, as: UTF8.self)
        for entry in StandardLibraryExamples.library.catalog(.layers) where entry.group == "layers" {
            #expect(text.contains("(\"\(entry.name)\", ") || text.contains("\(entry.name) = \(entry.name)("), "\(entry.name)")
        }
    }
}
