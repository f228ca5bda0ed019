internal import Graphs

/// `v = v + [x]` and `s = s + "…"` in place, where only one register holds the list or string: building one by a loop
/// takes time in proportion to its length.
extension Machine {
    /// `a = b + c`
    func add(_ instruction: Instruction, _ program: Program, _ regs: Registers) throws {
        if instruction.a == instruction.b {
            switch program.value(instruction.c, regs) {
            case .list(let other):
                guard let list = soleList(regs, instruction.a) else { break }
                try Value.requireRoom(values: list.values.count, growingBy: other.values.count)
                return list.values.append(contentsOf: other.values)
            case .string(let other):
                guard let text = soleText(regs, instruction.a) else { break }
                try Value.requireRoom(bytes: text.byteCount, growingBy: other.byteCount)
                return text.append(other)
            default: break
            }
        }
        try arithmetic(instruction, program, regs)
    }

    /// `a = a + [b]`
    func push(_ instruction: Instruction, _ program: Program, _ regs: Registers) throws {
        if pushQuickly(instruction.a, program.value(instruction.b, regs), regs) { return }
        regs[instruction.a] = try binary(.add, regs[instruction.a], .list([program.value(instruction.b, regs)]))
    }

    /// Appends a value to the list of a register; false where that register holds no list of its own, or a huge one.
    @inline(never)
    func pushQuickly(_ register: UInt16, _ value: Value, _ regs: Registers) -> Bool {
        guard let list = soleList(regs, register), list.values.count < Self.large else { return false }
        list.values.append(value)
        return true
    }

    /// Appends a string to that of a register; false as for `pushQuickly`. (It is not held a second time on the way: to
    /// count that costs as much as to append.)
    @inline(never)
    func appendQuickly(_ register: UInt16, _ other: Text, _ regs: Registers) -> Bool {
        guard case .string = regs[register], case .string(var text) = regs.take(register) else { return false }
        let isQuick = isKnownUniquelyReferenced(&text) && text.byteCount + other.byteCount < Self.large
        if isQuick { text.append(other) }
        regs.set(register, .string(consume text))
        return isQuick
    }

    /// Beyond this the general way looks whether there is room.
    private static let large = 1 << 24

    /// The list that a register alone holds. (It is taken out and put back, since a pattern that binds the register's
    /// payload in place keeps a second reference.)
    @inline(__always) private func soleList(_ regs: Registers, _ register: UInt16) -> List? {
        guard case .list = regs[register], case .list(var list) = regs.take(register) else { return nil }
        let isSole = isKnownUniquelyReferenced(&list)
        regs.set(register, .list(list))
        return isSole ? list : nil
    }

    @inline(__always) private func soleText(_ regs: Registers, _ register: UInt16) -> Text? {
        guard case .string = regs[register], case .string(var text) = regs.take(register) else { return nil }
        let isSole = isKnownUniquelyReferenced(&text)
        regs.set(register, .string(text))
        return isSole ? text : nil
    }
}
