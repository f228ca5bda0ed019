import Language
import Syntax
import Testing

extension ScriptTests {
    /// A session ends with its script, whatever that has made: a prompt resets and `tfs test` runs hundreds in one process.
    @Suite struct SessionTests {
        @Test(arguments: [
            "fn f(n) = if n < 1 { 0 } else { f(n - 1) }\nprint(f(3))",
            "layer twice()(x) = 2 * x\nnet = model { dense(3); twice() }\nprint(net(ones([2, 2])))",
            "x = random.normal([8, 2])\nm = compile(model { dense(1) }, loss = mean_squared_error)\nm.fit(x, ones([8, 1]), epochs = 2)\nprint(m.predict(x))",
            "net = model { dense(1) }\ng = grad(() -> sum(net(ones([2, 2]))), wrt = net.params)\nprint(g)",
            "d = dataset([1, 2, 3]).map(v -> v + 1)\nfor v in d { print(v) }",
            "fn f(n) {\n    fn g(k) = if k < 1 { 0 } else { g(k - 1) }\n    g(n)\n}\nprint(f(3))",
            "print(1 / [1, 2])",
            "print(tensor([1, 2]) @ ones([3, 3]))",
        ])
        func nothingOfASessionStays(script: String) {
            weak var session: Session?
            weak var machine: Machine?
            let console = Console(write: { _ in }, report: { _ in }, progress: { _ in }, isTerminal: false, width: 80)
            withLargeStack {
                let own = Session(library: StandardLibrary(root: Scripts.package + "/stdlib"), console: console)
                _ = own.run(SourceText(path: "script.tfs", text: script))
                (session, machine) = (own, own.machine)
            }
            #expect(session == nil && machine == nil)
        }
    }
}
