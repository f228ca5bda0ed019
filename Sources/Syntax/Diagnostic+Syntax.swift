// The wording of every mistake that can be found in the text alone.

extension Diagnostic {
    /// How many complaints about one text are kept.
    static let mostPerText = 100

    // MARK: Characters and literals

    static func unexpectedCharacter(_ scalar: Unicode.Scalar, at range: SourceRange) -> Diagnostic {
        let code = "U+" + String(repeating: "0", count: max(0, 4 - String(scalar.value, radix: 16).count))
            + String(scalar.value, radix: 16, uppercase: true)
        let isVisible = scalar.value > 0x20 && !scalar.properties.isWhitespace && scalar.properties.generalCategory != .format
            && scalar.properties.generalCategory != .control
        let plain: String? =
            switch scalar {
            case "−", "–", "—": "-"
            case "×", "·", "∗": "*"
            case "÷": "/"
            case "≤": "<="
            case "≥": ">="
            case "≠": "!="
            case "→", "⇒": "->"
            case "…": "..."
            default: nil
            }
        let mend: String? =
            switch scalar {
            case _ where plain != nil: "write `\(plain!)`"
            case "“", "”", "„", "«", "»", "‘", "’", "`": "quotes are straight and double: `\"…\"`"
            case "'": "strings stand in double quotes: `\"…\"`"
            case "\\": "a line goes on behind an operator, a comma or an open bracket"
            case "\u{A0}", "\u{FEFF}", "\u{200B}": "put an ordinary space here"
            default: nil
            }
        var fix: [Edit] = []
        if range.end - range.start == UTF8.width(scalar) {
            switch scalar {
            case "\u{A0}": fix = [Edit(range, " ")]
            case "\u{FEFF}", "\u{200B}": fix = [Edit(range, "")]
            case "“", "„", "«", "‘": fix = range.source.straightQuotes(at: range, closedBy: scalar == "«" ? "»" : scalar == "‘" ? "’" : "“”")
            default: fix = plain.map { [Edit(range, $0)] } ?? []
            }
        }
        return Diagnostic(
            code: "E0101", what: "unexpected character " + (isVisible ? "`\(scalar)` (\(code))" : code), at: Label(range),
            mend: mend, fix: fix)
    }

    /// `own` is what to write instead, where that is certain.
    static func foreignOperator(_ text: String, at range: SourceRange, mend: String, own: String?) -> Diagnostic {
        Diagnostic(
            code: "E0102", what: "`\(text)` is no operator of tfs", at: Label(range), mend: mend,
            fix: own.map { [Edit(range, range.source.spaced($0, in: range))] } ?? [])
    }

