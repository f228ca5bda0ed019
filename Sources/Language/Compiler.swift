internal import Graphs
internal import Syntax

/// Turns a tree into bytecode: names become slots, and what can be wrong about names is found here.
///
/// One compiler serves one file (or one entry at the prompt, whose file keeps its names).
final class Compiler {
    let module: Module
    let library: StandardLibrary
    /// Gives the names of a file that is imported bare.
    let importedNames: (String, SourceRange) throws -> [String]
    var diagnostics: [Diagnostic] = []
    /// Whether a file whose names are to be this one's could not be read.
    var lacksImport = false
    var scope: Scope
    /// While what a file declares at its top level is compiled.
    var isHoisting = false
    /// The names of the file's own functions: they stand before its statements run, and no bare import replaces them.
    var ownFunctions: Set<String> = []

    /// A function under compilation.
    final class Scope {
        let code: Code
        let parent: Scope?
        /// Registers of the function's own names.
        var locals: [String: Int] = [:]
        /// Names of comprehensions and the like, innermost last.
        var overlays: [[String: Int]] = []
        /// Registers that surely have a value here.
        var definitelySet: Set<Int> = []
        var captures: [String: Int] = [:]
        var captureSources: [CaptureSource] = []
        var nextRegister = 0
        var loops: [LoopContext] = []
        var unknownNames: [String: Diagnostic] = [:]
        var withDepth = 0
        /// In a model's stack, expression statements give layers.
        var isStack = false
        /// The name by which the function may call itself.
        var ownName: String?
        /// A lambda and an inner function keep what they see of the names around them; what a file declares at its
        /// top level looks the file's other names up when it runs.
        var keepsValues = true
        var isFile: Bool { code.kind == .file }

        init(code: Code, parent: Scope?) { (self.code, self.parent) = (code, parent) }
    }

    struct LoopContext {
        var breaks: [Int] = []
        var continues: [Int] = []
        var withDepth: Int
    }

    init(
        module: Module, library: StandardLibrary,
        importedNames: @escaping (String, SourceRange) throws -> [String]
    ) {
        self.module = module
        self.library = library
        self.importedNames = importedNames
        scope = Scope(code: Code(name: module.path, kind: .file, range: SourceRange(SourceText(path: "", text: ""), 0, 0)), parent: nil)
    }

    /// Compiles a file, or a further entry of one.
    func compile(_ script: Script) -> Code {
        let code = Code(
            name: module.path, kind: .file, range: SourceRange(script.source, 0, script.source.utf8.count))
        scope = Scope(code: code, parent: nil)
        // What an entry of the prompt should have set has no value if it failed.
        let known = Set(module.slots.values.filter { if case .unset = module.registers[$0] { false } else { true } })
        var names = Assigned()
        names.add(script.statements)
        var hoisted: [Declaration] = []
        var broughtBare: [String: String] = [:]
        for statement in script.statements {
            if case .declare(let declaration) = statement.kind, declaration.parameters != nil { hoisted.append(declaration) }
            if case .import(let path, let range, .everything) = statement.kind {
                do {
                    for name in try importedNames(path, range) {
                        names.insert(name)
                        if let other = broughtBare.updateValue(path, forKey: name), other != path {
                            diagnostics.append(.broughtTwice(name, other, path, at: range))
                        }
                    }
                } catch let diagnostic as Diagnostic {
                    diagnostics.append(diagnostic)
                    lacksImport = true
                } catch {}
            }
        }
        for name in names.ordered where module.slots[name] == nil { module.addSlot(name) }
        scope.locals = module.slots
        scope.nextRegister = module.slots.count
        scope.definitelySet = known
        for (name, slot) in module.slots { code.registerNames[slot] = name }
        ownFunctions = Set(hoisted.map(\.name.text))
        for declaration in hoisted {
            isHoisting = true
            declare(declaration)
            isHoisting = false
        }
        let target = allocate()
        var hasValue = false
        for (position, statement) in script.statements.enumerated() {
            if case .declare(let declaration) = statement.kind, declaration.parameters != nil { continue }
            let start = code.instructions.count
            let mark = scope.nextRegister
            if position == script.statements.count - 1, case .expression(let expression) = statement.kind {
                load(expression, into: target)
                hasValue = true
            } else {
                self.statement(statement)
            }
            scope.nextRegister = mark
            var assigned = Assigned()
            assigned.add([statement])
            code.statements.append(
                StatementInfo(
                    start: start, end: code.instructions.count, assigned: Set(assigned.ordered.compactMap { scope.locals[$0] })))
        }
        if !hasValue { emit(Instruction(.move, target, constant(.none)), code.range) }
        emit(Instruction(.return, target), code.range)
        return code
    }

