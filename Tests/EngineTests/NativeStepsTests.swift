import CKernels
import Testing
@testable import Engine

/// Machine code made for steps against the plain kernels of the same steps.
@Suite struct NativeStepsTests {
    static let maps: [tfs_map] = [.negative, .square, .sqrt, .relu, .abs, .reciprocal, .rsqrt, .exp]
    static let zips: [tfs_zip] = [.add, .subtract, .divide, .relu_gradient, .squared_difference, .maximum]
    static let forms: [tfs_step_kind] = [.multiply, .multiply_add, .multiply_subtract, .subtract_product, .add_products, .subtract_quotient]

    /// A loop of random steps: four streams and three numbers are read, every third result is written.
    static func code(steps count: Int, _ draws: inout Draws, isNative: Bool) -> (code: FusedKernel.Code, outputs: Int) {
        var registers = (0..<4).map { tfs_access(kind: .dense, size: 4, operand: UInt32($0), rank: 1, walk: 0, offset: 0, scratch: 0) }
        registers += (4..<7).map { tfs_access(kind: .scalar, size: 4, operand: UInt32($0), rank: 1, walk: 0, offset: 0, scratch: ($0 - 4) * 4) }
        var steps: [tfs_step] = []
        var outputs = 0
        for number in 0..<count {
            func any() -> UInt32 {
                // Most often what was made lately.
                let recent = draws.next() % 3 > 0 ? min(registers.count, 5) : registers.count
                return UInt32(registers.count - 1 - Int(draws.next() % UInt64(recent)))
            }
            let (a, b, c, d) = (any(), any(), any(), any())
            let y = UInt32(registers.count)
            func step(_ kind: tfs_step_kind, _ op: UInt32 = 0) -> tfs_step { tfs_step(kind: kind, dtype: .f32, op: op, y: y, a: a, b: b, c: c, d: d) }
            switch draws.next() % 4 {
            case 0: steps.append(step(.map, maps[Int(draws.next() % UInt64(maps.count))].rawValue))
            case 1: steps.append(step(.zip, zips[Int(draws.next() % UInt64(zips.count))].rawValue))
            default: steps.append(step(forms[Int(draws.next() % UInt64(forms.count))]))
            }
            let isOutput = number % 3 == 2 || number == count - 1
            registers.append(tfs_access(
                kind: isOutput ? .dense : .scratch, size: 4, operand: UInt32(7 + outputs), rank: 1, walk: 0, offset: 0, scratch: 12 + number * 4))
            if isOutput { outputs += 1 }
        }
        return (FusedKernel.Code(steps: steps, registers: registers, folds: [], walks: [], tile: 128, columns: 0, isNative: isNative), outputs)
    }

    static let odd: [Float] = [0, -0.0, 1, -1, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, -1e-40, .greatestFiniteMagnitude, 1e-30]

    @Test(arguments: [2, 3, 8, 25, 60]) func bitsAreThoseOfThePlainSteps(_ count: Int) throws {
        for round in 0..<40 {
            let seed = UInt64(1000 * count + round)
            var (first, second) = (Draws(seed), Draws(seed))
            let (native, outputs) = Self.code(steps: count, &first, isNative: true)
            let plain = Self.code(steps: count, &second, isNative: false).code
            if count >= 25 { #expect((native.native != nil) == MachineCode.isPossible) }
            var draws = Draws(seed + 1)
            for size in [1, 7, 8, 40, 128, 300, 1001] {
                let inputs = (0..<7).map { _ in
                    (0..<size).map { _ in
                        draws.next() % 8 == 0 ? Self.odd[Int(draws.next() % UInt64(Self.odd.count))] : Float(draws.uniform(-2, 2))
                    }
                }
                func run(_ code: FusedKernel.Code) -> [[UInt32]] {
                    let memory = (inputs + (0..<outputs).map { _ in [Float](repeating: 5, count: size + 3) }).map { values in
                        let storage = Storage(byteCount: values.count * 4)!
                        unsafe storage.lend { target in unsafe values.withUnsafeBytes { unsafe target.copyMemory(from: $0) } }
                        return storage
                    }
                    let operands = unsafe memory.map { unsafe $0.base }
                    unsafe operands.withUnsafeBufferPointer { unsafe code.run($0.baseAddress!, 0, size, 0) }
                    return memory.dropFirst(7).map { storage in
                        // A nan is a nan: which one of two an instruction hands on depends on their order.
                        unsafe storage.lend { unsafe $0.bindMemory(to: Float.self).map { $0.isNaN ? 1 : $0.bitPattern } }
                    }
                }
                #expect(run(native) == run(plain), "\(count) steps, round \(round), \(size) elements")
            }
        }
    }

    /// An update in place: what is read lies where the result goes.
    @Test func resultsMayLieOverWhatWasRead() throws {
        func access(_ kind: tfs_access_kind, _ operand: UInt32) -> tfs_access {
            tfs_access(kind: kind, size: 4, operand: operand, rank: 1, walk: 0, offset: 0, scratch: 0)
        }
        // m ← 0.9 · m + 0.1 · g, p ← p - m / (√g² + 0.5)
        let registers = [access(.dense, 0), access(.dense, 1), access(.dense, 2)] + (3..<6).map { access(.scalar, $0) }
            + [access(.dense, 6), access(.scratch, 0), access(.scratch, 0), access(.scratch, 0), access(.dense, 7)]
        func step(_ kind: tfs_step_kind, _ op: UInt32, _ y: UInt32, _ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> tfs_step {
            tfs_step(kind: kind, dtype: .f32, op: op, y: y, a: a, b: b, c: c, d: d)
        }
        let steps = [
            step(.add_products, 3, 6, 3, 1, 4, 2), step(.map, tfs_map.square.rawValue, 7, 2, 2, 2, 2), step(.map, tfs_map.sqrt.rawValue, 8, 7, 7, 7, 7),
            step(.zip, tfs_zip.add.rawValue, 9, 8, 5, 8, 8), step(.subtract_quotient, 0, 10, 6, 9, 0, 9),
        ]
        let code = FusedKernel.Code(steps: steps, registers: registers, folds: [], walks: [], tile: 128, columns: 0)
        let size = 1000
        var p = (0..<size).map { Float($0) / 100 }, m = p.map { $0 - 3 }
        let g = p.map { 1 - $0 }
        var numbers: [Float] = [0.9, 0.1, 0.5]
        let expected = p.indices.map { i -> (Float, Float) in
            let moment = (0.1 * g[i]).addingProduct(0.9, m[i])
            return (p[i] - moment / ((g[i] * g[i]).squareRoot() + 0.5), moment)
        }
        var gradient = g
        unsafe p.withUnsafeMutableBytes { p in
            unsafe m.withUnsafeMutableBytes { m in
                unsafe gradient.withUnsafeMutableBytes { g in
                    unsafe numbers.withUnsafeMutableBytes { n in
                        let first = unsafe n.baseAddress!
                        let operands = unsafe [p.baseAddress!, m.baseAddress!, g.baseAddress!, first, first + 4, first + 8, m.baseAddress!, p.baseAddress!]
                        unsafe operands.withUnsafeBufferPointer { unsafe code.run($0.baseAddress!, 0, size, 0) }
                    }
                }
            }
        }
        for i in p.indices { #expect(p[i] == expected[i].0 && m[i] == expected[i].1, "\(i)") }
    }
}
