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

    @Test(arguments: ["(", "[", "{a = ", "-", "not ", "x -> ", "2 ** ", "if true {\n", "f("])
    func deepNesting(_ part: String) throws {
        try refuses("y = " + String(repeating: part, count: 50_000), status: 2, "error[E")
    }

    @Test func recursionWithoutEnd() throws {
        try refuses("fn f(n) = f(n + 1) + 1\nprint(f(0))\n", status: 3, "E0401")
        try refuses("fn f(n) = map(x -> f(x + 1), [n])[0]\nprint(f(0))\n", status: 3, "E0401")
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
