internal import CKernels
internal import Glibc
internal import Graphs

/// A table in training whose rows are brought up to date when they are read.
///
/// For a row that a step does not read the gradient is zero, but the optimizer may move it nevertheless. Such steps are
/// made up for one by one, by the loop that would have gone over the whole table and with the numbers of their time, so
/// that the bits are the same; what is saved is to move the whole table through memory at every step.
final class LazyRows {
    let update: RowUpdate
    /// The memory of the members.
    private let storages: [Storage]
    /// The numbers of the steps since all rows were up to date, each in eight bytes, step after step.
    private var log: [UInt64] = []
    private var steps = 0
    /// How many of those steps each row has seen.
    private var seen: [Int32]
    /// For each row -1 but while a visit is made: then its number there.
    private var numberOf: [Int32]

    /// After so many steps all rows are brought up to date.
    private static let mostSteps = 256
    /// Bytes of the members' rows that a thread works on at a time.
    private static let blockBytes = 1 << 14

    init(_ update: RowUpdate, _ storages: [Storage]) {
        (self.update, self.storages) = (update, storages)
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
        try catchUp(visit.rows)
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
        let (width, source) = (update.width, try flowing.computedStorage())
        try unsafe move(visit.rows) { number, sum in
            var place = Int(visit.first[number])
            while place >= 0 {
                unsafe tfs_zip(.add, .f32, sum, source.base + place * width * 4, sum, width)
                place = Int(visit.next[place])
            }
        }
    }

    /// Brings all rows up to date.
    func finish() throws(ExecutionError) {
        if steps == 0 { return }
        try catchUp((0..<update.rows).map { Int32($0) })
        (steps, log) = (0, [])
        for row in seen.indices { seen[row] = 0 }
    }

    /// Replays what rows have missed: in order of how much that is, so that blocks of them begin and end together.
    private func catchUp(_ rows: [Int32]) throws(ExecutionError) {
        var starts = [Int](repeating: 0, count: steps + 1)
        for row in rows { starts[Int(seen[Int(row)])] += 1 }
        let late = rows.count - starts[steps]
        var sum = 0
        for step in starts.indices { (starts[step], sum) = (sum, sum + starts[step]) }
        var sorted = [Int32](repeating: 0, count: rows.count)
        for row in rows {
            let step = Int(seen[Int(row)])
            sorted[starts[step]] = row
            starts[step] += 1
        }
        try unsafe move(Array(sorted[..<late])) { _, _ in }
    }

    /// Takes rows, sorted by the steps that they have seen, through those that they have not; `addFlow` adds what flows to
    /// the row of that place.
    private func move(_ rows: [Int32], addingFlow addFlow: (Int, UnsafeMutableRawPointer) -> Void) throws(ExecutionError) {
        let height = max(1, Self.blockBytes / (update.width * 4 * update.members.count))
        do throws(OpError) {
            try ThreadPool.run((rows.count + height - 1) / height) { block throws(OpError) in
                try unsafe self.move(rows[block * height..<min((block + 1) * height, rows.count)], addFlow)
            }
        } catch { throw ExecutionError(error, origin: -1) }
        for row in rows { seen[Int(row)] = Int32(steps) }
    }

    private func move(_ rows: ArraySlice<Int32>, _ addFlow: (Int, UnsafeMutableRawPointer) -> Void) throws(OpError) {
        let (count, rowBytes) = (update.members.count, update.width * 4)
        let bytes = rows.count * rowBytes
        // The members, twice where a step cannot write them over what it reads, then the gradient.
        let halves = update.loop.isInPlace ? 1 : 2
        let memory = try scratch((halves * count + 1) * bytes)
        let flow = unsafe memory.base + halves * count * bytes
        unsafe memset(flow, 0, bytes)
        for (place, number) in rows.indices.enumerated() { unsafe addFlow(number, flow + place * rowBytes) }
        unsafe withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: update.loop.inputs.count + count) { operands in
            unsafe log.withUnsafeBytes { log in
                var (half, entered) = (0, 0)
                func member(_ index: Int, of half: Int) -> UnsafeMutableRawPointer { unsafe memory.base + (half * count + index) * bytes }
                func copy(_ place: Int, isBack: Bool) {
                    let offset = Int(rows[rows.startIndex + place]) * rowBytes
                    for (index, storage) in storages.enumerated() {
                        let (outside, inside) = unsafe (storage.base + offset, member(index, of: half) + place * rowBytes)
                        unsafe memcpy(isBack ? outside : inside, isBack ? inside : outside, rowBytes)
                    }
                }
                for step in Int(seen[Int(rows[rows.startIndex])])..<steps {
                    while entered < rows.count, Int(seen[Int(rows[rows.startIndex + entered])]) <= step {
                        copy(entered, isBack: false)
                        entered += 1
                    }
                    let numbers = unsafe UnsafeMutableRawPointer(mutating: log.baseAddress).map { unsafe $0 + step * update.numbers * 8 }
                    for (place, source) in update.loop.inputs.enumerated() {
                        switch source {
                        case .constant(let storage): unsafe operands.initializeElement(at: place, to: storage.base)
                        case .argument(let index) where index < count: unsafe operands.initializeElement(at: place, to: member(index, of: half))
                        case .argument(count): unsafe operands.initializeElement(at: place, to: flow)
                        case .argument(let index): unsafe operands.initializeElement(at: place, to: numbers! + (index - count - 1) * 8)
                        }
                    }
                    half = (half + 1) % halves
                    for (place, index) in update.loop.outputs.enumerated() {
                        unsafe operands.initializeElement(at: update.loop.inputs.count + place, to: member(index, of: half))
                    }
                    unsafe update.loop.code.run(UnsafePointer(operands.baseAddress!), 0, entered * update.width, 0)
                }
                for place in 0..<entered { copy(place, isBack: true) }
            }
        }
    }
}
