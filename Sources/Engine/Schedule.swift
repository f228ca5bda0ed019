internal import CKernels
internal import Graphs

/// The order in which the nodes of a graph are computed. Element-wise ops form groups that one pass over memory computes;
/// so do reductions of what such a pass reads or makes. Broadcasts, slices and reshapes are not computed where all who
/// read them can walk over what they are made from.
///
/// Libraries' work comes in the order in which it was written, and before each such node what it needs; a group is
/// made when the first of its results is asked for, with everything that can be computed along with it at no loss.
struct Schedule {
    /// Element-wise ops over equally many elements, in order, with reductions of their results or arguments.
    struct Group {
        var members: [Int]
        var folds: [Int]
        let count: Int
    }
    /// What a library does to its result while that is in cache: adds a number per channel, adds an array, cuts off below 0.
    struct Finish {
        var bias: Ref?
        var residual: Ref?
        var isRelu = false
        /// The node whose value comes out.
        var result: Int
    }
    enum Item {
        case node(Int, Finish)
        case group(Group)
    }

    private(set) var items: [Item] = []
    /// How many items come before what only donated outputs need.
    private(set) var commit = 0

    let graph: Graph
    let views: Views
    private let kinds: [Kind]
    /// Live nodes that read each node, seen through views.
    private var consumers: [[Int]]
    private var isOutput: [Bool]
    private var isDone: [Bool]
    private let donated: Int

    /// What a node is to the schedule.
    enum Kind: Equatable {
        case leaf
        /// Read through `Views`.
        case view
        case elementwise(count: Int)
        case fold(Fold)
        /// Computed by itself.
        case other
    }

    /// A reduction that a pass can carry along.
    struct Fold: Equatable {
        let kind: tfs_fold_kind
        let op: tfs_reduce
        /// Elements of a row; 0 where rows do not matter.
        let columns: Int
        /// The number of elements that are folded.
        let count: Int
    }

    /// A group has at most so many members: their registers should fit into L1.
    private static let mostMembers = 40
    private static let mostFolds = 16

    init(_ graph: Graph, donated: Int) {
        self.graph = graph
        self.donated = donated
        let views = Views(graph)
        self.views = views
        let isLive = graph.needed
        let kinds = graph.nodes.indices.map { isLive[$0] ? Self.kind($0, graph, views) : .leaf }
        self.kinds = kinds
        isDone = graph.nodes.indices.map { !isLive[$0] || kinds[$0] == .leaf }
        consumers = Array(repeating: [], count: graph.nodes.count)
        isOutput = Array(repeating: false, count: graph.nodes.count)
        for output in graph.outputs { isOutput[Int(views.base(of: output).node)] = true }
        for index in graph.nodes.indices where isLive[index] && kinds[index] != .view {
            for input in graph.inputs(of: index) {
                let base = Int(views.base(of: input).node)
                if consumers[base].last != index { consumers[base].append(index) }
            }
        }
        for index in graph.nodes.indices where isLive[index] {
            switch kinds[index] {
            case .fold, .other: require(Ref(index))
            case .leaf, .view, .elementwise: continue
            }
        }
        // The last one made first: what it is made of, other outputs among that, is computed along with it.
        for output in graph.outputs.dropFirst(donated).sorted(by: { $0.node > $1.node }) { require(output) }
        commit = items.count
        for output in graph.outputs.prefix(donated) { require(output) }
    }

    // MARK: What nodes are

    private static func kind(_ index: Int, _ graph: Graph, _ views: Views) -> Kind {
        guard case .op(let id) = graph.nodes[index].content else { return .leaf }
        if views.isView(index) { return .view }
        let op = Op.at(id)
        let type = graph.type(of: Ref(index))
        let inputs = graph.inputs(of: index)
        guard type.dtype != .string, inputs.allSatisfy({ graph.type(of: $0).dtype != .string }) else { return .other }
        switch op.kernel {
        case .map, .special(.select), .special(.cast), .special(.randomUniform): return .elementwise(count: type.shape.product)
        case .special(.reshape), .special(.identity), .special(.slice), .special(.broadcast): return .elementwise(count: type.shape.product)
        case .zip(let kernel):
            // A zero among integer divisors is an error that is looked for first.
            let divides = kernel == .floor_divide || kernel == .mod
            return divides && type.dtype.isInteger ? .other : .elementwise(count: type.shape.product)
        case .reduce(let kernel):
            let x = graph.type(of: inputs[inputs.startIndex])
            return Self.fold(kernel, x, Arguments(op, graph.attributes(of: index))).map { .fold($0) } ?? .other
        default: return .other
        }
    }

