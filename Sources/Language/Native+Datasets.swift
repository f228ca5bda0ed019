internal import Datasets
internal import Engine
internal import Formats
internal import Graphs
internal import Syntax

// What scripts do with datasets.

extension Native {
    private static let dataset = Parameter("dataset")

    /// A verb that makes a dataset of a dataset.
    private static func deriving(
        _ name: String, _ parameters: [Parameter] = [], doc: String, example: String,
        _ body: @escaping @Sendable (Dataset, Machine, Arguments) throws -> Dataset
    ) -> Native {
        Native(name, [dataset] + parameters, doc: doc, example: example) { machine, arguments in
            let source = try arguments.dataset(0, machine)
            return .dataset(DatasetValue(try body(source.dataset, machine, arguments), isTyped: source.isTyped))
        }
    }

    static let datasetVerbs: [Native] = [
        Native("map", [dataset, Parameter("f")], doc: "`f` of each element, compiled once: `f(x, y)` of pairs, `f(record)` of records.", example: "dataset(tensor([1.0, 2.0])).map(x -> 2 * x)", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return .unknown }
            return try machine.map(arguments.dataset(0, machine), arguments.function(1))
        },
        Native("filter", [dataset, Parameter("f")], doc: "The elements for which `f` holds; `f` is compiled.", example: "dataset(tensor([1.0, 2.0])).filter(x -> x > 1)", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return arguments[0] }
            return try machine.filter(arguments.dataset(0, machine), arguments.function(1))
        },
        deriving("batch", [Parameter("n", .int(32)), Parameter("drop_remainder", .bool(false))], doc: "Stacks `n` elements into one; the last may be shorter.", example: "dataset(zeros([5, 2])).batch(2)") { dataset, _, arguments in
            try dataset.batch(arguments.int(1), dropRemainder: arguments.bool(2))
        },
        deriving("padded_batch", [Parameter("n", .int(32)), Parameter("value", .float(0)), Parameter("drop_remainder", .bool(false))], doc: "As `batch`, for elements of different sizes: shorter ones are filled up with `value`.", example: "dataset([ones([2]), ones([3])]).padded_batch(2)") { dataset, _, arguments in
            try dataset.paddedBatch(arguments.int(1), value: arguments.float(2), dropRemainder: arguments.bool(3))
        },
        deriving("unbatch", doc: "The slices of each element along its first axis.", example: "dataset(zeros([4, 2])).batch(2).unbatch()") { dataset, _, _ in try dataset.unbatch() },
        deriving("shuffle", [Parameter("buffer", .none), Parameter("seed", .none)], doc: "Random order, another in each iteration; with a buffer, each element is drawn from that many.", example: "dataset(range(4)).shuffle()") { dataset, machine, arguments in
            try dataset.shuffle(buffer: arguments.optionalInt(1), seed: arguments.seed(2, machine))
        },
        deriving("repeat", [Parameter("n", .none)], doc: "The elements `n` times over, or without end.", example: "len(dataset(range(3)).repeat(2))    # => 6") { dataset, _, arguments in
            try dataset.repeated(arguments.optionalInt(1))
        },
        deriving("take", [Parameter("n")], doc: "The first `n` elements.", example: "len(dataset(range(9)).take(2))    # => 2") { dataset, _, arguments in try dataset.take(arguments.int(1)) },
        deriving("skip", [Parameter("n")], doc: "All but the first `n` elements.", example: "len(dataset(range(9)).skip(2))    # => 7") { dataset, _, arguments in try dataset.skip(arguments.int(1)) },
        Native("zip", [dataset, Parameter("others", isRest: true)], doc: "Elements of several datasets side by side, `[x, y]`, as far as the shortest goes.", example: "dataset(range(3)).zip(dataset(range(3)))") { machine, arguments in
            let all = [try arguments.dataset(0, machine)] + (try arguments.list(1, machine).map { try machine.dataset($0, "an argument of `zip`") })
            return .dataset(DatasetValue(try Dataset.zip(all.map(\.dataset)), isTyped: all.allSatisfy(\.isTyped)))
        },
        Native("concat", [dataset, Parameter("other")], doc: "These elements, then those of another dataset.", example: "len(dataset(range(3)).concat(dataset(range(2))))    # => 5") { machine, arguments in
            let (a, b) = (try arguments.dataset(0, machine), try arguments.dataset(1, machine))
            if !a.isTyped || !b.isTyped { return .unknown }
            return .dataset(DatasetValue(try a.dataset.concat(b.dataset)))
        },
        deriving("cache", doc: "Keeps the elements of the first complete iteration in memory for the later ones.", example: "dataset(range(3)).cache()") { dataset, _, _ in try dataset.cache() },
        deriving("prefetch", [Parameter("n", .none)], doc: "The same elements, prepared ahead of the consumer.", example: "dataset(range(3)).prefetch()") { dataset, _, arguments in
            try dataset.prefetch(arguments.optionalInt(1))
        },
        deriving("shard", [Parameter("n"), Parameter("i")], doc: "Every `n`-th element, from the `i`-th on.", example: "len(dataset(range(5)).shard(2, 0))    # => 3") { dataset, _, arguments in
            try dataset.shard(arguments.int(1), arguments.int(2))
        },
        deriving("enumerate", [Parameter("start", .int(0))], doc: "Each element with its number: `[i, x]`.", example: "dataset(range(3)).enumerate()") { dataset, _, arguments in
            dataset.enumerated(from: try arguments.int(1))
        },
        deriving(
            "window", [Parameter("size"), Parameter("shift", .none), Parameter("stride", .int(1)), Parameter("drop_remainder", .bool(true))],
            doc: "`size` elements, `stride` apart, stacked; each window begins `shift` (or `size`) after the one before.",
            example: "len(dataset(range(5)).window(3, shift = 1))    # => 3"
        ) { dataset, _, arguments in
            try dataset.window(arguments.int(1), shift: arguments.optionalInt(2), stride: arguments.int(3), dropRemainder: arguments.bool(4))
        },
    ]

    static let datasetFunctions: [Native] = [
        Native(
            "dataset", [Parameter("x"), Parameter("y", .unset)],
            doc: "A stream over the first axis of a tensor or list, of two (`[x, y]`), of a record of them, or over the rows of a table.",
            example: "len(dataset(zeros([3, 2]), zeros([3])))    # => 3"
        ) { machine, arguments in
            if case .unset = arguments[1] { return .dataset(try machine.dataset(arguments[0], "the argument of `dataset`")) }
            var tensors: [Tensor] = []
            let structures = try [arguments[0], arguments[1]].map { try machine.sources($0, "the argument of `dataset`", &tensors) }
            return .dataset(DatasetValue(try Dataset(slices: tensors, .list(structures))))
        },
        pictures("mnist", "MNIST's handwritten digits, from the folder with its four files"),
        pictures("fashion_mnist", "Fashion-MNIST's ten kinds of clothes, from the folder with its four files"),
        Native("cifar10", [Parameter("dir"), Parameter("split", choices: pictureSplits)], doc: "CIFAR-10's coloured pictures, from the folder of its binary version: `[f32[32, 32, 3] from 0 to 1, i32]`.", example: "cifar10(\"data/cifar10\", split = \"test\")") { machine, arguments in
            let (folder, split) = (try arguments.string(0), try arguments.choice(1, pictureSplits))
            guard machine.isCheck else { return .dataset(DatasetValue(try Dataset.cifar10(folder, split: split))) }
            for name in split == "test" ? ["test_batch"] : (1...5).map({ "data_batch_\($0)" }) {
                try machine.requireFile("\(folder)/\(name).bin")
            }
            return .dataset(DatasetValue(try labelled([32, 32, 3], count: -1)))
        },
    ]

    private static let pictureSplits = ["train", "test"]

    private static func pictures(_ name: String, _ what: String) -> Native {
        Native(name, [Parameter("dir"), Parameter("split", choices: pictureSplits)], doc: what + ": `[f32[28, 28, 1] from 0 to 1, i32]`.", example: "\(name)(\"data/\(name)\", split = \"test\")") { machine, arguments in
            let (folder, split) = (try arguments.string(0), try arguments.choice(1, pictureSplits))
            guard machine.isCheck else { return .dataset(DatasetValue(try Dataset.mnist(folder, split: split))) }
            let images = try MNIST.readHeader(folder, split: split)
            return .dataset(DatasetValue(try labelled(images.shape.dropFirst() + [1], count: images.shape.first ?? -1)))
        }
    }

    /// In the check: pictures and labels of which only the types are known.
    private static func labelled(_ shape: Shape, count: Int) throws -> Dataset {
        try Dataset(slices: [.unknown(TensorType(.f32, [count] + shape)), .unknown(TensorType(.i32, [count]))], .pair)
    }

    /// What tensors do as the datasets of their rows.
    static let tensorStreams: [Native] = datasetVerbs.filter { $0.name == "batch" }
}

