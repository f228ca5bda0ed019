import Testing

@Suite struct ProfileTests {
    @Test func theTableNamesOpsAndLines() throws {
        let scratch = try Scratch()
        let path = try scratch.file(
            "a.tfs",
            """
            x = random.normal([200, 300])
            y = x @ transpose(x)
            print(sum(y) > 0)
            state, ys = scan((s, row) -> {
                next = tanh(s @ ones([300, 300]) + row)
                [next, next]
            }, zeros([300]), x)
            print(ys.shape, max(state) <= 1)
            net = model {
                dense(4)
                dense(3)
            }
            compile(net, loss = mean_squared_error).fit(x, y[:, :3], steps = 5)
            """)
        let outcome = try tfs("run", "--profile", path)
        #expect(outcome.status == 0)
        #expect(outcome.output == "true\n[200, 300] true\n")
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.contains { $0.contains("matmul") && $0.contains("a.tfs:2") })
        // The body of a scan counts by itself, call by call.
        #expect(lines.contains { $0.contains(" 200  a.tfs:5") && $0.contains("matmul") })
        // A model's parts count at their own lines, not at that of `fit`.
        #expect(lines.contains { $0.contains("a.tfs:10") && $0.contains("matmul") })
        #expect(lines.contains { $0.contains("compiling programs") })
    }

    @Test func withoutItNothingIsSaid() throws {
        let scratch = try Scratch()
        let outcome = try tfs("run", try scratch.file("a.tfs", "print(ones([3]) + 1)\n"))
        #expect(outcome.errors == "")
    }
}
