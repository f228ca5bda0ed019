internal import CKernels
internal import Graphs

/// A group of a schedule as one loop: the code that `tfs_fused` runs, the memory that it reads and writes, and how it is
/// split over threads.
struct FusedKernel: Sendable {
    /// The loop without the memory it runs over; kernels of equal code can run as one.
    @safe final class Code: @unchecked Sendable, Hashable {
        /// The plain steps, one op each.
        let steps: [tfs_step]
        let walks: [Int]
        let folds: [tfs_fold]
        /// What is run instead of the plain steps, where it can be.
        let native: NativeSteps?
        let columns: Int
        private let code: UnsafeMutablePointer<tfs_fused_code>

        init(
            steps: [tfs_step], registers: [tfs_access], folds: [tfs_fold], walks: [Int], tile: Int, columns: Int, isNative: Bool = true
        ) {
            (self.steps, self.folds, self.walks, self.columns) = (steps, folds, walks, columns)
            let words = Self.words(steps, registers, folds)
            self.words = [tile, columns] + walks + words
            native = isNative && steps.count > 1 ? Self.natives.value(for: words) { NativeSteps(steps, registers, folds) } : nil
            let (steps, registers) = (native?.steps ?? steps, native?.registers ?? registers)
            unsafe code = .allocate(capacity: 1)
            unsafe code.initialize(
                to: tfs_fused_code(
                    steps: kept(steps), registers: kept(registers), folds: kept(folds), walks: kept(walks),
                    natives: kept(native?.functions ?? []), whole: native?.whole, step_count: steps.count,
                    register_count: registers.count, fold_count: folds.count, tile: tile, columns: columns))
        }

        deinit {
            let code = unsafe code.pointee
            unsafe code.steps?.deallocate()
            unsafe code.registers?.deallocate()
            unsafe code.folds?.deallocate()
            unsafe code.walks?.deallocate()
            unsafe code.natives?.deallocate()
            unsafe self.code.deallocate()
        }

        /// Runs elements first ..< first + count over these operands.
        func run(_ operands: UnsafePointer<UnsafeMutableRawPointer>, _ first: Int, _ count: Int, _ number: UInt64) {
            unsafe tfs_fused(code, operands, first, count, number)
        }

        private static let natives = StructureCache<[Int], NativeSteps?>()
        /// All that it consists of.
        private let words: [Int]

        private static func words(_ steps: [tfs_step], _ registers: [tfs_access], _ folds: [tfs_fold]) -> [Int] {
            var words: [Int] = []
            words.reserveCapacity(8 * steps.count + 7 * registers.count + 5 * folds.count)
            for s in steps { words += [Int(s.kind.rawValue), Int(s.dtype.rawValue), Int(s.op), Int(s.y), Int(s.a), Int(s.b), Int(s.c), Int(s.d)] }
            for r in registers { words += [Int(r.kind.rawValue), Int(r.size), Int(r.operand), Int(r.rank), r.walk, r.offset, r.scratch] }
            for f in folds { words += [Int(f.kind.rawValue), Int(f.op.rawValue), Int(f.dtype.rawValue), Int(f.source), Int(f.operand)] }
            return words
        }
        static func == (a: Code, b: Code) -> Bool { a.words == b.words }
        func hash(into hasher: inout Hasher) { hasher.combine(words) }
    }

    let code: Code
    let count: Int
    /// What it reads, in the order of operands.
    let inputs: [Ref]
    /// What it writes, after the inputs: members that are stored, then folds.
    let outputs: [Ref]
    /// After those: partial results of folds, where the work is split.
    let partials: [TensorType]
    /// Which output may lie where which input lay.
    let reuse: [(output: Int, input: Int)]
    /// How many elements a thread takes at a time.
    let chunk: Int

    private var chunks: Int { count == 0 ? 0 : (count + chunk - 1) / chunk }

