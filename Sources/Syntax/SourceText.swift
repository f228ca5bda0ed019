/// One file of source text, with what is needed to turn offsets into lines and columns.
///
/// Offsets are UTF-8 byte offsets; columns count code points from 1.
public final class SourceText: Sendable {
    /// The path as the user wrote it (`<stdin>`, `<prompt>`, or `stdlib/layers/dense.tfs`).
    public let path: String
    /// The bytes, always valid UTF-8.
    public let utf8: [UInt8]
    /// The offset at which each line begins; the first is 0.
    public let lineStarts: [Int]

    /// The path of what is entered at the prompt.
    public static let promptPath = "<prompt>"

    public init(path: String, text: String) {
        self.path = path
        self.utf8 = Array(text.utf8)
        var starts = [0]
        for (offset, byte) in utf8.enumerated() where byte == 10 { starts.append(offset + 1) }
        lineStarts = starts
    }

    /// The line (from 1) of a byte offset.
    public func line(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle - 1 }
        }
        return low + 1
    }

    /// The line (from 1) and column (from 1, in code points) of a byte offset.
    public func position(of offset: Int) -> (line: Int, column: Int) {
        let line = line(at: offset)
        let start = lineStarts[line - 1]
        let column = utf8[start..<max(min(offset, utf8.count), start)].count { $0 & 0xC0 != 0x80 }
        return (line, column + 1)
    }

    /// The text of a line (from 1), without its newline.
    public func line(_ number: Int) -> String {
        let start = lineStarts[number - 1]
        var end = number < lineStarts.count ? lineStarts[number] - 1 : utf8.count
        if end > start, utf8[end - 1] == 13 { end -= 1 }
        return String(decoding: utf8[start..<end], as: UTF8.self)
    }

    /// The text in a range of this file.
    public func text(_ range: SourceRange) -> String {
        String(decoding: utf8[range.start..<range.end], as: UTF8.self)
    }
}

/// A half-open range of bytes in a source text.
public struct SourceRange: Sendable, Hashable {
    public var source: SourceText
    public var start: Int
    public var end: Int

    public init(_ source: SourceText, _ start: Int, _ end: Int) {
        self.source = source
        self.start = start
        self.end = end
    }

    /// The smallest range that covers both; the other must lie in the same text.
    public func union(_ other: SourceRange) -> SourceRange {
        SourceRange(source, min(start, other.start), max(end, other.end))
    }

    /// Whether they have text in common.
    public func overlaps(_ other: SourceRange) -> Bool { source === other.source && start < other.end && other.start < end }

    public static func == (a: Self, b: Self) -> Bool {
        a.source === b.source && a.start == b.start && a.end == b.end
    }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ObjectIdentifier(source))
        hasher.combine(start)
        hasher.combine(end)
    }
}
