/// The lines of a text file, gzip or not.
public enum TextLines {
    /// Lines without their ends (`\n` or `\r\n`); a last empty one does not count.
    public static func read(_ path: String) throws(FormatError) -> [String] {
        let stream = try ByteStream(path)
        var (lines, rest): ([String], [UInt8]) = ([], [])
        while try stream.read(into: &rest, atMost: 1 << 20) > 0 {
            var start = 0
            while let end = rest[start...].firstIndex(of: 10) {
                lines.append(try line(rest[start..<end], lines.count + 1, path))
                start = end + 1
            }
            rest.removeFirst(start)
        }
        if !rest.isEmpty { lines.append(try line(rest[...], lines.count + 1, path)) }
        return lines
    }

    private static func line(_ bytes: ArraySlice<UInt8>, _ number: Int, _ path: String) throws(FormatError) -> String {
        let bytes = bytes.last == 13 ? bytes.dropLast() : bytes
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FormatError(path, .line(number, column: 1), "the line is not UTF-8 text")
        }
        return text
    }
}
