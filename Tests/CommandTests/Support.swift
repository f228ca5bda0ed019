import FoundationEssentials
import Glibc
import Testing

/// What a run of the command has left.
struct Outcome {
    var status: Int32
    var output: String
    var errors: String
}

/// The built command: `TFS_BINARY`, or the one beside the tests.
let binary: String = {
    if let chosen = unsafe getenv("TFS_BINARY") { return unsafe String(cString: chosen) }
    guard let own = unsafe realpath("/proc/self/exe", nil) else { return "tfs" }
    defer { unsafe free(own) }
    var folder = unsafe String(cString: own)
    while let slash = folder.lastIndex(of: "/") {
        folder = String(folder[..<slash])
        if unsafe access(folder + "/tfs", X_OK) == 0 { return folder + "/tfs" }
    }
    // `swift test` may run the bundle through a helper that lives in the toolchain.
    return ".build/debug/tfs"
}()

/// A folder that goes with the last use of it.
final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/tfs-command-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file here and gives its path.
    func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        try Data(bytes).write(to: URL(filePath: path + "/" + name))
        return path + "/" + name
    }
    func folder(_ name: String) throws { try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true) }
    func file(_ name: String, _ text: String) throws -> String { try file(name, text.utf8) }
    func text(_ name: String) throws -> String { String(decoding: try Data(contentsOf: URL(filePath: path + "/" + name)), as: UTF8.self) }
}

/// Runs the command with its streams on files, so that no pipe fills up; Ctrl-C comes after the seconds given.
func runCommand(
    _ arguments: [String], program: String = binary, input: [UInt8] = [], environment: [String] = [], interruptedAfter delay: Double? = nil
) throws -> Outcome {
    let scratch = try Scratch()
    let inputPath = try scratch.file("in", input)
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, inputPath, O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, scratch.path + "/out", O_WRONLY | O_CREAT, 0o600)
    unsafe posix_spawn_file_actions_addopen(&actions, 2, scratch.path + "/err", O_WRONLY | O_CREAT, 0o600)
    let words = unsafe copies([program] + arguments)
    let settings = unsafe copies(["PATH=/usr/bin:/bin", "HOME=" + scratch.path] + environment)
    defer { for unsafe text in unsafe words + settings { unsafe free(text) } }
    var child: pid_t = 0
    let code = unsafe posix_spawn(&child, program, &actions, nil, words, settings)
    try #require(code == 0, "\(program) cannot be started")
    if let delay {
        usleep(useconds_t(delay * 1e6))
        kill(child, SIGINT)
    }
    var state: Int32 = 0
    while unsafe waitpid(child, &state, 0) < 0 && errno == EINTR {}
    // A death by a signal is told as a shell does.
    let status = state & 0x7F == 0 ? (state >> 8) & 0xFF : 128 + (state & 0x7F)
    return Outcome(status: status, output: try scratch.text("out"), errors: try scratch.text("err"))
}

/// Texts as C has them, with the null at the end.
func copies(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    var copies: [UnsafeMutablePointer<CChar>?] = unsafe []
    for text in texts { unsafe copies.append(strdup(text)) }
    unsafe copies.append(nil)
    return unsafe copies
}

func tfs(_ arguments: String..., input: String = "") throws -> Outcome { try runCommand(arguments, input: Array(input.utf8)) }
