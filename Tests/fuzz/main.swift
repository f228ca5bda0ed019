import Engine
import Fuzzing
import Glibc
import Language

// fuzz TARGET [COUNT [SEED [FIRST]]]: feeds numbered inputs to a process of its own. One that traps, hangs or answers
// wrongly is written to `.build/findings`, and feeding goes on behind it. `fuzz show TARGET NUMBER [SEED]` shows one.

let words = Array(CommandLine.arguments.dropFirst())

func number(_ place: Int, _ other: Int) -> Int { words.count > place ? Int(words[place]) ?? other : other }

switch words.first {
case "feed": feed()
case "show":
    guard words.count > 2, let target = Fuzzer.Target(rawValue: words[1]) else { fatalError("fuzz show TARGET NUMBER [SEED]") }
    let fuzzer = Fuzzer(target, seed: UInt64(number(3, 1)))
    print(target == .files ? "\(fuzzer.file(number(2, 0)))" : fuzzer.text(number(2, 0)), terminator: "")
default:
    guard let word = words.first, let target = Fuzzer.Target(rawValue: word) else {
        print("fuzz \(Fuzzer.Target.allCases.map(\.rawValue).joined(separator: "|")) [COUNT [SEED [FIRST]]]\nfuzz show TARGET NUMBER [SEED]")
        exit(64)
    }
    var supervisor = Supervisor(target: target, seed: number(2, 1))
    supervisor.run(number(3, 0)..<number(3, 0) + number(1, 10_000))
}

/// `feed TARGET SEED FIRST END STATE`: the process that takes the inputs; it notes in the file STATE which it is at.
func feed() {
    guard words.count == 6, let target = Fuzzer.Target(rawValue: words[1]) else { exit(64) }
    let state = unsafe open(words[5], O_WRONLY)
    // Memory has a bound of its own, and no file grows.
    var memory = rlimit(rlim_cur: 6 << 30, rlim_max: 6 << 30)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &memory)
    var size = rlimit(rlim_cur: 1 << 20, rlim_max: 1 << 20)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &size)
    signal(SIGXFSZ, SIG_IGN)
    Execution.resume()
    signal(SIGALRM) { _ in Execution.interrupt() }
    let fuzzer = Fuzzer(target, seed: UInt64(number(2, 1)))
    withLargeStack {
        for index in number(3, 0)..<number(4, 0) {
            var mark = Int64(index)
            _ = unsafe pwrite(state, &mark, 8, 0)
            if target != .syntax, target != .files { alarm(2) }
            let complaint = fuzzer.feed(index)
            Execution.resume()
            if let complaint { print("input \(index): \(complaint)\n") }
        }
    }
    fflush(nil)
    exit(0)
}
