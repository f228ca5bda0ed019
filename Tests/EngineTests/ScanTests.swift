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
        for (a, b) in zip(found[0] + found[1] + found[2], expected.flatMap { $0 }) {
            #expect(isClose(a, b, 1e-12), "\(a) and \(b)")
        }
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

    // MARK: Against the loop written out

    /// From carries and a slice to carries and ys; whatever else it needs is captured.
    private typealias Body = ([Tensor], Tensor) throws -> (carries: [Tensor], ys: [Tensor])

    /// Finals, ys, first derivatives by `variables`, carries and slices, and second ones, all in one list.
    private func everything(_ finals: [Tensor], _ ys: [Tensor], by variables: [Tensor]) throws -> [Tensor] {
        var loss = Tensor.scalar(0.0, .f64)
        for (n, x) in (finals + ys).enumerated() where x.dtype.isFloat {
            loss = try op("add", loss, op("sum", op("sin", op("multiply", x, .scalar(1 + 0.3 * Double(n), .f64)))))
        }
        func derivatives(_ y: Tensor) throws -> [Tensor] {
            try zip(gradients(of: y, by: variables), variables).map { try $0 ?? op("zeros", with: ["shape": .ints($1.shape)]) }
        }
        let first = try derivatives(loss)
        var squares = Tensor.scalar(0.0, .f64)
        for d in first { squares = try op("add", squares, op("sum", op("multiply", d, d))) }
        return try finals + ys + first + derivatives(squares)
    }

    /// Whether the scan gives what the loop written out gives: values, gradients, and gradients of gradients.
    private func expectAgreement(
        _ start: [Tensor], _ xs: Tensor, captures: [Tensor], reverse: Bool = false, tolerance: Double = 1e-9, _ body: Body
    ) throws {
        let variables = (start + captures + [xs]).filter { $0.dtype.isFloat }
        let recording = Recording(of: variables)
        defer { recording.close() }
        let steps = xs.shape[0]

        var carries = start
        var ys: [Int: [Tensor]] = [:]
        for i in reverse ? Array((0..<steps).reversed()) : Array(0..<steps) {
            let slice = try op(
                "_slice", xs,
                with: [
                    "begin": .ints([i] + xs.shape.dropFirst().map { _ in 0 }), "end": .ints([i + 1] + xs.shape.dropFirst()),
                    "step": .ints(xs.shape.map { _ in 1 }),
                ])
            let next = try body(carries, op("_reshape", slice, with: ["shape": .ints(Array(xs.shape.dropFirst()))]))
            (carries, ys[i]) = (next.carries, next.ys)
        }
        let stacked = try (ys[0] ?? []).indices.map { n in
            try ops("stack", (0..<steps).map { ys[$0]![n] }, with: ["axis": .int(0)])[0]
        }
        let expected = try everything(carries, stacked, by: variables).map {
            try op("cast", $0, with: ["dtype": .dtype(.f64)]).doubles
        }

        let arguments = start.map { Tensor.argument($0.type) }
        let slice = Tensor.argument(TensorType(xs.dtype, Array(xs.shape.dropFirst())))
        let traced = try body(arguments, slice)
        let result = try scan(
            carries: start, sequences: [xs], reverse: reverse, bodyArguments: arguments + [slice],
            bodyOutputs: traced.carries + traced.ys, origin: 0)
        let found = try everything(result.carries, result.ys, by: variables).map {
            try op("cast", $0, with: ["dtype": .dtype(.f64)]).doubles
        }
        #expect(found.count == expected.count)
        for (n, (a, b)) in zip(found, expected).enumerated() {
            #expect(a.count == b.count, "value \(n)")
            for (x, y) in zip(a, b) where !isClose(x, y, tolerance) {
                Issue.record("value \(n): \(x) instead of \(y)")
                break
            }
        }
    }

    private func drawn(_ shape: Shape, _ seed: UInt64, _ size: Double = 0.5) -> Tensor {
        var draws = Draws(seed)
        return .make((0..<shape.reduce(1, *)).map { _ in draws.uniform(-size, size) }, shape)
    }

    /// Batches of one part and of several, which do not divide evenly.
    @Test(arguments: [(1, 3, false), (5, 2, true), (33, 9, false), (33, 9, true), (18, 12, false)])
    func anLSTMAgreesWithItsLoop(_ batch: Int, _ steps: Int, _ reverse: Bool) throws {
        let units = 24
        let (kernel, bias) = (drawn([units, 4 * units], 1), drawn([4 * units], 2))
        try expectAgreement(
            [drawn([batch, units], 3), drawn([batch, units], 4)], drawn([steps, batch, 4 * units], 5), captures: [kernel, bias],
            reverse: reverse
        ) { state, x in
            let z = try op("add", op("add", x, op("matmul", state[0], kernel)), bias)
            let gates = try ops("split", [z], with: ["num_or_sizes": .ints([4]), "axis": .int(-1)])
            let (i, f, o) = (try op("sigmoid", gates[0]), try op("sigmoid", gates[1]), try op("sigmoid", gates[3]))
            let c = try op("add", op("multiply", f, state[1]), op("multiply", i, op("tanh", gates[2])))
            let h = try op("multiply", o, op("tanh", c))
            return ([h, c], [h])
        }
    }

    /// One capture as a factor on either side, a mask of the batch, a bias and a number; a slice of another.
    @Test(arguments: [4, 40]) func capturesMayBeUsedInSeveralWays(_ batch: Int) throws {
        let units = batch == 4 ? 4 : 24
        let (w, mask, scale) = (drawn([units, units], 1), drawn([batch, units], 2), drawn([], 3))
        let wide = drawn([units, 2 * units], 4)
        try expectAgreement(
            [drawn([batch, units], 5)], drawn([batch == 4 ? 3 : 20, batch, units], 6), captures: [w, mask, scale, wide]
        ) { state, x in
            let h = try op("multiply", state[0], mask)
            let left = try op("matmul", h, w)
            let right = try ops("matmul", [h, w], with: ["transpose_b": .bool(true)])[0]
            let row = try op("sum", w, with: ["axis": .ints([0])])
            let both = try op("matmul", h, wide)
            let halves = try ops("split", [both], with: ["num_or_sizes": .ints([2]), "axis": .int(-1)])
            let sum = try op(
                "add", op("add", op("multiply", left, scale), right), op("add", row, op("multiply", halves[0], halves[1])))
            let next = try op("tanh", op("add", sum, x))
            return ([next], [try op("softmax", op("multiply", next, scale))])
        }
    }

    /// A batch as large as the state is wide: nothing but the ops tell rows from columns.
    @Test func aBatchAsWideAsTheState() throws {
        let n = 24
        let (w, square) = (drawn([n, n], 1), drawn([n, n], 2))
        try expectAgreement([drawn([n, n], 3)], drawn([20, n, n], 4), captures: [w, square]) { state, x in
            let next = try op("tanh", op("add", op("matmul", state[0], w), op("multiply", x, square)))
            return ([next], [])
        }
        // Rows meet columns here, so it cannot be cut.
        try expectAgreement([drawn([n, n], 3)], drawn([20, n, n], 4), captures: [w]) { state, x in
            let next = try op("tanh", op("add", op("matmul", w, state[0]), op("_transpose", x, with: ["axes": .ints([1, 0])])))
            return ([next], [])
        }
    }

    @Test func integerCarriesAndSlicesPassThrough() throws {
        let w = drawn([3], 1)
        try expectAgreement([.make([Int32(2)], [1]), drawn([3], 2)], drawn([5, 3], 3), captures: [w]) { state, x in
            let count = try op("add", state[0], .make([Int32(1)], [1]))
            let factor = try op("cast", count, with: ["dtype": .dtype(.f64)])
            return ([count, try op("tanh", op("add", op("multiply", state[1], w), op("divide", x, factor)))], [count])
        }
    }

    @Test(arguments: [0, 1]) func shortSequences(_ steps: Int) throws {
        let (w, b) = (drawn([4, 4], 1), drawn([4], 2))
        let (c, xs) = (drawn([2, 4], 3), drawn([steps, 2, 4], 4))
        let recording = Recording(of: [c, xs, w, b])
        defer { recording.close() }
        func step(_ c: Tensor, _ x: Tensor) throws -> Tensor { try op("tanh", op("add", op("add", op("matmul", c, w), x), b)) }
        let (argument, slice) = (Tensor.argument(c.type), Tensor.argument(TensorType(.f64, [2, 4])))
        let next = try step(argument, slice)
        let result = try scan(carries: [c], sequences: [xs], bodyArguments: [argument, slice], bodyOutputs: [next], origin: 0)
        let found = try gradients(of: op("sum", result.carries[0]), by: [c, xs, w, b]).map { try #require($0).doubles }
        if steps == 0 {
            #expect(found == [[Double](repeating: 1, count: 8), [], [Double](repeating: 0, count: 16), [0, 0, 0, 0]])
        } else {
            let x = try op("_reshape", xs, with: ["shape": .ints([2, 4])])
            let expected = try gradients(of: op("sum", step(c, x)), by: [c, xs, w, b]).map { try #require($0).doubles }
            for (a, b) in zip(found.flatMap { $0 }, expected.flatMap { $0 }) { #expect(isClose(a, b, 1e-12)) }
        }
    }

    /// What only carries hold, nobody reads, or does not depend on the sequence.
    @Test func aBodyMayIgnoreItsSlice() throws {
        let w = drawn([2], 1)
        try expectAgreement([drawn([2], 2), drawn([2], 3)], drawn([4, 2], 4), captures: [w]) { state, _ in
            ([try op("multiply", state[0], w), state[1]], [w])
        }
    }

    /// The shape of a sequence is its own, not that of the product that made it.
    @Test func theSequenceMayBeAReshapedProductWithABias() throws {
        let (x, w, bias) = (drawn([4, 3, 5], 1), drawn([5, 2], 2), drawn([2], 3))
        func cast(_ tensor: Tensor) throws -> Tensor { try op("cast", tensor, with: ["dtype": .dtype(.f32)]) }
        let rows = try op("_matmul", op("_reshape", cast(x), with: ["shape": .ints([12, 5])]), cast(w))
        let xs = try op("add", op("_reshape", rows, with: ["shape": .ints([4, 3, 2])]), cast(bias))
        let start = try cast(drawn([3, 2], 4))
        let (c, slice) = (Tensor.argument(start.type), Tensor.argument(TensorType(.f32, [3, 2])))
        let next = try op("add", c, slice)
        let result = try scan(carries: [start], sequences: [xs], bodyArguments: [c, slice], bodyOutputs: [next, next], origin: 0)
        let expected = try op("add", start, op("sum", xs, with: ["axis": .ints([0])])).elements(as: Float.self)
        #expect(result.ys[0].shape == [4, 3, 2])
        for (a, b) in try zip(result.carries[0].elements(as: Float.self), expected) { #expect(isClose(Double(a), Double(b), 1e-6)) }
        #expect(try Array(result.ys[0].elements(as: Float.self).suffix(6)) == result.carries[0].elements(as: Float.self))
    }
}
