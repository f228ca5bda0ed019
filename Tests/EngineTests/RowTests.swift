import Engine
import Graphs
import Testing

/// What every row of the registry must satisfy; a new row is tested the moment it exists.
@Suite struct RowTests {
    private struct Case {
        let op: Op
        let types: [TensorType]
        let values: [[Double]]
        let attributes: Attributes

        init(_ op: Op, _ sample: Graphs.Sample, seed: UInt64) {
            self.op = op
            types = sample.inputs.map { $0.type(.f64) }
            values = sample.inputs.enumerated().map { $1.values(in: op.domain, seed: seed &* 1000 &+ UInt64($0) &* 100_000) }
            attributes = op.attributes(sample.attributes)
        }

        func tensors(_ values: [[Double]]) throws -> [Tensor] {
            try zip(values, types).map { values, type in
                try RowTests.cast(.make(values, type.shape), type.dtype)
            }
        }
        func results(_ inputs: [Tensor]) throws -> [Tensor] { try Tensor.apply(op, inputs, attributes) }
    }

    private static func cast(_ x: Tensor, _ dtype: DType) throws -> Tensor {
        try EngineTests.op("cast", x, with: ["dtype": .dtype(dtype)])
    }

    /// Whether it can be computed: an assertion may fail on what was drawn.
    private static func holds(_ x: Tensor) throws -> Bool {
        do { try x.compute() } catch let error as ExecutionError where error.error.code == "E0211" { return false }
        return true
    }

    /// Σ over all float results, each element weighted differently.
    private static func weighted(_ results: [Tensor]) throws -> Tensor {
        var total = Tensor.scalar(0.0, .f64)
        for (i, y) in results.enumerated() where y.dtype.isFloat {
            var draws = Draws(UInt64(i) + 99)
            let weights = (0..<(y.count ?? 0)).map { _ in draws.uniform(0.5, 1.5) }
            // What stands for nothing (the largest of an empty segment) is no number to differentiate.
            let wide = try cast(y, .f64)
            let isNumber = try EngineTests.op("less", EngineTests.op("abs", wide), .scalar(1e30, .f64))
            let numbers = try EngineTests.op("where", isNumber, wide, .scalar(0.0, .f64))
            let part = try EngineTests.op("sum", EngineTests.op("multiply", numbers, .make(weights, y.shape)))
            total = try EngineTests.op("add", total, part)
        }
        return total
    }

    @Test(arguments: Op.all.map(\.name))
    func inferredShapeIsComputedShape(_ name: String) throws {
        let op = try #require(Op.named(name))
        for (i, sample) in op.samples.enumerated() {
            let test = Case(op, sample, seed: UInt64(i) + 1)
            let known = try test.tensors(test.values)
            let unknown = try test.results(test.types.map { Tensor.unknown($0) })
            for (computed, inferred) in zip(try test.results(known), unknown) {
                guard try Self.holds(computed) else { continue }
                #expect(inferred.shape.matches(computed.shape), "\(name): \(inferred.shape.text) and \(computed.shape.text)")
                #expect(inferred.dtype == computed.dtype)
                #expect(try computed.doubles.count == computed.shape.elementCount)
            }
        }
    }

