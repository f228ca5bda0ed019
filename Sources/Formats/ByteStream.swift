/// The bytes of a file, decompressed if it is gzip (told by its first bytes, not by its name).
final class ByteStream {
    let path: String
    private let file: InputFile?
    private var inflater: Inflater?
    private var pending: [UInt8] = []

    init(_ path: String) throws(FormatError) {
        self.path = path
        let file = try InputFile(path)
        self.file = file
        _ = try file.read(into: &pending, atMost: 1 << 16)
        if pending.starts(with: [0x1f, 0x8b]) { inflater = try Inflater(path, .gzip) }
    }

    /// Bytes in memory, named `path` in errors.
    init(_ bytes: [UInt8], path: String) throws(FormatError) {
        self.path = path
        file = nil
        pending = bytes
        if pending.starts(with: [0x1f, 0x8b]) { inflater = try Inflater(path, .gzip) }
    }

    /// The file, when it has a length and its bytes are those of the stream.
    var plainFile: InputFile? { inflater == nil && file?.size != nil ? file : nil }

    /// Appends at least one byte unless the end is reached, and about `limit` at most; returns how many.
    func read(into bytes: inout [UInt8], atMost limit: Int) throws(FormatError) -> Int {
        guard let inflater else {
            if pending.isEmpty { return try file?.read(into: &bytes, atMost: limit) ?? 0 }
            let count = min(limit, pending.count)
            if count == pending.count {
                bytes += pending
                pending = []
            } else {
                bytes += pending[..<count]
                pending.removeFirst(count)
            }
            return count
        }
        let start = bytes.count
        while bytes.count == start {
            if pending.isEmpty, let file { _ = try file.read(into: &pending, atMost: 1 << 16) }
            if pending.isEmpty {
                try inflater.finish()
                return 0
            }
            let used = try inflater.inflate(pending, into: &bytes, atMost: limit)
            pending.removeFirst(used)
        }
        return bytes.count - start
    }

    /// Exactly `count` bytes; memory grows with what the file really holds.
    func read(exactly count: Int, _ what: String, at offset: Int) throws(FormatError) -> [UInt8] {
        var bytes: [UInt8] = []
        if let size = file?.size, inflater == nil { bytes.reserveCapacity(min(count, size)) }
        while bytes.count < count {
            if try read(into: &bytes, atMost: min(count - bytes.count, 1 << 20)) == 0 {
                throw FormatError(
                    path, .byte(offset + bytes.count),
                    "the file ends early: \(what) needs \(count) bytes, \(bytes.count) are there")
            }
        }
        return bytes
    }

    /// Everything that is left.
    func readAll() throws(FormatError) -> [UInt8] {
        var bytes: [UInt8] = []
        while try read(into: &bytes, atMost: 1 << 20) > 0 {}
        return bytes
    }
}
