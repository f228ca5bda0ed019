internal import Datasets
internal import Graphs
internal import Language

/// Makes scripts that call whatever the language knows with arguments that nobody means: sizes beyond memory, negative
/// strides, empty tensors, the wrong dtype, NaN where an int is due.
struct CallMaker: Sendable {
    private struct Callable {
        var name: String
        var isVerb: Bool
        /// Names and, of ops, kinds of the parameters.
        var parameters: [(name: String, kind: Op.Kind?)]
        var example: String
    }
    private let callables: [Callable]
    private let examples: [String]

    init(library: StandardLibrary) {
        let ops = Dictionary(uniqueKeysWithValues: Op.all.map { ($0.name, $0) })
        var found: [Callable] = []
        for name in library.documentedNames + library.documentedVerbs {
            // `error` ends every script; what reads and writes files is closed off in any case.
            if name == "error" { continue }
            for entry in (try? library.documentation(of: name)) ?? [] where !entry.parameters.isEmpty || entry.signature.hasSuffix(")") {
                let isVerb = entry.kind.hasPrefix("verb")
                if isVerb != name.isVerb { continue }
                let kinds = entry.kind == "op" ? ops[name]?.parameters : nil
                found.append(
                    Callable(
                        name: isVerb ? String(name[(name.firstIndex(of: ".").map { name.index(after: $0) } ?? name.startIndex)...]) : name,
                        isVerb: isVerb,
                        parameters: entry.parameters.map { parameter in
                            (parameter.name, kinds?.first { $0.name == parameter.name }?.kind)
                        },
                        example: entry.example.map { String($0.split(separator: "    #")[0]) } ?? ""))
            }
        }
        callables = found
        examples = found.map(\.example).filter { !$0.isEmpty }
    }

    /// A script of a few statements.
    func script(_ random: inout SplitMix) -> String {
        var lines: [String] = []
        if random.chance(4) { lines.append("x = " + value(&random, 2)) }
        for _ in 0...random.below(3) { lines.append(statement(&random)) }
        return lines.joined(separator: "\n") + "\n"
    }

    private func statement(_ random: inout SplitMix) -> String {
        switch random.below(16) {
        case 0, 1, 2, 3, 4: return "print(" + call(&random) + ")"
        case 5: return "print(grad(t -> sum(" + call(&random, first: "t") + "))(" + tensor(&random) + "))"
        case 6, 7: return "print(" + bent(random.pick(examples), &random) + ")"
        case 8: return "print((" + value(&random, 2) + ")" + subscripts(&random) + ")"
        case 9:
            let signs = ["+", "-", "*", "/", "//", "%", "@", "**", "==", "<", "in", "and", "or"]
            return "print((" + value(&random, 2) + ") " + random.pick(signs) + " (" + value(&random, 2) + "))"
        case 10: return "print(\"{" + value(&random, 1).filter { $0 != "\n" } + ":" + form(&random) + "}\")"
        case 11: return "print(scan((c, x) -> [" + random.pick(["c", "c + x", "c * 2", call(&random, first: "c")]) + ", x], "
            + value(&random, 1) + ", " + value(&random, 1) + "))"
        case 12: return "for a in " + value(&random, 1) + " { print(" + call(&random, first: "a") + ") }"
        case 13: return "x = " + call(&random) + "\nprint(x)"
        case 14: return "print([" + call(&random, first: "v") + " for v in " + value(&random, 1) + "])"
        default: return "print((x -> " + call(&random, first: "x") + ")(" + call(&random) + "))"
        }
    }

    /// A call of any name; `first` stands as its first argument more often than not.
    private func call(_ random: inout SplitMix, first: String? = nil) -> String {
        if random.chance(6) { return bent(random.pick(examples), &random) }
        let callable = random.pick(callables)
        var arguments: [String] = []
        var receiver: String?
        for (index, parameter) in callable.parameters.enumerated() {
            if index > 0, random.chance(index < 3 ? 6 : 2) { continue }
            var text = argument(parameter.kind, &random)
            if index == 0, let first, !random.chance(5) { text = first }
            if index == 0, callable.isVerb {
                receiver = text
                continue
            }
            arguments.append(index > 1 && !random.chance(4) || random.chance(8) ? "\(parameter.name) = \(text)" : text)
        }
        if random.chance(30) { arguments.append(value(&random, 1)) }
        let call = callable.name + "(" + arguments.joined(separator: ", ") + ")"
        return receiver.map { "(" + $0 + ")." + call } ?? call
    }

