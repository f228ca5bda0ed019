internal import Engine
internal import Graphs
internal import Syntax

extension Native {
    private static let text = Parameter("text")

    static let stringVerbs: [Native] = [
        Native("split", [text, Parameter("separator", .none)], doc: "The parts between separators, or between white space.", example: "\"a,b\".split(\",\")    # => [\"a\", \"b\"]", result: .texts) { _, arguments in
            let whole = try arguments.string(0)
            guard let separator = try arguments.optionalString(1) else { return .list(whole.words.map { .string($0) }) }
            if separator.isEmpty { throw Fault("E0428", "the separator of `split` must not be empty") }
            return .list(whole.parts(around: separator).map { .string($0) })
        },
        Native("join", [text, Parameter("parts")], doc: "The parts with this string between them.", example: "\", \".join([\"a\", \"b\"])    # => a, b", result: .string) { machine, arguments in
            .string(try arguments.strings(1, machine).joined(separator: try arguments.string(0)))
        },
        Native("replace", [text, Parameter("old"), Parameter("new")], doc: "Every `old` replaced by `new`.", example: "\"aba\".replace(\"a\", \"c\")    # => cbc", result: .string) { _, arguments in
            let old = try arguments.string(1)
            if old.isEmpty { throw Fault("E0428", "what `replace` looks for must not be empty") }
            return .string(try arguments.string(0).parts(around: old).joined(separator: try arguments.string(2)))
        },
        Native("strip", [text], doc: "Without white space at both ends.", example: "\" a \".strip()    # => a", result: .string) { _, arguments in .string(try arguments.string(0).trimmed) },
        Native("upper", [text], doc: "In upper case.", example: "\"a\".upper()    # => A", result: .string) { _, arguments in .string(try arguments.string(0).uppercased()) },
        Native("lower", [text], doc: "In lower case.", example: "\"A\".lower()    # => a", result: .string) { _, arguments in .string(try arguments.string(0).lowercased()) },
        Native("starts_with", [text, Parameter("part")], doc: "Whether it begins so.", example: "\"abc\".starts_with(\"ab\")    # => true", result: .bool) { _, arguments in
            .bool(try arguments.string(0).starts(with: try arguments.string(1)))
        },
        Native("ends_with", [text, Parameter("part")], doc: "Whether it ends so.", example: "\"abc\".ends_with(\"bc\")    # => true", result: .bool) { _, arguments in
            .bool(try arguments.string(0).ends(with: try arguments.string(1)))
        },
        Native("find", [text, Parameter("part")], doc: "The place of the first occurrence, or -1.", example: "\"abc\".find(\"c\")    # => 2", result: .int) { _, arguments in
            let whole = try arguments.string(0)
            guard let place = whole.place(of: try arguments.string(1)) else { return .int(-1) }
            return .int(whole.part(0..<place).unicodeScalars.count)
        },
    ]

    static let listVerbs: [Native] = [
        Native("find", [Parameter("list"), Parameter("value")], doc: "The place of the first equal element, or -1.", example: "[3, 4].find(4)    # => 1", result: .int) { machine, arguments in
            for (index, value) in try arguments.list(0, machine).enumerated() where try machine.equal(value, arguments[1]) == true { return .int(index) }
            return .int(-1)
        },
        Native("join", [Parameter("list"), Parameter("separator")], doc: "The strings with a separator between them.", example: "[\"a\", \"b\"].join(\"-\")    # => a-b", result: .string) { machine, arguments in
            .string(try arguments.strings(0, machine).joined(separator: try arguments.string(1)))
        },
        Native("map", [Parameter("list"), Parameter("f")], doc: "`f(x)` of each element.", example: "[1, 2].map(x -> x + 1)    # => [2, 3]", inCheck: .aware) { machine, arguments in
            if case .unknown(let kinds) = arguments[0] {
                _ = try machine.call(arguments.function(1), [kinds.element])
                return .unknown(.list)
            }
            if arguments[1].isUnknown { return .unknown(.list) }
            let function = try arguments.function(1)
            return .list(List(try machine.eachTurn(arguments.list(0, machine)) { try machine.call(function, [$0]) }))
        },
        Native("filter", [Parameter("list"), Parameter("f")], doc: "The elements for which `f(x)` holds.", example: "[1, 2].filter(x -> x > 1)    # => [2]", inCheck: .aware) { machine, arguments in
            try machine.call(try machine.library.value(named: "filter", machine) ?? .none, [arguments[1], arguments[0]])
        },
    ]

