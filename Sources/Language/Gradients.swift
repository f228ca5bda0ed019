internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

/// Derivatives of tfs functions, scans, and hand-made training steps.
extension Machine {
    /// Tensors inside a value, with their places, in order.
    func flatten(_ value: Value, _ what: String) throws -> [Tensor] {
        switch value {
        case .tensor(let tensor): return [tensor]
        case .int(let x): return [.scalar(Double(x), .f32)]
        case .float(let x): return [.scalar(x, .f32)]
        case .list(let list): return try list.values.flatMap { try flatten($0, what) }
        case .record(let record): return try record.values.flatMap { try flatten($0, what) }
        case .parameter(let parameter): return [substitutions[ObjectIdentifier(parameter)] ?? parameter.value]
        case .none: return []
        default: throw Fault.type(what, expected: "tensors, or lists and records of them", found: value)
        }
    }

    /// A value of the same form with other tensors in it.
    func rebuild(_ value: Value, from tensors: inout ArraySlice<Tensor>) -> Value {
        switch value {
        case .tensor, .int, .float, .parameter: tensors.popFirst().map { .tensor($0) } ?? .unknown
        case .list(let list): .list(List(list.values.map { rebuild($0, from: &tensors) }))
        case .record(let record): .record(Record(record.names, record.values.map { rebuild($0, from: &tensors) }))
        default: value
        }
    }

    /// `grad(f)` and `value_and_grad(f)`: a function of f's arguments.
    func gradient(of function: Value, wrt: Value, withValue: Bool) throws -> Value {
        if case .list(let list) = wrt, case .parameter? = list.values.first { } else if case .list(let list) = wrt, list.values.isEmpty {
            throw Fault.emptyWrt
        }
        return .function(
            Function(
                withValue ? "value_and_grad" : "grad",
                .closure(parameters: nil) { machine, positional, named in
                    let (value, gradients) = try machine.differentiate(function, wrt, positional, named)
                    return withValue ? .list([value, gradients]) : gradients
                }))
    }

    func differentiate(
        _ function: Value, _ wrt: Value, _ positional: [Value], _ named: [(String, Value)]
    ) throws -> (value: Value, gradients: Value) {
        // What to differentiate by: parameters of layers, or arguments by number.
        var parameters: [LayerParameter] = []
        var arguments = Array(positional.indices)
        var single = positional.count == 1
        switch wrt {
        case .none: break
        case .parameter(let parameter):
            parameters = [parameter]
            single = true
        case .int(let index):
            arguments = [index]
            single = true
        case .list(let list):
            single = false
            if case .parameter? = list.values.first {
                parameters = try list.values.map {
                    guard case .parameter(let parameter) = $0 else {
                        throw Fault.type("`wrt`", expected: "parameters or numbers of arguments", found: $0)
                    }
                    return parameter
                }
            } else {
                arguments = try list.values.map {
                    guard case .int(let index) = $0 else { throw Fault.type("`wrt`", expected: "parameters or numbers of arguments", found: $0) }
                    return index
                }
            }
        case .unknown: return (.unknown, .unknown)
        default: throw Fault.type("`wrt`", expected: "parameters, or a list of numbers of arguments", found: wrt)
        }
        for index in arguments where !positional.indices.contains(index) {
            throw Fault("E0440", "`wrt` names argument \(index), and there are \(positional.count) arguments")
        }
        if parameters.isEmpty, arguments.isEmpty {
            if case .list = wrt { throw Fault.emptyWrt }
            throw Fault(
                "E0440", "there is nothing to differentiate by", mend: "give arguments, or say `wrt = net.params`")
        }
        if positional.contains(where: hasUnknown) {
            _ = try? call(function, positional, named)
            return (.unknown, .unknown)
        }

        var variables: [Tensor] = []
        var inputs = positional
        let forms: [Value]
        if parameters.isEmpty {
            forms = arguments.map { positional[$0] }
            for index in arguments {
                let made = try flatten(positional[index], "an argument to differentiate by").map(variable)
                variables += made
                var rest = made[...]
                inputs[index] = rebuild(positional[index], from: &rest)
            }
        } else {
            forms = parameters.map { .parameter($0) }
            variables = try parameters.map { try variable(substitutions[ObjectIdentifier($0)] ?? $0.value) }
        }
        let recording = isCheck ? nil : Recording(of: variables)
        defer { recording?.close() }
        let before = substitutions
        for (parameter, variable) in zip(parameters, variables) { substitutions[ObjectIdentifier(parameter)] = variable }
        defer { substitutions = before }
        let result = try call(function, inputs, named)
        if result.isUnknown { return (.unknown, .unknown) }
        let y = try tensor(result, "what a differentiated function gives")
        if let count = y.shape.elementCount, count != 1 {
            throw Fault(
                "E0441", "a gradient needs a function that gives one number, found shape \(y.shape.text)",
                mend: "reduce it with `mean(…)` or `sum(…)`")
        }
        if !y.dtype.isFloat {
            throw Fault("E0207", "a gradient needs a function that gives a float, found `\(y.dtype)`")
        }
        var gradients: [Tensor]
        if isCheck {
            gradients = variables.map { .unknown($0.type) }
        } else {
            gradients = try zip(Engine.gradients(of: y, by: variables), variables).map { try $0 ?? zeros(like: $1) }
        }
        var rest = gradients[...]
        let shaped = forms.map { rebuild($0, from: &rest) }
        _ = gradients.popLast()
        return (result, single ? shaped[0] : .list(shaped))
    }

