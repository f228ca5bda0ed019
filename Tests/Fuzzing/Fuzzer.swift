internal import Datasets
internal import Engine
internal import FoundationEssentials
internal import Formats
public import Language
public import Syntax

/// Input by number, and what happens with it.
public struct Fuzzer: Sendable {
    public let target: Target
    public let seed: UInt64
    private let grammar: Grammar
    private let scripts: Mutator
    private let library: StandardLibrary
    private let calls: CallMaker
    private let documents: [(name: String, bytes: [UInt8])]

    /// The package's own folder, found from this file.
    public static let package = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }

    public init(_ target: Target, seed: UInt64) {
        self.target = target
        self.seed = seed
        grammar = Grammar(Self.text("grammar/tfs.ebnf"))
        let paths = Self.files(["examples", "stdlib", "Tests/scripts", "Tests/stdlib", "Tests/SyntaxTests/fixtures/tour", "Tests/corpus"])
        let scripts = paths.filter { $0.hasSuffix(".tfs") }
        // Training takes its time; layers and ops come with the calls.
        let isSlow: (String) -> Bool = { path in ["/training/", "/estimators/", "examples/", "stdlib/estim"].contains { path.contains($0) } }
        self.scripts = Mutator((target == .run ? scripts.filter { !isSlow($0) } : scripts).map(Self.text))
        library = StandardLibrary(root: Self.package + "/stdlib")
        calls = CallMaker(library: library)
        documents = target != .files ? [] : Self.files(["Tests/FormatsTests/golden"]).filter { !$0.hasSuffix(".py") }.map {
            ($0, (try? Files.read(Self.package + "/" + $0)) ?? [])
        } + Self.documents
    }

    private static func text(_ path: String) -> String {
        String(decoding: (try? Files.read(package + "/" + path)) ?? [], as: UTF8.self)
    }

    /// The files below some folders, in order.
    private static func files(_ folders: [String]) -> [String] {
        folders.flatMap { folder in
            ((try? FileManager.default.subpathsOfDirectory(atPath: package + "/" + folder)) ?? []).sorted().map { folder + "/" + $0 }
        }.filter { $0.split(separator: "/").last?.contains(".") ?? false }
    }

    private static let documents: [(name: String, bytes: [UInt8])] = [
        ("a.csv", Array("a,b,\"c, d\"\n1,x,0.5\n2,\"y \"\"z\"\"\",nan\n,,\n-1e400,true,2020-01-01\n".utf8)),
        ("b.csv", Array("\u{FEFF}x;y\r\n1;2\r\n3;4".utf8)),
        ("a.json", Array("{\"a\": [1, -2.5e3, true, null, \"\\u00e9\\ud83d\\ude00\"], \"b\": {\"c\": [[[]]], \"d\": 1e400}}".utf8)),
        ("b.json", Array("[[1, 2], [3, 4.5]]".utf8)),
    ]

    // MARK: Input

    /// The text of an input of any target but `files`.
    public func text(_ index: Int) -> String {
        var random = SplitMix(seed: seed, index: index)
        switch target {
        case .calls: return calls.script(&random)
        case .check, .run: return random.chance(8) ? scripts.bytes(&random) : scripts.tokens(&random)
        case .syntax, .files:
            switch random.below(8) {
            case 0: return program(&random)
            case 1: return commented(program(&random), &random)
            case 2: return scripts.bytes(&random)
            case 3, 4: return scripts.tokens(&random)
            case 5: return commented(scripts.tokens(&random), &random)
            case 6: return Mutator.soup(&random)
            default: return Mutator.noise(&random)
            }
        }
    }

    private func program(_ random: inout SplitMix) -> String {
        var maker = ProgramMaker(grammar, seed: random.next())
        return maker.program()
    }

    /// With comments and blank lines behind some of the tokens.
    private func commented(_ text: String, _ random: inout SplitMix) -> String {
        var result = ""
        let often = random.pick([4, 20, 80])
        var isWord = false
        for scalar in text.unicodeScalars {
            let continues = scalar.properties.isXIDContinue
            if !(continues && isWord), random.chance(often) {
                result += random.pick([" # c\n", " ## d\n", "\n# e\n", "\n\n## f\n\n", "\n\n", "\n", " #!g\n", "\n# #h\n", "\r\n", "\n###i\n"])
            }
            isWord = continues
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    /// The file of an input of the target `files`.
    public func file(_ index: Int) -> (name: String, bytes: [UInt8]) {
        var random = SplitMix(seed: seed, index: index)
        let (name, bytes) = random.pick(documents)
        return (name, Mutator.file(bytes, &random))
    }

    // MARK: Feeding

    /// Feeds an input to the target; what is wrong with the answer, if anything. A trap ends the process.
    public func feed(_ index: Int) -> String? {
        switch target {
        case .files:
            let (name, bytes) = file(index)
            Self.read(name, bytes)
            return nil
        case .syntax: return Self.parse(text(index))
        case .check, .run, .calls: return evaluate(text(index), runs: target != .check)
        }
    }

    /// Reads a text, and if it is a program prints it: what is wrong with that.
    public static func parse(_ text: String) -> String? {
        let (script, diagnostics) = Syntax.parse(SourceText(path: "input.tfs", text: text))
        for diagnostic in diagnostics.prefix(5) { _ = Renderer(width: 60).render(diagnostic) }
        _ = isComplete(text)
        guard diagnostics.isEmpty else { return diagnostics.count > 101 ? "\(diagnostics.count) diagnostics" : nil }
        let printed = format(script)
        let (again, mistakes) = Syntax.parse(SourceText(path: "printed.tfs", text: printed))
        if let first = mistakes.first { return "printed, it no longer parses\n\(Renderer().render(first))\n\(printed)" }
        if again.dump != script.dump { return "printed, it means something else\n\(script.dump)\n\(again.dump)\n\(printed)" }
        if again.comments.map(\.text) != script.comments.map(\.text) { return "comments are lost or moved\n\(printed)" }
        let twice = format(again)
        return twice == printed ? nil : "it prints differently the second time\n" + difference(printed, twice)
    }

    /// The lines around the first that differ.
    private static func difference(_ a: String, _ b: String) -> String {
        let (a, b) = (a.split(separator: "\n", omittingEmptySubsequences: false), b.split(separator: "\n", omittingEmptySubsequences: false))
        let first = zip(a, b).prefix { $0 == $1 }.count
        func part(_ lines: [Substring]) -> String { lines[min(max(first - 3, 0), lines.count)..<min(first + 4, lines.count)].joined(separator: "\n") }
        return part(a) + "\n---\n" + part(b)
    }

    /// Checks and runs a text in a session that reaches no files.
    public func evaluate(_ text: String, runs: Bool) -> String? {
        let quiet = Console(write: { _ in }, report: { _ in }, progress: { _ in }, isTerminal: false, width: 80)
        let session = Session(library: library, console: quiet)
        session.isSealed = true
        let source = SourceText(path: "input.tfs", text: text)
        let diagnostics = runs ? session.run(source).diagnostics : session.check(source)
        for diagnostic in diagnostics.prefix(3) {
            let drawn = Renderer(width: 60).render(diagnostic)
            if drawn.utf8.count > 100_000 { return "a diagnostic of \(drawn.utf8.count) bytes" }
        }
        return nil
    }

    /// Reads the bytes as what the name says.
    public static func read(_ name: String, _ bytes: [UInt8]) {
        func attempt<R>(_ body: () throws -> R) { _ = try? body() }
        if name.hasSuffix(".npy") { attempt { try NPY.parse(bytes) } }
        if name.hasSuffix(".npz") { attempt { try NPZ.parse(bytes) } }
        if name.hasSuffix(".safetensors") { attempt { try SafeTensors.parse(bytes) } }
        if name.contains("idx") { attempt { try IDX.parse(bytes) } }
        if name.hasSuffix(".json") { attempt { try JSON.parse(bytes) } }
        if name.contains(".csv") {
            attempt { try CSV.parse(bytes) }
        }
    }
}

extension Fuzzer {
    /// What takes the input.
    public enum Target: String, CaseIterable, Sendable {
        /// Lexer, parser, printer, renderer and the prompt's reader.
        case syntax
        /// The check of a disarranged script.
        case check
        /// Check and run of a disarranged script.
        case run
        /// Check and run of calls with arguments that nobody means.
        case calls
        /// The readers of files.
        case files
    }
}
