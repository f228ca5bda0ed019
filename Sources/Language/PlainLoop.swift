/// The machine's quick loop, for numbers and truth values.
///
/// It takes the instructions that scripts spend their turns on, and the calls of plain functions between them, as long
/// as what they read and what they write over holds no reference; besides, what moves values about: turns over lists,
/// parts of lists and records, appending to lists and strings. It throws nothing and counts few references, so that all
/// it needs stays in processor registers. The first instruction that needs more is left to `Machine.loop`, which knows
/// them all.
extension Machine {
    /// Runs from `start` in the innermost frame, and gives the place of the first instruction that is not for here, in
    /// what is then the innermost frame.
    @inline(never)
    func runPlain(_ start: Int) -> Int {
        var registers = unsafe frames[frames.count - 1].registers.base
        var program = frames[frames.count - 1].program
        var next = unsafe program.instructions + start
        // Turns and calls until the general loop takes one: it looks whether somebody interrupts.
        var fuel = 10_000

        /// What an instruction names: a register, or a constant.
        @inline(__always) func operand(_ name: UInt16) -> UnsafeMutablePointer<Value> {
            unsafe (name & constantBit == 0 ? registers : program.constants.base) + Int(name & ~constantBit)
        }
        @inline(__always) func arithmetic(
            _ instruction: Instruction, _ ints: (Int, Int) -> (partialValue: Int, overflow: Bool), _ floats: (Double, Double) -> Double
        ) -> Bool {
            let (b, c) = unsafe (operand(instruction.b), operand(instruction.c))
            let target = unsafe registers + Int(instruction.a)
            guard unsafe target.pointee.isPlain else { return false }
            if case .int(let x) = unsafe b.pointee, case .int(let y) = unsafe c.pointee {
                let result = ints(x, y)
                if result.overflow { return false }
                unsafe target.initialize(to: .int(result.partialValue))
            } else if let x = unsafe b.pointee.number, let y = unsafe c.pointee.number {
                unsafe target.initialize(to: .float(floats(x, y)))
            } else {
                return false
            }
            unsafe next += 1
            return true
        }
        /// Of ints, by one above 0.
        @inline(__always) func division(_ instruction: Instruction, _ ints: (Int, Int) -> Int) -> Bool {
            let target = unsafe registers + Int(instruction.a)
            guard case .int(let x) = unsafe operand(instruction.b).pointee, case .int(let y) = unsafe operand(instruction.c).pointee,
                y > 0, unsafe target.pointee.isPlain
            else { return false }
            unsafe target.initialize(to: .int(ints(x, y)))
            unsafe next += 1
            return true
        }
        /// Most often a jump on the result follows, which is taken at once.
        @inline(__always) func comparison(
            _ instruction: Instruction, _ ints: (Int, Int) -> Bool, _ floats: (Double, Double) -> Bool, _ texts: (Text, Text) -> Bool
        ) -> Bool {
            let (b, c) = unsafe (operand(instruction.b), operand(instruction.c))
            let target = unsafe registers + Int(instruction.a)
            guard unsafe target.pointee.isPlain else { return false }
            let result: Bool
            if case .int(let x) = unsafe b.pointee, case .int(let y) = unsafe c.pointee {
                result = ints(x, y)
            } else if let x = unsafe b.pointee.number, let y = unsafe c.pointee.number {
                result = floats(x, y)
            } else if case .string(let x) = unsafe b.pointee, case .string(let y) = unsafe c.pointee {
                result = texts(x, y)
            } else {
                return false
            }
            unsafe target.initialize(to: .bool(result))
            let jump = unsafe next[1]
            if jump.opcode == .jumpIfFalse, jump.a == instruction.a {
                unsafe next = result ? next + 2 : program.instructions + jump.wide
            } else {
                unsafe next += 1
            }
            return true
        }

        /// A turn of a loop: `beginLoop` tells what stands in its registers.
        @inline(__always) func turn(_ instruction: Instruction) -> Bool {
            let state = unsafe registers + Int(instruction.a)
            let target = unsafe registers + Int(instruction.b)
            guard case .int(let turns) = unsafe state.pointee, case .int(let count) = unsafe state[1], turns < count, fuel > 0
            else { return false }
            if case .int(let start) = unsafe state[2], case .int(let step) = unsafe state[3], unsafe target.pointee.isPlain {
                unsafe target.initialize(to: .int(start &+ turns &* step))
            } else if case .list(let list) = unsafe state[2] {
                unsafe target.pointee = list.values[turns]
            } else {
                return false
            }
            unsafe state.initialize(to: .int(turns &+ 1))
            unsafe next += 1
            fuel &-= 1
            return true
        }

        while true {
            let instruction = unsafe next.pointee
            let isTaken: Bool
            switch instruction.opcode {
            case .add:
                if arithmetic(instruction, { $0.addingReportingOverflow($1) }, +) {
                    isTaken = true
                } else {
                    guard instruction.a == instruction.b, instruction.a != instruction.c,
                        case .string(let other) = unsafe operand(instruction.c).pointee
                    else {
                        isTaken = false
                        break
                    }
                    isTaken = appendQuickly(instruction.a, other, unsafe Registers(base: registers))
                    if isTaken { unsafe next += 1 }
                }
            case .push, .append:
                isTaken = pushQuickly(instruction.a, unsafe operand(instruction.b).pointee, unsafe Registers(base: registers))
                if isTaken { unsafe next += 1 }
            case .subtract: isTaken = arithmetic(instruction, { $0.subtractingReportingOverflow($1) }, -)
            case .multiply: isTaken = arithmetic(instruction, { $0.multipliedReportingOverflow(by: $1) }, *)
            case .less: isTaken = comparison(instruction, <, <) { $0.precedes($1) }
            case .lessEqual: isTaken = comparison(instruction, <=, <=) { !$1.precedes($0) }
            case .greater: isTaken = comparison(instruction, >, >) { $1.precedes($0) }
            case .greaterEqual: isTaken = comparison(instruction, >=, >=) { !$0.precedes($1) }
            case .equal: isTaken = comparison(instruction, ==, ==) { $0.isSame(as: $1) }
            case .notEqual: isTaken = comparison(instruction, !=, !=) { !$0.isSame(as: $1) }
            case .modulo:
                isTaken = division(instruction) { x, y in
                    let rest = x % y
                    return rest < 0 ? rest + y : rest
                }
            case .floorDivide:
                isTaken = division(instruction) { x, y in
                    let quotient = x / y
                    return x < 0 && quotient * y != x ? quotient - 1 : quotient
                }
            case .divide:
                let target = unsafe registers + Int(instruction.a)
                if let x = unsafe operand(instruction.b).pointee.number, let y = unsafe operand(instruction.c).pointee.number, y != 0,
                    unsafe target.pointee.isPlain
                {
                    unsafe target.initialize(to: .float(x / y))
                    unsafe next += 1
                    isTaken = true
                } else {
                    isTaken = false
                }
            case .move, .take:
                // What `take` leaves behind is read no more, and a number need not be let go.
                let (source, target) = unsafe (operand(instruction.b), registers + Int(instruction.a))
                if unsafe source.pointee.isPlain && target.pointee.isPlain {
                    unsafe target.copyPlain(source)
                } else if instruction.opcode == .move {
                    unsafe target.pointee = source.pointee
                } else {
                    unsafe target.pointee = Registers(base: registers).take(instruction.b)
                }
                unsafe next += 1
                isTaken = true
            case .jump:
                unsafe next = program.instructions + instruction.wide
                // The end of a loop's body: the next turn begins at once.
                let head = unsafe next.pointee
                isTaken = head.opcode == .next ? turn(head) : true
            case .jumpIfFalse:
                if case .bool(let condition) = unsafe registers[Int(instruction.a)] {
                    unsafe next = condition ? next + 1 : program.instructions + instruction.wide
                    isTaken = true
                } else {
                    isTaken = false
                }
            case .jumpAnd, .jumpOr:
                if case .bool(let condition) = unsafe registers[Int(instruction.a)] {
                    unsafe next = condition == (instruction.opcode == .jumpOr) ? program.instructions + instruction.wide : next + 1
                    isTaken = true
                } else {
                    isTaken = false
                }
            case .and, .or:
                // The left side did not decide.
                let target = unsafe registers + Int(instruction.a)
                if case .bool = unsafe target.pointee, case .bool(let second) = unsafe operand(instruction.c).pointee {
                    unsafe target.initialize(to: .bool(second))
                    unsafe next += 1
                    isTaken = true
                } else {
                    isTaken = false
                }
            case .not:
                let target = unsafe registers + Int(instruction.a)
                if case .bool(let x) = unsafe operand(instruction.b).pointee, unsafe target.pointee.isPlain {
                    unsafe target.initialize(to: .bool(!x))
                    unsafe next += 1
                    isTaken = true
                } else {
                    isTaken = false
                }
            case .index:
                guard case .int(let place) = unsafe operand(instruction.c).pointee, place >= 0 else {
                    isTaken = false
                    break
                }
                if case .list(let list) = unsafe operand(instruction.b).pointee, place < list.values.count {
                    unsafe registers[Int(instruction.a)] = list.values[place]
                    unsafe next += 1
                    isTaken = true
                } else if case .string(let text) = unsafe operand(instruction.b).pointee, place < text.count {
                    unsafe registers[Int(instruction.a)] = .string(text.character(at: place))
                    unsafe next += 1
                    isTaken = true
                } else {
                    isTaken = false
                }
            case .field:
                guard case .record(let record) = unsafe operand(instruction.b).pointee else {
                    isTaken = false
                    break
                }
                let known = unsafe program.places + Int(instruction.c & ~constantBit)
                if unsafe known.pointee.names !== record.fields {
                    guard case .string(let name) = unsafe operand(instruction.c).pointee, let place = record.position(of: name.string) else {
                        isTaken = false
                        break
                    }
                    unsafe known.pointee = FieldPlace(names: record.fields, place: place)
                }
                unsafe registers[Int(instruction.a)] = record.values[known.pointee.place]
                unsafe next += 1
                isTaken = true
            case .unpack:
                guard case .list(let list) = unsafe registers[Int(instruction.a)], list.values.count == Int(instruction.b) else {
                    isTaken = false
                    break
                }
                for offset in 0..<Int(instruction.b) { unsafe registers[Int(instruction.c) + offset] = list.values[offset] }
                unsafe next += 1
                isTaken = true
            case .capture:
                guard instruction.b != 0xFFFF else {
                    isTaken = false
                    break
                }
                let value = frames[frames.count - 1].captured(Int(instruction.b))
                if case .unset = value {
                    isTaken = false
                } else {
                    unsafe registers[Int(instruction.a)] = value
                    unsafe next += 1
                    isTaken = true
                }
            case .jumpIfSet:
                if case .unset = unsafe registers[Int(instruction.a)] {
                    unsafe next += 1
                } else {
                    unsafe next = program.instructions + instruction.wide
                }
                isTaken = true
            case .next: isTaken = turn(instruction)
            case .turn:
                let state = unsafe registers + Int(instruction.a)
                guard case .int(let turns) = unsafe state.pointee, fuel > 0 else {
                    isTaken = false
                    break
                }
                unsafe state.initialize(to: .int(turns &+ 1))
                unsafe next += 1
                fuel &-= 1
                isTaken = true
            case .callGlobal, .callPlain:
                let isGlobal = instruction.opcode == .callGlobal
                let count = Int(instruction.b)
                let found = unsafe isGlobal
                    ? frames[frames.count - 1].globals.callee(instruction.c, taking: count)
                    : Registers(base: registers).callee(instruction.a, taking: count)
                let place = unsafe next - program.instructions + (isGlobal ? 1 : 0)
                guard let (function, entry) = unsafe found, fuel > 0,
                    let window = unsafe pushPlain(function, entry, result: Int(instruction.a), pc: place)
                else {
                    isTaken = false
                    break
                }
                let arguments = unsafe registers + Int(instruction.a) + 1
                for index in 0..<count {
                    if unsafe arguments[index].isPlain {
                        unsafe (window.base + index).copyPlain(arguments + index)
                    } else {
                        unsafe window.base[index] = arguments[index]
                    }
                }
                fuel &-= 1
                unsafe registers = window.base
                program = entry.program
                unsafe next = program.instructions
                isTaken = true
            case .return:
                let value = unsafe registers + Int(instruction.a)
                let result = frames[frames.count - 1].result
                guard !frames[frames.count - 1].isBarrier, unsafe value.pointee.isPlain,
                    unsafe frames[frames.count - 2].registers.base[result].isPlain
                else {
                    isTaken = false
                    break
                }
                let caller = frames[frames.count - 2]
                unsafe (caller.registers.base + result).copyPlain(value)
                popFrame()
                unsafe registers = caller.registers.base
                program = caller.program
                unsafe next = program.instructions + caller.pc + 1
                isTaken = true
            default: isTaken = false
            }
            if !isTaken { return unsafe next - program.instructions }
        }
    }
}

extension UnsafeMutablePointer<Value> {
    /// Writes a value that holds no reference over another such.
    @inline(__always) fileprivate func copyPlain(_ source: UnsafeMutablePointer<Value>) {
        // A number and its tag, as they were written: a processor waits when it reads two writes at once.
        let (from, to) = unsafe (UnsafeRawPointer(source), UnsafeMutableRawPointer(self))
        unsafe to.storeBytes(of: from.load(as: UInt64.self), as: UInt64.self)
        unsafe to.storeBytes(of: from.load(fromByteOffset: 8, as: UInt8.self), toByteOffset: 8, as: UInt8.self)
    }
}
