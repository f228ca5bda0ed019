/// Bracketed lists, and the fields of records.
extension Printer {
    /// One item of a bracketed list.
    struct Item {
        var start: Int
        var flat: String?
        /// A number, a word: so short that several share a line.
        var isShort = false
        /// Nothing in it can be broken.
        var isWhole = false
        /// What stays on the line where it spreads.
        var lead: String?
        var write: (inout Printer) -> Void
    }

    /// Whether an item may spread over lines while the others stay on the first and last of them.
    enum Hug: Equatable {
        case never
        /// This one does, rather than that all go to a line of their own.
        case first(Int)
        /// The last one does, where they do not fit there.
        case last
    }

    /// Writes the items and the brackets around them, the first of which is next: on one line, on a line of their own, the
    /// last of them spread out, several to a line if they are short, or else one to a line.
    mutating func write(_ items: [Item], hug: Hug = .never, keepsRows: Bool = false) {
        let opening = upcoming
        let closing = tokens[max(opening.payload, next)]
        let isCommented = hasComment(from: opening.start, to: closing.start)
        let isTorn = isCommented || keepsRows || hasBlankLines(items)
        let open = source.text(SourceRange(source, opening.start, opening.end))
        let close = source.text(SourceRange(source, closing.start, closing.end))
        let row = isTorn ? nil : flat(items)
        if let row, fits(open + row + close) { return put(open + row + close, until: closing.end) }
        if case .first(let index) = hug, writeHugging(items, index, open, closing) { return }
        // Where it cannot fit, a line of its own is no help.
        if let row, items.count == 1, items[0].isWhole, !fitsInside(row) { return put(open + row + close, until: closing.end) }
        if let row, !items.isEmpty, fitsInside(row) {
            token()
            indented { printer in
                printer.newLine(keepsBlank: false)
                printer.put(row, until: closing.start)
            }
            return token()
        }
        if hug == .last, writeHugging(items, items.count - 1, open, closing) { return }
        token()
        let isFilled = !isTorn && items.count > 4 && items.allSatisfy(\.isShort)
        indented { printer in
            for (index, item) in items.enumerated() {
                // A comma stands behind each.
                printer.trail = 1
                if isFilled, index > 0, let text = item.flat, printer.fits(" " + text) { printer.gap() } else { printer.newLine() }
                item.write(&printer)
                printer.comma()
            }
        }
        token()
    }

    private func fitsInside(_ row: String) -> Bool {
        (indent + 1) * 4 + row.unicodeScalars.count <= Self.width && !row.utf8.contains(0x0A)
    }

    private func hasBlankLines(_ items: [Item]) -> Bool { items.dropFirst().contains { hasBlankLine(before: $0.start) } }

    /// All items but one flat, and that one spread out, if it can be so.
    private mutating func writeHugging(_ items: [Item], _ index: Int, _ open: String, _ closing: Token) -> Bool {
        guard index >= 0, !hasBlankLines(items), !hasComment(from: upcoming.start, to: items[index].start) else { return false }
        let isLast = index == items.count - 1
        guard let before = flat(Array(items[..<index])), let after = flat(Array(items[(index + 1)...])) else { return false }
        let head = open + before + (before.isEmpty ? "" : ", ")
        let tail = isLast ? "" : ", " + after
        guard let lead = items[index].lead, fits(head + lead), indent * 4 + tail.unicodeScalars.count + trail + 2 <= Self.width else { return false }
        // A comment behind the item that spreads would take what follows with it.
        let end = isLast ? lastCode(before: closing.start) : items[index + 1].start
        if hasComment(from: isLast ? end : lastCode(before: end), to: closing.start) { return false }
        put(head, until: items[index].start)
        trailing(1 + tail.unicodeScalars.count) { items[index].write(&$0) }
        if !isLast { put(tail, until: closing.start) }
        skipComma()
        token()
        return true
    }

    /// Where the code before an offset ends, commas and separators passed over.
    private func lastCode(before offset: Int) -> Int {
        var index = self.index(from: offset) - 1
        while index > 0, [.comma, .newline, .semicolon].contains(tokens[index].kind) { index -= 1 }
        return tokens[max(index, 0)].end
    }

    /// Writes something that so many columns follow on its last line.
    mutating func trailing(_ columns: Int, _ body: (inout Printer) -> Void) {
        trail += columns
        body(&self)
        trail -= columns
    }

    // MARK: Fields

    /// The fields of a record or estimator, each on its line, without commas.
    mutating func writeFields(_ fields: [Field]) {
        token()
        indented { printer in
            for field in fields {
                printer.newLine()
                printer.trail = 0
                printer.write(field)
                printer.skipComma()
            }
        }
        token()
    }

    private mutating func write(_ field: Field) {
        token()
        switch field {
        case .value(_, let value):
            sign()
            writeBehindSign(value)
        case .function(_, let parameters, let body):
            trailing(2) { $0.write(parameters) }
            gap()
            write(body)
        case .shorthand: break
        case .spread(let value): write(value)
        }
    }
}