    /// Several kernels of equal code without folds, one after the other, as one piece of work over their operands.
    static func work(_ kernels: [FusedKernel]) -> Work {
        if kernels.count == 1 { return kernels[0].work() }
        let code = kernels[0].code
        let width = kernels[0].inputs.count + kernels[0].outputs.count
        let pieces = kernels.enumerated().flatMap { index, kernel in
            stride(from: 0, to: kernel.count, by: kernel.chunk).map { (index, $0, min(kernel.chunk, kernel.count - $0)) }
        }
        // A program's operands: the inputs of all, then the results of all.
        var places: [Int] = []
        let inputs = kernels[0].inputs.count, outputs = kernels[0].outputs.count
        for index in kernels.indices {
            places += (0..<inputs).map { index * inputs + $0 }
            places += (0..<outputs).map { kernels.count * inputs + index * outputs + $0 }
        }
        let table = places
        return { call throws(OpError) in
            unsafe withPointers(call, table) { pointers in
                ThreadPool.run(pieces.count) { piece in
                    let (kernel, first, count) = pieces[piece]
                    unsafe code.run(pointers + kernel * width, first, count, call.step)
                }
            }
        }
    }

    private func work() -> Work {
        let (code, count, chunk, chunks) = (code, count, chunk, chunks)
        let operands = Array(0..<inputs.count + outputs.count + partials.count)
        if chunks == 0 { return { _ throws(OpError) in } }
        if chunks == 1 {
            return { call throws(OpError) in unsafe withPointers(call, operands) { unsafe code.run($0, 0, count, call.step) } }
        }
        // Folds of all and of columns go to a place per chunk first.
        let split = code.folds.filter { $0.kind != .rows }
        let first = operands.count - partials.count
        let columns = code.columns
        return { call throws(OpError) in
            unsafe withPointers(call, operands) { pointers in
                let shared = unsafe UnsafeBufferPointer(start: pointers, count: operands.count)
                ThreadPool.run(chunks) { number in
                    unsafe withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: operands.count) { own in
                        for i in operands { unsafe own.initializeElement(at: i, to: shared[i]) }
                        for (i, fold) in split.enumerated() {
                            let width = (fold.kind == .all ? 1 : columns) * fold.size
                            unsafe own[Int(fold.operand)] = shared[first + i] + number * width
                        }
                        unsafe code.run(own.baseAddress!, number * chunk, min(chunk, count - number * chunk), call.step)
                    }
                }
                for (i, fold) in split.enumerated() {
                    unsafe tfs_reduce(
                        fold.op, fold.dtype, shared[first + i], shared[Int(fold.operand)], 1, chunks, fold.kind == .all ? 1 : columns)
                }
            }
        }
    }
}

/// A copy in memory of its own; `nil` of nothing.
private func kept<T: BitwiseCopyable>(_ array: [T]) -> UnsafePointer<T>? {
    if array.isEmpty { return nil }
    let memory = unsafe UnsafeMutablePointer<T>.allocate(capacity: array.count)
    unsafe memory.initialize(from: array, count: array.count)
    return unsafe UnsafePointer(memory)
}

/// Lends the addresses of a call's operands.
private func withPointers(_ call: Call, _ operands: [Int], _ body: (UnsafePointer<UnsafeMutableRawPointer>) -> Void) {
    unsafe withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer.self, capacity: operands.count) { pointers in
        for (i, operand) in operands.enumerated() { unsafe pointers.initializeElement(at: i, to: call.pointer(operand)) }
        unsafe body(UnsafePointer(pointers.baseAddress!))
    }
}

extension tfs_fold {
    fileprivate var size: Int { dtype == .f64 || dtype == .i64 ? 8 : 4 }
}

// MARK: Making

extension FusedKernel {
    init(_ group: Schedule.Group, _ schedule: Schedule) {
        var maker = Maker(schedule: schedule, group: group)
        maker.make()
        self = maker.kernel
    }

    private struct Maker {
        let schedule: Schedule
        let group: Schedule.Group
        var graph: Graph { schedule.graph }

