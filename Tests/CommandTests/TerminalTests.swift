import Glibc
import Testing

/// The prompt on a terminal.
@Suite struct TerminalTests {
    private func prompt(
        _ arguments: [String] = [], home: Scratch? = nil, environment: [String: String] = [:], columns: UInt16 = 100
    ) throws -> PseudoTerminal {
        let terminal = try PseudoTerminal(arguments, home: home, environment: environment, columns: columns)
        try terminal.wait(for: "tfs> ")
        return terminal
    }

    // MARK: Entering

    @Test func valuesAreShownAndCtrlDLeaves() throws {
        let terminal = try prompt()
        #expect(try terminal.enter("1 + 1") == "2\n")
        #expect(try terminal.enter("ans * 10") == "20\n")
        #expect(try terminal.enter("7;") == "")
        #expect(try terminal.enter("ans") == "7\n")
        terminal.send("x = 1 +  # more\r")
        try terminal.wait(for: "...> ")
        #expect(try terminal.enter("2") == "")
        #expect(try terminal.enter("x  # ;") == "3\n")
        terminal.send("\u{04}")
        #expect(terminal.end().status == 0)
    }

    @Test func anErrorShowsTheLineOnly() throws {
        let terminal = try prompt()
        let shown = try terminal.enter("1 + nowhere")
        #expect(shown.contains("E0301"))
        #expect(!shown.contains("<prompt>"))
        #expect(try terminal.enter("40 + 2") == "42\n")
    }

    @Test func aPastedBlockRunsWhole() throws {
        let terminal = try prompt()
        terminal.send("\u{1B}[200~fn double(n) {\n    m = half(n)\n\n    m * 4\n}\n\nfn half(n) = n / 2\ny = if true {\n    double(5)\n}\nelse {\n    0\n}\ny\n  |> double\n\u{1B}[201~\r")
        try terminal.wait(for: "20.0")
        try terminal.wait(for: "tfs> ")
        #expect(try terminal.enter("y") == "10.0\n")
    }

    @Test func promptsAndAnswersAreStrippedFromWhatIsPasted() throws {
        let terminal = try prompt()
        terminal.send("\u{1B}[200~tfs> fn f(n) {\n...>     n + 40\n...> }\ntfs> f(2)\n42\ntfs> f(3)\n43\n\u{1B}[201~\r")
        try terminal.wait(for: "42\n43\n")
        try terminal.wait(for: "tfs> ")
    }

    // MARK: History

    @Test func entriesComeBackWholeAlsoInTheNextSession() throws {
        let home = try Scratch()
        do {
            let terminal = try prompt(home: home)
            terminal.send("fn f(n) {\r")
            try terminal.wait(for: "...> ")
            terminal.send("    n + 40\r")
            try terminal.wait(for: "...> ")
            try terminal.enter("}")
            #expect(try terminal.enter("f(1)") == "41\n")
            #expect(try terminal.enter("f(1)") == "41\n")
            // A death without warning loses nothing.
            terminal.signal(SIGKILL)
            #expect(terminal.end().status == 128 + SIGKILL)
        }
        let terminal = try prompt(home: home)
        // Two entries back, since what is the same in a row is kept once.
        terminal.send("\u{1B}[A\u{1B}[A\r")
        try terminal.wait(for: "}")
        try terminal.wait(for: "tfs> ")
        #expect(try terminal.enter("f(2)") == "42\n")
        terminal.send("\u{12}+ 40")
        try terminal.wait(for: "n + 40")
        terminal.send("\r")
        try terminal.wait(for: "tfs> ")
    }

    // MARK: Ctrl-C

    @Test func ctrlCClearsTheLineAndAStatementBegun() throws {
        let terminal = try prompt()
        terminal.send("1 + nowhere")
        try terminal.wait(for: "nowhere")
        terminal.send("\u{03}")
        try terminal.wait(for: "tfs> ")
        #expect(try terminal.enter("3") == "3\n")
        terminal.send("fn f(\r")
        try terminal.wait(for: "...> ")
        terminal.send("\u{03}")
        try terminal.wait(for: "tfs> ")
        #expect(try terminal.enter("4") == "4\n")
    }

    @Test func ctrlCEndsALoopAndKeepsItsNames() throws {
        let terminal = try prompt()
        terminal.send("n = 0\rwhile true { n = n + 1; if n == 1000 { print(\"go\" + \"ing\") } }\r")
        try terminal.wait(for: "going")
        try terminal.interrupt()
        #expect(try terminal.enter("n >= 1000") == "true\n")
    }

    @Test func ctrlCEndsAFitAndKeepsWhatWasLearned() throws {
        let terminal = try prompt()
        try terminal.enter("e = dnn_classifier(hidden_units = [4])")
        terminal.send("h = e.fit(datasets.iris(), epochs = 1000000)\r")
        try terminal.wait(for: "loss 0")
        try terminal.interrupt("what was learned is kept")
        #expect(try terminal.enter("len(h.loss) > 0") == "true\n")
        #expect(try terminal.enter("e.evaluate(datasets.iris()).examples") == "150\n")
        let plot = try terminal.enter(":plot h")
        #expect(plot.contains("loss"))
        #expect(plot.contains("min"))
    }

    /// Whose figures are computed by calls, which Ctrl-C ends elsewhere.
    @Test func ctrlCEndsAFitWithRunningMetrics() throws {
        let terminal = try prompt()
        try terminal.enter("x, y = random.normal([64, 3]), random.uniform([64]) > 0.5")
        try terminal.enter("net = model { dense(1); squeeze_single }")
        try terminal.enter("e = compile(net, loss = sigmoid_cross_entropy, metrics = [auc()])")
        terminal.send("h = e.fit(x, y, epochs = 1000000)\r")
        try terminal.wait(for: "auc 0")
        try terminal.interrupt("what was learned is kept")
        #expect(try terminal.enter("len(h.loss) == len(h.auc) and e.predict(x).shape == [64]") == "true\n")
    }

