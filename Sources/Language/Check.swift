internal import Engine
internal import Graphs
internal import Syntax

/// What the machine keeps while it checks.
struct CheckState {
    /// Instructions executed, against the budget.
    var steps = 0
    /// The frames whose branches are being followed both ways, by depth.
    var regionDepths: [Int] = []
    /// Results of returns on ways that were taken beside the one a frame goes on with, by its depth.
    var pending: [Int: Value] = [:]

    /// Expressions whose values the script drops.
    var discarded: Set<SourceRange> = []
    /// What is legal and almost surely wrong, so far.
    var warnings: [Diagnostic] = []
    /// What ops gave that no loss wants to see again, by the tensor.
    var squashed: [ObjectIdentifier: (tensor: Tensor, function: String)] = [:]
    /// The last part of the model whose outputs a loss is about to see.
    var lastPart: SourceRange?
    /// Where tensors that estimators were given come from.
    var tensors: [ObjectIdentifier: (tensor: Tensor, lineage: Lineage)] = [:]
    /// Estimators with what they were fitted to and evaluated on.
    var uses: [ObjectIdentifier: EstimatorUse] = [:]

    /// Estimators that a `fit` has been called of, whether or not the check could follow it.
    var attempted: [ObjectIdentifier: Estimator] = [:]
    /// Fits on the ways that are being followed and may not be taken.
    var fits: [ConditionalFit] = []
    /// Whether a statement has failed, and with it perhaps a `fit` in it.
    var hasFailed = false

    /// About 50 ms; beyond it loops and recursive calls are cut short.
    static let budget = 2_000_000
    static let stepsPerOp = 100
}

/// What stood before a fit on a way that may not be taken.
struct ConditionalFit {
    let estimator: Estimator
    let fitted: Fitted?
    let fields: Record?
    /// The layers that had not been applied yet.
    let fresh: [Layer]
}

extension Machine {
    // MARK: Both ways of a branch

    /// Whether a function of the standard library is running, and will get here at the run, too: what it finds wrong is wrong.
    var isSureInStandard: Bool {
        guard let frame = frames.last, frame.module.isStandard else { return false }
        let own = (frames.lastIndex { !$0.module.isStandard } ?? -1) + 1
        return !check.regionDepths.contains { $0 > own } && !check.pending.keys.contains { $0 > own }
    }

    /// What a fit learns on a way that may not be taken holds there only.
    func noteConditionalFit(_ estimator: Estimator) {
        guard isCheck, !check.regionDepths.isEmpty else { return }
        var fresh: [Layer] = []
        if case .layer(let layer)? = estimator.field("model") { fresh = layer.parts.filter(\.isFresh) }
        check.fits.append(ConditionalFit(estimator: estimator, fitted: estimator.fitted, fields: estimator.fields, fresh: fresh))
    }

    private func undoFits(downTo count: Int) {
        while check.fits.count > count {
            let fit = check.fits.removeLast()
            (fit.estimator.fitted, fit.estimator.fields) = (fit.fitted, fit.fields)
            fit.fresh.forEach { $0.forget() }
        }
    }

    /// The condition at `pc` is not known: follows both ways to where they meet, and goes on with what they agree on.
    func followBoth(_ pc: Int, _ target: Int, _ regs: Registers) throws -> Exit {
        let frame = frames.count - 1
        let code = frames[frame].code
        if let head = loopHead(of: code, at: pc) {
            return try followLoop(head, pc, exit: target, regs)
        }
        guard let join = code.joins[pc] else { return .reached(target) }
        let lists = lengths(regs, code.registerCount)
        defer { forgetGrown(lists, regs) }
        let before = snapshot(regs, code.registerCount)
        let first = try follow(pc + 1..<join, regs)
        let afterFirst = snapshot(regs, code.registerCount)
        restore(before, regs)
        let second = target >= join ? Exit.reached(join) : try follow(target..<join, regs)
        switch (first, second) {
        case (.returned(let a), .returned(let b)): return .returned(merge(a, b))
        case (.returned(let a), .reached(let place)):
            addPending(a)
            return .reached(place)
        case (.reached(let place), .returned(let b)):
            addPending(b)
            restore(afterFirst, regs)
            return .reached(place)
        case (.reached(let a), .reached(let b)):
            if a == join, b == join {
                let afterSecond = snapshot(regs, code.registerCount)
                restore(zip(afterFirst, afterSecond).map { merge($0, $1) }, regs)
                return .reached(join)
            }
            // One way left the region (a `break` or `continue`): the check goes on with the other.
            if a == join {
                restore(afterFirst, regs)
                return .reached(a)
            }
            return .reached(b)
        }
    }

    private func follow(_ region: Range<Int>, _ regs: Registers) throws -> Exit {
        if region.isEmpty { return .reached(region.upperBound) }
        check.regionDepths.append(frames.count)
        let (depth, fits) = (defaults.count, check.fits.count)
        defer {
            undoFits(downTo: fits)
            check.regionDepths.removeLast()
            if defaults.count > depth { defaults.removeLast(defaults.count - depth) }
        }
        return try loop(Checking.self, region: region)
    }

    /// The loop that the jump at `pc` may leave.
    private func loopHead(of code: Code, at pc: Int) -> Int? {
        guard code.joins[pc] == nil else { return nil }
        return code.loops.filter { $0.start < pc && pc < $0.end }.max { $0.start < $1.start }?.start
    }

