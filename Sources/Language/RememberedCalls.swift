internal import Engine
internal import Graphs

/// Calls of ops on few elements that were met before. What such a call says is not worked out again: its arguments are
/// compared with those of the last calls of the op, and the program that computed one like it is run.
struct RememberedCalls {
    private struct Call {
        let arguments: [Argument]
        /// Of the last arguments.
        let names: [String]
        let program: SmallProgram
        /// The inputs that were made of numbers and lists, with their places.
        let constants: [(place: Int, tensor: Tensor)]
        let results: Op.Results
    }

    /// An argument but for the elements of tensors.
    private enum Argument {
        case tensor(TensorType), list([Argument]), none, bool(Bool), int(Int), float(Double), dtype(DType), string(String)

        /// Its tensors go to `tensors`; `nil` for what is long, or no argument of an op as it stands.
        init?(_ value: Value, _ tensors: inout [Tensor]) {
            switch value {
            case .tensor(let tensor):
                tensors.append(tensor)
                self = .tensor(tensor.type)
            case .list(let list):
                guard list.values.count <= RememberedCalls.longestList else { return nil }
                var arguments: [Argument] = []
                for value in list.values {
                    guard let argument = Argument(value, &tensors) else { return nil }
                    arguments.append(argument)
                }
                self = .list(arguments)
            case .none: self = .none
            case .bool(let x): self = .bool(x)
            case .int(let x): self = .int(x)
            case .float(let x): self = .float(x)
            case .dtype(let x): self = .dtype(x)
            case .string(let x): self = .string(x.string)
            default: return nil
            }
        }

        /// Whether a value is like this; its tensors go to `inputs`.
        func matches(_ value: Value, _ inputs: inout [Tensor]) -> Bool {
            switch (self, value) {
            case (.tensor(let type), .tensor(let tensor)):
                inputs.append(tensor)
                return tensor.type == type
            case (.list(let arguments), .list(let list)):
                guard list.values.count == arguments.count else { return false }
                for place in arguments.indices where !arguments[place].matches(list.values[place], &inputs) { return false }
                return true
            case (.none, .none): return true
            case (.bool(let x), .bool(let y)): return x == y
            case (.int(let x), .int(let y)): return x == y
            case (.float(let x), .float(let y)): return x.bitPattern == y.bitPattern
            case (.dtype(let x), .dtype(let y)): return x == y
            case (.string(let x), .string(let y)): return x == y.string
            default: return false
            }
        }
    }

    /// For each op the last ones, the newest first.
    private var calls: [[Call]] = []
    private static let mostCalls = 4
    private static let longestList = 16

    /// What a call gives, if one like it is remembered.
    func value(of op: Op, _ positional: [Value], _ named: [(String, Value)]) -> Value? {
        let index = Int(op.id.index)
        guard index < calls.count else { return nil }
        candidates: for place in calls[index].indices {
            let call = calls[index][place]
            guard call.arguments.count == positional.count + named.count, call.names.count == named.count else { continue }
            var inputs: [Tensor] = []
            inputs.reserveCapacity(positional.count)
            for (argument, value) in zip(call.arguments, positional) where !argument.matches(value, &inputs) { continue candidates }
            for place in named.indices {
                guard call.names[place] == named[place].0, call.arguments[positional.count + place].matches(named[place].1, &inputs)
                else { continue candidates }
            }
            for (place, tensor) in call.constants { inputs.insert(tensor, at: place) }
            return call.program.run(inputs).map { Value($0, as: call.results) }
        }
        return nil
    }

    /// Remembers a call that a program computed.
    mutating func add(_ op: Op, _ positional: [Value], _ named: [(String, Value)], _ inputs: [Tensor], _ program: SmallProgram, _ results: Op.Results) {
        var (arguments, tensors): ([Argument], [Tensor]) = ([], [])
        for value in positional + named.map(\.1) {
            guard let argument = Argument(value, &tensors) else { return }
            arguments.append(argument)
        }
        var (constants, next): ([(Int, Tensor)], Int) = ([], 0)
        for (place, input) in inputs.enumerated() {
            if next < tensors.count, tensors[next] === input { next += 1 } else { constants.append((place, input)) }
        }
        // One that is no input was looked at, or made into another.
        guard next == tensors.count else { return }
        let index = Int(op.id.index)
        while calls.count <= index { calls.append([]) }
        calls[index].insert(
            Call(arguments: arguments, names: named.map(\.0), program: program, constants: constants, results: results), at: 0)
        if calls[index].count > Self.mostCalls { calls[index].removeLast() }
    }
}

extension Value {
    /// The results of an op as a script sees them.
    init(_ results: [Tensor], as form: Op.Results) {
        switch form {
        case .one: self = .tensor(results[0])
        case .list: self = .list(results.map { .tensor($0) })
        case .record(let names): self = .record(zip(names, results).filter { !$0.0.isEmpty }.map { ($0, .tensor($1)) })
        }
    }
}