        /// A register while the code is made.
        struct Register {
            var kind: tfs_access_kind
            var size: Int
            var operand = 0
            var walk: ViewPlan?
            var isInput = false
        }
        private var registers: [Register] = []
        private var steps: [tfs_step] = []
        private var folds: [tfs_fold] = []
        private var inputs: [Ref] = []
        private var outputs: [Ref] = []
        private var inputRegisters: [Views.Source: Int] = [:]
        private var operandOfInput: [Ref: Int] = [:]
        private var registerOf: [Int: Int] = [:]
        /// By operand: the register's index for dense inputs and outputs.
        private var outputRegisters: [Int] = []

        init(schedule: Schedule, group: Schedule.Group) {
            (self.schedule, self.group) = (schedule, group)
        }

        mutating func make() {
            let members = Set(group.members)
            // Inputs first, so that operands are inputs, outputs, folds.
            for node in group.members { for source in sources(of: node) where !isInside(source, members) { _ = input(source) } }
            for node in group.folds {
                let source = schedule.views.source(of: graph.inputs(of: node).first!)
                if !isInside(source, members) { _ = input(source) }
            }
            for node in group.members { step(node, members) }
            fuseProducts()
            var operand = inputs.count
            for node in group.members where schedule.isStored(node, in: group) {
                let register = registerOf[node]!
                registers[register].kind = .dense
                registers[register].operand = operand
                outputs.append(Ref(node))
                outputRegisters.append(register)
                operand += 1
            }
            for node in group.folds {
                let fold = schedule.fold(node)!
                let source = schedule.views.source(of: graph.inputs(of: node).first!)
                let register = isInside(source, members) ? registerOf[Int(source.base.node)]! : input(source)
                folds.append(
                    tfs_fold(
                        kind: fold.kind, dtype: graph.type(of: Ref(node)).dtype.c, op: fold.op, combine: fold.op.combining,
                        source: UInt32(register), operand: UInt32(operand)))
                outputs.append(Ref(node))
                operand += 1
            }
            readNumbersOnce()
        }

        private func isInside(_ source: Views.Source, _ members: Set<Int>) -> Bool { members.contains(Int(source.base.node)) }

        /// What a member reads, over its own shape.
        private func sources(of node: Int) -> [Views.Source] {
            if schedule.views.isView(node) { return [schedule.views.source(of: Ref(node))] }
            guard case .op(let id) = graph.nodes[node].content else { return [] }
            let shape = graph.type(of: Ref(node)).shape
            let sources = graph.inputs(of: node).map { schedule.views.source(of: $0) }
            switch Op.at(id).kernel {
            case .zip, .special(.select): return sources.map { $0.shape == shape ? $0 : $0.broadcast(to: shape) }
            default: return sources
            }
        }

        private mutating func input(_ source: Views.Source) -> Int {
            var source = source
            let size = graph.type(of: source.base).dtype.size
            var register = Register(kind: .dense, size: size, isInput: true)
            if source.isScalar, source.offset == 0 {
                (source.shape, source.strides) = ([], [])
                register.kind = group.count == 1 ? .dense : .scalar
            } else {
                let plan = ViewPlan(source.shape, strides: source.strides, offset: source.offset)
                (source.shape, source.strides) = (plan.shape, plan.strides)
                if !plan.isDense {
                    register.kind = .view
                    register.walk = plan
                }
            }
            if let known = inputRegisters[source] { return known }
            if let operand = operandOfInput[source.base] {
                register.operand = operand
            } else {
                register.operand = inputs.count
                operandOfInput[source.base] = inputs.count
                inputs.append(source.base)
            }
            registers.append(register)
            inputRegisters[source] = registers.count - 1
            return registers.count - 1
        }

