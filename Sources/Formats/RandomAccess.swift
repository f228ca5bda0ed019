/// Bytes that can be read at any place: a file, or memory.
struct RandomAccess {
    let path: String
    let size: Int
    private let file: InputFile?
    private let memory: [UInt8]

    init(_ path: String) throws(FormatError) {
        self.path = path
        let file = try InputFile(path)
        if let size = file.size {
            (self.file, self.size, memory) = (file, size, [])
        } else {
            // A pipe has no places; it is read to its end.
            memory = try Files.read(path)
            (self.file, size) = (nil, memory.count)
        }
    }

    init(_ bytes: [UInt8], path: String) {
        (self.path, memory, size, file) = (path, bytes, bytes.count, nil)
    }

    /// Exactly these bytes, or an error that says what they were to be.
    func read(_ what: String, at offset: Int, count: Int) throws(FormatError) -> [UInt8] {
        guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
            throw FormatError(path, .byte(max(0, min(offset, size))), "the file ends early: \(what) needs \(count) bytes")
        }
        guard let file else { return Array(memory[offset..<offset + count]) }
        let bytes = try file.read(at: offset, count: count)
        guard bytes.count == count else {
            throw FormatError(path, .byte(offset + bytes.count), "the file became shorter while it was read")
        }
        return bytes
    }
}

extension [UInt8] {
    /// An unsigned number of `size` bytes, least significant first; the place exists.
    func little(_ at: Int, _ size: Int) -> UInt64 {
        var value: UInt64 = 0
        for place in 0..<size { value |= UInt64(self[at + place]) << UInt64(8 * place) }
        return value
    }

    /// Most significant first.
    func big(_ at: Int, _ size: Int) -> UInt64 {
        var value: UInt64 = 0
        for place in 0..<size { value = value << 8 | UInt64(self[at + place]) }
        return value
    }

    mutating func appendLittle(_ value: Int, _ size: Int) {
        for place in 0..<size { append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
    }
}
