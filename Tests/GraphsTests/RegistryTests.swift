import Graphs
import Testing

@Suite struct RegistryTests {
    @Test func namesAreUnique() {
        #expect(Set(Op.all.map(\.name)).count == Op.all.count)
        #expect(Op.all.filter { !$0.isInternal }.count >= 170)
    }

    @Test(arguments: Op.all.map(\.name))
    func rowIsComplete(_ name: String) throws {
        let op = try #require(Op.named(name))
        #expect(op.doc.last == "." && op.doc.first?.isLowercase != true || op.doc.contains("."), "\(name): a sentence that ends in a full stop")
        #expect(op.example.contains("    # => "))
        #expect(Set(op.parameters.map(\.name)).count == op.parameters.count)
        #expect(op.parameters.dropLast().allSatisfy { $0.kind != .key }, "the key comes last")
        for parameter in op.parameters {
            guard let value = parameter.defaultValue else { continue }
            #expect(isValid(value, for: parameter.kind), "\(name).\(parameter.name)")
        }
        if case .stops(let reason) = op.gradient { #expect(!reason.isEmpty) }
        #expect(Op.at(op.id).name == name)
    }

    private func isValid(_ value: Attribute, for kind: Op.Kind) -> Bool {
        switch (kind, value) {
        case (.bool, .bool), (.int, .int), (.float, .float), (.dtype, .dtype), (.number, .int), (.number, .float): true
        case (.optionalInt, .none), (.optionalInt, .int), (.optionalFloat, .none), (.optionalFloat, .float): true
        case (.optionalNumber, .none), (.optionalNumber, .int), (.optionalDType, .none), (.optionalDType, .dtype): true
        case (.axes, .none), (.axes, .ints), (.shape, .ints), (.ints, .ints), (.optionalInts, .none), (.optionalInts, .ints): true
        case (.floats, .floats), (.pairs, .ints): true
        case (.string(let choices), .string(let text)): choices.isEmpty || choices.contains(text)
        default: false
        }
    }

    /// Shapes that a composition gives are those its rule promised; a gradient has the shape and dtype of its input.
    @Test(arguments: Op.all.map(\.name))
    func samplesBuildAndDifferentiate(_ name: String) throws {
        let op = try #require(Op.named(name))
        for sample in op.samples {
            let builder = GraphBuilder()
            let inputs = sample.inputs.map { builder.input($0.type(.f64)) }
            let attributes = op.attributes(sample.attributes)
            let promoted = zip(inputs, op.promotedDTypes(inputs.map(\.dtype))).map { TensorType($1, $0.shape) }
            let promised = try op.infer(Inference(op: op, inputs: promoted, attributes: attributes))
            let outputs = try builder.add(op, inputs, attributes)
            #expect(outputs.map(\.type) == promised, "\(name) \(sample.attributes)")
            for output in outputs where output.dtype.isFloat && output.shape.isKnown {
                let gradients = try builder.gradients(of: output, by: inputs)
                for (input, gradient) in zip(inputs, gradients) {
                    guard let gradient else { continue }
                    #expect(gradient.type == input.type, "\(name) \(sample.attributes)")
                    for second in try builder.gradients(of: gradient, by: inputs) where second != nil {
                        #expect(second?.dtype.isFloat == true)
                    }
                }
                if case .rule = op.gradient { #expect(gradients.contains { $0 != nil } || name == "_assert" || outputs.count > 1, "\(name)") }
                let pruned = builder.finish(gradients.compactMap { $0 }).pruned()
                #expect(pruned.arguments.count == inputs.count)
            }
        }
    }

    /// Every row says something about inputs of unknown sizes, and it agrees with what it says about known ones.
    @Test(arguments: Op.all.filter { !$0.isInternal }.map(\.name))
    func unknownSizesAgreeWithKnownOnes(_ name: String) throws {
        let op = try #require(Op.named(name))
        for sample in op.samples {
            let attributes = op.attributes(sample.attributes)
            let types = sample.inputs.map { $0.type(.f32) }
            let promoted = zip(types, op.promotedDTypes(types.map(\.dtype))).map { TensorType($1, $0.shape) }
            let known = try op.infer(Inference(op: op, inputs: promoted, attributes: attributes))
            for axis in 0..<2 {
                let blurred = promoted.map { type in
                    type.shape.count > axis ? TensorType(type.dtype, type.shape.enumerated().map { $0 == axis ? -1 : $1 }) : type
                }
                if ["meshgrid", "searchsorted", "gather_nd", "scatter", "scatter_update"].contains(name) { continue }
                let unknown = try op.infer(Inference(op: op, inputs: blurred, attributes: attributes))
                if name == "unstack", unknown.isEmpty { continue }
                #expect(unknown.count == known.count)
                for (a, b) in zip(unknown, known) { #expect(a.dtype == b.dtype && a.shape.matches(b.shape), "\(name) axis \(axis): \(a) and \(b)") }
            }
        }
    }
}
