internal import Datasets
internal import Engine
internal import Formats
internal import Glibc
public import Graphs
public import Syntax
internal import Training

/// Where a script's output and messages go, and what it may ask its surroundings.
public struct Console: Sendable {
    /// Results, to standard output.
    public var write: @Sendable (String) -> Void
    /// A diagnostic, or a line of progress, to standard error.
    public var report: @Sendable (Diagnostic) -> Void
    public var progress: @Sendable (String) -> Void
    /// Whether progress may be drawn over itself.
    public var isTerminal: Bool
    public var width: Int

    public init(
        write: @escaping @Sendable (String) -> Void, report: @escaping @Sendable (Diagnostic) -> Void,
        progress: @escaping @Sendable (String) -> Void, isTerminal: Bool, width: Int
    ) {
        self.write = write
        self.report = report
        self.progress = progress
        self.isTerminal = isTerminal
        self.width = width
    }
}

/// One script or prompt with what it has loaded: the way in for the command and for tests.
public final class Session {
    public let library: StandardLibrary
    public let console: Console
    /// Values that the command line gives to options.
    public var optionTexts: [String: String] = [:]
    /// Code of files by path; each is read and compiled once.
    private var compiled: [String: (code: Code, module: Module)] = [:]
    /// Modules of the pass at hand (the check's or the run's), by path.
    private var modules: [String: Module] = [:]
    private var standardModules: [String: Module] = [:]
    private var importing: [String] = []
    var layerCounts: [String: Int] = [:]
    /// The places that tensors' nodes refer to by number.
    private var origins: [SourceRange] = []
    private var diagnostics: [Diagnostic] = []
    /// Paths that the script has written, for the check to know that they may exist.
    var written: Set<String> = []
    public private(set) var machine: Machine?

    public init(library: StandardLibrary, console: Console) {
        self.library = library
        self.console = console
    }

    // MARK: Origins

    func origin(_ range: SourceRange) -> Int32 {
        origins.append(range)
        return Int32(origins.count - 1)
    }
    func range(of origin: Int32) -> SourceRange? {
        origin >= 0 && Int(origin) < origins.count ? origins[Int(origin)] : nil
    }

    func report(_ diagnostic: Diagnostic) { console.report(diagnostic) }

    // MARK: Compiling