    static func newlineInString(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0103", what: "the string is not closed on its line", at: Label(range),
            mend: "close it with `\"`, write `\\n` for a newline, or use `\"\"\"…\"\"\"` for several lines")
    }

    static func unclosedText(opening: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0103", what: "the string is never closed", at: Label(opening, "opened here"), mend: "close it with `\"\"\"`")
    }

    static func singleQuotes(_ range: SourceRange, text: String) -> Diagnostic {
        let isShort = text.utf8.count <= 40 && !text.utf8.contains(0x22)
        return Diagnostic(
            code: "E0104", what: "strings stand in double quotes", at: Label(range),
            mend: "write `\"\(isShort ? text : "…")\"`", fix: doubleQuoted(text).map { [Edit(range, $0)] } ?? [])
    }

    /// A text of single quotes in double ones; not where braces or a trailing backslash would come to mean something else.
    private static func doubleQuoted(_ text: String) -> String? {
        guard !text.contains(where: { "{}".contains($0) }) else { return nil }
        var result = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                result += character == "'" ? "'" : "\\\(character)"
            } else if character != "\\" {
                result += character == "\"" ? "\\\"" : String(character)
            }
            isEscaped = !isEscaped && character == "\\"
        }
        return isEscaped ? nil : "\"\(result)\""
    }

    static func unknownEscape(_ range: SourceRange) -> Diagnostic {
        let escape = range.source.text(range)
        let own: String? =
            switch escape {
            case "\\{": "{{"
            case "\\}": "}}"
            case "\\'": "'"
            case "\\r": "\\u{d}"
            case "\\0": "\\u{0}"
            case "\\": nil
            default: "\\" + escape
            }
        let mend =
            switch escape {
            case "\\{": "a literal brace is doubled: `{{`"
            case "\\}": "a literal brace is doubled: `}}`"
            case "\\'": "a single quote needs no backslash"
            case "\\r": "write `\\u{d}`"
            case "\\0": "write `\\u{0}`"
            default: "write `\\\\` for a backslash"
            }
        let name = escape == "\\" ? "a backslash at the end of the line" : "`\(escape)`"
        return Diagnostic(
            code: "E0105", what: "\(name) is no escape", at: Label(range),
            why: "the escapes are `\\n`, `\\t`, `\\\"`, `\\\\` and `\\u{…}`", mend: mend, fix: own.map { [Edit(range, $0)] } ?? [])
    }

    static func badUnicodeEscape(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0106", what: "`\(range.source.text(range))` names no character", at: Label(range),
            why: "`\\u{…}` holds the hexadecimal number of a Unicode character, at most 10ffff",
            mend: "for example `\\u{e9}` for é")
    }

    static func loneBrace(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0107", what: "`}` in a string closes nothing", at: Label(range), mend: "a literal brace is doubled: `}}`",
            fix: [Edit(range, "}}")])
    }

    static func emptyInterpolation(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0108", what: "nothing stands between the braces", at: Label(range),
            why: "`{…}` in a string holds an expression", mend: "literal braces are doubled: `{{}}`")
    }

    static func unclosedInterpolation(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0109", what: "the `{` in this string is not closed on its line", at: Label(range),
            mend: "close it with `}`; a literal brace is doubled: `{{`")
    }

    static func malformedNumber(_ range: SourceRange, why: String, meant: String? = nil) -> Diagnostic {
        Diagnostic(
            code: "E0110", what: "`\(range.source.excerpt(range))` is no number", at: Label(range), why: why,
            mend: meant.map { "write `\($0)`" }, fix: meant.map { [Edit(range, $0)] } ?? [])
    }

    static func dotsForRange(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0110", what: "`..` is no operator of tfs", at: Label(range),
            mend: "`range(a, b)` counts from `a` up to, and without, `b`")
    }

    static func intOutOfRange(_ range: SourceRange, isNegated: Bool) -> Diagnostic {
        Diagnostic(
            code: "E0111", what: "`\(range.source.excerpt(range))` is too large for an `int`", at: Label(range),
            why: "an `int` has 64 bits and goes up to 9223372036854775807", mend: nil)
    }

    static func floatOutOfRange(_ range: SourceRange, isTooSmall: Bool) -> Diagnostic {
        Diagnostic(
            code: "E0111", what: "`\(range.source.excerpt(range))` is too \(isTooSmall ? "small" : "large") for a `float`",
            at: Label(range), why: "a `float` has 64 bits and goes from about 5e-324 to 1.8e308", mend: nil)
    }

    // MARK: Brackets and files

    static func unclosedBracket(_ opening: SourceRange, before closing: SourceRange? = nil) -> Diagnostic {
        let bracket = opening.source.text(opening)
        let partner = ["(": ")", "[": "]", "{": "}"][bracket] ?? "}"
        return Diagnostic(
            code: "E0112", what: "this `\(bracket)` is never closed", at: Label(opening),
            also: closing.map { [Label($0, "closes what was opened before it")] } ?? [], mend: "close it with `\(partner)`")
    }

    static func strayBracket(_ range: SourceRange, open: SourceRange?) -> Diagnostic {
        let bracket = range.source.text(range)
        return Diagnostic(
            code: "E0113",
            what: open.map { "`\(bracket)` does not close `\($0.source.text($0))`" } ?? "`\(bracket)` closes nothing",
            at: Label(range), also: open.map { [Label($0, "opened here")] } ?? [])
    }

    static func notUTF8(path: String, offset: Int) -> Diagnostic {
        Diagnostic(
            code: "E0114", what: "`\(path)` is not UTF-8 text: its byte \(offset) has no place there", at: nil,
            mend: "save the file as UTF-8")
    }

    static func binaryFile(path: String, offset: Int) -> Diagnostic {
        Diagnostic(
            code: "E0115", what: "`\(path)` is not a script: its byte \(offset) is zero, so it looks like a binary file", at: nil)
    }

    static func tooManyErrors(at range: SourceRange) -> Diagnostic {
        Diagnostic(code: "E0199", what: "more than \(mostPerText) errors; the rest is not shown", at: Label(range))
    }

    // MARK: Structure

    /// What stands there is not what must stand there.
    static func expected(
        _ wanted: String, found: String, at range: SourceRange, opened: SourceRange? = nil, mend: String? = nil, fix: [Edit] = []
    ) -> Diagnostic {
        Diagnostic(
            code: "E0120", what: "expected \(wanted), found \(found)", at: Label(range),
            also: opened.map { [Label($0, "opened here")] } ?? [], mend: mend, fix: fix)
    }

    static func expectedValue(found: String, at range: SourceRange, mend: String? = nil, fix: [Edit] = []) -> Diagnostic {
        Diagnostic(code: "E0121", what: "expected a value, found \(found)", at: Label(range), mend: mend, fix: fix)
    }

    static func expectedEnd(found: String, at range: SourceRange, mend: String? = nil, fix: [Edit] = []) -> Diagnostic {
        Diagnostic(
            code: "E0122", what: "expected the end of the statement, found \(found)", at: Label(range), mend: mend, fix: fix)
    }

    static func expectedBlock(after head: String, found: String, at range: SourceRange, mend: String?, fix: [Edit] = []) -> Diagnostic {
        Diagnostic(
            code: "E0123", what: "expected `{` after \(head), found \(found)", at: Label(range),
            why: "a block stands in braces, and its `{` on the line of its head", mend: mend, fix: fix)
    }

    static func chainedComparison(first: SourceRange, second: SourceRange, mend: String?, fix: [Edit]) -> Diagnostic {
        Diagnostic(
            code: "E0124", what: "comparisons do not chain", at: Label(second), also: [Label(first, "the first comparison")],
            mend: mend, fix: fix)
    }

    static func assignmentAsValue(at range: SourceRange, isChain: Bool, isCondition: Bool = false) -> Diagnostic {
        Diagnostic(
            code: "E0125", what: isChain ? "an assignment has no value" : "`=` gives a name a value and stands in a statement",
            at: Label(range), mend: isChain ? "write one assignment per line" : "`==` compares",
            fix: isCondition ? [Edit(range, "==")] : [])
    }

    static func assignmentToElement(_ target: SourceRange, mend: String) -> Diagnostic {
        Diagnostic(
            code: "E0126", what: "an element cannot be given a new value", at: Label(target),
            why: "tensors, lists and records never change", mend: mend)
    }

    static func assignmentToField(_ target: SourceRange, mend: String) -> Diagnostic {
        Diagnostic(
            code: "E0127", what: "a field cannot be given a new value", at: Label(target),
            why: "records never change", mend: mend)
    }

    static func assignmentTarget(_ target: SourceRange, what: String, mend: String?) -> Diagnostic {
        Diagnostic(code: "E0128", what: "\(what) cannot be given a value", at: Label(target), mend: mend)
    }

    static func lambdaMeantRecord(_ brace: SourceRange, parameters: String, body: String) -> Diagnostic {
        Diagnostic(
            code: "E0129", what: "the braces after `->` are a block, and this one gives no value", at: Label(brace),
            why: "a block's value is its last expression; a record there needs parentheses",
            mend: "for a record write `\(parameters) -> (\(body))`; else end the block with a value")
    }

    static func lambdaNeedsParentheses(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0130", what: "a function behind an operator needs parentheses", at: Label(range),
            why: "`->` binds loosest and takes all that follows as its body", mend: "write `(x -> …)`")
    }

    static func notNeedsParentheses(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0131", what: "`not` behind this operator needs parentheses", at: Label(range),
            why: "`not` binds looser than comparisons and arithmetic", mend: "write `(not …)`")
    }

    static func positionalAfterNamed(_ range: SourceRange, named: SourceRange) -> Diagnostic {
        let name = named.source.text(named)
        return Diagnostic(
            code: "E0132", what: "a positional argument stands behind a named one", at: Label(range),
            also: [Label(named, "named")],
            mend: "put it first, or name it too; if it belongs to `\(name)`, a list has brackets: `\(name) = [a, b]`")
    }

    static func repeatedName(_ name: Name, first: SourceRange, kind: String) -> Diagnostic {
        Diagnostic(
            code: "E0133", what: "\(kind) `\(name.text)` stands twice", at: Label(name.range), also: [Label(first, "first here")])
    }

    static func restParameter(_ range: SourceRange, hasDefault: Bool) -> Diagnostic {
        Diagnostic(
            code: "E0134", what: hasDefault ? "a `...` parameter has no default" : "a `...` parameter stands last",
            at: Label(range), why: "it takes all arguments that are left")
    }

    static func topLevelOnly(_ word: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(code: "E0135", what: "`\(word)` stands at the file's top level only", at: Label(range))
    }

    static func outsideLoop(_ word: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(code: "E0136", what: "`\(word)` stands outside a loop", at: Label(range))
    }

    static func returnOutsideFunction(_ range: SourceRange) -> Diagnostic {
        Diagnostic(code: "E0137", what: "`return` stands outside a function", at: Label(range))
    }

    static func loopAsValue(_ word: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0138", what: "a `\(word)` loop has no value", at: Label(range),
            mend: word == "for" ? "write a list: `[f(x) for x in xs]`" : "put the loop on lines of its own")
    }

    static func foreignWord(_ word: String, at range: SourceRange, mend: String, fix: [Edit] = []) -> Diagnostic {
        let what = word == "print" ? "`print` is a function and needs parentheses" : "`\(word)` is no keyword of tfs"
        return Diagnostic(code: "E0139", what: what, at: Label(range), mend: mend, fix: fix)
    }

    static func layerNeedsTwoLists(_ name: Name, at range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0140", what: "layer `\(name.text)` has no list of inputs", at: Label(range),
            why: "the first list is a layer's configuration, the second its inputs",
            mend: "write `layer \(name.text)()(x)` when there is nothing to configure")
    }

    static func optionNeedsDefault(_ name: Name) -> Diagnostic {
        Diagnostic(
            code: "E0141", what: "option `\(name.text)` has no default", at: Label(name.range),
            mend: "write `option \(name.text) = …`, or `option \(name.text): int? = none` where none is to be had")
    }

    static func bareList(_ range: SourceRange, isLast: Bool, fix: [Edit]) -> Diagnostic {
        Diagnostic(
            code: "E0142", what: "a list needs brackets here", at: Label(range),
            why: "only behind `=` and `return` it stands without",
            mend: isLast ? "leave the comma out: statements end with their line" : "write `[a, b]`; statements on one line are separated by `;`",
            fix: isLast ? [] : fix)
    }

    static func unaryPlus(_ range: SourceRange) -> Diagnostic {
        let isDoubled = range.start > 0 && range.source.utf8[range.start - 1] == UInt8(ascii: "+")
        return Diagnostic(
            code: "E0143", what: "there is no unary `+`", at: Label(range), mend: "leave it out; `+= 1` counts up",
            fix: isDoubled ? [] : [Edit(range, "")])
    }

    static func tooDeep(_ range: SourceRange, limit: Int) -> Diagnostic {
        Diagnostic(
            code: "E0144", what: "this is nested too deeply", at: Label(range), why: "at most \(limit) levels are possible",
            mend: "give a part of it a name of its own")
    }

    static func tooLong(_ range: SourceRange, limit: Int) -> Diagnostic {
        Diagnostic(
            code: "E0145", what: "this expression is too long", at: Label(range),
            why: "at most \(limit) operators, calls and fields follow each other in one expression",
            mend: "give a part of it a name of its own")
    }

    static func plainStringNeeded(_ what: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(code: "E0146", what: "\(what) is a plain string, without `{…}`", at: Label(range))
    }

    static func keywordAsName(_ word: String, what: String, at range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0147", what: "`\(word)` is a keyword and cannot name \(what)", at: Label(range),
            mend: what == "a field" ? "write `r[\"\(word)\"]` to read it" : "write `\(word)_`")
    }

    static func strayElse(_ range: SourceRange) -> Diagnostic {
        Diagnostic(
            code: "E0148", what: "`else` follows no `if`", at: Label(range),
            mend: "`else` stands behind the `}` of its `if`")
    }

    static func recordField(_ range: SourceRange, found: String, mend: String, fix: [Edit]) -> Diagnostic {
        Diagnostic(
            code: "E0149", what: "expected a field such as `name = value`, found \(found)", at: Label(range),
            why: "braces where a value is expected are a record", mend: mend, fix: fix)
    }

    /// What scripts in Python begin with.
    private static let pythonModules: Set<String> = [
        "numpy", "pandas", "sklearn", "scipy", "torch", "tensorflow", "keras", "jax", "matplotlib", "seaborn", "math", "random", "os", "sys",
        "json", "csv", "re", "time", "tfs",
    ]

    static func importWithoutQuotes(_ range: SourceRange, name: String) -> Diagnostic {
        Diagnostic(
            code: "E0150", what: "`import` takes the path of a file, in quotes", at: Label(range),
            mend: pythonModules.contains(name) ? "leave it out: what comes with tfs needs no import"
                : "write `import \"\(name).tfs\"`; standard modules such as `linalg` need no import")
    }
}

