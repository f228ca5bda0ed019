import Engine
import Graphs
import Testing

/// Kernels against plain Swift, over dtypes and shapes.
@Suite struct KernelTests {
    static let shapes: [(Shape, Shape)] = [
        ([], []), ([5], []), ([], [5]), ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 3]), ([2, 1], [1, 3]), ([4, 1, 3], [2, 1]),
        ([0], [1]), ([3, 0], [1, 1]), ([7, 600], [600]), ([7, 600], [7, 1]), ([2, 3, 2, 2], [3, 1, 2]), ([1200], [1]),
        ([2, 1, 300], [1, 3, 1]), ([1100, 1], [1, 2]),
    ]
    static let dtypes: [DType] = [.u8, .i8, .i16, .i32, .i64, .f16, .bf16, .f32, .f64]

    /// The index into an array of `shape` of a place in the broadcast shape.
    static func source(_ flat: Int, _ full: Shape, _ shape: Shape) -> Int {
        var (rest, index, stride) = (flat, 0, 1)
        for axis in full.indices.reversed() {
            let place = rest % full[axis]
            rest /= full[axis]
            let own = axis - (full.count - shape.count)
            if own >= 0 {
                if shape[own] != 1 { index += place * stride }
                stride *= shape[own]
            }
        }
        return index
    }

    /// Small whole numbers: exact in every dtype, and so are their sums and products (but for u8, i8: kept small).
    static func whole(_ shape: Shape, _ dtype: DType, seed: UInt64, nonzero: Bool = false) -> [Double] {
        var draws = Draws(seed)
        return (0..<shape.elementCount!).map { _ in
            let value = Double(draws.below(dtype == .u8 ? 10 : 19)) - (dtype == .u8 ? 0 : 9)
            return nonzero && value == 0 ? 3 : value
        }
    }
    static func tensor(_ values: [Double], _ shape: Shape, _ dtype: DType) throws -> Tensor {
        try op("cast", .make(values, shape), with: ["dtype": .dtype(dtype)])
    }

    @Test(arguments: dtypes)
    func zipsAgreeWithTheOracle(_ dtype: DType) throws {
        let wrap: (Double) -> Double = { dtype == .u8 ? Double(UInt8(truncatingIfNeeded: Int($0))) : $0 }
        let oracles: [(String, (Double, Double) -> Double)] = [
            ("add", { wrap($0 + $1) }), ("subtract", { wrap($0 - $1) }), ("multiply", { wrap($0 * $1) }), ("maximum", { max($0, $1) }),
            ("minimum", { min($0, $1) }), ("floor_divide", { ($0 / $1).rounded(.down) }),
            ("mod", { $0 - $1 * ($0 / $1).rounded(.down) }), ("less", { $0 < $1 ? 1 : 0 }), ("equal", { $0 == $1 ? 1 : 0 }),
            ("greater_equal", { $0 >= $1 ? 1 : 0 }),
        ]
        for (a, b) in Self.shapes {
            let full = try #require(Shape.broadcast(a, b))
            let (x, y) = (Self.whole(a, dtype, seed: 1), Self.whole(b, dtype, seed: 2, nonzero: true))
            let (tx, ty) = (try Self.tensor(x, a, dtype), try Self.tensor(y, b, dtype))
            for (name, oracle) in oracles {
                let result = try op(name, tx, ty)
                let expected = (0..<full.elementCount!).map { oracle(x[Self.source($0, full, a)], y[Self.source($0, full, b)]) }
                #expect(result.shape == full)
                #expect(try result.doubles == expected, "\(name) of \(dtype)\(a.text) and \(b.text)")
            }
        }
    }

    @Test func wholeNumbersWrapAround() throws {
        let x = Tensor.make([Int32.max, Int32.min, 7], [3])
        #expect(try op("add", x, Tensor.make([1, -1, 1] as [Int32], [3])).elements(as: Int.self) == [Int(Int32.min), Int(Int32.max), 8])
        #expect(try op("floor_divide", x, Tensor.make([-1, -1, -2] as [Int32], [3])).elements(as: Int.self) == [-Int(Int32.max), Int(Int32.min), -4])
        #expect(try op("mod", x, Tensor.make([-1, -1, -2] as [Int32], [3])).elements(as: Int.self) == [0, 0, -1])
        #expect(try op("power", Tensor.make([2, -1, 3] as [Int64], [3]), Tensor.make([40, -3, -1] as [Int64], [3])).elements(as: Int.self) == [1 << 40, -1, 0])
    }

    @Test func nanWinsAMaximum() throws {
        let x = Tensor.make([1, .nan, 3, .nan], [4])
        let y = Tensor.make([2, 2, .nan, .nan], [4])
        for name in ["maximum", "minimum"] {
            let result = try op(name, x, y).doubles
            #expect(result[0] == (name == "maximum" ? 2 : 1))
            #expect(result[1...].allSatisfy { $0.isNaN })
        }
        #expect(try op("max", x).element(0).isNaN)
        #expect(try op("min", x).element(0).isNaN)
    }

    @Test(arguments: [[0], [1], [2], [0, 1], [1, 2], [0, 2], [0, 1, 2], []], [DType.f32, .f64, .i32, .i64, .f16, .bf16, .i8])
    func reductionsAgreeWithTheOracle(_ axes: [Int], _ dtype: DType) throws {
        for shape in [[3, 4, 5], [1, 40, 3], [33, 1, 300], [2, 0, 3]] {
            let x = Self.whole(shape, dtype, seed: 3).map { dtype.size < 4 ? $0.remainder(dividingBy: 2) : $0 }
            let tensor = try Self.tensor(x, shape, dtype)
            let kept = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
            var sums = [Double](repeating: 0, count: kept.elementCount!)
            for i in x.indices { sums[Self.source(i, shape, kept)] += x[i] }
            #expect(try op("sum", tensor, with: ["axis": .ints(axes), "keepdims": .bool(true)]).doubles == sums, "\(dtype)\(shape.text) over \(axes)")
            if !shape.contains(0) {
                var most = [Double](repeating: -.infinity, count: kept.elementCount!)
                for i in x.indices { most[Self.source(i, shape, kept)] = max(most[Self.source(i, shape, kept)], x[i]) }
                #expect(try op("max", tensor, with: ["axis": .ints(axes), "keepdims": .bool(true)]).doubles == most)
            }
        }
    }

    @Test func longSumsStayAccurate() throws {
        let count = 1 << 20
        let x = Tensor.make([Float](repeating: 0.1, count: count), [count])
        let exact = Double(Float(0.1)) * Double(count)
        let sum = try op("sum", x).element(0)
        #expect(abs(sum / exact - 1) < 1e-6)
        let columns = try op("reshape", x, with: ["shape": .ints([count / 4, 4])])
        for sum in try op("sum", columns, with: ["axis": .ints([0])]).doubles { #expect(abs(sum / exact * 4 - 1) < 1e-6) }
    }

    @Test(arguments: DType.allCases.filter { $0 != .string })
    func castsGoEverywhereAndBack(_ from: DType) throws {
        let values: [Double] = from == .bool ? [0, 1, 1] : [0, 1, 100]
        let x = try Self.tensor(values, [3], from)
        for to in DType.allCases where to != .string {
            let expected = to == .bool ? values.map { $0 == 0 ? 0 : 1 } : values
            #expect(try op("cast", x, with: ["dtype": .dtype(to)]).doubles == expected, "\(from) to \(to)")
        }
    }

    @Test func floatsOutsideOfIntegersGoToTheirEnds() throws {
        let x = Tensor.make([1e20, -1e20, .nan, 2.9, -2.9], [5])
        #expect(try op("cast", x, with: ["dtype": .dtype(.i32)]).elements(as: Int.self) == [Int(Int32.max), Int(Int32.min), 0, 2, -2])
        #expect(try op("cast", x, with: ["dtype": .dtype(.i64)]).elements(as: Int.self) == [.max, .min, 0, 2, -2])
    }

    /// Every half that there is: Swift's own conversion is the oracle.
    @Test func halvesConvertExactly() throws {
        let all = (0...UInt16.max).map { Float16(bitPattern: $0) }
        let x = Tensor.data(.f16, [65536]) { (bytes: inout MutableRawSpan) in
            for i in 0..<65536 { bytes.storeBytes(of: UInt16(i), toByteOffset: 2 * i, as: UInt16.self) }
        }
        let floats = try x.elements(as: Float.self)
        #expect(zip(all, floats).allSatisfy { Float($0) == $1 || ($0.isNaN && $1.isNaN) })
        var draws = Draws(8)
        let many = (0..<100_000).map { _ in Float(draws.uniform(-1, 1)) * Float(sign: .plus, exponent: draws.below(45) - 28, significand: 1) }
        let back = try op("cast", Tensor.make(many, [many.count]), with: ["dtype": .dtype(.f16)]).elements(as: Float.self)
        #expect(zip(many, back).allSatisfy { Float(Float16($0)) == $1 })
    }

    @Test func bordersOfTilesAreSeamless() throws {
        for count in [1, 511, 512, 513, 1024, 1500] {
            let x = (0..<count).map { Double($0 % 100) }
            for dtype in [DType.u8, .f16, .f32] {
                let y = try op("add", Self.tensor(x, [count], dtype), Self.tensor([1], [], dtype))
                #expect(try y.doubles == x.map { $0 + 1 })
            }
        }
    }
}