    /// The text of a file, decoded.
    public static func read(_ path: String) throws -> SourceText {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path)
        } catch let error as FormatError {
            throw Diagnostic(code: "E0001", what: error.what, at: nil, mend: error.mend)
        }
        return try SourceText.decode(path: path, bytes: bytes)
    }

    /// Parses and compiles a text as a file of its own, adding what is wrong to the list.
    func compile(_ source: SourceText, isStandard: Bool, diagnostics: inout [Diagnostic]) -> (code: Code, module: Module) {
        let parsed = parse(source)
        diagnostics += parsed.diagnostics
        let module = Module(path: source.path, isStandard: isStandard)
        let compiler = Compiler(module: module, library: library) { [unowned self] path, range in
            try self.publicNames(ofImport: path, from: source.path, at: range)
        }
        let code = compiler.compile(parsed.script)
        diagnostics += compiler.diagnostics
        module.code = code
        module.note(parsed.script)
        return (code, module)
    }

    func loadStandard(_ path: String, shown: String, _ machine: Machine) throws -> Module {
        if let known = standardModules[path] { return known }
        let source = try Self.read(path)
        var found: [Diagnostic] = []
        let (code, module) = compile(
            SourceText(path: shown, text: String(decoding: source.utf8, as: UTF8.self)), isStandard: true, diagnostics: &found)
        if let first = found.first { throw first }
        standardModules[path] = module
        // A file of declarations: what it runs is the same in the check and in a run.
        let saved = (machine.defaults, machine.applications, machine.constructions)
        machine.defaults = []
        machine.applications = []
        machine.constructions = []
        defer { (machine.defaults, machine.applications, machine.constructions) = saved }
        _ = try machine.run(code, in: module)
        return module
    }

    // MARK: Imports

    private func resolve(_ path: String, from file: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let slash = file.lastIndex(of: "/") else { return path }
        return String(file[...slash]) + path
    }

    private func compiledFile(_ path: String, at range: SourceRange) throws -> (code: Code, module: Module) {
        if let known = compiled[path] { return known }
        if importing.contains(path) {
            throw Diagnostic(
                code: "E0320", what: "importing \"\(path)\" leads back to itself", at: Label(range),
                why: (importing + [path]).joined(separator: " → "), mend: "move what both files need into a third")
        }
        let source: SourceText
        do {
            source = try Self.read(path)
        } catch var diagnostic as Diagnostic {
            if diagnostic.at == nil { diagnostic.at = Label(range) }
            throw diagnostic
        }
        importing.append(path)
        defer { importing.removeLast() }
        var found: [Diagnostic] = []
        let made = compile(source, isStandard: false, diagnostics: &found)
        // Files that it imports in turn, so that a circle is found before anything runs.
        for info in made.code.imports { _ = try? compiledFile(resolve(info.path, from: path), at: info.range) }
        for info in made.code.imports where importing.contains(resolve(info.path, from: path)) {
            throw Diagnostic(
                code: "E0320", what: "importing \"\(info.path)\" leads back to itself", at: Label(info.range),
                mend: "move what both files need into a third")
        }
        compiled[path] = made
        diagnostics += found
        return made
    }

    private func publicNames(ofImport path: String, from file: String, at range: SourceRange) throws -> [String] {
        let made = try compiledFile(resolve(path, from: file), at: range)
        return made.module.slots.keys.filter { !$0.hasPrefix("_") }.sorted()
    }

    /// Runs an imported file, once, and gives its names.
    func runImport(_ info: ImportInfo, from module: Module, _ machine: Machine) throws -> Value {
        let path = resolve(info.path, from: module.path)
        let made = try compiledFile(path, at: info.range)
        let target: Module
        if let known = modules[path] {
            if known.state == .running {
                throw Diagnostic(code: "E0320", what: "importing \"\(info.path)\" leads back to itself", at: Label(info.range))
            }
            target = known
        } else {
            target = Module(path: path, isStandard: false)
            target.slots = made.module.slots
            modules[path] = target
            target.state = .running
            _ = try machine.run(made.code, in: target)
            target.state = .done
        }
        for (name, slot) in info.slots {
            if let source = target.slots[name] { module.registers[slot] = target.registers[source] }
        }
        let names = target.slots.keys.filter { !$0.hasPrefix("_") }.sorted { target.slots[$0]! < target.slots[$1]! }
        return .record(names.compactMap { name in
            let value = target.registers[target.slots[name]!]
            if case .unset = value { return nil }
            return (name, value)
        })
    }

    // MARK: Files

    public struct Outcome: Sendable {
        /// 0, 1 (an `expect` failed), 2 (the check failed), 3 (a run-time error), 130 (interrupted).
        public var status: Int32
        public var diagnostics: [Diagnostic]
    }

    /// Checks a file: everything wrong with it, in the order of the text.
    public func check(_ source: SourceText) -> [Diagnostic] { prepare(source).diagnostics }

    private func prepare(_ source: SourceText) -> (code: Code, module: Module, diagnostics: [Diagnostic]) {
        diagnostics = []
        compiled = [:]
        modules = [:]
        layerCounts = [:]
        var found: [Diagnostic] = []
        let made = compile(source, isStandard: false, diagnostics: &found)
        found += optionErrors(made.module)
        found += diagnostics
        if !found.contains(where: { $0.severity == .error && ($0.code.hasPrefix("E01") || $0.code == "E0390") }) {
            let machine = Machine(session: self, isCheck: true)
            setOptions(made.module)
            modules[source.path] = made.module
            diagnostics = []
            found += machine.checkFile(made.code, made.module)
            // What is wrong with files that it imports came up on the way.
            found += diagnostics
        }
        var seen: Set<Diagnostic> = []
        let ordered = found.filter { seen.insert($0).inserted }.enumerated().sorted {
            let (a, b) = ($0.element.at?.range.start ?? -1, $1.element.at?.range.start ?? -1)
            return a == b ? $0.offset < $1.offset : a < b
        }.map(\.element)
        return (made.code, made.module, ordered)
    }

    /// The options that a file declares.
    public func options(of source: SourceText) -> [OptionInfo] {
        var found: [Diagnostic] = []
        return compile(source, isStandard: false, diagnostics: &found).module.options
    }

    /// Checks a file and runs it.
    public func run(_ source: SourceText, skippingCheck: Bool = false) -> Outcome {
        let prepared = prepare(source)
        for diagnostic in prepared.diagnostics { report(diagnostic) }
        if prepared.diagnostics.contains(where: { $0.severity == .error }) { return Outcome(status: 2, diagnostics: prepared.diagnostics) }
        modules = [:]
        layerCounts = [:]
        let module = Module(path: source.path, isStandard: false)
        module.slots = prepared.module.slots
        module.options = prepared.module.options
        module.tests = prepared.module.tests
        module.statements = prepared.module.statements
        modules[source.path] = module
        let machine = Machine(session: self, isCheck: false)
        self.machine = machine
        setOptions(module)
        do {
            _ = try machine.run(prepared.code, in: module)
        } catch is Interruption {
            return Outcome(status: 130, diagnostics: machine.failedExpectations)
        } catch {
            let diagnostic = machine.describe(error, above: 0)
            guard let diagnostic = diagnostic as? Diagnostic else { return Outcome(status: 130, diagnostics: machine.failedExpectations) }
            report(diagnostic)
            return Outcome(status: 3, diagnostics: machine.failedExpectations + [diagnostic])
        }
        return Outcome(status: machine.failedExpectations.isEmpty ? 0 : 1, diagnostics: machine.failedExpectations)
    }

    public struct TestResult: Sendable {
        public var name: String
        public var failures: [Diagnostic]
    }

    /// Runs a file's own statements once, then each of its tests.
    public func test(_ source: SourceText, named filter: String? = nil) -> (outcome: Outcome, results: [TestResult]) {
        let outcome = run(source)
        guard outcome.status < 2, let machine, let module = modules[source.path] else { return (outcome, []) }
        var results: [TestResult] = []
        for test in module.tests {
            if let filter, !test.name.contains(filter) { continue }
            machine.failedExpectations = []
            var failures: [Diagnostic] = []
            do {
                _ = try machine.invoke(test.code, [], captures: [], function: nil, module: module)
            } catch {
                if let diagnostic = machine.describe(error, above: 0) as? Diagnostic {
                    report(diagnostic)
                    failures.append(diagnostic)
                }
            }
            results.append(TestResult(name: test.name, failures: machine.failedExpectations + failures))
        }
        return (outcome, results)
    }

    // MARK: Options

    private func optionErrors(_ module: Module) -> [Diagnostic] {
        optionTexts.keys.sorted().compactMap { name in
            module.options.contains { $0.name == name }
                ? nil
                : Diagnostic(
                    code: "E0321", what: "the script has no option `\(name)`", at: nil,
                    mend: nearest(to: name, in: module.options.map(\.name)).map { "did you mean `--\($0)`?" })
        }
    }

    private func setOptions(_ module: Module) {
        if module.registerCapacity < module.slots.count + 1 { module.grow(to: module.slots.count + 1) }
        for option in module.options {
            guard let text = optionTexts[option.name], let value = optionValue(text, option) else { continue }
            module.registers[option.slot] = value
        }
    }

    /// An option's value from its text on the command line; the default gives the type.
    func optionValue(_ text: String, _ option: OptionInfo) -> Value? {
        if option.type?.isOptional == true, text == "none" { return Value.none }
        switch option.kind {
        case "int": return Int(text).map { .int($0) }
        case "float": return Double(text).map { .float($0) }
        case "bool": return text == "true" ? .bool(true) : text == "false" ? .bool(false) : nil
        default: return .string(text)
        }
    }

    /// Whether a text is a value of the option, for the command line to refuse it otherwise.
    public func accepts(_ text: String, for option: OptionInfo) -> Bool { optionValue(text, option) != nil }

    // MARK: The prompt

    /// A prompt's lasting state.
    public func beginPrompt() -> Prompt {
        let module = Module(path: "<prompt>", isStandard: false)
        let machine = Machine(session: self, isCheck: false)
        self.machine = machine
        return Prompt(session: self, module: module, machine: machine)
    }

    /// Compiles an entry of the prompt into a module that lasts.
    func compileEntry(_ source: SourceText, in module: Module) -> (code: Code, diagnostics: [Diagnostic]) {
        let parsed = parse(source)
        if !parsed.diagnostics.isEmpty { return (Code(name: "", kind: .file, range: SourceRange(source, 0, 0)), parsed.diagnostics) }
        let before = module.slots
        let compiler = Compiler(module: module, library: library) { [unowned self] path, range in
            try self.publicNames(ofImport: path, from: "./", at: range)
        }
        let code = compiler.compile(parsed.script)
        if compiler.diagnostics.isEmpty { module.note(parsed.script) } else { module.slots = before }
        return (code, compiler.diagnostics)
    }
}

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
            return (name, value.typeText, value.shown.split(separator: "\n").first.map(String.init) ?? "")
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
        case .tensor(let tensor): return "\(written)  \(tensor.rank > 1 ? "\n" : "")\(tensor.type)"
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

