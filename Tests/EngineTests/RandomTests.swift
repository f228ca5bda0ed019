import Engine
import Graphs
import Testing

@Suite struct RandomTests {
    private func draw(_ name: String, _ key: Tensor, _ attributes: [String: Attribute]) throws -> [Double] {
        try ops(name, [key], with: attributes)[0].doubles
    }

    @Test func aKeyAndADrawNameTheNumbers() throws {
        let a = try draw("random.uniform", .key(seed: 1, draw: 0), ["shape": .ints([1000])])
        #expect(try draw("random.uniform", .key(seed: 1, draw: 0), ["shape": .ints([1000])]) == a)
        #expect(try draw("random.uniform", .key(seed: 1, draw: 1), ["shape": .ints([1000])]) != a)
        #expect(try draw("random.uniform", .key(seed: 2, draw: 0), ["shape": .ints([1000])]) != a)
        #expect(a.allSatisfy { $0 >= 0 && $0 < 1 })
        // An element does not depend on how many there are.
        #expect(try draw("random.uniform", .key(seed: 1, draw: 0), ["shape": .ints([10])]) == Array(a[..<10]))
    }

    @Test func philoxGivesItsKnownAnswers() throws {
        // Key 0, counter 0: 6627e8d5 e169c58d bc57ac4c 9b00dbd8.
        let words: [UInt32] = [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        let numbers = try draw("random.uniform", .scalar(0, .i64), ["shape": .ints([4])])
        #expect(numbers == words.map { Double($0 >> 8) * 0x1p-24 })
    }

    /// Tiles of a draw are its ranges.
    @Test func narrowUniformsAreTheWideOnesRoundedDown() throws {
        let attributes: [String: Attribute] = ["shape": .ints([1501])]
        let wide = try draw("random.uniform", .key(seed: 1, draw: 0), attributes)
        for (dtype, units) in [(DType.f16, 2048.0), (.bf16, 256)] {
            let narrow = try draw("random.uniform", .key(seed: 1, draw: 0), attributes.merging(["dtype": .dtype(dtype)]) { $1 })
            #expect(narrow == wide.map { ($0 * units).rounded(.down) / units })
        }
    }

    @Test(arguments: [DType.f32, .f64]) func normalsDoNotDependOnTheirNumber(_ dtype: DType) throws {
        for name in ["random.normal", "random.truncated_normal"] {
            func some(_ count: Int) throws -> [Double] {
                try draw(name, .key(seed: 6, draw: 1), ["shape": .ints([count]), "dtype": .dtype(dtype)])
            }
            let all = try some(203)
            for count in [1, 2, 3, 5, 66, 129] { #expect(try some(count) == Array(all[..<count])) }
        }
    }

    @Test(arguments: [DType.f32, .f64]) func momentsAreThoseOfTheDistribution(_ dtype: DType) throws {
        let count = 200_000
        for (name, mean, variance, bound) in [
            ("random.uniform", 0.5, 1.0 / 12, 1.0), ("random.normal", 0, 1, 10), ("random.truncated_normal", 0, 0.7737, 2),
        ] {
            let x = try draw(name, .key(seed: 3, draw: 4), ["shape": .ints([count]), "dtype": .dtype(dtype)])
            let average = x.reduce(0, +) / Double(count)
            let spread = x.reduce(0) { $0 + ($1 - average) * ($1 - average) } / Double(count)
            #expect(abs(average - mean) < 0.01, "\(name)")
            #expect(abs(spread - variance) < 0.01, "\(name)")
            #expect(x.allSatisfy { abs($0) <= bound })
        }
    }

    @Test func integersFillTheirRange() throws {
        let x = try draw("random.randint", .key(seed: 5, draw: 0), ["shape": .ints([10_000]), "minval": .int(-3), "maxval": .int(4)])
        #expect(Set(x) == Set([-3, -2, -1, 0, 1, 2, 3]))
    }

    @Test func aPermutationHasEveryNumberOnce() throws {
        let x = try draw("random.permutation", .key(seed: 5, draw: 0), ["n": .int(500)])
        #expect(x.sorted() == (0..<500).map(Double.init))
        #expect(x != x.sorted())
    }

    @Test func stepsOfCompiledCodeDrawAnew() throws {
        let x = Tensor.argument(TensorType(.f32, []))
        let noise = try ops("random.uniform", [.key(seed: 1, draw: 2)], with: ["shape": .ints([3])])[0]
        let f = try CompiledFunction(arguments: [x], outputs: [op("add", noise, x)])
        let zero = Tensor.scalar(0.0, .f32)
        let first = try f.run([zero], step: 1)[0].doubles
        #expect(try f.run([zero], step: 1)[0].doubles == first)
        #expect(try f.run([zero], step: 2)[0].doubles != first)
        // What was drawn before the arguments is a constant.
        let before = try ops("random.uniform", [.key(seed: 1, draw: 2)], with: ["shape": .ints([3])])[0]
        let y = Tensor.argument(TensorType(.f32, []))
        let g = try CompiledFunction(arguments: [y], outputs: [op("add", before, y)])
        #expect(try g.run([zero], step: 1)[0].doubles == g.run([zero], step: 2)[0].doubles)
    }
}
