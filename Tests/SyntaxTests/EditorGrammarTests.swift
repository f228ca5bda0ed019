import Foundation
import Testing

@testable import Syntax

/// The grammars for editors, held against the lexer.
@Suite struct EditorGrammarTests {
    /// What an editor shows in one colour.
    enum Kind { case comment, string, format, brace, number, keyword, `operator` }

    static let textMate = read(projectFolder + "/grammar/tfs.tmLanguage.json")
    static let vim = read(projectFolder + "/grammar/tfs.vim")

    /// Every script of the project that the lexer has nothing against.
    static let scripts: [String] = ["/Tests/scripts", "/Tests/stdlib", "/examples", "/stdlib"].flatMap { folder -> [String] in
        let names = FileManager.default.enumerator(atPath: projectFolder + folder)?.compactMap { $0 as? String } ?? []
        return names.filter { $0.hasSuffix(".tfs") }.sorted().map { projectFolder + folder + "/" + $0 }
    }

    /// What the lexer sees in each byte.
    private func lexed(_ text: String) -> [Kind?]? {
        var lexer = Lexer(SourceText(path: "a.tfs", text: text))
        lexer.run()
        guard lexer.diagnostics.isEmpty else { return nil }
        var kinds = [Kind?](repeating: nil, count: text.utf8.count)
        for token in lexer.tokens where token.start < token.end {
            let kind: Kind? =
                switch token.kind {
                case .int, .float, .minimumInt: .number
                case .stringStart, .stringText, .stringEnd: .string
                case .interpolationStart, .interpolationEnd: .brace
                case .format: .format
                case .ellipsis, .arrow, .pipe: .operator
                case let kind where kind.isKeyword: .keyword
                case let kind where Self.operators.contains(kind): .operator
                default: nil
                }
            // A grammar for an editor sees lines without what ends them.
            for index in token.start..<token.end where lexer.bytes[index] != 0x0A { kinds[index] = kind }
        }
        for comment in lexer.comments {
            for index in comment.range.start..<comment.range.end { kinds[index] = .comment }
        }
        return kinds
    }

    static let operators: [TokenKind] = (TokenKind.equal.rawValue...TokenKind.starStar.rawValue).compactMap(TokenKind.init)

    /// What the TextMate grammar sees in each byte.
    private func coloured(_ text: String, _ grammar: TextMate) -> [Kind?] {
        let scopes = grammar.scopes(of: text)
        var kinds: [Kind?] = []
        var unit = 0
        for scalar in text.unicodeScalars {
            kinds += [Kind?](repeating: kind(scopes[unit]), count: UTF8.width(scalar))
            unit += UTF16.width(scalar)
        }
        return kinds
    }

    private func kind(_ scopes: [String]) -> Kind? {
        guard let last = scopes.last(where: { $0 != "meta.interpolation.tfs" }) else { return nil }
        let inString = scopes.last { $0.hasPrefix("string.") || $0 == "meta.interpolation.tfs" }?.hasPrefix("string.") == true
        if last.hasPrefix("punctuation.section.interpolation") { return .brace }
        if inString { return .string }
        if last.hasPrefix("string.") { return nil }
        let kinds: [(scope: String, kind: Kind)] = [
            ("comment.", .comment), ("constant.numeric.", .number), ("constant.other.format.", .format),
            ("keyword.control.", .keyword), ("keyword.operator.word.", .keyword), ("storage.type.function.", .keyword),
            ("constant.language.", .keyword), ("keyword.operator.", .operator),
        ]
        return kinds.first { last.hasPrefix($0.scope) }?.kind
    }

    @Test func textMateSeesWhatTheLexerSees() throws {
        let grammar = try TextMate(Self.textMate)
        var seen: Set<Kind> = []
        for (name, text) in [("samples", Self.samples)] + Self.scripts.map({ ($0, read($0)) }) {
            guard let expected = lexed(text) else {
                #expect(name != "samples", "\(rendered(parsed(text).diagnostics))")
                continue
            }
            let found = coloured(text, grammar)
            seen.formUnion(expected.compactMap { $0 })
            guard let place = zip(expected, found).enumerated().first(where: { $1.0 != $1.1 })?.offset else { continue }
            let around = String(decoding: Array(text.utf8)[max(place - 40, 0)..<min(place + 40, text.utf8.count)], as: UTF8.self)
            Issue.record("\(name), byte \(place): the lexer has \(String(describing: expected[place])), the grammar \(String(describing: found[place])) in\n\(around)")
        }
        #expect(seen.count == 7)
    }

