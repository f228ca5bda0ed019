public import Graphs

/// Named arrays: a zip archive of `.npy` files, stored or deflated, with zip64 sizes.
public enum NPZ {
    public typealias Entry = (name: String, array: NumericArray)

    /// The arrays in the order of the archive's directory.
    public static func read(_ path: String) throws(FormatError) -> [Entry] {
        try read(RandomAccess(path))
    }

    public static func parse(_ bytes: [UInt8], path: String = "bytes") throws(FormatError) -> [Entry] {
        try read(RandomAccess(bytes, path: path))
    }

    /// Names with types and sizes; of each array only the head is read.
    public static func readHeader(_ path: String) throws(FormatError) -> [(name: String, type: TensorType)] {
        let file = try RandomAccess(path)
        var types: [(name: String, type: TensorType)] = []
        for member in try directory(file) {
            let start = try self.start(member, file)
            var bytes = try file.read("`\(member.name)`", at: start, count: min(member.packed, 1 << 16))
            if member.method == 8 {
                var head: [UInt8] = []
                _ = try Inflater(path, .raw).inflate(bytes, into: &head, atMost: 1 << 16)
                bytes = head
            }
            types.append((arrayName(member), try NPY.header(of: ByteStream(bytes, path: "\(path)/\(member.name)"))))
        }
        return types
    }

    private static func read(_ file: RandomAccess) throws(FormatError) -> [Entry] {
        var entries: [Entry] = []
        for member in try directory(file) {
            let name = arrayName(member)
            if entries.contains(where: { $0.name == name }) {
                throw FormatError(file.path, .byte(member.offset), "the archive holds `\(name)` twice")
            }
            let bytes = try content(member, file)
            entries.append((name, try NPY.parse(bytes, path: "\(file.path)/\(member.name)")))
        }
        return entries
    }

    private static func arrayName(_ member: Member) -> String {
        member.name.hasSuffix(".npy") ? String(member.name.dropLast(4)) : member.name
    }

    private struct Member {
        var name: String
        var (method, flags): (Int, Int)
        var checksum: UInt32
        var (packed, unpacked, offset): (Int, Int, Int)
    }

    /// The members named by the central directory, which stands at the end.
    private static func directory(_ file: RandomAccess) throws(FormatError) -> [Member] {
        let tailStart = max(0, file.size - 65_557)
        let tail = try file.read("the directory", at: tailStart, count: file.size - tailStart)
        guard tail.count >= 22,
            let end = stride(from: tail.count - 22, through: 0, by: -1).first(where: { tail.little($0, 4) == 0x0605_4b50 })
        else { throw FormatError(file.path, .byte(0), "this is not a `.npz` file: it has no zip directory") }
        var (count, length, start) = (Int(tail.little(end + 10, 2)), Int(tail.little(end + 12, 4)), Int(tail.little(end + 16, 4)))
        if count == 0xffff || length == 0xffff_ffff || start == 0xffff_ffff, end >= 20,
            tail.little(end - 20, 4) == 0x0706_4b50
        {
            let place = Int(clamping: tail.little(end - 12, 8))
            let wide = try file.read("the directory", at: place, count: 56)
            guard wide.little(0, 4) == 0x0606_4b50 else {
                throw FormatError(file.path, .byte(place), "the zip directory is damaged")
            }
            count = Int(clamping: wide.little(32, 8))
            length = Int(clamping: wide.little(40, 8))
            start = Int(clamping: wide.little(48, 8))
        }
        let bytes = try file.read("the directory", at: start, count: length)
        var (members, at): ([Member], Int) = ([], 0)
        while members.count < count {
            guard at + 46 <= bytes.count, bytes.little(at, 4) == 0x0201_4b50 else {
                throw FormatError(file.path, .byte(start + at), "the zip directory is damaged")
            }
            let (nameLength, extra, comment) = (
                Int(bytes.little(at + 28, 2)), Int(bytes.little(at + 30, 2)), Int(bytes.little(at + 32, 2))
            )
            let next = at + 46 + nameLength + extra + comment
            guard next <= bytes.count, let name = String(validating: bytes[at + 46..<at + 46 + nameLength], as: UTF8.self)
            else { throw FormatError(file.path, .byte(start + at), "the zip directory is damaged") }
            var member = Member(
                name: name, method: Int(bytes.little(at + 10, 2)), flags: Int(bytes.little(at + 8, 2)),
                checksum: UInt32(bytes.little(at + 16, 4)), packed: Int(bytes.little(at + 20, 4)),
                unpacked: Int(bytes.little(at + 24, 4)), offset: Int(bytes.little(at + 42, 4)))
            widen(&member, Array(bytes[at + 46 + nameLength..<at + 46 + nameLength + extra]))
            members.append(member)
            at = next
        }
        return members
    }

