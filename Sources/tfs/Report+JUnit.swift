internal import Language
internal import Syntax

/// JUnit's XML, as Jenkins, GitLab, GitHub's test reporters and Azure read it.
extension Report {
    var junit: String {
        let suites = files.map { file in (file, counted.filter { $0.file.path == file.path }.map(\.part)) }
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites\(attributes([("name", "tfs \(command)")] + Self.counts(suites.flatMap(\.1), seconds)))>\n"
        for (file, parts) in suites {
            text += "  <testsuite\(attributes([("name", file.path)] + Self.counts(parts, file.seconds)))>\n"
            let properties = properties(file)
            if !properties.isEmpty {
                text += "    <properties>\n"
                for property in properties { text += "      <property\(attributes(property))/>\n" }
                text += "    </properties>\n"
            }
            for part in parts { text += testCase(part, file) }
            text += "  </testsuite>\n"
        }
        return text + "</testsuites>\n"
    }

    private static func counts(_ parts: [Part], _ seconds: Double) -> [(String, String)] {
        let failures = parts.count { $0.status == Status.expectationFailed }
        return [
            ("tests", String(parts.count)), ("failures", String(failures)), ("errors", String(parts.count(where: \.failed) - failures)),
            ("skipped", "0"), ("time", time(seconds)),
        ]
    }

    /// Metrics, for systems that keep such values.
    private func properties(_ file: File) -> [[(String, String)]] {
        file.parts.flatMap { part in
            part.measurements.evaluations.flatMap { evaluation in
                evaluation.values.map { name, value in
                    [("name", (part.name.map { $0 + ": " } ?? "") + evaluation.call + "." + name), ("value", value.description)]
                }
            }
        }
    }

    private func testCase(_ part: Part, _ file: File) -> String {
        let head = attributes([
            ("name", part.name ?? file.path), ("classname", file.path), ("file", file.path), ("line", String(part.line)), ("time", Self.time(part.seconds)),
        ])
        var inner = ""
        if part.failed {
            let kind = part.status == Status.expectationFailed ? "failure" : "error"
            let errors = part.diagnostics.filter { $0.severity == .error }
            var message = errors.first?.what ?? part.verdict
            if errors.count > 1 { message += " (and \(errors.count - 1) more)" }
            inner += "      <\(kind)\(attributes([("message", message), ("type", errors.first?.code ?? part.verdict)]))>"
            inner += escaped(errors.map(Terminal.plain).joined(separator: "\n")) + "</\(kind)>\n"
        }
        if !part.output.isEmpty { inner += "      <system-out>\(escaped(part.output))</system-out>\n" }
        return inner.isEmpty ? "    <testcase\(head)/>\n" : "    <testcase\(head)>\n\(inner)    </testcase>\n"
    }

    /// Seconds with three digits and a dot, whatever the locale.
    private static func time(_ seconds: Double) -> String {
        let thousandths = Int((seconds * 1000).rounded())
        let rest = String(thousandths % 1000)
        return "\(thousandths / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }

    private func attributes(_ pairs: [(String, String)]) -> String {
        pairs.map { " \($0)=\"\(escaped($1, inAttribute: true))\"" }.joined()
    }

    private func escaped(_ text: String, inAttribute: Bool = false) -> String {
        var result = ""
        for scalar in visible(text).unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"" where inAttribute: result += "&quot;"
            case "\n" where inAttribute, "\t" where inAttribute, "\r": result += "&#\(scalar.value);"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
