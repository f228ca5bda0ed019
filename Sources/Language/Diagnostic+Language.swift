internal import Syntax

// What the compiler finds about names and places. E03xx: names. E04xx: values and calls (`Fault.swift`).
extension Diagnostic {
    static func unknownName(_ name: String, at range: SourceRange, known: [String], modules: [String]) -> Diagnostic {
        let isModule = modules.contains(name)
        let literals = ["true", "false", "none"]
        // What begins a literal is that before it is a name with another letter: `tru` and `gru`.
        let begun = name.utf8.count > 2 ? literals.first { $0.hasPrefix(name.lowercased()) } : nil
        let known = literals + known
        return Diagnostic(
            code: "E0301", what: isModule ? "`\(name)` is a module and no value" : "nothing is called `\(name)` here", at: Label(range),
            mend: OtherNames.constants[name].map { "write `\($0)`" } ?? OtherNames.mend(module: name) ?? (isModule ? "its names stand behind a dot: `\(name).…`" : nil)
                ?? (begun ?? nearest(to: name, in: known) ?? nearest(to: name, in: modules)).map { "did you mean `\($0)`?" }
                ?? nearest(to: name, in: OtherNames.exact.sorted()).flatMap { OtherNames.constants[$0] }.map { "did you mean `\($0)`?" },
            fix: isModule ? [] : correction(name, at: range, (OtherNames.exact.contains(name) ? OtherNames.constants[name] : nil) ?? surelyMeant(by: name, in: known + modules)))
    }
    /// Another name in the place of one, where the range is just that name.
    private static func correction(_ name: String, at range: SourceRange, _ meant: String?) -> [Edit] {
        guard let meant, range.source.text(range) == name else { return [] }
        return [Edit(range, meant)]
    }
    static func unknownMember(_ name: String, at range: SourceRange, known: [String]) -> Diagnostic {
        let parts = name.split(separator: ".", maxSplits: 1)
        let module = String(parts[0])
        let members = known.filter { $0.hasPrefix(module + ".") }
        return Diagnostic(
            code: "E0303", what: "the module `\(module)` has no `\(parts.count > 1 ? String(parts[1]) : "")`", at: Label(range),
            mend: nearest(to: name, in: members).map { "did you mean `\($0)`?" },
            fix: correction(name, at: range, surelyMeant(by: name, in: members)))
    }
    static func misplaced(_ what: String, _ place: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(code: "E0304", what: "`\(what)` stands outside \(place)", at: Label(range))
    }
    static func unknownEstimatorField(_ name: String, at range: SourceRange, known: [String]) -> Diagnostic {
        Diagnostic(
            code: "E0307", what: "an estimator has no field `\(name)`", at: Label(range),
            mend: nearest(to: name, in: known).map { "did you mean `\($0)`?" }
                ?? "it has " + known.map { "`\($0)`" }.joined(separator: ", "),
            fix: correction(name, at: range, surelyMeant(by: name, in: known)))
    }
    static func unknownType(_ name: String, at range: SourceRange) -> Diagnostic {
        let known = [
            "int", "float", "bool", "string", "list", "record", "fn", "layer", "tensor", "table", "dataset", "any", "f32",
            "f64", "bf16", "f16", "i8", "u8", "i16", "i32", "i64",
        ]
        return Diagnostic(
            code: "E0308", what: "`\(name)` is not a type", at: Label(range),
            mend: nearest(to: name, in: known).map { "did you mean `\($0)`?" } ?? "the types are " + known.joined(separator: " "),
            fix: correction(name, at: range, surelyMeant(by: name, in: known)))
    }
    static func typeHasNoShape(_ name: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0309", what: "`\(name)` has no shape", at: Label(range), mend: "write `tensor[…]` for a tensor of any dtype")
    }
    static func badFormat(_ format: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0310", what: "`:\(format)` is not a format", at: Label(range),
            mend: "write [[fill]align][sign][width][,][.precision] and one of d f e g % x s, as in `{x:.3f}`")
    }
    static func importNeedsName(_ path: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0311", what: "the file name of \"\(path)\" cannot be used as a name", at: Label(range),
            mend: "add `as NAME`")
    }
    static func broughtTwice(_ name: String, _ first: String, _ second: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0322", what: "\"\(first)\" and \"\(second)\" both bring the name `\(name)`", at: Label(range),
            mend: "import one of them with a name: `import \"\(second)\" as \(importName(second))`")
    }
    static func testTwice(_ name: String, at range: SourceRange, first: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "W0306", severity: .warning, what: "a second test is called \"\(name)\"", at: Label(range), also: [Label(first, "the first one")],
            why: "reports and `--filter` tell tests apart by their names", mend: "give each test a name of its own")
    }
    static func tooLarge(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0390", what: "this function is too large", at: Label(range), why: "one function holds at most 32,768 values",
            mend: "split it, or read long data from a file")
    }
}
