internal import Syntax

/// What the tree of one file tells before anything runs.
struct Reading {
    let source: SourceText
    let warnings: [Diagnostic]
    let allowances: Allowances
    /// Expressions whose values are dropped.
    let discarded: [SourceRange]
    let unusedBindings: [Name]

    init(_ script: Script, isImported: Bool, importedNames: @escaping (String, SourceRange) -> [String]) {
        let names = NameReader(script, isImported: isImported, importedNames: importedNames)
        source = script.source
        warnings = names.warnings + GateReader(script).warnings + SplitReader(script).warnings
        allowances = Allowances(script)
        discarded = names.discarded
        unusedBindings = names.unusedBindings
    }
}