extension Arguments {
    func dataset(_ index: Int, _ machine: Machine) throws -> DatasetValue { try machine.dataset(values[index], what(index)) }

    func choice(_ index: Int, _ known: [String]) throws -> String {
        let text = try string(index)
        if known.contains(text) { return text }
        throw Fault.choice(what(index), text, known: known)
    }
}

// MARK: Elements

extension Structure {
    /// An element's tensors as a script sees them.
    func value(_ tensors: [Tensor]) -> Value { value { .tensor(tensors[$0]) } }

    /// An element of which only the names are known.
    var unknown: Value { value { _ in .unknown } }

    private func value(_ leaf: (Int) -> Value) -> Value {
        switch self {
        case .tensor: return leaf(0)
        case .list: return .list(parts.map { part in part.structure.value { leaf(part.range.lowerBound + $0) } })
        case .record:
            let parts = parts
            return .record(Record(parts.map { $0.name ?? "" }, parts.map { part in part.structure.value { leaf(part.range.lowerBound + $0) } }))
        }
    }

    /// The types as they are written: `[f32[3], i32[]]`.
    func text(_ types: [TensorType]) -> String {
        switch self {
        case .tensor: types[0].description
        case .list: "[" + parts.map { $0.structure.text(Array(types[$0.range])) }.joined(separator: ", ") + "]"
        case .record:
            "{" + parts.map { "\($0.name ?? "") = \($0.structure.text(Array(types[$0.range])))" }.joined(separator: ", ") + "}"
        }
    }
}

