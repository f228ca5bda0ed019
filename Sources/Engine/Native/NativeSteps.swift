internal import CKernels

/// The steps of a fused loop with runs of arithmetic on `f32` replaced by machine code made for them: each run goes through a
/// tile once, and what only its own steps read stays in the processor's registers. A loop that is one such run and reads
/// nothing but memory and numbers needs no tiles.
///
/// Sums, products, quotients and roots are rounded as everywhere, so that the bits are those of the plain steps.
@safe final class NativeSteps: @unchecked Sendable {
    let steps: [tfs_step]
    let registers: [tfs_access]
    let functions: [tfs_native]
    /// The whole loop.
    let whole: tfs_native?
    private let code: MachineCode

    /// `nil` where there is no run of two steps or more, or the processor is another one.
    init?(_ plain: [tfs_step], _ registers: [tfs_access], _ folds: [tfs_fold]) {
        guard MachineCode.isPossible else { return nil }
        if folds.isEmpty, let run = Self.whole(plain, registers), let code = MachineCode(run.bytes) {
            self.code = code
            (steps, self.registers) = (plain, registers)
            unsafe (functions, whole) = ([], code.function(at: 0))
            return
        }
        let folded = Set(folds.map { Int($0.source) })
        var (bytes, places): ([UInt8], [Int]) = ([], [])
        var steps: [tfs_step] = []
        /// Numbers that somebody reads as a tile.
        var spread = folded
        var start = 0
        while start < plain.count {
            var end = start
            while end < plain.count, Formula(plain[end]) != nil { end += 1 }
            var made: NativeRun?
            while made == nil, end - start > 1 {
                let range = start..<end
                let outside = Set((plain[..<start] + plain[end...]).flatMap { $0.arguments.map { Int($0) } }).union(folded)
                do throws(NativeRun.Full) {
                    made = try NativeRun(plain[range], registers, entry: { $0 }) { registers[$0].kind == .dense || outside.contains($0) }
                } catch { end = error.step }
            }
            guard let made else {
                spread.formUnion(plain[start].arguments.filter { !plain[start].isSingle($0) }.map { Int($0) })
                steps.append(plain[start])
                start += 1
                continue
            }
            steps.append(tfs_step(kind: .native, dtype: .f32, op: UInt32(places.count), y: 0, a: 0, b: 0, c: 0, d: 0))
            places.append(bytes.count)
            bytes += made.bytes
            start = end
        }
        guard !places.isEmpty, let code = MachineCode(bytes) else { return nil }
        self.code = code
        self.steps = steps
        self.registers = registers.enumerated().map { index, register in
            var register = register
            if register.kind == .scalar, !spread.contains(index) { register.kind = .single }
            return register
        }
        unsafe (functions, whole) = (places.map { unsafe code.function(at: $0) }, nil)
    }

    private static func whole(_ steps: [tfs_step], _ registers: [tfs_access]) -> NativeRun? {
        guard steps.count > 1, steps.allSatisfy({ Formula($0) != nil }), !registers.contains(where: { $0.kind == .view }) else { return nil }
        return try? NativeRun(steps[...], registers, entry: { Int(registers[$0].operand) }) { registers[$0].kind == .dense }
    }
}

extension tfs_step {
    /// Whether the step takes this register as one number for all elements.
    fileprivate func isSingle(_ r: UInt32) -> Bool { isForm && (op & 1 == 1 && r == a || op & 2 == 2 && r == c) && r != b && r != d }
}

/// What a step becomes.
private struct Formula {
    /// The vectors of a step's result, its arguments, and the constants of its formula.
    struct Vectors {
        let y, a, b, c, d: Assembler.Vector
        let constants: [Assembler.Vector]
        let width: Assembler.Width
    }
    /// The numbers that it needs, by their bits.
    let constants: [UInt32]
    let write: (inout Assembler, Vectors) -> Void

    private init(_ constants: [UInt32] = [], _ write: @escaping (inout Assembler, Vectors) -> Void) {
        (self.constants, self.write) = (constants, write)
    }

