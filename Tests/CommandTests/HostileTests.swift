import Glibc
import Testing

/// Nothing that is fed to the command makes it crash: a diagnostic and a status, each time.
@Suite struct HostileTests {
    private func refuses(_ text: String, status: Int32, _ code: String) throws {
        let scratch = try Scratch()
        let outcome = try tfs("run", scratch.file("a.tfs", text))
        #expect(outcome.status == status)
        #expect(outcome.errors.contains(code))
        #expect(outcome.errors.utf8.count < 20_000)
    }

    @Test func garbageFromAPipe() throws {
        var state: UInt64 = 42
        let garbage = (0..<20_000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let outcome = try runCommand([], input: garbage)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("error[E"))
    }

    @Test(.timeLimit(.minutes(3))) func aLineOfTenMegabytes() throws {
        try refuses("x = " + String(repeating: "a", count: 10_000_000), status: 2, "E0301")
        try refuses(String(repeating: "1 + ", count: 2_500_000), status: 2, "E01")
        let outcome = try tfs(input: String(repeating: "?", count: 10_000_000) + "\n")
        #expect(outcome.status == 1)
        #expect(outcome.errors.utf8.count < 20_000)
    }

    @Test func aScriptOfAHundredMegabytes() throws {
        let text = "x = [" + String(repeating: "1, ", count: 35_000_000) + "1]"
        try refuses(text, status: 2, "holds more than 32 MB")
    }

    @Test(arguments: ["(", "[", "{a = ", "-", "not ", "x -> ", "2 ** ", "if true {\n", "f("])
    func deepNesting(_ part: String) throws {
        try refuses("y = " + String(repeating: part, count: 50_000), status: 2, "error[E")
    }

    @Test func recursionWithoutEnd() throws {
        try refuses("fn f(n) = f(n + 1) + 1\nprint(f(0))\n", status: 3, "E0401")
        try refuses("fn f(n) = map(x -> f(x + 1), [n])[0]\nprint(f(0))\n", status: 3, "E0401")
    }

    /// More than there is: each answer names the line.
    @Test(arguments: [
        "x = zeros([10 ** 6, 10 ** 6])\nprint(sum(x))", "x = ones([10 ** 6, 10 ** 6])\nprint(sum(x @ x))",
        "x = [0] * 10 ** 15", "x = \"a\" * 2 ** 62", "print(sum(random.normal([2 ** 40])))", "print(sum(tile(ones([1000]), [10 ** 12])))",
        "for i in [...range(2 ** 62)] { }", "print(sum(one_hot(tensor([1]), 10 ** 15)))",
    ])
    func moreThanTheMemory(_ text: String) throws {
        let scratch = try Scratch()
        let outcome = try tfs("run", scratch.file("a.tfs", text))
        #expect([2, 3].contains(outcome.status), "\(text)")
        #expect(outcome.errors.contains("E0290") && outcome.errors.contains("a.tfs:"), "\(outcome.errors)")
    }

    @Test func rangesOfAllInts() throws {
        let scratch = try Scratch()
        let script = try scratch.file("a.tfs", "r = range(3, 9223372036854775807, 3)\nprint(r[::2][5], len(r[1:]), r[-1])\n")
        #expect(try tfs("run", script).output == "33 3074457345618258601 9223372036854775806\n")
    }

    @Test func whatIsNoScript() throws {
        let scratch = try Scratch()
        _ = try scratch.file("a.tfs", "import \"b.tfs\"\n")
        _ = try scratch.file("b.tfs", "import \"a.tfs\"\n")
        #expect(try tfs("run", scratch.path + "/a.tfs").errors.contains("E0320"))
        #expect(try tfs("run", scratch.path).status == 2)
        #expect(try tfs("run", scratch.file("nul.tfs", "x = 1\u{0}")).errors.contains("E0115"))
        #expect(try tfs("run", scratch.file("bytes.tfs", [0x78, 0xFF, 0xFE])).errors.contains("E0114"))
        _ = unsafe symlink(scratch.path + "/loop.tfs", scratch.path + "/loop.tfs")
        #expect(try tfs("run", scratch.path + "/loop.tfs").status == 2)
        let name = String(repeating: "a", count: 1_000_000)
        #expect(try tfs("run", scratch.file("name.tfs", "\(name) = 1\nprint(\(name))\n")).output == "1\n")
    }

    @Test func callsNestTenThousandDeep() throws {
        let scratch = try Scratch()
        let script = try scratch.file(
            "a.tfs",
            """
            fn f(n) { if n == 0 { 0 } else { f(n - 1) + 1 } }
            fn g(n) { if n == 0 { 0 } else { map(x -> g(x - 1), [n])[0] + 1 } }
            print(f(9990), g(4900))
            """)
        #expect(try tfs("run", script).output == "9990 4900\n")
    }
}
