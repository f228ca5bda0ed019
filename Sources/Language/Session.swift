internal import Engine
internal import Formats
internal import Graphs
public import Syntax

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
    /// Whether what runs here reaches no files: for texts that nobody vouches for.
    public var isSealed = false
    /// Whether the machine takes its quick loop; without it the general loop runs every instruction, with the same results.
    var isQuick = true
    /// Whether any module is sealed: before that nobody need look for one among the calls.
    var knowsSealed = false
    /// Code of files by path; each is read and compiled once.
    private var compiled: [String: (code: Code, module: Module)] = [:]
    /// Modules of the pass at hand (the check's or the run's), by path.
    private var modules: [String: Module] = [:]
    private var standardModules: [String: Module] = [:]
    /// Values of the library's names.
    let standard: StandardValues
    /// Every module there has been. A module's functions hold it and it holds them, so it is let go of with the session.
    private var everyModule: [Module] = []
    private var importing: [String] = []
    /// Whether warnings count as errors.
    public var isStrict = false
    /// Whether each use of a name that nothing has is an error of its own, to be mended, and not the first one only.
    public var tellsEveryUse = false
    /// What reading the trees of the script's files has found, for the check to go on with.
    private var readings: [Reading] = []
    var layerCounts: [String: Int] = [:]
    /// The places that tensors' nodes refer to by number.
    private var origins: [SourceRange] = []
    private var diagnostics: [Diagnostic] = []
    /// Paths that the script has written, for the check to know that they may exist.
    var written: Set<String> = []
    public private(set) var machine: Machine?
    /// Follows what the run does, for a record.
    public var recorder: Recorder?
    /// The last file that was checked, with the values that the check found for its names.
    private(set) var checked: (source: SourceText, machine: Machine, module: Module, code: Code)?
    /// The file that the last run ran.
    private(set) var ran: (module: Module, code: Code)?
    /// Whether an interrupted `fit` gives what it has so far, as at the prompt; otherwise the whole script ends with it.
    var endsFitsEarly = false
    /// Whether one has, in the entry at hand.
    var hasEndedFit = false
    /// Set while a profile is made, and where it began.
    var profileStart: ContinuousClock.Instant?
    private var partOrigins: [SourceRange: Int32] = [:]

    public init(library: StandardLibrary, console: Console) {
        self.library = library
        self.console = console
        standard = StandardValues(count: library.names.count)
    }

    deinit { for module in everyModule { module.letGo() } }

    private func newModule(_ path: String, isStandard: Bool = false) -> Module {
        let module = Module(path: path, isStandard: isStandard)
        everyModule.append(module)
        return module
    }

    // MARK: Origins

    func origin(_ range: SourceRange) -> Int32 {
        origins.append(range)
        return Int32(origins.count - 1)
    }
    /// The one number of a model's part, however often that runs.
    func partOrigin(_ range: SourceRange) -> Int32 {
        if let known = partOrigins[range] { return known }
        let number = origin(range)
        partOrigins[range] = number
        return number
    }
    func range(of origin: Int32) -> SourceRange? {
        origin >= 0 && Int(origin) < origins.count ? origins[Int(origin)] : nil
    }

    func report(_ diagnostic: Diagnostic) { console.report(diagnostic) }

    // MARK: Compiling

    /// Seventeen million statements would be checked, in minutes and gigabytes; nobody has written them.
    public static let longestScript = 32 << 20

    /// What is told of a longer one.
    public static func tooLong(_ path: String) -> Diagnostic {
        Diagnostic(code: "E0001", what: "`\(path)` holds more than \(longestScript >> 20) MB", at: nil, mend: longDataMend)
    }
    private static let longDataMend = "long data belong into a file of their own: `csv(path)`, `io.read(path)`"

    /// The text of a file, decoded.
    public static func read(_ path: String) throws -> SourceText {
        let bytes: [UInt8]
        do {
            bytes = try Files.read(path, atMost: longestScript, mend: longDataMend)
        } catch {
            throw Diagnostic(code: "E0001", what: error.what, at: nil, mend: error.mend)
        }
        return try SourceText.decode(path: path, bytes: bytes)
    }

    /// Parses and compiles a text as a file of its own, adding what is wrong to the list.
    func compile(_ source: SourceText, isStandard: Bool, diagnostics: inout [Diagnostic]) -> (code: Code, module: Module) {
        let parsed = parse(source)
        diagnostics += parsed.diagnostics
        let module = newModule(source.path, isStandard: isStandard)
        let compiler = Compiler(module: module, library: library) { [unowned self] path, range in
            try self.publicNames(ofImport: path, from: source.path, at: range)
        }
        let code = compiler.compile(parsed.script)
        // A name on a line with a broken statement may be one that it was to make. Of a name that nothing has, a reader wants
        // to see the first use.
        let broken = Self.words(brokenBy: parsed.diagnostics)
        var told: Set<String> = []
        diagnostics += compiler.diagnostics.filter { diagnostic in
            guard diagnostic.code == "E0301", let range = diagnostic.at?.range else { return true }
            let name = range.source.text(range)
            return !broken.contains(name) && (told.insert(name).inserted || tellsEveryUse)
        }
        diagnostics += module.repeatedTests
        if !isStandard {
            readings.append(Reading(parsed.script, isImported: importing.count > 1) { path, range in
                (try? self.publicNames(ofImport: path, from: source.path, at: range)) ?? []
            })
        }
        module.note(parsed.script)
        return (code, module)
    }

    /// The words on the lines of syntax errors, and all that follow a bracket that is never closed.
    private static func words(brokenBy diagnostics: [Diagnostic]) -> Set<String> {
        var words: Set<String> = []
        for diagnostic in diagnostics {
            guard let range = diagnostic.at?.range else { continue }
            let source = range.source
            let line = source.line(at: range.start)
            let last = diagnostic.code == "E0112" ? source.lineStarts.count : line
            for line in line...last {
                for word in source.line(line).split(whereSeparator: { !$0.isLetter && !$0.isNumber && $0 != "_" }) { words.insert(String(word)) }
            }
        }
        return words
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

    static func resolve(_ path: String, from file: String) -> String {
        guard !path.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return plain(path) }
        return plain(String(file[...slash]) + path)
    }

    /// A path without detours, so that one file has one name: `a/../b.tfs` is `b.tfs`.
    private static func plain(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
        }
        return (path.hasPrefix("/") ? "/" : "") + parts.joined(separator: "/")
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
        for info in made.code.imports { _ = try? compiledFile(Self.resolve(info.path, from: path), at: info.range) }
        for info in made.code.imports where importing.contains(Self.resolve(info.path, from: path)) {
            throw Diagnostic(
                code: "E0320", what: "importing \"\(info.path)\" leads back to itself", at: Label(info.range),
                mend: "move what both files need into a third")
        }
        compiled[path] = made
        diagnostics += found
        return made
    }

    private func publicNames(ofImport path: String, from file: String, at range: SourceRange) throws -> [String] {
        if isSealed { return [] }
        let made = try compiledFile(Self.resolve(path, from: file), at: range)
        return made.module.slots.keys.filter { !$0.hasPrefix("_") }.sorted()
    }

    /// Runs an imported file, once, and gives its names.
    func runImport(_ info: ImportInfo, from module: Module, _ machine: Machine) throws -> Value {
        if isSealed || module.isSealed { throw Fault.sealed("import") }
        let path = Self.resolve(info.path, from: module.path)
        let made = try compiledFile(path, at: info.range)
        let target: Module
        if let known = modules[path] {
            if known.state == .running {
                throw Diagnostic(code: "E0320", what: "importing \"\(info.path)\" leads back to itself", at: Label(info.range))
            }
            target = known
        } else {
            target = newModule(path)
            target.slots = made.module.slots
            modules[path] = target
            target.state = .running
            do {
                _ = try machine.run(made.code, in: target)
            } catch {
                // At the prompt one mends the file and tries again.
                (modules[path], compiled[path]) = (nil, nil)
                throw error
            }
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
        checked = nil
        compiled = [:]
        readings = []
        modules = [:]
        layerCounts = [:]
        importing = [Self.plain(source.path)]
        defer { importing = [] }
        var found: [Diagnostic] = []
        let made = compile(source, isStandard: false, diagnostics: &found)
        found += optionErrors(made.module)
        found += diagnostics
        if !found.contains(where: { $0.severity == .error && ($0.code.hasPrefix("E01") || $0.code == "E0390") }) {
            let machine = Machine(session: self, isCheck: true)
            machine.check.discarded = Set(readings.flatMap(\.discarded))
            setOptions(made.module)
            modules[source.path] = made.module
            diagnostics = []
            found += machine.checkFile(made.code, made.module)
            checked = (source, machine, made.module, made.code)
            // What is wrong with files that it imports came up on the way.
            found += diagnostics
            if !found.contains(where: { $0.severity == .error }) {
                found += machine.findings(made.module, readings.first { $0.source === source }?.unusedBindings ?? [])
            }
        }
        found = withWarnings(found)
        var seen: Set<Diagnostic> = []
        let ordered = found.filter { seen.insert($0).inserted }.enumerated().sorted {
            let (a, b) = ($0.element.at?.range.start ?? -1, $1.element.at?.range.start ?? -1)
            return a == b ? $0.offset < $1.offset : a < b
        }.map(\.element)
        return (made.code, made.module, ordered)
    }

    /// Errors as they are; beside one, what is merely odd can wait. Without errors the warnings that nobody allows.
    private func withWarnings(_ found: [Diagnostic]) -> [Diagnostic] {
        if found.contains(where: { $0.severity == .error }) { return found.filter { $0.severity == .error } }
        var all = found + readings.flatMap(\.warnings)
        for reading in readings { all = reading.allowances.applied(to: all, in: reading.source) }
        guard isStrict else { return all }
        return all.map { warning in
            var error = warning
            error.severity = .error
            return error
        }
    }

    /// The options that a file declares.
    public func options(of source: SourceText) -> [OptionInfo] {
        var found: [Diagnostic] = []
        return compile(source, isStandard: false, diagnostics: &found).module.options
    }

    /// Checks a file and runs it.
    public func run(_ source: SourceText, skippingCheck: Bool = false) -> Outcome {
        ran = nil
        let prepared = prepare(source)
        for diagnostic in prepared.diagnostics { report(diagnostic) }
        if prepared.diagnostics.contains(where: { $0.severity == .error }) { return Outcome(status: 2, diagnostics: prepared.diagnostics) }
        modules = [:]
        layerCounts = [:]
        let module = newModule(source.path)
        module.slots = prepared.module.slots
        module.options = prepared.module.options
        module.tests = prepared.module.tests
        module.statements = prepared.module.statements
        modules[source.path] = module
        let machine = Machine(session: self, isCheck: false)
        self.machine = machine
        ran = (module, prepared.code)
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
        let module = newModule("<prompt>")
        let machine = Machine(session: self, isCheck: false)
        self.machine = machine
        return Prompt(session: self, module: module, machine: machine)
    }

    /// Compiles an entry of the prompt into a module that lasts.
    func compileEntry(_ source: SourceText, in module: Module) -> (code: Code, script: Script, diagnostics: [Diagnostic]) {
        let parsed = parse(source)
        let nothing = Code(name: "", kind: .file, range: SourceRange(source, 0, 0))
        if !parsed.diagnostics.isEmpty { return (nothing, parsed.script, parsed.diagnostics) }
        diagnostics = []
        let before = (module.slots, module.options.count)
        let compiler = Compiler(module: module, library: library) { [unowned self] path, range in
            try self.publicNames(ofImport: path, from: source.path, at: range)
        }
        let code = compiler.compile(parsed.script)
        var found = compiler.diagnostics
        // What an entry or a loaded file imports is looked for beside it, and has to be in order before anything runs.
        for index in code.imports.indices {
            let path = Self.resolve(code.imports[index].path, from: source.path)
            do { _ = try compiledFile(path, at: code.imports[index].range) } catch let diagnostic as Diagnostic {
                if !found.contains(diagnostic) { found.append(diagnostic) }
            } catch {}
            code.imports[index].path = path
        }
        found += diagnostics
        if found.contains(where: { $0.severity == .error }) {
            module.slots = before.0
            module.options.removeSubrange(before.1...)
            // A file with a mistake is read again once that is mended.
            for path in code.imports.map(\.path) where modules[path] == nil { compiled[path] = nil }
            return (code, parsed.script, found)
        }
        module.note(parsed.script)
        // An option begins anew with each text that declares it.
        if module.registerCapacity < module.slots.count + 1 { module.grow(to: module.slots.count + 1) }
        for option in module.options[before.1...] {
            module.registers[option.slot] = optionTexts[option.name].flatMap { optionValue($0, option) } ?? .unset
        }
        return (code, parsed.script, found)
    }

    /// Lets imported files be read and run anew when they are next asked for.
    func forgetFiles() {
        compiled = [:]
        modules = [:]
    }
}

extension Code {
    /// The number under which nodes remember an instruction's place.
    func origin(at pc: Int, of machine: Machine) -> Int32 {
        if originNumbers.isEmpty { originNumbers = Array(repeating: -1, count: ranges.count) }
        guard pc < originNumbers.count else { return -1 }
        if originNumbers[pc] < 0 { originNumbers[pc] = machine.session.origin(ranges[pc]) }
        return originNumbers[pc]
    }
}
