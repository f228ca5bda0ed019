internal import Language
internal import Synchronization
internal import Syntax

/// A console that keeps what a script writes and reports, so that it can be shown together, or not at all.
final class Capture: Sendable {
    private struct Kept {
        var output = ""
        var isCut = false
        var diagnostics: [Diagnostic] = []
    }
    private let kept = Mutex(Kept())
    /// Who prints endlessly is not remembered endlessly.
    private static let limit = 1 << 20

    var console: Console {
        Console(
            write: { text in
                self.kept.withLock {
                    if $0.output.utf8.count < Self.limit { $0.output += text } else { $0.isCut = true }
                }
            },
            report: { diagnostic in self.kept.withLock { $0.diagnostics.append(diagnostic) } },
            progress: { _ in }, isTerminal: false, width: Terminal.width)
    }

    /// What came since the last time.
    func take() -> (output: String, diagnostics: [Diagnostic]) {
        kept.withLock { kept in
            defer { kept = Kept() }
            return (kept.isCut ? kept.output + "\n… and more\n" : kept.output, kept.diagnostics)
        }
    }
}
