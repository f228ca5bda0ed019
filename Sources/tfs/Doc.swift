internal import ArgumentParser
internal import Language
internal import Syntax

/// `tfs doc NAME`
struct Doc: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show what a name stands for.")

    @ArgumentParser.Argument(help: "An op, layer, function, estimator, or verb (`table.split`).") var name: String

    func run() throws {
        let library = try StandardLibrary.located()
        let found = try library.documentation(of: name)
        if found.isEmpty { throw refuse(Manual.unknown(name, library)) }
        Terminal.write(Manual.text(found))
    }
}

/// `tfs layers [TEXT]`
struct Layers: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the layers and nets.")
    @ArgumentParser.Argument(help: "Only those that this text occurs in.") var filter: String?
    func run() throws { Terminal.write(try Manual.listing(.layers, filter, StandardLibrary.located())) }
}

/// `tfs ops [TEXT]`
struct Ops: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the ops and functions.")
    @ArgumentParser.Argument(help: "Only those that this text occurs in.") var filter: String?
    func run() throws { Terminal.write(try Manual.listing(.ops, filter, StandardLibrary.located())) }
}

/// `tfs estimators [TEXT]`
struct Estimators: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the ready estimators.")
    @ArgumentParser.Argument(help: "Only those that this text occurs in.") var filter: String?
    func run() throws { Terminal.write(try Manual.listing(.estimators, filter, StandardLibrary.located())) }
}
