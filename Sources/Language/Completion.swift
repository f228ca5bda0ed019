internal import Datasets
internal import Formats
internal import Graphs
internal import Syntax

/// What may be typed at the cursor.
public struct Completion: Sendable {
    /// What stands there already and is replaced.
    public var word: String
    /// The replacements, the likeliest first.
    public var candidates: [String]

    /// Those that go on from the word, each once.
    public init(_ word: String, _ candidates: [String]) {
        self.word = word
        var seen: Set<String> = []
        self.candidates = candidates.filter { $0.hasPrefix(word) && seen.insert($0).inserted }
    }
}

extension Prompt {
    /// Completes a text at its end. Nothing of the text runs.
    ///
    /// - Parameter files: the paths that go on from a part of one.
    public func completion(of text: String, files: (String) -> [String]) -> Completion {
        let cursor = Cursor(before: text)
        switch cursor.place {
        case .nothing: return Completion("", [])
        case .string(let typed):
            let known = strings(cursor)
            return Completion(typed, known.isEmpty ? files(typed) : known)
        case .code: break
        }
        if let base = cursor.base { return Completion(cursor.word, members(base, cursor.word)) }
        if let piped = cursor.piped { return Completion(cursor.word, steps(behind: guess(piped) ?? Guess(kind: "tensor"), cursor.word)) }
        var found: [String] = []
        var arguments: [String] = []
        if let enclosure = cursor.enclosures.first {
            if enclosure.kind == .call, enclosure.argument == nil {
                let given = Set(enclosure.arguments.compactMap(\.name))
                let positional = enclosure.arguments.count { $0.name == nil }
                arguments = parameters(of: enclosure.callee).dropFirst(positional).filter { !$0.isRest && !given.contains($0.name) }.map(\.name)
            }
            if let name = cursor.enclosures.first(where: { $0.argument != nil || $0.kind == .call })?.argument {
                let likely = values(for: name, parameters(of: enclosure.callee).first { $0.name == name })
                if cursor.word.isEmpty, !likely.isEmpty { return Completion("", likely) }
                found += likely
            }
        }
        found += ownNames(cursor)
        // Everything that there is helps nobody; and where an argument begins so, it is meant.
        if !cursor.word.isEmpty, !arguments.contains(where: { $0.hasPrefix(cursor.word) }) { found += libraryNames + Self.words }
        // A name that is an argument here means that.
        return Completion(cursor.word, arguments.map { $0 + " = " } + found.filter { !arguments.contains($0) })
    }

    /// Every name that has documentation, for `:doc` and `:source`.
    public var documentedNames: [String] { ownNames(Cursor(before: "")) + session.library.documentedNames.sorted() }

    private func ownNames(_ cursor: Cursor) -> [String] {
        (module.slots.keys.filter { own($0) != nil } + (cursor.word.isEmpty ? [] : cursor.names)).sorted()
    }
    private var libraryNames: [String] { (session.library.names.filter { !$0.contains(".") } + session.library.modules).sorted() }
    private static let words = [
        "and", "break", "continue", "else", "estimator", "expect", "false", "fn", "for", "if", "import", "in", "layer", "model", "none", "not",
        "option", "or", "return", "test", "true", "while", "with",
    ]

    // MARK: Behind a dot and a pipe

    private func members(_ base: String, _ word: String) -> [String] {
        if own(base) == nil, session.library.modules.contains(base) {
            return session.library.names.filter { $0.hasPrefix(base + ".") }.map { String($0.dropFirst(base.count + 1)) }.sorted()
        }
        guard let guess = guess(base) else { return [] }
        var found = (guess.value?.fieldNames ?? Value.fieldNames(ofKind: guess.kind)).filter(isPlainName)
        found += Native.verbs[guess.kind]?.keys.sorted() ?? []
        if guess.kind == "tensor" { found += steps(behind: guess, word).filter(isPlainName) }
        return found
    }

    /// What a value may be handed on to: first the layers that take one of its rank.
    private func steps(behind input: Guess, _ word: String) -> [String] {
        var exact: [String] = [], fitting: [String] = [], others: [String] = []
        let own = module.slots.keys.filter { self.own($0) != nil }.sorted()
        for name in own + session.library.names(in: "layers") + session.library.names(in: "nets") {
            guard let value = known(name) else { continue }
            guard let constructor = constructor(of: value) else {
                if case .function = value { fitting.append(name) }
                continue
            }
            let (fits, isExact) = fit(constructor, input)
            if isExact { exact.append(name) } else if fits { fitting.append(name) } else { others.append(name) }
        }
        // Ops are many: they come once a letter tells which.
        return exact + fitting + (word.isEmpty ? [] : (others + libraryNames).sorted())
    }

    // MARK: Arguments

    struct Argument {
        var name: String
        var defaultText: String?
        var choices: [String] = []
        var isRest = false
    }

    /// The parameters of a call, what a dot before it fills left out.
    private func parameters(of callee: String) -> [Argument] {
        let cursor = Cursor(before: callee)
        if let base = cursor.base, own(base) != nil || !session.library.modules.contains(base), let receiver = guess(base) {
            if case .record(let record)? = receiver.value, let field = record[cursor.word] { return parameters(of: field) }
            if let native = Native.verbs[receiver.kind]?[cursor.word] { return parameters(native).dropFirst().map { $0 } }
            guard let function = known(cursor.word) else { return [] }
            return constructor(of: function) == nil ? Array(parameters(of: function).dropFirst()) : parameters(of: function)
        }
        // `dense(10)(`: the inputs of a layer that is not there yet.
        if callee.hasSuffix(")"), let open = Cursor(before: String(callee.dropLast())).enclosures.first, let function = guess(open.callee)?.value,
            let constructor = constructor(of: function), constructor.info.kind != .estimator
        {
            return inputs(of: constructor).map(Argument.init) + [Argument(name: "training", defaultText: "false")]
        }
        return guess(callee)?.value.map(parameters) ?? []
    }

