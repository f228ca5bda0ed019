import Testing

/// `tfs check --cost`.
@Suite struct CostTests {
    private static let script = """
        model net { input([4]); dense(3) }
        e = compile(net, mean_squared_error, optimizer = adam())
        e.fit(zeros([100, 4]), zeros([100, 3]), epochs = 1, batch = 1000)

        """

    @Test func isATable() throws {
        let scratch = try Scratch()
        let outcome = try tfs("check", "--cost", scratch.file("a.tfs", Self.script))
        #expect(outcome.status == 0)
        #expect(
            outcome.output.split(separator: "\n").dropFirst() == [
                "  model    parameters  multiply-adds  batch  activations  optimizer   on disk",
                "  e (net)          15             12  1,000      11.7 KB  120 bytes  60 bytes",
            ])
    }

    @Test func isJSON() throws {
        let scratch = try Scratch()
        let outcome = try tfs("check", "--cost", "--json", scratch.file("a.tfs", Self.script))
        #expect(outcome.status == 0)
        #expect(
            outcome.output == """
                {
                  "diagnostics": [],
                  "models": [
                    {
                      "name": "e",
                      "kind": "net",
                      "parameters": 15,
                      "trainable": 15,
                      "multiply_adds": 12,
                      "batch": 1000,
                      "activation_bytes": 12000,
                      "optimizer_bytes": 120,
                      "disk_bytes": 60
                    }
                  ]
                }

                """)
    }
}
