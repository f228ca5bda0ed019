public import Engine
public import Graphs

/// NumPy's format for one array, versions 1 to 3, either byte order, C or Fortran order. `u2` and `u4` become the
/// next wider integer.
public enum NPY {
    public static func read(_ path: String) throws(FormatError) -> NumericArray {
        try read(ByteStream(path))
    }

    public static func parse(_ bytes: [UInt8], path: String = "bytes") throws(FormatError) -> NumericArray {
        try read(ByteStream(bytes, path: path))
    }

    /// The type and sizes, from the first bytes alone.
    public static func readHeader(_ path: String) throws(FormatError) -> TensorType {
        try header(of: ByteStream(path))
    }

    static func header(of stream: ByteStream) throws(FormatError) -> TensorType {
        let header = try Header(stream)
        return TensorType(header.dtype, header.shape)
    }

    /// The array as a tensor. Elements that stand in the file as they do in memory are read straight into it, so that
    /// large data are there once.
    public static func readTensor(_ path: String) throws(FormatError) -> Tensor {
        let stream = try ByteStream(path)
        let header = try Header(stream)
        guard header.isAsInMemory, let length = NumericArray.byteCount(header.shape, header.size), length <= Tensor.largestByteCount,
            let file = stream.plainFile, let size = file.size, length <= size - header.length
        else { return .data(try elements(header, stream)) }
        return try Tensor.data(header.dtype, header.shape) { (bytes) throws(FormatError) in
            guard try file.read(at: header.length, into: &bytes) == length else {
                throw FormatError(path, "the file became shorter while it was read")
            }
        }
    }

    static func read(_ stream: ByteStream) throws(FormatError) -> NumericArray {
        try elements(Header(stream), stream)
    }

    /// What stands behind the header.
    private static func elements(_ header: Header, _ stream: ByteStream) throws(FormatError) -> NumericArray {
        guard let length = NumericArray.byteCount(header.shape, header.size),
            NumericArray.byteCount(header.shape, 8) != nil
        else {
            throw FormatError(stream.path, .byte(10), "the shape \(header.shape.text) is too large")
        }
        var bytes = try stream.read(exactly: length, "an array of shape \(header.shape.text)", at: header.length)
        if header.isBigEndian { bytes = NumericArray.swapped(bytes, size: header.size) }
        var dtype = header.dtype
        if header.isWidened {
            guard let wider = NumericArray.widened(bytes, from: header.size) else {
                throw FormatError(code: "E0604", stream.path, .byte(header.length), "an unsigned number exceeds i64")
            }
            (dtype, bytes) = wider
        }
        if dtype == .bool { for index in bytes.indices where bytes[index] > 1 { bytes[index] = 1 } }
        if header.isFortran, header.shape.count > 1 { bytes = rowMajor(bytes, header.shape, dtype.size) }
        guard let array = NumericArray(dtype, header.shape, bytes: bytes) else {
            throw FormatError(stream.path, "the sizes do not match")
        }
        return array
    }

    /// The elements of an array whose first axis runs fastest, with the last running fastest.
    private static func rowMajor(_ bytes: [UInt8], _ shape: Shape, _ size: Int) -> [UInt8] {
        var strides: [Int] = []
        var step = size
        for length in shape {
            strides.append(step)
            step *= length
        }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var (index, offset) = (Shape(repeating: 0, count: shape.count), 0)
        while result.count < bytes.count {
            result += bytes[offset..<offset + size]
            var axis = shape.count - 1
            while axis >= 0 {
                index[axis] += 1
                offset += strides[axis]
                if index[axis] < shape[axis] { break }
                offset -= strides[axis] * shape[axis]
                index[axis] = 0
                axis -= 1
            }
        }
        return result
    }

    public static func write(_ array: NumericArray, to path: String) throws(FormatError) {
        let file = try OutputFile(path)
        try file.write(header(array, path: path))
        try file.write(array.bytes)
        try file.commit()
    }

    /// The bytes before the elements, a multiple of 64.
    static func header(_ array: NumericArray, path: String) throws(FormatError) -> [UInt8] {
        let code: String
        switch array.dtype {
        case .bool: code = "|b1"
        case .u8: code = "|u1"
        case .i8: code = "|i1"
        case .i16: code = "<i2"
        case .i32: code = "<i4"
        case .i64: code = "<i8"
        case .f16: code = "<f2"
        case .f32: code = "<f4"
        case .f64: code = "<f8"
        case .bf16, .string:
            throw FormatError(
                code: "E0604", path, "NumPy's format has no type `\(array.dtype)`",
                mend: array.dtype == .bf16 ? "write `cast(x, f32)`" : nil)
        }
        let sizes = array.shape.map(String.init).joined(separator: ", ") + (array.shape.count == 1 ? "," : "")
        var text = Array("{'descr': '\(code)', 'fortran_order': False, 'shape': (\(sizes)), }".utf8)
        let version: UInt8 = text.count + 11 + 63 < 65536 ? 1 : 2
        let prefix = version == 1 ? 10 : 12
        while (prefix + text.count + 1) % 64 != 0 { text.append(32) }
        text.append(10)
        var bytes: [UInt8] = [0x93] + Array("NUMPY".utf8) + [version, 0]
        bytes.appendLittle(text.count, version == 1 ? 2 : 4)
        return bytes + text
    }

