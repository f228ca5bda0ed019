internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

extension Native {
    /// Every builtin function, by family.
    static let all: [Native] = core + layerWords + calculus + testing + dataFunctions + estimatorFunctions

    /// Every verb, by the kind of value it belongs to; the value is the first parameter.
    static let verbs: [String: [String: Native]] = {
        let families: [(String, [Native])] = [
            ("string", stringVerbs), ("list", listVerbs), ("record", recordVerbs), ("tensor", tensorVerbs + tensorStreams),
            ("layer", layerVerbs), ("table", tableVerbs), ("dataset", datasetVerbs), ("estimator", estimatorVerbs),
        ]
        return Dictionary(
            uniqueKeysWithValues: families.map { kind, verbs in
                (kind, Dictionary(uniqueKeysWithValues: verbs.map { ($0.name, $0) }))
            })
    }()

    /// Where `clock` counts from; only differences of its results mean something.
    private static let start = ContinuousClock().now

    private static let core: [Native] = [
        Native(
            "print", [Parameter("values", isRest: true)], doc: "Writes its values with a space between.", example: "print(1, \"two\")    # => 1 two",
            inCheck: .skipped
        ) { machine, arguments in
            guard case .list(let list) = arguments[0] else { return .none }
            let texts = try list.values.map { try machine.printed($0) }
            machine.session.console.write(texts.joined(separator: " ") + "\n")
            return .none
        },
        Native("len", [Parameter("x")], doc: "The number of elements, code points, fields or rows.", example: "len([1, 2])    # => 2", inCheck: .aware) { machine, arguments in
            switch arguments[0] {
            case .list(let list): return .int(list.values.count)
            case .range(let range): return .int(range.count)
            case .string(let text): return .int(text.count)
            case .bytes(let bytes): return .int(bytes.array.count)
            case .record(let record): return .int(record.names.count)
            case .table(let table): return machine.count(of: table.table)
            case .dataset(let dataset): return try machine.count(of: dataset)
            case .tensor(let tensor):
                guard let first = tensor.shape.first else { throw Fault("E0418", "a tensor of rank 0 has no length") }
                return first < 0 ? .unknown(.int) : .int(first)
            case .unknown(let kinds):
                if let example = kinds.examples.first, kinds.isDisjoint(with: [.string, .list, .texts]) {
                    throw Fault("E0418", "\(example.described) has no length")
                }
                return .unknown(.int)
            default: throw Fault("E0418", "\(arguments[0].described) has no length")
            }
        },
        Native(
            "range", [Parameter("start"), Parameter("stop", .unset), Parameter("step", .int(1))],
            doc: "The ints from `start` (0 when only one number is given) up to, not including, `stop`; a list that is not stored.",
            example: "range(1, 4)    # => [1, 2, 3]"
        ) { _, arguments in
            var start = 0, stop = try arguments.int(0)
            if case .unset = arguments[1] {} else { (start, stop) = (stop, try arguments.int(1)) }
            let step = try arguments.int(2)
            if step == 0 { throw Fault("E0424", "the step of a range must not be 0") }
            guard let range = RangeList(from: start, to: stop, by: step) else { throw Fault.overflow }
            return .range(range)
        },
        Native(
            "record", [Parameter("pairs")], doc: "A record of `[name, value]` pairs; where two have one name, the later value stands.",
            example: "record([[\"a\", 1], [\"b\", 2]])    # => {a = 1, b = 2}"
        ) { machine, arguments in
            let pairs = try machine.list(arguments[0])
            var (names, values) = ([String](), [Value]())
            names.reserveCapacity(pairs.count)
            values.reserveCapacity(pairs.count)
            for pair in pairs {
                if pair.isUnknown { return .unknown }
                guard case .list(let parts) = pair else {
                    throw Fault.type("an element of `pairs`", expected: "a list of a name and a value", found: pair)
                }
                if parts.values.count != 2 { throw Fault.unpack(parts.values.count, into: 2, "a pair") }
                if parts.values[0].isUnknown { return .unknown }
                guard case .string(let text) = parts.values[0] else {
                    throw Fault.type("the name in a pair", expected: "a string", found: parts.values[0])
                }
                names.append(text.string)
                values.append(parts.values[1])
            }
            return .record(Record(gathering: names, values))
        },
        Native("enumerate", [Parameter("xs"), Parameter("start", .int(0))], doc: "Pairs `[index, element]`.", example: "enumerate([\"a\"])    # => [[0, \"a\"]]") { machine, arguments in
            if case .dataset = arguments[0] { return try machine.datasetVerb("enumerate", arguments[0], [arguments[1]], []) }
            let start = try arguments.int(1)
            let list = try machine.list(arguments[0])
            if start.addingReportingOverflow(list.count).overflow { throw Fault.overflow }
            return .list(List(list.enumerated().map { .list([.int($0 + start), $1]) }))
        },
        Native("zip", [Parameter("lists", isRest: true)], doc: "Lists of the first elements, the second ones, and so on, as far as the shortest goes.", example: "zip([1, 2], [3, 4])    # => [[1, 3], [2, 4]]") { machine, arguments in
            guard case .list(let given) = arguments[0] else { return .unknown }
            if case .dataset? = given.values.first {
                return try machine.datasetVerb("zip", given.values[0], Array(given.values.dropFirst()), [])
            }
            let lists = try given.values.map { try machine.list($0) }
            let count = lists.map(\.count).min() ?? 0
            return .list(List((0..<count).map { index in .list(List(lists.map { $0[index] })) }))
        },
        Native("sorted", [Parameter("xs"), Parameter("key", .none), Parameter("reverse", .bool(false))], doc: "The elements in ascending order (stable), by `key(x)` if given.", example: "sorted([3, 1, 2])    # => [1, 2, 3]") { machine, arguments in
            let list = try machine.list(arguments[0])
            let keys = arguments[1].isNone ? list : ContiguousArray(try list.map { try machine.call(arguments[1], [$0]) })
            if keys.contains(where: \.isUnknown) { return .unknown }
            // Keys must be comparable before sorting: a comparison may throw.
            for key in keys.dropFirst() { _ = try machine.binary(.less, keys[0], key) }
            func isLess(_ a: Value, _ b: Value) -> Bool {
                if case .string(let x) = a, case .string(let y) = b { return x.precedes(y) }
                if case .bool(true)? = try? machine.binary(.less, a, b) { return true }
                return false
            }
            let order = keys.indices.sorted { isLess(keys[$0], keys[$1]) || (!isLess(keys[$1], keys[$0]) && $0 < $1) }
            let values = order.map { list[$0] }
            return .list(List(try arguments.bool(2) ? values.reversed() : values))
        },
        Native("reversed", [Parameter("xs")], doc: "The elements from the last to the first.", example: "reversed([1, 2])    # => [2, 1]") { machine, arguments in
            if case .string(let text) = arguments[0] { return .string(String(String.UnicodeScalarView(text.codePoints.reversed()))) }
            return .list(List(try machine.list(arguments[0]).reversed()))
        },
        Native("map", [Parameter("f"), Parameter("xs")], doc: "`f(x)` of each element.", example: "map(x -> x * 2, [1, 2])    # => [2, 4]", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return .unknown }
            let function = try arguments.function(0)
            return .list(List(try machine.eachTurn(machine.list(arguments[1])) { try machine.call(function, [$0]) }))
        },
        Native("filter", [Parameter("f"), Parameter("xs")], doc: "The elements for which `f(x)` holds.", example: "filter(x -> x > 1, [1, 2])    # => [2]", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown || arguments[1].isUnknown { return .unknown }
            let function = try arguments.function(0)
            let list = try machine.list(arguments[1])
            var isUnknown = false
            let kept = try machine.eachTurn(list) { value -> Bool in
                guard let holds = try machine.truth(try machine.call(function, [value])) else {
                    isUnknown = true
                    return false
                }
                return holds
            }
            return isUnknown ? .unknown : .list(List(zip(list, kept).filter(\.1).map(\.0)))
        },
        Native("type", [Parameter("x")], doc: "The kind of a value: \"int\", \"tensor\", \"layer\" …", example: "type(1.5)    # => float", result: .string) { _, arguments in .string(arguments[0].kind) },
        Native("int", [Parameter("x")], doc: "A number without its fraction, or the int that a string says.", example: "int(\"42\")    # => 42", result: .int) { machine, arguments in
            switch arguments[0] {
            case .int: return arguments[0]
            case .bool(let x): return .int(x ? 1 : 0)
            case .float(let x):
                guard let exact = Int(exactly: x.rounded(.towardZero)) else { throw Fault("E0404", "\(Value.float(x).text) does not fit in an int") }
                return .int(exact)
            case .string(let text):
                guard let value = Int(text.string) ?? Int(text.string.trimmed.filter { $0 != "_" }) else { throw Fault("E0426", "\(quoted(text.string)) is no int") }
                return .int(value)
            case .tensor(let tensor) where tensor.shape.elementCount == 1:
                return try machine.look(tensor, "`int`") { t in
                    if !t.dtype.isFloat { return .int(try t.elements(as: Int.self)[0]) }
                    let x = try t.elements(as: Double.self)[0]
                    guard let exact = Int(exactly: x.rounded(.towardZero)) else { throw Fault("E0404", "\(Value.float(x).text) does not fit in an int") }
                    return .int(exact)
                } ?? .unknown(.int)
            default: throw Fault.type("the argument of `int`", expected: "a number or string", found: arguments[0])
            }
        },
        Native("float", [Parameter("x")], doc: "A number as a float, or the float that a string says.", example: "float(\"0.5\")    # => 0.5", result: .float) { machine, arguments in
            switch arguments[0] {
            case .float: return arguments[0]
            case .int(let x): return .float(Double(x))
            case .bool(let x): return .float(x ? 1 : 0)
            case .string(let text):
                guard let value = Double(text.string) ?? Double(text.string.trimmed.filter { $0 != "_" }) else { throw Fault("E0426", "\(quoted(text.string)) is no float") }
                return .float(value)
            case .tensor(let tensor) where tensor.shape.elementCount == 1:
                return try machine.look(tensor, "`float`") { .float(try $0.elements(as: Double.self)[0]) } ?? .unknown(.float)
            default: throw Fault.type("the argument of `float`", expected: "a number or string", found: arguments[0])
            }
        },
        Native("bool", [Parameter("x")], doc: "Whether a number is not 0, a string not empty, a bool tensor of one element true.", example: "bool(0)    # => false", result: .bool) { machine, arguments in
            switch arguments[0] {
            case .bool: return arguments[0]
            case .int(let x): return .bool(x != 0)
            case .float(let x): return .bool(x != 0)
            case .string(let text): return .bool(!text.string.isEmpty)
            case .tensor(let tensor) where tensor.shape.elementCount == 1:
                return try machine.look(tensor, "`bool`") { .bool(try $0.elements(as: Double.self)[0] != 0) } ?? .unknown(.bool)
            default: throw Fault.type("the argument of `bool`", expected: "a number or string", found: arguments[0])
            }
        },
        Native("string", [Parameter("x")], doc: "A value as `print` writes it.", example: "string(1.0)    # => 1.0", result: .string) { machine, arguments in .string(try machine.printed(arguments[0])) },
        Native("error", [Parameter("message")], doc: "Ends the script with a message.", example: "", inCheck: .aware) { machine, arguments in
            if machine.isCheck, arguments.values[0].hasUnknown || !machine.isSureInStandard { return .none }
            throw Fault("E0427", try machine.printed(arguments[0]))
        },
        Native("seed", [Parameter("n")], doc: "Begins the random stream anew; without it the seed is 0.", example: "seed(7)") { machine, arguments in
            machine.random = RandomStream(seed: try arguments.int(0))
            return .none
        },
        Native(
            "clock", [],
            doc: "Seconds on a clock that only goes forward, for measuring; alone among values it differs from run to run.",
            example: "start = clock(); print(\"{clock() - start:.3f} s\")", inCheck: .unknown, result: .float
        ) { _, _ in
            let elapsed = start.duration(to: ContinuousClock().now).components
            return .float(Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
        },
        Native("tensor", [Parameter("values"), Parameter("dtype", .none)], doc: "A tensor of nested lists of numbers: ints give `i32`, floats `f32`.", example: "tensor([1, 2]).dtype    # => i32", inCheck: .aware) { machine, arguments in
            var wanted: DType?
            switch arguments[1] {
            case .none: break
            case let value where value.dtype != nil: wanted = value.dtype
            case .unknown: return .unknown
            case .string(let text): throw Fault.type("`dtype` of `tensor`", expected: "a dtype", found: arguments[1], mend: "write `\(text.string)` without quotes")
            default: throw Fault.type("`dtype` of `tensor`", expected: "a dtype such as `f32`", found: arguments[1])
            }
            if machine.hasUnknown(arguments[0]) {
                let found = arguments[0].example
                if case .list(let list) = found, list.oddElement != nil {
                    throw Fault.type("the argument of `tensor`", expected: "nested lists of numbers", found: found)
                }
                return .unknown
            }
            switch arguments[0] {
            case .list, .range:
                guard let made = try machine.tensor(from: arguments[0], dtype: wanted) else {
                    throw Fault.type("the argument of `tensor`", expected: "nested lists of numbers", found: arguments[0])
                }
                return .tensor(try wanted.map { try machine.cast(made, to: $0) } ?? made)
            default: break
            }
            if case .int(let x) = arguments[0], let wanted, !wanted.holds(x) { throw Fault("E0421", "\(x) does not fit `\(wanted)`") }
            let made: Tensor
            if case .float(let x) = arguments[0], let wanted, wanted.isFloat { made = .scalar(x, wanted) } else { made = try arguments.tensor(0, machine) }
            return .tensor(try wanted.map { try machine.cast(made, to: $0) } ?? made)
        },
        Native("copy", [Parameter("x")], doc: "A layer of the same configuration with its own parameters; any other value itself.", example: "copy(dense(3))", inCheck: .aware) { machine, arguments in
            guard case .layer(let layer) = arguments[0] else { return arguments[0] }
            return try machine.copy(layer)
        },
        Native("stdlib_path", [Parameter("relative")], doc: "Where a file of the standard library is installed.", example: "") { machine, arguments in
            .string(machine.library.root + "/" + (try arguments.string(0)))
        },
    ]

