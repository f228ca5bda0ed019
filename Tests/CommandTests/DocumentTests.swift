import FoundationEssentials
import Glibc
import Testing

/// The pages under `docs/` do what they show.
///
/// A page's blocks work in a folder of their own, in which `examples` is the project's:
///
/// - ```` ```tfs ```` is a part of the page's one script, which runs from the first such block to the last. What a part
///   prints stands in the ```` ```text ```` block behind it, or behind `# =>` on its lines; an expression there is printed.
/// - A block with a name (```` ```tfs net.tfs ````, ```` ```csv people.csv ````) is a file, there from the start.
/// - ```` ```console ```` has commands behind `$ ` for a shell, and below each what it writes; they run after the script.
/// - ```` ```prompt ```` is a talk with the prompt, which lasts over the page.
///
/// In what is shown, `…` stands for any text on its line, and alone on a line for any number of lines.
/// `make docs` writes the blocks anew that are not so, for review.
@Suite struct DocumentTests {
    static let project = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
    static let tour = names(in: "docs/tour").filter { $0.hasSuffix(".md") }.map { "docs/tour/" + $0 }
    static let all = ["README.md", "docs/language.md", "docs/reproducible.md"] + tour

    static func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: project + "/" + folder)) ?? []).sorted()
    }

    @Test(arguments: all)
    func showsWhatHappens(_ path: String) throws {
        let url = URL(filePath: Self.project + "/" + path)
        let page = Page(String(decoding: try Data(contentsOf: url), as: UTF8.self))
        let run = try PageRun(page)
        let differing = try run.outputs().filter { !$0.isRight }
        if unsafe getenv("TFS_REWRITE") != nil {
            let changes = differing.filter { !$0.isInline }.map { ($0.block, $0.found, $0.isNew) }
            if !changes.isEmpty { try Data(page.replacing(changes).text.utf8).write(to: url) }
            return
        }
        for output in differing {
            Issue.record("""
                \(path):\(output.block.lines.lowerBound): the page shows
                \(output.shown.joined(separator: "\n"))
                --- found
                \(output.found.joined(separator: "\n"))
                """)
        }
    }

    @Test(arguments: all)
    func hasAllItsFencesInPairs(_ path: String) throws {
        let text = String(decoding: try Data(contentsOf: URL(filePath: Self.project + "/" + path)), as: UTF8.self)
        #expect(text.split(separator: "\n").filter { $0.hasPrefix("```") }.count.isMultiple(of: 2))
    }

    @Test func anEllipsisStandsForWhatVaries() {
        #expect(matches(["a", "…", "b…d"], ["a", "1", "2", "bcd"]))
        #expect(matches(["…"], []))
        #expect(!matches(["a…c"], ["ab"]))
        #expect(!matches(["a"], ["a", "b"]))
    }
}

/// One run of all that a page shows.
private struct PageRun {
    /// What a page shows for a block, and what was found.
    struct Output {
        let block: Page.Block
        var shown: [String]
        var found: [String]
        /// Nothing was shown yet: the output wants a block of its own.
        var isNew = false
        /// It is shown behind `# =>`, in the script itself.
        var isInline = false

        var isRight: Bool { matches(shown[...], found[...]) }
    }

    private static let mark = "\u{1}"

    private let page: Page
    private let scratch = try! Scratch()

    init(_ page: Page) throws {
        self.page = page
        try FileManager.default.createDirectory(atPath: scratch.path + "/.bin", withIntermediateDirectories: false)
        let command = binary.hasPrefix("/") ? binary : FileManager.default.currentDirectoryPath + "/" + binary
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/.bin/tfs", withDestinationPath: command)
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/examples", withDestinationPath: DocumentTests.project + "/examples")
        for block in page.blocks {
            guard let name = block.name else { continue }
            _ = try scratch.file(name, page.content(of: block).map { $0 + "\n" }.joined())
        }
    }

