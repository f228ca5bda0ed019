import Engine
import Graphs
import Testing

@Suite struct ScanTests {
    /// c' = tanh(c · w + x), y = c' · c: unrolled.
    private func unrolled(_ c: Tensor, _ xs: [Tensor], _ w: Tensor) throws -> (Tensor, [Tensor]) {
        var c = c
        var ys: [Tensor] = []
        for x in xs {
            let next = try op("tanh", op("add", op("multiply", c, w), x))
            ys.append(try op("multiply", next, c))
            c = next
        }
        return (c, ys)
    }

    private func scanned(_ c: Tensor, _ xs: Tensor, _ w: Tensor, reverse: Bool = false) throws -> (Tensor, Tensor) {
        let (cIn, x) = (Tensor.argument(c.type), Tensor.argument(TensorType(xs.dtype, Array(xs.shape.dropFirst()))))
        let next = try op("tanh", op("add", op("multiply", cIn, w), x))
        let y = try op("multiply", next, cIn)
        let result = try scan(
            carries: [c], sequences: [xs], reverse: reverse, bodyArguments: [cIn, x], bodyOutputs: [next, y], origin: 3)
        return (result.carries[0], result.ys[0])
    }

    private let c = Tensor.make([0.1, -0.2], [2])
    private let w = Tensor.make([0.7, 1.3], [2])
    private let rows: [[Double]] = [[0.5, -1], [0.2, 0.3], [-0.4, 0.9], [1.1, 0]]

    @Test(arguments: [false, true]) func agreesWithTheUnrolledLoop(_ reverse: Bool) throws {
        let xs = rows.map { Tensor.make($0, [2]) }
        let order = reverse ? xs.reversed() : xs
        let (last, ys) = try unrolled(c, order, w)
        let (scannedLast, scannedYs) = try scanned(c, Tensor.make(rows.flatMap { $0 }, [4, 2]), w, reverse: reverse)
        let expected = try (reverse ? ys.reversed() : ys).flatMap { try $0.doubles }
        #expect(try scannedYs.doubles == expected)
        #expect(try scannedLast.doubles == last.doubles)
    }

    @Test(arguments: [false, true]) func gradientsAgreeWithTheUnrolledLoop(_ looksFirst: Bool) throws {
        let parts = rows.map { Tensor.make($0, [2]) }
        let (last, ys) = try unrolled(c, parts, w)
        var total = try op("sum", last)
        for y in ys { total = try op("add", total, op("sum", y)) }
        let expected = try gradients(of: total, by: [c, w] + parts).map { try $0!.doubles }

        let xs = Tensor.make(rows.flatMap { $0 }, [4, 2])
        let recording = Recording(of: [c, w, xs])
        defer { recording.close() }
        let (scannedLast, scannedYs) = try scanned(c, xs, w)
        let sum = try op("add", op("sum", scannedLast), op("sum", scannedYs))
        if looksFirst { try sum.compute() }
        let found = try gradients(of: sum, by: [c, w, xs]).map { try $0!.doubles }
        for (a, b) in zip(found[0] + found[1] + found[2], expected.flatMap { $0 }) { #expect(isClose(a, b, 1e-12), "\(a) and \(b)") }
    }

    @Test func aStepDrawsItsOwnNumbers() throws {
        let c = Tensor.argument(TensorType(.f32, []))
        let x = Tensor.argument(TensorType(.f32, []))
        let noise = try ops("random.uniform", [.key(seed: 1, draw: 2)], with: ["shape": .ints([])])[0]
        let y = try op("add", noise, op("multiply", x, .scalar(0.0, .f32)))
        let ys = try scan(
            carries: [.scalar(0.0, .f32)], sequences: [.make([Float](repeating: 0, count: 50), [50])], bodyArguments: [c, x],
            bodyOutputs: [c, y], origin: 0
        ).ys[0].elements(as: Float.self)
        #expect(Set(ys).count == 50)
    }

    @Test func runsInsideOfCompiledCode() throws {
        let xs = Tensor.argument(TensorType(.f64, [4, 2]))
        let (last, ys) = try scanned(c, xs, w)
        let loss = try op("add", op("sum", last), op("sum", ys))
        let dx = try #require(try gradients(of: loss, by: [xs])[0])
        let f = try CompiledFunction(arguments: [xs], outputs: [loss, dx])
        let input = Tensor.make(rows.flatMap { $0 }, [4, 2])
        let results = try f.run([input])
        let (eagerLast, eagerYs) = try scanned(c, input, w)
        let eager = try op("add", op("sum", eagerLast), op("sum", eagerYs))
        let gradient = try gradients(of: eager, by: [input])[0]
        #expect(try results[0].doubles == eager.doubles)
        #expect(try results[1].doubles == gradient?.doubles)
    }

    @Test func anEmptySequenceGivesTheCarry() throws {
        let (last, ys) = try scanned(c, Tensor.make([Double](), [0, 2]), w)
        #expect(try last.doubles == [0.1, -0.2])
        #expect(ys.shape == [0, 2])
        #expect(try ys.doubles == [])
    }
}