    private func parameters(of value: Value) -> [Argument] {
        switch value {
        case .layer(let layer): return inputs(of: layer.constructor).map(Argument.init) + [Argument(name: "training", defaultText: "false")]
        case .function(let function):
            switch function.kind {
            case .code(let code, _, _): return code.parameters.map(Argument.init)
            case .op(let op):
                return op.parameters.filter { $0.kind != .key && $0.kind != .hidden }.map { parameter in
                    var argument = Argument(name: parameter.name, isRest: parameter.kind == .tensors)
                    if case .string(let choices) = parameter.kind { argument.choices = choices }
                    if parameter.kind == .bool { argument.defaultText = "false" }
                    return argument
                }
            case .native(let native): return parameters(native)
            case .constructor(let constructor):
                let common = constructor.info.kind == .estimator ? [] : Layer.commonArguments
                return constructor.info.configuration.parameters.map(Argument.init) + common.map { Argument(name: $0, defaultText: $0 == "trainable" ? "true" : nil) }
            case .dual(let op, let layer): return parameters(of: .function(layer)) + parameters(of: .function(op))
            case .closure(let parameters, _): return parameters?.map(Argument.init) ?? []
            }
        default: return []
        }
    }

    private func parameters(_ native: Native) -> [Argument] {
        native.parameters.map { parameter in
            var argument = Argument(name: parameter.name, choices: parameter.choices, isRest: parameter.isRest)
            if case .bool? = parameter.defaultValue { argument.defaultText = "false" }
            return argument
        }
    }

    /// What an argument of this name is likely to be: a loss for `loss`, an initializer for `kernel_initializer`.
    private func values(for name: String, _ parameter: Argument?) -> [String] {
        if let parameter, !parameter.choices.isEmpty { return parameter.choices.map { "\"\($0)\"" } }
        if ["true", "false"].contains(parameter?.defaultText) { return ["true", "false"] }
        let last = name.split(separator: "_").last.map(String.init) ?? name
        return [last, last + "s", last + "es"].lazy.map { self.session.library.names(in: $0) }.first { !$0.isEmpty } ?? []
    }

    // MARK: Strings

    /// What the string at hand may be: a choice of the argument, or a column; nothing when it may name a file.
    private func strings(_ cursor: Cursor) -> [String] {
        guard let enclosure = cursor.enclosures.first(where: { $0.kind != .other }) else { return [] }
        if enclosure.kind == .index {
            switch guess(enclosure.callee)?.value {
            case .table(let table): return table.table.names
            case .record(let record): return record.names
            default: return []
            }
        }
        let parameters = parameters(of: enclosure.callee)
        let position = enclosure.arguments.count { $0.name == nil }
        let parameter = enclosure.argument.map { name in parameters.first { $0.name == name } } ?? parameters.dropFirst(position).first
        if let choices = parameter?.choices, !choices.isEmpty { return choices }
        return columns(enclosure, parameter?.name)
    }

    private static let columnArguments: Set = ["label", "labels", "column", "columns", "by", "name", "old", "types"]

    /// The columns of the table that a call is about: its receiver, a table or a csv file among its arguments, or any table
    /// for a feature column.
    private func columns(_ call: Cursor.Enclosure, _ parameter: String?) -> [String] {
        let callee = Cursor(before: call.callee)
        if callee.base == "feature" {
            return module.slots.keys.sorted().flatMap { name -> [String] in if case .table(let table)? = own(name) { table.table.names } else { [] } }
        }
        if let base = callee.base, case .table(let table)? = guess(base)?.value { return table.table.names }
        if let base = callee.base, let names = csvColumns(base) { return names }
        guard let parameter, Self.columnArguments.contains(parameter) else { return [] }
        for argument in call.arguments {
            if case .table(let table)? = guess(argument.text)?.value { return table.table.names }
        }
        return csvColumns(call.callee + "(" + call.arguments.map(\.text).joined(separator: ", ") + ")") ?? []
    }

    /// The header of the file that a call of `csv` names.
    private func csvColumns(_ text: String) -> [String]? {
        let parsed = parse(SourceText(path: "", text: text))
        guard parsed.diagnostics.isEmpty, parsed.script.statements.count == 1, case .expression(let expression) = parsed.script.statements[0].kind
        else { return nil }
        var inner = expression
        while true {
            switch inner.kind {
            case .call(let callee, let arguments):
                if case .name("csv") = callee.kind {
                    guard case .string(let parts)? = arguments.first?.value.kind, parts.count == 1, case .text(let path) = parts[0] else { return nil }
                    return (try? CSV.readHeader(path))?.names
                }
                inner = callee
            case .field(let base, _): inner = base
            default: return nil
            }
        }
    }
}

extension Prompt.Argument {
    init(_ parameter: ParameterInfo) {
        self.init(name: parameter.name, defaultText: parameter.defaultText, isRest: parameter.isRest)
        // A choice among a few modes is written in the documentation as it is in a script: "valid" or "same".
        if let text = defaultText, text.hasPrefix("\""), let words = parameter.documentation?.split(separator: "\"", omittingEmptySubsequences: false) {
            choices = stride(from: 1, to: words.count - 1, by: 2).map { String(words[$0]) }
        }
    }
}
