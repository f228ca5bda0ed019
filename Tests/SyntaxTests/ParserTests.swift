import Syntax
import Testing

/// The structure of a text that has no mistakes.
private func tree(_ text: String) -> String {
    let (script, diagnostics) = parsed(text)
    if !diagnostics.isEmpty { Issue.record("\(text)\n\(rendered(diagnostics))") }
    return script.dump
}

@Suite struct ParserTests {
    static let tour = testFolder + "/fixtures/tour/"

    @Test(arguments: files(in: tour, suffix: ".tfs"))
    func theTourParses(file: String) {
        let text = read(Self.tour + file)
        let printed = format(parsed(text).script)
        #expect(tree(text) == tree(printed))
        #expect(format(parsed(printed).script) == printed)
        #expect(parsed(printed).script.comments.count == parsed(text).script.comments.count)
    }

    @Test(arguments: [
        ("-2 ** 2", "(- (** 2 2))"),
        ("2 ** -1", "(** 2 (- 1))"),
        ("2 ** 3 ** 4", "(** 2 (** 3 4))"),
        ("a - b - c * d @ e", "(- (- a b) (@ (* c d) e))"),
        ("not a == b and c or d", "(or (and (not (== a b)) c) d)"),
        ("a not in b", "(not in a b)"),
        ("x |> f |> g(1)", "(|> (|> x f) (call g 1))"),
        ("x -> y -> x + y |> f", "(-> (x) (-> (y) (|> (+ x y) f)))"),
        ("(a, b: int? = 3, ...c) -> { a; b }", "(-> (a, b:int? = 3, ...c) {a; b})"),
        ("() -> 1", "(-> () 1)"),
        ("r -> ({age = r.age})", "(-> (r) (paren {age = (. r age)}))"),
        ("x[..., none, 1:, ::2, :-1, i]", "(index x ... none 1:: ::2 :(- 1): i)"),
        ("f(1, ...xs, k = 2, ...r)", "(call f 1 ...xs k=2 ...r)"),
        ("[...xs, y,]", "[...xs, y]"),
        ("[a + b for a, b in xs if a for c in b if c]", "[(+ a b) for a,b in xs if a for c in b if c]"),
        ("{a = 1, f(x) = x, g(x) { y = x; y }, m, ...r}", "{a = 1, f(x) x, g(x) {(= y x); y}, m, ...r}"),
        ("{}", "{}"),
        ("3.scale(4)", "(call (. 3 scale) 4)"),
        ("if a { b } else if c { d } else { e }", "(if a {b} c {d} else {e})"),
        ("y = if a { b } else { c } + 1", "(= y (+ (if a {b} else {c}) 1))"),
        ("if x in {a = 1} { b }", "(if (in x {a = 1}) {b})"),
        ("if model { b }", "(if model {b})"),
        ("if (model { b }) == c { d }", "(if (== (paren (model {b})) c) {d})"),
        ("y = with d { f() }", "(= y (with d {(call f)}))"),
        ("encoder = model { dense(64); dense(16) }", "(= encoder (model {(call dense 64); (call dense 16)}))"),
        ("for k, v in r { break }", "(for k,v r {(break)})"),
        ("a, b = b, a", "(= [a b] [b, a])"),
        ("{w, b} = p", "(= {w b} p)"),
        ("x **= 2", "(**= x 2)"),
        ("f = 1, 2", "(= f [1, 2])"),
        ("fn f(a, b: f32[n, 3, _, ...] = 3) -> int[] = a, b", "(fn f (a, b:f32[\"n\", \"3\", \"_\", \"...\"] = 3):int[] [a, b])"),
        ("model net { flatten }", "(model net {flatten})"),
        ("model net(a)(x, y) { x + y }", "(model net (a) (x, y) {(+ x y)})"),
        ("estimator e { model = net; loss = l }", "(estimator e {model = net, loss = l})"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0xff + 1_000 + 1e-3", "(+ (+ 255 1000) 0.001)"),
    ])
    func structure(text: String, expected: String) { #expect(tree(text) == expected) }

    @Test func wordsAreKeywordsOnlyWhereTheirStatementBegins() {
        #expect(tree("test = csv(1)\ntest, train = t\ntest.batch(32)\nmodel.summary()") == """
            (= test (call csv 1))
            (= [test train] t)
            (call (. test batch) 32)
            (call (. model summary))
            """)
        #expect(tree("expect = 3\nexpect\nexpect + 1\nexpect in xs\nexpect not in xs\nexpect += 1") == """
            (= expect 3)
            expect
            (+ expect 1)
            (in expect xs)
            (not in expect xs)
            (+= expect 1)
            """)
        #expect(tree("expect -1 < 0\nexpect (a), \"m\"\nexpect not a") == """
            (expect (< (- 1) 0))
            (expect (paren a) (string "m"))
            (expect (not a))
            """)
        #expect(tree("layer(1)\noption |> f\nimport\nas = 3") == "(call layer 1)\n(|> option f)\nimport\n(= as 3)")
        #expect(tree("import \"a.tfs\" as *\nimport \"b\" as b\nimport \"c\"") == "(import \"a.tfs\" *)\n(import \"b\" b)\n(import \"c\")")
    }

    @Test func newlinesEndStatementsExceptWhereTheyCannot() {
        #expect(tree("a\n-b") == "a\n(- b)")
        #expect(tree("a +\n\n# words\n b") == "(+ a b)")
        #expect(tree("x\n  # words\n  |> f\n  .g(1)\n") == "(|> x (call (. f g) 1))")
        #expect(tree("f(a,\n b\n + c)") == "(call f a (+ b c))")
        #expect(tree("if a { b }\n\nelse { c }") == "(if a {b} else {c})")
        #expect(tree("y =\n  3; z = 4;") == "(= y 3)\n(= z 4)")
        #expect(tree("f(x -> {\n y = x\n y\n})") == "(call f (-> (x) {(= y x); y}))")
        #expect(tree("r = {\n a = 1\n b = 2, c = 3;\n d\n}") == "(= r {a = 1, b = 2, c = 3, d})")
        #expect(tree("a\r\nb\r\n") == "a\nb")
    }

    @Test func stringsHoldTextAndExpressions() {
        #expect(tree(#""a\tb\n\"\\\u{e9}""#) == #"(string "a\tb\n\"\\é")"#)
        #expect(tree(#""{{x}} {x + 1:>8.3f} {f("a{b}", {c = 1}.c)}""#)
            == #"(string "{x} " {(+ x 1):>8.3f} " " {(call f (string "a" {b}) (. {c = 1} c))})"#)
        #expect(tree(#""""#) == "(string)")
        #expect(tree("\"{x[1:2]}{(a: int) -> a:d}\"") == "(string {(index x 1:2:)} {(-> (a:int) a):d})")
        #expect(tree("\"\"\"\n    one \"two\"\n      {three}\n\n    four\n    \"\"\"") == #"(string "one \"two\"\n  " {three} "\n\nfour")"#)
        #expect(tree("\"\"\"one\n    two\n      three\"\"\"") == #"(string "one\ntwo\n  three")"#)
        #expect(tree("\"\"\"\"\"\"") == "(string)")
        #expect(tree("\"\"\"\n\"\"\"") == "(string)")
        #expect(tree("\"\"\"\n  {a}\n    {b}\n  \"\"\"") == #"(string {a} "\n  " {b})"#)
    }

    @Test func documentationBelongsToWhatItStandsAtBeforeOrBehind() {
        #expect(tree("option a = 1   ## first\n## second\noption b = 2") == "(option a 1 ##\"first\")\n(option b 2 ##\"second\")")
        #expect(tree("## One.\n##\n## Two.\nfn f(\n  a,   ## words on a\n  ## on b\n  b = 2 ## not on b\n) = a")
            == "(fn f (a ##\"words on a\", b = 2 ##\"on b\") ##\"One.\\n\\nTwo.\" a)")
        #expect(tree("## far\n\nfn f(a) = a  ## near") == "(fn f (a) ##\"near\" a)")
        #expect(tree("fn f(a) {   ## words\n a\n}") == "(fn f (a) ##\"words\" {a})")
        #expect(tree("# plain\nfn f(a, b) = a # plain") == "(fn f (a, b) a)")
    }

    @Test func everyNodeKnowsItsText() {
        let (script, _) = parsed("x = é(a, b)[0].c |> d\nif a { b }")
        #expect(script.source.text(script.statements[0].range) == "x = é(a, b)[0].c |> d")
        guard case .assign(_, let value) = script.statements[0].kind, case .pipe(let left, let right) = value.kind else {
            Issue.record("no pipe")
            return
        }
        #expect(script.source.text(value.range) == "é(a, b)[0].c |> d")
        #expect(script.source.text(left.range) == "é(a, b)[0].c")
        #expect(script.source.text(right.range) == "d")
        #expect(script.source.text(script.statements[1].range) == "if a { b }")
    }

    @Test(arguments: [
        ("x = 3", true), ("fn f() {", false), ("fn f() {\n a\n}", true), ("x = [1,", false), ("x =", false),
        ("a |>", false), ("\"\"\"a", false), ("\"\"\"a\nb\"\"\"", true), ("\"abc", true), ("f(\n1", false), ("f(\n1\n)", true),
        ("f(\n\n", true), ("x = )", true), ("import \"a\" as *", true), ("## words", false), ("# words", true),
        ("## words\nfn f() = 1", true), ("f(a) # (", true), ("not", false), ("\"{f(\n", true), ("if a { b }", true), ("", true),
        ("a +  # words", false), ("x -> {", false), ("{ a = \"}\"", false), ("x = a;", true),
    ])
    func completeness(text: String, expected: Bool) { #expect(isComplete(text) == expected) }
}

@Suite struct SourceTests {
    @Test func bytesThatAreNoTextAreRefusedWithTheirOffset() {
        func refusal(_ bytes: [UInt8]) -> String? {
            do {
                _ = try SourceText.decode(path: "a.tfs", bytes: bytes)
                return nil
            } catch { return Renderer().line(error) }
        }
        #expect(refusal(Array("größe = 3".utf8)) == nil)
        #expect(refusal([0x78, 0xFF]) == "error[E0114]: `a.tfs` is not UTF-8 text: its byte 1 has no place there")
        for bad: [UInt8] in [[0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82], [0x80], [0xC3, 0x28]] {
            #expect(refusal(bad)?.contains("E0114") == true)
        }
        #expect(refusal([0x78, 0, 0x79])?.contains("E0115") == true)
    }

    @Test func aByteOrderMarkIsNoText() { #expect(parsed("\u{FEFF}x = 3").diagnostics.isEmpty) }
}