    @Test(arguments: Op.all.map(\.name))
    func gradientAgreesWithCentralDifference(_ name: String) throws {
        let op = try #require(Op.named(name))
        if case .stops = op.gradient { return }
        // Its gradient is another by definition.
        if name == "reverse_gradient" { return }
        for (i, sample) in op.samples.enumerated() {
            let test = Case(op, sample, seed: UInt64(i) + 1)
            let inputs = try test.tensors(test.values)
            let recording = Recording(of: inputs)
            defer { recording.close() }
            let y = try Self.weighted(test.results(inputs))
            guard try Self.holds(y) else { continue }
            let floats = inputs.indices.filter { test.types[$0].dtype.isFloat }
            let found = try gradients(of: y, by: floats.map { inputs[$0] })
            for (input, gradient) in zip(floats, found) {
                let exact = try gradient?.doubles ?? test.values[input].map { _ in 0 }
                #expect(exact.count == test.values[input].count, "\(name), input \(input): the gradient has another size")
                var draws = Draws(5)
                let places = exact.count <= 12 ? Array(exact.indices) : (0..<12).map { _ in draws.below(exact.count) }
                for place in places where exact.count == test.values[input].count {
                    let step = 1e-5 * max(1, abs(test.values[input][place]))
                    // A symmetric matrix stays symmetric.
                    let mirror = sample.inputs[input].mirror(of: place)
                    func value(_ shift: Double) throws -> Double {
                        var values = test.values
                        values[input][place] += shift
                        if let mirror { values[input][mirror] += shift }
                        return try Self.weighted(test.results(test.tensors(values))).element(0)
                    }
                    let numeric = try (value(step) - value(-step)) / (2 * step)
                    let slope = exact[place] + (mirror.map { exact[$0] } ?? 0)
                    #expect(
                        isClose(slope, numeric, 2e-6),
                        "\(name), sample \(i), input \(input), element \(place): \(slope) and \(numeric)")
                }
            }
        }
    }

    /// What is computed when it is written, from the second time on, has the types and the bits of what is computed when somebody looks.
    @Test(arguments: Op.all.map(\.name))
    func atOnceIsAsLater(_ name: String) throws {
        let op = try #require(Op.named(name))
        for (i, sample) in op.samples.enumerated() {
            let test = Case(op, sample, seed: UInt64(i) + 1)
            let inputs = try test.tensors(test.values)
            let later = try test.results(inputs)
            _ = SmallProgram.of(op, inputs, test.attributes)
            guard let now = SmallProgram.of(op, inputs, test.attributes)?.run(inputs) else { continue }
            #expect(now.map(\.type) == later.map(\.type))
            for (a, b) in zip(now, later) {
                #expect(a.isComputed)
                #expect(try a.bytes() == b.bytes(), "\(name), sample \(i)")
            }
        }
    }

    @Test(arguments: ["exp", "tanh", "multiply", "divide", "sigmoid", "softplus", "square", "power"].filter { Op.named($0) != nil })
    func secondDerivativeAgreesWithCentralDifference(_ name: String) throws {
        let op = try #require(Op.named(name))
        let inputs = op.parameters.filter(\.kind.isInput).count
        let values = [[0.7, 1.3, 0.4], [1.9, 0.6, 1.2]].prefix(inputs)
        func slope(_ shift: Double) throws -> (Tensor, Tensor) {
            let x = values.enumerated().map { Tensor.make($0 == 0 ? $1.map { $0 + shift } : $1, [3]) }
            let y = try EngineTests.op("sum", Tensor.apply(op, x, op.attributes())[0])
            return (try #require(try gradients(of: y, by: [x[0]])[0]), x[0])
        }
        let (dx, x) = try slope(0)
        let exact = try gradients(of: EngineTests.op("sum", dx), by: [x])[0]?.doubles ?? [0, 0, 0]
        let (up, down) = (try slope(1e-5).0.doubles, try slope(-1e-5).0.doubles)
        for i in 0..<3 { #expect(isClose(exact[i], (up[i] - down[i]) / 2e-5, 1e-6)) }
    }

    /// Rows whose samples compute in f32 as in f64, but for rounding.
    @Test(arguments: Op.all.map(\.name))
    func f32AgreesWithF64(_ name: String) throws {
        let op = try #require(Op.named(name))
        if name.hasPrefix("random.") || name.hasPrefix("_random") { return }
        for (i, sample) in op.samples.enumerated() where sample.inputs.allSatisfy({ if case .key = $0 { false } else { true } }) {
            let test = Case(op, sample, seed: UInt64(i) + 1)
            let wide = try test.tensors(test.values)
            let narrow = try zip(wide, test.types).map { $1.dtype == .f64 ? try Self.cast($0, .f32) : $0 }
            // From the same numbers.
            let rounded = try zip(narrow, test.types).map { $1.dtype == .f64 ? try Self.cast($0, .f64) : $0 }
            for (a, b) in zip(try test.results(rounded), try test.results(narrow)) where try Self.holds(a) {
                for (x, y) in zip(try a.doubles, try b.doubles) {
                    #expect(isClose(x, y, 2e-4) || min(abs(x), abs(y)) > 1e38 && x * y > 0, "\(name): \(x) and \(y)")
                }
            }
        }
    }
}

extension Graphs.Sample.Input {
    /// The element across the diagonal, where the matrix is to stay symmetric.
    fileprivate func mirror(of place: Int) -> Int? {
        guard case .positive(let shape) = self, let n = shape.last else { return nil }
        let (matrix, row, column) = (place / (n * n), place / n % n, place % n)
        return row == column ? nil : matrix * n * n + column * n + row
    }
}
