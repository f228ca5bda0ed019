internal import ArgumentParser
internal import Engine
internal import Language
internal import Synchronization
internal import Syntax

/// `tfs test [PATH…]`
struct Test: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the `test` blocks of scripts.",
        discussion: """
            A folder stands for every script below it that has tests. Files run side by side; results come in the order of
            the files, each failure with what its test printed. The last line says `N passed, N failed`.
            Status: 0, or 1 when a test failed or there was none; 130 interrupted.
            """)

    @Option(help: ArgumentHelp("Run only tests whose names contain this text.", valueName: "text")) var filter: String?
    @Flag(help: "Name the tests without running them.") var list = false
    @Flag(help: "Show what passing tests print, too.") var showOutput = false
    @Option(help: ArgumentHelp("Files that run at once (default: one per processor).", valueName: "n")) var jobs: Int?
    @OptionGroup var reports: ReportOptions
    @ArgumentParser.Argument(help: "Scripts or folders.") var paths: [String] = ["."]

    func run() throws {
        try reports.prepare()
        let (chosen, others) = selection()
        if list {
            for file in chosen { for name in file.names { Terminal.write("\(file.path): \(name)\n") } }
            if others.isMissing { throw ExitCode(Status.expectationFailed) }
            if chosen.allSatisfy(\.names.isEmpty) { reportNothing(others.names) }
            return
        }
        let start = Terminal.seconds
        let results = Results(count: chosen.count, showsOutput: showOutput)
        let next = Atomic(0)
        let library = try StandardLibrary.located()
        Interrupts.during(.stopsEvaluation) {
            withLargeStacks(max(1, min(jobs ?? Execution.threads, chosen.count))) { _ in
                while !Execution.isInterrupted {
                    let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
                    guard number < chosen.count else { return }
                    let costs = test(chosen[number], library) { results.add($0, to: number, chosen[number]) }
                    results.finish(number, costs)
                }
            }
        }
        let files = zip(chosen, results.files).map { file, found in Report.File(path: file.path, parts: found.parts, costs: found.costs) }
        let report = Report(command: "test", files: files.filter { !$0.parts.isEmpty }, seconds: Terminal.seconds - start)
        try reports.write(report)
        let isEmpty = !others.isMissing && chosen.isEmpty
        if isEmpty { reportNothing(others.names) }
        if report.counted.count > 20 {
            for failure in report.failures { Terminal.write("FAIL  \(failure.file.path)\(failure.part.name.map { ": " + $0 } ?? "")\n") }
        }
        Terminal.write("\(report.passed) passed, \(report.failures.count) failed\n")
        if Execution.isInterrupted {
            Terminal.writeError("interrupted\n")
            throw ExitCode(Status.interrupted)
        }
        if isEmpty || !report.failures.isEmpty { throw ExitCode(Status.expectationFailed) }
    }

    // MARK: Which tests

    /// A script with the names of its tests that are to run.
    struct Chosen: Sendable {
        var path: String
        /// `nil` with the reason why there is no text.
        var source: SourceText?
        var problem: Diagnostic?
        var names: [String] = []
    }

    /// The scripts to run, and the tests that the filter left out.
    private func selection() -> (chosen: [Chosen], others: (names: [String], isMissing: Bool)) {
        var chosen: [Chosen] = []
        var others: [String] = []
        var isMissing = false
        var seen: Set<String> = []
        for path in paths {
            for file in scripts(in: path) where seen.insert(file).inserted {
                do {
                    let source = try Session.read(file)
                    let names = Session.tests(in: source).map(\.name)
                    let wanted = names.filter { filter.map($0.contains) ?? true }
                    others += names.filter { !wanted.contains($0) }
                    // A file that is named runs even without tests: its own statements may expect something.
                    if !wanted.isEmpty || (file == path && filter == nil) { chosen.append(Chosen(path: file, source: source, names: wanted)) }
                } catch let diagnostic as Diagnostic {
                    if list { Terminal.report(diagnostic) }
                    isMissing = true
                    chosen.append(Chosen(path: file, problem: diagnostic))
                } catch {}
            }
        }
        return (chosen, (others, isMissing))
    }

    private func reportNothing(_ others: [String]) {
        let place = paths == ["."] ? "here" : "in " + paths.map { "`\($0)`" }.joined(separator: ", ")
        if let filter, !others.isEmpty {
            let shown = others.prefix(5).map { "\"\($0)\"" }.joined(separator: ", ") + (others.count > 5 ? " …" : "")
            Terminal.report(
                .usage(
                    "no test \(place) has \"\(filter)\" in its name",
                    mend: nearest(to: filter, in: others).map { "did you mean \"\($0)\"?" } ?? "there are \(shown)"))
        } else {
            Terminal.report(.usage("there are no tests \(place)", mend: "write `test \"what holds\" { expect … }` in a script"))
        }
    }

    /// The scripts that a path stands for, in order; `above` are the folders around it, which a link may lead back to.
    private func scripts(in path: String, above: [String] = []) -> [String] {
        guard let names = Folder.names(path), let folder = Folder.resolved(path) else { return [path] }
        if above.contains(folder) { return [] }
        return names.filter { !$0.hasPrefix(".") }.flatMap { name -> [String] in
            let inner = path == "." ? name : path.hasSuffix("/") ? path + name : path + "/" + name
            if Folder.names(inner) != nil { return scripts(in: inner, above: above + [folder]) }
            return name.hasSuffix(".tfs") ? [inner] : []
        }
    }

    // MARK: Running

    /// Runs a file's tests and gives what its models take, where a report wants to know.
    private func test(_ file: Chosen, _ library: StandardLibrary, _ done: (Report.Part) -> Void) -> [ModelCost] {
        guard let source = file.source else {
            done(.init(line: 1, seconds: 0, status: Status.checkFailed, output: "", diagnostics: file.problem.map { [$0] } ?? [], measurements: .init()))
            return []
        }
        let capture = Capture()
        let session = Session(library: StandardLibrary(root: library.root), console: capture.console)
        session.test(source, choosing: { filter.map($0.contains) ?? true }) { result in
            let (output, diagnostics) = capture.take()
            let part = Report.Part(
                name: result.name, line: result.place.line, seconds: result.seconds, status: result.status, output: output,
                diagnostics: diagnostics, measurements: result.measurements)
            done(part)
        }
        return reports.isEmpty ? [] : session.costsOfRun(of: source)
    }
}