    /// What stands before the elements.
    private struct Header {
        var dtype = DType.f32
        var shape: Shape = []
        var isFortran = false
        var isBigEndian = false
        /// An unsigned type that is read as the next wider signed one.
        var isWidened = false
        /// Bytes per element in the file.
        var size = 4
        /// Where the elements begin.
        var length = 0
        /// Whether the elements' bytes are those of a tensor: any byte but 0 and 1 in a truth value is not.
        var isAsInMemory: Bool { !isBigEndian && !isWidened && dtype != .bool && (!isFortran || shape.count < 2) }

        init(_ stream: ByteStream) throws(FormatError) {
            let path = stream.path
            let magic = try stream.read(exactly: 8, "the header", at: 0)
            guard Array(magic[..<6]) == [0x93] + Array("NUMPY".utf8) else {
                throw FormatError(path, .byte(0), "this is not a file in NumPy's format")
            }
            guard (1...3).contains(magic[6]) else {
                throw FormatError(path, .byte(6), "version \(magic[6]) of NumPy's format is not known")
            }
            let wide = magic[6] > 1 ? 4 : 2
            let count = Int(try stream.read(exactly: wide, "the header", at: 8).little(0, wide))
            guard count <= 1 << 20 else { throw FormatError(path, .byte(8), "the header is \(count) bytes long") }
            let text = try stream.read(exactly: count, "the header", at: 8 + wide)
            length = 8 + wide + count
            var reader = Reader(bytes: text)
            guard let fields = reader.dictionary(), case .string(let code)? = fields["descr"],
                case .bool(let isFortran)? = fields["fortran_order"], case .sizes(let shape)? = fields["shape"]
            else {
                throw FormatError(
                    path, .byte(8 + wide + reader.at), "the header does not describe an array of numbers",
                    mend: "structured types are not read")
            }
            self.shape = shape
            self.isFortran = isFortran
            let kind = String(code.drop { "<>|=".contains($0) })
            isBigEndian = code.hasPrefix(">")
            switch kind {
            case "b1", "?": dtype = .bool
            case "u1": dtype = .u8
            case "i1": dtype = .i8
            case "i2": dtype = .i16
            case "i4": dtype = .i32
            case "i8": dtype = .i64
            case "f2": dtype = .f16
            case "f4": dtype = .f32
            case "f8": dtype = .f64
            case "u2": (dtype, isWidened) = (.i32, true)
            case "u4", "u8": (dtype, isWidened) = (.i64, true)
            default:
                throw FormatError(
                    code: "E0604", path, .byte(8 + wide), "elements of NumPy type `\(code)` are not read",
                    mend: "save them as numbers or truth values")
            }
            size = isWidened ? Int(kind.utf8.last! - 48) : dtype.size
        }
    }

    /// The little of Python's syntax that a header uses.
    private struct Reader {
        enum Value { case string(String), bool(Bool), sizes([Int]) }
        let bytes: [UInt8]
        var at = 0

        mutating func dictionary() -> [String: Value]? {
            guard take("{") else { return nil }
            var fields: [String: Value] = [:]
            while !take("}") {
                guard let key = string(), take(":"), let value = value() else { return nil }
                fields[key] = value
                if !take(",") {
                    guard take("}") else { return nil }
                    break
                }
            }
            blank()
            return at == bytes.count ? fields : nil
        }

        private mutating func value() -> Value? {
            blank()
            guard at < bytes.count else { return nil }
            switch bytes[at] {
            case UInt8(ascii: "'"), UInt8(ascii: "\""): return string().map(Value.string)
            case UInt8(ascii: "T"): return word("True") ? .bool(true) : nil
            case UInt8(ascii: "F"): return word("False") ? .bool(false) : nil
            case UInt8(ascii: "("):
                at += 1
                var sizes: [Int] = []
                while !take(")") {
                    guard sizes.count < 64, let size = number() else { return nil }
                    sizes.append(size)
                    if !take(",") {
                        guard take(")") else { return nil }
                        break
                    }
                }
                return .sizes(sizes)
            default: return nil
            }
        }

        private mutating func number() -> Int? {
            blank()
            let start = at
            while at < bytes.count, (48...57).contains(bytes[at]) { at += 1 }
            let value = Int(String(decoding: bytes[start..<at], as: UTF8.self))
            if at < bytes.count, bytes[at] == UInt8(ascii: "L") { at += 1 }
            return value
        }

        private mutating func string() -> String? {
            blank()
            guard at < bytes.count, bytes[at] == UInt8(ascii: "'") || bytes[at] == UInt8(ascii: "\"") else { return nil }
            let quote = bytes[at]
            guard let end = bytes[(at + 1)...].firstIndex(of: quote) else { return nil }
            defer { at = end + 1 }
            return String(decoding: bytes[(at + 1)..<end], as: UTF8.self)
        }

        private mutating func word(_ text: String) -> Bool {
            guard bytes[at...].starts(with: text.utf8) else { return false }
            at += text.utf8.count
            return true
        }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            blank()
            guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
            at += 1
            return true
        }

        private mutating func blank() { while at < bytes.count, bytes[at] == 32 || bytes[at] == 10 { at += 1 } }
    }
}
