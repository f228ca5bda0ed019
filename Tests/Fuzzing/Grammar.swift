public import Datasets

/// The grammar in `grammar/tfs.ebnf`, read so that programs can be made from it.
public struct Grammar: Sendable {
    public indirect enum Form: Sendable {
        case text(String)
        case symbol(String)
        case sequence([Form])
        case choice([Form])
        case optional(Form)
        case many(Form)
        /// `? words ?`
        case words
    }

    public var rules: [String: Form] = [:]
    /// How many levels each rule needs at least.
    var heights: [String: Int] = [:]

    public init(_ text: String) {
        var reader = Reader(text)
        while let (name, form) = reader.rule() { rules[name] = form }
        var isChanging = true
        while isChanging {
            isChanging = false
            for (name, form) in rules {
                guard let height = height(form).map({ $0 + 1 }), height < heights[name] ?? .max else { continue }
                heights[name] = height
                isChanging = true
            }
        }
    }

    func height(_ form: Form) -> Int? {
        switch form {
        case .text, .optional, .many, .words: return 0
        case .symbol(let name): return heights[name]
        case .choice(let forms): return forms.compactMap(height).min()
        case .sequence(let forms):
            let known = forms.compactMap(height)
            return known.count == forms.count ? known.max() ?? 0 : nil
        }
    }

    private struct Reader {
        var tokens: [String] = []
        var next = 0

        init(_ text: String) {
            let bytes = Array(text.utf8)
            var index = 0
            func slice(_ from: Int, _ to: Int) -> String { String(decoding: bytes[from..<to], as: UTF8.self) }
            while index < bytes.count {
                let start = index
                switch bytes[index] {
                case UInt8(ascii: "("), UInt8(ascii: "*"):
                    if index + 1 < bytes.count, bytes[index] == UInt8(ascii: "("), bytes[index + 1] == UInt8(ascii: "*") {
                        while !(bytes[index] == UInt8(ascii: "*") && bytes[index + 1] == UInt8(ascii: ")")) || index == start + 1 { index += 1 }
                        index += 2
                        continue
                    }
                    index += 1
                case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "?"):
                    index += 1
                    while bytes[index] != bytes[start] { index += 1 }
                    index += 1
                case 0x20, 0x0A:
                    index += 1
                    continue
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "_"):
                    while index < bytes.count, bytes[index] >= 0x61 && bytes[index] <= 0x7A || bytes[index] == 0x5F { index += 1 }
                default: index += 1
                }
                tokens.append(slice(start, index))
            }
        }

        mutating func rule() -> (String, Form)? {
            guard next + 1 < tokens.count else { return nil }
            let name = tokens[next]
            precondition(tokens[next + 1] == "=", "a rule needs `=` behind \(name)")
            next += 2
            let form = choice()
            precondition(tokens[next] == ";", "the rule \(name) needs a `;` before \(tokens[next])")
            next += 1
            return (name, form)
        }

        private mutating func choice() -> Form {
            var forms = [sequence()]
            while tokens[next] == "|" {
                next += 1
                forms.append(sequence())
            }
            return forms.count == 1 ? forms[0] : .choice(forms)
        }

        private mutating func sequence() -> Form {
            var forms: [Form] = []
            while !["|", ";", ")", "]", "}"].contains(tokens[next]) {
                let token = tokens[next]
                next += 1
                switch token {
                case "(", "[", "{":
                    let inner = choice()
                    next += 1
                    forms.append(token == "(" ? inner : token == "[" ? .optional(inner) : .many(inner))
                case _ where token.hasPrefix("\"") || token.hasPrefix("'"): forms.append(.text(String(token.dropFirst().dropLast())))
                case _ where token.hasPrefix("?"): forms.append(.words)
                default: forms.append(.symbol(token))
                }
            }
            return forms.count == 1 ? forms[0] : .sequence(forms)
        }
    }
}

/// Makes a random program of a grammar.
public struct ProgramMaker {
    let grammar: Grammar
    var random: SplitMix
    var text = ""
    private var names = 0
    private var depth = 0
    // What the grammar says in comments: where `return`, `break` and model expressions may stand.
    private var isInFunction = false
    private var isInLoop = false
    private var isInHead = false
    private var isOnOneLine = false
    private var hasNamedArgument = false

    public init(_ grammar: Grammar, seed: UInt64) {
        self.grammar = grammar
        random = SplitMix(seed: seed)
    }

    public mutating func program() -> String {
        make("script")
        return text
    }

    private mutating func put(_ token: String) { text += (text.isEmpty || text.hasSuffix("\n") ? "" : " ") + token }

