import Foundation
import Fuzzing
import Glibc

/// Starts the process that takes the inputs, again behind each one that ends it.
struct Supervisor {
    let target: Fuzzer.Target
    let seed: Int
    private let folder = Fuzzer.package + "/.build/findings"
    private var state: String { folder + "/state-\(getpid())" }
    /// An input that takes longer than this has hung.
    private let seconds = 20.0
    /// So many inputs go to one process, so that what it keeps does not pile up.
    private var most: Int { target == .syntax || target == .files ? 50_000 : 400 }

    init(target: Fuzzer.Target, seed: Int) { (self.target, self.seed) = (target, seed) }

    mutating func run(_ indices: Range<Int>) {
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        var next = indices.lowerBound
        var found = 0
        while next < indices.upperBound {
            let end = min(next + most, indices.upperBound)
            guard let failure = feed(next..<end) else {
                next = end
                print("\(target.rawValue) seed \(seed): \(next - indices.lowerBound) inputs, \(found) findings")
                fflush(nil)
                continue
            }
            found += 1
            print("\(target.rawValue) seed \(seed) input \(failure.index): \(failure.what)")
            let fuzzer = Fuzzer(target, seed: UInt64(seed))
            let name = "\(folder)/\(target.rawValue)-\(seed)-\(failure.index)"
            let bytes = target == .files ? fuzzer.file(failure.index).bytes : Array(fuzzer.text(failure.index).utf8)
            try? Data(bytes).write(to: URL(filePath: name + (target == .files ? "" : ".tfs")))
            try? Data(failure.what.utf8).write(to: URL(filePath: name + ".why"))
            next = failure.index + 1
        }
        _ = unsafe unlink(state)
    }

    /// Feeds a run of inputs; the one that ended the process, and how.
    private func feed(_ indices: Range<Int>) -> (index: Int, what: String)? {
        let log = "\(folder)/log-\(getpid())"
        let complaints = "\(folder)/\(target.rawValue)-\(seed).complaints"
        for path in [state, log] { FileManager.default.createFile(atPath: path, contents: Data(count: path == state ? 8 : 0)) }
        if !FileManager.default.fileExists(atPath: complaints) { FileManager.default.createFile(atPath: complaints, contents: nil) }
        let child = Process()
        child.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        child.arguments = ["feed", target.rawValue, String(seed), String(indices.lowerBound), String(indices.upperBound), state]
        child.environment = ["TFS_THREADS": "1", "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"]
        let output = FileHandle(forWritingAtPath: complaints)
        _ = try? output?.seekToEnd()
        child.standardOutput = output
        child.standardError = FileHandle(forWritingAtPath: log)
        guard (try? child.run()) != nil else { return (indices.lowerBound, "no process") }
        var (last, since) = (-1, ContinuousClock.now)
        while child.isRunning {
            usleep(100_000)
            let index = position
            if index != last { (last, since) = (index, ContinuousClock.now) }
            guard ContinuousClock.now - since > .seconds(seconds) else { continue }
            kill(child.processIdentifier, SIGKILL)
            child.waitUntilExit()
            return (max(position, indices.lowerBound), "hangs")
        }
        if child.terminationReason == .exit, child.terminationStatus == 0 { return nil }
        let words = String(decoding: (try? Data(contentsOf: URL(filePath: log))) ?? Data(), as: UTF8.self)
        return (max(position, indices.lowerBound), "ends with \(child.terminationStatus)\n\(words.prefix(2000))")
    }

    /// The input that the process is at.
    private var position: Int {
        guard let bytes = try? Data(contentsOf: URL(filePath: state)), bytes.count == 8 else { return 0 }
        var position = 0
        for byte in bytes.reversed() { position = position << 8 | Int(byte) }
        return position
    }
}