extension String {
    var trimmed: String {
        var part = Substring(self)
        while let first = part.first, first.isWhitespace { part.removeFirst() }
        while let last = part.last, last.isWhitespace { part.removeLast() }
        return String(part)
    }
}

extension Code {
    /// The number under which nodes remember an instruction's place.
    func origin(at pc: Int, _ session: Session) -> Int32 {
        if originNumbers.isEmpty { originNumbers = Array(repeating: -1, count: ranges.count) }
        guard pc < originNumbers.count else { return -1 }
        if originNumbers[pc] < 0 { originNumbers[pc] = session.origin(ranges[pc]) }
        return originNumbers[pc]
    }
}

// MARK: Errors

extension Machine {
    /// An error with the place in the script where it happened, and the script's calls that led there.
    func describe(_ error: any Error, above depth: Int) -> any Error {
        if error is Diagnostic || error is Interruption || error is NeedsData || error is Trainer.NotFinite { return error }
        var fault: Fault
        var place: SourceRange?
        var also: [Label] = []
        /// The frames that are the user's way to the mistake.
        var way = Array(frames)
        switch error {
        case let found as OpError: fault = found
        case let found as ArgumentFault:
            fault = found.fault
            // The mistake is the caller's, where there is one in the script.
            if let callee = frames.last, !callee.module.isStandard, let caller = frames.dropLast().last, !caller.module.isStandard {
                place = argumentRange(found.position, of: callee, at: caller)
                if let range = callee.code.parameters[found.position].range { also = [Label(range, "declared here")] }
                way.removeLast()
            }
        case let found as ExecutionError:
            fault = found.error
            place = session.range(of: found.origin)
            if fault.code == "E0299" { return Interruption() }
        case let found as FormatError:
            // A sentence that names the file already needs no file before it.
            let isComplete = found.what.contains("`\(found.path)`")
            fault = Fault(found.code, isComplete ? found.what : found.description, why: found.why, mend: found.mend)
        case let found as DataError: fault = Fault(found.code, found.what, why: found.why, mend: found.mend)
        case is UnknownArgument: return error
        default: fault = Fault("E0999", "\(error)")
        }
        if fault.code == "E0299" { return Interruption() }
        // The place is the script's own: the innermost frame that is not the standard library's.
        var inLibrary: String?
        for frame in way.reversed() {
            guard frame.pc < frame.code.ranges.count else { continue }
            let range = frame.code.ranges[frame.pc]
            if frame.module.isStandard {
                if inLibrary == nil, frame.code.name != "lambda" { inLibrary = frame.code.name }
                if place == nil { continue }
            }
            if frame.module.isStandard { continue }
            if place == nil { place = range }
        }
        if ["E0413", "E0414"].contains(fault.code), let frame = way.last(where: { !$0.module.isStandard }) {
            place = namedArgument(of: frame, in: fault.what) ?? place
        }
        if let inLibrary, place != nil, !fault.what.contains("`\(inLibrary)`") {
            let note = "inside `\(inLibrary)` of the standard library"
            fault.why = fault.why.map { $0 + "; " + note } ?? note
        }
        var shown: [(label: Label, count: Int)] = []
        for (index, frame) in way.enumerated().reversed() where !frame.module.isStandard && index > 0 {
            guard frame.code.kind == .function || frame.code.kind == .layer else { continue }
            var caller = index - 1
            while caller > 0, frames[caller].module.isStandard { caller -= 1 }
            let outer = frames[caller]
            guard !outer.module.isStandard, outer.pc < outer.code.ranges.count else { continue }
            let label = Label(outer.code.ranges[outer.pc], frame.code.name)
            if shown.last?.label == label {
                shown[shown.count - 1].count += 1
            } else if shown.count < 12 {
                shown.append((label, 1))
            } else {
                break
            }
        }
        let calls = shown.map { label, count in
            Label(label.range, count == 1 ? "(`\(label.text)`)" : "(`\(label.text)`, \(count.formatted) times)")
        }
        return Diagnostic(
            code: fault.code, what: fault.what, at: place.map { Label($0) }, also: also, why: fault.why, mend: fault.mend, calls: calls)
    }

