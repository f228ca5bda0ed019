internal import Engine
internal import Graphs

/// What tests need and the language cannot say by itself.
extension Native {
    static let testing: [Native] = [
        Native(
            "because", [Parameter("text")],
            doc: "Says why a condition does not hold: an `expect` that fails shows what the functions that it called have said.",
            example: "", inCheck: .skipped
        ) { machine, arguments in
            machine.because(try machine.printed(arguments[0]))
            return .none
        },
        Native(
            "in_f64", [Parameter("f")],
            doc: "A layer or function computing in f64, its parameters included, that draws the same random numbers at each call.",
            example: "in_f64(dense(2))(ones([3, 4])).dtype    # => f64", inCheck: .aware
        ) { machine, arguments in
            if arguments[0].isUnknown { return .unknown }
            let function = try arguments.function(0)
            let random = machine.random
            return .function(
                Function(
                    "in_f64",
                    .closure(parameters: nil) { machine, positional, named in
                        let outer = (machine.precision, machine.random)
                        (machine.precision, machine.random) = (.f64, random)
                        defer { (machine.precision, machine.random) = outer }
                        return try machine.call(function, positional.map { try machine.widened($0) }, named)
                    }))
        },
        Native(
            "output_shape", [Parameter("f"), Parameter("shapes", isRest: true), Parameter("dtype", .dtype(.f32))],
            doc: "The shape of what a layer or function gives for inputs of these shapes; nothing is computed.",
            example: "output_shape(dense(10), [32, 20])    # => [32, 10]", inCheck: .aware
        ) { machine, arguments in
            guard !arguments[0].isUnknown, let dtype = arguments[2].dtype else {
                if arguments[0].isUnknown || arguments[2].isUnknown { return .unknown }
                throw Fault.type("`dtype` of `output_shape`", expected: "a dtype such as `i32`", found: arguments[2])
            }
            let function = try arguments.function(0)
            let shapes = try arguments.list(1, machine)
            if shapes.isEmpty {
                throw Fault("E0411", "`output_shape` needs the shape of each input", mend: "write `output_shape(layer, [32, 20])`")
            }
            let inputs = try shapes.map { shape -> Value in
                if shape.isUnknown { return .unknown }
                let type = TensorType(dtype, try machine.sizes(shape, "a shape of `output_shape`"))
                return .tensor(machine.isCheck || !type.shape.isKnown ? .unknown(type) : .argument(type))
            }
            let updates = machine.pendingUpdates
            machine.traceDepth += 1
            defer { (machine.traceDepth, machine.pendingUpdates) = (machine.traceDepth - 1, updates) }
            return machine.shape(of: try machine.call(function, inputs))
        },
    ]
}

extension Machine {
    /// A value with its float tensors in f64.
    fileprivate func widened(_ value: Value) throws -> Value {
        guard case .tensor(let tensor) = value, tensor.dtype.isFloat else { return value }
        return .tensor(try cast(tensor, to: .f64))
    }

    /// The shape of a tensor; of lists and records, those of the tensors in them.
    fileprivate func shape(of value: Value) -> Value {
        switch value {
        case .tensor(let tensor): .list(tensor.shape.map { $0 < 0 ? .unknown : .int($0) })
        case .list(let list): .list(List(list.values.map(shape)))
        case .record(let record): .record(Record(record.names, record.values.map(shape)))
        default: value
        }
    }
}