    /// Forms that the scripts of the project may lack.
    private static let samples = #"""
        a = 0xff + 0XA_b + 1_000.5e-3 + 2E+7 + 3.scale(4) - x2.y3 // größe ** 2 % b @ c
        a += 1; a -= 1; a *= 1; a /= 1; a //= 1; a %= 1; a **= 2; a @= b
        x = f(...xs, y = z[1:2, ::-1, ...]) |> [g != h, h <= i, i >= j, j == k, k < l, l > m]
        s = "{x:>8.3f}{{}} {f({a = "}}"}.a, xs[1:]):d}\n\u{1F600}\"\\{"{"deep"}"}"
        t = """
            "quoted" {x} # no comment
            """ # comment
        ifs, android, nota, _in, none2 = if not a in b and c or d { none } else { true }
        """# + "\n"

    /// The words that begin a statement are coloured where the parser takes them for that.
    @Test(arguments: [
        ("layer f(x)(y) = y", true), ("layer = 3", false), ("layer.f()", false), ("layer in xs", false),
        ("model m { dense(1) }", true), ("model, a = 1, 2", false), ("estimator e { model = m }", true), ("estimator(3)", false),
        ("option rate = 0.1", true), ("option + 1", false), ("import \"a.tfs\"", true), ("import.a", false),
        ("test \"a\" { x }", true), ("test = 1", false), ("test(\"a\")", false), ("expect a", true), ("expect (a)", true),
        ("expect -1 < a", true), ("expect - 1", true), ("expect -= 1", false), ("expect = 1", false), ("expect not a", true),
        ("expect not in a", false), ("expect in a", false), ("expect == 1", false), ("expect, a = 1, 2", false),
        ("expect.a", false), ("expect \"a\" in b", true), ("expect [1] == b", true), ("expect 1 == b", true),
        ("expect_all(3)", false), ("layers f(x) = 3", false),
    ])
    func contextualWordsAreThoseOfTheParser(_ line: String, _ isStatement: Bool) throws {
        // A line on which the word is a name dumps as something else than the statement of that name.
        let word = line.prefix { $0.isLetter || $0 == "_" }
        #expect(parsed(line + "\n").script.dump.hasPrefix("(\(word) ") == isStatement)
        let scopes = try TextMate(Self.textMate).scopes(of: line)
        let found = scopes[0].contains { $0.hasPrefix("storage.type") || $0.hasPrefix("keyword.other") }
        #expect(found == isStatement)
    }

    // MARK: Vim

    /// The words of `syn keyword` lines, by group.
    private var vimWords: [String: Set<String>] {
        Self.vim.split(separator: "\n").reduce(into: [:]) { words, line in
            let parts = line.split(separator: " ").map(String.init)
            if parts.starts(with: ["syn", "keyword"]) { words[parts[2], default: []].formUnion(parts.dropFirst(3)) }
        }
    }

    @Test func vimHasTheKeywordsOfTheLexer() {
        let groups = ["tfsConditional", "tfsRepeat", "tfsStatement", "tfsOperatorWord", "tfsDeclaration", "tfsBoolean", "tfsConstant"]
        let words = vimWords
        #expect(groups.reduce(into: Set()) { $0.formUnion(words[$1] ?? []) } == Set(TokenKind.keywords.keys))
    }

    @Test func textMateHasTheTypesOfVim() throws {
        let textMate = try TextMate(Self.textMate)
        for type in try #require(vimWords["tfsType"]) {
            #expect(textMate.scopes(of: type)[0] == ["support.type.dtype.tfs"])
        }
    }

    /// Vim's expressions for numbers, escapes and operators, which are written so that they can be read as ours.
    private func vimExpressions(_ groups: String...) -> [String] {
        var found: [String] = []
        for line in Self.vim.split(separator: "\n") where groups.contains(where: { line.hasPrefix("syn match \($0) \"\\v") }) {
            guard let start = line.firstRange(of: "\\v")?.upperBound, let close = line.lastIndex(of: "\"") else { continue }
            // `%(` groups without capture, `<` and `>` are the ends of words.
            let pattern = line[start..<close].replacingOccurrences(of: "%(", with: "(?:").replacingOccurrences(of: "\\\"", with: "\"")
            found.append(pattern.replacingOccurrences(of: "<", with: "\\b").replacingOccurrences(of: ">", with: "\\b"))
        }
        return found
    }

    private func isWhole(_ text: String, _ expressions: [String]) throws -> Bool {
        try expressions.contains { try NSRegularExpression(pattern: "^(?:\($0))$").firstMatch(in: text, range: NSRange(location: 0, length: text.utf16.count)) != nil }
    }

    @Test(arguments: [
        "0", "42", "1_000", "0xff", "0XA_b", "3.14", "1e-3", "2.5E+7", "1_0.5_0", "1__0", "1_", "0x", "0xg", "1.", "1e", "1abc", "0x_f",
    ])
    func vimHasTheNumbersOfTheLexer(_ text: String) throws {
        var lexer = Lexer(SourceText(path: "a.tfs", text: text))
        lexer.run()
        let isNumber = lexer.diagnostics.isEmpty && lexer.tokens.count == 2 && [.int, .float].contains(lexer.tokens[0].kind)
        #expect(try isWhole(text, vimExpressions("tfsNumber", "tfsFloat")) == isNumber)
    }

    @Test(arguments: ["\\n", "\\t", "\\\"", "\\\\", "\\u{1F}", "\\q", "\\u{}", "\\u{1234567}", "\\u", "\\r", "\\0"])
    func bothHaveTheEscapesOfTheLexer(_ text: String) throws {
        var lexer = Lexer(SourceText(path: "a.tfs", text: "\"\(text)\""))
        lexer.run()
        #expect(try isWhole(text, vimExpressions("tfsEscape")) == lexer.diagnostics.isEmpty)
        let scopes = try TextMate(Self.textMate).scopes(of: "\"\(text)\"")
        #expect(scopes[1].contains("constant.character.escape.tfs") == lexer.diagnostics.isEmpty)
    }
}