    /// Where a call's argument stands that a message names.
    private func namedArgument(of frame: Frame, in message: String) -> SourceRange? {
        guard frame.pc < frame.code.instructions.count else { return nil }
        let instruction = frame.code.instructions[frame.pc]
        guard [.call, .callPlain, .method].contains(instruction.opcode) else { return nil }
        let site = frame.code.callSite(of: instruction)
        return site.names.lastIndex { name in name.map { message.contains("`\($0)`") } ?? false }.map { site.argumentRanges[$0] }
    }

    /// Where the caller wrote the argument of a parameter, or the whole call.
    private func argumentRange(_ position: Int, of callee: Frame, at caller: Frame) -> SourceRange? {
        guard caller.pc < caller.code.ranges.count else { return nil }
        let instruction = caller.code.instructions[caller.pc]
        var index = position
        guard instruction.opcode == .call || instruction.opcode == .callPlain else { return caller.code.ranges[caller.pc] }
        switch caller.registers[instruction.a] {
        case .function(let function) where function === callee.function: break
        case .layer(let layer) where layer.constructor.info.body === callee.code: index -= layer.configuration.count
        default: return caller.code.ranges[caller.pc]
        }
        let site = caller.code.callSite(of: instruction)
        if let named = site.names.firstIndex(of: callee.code.parameters[position].name) { return site.argumentRanges[named] }
        guard site.argumentRanges.indices.contains(index), !site.spread[...index].contains(true) else { return caller.code.ranges[caller.pc] }
        return site.argumentRanges[index]
    }

