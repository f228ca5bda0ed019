/// A string, and what makes it quick to grow and to walk over.
///
/// What is appended waits as bytes until somebody looks at the string. The code points of ASCII are its bytes; those of
/// another string are kept once somebody asked for them, so that loops over its places stay linear.
public final class Text: @unchecked Sendable {
    private var settled: String
    private var aside = Aside.nothing

    private enum Aside {
        case nothing
        /// `settled` is known to be ASCII.
        case ascii
        /// The code points of `settled`, which is something else.
        case points([Unicode.Scalar])
        /// Bytes that follow those of `settled`.
        case tail([UInt8])
    }

    public init(_ string: String) { settled = string }

    /// A text of one character. Those of ASCII are made once.
    static func of(_ point: Unicode.Scalar) -> Text { point.isASCII ? ascii[Int(point.value)] : Text(String(point)) }

    private static let ascii = (0..<128).map { value in
        let text = Text(String(Unicode.Scalar(UInt8(value))))
        text.aside = .ascii
        return text
    }

    public var string: String {
        if case .tail = aside { settle() }
        return settled
    }

    @inline(never) private func settle() {
        guard case .tail(let bytes) = exchange(&aside, with: .nothing) else { return }
        settled += String(decoding: bytes, as: UTF8.self)
    }

    /// The number of bytes of UTF-8.
    var byteCount: Int {
        if case .tail(let bytes) = aside { settled.utf8.count + bytes.count } else { settled.utf8.count }
    }

    /// Appends in place; only for a string that nobody else holds.
    func append(_ other: Text) {
        let more = other.string
        var bytes: [UInt8]
        if case .tail(let waiting) = exchange(&aside, with: .nothing) { bytes = waiting } else { bytes = [] }
        if more.utf8.count == 1, let byte = more.utf8.first { bytes.append(byte) } else { bytes.append(contentsOf: more.utf8) }
        aside = .tail(bytes)
    }

    // MARK: Code points

    /// The code points of a string that is not ASCII; `nil` for one that is.
    private var points: [Unicode.Scalar]? {
        let string = string
        switch aside {
        case .ascii: return nil
        case .points(let points): return points
        case .nothing, .tail:
            if string.isASCII {
                aside = .ascii
                return nil
            }
            let points = Array(string.unicodeScalars)
            aside = .points(points)
            return points
        }
    }

    var codePoints: [Unicode.Scalar] { points ?? Array(settled.unicodeScalars) }

    /// The number of code points.
    var count: Int { points?.count ?? settled.utf8.count }

    /// The character at a place within the string.
    @inline(never) func character(at place: Int) -> Text {
        if let points { return .of(points[place]) }
        return .of(Unicode.Scalar(settled.utf8[settled.utf8.index(settled.utf8.startIndex, offsetBy: place)]))
    }

    /// By code points, as Python compares strings; bytes of UTF-8 have the same order. (Of ASCII Swift's own comparison is
    /// that too, and quicker.)
    @inline(never) func precedes(_ other: Text) -> Bool {
        points == nil && other.points == nil ? settled < other.settled : string.precedes(other.string)
    }

    @inline(never) func isSame(as other: Text) -> Bool {
        self === other || (points == nil && other.points == nil ? settled == other.settled : string.isSame(as: other.string))
    }

    /// The part between two places within the string.
    func part(_ places: Range<Int>) -> Text {
        if let points { return Text(String(String.UnicodeScalarView(points[places]))) }
        return Text(settled.part(places))
    }
}

extension String {
    var isASCII: Bool {
        let bytes = utf8.span
        for index in bytes.indices where bytes[index] >= 0x80 { return false }
        return true
    }

    /// The bytes from one place to another, where code points begin.
    func part(_ places: Range<Int>) -> String {
        let start = utf8.index(utf8.startIndex, offsetBy: places.lowerBound)
        return String(decoding: utf8[start..<utf8.index(start, offsetBy: places.count)], as: UTF8.self)
    }

    /// Without white space at both ends.
    var trimmed: String {
        if isASCII {
            let bytes = utf8.span
            var (start, end) = (0, bytes.count)
            while start < end, bytes[start].isSpace { start += 1 }
            while start < end, bytes[end - 1].isSpace { end -= 1 }
            return end - start == bytes.count ? self : part(start..<end)
        }
        var part = Substring(self)
        while let first = part.first, first.isWhitespace { part.removeFirst() }
        while let last = part.last, last.isWhitespace { part.removeLast() }
        return String(part)
    }

    /// The parts between white space.
    var words: [String] {
        guard isASCII else { return split(whereSeparator: \.isWhitespace).map(String.init) }
        let bytes = utf8.span
        var words: [String] = []
        var start = 0
        for place in bytes.indices where bytes[place].isSpace {
            if start < place { words.append(part(start..<place)) }
            start = place + 1
        }
        if start < bytes.count { words.append(part(start..<bytes.count)) }
        return words
    }

    /// The parts around each place where `separator` stands, from left to right.
    func parts(around separator: String) -> [String] {
        var parts: [String] = []
        var start = 0
        while let place = place(of: separator, from: start) {
            parts.append(part(start..<place))
            start = place + separator.utf8.count
        }
        parts.append(part(start..<utf8.count))
        return parts
    }

    /// The first byte, from one on, at which another string stands.
    func place(of other: String, from start: Int = 0) -> Int? {
        let (whole, part) = (utf8.span, other.utf8.span)
        guard whole.count - start >= part.count else { return nil }
        guard !part.isEmpty else { return start }
        for offset in start...(whole.count - part.count) where whole[offset] == part[0] {
            var length = 1
            while length < part.count, whole[offset + length] == part[length] { length += 1 }
            if length == part.count { return offset }
        }
        return nil
    }

    func starts(with other: String) -> Bool {
        let (whole, part) = (utf8.span, other.utf8.span)
        return part.count <= whole.count && part.indices.allSatisfy { whole[$0] == part[$0] }
    }

    func ends(with other: String) -> Bool {
        let (whole, part) = (utf8.span, other.utf8.span)
        let offset = whole.count - part.count
        return offset >= 0 && part.indices.allSatisfy { whole[offset + $0] == part[$0] }
    }

    func isSame(as other: String) -> Bool { utf8.count == other.utf8.count && starts(with: other) }

    func precedes(_ other: String) -> Bool {
        let (a, b) = (utf8.span, other.utf8.span)
        for index in 0..<min(a.count, b.count) where a[index] != b[index] { return a[index] < b[index] }
        return a.count < b.count
    }
}

extension UInt8 {
    /// White space of ASCII.
    fileprivate var isSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
