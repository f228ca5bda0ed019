internal import Language
internal import Syntax

/// Markdown for a comment on a pull request or a job's summary: the verdict first, what failed last and folded.
extension Report {
    func markdown(_ baseline: Baseline?) -> String {
        var text = "## \(verdict)\n"
        text += gatesTable()
        text += metricsTable(baseline)
        text += costTable(baseline)
        text += failureDetails()
        return text
    }

    private var verdict: String {
        let total = passed + failures.count
        if command == "run" {
            let file = files.first?.path ?? ""
            guard let failure = failures.first?.part else { return "✅ `\(file)` ran, and everything that it expects holds" }
            switch failure.status {
            case Status.expectationFailed:
                let count = failure.diagnostics.count { $0.code == "E0500" }
                return "❌ `\(file)`: \(count) expectation\(count == 1 ? " does" : "s do") not hold"
            case Status.interrupted: return "❌ `\(file)` was interrupted"
            case Status.checkFailed: return "❌ `\(file)` does not pass the check"
            default: return "❌ `\(file)` ended with an error"
            }
        }
        if total == 0 { return "❌ tfs test: no tests" }
        let time = "in \(files.count) file\(files.count == 1 ? "" : "s"), \(shown(seconds, digits: 3)) s"
        return failures.isEmpty ? "✅ tfs test: \(passed) passed \(time)" : "❌ tfs test: \(failures.count) of \(total) failed \(time)"
    }

    // MARK: Gates

    private func gatesTable() -> String {
        let gates = gates
        if gates.isEmpty { return "" }
        let failed = gates.filter { !$0.gate.holds }
        let held = gates.filter(\.gate.holds)
        var text = "\n### Gates\n"
        if held.count > 20 {
            text += failed.isEmpty ? "\nAll \(held.count) hold.\n" : "\n" + table(failed)
            text += "\n<details><summary>\(held.count) gates that hold</summary>\n\n" + table(held) + "\n</details>\n"
        } else {
            text += "\n" + table(failed + held)
        }
        return text
    }

    private func table(_ gates: [(place: Place, gate: Measurements.Gate)]) -> String {
        var text = "| | gate | observed | required | margin |\n| --- | --- | ---: | ---: | ---: |\n"
        for (place, gate) in gates.prefix(200) {
            let location = code("\(gate.place.source.path):\(gate.place.line)") + (place.part.name.map { " " + cell($0) } ?? "")
            let times = gate.times > 1 ? ", the worst of \(gate.times)" : ""
            text += "| \(gate.holds ? "✅" : "❌") | \(code(gate.text))<br>\(location)\(times) | \(shown(gate.observed, digits: 6)) "
                + "| \(cell(gate.sign)) \(shown(gate.required, digits: 6)) | \(shown(gate.margin)) |\n"
        }
        if gates.count > 200 { text += "\n… and \(gates.count - 200) more\n" }
        return text
    }

    // MARK: Metrics

    private func metricsTable(_ baseline: Baseline?) -> String {
        let metrics = metrics.filter { metric in metric.name != "examples" || baseline?.value(of: metric).map { $0 != metric.value } ?? false }
        if metrics.isEmpty { return "" }
        var text = "\n### Metrics\n\n"
        if let baseline {
            text += "Against \(code(baseline.path)).\n\n| metric | now | baseline | change |\n| --- | ---: | ---: | --- |\n"
        } else {
            text += "| metric | now |\n| --- | ---: |\n"
        }
        for metric in metrics.prefix(200) {
            text += "| \(code(metric.title))<br>\(code(metric.file + (metric.line.map { ":\($0)" } ?? ""))) | \(shown(metric.value)) "
            if let baseline {
                let before = baseline.value(of: metric)
                text += "| \(before.map { shown($0) } ?? "–") | \(before.map { change(from: $0, to: metric.value, isHigherBetter: metric.isHigherBetter) } ?? "new") "
            }
            text += "|\n"
        }
        if metrics.count > 200 { text += "\n… and \(metrics.count - 200) more\n" }
        return text
    }

