import FoundationEssentials
import Testing

/// `tfs run --record` and `tfs replay`.
@Suite struct ReplayTests {
    private static let script = """
        seed(1)
        t = csv("SCRATCH/data.csv", label = "y")
        layer wide()(x) = dense(4, activation = relu, name = "inner")(x)
        model net() { wide(); batch_norm; dense(1); squeeze_single }
        estimator line { model = net(); loss = mean_squared_error; optimizer = adam(0.01); metrics = [] }
        print("before")
        h = line.fit(t, epochs = 3, batch = 4)
        print(h.loss[-1])

        """
    private static let data = "a,b,y\n" + (0..<18).map { "\($0),\($0 * $0 % 7),\($0 % 5)\n" }.joined()

    private func recorded(_ scratch: Scratch) throws -> (script: String, record: String) {
        let script = try scratch.file("line.tfs", Self.script.replacing("SCRATCH", with: scratch.path))
        _ = try scratch.file("data.csv", Self.data)
        let record = scratch.path + "/run.json"
        let outcome = try tfs("run", "--record", record, script)
        try #require(outcome.status == 0, "\(outcome.errors)")
        return (script, record)
    }

    @Test func theSameRunIsTheSame() throws {
        let scratch = try Scratch()
        let (script, record) = try recorded(scratch)
        let outcome = try tfs("replay", record)
        #expect(outcome.output == "the same: 1 fit, 3 epochs, 15 steps, 20 tensors, 2 lines of output\n", "\(outcome)")
        #expect(outcome.status == 0)
        // A record changes nothing of the run.
        let (plain, followed) = (try tfs("run", script), try tfs("run", "--record", record, script))
        #expect(plain.output == followed.output)
    }

    @Test func anotherSeedIsNamed() throws {
        let scratch = try Scratch()
        let (script, record) = try recorded(scratch)
        _ = try scratch.file("line.tfs", try scratch.text("line.tfs").replacing("seed(1)", with: "seed(2)"))
        let outcome = try tfs("replay", record)
        #expect(outcome.output.hasPrefix("changed: \(script), line 1 is `seed(2)`, it was `seed(1)`\ndiffers: fit 1 (`line`, \(script):7:"), "\(outcome)")
        #expect(outcome.output.contains("before its first step: the seed is 2 and was 1; `net/wide/inner/kernel f32[2, 4]` differs, and one other tensor of 20"), "\(outcome)")
        #expect(outcome.status == 1)
    }

    @Test func otherDataAreNamedBeforeWhatTheyCause() throws {
        let scratch = try Scratch()
        let (_, record) = try recorded(scratch)
        _ = try scratch.file("data.csv", Self.data.replacing("17,2,2", with: "17,2,3"))
        let outcome = try tfs("replay", record)
        #expect(outcome.output.contains("changed: \(scratch.path)/data.csv is not as it was\n"), "\(outcome)")
        #expect(outcome.output.contains(", in epoch 1: the data that it is fed differ; all before is the same\n"), "\(outcome)")
        #expect(outcome.status == 1)
    }

    @Test func anotherStepIsNamedWithItsTensor() throws {
        let scratch = try Scratch()
        let (script, record) = try recorded(scratch)
        _ = try scratch.file("line.tfs", try scratch.text("line.tfs").replacing("adam(0.01)", with: "adam(t -> if_late(t))") + "fn if_late(t) = where(t > 7.0, 0.011, 0.01)\n")
        let outcome = try tfs("replay", record)
        #expect(outcome.output.contains("changed: \(script), line 5 is"), "\(outcome)")
        #expect(outcome.output.contains("step 8, in epoch 2: the loss is the same, after it `net/wide/inner/kernel f32[2, 4]` differs, and"), "\(outcome)")
        #expect(outcome.status == 1)
    }

