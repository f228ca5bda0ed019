internal import Formats
internal import Glibc
internal import Language
internal import Syntax

/// Files at the prompt: what it runs when it starts, loads, reloads and saves.
extension Repl {
    /// Runs `rc.tfs`, where there is one; a mistake in it is told, and the prompt goes on.
    func runStartFile() {
        guard let folder = Terminal.environment("XDG_CONFIG_HOME") ?? Terminal.environment("HOME").map({ $0 + "/.config" }) else { return }
        let path = folder + "/tfs/rc.tfs"
        guard fileExists(path) else { return }
        do {
            let source = try Session.read(path)
            _ = evaluate { $0.load(source) }
        } catch {
            if let diagnostic = error as? Diagnostic { Terminal.report(diagnostic) }
        }
    }

    /// Runs a file here; its names stay, also when it fails on the way.
    func load(_ source: SourceText) { show(evaluate { $0.load(source) }) }

    /// Runs the imports and the loaded files anew, as they are now.
    func reload() throws {
        let (imports, loaded) = prompt.filesAgain()
        if imports.isEmpty, loaded.isEmpty {
            throw Diagnostic.usage("no file has been loaded or imported", mend: "`:load FILE` runs one here, `import \"FILE\"` brings its names under one")
        }
        for text in imports {
            Terminal.write(text + "\n")
            enter(text)
        }
        for path in loaded {
            Terminal.write(":load \(path)\n")
            load(try Session.read(path))
        }
    }

    /// Writes the script that gives the present state.
    func save(to path: String) throws {
        let text = prompt.script(at: path)
        if text.trimmedSpaces.isEmpty { throw Diagnostic.usage("nothing has run yet that could be saved") }
        do throws(FormatError) {
            try Files.write(text, to: path)
        } catch {
            throw Diagnostic(code: "E0003", what: error.what, at: nil, mend: error.mend)
        }
        Terminal.write("\(path): \(text.split(separator: "\n").count) lines\n")
    }
}