    @Test func ctrlCEndsALongProduct() throws {
        let terminal = try prompt()
        // Some minutes of arithmetic in one instruction.
        try terminal.enter("a = ones([12000, 12000]);")
        terminal.send("print(\"made\"); mean(a @ a)\r")
        try terminal.wait(for: "made\n")
        try terminal.interrupt()
        #expect(try terminal.enter("1 + 1") == "2\n")
    }

    // MARK: Completion

    @Test func tabCompletesNamesFieldsAndArguments() throws {
        let terminal = try prompt()
        try terminal.enter("record = {learning_rate = 0.5, units = 3}")
        #expect(try terminal.enter("record.lea\t") == "0.5\n")
        #expect(try terminal.enter("max_pool2d(2, pad\t\"sa\t).config.padding").hasSuffix("same\"\n"))
        terminal.send("ones([2, 8, 8, 3]) |> global_a\t")
        try terminal.wait(for: "global_avg_pool2d")
        terminal.send("\u{15}record.\t")
        try terminal.wait(for: "learning_rate")
        try terminal.wait(for: "units")
        terminal.send("\u{15}:lo\t\u{15}:doc conv2d_\t\r")
        try terminal.wait(for: "layer conv2d_transpose(")
    }

    @Test func tabCompletesFilesAndColumns() throws {
        let home = try Scratch()
        _ = try home.file("measured.csv", "length,width,kind\n1,2,a\n3,4,b\n")
        _ = try home.file("script.tfs", "answer = 42\n")
        let terminal = try prompt(home: home)
        try terminal.enter("t = csv(\"mea\t, label = \"ki\t)")
        #expect(try terminal.enter("t.label") == "\"kind\"\n")
        #expect(try terminal.enter("t.column(\"wi\t).shape") == "[2]\n")
        #expect(try terminal.enter("t.select([\"length\", \"ki\t]).columns") == "[\"length\", \"kind\"]\n")
        try terminal.enter(":load scr\t")
        #expect(try terminal.enter("answer") == "42\n")
    }

    // MARK: Start

    @Test func theStartFileRunsAndItsMistakesAreTold() throws {
        let home = try Scratch()
        try home.folder(".config/tfs")
        _ = try home.file(".config/tfs/rc.tfs", "fn twice(x) = x * 2\n")
        #expect(try prompt(home: home).enter("twice(21)") == "42\n")
        try home.folder("other/tfs")
        _ = try home.file("other/tfs/rc.tfs", "kept = 1\nnowhere + 1\n")
        let terminal = try PseudoTerminal(home: home, environment: ["XDG_CONFIG_HOME": home.path + "/other"])
        #expect(try terminal.wait(for: "tfs> ").contains("E0301"))
        #expect(try terminal.enter("1") == "1\n")
    }

    @Test func aScriptsNamesAreThereAfterwards() throws {
        let home = try Scratch()
        _ = try home.file("made.tfs", "option rate = 0.5\nprint(\"rate {rate}\")\nx = 42\nerror(\"stop\")\ny = 1\n")
        let terminal = try PseudoTerminal(["-i", "made.tfs", "--rate", "0.25"], home: home)
        let start = try terminal.wait(for: "tfs> ")
        #expect(start.contains("rate 0.25"))
        #expect(start.contains("stop"))
        #expect(try terminal.enter("x") == "42\n")
    }

    // MARK: Terminals

    @Test func aDumbTerminalGetsNoEscapes() throws {
        let terminal = try prompt(environment: ["TERM": "dumb"])
        try terminal.enter("nowhere")
        try terminal.enter("[1, 2]")
        #expect(!terminal.transcript.contains(0x1B))
    }

    @Test func withoutColourMessagesAreColourless() throws {
        let terminal = try prompt(environment: ["NO_COLOR": "1"])
        try terminal.enter("nowhere")
        #expect(!String(decoding: terminal.transcript, as: UTF8.self).contains("\u{1B}[1"))
    }

    @Test func withoutUTF8EverythingIsASCII() throws {
        let terminal = try prompt(environment: ["LC_ALL": "C"])
        try terminal.enter("nowhere")
        try terminal.enter("list = [i * i for i in range(1000)]")
        try terminal.enter("list")
        try terminal.enter(":plot list")
        try terminal.enter(":layers pool")
        #expect(terminal.transcript.allSatisfy { $0 < 0x80 })
    }

    @Test func aNarrowTerminalIsNotOverrun() throws {
        let terminal = try prompt(columns: 40)
        for line in [":vars", ":layers pool", ":plot [1.0, 5.0, 2.0]", "zeros([1000, 1000])"] {
            for shown in try terminal.enter(line).split(separator: "\n") { #expect(shown.count <= 40, "\(line)") }
        }
        terminal.resize(columns: 100)
        let wide = try terminal.enter(":plot [1.0, 5.0, 2.0]")
        #expect(wide.split(separator: "\n").contains { $0.count > 60 })
    }

    @Test func nothingHugeIsPrinted() throws {
        let terminal = try prompt()
        for line in ["zeros([300, 300, 300])", "[zeros([31, 31]) for i in range(90)]", "[[j for j in range(500)] for i in range(500)]",
            "{a = [0.5 for i in range(100000)], b = range(1000000)}"]
        {
            #expect(try terminal.enter(line).utf8.count < 20_000, "\(line)")
        }
    }
}