extension SourceText {
    /// An operator in words with a blank on either side where there is none.
    fileprivate func spaced(_ text: String, in range: SourceRange) -> String {
        guard text.utf8.allSatisfy({ $0 >= 0x61 }) else { return text }
        func isInk(_ offset: Int) -> Bool { utf8.indices.contains(offset) && utf8[offset] > 0x20 }
        let isSign = range.end - range.start == 1
        return (isInk(range.start - 1) && !isSign ? " " : "") + text + (isInk(range.end) ? " " : "")
    }

    /// Straight quotes for typographic ones, where these close on their line and hold nothing that the straight ones would not.
    fileprivate func straightQuotes(at opening: SourceRange, closedBy closing: String) -> [Edit] {
        var offset = opening.end
        let line = line(at: offset)
        let end = line < lineStarts.count ? lineStarts[line] - 1 : utf8.count
        for scalar in String(decoding: utf8[offset..<end], as: UTF8.self).unicodeScalars {
            if closing.unicodeScalars.contains(scalar) {
                return [Edit(opening, "\""), Edit(SourceRange(self, offset, offset + UTF8.width(scalar)), "\"")]
            }
            if scalar == "\"" || scalar == "\\" { return [] }
            offset += UTF8.width(scalar)
        }
        return []
    }