    private static func fold(_ kernel: tfs_reduce, _ x: TensorType, _ arguments: Arguments) -> Fold? {
        guard x.dtype == x.dtype.wide, kernel != .all, kernel != .any, let stage = Lowering.stages(x.shape, arguments).only else { return nil }
        let count = stage.outer * stage.n * stage.inner
        if count == 0 || stage.n == 0 { return nil }
        if stage.outer == 1, stage.inner == 1 { return Fold(kind: .all, op: kernel, columns: 0, count: count) }
        if stage.inner == 1 { return Fold(kind: .rows, op: kernel, columns: stage.n, count: count) }
        if stage.outer == 1, stage.inner <= 1 << 16 { return Fold(kind: .columns, op: kernel, columns: stage.inner, count: count) }
        return nil
    }

    private func count(_ node: Int) -> Int? { if case .elementwise(let count) = kinds[node] { count } else { nil } }

    // MARK: Order

    private mutating func require(_ ref: Ref) {
        let node = Int(ref.node)
        if isDone[node] { return }
        switch kinds[node] {
        case .leaf: return
        case .view:
            require(views.base(of: ref))
            // A view that somebody needs as an array is copied out, unless it is its base under other sizes.
            if views.isReshape(node) {
                isDone[node] = true
            } else {
                add(Group(members: [node], folds: [], count: graph.type(of: ref).shape.product))
            }
        case .elementwise(let count): form(seeds: [node], count: count)
        case .fold(let fold):
            let base = views.base(of: graph.inputs(of: node)[graph.inputs(of: node).startIndex])
            if isFlat(graph.inputs(of: node).first!, count: fold.count), count(Int(base.node)) == fold.count, !isDone[Int(base.node)] {
                form(seeds: [Int(base.node)], count: fold.count)
            }
            if isDone[node] { return }
            require(base)
            if isDone[node] { return }
            complete([], count: fold.count, folds: [node])
        case .other:
            for input in graph.inputs(of: node) { require(input) }
            if isDone[node] { return }
            let finish = finish(of: node)
            isDone[node] = true
            items.append(.node(node, finish))
        }
    }

    /// The element-wise ops after a product or convolution that its library takes along.
    private mutating func finish(of node: Int) -> Finish {
        var finish = Finish(result: node)
        let type = graph.type(of: Ref(node))
        guard case .op(let id) = graph.nodes[node].content, case .special(let special) = Op.at(id).kernel,
            special == .matmul || special == .conv, type.dtype == .f32
        else { return finish }
        let count = type.shape.product
        while !isOutput[finish.result], consumers[finish.result].count == 1, !finish.isRelu {
            let next = consumers[finish.result][0]
            guard self.count(next) == count, !isDone[next], !isDonated(next), case .op(let id) = graph.nodes[next].content else { break }
            let inputs = Array(graph.inputs(of: next))
            guard let own = inputs.firstIndex(where: { Int(views.base(of: $0).node) == finish.result && isFlat($0, count: count) }) else { break }
            if case .map(.relu) = Op.at(id).kernel {
                finish.isRelu = true
            } else if case .zip(.add) = Op.at(id).kernel, isReady(inputs[1 - own]) {
                let other = inputs[1 - own]
                let source = views.source(of: other).broadcast(to: graph.type(of: Ref(next)).shape)
                if finish.bias == nil, finish.residual == nil, source.isRow, graph.type(of: source.base).shape.product == type.shape.last {
                    finish.bias = source.base
                } else if finish.residual == nil, isFlat(other, count: count) {
                    finish.residual = source.base
                } else {
                    break
                }
            } else {
                break
            }
            finish.result = next
            isDone[next] = true
        }
        return finish
    }

    private func isReady(_ ref: Ref) -> Bool { isDone[Int(views.base(of: ref).node)] }

    /// Whether element i of what reads the ref is element i of its base.
    private func isFlat(_ ref: Ref, count: Int) -> Bool { views.source(of: ref).isDense && graph.type(of: ref).shape.product == count }