extension DatasetValue {
    var text: String {
        let size = dataset.isEndless ? "without end" : dataset.count.map { "\($0.formatted) element\($0 == 1 ? "" : "s")" } ?? "elements"
        return "<dataset of \(dataset.structure.text(dataset.types)), \(size)>"
    }
}

extension Machine {
    /// What is iterated over: a dataset, a table, or tensors and lists by their first axis.
    func dataset(_ value: Value, _ what: String) throws -> DatasetValue {
        switch value {
        case .dataset(let dataset): return dataset
        case .table(let table): return DatasetValue(try Dataset(rows: table.table), isTyped: !table.table.isSchema)
        case .list(let list):
            // Tensors of different sizes are elements one by one.
            let tensors = list.values.compactMap { if case .tensor(let tensor) = $0 { tensor } else { nil } }
            if !tensors.isEmpty, tensors.count == list.values.count, tensors.contains(where: { $0.shape != tensors[0].shape }) {
                return DatasetValue(try Dataset(elements: tensors.map { [$0] }, .tensor))
            }
            if case .record? = list.values.first { return try dataset(ofRecords: list.values, what) }
        default: break
        }
        var tensors: [Tensor] = []
        let structure = try sources(value, what, &tensors)
        return DatasetValue(try Dataset(slices: tensors, structure))
    }

    /// The tensors that a dataset goes over side by side.
    func sources(_ value: Value, _ what: String, _ tensors: inout [Tensor], depth: Int = 0) throws -> Structure {
        switch value {
        case .record(let record):
            try Self.requireFlat(depth)
            return .record(
                try zip(record.names, record.values).map { Structure.Field($0, try sources($1, "`\($0)` of \(what)", &tensors, depth: depth + 1)) })
        case .tensor(let tensor): tensors.append(tensor)
        case .list, .range:
            guard let made = try tensor(from: value) else {
                throw Fault.type(what, expected: "tensors, or lists of numbers", found: value, mend: "a dataset holds numbers; strings stay in lists and tables")
            }
            tensors.append(made)
        default: throw Fault.type(what, expected: "a tensor, a list of numbers, a record of them, or a table", found: value)
        }
        return .tensor
    }

    private func dataset(ofRecords records: ContiguousArray<Value>, _ what: String) throws -> DatasetValue {
        var elements: [[Tensor]] = []
        var structures: [Structure] = []
        for record in records {
            var tensors: [Tensor] = []
            structures.append(try structure(of: record, "a field in " + what, &tensors))
            elements.append(tensors)
            guard structures[structures.count - 1] == structures[0] else {
                throw DataError("E0507", "the elements of a dataset must have the same fields, found \(records[0].written) and \(record.written)")
            }
        }
        return DatasetValue(try Dataset(elements: elements, structures[0]))
    }

    /// Lists share parts, so that what nests deep may hold more than anything can.
    private static func requireFlat(_ depth: Int) throws {
        if depth > 16 { throw Fault("E0507", "the elements of a dataset are lists and records nested at most 16 deep") }
    }

