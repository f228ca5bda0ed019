internal import Formats
internal import Graphs
public import Syntax

/// What is known about a name: from its op's row, its builtin, or its declaration's docstring.
public struct Documentation: Sendable {
    public struct Parameter: Sendable {
        public var name: String
        /// As the signature has it: `units: int`, `rate = 0.1`.
        public var text: String
        public var doc: String
    }

    public var name: String
    /// `op`, `builtin`, `verb of table`, or the word that declares it.
    public var kind: String
    public var signature: String
    public var text: String
    public var parameters: [Parameter]
    public var example: String?
    /// The file that declares it, with its text.
    public var source: SourceText?

    /// The first paragraph's first line.
    public var summary: String { text.split(separator: "\n").first.map(String.init) ?? "" }
}

/// A line of a listing.
public struct CatalogEntry: Sendable {
    public var name: String
    public var group: String
    public var summary: String
}

extension StandardLibrary {
    public enum Tier: Sendable { case ops, layers, estimators }

    /// Everything that the name stands for; a name may be both an op and a layer, or a verb of several kinds.
    public func documentation(of name: String) throws -> [Documentation] {
        var found: [Documentation] = []
        if let entry = entry(name) {
            // As in a script: a builtin comes before an op, an op before a file's function; a layer stands beside them.
            var path: String?
            if let native = entry.native {
                found.append(Documentation(native, kind: "builtin"))
            } else if let op = entry.op {
                found.append(Documentation(op))
            } else {
                path = entry.file?.path
            }
            for path in [path, entry.layerFile].compactMap({ $0 }) {
                let source = try Session.read(root + "/" + path)
                found.append(Documentation(name, in: SourceText(path: "stdlib/" + path, text: String(decoding: source.utf8, as: UTF8.self))))
            }
            if let constant = entry.constant {
                found.append(
                    Documentation(name: name, kind: constant.kind, signature: name, text: "The \(constant.kind) `\(constant.written)`.", parameters: []))
            }
        }
        // `table.split`, or `split` of every kind that has it.
        let parts = name.split(separator: ".").map(String.init)
        for (kind, verbs) in Native.verbs.sorted(by: { $0.key < $1.key }) where parts.count == 1 || (parts.count == 2 && parts[0] == kind) {
            if let last = parts.last, let verb = verbs[last] { found.append(Documentation(verb, kind: "verb of \(kind)")) }
        }
        return found
    }

    /// Every name that `documentation(of:)` knows, verbs aside.
    public var documentedNames: [String] { names }

    /// The verbs that it knows, as `table.split`.
    public var documentedVerbs: [String] { Native.verbs.flatMap { kind, verbs in verbs.keys.map { kind + "." + $0 } }.sorted() }

    /// The lines of a listing, by group and name.
    public func catalog(_ tier: Tier) -> [CatalogEntry] {
        var lines: [CatalogEntry] = []
        for name in names.sorted() {
            guard let entry = entry(name) else { continue }
            switch tier {
            case .layers:
                if let path = entry.layerFile { lines.append(CatalogEntry(name: name, group: "layers", summary: summary(path))) }
                if let file = entry.file, file.folder == "nets" { lines.append(CatalogEntry(name: name, group: "nets", summary: summary(file.path))) }
            case .estimators:
                if let file = entry.file, file.folder == "estimators" {
                    lines.append(CatalogEntry(name: name, group: "estimators", summary: summary(file.path)))
                }
            case .ops:
                if let native = entry.native {
                    lines.append(CatalogEntry(name: name, group: "builtins", summary: native.doc))
                } else if let op = entry.op {
                    lines.append(CatalogEntry(name: name, group: "ops", summary: op.doc))
                } else if let file = entry.file, !["nets", "estimators"].contains(file.folder) {
                    lines.append(CatalogEntry(name: name, group: file.folder, summary: summary(file.path)))
                }
            }
        }
        let order = ["ops", "builtins", "layers"]
        func rank(_ group: String) -> Int { order.firstIndex(of: group) ?? order.count }
        return lines.sorted { (rank($0.group), $0.group, $0.name) < (rank($1.group), $1.group, $1.name) }
    }

    /// The first line of a file's docstring.
    private func summary(_ path: String) -> String {
        guard let bytes = try? Files.read(root + "/" + path) else { return "" }
        for line in bytes.split(separator: 10) where line.starts(with: [35, 35]) {
            return String(decoding: line.dropFirst(2), as: UTF8.self).trimmed
        }
        return ""
    }
}

extension Documentation {
    init(_ op: Op) {
        let parameters = op.parameters.filter { ![.key, .hidden].contains($0.kind) }.map { parameter in
            let value = parameter.defaultValue.map { " = \(Self.text($0))" } ?? ""
            return Parameter(name: parameter.name, text: parameter.name + value, doc: parameter.doc)
        }
        let results = op.resultNames.filter { !$0.isEmpty }
        self.init(
            name: op.name, kind: "op",
            signature: "\(op.name)(\(parameters.map(\.text).joined(separator: ", ")))"
                + (results.isEmpty ? "" : " -> {\(results.joined(separator: ", "))}"),
            text: op.doc, parameters: parameters, example: op.example)
    }

