internal import CKernels

/// A graph that works row by row: its values fall apart along their first axis, so that the rows of its outputs can be
/// computed part by part, each part from its own rows of the arguments that are cut and all of the others.
public struct RowSplit {
    /// Whether each argument is cut into rows.
    public let isCut: [Bool]
    private let graph: Graph
    /// Whether each node's results are.
    private let hasRows: [Bool]

    /// The split of a graph into rows of these arguments, all of one size along the first axis; `nil` where some
    /// output's row needs more than one row of them.
    public init?(_ graph: Graph, cutting arguments: [Int]) {
        guard let first = arguments.first, let size = graph.type(of: Ref(Int(graph.arguments[first]))).shape.first, size > 1
        else { return nil }
        self.graph = graph
        var isCut = [Bool](repeating: false, count: graph.arguments.count)
        for argument in arguments {
            guard graph.type(of: Ref(Int(graph.arguments[argument]))).shape.first == size else { return nil }
            isCut[argument] = true
        }
        while true {
            var rows = Rows(graph: graph, size: size, isCut: isCut)
            switch rows.walk() {
            case .cut(let argument): isCut[argument] = true
            case .no: return nil
            case .yes:
                guard graph.outputs.allSatisfy({ rows.hasRows[Int($0.node)] }) else { return nil }
                (self.isCut, hasRows) = (isCut, rows.hasRows)
                return
            }
        }
    }

    /// The graph for parts of so many rows.
    public func graph(rows: Int) throws(OpError) -> Graph {
        let builder = GraphBuilder()
        var terms: [[Term]] = []
        for (index, node) in graph.nodes.enumerated() {
            builder.origin = graph.origins[index]
            switch node.content {
            case .input:
                var type = graph.type(of: Ref(index))
                if hasRows[index] { type.shape[0] = rows }
                terms.append([builder.input(type)])
            case .constant(let value): terms.append([builder.constant(value, graph.type(of: Ref(index)).dtype)])
            case .op(let id):
                var attributes = graph.attributes(of: index)
                if hasRows[index] { Op.at(id).setRows(rows, &attributes) }
                terms.append(
                    try builder.add(Op.at(id), graph.inputs(of: index).map { terms[Int($0.node)][Int($0.output)] }, attributes))
            }
        }
        return builder.finish(graph.outputs.map { terms[Int($0.node)][Int($0.output)] })
    }
}

/// Which nodes of a graph have rows, given which arguments have.
private struct Rows {
    enum Answer {
        case yes, no
        /// This argument has rows, too.
        case cut(Int)
    }
    let graph: Graph
    let size: Int
    let isCut: [Bool]
    private(set) var hasRows: [Bool] = []

    mutating func walk() -> Answer {
        hasRows = []
        for (index, node) in graph.nodes.enumerated() {
            switch node.content {
            case .input(let argument): hasRows.append(isCut[argument])
            case .constant: hasRows.append(false)
            case .op(let id):
                let inputs = Array(graph.inputs(of: index))
                if inputs.contains(where: rows) {
                    let answer = keepsRows(
                        Op.at(id), inputs, Arguments(Op.at(id), graph.attributes(of: index)), graph.type(of: Ref(index)).shape)
                    guard case .yes = answer else { return answer }
                    if graph.type(of: Ref(index)).shape.first != size { return .no }
                    hasRows.append(true)
                } else {
                    hasRows.append(
                        repeatsRows(
                            Op.at(id), inputs, Arguments(Op.at(id), graph.attributes(of: index)), graph.type(of: Ref(index)).shape
                        ))
                }
            }
        }
        return .yes
    }

    private func rows(_ ref: Ref) -> Bool { hasRows[Int(ref.node)] }
    private func shape(_ ref: Ref) -> Shape { graph.type(of: ref).shape }

    /// Whether a result of inputs without rows consists of as many rows, all made alike.
    private func repeatsRows(_ op: Op, _ inputs: [Ref], _ arguments: Arguments, _ shape: Shape) -> Bool {
        guard shape.first == size, case .special(let special) = op.kernel else { return false }
        switch special {
        case .fill: return true
        case .broadcast: return self.shape(inputs[0]).count < shape.count || self.shape(inputs[0])[0] == 1
        default: return false
        }
    }

    /// Whether each row of a result needs its own rows of the inputs only, one of which has rows.
    private func keepsRows(_ op: Op, _ inputs: [Ref], _ arguments: Arguments, _ result: Shape) -> Answer {
        let x = shape(inputs[0])
        func when(_ condition: Bool) -> Answer { condition ? .yes : .no }
        switch op.kernel {
        case .map: return .yes
        case .zip: return alongside(inputs, rank: result.count)
        case .reduce:
            guard let axes = arguments.optionalInts("axis") else { return .no }
            return when(!axes.contains { $0 == 0 || $0 == -x.count })
        case .composed: return .no
        case .special(let special):
            func axis(_ rank: Int) -> Int { arguments.int("axis") < 0 ? arguments.int("axis") + rank : arguments.int("axis") }
            switch special {
            case .identity, .cast: return .yes
            case .select: return alongside(inputs, rank: result.count)
            case .reshape: return when(result.first == size)
            case .transpose: return when(arguments.ints("axes").first == 0)
            case .broadcast: return when(result.count == x.count)
            case .concat: return axis(result.count) == 0 ? .no : alongside(inputs, rank: result.count)
            case .slice, .sliceGradient:
                return when(arguments.ints("begin")[0] == 0 && arguments.ints("end")[0] == size && arguments.ints("step")[0] == 1)
            case .pad: return when(arguments.ints("before")[0] == 0 && arguments.ints("after")[0] == 0)
            case .softmax, .logSoftmax, .argmax, .argmin, .cumsum, .cumprod: return when(axis(x.count) != 0)
            case .oneHot: return when(axis(result.count) != 0)
            case .layerNorm: return when(x.count > 1 && !rows(inputs[1]) && !rows(inputs[2]))
            case .matmul:
                // Rows of a matrix on the left, or matrices side by side.
                if x.count == 2, shape(inputs[1]).count == 2 {
                    return when(rows(inputs[0]) && !rows(inputs[1]) && !arguments.bool("transpose_a"))
                }
                return result.count > 2 ? alongside(inputs, rank: result.count) : .no
            default: return .no
            }
        }
    }

    /// Whether inputs that are broadcast to so many axes have their rows where the result has them, or are the same for
    /// all rows.
    private func alongside(_ inputs: [Ref], rank: Int) -> Answer {
        for input in inputs {
            let shape = shape(input)
            if rows(input) {
                if shape.count != rank { return .no }
            } else if shape.count == rank, shape[0] != 1 {
                guard case .input(let argument) = graph.nodes[Int(input.node)].content else { return .no }
                return .cut(argument)
            }
        }
        return .yes
    }
}

extension Op {
    /// Changes attributes that name the number of rows.
    fileprivate func setRows(_ rows: Int, _ attributes: inout Attributes) {
        guard case .special(let special) = kernel else { return }
        let names: [String] =
            switch special {
            case .reshape, .broadcast, .fill: ["shape"]
            case .slice: ["end"]
            case .sliceGradient: ["end", "shape"]
            default: []
            }
        for (position, name) in attributeNames.enumerated() where names.contains(name) {
            guard case .ints(var sizes) = attributes.values[position] else { continue }
            sizes[0] = rows
            attributes.values[position] = .ints(sizes)
        }
    }
}