    /// A tensor of its own to differentiate by, equal to the one given.
    private func variable(_ tensor: Tensor) throws -> Tensor {
        if !tensor.dtype.isFloat {
            throw Fault(
                "E0207", "gradients are taken by float tensors, found `\(tensor.dtype)`", mend: "cast it: `cast(x, f32)`")
        }
        if tensor.availability == .unknown { return .unknown(tensor.type) }
        return try Tensor.apply(op("copy"), [tensor], Attributes(), origin: origin())[0]
    }

    private func zeros(like tensor: Tensor) throws -> Tensor {
        try Tensor.apply(op("zeros_like"), [tensor], op("zeros_like").attributes(), origin: origin())[0]
    }

    /// `jacobian(f)` of one tensor: the gradient of each element of the result.
    func jacobian(of function: Value) -> Value {
        .function(
            Function(
                "jacobian",
                .closure(parameters: nil) { machine, positional, named in
                    guard let first = positional.first else { throw Fault.missingArgument("x", of: "jacobian(f)") }
                    if machine.hasUnknown(first) { return .unknown }
                    let x = try machine.variable(try machine.tensor(first, "the argument of `jacobian(f)`").realised(machine))
                    if machine.isCheck {
                        let y = try machine.call(function, [.tensor(x)] + positional.dropFirst(), named)
                        if y.isUnknown { return .unknown }
                        let tensor = try machine.tensor(y, "what a differentiated function gives")
                        return .tensor(.unknown(TensorType(x.dtype, tensor.shape + x.shape)))
                    }
                    let recording = Recording(of: [x])
                    defer { recording.close() }
                    let result = try machine.call(function, [.tensor(x)] + positional.dropFirst(), named)
                    let y = try machine.tensor(result, "what a differentiated function gives")
                    guard let count = y.count else { return .unknown }
                    let flat = try machine.apply(machine.op("reshape"), [.tensor(y), .list([.int(-1)])])
                    var rows: [Value] = []
                    for index in 0..<count {
                        guard case .tensor(let element) = try machine.index(flat, .int(index)) else { continue }
                        let row = try Engine.gradients(of: element, by: [x])[0] ?? machine.zeros(like: x)
                        rows.append(.tensor(row))
                    }
                    let shape = (y.shape + x.shape).map { Value.int($0) }
                    if rows.isEmpty { return try machine.apply(machine.op("zeros"), [.list(shape)]) }
                    return try machine.apply(machine.op("reshape"), [try machine.apply(machine.op("stack"), [.list(rows)]), .list(shape)])
                }))
    }

    // MARK: scan

