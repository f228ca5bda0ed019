import Graphs
import Testing

/// What becomes of a recurrence and its gradient.
@Suite struct RecurrenceTests {
    private static func f(_ shape: Int...) -> TensorType { TensorType(.f32, shape) }
    private let batch = 8, units = 4, steps = 5

    /// h' = σ(o) · tanh(c'), c' = σ(f) · c + σ(i) · tanh(g), the gates from x + h · w + b.
    private func lstm() throws -> Graph {
        let body = GraphBuilder()
        let (h, c) = (body.input(Self.f(batch, units)), body.input(Self.f(batch, units)))
        let (x, w, b) = (
            body.input(Self.f(batch, 4 * units)), body.input(Self.f(units, 4 * units)), body.input(Self.f(4 * units))
        )
        let z = try x.op("add", h.op("matmul", w)).op("add", b)
        let gates = try body.op("split", [z], with: ["num_or_sizes": .ints([4]), "axis": .int(-1)])
        let next = try gates[1].op("sigmoid").op("multiply", c).op(
            "add", gates[0].op("sigmoid").op("multiply", gates[2].op("tanh")))
        return body.finish([try gates[3].op("sigmoid").op("multiply", next.op("tanh")), next])
    }

    private func names(_ graph: Graph) -> [String] {
        graph.nodes.compactMap { node in if case .op(let id) = node.content { Op.at(id).name } else { nil } }
    }

    @Test func theBackwardLoopHoldsOneProductAndNoSums() throws {
        let builder = GraphBuilder()
        let inputs = [
            Self.f(batch, units), Self.f(batch, units), Self.f(steps, batch, 4 * units), Self.f(units, 4 * units),
            Self.f(4 * units),
        ].map(builder.input)
        let last = try builder.add(Op.scanRow, inputs, Op.scanAttributes(body: lstm(), carries: 2, sequences: 1, reverse: false))[
            0]
        let gradients = try builder.gradients(of: last.op("sum"), by: inputs).map { try #require($0) }
        #expect(gradients.map(\.shape) == inputs.map(\.shape))
        let graph = builder.finish(gradients).pruned()

        let scans = graph.nodes.indices.filter { graph.nodes[$0].content == .op(Op.scanRow.id) }
        #expect(scans.count == 2)
        let backward = Arguments(Op.scanRow, graph.attributes(of: try #require(scans.last))).graph("body")
        // The gates' values come from the run forward; what is kept for second derivatives is not asked for here.
        let loop = names(backward.part(from: backward.arguments.map { Ref(Int($0)) }, to: Array(backward.outputs.prefix(3))))
        #expect(loop.filter { $0 == "_matmul" }.count == 1)
        #expect(Set(loop).isDisjoint(with: ["sum", "sigmoid", "tanh", "_slice_gradient"]))
        // After it, one product and one sum over all steps.
        #expect(names(graph).filter { $0 == "_matmul" || $0 == "sum" }.sorted() == ["_matmul", "sum"])
    }
}
