import Engine
import Graphs
import Testing

@Suite struct ImmediateTests {
    static let rows = Op.all.filter { Immediate($0) != nil }.map(\.name)
    static func row(_ name: String) throws -> (op: Op, row: Immediate) {
        let op = try #require(Op.named(name))
        return (op, try #require(Immediate(op)))
    }
    static let dtypes: [DType] = [.bool, .u8, .i8, .i16, .i32, .i64, .f16, .bf16, .f32, .f64]

    /// Numbers of the row's domain; the second argument of integer rows is a small count.
    static func tensor(_ op: Op, _ dtype: DType, _ shape: Shape, _ draws: inout Draws) throws -> Tensor {
        let values = (0..<(shape.elementCount ?? 0)).map { _ in draws.uniform(op.domain.lowerBound, op.domain.upperBound) * (dtype.isFloat ? 1 : 4) }
        return try EngineTests.op("cast", .f64(values, shape), with: ["dtype": .dtype(dtype)])
    }

    /// What is computed when it is written has the type and the bits of what is computed when somebody looks.
    @Test(arguments: rows) func atOnceIsAsLater(_ name: String) throws {
        let (op, row) = try Self.row(name)
        var draws = Draws(3)
        // Inside the tensor, in memory of its own, and more than is computed at once.
        for dtype in Self.dtypes {
            let shapes: [(Shape, Shape)] = [
                ([2, 2], [2, 2]), ([3, 30], []), ([], [5]), ([3, 1], [4]), ([40, 60], [40, 60]), ([0, 2], [0, 2]), ([], []), ([3, 30], [30, 7]),
                ([50, 0], [0, 3]), ([1, 300], [300, 40]), ([40, 60], [60, 90]),
            ]
            for (a, b) in shapes {
                let isMap = op.parameters.count == 1
                let inputs = try isMap ? [Self.tensor(op, dtype, a, &draws)] : [Self.tensor(op, dtype, a, &draws), Self.tensor(op, dtype, b, &draws)]
                try Tensor.compute(inputs)
                guard let now = isMap ? row(inputs[0]) { 1 } : row(inputs[0], inputs[1], origin: { 1 }) else { continue }
                let later = try Tensor.apply(op, inputs, op.attributes())[0]
                #expect(!later.isComputed)
                #expect(now.type == later.type, "\(name) of \(dtype)\(a) and \(b)")
                #expect(try now.bytes() == later.bytes(), "\(name) of \(dtype)\(a) and \(b)")
            }
        }
    }

    @Test(arguments: [true, false]) func aNumberIsAScalarOfTheDType(_ isFirst: Bool) throws {
        for name in ["add", "subtract", "multiply", "divide", "power", "less"] {
            let (op, row) = try Self.row(name)
            for dtype in [DType.f16, .bf16, .f32, .f64] {
                let x = try Tensor.of(0.3, 1.7, 2, dtype: dtype)
                try x.compute()
                let now = try #require(row(x, number: 0.7, isFirst: isFirst, origin: { 1 }))
                let number = Tensor.scalar(0.7, dtype)
                #expect(now.isComputed)
                #expect(try now.bytes() == Tensor.apply(op, isFirst ? [number, x] : [x, number])[0].bytes())
            }
        }
    }

    @Test func fewElementsAtHandAreComputedAtOnce() throws {
        let add = try Self.row("add").row
        let x = Tensor.make([1, 2] as [Float], [2])
        let sum = try #require(add(x, x) { 1 })
        #expect(sum.isComputed)
        #expect(try sum.doubles == [2, 4])
        // Not what is large, pending, recorded or traced; and what is unknown stays so.
        let large = Tensor.make([Float](repeating: 1, count: 5000), [5000])
        #expect(add(large, large) { 1 }?.isComputed == false)
        let pending = try op("exp", x)
        #expect(add(pending, x) { 1 }?.isComputed == false)
        #expect(add(.argument(x.type), x) { 1 }?.availability == .argument)
        let unknown = try #require(add(.unknown(TensorType(.f32, [-1, 2])), x) { 1 })
        #expect(unknown.availability == .unknown)
        #expect(unknown.shape == [-1, 2])
        let recording = Recording(of: [x])
        let recorded = try #require(add(x, sum) { 1 })
        #expect(!recorded.isComputed)
        #expect(try gradients(of: op("sum", recorded), by: [x])[0]?.doubles == [1, 1])
        recording.close()
    }

    @Test func smallProductsOfMatricesAtHandAreComputedAtOnce() throws {
        let product = try Self.row("matmul").row
        let a = Tensor.make([1, 2, 3, 4] as [Float], [2, 2])
        let now = try #require(product(a, a) { 1 })
        #expect(now.isComputed)
        #expect(try now.doubles == [7, 10, 15, 22])
        let wide = Tensor.make([Float](repeating: 1, count: 100 * 100), [100, 100])
        let vector = Tensor.make([1, 2] as [Float], [2])
        let integers = Tensor.make([1, 2, 3, 4] as [Int32], [2, 2])
        let pending = try op("exp", a)
        for (a, b) in [(wide, wide), (vector, a), (integers, integers), (pending, a), (a, wide), (.argument(a.type), a), (.unknown(a.type), a)] {
            #expect(product(a, b) { 1 } == nil, "\(a.type) and \(b.type)")
        }
        let recording = Recording(of: [a])
        #expect(product(a, a) { 1 } == nil)
        recording.close()
    }

    @Test func equalTensorsAtHandAreStackedAtOnce() throws {
        let (op, row) = try Self.row("stack")
        var draws = Draws(4)
        func stacked(_ xs: [Tensor?]) -> Tensor? { row(stacking: xs.count) { xs[$0] } }
        for dtype in Self.dtypes {
            for (count, shape) in [(1, []), (3, []), (40, []), (2, [3]), (5, [2, 0, 3]), (7, [4, 16])] as [(Int, Shape)] {
                let xs = try (0..<count).map { _ in try Self.tensor(op, dtype, shape, &draws) }
                try Tensor.compute(xs)
                let now = try #require(stacked(xs))
                let later = try Tensor.apply(op, xs, op.attributes())[0]
                #expect(now.isComputed && !later.isComputed)
                #expect(now.type == later.type)
                #expect(try now.bytes() == later.bytes(), "\(count) of \(dtype)\(shape)")
            }
        }
        // Not what is large, pending, recorded, traced or no tensor, differs, or is an error.
        let x = Tensor.make([1, 2] as [Float], [2])
        let large = Tensor.make([Float](repeating: 1, count: 1000), [1000])
        let deep = Tensor.make([1] as [Float], Shape(repeating: 1, count: TensorType.mostAxes))
        let pending = try EngineTests.op("exp", x)
        for xs in [
            [], [nil], [x, nil], [large, large], [deep], [x, pending], [x, .argument(x.type)], [.unknown(x.type)], [x, .scalar(1.0, .f32)],
            [x, Tensor.make([1, 2], [2])],
        ] as [[Tensor?]] { #expect(stacked(xs) == nil) }
        let recording = Recording(of: [x])
        #expect(stacked([x, x]) == nil)
        recording.close()
    }

    @Test func aPartOfWhatIsAtHandIsCopied() throws {
        let x = Tensor.make((0..<24).map { Float($0) }, [2, 3, 4])
        #expect(try x.part(at: 20, [4], strides: [1])?.doubles == [20, 21, 22, 23])
        #expect(try x.part(at: 23, [], strides: [])?.doubles == [23])
        #expect(try x.part(at: 0, [2, 3, 4], strides: [12, 4, 1])?.doubles == x.doubles)
        #expect(try x.part(at: 3, [2, 1, 2], strides: [12, 0, -2])?.doubles == [3, 1, 15, 13])
        #expect(try x.part(at: 11, [3], strides: [-4])?.doubles == [11, 7, 3])
        #expect(try x.part(at: 24, [2, 0], strides: [12, 1])?.doubles == [])
        #expect(x.part(at: 0, [2, 3], strides: [12, 4])?.shape == [2, 3])
        #expect(try op("exp", x).part(at: 0, [2], strides: [1]) == nil)
        // More of it only in long runs.
        let rows = Tensor.make((0..<4096).map { Float($0) }, [4, 1024])
        #expect(try rows.part(at: 1024, [1024], strides: [1])?.doubles == (1024..<2048).map { Double($0) })
        #expect(try rows.part(at: 5, [2, 300], strides: [2048, 1])?.doubles[300] == 2053)
        #expect(rows.part(at: 0, [512], strides: [2]) == nil)
        #expect(Tensor.make([Float](repeating: 1, count: 8192), [8192]).part(at: 0, [8192], strides: [1]) == nil)
    }

    @Test func anOpSeenBeforeIsComputedAtOnce() throws {
        let sum = try #require(Op.named("sum"))
        let over = sum.attributes(["axis": .ints([1])])
        func atOnce(_ x: Tensor) -> Tensor? { SmallProgram.of(sum, [x], over)?.run([x])?[0] }
        for shape in [[7, 3], [300, 3]] as [Shape] {
            let x = Tensor.make((0..<shape.elementCount!).map { Float($0) }, shape)
            #expect(atOnce(x) == nil)
            let now = try #require(atOnce(x))
            #expect(now.isComputed)
            #expect(try now.doubles == (0..<shape[0]).map { Double(9 * $0 + 3) })
        }
        // Not what is large, pending, recorded or traced, and not what fails.
        let large = Tensor.make([Float](repeating: 1, count: 3000), [1000, 3])
        let x = Tensor.make((0..<21).map { Float($0) }, [7, 3])
        for x in [large, try op("exp", x), .argument(x.type), .unknown(x.type)] { for _ in 0..<3 { #expect(atOnce(x) == nil) } }
        let recording = Recording(of: [x])
        #expect(atOnce(x) == nil)
        recording.close()
        let gather = try #require(Op.named("gather"))
        let outside = Tensor.make([5, 1] as [Int32], [2])
        let inputs = [Tensor.make([1, 2] as [Float], [2]), outside]
        for _ in 0..<3 { #expect(SmallProgram.of(gather, inputs, gather.attributes())?.run(inputs) == nil) }
    }

    @Test func whatCanFailOrNeedsCastsIsLeftToApply() throws {
        let divide = try Self.row("floor_divide").row
        let i = Tensor.make([1, 0] as [Int32], [2])
        #expect(divide(i, i) { 1 } == nil)
        let f = Tensor.make([1, 0] as [Float], [2])
        #expect(divide(f, i) { 1 } == nil)
        #expect(divide(f, .make([1, 2, 3] as [Float], [3])) { 1 } == nil)
        for name in ["sum", "cast", "dot"] {
            let op = try #require(Op.named(name))
            #expect(Immediate(op) == nil)
        }
    }
}
