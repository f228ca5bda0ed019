import Syntax
import Testing

@Suite struct FormatTests {
    /// The project's own scripts are in the one format; `tfs fmt stdlib examples bench Tests/stdlib` brings them there. Those
    /// in `Tests/scripts` are not: some are about layouts that the format would undo.
    @Test(arguments: ["stdlib", "examples", "bench", "Tests/stdlib"])
    func ownScripts(folder: String) {
        for path in scripts(below: projectFolder + "/" + folder) {
            let text = read(path)
            let (script, diagnostics) = parsed(text)
            #expect(diagnostics.isEmpty && format(script) == text, "\(path) is not formatted: `tfs fmt \(folder)`")
        }
    }

    private func scripts(below folder: String) -> [String] {
        files(in: folder, suffix: ".tfs").map { folder + "/" + $0 }
            + files(in: folder, suffix: "").filter { !$0.contains(".") }.flatMap { scripts(below: folder + "/" + $0) }
    }

    /// What is too long breaks at its outermost joints, and lines that the author has begun stay.
    @Test func layouts() {
        func formatted(_ text: String) -> String { format(parsed(text).script) }
        #expect(formatted("a=1;b=2 # c\n\n\n\nf( x )") == "a = 1\nb = 2  # c\n\nf(x)\n")
        let long = String(repeating: "n", count: 50)
        #expect(formatted("f(\(long), \(long), a = 1, b = 2)") == "f(\(long), \(long), a = 1, b = 2)\n")
        #expect(formatted("value = f(\(long), \(long), a = 1, b = 2)") == "value = f(\n    \(long), \(long), a = 1, b = 2\n)\n")
        #expect(formatted("f(\(long), \(long), \(long))") == "f(\n    \(long),\n    \(long),\n    \(long),\n)\n")
        #expect(formatted("f(\(long), \(long), \(long), x -> { x })").hasSuffix("    x -> { x },\n)\n"))
        #expect(formatted("x = a\n|> f |> g\n|> h") == "x = a\n    |> f |> g\n    |> h\n")
        #expect(formatted("x = a\n.f() .g()") == "x = a\n    .f().g()\n")
        #expect(formatted("x = if a { b }\nelse { c }") == "x = if a { b }\n    else { c }\n")
        #expect(formatted("x = if a { b } else {\nc }") == "x = if a {\n    b\n} else {\n    c\n}\n")
        let record = formatted("t = f({ a = \(long), b = \(long), c = 1 }, d = 1)")
        #expect(record == "t = f({\n    a = \(long)\n    b = \(long)\n    c = 1\n}, d = 1)\n")
        #expect(formatted("## a\n# #\n## b\nfn f() = 1") == "## a\n# #\n## b\nfn f() = 1\n")
        // A second round would find breaks that the first has made.
        for text in ["x = \(long) + \(long) ** (if b { c } else\n\n{ d }) - 1_000.c", "f(\(long), \(long), c -> {\n    c\n}, d -> { d })"] {
            let once = formatted(text)
            #expect(formatted(once) == once)
        }
        let (returned, plain) = (parsed("fn f(\na = 1,\r  ## one\n) = a").script, parsed("fn f(\na = 1,  ## one\n) = a").script)
        #expect(returned.dump == plain.dump)
        #expect(formatted("x = [[1, 2],\n[3, 4]]") == "x = [\n    [1, 2],\n    [3, 4],\n]\n")
        #expect(formatted("r = {\na = 1, b = 2}") == "r = {\n    a = 1\n    b = 2\n}\n")
        #expect(formatted("f(a,\n\n# c\nb)") == "f(\n    a,\n\n    # c\n    b,\n)\n")
        #expect(formatted("if a {\nb } # c\n# d\nelse { e }") == "if a {\n    b\n}  # c\n# d\nelse {\n    e\n}\n")
        let numbers = (0..<60).map(String.init).joined(separator: ", ")
        #expect(formatted("x = [\(numbers)]").split(separator: "\n").count == 4)
    }
}