    // MARK: Checking a file

    /// Runs the check over a file: every statement, and then the functions that nothing called.
    func checkFile(_ code: Code, _ module: Module) -> [Diagnostic] {
        var found: [Diagnostic] = []
        if module.registerCapacity < code.registerCount { module.grow(to: code.registerCount) }
        var start = 0
        let end = code.instructions.count
        code.wasChecked = true
        let file = Function(code.name, .code(code, captures: [], module: module))
        defer { withExtendedLifetime(file) {} }
        while start < end {
            pushFrame(file, registers: module.registers, pc: start, onStack: false)
            do {
                _ = try loop(Checking.self, region: start..<end)
                unwind(to: 0)
                break
            } catch {
                let described = describe(error, above: 0)
                if let diagnostic = described as? Diagnostic { found.append(diagnostic) }
                let pc = frames.first?.pc ?? end
                unwind(to: 0)
                resetCheck()
                guard let statement = code.statements.first(where: { $0.start <= pc && pc < $0.end }) else { break }
                for register in statement.assigned { module.registers[register] = .unknown }
                start = statement.end
            }
            if found.count > 50 { break }
        }
        found += checkUncalled(code, module)
        return found
    }

    private func resetCheck() {
        defaults = []
        applications = []
        constructions = []
        substitutions = [:]
        pendingUpdates = []
        addedLosses = []
        traceDepth = 0
        isTraining = false
        check.regionDepths = []
        glimpses = []
    }

