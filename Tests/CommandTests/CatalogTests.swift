import Testing

/// The listings, the documentation, the formatter and the test runner.
@Suite struct CatalogTests {
    @Test func listings() throws {
        #expect(try tfs("layers", "pool").output.contains("max_pool2d"))
        #expect(!(try tfs("layers", "max_pool2d").output.contains("\n  dense ")))
        #expect(try tfs("ops").output.contains("sparse_softmax_cross_entropy"))
        #expect(try tfs("estimators").output.contains("dnn_classifier"))
    }

    @Test func documentationOfEachKind() throws {
        #expect(try tfs("doc", "dense").output.contains("units: int"))
        #expect(try tfs("doc", "csv").output.contains("\n    delimiter = \",\",\n"))
        #expect(try tfs("doc", "len").output.contains("builtin len(x)"))
        let relu = try tfs("doc", "relu").output
        #expect(relu.contains("op relu(") && relu.contains("layer relu("))
        #expect(try tfs("doc", "dens").errors.contains("did you mean `dense`?"))
    }

    @Test func formatting() throws {
        let scratch = try Scratch()
        let path = try scratch.file("a.tfs", "x=1+2 # three\n")
        #expect(try tfs("fmt", "--check", path).status == 1)
        #expect(try tfs("fmt", path).status == 0)
        #expect(try scratch.text("a.tfs").hasPrefix("x = 1 + 2"))
        #expect(try tfs("fmt", "--check", path).status == 0)
        #expect(try tfs("fmt", scratch.file("b.tfs", "x = (\n")).status == 2)
    }

    @Test func tests() throws {
        let scratch = try Scratch()
        _ = try scratch.file("a.tfs", "x = 2\ntest \"holds\" { expect x == 2 }\ntest \"fails\" { expect x == 3 }\n")
        _ = try scratch.file("b.tfs", "print(\"no tests, so it does not run\")\n")
        let outcome = try tfs("test", scratch.path)
        #expect(outcome.status == 1)
        #expect(outcome.output.hasSuffix("1 passed, 1 failed\n"))
        #expect(!outcome.output.contains("no tests"))
        #expect(try tfs("test", "--filter", "holds", scratch.path).output.hasSuffix("1 passed, 0 failed\n"))
    }

    @Test func helpAndVersion() throws {
        #expect(try tfs("--help").output.contains("estimators"))
        #expect(try tfs("--version").output == "0.1.0\n")
    }
}