    // MARK: Words of layer bodies

    private static let layerWords: [Native] = [
        Native(
            "param",
            [
                Parameter("name"), Parameter("shape"), Parameter("init", .unset), Parameter("regularizer", .none),
                Parameter("constraint", .none), Parameter("trainable", .bool(true)),
            ], doc: "The layer's own trainable tensor of that name, made at the first call.",
            example: "param(\"kernel\", [3, 2], init = glorot_uniform())", inCheck: .aware
        ) { machine, arguments in
            var initializer = arguments[2]
            if case .unset = initializer { initializer = try machine.library.value(named: "glorot_uniform", machine).map { try machine.call($0, []) } ?? .none }
            guard case .string(let name) = arguments[0] else { throw Fault.type("`name` of `param`", expected: "a string", found: arguments[0]) }
            return try machine.parameter(
                name.string, shape: arguments[1], initializer: initializer, regularizer: arguments[3], constraint: arguments[4],
                trainable: try arguments.bool(5), isState: false)
        },
        Native("state", [Parameter("name"), Parameter("shape"), Parameter("init", .unset)], doc: "The layer's own tensor that training updates without a gradient.", example: "state(\"mean\", [3], init = zeros)", inCheck: .aware) { machine, arguments in
            var initializer = arguments[2]
            if case .unset = initializer { initializer = try machine.library.value(named: "zeros", machine) ?? .none }
            return try machine.parameter(try arguments.string(0), shape: arguments[1], initializer: initializer, isState: true)
        },
        Native("update", [Parameter("state"), Parameter("value")], doc: "Gives a state a new value when the outermost call ends, while training.", example: "", inCheck: .aware) { machine, arguments in
            try machine.update(arguments[0], arguments[1])
        },
        Native("add_loss", [Parameter("value")], doc: "Adds a number to the loss.", example: "", inCheck: .aware) { machine, arguments in try machine.addLoss(arguments[0]) },
        Native("input", [Parameter("shape"), Parameter("dtype", .dtype(.f32))], doc: "States a model's input, without the batch axis.", example: "model { input([28, 28, 1]); flatten() }", inCheck: .aware) { machine, arguments in
            guard let construction = machine.constructions.last, machine.applications.isEmpty else {
                throw Fault("E0437", "`input` belongs in a model", mend: "write it as the first line of `model { … }`")
            }
            guard let dtype = arguments[1].dtype else { throw Fault.type("`dtype` of `input`", expected: "a dtype", found: arguments[1]) }
            if arguments[0].isUnknown { return .none }
            let shape = try machine.sizes(arguments[0], "`shape` of `input`")
            construction.layer.inputType = TensorType(dtype, [-1] + shape)
            return .none
        },
        Native("defaults", [Parameter("layers", isRest: true)], doc: "Default arguments for the listed layers, for `with`.", example: "with defaults(conv2d, padding = \"same\") { net = conv2d(8, 3) }", inCheck: .aware, takesNamed: true) { machine, arguments in
            try machine.makeDefaults(arguments.list(0, machine), arguments.record(1))
        },
    ]