    /// Makes the group of a node: what is not done of the element-wise ops below it, after everything else that they need.
    private mutating func form(seeds: [Int], count: Int) {
        var cone: [Int] = seeds
        var isInCone = Set(seeds)
        var others: [Ref] = []
        var next = 0
        while next < cone.count {
            for input in graph.inputs(of: cone[next]) {
                let base = views.base(of: input)
                let node = Int(base.node)
                if isDone[node] { continue }
                if self.count(node) == count, isFlat(input, count: count) {
                    if isInCone.insert(node).inserted { cone.append(node) }
                } else {
                    others.append(base)
                }
            }
            next += 1
        }
        for other in others { require(other) }
        let members = cone.filter { !isDone[$0] }.sorted()
        var rest = members[...]
        while rest.count > Self.mostMembers {
            add(Group(members: Array(rest.prefix(Self.mostMembers)), folds: [], count: count))
            rest = rest.dropFirst(Self.mostMembers)
        }
        if !rest.isEmpty { complete(Array(rest), count: count, folds: []) }
    }

    /// Adds what can be computed along with a group: element-wise ops that spare a result its memory, and reductions.
    private mutating func complete(_ members: [Int], count: Int, folds given: [Int]) {
        var all = Set(members)
        func isReadyOrInside(_ ref: Ref) -> Bool {
            isReady(ref) || all.contains(Int(views.base(of: ref).node)) && isFlat(ref, count: count)
        }
        var grown: [Int] = []
        var next = 0
        var front = members
        while next < front.count {
            for node in consumers[front[next]]
            where all.count < Self.mostMembers && !isDone[node] && !all.contains(node) && self.count(node) == count {
                if isOutput[node], isDonated(node) { continue }
                if graph.inputs(of: node).allSatisfy(isReadyOrInside) {
                    all.insert(node)
                    grown.append(node)
                    front.append(node)
                }
            }
            next += 1
        }
        func size(_ node: Int) -> Int { graph.type(of: Ref(node)).dtype.size }
        for node in grown.sorted().reversed() {
            let readers = consumers[node]
            if isOutput[node] || readers.contains(where: { all.contains($0) }) || readers.allSatisfy({ carries($0, node, count) }) { continue }
            // Without it: what is then stored of its arguments, instead of itself.
            let spared = graph.inputs(of: node).reduce(0) { sum, input in
                let argument = Int(views.base(of: input).node)
                let isSpared = all.contains(argument) && !isOutput[argument] && consumers[argument].allSatisfy { all.contains($0) || carries($0, argument, count) }
                return sum + (isSpared ? size(argument) : 0)
            }
            if spared < size(node) { all.remove(node) }
        }
        let kept = all.sorted()
        // Reductions of results, and of arguments that are read anyway.
        var folds = given
        var columns = given.first.map { columnsOf($0) } ?? 0
        var read = Set(kept)
        for node in kept + given {
            for input in graph.inputs(of: node) where isFlat(input, count: count) { read.insert(Int(views.base(of: input).node)) }
        }
        for node in read.sorted() {
            for reader in consumers[node] where folds.count < Self.mostFolds && !isDone[reader] && !folds.contains(reader) {
                guard case .fold(let fold) = kinds[reader], fold.count == count, let input = graph.inputs(of: reader).first else { continue }
                guard isFlat(input, count: count), fold.columns == 0 || columns == 0 || columns == fold.columns else { continue }
                if isOutput[reader], isDonated(reader) { continue }
                columns = max(columns, fold.columns)
                folds.append(reader)
            }
        }
        add(Group(members: kept, folds: folds, count: count))
    }

    private func columnsOf(_ node: Int) -> Int { if case .fold(let fold) = kinds[node] { fold.columns } else { 0 } }

    /// Whether a reader is a reduction that a group of its argument can carry.
    private func carries(_ reader: Int, _ argument: Int, _ count: Int) -> Bool {
        guard case .fold(let fold) = kinds[reader], !isDone[reader], let input = graph.inputs(of: reader).first else { return false }
        return fold.count == count && isFlat(input, count: count)
    }

    private func isDonated(_ node: Int) -> Bool { graph.outputs.prefix(donated).contains { Int(views.base(of: $0).node) == node } }

    private mutating func add(_ group: Group) {
        for node in group.members + group.folds { isDone[node] = true }
        items.append(.group(group))
    }

    // MARK: For lowering

    /// Whether somebody outside of the group needs a member in memory.
    func isStored(_ node: Int, in group: Group) -> Bool {
        isOutput[node] || consumers[node].isEmpty || consumers[node].contains { !group.members.contains($0) && !group.folds.contains($0) }
    }

    func fold(_ node: Int) -> Fold? { if case .fold(let fold) = kinds[node] { fold } else { nil } }
}

extension Array {
    /// The element of an array of one.
    fileprivate var only: Element? { count == 1 ? self[0] : nil }
}