    /// Sizes beyond 32 bits stand in an extra field.
    private static func widen(_ member: inout Member, _ extra: [UInt8]) {
        var at = 0
        while at + 4 <= extra.count {
            let (id, length) = (extra.little(at, 2), Int(extra.little(at + 2, 2)))
            var place = at + 4
            let end = min(place + length, extra.count)
            if id == 1 {
                func next(_ value: inout Int) {
                    guard value == 0xffff_ffff, place + 8 <= end else { return }
                    value = Int(clamping: extra.little(place, 8))
                    place += 8
                }
                next(&member.unpacked)
                next(&member.packed)
                next(&member.offset)
            }
            at = end
        }
    }

    /// Where the bytes of a member begin.
    private static func start(_ member: Member, _ file: RandomAccess) throws(FormatError) -> Int {
        let local = try file.read("`\(member.name)`", at: member.offset, count: 30)
        guard local.little(0, 4) == 0x0403_4b50, member.flags & 1 == 0, member.method == 0 || member.method == 8 else {
            let problem = member.flags & 1 == 1 ? "is encrypted" : "is damaged or packed in an unknown way"
            throw FormatError(file.path, .byte(member.offset), "`\(member.name)` \(problem)")
        }
        return member.offset + 30 + Int(local.little(26, 2)) + Int(local.little(28, 2))
    }

    private static func content(_ member: Member, _ file: RandomAccess) throws(FormatError) -> [UInt8] {
        let start = try start(member, file)
        var bytes = try file.read("`\(member.name)`", at: start, count: member.packed)
        if member.method == 8 {
            let inflater = try Inflater(file.path, .raw)
            var (output, rest): ([UInt8], [UInt8]) = ([], bytes)
            while !inflater.isComplete {
                let (before, used) = (output.count, try inflater.inflate(rest, into: &output, atMost: 1 << 20))
                rest.removeFirst(used)
                if output.count > member.unpacked || used == 0 && output.count == before { break }
            }
            guard inflater.isComplete else {
                throw FormatError(file.path, .byte(start), "`\(member.name)` is damaged or cut")
            }
            bytes = output
        }
        guard bytes.count == member.unpacked, Zlib.crc32(bytes) == member.checksum else {
            throw FormatError(file.path, .byte(start), "`\(member.name)` is damaged: its checksum is wrong")
        }
        return bytes
    }

    /// Writes arrays under their names; with `compress`, deflated.
    public static func write(_ entries: [Entry], to path: String, compress: Bool = false) throws(FormatError) {
        let file = try OutputFile(path)
        var (directory, offset): ([UInt8], Int) = ([], 0)
        for (name, array) in entries {
            let content = try NPY.header(array, path: path) + array.bytes
            let packed = compress ? Zlib.deflated(content) ?? content : content
            guard content.count < 0xffff_ffff, packed.count < 0xffff_ffff, offset < 0xffff_ffff, name.utf8.count < 65_000 else {
                throw FormatError(
                    code: "E0604", path, "`\(name)` makes the archive larger than 4 GB", mend: "write a `.safetensors` file")
            }
            // Version, flags (UTF-8 names), method, time and day (1980-01-01, so that bytes repeat), sizes, name.
            var common: [UInt8] = [20, 0, 0, 8, compress ? 8 : 0, 0, 0, 0, 0x21, 0]
            common.appendLittle(Int(Zlib.crc32(content)), 4)
            common.appendLittle(packed.count, 4)
            common.appendLittle(content.count, 4)
            common.appendLittle(name.utf8.count + 4, 2)
            common += [0, 0]
            let member = Array("\(name).npy".utf8)
            let local: [UInt8] = [0x50, 0x4b, 3, 4] + common + member
            directory += [0x50, 0x4b, 1, 2, 20, 0] + common + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            directory.appendLittle(offset, 4)
            directory += member
            try file.write(local)
            try file.write(packed)
            offset += local.count + packed.count
        }
        guard entries.count < 0xffff, offset < 0xffff_ffff else {
            throw FormatError(code: "E0604", path, "the archive is larger than 4 GB", mend: "write a `.safetensors` file")
        }
        var tail: [UInt8] = [0x50, 0x4b, 5, 6, 0, 0, 0, 0]
        tail.appendLittle(entries.count, 2)
        tail.appendLittle(entries.count, 2)
        tail.appendLittle(directory.count, 4)
        tail.appendLittle(offset, 4)
        try file.write(directory + tail + [0, 0])
        try file.commit()
    }
}
