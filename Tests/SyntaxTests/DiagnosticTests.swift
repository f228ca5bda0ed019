import Glibc
import Syntax
import Testing

/// Each fixture holds a script, a line `---`, and what is drawn for it. `RECORD=1 swift test` writes the drawings
/// anew, to be read before they are committed.
@Suite struct DiagnosticTests {
    static let folder = testFolder + "/fixtures/diagnostics/"
    static let fixtures = files(in: folder, suffix: ".txt")

    @Test(arguments: fixtures)
    func drawing(of fixture: String) {
        let parts = read(Self.folder + fixture).split(separator: "---\n", maxSplits: 1, omittingEmptySubsequences: false)
        let script = String(parts[0])
        let drawn = rendered(parsed(script).diagnostics)
        if unsafe getenv("RECORD") != nil { return write(script + "---\n" + drawn, to: Self.folder + fixture) }
        #expect(parts.count == 2 && drawn == parts[1])
    }

    /// A fixture that is named after a code shows that code.
    @Test func everyCodeHasAFixture() {
        let wording = read(projectFolder + "/Sources/Syntax/Diagnostic+Syntax.swift")
        var codes: Set<Substring> = []
        for piece in wording.split(separator: "code: \"").dropFirst() { codes.insert(piece.prefix(5)) }
        // These are not found by the parser; `SourceTests` has them.
        codes.subtract(["E0114", "E0115", "E0199"])
        #expect(codes.count > 40)
        for code in codes.sorted() { #expect(Self.fixtures.contains { $0.hasPrefix(code) }, "no fixture for \(code)") }
        for fixture in Self.fixtures where fixture.hasPrefix("E") {
            let drawn = parsed(String(read(Self.folder + fixture).split(separator: "---\n")[0])).diagnostics
            #expect(drawn.contains { fixture.hasPrefix($0.code) }, "\(fixture) shows another code")
        }
    }
}

@Suite struct RendererTests {
    private let source = SourceText(
        path: "mnist.tfs",
        text: "a = 1\n\n\nlarge = zeros([32, 5])\nhead = dense(2)\nhead(small)\nhead(large)\n")

    private func label(_ text: String, line: Int, _ words: String) -> Label {
        let start = source.lineStarts[line - 1]
        let length = text.utf8.count
        let inside = Array(source.utf8[start...])
        let column = inside.indices.first { inside[$0...].starts(with: text.utf8) } ?? 0
        return Label(SourceRange(source, start + column, start + column + length), words)
    }

    private var example: Diagnostic {
        Diagnostic(
            code: "E0207", what: "`head` expects 3 features, found 5", at: label("large", line: 7, "shape [32, 5]"),
            also: [label("small", line: 6, "its first use made `features` 3")],
            why: "one layer value has one set of parameters, shared by all its uses",
            mend: "construct a second layer for inputs of another width")
    }

    @Test func drawsWhatTheStylePageShows() {
        #expect(
            Renderer().render(example) == """
                error[E0207]: `head` expects 3 features, found 5
                  ┌ mnist.tfs:7:6
                6 │ head(small)
                  │      ----- its first use made `features` 3
                7 │ head(large)
                  │      ^^^^^ shape [32, 5]
                  why: one layer value has one set of parameters, shared by all its uses
                  mend: construct a second layer for inputs of another width
                """)
    }

    @Test func wrapsAtTheWidthAndSpeaksASCII() {
        #expect(
            Renderer(width: 40, usesASCII: true).render(example) == """
                error[E0207]: `head` expects 3 features,
                              found 5
                  --> mnist.tfs:7:6
                6 | head(small)
                  |      ----- its first use made
                  |            `features` 3
                7 | head(large)
                  |      ^^^^^ shape [32, 5]
                  why: one layer value has one set of
                       parameters, shared by all its
                       uses
                  mend: construct a second layer for
                        inputs of another width
                """)
    }

    @Test func drawsLongRangesGapsOtherFilesAndCalls() {
        let other = SourceText(path: "blocks.tfs", text: "fn f(x) = x\n")
        var diagnostic = example
        diagnostic.severity = .warning
        diagnostic.why = nil
        diagnostic.mend = nil
        diagnostic.at = Label(SourceRange(source, 0, source.lineStarts[4] + 4), "all of this")
        diagnostic.also = [Label(SourceRange(other, 3, 4), "declared here")]
        diagnostic.calls = [Label(SourceRange(other, 10, 11), "`f`"), Label(SourceRange(source, 0, 1))]
        #expect(
            Renderer().render(diagnostic) == """
                warning[E0207]: `head` expects 3 features, found 5
                  ┌ mnist.tfs:1:1
                1 │ a = 1
                  │ ^^^^^
                  ┆
                5 │ head = dense(2)
                  │ ^^^^ all of this
                  ├ blocks.tfs:1:4
                1 │ fn f(x) = x
                  │    - declared here
                  called at blocks.tfs:1:11 `f`
                  and at mnist.tfs:1:1
                """)
    }

    @Test func drawsWithoutAPlace() {
        let diagnostic = Diagnostic(code: "E0001", what: "no script `a.tfs`", at: nil, mend: "did you mean `b.tfs`?")
        #expect(Renderer().render(diagnostic) == "error[E0001]: no script `a.tfs`\n  mend: did you mean `b.tfs`?")
        #expect(Renderer().line(diagnostic) == "error[E0001]: no script `a.tfs`")
        #expect(Renderer().line(example) == "mnist.tfs:7:6: error[E0207]: `head` expects 3 features, found 5")
    }

    @Test func paintsOnlyWhenAsked() {
        #expect(Renderer(usesColor: true).render(example).utf8.contains(0x1B))
        #expect(!Renderer().render(example).utf8.contains(0x1B))
        let hostile = Diagnostic(code: "E0001", what: "no file `\u{1B}[2J`", at: nil)
        #expect(!Renderer().render(hostile).utf8.contains(0x1B))
    }

    @Test func findsTheNearestName() {
        #expect(nearest(to: "dens", in: ["dense", "dropout"]) == "dense")
        #expect(nearest(to: "BatchNorm", in: ["layer_norm", "batch_norm"]) == "batch_norm")
        #expect(nearest(to: "actviation", in: ["units", "activation"]) == "activation")
        #expect(nearest(to: "conv", in: ["dense", "conv1d"]) == "conv1d")
        #expect(nearest(to: "zebra", in: ["dense", "dropout"]) == nil)
        #expect(nearest(to: "x", in: ["y"]) == nil)
    }
}
