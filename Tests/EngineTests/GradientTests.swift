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
