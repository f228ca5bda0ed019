import FoundationEssentials
import Glibc
import Language
import Synchronization
import Syntax
import Testing

/// One after the other: scripts share the working directory and the flag that interrupts them.
@Suite(.serialized) struct ScriptTests {}

extension ScriptTests {
    /// Every script below `Tests/scripts` with what it prints and reports, its name the claim that it proves.
    ///
    /// Beside `claim.tfs` stands `claim.out`: standard output, then after `--- stderr` the diagnostics as they are
    /// drawn, then `--- status N` when that is not 0. `TFS_REWRITE=1 swift test --filter GoldenScripts` writes the
    /// `.out` files anew, for review.
    @Suite struct GoldenScripts {
        @Test(arguments: Scripts.all)
        func prints(_ path: String) throws {
            let found = Scripts.run(path)
            let expectedPath = Scripts.root + "/" + path.dropLast(4) + ".out"
            if unsafe getenv("TFS_REWRITE") != nil {
                Scripts.write(found, to: expectedPath)
                return
            }
            let expected = try Session.read(expectedPath)
            #expect(found == String(decoding: expected.utf8, as: UTF8.self), "\(path)")
        }
    }
}

enum Scripts {
    /// The package's own folder, found from this file.
    static let package = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    static let root = package + "/Tests/scripts"
    /// Paths below `root`, sorted. Names that begin with `_` are files that scripts import.
    static let all: [String] = find("").sorted()

    static func files(in folder: String) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? [] }

    private static func find(_ folder: String) -> [String] {
        guard let handle = unsafe opendir(root + "/" + folder) else { return [] }
        defer { unsafe closedir(handle) }
        var found: [String] = []
        while let entry = unsafe readdir(handle) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(".") || name.hasPrefix("_") { continue }
            let path = folder.isEmpty ? name : folder + "/" + name
            if name.hasSuffix(".tfs") { found.append(path) } else if !name.contains(".") { found += find(path) }
        }
        return found
    }

    static func write(_ text: String, to path: String) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        let bytes = Array(text.utf8)
        unsafe bytes.withUnsafeBytes { _ = unsafe Glibc.write(file, $0.baseAddress, $0.count) }
        close(file)
    }

    /// Runs a script in this process and gives what it wrote, in the form of the `.out` files.
    static func run(_ path: String, _ change: (Session) -> Void = { _ in }) -> String {
        unsafe chdir(root)
        let source: SourceText
        do {
            source = try Session.read(path)
        } catch {
            return "\(error)"
        }
        return run(source, change)
    }

    static func run(
        _ source: SourceText, library: StandardLibrary = StandardLibrary(root: package + "/stdlib"), _ change: (Session) -> Void = { _ in }
    ) -> String {
        let output = Mutex("")
        let errors = Mutex("")
        let console = Console(
            write: { text in output.withLock { $0 += text } },
            report: { diagnostic in
                Widths.check(diagnostic)
                errors.withLock { $0 += Renderer().render(diagnostic) + "\n" }
            },
            // Progress tells times, which differ.
            progress: { _ in }, isTerminal: false, width: 80)
        var status: Int32 = 0
        withLargeStack {
            let session = Session(library: library, console: console)
            change(session)
            status = session.run(source).status
        }
        var text = output.withLock { $0 }
        let reported = errors.withLock { $0 }
        if !reported.isEmpty { text += "--- stderr\n" + reported }
        if status != 0 { text += "--- status \(status)\n" }
        return text
    }
}
