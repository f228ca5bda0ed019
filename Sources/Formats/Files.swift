internal import Glibc

/// The file system: whole files, streams, and writes that are seen whole or not at all.
public enum Files {
    /// All bytes of a file as they are; a stream may go on for ever, so that whoever knows a bound says it, and what to
    /// do about more.
    public static func read(_ path: String, atMost limit: Int = .max, mend: String? = nil) throws(FormatError) -> [UInt8] {
        let file = try InputFile(path)
        let tooLarge = FormatError(code: "E0601", path, "`\(path)` holds more than \(limit >> 20) MB", mend: mend)
        if let size = file.size, size > limit { throw tooLarge }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(file.size ?? 0, 1 << 40))
        while try file.read(into: &bytes, atMost: max(1 << 16, min((file.size ?? 0) - bytes.count + 1, 1 << 30))) > 0 {
            if bytes.count > limit { throw tooLarge }
        }
        return bytes
    }

    /// A file as text.
    public static func readText(_ path: String) throws(FormatError) -> String {
        let bytes = try read(path)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            var (valid, decoder, source) = (0, UTF8(), bytes.makeIterator())
            while case .scalarValue(let scalar) = decoder.decode(&source) { valid += UTF8.width(scalar) }
            throw FormatError(path, .byte(valid), "the file is not UTF-8 text")
        }
        return text
    }

    /// Replaces the file by these bytes.
    public static func write(_ bytes: [UInt8], to path: String) throws(FormatError) {
        let file = try OutputFile(path)
        try file.write(bytes)
        try file.commit()
    }

    public static func write(_ text: String, to path: String) throws(FormatError) {
        try write(Array(text.utf8), to: path)
    }

    public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

    /// Whether a path leads to a pipe or a device, which give their bytes once.
    public static func isStream(_ path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return false }
        return ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
    }

    /// `io error` in words.
    static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT: "there is no such file"
        case EISDIR: "it is a folder"
        case EACCES, EPERM: "permission denied"
        case ENOSPC: "no space left on the device"
        case ENOTDIR: "a part of the path is not a folder"
        default: unsafe String(cString: strerror(code)).lowercased()
        }
    }
}

/// A file being read, forward.
final class InputFile {
    let path: String
    /// The length of a regular file; `nil` for pipes and devices.
    let size: Int?
    private let descriptor: Int32

    /// - Parameter isNoted: whether the journal hears of it.
    init(_ path: String, isNoted: Bool = true) throws(FormatError) {
        self.path = path
        if isNoted { Journal.noteReading(path) }
        descriptor = unsafe path.utf8.contains(0) ? -1 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code = path.utf8.contains(0) ? ENOENT : errno
            throw FormatError(code: "E0601", path, "cannot read `\(path)`: \(Files.reason(code))")
        }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            size = nil
            return
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            size = nil
            throw FormatError(code: "E0601", path, "cannot read `\(path)`: it is a folder")
        }
        let kind = status.st_mode & S_IFMT
        size = kind == S_IFREG ? Int(status.st_size) : nil
        // `/dev/zero` never ends; `/dev/null` and what is typed at a terminal do.
        let isDevice = kind == S_IFBLK || kind == S_IFCHR
        if isDevice, status.st_rdev != Self.nullDevice, isatty(descriptor) == 0 {
            throw FormatError(code: "E0601", path, "cannot read `\(path)`: it is a device, not a file")
        }
    }

    /// Linux numbers it 1, 3.
    private static let nullDevice: dev_t = 1 << 8 | 3

    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Appends up to `limit` bytes; 0 at the end.
    func read(into bytes: inout [UInt8], atMost limit: Int) throws(FormatError) -> Int {
        var failure: Int32 = 0
        let chunk = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            while true {
                let got = unsafe Glibc.read(descriptor, buffer.baseAddress, limit)
                if got < 0, errno == EINTR { continue }
                if got < 0 { failure = errno }
                count = max(got, 0)
                return
            }
        }
        if failure != 0 { throw failed(failure) }
        if bytes.isEmpty, bytes.capacity < limit { bytes = chunk } else { bytes += chunk }
        return chunk.count
    }

    /// Bytes at a place, fewer at the end of the file; leaves the stream where it is.
    func read(at offset: Int, count: Int) throws(FormatError) -> [UInt8] {
        var failure: Int32 = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            unsafe (filled, failure) = fill(UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count]), from: offset)
        }
        if failure != 0 { throw failed(failure) }
        return bytes
    }

    /// Fills memory with the bytes from a place on; returns how many there were.
    func read(at offset: Int, into bytes: inout MutableRawSpan) throws(FormatError) -> Int {
        let (filled, failure) = unsafe bytes.withUnsafeMutableBytes { unsafe fill($0, from: offset) }
        if failure != 0 { throw failed(failure) }
        return filled
    }

    /// How many bytes there were, and the error's number.
    private func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) -> (Int, Int32) {
        var filled = 0
        while filled < buffer.count {
            let got = unsafe pread(descriptor, buffer.baseAddress! + filled, buffer.count - filled, off_t(offset + filled))
            if got < 0, errno == EINTR { continue }
            if got < 0 { return (filled, errno) }
            if got == 0 { break }
            filled += got
        }
        return (filled, 0)
    }

    private func failed(_ code: Int32) -> FormatError {
        FormatError(code: "E0601", path, "cannot read `\(path)`: \(Files.reason(code))")
    }
}