    func outputs() throws -> [Output] {
        try script() + page.blocks.filter { $0.language == "console" }.map(console) + talk()
    }

    private func shell(_ command: String) throws -> [String] {
        let folder = scratch.path
        let outcome = try runCommand(
            ["-c", "exec 2>&1; cd \(folder); PATH=\(folder)/.bin:$PATH\n\(command)\n"], program: "/bin/sh")
        return Self.lines(outcome.output)
    }

    /// Lines without blanks at their ends.
    private static func lines(_ text: String) -> [String] {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            var line = line
            while line.last == " " { line.removeLast() }
            return String(line)
        }
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    // MARK: The script

    private func script() throws -> [Output] {
        let parts = page.blocks.indices.filter { page.blocks[$0].language == "tfs" && page.blocks[$0].name == nil }
        guard !parts.isEmpty else { return [] }
        let text = parts.map { page.content(of: page.blocks[$0]).map { Self.printing($0) + "\n" }.joined() }
        _ = try scratch.file("page.tfs", text.joined(separator: "print(\"\(Self.mark)\")\n"))
        let outcome = try runCommand(["-c", "cd \(scratch.path) && exec .bin/tfs run page.tfs"], program: "/bin/sh")
        try #require(outcome.status == 0, "\(outcome.errors)")
        let found = outcome.output.components(separatedBy: Self.mark + "\n")
        try #require(found.count == parts.count)
        return zip(parts, found).map { index, found in
            let block = page.blocks[index]
            let inline = page.content(of: block).compactMap { Self.halves($0)?.value }
            if !inline.isEmpty { return Output(block: block, shown: inline, found: Self.lines(found), isInline: true) }
            guard index + 1 < page.blocks.count, page.blocks[index + 1].language == "text" else {
                return Output(block: block, shown: [], found: Self.lines(found), isNew: true)
            }
            return Output(block: page.blocks[index + 1], shown: page.content(of: page.blocks[index + 1]), found: Self.lines(found))
        }
    }

    /// A line whose value is shown behind it prints that value.
    private static func printing(_ line: String) -> String {
        guard let (expression, _) = halves(line), !expression.hasPrefix("print(") else { return line }
        return "print(\(expression))"
    }

    private static func halves(_ line: String) -> (expression: Substring, value: String)? {
        let arrow = "# => "
        guard let place = line.firstRange(of: arrow) else { return nil }
        return (line[..<place.lowerBound], String(line[place.upperBound...]))
    }

    // MARK: The shell and the prompt

    private func console(_ block: Page.Block) throws -> Output {
        let shown = page.content(of: block)
        let found = try shown.filter { $0.hasPrefix("$ ") }.flatMap { [$0] + (try shell(String($0.dropFirst(2)))) }
        return Output(block: block, shown: shown, found: found)
    }

    private func talk() throws -> [Output] {
        let blocks = page.blocks.filter { $0.language == "prompt" }
        guard !blocks.isEmpty else { return [] }
        // An entry is a line behind `tfs> ` with those behind `...> `.
        let entries = blocks.map { block in
            page.content(of: block).reduce(into: [[String]]()) { entries, line in
                if line.hasPrefix("tfs> ") { entries.append([line]) }
                if line.hasPrefix("...> "), !entries.isEmpty { entries[entries.count - 1].append(line) }
            }
        }
        let input = entries.joined().map { $0.map { $0.dropFirst(5) + "\n" }.joined() + "\nprint(\"\(Self.mark)\");\n" }.joined()
        _ = try scratch.file(".talk", input)
        let text = try shell("tfs < .talk").map { $0 + "\n" }.joined().replacing("<stdin>", with: "<prompt>")
        var answers = text.components(separatedBy: Self.mark + "\n").makeIterator()
        return zip(blocks, entries).map { block, entries in
            let found = entries.flatMap { $0 + Self.lines(answers.next() ?? "") }
            return Output(block: block, shown: page.content(of: block), found: found)
        }
    }
}