        private mutating func step(_ node: Int, _ members: Set<Int>) {
            guard case .op(let id) = graph.nodes[node].content else { return }
            let op = Op.at(id)
            let read = sources(of: node).map { isInside($0, members) ? registerOf[Int($0.base.node)]! : input($0) }
            let type = graph.type(of: Ref(node))
            let argument = graph.inputs(of: node).first.map { graph.type(of: $0).dtype } ?? type.dtype
            registers.append(Register(kind: .scratch, size: type.dtype.size))
            let y = registers.count - 1
            registerOf[node] = y
            func add(_ kind: tfs_step_kind, _ dtype: DType, _ op: UInt32) {
                let r = read.map { UInt32($0) }
                let (b, c) = (r.count > 1 ? r[1] : r[0], r.count > 2 ? r[2] : r[0])
                steps.append(tfs_step(kind: kind, dtype: dtype.c, op: op, y: UInt32(y), a: r[0], b: b, c: c, d: r[0]))
            }
            switch op.kernel {
            case .map(let kernel): add(.map, argument, kernel.rawValue)
            case .zip(.multiply) where argument == .f32 || argument == .f64: add(.multiply, argument, 0)
            case .zip(let kernel): add(.zip, argument, kernel.rawValue)
            case .special(.select): add(.select, type.dtype, UInt32(type.dtype.size))
            case .special(.cast): add(.cast, argument, type.dtype.c.rawValue)
            case .special(.randomUniform): add(.uniform, type.dtype, 0)
            default: add(.copy, type.dtype, UInt32(type.dtype.size))
            }
        }

        /// a · b ± c, a · b + c · d and c - a / b in one step, where the product or quotient is not needed otherwise.
        private mutating func fuseProducts() {
            var readers = [Int](repeating: 0, count: registers.count)
            for s in steps { for r in s.arguments { readers[Int(r)] += 1 } }
            for node in group.folds {
                if let register = registerOf[Int(schedule.views.base(of: graph.inputs(of: node).first!).node)] { readers[register] += 1 }
            }
            for node in group.members where schedule.isStored(node, in: group) { readers[registerOf[node]!] += 1 }
            var madeBy = [Int](repeating: -1, count: registers.count)
            for (i, s) in steps.enumerated() { madeBy[Int(s.y)] = i }
            var isGone = [Bool](repeating: false, count: steps.count)
            for i in steps.indices {
                let s = steps[i]
                guard s.kind == .zip, s.dtype == .f32 || s.dtype == .f64 else { continue }
                func made(_ r: UInt32) -> tfs_step? { madeBy[Int(r)] >= 0 && readers[Int(r)] == 1 ? steps[madeBy[Int(r)]] : nil }
                func product(_ r: UInt32) -> tfs_step? { made(r).flatMap { $0.kind == .multiply ? $0 : nil } }
                func quotient(_ r: UInt32) -> tfs_step? { made(r).flatMap { $0.kind == .zip && $0.op == tfs_zip.divide.rawValue ? $0 : nil } }
                func replace(_ kind: tfs_step_kind, _ first: tfs_step, c: UInt32, d: UInt32? = nil) {
                    isGone[madeBy[Int(first.y)]] = true
                    steps[i] = tfs_step(kind: kind, dtype: s.dtype, op: 0, y: s.y, a: first.a, b: first.b, c: c, d: d ?? c)
                }
                switch tfs_zip(rawValue: s.op) {
                case .add where s.a != s.b:
                    switch (product(s.a), product(s.b)) {
                    case (let p?, let q?):
                        isGone[madeBy[Int(q.y)]] = true
                        replace(.add_products, p, c: q.a, d: q.b)
                    case (let p?, nil): replace(.multiply_add, p, c: s.b)
                    case (nil, let q?): replace(.multiply_add, q, c: s.a)
                    case (nil, nil): continue
                    }
                case .subtract where s.a != s.b:
                    if let p = product(s.a) {
                        replace(.multiply_subtract, p, c: s.b)
                    } else if let p = product(s.b) {
                        replace(.subtract_product, p, c: s.a)
                    } else if let q = quotient(s.b) {
                        replace(.subtract_quotient, q, c: s.a)
                    }
                default: continue
                }
            }
            steps = steps.indices.filter { !isGone[$0] }.map { steps[$0] }
        }