    // MARK: Emitting

    @discardableResult
    func emit(_ instruction: Instruction, _ range: SourceRange) -> Int {
        scope.code.instructions.append(instruction)
        scope.code.ranges.append(range)
        return scope.code.instructions.count - 1
    }

    var here: Int { scope.code.instructions.count }

    func patch(_ jump: Int, to target: Int) {
        let old = scope.code.instructions[jump]
        if old.opcode == .next {
            let distance = target - jump
            if distance > 0xFFFF {
                diagnostics.append(.tooLarge(scope.code.ranges[jump]))
            }
            scope.code.instructions[jump].c = UInt16(truncatingIfNeeded: distance)
        } else {
            scope.code.instructions[jump] = Instruction(old.opcode, Int(old.a), wide: target)
        }
    }

    func allocate(_ count: Int = 1) -> Int {
        let first = scope.nextRegister
        scope.nextRegister += count
        if scope.nextRegister > scope.code.registerCount { scope.code.registerCount = scope.nextRegister }
        if scope.nextRegister >= Int(constantBit), scope.nextRegister - count < Int(constantBit) {
            diagnostics.append(.tooLarge(scope.code.range))
        }
        return first
    }

    func constant(_ value: Value) -> Int {
        let count = scope.code.constants.count
        // Only small scalars are worth a search.
        for index in max(count - 32, 0)..<count {
            switch (scope.code.constants[index], value) {
            case (.none, .none): return index | Int(constantBit)
            case (.int(let a), .int(let b)) where a == b: return index | Int(constantBit)
            case (.bool(let a), .bool(let b)) where a == b: return index | Int(constantBit)
            case (.float(let a), .float(let b)) where a.bitPattern == b.bitPattern: return index | Int(constantBit)
            default: continue
            }
        }
        scope.code.constants.append(value)
        if count == Int(constantBit) - 1 { diagnostics.append(.tooLarge(scope.code.range)) }
        return count | Int(constantBit)
    }

    func isConstant(_ operand: Int) -> Bool { operand >= Int(constantBit) }

    // MARK: Names

    enum Resolution {
        case register(Int)
        case capture(Int)
        case itself
        case global(Int)
        case standard(Int)
        case missing
    }

    func resolve(_ name: String) -> Resolution { resolve(name, in: scope) }

    private func resolve(_ name: String, in scope: Scope) -> Resolution {
        for overlay in scope.overlays.reversed() {
            if let register = overlay[name] { return .register(register) }
        }
        if let register = scope.locals[name] { return .register(register) }
        if let index = scope.captures[name] { return .capture(index) }
        if let parent = scope.parent {
            if scope.ownName == name, scope.keepsValues { return .itself }
            let source: CaptureSource?
            switch parent.isFile ? fileResolution(name, parent) : resolve(name, in: parent) {
            case .register(let register): source = .register(register)
            case .capture(let index): source = .capture(index)
            case .itself: source = .itself
            case .global(let slot):
                if !scope.keepsValues { return .global(slot) }
                source = .global(slot)
            case .standard(let index): return .standard(index)
            case .missing: return .missing
            }
            if let source {
                let index = scope.captureSources.count
                scope.captureSources.append(source)
                scope.code.captureNames.append(name)
                scope.captures[name] = index
                return .capture(index)
            }
        }
        if let index = library.position(of: name) { return .standard(index) }
        return .missing
    }

    /// What a function sees of the file around it.
    private func fileResolution(_ name: String, _ file: Scope) -> Resolution {
        for overlay in file.overlays.reversed() {
            if let register = overlay[name] { return .register(register) }
        }
        // A file of the standard library that declares the layer half of a name means both halves by it.
        if module.isStandard, let index = library.position(of: name) { return .standard(index) }
        if let slot = file.locals[name] { return .global(slot) }
        if let index = library.position(of: name) { return .standard(index) }
        return .missing
    }

    func visibleNames() -> [String] {
        var names: [String] = []
        var current: Scope? = scope
        while let scope = current {
            names += scope.overlays.flatMap(\.keys)
            names += scope.locals.keys
            current = scope.parent
        }
        return names + library.names
    }

