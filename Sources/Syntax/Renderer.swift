/// Draws diagnostics for people: the one place that knows how they look.
public struct Renderer: Sendable {
    /// How many columns there are, from 40 to 200.
    public var width: Int
    public var usesColor: Bool
    /// For terminals without UTF-8: boxes of ASCII, other characters as `\u{…}`.
    public var usesASCII: Bool

    public init(width: Int = 100, usesColor: Bool = false, usesASCII: Bool = false) {
        self.width = min(max(width, 40), 200)
        self.usesColor = usesColor
        self.usesASCII = usesASCII
    }

    /// `file:line:column: error[E0123]: what`
    public func line(_ diagnostic: Diagnostic) -> String {
        let place = diagnostic.at.map { self.place($0.range) + ": " } ?? ""
        return place + "\(title(diagnostic)): \(clean(diagnostic.what))"
    }

    /// The whole drawing, in lines, without a newline at the end.
    public func render(_ diagnostic: Diagnostic) -> String {
        let style: Style = diagnostic.severity == .error ? .error : .warning
        var lines = hanging(title(diagnostic) + ":", style, wrapped(clean(diagnostic.what), to: width - title(diagnostic).count - 2), .bold)
        if let primary = diagnostic.at { lines += snippets(primary, diagnostic.also) }
        for (label, text) in [("why", diagnostic.why), ("mend", diagnostic.mend)] {
            guard let text else { continue }
            lines += hanging(label + ":", .label, wrapped(text, to: width - label.count - 4), indent: 2)
        }
        lines += calls(diagnostic.calls)
        return lines.joined(separator: "\n")
    }

    private func title(_ diagnostic: Diagnostic) -> String {
        "\(diagnostic.severity == .error ? "error" : "warning")[\(diagnostic.code)]"
    }

    private func place(_ range: SourceRange) -> String {
        let (line, column) = range.source.position(of: range.start)
        return "\(clean(range.source.path)):\(line):\(column)"
    }

    // MARK: Source lines

    /// A part of one line that gets marks below it.
    private struct Mark {
        var line: Int
        var start: Int
        var end: Int
        var text: String
        var isPrimary: Bool
    }

    private func snippets(_ primary: Label, _ also: [Label]) -> [String] {
        // The primary file first, then the others in order of appearance.
        var sources = [primary.range.source]
        for label in also where !sources.contains(where: { $0 === label.range.source }) { sources.append(label.range.source) }
        var lines: [String] = []
        let all = [(primary, true)] + also.map { ($0, false) }
        let groups = sources.map { source in
            all.filter { $0.0.range.source === source }.flatMap { marks($0.0, isPrimary: $0.1) }
                .sorted { ($0.line, $0.start) < ($1.line, $1.start) }
        }
        let gutter = String(groups.joined().map(\.line).max() ?? 1).count
        for (index, source) in sources.enumerated() {
            let first = index == 0 ? primary.range : also.first { $0.range.source === source }?.range ?? primary.range
            let corner = usesASCII ? "-->" : index == 0 ? "┌" : "├"
            // A line just entered needs no name.
            if source.path != SourceText.promptPath || source.lineStarts.count > 1 || sources.count > 1 {
                lines.append(spaces(gutter + 1) + paint(corner, .frame) + " " + place(first))
            }
            lines += draw(groups[index], in: source, gutter: gutter)
        }
        return lines
    }

    /// One mark for a range on one line; two, at its ends, for a longer one.
    private func marks(_ label: Label, isPrimary: Bool) -> [Mark] {
        let source = label.range.source
        var end = max(label.range.end, label.range.start)
        if end > label.range.start, end <= source.utf8.count, source.utf8[end - 1] == 0x0A { end -= 1 }
        let (first, _) = source.position(of: label.range.start)
        let (last, _) = source.position(of: end)
        if first == last {
            return [Mark(line: first, start: label.range.start, end: end, text: label.text, isPrimary: isPrimary)]
        }
        return [
            Mark(line: first, start: label.range.start, end: lineEnd(source, first), text: "", isPrimary: isPrimary),
            Mark(line: last, start: firstInk(source, last), end: end, text: label.text, isPrimary: isPrimary),
        ]
    }

    private func lineEnd(_ source: SourceText, _ line: Int) -> Int {
        var end = line < source.lineStarts.count ? source.lineStarts[line] - 1 : source.utf8.count
        if end > source.lineStarts[line - 1], source.utf8[end - 1] == 0x0D { end -= 1 }
        return end
    }

    private func firstInk(_ source: SourceText, _ line: Int) -> Int {
        var index = source.lineStarts[line - 1]
        let end = lineEnd(source, line)
        while index < end, source.utf8[index] == 0x20 || source.utf8[index] == 0x09 { index += 1 }
        return index
    }