    @Test func anotherFileOfTheLibraryIsNamed() throws {
        let scratch = try Scratch()
        let (_, record) = try recorded(scratch)
        let library = scratch.path + "/stdlib"
        try FileManager.default.copyItem(atPath: ExplainTests.package + "/stdlib", toPath: library)
        let file = library + "/layers/dense.tfs"
        try Data((String(decoding: try Data(contentsOf: URL(filePath: file)), as: UTF8.self) + "# more\n").utf8).write(to: URL(filePath: file))
        let outcome = try runCommand(["replay", record], environment: ["TFS_STDLIB=" + library])
        #expect(outcome.output.hasPrefix("changed: stdlib/layers/dense.tfs is not as it was\nthe same: 1 fit"), "\(outcome)")
        #expect(outcome.status == 0)
    }

    @Test func anotherLineOfTheOutputIsNamed() throws {
        let scratch = try Scratch()
        let (_, record) = try recorded(scratch)
        _ = try scratch.file("line.tfs", try scratch.text("line.tfs").replacing("\"before\"", with: "\"first\""))
        let outcome = try tfs("replay", record)
        #expect(outcome.output.contains("differs: line 1 of the output is `first` and was `before`\n"), "\(outcome)")
        #expect(outcome.status == 1)
    }

    @Test func threadsChangeNothing() throws {
        let scratch = try Scratch()
        let (_, record) = try recorded(scratch)
        for threads in [1, 2, 7] {
            let outcome = try runCommand(["replay", record], environment: ["TFS_THREADS=\(threads)"])
            #expect(outcome.output.hasPrefix("the same: "), "\(threads) threads: \(outcome)")
        }
    }

    /// Same script, same bits, of every tensor after every step, whatever the number of threads.
    @Test(arguments: ["iris", "kmeans", "diabetes", "training_loop"])
    func examplesGiveTheSameBits(_ name: String) throws {
        let scratch = try Scratch()
        let record = scratch.path + "/run.json"
        let outcome = try runCommand(["run", "--record", record, "\(ExplainTests.package)/examples/\(name).tfs"], environment: ["TFS_THREADS=2"])
        try #require(outcome.status == 0, "\(outcome.errors)")
        for threads in [1, 7] {
            let again = try runCommand(["replay", record], environment: ["TFS_THREADS=\(threads)"])
            #expect(again.output.hasPrefix("the same: "), "\(threads) threads: \(again.output)")
        }
    }

    @Test func anInterruptedRunLeavesARecord() throws {
        let scratch = try Scratch()
        let script = try scratch.file(
            "long.tfs", "m = compile(model { dense(1); squeeze_single }, loss = mean_squared_error, metrics = [])\nm.fit(ones([64, 2]), ones([64]), steps = 100_000_000)\n")
        let record = scratch.path + "/run.json"
        let outcome = try runCommand(["run", "--record", record, script], interruptedAfter: 2)
        #expect(outcome.status == 130, "\(outcome)")
        let again = try tfs("replay", record)
        #expect(again.output.hasPrefix("the same as far as the record goes: 1 fit"), "\(again)")
        #expect(again.status == 0)
    }

    @Test func aRecordThatCannotBeWrittenIsToldFirst() throws {
        let scratch = try Scratch()
        let script = try scratch.file("a.tfs", "print(1)\n")
        for path in [scratch.path, scratch.path + "/none/run.json"] {
            let outcome = try tfs("run", "--record", path, script)
            #expect(outcome.status == 2 && outcome.output.isEmpty && outcome.errors.contains("error[E0601]: cannot write"), "\(outcome)")
        }
    }

    @Test func whatIsNoRecordIsRefused() throws {
        let scratch = try Scratch()
        for text in ["", "{", "{}", "[1]", "{\"record\": 1}", "{\"record\": 9, \"tfs\": \"9.0\"}"] {
            let outcome = try tfs("replay", try scratch.file("run.json", text))
            #expect(outcome.status == 2 && outcome.errors.contains("error[E0602]"), "\(text): \(outcome)")
        }
        #expect(try tfs("replay", scratch.path + "/none.json").status == 2)
        #expect(try tfs("replay").status == 64)
    }
}
