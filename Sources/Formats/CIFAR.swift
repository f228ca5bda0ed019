internal import Graphs

/// CIFAR-10 in its binary form: records of a label and three planes of 32 by 32 bytes, red, green and blue.
public enum CIFAR10 {
    static let record = 3073

    /// One file: images `u8[n, 32, 32, 3]` and labels `u8[n]`.
    public static func readFile(_ path: String) throws(FormatError) -> (images: NumericArray, labels: NumericArray) {
        try decode([ByteStream(path)])
    }

    /// `train` (five files) or `test` of a folder.
    public static func read(_ folder: String, split: String) throws(FormatError)
        -> (images: NumericArray, labels: NumericArray)
    {
        var streams: [ByteStream] = []
        switch split {
        case "train": for part in 1...5 { streams.append(try ByteStream("\(folder)/data_batch_\(part).bin")) }
        case "test": streams.append(try ByteStream("\(folder)/test_batch.bin"))
        default:
            throw FormatError(code: "E0603", folder, "there is no split `\(split)`", mend: "write `train` or `test`")
        }
        return try decode(streams)
    }

    static func decode(_ streams: [ByteStream]) throws(FormatError) -> (images: NumericArray, labels: NumericArray) {
        var (images, labels): ([UInt8], [UInt8]) = ([], [])
        for stream in streams {
            let bytes = try stream.readAll()
            guard bytes.count % record == 0 else {
                throw FormatError(
                    stream.path, .byte(bytes.count - bytes.count % record),
                    "the last record is cut: a record has \(record) bytes", mend: "is this the binary version of CIFAR-10?")
            }
            images.reserveCapacity(images.count + bytes.count)
            for start in stride(from: 0, to: bytes.count, by: record) {
                guard bytes[start] < 10 else {
                    throw FormatError(stream.path, .byte(start), "the label \(bytes[start]) is not one of 0 to 9")
                }
                labels.append(bytes[start])
                for pixel in start + 1..<start + 1025 {
                    images.append(bytes[pixel])
                    images.append(bytes[pixel + 1024])
                    images.append(bytes[pixel + 2048])
                }
            }
        }
        let n = labels.count
        guard let pictures = NumericArray(.u8, [n, 32, 32, 3], bytes: images), let classes = NumericArray(.u8, [n], bytes: labels)
        else { throw FormatError(streams.first?.path ?? "", "the records do not match") }
        return (pictures, classes)
    }
}
