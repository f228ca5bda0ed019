import Graphs
import Testing

@testable import Engine

/// Tables whose rows are updated when they are read hold what they would if every step went over all of them.
@Suite struct RowUpdateTests {
    /// A rule: the table, what is kept beside it, the gradient and the step's number to the new table and the rest.
    typealias Rule = @Sendable (_ p: Tensor, _ slots: [Tensor], _ g: Tensor, _ t: Tensor) throws -> [Tensor]

    static let rules: [(name: String, slots: Int, rule: Rule)] = [
        ("descent", 0, { p, _, g, t in [try op("subtract", p, op("multiply", g, op("divide", .scalar(0.5, .f32), t)))] }),
        ("decay", 0, { p, _, g, _ in
            let smaller = try op("subtract", p, op("multiply", p, .scalar(0.01, .f32)))
            return [try op("subtract", smaller, op("multiply", g, .scalar(0.1, .f32)))]
        }),
        ("momentum", 1, { p, slots, g, _ in
            let step = try op("subtract", op("multiply", slots[0], .scalar(0.9, .f32)), op("multiply", g, .scalar(0.1, .f32)))
            return [try op("add", p, step), step]
        }),
        ("adam", 2, { p, slots, g, t in
            let m = try op("add", op("multiply", .scalar(0.9, .f32), slots[0]), op("multiply", .scalar(0.1, .f32), g))
            let v = try op("add", op("multiply", .scalar(0.999, .f32), slots[1]), op("multiply", .scalar(0.001, .f32), op("square", g)))
            func left(_ beta: Double) throws -> Tensor { try op("subtract", .scalar(1.0, .f32), op("power", .scalar(beta, .f32), t)) }
            let rate = try op("divide", op("multiply", .scalar(0.01, .f32), op("sqrt", left(0.999))), left(0.9))
            let step = try op("divide", op("multiply", rate, m), op("add", op("sqrt", v), .scalar(1e-7, .f32)))
            return [try op("subtract", p, step), m, v]
        }),
    ]

    private static let shape: Shape = [12_000, 96]

    private func program(_ slots: Int, _ rule: Rule, ids: Int, updatesRows: Bool) throws -> CompiledFunction {
        let table = TensorType(.f32, Self.shape)
        let arguments = (0...slots).map { _ in Tensor.argument(table) }
            + [.argument(TensorType(.f32, [96])), .argument(TensorType(.f32, [])), .argument(TensorType(.i32, [ids]))]
        let (p, w, t, at) = (arguments[0], arguments[slots + 1], arguments[slots + 2], arguments[slots + 3])
        let loss = try op("sum", op("square", op("multiply", op("gather", p, at), w)))
        let flows = try gradients(of: loss, by: [p, w])
        let new = try rule(p, Array(arguments[1..<slots + 1]), #require(flows[0]), t)
        let newW = try op("subtract", w, op("multiply", #require(flows[1]), .scalar(1e-4, .f32)))
        let program = try CompiledFunction(arguments, new + [newW, loss], donated: slots + 2, updatesRows: updatesRows)
        #expect(program.rowUpdates.count == (updatesRows ? 1 : 0))
        return program
    }

    @Test(arguments: rules.indices) func rowsMissNothing(_ number: Int) throws {
        let (_, slots, rule) = Self.rules[number]
        let start = [Tensor.make((0..<Self.shape.reduce(1, *)).map { Float(($0 * 37) % 1001 - 500) * 1e-3 }, Self.shape)]
            + (0..<slots).map { k in .make([Float](repeating: Float(k) * 0.25, count: Self.shape.reduce(1, *)), Self.shape) }
            + [.make((0..<96).map { Float($0 % 5) * 0.25 }, [96])]
        let memories = try (0..<2).map { _ in try StepMemory(start) }
        let sizes = [40, 17]
        let programs = try [false, true].map { updatesRows in
            try sizes.map { try program(slots, rule, ids: $0, updatesRows: updatesRows) }
        }
        for step in 1...30 {
            // Some rows come again and again, some twice in a batch, some from the end; most never.
            let size = step % 7 == 0 ? 1 : 0
            let ids = (0..<sizes[size]).map { Int32(($0 * $0 * 31 + step * 5) % 9001 - ($0 % 4 == 0 ? 300 : 0)) }
            var losses: [[Double]] = []
            for form in 0..<2 {
                let inputs = [Tensor.scalar(Double(step), .f32), .make(ids.map { $0 < -299 ? 7 : $0 }, [sizes[size]])]
                losses.append(try programs[form][size].advance(memories[form], inputs, step: step) { _ in step != 11 }[0].doubles)
            }
            #expect(losses[0] == losses[1])
            if step == 20 || step == 30 {
                let values = try memories.map { try $0.values(0..<slots + 2).map { try $0.doubles } }
                #expect(values[0] == values[1])
            }
        }
    }

    /// What looks at the whole table, or is no loop that treats all elements alike, is computed as a whole.
    @Test func whatNeedsTheWholeTableGetsIt() throws {
        let arguments = [Tensor.argument(TensorType(.f32, Self.shape)), .argument(TensorType(.i32, [9]))]
        let (p, at) = (arguments[0], arguments[1])
        let read = try op("sum", op("square", op("gather", p, at)))
        let penalised = try op("add", read, op("sum", op("square", p)))
        func step(_ loss: Tensor, _ new: (Tensor) throws -> Tensor) throws -> CompiledFunction {
            try CompiledFunction(arguments, [new(#require(gradients(of: loss, by: [p])[0])), loss], donated: 1, updatesRows: true)
        }
        #expect(try step(read) { try op("subtract", p, $0) }.rowUpdates.count == 1)
        #expect(try step(penalised) { try op("subtract", p, $0) }.rowUpdates.isEmpty)
        #expect(try step(read) { try op("subtract", p, op("divide", $0, op("sum", op("square", $0)))) }.rowUpdates.isEmpty)
        #expect(try step(read) { try op("subtract", op("divide", p, op("sum", p)), $0) }.rowUpdates.isEmpty)
    }
}