    /// How the tensors in an element stand together; they are appended.
    func structure(of value: Value, _ what: String, _ tensors: inout [Tensor], depth: Int = 0) throws -> Structure {
        switch value {
        case .record(let record):
            try Self.requireFlat(depth)
            return .record(
                try zip(record.names, record.values).map { Structure.Field($0, try structure(of: $1, what, &tensors, depth: depth + 1)) })
        case .list(let list):
            try Self.requireFlat(depth)
            return .list(try list.values.map { try structure(of: $0, what, &tensors, depth: depth + 1) })
        case .tensor, .int, .float, .bool:
            tensors.append(try tensor(value, what))
            return .tensor
        default:
            if case .string(let path) = value, path.string.hasSuffix(".csv") {
                throw Fault.type(what, expected: "a table, a dataset or tensors", found: value, mend: "read the file: `csv(\"\(path.string)\")`")
            }
            if case .string(let name) = value, what == "the labels" {
                throw Fault.type(
                    what, expected: "a tensor", found: value, mend: "if \"\(name.string)\" is a column: `t.column(\"\(name.string)\")`")
            }
            throw Fault.type(
                what, expected: "a tensor, or a list or record of tensors", found: value,
                mend: value.isNone ? "its last line is its value" : "strings and other values go into lists and tables: `[f(x) for x in …]`")
        }
    }

    /// The number of elements; counted when the stream does not tell.
    func count(of value: DatasetValue) throws -> Value {
        if let count = value.dataset.count { return .int(count) }
        if isCheck { return .unknown(.int) }
        if value.dataset.isEndless { throw Fault("E0418", "this dataset has no end, and so no length", mend: "write `.take(n)` before") }
        var (count, elements) = (0, value.dataset.makeIterator(iteration: 0))
        while try elements.next() != nil {
            if Execution.isInterrupted { throw Interruption() }
            count += 1
        }
        return .int(count)
    }

    func iterator(over value: DatasetValue) throws -> Iterator {
        let structure = value.dataset.structure
        if isCheck {
            return Iterator(.unknown(element: value.isTyped ? structure.value(value.dataset.types.map { .unknown($0) }) : structure.unknown))
        }
        var elements = value.dataset.makeIterator()
        return Iterator(.generator { try elements.next().map { structure.value($0) } })
    }

    func datasetField(_ value: DatasetValue, _ name: String) throws -> Value {
        switch name {
        case "types": return value.isTyped ? types(value.dataset.structure, value.dataset.types) : .unknown
        default:
            if library.verbs(of: .dataset(value)).contains(name) {
                throw Fault("E0407", "`\(name)` of a dataset must be called", mend: "write `.\(name)(…)`")
            }
            throw Fault.noField(name, of: .dataset(value), known: Value.dataset(value).fieldNames)
        }
    }

    private func types(_ structure: Structure, _ types: [TensorType]) -> Value {
        switch structure {
        case .tensor: .string(types[0].description)
        case .list: .list(structure.parts.map { self.types($0.structure, Array(types[$0.range])) })
        case .record: .record(structure.parts.map { ($0.name ?? "", self.types($0.structure, Array(types[$0.range]))) })
        }
    }

    func datasetVerb(_ name: String, _ dataset: Value, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        try call(library.verb(name, of: dataset) ?? .none, [dataset] + positional, named)
    }

    // MARK: Functions of elements

    func map(_ value: DatasetValue, _ function: Value) throws -> Value {
        let source = value.dataset
        let compiled = ElementFunction(self, function, "map", source.structure)
        guard value.isTyped else {
            try compiled.follow()
            return .unknown
        }
        guard let (structure, types) = try compiled.signature(source.types) else { return .unknown }
        return .dataset(DatasetValue(source.map(to: structure, types: types) { try compiled.run($0) }))
    }

    func filter(_ value: DatasetValue, _ function: Value) throws -> Value {
        let source = value.dataset
        let compiled = ElementFunction(self, function, "filter", source.structure)
        guard value.isTyped else {
            try compiled.follow()
            return .dataset(value)
        }
        if let (structure, types) = try compiled.signature(source.types) {
            guard structure == .tensor, types[0].dtype == .bool, types[0].shape.elementCount ?? 1 == 1 else {
                throw Fault(
                    "E0410", "the function of `filter` must give one bool, found \(structure.text(types))",
                    mend: structure == .tensor && types[0].dtype == .bool ? "reduce it with `all(…)` or `any(…)`" : "write a comparison")
            }
        }
        return .dataset(DatasetValue(source.filter { element in
            let result = try compiled.run(element)[0].elements(as: Bool.self)
            guard result.count == 1 else { throw Fault("E0410", "the function of `filter` must give one bool, found \(result.count)", mend: "reduce it with `all(…)` or `any(…)`") }
            return result[0]
        }))
    }
}