    /// A short text of a range: its first forty bytes or so.
    func excerpt(_ range: SourceRange) -> String {
        guard range.end - range.start > 40 else { return text(range) }
        var end = range.start + 36
        while end > range.start, utf8[end] & 0xC0 == 0x80 { end -= 1 }
        return String(decoding: utf8[range.start..<end], as: UTF8.self) + "…"
    }

    /// Reads a file's bytes as text, or says which byte is not.
    public static func decode(path: String, bytes: [UInt8]) throws(Diagnostic) -> SourceText {
        var index = 0
        while index < bytes.count {
            let first = bytes[index]
            if first == 0 { throw .binaryFile(path: path, offset: index) }
            if first < 0x80 {
                index += 1
                continue
            }
            let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
            guard first >= 0xC2, first <= 0xF4, index + length <= bytes.count else {
                throw .notUTF8(path: path, offset: index)
            }
            let second = bytes[index + 1]
            let lowest: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
            let highest: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
            guard second >= lowest, second <= highest, bytes[index + 2..<max(index + length, index + 2)].allSatisfy({ $0 & 0xC0 == 0x80 })
            else { throw .notUTF8(path: path, offset: index) }
            index += length
        }
        return SourceText(path: path, text: String(decoding: bytes, as: UTF8.self))
    }
}
