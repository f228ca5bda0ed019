import FoundationEssentials
import Glibc
import Language
import Synchronization
import Syntax
import Testing

extension ScriptTests {
    /// Every page of `stdlib/errors/`: its wrong program gives its code and the message that the page shows, its mended
    /// program gives no diagnostic, and `docs/errors/` says the same.
    ///
    /// `make docs` writes the messages and `docs/errors/` anew. Pages of command lines are in CommandTests.
    @Suite struct ErrorPages {
        static let library = StandardLibrary(root: Scripts.package + "/stdlib")

        @Test(arguments: library.errorCodes)
        func page(_ code: String) throws {
            var page = try #require(try Self.library.errorPage(code), "\(code).md does not have a page's form")
            #expect(page.code == code)
            if let wrong = page.wrong, wrong.language == "tfs" {
                let found = try Self.run(wrong)
                #expect(found.first?.code == code, "the wrong program gives \(found.map(\.code))")
                for diagnostic in found { Widths.check(diagnostic) }
                let message = found.map { Renderer(width: 76).render($0) + "\n" }.joined()
                if isRewriting { page.message = message } else { #expect(page.message == message) }
            }
            if let mended = page.mended, mended.language == "tfs" {
                let found = try Self.run(mended)
                #expect(found.isEmpty, "the mended program gives \(found.map { Renderer().render($0) })")
            }
            if isRewriting { Scripts.write(page.markdown(), to: "\(Self.library.root)/errors/\(code).md") }
            try agrees(page.document, with: "docs/errors/\(code).md")
        }

        @Test func index() throws {
            var text = """
                # What tfs says

                Every message has a code. Its page says what it means, and shows a program that provokes it and the mended one;
                `tfs explain E0301` shows the same in the terminal. The pages are made from `stdlib/errors/` by `make docs`.

                """
            var group = ""
            for page in try Self.library.errorCodes.compactMap(Self.library.errorPage) {
                if page.group != group { text += "\n## \(page.group)\n\n" }
                group = page.group
                text += "- [\(page.code)](\(page.code).md): \(page.title)\n"
            }
            try agrees(text, with: "docs/errors/README.md")
        }

        private var isRewriting: Bool { unsafe getenv("TFS_REWRITE") != nil }

        private func agrees(_ text: String, with file: String) throws {
            let path = Scripts.package + "/" + file
            if isRewriting { return Scripts.write(text, to: path) }
            let stored = try? Session.read(path)
            #expect(stored.map { String(decoding: $0.utf8, as: UTF8.self) } == text, "\(file) is out of date: `make docs`")
        }

        /// What a program is told, run in a folder of its own with the files beside it.
        private static func run(_ program: ErrorPage.Program) throws -> [Diagnostic] {
            // Other tests start processes in the folder at hand, so it must never go: it is one for all pages, and emptied.
            let folder = "/tmp/tfs-pages-\(getuid())"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for name in Scripts.files(in: folder) { try FileManager.default.removeItem(atPath: folder + "/" + name) }
            unsafe chdir(folder)
            defer { unsafe chdir(Scripts.root) }
            for file in program.files { Scripts.write(file.text, to: file.name) }
            let found = Mutex<[Diagnostic]>([])
            let console = Console(
                write: { _ in }, report: { diagnostic in found.withLock { $0.append(diagnostic) } }, progress: { _ in },
                isTerminal: false, width: 80)
            withLargeStack {
                _ = Session(library: library, console: console).run(SourceText(path: "script.tfs", text: program.text))
            }
            return found.withLock { $0 }
        }
    }
}
