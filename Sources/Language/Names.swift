internal import Syntax

/// Reads a script's tree for names that nobody uses and statements that nobody reaches.
///
/// It knows of scope what the language says: a name belongs to the function, model, estimator or file that gives it a
/// value, or to the comprehension that runs over it.
final class NameReader {
    private(set) var warnings: [Diagnostic] = []
    /// Expressions whose values are dropped.
    private(set) var discarded: [SourceRange] = []
    /// The file's own bindings that nothing reads, for the check to say what they hold.
    private(set) var unusedBindings: [Name] = []
    private var scope: Scope
    /// Gives the names of a file that is imported bare.
    private let importedNames: (String, SourceRange) -> [String]

    private final class Scope {
        let parent: Scope?
        let owned: Set<String>
        var used: Set<String> = []
        /// Used other than by a call.
        var passed: Set<String> = []
        var definitions: [Definition] = []
        /// What is unused in what this scope declares.
        var parameters: [(owner: Declaration.Kind, function: String, Name)] = []
        init(parent: Scope?, owned: Set<String>) { (self.parent, self.owned) = (parent, owned) }
    }

    private struct Definition {
        /// `binding`, `option`, …
        var what: String
        /// Several for names that one statement takes a value apart into: if one is used, the others had to be named.
        var names: [Name]
    }

    /// - Parameter isImported: others may read the file's names.
    init(_ script: Script, isImported: Bool, importedNames: @escaping (String, SourceRange) -> [String]) {
        self.importedNames = importedNames
        var owned = Compiler.Assigned()
        owned.add(script.statements)
        var imports: [(path: String, range: SourceRange, names: [String])] = []
        for statement in script.statements {
            guard case .import(let path, let range, .everything) = statement.kind else { continue }
            let names = importedNames(path, range)
            names.forEach { owned.insert($0) }
            imports.append((path, range, names))
        }
        scope = Scope(parent: nil, owned: Set(owned.ordered))
        block(script.statements, isStack: false, isValue: false)
        // A file of declarations is there for others.
        let onlyDeclares = !script.statements.contains { statement in
            switch statement.kind {
            case .expression, .expect, .error: true
            default: false
            }
        }
        for entry in imports where !onlyDeclares && !entry.names.isEmpty && scope.used.isDisjoint(with: entry.names) {
            warnings.append(.unusedImport(entry.path, at: entry.range))
        }
        close(scope, exceptBindings: isImported || onlyDeclares)
    }

    // MARK: Scopes

    private func inScope(_ owned: [String], _ body: () -> Void) {
        let outer = scope
        scope = Scope(parent: outer, owned: Set(owned))
        body()
        close(scope)
        scope = outer
    }

    private func close(_ scope: Scope, exceptBindings: Bool = false) {
        for (owner, function, name) in scope.parameters {
            // A function that is handed on takes what somebody else calls it with; so may one that nobody here calls.
            if owner == .fn, scope.passed.contains(function) || !scope.used.contains(function) { continue }
            warnings.append(.unusedParameter(name, of: function))
        }
        var seen: Set<String> = []
        for definition in scope.definitions {
            let isImport = definition.what == "import"
            if exceptBindings, !isImport { continue }
            if definition.names.contains(where: { scope.used.contains($0.text) || $0.text.hasPrefix("_") }) { continue }
            guard let name = definition.names.first, seen.insert(name.text).inserted else { continue }
            if isImport {
                warnings.append(.unusedImport(name.text, at: name.range))
            } else if scope.parent == nil, definition.what == "binding" {
                unusedBindings.append(name)
            } else {
                warnings.append(.unused(definition.what, name))
            }
        }
    }

    private func use(_ name: String, isCall: Bool = false) {
        var current: Scope? = scope
        while let scope = current {
            if scope.owned.contains(name) {
                scope.used.insert(name)
                if !isCall { scope.passed.insert(name) }
                return
            }
            current = scope.parent
        }
    }

