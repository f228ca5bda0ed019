import Glibc
import Language
import Syntax

let console = Console(
    write: { text in print(text, terminator: "") },
    report: { diagnostic in let t = Array((Renderer().render(diagnostic) + "\n").utf8); _ = unsafe t.withUnsafeBytes { unsafe write(2, $0.baseAddress!, $0.count) } },
    progress: { text in _ = text }, isTerminal: false, width: 80)
let path = CommandLine.arguments[2]
let session = Session(library: StandardLibrary(root: "stdlib"), console: console)
do {
    let source = try Session.read(path)
    if CommandLine.arguments[1] == "check" {
        for d in session.check(source) { console.report(d) }
        exit(0)
    }
    exit(session.run(source).status)
} catch let d as Diagnostic { console.report(d) }
