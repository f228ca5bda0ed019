internal import Datasets
internal import Engine
internal import Formats
internal import Graphs
internal import Syntax

// Files as values. The check opens a file no further than its header, and writes none.

extension Native {
    private static let path = Parameter("path")

    static let dataFunctions: [Native] = tableFunctions + datasetFunctions + fileFunctions

    /// Builtins that reach files, the terminal or the clock, which the source of a saved estimator may not.
    static let outside = Set(fileFunctions.map(\.name) + ["csv", "mnist", "fashion_mnist", "cifar10", "load", "save", "print", "clock", "summary"])

    private static let fileFunctions: [Native] = [
        Native("idx", [path], doc: "The tensor in an IDX file (MNIST's format), gzip or not.", example: "idx(\"train-images-idx3-ubyte.gz\")") { machine, arguments in
            try machine.read(.idx, arguments.string(0))
        },
        Native("npy", [path], doc: "The tensor in a NumPy file.", example: "npy(\"x.npy\")") { machine, arguments in
            try machine.read(.npy, arguments.string(0))
        },
        Native("npz", [path], doc: "The tensors in a NumPy archive, by name.", example: "npz(\"arrays.npz\").x") { machine, arguments in
            try machine.read(.npz, arguments.string(0))
        },
        Native("text_lines", [path], doc: "The lines of a text file, gzip or not.", example: "text_lines(\"words.txt\")") { machine, arguments in
            let path = try arguments.string(0)
            if machine.isCheck {
                _ = try machine.mayRead(path)
                return .unknown
            }
            return .list(try TextLines.read(path).map { .string($0) })
        },
        Native("jsonl", [path], doc: "A JSON value per line: a list of records, as a rule.", example: "jsonl(\"events.jsonl\")") { machine, arguments in
            try machine.read(.jsonl, arguments.string(0))
        },
        Native(
            "io.read", [path],
            doc: "A file by its extension: a tensor (`.npy`), a record of tensors (`.npz`, `.safetensors`), a table (`.csv`), a string (`.txt`), lists and records (`.json`, `.jsonl`).",
            example: "io.read(\"notes.txt\")"
        ) { machine, arguments in
            let path = try arguments.string(0)
            return try machine.read(FileKind(path, "io.read"), path)
        },
        Native(
            "io.write", [path, Parameter("value")],
            doc: "Writes a value in the format that the path's extension says: `.npy .npz .safetensors .csv .json .jsonl .txt`.",
            example: "io.write(\"x.npy\", zeros([2, 2]))", inCheck: .aware
        ) { machine, arguments in
            if arguments[0].isUnknown { return Value.none }
            let path = try arguments.string(0)
            let kind = try FileKind(path, "io.write")
            if machine.isCheck {
                machine.session.written.insert(path)
                return Value.none
            }
            try machine.write(arguments[1], kind, path)
            return Value.none
        },
        Native("io.read_bytes", [path], doc: "The bytes of a file as they are.", example: "len(io.read_bytes(\"x.npy\"))") { machine, arguments in
            let path = try arguments.string(0)
            if machine.isCheck {
                _ = try machine.mayRead(path)
                return .unknown
            }
            return .bytes(Bytes(try Files.read(path)))
        },
    ]
}

/// The formats of `io.read` and `io.write`.
enum FileKind: String, CaseIterable {
    case npy, npz, safetensors, csv, json, jsonl, txt, idx

