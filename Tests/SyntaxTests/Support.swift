import Glibc
import Syntax

/// The folder of this file, so that fixtures are found without a bundle.
let testFolder = #filePath.split(separator: "/").dropLast().map { "/" + $0 }.joined()
let projectFolder = testFolder.split(separator: "/").dropLast(2).map { "/" + $0 }.joined()

/// The text of a file.
func read(_ path: String) -> String {
    guard let file = unsafe fopen(path, "r") else { return "" }
    defer { unsafe fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = unsafe fread(&buffer, 1, buffer.count, file)
        if count == 0 { break }
        bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
}

func write(_ text: String, to path: String) {
    guard let file = unsafe fopen(path, "w") else { return }
    defer { unsafe fclose(file) }
    let bytes = Array(text.utf8)
    _ = unsafe fwrite(bytes, 1, bytes.count, file)
}

/// The names of the files in a folder, in order.
func files(in folder: String, suffix: String) -> [String] {
    guard let directory = unsafe opendir(folder) else { return [] }
    defer { unsafe closedir(directory) }
    var names: [String] = []
    while let entry = unsafe readdir(directory) {
        let name = unsafe withUnsafePointer(to: entry.pointee.d_name) { pointer in
            unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
        }
        if name.hasSuffix(suffix) { names.append(name) }
    }
    return names.sorted()
}

func parsed(_ text: String) -> (script: Script, diagnostics: [Diagnostic]) { parse(SourceText(path: "script.tfs", text: text)) }

func rendered(_ diagnostics: [Diagnostic]) -> String {
    diagnostics.map { Renderer().render($0) }.joined(separator: "\n") + "\n"
}
