/// Comma-separated values (RFC 4180): quoted cells with commas, newlines and doubled quotes, LF or CRLF, a byte
/// order mark, gzip. An empty cell is missing, quoted or not.
public enum CSV {
    public struct Options: Sendable {
        public var delimiter: UInt8
        /// Cells with one of these texts are missing, besides empty ones.
        public var na: [String]
        /// The columns to read, in this order; all when `nil`.
        public var columns: [String]?
        /// Kinds that are not to be inferred.
        public var types: [String: ColumnKind]
        /// Whether the first record names the columns; otherwise they are `column_1`, `column_2`, …
        public var header: Bool

        public init(
            delimiter: UInt8 = UInt8(ascii: ","), na: [String] = [], columns: [String]? = nil,
            types: [String: ColumnKind] = [:], header: Bool = true
        ) {
            self.delimiter = delimiter
            self.na = na
            self.columns = columns
            self.types = types
            self.header = header
        }
    }

    /// What the head of a file tells without reading the rest.
    public struct Header: Sendable, Equatable {
        /// The names of the columns chosen by the options.
        public var names: [String]
        /// The cells of the first row of values, in the same order; empty when the file holds none.
        public var firstRow: [String]
        /// The columns that the first rows make columns of strings, whatever follows, each with a cell that does.
        public var texts: [String: String] = [:]
        /// All columns, where the first rows are all that there is.
        public var columns: [Column]?
    }

    /// Columns with their names.
    public struct Contents: Sendable, Equatable {
        public var names: [String]
        public var columns: [Column]
        public init(names: [String], columns: [Column]) { (self.names, self.columns) = (names, columns) }
    }

    /// How many rows and bytes of a file the check looks at.
    private static let sample = (rows: 5000, bytes: 1 << 18)

    /// Reads the names and the first rows.
    public static func readHeader(_ path: String, options: Options = Options()) throws(FormatError) -> Header {
        var scanner = try CSVScanner(ByteStream(path), delimiter: options.delimiter)
        let layout = try Layout(&scanner, options)
        let names = layout.chosen.map { layout.names[$0] }
        var hasRow = layout.firstIsData
        // A row that cannot be read, or does not end soon, is the run's to report.
        if !hasRow { hasRow = (try? scanner.next(within: sample.bytes)) ?? false }
        guard hasRow, scanner.fields.count == layout.names.count else {
            return Header(names: names, firstRow: [])
        }
        var header = Header(names: names, firstRow: layout.chosen.map { scanner.text($0) })
        let na = Set(options.na.map { Array($0.utf8) })
        var builders = names.map { CSVColumnBuilder(options.types[$0]) }
        for (slot, name) in names.enumerated() where builders[slot].isText { header.texts[name] = header.firstRow[slot] }
        var (bytes, isWhole) = (0, false)
        for _ in 0..<sample.rows where bytes < sample.bytes {
            guard scanner.fields.count == layout.names.count else { break }
            for (slot, column) in layout.chosen.enumerated() where !builders[slot].isText {
                _ = builders[slot].append(scanner.fields[column], in: scanner.buffer, na: na)
                if builders[slot].isText { header.texts[names[slot]] = scanner.text(column) }
            }
            bytes += (scanner.fields.last?.end ?? 0) - (scanner.fields.first?.start ?? 0)
            guard let more = try? scanner.next(within: sample.bytes) else { break }
            isWhole = !more
            if isWhole { break }
        }
        if isWhole { header.columns = try? read(path, options: options).columns }
        return header
    }

    /// Reads a file. Each column's kind is the first of int, float, bool, string that all its cells have; numbers
    /// are exact. `nan`, `NA`, `null` and the like are missing numbers or truth values; in a column of text they are text.
    public static func read(_ path: String, options: Options = Options()) throws(FormatError) -> Contents {
        try read(options) { () throws(FormatError) in try ByteStream(path) }
    }

    /// Reads text in memory; `path` names it in errors.
    public static func parse(_ bytes: [UInt8], path: String = "text", options: Options = Options())
        throws(FormatError) -> Contents
    {
        try read(options) { () throws(FormatError) in try ByteStream(bytes, path: path) }
    }

    private static func read(_ options: Options, _ open: () throws(FormatError) -> ByteStream)
        throws(FormatError) -> Contents
    {
        let (layout, first) = try columns(open(), options, late: [])
        var builders = first
        // Columns that turned out to be text after numbers were read are read once more, as they are written.
        let late = builders.indices.filter { builders[$0].needsText }
        if !late.isEmpty {
            let again = try columns(open(), options, late: Set(late.map { layout.chosen[$0] })).builders
            for index in late { builders[index] = again[index] }
        }
        return Contents(names: layout.chosen.map { layout.names[$0] }, columns: builders.map { $0.column() })
    }

