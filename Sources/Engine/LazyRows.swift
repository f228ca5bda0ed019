internal import CKernels
internal import Glibc
internal import Graphs

/// A table in training whose rows are brought up to date when they are read.
///
/// For a row that a step does not read the gradient is zero, but the optimizer may move it nevertheless. Such steps are
/// made up for one by one, by the loop that would have gone over the whole table and with the numbers of their time, so
/// that the bits are the same; what is saved is to move the whole table through memory at every step.
@safe final class LazyRows {
    let update: RowUpdate
    /// The memory of the members.
    private let storages: [Storage]
    private let bases: [UnsafeMutableRawPointer]
    /// The loop's operands that are rows of members, and those that are numbers of a step.
    private let memberOperands: [(operand: Int, member: Int)]
    private let numberOperands: [(operand: Int, number: Int)]
    /// The numbers of the steps since all rows were up to date, each in eight bytes, step after step.
    private var log: [UInt64] = []
    private var steps = 0
    /// How many of those steps each row has seen.
    private var seen: [Int32]
    /// For each row -1 but while a visit is made: then its number there.
    private var numberOf: [Int32]

    /// After so many steps all rows are brought up to date.
    private static let mostSteps = 256
    /// Rows that a thread takes at a time.
    private static let together = 16

    init(_ update: RowUpdate, _ storages: [Storage]) {
        (self.update, self.storages) = (update, storages)
        unsafe bases = storages.map { unsafe $0.base }
        let members = update.members.count
        var (ofMembers, ofNumbers): ([(Int, Int)], [(Int, Int)]) = ([], [])
        for (place, source) in update.loop.inputs.enumerated() {
            guard case .argument(let index) = source else { continue }
            if index < members { ofMembers.append((place, index)) } else if index > members { ofNumbers.append((place, index - members - 1)) }
        }
        (memberOperands, numberOperands) = (ofMembers, ofNumbers)
        seen = Array(repeating: 0, count: update.rows)
        numberOf = Array(repeating: -1, count: update.rows)
    }

    /// The rows that a batch reads, each once and with the first place among its ids that names it; and for each place the
    /// next that names the same row, -1 at the end.
    struct Visit {
        var rows: [Int32] = []
        var first: [Int32] = []
        var next: [Int32] = []
    }

    /// Brings the rows that these ids name up to date. What is out of range is left for the program to complain about.
    func visit(_ ids: Tensor) throws(ExecutionError) -> Visit {
        if steps == Self.mostSteps { try finish() }
        let storage = try ids.computedStorage()
        var places = [Int64](repeating: 0, count: ids.shape.product)
        unsafe tfs_cast(ids.dtype.c, storage.base, .i64, &places, places.count)
        var visit = Visit(next: Array(repeating: -1, count: places.count))
        for place in places.indices.reversed() {
            let row = Int(places[place] < 0 ? places[place] + Int64(update.rows) : places[place])
            guard row >= 0, row < update.rows else { continue }
            if numberOf[row] < 0 {
                numberOf[row] = Int32(visit.rows.count)
                visit.rows.append(Int32(row))
                visit.first.append(-1)
            }
            let number = Int(numberOf[row])
            visit.next[place] = visit.first[number]
            visit.first[number] = Int32(place)
        }
        for row in visit.rows { numberOf[Int(row)] = -1 }
        try unsafe move(visit.rows)
        return visit
    }

    /// The step that was just taken: the rows read move by what flowed to them, all others when it is their time.
    func take(_ visit: Visit, _ flowing: Tensor, _ numbers: some Sequence<Tensor>) throws(ExecutionError) {
        for number in numbers {
            var word: UInt64 = 0
            let storage = try number.computedStorage()
            unsafe memcpy(&word, storage.base, storage.byteCount)
            log.append(word)
        }
        steps += 1
        let (rowBytes, source) = (update.width * 4, try flowing.computedStorage())
        try unsafe move(visit.rows) { number, sum in
            let first = Int(visit.first[number])
            if number + 1 < visit.first.count { unsafe tfs_prefetch(source.base + Int(visit.first[number + 1]) * rowBytes, rowBytes) }
            var place = Int(visit.next[first])
            if place < 0 { return unsafe source.base + first * rowBytes }
            unsafe memcpy(sum, source.base + first * rowBytes, rowBytes)
            while place >= 0 {
                unsafe tfs_zip(.add, .f32, sum, source.base + place * rowBytes, sum, rowBytes / 4)
                place = Int(visit.next[place])
            }
            return unsafe sum
        }
    }