    private func draw(_ marks: [Mark], in source: SourceText, gutter: Int) -> [String] {
        var lines: [String] = []
        var shown: (line: Int, window: Window)?
        for mark in marks {
            if let last = shown?.line, mark.line > last + 1 {
                lines.append(spaces(gutter + 1) + paint(usesASCII ? ":" : "┆", .frame))
            }
            var window = Window(start: 0, end: 0, cells: [])
            if let shown, shown.line == mark.line, shown.window.start <= mark.start, mark.end <= shown.window.end {
                window = shown.window
            } else {
                window = self.window(source, mark, columns: max(width - gutter - 3, 20))
                let number = String(mark.line)
                lines.append(
                    paint(spaces(gutter - number.count) + number + " " + bar, .frame)
                        + (window.text.isEmpty ? "" : " " + window.text))
                shown = (mark.line, window)
            }
            let (column, length) = window.columns(of: mark.start, mark.end)
            let signs = String(repeating: mark.isPrimary ? "^" : "-", count: max(length, 1))
            for line in marked(signs, from: column, mark.text, columns: max(width - gutter - 3, 20)) {
                lines.append(
                    spaces(gutter + 1) + paint(bar, .frame) + " " + spaces(line.column)
                        + paint(line.text, mark.isPrimary ? .error : .frame))
            }
        }
        return lines
    }

    /// The signs below a part of a line and the words about it: behind the signs where there is room, else below them.
    private func marked(_ signs: String, from column: Int, _ text: String, columns: Int) -> [(column: Int, text: String)] {
        if text.isEmpty { return [(column, signs)] }
        let behind = column + signs.count + 1
        let least = 24
        if behind + self.columns(clean(text)) <= columns || columns - behind >= least {
            return wrapped(clean(text), to: columns - behind).enumerated().map { $0 == 0 ? (column, signs + " " + $1) : (behind, $1) }
        }
        let start = max(min(column, columns - least), 0)
        return [(column, signs)] + wrapped(clean(text), to: columns - start).map { (start, $0) }
    }

    private var bar: String { usesASCII ? "|" : "│" }

    /// What is shown of a line.
    private struct Window {
        struct Cell {
            var text: String
            var width: Int
            var offset: Int
        }
        /// The bytes that it covers.
        var start: Int
        var end: Int
        var cells: [Cell]

        var text: String {
            var text = cells.map(\.text).joined()
            while text.last == " " { text.removeLast() }
            return text
        }

        func columns(of start: Int, _ end: Int) -> (column: Int, length: Int) {
            var column = 0
            var length = 0
            for cell in cells {
                if cell.offset < start { column += cell.width } else if cell.offset < end { length += cell.width }
            }
            return (column, length)
        }
    }

    /// The whole line where it fits, else the surroundings of the mark; the work does not grow with the line.
    private func window(_ source: SourceText, _ mark: Mark, columns: Int) -> Window {
        let lineStart = source.lineStarts[mark.line - 1]
        let lineEnd = lineEnd(source, mark.line)
        func aligned(_ offset: Int) -> Int {
            var offset = offset
            while offset > lineStart, offset < lineEnd, source.utf8[offset] & 0xC0 == 0x80 { offset -= 1 }
            return offset
        }
        let from = aligned(max(lineStart, mark.start - 4 * columns))
        let to = aligned(min(lineEnd, max(mark.start, from) + 8 * columns))
        var cells: [Window.Cell] = []
        var offset = from
        var column = 0
        for scalar in String(decoding: source.utf8[from..<to], as: UTF8.self).unicodeScalars {
            let (text, width) = scalar == "\t" ? (spaces(4 - column % 4), 4 - column % 4) : cell(scalar)
            cells.append(Window.Cell(text: text, width: width, offset: offset))
            offset += UTF8.width(scalar)
            column += width
        }
        if from == lineStart, to == lineEnd, column <= columns { return Window(start: lineStart, end: lineEnd, cells: cells) }

        // Keep a third of the room before the mark, and put dots where something is left out.
        let dots = usesASCII ? "..." : "…"
        let room = columns - 2 * dots.count
        let marked = cells.firstIndex { $0.offset >= mark.start } ?? cells.count
        var first = marked
        var used = 0
        while first > 0, used + cells[first - 1].width <= room / 3 {
            first -= 1
            used += cells[first].width
        }
        if from == lineStart, cells[..<first].reduce(0, { $0 + $1.width }) <= dots.count {
            used += cells[..<first].reduce(0) { $0 + $1.width }
            first = 0
        }
        var last = marked
        while last < cells.count, used + cells[last].width <= room {
            used += cells[last].width
            last += 1
        }
        var window = Array(cells[first..<last])
        let start = first < cells.count ? cells[first].offset : offset
        let end = last < cells.count ? cells[last].offset : offset
        if start > lineStart { window.insert(Window.Cell(text: dots, width: dots.count, offset: start - 1), at: 0) }
        if end < lineEnd { window.append(Window.Cell(text: dots, width: dots.count, offset: .max)) }
        return Window(start: start, end: max(end, mark.start), cells: window)
    }