    /// `scan(f, init, xs, axis)`: the body is traced once, on one step.
    func scan(_ function: Value, _ initial: Value, _ sequence: Value, axis: Int, reverse: Bool) throws -> Value {
        if hasUnknown(initial) || hasUnknown(sequence) {
            return .unknown
        }
        var carries = try flatten(initial, "`init` of `scan`")
        // A state that begins with zeros of its own would round what is computed in more digits.
        if let precision { carries = try carries.map { $0.dtype.isFloat ? try cast($0, to: precision) : $0 } }
        var sequences = try flatten(sequence, "`xs` of `scan`")
        guard let first = sequences.first else { throw Fault("E0442", "`xs` of `scan` holds no tensor to go over") }
        for x in sequences where x.rank == 0 { throw Fault("E0202", "`xs` of `scan` has rank 0 (\(x.type)); there is no axis to go over") }
        let place = axis < 0 ? axis + first.rank : axis
        guard place >= 0, place < first.rank else {
            throw Fault("E0203", "`scan` over axis \(axis) of shape \(first.shape.text)", mend: "the axes go from 0 to \(first.rank - 1)")
        }
        func moved(_ tensor: Tensor, _ from: Int, _ to: Int) throws -> Tensor {
            if from == to { return tensor }
            var axes = Array(0..<tensor.rank)
            axes.remove(at: from)
            axes.insert(from, at: to)
            let transpose = op("transpose")
            return try Tensor.apply(transpose, [tensor], transpose.attributes(["axes": .ints(axes)]), origin: origin())[0]
        }
        sequences = try sequences.map { try moved($0, place, 0) }
        func argument(_ type: TensorType) -> Tensor { type.shape.isKnown ? .argument(type) : .unknown(type) }
        let carryArguments = carries.map { argument($0.type) }
        let sliceArguments = sequences.map { argument(TensorType($0.dtype, Array($0.shape.dropFirst()))) }
        var rest = carryArguments[...]
        let carryForm = rebuild(initial, from: &rest)
        rest = sliceArguments[...]
        let sliceForm = rebuild(sequence, from: &rest)
        traceDepth += 1
        defer { traceDepth -= 1 }
        let result = try counting(times: first.shape[place]) { try call(function, [carryForm, sliceForm]) }
        if hasUnknown(result) { return .unknown }
        guard case .list(let pair) = result, pair.values.count == 2 else {
            throw Fault("E0442", "the function of `scan` must give `[carry, y]`, found \(result.described)", mend: "write `[carry, y]` as its last line")
        }
        var newCarries = try flatten(pair.values[0], "the carry of `scan`")
        let ys = try flatten(pair.values[1], "what `scan` collects")
        guard newCarries.count == carries.count else {
            throw Fault("E0442", "the carry of `scan` begins with \(carries.count) tensors and continues with \(newCarries.count)")
        }
        for index in carries.indices {
            if !carries[index].shape.matches(newCarries[index].shape) {
                throw Fault(
                    "E0204", "the carry of `scan` begins with shape \(carries[index].shape.text) and continues with \(newCarries[index].shape.text)",
                    why: "every step must give a carry of the same shape")
            }
            newCarries[index] = try cast(newCarries[index], to: carries[index].dtype)
        }
        let finals: [Tensor]
        var stacked: [Tensor]
        if isCheck {
            finals = newCarries.map { .unknown($0.type) }
            stacked = ys.map { .unknown(TensorType($0.dtype, [first.shape[place]] + $0.shape)) }
        } else {
            (finals, stacked) = try Engine.scan(
                carries: carries, sequences: sequences, reverse: reverse, bodyArguments: carryArguments + sliceArguments,
                bodyOutputs: newCarries + ys, origin: origin())
        }
        stacked = try stacked.map { y in
            guard place > 0, y.rank > place else { return y }
            return y.availability == .unknown
                ? .unknown(TensorType(y.dtype, Array(y.shape[1...place]) + [y.shape[0]] + Array(y.shape[(place + 1)...])))
                : try moved(y, 0, place)
        }
        rest = finals[...]
        let finalForm = rebuild(initial, from: &rest)
        rest = stacked[...]
        return .list([finalForm, rebuild(pair.values[1], from: &rest)])
    }

    // MARK: Hand-made steps

    /// The slots that an optimizer keeps between hand-made steps.
    final class HandSlots {
        let optimizer: Record
        var step = 0
        var slots: [ObjectIdentifier: Value] = [:]
        init(_ optimizer: Record) { self.optimizer = optimizer }
    }