    /// An example with its numbers and words changed.
    private func bent(_ example: String, _ random: inout SplitMix) -> String {
        var result = ""
        var number = ""
        func flush(_ random: inout SplitMix) {
            if !number.isEmpty { result += random.chance(4) ? int(&random) : number }
            number = ""
        }
        for character in example {
            if character.isNumber, result.last.map({ !$0.isLetter && $0 != "_" && $0 != "." }) ?? true {
                number.append(character)
            } else {
                flush(&random)
                result.append(character)
            }
        }
        flush(&random)
        if random.chance(5) { result += random.chance(2) ? subscripts(&random) : "." + random.pick(callables).name + "(" + value(&random, 1) + ")" }
        return result
    }

    // MARK: Values

    private func argument(_ kind: Op.Kind?, _ random: inout SplitMix) -> String {
        if random.chance(8) { return value(&random, 2) }
        switch kind {
        case .tensor, .optionalTensor, .key: return random.chance(3) ? value(&random, 2) : tensor(&random)
        case .tensors: return "[" + tensor(&random) + ", " + tensor(&random) + "]"
        case .bool: return random.chance(2) ? "true" : "false"
        case .int, .optionalInt: return int(&random)
        case .float, .number, .optionalNumber, .optionalFloat: return random.chance(2) ? float(&random) : int(&random)
        case .dtype, .optionalDType: return random.pick(Self.dtypes)
        case .axes, .shape, .ints, .optionalInts, .floats: return random.chance(3) ? int(&random) : ints(&random)
        case .pairs: return "[" + ints(&random, count: 2) + ", " + ints(&random, count: 2) + "]"
        case .string(let choices): return "\"" + (choices.isEmpty || random.chance(4) ? string(&random) : random.pick(choices)) + "\""
        case .hidden, nil: return value(&random, 2)
        }
    }

    private static let dtypes = ["f32", "f64", "bf16", "f16", "i8", "u8", "i16", "i32", "i64", "\"bool\"", "\"string\""]

    private func int(_ random: inout SplitMix) -> String {
        random.pick([
            "0", "1", "-1", "2", "3", "-2", "4", "5", "7", "8", "-8", "9", "16", "100", "1000", "-1000", "10 ** 6", "10 ** 9", "2 ** 31", "-2 ** 31",
            "2 ** 32", "2 ** 53", "2 ** 62", "-2 ** 62", "9223372036854775807", "-9223372036854775808", "-9223372036854775807", "true", "1", "2", "0", "3",
        ])
    }

    private func float(_ random: inout SplitMix) -> String {
        random.pick(["0.0", "-0.0", "0.5", "1.0", "-1.5", "1e-3", "nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e19", "2.5", "0.999"])
    }

    private func ints(_ random: inout SplitMix, count: Int? = nil) -> String {
        let isTame = random.chance(2)
        return "[" + (0..<(count ?? random.below(5))).map { _ in isTame ? String(random.below(5)) : int(&random) }.joined(separator: ", ") + "]"
    }

    private func string(_ random: inout SplitMix) -> String {
        random.pick(["", "a", "same", "valid", "日本", "ij,jk->ik", "...", "mean", "2 + 2", "{{", "\\u{0}", "a,b\\n1,2", "1e400", "nan", "f32", "-", "reflect"])
    }

    private func shape(_ random: inout SplitMix) -> String {
        let rank = random.pick([0, 1, 1, 2, 2, 3, 4, 5, 9])
        return "[" + (0..<rank).map { _ in random.pick(["1", "2", "3", "4", "0", "2", "5"]) }.joined(separator: ", ") + "]"
    }

