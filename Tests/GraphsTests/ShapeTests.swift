import Graphs
import Testing

@Suite struct ShapeTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var op: String
        var inputs: [TensorType]
        var attributes: [String: Attribute] = [:]
        /// The results, or the code of the error.
        var expected: [TensorType] = []
        var code: String?
        var testDescription: String { "\(op) \(inputs) \(attributes)" }
    }

    static func f(_ shape: Int...) -> TensorType { TensorType(.f32, shape) }
    static func i(_ shape: Int...) -> TensorType { TensorType(.i32, shape) }
    static func b(_ shape: Int...) -> TensorType { TensorType(.bool, shape) }

    static let cases: [Case] = [
        Case(op: "add", inputs: [f(2, 3), f(3)], expected: [f(2, 3)]),
        Case(op: "add", inputs: [f(-1, 3), f(1, 3)], expected: [f(-1, 3)]),
        Case(op: "add", inputs: [i(2), f(2)], expected: [f(2)]),
        Case(op: "add", inputs: [b(2), b(2)], expected: [i(2)]),
        Case(op: "add", inputs: [f(2, 3), f(2)], code: "E0201"),
        Case(op: "divide", inputs: [i(2), i(2)], expected: [f(2)]),
        Case(op: "sum", inputs: [f(2, 3, 4)], attributes: ["axis": .ints([-1, 0])], expected: [f(3)]),
        Case(op: "sum", inputs: [f(2, 3)], attributes: ["axis": .ints([1]), "keepdims": .bool(true)], expected: [f(2, 1)]),
        Case(op: "sum", inputs: [TensorType(.u8, [2])], expected: [i()]),
        Case(op: "sum", inputs: [f(2, 3)], attributes: ["axis": .ints([2])], code: "E0203"),
        Case(op: "sum", inputs: [f(2, 3)], attributes: ["axis": .ints([1, -1])], code: "E0203"),
        Case(op: "max", inputs: [f(0, 3)], attributes: ["axis": .ints([0])], code: "E0204"),
        Case(op: "mean", inputs: [i(4)], expected: [f()]),
        Case(op: "argmax", inputs: [f(2, 3)], attributes: ["axis": .int(-1)], expected: [TensorType(.i64, [2])]),
        Case(op: "reshape", inputs: [f(2, 6)], attributes: ["shape": .ints([3, -1])], expected: [f(3, 4)]),
        Case(op: "reshape", inputs: [f(-1, 6)], attributes: ["shape": .ints([-1, 3])], expected: [f(-1, 3)]),
        Case(op: "reshape", inputs: [f(-1, 6)], attributes: ["shape": .ints([-1, -1, 3])], expected: [f(-1, -1, 3)]),
        Case(op: "reshape", inputs: [f(2, 6)], attributes: ["shape": .ints([5, -1])], code: "E0206"),
        Case(op: "reshape", inputs: [f(2, 6)], attributes: ["shape": .ints([-1, -1])], code: "E0206"),
        Case(op: "reshape", inputs: [f(2)], attributes: ["shape": .ints([.max, .max])], code: "E0290"),
        Case(op: "transpose", inputs: [f(2, 3, 4)], expected: [f(4, 3, 2)]),
        Case(op: "transpose", inputs: [f(2, 3)], attributes: ["axes": .ints([0])], code: "E0205"),
        Case(op: "concat", inputs: [f(2, 3), f(2, 5)], attributes: ["axis": .int(1)], expected: [f(2, 8)]),
        Case(op: "concat", inputs: [f(2, 3), f(3, 3)], attributes: ["axis": .int(1)], code: "E0204"),
        Case(op: "concat", inputs: [], code: "E0205"),
        Case(op: "stack", inputs: [f(2), f(2)], attributes: ["axis": .int(-1)], expected: [f(2, 2)]),
        Case(op: "split", inputs: [f(6)], attributes: ["num_or_sizes": .ints([1, -1])], expected: [f(1), f(5)]),
        Case(op: "split", inputs: [f(6)], attributes: ["num_or_sizes": .ints([4])], code: "E0205"),
        Case(op: "pad", inputs: [f(2, 3)], attributes: ["pad_width": .ints([1, 0, 2, 2])], expected: [f(3, 7)]),
        Case(op: "pad", inputs: [f(2)], attributes: ["pad_width": .ints([-1])], code: "E0205"),
        Case(op: "pad", inputs: [f(2)], attributes: ["pad_width": .ints([.max])], code: "E0290"),
        Case(op: "tile", inputs: [f(2, 3)], attributes: ["repeats": .ints([4, 1, 2])], expected: [f(4, 2, 6)]),
        Case(op: "gather", inputs: [f(5, 3), i(2, 4)], expected: [f(2, 4, 3)]),
        Case(op: "gather", inputs: [f(5, 3), f(2)], code: "E0207"),
        Case(op: "gather_nd", inputs: [f(5, 3, 2), i(7, 2)], expected: [f(7, 2)]),
        Case(op: "boolean_mask", inputs: [f(5, 3), b(5)], expected: [f(-1, 3)]),
        Case(op: "top_k", inputs: [f(2, 3)], attributes: ["k": .int(4)], code: "E0205"),
        Case(op: "one_hot", inputs: [i(2)], attributes: ["num_classes": .int(3)], expected: [f(2, 3)]),
        Case(op: "where", inputs: [b(3), f(2, 1), i()], expected: [f(2, 3)]),
        Case(op: "where", inputs: [f(3), f(3), f(3)], code: "E0207"),
        Case(op: "zeros", inputs: [], attributes: ["shape": .ints([2, 3])], expected: [f(2, 3)]),
        Case(op: "zeros", inputs: [], attributes: ["shape": .ints([2, -3])], code: "E0205"),
        Case(op: "arange", inputs: [], attributes: ["start": .int(5)], expected: [i(5)]),
        Case(op: "arange", inputs: [], attributes: ["start": .float(0), "stop": .float(1), "step": .float(0.25)], expected: [f(4)]),
        Case(op: "arange", inputs: [], attributes: ["start": .int(5), "step": .int(0)], code: "E0205"),
        Case(op: "matmul", inputs: [f(4, 2, 3), f(3, 5)], expected: [f(4, 2, 5)]),
        Case(op: "matmul", inputs: [f(3), f(3)], expected: [f()]),
        Case(op: "matmul", inputs: [f(3), f(2, 3, 5)], expected: [f(2, 5)]),
        Case(op: "matmul", inputs: [f(-1, 3), f(3, 5)], expected: [f(-1, 5)]),
        Case(op: "matmul", inputs: [f(2, 3), f(4, 5)], code: "E0204"),
        Case(op: "matmul", inputs: [f(), f(4, 5)], code: "E0202"),
        Case(op: "einsum", inputs: [f(2, 3), f(3, 4)], attributes: ["spec": .string("ij,jk")], expected: [f(2, 4)]),
        Case(op: "einsum", inputs: [f(7, 2, 3), f(3, 4)], attributes: ["spec": .string("...ij,jk->...ik")], expected: [f(7, 2, 4)]),
        Case(op: "einsum", inputs: [f(3, 3)], attributes: ["spec": .string("ii")], expected: [f()]),
        Case(op: "einsum", inputs: [f(2, 3), f(4, 4)], attributes: ["spec": .string("ij,jk")], code: "E0204"),
        Case(op: "einsum", inputs: [f(2, 3)], attributes: ["spec": .string("ijk")], code: "E0202"),
        Case(op: "einsum", inputs: [f(2, 3)], attributes: ["spec": .string("i1")], code: "E0205"),
        Case(op: "linalg.inv", inputs: [f(2, 3)], code: "E0202"),
        Case(op: "linalg.svd", inputs: [f(5, 4, 3)], expected: [f(5, 4, 3), f(5, 3), f(5, 3, 3)]),
        Case(op: "nn.conv2d", inputs: [f(-1, 28, 28, 1), f(5, 5, 1, 32)], expected: [f(-1, 24, 24, 32)]),
        Case(op: "nn.conv2d", inputs: [f(8, 28, 27, 1), f(5, 5, 1, 32)], attributes: ["padding": .string("same"), "strides": .ints([2])], expected: [f(8, 14, 14, 32)]),
        Case(op: "nn.conv2d", inputs: [f(8, -1, 27, 1), f(5, 5, 1, 32)], attributes: ["padding": .string("same")], expected: [f(8, -1, 27, 32)]),
        Case(op: "nn.conv2d", inputs: [f(8, 28, 28, 3), f(5, 5, 1, 32)], code: "E0204"),
        Case(op: "nn.conv2d", inputs: [f(8, 3, 3, 1), f(5, 5, 1, 32)], code: "E0204"),
        Case(op: "nn.conv2d", inputs: [f(8, 28, 28), f(5, 5, 1, 32)], code: "E0202"),
        Case(op: "nn.conv2d", inputs: [f(8, 9, 9, 1), f(5, 5, 1, 32)], attributes: ["strides": .ints([0])], code: "E0205"),
        Case(op: "nn.conv1d", inputs: [f(2, 10, 3), f(4, 3, 5)], attributes: ["padding": .string("causal"), "dilations": .ints([2])], expected: [f(2, 10, 5)]),
        Case(op: "nn.conv2d_transpose", inputs: [f(1, 4, 4, 1), f(2, 2, 1, 1)], attributes: ["strides": .ints([3])], expected: [f(1, 12, 12, 1)]),
        Case(op: "nn.conv2d_transpose", inputs: [f(1, 4, 4, 1), f(5, 5, 1, 1)], attributes: ["strides": .ints([2]), "padding": .string("same")], expected: [f(1, 8, 8, 1)]),
        Case(op: "nn.max_pool2d", inputs: [f(1, 4, 4, 1)], attributes: ["pool_size": .ints([3]), "strides": .ints([2]), "padding": .string("same")], expected: [f(1, 2, 2, 1)]),
        Case(op: "nn.softmax_cross_entropy", inputs: [f(8, 10), f(8, 10)], expected: [f(8)]),
        Case(op: "nn.softmax_cross_entropy", inputs: [f(8), f(8, 10)], code: "E0204"),
        Case(op: "nn.sparse_softmax_cross_entropy", inputs: [i(8), f(8, 10)], expected: [f(8)]),
        Case(op: "nn.sparse_softmax_cross_entropy", inputs: [i(8, 1), f(8, 10)], code: "E0204"),
        Case(op: "segment_sum", inputs: [f(5, 2), i(5)], attributes: ["num_segments": .int(3)], expected: [f(3, 2)]),
        Case(op: "repeat", inputs: [f(2, 3)], attributes: ["repeats": .ints([2])], expected: [f(12)]),
        Case(op: "random.normal", inputs: [TensorType(.i64, [])], attributes: ["shape": .ints([2]), "dtype": .dtype(.i32)], code: "E0207"),
    ]

    @Test(arguments: cases)
    func resultOrError(_ c: Case) throws {
        let op = try #require(Op.named(c.op))
        let inputs = zip(c.inputs, op.promotedDTypes(c.inputs.map(\.dtype))).map { TensorType($1, $0.shape) }
        let inference = Inference(op: op, inputs: inputs, attributes: op.attributes(c.attributes))
        let (types, error) = outcome(op, inference)
        #expect(error?.code == c.code, "\(error.map { $0.what } ?? "")")
        #expect(types == (c.code == nil ? c.expected : nil))
        if let error { #expect(!error.what.isEmpty && !error.what.contains("\n")) }
    }

    private func outcome(_ op: Op, _ inference: Inference) -> ([TensorType]?, OpError?) {
        do { return (try op.infer(inference), nil) } catch { return (nil, error) }
    }

    @Test func equalNodesMeet() throws {
        let builder = GraphBuilder()
        let x = builder.input(Self.f(2))
        let a = try x.op("exp")
        #expect(try x.op("exp").ref == a.ref)
        _ = try a.op("sin")
        let graph = builder.finish([a]).pruned()
        #expect(graph.nodes.count == 2)
        #expect(graph.lastUses == [1, 2])
    }

    @Test func scanDifferentiates() throws {
        let body = GraphBuilder()
        let (carry, x, w) = (body.input(Self.f(3)), body.input(Self.f(3)), body.input(Self.f(3)))
        let next = try carry.op("multiply", w).op("add", x).op("tanh")
        let graph = body.finish([next, try next.op("square")])
        let builder = GraphBuilder()
        let inputs = [builder.input(Self.f(3)), builder.input(Self.f(5, 3)), builder.input(Self.f(3))]
        let results = try builder.op("_scan", inputs, with: ["body": .graph(graph), "carries": .int(1), "sequences": .int(1)])
        #expect(results.map(\.shape) == [[3], [5, 3], [5, 3]])
        let first = try builder.gradients(of: results[1].op("sum"), by: inputs)
        #expect(first.map { $0?.shape } == inputs.map(\.shape))
        let again = try builder.gradients(of: try #require(first[2]).op("sum"), by: inputs)
        #expect(again.map { $0?.shape } == inputs.map(\.shape))
    }
}