    /// `nil` where there are no instructions for it.
    init?(_ step: tfs_step) {
        guard step.dtype == .f32 else { return nil }
        let made: Formula? =
            switch step.kind {
            case .map: Self.map(tfs_map(rawValue: step.op))
            case .zip: Self.zip(tfs_zip(rawValue: step.op))
            case .multiply: Formula { $0.arithmetic(.multiply, $1.y, $1.a, $1.b, $1.width) }
            case .multiply_add: Self.fused(.multiplyAdd)
            case .multiply_subtract: Self.fused(.multiplySubtract)
            case .subtract_product: Self.fused(.negatedMultiplyAdd)
            case .add_products:
                Formula {
                    $0.arithmetic(.multiply, $1.y, $1.c, $1.d, $1.width)
                    $0.fused(.multiplyAdd, $1.y, $1.a, $1.b, $1.width)
                }
            case .subtract_quotient:
                Formula {
                    $0.arithmetic(.divide, $1.y, $1.a, $1.b, $1.width)
                    $0.arithmetic(.subtract, $1.y, $1.c, $1.y, $1.width)
                }
            case .select, .cast, .copy, .uniform, .native: nil
            }
        guard let made else { return nil }
        self = made
    }

    private static func fused(_ op: Assembler.Fused) -> Formula {
        Formula {
            $0.move($1.y, $1.c)
            $0.fused(op, $1.y, $1.a, $1.b, $1.width)
        }
    }

    private static func map(_ op: tfs_map?) -> Formula? {
        let one = (1 as Float).bitPattern
        return switch op {
        case .negative: Formula([0x8000_0000]) { $0.bitwise(.xor, $1.y, $1.a, $1.constants[0]) }
        case .abs: Formula([0x7FFF_FFFF]) { $0.bitwise(.and, $1.y, $1.a, $1.constants[0]) }
        case .square: Formula { $0.arithmetic(.multiply, $1.y, $1.a, $1.a, $1.width) }
        case .sqrt: Formula { $0.squareRoot($1.y, $1.a, $1.width) }
        // Of two that are not greater than each other, nan among them, it takes the second.
        case .relu: Formula([0]) { $0.arithmetic(.maximum, $1.y, $1.a, $1.constants[0], $1.width) }
        case .reciprocal: Formula([one]) { $0.arithmetic(.divide, $1.y, $1.constants[0], $1.a, $1.width) }
        case .rsqrt:
            Formula([one]) {
                $0.squareRoot($1.y, $1.a, $1.width)
                $0.arithmetic(.divide, $1.y, $1.constants[0], $1.y, $1.width)
            }
        default: nil
        }
    }

    private static func zip(_ op: tfs_zip?) -> Formula? {
        switch op {
        case .add: Formula { $0.arithmetic(.add, $1.y, $1.a, $1.b, $1.width) }
        case .subtract: Formula { $0.arithmetic(.subtract, $1.y, $1.a, $1.b, $1.width) }
        case .divide: Formula { $0.arithmetic(.divide, $1.y, $1.a, $1.b, $1.width) }
        case .squared_difference:
            Formula {
                $0.arithmetic(.subtract, $1.y, $1.a, $1.b, $1.width)
                $0.arithmetic(.multiply, $1.y, $1.y, $1.y, $1.width)
            }
        case .relu_gradient:
            Formula([0]) {
                $0.isGreater($1.y, $1.b, $1.constants[0], $1.width)
                $0.bitwise(.and, $1.y, $1.y, $1.a)
            }
        default: nil
        }
    }
}

/// Machine code for consecutive steps: a `tfs_native`.
private struct NativeRun {
    /// The step for which there was no room any more.
    struct Full: Error { let step: Int }

    private(set) var bytes: [UInt8] = []

    /// The function's arguments, then what the loop counts with: the offset of its elements in bytes, where whole vectors of
    /// them end, and where they end.
    private static let (table, first, end) = (Assembler.General.rdi, Assembler.General.rsi, Assembler.General.rdx)
    private static let (offset, wholeEnd) = (Assembler.General.rax, Assembler.General.rdi)
    /// For addresses.
    private static let general: [Assembler.General] = [.rcx, .r8, .r9, .r10, .r11, .rbx, .rbp, .r12, .r13, .r14, .r15]

    private let steps: ArraySlice<tfs_step>
    private let isStored: (Int) -> Bool
    /// The last step that reads a register.
    private var lastUse: [Int: Int] = [:]
    /// Numbers that are the same for all elements: those of registers, and those of formulas by their bits.
    private var numbers: [Int: Assembler.Vector] = [:]
    private var constants: [UInt32: Assembler.Vector] = [:]
    private var addresses: [Int: Assembler.General] = [:]
    private var unusedVectors = (0..<16).reversed().map { Assembler.Vector(number: UInt8($0)) }

