import Graphs
import Testing
@testable import Engine

/// Ops that are computed together against the same ops computed one after the other.
@Suite struct FusionTests {
    /// Random chains over shapes that cross the borders of tiles, rows and chunks.
    @Test(arguments: [[7], [257], [100_003], [1000, 37], [3, 5000], [64, 4, 33], [1, 1], [0, 5]] as [Shape], [DType.f32, .f64])
    func chainsAgreeWithSingleOps(_ shape: Shape, _ dtype: DType) throws {
        var draws = Draws(UInt64(shape.reduce(3) { $0 * 31 + $1 }))
        let last = shape[shape.count - 1]
        let column = Shape(shape.dropLast()) + [1]
        for round in 0..<6 {
            func array(_ shape: Shape) throws -> Tensor {
                let values = (0..<shape.reduce(1, *)).map { _ in Double(draws.next() >> 40) / Double(1 << 24) + 0.25 }
                return try op("cast", .f64(values, shape), with: ["dtype": .dtype(dtype)])
            }
            let leaves = [try array(shape), try array(shape), try array([last]), try array(column), try array([])]
            let steps = (0..<12).map { _ in (Int(draws.next() % 9), Int(draws.next() % 64), Int(draws.next() % 64)) }
            func build(_ isAlone: Bool) throws -> [Tensor] {
                var values = leaves
                for (kind, i, j) in steps {
                    let (a, b) = (values[i % values.count], values[j % values.count])
                    let made =
                        switch kind {
                        case 0: try op("add", a, b)
                        case 1: try op("multiply", a, b)
                        case 2: try op("maximum", a, b)
                        case 3: try op("sqrt", op("abs", a))
                        case 4: try op("where", op("less", a, b), a, b)
                        case 5: try op("subtract", a, op("multiply", a, b))
                        case 6: try op("add", op("multiply", leaves[4], a), op("multiply", b, leaves[i % 5]))
                        case 7: try op("subtract", a, op("divide", leaves[j % 5], leaves[i % 5]))
                        default: try op("tanh", a)
                        }
                    if isAlone { try made.compute() }
                    values.append(made)
                }
                let y = try op("add", values[values.count - 1], leaves[0])
                if isAlone { try y.compute() }
                var results = [y]
                for (name, axes) in [("sum", [-1]), ("max", [-1]), ("sum", [0])] where !shape.contains(0) {
                    results.append(try op(name, y, with: ["axis": .ints(axes)]))
                }
                results.append(try op("sum", y))
                if isAlone { for result in results { try result.compute() } } else { try Tensor.compute(results) }
                return results
            }
            let (fused, alone) = (try build(false), try build(true))
            let tolerance = dtype == .f32 ? 2e-5 : 1e-12
            for (x, y) in zip(fused, alone) {
                #expect(x.type == y.type)
                #expect(zip(try x.doubles, try y.doubles).allSatisfy { isClose($0, $1, tolerance) }, "\(shape.text), round \(round)")
            }
        }
    }

    @Test func slicesAndTransposesAreWalkedOver() throws {
        let x = Tensor.make((0..<600).map { Float($0) }, [20, 30])
        let part = try op("_slice", x, with: ["begin": .ints([19, 3]), "end": .ints([-1, 23]), "step": .ints([-2, 4])])
        var expected: [Double] = []
        for row in stride(from: 19, to: -1, by: -2) { for column in stride(from: 3, to: 23, by: 4) { expected.append(Double(2 * (row * 30 + column))) } }
        #expect(try op("add", part, part).doubles == expected)
        let one = try op("_slice", x, with: ["begin": .ints([7, 8]), "end": .ints([8, 9]), "step": .ints([1, 1])])
        #expect(try op("negative", op("_reshape", one, with: ["shape": .ints([])])).element(0) == -218)
        let cube = try op("_reshape", x, with: ["shape": .ints([4, 5, 30])])
        let turned = try op("_transpose", cube, with: ["axes": .ints([1, 0, 2])])
        expected = []
        for j in 0..<5 {
            for i in 0..<4 {
                for k in 0..<30 {
                    let value = Double((i * 5 + j) * 30 + k)
                    expected.append(value * value)
                }
            }
        }
        #expect(try op("square", turned).doubles == expected)
    }

    @Test func largeWorkHasTheSameBitsOnOneThread() throws {
        let x = try op("_random_uniform", .key(seed: 3, draw: 1), with: ["shape": .ints([300, 1001]), "dtype": .dtype(.f32)])
        try x.compute()
        func result() throws -> [[Double]] {
            let y = try op("multiply", op("exp", x), op("sigmoid", x))
            let results = [y, try op("sum", y, with: ["axis": .ints([0])]), try op("sum", y, with: ["axis": .ints([1])]), try op("sum", y)]
            try Tensor.compute(results)
            return try results.map { try $0.doubles }
        }
        let pooled = try result()
        var alone: [[Double]]?
        // In a chunk of the pool everything runs on the caller's thread.
        ThreadPool.run(2) { if $0 == 0 { alone = try? result() } }
        #expect(alone == pooled)
    }

    @Test func drawsDoNotDependOnTheTile() throws {
        let key = Tensor.key(seed: 1, draw: 2)
        func draw(_ shape: Shape) throws -> Tensor { try op("_random_uniform", key, with: ["shape": .ints(shape), "dtype": .dtype(.f32)]) }
        let flat = try draw([30_003]).doubles
        let rows = try op("add", draw([10_001, 3]), Tensor.make([0, 0, 0] as [Float], [3])).doubles
        #expect(flat == rows)
        #expect(flat.allSatisfy { $0 >= 0 && $0 < 1 })
    }

