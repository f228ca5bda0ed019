internal import CZlib

/// Decompresses a stream: gzip (any number of members) or raw deflate.
///
/// The library's state points back at its stream, which therefore has one address, owned here.
@safe final class Inflater {
    enum Wrapper { case gzip, raw }
    private let path: String
    private let wrapper: Wrapper
    private let stream: UnsafeMutablePointer<z_stream>
    private var ended = false
    private var produced = 0

    init(_ path: String, _ wrapper: Wrapper) throws(FormatError) {
        self.path = path
        self.wrapper = wrapper
        unsafe stream = .allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        guard unsafe tfs_inflate_init(stream, wrapper == .gzip ? 31 : -15) == Z_OK else {
            throw FormatError(code: "E0601", path, "cannot decompress `\(path)`: out of memory")
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    /// Whether a member has ended and no other has begun.
    var isComplete: Bool { ended }

    /// Appends up to `limit` decompressed bytes; returns how many compressed bytes were used.
    func inflate(_ input: [UInt8], into output: inout [UInt8], atMost limit: Int) throws(FormatError) -> Int {
        if ended {
            // Zeros may pad the end of a gzip file; anything else begins another member.
            guard wrapper == .gzip, let first = input.first(where: { $0 != 0 }) else { return input.count }
            guard first == 0x1f, input.first == 0x1f else {
                throw FormatError(path, "the gzip data is followed by something else")
            }
            _ = unsafe inflateReset(stream)
            ended = false
        }
        var (used, status): (Int, Int32) = (0, Z_OK)
        let room = min(max(limit, 1), 1 << 20)
        let chunk = unsafe [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            let capacity = room
            count = unsafe input.withUnsafeBufferPointer { source in
                let available = min(source.count, 1 << 30)
                unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: source.baseAddress)
                unsafe stream.pointee.avail_in = UInt32(available)
                unsafe stream.pointee.next_out = buffer.baseAddress
                unsafe stream.pointee.avail_out = UInt32(capacity)
                status = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
                used = unsafe available - Int(stream.pointee.avail_in)
                return unsafe capacity - Int(stream.pointee.avail_out)
            }
        }
        produced += chunk.count
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else {
            throw FormatError(path, "the compressed data is damaged after \(produced) decompressed bytes")
        }
        if status == Z_BUF_ERROR, used == 0, chunk.isEmpty, input.count > 0 {
            throw FormatError(path, "the compressed data is damaged after \(produced) decompressed bytes")
        }
        if status == Z_STREAM_END { ended = true }
        output += chunk
        return used
    }

    /// Says that no input is left.
    func finish() throws(FormatError) {
        if !ended { throw FormatError(path, "the compressed data ends early, after \(produced) decompressed bytes") }
    }
}

/// Compression and checksums.
enum Zlib {
    /// Raw deflate of all bytes.
    static func deflated(_ bytes: [UInt8]) -> [UInt8]? {
        var stream = unsafe z_stream()
        guard unsafe tfs_deflate_init(&stream, 6, -15) == Z_OK else { return nil }
        defer { unsafe deflateEnd(&stream) }
        var (output, position): ([UInt8], Int) = ([], 0)
        while true {
            var (used, done) = (0, false)
            let last = bytes.count - position <= 1 << 30
            let start = position
            let chunk = unsafe [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, count in
                let capacity = 1 << 18
                count = unsafe bytes.withUnsafeBufferPointer { source in
                    let available = min(source.count - start, 1 << 30)
                    unsafe stream.next_in = UnsafeMutablePointer(mutating: source.baseAddress.map { unsafe $0 + start })
                    unsafe stream.avail_in = UInt32(available)
                    unsafe stream.next_out = buffer.baseAddress
                    unsafe stream.avail_out = UInt32(capacity)
                    done = unsafe deflate(&stream, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END
                    used = unsafe available - Int(stream.avail_in)
                    return unsafe capacity - Int(stream.avail_out)
                }
            }
            output += chunk
            position += used
            if done { return output }
        }
    }

    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withUnsafeBufferPointer { unsafe UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
    }
}
