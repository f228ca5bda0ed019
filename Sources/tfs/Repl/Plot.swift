internal import Language

/// Curves in text: series with axes, and below them their ends and extremes.
struct Plot {
    private let panels: [[Series]]
    private let width: Int
    private let isASCII: Bool

    /// A history's values on held-out data share the panel of those on the training data (`loss` and `val_loss`); other names
    /// have scales of their own. Series without names of that kind stand together.
    init(_ series: [Series], width: Int, isASCII: Bool) {
        func base(_ name: String) -> String { name.hasPrefix("val_") ? String(name.dropFirst(4)) : String(name.prefix { $0 != "[" }) }
        var panels: [(base: String, series: [Series])] = []
        for one in series {
            if let index = panels.firstIndex(where: { $0.base == base(one.name) }) {
                panels[index].series.append(one)
            } else {
                panels.append((base(one.name), [one]))
            }
        }
        self.panels = panels.map(\.series)
        self.width = min(max(width, 20), 100)
        self.isASCII = isASCII
    }

    var text: String { panels.map(draw).joined(separator: "\n") }

    private static let rows = 10
    private var marks: [Character] { isASCII ? ["*", "o", "x", "+", "#", "@"] : ["•", "○", "×", "+", "▪", "▫"] }

    private func draw(_ series: [Series]) -> String {
        let finite = series.flatMap(\.values).filter(\.isFinite)
        guard var low = finite.min(), var high = finite.max() else { return series.map { "\($0.name): no finite number\n" }.joined() }
        if low == high { (low, high) = low == 0 ? (-1, 1) : (low - abs(low) / 2, high + abs(high) / 2) }
        let rows = Self.rows
        func value(atRow row: Int) -> Double { high - (high - low) * (Double(row) / Double(rows - 1)) }
        let ticks = (0..<rows).map { $0 % 3 == 0 ? Self.figure(value(atRow: $0), (high - low)) : "" }
        let margin = (ticks.map(\.count).max() ?? 0) + 2
        let length = series.map(\.values.count).max() ?? 0
        let columns = max(min(width - margin - 1, length == 1 ? 1 : .max), 1)
        var cells = Array(repeating: Array(repeating: Character(" "), count: columns), count: rows)
        for (index, one) in series.enumerated() {
            var last: Int?
            for column in 0..<columns {
                guard let value = Self.sample(one.values, of: length, column, columns) else {
                    last = nil
                    continue
                }
                // Huge numbers must not overflow where they are subtracted.
                let share = (high / 2 - value / 2) / (high / 2 - low / 2)
                let row = min(max(Int((share * Double(rows - 1)).rounded()), 0), rows - 1)
                // A steep curve stays one line.
                let from = last.map { $0 < row ? $0 + 1 : $0 > row ? $0 - 1 : row } ?? row
                for crossed in min(from, row)...max(from, row) { cells[crossed][column] = marks[index % marks.count] }
                last = row
            }
        }
        let (axis, corner, floor): (String, String, String) = isASCII ? ("|", "+", "-") : ("│", "└", "─")
        var text = ""
        for row in 0..<rows {
            let line = String(cells[row])
            text += String(repeating: " ", count: margin - 1 - ticks[row].count) + ticks[row] + " " + axis + line.trimmedEnd + "\n"
        }
        text += String(repeating: " ", count: margin) + corner + String(repeating: floor, count: columns) + "\n"
        let end = "\(length)"
        text += String(repeating: " ", count: margin + 1) + (columns > end.count + 1 ? "1" + String(repeating: " ", count: columns - 1 - end.count) + end : end) + "\n"
        return text + legend(series)
    }

    /// The curve's value at a column: between its points, or the mean of those that share the column. `nil` where there is none.
    private static func sample(_ values: [Double], of length: Int, _ column: Int, _ columns: Int) -> Double? {
        if length <= 1 || columns <= 1 { return values.first.flatMap { $0.isFinite ? $0 : nil } }
        if length > columns {
            let (from, to) = (column * length / columns, max((column + 1) * length / columns, column * length / columns + 1))
            let part = values[min(from, values.count)..<min(to, values.count)].filter(\.isFinite)
            return part.isEmpty ? nil : part.reduce(0) { $0 + $1 / Double(part.count) }
        }
        let place = Double(column) * Double(length - 1) / Double(columns - 1)
        let index = Int(place)
        guard index < values.count, values[index].isFinite else { return nil }
        guard index + 1 < values.count, values[index + 1].isFinite else { return place - Double(index) < 0.5 ? values[index] : nil }
        let share = place - Double(index)
        return values[index] * (1 - share) + values[index + 1] * share
    }

    private func legend(_ series: [Series]) -> String {
        let column = min((series.map(\.name.count).max() ?? 0) + 2, 24)
        return series.enumerated().map { index, one in
            var line = "  \(marks[index % marks.count]) " + one.name.padded(to: column)
            let finite = one.values.enumerated().filter(\.element.isFinite)
            if let last = one.values.last { line += "last \(Self.figure(last, 0))" }
            if let low = finite.min(by: { $0.element < $1.element }), let high = finite.max(by: { $0.element < $1.element }) {
                line += "  min \(Self.figure(low.element, 0)) at \(low.offset + 1)  max \(Self.figure(high.element, 0)) at \(high.offset + 1)"
            }
            if finite.count < one.values.count { line += "  (\(one.values.count - finite.count) not finite)" }
            return String(line.prefix(width)) + "\n"
        }.joined()
    }

    /// Four significant digits; of an axis, as many as tell its ticks apart.
    private static func figure(_ value: Double, _ range: Double) -> String {
        guard value.isFinite else { return "\(value)" }
        let size = max(abs(value), range)
        if size == 0 { return "0" }
        if size >= 1e6 || size < 1e-4 {
            var (digits, exponent) = (value, 0)
            while abs(digits) >= 10 { (digits, exponent) = (digits / 10, exponent + 1) }
            while abs(digits) < 1, digits != 0 { (digits, exponent) = (digits * 10, exponent - 1) }
            return "\((digits * 100).rounded() / 100)e\(exponent)"
        }
        var scale = 1.0
        while size * scale < 1000 { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        return rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)"
    }
}