    /// A `while` whose condition is not known: its body is followed until what it sets no longer changes, at most
    /// three times, and what it sets meets what stood before.
    private func followLoop(_ head: Int, _ pc: Int, exit: Int, _ regs: Registers) throws -> Exit {
        let code = frames[frames.count - 1].code
        for turn in 0..<3 {
            let before = snapshot(regs, code.registerCount)
            switch try follow(pc + 1..<exit, regs) {
            case .returned(let value):
                addPending(value)
                restore(before, regs)
                return .reached(exit)
            case .reached: break
            }
            if settle(before, regs, code), turn > 0 { break }
        }
        return .reached(exit)
    }

    /// What stood before a turn of a loop meets what stands after it. True when nothing changed.
    private func settle(_ before: [Value], _ regs: Registers, _ code: Code) -> Bool {
        // The loop counts as run, so what it sets counts as set.
        let merged = zip(before, snapshot(regs, code.registerCount)).map { old, new -> Value in
            if case .unset = old { return new }
            return merge(old, new)
        }
        restore(merged, regs)
        return zip(before, merged).allSatisfy { isSame($0, $1) }
    }

    /// A `for` over an unknown number of elements. True when the loop is over.
    func followUnknownLoop(_ iterator: Iterator, _ next: Instruction, _ pc: Int, _ regs: Registers) throws -> Bool {
        guard case .unknown(let element) = iterator.source else { return true }
        let code = frames[frames.count - 1].code
        let end = pc + Int(next.c)
        let lists = lengths(regs, code.registerCount)
        defer { forgetGrown(lists, regs) }
        for turn in 0..<3 {
            let before = snapshot(regs, code.registerCount)
            iterator.turns = turn + 1
            regs[next.b] = element
            let exit = try follow(pc + 1..<end, regs)
            if case .returned(let value) = exit { addPending(value) }
            if settle(before, regs, code), turn > 0 { break }
        }
        regs[next.a] = .unset
        return true
    }

    private func addPending(_ value: Value) {
        let depth = frames.count
        check.pending[depth] = check.pending[depth].map { merge($0, value) } ?? value
    }

    /// The lists in registers with their lengths.
    private func lengths(_ regs: Registers, _ count: Int) -> [(register: Int, list: List, count: Int)] {
        (0..<count).compactMap { register in
            if case .list(let list) = regs[register] { (register, list, list.values.count) } else { nil }
        }
    }

    /// A comprehension's list that grew on a way that may not be taken, or taken any number of times, has an unknown
    /// length.
    private func forgetGrown(_ lists: [(register: Int, list: List, count: Int)], _ regs: Registers) {
        for (register, list, count) in lists where list.values.count != count {
            if case .list(let now) = regs[register], now === list { regs[register] = .unknown(Value.list(list).kinds) }
        }
    }

    private func snapshot(_ regs: Registers, _ count: Int) -> [Value] { (0..<count).map { regs[$0] } }
    private func restore(_ values: [Value], _ regs: Registers) {
        for (index, value) in values.enumerated() { regs[index] = value }
    }

    // MARK: Budget

    /// Whether the steps are used up, so that loops end and calls are not followed.
    func checkShouldLeaveLoop() -> Bool { check.steps > CheckState.budget }
    func checkShouldCutCall() -> Bool { check.steps > CheckState.budget || frames.count > 400 }

    /// Leaves a loop before its end: what it sets is unknown from here on.
    func cutLoop(at head: Int, from pc: Int, _ regs: Registers) -> Int {
        let code = frames[frames.count - 1].code
        guard let loop = code.loops.first(where: { $0.start == head }) else { return pc + 1 }
        for register in loop.assigned { regs[register] = .unknown }
        return loop.end
    }

    // MARK: Meeting

    /// What two ways agree on.
    func merge(_ a: Value, _ b: Value) -> Value {
        if isSame(a, b) { return a }
        switch (a, b) {
        case (.unset, _), (_, .unset): return .unset
        case (.tensor(let x), .tensor(let y)):
            guard x.dtype == y.dtype, x.rank == y.rank else { return .unknown }
            return .tensor(.unknown(TensorType(x.dtype, zip(x.shape, y.shape).map { $0 == $1 ? $0 : -1 })))
        case (.list(let x), .list(let y)) where x.values.count == y.values.count:
            return .list(List(zip(x.values, y.values).map { merge($0, $1) }))
        case (.record(let x), .record(let y)) where x.names == y.names:
            return .record(Record(x.names, zip(x.values, y.values).map { merge($0, $1) }))
        default: return .unknown(a.kinds.union(b.kinds))
        }
    }

    func isSame(_ a: Value, _ b: Value) -> Bool {
        switch (a, b) {
        case (.unset, .unset), (.none, .none): true
        case (.unknown(let x), .unknown(let y)): x == y
        case (.bool(let x), .bool(let y)): x == y
        case (.int(let x), .int(let y)): x == y
        case (.float(let x), .float(let y)): x.bitPattern == y.bitPattern
        case (.string(let x), .string(let y)): x === y || x.string == y.string
        case (.dtype(let x), .dtype(let y)): x == y
        case (.list(let x), .list(let y)): x === y
        case (.record(let x), .record(let y)): x === y
        case (.range(let x), .range(let y)): x === y
        case (.function(let x), .function(let y)): x === y
        case (.layer(let x), .layer(let y)): x === y
        case (.estimator(let x), .estimator(let y)): x === y
        case (.parameter(let x), .parameter(let y)): x === y
        case (.tensor(let x), .tensor(let y)): x === y
        case (.table(let x), .table(let y)): x === y
        case (.dataset(let x), .dataset(let y)): x === y
        case (.defaults(let x), .defaults(let y)): x === y
        case (.iterator(let x), .iterator(let y)): x === y
        default: false
        }
    }
}