    private func define(_ what: String, _ names: [Name]) { scope.definitions.append(Definition(what: what, names: names)) }

    /// A function's parameters and body.
    ///
    /// - Parameter declaration: `nil` for what has no name of its own and takes what its caller gives it.
    private func function(
        _ parameters: [Parameter], inputs: [Parameter] = [], _ result: TypeAnnotation? = nil, of declaration: Declaration? = nil,
        locals: [String], _ body: () -> Void
    ) {
        let all = parameters + inputs
        var unused: [Name] = []
        inScope(all.map(\.name.text) + locals) {
            for parameter in all {
                if let type = parameter.type { annotation(type) }
                if let value = parameter.defaultValue { expression(value) }
            }
            if let result { annotation(result) }
            body()
            unused = all.map(\.name).filter { !scope.used.contains($0.text) && !$0.text.hasPrefix("_") }
        }
        if let declaration { scope.parameters += unused.map { (declaration.kind, declaration.name.text, $0) } }
    }

    private func annotation(_ type: TypeAnnotation) {
        for case .name(let name)? in (type.dimensions ?? []).map(Optional.some) { use(name.text) }
    }

    private func locals(_ body: Body) -> [String] {
        guard case .block(let block) = body else { return [] }
        var assigned = Compiler.Assigned()
        assigned.add(block)
        return assigned.ordered
    }

    private func body(_ body: Body, isStack: Bool = false) {
        switch body {
        case .expression(let value): expression(value)
        case .block(let block): self.block(block, isStack: isStack, isValue: !isStack)
        }
    }

    // MARK: Statements

    /// - Parameters:
    ///   - isStack: expressions give layers.
    ///   - isValue: the last expression is the block's value.
    private func block(_ block: Block, isStack: Bool, isValue: Bool) {
        for (place, statement) in block.enumerated() {
            self.statement(statement, isStack: isStack, isLast: isValue && place == block.count - 1)
            if place + 1 < block.count, let word = leaving(statement) {
                warnings.append(.unreachable(block[place + 1].range, after: statement.range, word))
                // What follows is part of the same mistake, but what it uses is used.
                for rest in block[(place + 1)...] { self.statement(rest, isStack: isStack, isLast: isValue) }
                return
            }
        }
    }

    /// The word by which every way through a statement leaves its block.
    private func leaving(_ statement: Statement) -> String? {
        switch statement.kind {
        case .return: "return"
        case .break: "break"
        case .continue: "continue"
        case .expression(let value): leaving(value)
        default: nil
        }
    }
    private func leaving(_ value: Expression) -> String? {
        guard case .conditional(let branches, let otherwise?) = value.kind else { return nil }
        let words = (branches.map(\.block) + [otherwise]).map { $0.last.flatMap(leaving) }
        return words.contains(nil) ? nil : words.first ?? nil
    }

    private func statement(_ statement: Statement, isStack: Bool, isLast: Bool) {
        switch statement.kind {
        case .expression(let value):
            if !isStack, !isLast { discarded.append(value.range) }
            expression(value, isStack: isStack, isValue: isLast)
        case .assign(let target, let value):
            switch target {
            case .name(let name): define("binding", [name])
            case .list(let names), .record(let names): define("binding", names)
            }
            expression(value)
        case .update(_, _, let value, _): expression(value)
        case .return(let value): if let value { expression(value) }
        case .break, .continue, .error: break
        case .declare(let declaration): declare(declaration)
        case .option(let name, let type, let value, _):
            define("option", [name])
            if let type { annotation(type) }
            expression(value)
        case .import(let path, let range, let alias):
            switch alias {
            case .name(let name): define("import", [Name(name.text, name.range)])
            case .everything: break
            case nil: define("import", [Name(importName(path), range)])
            }
        case .test(_, _, let block): function([], locals: locals(.block(block))) { self.block(block, isStack: false, isValue: false) }
        case .expect(let condition, let message):
            expression(condition)
            if let message { expression(message) }
        }
    }