    private mutating func make(_ name: String) {
        switch name {
        case "name":
            names += 1
            let roots = ["a", "x", "loss", "größe", "层", "_", "layer", "model", "test", "b2"]
            return put(roots[Int.random(in: 0..<roots.count, using: &random)] + "\(names)")
        case "integer": return put(["0", "42", "1_000", "0xff"].randomElement(using: &random) ?? "1")
        case "float": return put(["0.5", "1e-3", "3.14", "2.5E+7"].randomElement(using: &random) ?? "1.0")
        case "path": return put(["\"a.tfs\"", "\"a b\"", "\"\\u{e9}\""].randomElement(using: &random) ?? "\"\"")
        case "string": return makeString()
        case "newline": return isOnOneLine ? put(";") : { text += "\n" }()
        default: break
        }
        let outer = (isInFunction, isInLoop, isInHead, hasNamedArgument)
        switch name {
        case "body", "lambda", "short_body": (isInFunction, isInLoop) = (true, false)
        case "stack": (isInFunction, isInLoop) = (false, false)
        case "parameters": (isInFunction, isInLoop, isInHead) = (false, false, false)
        case "head": isInHead = true
        case "group", "arguments", "subscripts", "list", "comprehension", "record", "block", "lambda_block": isInHead = false
        default: break
        }
        if name == "arguments" { hasNamedArgument = false }
        let start = text.utf8.count
        depth += 1
        if name == "loop" { makeLoop() } else if let form = grammar.rules[name] { make(form) }
        depth -= 1
        if name == "lambda_value", text.utf8.dropFirst(start).drop(while: { $0 == 0x20 }).first == UInt8(ascii: "{") {
            text = String(decoding: text.utf8.prefix(start), as: UTF8.self) + " ("
                + String(decoding: text.utf8.dropFirst(start), as: UTF8.self) + " )"
        }
        let named = hasNamedArgument
        (isInFunction, isInLoop, isInHead, hasNamedArgument) = outer
        if name == "argument" { hasNamedArgument = named }
    }

    private mutating func makeLoop() {
        guard case .choice(let forms)? = grammar.rules["loop"], case .sequence(let parts) = forms[Int.random(in: 0..<forms.count, using: &random)]
        else { return }
        for part in parts {
            if case .symbol("block") = part { isInLoop = true }
            make(part)
        }
    }

    private mutating func make(_ form: Grammar.Form) {
        let isDeep = isDeep
        switch form {
        case .text(let text): put(text)
        case .symbol(let name): make(name)
        case .words: break
        case .sequence(let forms): for form in forms { make(form) }
        case .optional(let form): if isAllowed(form), goesOn { make(form) }
        case .many(let form):
            while isAllowed(form), goesOn { make(form) }
        case .choice(let forms):
            let allowed = forms.filter(isAllowed)
            let lowest = allowed.compactMap(grammar.height).min() ?? 0
            let choices = isDeep ? allowed.filter { grammar.height($0) == lowest } : allowed
            let choice = choices[Int.random(in: 0..<choices.count, using: &random)]
            if case .sequence(let parts) = choice, parts.count == 3, case .symbol("name") = parts[0], case .text("=") = parts[1] {
                hasNamedArgument = true
            }
            make(choice)
        }
    }

    private var isDeep: Bool { depth > 45 || text.utf8.count > 4000 }

    /// Whether to take what is optional: often at the top, seldom below.
    private var goesOn: Bool { mutating get { !isDeep && Int.random(in: 0..<12, using: &random) < (depth < 4 ? 9 : 4) } }

    private func isAllowed(_ form: Grammar.Form) -> Bool {
        switch form {
        case .symbol("return"): isInFunction
        case .symbol("leave"): isInLoop
        case .symbol("stack_value"): !isInHead
        case .symbol("positional"): !hasNamedArgument
        default: true
        }
    }

    private mutating func makeString() {
        if depth > 40 || Int.random(in: 0..<2, using: &random) == 0 {
            return put(["\"\"", "\"a\\n{{b}}\\\"\"", "\"\"\"\n    a\n      b\n    \"\"\""][isOnOneLine ? 0 : Int.random(in: 0..<3, using: &random)])
        }
        let wasOnOneLine = isOnOneLine
        let wasInHead = isInHead
        (isOnOneLine, isInHead) = (true, false)
        put("\"x = {")
        make("expression")
        text += Bool.random(using: &random) ? " :>8.3f}\"" : "}, é\""
        (isOnOneLine, isInHead) = (wasOnOneLine, wasInHead)
    }
}
