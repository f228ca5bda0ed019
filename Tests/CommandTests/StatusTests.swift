import Testing

/// The exit status tells what happened, and diagnostics go to standard error.
@Suite struct StatusTests {
    @Test func aScriptThatRunsEndsWithZero() throws {
        let scratch = try Scratch()
        let script = try scratch.file("a.tfs", "print(1 + 1)\n")
        for outcome in [try tfs("run", script), try tfs(script), try tfs("check", script)] {
            #expect(outcome.status == 0)
            #expect(outcome.errors == "")
        }
        #expect(try tfs("run", script).output == "2\n")
    }

    @Test(arguments: [
        ("print(1)\nexpect 1 == 2\nprint(3)\n", Int32(1), "1\n3\n"),
        ("print(1)\nprint(nowhere)\n", 2, ""),
        ("print(1)\nxs = [1]\nn = int(\"5\")\nprint(xs[n])\n", 3, "1\n"),
        ("expect false\nprint([1][int(\"5\")])\n", 3, ""),
    ])
    func whatFailsHasItsStatus(_ text: String, _ status: Int32, _ output: String) throws {
        let scratch = try Scratch()
        let outcome = try tfs("run", scratch.file("a.tfs", text))
        #expect(outcome.status == status)
        #expect(outcome.errors.contains("a.tfs:"))
        if status != 3 { #expect(outcome.output == output) }
    }

    @Test func filesThatAreNoScriptsAreRefused() throws {
        let scratch = try Scratch()
        let binary = try scratch.file("b.tfs", [0x7F, 0x45, 0x4C, 0x46, 0, 1, 2, 0xFF])
        let latin = try scratch.file("l.tfs", Array("print(\"".utf8) + [0xE9] + Array("\")".utf8))
        for path in [scratch.path + "/missing.tfs", scratch.path, binary, latin] {
            for command in ["run", "check"] {
                let outcome = try tfs(command, path)
                #expect(outcome.status == 2)
                #expect(outcome.errors.hasPrefix("error[E"))
                #expect(outcome.output == "")
            }
        }
    }

    @Test func wrongUsageIsStatus64() throws {
        for outcome in [
            try tfs("run"), try tfs("chekc"), try tfs("--nonsense"), try tfs("check"), try tfs("doc", "no_such_name"), try tfs("run", "--nonsense"), try tfs("predict", "new.csv", "m.tfm"),
        ] {
            #expect(outcome.status == 64)
            #expect(outcome.errors != "")
        }
        #expect(try tfs("chekc").errors.contains("did you mean `tfs check`?"))
    }

    @Test(.timeLimit(.minutes(2))) func controlCEndsARun() throws {
        let scratch = try Scratch()
        let script = try scratch.file("a.tfs", "i = 0\nwhile true { i = (i + 1) % 7 }\n")
        #expect(try runCommand(["run", script], interruptedAfter: 3).status == 130)
    }
}