    static let recordVerbs: [Native] = [
        Native("apply", [Parameter("optimizer"), Parameter("params"), Parameter("grads")], doc: "Takes one step of an optimizer and keeps its slots.", example: "", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .none }
            return try machine.applyOptimizer(arguments.record(0), arguments[1], arguments[2])
        }
    ]

    static let tensorVerbs: [Native] = [
        Native("item", [Parameter("x")], doc: "A one-element tensor's number.", example: "tensor([2.5]).item()    # => 2.5", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .unknown }
            let x = try arguments.tensor(0, machine)
            if let count = x.shape.elementCount, count != 1 {
                throw Fault("E0204", "`item` needs a tensor of one element, found shape \(x.shape.text)", mend: "index it, or use `tolist()`")
            }
            return try machine.look(x, "`item`") { try $0.scriptNumber() } ?? .unknown([.bool, .int, .float])
        },
        Native("tolist", [Parameter("x")], doc: "The elements as nested lists of 64-bit numbers.", example: "tensor([[1, 2]]).tolist()    # => [[1, 2]]", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .unknown }
            let x = try arguments.tensor(0, machine)
            return try machine.look(x, "`tolist`") { tensor in
                // Lists and the numbers in them.
                var lists = 1.0
                let values = tensor.shape.reduce(0.0) { count, size in
                    lists *= Double(size)
                    return count + lists
                }
                try Value.requireRoom(values: Int(min(values, 0x1p62)))
                var rest = try tensor.scriptNumbers()[...]
                func nest(_ axis: Int) -> Value {
                    if axis == tensor.rank { return rest.popFirst() ?? .none }
                    return .list((0..<tensor.shape[axis]).map { _ in nest(axis + 1) })
                }
                return nest(0)
            } ?? .unknown
        },
    ]

    static let layerVerbs: [Native] = [
        Native("assign", [Parameter("layer"), Parameter("values")], doc: "Sets the parameters, in the order of `layer.params`.", example: "", inCheck: .aware) { machine, arguments in
            arguments[0].isUnknown ? .none : try machine.assignAll(arguments.layer(0), arguments[1])
        },
        Native("summary", [Parameter("layer")], doc: "Prints layers, output shapes, parameter counts, multiply-adds and memory.", example: "model { input([4]); dense(3) }.summary()", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .none }
            let layer = try arguments.layer(0)
            try machine.build(layer)
            if !machine.isCheck { machine.session.console.write(machine.summary(of: layer)) }
            return .none
        },
        Native("save", [Parameter("layer"), Parameter("path")], doc: "Writes parameters and states as safetensors, by path.", example: "", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .none }
            let path = try arguments.string(1)
            if machine.isCheck {
                machine.session.written.insert(path)
                return .none
            }
            try machine.saveWeights(of: arguments.layer(0), to: path)
            return .none
        },
        Native("load", [Parameter("layer"), Parameter("path")], doc: "Reads parameters and states that `save` wrote.", example: "", inCheck: .aware) { machine, arguments in
            if arguments[0].isUnknown { return .none }
            let path = try arguments.string(1)
            if machine.isCheck {
                try machine.requireFile(path)
                return .none
            }
            try machine.loadWeights(of: arguments.layer(0), from: path)
            return .none
        },
    ]
}

extension Tensor {
    /// The elements as script numbers, exactly.
    func scriptNumbers() throws -> [Value] {
        if dtype == .bool { return try elements(as: Bool.self).map { .bool($0) } }
        if dtype.isInteger { return try elements(as: Int.self).map { .int($0) } }
        return try elements(as: Double.self).map { .float($0) }
    }

    /// The first element.
    func scriptNumber() throws -> Value {
        if dtype == .bool { return .bool(try integer(0) != 0) }
        return dtype.isInteger ? .int(try integer(0)) : .float(try element(0))
    }
}