        /// Numbers that only such steps read, in the places where they may be single, are not spread over a tile.
        private mutating func readNumbersOnce() {
            func isNumber(_ r: UInt32) -> Bool { registers[Int(r)].kind == .scalar }
            var isSpread = [Bool](repeating: false, count: registers.count)
            for fold in folds { isSpread[Int(fold.source)] = true }
            steps = steps.map { step in
                var s = step
                guard s.isForm else {
                    for r in s.arguments { isSpread[Int(r)] = true }
                    return s
                }
                if s.kind != .subtract_quotient, isNumber(s.b), !isNumber(s.a) { (s.a, s.b) = (s.b, s.a) }
                if s.kind == .add_products {
                    if isNumber(s.d), !isNumber(s.c) { (s.c, s.d) = (s.d, s.c) }
                } else {
                    s.d = s.b
                    if s.kind == .multiply { s.c = s.b }
                }
                s.op = (isNumber(s.a) ? 1 : 0) | (isNumber(s.c) ? 2 : 0)
                if s.kind == .multiply { s.op &= 1 }
                isSpread[Int(s.b)] = true
                isSpread[Int(s.d)] = true
                return s
            }
            for r in registers.indices where registers[r].kind == .scalar && !isSpread[r] { registers[r].kind = .single }
        }

        var kernel: FusedKernel {
            // Scratch is handed on when its last reader has run.
            var lastUse = [Int](repeating: -1, count: registers.count)
            for (i, s) in steps.enumerated() { for r in s.arguments { lastUse[Int(r)] = i } }
            for f in folds { lastUse[Int(f.source)] = steps.count }
            var offsets = [Int](repeating: 0, count: registers.count)
            var free: [Int: [Int]] = [:]
            var bytes = 0
            func take(_ size: Int) -> Int {
                if let offset = free[size]?.popLast() { return offset }
                bytes += size
                return bytes - size
            }
            for (r, register) in registers.enumerated() where register.kind == .scalar || register.kind == .view {
                bytes += register.size
                offsets[r] = bytes - register.size
            }
            for (i, s) in steps.enumerated() {
                let y = Int(s.y)
                // In place where an argument of this size ends.
                for r in Set(s.arguments.map { Int($0) }).sorted() where registers[r].kind == .scratch && lastUse[r] == i {
                    free[registers[r].size, default: []].append(offsets[r])
                }
                if registers[y].kind == .scratch {
                    offsets[y] = take(registers[y].size)
                    if lastUse[y] < 0 { free[registers[y].size, default: []].append(offsets[y]) }
                }
            }
            let dense = registers.reduce(0) { $0 + ($1.kind == .dense ? $1.size : 0) }
            let columns = folds.isEmpty ? walkColumns : (group.folds.map { schedule.fold($0)!.columns }.max() ?? 0)
            // Small tiles: half of L1 is for what the kernels' loops and the prefetcher bring.
            var tile = min(max(24576 / max(bytes + dense, 1), 128), 256) & ~63
            while (tile + 64 + TFS_FUSED_SKEW) * bytes > TFS_FUSED_SCRATCH, tile > 64 { tile -= 64 }
            if columns > 0, columns <= tile { tile = tile / columns * columns }

            var walks: [Int] = []
            let accesses = registers.enumerated().map { r, register in
                let plan = register.walk
                let walk = walks.count
                // One element somewhere in its base is a walk of one step.
                if let plan { walks += plan.shape.isEmpty ? [1, 1] : plan.shape + plan.strides }
                return tfs_access(
                    kind: register.kind, size: UInt32(register.size), operand: UInt32(register.operand),
                    rank: UInt32(max(plan?.shape.count ?? 0, 1)),
                    walk: walk, offset: plan?.offset ?? 0, scratch: offsets[r])
            }

            // About 20 µs of work at a time.
            let weight = steps.reduce(registers.count) { $0 + ($1.isHeavy ? 8 : 1) }
            var chunk = max(100_000 / max(weight, 1), tile)
            let unit = columns > tile ? columns : tile
            if folds.isEmpty {
                chunk = max(chunk, (group.count + 1023) / 1024)
            } else {
                // Tiles are added up one after the other, chunks pairwise: few tiles to a chunk keep sums accurate.
                chunk = min(chunk, 64 * unit)
            }
            chunk = max((chunk + unit - 1) / unit, 1) * unit
            if folds.isEmpty, group.count < chunk + chunk / 2 { chunk = max(group.count, 1) }
            if group.count < chunk { chunk = max(group.count, 1) }
            let chunks = (group.count + chunk - 1) / max(chunk, 1)
            let partials = chunks <= 1 ? [] : folds.filter { $0.kind != .rows }.map { fold in
                TensorType(graph.type(of: outputs[Int(fold.operand) - inputs.count]).dtype, [chunks * (fold.kind == .all ? 1 : columns)])
            }

            // An output may lie where an input lay that no later step reads, and that is read at the same places.
            var writtenBy = [Int](repeating: -1, count: registers.count)
            for (i, s) in steps.enumerated() { writtenBy[Int(s.y)] = i }
            var reuse: [(output: Int, input: Int)] = []
            for input in inputs.indices {
                let readers = registers.indices.filter { registers[$0].isInput && registers[$0].operand == input }
                guard readers.allSatisfy({ registers[$0].kind == .dense }) else { continue }
                for (output, r) in outputRegisters.enumerated()
                where readers.allSatisfy({ lastUse[$0] <= writtenBy[r] && registers[$0].size == registers[r].size }) {
                    reuse.append((output, input))
                }
            }
            return FusedKernel(
                code: Code(steps: steps, registers: accesses, folds: folds, walks: walks, tile: tile, columns: columns),
                count: group.count, inputs: inputs, outputs: outputs, partials: partials, reuse: reuse, chunk: chunk)
        }