    // MARK: Text

    /// How a character is shown, and in how many columns. What would move the cursor is not let through.
    private func cell(_ scalar: Unicode.Scalar) -> (String, Int) {
        if scalar.value >= 0x20, scalar.value < 0x7F { return (String(scalar), 1) }
        if usesASCII {
            let text = "\\u{" + String(scalar.value, radix: 16) + "}"
            return (text, text.utf8.count)
        }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return ("\u{FFFD}", 1)
        case .format: return scalar == "\u{200D}" ? (String(scalar), 0) : ("\u{FFFD}", 1)
        case .nonspacingMark, .enclosingMark: return (String(scalar), 0)
        default: return (String(scalar), Self.isWide(scalar) ? 2 : 1)
        }
    }

    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
            0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            true
        default: scalar.properties.isEmojiPresentation
        }
    }

    private func clean(_ text: String) -> String {
        // A name of ten megabytes says no more than its ends.
        if text.utf8.count > 2000 { return clean(String(text.prefix(200))) + (usesASCII ? "..." : "…") + clean(String(text.suffix(40))) }
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
        return text.unicodeScalars.map { $0 == "\n" || $0 == "\t" ? " " : cell($0).0 }.joined()
    }

    private func columns(_ text: some StringProtocol) -> Int { text.unicodeScalars.reduce(0) { $0 + cell($1).1 } }

    private func spaces(_ count: Int) -> String { String(repeating: " ", count: max(count, 0)) }

    /// A text in lines of at most so many columns, broken between words; code in backticks stays whole where it can.
    private func wrapped(_ text: String, to room: Int) -> [String] {
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var line = ""
            for word in words(paragraph, within: room) {
                if !line.isEmpty, columns(line) + 1 + columns(word) > room {
                    lines.append(line)
                    line = word
                } else {
                    line += line.isEmpty ? word : " " + word
                }
            }
            lines.append(line)
        }
        return lines
    }

    /// Words as they are shown; one that begins code in backticks goes on to the code's end, unless that is too wide for a line.
    private func words(_ text: Substring, within room: Int) -> [String] {
        var words: [String] = []
        var code: [String] = []
        func isOdd(_ text: String) -> Bool { text.utf8.count { $0 == UInt8(ascii: "`") } % 2 == 1 }
        func endCode() {
            let whole = code.joined(separator: " ")
            words += columns(whole) <= room ? [whole] : code
            code = []
        }
        for word in text.split(separator: " ", omittingEmptySubsequences: false).map({ clean(String($0)) }) {
            if code.isEmpty, !isOdd(word) {
                words.append(word)
            } else {
                code.append(word)
                if code.count > 1, isOdd(word) { endCode() }
            }
        }
        // What was never closed is no code.
        return words + code
    }

    /// Lines behind a label, the further ones below the first.
    private func hanging(_ label: String, _ style: Style, _ lines: [String], _ body: Style? = nil, indent: Int = 0) -> [String] {
        lines.enumerated().map { index, line in
            let line = body.map { paint(line, $0) } ?? line
            return index == 0 ? spaces(indent) + paint(label, style) + " " + line : spaces(indent + label.count + 1) + line
        }
    }

    /// The calls that led to the mistake, the middle of a long chain left out.
    private func calls(_ calls: [Label]) -> [String] {
        var lines: [String] = []
        for (index, call) in calls.enumerated() {
            if calls.count > 12, index >= 6, index < calls.count - 4 {
                if index == 6 { lines.append("  \(usesASCII ? "..." : "…") \(calls.count - 10) more calls") }
                continue
            }
            let (word, place, words) = (index == 0 ? "called" : "and", place(call.range), clean(call.text))
            let isWide = 6 + word.count + columns(place) + columns(words) > width
            lines.append("  " + paint(word, .label) + " at " + place + (words.isEmpty || isWide ? "" : " " + words))
            if isWide { lines.append("    " + words) }
        }
        return lines
    }

    private enum Style: String { case error = "1;31", warning = "1;33", bold = "1", frame = "34", label = "36" }

    private func paint(_ text: String, _ style: Style) -> String {
        usesColor && !text.isEmpty ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }
}
