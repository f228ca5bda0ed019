internal import Glibc
internal import Language
internal import Syntax

extension StandardLibrary {
    /// The files of `stdlib/` that belong to this executable.
    ///
    /// `TFS_STDLIB` names them; else an installed command finds them in `../share/tfs/stdlib`, and one that stands in its
    /// build folder in a folder above.
    static func located() throws -> StandardLibrary {
        func isLibrary(_ path: String) -> Bool { unsafe access(path + "/layers", F_OK) == 0 }
        if let chosen = Terminal.environment("TFS_STDLIB") {
            if isLibrary(chosen) { return StandardLibrary(root: chosen) }
            throw Diagnostic(
                code: "E0004", what: "`TFS_STDLIB` names \"\(chosen)\", which is not the standard library", at: nil,
                mend: "let it name the folder `stdlib`, or unset it")
        }
        guard let resolved = unsafe realpath("/proc/self/exe", nil) else {
            throw Diagnostic(
                code: "E0004", what: "the standard library is not found: /proc is not there", at: nil,
                mend: "set `TFS_STDLIB` to its folder")
        }
        defer { unsafe free(resolved) }
        let executable = unsafe String(cString: resolved)
        var folder = executable[...]
        func climb() { folder = folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)] }
        climb()
        let installed = folder + "/../share/tfs/stdlib"
        if isLibrary(String(installed)) { return StandardLibrary(root: String(installed)) }
        while true {
            if isLibrary(folder + "/stdlib") { return StandardLibrary(root: folder + "/stdlib") }
            if folder.isEmpty { break }
            climb()
        }
        throw Diagnostic(
            code: "E0004", what: "the standard library is not found", at: nil,
            why: "it is neither in \(installed) nor in a folder `stdlib` above \(executable)",
            mend: "install again with `make install`, or set `TFS_STDLIB` to its folder")
    }
}

extension Session {
    /// A session of the command, with the library found.
    static func make(report: @escaping @Sendable (Diagnostic) -> Void = Terminal.report) throws -> Session {
        Session(library: try StandardLibrary.located(), console: Terminal.console(report: report))
    }
}
