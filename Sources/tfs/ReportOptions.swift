internal import ArgumentParser
internal import Formats
internal import Language
internal import Syntax

/// Where reports go, and what they compare with: the same words for `tfs test` and `tfs run`.
struct ReportOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Write a report: junit=FILE, json=FILE or markdown=FILE (`-`: standard output); may be repeated.", valueName: "kind=file"))
    var report: [String] = []
    @Option(help: ArgumentHelp("Compare metrics and costs with those in this file.", valueName: "file")) var baseline: String?
    @Option(help: ArgumentHelp("Write metrics and costs to a file for later comparisons.", valueName: "file")) var writeBaseline: String?
    @OptionGroup var annotations: AnnotationOptions

    var isEmpty: Bool { report.isEmpty && baseline == nil && writeBaseline == nil }

    /// Takes up what stood behind the script.
    mutating func add(_ other: ReportOptions) {
        report += other.report
        baseline = other.baseline ?? baseline
        writeBaseline = other.writeBaseline ?? writeBaseline
        annotations.annotate = other.annotations.annotate ?? annotations.annotate
    }

    enum Kind: String, CaseIterable { case junit, json, markdown }

    /// Finds what cannot work before anything runs.
    func prepare() throws {
        annotations.prepare()
        for (_, path) in try targets() where path != "-" { try requireFolder(of: path) }
        if let writeBaseline { try requireFolder(of: writeBaseline) }
        if let baseline { _ = try Baseline(path: baseline) }
        if baseline != nil, report.isEmpty {
            throw refuse(.usage("`--baseline` compares for a report, and none is asked for", mend: "add `--report markdown=FILE`"))
        }
    }

    /// Writes every report that was asked for.
    func write(_ report: Report) throws {
        let baseline = try baseline.map { try Baseline(path: $0) }
        for (kind, path) in try targets() {
            let text =
                switch kind {
                case .junit: report.junit
                case .json: report.json(baseline).text(indent: 2) + "\n"
                case .markdown: report.markdown(baseline)
                }
            if path == "-" || path == "/dev/stdout" { Terminal.write(text) } else { try save(text, to: path) }
        }
        if let writeBaseline { try save(Baseline(report, path: writeBaseline).json.text(indent: 2) + "\n", to: writeBaseline) }
    }

    private func targets() throws -> [(Kind, String)] {
        try report.map { word in
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let known = Kind.allCases.map(\.rawValue)
            guard let kind = Kind(rawValue: parts.first ?? "") else {
                throw refuse(
                    .usage(
                        "there is no report of the kind `\(parts.first ?? "")`",
                        mend: nearest(to: parts.first ?? "", in: known).map { "did you mean `\($0)`?" } ?? "there are `junit=FILE`, `json=FILE` and `markdown=FILE`"))
            }
            guard parts.count == 2 else { throw refuse(.usage("`--report \(word)` names no file", mend: "write `--report \(word)=FILE`")) }
            return (kind, parts[1])
        }
    }

    private func save(_ text: String, to path: String) throws {
        do throws(FormatError) { try Files.write(text, to: path) } catch { throw Diagnostic(code: "E0003", what: error.what, at: nil, mend: error.mend) }
    }

    private func requireFolder(of path: String) throws {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex, Folder.names(String(path[..<slash])) == nil else { return }
        throw Diagnostic(
            code: "E0003", what: "cannot write `\(path)`: there is no folder `\(path[..<slash])`", at: nil, mend: "make it first: `mkdir -p \(path[..<slash])`")
    }
}