    /// `optimizer.apply(net.params, grads)`.
    func applyOptimizer(_ optimizer: Record, _ parameters: Value, _ gradients: Value) throws -> Value {
        guard let initialise = optimizer["init"], let step = optimizer["step"] else {
            throw Fault(
                "E0443", "this record is no optimizer: it has no `init` and `step`", mend: "use `adam()`, `sgd()` or another of `stdlib/optimizers`")
        }
        if hasUnknown(parameters) || hasUnknown(gradients) { return .none }
        guard let list = try elements(parameters), var grads = try elements(gradients) else {
            throw Fault("E0443", "`apply` takes a list of parameters and a list of their gradients")
        }
        guard list.count == grads.count else {
            throw Fault("E0443", "`apply` got \(list.count) parameters and \(grads.count) gradients")
        }
        let key = ObjectIdentifier(optimizer)
        let kept = handSlots[key] ?? HandSlots(optimizer)
        handSlots[key] = kept
        kept.step += 1
        if let clip = optimizer["clip"], !clip.isNone, let clipped = try elements(try call(clip, [gradients])) { grads = clipped }
        for (value, gradient) in zip(list, grads) {
            guard case .parameter(let parameter) = value else {
                throw Fault.type("a parameter of `apply`", expected: "one of `net.params`", found: value)
            }
            let id = ObjectIdentifier(parameter)
            let slots = try kept.slots[id] ?? call(initialise, [.tensor(parameter.value)])
            let result = try call(step, [.tensor(parameter.value), gradient, slots, .int(kept.step)])
            guard case .list(let pair) = result, pair.values.count == 2, case .tensor(var new) = pair.values[0] else {
                if result.isUnknown { continue }
                throw Fault("E0443", "an optimizer's `step` must give `[p, slots]`, found \(result.described)")
            }
            if !parameter.constraint.isNone, case .tensor(let bounded) = try call(parameter.constraint, [.tensor(new)]) { new = bounded }
            kept.slots[id] = pair.values[1]
            try assign(new, to: parameter)
        }
        return .none
    }

    func assign(_ tensor: Tensor, to parameter: LayerParameter) throws {
        if !tensor.shape.matches(parameter.type.shape) {
            throw Fault(
                "E0204", "`\(parameter.path)` has shape \(parameter.type.shape.text), the new value has \(tensor.shape.text)")
        }
        if isCheck { return }
        parameter.value = try cast(tensor, to: parameter.type.dtype)
    }

    /// `net.assign(values)`, in the order of `net.params`.
    func assignAll(_ layer: Layer, _ values: Value) throws -> Value {
        try build(layer)
        if hasUnknown(values) { return .none }
        let parameters = layer.collect().filter { !$0.isState }
        guard let list = try elements(values) else { throw Fault.type("the argument of `assign`", expected: "a list of tensors", found: values) }
        guard list.count == parameters.count else {
            throw Fault("E0443", "`assign` got \(list.count) values for \(parameters.count) parameters")
        }
        for (parameter, value) in zip(parameters, list) { try assign(try tensor(value, "a value of `assign`"), to: parameter) }
        return .none
    }

    /// `with_params(net, values)`: the same layer computing with other tensors.
    func withParameters(_ layer: Layer, _ values: Value) throws -> Value {
        try build(layer)
        if hasUnknown(values) { return .unknown }
        let parameters = layer.collect().filter { !$0.isState }
        guard let list = try elements(values) else { throw Fault.type("the second argument of `with_params`", expected: "a list of tensors", found: values) }
        guard list.count == parameters.count else {
            throw Fault("E0443", "`with_params` got \(list.count) values for \(parameters.count) parameters")
        }
        let copy = Layer(
            constructor: layer.constructor, configuration: layer.configuration, path: layer.path, seed: layer.seed,
            trainable: layer.trainable, dtype: layer.dtype, defaults: layer.defaults)
        var substitution: [ObjectIdentifier: Tensor] = [:]
        for (parameter, value) in zip(parameters, list) {
            let tensor = try tensor(value, "a value of `with_params`")
            guard tensor.shape.matches(parameter.type.shape) else {
                throw Fault("E0204", "`\(parameter.path)` has shape \(parameter.type.shape.text), the value has \(tensor.shape.text)")
            }
            substitution[ObjectIdentifier(parameter)] = tensor
        }
        copy.substitution = (layer, substitution)
        return .layer(copy)
    }
}

extension Tensor {
    /// Itself as a float tensor: integers and script numbers differentiate as `f32`.
    fileprivate func realised(_ machine: Machine) throws -> Tensor { dtype.isFloat ? self : try machine.cast(self, to: .f32) }
}