    /// Functions and layers that the script never called, tried with what their annotations say.
    private func checkUncalled(_ code: Code, _ module: Module) -> [Diagnostic] {
        var found: [Diagnostic] = []
        func attempt(_ body: () throws -> Void) {
            do {
                try body()
            } catch {
                if let diagnostic = describe(error, above: 0) as? Diagnostic { found.append(diagnostic) }
            }
            unwind(to: 0)
            resetCheck()
        }
        for (nested, sources) in zip(code.codes, code.captures) where !nested.wasChecked && nested.kind == .function {
            let arguments = nested.parameters.map(exampleArgument)
            let captures = sources.map { source -> Value in
                switch source {
                case .register(let slot), .global(let slot):
                    if case .unset = module.registers[slot] { return .unknown }
                    return module.registers[slot]
                case .capture, .itself: return .unknown
                }
            }
            attempt { _ = try invoke(nested, arguments, captures: captures, function: nil, module: module) }
        }
        for test in module.tests where !test.code.wasChecked {
            attempt { _ = try invoke(test.code, [], captures: [], function: nil, module: module) }
        }
        for info in code.declarations where info.kind != .estimator && !info.isSingleValue {
            guard let body = info.body, !body.wasChecked, info.bodyCaptures.isEmpty, info.configurationCaptures.isEmpty else { continue }
            attempt {
                let constructor = Constructor(info: info, module: module, configurationCaptures: [], bodyCaptures: [])
                let arguments = info.configuration.parameters.map(exampleArgument)
                let layer = Layer(
                    constructor: constructor, configuration: [], path: info.name, seed: 0, trainable: true, dtype: .f32, defaults: [])
                guard case .list(let list) = try invoke(
                    info.configuration, arguments, captures: [], function: nil, module: module)
                else { return }
                layer.configuration = Array(list.values)
                _ = try apply(layer, body.parameters.dropFirst(list.values.count).map(exampleArgument), [])
            }
        }
        return found
    }

    /// A value of which only the annotation is known.
    private func exampleArgument(_ parameter: ParameterInfo) -> Value {
        if parameter.hasDefault { return .unset }
        if parameter.isRest { return .unknown }
        guard let type = parameter.type, case .tensor(let kind) = type.base, let dimensions = type.dimensions else { return .unknown }
        var dtype = DType.f32
        switch kind {
        case .exactly(let exact): dtype = exact
        case .anyInteger: dtype = .i32
        case .any: return .unknown
        case .anyFloat: break
        }
        var shape: Shape = []
        for dimension in dimensions {
            switch dimension {
            case .number(let size): shape.append(size)
            case .name, .any: shape.append(-1)
            case .ellipsis: return .unknown
            }
        }
        return .tensor(.unknown(TensorType(dtype, shape)))
    }
}