    /// Brings all rows up to date.
    func finish() throws(ExecutionError) {
        if steps == 0 { return }
        try unsafe move((0..<update.rows).map { Int32($0) })
        (steps, log) = (0, [])
        for row in seen.indices { seen[row] = 0 }
    }

    /// What flows to the row of that place: where it lies, which may be the given memory.
    private typealias Flow = (Int, UnsafeMutableRawPointer) -> UnsafeMutableRawPointer

    /// Takes rows through the steps that they have not seen.
    private func move(_ rows: [Int32], flowing: Flow? = nil) throws(ExecutionError) {
        do throws(OpError) {
            try ThreadPool.run((rows.count + Self.together - 1) / Self.together) { chunk throws(OpError) in
                try unsafe self.move(rows, chunk * Self.together..<min((chunk + 1) * Self.together, rows.count), flowing)
            }
        } catch { throw ExecutionError(error, origin: -1) }
        for row in rows { seen[Int(row)] = Int32(steps) }
    }

    private func move(_ rows: [Int32], _ range: Range<Int>, _ flowing: Flow?) throws(OpError) {
        let (code, inputs, members, rowBytes) = (update.loop.code, update.loop.inputs, update.members.count, update.width * 4)
        let (isInPlace, outputs, numbers, width) = (update.loop.isInPlace, update.loop.outputs, update.numbers, update.width)
        // Lists are gone through by places: an iterator counts as an owner, and threads that count owners wait for each other.
        let (bases, steps, seen) = unsafe (bases, steps, seen)
        let (memberOperands, numberOperands, inputCount) = (memberOperands, numberOperands, inputs.count)
        // The gradient, then the members' next rows, where a step cannot write them over what it reads.
        let memory = try scratch((1 + members) * rowBytes)
        let flow = unsafe memory.base
        unsafe memset(flow, 0, rowBytes)
        unsafe withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: inputs.count + members) { operands in
            var flowOperands: [Int] = []
            for (place, source) in inputs.enumerated() {
                if case .constant(let storage) = source { unsafe operands.initializeElement(at: place, to: storage.base) }
                if case .argument(members) = source {
                    unsafe operands.initializeElement(at: place, to: flow)
                    flowOperands.append(place)
                }
            }
            let table = unsafe operands.baseAddress!
            unsafe log.withUnsafeBytes { log in
                for place in range {
                    let row = Int(rows[place])
                    let late = Int(seen[row])..<steps
                    if late.isEmpty { continue }
                    if place + 1 < rows.count {
                        // The next row comes from far away.
                        for member in 0..<members { unsafe tfs_prefetch(bases[member] + Int(rows[place + 1]) * rowBytes, rowBytes) }
                    }
                    if let flowing = unsafe flowing {
                        let row = unsafe flowing(place, flow)
                        for index in flowOperands.indices { unsafe table[flowOperands[index]] = row }
                    }
                    for index in memberOperands.indices {
                        unsafe table[memberOperands[index].operand] = bases[memberOperands[index].member] + row * rowBytes
                    }
                    for index in outputs.indices {
                        let member = outputs[index]
                        unsafe table[inputCount + index] = isInPlace ? bases[member] + row * rowBytes : flow + (1 + member) * rowBytes
                    }
                    for step in late {
                        for index in numberOperands.indices {
                            let place = step * numbers + numberOperands[index].number
                            unsafe table[numberOperands[index].operand] = UnsafeMutableRawPointer(mutating: log.baseAddress!) + place * 8
                        }
                        unsafe code.run(table, 0, width, 0)
                        if isInPlace { continue }
                        for member in 0..<members { unsafe memcpy(bases[member] + row * rowBytes, flow + (1 + member) * rowBytes, rowBytes) }
                    }
                }
            }
        }
    }
}