    init(_ native: Native, kind: String) {
        var parameters = native.parameters.map { parameter in
            var text = (parameter.isRest ? "..." : "") + parameter.name
            switch parameter.defaultValue {
            case nil: break
            case .unset?: text += " = …"
            case .some(let value): text += " = \(value.written)"
            }
            return Parameter(name: parameter.name, text: text, doc: "")
        }
        if native.takesNamed { parameters.append(Parameter(name: "named", text: "name = value …", doc: "")) }
        var shown = parameters.map(\.text)
        var name = native.name
        if kind.hasPrefix("verb of ") {
            // The value itself is the first parameter.
            name = "\(kind.dropFirst(8)).\(native.name)"
            parameters = Array(parameters.dropFirst())
            shown = parameters.map(\.text)
        }
        self.init(
            name: native.name, kind: kind, signature: "\(name)(\(shown.joined(separator: ", ")))", text: native.doc, parameters: parameters,
            example: native.example.isEmpty ? nil : native.example)
    }

    /// The declaration of a name in a file of the library.
    init(_ name: String, in source: SourceText) {
        let base = name.split(separator: ".").last.map(String.init) ?? name
        for statement in parse(source).script.statements {
            if case .declare(let declaration) = statement.kind, declaration.name.text == base {
                self.init(declaration, named: name, source: source)
                return
            }
        }
        let lines = (1...source.lineStarts.count).lazy.map(source.line).prefix { $0.hasPrefix("##") }
        self.init(
            name: name, kind: "value", signature: name, text: lines.map { String($0.dropFirst(2)).trimmed }.joined(separator: "\n"),
            parameters: [], source: source)
    }

    init(_ declaration: Declaration, named name: String, source: SourceText) {
        func parameters(_ list: [Syntax.Parameter]?) -> [Parameter] {
            (list ?? []).map { Parameter(name: $0.name.text, text: source.text($0.range).trimmed, doc: $0.documentation ?? "") }
        }
        func shown(_ list: [Parameter]) -> String { "(" + list.map(\.text).joined(separator: ", ") + ")" }
        let own = parameters(declaration.parameters)
        let inputs = parameters(declaration.inputs)
        var signature = name
        if declaration.parameters != nil { signature += shown(own) }
        if declaration.inputs != nil { signature += shown(inputs) }
        if let result = declaration.result { signature += " -> " + source.text(result.range) }
        self.init(
            name: name, kind: declaration.kind.rawValue, signature: signature, text: declaration.documentation ?? "",
            parameters: own + inputs, source: source)
    }

    private static func text(_ attribute: Attribute) -> String {
        switch attribute {
        case .none: "none"
        case .bool(let x): Value.bool(x).written
        case .int(let x): "\(x)"
        case .float(let x): Value.float(x).written
        case .string(let x): Value.list([.string(x)]).written.dropFirst().dropLast().description
        case .dtype(let x): x.description
        case .ints(let x): Value.list(x.map { .int($0) }).written
        case .floats(let x): Value.list(x.map { .float($0) }).written
        case .graph: "…"
        }
    }
}

extension Prompt {
    /// What is known about a name: what the prompt gave a value to first, then the library.
    public func documentation(of name: String) throws -> [Documentation] {
        if let own = declared(name) { return [own] }
        if let value = own(name) {
            // What it was made by, where that has a name.
            var made: [Documentation] = []
            if case .estimator(let estimator) = value { made = try session.library.documentation(of: estimator.name) }
            return [Documentation(name: name, kind: value.kind, signature: name, text: Self.line(of: value), parameters: [])] + made
        }
        return try session.library.documentation(of: name)
    }

    /// Whether the prompt's own name stands for something other than a declaration.
    public func isValue(_ name: String) -> Bool { own(name) != nil && declared(name) == nil }

    private static func line(of value: Value) -> String { value.shown.split(separator: "\n").first.map(String.init) ?? "" }

    /// The tfs source of a name; `nil` when it has none.
    public func source(of name: String) throws -> String? {
        let found = try documentation(of: name)
        let texts = found.compactMap { $0.source.map { String(decoding: $0.utf8, as: UTF8.self).trimmed } }
        return texts.isEmpty ? nil : texts.joined(separator: "\n\n")
    }

    /// A function, layer or estimator that was declared here.
    private func declared(_ name: String) -> Documentation? {
        let code: SourceRange
        switch own(name) {
        case .function(let function):
            switch function.kind {
            case .code(let body, _, _): code = body.range
            case .constructor(let constructor): code = constructor.info.range
            default: return nil
            }
        case .layer(let layer): code = layer.constructor.info.range
        default: return nil
        }
        // The statement around it, with its docstring.
        let whole = code.source
        let script = parse(whole).script
        guard let position = script.statements.firstIndex(where: { $0.range.start <= code.start && code.end <= $0.range.end }) else { return nil }
        let statement = script.statements[position]
        let start = position == 0 ? 0 : script.statements[position - 1].range.end
        let text = whole.text(SourceRange(whole, start, statement.range.end)).trimmed
        let source = SourceText(path: whole.path, text: text)
        if case .declare(let declaration) = statement.kind {
            var made = Documentation(declaration, named: name, source: whole)
            made.source = source
            return made
        }
        return Documentation(name: name, kind: "value", signature: name, text: "", parameters: [], source: source)
    }
}
