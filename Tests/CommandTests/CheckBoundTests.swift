import Testing

/// The check's work is bounded, whatever the script would take to run.
@Suite struct CheckBoundTests {
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }\nprint(fib(40))\n",
            "total = 0\nfor i in range(1000000000) { total += i }\nprint(total)\n",
            "total = 0\nfor i in range(100000) { for j in range(100000) { total += i * j } }\nprint(total)\n",
            "total = 0\nwhile total < 10 ** 15 { total += 1 }\nprint(total)\n",
            "print(len([x * x for x in range(10 ** 12)]))\n",
            "fn down(n) { if n == 0 { 0 } else { down(n - 1) } }\nprint(down(9000))\n",
        ])
    func endsSoon(_ text: String) throws {
        let scratch = try Scratch()
        let outcome = try tfs("check", scratch.file("a.tfs", text))
        #expect(outcome.status == 0)
        #expect(outcome.errors == "")
    }
}
