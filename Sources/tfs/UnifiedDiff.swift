internal import Syntax

/// What turns a source into another text, in the form that `diff -u` and `patch` know.
func unifiedDiff(_ source: SourceText, _ text: String, path: String) -> String {
    let old = lines(String(decoding: source.utf8, as: UTF8.self)), new = lines(text)
    let changes = new.difference(from: old)
    var removed: Set<Int> = [], inserted: Set<Int> = []
    for change in changes {
        switch change {
        case .remove(let offset, _, _): removed.insert(offset)
        case .insert(let offset, _, _): inserted.insert(offset)
        }
    }
    /// Each line with its mark, and where it stands in both texts.
    var rows: [(mark: Character, text: Substring, old: Int, new: Int)] = []
    var (i, j) = (0, 0)
    while i < old.count || j < new.count {
        if removed.contains(i) {
            rows.append(("-", old[i], i, j))
            i += 1
        } else if inserted.contains(j) {
            rows.append(("+", new[j], i, j))
            j += 1
        } else {
            rows.append((" ", old[i], i, j))
            i += 1
            j += 1
        }
    }
    var result = "--- \(path)\n+++ \(path)\n"
    let context = 3
    var next = 0
    while let first = rows[next...].firstIndex(where: { $0.mark != " " }) {
        // A hunk goes on while changes are no further apart than their contexts.
        var last = first
        for index in first..<rows.count where rows[index].mark != " " && index - last <= 2 * context { last = index }
        let hunk = rows[max(first - context, next)..<min(last + context + 1, rows.count)]
        let oldCount = hunk.count { $0.mark != "+" }, newCount = hunk.count { $0.mark != "-" }
        guard let start = hunk.first else { break }
        result += "@@ -\(start.old + (oldCount > 0 ? 1 : 0)),\(oldCount) +\(start.new + (newCount > 0 ? 1 : 0)),\(newCount) @@\n"
        for row in hunk {
            result += "\(row.mark)\(row.text)" + (row.text.utf8.last == 10 ? "" : "\n\\ No newline at end of file\n")
        }
        next = hunk.endIndex
    }
    return result
}

/// The lines with their newlines.
private func lines(_ text: String) -> [Substring] {
    var found: [Substring] = []
    var start = text.startIndex
    while start < text.endIndex {
        let end = text.utf8[start...].firstIndex(of: 10).map { text.utf8.index(after: $0) } ?? text.endIndex
        found.append(text[start..<end])
        start = end
    }
    return found
}
