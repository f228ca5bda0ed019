import Testing

/// The prompt without a terminal: statements and commands from a pipe.
@Suite struct PromptTests {
    @Test func valuesAreShownAndKept() throws {
        let outcome = try tfs(input: "1 + 1\nans * 10\nx = 3;\nx;\nfn f(n) {\n    n + x\n}\nf(2)\n")
        #expect(outcome.status == 0)
        #expect(outcome.output == "2\n20\n5\n")
        #expect(outcome.errors == "")
    }

    @Test func anErrorEndsNothingButTheStatus() throws {
        let outcome = try tfs(input: "1 +\n\nnowhere\n40 + 2\n")
        #expect(outcome.status == 1)
        #expect(outcome.output == "42\n")
        #expect(outcome.errors.contains("E0301"))
    }

    @Test func commandsAnswer() throws {
        let outcome = try tfs(input: "x = zeros([2, 3])\n:type x\n:v\n:lay max_pool\n:source dense\n:doc exp\n:reset\n:t x\n")
        #expect(outcome.output.contains("tensor f32[2, 3]"))
        #expect(outcome.output.contains("max_pool2d"))
        #expect(outcome.output.contains("layer dense("))
        #expect(outcome.output.contains("op exp(x)"))
        #expect(outcome.errors.contains("`:t` may be `:type` or `:time`"))
        #expect(outcome.status == 1)
    }

    @Test func quitLeaves() throws {
        let outcome = try tfs(input: "1\n:q\n2\n")
        #expect(outcome.output == "1\n")
        #expect(outcome.status == 0)
    }
}
