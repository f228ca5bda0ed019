import FoundationEssentials
import Glibc
import Language
import Testing

/// `tfs explain`, and the pages about command lines.
@Suite(.serialized) struct ExplainTests {
    static let package = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    static let library = StandardLibrary(root: package + "/stdlib")
    static let pages = library.errorCodes.compactMap { try? library.errorPage($0) }.filter { $0.wrong?.language == "sh" }

    @Test func printsAPageForACodeHoweverItIsWritten() throws {
        let page = try tfs("explain", "E0301")
        #expect(page.status == 0 && page.errors.isEmpty)
        #expect(page.output.hasPrefix("E0301: "))
        #expect(page.output.contains("    error[E0301]: nothing is called `trian_loss` here\n"))
        #expect(page.output.contains("did you mean `train_loss`?"))
        for spelling in ["e0301", "301", "0301", "[E0301]", "E301"] { #expect(try tfs("explain", spelling).output == page.output, "\(spelling)") }
    }

    @Test func listsAllCodes() throws {
        let list = try tfs("explain")
        #expect(list.status == 0)
        for code in Self.library.errorCodes { #expect(list.output.contains("\n  \(code)  "), "\(code)") }
    }

    @Test func refusesACodeThatDoesNotExist() throws {
        for code in ["E9999", "dense", "", "E", "99999999999999999999"] {
            let refused = try tfs("explain", code)
            #expect(refused.status == 64 && refused.output.isEmpty)
            #expect(refused.errors.hasPrefix("error[E0002]: no message has the code"), "\(refused.errors)")
        }
    }

    /// `make docs` writes the messages anew.
    @Test(arguments: pages.map(\.code))
    func page(_ code: String) throws {
        var page = try #require(try Self.library.errorPage(code))
        let message = try answer(to: #require(page.wrong))
        #expect(message.contains("[\(code)]"), "the wrong command gives \(message)")
        #expect(try answer(to: #require(page.mended)) == "")
        if unsafe getenv("TFS_REWRITE") == nil {
            #expect(page.message == message)
        } else {
            page.message = message
            try Data(page.markdown().utf8).write(to: URL(filePath: "\(Self.library.root)/errors/\(code).md"))
            try Data(page.document.utf8).write(to: URL(filePath: "\(Self.package)/docs/errors/\(code).md"))
        }
    }

    /// What a command line writes to standard error, in a folder of its own with the files beside it.
    private func answer(to program: ErrorPage.Program) throws -> String {
        let scratch = try Scratch()
        for file in program.files { _ = try scratch.file(file.name, file.text) }
        let folder = binary[..<(binary.lastIndex(of: "/") ?? binary.startIndex)]
        let setup = "export PATH=\(folder):/usr/bin:/bin COLUMNS=76; unset TFS_STDLIB; cd \(scratch.path)\n"
        return try runCommand(["-c", setup + program.text], program: "/bin/sh").errors
    }
}
