// What shape rules share: reading axes and sizes, and the rules of the families.
extension Inference {
    /// The attributes by name.
    public var arguments: Arguments { Arguments(op, attributes) }
    var x: TensorType { inputs[0] }
    var shape: Shape { inputs[0].shape }
    var dtype: DType { inputs[0].dtype }

    /// The broadcast shape of all inputs.
    func broadcast() throws(OpError) -> Shape { try op.broadcast(inputs.map(\.shape)) }

    func requireFloat(_ index: Int = 0) throws(OpError) {
        if !inputs[index].dtype.isFloat {
            throw .dtype(op, inputs[index].dtype, expected: "floats", mend: "`cast(…, f32)`")
        }
    }
    func requireIndices(_ index: Int) throws(OpError) {
        let dtype = inputs[index].dtype
        if !dtype.isInteger { throw .dtype(op, dtype, expected: "integer indices", mend: "`cast(…, i32)`") }
    }
    func requireNumbers() throws(OpError) {
        for input in inputs where input.dtype == .string { throw .dtype(op, .string, expected: "numbers") }
    }
    func require(rank: ClosedRange<Int>, _ index: Int = 0) throws(OpError) {
        let shape = inputs[index].shape
        guard rank.contains(shape.count) else {
            let tensors = op.parameters.filter(\.kind.isInput)
            let name = index < tensors.count ? tensors[index].name : tensors.last?.name ?? "x"
            let least = rank.lowerBound == 1 ? "1 axis" : "\(rank.lowerBound) axes"
            let expected =
                rank.lowerBound == rank.upperBound
                ? least : rank.upperBound >= 16 ? "at least \(least)" : "\(rank.lowerBound) to \(rank.upperBound) axes"
            throw .rank(op, name, expected, got: shape)
        }
    }
}

extension Op {
    func broadcast(_ shapes: [Shape]) throws(OpError) -> Shape {
        var result = shapes.first ?? []
        for next in shapes.dropFirst() {
            guard let both = Shape.broadcast(result, next) else { throw .doNotBroadcast(self, shapes) }
            result = both
        }
        return result
    }

    /// An axis counted from the front.
    func resolve(axis: Int, rank: Int) throws(OpError) -> Int {
        guard axis >= -rank, axis < rank else { throw .axis(self, axis, rank: rank) }
        return axis < 0 ? axis + rank : axis
    }

    /// Axes counted from the front, in the order given; `nil` gives all.
    func resolve(axes: [Int]?, rank: Int) throws(OpError) -> [Int] {
        guard let axes else { return Array(0..<rank) }
        var result: [Int] = []
        for axis in axes {
            let resolved = try resolve(axis: axis, rank: rank)
            if result.contains(resolved) { throw .repeatedAxis(self, axis) }
            result.append(resolved)
        }
        return result
    }

    /// The types of its results for these inputs. Their sizes can be multiplied, whichever of them are 0: strides are.
    public func types(_ inputs: [TensorType], _ attributes: Attributes) throws(OpError) -> [TensorType] {
        let types = try infer(Inference(op: self, inputs: inputs, attributes: attributes))
        for type in types {
            if type.shape.count > TensorType.mostAxes {
                throw OpError("E0202", "`\(name)` would give a tensor of \(type.shape.count) axes; \(TensorType.mostAxes) are the most")
            }
            var count = 1
            for size in type.shape where size > 1 { count = try product(count, size) }
        }
        return types
    }

    func product(_ a: Int, _ b: Int) throws(OpError) -> Int {
        if a < 0 || b < 0 { return -1 }
        let (result, overflow) = a.multipliedReportingOverflow(by: b)
        if overflow { throw .tooLarge(self) }
        return result
    }

    /// The sum of sizes, unknown when one is.
    func sum(_ sizes: [Int]) throws(OpError) -> Int {
        var result = 0
        for size in sizes {
            if size < 0 { return -1 }
            let (next, overflow) = result.addingReportingOverflow(size)
            if overflow { throw .tooLarge(self) }
            result = next
        }
        return result
    }

    /// Sizes that a script asks for: not negative (the check's unknown sizes pass) and countable.
    func requireSizes(_ shape: Shape, _ name: String = "shape") throws(OpError) {
        for size in shape where size < -1 { throw .value(self, name, "[\(shape.map(String.init).joined(separator: ", "))]", expected: "sizes of at least 0") }
        var count = 1
        for size in shape where size > 0 { count = try product(count, size) }
    }
}

extension Arguments {
    /// The axis of that attribute, counted from the front.
    public func axis(_ name: String = "axis", rank: Int) throws(OpError) -> Int { try op.resolve(axis: int(name), rank: rank) }
    /// The axes of that attribute, counted from the front; all where it is `none`.
    public func axes(_ name: String = "axis", rank: Int) throws(OpError) -> [Int] {
        try op.resolve(axes: optionalInts(name), rank: rank)
    }
    /// The number of an attribute of kind `number`, and whether it was written as an int.
    func number(_ name: String) -> (value: Double, isInt: Bool) {
        if case .int(let v) = self[name] { (Double(v), true) } else { (float(name), false) }
    }
    /// One int for all, or one per axis.
    func perAxis(_ name: String, _ count: Int) throws(OpError) -> [Int] {
        let given = ints(name)
        if given.count == count { return given }
        guard given.count == 1 else { throw .value(op, name, given, expected: "one int or \(count)") }
        return [Int](repeating: given[0], count: count)
    }
}

extension Shape {
    /// Without the given axes, or with size 1 there.
    func reduced(_ axes: [Int], keepdims: Bool) -> Shape {
        var result = Shape()
        for (axis, size) in enumerated() {
            if !axes.contains(axis) { result.append(size) } else if keepdims { result.append(1) }
        }
        return result
    }
    func replacing(_ axis: Int, with size: Int) -> Shape {
        var result = self
        result[axis] = size
        return result
    }
    func inserting(_ size: Int, at axis: Int) -> Shape {
        var result = self
        result.insert(size, at: axis)
        return result
    }
    /// Equal shapes with what either knows; `nil` when they differ.
    func merged(_ other: Shape) -> Shape? {
        guard matches(other) else { return nil }
        return zip(self, other).map { $0 < 0 ? $1 : $0 }
    }
}
