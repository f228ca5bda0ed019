internal import ArgumentParser
internal import Language
internal import Syntax

/// `tfs predict M.tfm DATA [-o OUT]`
struct Predict: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Predict with a saved estimator.", discussion: "One row per row of DATA, in its order, as CSV.")

    @Option(name: .shortAndLong, help: ArgumentHelp("Write here instead of to standard output.", valueName: "file")) var output: String?
    @ArgumentParser.Argument(help: ArgumentHelp("The saved estimator.", valueName: "m.tfm")) var model: String
    @ArgumentParser.Argument(help: ArgumentHelp("A table as CSV.", valueName: "data")) var data: String

    func run() throws {
        if data.hasSuffix(".tfm"), !model.hasSuffix(".tfm") {
            throw refuse(.usage("the saved estimator comes before the data", mend: "write `tfs predict \(data) \(model)`"))
        }
        let session = try Session.make()
        do {
            try session.predict(model: model, data: data, output: output)
        } catch let diagnostic as Diagnostic {
            Terminal.report(diagnostic)
            throw ExitCode(Status.failed)
        }
    }
}
