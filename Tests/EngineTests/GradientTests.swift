import Engine
import Graphs
import Testing

@Suite struct GradientTests {
    @Test func theSameStructureGivesTheGradientsOfItsOwnData() throws {
        for k in [1.0, 2, 3] {
            let x = try Tensor.of(k, 2 * k)
            let y = try op("sum", op("multiply", op("exp", x), x))
            let dx = try #require(try gradients(of: y, by: [x])[0]).doubles
            for (value, gradient) in zip([k, 2 * k], dx) {
                let e = 2.718281828459045
                #expect(isClose(gradient, (1 + value) * (1...Int(value)).reduce(1.0) { power, _ in power * e }, 1e-12))
            }
        }
    }

    @Test func theValueIsComputedWithItsGradient() throws {
        let x = try Tensor.of(1, 2)
        let y = try op("sum", op("multiply", x, x))
        let dx = try #require(try gradients(of: y, by: [x])[0])
        try dx.compute()
        #expect(y.isComputed)
        let z = try op("sum", op("multiply", x, x))
        let dz = try #require(try gradients(of: z, by: [x])[0])
        #expect(try z.element(0) == 5)
        #expect(dz.isComputed)
        #expect(try dz.doubles == [2, 4])
    }

    /// Of max(x + bias, 0) under windows: with `_relu`, whose gradient is cut where there are fewer elements, as without.
    @Test(arguments: [2, 3])
    func whatFlowsThroughWindowsIsCutAboveThem(_ stride: Int) throws {
        let values = (0..<252).map { index in Double((index * 37) % 101 - 60) * 0.1 }
        let x = Tensor.f64(values, [2, 7, 6, 3])
        let bias = try Tensor.of(-1, 0.5, 2)
        let weights = Tensor.f64((0..<54).map { index in Double(index % 11) - 4 }, [2, 3, 3, 3])
        func found(_ isPlain: Bool) throws -> [[Double]] {
            let moved = try op("add", x, bias)
            let kept = isPlain ? try op("maximum", moved, .of(0)) : try op("_relu", moved)
            let window: [String: Attribute] = [
                "pool_size": .ints([stride, 2]), "strides": .ints([2, 2]), "before": .ints([0, 0]), "after": .ints([0, 0]),
            ]
            let y = try op("sum", op("multiply", op("_max_pool", kept, with: window), weights))
            return try gradients(of: y, by: [x, bias]).map { try #require($0).doubles }
        }
        let (cut, plain) = (try found(false), try found(true))
        #expect(cut[0] == plain[0])
        #expect(zip(cut[1], plain[1]).allSatisfy { isClose($0, $1, 1e-12) })
        #expect(plain[0].contains(0) && Set(plain[0]).count > 8)
    }

    @Test func anErrorOfTheValueIsNotTheGradients() throws {
        let x = try Tensor.of(1, 2)
        let bad = try op("sum", op("gather", Tensor.of(1, 2), .make([5] as [Int32], [1])))
        let y = try op("add", op("sum", op("multiply", x, x)), bad)
        let dx = try #require(try gradients(of: y, by: [x])[0])
        #expect(try dx.doubles == [2, 4])
        let error = #expect(throws: ExecutionError.self) { try y.compute() }
        #expect(error?.error.code == "E0208")
    }

    @Test func anErrorInsideAGradientNamesItsOp() throws {
        let x = try Tensor.of(1, 2)
        let whole = try ops("floor_divide", [.make([6, 6] as [Int32], [2]), .make([1, 0] as [Int32], [2])], origin: 9)[0]
        let y = try op("sum", op("multiply", op("multiply", x, x), op("cast", whole, with: ["dtype": .dtype(.f64)])))
        let dx = try #require(try gradients(of: y, by: [x])[0])
        let error = #expect(throws: ExecutionError.self) { try dx.doubles }
        #expect(error?.error.code == "E0209")
        #expect(error?.origin == 9)
    }

    @Test func gradientsOfGradientsReachWhatIsOlder() throws {
        // d/dz of (d/dx of (x² · exp z)) = 2x · exp z
        let z = try op("copy", Tensor.of(0.5))
        let outer = Recording(of: [z])
        let x = try op("copy", op("multiply", z, Tensor.of(3)))
        let inner = Recording(of: [x])
        let y = try op("sum", op("multiply", op("multiply", x, x), op("exp", z)))
        let dx = try #require(try gradients(of: y, by: [x])[0])
        inner.close()
        let dz = try #require(try gradients(of: op("sum", dx), by: [z])[0])
        // x is 3z: 2 · 3 · exp z + 2 · 3z · exp z
        #expect(isClose(try dz.doubles[0], 1.6487212707001282 * (6 + 3), 1e-12))
        outer.close()
    }
}
