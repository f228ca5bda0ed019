/// Cuts a stream into records and cells without copying them.
struct CSVScanner {
    /// A cell's bytes in the buffer, without its quotes.
    struct Field {
        var start: Int
        var end: Int
        /// Whether doubled quotes are in it.
        var hasQuotes = false
    }

    let path: String
    private(set) var buffer: [UInt8] = []
    /// The cells of the record at hand.
    private(set) var fields: [Field] = []
    /// The line where the record begins, from 1.
    private(set) var line = 1
    private let stream: ByteStream
    private let delimiter: UInt8
    private var start = 0
    private var position = 0
    private var nextLine = 1
    private var consumed = 0
    private var ended = false

    init(_ stream: ByteStream, delimiter: UInt8) throws(FormatError) {
        self.stream = stream
        self.delimiter = delimiter
        path = stream.path
        try refill()
        if buffer.starts(with: [0xef, 0xbb, 0xbf]) { position = 3 }
    }

    /// Whether the record is an empty line at the end of the file.
    var isLastBlank: Bool { ended && position >= buffer.count && fields.count == 1 && fields[0].start == fields[0].end }

    /// Moves on to the next record; false at the end. One that is longer than `limit` is not read to its end.
    mutating func next(within limit: Int = .max) throws(FormatError) -> Bool {
        start = position
        line = nextLine
        while true {
            var cells = fields
            fields = []
            let outcome = Self.scan(buffer.span, from: start, delimiter, ended, &cells)
            fields = cells
            switch outcome {
            case .record(let end, let newlines):
                position = end
                nextLine = line + newlines
                return true
            case .nothing: return false
            case .needsMore:
                if buffer.count - start > limit { throw FormatError(path, .line(line, column: 1), "this row is longer than \(limit) bytes") }
                try refill()
            case .openQuote(let at):
                throw FormatError(
                    path, .line(line(at: at), column: column(at: at)), "this quote is never closed",
                    mend: "close it, or double it if it is part of the text")
            case .afterQuote(let at):
                throw FormatError(
                    path, .line(line(at: at), column: column(at: at)), "there is text after a closing quote",
                    mend: "a quote inside a quoted cell is written twice")
            }
        }
    }

    private enum Outcome { case record(end: Int, newlines: Int), nothing, needsMore, openQuote(Int), afterQuote(Int) }

    private static func scan(
        _ bytes: Span<UInt8>, from start: Int, _ delimiter: UInt8, _ ended: Bool, _ fields: inout [Field]
    ) -> Outcome {
        fields.removeAll(keepingCapacity: true)
        let (quote, newline, carriage) = (UInt8(ascii: "\""), UInt8(ascii: "\n"), UInt8(ascii: "\r"))
        let count = bytes.count
        if start >= count { return ended ? .nothing : .needsMore }
        var (at, newlines) = (start, 1)
        while true {
            var field = Field(start: at, end: at)
            if at < count, bytes[at] == quote {
                let opening = at
                at += 1
                field.start = at
                while true {
                    if at >= count { return ended ? .openQuote(opening) : .needsMore }
                    let byte = bytes[at]
                    if byte == quote {
                        if at + 1 >= count, !ended { return .needsMore }
                        if at + 1 < count, bytes[at + 1] == quote {
                            field.hasQuotes = true
                            at += 2
                            continue
                        }
                        break
                    }
                    if byte == newline { newlines += 1 }
                    at += 1
                }
                field.end = at
                at += 1
                if at < count, bytes[at] != delimiter, bytes[at] != newline, bytes[at] != carriage {
                    return .afterQuote(at)
                }
            } else {
                while at < count {
                    let byte = bytes[at]
                    if byte == delimiter || byte == newline || byte == carriage { break }
                    at += 1
                }
                field.end = at
            }
            fields.append(field)
            if at >= count { return ended ? .record(end: count, newlines: newlines) : .needsMore }
            let byte = bytes[at]
            if byte == delimiter {
                at += 1
                if at >= count, !ended { return .needsMore }
                continue
            }
            if byte == newline { return .record(end: at + 1, newlines: newlines) }
            // A carriage return ends a record, alone or before a newline.
            if at + 1 >= count, !ended { return .needsMore }
            return .record(end: at + 1 < count && bytes[at + 1] == newline ? at + 2 : at + 1, newlines: newlines)
        }
    }

    /// Drops what is read and appends more; a record longer than the buffer makes it grow.
    private mutating func refill() throws(FormatError) {
        if start > 0 {
            buffer.removeFirst(start)
            consumed += start
            start = 0
        }
        if try stream.read(into: &buffer, atMost: max(1 << 18, buffer.count)) == 0 { ended = true }
    }

    /// The text of a cell of the record at hand; bytes that are not UTF-8 become `�`.
    func text(_ index: Int) -> String {
        fields[index].text(in: buffer) ?? String(decoding: buffer[fields[index].start..<fields[index].end], as: UTF8.self)
    }

    /// The place of the first byte of a cell that is not UTF-8.
    func invalidText(_ index: Int) -> Int? {
        let field = fields[index]
        if String(validating: buffer[field.start..<field.end], as: UTF8.self) != nil { return nil }
        return consumed + field.start
    }

    func line(of field: Field) -> Int { line(at: field.start) }
    func column(of field: Field) -> Int { column(at: field.start) }
    private func line(at place: Int) -> Int { line + buffer[start..<place].count { $0 == 10 } }
    private func column(at place: Int) -> Int {
        place - (buffer[start..<place].lastIndex(of: 10).map { $0 + 1 } ?? start) + 1
    }
}

extension CSVScanner.Field {
    /// `nil` when the bytes are not UTF-8.
    func text(in buffer: [UInt8]) -> String? {
        guard hasQuotes else { return String(validating: buffer[start..<end], as: UTF8.self) }
        var (bytes, skip): ([UInt8], Bool) = ([], false)
        for byte in buffer[start..<end] {
            if byte == UInt8(ascii: "\""), !skip {
                skip = true
                bytes.append(byte)
            } else if byte == UInt8(ascii: "\"") {
                skip = false
            } else {
                skip = false
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
