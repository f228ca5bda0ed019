internal import Formats
internal import Glibc

extension Table: CustomStringConvertible {
    /// The table for a screen of 100 columns, ten rows long.
    public var description: String { text() }

    /// Aligned columns: numbers to the right, other cells to the left, missing ones as `-`, columns that do not fit
    /// and rows beyond `rows` as `…`, and the table's size below.
    public func text(width: Int = 100, rows limit: Int = 10) -> String {
        guard let count else { return "a table of \(names.joined(separator: ", "))" }
        let limit = min(max(limit, 2), 1 << 30)
        let shown: [Int] = count <= limit ? Array(0..<count) : Array(0..<(limit + 1) / 2) + Array((count - limit / 2)..<count)
        var lines = Array(repeating: "", count: shown.count + 1)
        var used = 0
        for (index, column) in columns.enumerated() {
            var cells = [Self.cut(names[index])]
            cells += shown.map { column.isMissing($0) ? "-" : Self.cut(Self.short(column[$0])) }
            let size = cells.map(\.count).max() ?? 0
            let last = index == columns.count - 1
            if used + size + (last ? 0 : 3) > width, index > 0 {
                for line in lines.indices { lines[line] += "  …" }
                break
            }
            let isNumeric = if case .numbers = column.values { true } else { false }
            for (line, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: size - cell.count)
                lines[line] += (index > 0 ? "  " : "") + (isNumeric ? padding + cell : cell + padding)
            }
            used += size + 2
        }
        if count > shown.count { lines.insert("…", at: 1 + (limit + 1) / 2) }
        let size = "[\(count) \(count == 1 ? "row" : "rows"), \(names.count) \(names.count == 1 ? "column" : "columns")]"
        return (lines.map(Self.trimmed) + [size]).joined(separator: "\n")
    }

    /// Floats with six significant digits.
    private static func short(_ cell: Cell) -> String {
        guard case .float(let value) = cell, value.isFinite, value != 0 else { return cell.text }
        let exponent = Int(log10(value.magnitude).rounded(.down))
        guard exponent >= -4, exponent < 15 else { return value.description }
        var scale = 1.0
        for _ in 0..<abs(5 - exponent) { scale *= 10 }
        let rounded = exponent <= 5 ? (value * scale).rounded() / scale : (value / scale).rounded() * scale
        return rounded.description
    }

    private static func cut(_ text: String) -> String {
        let clean = String(text.map { $0.isNewline || $0 == "\t" ? " " : $0 })
        return clean.count > 30 ? clean.prefix(29) + "…" : clean
    }

    private static func trimmed(_ line: String) -> String {
        String(line.reversed().drop { $0 == " " }.reversed())
    }
}
