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

    /// Programs of the grammar parse; printed and parsed again they are the same; printing twice changes nothing.
    @Test(arguments: 0..<10 as Range<UInt64>)
    func programsParsePrintAndParseAgain(batch: UInt64) {
        for seed in batch * 20..<(batch + 1) * 20 {
            var maker = ProgramMaker(Self.grammar, seed: seed)
            let program = maker.program()
            let (script, diagnostics) = parsed(program)
            guard diagnostics.isEmpty else {
                Issue.record("seed \(seed):\n\(program)\n\(rendered(diagnostics))")
                return
            }
            let printed = format(script)
            let (again, mistakes) = parsed(printed)
            guard mistakes.isEmpty, again.dump == script.dump else {
                Issue.record("seed \(seed):\n\(program)\n--- printed\n\(printed)\n\(rendered(mistakes))")
                return
            }
            let twice = format(again)
            guard twice == printed else {
                Issue.record("seed \(seed) prints differently the second time:\n\(printed)\n---\n\(twice)")
                return
            }
        }
    }
}
