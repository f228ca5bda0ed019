/// Writes x86-64 machine code: as much of it as loops over floats need, AVX2 and FMA in the VEX encoding (Intel's Software
/// Developer's Manual, volume 2).
struct Assembler {
    private(set) var bytes: [UInt8] = []

    enum General: UInt8 {
        case rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15

        /// Whether a function has to leave it as it was.
        var isKept: Bool { [.rbx, .rsp, .rbp, .r12, .r13, .r14, .r15].contains(self) }
    }
    /// One of the sixteen registers of eight floats.
    struct Vector: Hashable {
        let number: UInt8
    }
    /// Eight floats at a time, or one.
    enum Width { case eight, one }

    // MARK: Floats

    /// y = op(a, b), by the opcode that its two widths share.
    enum Arithmetic: UInt8 { case add = 0x58, multiply = 0x59, subtract = 0x5C, divide = 0x5E, maximum = 0x5F }
    mutating func arithmetic(_ op: Arithmetic, _ y: Vector, _ a: Vector, _ b: Vector, _ width: Width) {
        vex(op.rawValue, .map0F, width.prefix, width.isWhole, y.number, a.number, .vector(b))
    }

    /// y = ±a · b ± y, rounded once.
    enum Fused: UInt8 { case multiplyAdd = 0xB8, multiplySubtract = 0xBA, negatedMultiplyAdd = 0xBC }
    mutating func fused(_ op: Fused, _ y: Vector, _ a: Vector, _ b: Vector, _ width: Width) {
        vex(op.rawValue + (width == .one ? 1 : 0), .map0F38, .x66, width.isWhole, y.number, a.number, .vector(b))
    }

    /// y = op(a, b) of the bits of all eight.
    enum Bitwise: UInt8 { case and = 0x54, xor = 0x57 }
    mutating func bitwise(_ op: Bitwise, _ y: Vector, _ a: Vector, _ b: Vector) {
        vex(op.rawValue, .map0F, .none, true, y.number, a.number, .vector(b))
    }

    /// y = √a
    mutating func squareRoot(_ y: Vector, _ a: Vector, _ width: Width) {
        vex(0x51, .map0F, width.prefix, width.isWhole, y.number, width == .one ? a.number : 0, .vector(a))
    }

    /// All bits of y where a > b, none elsewhere.
    mutating func isGreater(_ y: Vector, _ a: Vector, _ b: Vector, _ width: Width) {
        vex(0xC2, .map0F, width.prefix, width.isWhole, y.number, a.number, .vector(b))
        bytes.append(0x1E)
    }

    mutating func move(_ y: Vector, _ a: Vector) { vex(0x28, .map0F, .none, true, y.number, 0, .vector(a)) }
    /// y = the elements at a base and an offset in bytes.
    mutating func load(_ y: Vector, _ base: General, _ offset: General, _ width: Width) {
        vex(0x10, .map0F, width.prefix, width.isWhole, y.number, 0, .memory(base, offset))
    }
    mutating func store(_ a: Vector, _ base: General, _ offset: General, _ width: Width) {
        vex(0x11, .map0F, width.prefix, width.isWhole, a.number, 0, .memory(base, offset))
    }
    /// All eight of y are the float at a base.
    mutating func spread(_ y: Vector, _ base: General) { vex(0x18, .map0F38, .x66, true, y.number, 0, .memory(base, nil)) }
    /// All eight of y have the low bits of a register.
    mutating func spread(_ y: Vector, bitsOf x: General) {
        vex(0x6E, .map0F, .x66, false, y.number, 0, .general(x))
        vex(0x18, .map0F38, .x66, true, y.number, 0, .vector(y))
    }
    /// What code that knows of the lower halves only expects.
    mutating func leaveVectors() { bytes += [0xC5, 0xF8, 0x77] }

    // MARK: Addresses and jumps