    /// `↑ 0.013 better`
    private func change(from before: Double, to now: Double, isHigherBetter: Bool?) -> String {
        if before == now || (before.isNaN && now.isNaN) || abs(now - before) <= 1e-9 * abs(before) { return "=" }
        guard now.isFinite, before.isFinite else { return "\(now.isFinite ? "✅" : "⚠️") was \(shown(before))" }
        let arrow = now > before ? "↑" : "↓"
        guard let isHigherBetter else { return "\(arrow) \(shown(abs(now - before)))" }
        return "\(arrow) \(shown(abs(now - before))) \((now > before) == isHigherBetter ? "better ✅" : "worse ⚠️")"
    }

    // MARK: Costs

    private func costTable(_ baseline: Baseline?) -> String {
        let models = files.flatMap { file in file.costs.map { (file.path, $0) } }
        if models.isEmpty { return "" }
        var text = "\n### Cost\n\n| model | parameters | multiply-adds per example | activations | optimizer | on disk |\n| --- | ---: | ---: | ---: | ---: | ---: |\n"
        for (path, cost) in models {
            let numbers: [(String, Int?, (Int) -> String)] = [
                ("parameters", cost.parameters, \.formatted), ("multiply_adds", cost.multiplyAdds, \.formatted),
                ("activation_bytes", cost.activationBytes, byteText), ("optimizer_bytes", cost.optimizerBytes, byteText), ("disk_bytes", cost.diskBytes, byteText),
            ]
            let cells = numbers.map { name, number, write in
                guard let number else { return "–" }
                guard let before = baseline?.cost(name, of: cost, in: path), before != number else { return write(number) }
                return "\(write(number))<br>\(number > before ? "↑ +" : "↓ −")\(write(abs(number - before)))"
            }
            text += "| \(code(cost.name))<br>\(code(path)), batch of \(cost.batch) | \(cells.joined(separator: " | ")) |\n"
        }
        return text
    }

    // MARK: Failures

    private func failureDetails() -> String {
        if failures.isEmpty { return "" }
        var text = "\n### Failures\n"
        // A comment holds 65,536 characters.
        for (file, part) in failures.prefix(10) {
            let diagnostics = part.diagnostics.map(Terminal.plain).joined(separator: "\n")
            let output = part.output.isEmpty ? "" : "\n\nprinted:\n" + part.output
            text += "\n<details><summary>\(cell(file.path))\(part.name.map { ": " + cell($0) } ?? "")</summary>\n\n\(block(diagnostics + output))\n</details>\n"
        }
        if failures.count > 10 { text += "\n… and \(failures.count - 10) more\n" }
        return text
    }

    private func block(_ text: String) -> String {
        let lines = visible(text).split(separator: "\n", omittingEmptySubsequences: false).reversed().drop(while: \.isEmpty).reversed()
        let text = lines.joined(separator: "\n")
        let cut = text.count > 4000 ? text.prefix(4000) + "\n…" : text[...]
        // The fence must be longer than any within.
        var fence = "```"
        while cut.contains(fence) { fence += "`" }
        return "\(fence)text\n\(cut)\n\(fence)\n"
    }

    /// Code in a table's cell.
    private func code(_ text: String) -> String {
        var ticks = "`"
        while text.contains(ticks) { ticks += "`" }
        let space = text.hasPrefix("`") || text.hasSuffix("`") ? " " : ""
        return ticks + space + visible(text).map { $0 == "|" ? "\\|" : String($0) }.joined() + space + ticks
    }

    /// Plain words in a table's cell or a summary.
    private func cell(_ text: String) -> String {
        visible(text).map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "|", "*", "_", "`", "[", "]", "\\", "~", "#": "\\\(character)"
            default: character.isNewline ? " " : String(character)
            }
        }.joined()
    }
}