    /// relu(a · b + bias + residual) in one instruction, and whatever of it there is.
    @Test func whatFollowsAProductIsComputedWithIt() throws {
        func array(_ shape: Shape, _ scale: Float) -> Tensor {
            .make((0..<shape.reduce(1, *)).map { Float(($0 * 37) % 101 - 50) * scale }, shape)
        }
        let (a, b, bias, residual) = (array([33, 20], 0.01), array([20, 17], 0.02), array([17], 0.1), array([33, 17], 0.05))
        let plain = try op("_matmul", a, b)
        try plain.compute()
        for (hasBias, hasResidual, hasRelu) in [(true, false, false), (true, false, true), (false, true, true), (true, true, true), (false, false, true)] {
            func finish(_ product: Tensor) throws -> Tensor {
                var y = product
                if hasBias { y = try op("add", y, bias) }
                if hasResidual { y = try op("add", residual, y) }
                return hasRelu ? try op("_relu", y) : y
            }
            let together = try finish(op("_matmul", a, b)).doubles
            #expect(zip(together, try finish(plain).doubles).allSatisfy { isClose($0, $1, 1e-5) })
        }
        // Twice the product is no residual of itself.
        let y = try op("_matmul", a, b)
        #expect(try zip(op("add", y, y).doubles, plain.doubles).allSatisfy { isClose($0, 2 * $1, 1e-5) })
    }
}

/// Steps that write over what they read.
@Suite struct StepTests {
    @Test func aStepReplacesItsArguments() throws {
        let types = [TensorType(.f32, [300]), TensorType(.f32, [300]), TensorType(.f64, []), TensorType(.f32, [300])]
        let arguments = types.map { Tensor.argument($0) }
        let (p, m, count, g) = (arguments[0], arguments[1], arguments[2], arguments[3])
        let newM = try op("add", op("multiply", m, .scalar(0.5, .f32)), g)
        let newP = try op("subtract", p, newM)
        // m is read after its successor was made; the total grows by what is summed up of both.
        let total = try op("add", count, op("cast", op("sum", op("multiply", m, newP)), with: ["dtype": .dtype(.f64)]))
        let step = try CompiledFunction(arguments: arguments, outputs: [newP, newM, total, op("sum", newP)], donated: 3)
        func array(_ f: (Int) -> Float) -> Tensor { .make((0..<300).map(f), [300]) }
        let memory = try StepMemory([array { Float($0) }, array { Float($0 % 7) }, .scalar(1.0, .f64)])
        var (p0, m0, c0) = ((0..<300).map { Double($0) }, (0..<300).map { Double($0 % 7) }, 1.0)
        for number in 1...3 {
            let gradient = array { Float($0 % 3 + number) }
            let loss = try step.advance(memory, [gradient], step: number) { _ in true }[0]
            let (m1, g1) = (m0.indices.map { m0[$0] * 0.5 + Double($0 % 3 + number) }, m0)
            p0 = p0.indices.map { p0[$0] - m1[$0] }
            c0 += zip(g1, p0).reduce(0) { $0 + $1.0 * $1.1 }
            m0 = m1
            let values = try memory.values(0..<3)
            #expect(try values[0].doubles == p0)
            #expect(try values[1].doubles == m0)
            #expect(isClose(try values[2].element(0), c0, 1e-6))
            #expect(isClose(try loss.element(0), p0.reduce(0, +), 1e-6))
        }
        _ = try step.advance(memory, [array { _ in 9 }], step: 4) { _ in false }
        #expect(try memory.values(0..<2).map { try $0.doubles } == [p0, m0])
    }

    /// A mask that the model makes is captured; its gradients know it as the same.
    @Test func gradientsShareWhatDependsOnNoVariable() throws {
        func instructions(isComputed: Bool) throws -> Int {
            let w = Tensor.argument(TensorType(.f32, [4, 4]))
            let mask = try op("exp", .make((0..<16).map { Float($0 % 3) }, [4, 4]))
            if isComputed { try mask.compute() }
            let y = try op("sum", op("exp", op("_matmul", w, mask)))
            let flow = try #require(gradients(of: y, by: [w])[0])
            return try CompiledFunction(arguments: [w], outputs: [y, flow]).instructionCount
        }
        #expect(try instructions(isComputed: false) == instructions(isComputed: true))
    }

    @Test func valuesMayChangePlaces() throws {
        let arguments = (0..<3).map { _ in Tensor.argument(TensorType(.f32, [5])) }
        let turn = try CompiledFunction(arguments: arguments, outputs: [arguments[1], arguments[2], op("negative", arguments[0])], donated: 3)
        let memory = try StepMemory((0..<3).map { .make([Float](repeating: Float($0), count: 5), [5]) })
        _ = try turn.advance(memory, [], step: 1) { _ in true }
        #expect(try memory.values(0..<3).map { try $0.element(0) } == [1, 2, 0])
    }

    @Test func producersKeepTheOrderAndHandOnErrors() throws {
        struct Enough: Error {}
        for depth in [1, 2, 7] {
            var made = 0
            let producer = Producer(depth: depth) {
                if made == 100 { throw Enough() }
                made += 1
                return [.scalar(Double(made), .f64)]
            }
            for expected in 1...100 { #expect(try producer.next()?[0].element(0) == Double(expected)) }
            #expect(throws: Enough.self) { try producer.next() }
            #expect(throws: Enough.self) { try producer.next() }
        }
        let unread = Producer(depth: 3) { [.scalar(1.0, .f32)] }
        _ = try unread.next()
    }
}