    /// One pass over the file; with `late`, only these columns, as strings.
    private static func columns(_ stream: ByteStream, _ options: Options, late: Set<Int>)
        throws(FormatError) -> (layout: Layout, builders: [CSVColumnBuilder])
    {
        var scanner = try CSVScanner(stream, delimiter: options.delimiter)
        let layout = try Layout(&scanner, options)
        let na = Set(options.na.map { Array($0.utf8) })
        var builders = layout.chosen.map { CSVColumnBuilder(options.types[layout.names[$0]] ?? (late.contains($0) ? .string : nil)) }
        let wanted = Array(layout.chosen.enumerated()).filter { late.isEmpty || late.contains($0.element) }
        let width = layout.names.count
        var more = layout.firstIsData
        if !more { more = try scanner.next() }
        while more {
            if scanner.fields.count != width {
                // An empty line is no row, except where it can only be a missing cell.
                let blank = scanner.fields.count == 1 && scanner.fields[0].start == scanner.fields[0].end
                if !blank {
                    throw FormatError(
                        stream.path, .line(scanner.line, column: 1),
                        "this row has \(cells(scanner.fields.count)), the header \(width)",
                        mend: scanner.fields.count > width ? "quote cells that contain the delimiter" : nil)
                }
            } else if width > 1 || !scanner.isLastBlank {
                for (slot, column) in wanted {
                    let field = scanner.fields[column]
                    let problem = builders[slot].append(field, in: scanner.buffer, na: na)
                    if let problem {
                        throw FormatError(
                            stream.path, .line(scanner.line(of: field), column: scanner.column(of: field)),
                            "`\(shortened(scanner.text(column)))` in column `\(layout.names[column])` is not \(problem)",
                            mend: problem == CSVColumnBuilder.encoding
                                ? "save the file as UTF-8" : "leave the column out of `types`, or name the cell in `na`")
                    }
                }
            }
            more = try scanner.next()
        }
        return (layout, builders)
    }

    private static func cells(_ count: Int) -> String { count == 1 ? "1 cell" : "\(count) cells" }
    private static func shortened(_ text: String) -> String { text.count > 40 ? text.prefix(39) + "…" : text }

    /// Names and the choice of columns.
    private struct Layout {
        var names: [String] = []
        var chosen: [Int] = []
        /// Whether the scanner stands on a row of values.
        var firstIsData = false

        init(_ scanner: inout CSVScanner, _ options: Options) throws(FormatError) {
            let path = scanner.path
            guard try scanner.next() else { throw FormatError(path, "the file is empty") }
            guard scanner.fields.count <= 1_000_000 else {
                throw FormatError(path, "the first line has \(scanner.fields.count) cells", mend: "is this a CSV file?")
            }
            if options.header {
                for index in scanner.fields.indices {
                    if let bad = scanner.invalidText(index) {
                        throw FormatError(path, .byte(bad), "the header is not UTF-8 text", mend: "is this a CSV file?")
                    }
                    names.append(scanner.text(index))
                }
            } else {
                names = scanner.fields.indices.map { "column_\($0 + 1)" }
                firstIsData = true
            }
            // Nameless and repeated columns get names of their own.
            var seen: Set<String> = []
            for index in names.indices {
                if names[index].isEmpty { names[index] = "column_\(index + 1)" }
                let base = names[index]
                var number = 2
                while !seen.insert(names[index]).inserted {
                    names[index] = "\(base)_\(number)"
                    number += 1
                }
            }
            for name in options.types.keys.sorted() where !seen.contains(name) { throw unknown(name, path) }
            let places = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
            var taken: Set<Int> = []
            for name in options.columns ?? names {
                guard let place = places[name] else { throw unknown(name, path) }
                if !taken.insert(place).inserted {
                    throw FormatError(code: "E0603", path, "column `\(name)` is asked for twice")
                }
                chosen.append(place)
            }
        }

        private func unknown(_ name: String, _ path: String) -> FormatError {
            FormatError(
                code: "E0603", path, .line(1, column: 1), "`\(path)` has no column `\(name)`",
                mend: Names.mend(name, in: names))
        }
    }

    /// Writes columns of one length; a missing cell is empty.
    public static func write(_ contents: Contents, to path: String, delimiter: UInt8 = UInt8(ascii: ",")) throws(FormatError) {
        let file = try OutputFile(path)
        var buffer: [UInt8] = []
        append(contents.names, to: &buffer, delimiter)
        for row in 0..<(contents.columns.first?.count ?? 0) {
            append(contents.columns.map { $0[row].text }, to: &buffer, delimiter)
            if buffer.count > 1 << 20 {
                try file.write(buffer)
                buffer.removeAll(keepingCapacity: true)
            }
        }
        try file.write(buffer)
        try file.commit()
    }

    /// What `write` puts into a file.
    public static func text(_ contents: Contents, delimiter: UInt8 = UInt8(ascii: ",")) -> String {
        var buffer: [UInt8] = []
        append(contents.names, to: &buffer, delimiter)
        for row in 0..<(contents.columns.first?.count ?? 0) { append(contents.columns.map { $0[row].text }, to: &buffer, delimiter) }
        return String(decoding: buffer, as: UTF8.self)
    }

    /// One line.
    private static func append(_ cells: [String], to buffer: inout [UInt8], _ delimiter: UInt8) {
        for (index, cell) in cells.enumerated() {
            if index > 0 { buffer.append(delimiter) }
            append(cell, to: &buffer, delimiter)
        }
        buffer.append(UInt8(ascii: "\n"))
    }

    private static func append(_ text: String, to buffer: inout [UInt8], _ delimiter: UInt8) {
        let quote = UInt8(ascii: "\"")
        var needsQuotes = false
        for byte in text.utf8 where byte == delimiter || byte == quote || byte == 10 || byte == 13 { needsQuotes = true }
        guard needsQuotes else {
            buffer += text.utf8
            return
        }
        buffer.append(quote)
        for byte in text.utf8 {
            if byte == quote { buffer.append(quote) }
            buffer.append(byte)
        }
        buffer.append(quote)
    }
}