    /// - Parameter entry: where the address of a register is in the function's table.
    init(
        _ steps: ArraySlice<tfs_step>, _ registers: [tfs_access], entry: (Int) -> Int, isStored: @escaping (Int) -> Bool
    ) throws(Full) {
        (self.steps, self.isStored) = (steps, isStored)
        var made: Set<Int> = []
        for (place, step) in zip(steps.indices, steps) {
            for bits in Formula(step)!.constants where constants[bits] == nil { constants[bits] = try take(at: place) }
            for r in step.arguments.map({ Int($0) }) {
                lastUse[r] = place
                if made.contains(r) { continue }
                if registers[r].kind == .scalar || registers[r].kind == .single {
                    if numbers[r] == nil { numbers[r] = try take(at: place) }
                } else {
                    try address(r, at: place)
                }
            }
            made.insert(Int(step.y))
            if isStored(Int(step.y)) { try address(Int(step.y), at: place) }
        }
        var code = Assembler()
        let kept = addresses.values.filter(\.isKept).sorted { $0.rawValue < $1.rawValue }
        for x in kept { code.push(x) }
        for (r, y) in numbers.sorted(by: { $0.key < $1.key }) {
            code.load(Self.offset, from: Self.table, entry: entry(r))
            code.spread(y, Self.offset)
        }
        for (bits, y) in constants.sorted(by: { $0.key < $1.key }) {
            code.setAccumulator(bits)
            code.spread(y, bitsOf: Self.offset)
        }
        for (r, x) in addresses.sorted(by: { $0.key < $1.key }) { code.load(x, from: Self.table, entry: entry(r)) }
        code.copy(Self.offset, Self.first)
        code.shiftLeft(Self.offset, 2)
        code.shiftLeft(Self.end, 2)
        code.copy(Self.wholeEnd, Self.end)
        code.subtract(Self.wholeEnd, Self.offset)
        code.and(Self.wholeEnd, -32)
        code.add(Self.wholeEnd, Self.offset)
        var bodies: [Assembler.Width: Assembler] = [:]
        for width in [Assembler.Width.eight, .one] {
            var body = Assembler()
            try write(to: &body, width)
            bodies[width] = body
        }
        for (width, limit) in [(Assembler.Width.eight, Self.wholeEnd), (.one, Self.end)] {
            code.unlessBelow(Self.offset, limit) { code in
                let start = code.here
                code.append(bodies[width]!)
                code.add(Self.offset, width == .eight ? 32 : 4)
                code.jump(to: start, whereBelow: Self.offset, limit)
            }
        }
        code.leaveVectors()
        for x in kept.reversed() { code.pop(x) }
        code.return()
        bytes = code.bytes
    }

    private mutating func take(at step: Int) throws(Full) -> Assembler.Vector {
        guard let vector = unusedVectors.popLast() else { throw Full(step: step) }
        return vector
    }

    private mutating func address(_ r: Int, at step: Int) throws(Full) {
        if addresses[r] != nil { return }
        guard addresses.count < Self.general.count else { throw Full(step: step) }
        addresses[r] = Self.general[addresses.count]
    }

    /// All steps on the elements at the offset.
    private func write(to code: inout Assembler, _ width: Assembler.Width) throws(Full) {
        var vectors = numbers
        var unused = unusedVectors
        for (place, step) in zip(steps.indices, steps) {
            func take() throws(Full) -> Assembler.Vector {
                guard let vector = unused.popLast() else { throw Full(step: place) }
                return vector
            }
            for r in step.arguments.map({ Int($0) }) where vectors[r] == nil {
                vectors[r] = try take()
                code.load(vectors[r]!, addresses[r]!, Self.offset, width)
            }
            let result = try take()
            // What a step does not read may be any vector.
            func at(_ r: UInt32) -> Assembler.Vector { vectors[Int(r)] ?? result }
            let formula = Formula(step)!
            formula.write(
                &code,
                Formula.Vectors(
                    y: result, a: at(step.a), b: at(step.b), c: at(step.c), d: at(step.d), constants: formula.constants.map { constants[$0]! },
                    width: width))
            let y = Int(step.y)
            vectors[y] = result
            if isStored(y) { code.store(result, addresses[y]!, Self.offset, width) }
            for r in Set(step.arguments.map { Int($0) } + [y]).sorted() where lastUse[r, default: -1] <= place && numbers[r] == nil {
                unused.append(vectors.removeValue(forKey: r)!)
            }
        }
    }
}
