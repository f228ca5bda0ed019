internal import CKernels
public import Graphs

/// Values that a compiled step replaces, in memory of their own that every step writes over.
public final class StepMemory {
    public let types: [TensorType]
    private var storages: [Storage]
    /// Which of them others may read: before the next step they are left to those who still do, and copied.
    private var isShared: [Bool]
    /// What the steps' programs work in.
    var arena: Storage?
    /// Tables some of whose rows are behind the steps.
    private var lazyRows: [LazyRows] = []

    /// These tensors' values.
    public init(_ tensors: [Tensor]) throws(ExecutionError) {
        try Tensor.compute(tensors)
        types = tensors.map(\.type)
        var storages: [Storage] = []
        for tensor in tensors { storages.append(try tensor.computedStorage()) }
        self.storages = storages
        isShared = storages.map { _ in true }
    }

    /// Replaces some of the values.
    public func set(_ range: Range<Int>, _ tensors: [Tensor]) throws(ExecutionError) {
        try Tensor.compute(tensors)
        try finishRows(of: range)
        for (index, tensor) in zip(range, tensors) {
            precondition(tensor.type == types[index], "a value of the same type")
            let source = try tensor.computedStorage()
            if isTable(index) {
                copy(source, storages[index], types[index].byteCount)
            } else {
                (storages[index], isShared[index]) = (source, true)
            }
        }
    }

    /// Some of the values, which later steps do not change.
    public func values(_ range: Range<Int>) throws(ExecutionError) -> [Tensor] {
        try finishRows(of: range)
        var result: [Tensor] = []
        for index in range {
            if isTable(index) {
                result.append(Tensor(types[index], try duplicate(index)))
            } else {
                isShared[index] = true
                result.append(Tensor(types[index], storages[index]))
            }
        }
        return result
    }

    /// Before a step: nobody else sees what it writes over.
    func claim() throws(ExecutionError) {
        for index in storages.indices where isShared[index] {
            if !isKnownUniquelyReferenced(&storages[index]) { storages[index] = try duplicate(index) }
            isShared[index] = false
        }
    }

    private func duplicate(_ index: Int) throws(ExecutionError) -> Storage {
        guard let storage = Storage(byteCount: types[index].byteCount) else { throw ExecutionError(.memory(types[index]), origin: -1) }
        copy(storages[index], storage, types[index].byteCount)
        return storage
    }

    /// Whether a table's rows are looked after here, in the memory where they are.
    private func isTable(_ index: Int) -> Bool { lazyRows.contains { $0.update.members.contains(index) } }

    /// Whether all elements of some of the values are finite.
    public func areFinite(_ range: Range<Int>) throws(ExecutionError) -> Bool {
        try finishRows(of: range)
        return range.allSatisfy { index in
            let type = types[index]
            guard type.dtype.isFloat else { return true }
            return unsafe tfs_find_nonfinite(type.dtype.c, storages[index].base, type.shape.product) == .fine
        }
    }

    /// The tables that a step updates by rows. All others are brought up to date.
    func tables(_ updates: [RowUpdate]) throws(ExecutionError) -> [LazyRows] {
        let known = lazyRows
        lazyRows = updates.map { update in
            known.first { $0.update.members == update.members && $0.update.graph == update.graph }
                ?? LazyRows(update, update.members.map { storages[$0] })
        }
        for table in known where !lazyRows.contains(where: { $0 === table }) { try table.finish() }
        return lazyRows
    }

    /// Brings tables among some of the values up to date.
    func finishRows(of range: Range<Int>) throws(ExecutionError) {
        for table in lazyRows where table.update.members.contains(where: range.contains) { try table.finish() }
    }

    private func copy(_ source: Storage, _ target: Storage, _ bytes: Int) {
        unsafe source.lend { from in unsafe target.lend { to in unsafe to.baseAddress!.copyMemory(from: from.baseAddress!, byteCount: bytes) } }
    }

    var bases: [UnsafeMutableRawPointer] { unsafe storages.map { unsafe $0.base } }
}

extension CompiledFunction {
    /// Takes one step: `memory` holds the leading arguments, which as many leading outputs replace; `inputs` are the rest.
    /// Gives the other outputs.
    ///
    /// - Parameter accept: sees these outputs before anything is replaced; when it refuses, nothing is.
    public func advance(
        _ memory: StepMemory, _ inputs: [Tensor], step: Int, accept: ([Tensor]) -> Bool
    ) throws(ExecutionError) -> [Tensor] {
        precondition(memory.types.count == donated && inputs.map(\.type) == Array(types.dropFirst(donated)), "inputs of the arguments' types")
        try Tensor.compute(inputs)
        try memory.claim()
        var sources = unsafe memory.bases
        var kept: [Storage] = []
        for input in inputs {
            let storage = try input.computedStorage()
            kept.append(storage)
            unsafe sources.append(storage.base)
        }
        for capture in captures { unsafe sources.append(capture.base) }
        var targets = unsafe memory.bases
        var results: [Tensor] = []
        for type in resultTypes {
            guard let storage = Storage(byteCount: type.byteCount) else { throw ExecutionError(.memory(type), origin: -1) }
            results.append(Tensor(type, storage))
            unsafe targets.append(storage.base)
        }
        let visible = Array(results.prefix(outputTypes.count - donated))
        do throws(ExecutionError) {
            let tables = try memory.tables(rowUpdates)
            var visits: [(rows: LazyRows.Visit, seconds: Double)] = []
            for table in tables {
                let start = Profile.clock.now
                visits.append((try table.visit(inputs[table.update.ids - donated]), Profile.seconds(since: start)))
            }
            let frame = try stepFrame(in: memory)
            var isAccepted: Bool?
            func ask() -> Bool {
                let answer = accept(visible)
                isAccepted = answer
                return answer
            }
            unsafe try frame.run(sources, targets, step: UInt64(truncatingIfNeeded: step), proceed: ask)
            let isTaken = isAccepted ?? ask()
            var rest = results.dropFirst(visible.count)
            for (table, visit) in zip(tables, visits) where isTaken {
                let start = Profile.clock.now
                try table.take(visit.rows, rest.removeFirst(), rest.prefix(table.update.numbers))
                rest = rest.dropFirst(table.update.numbers)
                if Profile.isOn { Profile.add(table.update.loop.name, table.update.loop.origin, since: start, before: visit.seconds) }
            }
        } catch { throw error.placed(in: origins) }
        Profile.attribute(origins)
        withExtendedLifetime((kept, memory)) {}
        return visible
    }
}