    /// The value of a name, as an operand.
    func name(_ name: String, _ range: SourceRange) -> Int {
        switch resolve(name) {
        case .register(let register):
            if scope.definitelySet.contains(register) || scope.overlays.contains(where: { $0[name] == register }) { return register }
            let copy = allocate()
            emit(Instruction(.move, copy, register), range)
            emit(Instruction(.checkSet, copy, wide: nameIndex(name)), range)
            return copy
        case .capture(let index): return make(at: range) { Instruction(.capture, $0, index) }
        case .itself: return make(at: range) { Instruction(.capture, $0, 0xFFFF) }
        case .global(let slot): return make(at: range) { Instruction(.global, $0, slot) }
        case .standard(let index):
            if name == "training" { return make(at: range) { Instruction(.training, $0) } }
            return make(at: range) { Instruction(.standard, $0, wide: index) }
        case .missing:
            var diagnostic = unknownName(name, range)
            if let parameter = scope.code.parameters.first(where: { $0.type?.names(name) ?? false }) {
                diagnostic.mend = "a dimension is no variable of the body: its size stands in `\(parameter.name).shape`"
            }
            // It may stand in the file that is missing.
            if !lacksImport || diagnostic.mend != nil { diagnostics.append(diagnostic) }
            return constant(.unknown)
        }
    }

    /// What is told of a name that nothing has. Whoever misspells it in a function does so again and again, and the search for
    /// what is meant takes its time.
    private func unknownName(_ name: String, _ range: SourceRange) -> Diagnostic {
        if var known = scope.unknownNames[name] {
            known.at = Label(range)
            known.fix = range.source.text(range) == name ? known.fix.map { Edit(range, $0.replacement) } : []
            return known
        }
        let diagnostic = Diagnostic.unknownName(name, at: range, known: visibleNames(), modules: library.modules.sorted())
        if scope.overlays.isEmpty { scope.unknownNames[name] = diagnostic }
        return diagnostic
    }

    private func make(at range: SourceRange, _ instruction: (Int) -> Instruction) -> Int {
        let register = allocate()
        emit(instruction(register), range)
        return register
    }

    func nameIndex(_ name: String) -> Int {
        scope.code.nameLists.append([name])
        return scope.code.nameLists.count - 1
    }

    /// Names that statements give values to, in order, without looking into nested functions.
    struct Assigned {
        var ordered: [String] = []
        private var seen: Set<String> = []

        mutating func insert(_ name: String) {
            if seen.insert(name).inserted { ordered.append(name) }
        }
        mutating func add(_ block: Block) { for statement in block { add(statement) } }

        private mutating func add(_ statement: Statement) {
            switch statement.kind {
            case .expression(let expression), .expect(let expression, message: nil): add(expression)
            case .expect(let expression, message: let message?):
                add(expression)
                add(message)
            case .assign(let target, let value):
                switch target {
                case .name(let name): insert(name.text)
                case .list(let names), .record(let names): names.forEach { insert($0.text) }
                }
                add(value)
            case .update(let name, _, let value, _):
                insert(name.text)
                add(value)
            case .return(let value?): add(value)
            case .declare(let declaration): insert(declaration.name.text)
            case .option(let name, _, _, _): insert(name.text)
            case .import(let path, _, let alias):
                switch alias {
                case .name(let name): insert(name.text)
                case .everything: break
                case nil: insert(importName(path))
                }
            case .return(nil), .break, .continue, .test, .error: break
            }
        }

        /// Blocks inside expressions set names of the function around them.
        private mutating func add(_ expression: Expression) {
            switch expression.kind {
            case .conditional(let branches, let otherwise):
                for branch in branches {
                    add(branch.condition)
                    add(branch.block)
                }
                if let otherwise { add(otherwise) }
            case .with(let value, let block):
                add(value)
                add(block)
            case .for(let names, let source, let block):
                names.forEach { insert($0.text) }
                add(source)
                add(block)
            case .while(let condition, let block):
                add(condition)
                add(block)
            case .unary(_, let a), .parenthesized(let a), .field(let a, _): add(a)
            case .binary(_, let a, let b, _), .pipe(let a, let b):
                add(a)
                add(b)
            case .call(let callee, let arguments):
                add(callee)
                for argument in arguments { add(argument.value) }
            case .list(let elements): for element in elements { add(element.value) }
            case .index(let base, _): add(base)
            case .none, .bool, .int, .float, .string, .name, .comprehension, .record, .lambda, .model, .error: break
            }
        }
    }
}

/// The name that `import "dir/blocks.tfs"` brings.
func importName(_ path: String) -> String {
    var base = path.split(separator: "/").last.map(String.init) ?? path
    if base.hasSuffix(".tfs") { base.removeLast(4) }
    return base
}

extension Module {
    /// Remembers a script's statements, for the source of saved estimators.
    func note(_ script: Script) {
        for statement in script.statements {
            var assigned = Compiler.Assigned()
            assigned.add([statement])
            statements.append((assigned.ordered, statement.range.source.text(statement.range)))
        }
    }
}
