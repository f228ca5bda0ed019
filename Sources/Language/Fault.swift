public import Graphs
internal import Syntax

/// A user's mistake without its place: the machine adds where it happened.
public typealias Fault = OpError

extension OpError {
    /// Errors that depend on a value, which the check leaves to the run.
    var dependsOnValues: Bool {
        ["E0404", "E0405", "E0406", "E0417", "E0422", "E0424", "E0426", "E0428"].contains(code)
    }

    static let tooDeep = Fault(
        "E0401", "calls nest deeper than \(Machine.deepest.formatted)", why: "a function that calls itself must come to an end",
        mend: "check the condition that should end the recursion, or use a loop")

    static func type(_ what: String, expected: String, found: Value, mend: String? = nil) -> Fault {
        var description = found.described
        if case .list(let list) = found, expected == "a tensor" || expected.hasSuffix("numbers"), let odd = list.oddElement {
            description = "a list that holds \(odd.described)"
        }
        return Fault("E0402", "\(what) must be \(expected), found \(description)", mend: mend ?? (found.isParameter ? valueOfParameter : nil))
    }
    private static let valueOfParameter = "a parameter's tensor is its `value`: `….value`"
    static func operands(_ symbol: String, _ a: Value, _ b: Value) -> Fault {
        var (why, mend): (String?, String?) = (nil, nil)
        func isNumber(_ value: Value) -> Bool { ["int", "float"].contains(value.kind) }
        switch (a, b) {
        case (.parameter, _), (_, .parameter): mend = valueOfParameter
        case (.none, _), (_, .none): why = "`none` is what a function or an `if` without a value gives"
        case (.string, _) where symbol == "+", (_, .string) where symbol == "+": mend = "put the value into the text: `\"… {value}\"`"
        case (.string, _) where isNumber(b) && symbol != "*", (_, .string) where isNumber(a) && symbol != "*":
            mend = "convert the string: `int(…)` or `float(…)`"
        case (.list(let list), _) where isNumber(b) && list.oddElement != nil, (_, .list(let list)) where isNumber(a) && list.oddElement != nil:
            mend = "for each element build a list: `[… for v in xs]`"
        case (.list, _) where isNumber(b), (_, .list) where isNumber(a):
            mend = "for all elements at once make a tensor: `tensor(…)`; or build a list: `[… for v in xs]`"
        default: break
        }
        // In the check: one of them goes with nothing, so the other does not matter.
        let found = [a, b].filter { !$0.isUnknown }.map(\.described).joined(separator: " and ")
        return Fault("E0403", "`\(symbol)` does not go with \(found)", why: why, mend: mend)
    }
    static func textLabel(_ label: String?, _ example: String?, loss: String, estimator: String) -> Fault {
        let isRegressor = estimator.hasSuffix("_regressor")
        return Fault(
            "E0506", (label.map { "label `\($0)` holds strings" } ?? "the labels are strings") + (example.map { " such as `\($0)`" } ?? "") + ", and `\(loss)` compares numbers",
            mend: isRegressor
                ? "classes are for a classifier: `\(estimator.replacing("_regressor", with: "_classifier"))`"
                : "for classes use `loss = sparse_softmax_cross_entropy` with one output per class, or `dnn_classifier`")
    }
    static func quantity(_ label: String, _ example: Double, _ count: Int) -> Fault {
        Fault(
            "E0506", "label `\(label)` holds \(count) different numbers such as \(formatShortest(example)), and a classifier tells a few classes apart",
            mend: "a quantity is for a regressor: `dnn_regressor`; for classes all the same make them strings with `.with_column`")
    }
    static func notTwoClasses(_ label: String, _ count: Int, isLeast: Bool = false) -> Fault {
        Fault(
            "E0453", "`\(label)` has \(isLeast ? "at least " : "")\(count) classes, and the loss is for two",
            mend: "use `sparse_softmax_cross_entropy`, and end the model with an output per class"
                + (isLeast ? "" : ": `dense(\(count))`"))
    }
    static func noExamples(_ use: String) -> Fault { Fault("E0463", "there are no examples to \(use)") }
    static func nothingToSave(_ estimator: String) -> Fault {
        Fault("E0461", "the estimator (\(estimator)) has not been fitted, so there is nothing to save", mend: "call its `fit(…)` first")
    }
    static func callback(parameters: Int) -> Fault {
        Fault(
            "E0402", "a callback must be a function of one argument, and this one has \(parameters == 0 ? "none" : String(parameters))",
            why: "it is called after each epoch with a record of the epoch's number, loss and metrics", mend: "write `row -> …`")
    }
    static func validation(_ found: Value) -> Fault {
        let mend: String? = switch found {
        case .int, .float: "set rows aside and give them: `train, held = data.split(0.8)`, then `validation = held`"
        case .tensor: "give the labels as well: `validation = [x, y]`"
        default: nil
        }
        return type("`validation`", expected: "a table, a dataset or `[x, y]`", found: found, mend: mend)
    }
    static let overflow = Fault(
        "E0404", "the result does not fit in a 64-bit int", mend: "use a float: write `1.0` for `1`")
    static let divisionByZero = Fault("E0405", "division by zero")
    static let emptyWrt = Fault(
        "E0440", "`wrt` is an empty list: there is nothing to differentiate by",
        why: "a layer has parameters once it has been applied, or when its model states an `input(…)`")
    static func index(_ index: Int, count: Int, of what: String) -> Fault {
        Fault(
            "E0406", "index \(index) is outside a \(what) of \(count)",
            mend: count == 0 ? nil : "indices go from 0 to \(count - 1), or from -\(count) to -1")
    }
    static func noField(_ name: String, of value: Value, known: [String]) -> Fault {
        let near = nearest(to: name, in: known)
        // A record has the fields that the script gave it, by whatever names.
        let isRecord = if case .record = value { true } else { false }
        var mend = (isRecord ? nil : OtherNames.fields[name]).map { "write `\($0)`" } ?? near.map { "did you mean `\($0)`?" }
        if mend == nil, !known.isEmpty, known.count <= 12 {
            mend = "it has " + known.map { "`\($0)`" }.joined(separator: ", ")
        }
        return Fault("E0407", "\(value.described) has no field `\(name)`", mend: mend, misspelling: Misspelling(name, known: known))
    }
    static func notCallable(_ value: Value) -> Fault {
        if case .string(let text) = value, isPlainName(text.string) {
            return Fault("E0408", "a string cannot be called", mend: "write `\(text.string)` without quotes")
        }
        let isNumber = ["int", "float"].contains(value.kind)
        return Fault("E0408", "\(value.described) cannot be called", mend: isNumber ? "a product is written `a * (b)`" : nil)
    }
    static func noMethod(_ name: String, of value: Value, known: [String], fields: [String], member: String?) -> Fault {
        let mend: String? = if let member {
            "did you mean `\(member)`?"
        } else if fields.contains(name) {
            "`\(name)` is a field: leave the parentheses out"
        } else if case .function(let function) = value {
            "call it first: `\(function.name)(…).\(name)(…)`"
        } else if value.isParameter {
            valueOfParameter
        } else if name == "head", case .dataset = value {
            "write `take(n)`"
        } else if let other = OtherNames.verbs[name] {
            "write `\(other)`"
        } else {
            nearest(to: name, in: known).map { "did you mean `\($0)`?" }
        }
        let isMisspelt = member == nil && OtherNames.verbs[name] == nil && !fields.contains(name)
        return Fault(
            "E0409", "\(value.described) has no `\(name)`, and no function of that name takes it", mend: mend,
            misspelling: Misspelling(name, known: isMisspelt ? known : []))
    }
    static func condition(_ value: Value) -> Fault {
        let mend: String
        switch value {
        case .tensor: mend = "reduce it with `all(…)` or `any(…)`"
        case .list, .range, .string, .record, .table: mend = "write `len(…) > 0`"
        case .none, .function, .layer, .estimator, .dataset: mend = "write `… != none`"
        default: mend = "write a comparison, such as `… != 0`"
        }
        return Fault("E0410", "a condition must be a bool, found \(value.described)", mend: mend)
    }
    static func looksAtData(_ what: String) -> Fault {
        Fault(
            "E0210", "\(what) needs the values of a tensor inside compiled code",
            why: "what `fit`, `scan` or a dataset's `map` compiles runs later, for every batch",
            mend: "choose with `where`, a mask, or `scan`")
    }
    static func missingArgument(_ name: String, of function: String) -> Fault {
        Fault("E0411", "`\(function)` needs `\(name)`", mend: "add `\(name) = …`")
    }
    static func surplusArguments(_ function: String, takes names: [String], found: Int) -> Fault {
        let count = names.count
        return Fault(
            "E0412", "`\(function)` takes \(count == 0 ? "no arguments" : count == 1 ? "1 argument" : "at most \(count) arguments"), found \(found)",
            mend: names.contains("shape") ? shapeIsList(function) : nil)
    }
    /// What `zeros(2, 3)` is told.
    static func shapeIsList(_ function: String) -> String { "a shape is a list: `\(function)([2, 3])` is 2 by 3" }
    static func unknownArgument(_ name: String, of function: String, known: [String]) -> Fault {
        let other = OtherNames.mend(argument: name, known: known)
        return Fault(
            "E0413", "`\(function)` has no argument `\(name)`",
            mend: other ?? nearest(to: name, in: known).map { "did you mean `\($0)`?" }
                ?? (known.isEmpty ? nil : "it takes " + known.map { "`\($0)`" }.joined(separator: ", ")),
            misspelling: Misspelling(name, known: other == nil ? known : []))
    }
    static func repeatedArgument(_ name: String, of function: String) -> Fault {
        Fault("E0414", "`\(function)` gets `\(name)` twice", mend: "leave one of them out")
    }
    static func choice(_ what: String, _ found: String, known: [String]) -> Fault {
        let near = nearest(to: found, in: known)
        return Fault(
            "E0415", "\(what) is \"\(found)\", which is none of " + known.map { "\"\($0)\"" }.joined(separator: ", "),
            mend: near.map { "did you mean \"\($0)\"?" }, misspelling: Misspelling(found, known: known))
    }
    static func sealed(_ name: String) -> Fault {
        Fault(
            "E0470", "the source in a saved estimator calls `\(name)`",
            why: "what comes with a file computes only; it reads, writes and prints nothing")
    }
    static func unset(_ name: String) -> Fault {
        Fault("E0302", "`\(name)` has no value here", why: "not every way that leads here gives it one", mend: "give it a value before")
    }
    static func unpack(_ count: Int, into names: Int, _ what: String) -> Fault {
        Fault("E0416", "\(what) with \(count) value\(count == 1 ? "" : "s") cannot be taken apart into \(names) names")
    }
}

extension Int {
    /// With commas between thousands.
    public var formatted: String {
        let digits = String(magnitude)
        var result = ""
        for (offset, digit) in digits.enumerated() {
            if offset > 0, (digits.count - offset) % 3 == 0 { result += "," }
            result.append(digit)
        }
        return self < 0 ? "-" + result : result
    }
}
