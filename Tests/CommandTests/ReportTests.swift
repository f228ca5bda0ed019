import FoundationEssentials
import Glibc
import Testing

/// Reports of `tfs test` and `tfs run` in every form, times and folders aside.
@Suite struct ReportTests {
    /// A script with tests that pass, fail and end with an error, gates, a model and words that need care in XML and tables.
    private static let script = """
        option floor = 0.5
        x = tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
        y = x[:, :1] - x[:, 1:]
        # One step from zeros, so that every number is exact.
        net = compile(model { input([2]); dense(1, kernel_initializer = zeros) }, loss = mean_squared_error, optimizer = sgd(0.5),
                      metrics = [mean_absolute_error])
        net.fit(x, y, steps = 1)
        result = net.evaluate(x, y)   # allow: W0313 because its numbers are known
        expect result.loss < floor
        for limit in [3, 1, 2] { expect limit > 0 and limit <= 2, "limit {limit}" }
        test "passes" { expect 1 == 1 }
        test "a < b & \\"c\\" | `d`" { print("\\u{1B}[1mbold\\u{1B}[0m <tag> ]]>\\u{0}"); expect 0.25 >= 0.5, "one\\ntwo" }
        test "ends" { print([1][int("5")]) }

        """

    /// What golden files have of a text: no times, no scratch folder, rounded tails of digits.
    private func normalised(_ text: String, _ scratch: Scratch) -> String {
        var text = text.replacing(scratch.path + "/", with: "")
        text.replace(#/time="[0-9.]+"/#, with: "time=\"T\"")
        text.replace(#/"seconds": [0-9.e-]+/#, with: "\"seconds\": T")
        text.replace(#/, [0-9.]+ s$/#.anchorsMatchLineEndings(), with: ", T s")
        return text
    }

    private func expectGolden(_ text: String, _ name: String) throws {
        let path = #filePath.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 } + "/golden/" + name
        if unsafe getenv("TFS_REWRITE") != nil {
            try Data(text.utf8).write(to: URL(filePath: path))
            return
        }
        #expect(text == String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self), "\(name)")
    }

    @Test func everyReportOfATest() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", Self.script)
        let base = scratch.path + "/base.json"
        let written = try tfs("test", path, "--write-baseline", base)
        #expect(written.status == 1)
        // A baseline that was better in one number and worse in another.
        var baseline = try scratch.text("base.json")
        try expectGolden(normalised(baseline, scratch), "baseline.json")
        for (now, before) in [("\"parameters\": 3", "\"parameters\": 5"), ("0.28125", "0.25"), ("0.375", "0.4375")] {
            #expect(baseline.contains(now))
            baseline = baseline.replacing(now, with: before)
        }
        _ = try scratch.file("base.json", baseline)
        let outcome = try tfs(
            "test", path, "--baseline", base, "--report", "junit=\(scratch.path)/j.xml", "--report", "json=\(scratch.path)/r.json", "--report",
            "markdown=\(scratch.path)/r.md")
        #expect(outcome.status == 1)
        try expectGolden(normalised(try scratch.text("j.xml"), scratch), "junit.xml")
        try expectGolden(normalised(try scratch.text("r.json"), scratch), "report.json")
        try expectGolden(normalised(try scratch.text("r.md"), scratch), "report.md")
    }

    @Test func aRunAsJSON() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "print(\"words\")\nexpect 2 > 3\nexpect nan < 1\n")
        for outcome in [try tfs("run", "--json", path), try tfs("run", path, "--json"), try tfs(path, "--json")] {
            #expect(outcome.status == 1)
            try expectGolden(normalised(outcome.output, scratch), "run.json")
            #expect(outcome.errors.hasPrefix("words\n"))
        }
        let wrong = try tfs("run", "--json", try scratch.file("b.tfs", "print(nothing)\n"))
        #expect(wrong.status == 2)
        #expect(wrong.output.contains("\"code\": \"E0301\""))
    }

    @Test func aRunHasReportsToo() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "option floor = 0.5\nprint(\"words\")\nquality = 0.6\nexpect quality >= floor\n")
        let outcome = try tfs("run", path, "--floor", "0.75", "--report", "markdown=-")
        #expect(outcome.status == 1)
        try expectGolden(normalised(outcome.output, scratch), "run.md")
    }

    @Test func annotationsAreEscaped() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a,b:c.tfs", "expect 1 == 2, \"100%\\nof it\"\n")
        let place = "file=\(scratch.path)/a%2Cb%3Ac.tfs,line=1,col=8,endColumn=14,title=E0500"
        for outcome in [try tfs("run", "--annotate", "github", path), try tfs("run", path, "--annotate=github"), try tfs("test", "--annotate", "github", path)] {
            #expect(outcome.status == 1)
            #expect(outcome.errors.contains("::error \(place)::100%25%0Aof it%0Awhy: 1 == 2 is false\n"))
        }
        let checked = try tfs("check", "--annotate", "github", try scratch.file("d.tfs", "print(nothing)\n"))
        #expect(checked.errors.contains("::error file=\(scratch.path)/d.tfs,line=1,col=7,endColumn=14,title=E0301::nothing is called `nothing` here\n"))
    }

    @Test func whatCannotBeWrittenIsRefusedBeforeAnythingRuns() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "print(\"ran\")\ntest \"a\" {}\n")
        for (words, status, message) in [
            (["--report", "junt=x"], Int32(64), "did you mean `junit`?"), (["--report", "junit"], 64, "names no file"),
            (["--report", "junit=\(scratch.path)/no/x.xml"], 2, "there is no folder"), (["--baseline", "none.json", "--report", "markdown=-"], 2, "--write-baseline none.json"),
            (["--baseline", path, "--report", "markdown=-"], 2, "E0001"), (["--annotate", "gitub"], 64, "gitub"),
        ] {
            for command in [["run"] + words + [path], ["test"] + words + [path]] {
                let outcome = try runCommand(command)
                #expect(outcome.status == status, "\(command)")
                #expect(outcome.output == "", "\(command)")
                #expect(outcome.errors.contains(message), "\(command): \(outcome.errors)")
            }
        }
    }
}
