/// Suggestions for misspelt names.
public enum Names {
    /// The candidate nearest to `name` if it is near enough to be what was meant, or `nil`.
    public static func nearest(to name: String, in candidates: some Sequence<String>) -> String? {
        let wanted = Array(name.lowercased().unicodeScalars.prefix(64))
        let limit = wanted.count < 3 ? 0 : max(1, wanted.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates where candidate.utf8.count <= 256 {
            let distance = distance(wanted, Array(candidate.lowercased().unicodeScalars))
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// `did you mean `age`?`, or a list of the first few candidates.
    public static func mend(_ name: String, in candidates: [String]) -> String? {
        if let near = nearest(to: name, in: candidates) { return "did you mean `\(near)`?" }
        if candidates.isEmpty { return nil }
        let shown = candidates.prefix(8).map { "`\($0)`" }.joined(separator: ", ")
        return "there are \(shown)\(candidates.count > 8 ? " and \(candidates.count - 8) more" : "")"
    }

    /// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`.
    private static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
        var rows = [Array(0...b.count)]
        for i in a.indices {
            var row = [i + 1]
            for j in b.indices {
                var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { least = min(least, rows[i - 1][j - 1] + 1) }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
