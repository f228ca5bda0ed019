internal import Syntax

// What is legal and almost surely wrong. W030x: names and statements. W031x: models and data. W039x: what is allowed.
extension Diagnostic {
    private static func warning(
        _ code: String, _ what: String, at range: SourceRange?, _ text: String = "", also: [Label] = [], why: String? = nil, mend: String? = nil
    ) -> Diagnostic {
        Diagnostic(code: code, severity: .warning, what: what, at: range.map { Label($0, text) }, also: also, why: why, mend: mend)
    }

    // MARK: Names and statements

    static func unused(_ what: String, _ name: Name) -> Diagnostic {
        warning("W0301", "the \(what) `\(name.text)` is never used", at: name.range, mend: "remove it, or begin its name with `_` to keep it")
    }
    static func unusedParameter(_ name: Name, of function: String) -> Diagnostic {
        warning(
            "W0302", "the parameter `\(name.text)` of `\(function)` is never used", at: name.range,
            mend: "remove it, or begin its name with `_` to keep it")
    }
    static func unusedImport(_ path: String, at range: SourceRange) -> Diagnostic {
        warning("W0303", "nothing of the import \"\(path)\" is used", at: range, mend: "remove the import")
    }
    static func unreachable(_ range: SourceRange, after: SourceRange, _ word: String) -> Diagnostic {
        warning(
            "W0304", "this is never run", at: range, also: [Label(after, "`\(word)` leaves the block here")],
            mend: "remove it, or move it before the `\(word)`")
    }
    static func neverApplied(_ layer: String, at range: SourceRange, isNamed: Bool) -> Diagnostic {
        warning(
            "W0305", "the layer `\(layer)` is built and never applied", at: range,
            why: "a layer computes when it is called with a tensor; building it only makes it",
            mend: isNamed ? "apply it, `y = \(layer)(x)`, or remove it" : "apply it, `x |> \(layer)(…)`, or remove it")
    }

    // MARK: Models and data

    static func appliedTwice(_ function: String, _ loss: String, at range: SourceRange?) -> Diagnostic {
        warning(
            "W0310", "`\(function)` stands before the loss `\(loss)`, which applies it itself", at: range,
            why: "applied twice it flattens the differences, and the model learns slowly or not at all",
            mend: "let the model end with plain outputs; metrics and `predict` apply `\(function)` by themselves")
    }
    static func otherClassCount(_ width: Int, _ classes: Int, _ label: String, at range: SourceRange?) -> Diagnostic {
        warning(
            "W0311", "the model gives \(width) number\(width == 1 ? "" : "s") per example, and \(label) has \(classes) classes", at: range,
            mend: "let the last layer be `dense(\(classes))`")
    }
    static func gate(_ holds: Bool, _ quantity: String, _ domain: String, mend: String?, at range: SourceRange) -> Diagnostic {
        warning(
            "W0312", holds ? "this gate cannot fail" : "this gate cannot hold", at: range, why: "\(quantity) \(domain)", mend: mend)
    }
    static func evaluatedOnFitted(_ name: String, at range: SourceRange?, fit: SourceRange?) -> Diagnostic {
        warning(
            "W0313", "`\(name)` is evaluated on the data that it was fitted to", at: range,
            also: fit.map { [Label($0, "fitted here")] } ?? [], why: "a model can learn its examples by heart; this says nothing about new ones",
            mend: "keep a part for it: `train, test = t.split(0.8)`")
    }
    static func fittedBeforeSplit(_ what: String, at range: SourceRange?, split: SourceRange?) -> Diagnostic {
        warning(
            "W0314", "\(what) learns from the whole table, before it is split", at: range,
            also: split.map { [Label($0, "split here")] } ?? [],
            why: "what is learned from the rows to test on makes the test too kind", mend: "split first, and learn from the training part alone")
    }
    static func ordered(_ label: String, at range: SourceRange?) -> Diagnostic {
        warning(
            "W0315", "the training data are ordered by the label\(label) and not shuffled", at: range,
            why: "every batch shows the model one class, and each step undoes the last",
            mend: "write `.shuffle()` before `.batch(…)`")
    }
    static func batchesOfOne(_ layer: String, at range: SourceRange?) -> Diagnostic {
        warning(
            "W0316", "`batch_norm` is trained with batches of 1", at: range,
            why: "the mean and spread of one example say nothing; `\(layer)` learns from them",
            mend: "use larger batches, or `layer_norm` or `group_norm`, which do not look at the batch")
    }
    static func keepProbability(_ layer: String, _ rate: String, keep: String, at range: SourceRange?) -> Diagnostic {
        warning(
            "W0317", "`\(layer)(\(rate))` drops \(rate) of the values and keeps \(keep)", at: range,
            why: "the argument is the share that is dropped, not the share that is kept", mend: "write `\(layer)(\(keep))` to keep \(rate)")
    }

    // MARK: What is allowed

    static func idleAllowance(_ code: String, at range: SourceRange) -> Diagnostic {
        warning("W0390", "this allows `\(code)`, which is not found here", at: range, mend: "remove it")
    }
    static func unknownAllowance(_ code: String, at range: SourceRange, known: [String]) -> Diagnostic {
        warning(
            "W0391", code.isEmpty ? "this names no warning to allow" : "`\(code)` is not the code of a warning", at: range,
            mend: nearest(to: code, in: known).map { "did you mean `\($0)`?" } ?? "write it as the warning shows it: `# allow: W0312 because …`")
    }
    static func unexplainedAllowance(_ codes: String, at range: SourceRange) -> Diagnostic {
        warning("W0392", "this does not say why \(codes) is allowed", at: range, mend: "write `# allow: \(codes) because …`")
    }

    /// Every warning that can be allowed.
    static let warningCodes = [
        "W0301", "W0302", "W0303", "W0304", "W0305", "W0306", "W0310", "W0311", "W0312", "W0313", "W0314", "W0315", "W0316", "W0317",
    ]
}
