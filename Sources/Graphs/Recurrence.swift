internal import CKernels

// The gradient of `_scan`: the body's gradient from the last step to the first. What it reads of the run forward is
// collected there, step by step, instead of computed anew; what can be summed over all steps at once is summed after it.
extension Op {
    /// Attributes of a `_scan`. Its body gets further ys behind the given ones: what a gradient wants to know of each step.
    public static func scanAttributes(body: Graph, carries: Int, sequences: Int, reverse: Bool) -> Attributes {
        var body = body
        let isFloat = body.outputs.map { body.type(of: $0).dtype.isFloat }
        // A body without a gradient is an error for whoever asks for the gradient.
        if let derivative = try? BodyDerivative(
            of: body, varying: carries + sequences, seeding: isFloat.indices.filter { isFloat[$0] })
        {
            let kept = derivative.kept(beside: body.outputs.dropFirst(carries))
            if !kept.isEmpty {
                body = derivative.builder.graph.part(from: derivative.arguments.map(\.ref), to: body.outputs + kept)
            }
        }
        return scanRow.attributes([
            "body": .graph(body), "carries": .int(carries), "sequences": .int(sequences), "reverse": .bool(reverse),
        ])
    }

    /// The row of `_scan`.
    public static var scanRow: Op {
        guard let row = named("_scan") else { preconditionFailure("the registry has a row for `scan`") }
        return row
    }

    /// Integer carries, sequences and captures have no gradient.
    static func scanGradient(_ b: Backward) throws(OpError) -> [Term?] {
        let (body, carries, sequences) = (b.arguments.graph("body"), b.arguments.int("carries"), b.arguments.int("sequences"))
        let outputs = body.outputs.count
        let captured = carries + sequences..<b.inputs.count
        func isFloat(_ term: Term) -> Bool { term.dtype.isFloat }
        let floatCarries = (0..<carries).filter { isFloat(b.inputs[$0]) }
        let givenYs = (carries..<outputs).filter { b.gradients[$0] != nil && isFloat(b.outputs[$0]) }
        let derivative = try BodyDerivative(of: body, varying: carries + sequences, seeding: floatCarries + givenYs)
        let inner = derivative.builder

        // Values of a step whose stacks over all steps are there.
        var stacks: [(ref: Ref, stack: Term)] = []
        for k in 0..<carries { stacks.append((derivative.arguments[k].ref, b.outputs[outputs + k])) }
        for k in carries..<carries + sequences { stacks.append((derivative.arguments[k].ref, b.inputs[k])) }
        for k in carries..<outputs where !inner.graph.isArgument(body.outputs[k]) {
            stacks.append((body.outputs[k], b.outputs[k]))
        }
        for k in givenYs { if let seed = derivative.seeds[k], let d = b.gradients[k] { stacks.append((seed.ref, d)) } }

        // What goes from step to step: the gradients of carries, and sums that have no better way.
        var carried: [(from: Term, to: Term, start: Term)] = []
        for k in floatCarries {
            guard let seed = derivative.seeds[k] else { continue }
            var d = try derivative.gradients[k].or(0, like: derivative.arguments[k])
            if let begun = b.gradients[outputs + k] {
                let term = inner.input(derivative.arguments[k].type)
                stacks.append((term.ref, begun))
                d = try d + term
            }
            carried.append((seed, d, try b.gradients[k].or(0, like: b.inputs[k])))
        }
        var totals: [Int: Total] = [:]
        for k in captured {
            if let d = derivative.gradients[k] { totals[k] = Total(d) }
        }
        var places: [Ref: Int] = [:]
        for ref in totals.keys.sorted().flatMap({ totals[$0]?.carried ?? [] }) where places[ref] == nil {
            places[ref] = carried.count
            let sum = inner.input(inner.term(ref).type)
            carried.append((sum, try sum + inner.term(ref), try b.builder.constant(0, sum.dtype).broadcast(sum.shape)))
        }
        // What is collected step by step.
        var known = Dictionary(stacks.map { ($0.ref, $0.stack) }) { first, _ in first }
        var collected: [Ref] = []
        let slices = (carries..<carries + sequences).compactMap { derivative.gradients[$0]?.ref }
        for ref in slices + totals.keys.sorted().flatMap({ totals[$0]?.collected ?? [] })
        where known[ref] == nil && !collected.contains(ref) {
            collected.append(ref)
        }
        if carried.isEmpty, collected.isEmpty { return b.inputs.map { _ in nil } }

        // The backward scan, on what it needs.
        let graph = inner.graph
        let results = carried.map(\.to.ref) + collected
        let captures = captured.map { (ref: derivative.arguments[$0].ref, term: b.inputs[$0]) }
        let hoistable = derivative.loopInvariants
        let (_, met) = graph.needed(
            for: results, beyond: Set(carried.map(\.from.ref) + stacks.map(\.ref) + captures.map(\.ref) + hoistable))
        var along: [(ref: Ref, stack: Term)] = []
        for stack in stacks where met.contains(stack.ref) && !along.contains(where: { $0.ref == stack.ref }) {
            along.append(stack)
        }
        // The number of steps is that of a sequence.
        if along.isEmpty { along = [stacks[sequences > 0 ? carries : 0]] }
        let hoisted = hoistable.filter(met.contains)
        let fixed = captures.filter { met.contains($0.ref) }
        let invariants = b.builder.inline(graph.part(from: captures.map(\.ref), to: hoisted), arguments: captures.map(\.term))
        var inputs = carried.map(\.start) + along.map(\.stack) + fixed.map(\.term) + invariants
        let (backwardBody, transposed) = try graph.part(
            from: carried.map(\.from.ref) + along.map(\.ref) + fixed.map(\.ref) + hoisted, to: results
        )
        .transposingFactors(from: carried.count + along.count)
        for argument in transposed { inputs.append(try inputs[argument].matrixTranspose) }
        let backward = try b.builder.add(
            scanRow, inputs,
            scanAttributes(
                body: backwardBody, carries: carried.count, sequences: along.count, reverse: !b.arguments.bool("reverse")))

        for (n, ref) in collected.enumerated() { known[ref] = backward[carried.count + n] }
        let sums = places.mapValues { backward[$0] }
        var gradients = [Term?](repeating: nil, count: b.inputs.count)
        for (n, k) in floatCarries.enumerated() { gradients[k] = backward[n] }
        for k in carries..<carries + sequences where isFloat(b.inputs[k]) {
            gradients[k] = try derivative.gradients[k].flatMap { known[$0.ref] }.or(0, like: b.inputs[k])
        }
        for k in captured where isFloat(b.inputs[k]) {
            let total: Term? = try totals[k]?.term(known, sums)
            gradients[k] = try total.or(0, like: b.inputs[k])
        }
        return gradients
    }
}

