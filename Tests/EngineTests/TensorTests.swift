import Engine
import Graphs
import Testing

@Suite struct TensorTests {
    @Test func nothingIsComputedUntilSomebodyLooks() throws {
        let x = try Tensor.of(1, 2, 3)
        let y = try op("add", x, op("exp", x))
        #expect(!y.isComputed)
        #expect(y.shape == [3])
        #expect(isClose(try y.doubles[1], 2 + 7.38905609893065, 1e-12))
        #expect(y.isComputed)
    }

    @Test func numbersAreReadAsTheyWereWritten() throws {
        #expect(try Tensor.scalar(9_007_199_254_740_993, .i64).integer(0) == 9_007_199_254_740_993)
        #expect(try Tensor.scalar(1.5, .f32).element(0) == 1.5)
        #expect(try Tensor.scalar(2.5, .bf16).element(0) == 2.5)
        #expect(try Tensor.make([true, false], [2]).elements(as: Int.self) == [1, 0])
        #expect(try Tensor.make([Float](), [0, 3]).elements(as: Float.self) == [])
    }

    @Test func emptyTensorsAreLegal() throws {
        let x = Tensor.make([Double](), [0, 3])
        #expect(try op("sum", op("exp", x)).doubles == [0])
        #expect(try op("sum", x, with: ["axis": .ints([0])]).doubles == [0, 0, 0])
        #expect(try op("add", x, Tensor.of(1, 2, 3)).doubles == [])
    }

    @Test func anErrorOfValuesNamesItsOp() throws {
        let x = Tensor.make([1, 2] as [Int32], [2])
        let zero = Tensor.make([1, 0] as [Int32], [2])
        let bad = try ops("floor_divide", [x, zero], origin: 7)[0]
        let after = try ops("add", [bad, x], origin: 8)[0]
        for tensor in [after, bad] {
            let error = #expect(throws: ExecutionError.self) { try tensor.compute() }
            #expect(error?.origin == 7)
            #expect(error?.error.code == "E0209")
        }
    }

    @Test func anErrorNobodyLooksAtNeverHappens() throws {
        let x = Tensor.make([1] as [Int32], [1])
        var y = try op("floor_divide", x, Tensor.make([0] as [Int32], [1]))
        // Longer than the chains that are computed on the way.
        for _ in 0..<1000 { y = try op("add", y, x) }
        let error = #expect(throws: ExecutionError.self) { try y.compute() }
        #expect(error?.error.code == "E0209")
    }

    @Test func longChainsAreComputedOnTheWay() throws {
        let one = Tensor.scalar(1.0, .f64)
        var y = Tensor.scalar(0.0, .f64)
        for _ in 0..<100_000 { y = try op("add", y, one) }
        #expect(try y.element(0) == 100_000)
    }

    @Test func memoryThatNoMachineHasIsRefused() throws {
        let error = #expect(throws: OpError.self) {
            try op("zeros", with: ["shape": .ints([1_000_000, 1_000_000, 1000])])
        }
        #expect(error?.code == "E0290")
        #expect(throws: OpError.self) { try op("zeros", with: ["shape": .ints([1 << 40, 1 << 40])]) }
    }

    @Test func gradientsFlow() throws {
        let x = try Tensor.of(1, 2, 3)
        let y = try op("sum", op("multiply", x, x))
        let dx = try #require(try gradients(of: y, by: [x])[0])
        #expect(try dx.doubles == [2, 4, 6])
        #expect(try gradients(of: y, by: [Tensor.of(1)])[0] == nil)
    }

    @Test func gradientsOfGradients() throws {
        let x = try Tensor.of(0.5)
        let y = try op("sum", op("exp", op("multiply", x, x)))
        let dx = try #require(try gradients(of: y, by: [x])[0])
        let ddx = try #require(try gradients(of: op("sum", dx), by: [x])[0])
        #expect(isClose(try ddx.doubles[0], (2 + 4 * 0.25) * 1.2840254166877414, 1e-12))
    }

    @Test func gradientsByWhatLiesOnTheWay() throws {
        let x = try Tensor.of(3)
        let y = try op("multiply", x, x)
        let z = try op("sum", op("multiply", y, x))
        let found = try gradients(of: z, by: [x, y])
        #expect(try found[1]?.doubles == [3])
        #expect(try found[0]?.doubles == [27])
    }

    @Test func aRecordingKeepsTheHistoryOfWhatWasLookedAt() throws {
        let x = try Tensor.of(2)
        let recording = Recording(of: [x])
        var y = x
        for _ in 0..<600 { y = try op("multiply", y, op("divide", x, x)) }
        let z = try op("sum", op("multiply", y, x))
        #expect(try z.element(0) == 4)
        #expect(try gradients(of: z, by: [x])[0]?.doubles == [4])
        recording.close()
        #expect(try gradients(of: z, by: [x])[0] == nil)
    }

    @Test func nobodyLooksAtAnArgument() throws {
        let x = Tensor.argument(TensorType(.f32, [2]))
        let y = try op("exp", x)
        #expect(y.availability == .argument)
        let error = #expect(throws: ExecutionError.self) { try y.doubles }
        #expect(error?.error.code == "E0210")
        let shape = #expect(throws: OpError.self) { try op("nonzero", x) }
        #expect(shape?.code == "E0210")
        #expect(try op("exp", .unknown(TensorType(.f32, [-1, 3]))).shape == [-1, 3])
    }

    @Test func anIndexOutOfRangeIsNamed() throws {
        let x = try Tensor.of(1, 2, 3)
        let bad = try ops("gather", [x, Tensor.make([0, 3] as [Int32], [2])], origin: 4)[0]
        let error = #expect(throws: ExecutionError.self) { try bad.compute() }
        #expect(error?.error.code == "E0208")
        #expect(error?.error.what == "the index 3 is out of range for an axis of size 3")
        #expect(error?.origin == 4)
    }

    @Test func compiledFunctionsRunAgain() throws {
        let x = Tensor.argument(TensorType(.f64, [2]))
        let w = try Tensor.of(3, 4)
        let y = try op("sum", op("multiply", x, op("exp", w)))
        let dx = try #require(try gradients(of: y, by: [x])[0])
        let f = try CompiledFunction(arguments: [x], outputs: [y, dx, x])
        for k in [1.0, 2.0] {
            let results = try f.run([Tensor.of(k, 0)])
            #expect(isClose(try results[0].element(0), k * 20.085536923187668, 1e-12))
            #expect(isClose(try results[1].element(1), 54.598150033144236, 1e-12))
            #expect(try results[2].doubles == [k, 0])
        }
    }
}