    private func tensor(_ random: inout SplitMix) -> String {
        switch random.below(12) {
        case 0, 1, 2: return "random.normal(" + shape(&random) + ")"
        case 3, 4: return "ones(" + shape(&random) + ", dtype = " + random.pick(Self.dtypes) + ")"
        case 5: return "cast(random.uniform(" + shape(&random) + ", -300.0, 300.0), " + random.pick(Self.dtypes) + ")"
        case 6: return "tensor([\"a\", \"\", \"日本\"])"
        case 7: return "tensor([nan, inf, -inf, 0.0])"
        case 8: return "tensor([" + int(&random) + ", " + int(&random) + "], dtype = i64)"
        case 9: return "arange(" + String(random.below(30)) + ").reshape(" + ints(&random) + ")"
        case 10: return "zeros(" + ints(&random) + ")"
        default: return "tensor([[1.0, 2.0], [3.0, 4.0]])" + (random.chance(2) ? "" : subscripts(&random))
        }
    }

    private func value(_ random: inout SplitMix, _ depth: Int) -> String {
        switch random.below(depth > 0 ? 22 : 9) {
        case 0, 1: return int(&random)
        case 2: return float(&random)
        case 3: return "\"" + string(&random) + "\""
        case 4: return random.pick(["none", "true", "false"] + Self.dtypes)
        case 5: return random.pick(["x -> x", "(a, b) -> a + b", "relu", "sum", "() -> 1", "x -> error(\"e\")", "(a, b) -> [a, b]", "dense(2)", "mean_squared_error", "adam()"])
        case 6: return ints(&random)
        case 7: return "range(" + int(&random) + ", " + int(&random) + ", " + int(&random) + ")"
        case 8: return "[]"
        case 9, 10, 11, 12: return tensor(&random)
        case 13: return "[" + value(&random, depth - 1) + ", " + value(&random, depth - 1) + "]"
        case 14: return "{a = " + value(&random, depth - 1) + ", b = " + value(&random, depth - 1) + "}"
        case 15: return "table({a = [1, 2, 3], b = [\"x\", \"y\", \"x\"], c = [0.5, nan, inf]})"
        case 16: return "dataset(" + value(&random, depth - 1) + ")" + random.pick(["", ".batch(0)", ".batch(2)", ".shuffle(-1)", ".take(-1)", ".repeat(2)", ".batch(9223372036854775807)"])
        case 17: return "[" + value(&random, depth - 1) + "] * " + random.pick(["0", "-1", "3", "9223372036854775807"])
        case 18: return "model { " + random.pick(["dense(2)", "flatten", "relu; dense(1)", "conv2d(2, 3)", "lstm(2)", "input([3]); dense(2)"]) + " }"
        case 19: return "datasets.iris()"
        default: return call(&random)
        }
    }

    private func subscripts(_ random: inout SplitMix) -> String {
        let parts = (0...random.below(3)).map { _ -> String in
            switch random.below(7) {
            case 0, 1: return int(&random)
            case 2: return (random.chance(2) ? int(&random) : "") + ":" + (random.chance(2) ? int(&random) : "")
            case 3: return "::" + int(&random)
            case 4: return random.pick(["...", "none", ":"])
            case 5: return ints(&random)
            default: return random.pick(["tensor([true, false])", "\"a\"", "0.5", "tensor([0, 1])", "tensor([-1, 7])", "range(2)"])
            }
        }
        return "[" + parts.joined(separator: ", ") + "]"
    }

    private func form(_ random: inout SplitMix) -> String {
        random.pick(["", ">", "*<", "^", "日="]) + random.pick(["", "+", "-", " "])
            + random.pick(["", "0", "8", "99", "99999999", "9223372036854775807", "99999999999999999999"]) + random.pick(["", ","])
            + random.pick(["", ".0", ".3", ".400", ".99999999", ".9223372036854775808"]) + random.pick(["", "d", "f", "e", "g", "%", "x", "s", "q"])
    }
}

extension String {
    /// `table.split`, not `nn.conv2d`.
    fileprivate var isVerb: Bool {
        guard let dot = firstIndex(of: ".") else { return false }
        return ["string", "list", "record", "tensor", "layer", "table", "dataset", "estimator"].contains(self[..<dot])
    }
}
