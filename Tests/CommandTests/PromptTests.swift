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

    @Test func whatFailedHasGivenItsNameNoValue() throws {
        let outcome = try tfs(input: "x = auc()\ne = relu(1, bad = 2)\ne\nk = [x][4]\nk\n")
        #expect(outcome.output == "")
        #expect(outcome.errors.ranges(of: "E0302").count == 2)
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

    @Test func typeDisturbsNothing() throws {
        let outcome = try tfs(input: "7\n:type random.normal([3])\nans\nx = random.normal([]);\n:reset\ny = random.normal([]);\n:type y = 3\n")
        #expect(outcome.output == "7\ntensor f32[3]\n7\n")
        #expect(outcome.errors.contains("one expression"))
    }

    @Test func whatIsSavedGivesTheSameValues() throws {
        let scratch = try Scratch()
        let path = scratch.path + "/saved.tfs"
        let entries = [
            "fn f(n) = n + 1", "nowhere(1)", "y = f(1)", "fn f(n) = n * 10", "z = f(4)", "20 + 1", "w = ans * 2", "r = random.normal([2])", "1 // 0",
            "s = random.normal([2])", ":save \(path)", "print(y, z, w, r, s, f(1))",
        ]
        let outcome = try tfs(input: entries.joined(separator: "\n") + "\n")
        let saved = try scratch.text("saved.tfs")
        #expect(!saved.contains("nowhere"))
        let again = try tfs("run", try scratch.file("again.tfs", saved + "print(y, z, w, r, s, f(1))\n"))
        #expect(again.output == outcome.output.split(separator: "\n").last.map { $0 + "\n" })
        #expect(again.status == 0)
    }

    @Test func filesAreLoadedAndReadAnew() throws {
        let scratch = try Scratch()
        try scratch.folder("parts")
        _ = try scratch.file("parts/inner.txt", "k = 5\n")
        let outer = try scratch.file("parts/outer.tfs", "import \"inner.txt\" as inner\nn = inner.k + 1\n")
        let outcome = try tfs(
            input: "import \"\(scratch.path)/parts/inner.txt\" as inner\n:load \(outer)\nn\nio.write(\"\(scratch.path)/parts/inner.txt\", \"k = 7\\n\")\n"
                + ":reload\ninner.k + n\n:load nofile.tfs\n")
        #expect(outcome.output.hasPrefix("6\n"))
        #expect(outcome.output.hasSuffix("15\n"))
        #expect(outcome.errors.contains("nofile.tfs"))
    }

    @Test func anImportThatFailedMayBeTriedAgain() throws {
        let scratch = try Scratch()
        let path = try scratch.file("part.txt", "a = 1 +\n")
        let outcome = try tfs(input: "import \"\(path)\" as part\nio.write(\"\(path)\", \"a = 2\\n\")\nimport \"\(path)\" as part\npart.a\n")
        #expect(outcome.errors.contains("E0121"))
        #expect(outcome.output == "2\n")
    }

    @Test func plotsAreCurvesWithAxes() throws {
        let outcome = try tfs(input: ":plot {loss = [4.0, 2.0, 1.0], val_loss = [5.0, 3.0, 2.0], accuracy = [0.1, 0.5, 0.9]}\n:plot \"text\"\n")
        #expect(outcome.output.contains("loss      last 1  min 1 at 3  max 4 at 1"))
        #expect(outcome.output.contains("accuracy"))
        #expect(outcome.output.split(separator: "\n").count(where: { $0.contains("└") }) == 2)
        #expect(outcome.errors.contains("no numbers to plot"))
    }
}
