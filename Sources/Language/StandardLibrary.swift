internal import Engine
internal import Glibc
internal import Graphs
internal import Syntax

/// Everything that a script may name without importing it: ops, builtin verbs, and the files of `stdlib/`.
///
/// A file declares the one public name that its own name says, and is loaded when that is first used. A name that is both
/// an op and a layer stands for both.
public final class StandardLibrary: @unchecked Sendable {
    /// Where the files are.
    public let root: String
    private(set) var names: [String] = []
    private var positions: [String: Int] = [:]
    private var entries: [Entry] = []
    /// `nn`, `random`, … : the first parts of dotted names.
    let modules: Set<String>

    struct Entry {
        var name: String
        var constant: Value?
        var native: Native?
        var op: Op?
        /// Files by folder: `layers` holds the layer, any other the function.
        var file: (folder: String, path: String)?
        var layerFile: String?

        /// The tier a listing shows it in.
        var folder: String? { layerFile != nil && file == nil && op == nil && native == nil ? "layers" : file?.folder }
    }

    /// Folders whose names need the folder before a dot.
    static let dotted: Set = ["nets", "datasets", "nn", "random", "linalg", "image", "text", "signal", "sparse", "feature", "io", "plot"]

    public init(root: String) {
        self.root = root
        var modules: Set<String> = []
        var found: [Entry] = []
        var index: [String: Int] = [:]
        func entry(_ name: String, _ change: (inout Entry) -> Void) {
            if let position = index[name] {
                change(&found[position])
            } else {
                var new = Entry(name: name)
                change(&new)
                index[name] = found.count
                found.append(new)
            }
            if let dot = name.firstIndex(of: ".") { modules.insert(String(name[..<dot])) }
        }
        for op in Op.all where !op.isInternal { entry(op.name) { $0.op = op } }
        for native in Native.all { entry(native.name) { $0.native = native } }
        for dtype in DType.allCases where dtype != .bool && dtype != .string { entry(dtype.description) { $0.constant = .dtype(dtype) } }
        entry("pi") { $0.constant = .float(.pi) }
        entry("inf") { $0.constant = .float(.infinity) }
        entry("nan") { $0.constant = .float(.nan) }
        entry("auto") { $0.constant = .string("auto") }
        entry("training") { $0.constant = .bool(false) }
        for folder in Self.list(root) where !folder.contains(".") {
            for file in Self.list(root + "/" + folder) where file.hasSuffix(".tfs") {
                let base = String(file.dropLast(4))
                let name = Self.dotted.contains(folder) ? folder + "." + base : base
                let path = folder + "/" + file
                entry(name) {
                    if folder == "layers" { $0.layerFile = path } else { $0.file = (folder, path) }
                }
            }
        }
        entries = found
        names = found.map(\.name)
        positions = index
        self.modules = modules
    }

    static func list(_ directory: String) -> [String] {
        guard let handle = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(handle) }
        var names: [String] = []
        while let entry = unsafe readdir(handle) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") && !name.hasPrefix("_") { names.append(name) }
        }
        return names.sorted()
    }

    func position(of name: String) -> Int? { positions[name] }

    /// The value of a name, loaded when its session first asks for it.
    func value(_ position: Int, _ machine: Machine) throws -> Value {
        if let known = machine.standard.values[position] { return known }
        let entry = entries[position]
        var function: Value?
        if let constant = entry.constant {
            function = constant
        } else if let native = entry.native {
            function = .function(Function(entry.name, .native(native)))
        } else if let file = entry.file {
            // A file of an op's name is the op with what a script may leave out.
            function = try load(file.path, entry.name, machine)
        } else if let op = entry.op {
            function = .function(Function(entry.name, .op(op)))
        }
        var value = function
        if let path = entry.layerFile {
            let layer = try load(path, entry.name, machine)
            if case .function(let f)? = function, case .function(let l) = layer {
                value = .function(Function(entry.name, .dual(op: f, layer: l)))
            } else {
                value = layer
            }
        }
        let result = value ?? .none
        machine.standard.values[position] = result
        return result
    }

    func value(named name: String, _ machine: Machine) throws -> Value? {
        try positions[name].map { try value($0, machine) }
    }

    private func load(_ path: String, _ name: String, _ machine: Machine) throws -> Value {
        let module = try machine.session.loadStandard(root + "/" + path, shown: "stdlib/" + path, machine)
        let base = name.split(separator: ".").last.map(String.init) ?? name
        guard let slot = module.slots[base] else {
            throw Fault("E0312", "stdlib/\(path) does not declare `\(base)`", why: "a file of the standard library declares the name that it has")
        }
        return module.registers[slot]
    }

    // MARK: Verbs

    private let verbs = Native.verbs.mapValues { $0.mapValues { Value.function(Function($0.name, .native($0))) } }

    /// The verb of a value's kind.
    func verb(_ name: String, of value: Value) -> Value? { verbs[value.kind]?[name] }

    /// The verbs of this name, by the kind of their value.
    func verbs(named name: String) -> [(kind: String, verb: Value)] {
        verbs.compactMap { kind, verbs in verbs[name].map { (kind, $0) } }
    }

    func verbs(of value: Value) -> [String] { verbs[value.kind].map { $0.keys.sorted() } ?? [] }

    // MARK: The catalog

    /// Names in a folder of the library, for listings.
    public func names(in folder: String) -> [String] {
        entries.filter { folder == "layers" ? $0.layerFile != nil : $0.file?.folder == folder }.map(\.name).sorted()
    }
    /// The path of the file that declares a name (`layers/dense.tfs`); for a name that is both, the layer's.
    public func files(of name: String) -> [String] {
        guard let position = positions[name] else { return [] }
        return [entries[position].file?.path, entries[position].layerFile].compactMap { $0 }
    }
    func entry(_ name: String) -> Entry? { positions[name].map { entries[$0] } }
}

/// The values that a session's scripts have for the library's names, by position; `nil` until one is asked for.
final class StandardValues {
    var values: [Value?]
    init(count: Int) { values = Array(repeating: nil, count: count) }
}
