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

    @Test func aStreamWithoutEnd() throws {
        try refuses("print(csv(\"/dev/zero\"))\n", status: 3, "it is a device")
        try refuses("print(io.read_bytes(\"/dev/full\"))\n", status: 3, "it is a device")
        for arguments in [[], ["run", "-"], ["check", "-"], ["fmt"]] {
            let outcome = try runCommand(arguments, input: [UInt8](repeating: UInt8(ascii: "a"), count: 34 << 20))
            #expect(outcome.status == (arguments.isEmpty ? 1 : 2))
            #expect(outcome.errors.contains("`<stdin>` holds more than 32 MB"))
        }
    }

    /// The check leaves a pipe alone, for what is read there is gone.
    @Test func aTableThroughAPipe() throws {
        let scratch = try Scratch()
        let script = try scratch.file("a.tfs", "print(csv(\"/dev/stdin\").column(\"b\"))\n")
        let outcome = try runCommand(["-c", "printf 'a,b\\n1,2\\n3,4\\n' | \"$0\" run \"$1\"", binary, script], program: "/bin/sh")
        #expect(outcome.status == 0)
        #expect(outcome.output == "[2, 4]\n")
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

    /// Attributes and shapes that no arithmetic on them may trap on.
    @Test(arguments: [
        ("print(arange(true, 8, 3))", 2, "E0205"), ("print(arange(1e300, 8, 3))", 0, "[]"), ("print(arange(nan, 8, 3))", 2, "E0290"),
        ("print(zeros([10 ** 18, 0]))", 0, "...,\n []"), ("x = zeros([2 ** 31, 0]).tolist()", 3, "E0290"),
        ("conv2d(2, 3, strides = 10 ** 18)(zeros([1, 8, 8, 3]))", 2, "expected 1 to"),
        ("net = model { input([-1]); dense(3) }\nnet.summary()", 2, "at least 0, found -1"),
        ("for x in dataset([1]).repeat().batch(2 ** 62) { print(x) }", 2, "E0508"),
        ("for x in dataset([1]).batch(2 ** 62, drop_remainder = true) { print(x) }", 2, "E0508"),
        ("for x in dataset([1]).repeat().shuffle(2 ** 62) { print(x) }", 2, "E0508"),
        ("for x in dataset([1]).repeat(2 ** 40).shuffle() { print(x) }", 2, "E0508"),
        ("for x in dataset([1]).repeat(2 ** 40).cache() { print(x) }", 2, "E0508"),
        ("for x in dataset([1]).batch(2 ** 62).take(2 ** 62) { print(x) }", 0, "[1]"),
        ("print(range(10 ** 18) == range(10 ** 18), range(0) == range(3, 3), range(2) == [0, 1])", 0, "true true true"),
    ])
    func sizesThatNothingHas(_ text: String, _ status: Int32, _ part: String) throws {
        let scratch = try Scratch()
        let outcome = try tfs("run", scratch.file("a.tfs", text))
        #expect(outcome.status == status, "\(text)")
        #expect((outcome.output + outcome.errors).contains(part), "\(outcome.output)\(outcome.errors)")
    }

    /// Forty lists that hold the one before twice are few values, and 2^40 elements.
    @Test(arguments: [
        ("x == y", 130), ("x", 0), ("tensor(x).shape", 3), ("io.write(\"a.json\", x)", 130), ("sum(x)", 2), ("dataset({a = x})", 2),
        ("sorted([x, x])", 3),
    ])
    func listsThatShareTheirParts(_ use: String, _ status: Int32) throws {
        let scratch = try Scratch()
        let script = try scratch.file("a.tfs", "x, y = [1], [1]\nfor i in range(\(use == "x" ? 12 : 40)) { x, y = [x, x], [y, y] }\nprint(\(use))\n")
        #expect(try tfs("check", script).status == (status == 2 ? 2 : 0), "the check is bounded")
        let outcome = try runCommand(["run", script], interruptedAfter: status == 130 ? 2 : nil)
        #expect(outcome.status == status, "\(use): \(outcome.errors)")
    }

    @Test func valuesNestedDeep() throws {
        func outcome(_ step: String, _ use: String) throws -> Outcome {
            let scratch = try Scratch()
            return try tfs("run", scratch.file("a.tfs", "x = 1\nfor i in range(10 ** 5) { x = \(step) }\n\(use)\n"))
        }
        #expect(try outcome("[x]", "print(tensor(x))").errors.contains("E0202"))
        #expect(try outcome("[x]", "io.write(\"a.json\", x)").errors.contains("E0604"))
        #expect(try outcome("{a = x}", "print(dataset(x))").errors.contains("E0507"))
        #expect(try outcome("{a = x}", "print(x)").status == 0)
    }

    /// Each value appended costs the same, however long the list is: three million take a second in debug.
    @Test(.timeLimit(.minutes(1))) func listsThatGrowLong() throws {
        let scratch = try Scratch()
        let script = try scratch.file("a.tfs", "x = [i for i in range(3 * 10 ** 6)]\nfor i in range(10 ** 6) { x = x + [i] }\nprint(len(x))\n")
        #expect(try tfs("run", script).output == "4000000\n")
    }

    /// One Ctrl-C ends what runs without an end.
    @Test(arguments: [
        "for x in dataset([1]).repeat().skip(2 ** 62) { }", "for x in dataset([1]).repeat().shard(2 ** 62, 5) { }",
        "for x in dataset([1]).repeat().filter(x -> x > 5) { }", "x = [0 for x in range(2 ** 40) if x < 0]",
        "for x in dataset([1]).repeat().map(x -> x).batch(2 ** 30) { }",
    ])
    func anInterruptEnds(_ text: String) throws {
        let scratch = try Scratch()
        let outcome = try runCommand(["run", scratch.file("a.tfs", text)], interruptedAfter: 1)
        #expect(outcome.status == 130 && outcome.errors == "interrupted\n", "\(outcome)")
    }

    /// What fails while a graph is built is told of the line that is at fault, among those of many entries.
    @Test func aLateErrorOfALaterEntry() throws {
        let outcome = try tfs(input: "a = pad(1.5, 1, mode = \"reflect\")\nb = pad(nan, 1, mode = \"reflect\")\nc = pad([-1], 1, mode = \"reflect\")\nprint(c)\n")
        #expect(outcome.status == 1 && outcome.errors.contains("c = pad([-1]"), "\(outcome)")
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