/// A script's function of the elements of a dataset, compiled once per type of element.
///
/// It belongs to the machine's thread: datasets call it where they are iterated over.
private final class ElementFunction: @unchecked Sendable {
    private unowned let machine: Machine
    private let function: Value
    private let verb: String
    private let structure: Structure
    /// The stream that the function draws from; each run draws anew.
    private let random: RandomStream
    private var compiled: [[TensorType]: CompiledFunction] = [:]
    private var runs = 0

    init(_ machine: Machine, _ function: Value, _ verb: String, _ structure: Structure) {
        (self.machine, self.function, self.verb, self.structure) = (machine, function, verb, structure)
        random = RandomStream(seed: Int(truncatingIfNeeded: machine.random.nextSeed()))
    }

    /// In the check, when nothing is known about the elements but their names.
    func follow() throws { _ = try call(structure.unknown) }

    /// What it gives for elements of these types; `nil` when the check cannot know.
    ///
    /// Sizes that are not known are tried with two numbers: what differs then is not known of the result either.
    func signature(_ types: [TensorType]) throws -> (Structure, [TensorType])? {
        if types.allSatisfy(\.shape.isKnown) { return try trace(types.map { .argument($0) }).map { ($0, $1.map(\.type)) } }
        if machine.isCheck { return try trace(types.map { .unknown($0) }).map { ($0, $1.map(\.type)) } }
        func sized(_ size: Int) -> [Tensor] {
            types.map { .argument(TensorType($0.dtype, $0.shape.map { $0 < 0 ? size : $0 })) }
        }
        guard let (structure, first) = try trace(sized(240)), let (_, second) = try trace(sized(480)), first.count == second.count else { return nil }
        return (
            structure,
            zip(first, second).map { a, b in
                TensorType(a.dtype, a.rank == b.rank ? zip(a.shape, b.shape).map { $0 == $1 ? $0 : -1 } : a.shape)
            })
    }

    func run(_ element: [Tensor]) throws -> [Tensor] {
        let types = element.map(\.type)
        let step = runs
        runs += 1
        if let known = compiled[types] { return try known.run(element, step: step) }
        let arguments = types.map { Tensor.argument($0) }
        guard let (_, outputs) = try trace(arguments) else {
            throw Fault("E0507", "what the function of `\(verb)` gives is not known")
        }
        let made = try CompiledFunction(arguments: arguments, outputs: outputs)
        // Elements of ever new sizes must not fill the memory with programs.
        if compiled.count >= 64 { compiled.removeAll() }
        compiled[types] = made
        return try made.run(element, step: step)
    }

    private func trace(_ arguments: [Tensor]) throws -> (Structure, [Tensor])? {
        let (random, training) = (machine.random, machine.isTraining)
        machine.random = self.random
        machine.isTraining = false
        machine.traceDepth += 1
        defer {
            machine.traceDepth -= 1
            machine.isTraining = training
            machine.random = random
        }
        let value = try call(structure.value(arguments))
        if machine.hasUnknown(value) { return nil }
        var outputs: [Tensor] = []
        let structure = try machine.structure(of: value, "what the function of `\(verb)` gives", &outputs)
        return (structure, outputs)
    }

    /// A pair fills two parameters; a function of one parameter gets it as a list.
    private func call(_ element: Value) throws -> Value {
        var arguments = [element]
        if case .list(let list) = element { arguments = Array(list.values) }
        if case .function(let f) = function, case .code(let code, _, _) = f.kind, !code.parameters.contains(where: \.isRest) {
            if code.parameters.count == 1 { return try machine.call(function, [element]) }
            let needed = code.parameters.count { !$0.hasDefault }
            guard needed <= arguments.count, arguments.count <= code.parameters.count else {
                throw Fault(
                    "E0411", "the function of `\(verb)` takes \(code.parameters.count) arguments, the elements give \(arguments.count)",
                    why: structure == .tensor ? "an element is one tensor" : "an element is a \(element.kind)")
            }
        }
        return try machine.call(function, arguments)
    }
}