    /// By the path's extension, `.gz` aside.
    init(_ path: String, _ function: String) throws {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        var parts = name.lowercased().split(separator: ".").map(String.init)
        if parts.count > 2, parts.last == "gz", function == "io.read" { parts.removeLast() }
        let ending = parts.count > 1 ? parts[parts.count - 1] : ""
        if let kind = FileKind(rawValue: ending) {
            self = kind
        } else if name.contains("-ubyte") {
            self = .idx
        } else if ["jpg", "jpeg", "png", "gif", "bmp"].contains(ending) {
            throw Fault(
                "E0603", "`\(function)` does not know images yet: `\(path)`",
                mend: "convert it to `.npy`; that format holds `u8[h, w, c]` as well")
        } else {
            throw Fault(
                "E0603", ending.isEmpty ? "`\(path)` has no extension that says its format" : "`\(function)` does not know the extension `.\(ending)`",
                mend: "it knows " + FileKind.allCases.filter { $0 != .idx }.map { "`.\($0.rawValue)`" }.joined(separator: ", ")
                    + (function == "io.read" ? "; `io.read_bytes` reads any file, `text_lines` any text" : ""))
        }
    }
}

extension Machine {
    /// In the check: whether a file is there and may be opened. One that the script writes first may hold anything, and what
    /// is read from a pipe is gone.
    func mayRead(_ path: String) throws -> Bool {
        if session.written.contains(path) { return false }
        try requireFile(path)
        return !Files.isStream(path)
    }

    /// In the check: a file must be there, unless the script writes it.
    func requireFile(_ path: String) throws {
        if session.written.contains(path) || Files.exists(path) { return }
        throw Fault(
            "E0601", "cannot read `\(path)`: there is no such file",
            mend: path.hasPrefix("/") ? nil : "data paths are relative to the folder that tfs is run in")
    }

    // MARK: Reading

    func read(_ kind: FileKind, _ path: String) throws -> Value {
        if isCheck {
            if kind == .csv { return try readTable(path, CSV.Options(), label: nil) }
            guard try mayRead(path) else { return .unknown }
            func unknown(_ types: [(name: String, type: TensorType)]) -> Value {
                .record(types.map { ($0.name, .tensor(.unknown($0.type))) })
            }
            switch kind {
            case .npy: return .tensor(.unknown(try NPY.readHeader(path)))
            case .idx: return .tensor(.unknown(try IDX.readHeader(path)))
            case .npz: return unknown(try NPZ.readHeader(path))
            case .safetensors: return unknown(try SafeTensors.readHeader(path).types)
            case .txt: return .unknown(.string)
            case .jsonl: return .unknown(.list)
            case .csv, .json: return .unknown
            }
        }
        func record(_ entries: [(name: String, array: NumericArray)]) -> Value {
            .record(entries.map { ($0.name, .tensor(.data($0.array))) })
        }
        switch kind {
        case .npy: return .tensor(try NPY.readTensor(path))
        case .idx: return .tensor(.data(try IDX.read(path)))
        case .npz: return record(try NPZ.read(path))
        case .safetensors: return record(try SafeTensors.read(path).tensors)
        case .csv: return try readTable(path, CSV.Options(), label: nil)
        case .txt: return .string(try Files.readText(path))
        case .json: return Value(try JSON.read(path))
        case .jsonl:
            return .list(
                try TextLines.read(path).enumerated().filter { !$0.element.trimmed.isEmpty }.map {
                    Value(try JSON.parse($0.element, path: "\(path):\($0.offset + 1)"))
                })
        }
    }

    // MARK: Writing

    func write(_ value: Value, _ kind: FileKind, _ path: String) throws {
        try require(value)
        switch kind {
        case .npy: try NPY.write(array(value, "what a `.npy` file holds"), to: path)
        case .idx: try IDX.write(array(value, "what an IDX file holds"), to: path)
        case .npz: try NPZ.write(arrays(value, ".npz"), to: path)
        case .safetensors: try SafeTensors.write(SafeTensors.Contents(tensors: arrays(value, ".safetensors")), to: path)
        case .csv:
            guard case .table(let made) = try table(from: value, label: nil, "what a `.csv` file holds") else { return }
            try CSV.write(CSV.Contents(names: made.table.names, columns: made.table.columns), to: path)
        case .json: try JSON.write(json(value), to: path)
        case .jsonl:
            let lines: [Value]
            if case .table(let table) = value {
                lines = (0..<(table.table.count ?? 0)).map { rowRecord(table.table, $0) }
            } else if let list = try elements(value) {
                lines = Array(list)
            } else {
                throw Fault.type("what a `.jsonl` file holds", expected: "a list or a table", found: value)
            }
            try Files.write(lines.map { try json($0).text() + "\n" }.joined(), to: path)
        case .txt: try Files.write(value.text, to: path)
        }
    }