        /// What repeats row by row is read once where tiles are whole rows.
        private var walkColumns: Int {
            for register in registers { if let plan = register.walk, plan.shape.count == 2, plan.strides[0] == 0 { return plan.shape[1] } }
            return 0
        }
    }
}

extension tfs_step {
    var arguments: [UInt32] {
        switch kind {
        case .map, .cast, .copy, .uniform: [a]
        case .zip, .multiply: [a, b]
        case .select, .multiply_add, .multiply_subtract, .subtract_product, .subtract_quotient: [a, b, c]
        case .add_products: [a, b, c, d]
        case .native: []
        }
    }

    /// Whether it is a sum or product of floats that knows of single numbers.
    var isForm: Bool {
        switch kind {
        case .multiply, .multiply_add, .multiply_subtract, .subtract_product, .add_products, .subtract_quotient: true
        case .map, .zip, .select, .cast, .copy, .uniform, .native: false
        }
    }

    /// Whether it takes much longer than a sum.
    fileprivate var isHeavy: Bool {
        switch kind {
        case .map:
            switch tfs_map(rawValue: op) {
            case .negative, .abs, .sign, .square, .relu, .relu6, .round, .floor, .ceil, .trunc, .logical_not, .bitwise_not: false
            default: true
            }
        case .zip: op == tfs_zip.power.rawValue
        case .uniform: true
        case .select, .cast, .copy, .native: false
        case .multiply, .multiply_add, .multiply_subtract, .subtract_product, .add_products, .subtract_quotient: false
        }
    }
}

extension tfs_reduce {
    /// The op that joins two partial results.
    fileprivate var combining: tfs_zip {
        switch self {
        case .sum: .add
        case .prod: .multiply
        case .max: .maximum
        case .min: .minimum
        case .all: .logical_and
        case .any: .logical_or
        }
    }
}
