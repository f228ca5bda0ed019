import Graphs
import Testing

/// Which graphs work row by row.
@Suite struct RowSplitTests {
    private static func f(_ shape: Int...) -> TensorType { TensorType(.f32, shape) }

    @Test func onlyWhatHasRowsIsCut() throws {
        let builder = GraphBuilder()
        let (x, w, bias, mask) = (
            builder.input(Self.f(8, 4)), builder.input(Self.f(4, 6)), builder.input(Self.f(6)), builder.input(Self.f(8, 6))
        )
        let z = try x.op("matmul", w).op("add", bias).op("multiply", mask)
        let halves = try builder.op("split", [z], with: ["num_or_sizes": .ints([2]), "axis": .int(-1)])
        let y = try halves[0].op("reshape", with: ["shape": .ints([8, 3, 1])]).op(
            "add", halves[1].op("ones_like").op("reshape", with: ["shape": .ints([8, 3, 1])]))
        let graph = builder.finish([y, try halves[1].op("sum", with: ["axis": .ints([-1])])])
        let split = try #require(RowSplit(graph, cutting: [0]))
        #expect(split.isCut == [true, false, false, true])
        let part = try split.graph(rows: 3)
        #expect(part.arguments.map { part.type(of: Ref(Int($0))).shape } == [[3, 4], [4, 6], [6], [3, 6]])
        #expect(part.outputs.map { part.type(of: $0).shape } == [[3, 3, 1], [3]])
    }

    /// A graph of x [4, 4], which is cut, and a capture [4, 4].
    private func split(_ body: (Term, Term) throws -> Term) throws -> [Bool]? {
        let builder = GraphBuilder()
        let (x, y) = (builder.input(Self.f(4, 4)), builder.input(Self.f(4, 4)))
        return RowSplit(builder.finish([try body(x, y)]), cutting: [0])?.isCut
    }

    @Test func whatMixesRowsIsNotCut() throws {
        #expect(try split { x, y in try x.op("multiply", y) } == [true, true])
        #expect(try split { x, y in try x.op("matmul", y) } == [true, false])
        #expect(
            try split { x, y in try x.op("softmax").op("add", x.op("mean", with: ["axis": .ints([1]), "keepdims": .bool(true)])) }
                == [true, false])
        #expect(try split { x, y in try y.op("matmul", x) } == nil)
        #expect(try split { x, y in try x.op("matmul", y).op("add", y.op("exp")) } == nil)
        #expect(try split { x, y in try x.op("add", y).op("matmul", y) } == nil)
        #expect(try split { x, y in try x.op("softmax", with: ["axis": .int(0)]) } == nil)
        #expect(try split { x, y in try x.op("add", x.op("sum", with: ["axis": .ints([0])])) } == nil)
        #expect(try split { x, y in try x.op("transpose") } == nil)
        #expect(try split { x, y in try x.op("concat", y, with: ["axis": .int(0)]) } == nil)
        #expect(try split { x, y in y } == nil)
    }
}
