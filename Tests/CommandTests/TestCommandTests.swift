import FoundationEssentials
import Testing

/// `tfs test`: which tests run, what is shown, and the status.
@Suite struct TestCommandTests {
    private func lines(_ text: String) -> [Substring] { text.split(separator: "\n") }
    /// Results without their times.
    private func results(_ text: String) -> [String] {
        lines(text).map { line in
            guard let unit = line.firstRange(of: " s  "), ["ok  ", "FAIL", "STOP"].contains(String(line.prefix(4))) else { return String(line) }
            return line.prefix(4) + " " + line[unit.upperBound...]
        }
    }

    @Test func resultsComeInTheOrderOfFilesWithWhatFailuresPrinted() throws {
        let scratch = try Scratch()
        let slow = try scratch.file(
            "a.tfs", "print(\"own\")\ni = 0\nwhile i < 300000 { i = i + 1 }\ntest \"first\" { print(\"hidden\") }\ntest \"second\" { print(\"shown\"); expect i < 0 }\n")
        let quick = try scratch.file("b.tfs", "test \"third\" { expect true }\n")
        let outcome = try tfs("test", slow, quick)
        #expect(outcome.status == 1)
        #expect(results(outcome.output) == ["ok   \(slow): first", "FAIL \(slow): second", "shown", "ok   \(quick): third", "2 passed, 1 failed"])
        #expect(outcome.errors.contains("a.tfs:5:40"))
        let one = try tfs("test", "--jobs", "1", "--show-output", slow, quick)
        #expect(results(one.output) == ["own", "ok   \(slow): first", "hidden", "FAIL \(slow): second", "shown", "ok   \(quick): third", "2 passed, 1 failed"])
    }

    @Test func aFolderStandsForTheScriptsThatHaveTests() throws {
        let scratch = try Scratch()
        _ = try scratch.file("train.tfs", "error(\"not to be run\")\n")
        _ = try scratch.file("b.tfs", "test \"of b\" {}\n")
        _ = try scratch.file("a.tfs", "test \"of a\" {}\n")
        try FileManager.default.createSymbolicLink(atPath: scratch.path + "/round", withDestinationPath: scratch.path)
        #expect(results(try tfs("test", scratch.path).output) == ["ok   \(scratch.path)/a.tfs: of a", "ok   \(scratch.path)/b.tfs: of b", "2 passed, 0 failed"])
        #expect(try tfs("test", "--list", scratch.path).output == "\(scratch.path)/a.tfs: of a\n\(scratch.path)/b.tfs: of b\n")
    }

    @Test func aFilterRunsOnlyFilesWithSuchATest() throws {
        let scratch = try Scratch()
        _ = try scratch.file("a.tfs", "error(\"not to be run\")\ntest \"of a\" {}\n")
        _ = try scratch.file("b.tfs", "test \"of b\" {}\ntest \"other\" { expect false }\n")
        let outcome = try tfs("test", "--filter", "of b", scratch.path)
        #expect(results(outcome.output) == ["ok   \(scratch.path)/b.tfs: of b", "1 passed, 0 failed"])
        let nothing = try tfs("test", "--filter", "othre", scratch.path)
        #expect(nothing.status == 1)
        #expect(nothing.output == "0 passed, 0 failed\n")
        #expect(nothing.errors.contains("did you mean \"other\"?"))
    }

    @Test func whatHoldsNoTestsIsTold() throws {
        let scratch = try Scratch()
        let empty = try tfs("test", scratch.path)
        #expect(empty.status == 1)
        #expect(empty.output == "0 passed, 0 failed\n")
        #expect(empty.errors.contains("there are no tests in `\(scratch.path)`"))
        let plain = try scratch.file("plain.tfs", "expect 1 < 2\n")
        let outcome = try tfs("test", plain)
        #expect(outcome.status == 0)
        #expect(results(outcome.output) == ["ok   \(plain) has no tests; its own statements ran", "0 passed, 0 failed"])
    }

    @Test func filesThatCannotRunAreFailures() throws {
        let scratch = try Scratch()
        let wrong = try scratch.file("wrong.tfs", "test \"a\" { expect nothing == 1 }\n")
        let broken = try scratch.file("broken.tfs", "test \"a\" {\n")
        let stops = try scratch.file("stops.tfs", "print([1][int(\"5\")])\ntest \"a\" {}\n")
        for (path, code) in [(wrong, "E0301"), (broken, "E01"), (stops, "E0406"), (scratch.path + "/missing.tfs", "E0001")] {
            let outcome = try tfs("test", path)
            #expect(outcome.status == 1)
            #expect(lines(outcome.output).last == "0 passed, 1 failed")
            #expect(outcome.errors.contains("error[" + code))
        }
    }

    @Test func anErrorEndsThatTestOnly() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "test \"a\" { print([1][int(\"5\")]) }\ntest \"b\" { expect 1 == 1 }\n")
        let outcome = try tfs("test", path)
        #expect(outcome.status == 1)
        #expect(results(outcome.output) == ["FAIL \(path): a", "ok   \(path): b", "1 passed, 1 failed"])
    }

    @Test(.timeLimit(.minutes(2))) func controlCEndsTheTests() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "test \"quick\" {}\ntest \"endless\" { i = 0; while true { i = (i + 1) % 7 } }\ntest \"never\" {}\n")
        let outcome = try runCommand(["test", path], interruptedAfter: 3)
        #expect(outcome.status == 130)
        #expect(results(outcome.output) == ["ok   \(path): quick", "STOP \(path): endless", "1 passed, 1 failed"])
    }

    @Test func manyFilesAtOnceGiveTheSameDigits() throws {
        let scratch = try Scratch()
        let body = "x = random.normal([64, 8])\nnet = compile(sequential([conv1d(4, 3), flatten(), dense(2)]), loss = mean_squared_error)\n"
        for number in 0..<8 {
            _ = try scratch.file(
                "t\(number).tfs", body + "test \"\(number)\" { net.fit(reshape(x, [64, 8, 1]), x[:, :2], epochs = 3); print(net.history.loss, net.params[0].value) }\n")
        }
        let together = try tfs("test", "--show-output", "--jobs", "8", scratch.path)
        #expect(together.status == 0)
        #expect(results(together.output) == results(try tfs("test", "--show-output", "--jobs", "1", scratch.path).output))
    }
}
