import Fuzzing
import Syntax
import Testing

/// Whatever the text: an answer, in time, and never a trap; and of what parses, the printed form parses to the same tree
/// and comments, and prints the same again.
@Suite struct RobustnessTests {
    private func check(_ text: String) {
        if let complaint = Fuzzer.parse(text) { Issue.record("\(complaint)\n--- of\n\(text.prefix(2000))") }
    }

    /// Programs, disarranged programs, comments between any two tokens, tokens and bytes in any order.
    @Test(arguments: 0..<8)
    func freshInput(batch: Int) {
        let fuzzer = Fuzzer(.syntax, seed: 20)
        for index in batch * 60..<(batch + 1) * 60 {
            if let complaint = fuzzer.feed(index) { Issue.record("input \(index): \(complaint)") }
        }
    }

    /// What fuzzing has found, and what comes near it.
    @Test(arguments: [
        "f(a # c\n, b)", "f(a ## c\n, b)", "fn f(a ## x\n, b ## y\n) = 1", "fn f(a\n## x\n, b) = 1", "x = [1 # a\n, # b\n 2]", "x = - # c\n 9223372036854775808",
        "option a = 1; ## d", "a = 1\n; ## d\nfn f() = 1", "## d\n; fn f() = 1", "fn f() { } ## d", "layer f(a)(x) {\n x\n} ## d", "# #x", "#!x\n# !y", "#", "##", "###", "#\t#",
        "x = \"\"\"a\r\n b\r\r\n\"\"\"", "x = 1 # c\r\r\n", "\u{FEFF}x = 1", "if a { b } # c\nelse { d }", "if a { b }\n\n# c\n\nelse {\n d\n}", "x = {a = 1 # c\n, b}", "x = {\n\na = 1\n\n# c\n}",
        "x = f( # c\n)", "x = [ # c\n]", "x = {} # c", "x = { # c\n}", "f(x -> { # c\n x })", "a |> # c\n f", "a # c\n |> f", "a # c\n .f()", "a[ # c\n 1 # d\n : # e\n 2 # f\n : ]", "f(...a # c\n, ... # d\n b)",
        "for a, # c\n b in # d\n c { }", "a, # c\n b = 1, # d\n 2", "{a, # c\n b, # d\n} = c", "fn f(a: f32[ # c\n n, # d\n 2]) = 1", "x = ( # c\n a # d\n)", "expect a, # c\n \"m\"", "x = [a # c\n for b in # d\n c # e\n if d # f\n]", "estimator e { # c\n a = 1; # d\n}",
        "import \"a\" as * # c", "test \"a\" { # c\n}", "return # c", "\"\"\"\n\"\"\" # c", "x = a not # c\n in b", "x -> # c\n y", "model { # c\n a; b # d\n}",
    ])
    func comments(text: String) { check(text) }

    /// What found an input worth keeping lies in `Tests/corpus`.
    @Test func corpus() {
        for name in files(in: projectFolder + "/Tests/corpus/", suffix: ".tfs") { check(read(projectFolder + "/Tests/corpus/" + name)) }
    }

    /// Each of these once overflowed a stack, or took time that grew with the square, in one parser or another.
    @Test(arguments: [
        "(", "[", "{", "x = {a = ", "-", "not ", "f(", "x -> ", "x -> { ", "if a { ", "\"{", "fn f() {\n", "a[", "1 ** ", "1 + ", "x.f()",
        "x |> f ", "else ", ")", "'", "\\", "$ ", "a,", "\"", "#\n", "{{", "x = [\n", "model { ", "if a { } else ", "\u{0}", "é", "...",
    ])
    func repeated(scrap: String) {
        check(String(repeating: scrap, count: 10_000))
    }

    @Test(arguments: [("(", ")"), ("[", "]"), ("{a = ", "}"), ("f(", ")"), ("x -> { ", " }"), ("if a { ", " }"), ("\"{", "}\""), ("x[", "]")])
    func closedNests(open: String, close: String) {
        check("y = " + String(repeating: open, count: 90) + "1" + String(repeating: close, count: 90))
        check("y = " + String(repeating: open, count: 5_000) + "1" + String(repeating: close, count: 20_000))
    }
}
