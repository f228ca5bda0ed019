internal import Datasets
internal import Engine
internal import Graphs
public import Syntax

/// The prompt: entries run one after the other in one file that lasts.
public final class Prompt {
    public let session: Session
    let module: Module
    let machine: Machine

    init(session: Session, module: Module, machine: Machine) {
        (self.session, self.module, self.machine) = (session, module, machine)
    }

    public struct Reply {
        /// The value of an entry that ends in an expression, as the prompt shows it; `nil` for `none`.
        public var shown: String?
        public var diagnostics: [Diagnostic]
        public var isInterrupted: Bool
    }

    /// Runs an entry. A value is kept in `ans`, unless a `;` ends the entry.
    public func enter(_ text: String, path: String = "<prompt>") -> Reply {
        let source = SourceText(path: path, text: text)
        let (code, diagnostics) = session.compileEntry(source, in: module)
        if diagnostics.contains(where: { $0.severity == .error }) { return Reply(shown: nil, diagnostics: diagnostics, isInterrupted: false) }
        machine.failedExpectations = []
        Execution.resume()
        do {
            let value = try machine.run(code, in: module)
            var shown: String?
            if !value.isNone, !text.trimmed.hasSuffix(";") {
                if module.slots["ans"] == nil { module.slots["ans"] = module.slots.count }
                if module.registerCapacity <= module.slots.count { module.grow(to: module.slots.count + 1) }
                try machine.require(value)
                module.registers[module.slots["ans"]!] = value
                shown = value.shown
            }
            return Reply(shown: shown, diagnostics: diagnostics + machine.failedExpectations, isInterrupted: false)
        } catch {
            Execution.resume()
            guard let diagnostic = machine.describe(error, above: 0) as? Diagnostic else {
                return Reply(shown: nil, diagnostics: [], isInterrupted: true)
            }
            return Reply(shown: nil, diagnostics: [diagnostic], isInterrupted: false)
        }
    }

    /// The names that the prompt has given values to, with their kinds and a short view.
    public var variables: [(name: String, kind: String, text: String)] {
        module.slots.sorted { $0.value < $1.value }.compactMap { name, slot in
            guard slot < module.registerCapacity else { return nil }
            let value = module.registers[slot]
            if case .unset = value { return nil }
            let text = if case .tensor = value { value.written } else { value.shown }
            return (name, value.typeText, text.split(separator: "\n").first.map(String.init) ?? "")
        }
    }

    /// What may follow a dot behind a name, or begin a word.
    public func completions(of prefix: String) -> [String] {
        if let dot = prefix.lastIndex(of: ".") {
            let base = String(prefix[..<dot])
            let part = String(prefix[prefix.index(after: dot)...])
            var members: [String] = []
            if let slot = module.slots[base], slot < module.registerCapacity {
                let value = module.registers[slot]
                members += session.library.verbs(of: value)
                switch value {
                case .record(let record): members += record.names
                case .tensor: members += ["shape", "dtype", "rank", "size"]
                case .layer: members += ["params", "states", "config", "layers"]
                case .table(let table): members += table.table.names
                default: break
                }
            } else if session.library.modules.contains(base) {
                members += session.library.names.filter { $0.hasPrefix(base + ".") }.map { String($0.dropFirst(base.count + 1)) }
            }
            return Set(members).filter { $0.hasPrefix(part) }.sorted().map { base + "." + $0 }
        }
        let names = Set(module.slots.keys).union(session.library.names.filter { !$0.contains(".") }).union(session.library.modules)
            .union(["fn", "if", "else", "for", "in", "while", "return", "with", "layer", "model", "estimator", "import", "expect", "true", "false", "none"])
        return names.filter { $0.hasPrefix(prefix) }.sorted()
    }

    /// The kind, dtype and shape of an expression's value.
    public func type(of text: String) -> Reply {
        let reply = enter(text)
        guard reply.diagnostics.isEmpty, let slot = module.slots["ans"], reply.shown != nil else { return reply }
        return Reply(shown: module.registers[slot].typeText, diagnostics: [], isInterrupted: false)
    }
}

extension Value {
    /// `tensor f32[2, 3]`, `int`, `list of 3`.
    var typeText: String {
        switch self {
        case .tensor(let tensor): "tensor \(tensor.type)"
        case .list(let list): "list of \(list.values.count)"
        case .range(let range): "list of \(range.count)"
        case .layer(let layer): "layer \(layer.kind)"
        case .table(let table): "table of \(table.table.count ?? 0) rows"
        default: kind
        }
    }

    /// A short view for the prompt: never ten thousand numbers.
    var shown: String {
        switch self {
        case .tensor(let tensor): return "\(written)\(tensor.rank > 1 ? "\n" : "  ")\(tensor.type)"
        case .list(let list) where list.values.count > 100:
            let ends = list.values.prefix(3).map(\.written) + ["…"] + list.values.suffix(3).map(\.written)
            return "[" + ends.joined(separator: ", ") + "]  (\(list.values.count) values)"
        case .range(let range) where range.count > 100:
            return "[\(range[0]), \(range[1]), …, \(range[range.count - 1])]  (\(range.count) values)"
        case .string(let text) where text.string.count > 2000: return quoted(String(text.string.prefix(2000))) + "…"
        default: return written
        }
    }
}