/// The sum over all steps of a value of the backward body. Products and reductions over a batch become one product or
/// reduction over all steps.
private indirect enum Total {
    /// Σ aᵀ · b of matrices.
    case product(Term, Term)
    /// Σ of a sum over some axes, in the shape of the result.
    case reduced(Term, axes: [Int], TensorType)
    /// A linear op of a sum.
    case linear(Op, Attributes, Total)
    case plus(Total, Total)
    /// Added step by step.
    case carried(Term)

    init(_ term: Term) {
        self = .carried(term)
        let (graph, index) = (term.builder.graph, Int(term.ref.node))
        guard case .op(let id) = graph.nodes[index].content else { return }
        let (op, inputs) = (Op.at(id), graph.inputs(of: index).map(term.builder.term))
        let arguments = Arguments(op, graph.attributes(of: index))
        switch op.kernel {
        case .special(.matmul) where term.shape.count == 2 && arguments.bool("transpose_a") && !arguments.bool("transpose_b"):
            self = .product(inputs[0], inputs[1])
        case .reduce(.sum):
            self = .reduced(inputs[0], axes: arguments.optionalInts("axis") ?? Array(inputs[0].shape.indices), term.type)
        case .zip(.add) where inputs.allSatisfy({ $0.type == term.type }):
            let (a, b) = (Total(inputs[0]), Total(inputs[1]))
            if case (.carried, .carried) = (a, b) { return }
            self = .plus(a, b)
        case .map(.negative), .special(.reshape), .special(.transpose), .special(.sliceGradient), .special(.broadcast):
            self = .linear(op, arguments.attributes, Total(inputs[0]))
        case .special(.cast) where inputs[0].dtype.isFloat:
            self = .linear(op, arguments.attributes, Total(inputs[0]))
        default: return
        }
    }

    /// What is added step by step.
    var carried: [Ref] {
        switch self {
        case .product, .reduced: []
        case .linear(_, _, let sum): sum.carried
        case .plus(let a, let b): a.carried + b.carried
        case .carried(let term): [term.ref]
        }
    }

    /// What must be known of every step.
    var collected: [Ref] {
        switch self {
        case .product(let a, let b): [a.ref, b.ref]
        case .reduced(let x, _, _): [x.ref]
        case .linear(_, _, let sum): sum.collected
        case .plus(let a, let b): a.collected + b.collected
        case .carried: []
        }
    }

    /// The sum, from the stacks of what was collected and the sums of what was carried.
    func term(_ stacks: [Ref: Term], _ sums: [Ref: Term]) throws(OpError) -> Term {
        func found(_ term: Term, _ among: [Ref: Term]) -> Term {
            guard let found = among[term.ref] else { preconditionFailure("the backward scan gives what its sums need") }
            return found
        }
        switch self {
        case .product(let a, let b):
            /// All steps' rows as rows of one matrix.
            func rows(_ term: Term) throws(OpError) -> Term {
                let stack = found(term, stacks)
                return try stack.reshaped([stack.shape[0] * stack.shape[1], stack.shape[2]])
            }
            return try rows(a).matmul(rows(b), transposeA: true)
        case .reduced(let x, let axes, let type):
            return try found(x, stacks).sum([0] + axes.map { ($0 < 0 ? $0 + x.shape.count : $0) + 1 }).reshaped(type.shape)
        case .linear(let op, let attributes, let sum):
            let x = try sum.term(stacks, sums)
            return try x.builder.add(op, [x], attributes)[0]
        case .plus(let a, let b): return try a.term(stacks, sums) + b.term(stacks, sums)
        case .carried(let term): return found(term, sums)
        }
    }
}