/// Gathers what the threads find, and shows it in the order of the files.
final class Results: Sendable {
    private struct State {
        var files: [(parts: [Report.Part], costs: [ModelCost])]
        var isFinished: [Bool]
        /// The first file that is not finished: its results are shown at once, those of later ones wait.
        var front = 0
        var waiting: [Int: [(Report.Part, Test.Chosen)]] = [:]
    }
    private let state: Mutex<State>
    private let showsOutput: Bool

    init(count: Int, showsOutput: Bool) {
        state = Mutex(State(files: Array(repeating: ([], []), count: count), isFinished: Array(repeating: false, count: count)))
        self.showsOutput = showsOutput
    }

    /// What has been found, by file.
    var files: [(parts: [Report.Part], costs: [ModelCost])] { state.withLock(\.files) }

    func add(_ part: Report.Part, to number: Int, _ file: Test.Chosen) {
        state.withLock {
            $0.files[number].parts.append(part)
            if number == $0.front { show(part, file) } else { $0.waiting[number, default: []].append((part, file)) }
        }
    }

    func finish(_ number: Int, _ costs: [ModelCost]) {
        state.withLock {
            $0.files[number].costs = costs
            $0.isFinished[number] = true
            while $0.front < $0.isFinished.count, $0.isFinished[$0.front] {
                $0.front += 1
                for (part, file) in $0.waiting.removeValue(forKey: $0.front) ?? [] { show(part, file) }
            }
        }
    }

    private func show(_ part: Report.Part, _ file: Test.Chosen) {
        // A file's own statements are worth a line when they failed, or when there is nothing else.
        if part.name != nil || part.failed || file.names.isEmpty {
            let verdict = part.status == Status.interrupted ? "STOP" : part.failed ? "FAIL" : "ok  "
            let name = part.name.map { ": " + $0 } ?? (file.names.isEmpty && !part.failed ? " has no tests; its own statements ran" : "")
            Terminal.write("\(verdict)  \(seconds(part.seconds))  \(file.path)\(name)\n")
        }
        if part.failed || showsOutput, !part.output.isEmpty { Terminal.write(part.output.hasSuffix("\n") ? part.output : part.output + "\n") }
        for diagnostic in part.diagnostics { Terminal.report(diagnostic) }
        Terminal.flush()
    }

    private func seconds(_ x: Double) -> String {
        let hundredths = Int((x * 100).rounded())
        let text = "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100) s"
        return String(repeating: " ", count: max(0, 8 - text.count)) + text
    }
}