    private func array(_ value: Value, _ what: String) throws -> NumericArray {
        guard let array = try tensor(value, what).numericArray() else {
            throw Fault("E0604", "\(what) must be numbers, found a tensor of strings")
        }
        return array
    }

    private func arrays(_ value: Value, _ ending: String) throws -> [(name: String, array: NumericArray)] {
        guard case .record(let record) = value else {
            throw Fault.type("what a `\(ending)` file holds", expected: "a record of tensors", found: value)
        }
        return try zip(record.names, record.values).map { ($0, try array($1, "`\($0)` of a `\(ending)` file")) }
    }

    private func json(_ value: Value) throws -> JSON {
        var walk = Walk(isCheck: isCheck)
        return try json(value, depth: 0, &walk)
    }

    private func json(_ value: Value, depth: Int, _ walk: inout Walk) throws -> JSON {
        if depth > JSON.deepest { throw Fault("E0604", "what a JSON file holds is nested at most \(JSON.deepest) deep") }
        guard try walk.meets(bytes: MemoryLayout<JSON>.stride) else { throw UnknownArgument() }
        switch value {
        case .none: return .null
        case .bool(let x): return .bool(x)
        case .int(let x): return .int(x)
        case .float(let x): return .number(x)
        case .string(let text): return .string(text.string)
        case .dtype(let dtype): return .string(dtype.description)
        case .list, .range: return .array(try (try elements(value) ?? []).map { try json($0, depth: depth + 1, &walk) })
        case .record(let record): return .object(try zip(record.names, record.values).map { JSON.Member($0, try json($1, depth: depth + 1, &walk)) })
        case .tensor(let tensor):
            guard tensor.rank > 0 else { return try json(tensor.scriptNumber()) }
            var rest = try tensor.scriptNumbers()[...]
            func nest(_ axis: Int) throws -> JSON {
                if axis == tensor.rank { return try rest.popFirst().map(json) ?? .null }
                return .array(try (0..<tensor.shape[axis]).map { _ in try nest(axis + 1) })
            }
            return try nest(0)
        case .table(let table):
            let table = table.table
            return .array(
                (0..<(table.count ?? 0)).map { row in
                    .object(zip(table.names, table.columns).map { JSON.Member($0, JSON($1[row])) })
                })
        default: throw Fault.type("what a JSON file holds", expected: "numbers, strings, lists and records", found: value)
        }
    }
}

extension JSON {
    fileprivate init(_ cell: Cell) {
        switch cell {
        case .missing: self = .null
        case .int(let x): self = .int(x)
        case .float(let x): self = .number(x)
        case .bool(let x): self = .bool(x)
        case .string(let x): self = .string(x)
        }
    }
}

extension Value {
    /// Objects become records; of members with one name the last counts.
    init(_ json: JSON) {
        switch json {
        case .null: self = .none
        case .bool(let x): self = .bool(x)
        case .int(let x): self = .int(x)
        case .number(let x): self = .float(x)
        case .string(let x): self = .string(x)
        case .array(let items): self = .list(items.map { Value($0) })
        case .object(let members):
            var (names, values, places): ([String], [Value], [String: Int]) = ([], [], [:])
            for member in members {
                if let place = places[member.name] {
                    values[place] = Value(member.value)
                } else {
                    places[member.name] = names.count
                    names.append(member.name)
                    values.append(Value(member.value))
                }
            }
            self = .record(Record(names, values))
        }
    }
}
