internal import Engine
internal import Graphs
internal import Syntax

/// Where tensors differ that an `expect` compared.
extension Machine {
    /// Why `allclose(a, b)`, `all(…)` or `any(…)` of the standard library is false; `nil` for other calls.
    func differences(_ name: String, _ arguments: [(name: String?, Probe.Kept)], _ tested: Probe?, _ regs: Registers) throws -> String? {
        func argument(_ name: String, _ position: Int) -> Value? {
            (arguments.first { $0.name == name } ?? (arguments.indices.contains(position) && arguments[position].name == nil ? arguments[position] : nil))
                .map { regs[$0.1.register] }
        }
        switch name {
        case "allclose":
            guard let a = argument("a", 0), let b = argument("b", 1) else { return nil }
            func number(_ name: String, _ position: Int, _ otherwise: Double) throws -> Double {
                try argument(name, position).map { try tensor($0, name).elements(as: Double.self)[0] } ?? otherwise
            }
            return try distance(a, b, relative: number("rtol", 2, 1e-5), absolute: number("atol", 3, 1e-8))
        case "all", "any":
            // Along an axis the result has places of its own.
            guard arguments.count == 1, let mask = try mask(regs[arguments[0].1.register]) else { return nil }
            let failing = mask.values.indices.filter { !mask.values[$0] }
            guard let first = failing.first else { return nil }
            if name == "any" { return "none of \(counted(mask.values.count)) is true" }
            let place = place(first, mask.shape)
            guard case .comparison(let op, let left, let right, _)? = tested,
                let x = try element(regs[left.register], first, mask.shape), let y = try element(regs[right.register], first, mask.shape)
            else { return "\(failing.count) of \(counted(mask.values.count)) \(failing.count == 1 ? "is" : "are") false, the first at \(place)" }
            let count = failing.count == 1 ? "1 of \(counted(mask.values.count)) fails" : "\(failing.count) of \(counted(mask.values.count)) fail"
            return "\(x.written) \(op.rawValue) \(y.written) is false at \(place); \(count)\(shapes(regs[left.register], regs[right.register]))"
        default: return nil
        }
    }

    private func distance(_ a: Value, _ b: Value, relative: Double, absolute: Double) throws -> String? {
        let (a, b) = (try tensor(a, "a"), try tensor(b, "b"))
        guard let shape = try? broadcast([a, b]) else { return nil }
        let (x, y) = (try doubles(a, shape), try doubles(b, shape))
        var (worst, outside) = (0, 0)
        var largest = -1.0
        for index in x.indices where x[index] != y[index] {
            let difference = abs(x[index] - y[index])
            if !(difference <= absolute + relative * abs(y[index])) || y[index].isInfinite { outside += 1 }
            // A difference that is no number is larger than all that are.
            if largest.isNaN { continue }
            if difference > largest || difference.isNaN { (worst, largest) = (index, difference) }
        }
        guard largest >= 0 || largest.isNaN, let p = try element(.tensor(a), worst, shape), let q = try element(.tensor(b), worst, shape) else { return nil }
        let limit = "\(formatFour(absolute))\(relative == 0 ? "" : " + \(formatFour(relative)) · |b|")"
        return "the largest difference is \(formatFour(largest))\(shape.isEmpty ? "" : " at " + place(worst, shape)): \(p.written) and \(q.written); "
            + "\(outside) of \(counted(x.count)) \(outside == 1 ? "differs" : "differ") by more than \(limit)\(shapes(.tensor(a), .tensor(b)))"
    }

    private func broadcast(_ tensors: [Tensor]) throws -> Shape {
        let rank = tensors.map(\.rank).max() ?? 0
        var shape = Shape(repeating: 1, count: rank)
        for tensor in tensors {
            for (axis, size) in tensor.shape.enumerated() where size != 1 { shape[axis + rank - tensor.rank] = size }
        }
        return shape
    }

    private func doubles(_ tensor: Tensor, _ shape: Shape) throws -> [Double] {
        if tensor.shape == shape { return try tensor.elements(as: Double.self) }
        return try expanded(tensor, shape).elements(as: Double.self)
    }

    private func expanded(_ tensor: Tensor, _ shape: Shape) throws -> Tensor {
        guard case .tensor(let result) = try apply(op("broadcast_to"), [.tensor(tensor), .list(shape.map { .int($0) })]) else { return tensor }
        return result
    }

    /// An element, as a script number, of what a value is when it is spread out to a shape.
    private func element(_ value: Value, _ index: Int, _ shape: Shape) throws -> Value? {
        let tensor = try tensor(value, "a side")
        guard tensor.availability == .available else { return nil }
        var result = Value.tensor(tensor)
        var rest = index
        var places: [Int] = []
        for size in shape.reversed() {
            places.append(rest % size)
            rest /= size
        }
        for (place, size) in zip(places.reversed().suffix(tensor.rank), tensor.shape) { result = try self.index(result, .int(size == 1 ? 0 : place)) }
        guard case .tensor(let number) = result else { return nil }
        return number.dtype == .f32 ? .tensor(number) : try number.scriptNumber()
    }

    private func mask(_ value: Value) throws -> (values: [Bool], shape: Shape)? {
        guard let tensor = try? tensor(value, "a condition"), tensor.dtype == .bool, tensor.availability == .available else { return nil }
        return (try tensor.elements(as: Bool.self), tensor.shape)
    }

    private func place(_ index: Int, _ shape: Shape) -> String {
        var rest = index
        var places: [String] = []
        for size in shape.reversed() {
            places.append(String(rest % size))
            rest /= size
        }
        return "[" + places.reversed().joined(separator: ", ") + "]"
    }

    private func counted(_ count: Int) -> String { count == 1 ? "1 element" : "\(count.formatted) elements" }

    /// Both shapes, where one was spread out to the other.
    private func shapes(_ a: Value, _ b: Value) -> String {
        guard case .tensor(let x) = a, case .tensor(let y) = b, x.shape != y.shape, x.rank > 0, y.rank > 0 else { return "" }
        return "; the shapes are \(x.shape.text) and \(y.shape.text)"
    }
}