/// The body of a `_scan` and its gradient in one graph.
private struct BodyDerivative {
    /// Builds upon the body: what the body calls its nodes they are called here.
    let builder: GraphBuilder
    /// The body's arguments: carries, slices, captures.
    let arguments: [Term]
    /// What flows into outputs of the body.
    private(set) var seeds: [Int: Term] = [:]
    /// What flows out to arguments.
    private(set) var gradients: [Int: Term] = [:]
    /// How many of the arguments differ from step to step.
    private let varying: Int

    /// The gradient of an argument from what flows into some outputs; the first `varying` arguments are carries and slices.
    init(of body: Graph, varying: Int, seeding outputs: [Int]) throws(OpError) {
        self.varying = varying
        builder = GraphBuilder(body)
        arguments = body.arguments.map { [builder] in builder.term(Ref(Int($0))) }
        var flows: [(term: Term, seed: Term)] = []
        for k in outputs {
            let seed = builder.input(body.type(of: body.outputs[k]))
            seeds[k] = seed
            flows.append((builder.term(body.outputs[k]), seed))
        }
        let variables = arguments.indices.filter { [arguments] in arguments[$0].dtype.isFloat }
        let found = try builder.gradients(of: flows, by: variables.map { arguments[$0] })
        for (k, gradient) in zip(variables, found) { gradients[k] = gradient }
    }

    /// What a node depends on.
    private enum Level: Int { case constant, capture, step, gradient }

    private var levels: [Level] {
        let graph = builder.graph
        var levels = [Level](repeating: .constant, count: graph.nodes.count)
        for (position, argument) in graph.arguments.enumerated() {
            levels[Int(argument)] = position < varying ? .step : position < arguments.count ? .capture : .gradient
        }
        for index in graph.nodes.indices {
            guard case .op(let id) = graph.nodes[index].content else { continue }
            var level = Op.at(id).differsFromStepToStep ? Level.step : .constant
            for input in graph.inputs(of: index) where levels[Int(input.node)].rawValue > level.rawValue {
                level = levels[Int(input.node)]
            }
            levels[index] = level
        }
        return levels
    }

    /// Results of ops that depend on captures alone: the same at every step.
    var loopInvariants: [Ref] {
        let graph = builder.graph
        return zip(graph.nodes.indices, levels).flatMap { index, level in
            level == .capture && !graph.isArgument(Ref(index)) ? (0..<graph.resultCount(of: index)).map { Ref(index, $0) } : []
        }
    }