/// A file being written under a temporary name; `commit` flushes it and gives it its own name. One that is
/// never committed leaves nothing behind. A link stays a link, and a file keeps its permissions; what is no file
/// (a pipe, a device) is written to as it is.
public final class OutputFile {
    public let path: String
    /// Where the bytes go until `commit`; `nil` when they go to their place at once.
    private let temporary: String?
    /// The file that a link stands for.
    private let target: String
    private var descriptor: Int32
    private var committed = false

    public init(_ path: String) throws(FormatError) {
        self.path = path
        var status = stat()
        let exists = unsafe !path.utf8.contains(0) && stat(path, &status) == 0
        let isFile = !exists || [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
        target = exists && isFile ? Self.resolved(path) : path
        temporary = isFile ? "\(target).\(getpid()).tmp" : nil
        let flags = O_WRONLY | O_TRUNC | O_CLOEXEC | (isFile ? O_CREAT : 0)
        descriptor = unsafe path.utf8.contains(0) ? -1 : open(temporary ?? target, flags, 0o666)
        if descriptor >= 0, exists, isFile { _ = fchmod(descriptor, status.st_mode & 0o7777) }
        if descriptor < 0 {
            let code = path.utf8.contains(0) ? ENOENT : errno
            let reason = code == ENOENT ? "there is no such folder" : Files.reason(code)
            throw FormatError(code: "E0601", path, "cannot write `\(path)`: \(reason)")
        }
    }

    deinit {
        if descriptor >= 0 { _ = close(descriptor) }
        if !committed, descriptor != -1, let temporary { _ = unsafe unlink(temporary) }
    }

    private static func resolved(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    public func write(_ bytes: [UInt8]) throws(FormatError) { try write(bytes.span) }

    public func write(_ bytes: borrowing Span<UInt8>) throws(FormatError) {
        var (failure, written): (Int32, Int) = (0, 0)
        let (target, count) = (descriptor, bytes.count)
        unsafe bytes.withUnsafeBufferPointer { buffer in
            while written < count {
                let put = unsafe Glibc.write(target, buffer.baseAddress! + written, min(count - written, 1 << 30))
                if put < 0, errno == EINTR { continue }
                if put < 0 {
                    failure = errno
                    return
                }
                written += put
            }
        }
        if failure != 0 { throw failed(failure) }
    }

    public func commit() throws(FormatError) {
        // A pipe or a terminal cannot be flushed to disk, which is no failure.
        if fsync(descriptor) != 0, errno != EINVAL, errno != EROFS { throw failed(errno) }
        let closed = close(descriptor)
        descriptor = -2
        if closed != 0 { throw failed(errno) }
        if let temporary, unsafe rename(temporary, target) != 0 { throw failed(errno) }
        committed = true
        Journal.noteWriting(path)
    }

    private func failed(_ code: Int32) -> FormatError {
        FormatError(code: "E0601", path, "cannot write `\(path)`: \(Files.reason(code))")
    }
}
