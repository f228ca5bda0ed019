public import Graphs

/// The format of MNIST's files: two zero bytes, a type, the rank, big-endian sizes, big-endian elements; gzip or
/// not. A file of several gigabytes of zeros packed small grows memory only as far as it unpacks.
public enum IDX {
    private static let types: [UInt8: DType] = [
        0x08: .u8, 0x09: .i8, 0x0B: .i16, 0x0C: .i32, 0x0D: .f32, 0x0E: .f64,
    ]

    public static func read(_ path: String) throws(FormatError) -> NumericArray {
        try read(ByteStream(path))
    }

    public static func parse(_ bytes: [UInt8], path: String = "bytes") throws(FormatError) -> NumericArray {
        try read(ByteStream(bytes, path: path))
    }

    /// The type and sizes, from the first bytes alone.
    public static func readHeader(_ path: String) throws(FormatError) -> TensorType {
        try header(ByteStream(path)).type
    }

    private static func header(_ stream: ByteStream) throws(FormatError) -> (type: TensorType, length: Int) {
        let magic = try stream.read(exactly: 4, "the header", at: 0)
        guard magic[0] == 0, magic[1] == 0, let dtype = types[magic[2]] else {
            throw FormatError(stream.path, .byte(0), "this is not an IDX file: it does not begin with two zeros and a type")
        }
        let rank = Int(magic[3])
        let sizes = try stream.read(exactly: 4 * rank, "the header", at: 4)
        let shape = (0..<rank).map { Int(sizes.big(4 * $0, 4)) }
        guard let length = NumericArray.byteCount(shape, dtype.size) else {
            throw FormatError(stream.path, .byte(4), "the sizes \(shape.text) are too large")
        }
        return (TensorType(dtype, shape), length)
    }

    private static func read(_ stream: ByteStream) throws(FormatError) -> NumericArray {
        let (type, length) = try header(stream)
        let start = 4 + 4 * type.rank
        let bytes = try stream.read(exactly: length, "an array of shape \(type.shape.text)", at: start)
        var rest: [UInt8] = []
        if try stream.read(into: &rest, atMost: 1) > 0 {
            throw FormatError(stream.path, .byte(start + length), "the file goes on after an array of shape \(type.shape.text)")
        }
        guard let array = NumericArray(type.dtype, type.shape, bytes: NumericArray.swapped(bytes, size: type.dtype.size))
        else { throw FormatError(stream.path, "the sizes do not match") }
        return array
    }

    public static func write(_ array: NumericArray, to path: String) throws(FormatError) {
        guard let code = types.first(where: { $0.value == array.dtype })?.key, array.shape.count < 256,
            array.shape.allSatisfy({ $0 <= UInt32.max })
        else {
            throw FormatError(code: "E0604", path, "an IDX file cannot hold \(array.type)")
        }
        var bytes: [UInt8] = [0, 0, code, UInt8(array.shape.count)]
        for size in array.shape { bytes += NumericArray.swapped(NumericArray.bytes(UInt64(size), 4), size: 4) }
        bytes += NumericArray.swapped(array.bytes, size: array.dtype.size)
        try Files.write(bytes, to: path)
    }
}

/// MNIST and its like (Fashion-MNIST, KMNIST): four IDX files in a folder.
public enum MNIST {
    /// `train` or `test`: images `u8[n, rows, columns]` and labels `u8[n]`.
    public static func read(_ folder: String, split: String) throws(FormatError)
        -> (images: NumericArray, labels: NumericArray)
    {
        let (first, second) = try paths(folder, split: split)
        let (images, labels) = (try IDX.read(first), try IDX.read(second))
        guard images.dtype == .u8, images.shape.count == 3 else {
            throw FormatError(first, "images are to be u8[n, rows, columns], found \(images.type)")
        }
        guard labels.dtype == .u8, labels.shape == [images.shape[0]] else {
            throw FormatError(second, "labels are to be u8[\(images.shape[0])], one per image, found \(labels.type)")
        }
        return (images, labels)
    }

    /// The shape of the images, for the check.
    public static func readHeader(_ folder: String, split: String) throws(FormatError) -> TensorType {
        try IDX.readHeader(paths(folder, split: split).images)
    }

    private static func paths(_ folder: String, split: String) throws(FormatError) -> (images: String, labels: String) {
        let prefixes =
            switch split {
            case "train": ["train"]
            case "test": ["t10k", "test"]
            default:
                throw FormatError(code: "E0603", folder, "there is no split `\(split)`", mend: "write `train` or `test`")
            }
        func find(_ kind: String) throws(FormatError) -> String {
            for prefix in prefixes {
                for separator in ["-", "."] {
                    for ending in ["", ".gz"] {
                        let path = "\(folder)/\(prefix)-\(kind.replacing(first: "-", by: separator))\(ending)"
                        if Files.exists(path) { return path }
                    }
                }
            }
            throw FormatError(
                code: "E0601", folder, "the folder has no `\(prefixes[0])-\(kind)` (or that with `.gz`)",
                mend: "put the four files of MNIST there")
        }
        return (try find("images-idx3-ubyte"), try find("labels-idx1-ubyte"))
    }
}

extension String {
    fileprivate func replacing(first old: Character, by new: String) -> String {
        guard let place = firstIndex(of: old) else { return self }
        return self[..<place] + new + self[index(after: place)...]
    }
}
