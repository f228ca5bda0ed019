internal import ArgumentParser
internal import Synchronization
internal import Syntax

/// Diagnostics once more, in the form that a CI system shows beside the line.
struct AnnotationOptions: ParsableArguments {
    enum Style: String, CaseIterable, ExpressibleByArgument { case github }

    @Option(help: ArgumentHelp("Also write each diagnostic as an annotation for a CI system, to standard error: github.", valueName: "system"))
    var annotate: Style?

    func prepare() { if annotate != nil { Annotations.areWritten.store(true, ordering: .relaxed) } }
}

enum Annotations {
    /// Whether `Terminal.report` adds them.
    static let areWritten = Atomic(false)

    /// A workflow command of GitHub Actions; `file` is as it was given to tfs, which CI takes from the checkout's root.
    static func github(_ diagnostic: Diagnostic) -> String {
        var properties: [(String, String)] = []
        if let range = diagnostic.at?.range {
            let (start, end) = (range.position, range.endPosition)
            properties = [("file", range.source.path), ("line", String(start.line))]
            // Columns are of one line.
            if end.line == start.line { properties += [("col", String(start.column)), ("endColumn", String(end.column))] } else { properties.append(("endLine", String(end.line))) }
        }
        properties.append(("title", diagnostic.code))
        var message = diagnostic.what
        if let why = diagnostic.why { message += "\nwhy: " + why }
        if let mend = diagnostic.mend { message += "\nmend: " + mend }
        let words = properties.map { "\($0)=\(escaped($1, also: [":": "%3A", ",": "%2C"]))" }.joined(separator: ",")
        return "::\(diagnostic.severity == .error ? "error" : "warning") \(words)::\(escaped(message))\n"
    }

    private static func escaped(_ text: String, also: [Character: String] = [:]) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "%": result += "%25"
            case "\r": result += "%0D"
            case "\n": result += "%0A"
            default: result += also[Character(scalar)] ?? String(Character(scalar))
            }
        }
        return result
    }
}
