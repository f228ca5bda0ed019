import Testing

/// What stands behind a script's name are its own options.
@Suite struct OptionTests {
    private static let script = """
        # Prints its options.
        option epochs = 5       ## passes over the data
        option rate = 1e-3
        option on = false
        option batch_size = 32
        option name = "x"
        print(epochs, rate, on, batch_size, name)
        """

    @Test(arguments: [
        ([String](), "5 0.001 false 32 x"),
        (["--rate", "0.01", "--epochs=7"], "7 0.01 false 32 x"),
        (["--on", "--batch-size", "3"], "5 0.001 true 3 x"),
        (["--on", "false", "--batch_size=4"], "5 0.001 false 4 x"),
        (["--on", "--no-on"], "5 0.001 false 32 x"),
        (["--rate", "-1", "--name", "a b"], "5 -1.0 false 32 a b"),
    ])
    func valuesArrive(_ words: [String], _ output: String) throws {
        let outcome = try run(words)
        #expect(outcome.status == 0)
        #expect(outcome.output == output + "\n")
    }

    @Test(arguments: [
        (["--epochs", "many"], "`--epochs` takes an int, found \"many\""), (["--rat", "1"], "did you mean `--rate`?"),
        (["--jsn"], "did you mean `--json`?"), (["--write_baselin=x"], "did you mean `--write-baseline`?"),
        (["--rate"], "`--rate` needs a value"), (["--on=maybe"], "takes `true` or `false`"), (["stray"], "`stray` stands for nothing"),
    ])
    func wrongOnesAreNamed(_ words: [String], _ message: String) throws {
        let outcome = try run(words)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains(message))
        #expect(outcome.output == "")
    }

    @Test func helpListsThem() throws {
        let outcome = try run(["--help"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("Prints its options."))
        #expect(outcome.output.contains("--epochs <int>"))
        #expect(outcome.output.contains("passes over the data (default: 5)"))
    }

    @Test func aNoteBehindAnOptionIsItsHelpAndNotTheTitleAboveIt() throws {
        let scratch = try Scratch()
        let outcome = try tfs("run", scratch.file("a.tfs", "## Trains.\noption epochs = 5    ## passes\n"), "--help")
        #expect(outcome.output.contains("\nTrains.\n"))
        #expect(outcome.output.contains("--epochs <int>  passes (default: 5)"))
    }

    @Test(arguments: ["--help", "-h"])
    func helpWithoutAScriptIsTheCommands(_ flag: String) throws {
        let outcome = try tfs("run", flag)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("USAGE: tfs run"))
    }

    private func run(_ words: [String]) throws -> Outcome {
        let scratch = try Scratch()
        return try runCommand(["run", try scratch.file("a.tfs", Self.script)] + words)
    }
}
