import Engine
import Fuzzing
import Glibc
import Language
import Syntax
import Testing

extension ScriptTests {
    /// Bad input of every kind (see `Tests/Fuzzing`): whatever it says, the answer is a value or a diagnostic, soon.
    @Suite struct FuzzTests {
        @Test(arguments: [Fuzzer.Target.check, .run, .calls, .files])
        func freshInput(target: Fuzzer.Target) {
            let fuzzer = Fuzzer(target, seed: 21)
            for index in 0..<(target == .files ? 500 : 25) {
                let complaint = bounded { fuzzer.feed(index) }
                if let complaint { Issue.record("\(target) \(index): \(complaint)") }
            }
        }

        /// Each script here once trapped, hung or took all memory; each file was once believed.
        @Test func corpus() throws {
            let fuzzer = Fuzzer(.run, seed: 0)
            for name in Scripts.files(in: Scripts.package + "/Tests/corpus/") {
                let source = try Session.read(Scripts.package + "/Tests/corpus/" + name)
                let complaint = bounded { fuzzer.evaluate(String(decoding: source.utf8, as: UTF8.self), runs: true) }
                if let complaint { Issue.record("\(name): \(complaint)") }
            }
        }

        /// A disarranged loop may never end.
        private func bounded<R>(_ body: () -> R) -> R {
            signal(SIGALRM) { _ in Execution.interrupt() }
            alarm(2)
            defer {
                alarm(0)
                signal(SIGALRM, SIG_DFL)
                Execution.resume()
            }
            return withLargeStack(body)
        }
    }
}