    // MARK: Calculus

    private static let calculus: [Native] = [
        Native("grad", [Parameter("f"), Parameter("wrt", .none)], doc: "A function that gives the gradient of `f` by its arguments, or by `wrt`.", example: "grad(x -> x * x)(3.0)    # => 6.0", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .unknown }
            return try machine.gradient(of: arguments.function(0), wrt: arguments[1], withValue: false)
        },
        Native("value_and_grad", [Parameter("f"), Parameter("wrt", .none)], doc: "With `wrt` and a function without arguments, `[value, gradients]` at once; otherwise a function that gives both.", example: "value_and_grad(x -> x * x)(3.0)    # => [9.0, 6.0]", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .unknown }
            let function = try arguments.function(0)
            if case .list = arguments[1], machine.takesNothing(function) {
                let (value, gradients) = try machine.differentiate(function, arguments[1], [], [])
                return .list([value, gradients])
            }
            if case .parameter = arguments[1], machine.takesNothing(function) {
                let (value, gradients) = try machine.differentiate(function, arguments[1], [], [])
                return .list([value, gradients])
            }
            return try machine.gradient(of: function, wrt: arguments[1], withValue: true)
        },
        Native("jacobian", [Parameter("f")], doc: "A function that gives the derivatives of each element of `f(x)` by each element of `x`.", example: "jacobian(x -> x * x)(tensor([1.0, 2.0]))", inCheck: .aware) { machine, arguments in
            arguments[0].isUnknown ? .unknown : machine.jacobian(of: try arguments.function(0))
        },
        Native("hessian", [Parameter("f")], doc: "A function that gives the second derivatives of `f(x)`, a number, by each two elements of `x`.", example: "hessian(x -> sum(x ** 3.0))(tensor([1.0, 2.0]))", inCheck: .aware) { machine, arguments in
            arguments[0].isUnknown ? .unknown : machine.jacobian(of: try machine.gradient(of: arguments.function(0), wrt: .none, withValue: false))
        },
        Native(
            "scan", [Parameter("f"), Parameter("init"), Parameter("xs"), Parameter("axis", .int(0)), Parameter("reverse", .bool(false))],
            doc: "A recurrence: `f(carry, x)` gives `[carry, y]` for each step along `axis`; the result is the last carry and the stacked ys.",
            example: "scan((s, x) -> [s + x, s + x], 0.0, tensor([1.0, 2.0, 3.0]))", inCheck: .aware
        ) { machine, arguments in
            if arguments[0].isUnknown { return .unknown }
            return try machine.scan(arguments.function(0), arguments[1], arguments[2], axis: arguments.int(3), reverse: arguments.bool(4))
        },
        Native("with_params", [Parameter("layer"), Parameter("values")], doc: "The same layer computing with other tensors, in the order of `layer.params`.", example: "", inCheck: .aware) { machine, arguments in
            arguments[0].isUnknown ? .unknown : try machine.withParameters(arguments.layer(0), arguments[1])
        },
    ]
}

