internal import Syntax

/// `# allow: W0312 because …`: a warning that somebody has looked at.
struct Allowances {
    private struct Allowance {
        var code: String
        /// Where the code stands.
        var range: SourceRange
        /// The line it is about: the comment's own, or the next one when nothing else stands there.
        var line: Int
    }
    private var allowances: [Allowance] = []
    private(set) var warnings: [Diagnostic] = []

    init(_ script: Script) {
        let source = script.source
        for comment in script.comments where !comment.isDocumentation {
            guard comment.text.hasPrefix("allow:") else { continue }
            let text = comment.text.dropFirst("allow:".count)
            let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "\t" })
            let codes = words.prefix { $0 != "because" }.map(String.init)
            var line = source.line(at: comment.range.start)
            if !comment.isTrailing {
                line += 1
                while line < source.lineStarts.count, Self.isIdle(source.line(line)) { line += 1 }
            }
            for code in codes {
                if Diagnostic.warningCodes.contains(code) {
                    allowances.append(Allowance(code: code, range: comment.range, line: line))
                } else {
                    warnings.append(.unknownAllowance(code, at: comment.range, known: Diagnostic.warningCodes))
                }
            }
            if codes.isEmpty { warnings.append(.unknownAllowance("", at: comment.range, known: [])) }
            // `because` and at least a word after it.
            if words.count < codes.count + 2 {
                warnings.append(.unexplainedAllowance(codes.isEmpty ? "the warning" : codes.joined(separator: ", "), at: comment.range))
            }
        }
    }

    /// Blank, or nothing but a comment.
    private static func isIdle(_ line: String) -> Bool {
        let text = line.trimmed
        return text.isEmpty || text.hasPrefix("#")
    }

    /// The findings without those that are allowed in this source, and with those about the allowances themselves.
    func applied(to found: [Diagnostic], in source: SourceText) -> [Diagnostic] {
        var used: Set<Int> = []
        let rest = found.filter { diagnostic in
            guard diagnostic.severity == .warning, let range = diagnostic.at?.range, range.source === source else { return true }
            let lines = source.line(at: range.start)...source.line(at: max(range.start, range.end - 1))
            let fitting = allowances.indices.filter { allowances[$0].code == diagnostic.code && lines.contains(allowances[$0].line) }
            used.formUnion(fitting)
            return fitting.isEmpty
        }
        let idle = allowances.indices.filter { !used.contains($0) }.map { Diagnostic.idleAllowance(allowances[$0].code, at: allowances[$0].range) }
        return rest + warnings + idle
    }
}
