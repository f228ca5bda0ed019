internal import Language
internal import Syntax

/// The costliest ops and lines of a run, and what is left beside them.
func profileTable(_ report: ProfileReport, width: Int) -> String {
    let most = 30
    let shown = report.rows.prefix(most), rest = report.rows.dropFirst(most)
    func place(_ row: ProfileReport.Row) -> String {
        row.source.map { "\($0.path.split(separator: "/").last ?? ""):\(row.line)" } ?? "no line"
    }
    func cells(_ seconds: Double, _ calls: String) -> String {
        let share = seconds / max(report.seconds, 1e-9)
        return right("\((share * 1000).rounded() / 10) %", 7) + right("\((seconds * 1e5).rounded() / 100) ms", 13) + right(calls, 10)
    }
    let column = shown.map { place($0).count }.max() ?? 0
    var lines = ["  share         time     calls  the line, what it computed, its text"]
    for row in shown {
        let ops = row.ops.count > 40 ? row.ops.prefix(39) + "…" : row.ops
        let text = row.source?.line(row.line).drop { $0 == " " } ?? ""
        let line = cells(row.seconds, "\(row.calls)") + "  " + left(place(row), column) + "  " + left(ops, 40) + "  " + text
        lines.append(line.count > width ? line.prefix(width - 1) + "…" : line)
    }
    func sum(_ rows: some Sequence<ProfileReport.Row>) -> Double { rows.reduce(0) { $0 + $1.seconds } }
    if !rest.isEmpty { lines.append(cells(sum(rest), "\(rest.reduce(0) { $0 + $1.calls })") + "  \(rest.count) more") }
    lines.append(cells(report.compiled.seconds, "\(report.compiled.programs)") + "  compiling programs")
    let other = max(0, report.seconds - sum(report.rows) - report.compiled.seconds)
    lines.append(cells(other, "") + "  all else: the check, the interpreter, data")
    return lines.joined(separator: "\n") + "\n"
}

private func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
private func left(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
