import Fuzzing
import Syntax
import Testing

@Suite struct GrammarTests {
    static let grammar = Grammar(read(projectFolder + "/grammar/tfs.ebnf"))

    @Test func everySymbolHasARule() {
        var missing: Set<String> = []
        func visit(_ form: Grammar.Form) {
            switch form {
            case .symbol(let name): if Self.grammar.rules[name] == nil { missing.insert(name) }
            case .sequence(let forms), .choice(let forms): forms.forEach(visit)
            case .optional(let form), .many(let form): visit(form)
            case .text, .words: break
            }
        }
        Self.grammar.rules.values.forEach(visit)
        #expect(missing.isEmpty)
        #expect(Self.grammar.rules.count > 60)
    }

    /// Programs of the grammar parse. What else holds of them `Fuzzer.parse` tells.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func programsParse(batch: UInt64) {
        for seed in batch * 20..<(batch + 1) * 20 {
            var maker = ProgramMaker(Self.grammar, seed: seed)
            let program = maker.program()
            let diagnostics = parsed(program).diagnostics
            guard diagnostics.isEmpty, Fuzzer.parse(program) == nil else {
                Issue.record("seed \(seed):\n\(program)\n\(rendered(diagnostics))\(Fuzzer.parse(program) ?? "")")
                return
            }
        }
    }
}