extension Machine {
    /// The elements of anything that a `for` goes through.
    func list(_ value: Value) throws -> ContiguousArray<Value> {
        if let list = try elements(value) { return list }
        let iterator = try iterator(over: value, names: 1)
        if iterator.isUnknown { throw UnknownArgument() }
        var values = ContiguousArray<Value>()
        while let next = try iterator.next(self) {
            if Execution.isInterrupted { throw Interruption() }
            values.append(next)
        }
        return values
    }

    /// Calls a function once per element, counting the turns for the layers that it may construct.
    func eachTurn<T>(_ list: some Sequence<Value>, _ body: (Value) throws -> T) throws -> [T] {
        callbackTurns.append((frames.count, 0))
        defer { callbackTurns.removeLast() }
        return try list.enumerated().map { index, value in
            callbackTurns[callbackTurns.count - 1].count = index + 1
            return try body(value)
        }
    }

    /// A list of sizes, each at least 0.
    func sizes(_ value: Value, _ what: String) throws -> Shape {
        if case .int(let size) = value { return [size] }
        guard let list = try elements(value) else { throw Fault.type(what, expected: "a list of sizes", found: value) }
        return try list.map {
            switch $0 {
            case .int(let size) where size >= 0: return size
            case .unknown, .none: return -1
            case .int(let size): throw Fault("E0402", "a size in \(what) must be at least 0, found \(size)")
            default: throw Fault.type("a size in \(what)", expected: "an int of at least 0", found: $0)
            }
        }
    }

    func takesNothing(_ function: Value) -> Bool {
        guard case .function(let f) = function, case .code(let code, _, _) = f.kind else { return false }
        return code.parameters.allSatisfy { $0.hasDefault || $0.isRest }
    }

    /// A layer of the same configuration with its own parameters.
    func copy(_ layer: Layer) throws -> Value {
        let path = Layer.numbered(layer.kind, &session.layerCounts)
        let made = Layer(
            constructor: layer.constructor, configuration: try layer.configuration.map { value in
                if case .layer(let inner) = value { return try copy(inner) }
                return value
            }, path: path, seed: layer.seed, trainable: layer.trainable, dtype: layer.dtype, defaults: layer.defaults)
        made.inputType = layer.inputType
        made.stackRanges = layer.stackRanges
        made.stack = try layer.stack?.map { value in
            if case .layer(let inner) = value { return try copy(inner) }
            return value
        }
        return .layer(made)
    }
}