    mutating func push(_ x: General) { short(0x50, x) }
    mutating func pop(_ x: General) { short(0x58, x) }
    mutating func copy(_ y: General, _ x: General) { wide(0x89, x.rawValue, y) }
    mutating func add(_ y: General, _ x: General) { wide(0x01, x.rawValue, y) }
    mutating func subtract(_ y: General, _ x: General) { wide(0x29, x.rawValue, y) }
    mutating func add(_ y: General, _ number: Int8) { wide(0x83, 0, y, number) }
    mutating func and(_ y: General, _ number: Int8) { wide(0x83, 4, y, number) }
    mutating func shiftLeft(_ y: General, _ number: Int8) { wide(0xC1, 4, y, number) }
    /// The lower half of rax is a number.
    mutating func setAccumulator(_ number: UInt32) { bytes += [0xB8] + number.littleEndianBytes }
    /// y = the address of a number in the table at x.
    mutating func load(_ y: General, from x: General, entry: Int) {
        wide(0x8B, y.rawValue, x, displacement: UInt32(entry * 8))
    }
    mutating func `return`() { bytes.append(0xC3) }
    /// Code without jumps that go out of it.
    mutating func append(_ code: Assembler) { bytes += code.bytes }

    struct Label { fileprivate let place: Int }
    var here: Label { Label(place: bytes.count) }
    /// Goes back where x is below y, as numbers without a sign.
    mutating func jump(to label: Label, whereBelow x: General, _ y: General) {
        wide(0x39, y.rawValue, x)
        bytes += [0x0F, 0x82] + UInt32(bitPattern: Int32(label.place - (bytes.count + 6))).littleEndianBytes
    }
    /// Skips what `body` writes unless x is below y.
    mutating func unlessBelow(_ x: General, _ y: General, _ body: (inout Assembler) -> Void) {
        wide(0x39, y.rawValue, x)
        bytes += [0x0F, 0x83, 0, 0, 0, 0]
        let start = bytes.count
        body(&self)
        bytes.replaceSubrange(start - 4..<start, with: UInt32(bytes.count - start).littleEndianBytes)
    }

    // MARK: Encoding

    private enum Map: UInt8 { case map0F = 1, map0F38 = 2 }
    fileprivate enum Prefix: UInt8 { case none = 0, x66 = 1, xF3 = 2 }
    private enum Place {
        case vector(Vector), general(General)
        case memory(General, General?)
    }

    private mutating func vex(
        _ opcode: UInt8, _ map: Map, _ prefix: Prefix, _ isWhole: Bool, _ register: UInt8, _ second: UInt8, _ place: Place
    ) {
        let (base, index): (UInt8, UInt8) =
            switch place {
            case .vector(let x): (x.number, 0)
            case .general(let x): (x.rawValue, 0)
            // Without an index: rsp stands for none.
            case .memory(let base, let index): (base.rawValue, index?.rawValue ?? General.rsp.rawValue)
            }
        bytes += [
            0xC4, (~register >> 3 & 1) << 7 | (~index >> 3 & 1) << 6 | (~base >> 3 & 1) << 5 | map.rawValue,
            (~second & 15) << 3 | (isWhole ? 4 : 0) | prefix.rawValue, opcode,
        ]
        switch place {
        case .vector, .general: bytes.append(0xC0 | (register & 7) << 3 | base & 7)
        // With a displacement of a byte, which any base may have.
        case .memory: bytes += [0x44 | (register & 7) << 3, (index & 7) << 3 | base & 7, 0]
        }
    }

    private mutating func short(_ opcode: UInt8, _ x: General) {
        if x.rawValue >= 8 { bytes.append(0x41) }
        bytes.append(opcode + x.rawValue & 7)
    }

    /// An instruction on 64 bits: `field` is a register or a part of the opcode.
    private mutating func wide(_ opcode: UInt8, _ field: UInt8, _ x: General, _ number: Int8? = nil, displacement: UInt32? = nil) {
        bytes += [0x48 | (field >> 3) << 2 | x.rawValue >> 3, opcode, (displacement == nil ? 0xC0 : 0x80) | (field & 7) << 3 | x.rawValue & 7]
        if let displacement { bytes += displacement.littleEndianBytes }
        if let number { bytes.append(UInt8(bitPattern: number)) }
    }
}

extension Assembler.Width {
    fileprivate var prefix: Assembler.Prefix { self == .one ? .xF3 : .none }
    fileprivate var isWhole: Bool { self == .eight }
}

extension UInt32 {
    fileprivate var littleEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) } }
}