    /// Values of the body that the gradient reads and that take more than arithmetic to compute anew, or more memory
    /// to compute anew from, beside those that are collected anyway.
    func kept(beside ys: some Sequence<Ref>) -> [Ref] {
        let (graph, levels) = (builder.graph, levels)
        var available = Set(ys)
        var kept: [Ref] = []
        func keep(_ refs: [Ref]) {
            for ref in refs where available.insert(ref).inserted { kept.append(ref) }
        }
        func isArithmetic(_ ref: Ref) -> Bool {
            guard case .op(let id) = graph.nodes[Int(ref.node)].content else { return true }
            return Op.at(id).isArithmetic
        }
        /// What must be kept so that arithmetic gives the value.
        func missing(_ ref: Ref) -> [Ref] {
            var (met, stack, result): (Set<Ref>, [Ref], [Ref]) = ([], [ref], [])
            while let next = stack.popLast() {
                if levels[Int(next.node)] != .step || graph.isArgument(next) || available.contains(next)
                    || !met.insert(next).inserted
                {
                    continue
                }
                if isArithmetic(next) { stack += graph.inputs(of: Int(next.node)) } else { result.append(next) }
            }
            return result
        }
        func bytes(_ refs: [Ref]) -> Int {
            refs.reduce(0) { $0 + (graph.type(of: $1).shape.elementCount ?? 0) * graph.type(of: $1).dtype.size }
        }
        let needed = graph.needed(for: gradients.values.map(\.ref), beyond: []).nodes
        var read: [Ref] = []
        for index in graph.nodes.indices where needed[index] && levels[index] == .gradient {
            for input in graph.inputs(of: index) where levels[Int(input.node)] == .step && !read.contains(input) {
                read.append(input)
            }
        }
        for ref in read where !isArithmetic(ref) { keep([ref]) }
        for ref in read where isArithmetic(ref) {
            let parts = missing(ref)
            keep(bytes(parts) > bytes([ref]) ? [ref] : parts)
        }
        return kept
    }
}

extension Graph {
    /// Whether the value is an argument.
    fileprivate func isArgument(_ ref: Ref) -> Bool { if case .input = nodes[Int(ref.node)].content { true } else { false } }

    /// The same graph with arguments more, and which of its arguments, from the `first` on, they are the transposes of.
    ///
    /// Products whose right factor lies transposed in memory take up to twice as long, so where it stays the same from
    /// step to step it is transposed once.
    fileprivate func transposingFactors(from first: Int) throws(OpError) -> (graph: Graph, transposed: [Int]) {
        let builder = GraphBuilder()
        var terms: [[Term]] = []
        var transposed: [(argument: Int, term: Term)] = []
        for (index, node) in nodes.enumerated() {
            builder.origin = origins[index]
            switch node.content {
            case .input: terms.append([builder.input(type(of: Ref(index)))])
            case .constant(let value): terms.append([builder.constant(value, type(of: Ref(index)).dtype)])
            case .op(let id):
                let op = Op.at(id)
                var inputs = self.inputs(of: index).map { terms[Int($0.node)][Int($0.output)] }
                var attributes = self.attributes(of: index)
                if case .special(.matmul) = op.kernel, case let arguments = Arguments(op, attributes),
                    arguments.bool("transpose_b"),
                    let right = self.inputs(of: index).last, let argument = self.arguments.firstIndex(of: right.node),
                    argument >= first, inputs[1].shape.count == 2
                {
                    if let known = transposed.first(where: { $0.argument == argument }) {
                        inputs[1] = known.term
                    } else {
                        let term = builder.input(TensorType(inputs[1].dtype, inputs[1].shape.reversed()))
                        transposed.append((argument, term))
                        inputs[1] = term
                    }
                    attributes = op.attributes(["transpose_a": arguments["transpose_a"], "transpose_b": .bool(false)])
                }
                terms.append(try builder.add(op, inputs, attributes))
            }
        }
        return (builder.finish(outputs.map { terms[Int($0.node)][Int($0.output)] }), transposed.map(\.argument))
    }
}

extension Op {
    /// Whether equal inputs may give another result at the next step: a draw does, and a recurrence may hold one.
    fileprivate var differsFromStepToStep: Bool {
        if case .special(.scan) = kernel { return true }
        return parameters.contains { $0.kind == .key }
    }

    /// Whether the op does a few additions or multiplications per element, so that its result is computed anew sooner
    /// than kept.
    fileprivate var isArithmetic: Bool {
        switch kernel {
        case .map(let map):
            [.negative, .abs, .sign, .square, .relu, .relu6, .logical_not, .bitwise_not, .isnan, .isinf, .isfinite].contains(map)
        case .zip(let zip): ![.floor_divide, .mod, .power, .arctan2, .hypot, .logaddexp, .xlogy].contains(zip)
        case .special(let special): [.select, .reshape, .identity, .broadcast, .cast, .fill].contains(special)
        case .reduce, .composed: false
        }
    }
}