    private func declare(_ declaration: Declaration) {
        let name = declaration.name
        if scope.parent != nil { define("`\(declaration.kind.rawValue)`", [name]) }
        let parameters = declaration.parameters ?? []
        // A file's `model m { … }` is built at once, as a binding is.
        if scope.parent == nil, declaration.kind == .model, declaration.parameters == nil, declaration.inputs == nil { define("binding", [name]) }
        switch declaration.content {
        case .body(let content):
            let isStack = declaration.kind == .model && declaration.inputs == nil
            function(parameters, inputs: declaration.inputs ?? [], declaration.result, of: declaration, locals: locals(content)) {
                self.body(content, isStack: isStack)
            }
        case .fields(let fields): function(parameters, of: declaration, locals: fields.compactMap(\.name)) { fields.forEach(field) }
        }
    }

    private func field(_ field: Field) {
        switch field {
        case .value(_, let value), .spread(let value): expression(value)
        case .function(_, let parameters, let body): function(parameters, locals: locals(body)) { self.body(body) }
        case .shorthand(let name): use(name.text)
        }
    }

    // MARK: Expressions

    private func expression(_ value: Expression, isStack: Bool = false, isValue: Bool = true) {
        switch value.kind {
        case .none, .bool, .int, .float, .error: return
        case .name(let name): use(name)
        case .string(let parts): for case .interpolation(let inner, _) in parts { expression(inner) }
        case .list(let elements): for element in elements { expression(element.value) }
        case .comprehension(let element, let clauses): comprehension(element, clauses[...])
        case .record(let fields): fields.forEach(field)
        case .lambda(let parameters, let body): function(parameters, locals: locals(body)) { self.body(body) }
        case .call(let callee, let arguments):
            switch callee.kind {
            case .name(let name): use(name, isCall: true)
            case .field(let base, let name):
                expression(base)
                use(name.text, isCall: true)
            default: expression(callee)
            }
            for argument in arguments { expression(argument.value) }
        case .index(let base, let subscripts):
            expression(base)
            for part in subscripts {
                switch part {
                case .index(let index): expression(index)
                case .slice(let start, let stop, let step, _): for bound in [start, stop, step] { if let bound { expression(bound) } }
                case .ellipsis: break
                }
            }
        case .field(let base, _): expression(base)
        case .unary(_, let inner), .parenthesized(let inner): expression(inner)
        case .binary(_, let left, let right, _):
            expression(left)
            expression(right)
        case .pipe(let left, let right):
            expression(left)
            if case .name(let name) = right.kind { use(name, isCall: true) } else { expression(right) }
        case .conditional(let branches, let otherwise):
            for branch in branches {
                expression(branch.condition)
                block(branch.block, isStack: isStack, isValue: isValue)
            }
            if let otherwise { block(otherwise, isStack: isStack, isValue: isValue) }
        case .with(let defaults, let inner):
            expression(defaults)
            block(inner, isStack: isStack, isValue: isValue)
        case .for(_, let source, let inner):
            expression(source)
            block(inner, isStack: isStack, isValue: false)
        case .while(let condition, let inner):
            expression(condition)
            block(inner, isStack: isStack, isValue: false)
        case .model(let inner): function([], locals: locals(.block(inner))) { self.block(inner, isStack: true, isValue: false) }
        }
    }

    private func comprehension(_ element: Expression, _ clauses: ArraySlice<Clause>) {
        switch clauses.first {
        case nil: expression(element)
        case .each(let names, let source)?:
            expression(source)
            inScope(names.map(\.text)) { comprehension(element, clauses.dropFirst()) }
        case .condition(let condition)?:
            expression(condition)
            comprehension(element, clauses.dropFirst())
        }
    }
}

extension Field {
    /// The name that it gives a value to.
    var name: String? {
        switch self {
        case .value(let name, _), .function(let name, _, _), .shorthand(let name): name.text
        case .spread: nil
        }
    }
}
