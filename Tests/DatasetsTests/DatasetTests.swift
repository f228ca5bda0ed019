import Engine
import Formats
import Graphs
import Testing

@testable import Datasets

struct DatasetTests {
    private func numbers(_ n: Int) throws -> Dataset {
        try Dataset(slices: [Tensor.make((0..<n).map { Float($0) }, [n])], .tensor)
    }

    /// All elements of the first tensor, one list per element.
    private func read(_ dataset: Dataset, iteration: Int? = nil, limit: Int = 1000) throws -> [[Float]] {
        var (iterator, result) = (dataset.makeIterator(iteration: iteration), [[Float]]())
        while result.count < limit, let element = try iterator.next() {
            #expect(element.count == dataset.types.count)
            for (tensor, type) in zip(element, dataset.types) {
                #expect(tensor.dtype == type.dtype && tensor.shape.matches(type.shape), "\(tensor.type) is a \(type)")
            }
            result.append(try element[0].elements(as: Float.self))
        }
        if let count = dataset.count, result.count < limit { #expect(result.count == count) }
        return result
    }

    private func flat(_ dataset: Dataset, iteration: Int? = nil, limit: Int = 1000) throws -> [Int] {
        try read(dataset, iteration: iteration, limit: limit).flatMap { $0.map { Int($0) } }
    }

    @Test func batchesKeepTheShortLast() throws {
        let data = try numbers(7)
        #expect(try read(data.batch(3)) == [[0, 1, 2], [3, 4, 5], [6]])
        #expect(try read(data.batch(3, dropRemainder: true)) == [[0, 1, 2], [3, 4, 5]])
        #expect(try data.batch(3).types == [TensorType(.f32, [-1])])
        #expect(try numbers(6).batch(3).types == [TensorType(.f32, [3])])
        #expect(try read(data.batch(3).unbatch()).count == 7)
        #expect(try read(numbers(8).batch(2).batch(2)).first == [0, 1, 2, 3])
        #expect(try numbers(0).batch(2).makeIterator().advance() == nil)
    }

    @Test func pairsAndRecordsKeepTheirPlaces() throws {
        let x = Tensor.make((0..<12).map { Float($0) }, [4, 3])
        let y = Tensor.make((0..<4).map { Int32($0 * 10) }, [4])
        let data = try Dataset(slices: [x, y], .pair)
        var iterator = try data.batch(3).makeIterator()
        let first = try #require(try iterator.next())
        #expect(first[0].shape == [3, 3])
        #expect(try first[1].elements(as: Int32.self) == [0, 10, 20])
        #expect(Structure.list([.tensor, .record(of: ["a", "b"])]).parts.map(\.range) == [0..<1, 1..<3])
        #expect(throws: DataError.self) { try Dataset(slices: [x, Tensor.make([Int32(1)], [1])], .pair) }
        #expect(throws: DataError.self) { try Dataset(slices: [Tensor.scalar(1.0, .f32)], .tensor) }
    }

    @Test func shufflesHoldEveryElementOnce() throws {
        let data = try numbers(50).shuffle(seed: 4)
        let (first, second) = (try flat(data), try flat(data))
        #expect(first.sorted() == Array(0..<50) && second.sorted() == Array(0..<50))
        #expect(first != second)
        #expect(try flat(numbers(50).shuffle(seed: 4)) == first)
        #expect(try flat(numbers(50).shuffle(seed: 5)) != first)
        #expect(try flat(data, iteration: 3) == flat(data.batch(7), iteration: 3))
        #expect(try flat(data, iteration: 0) == first)
        // The same orders whether elements are rows or came through a function.
        let mapped = try numbers(50).map(to: .tensor, types: [TensorType(.f32, [])]) { $0 }.shuffle(seed: 4)
        #expect(try flat(mapped, iteration: 0) == first)
        let buffered = try flat(numbers(50).shuffle(buffer: 5))
        #expect(buffered.sorted() == Array(0..<50))
        #expect(buffered.enumerated().allSatisfy { $1 <= $0 + 4 })
    }

    @Test func repeatsTakesSkipsAndShards() throws {
        let data = try numbers(5)
        #expect(try flat(data.repeated(2)) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
        #expect(try flat(data.repeated().take(7)) == [0, 1, 2, 3, 4, 0, 1])
        #expect(try read(data.repeated(2).batch(4)).map(\.count) == [4, 4, 2])
        #expect(try data.repeated().batch(4).types == [TensorType(.f32, [4])])
        #expect(try flat(data.skip(3)) == [3, 4])
        #expect(try flat(data.skip(9)) == [])
        #expect(try flat(data.shard(3, 1)) == [1, 4])
        #expect(try flat(data.repeated(0)) == [])
        #expect(try flat(numbers(0).repeated()) == [])
        #expect(try flat(data.batch(.max)) == [0, 1, 2, 3, 4])
        let wide = try Dataset(slices: [Tensor.make(Array(repeating: Float(0), count: 2_000_000), [2, 1_000_000])], .tensor)
        #expect(throws: DataError.self) { try read(wide.repeated().batch(.max)) }
        let epochs = try flat(data.shuffle(seed: 1).repeated(3), iteration: 0)
        #expect(epochs.count == 15 && Array(epochs[0..<5]) != Array(epochs[5..<10]))
        for bad in [{ try data.take(-1) }, { try data.batch(0) }, { try data.shard(2, 2) }, { try data.shuffle(buffer: 0) },
            { try data.repeated(-1) }, { try data.window(0) }, { try data.repeated().shuffle() }, { try data.repeated().cache() },
        ] as [() throws -> Dataset] {
            #expect(throws: DataError.self) { try bad() }
        }
    }

    @Test func mapFilterZipConcatEnumerate() throws {
        let data = try numbers(6)
        let doubled = data.map(to: .tensor, types: [TensorType(.f32, [])]) {
            [Tensor.make(try $0[0].elements(as: Float.self).map { $0 * 2 }, [])]
        }
        #expect(try flat(doubled) == [0, 2, 4, 6, 8, 10])
        #expect(try flat(doubled.filter { try $0[0].elements(as: Float.self)[0] > 5 }) == [6, 8, 10])
        #expect(try read(doubled.batch(4)) == [[0, 2, 4, 6], [8, 10]])
        let zipped = try Dataset.zip([doubled, numbers(4)])
        #expect(zipped.count == 4 && zipped.structure == .pair)
        #expect(try flat(zipped) == [0, 2, 4, 6])
        #expect(try flat(data.concat(numbers(2))) == [0, 1, 2, 3, 4, 5, 0, 1])
        #expect(data.enumerated().types[0] == TensorType(.i64, []))
        #expect(try data.enumerated(from: 5).makeIterator().advance()?[0].elements(as: Int.self) == [5])
        #expect(throws: DataError.self) { try data.concat(zipped) }
    }

    @Test func windowsPaddingAndCache() throws {
        #expect(try read(numbers(7).window(3, shift: 2)) == [[0, 1, 2], [2, 3, 4], [4, 5, 6]])
        #expect(try read(numbers(7).window(3)) == [[0, 1, 2], [3, 4, 5]])
        #expect(try read(numbers(5).window(2, shift: 1, stride: 2, dropRemainder: false)) == [[0, 2], [1, 3], [2, 4], [3], [4]])
        #expect(try read(numbers(9).window(2, shift: 4)) == [[0, 1], [4, 5]])
        let ragged = try Dataset(elements: [1, 3, 2].map { [Tensor.make(Array(repeating: Float($0), count: $0), [$0])] }, .tensor)
        #expect(ragged.types == [TensorType(.f32, [-1])])
        #expect(try read(ragged.paddedBatch(3, value: -1)) == [[1, -1, -1, 3, 3, 3, 2, 2, -1]])
        #expect(throws: DataError.self) { try read(ragged.batch(2)) }
        let grid = try Dataset(elements: [[Tensor.make([Float(1), 2], [2, 1])], [Tensor.make([Float(3), 4], [1, 2])]], .tensor)
        #expect(try read(grid.paddedBatch(2)) == [[1, 0, 2, 0, 3, 4, 0, 0]])
        let calls = Dataset.Counter()
        let cached = try numbers(3).map(to: .tensor, types: [TensorType(.f32, [])]) {
            _ = calls.next()
            return $0
        }.cache()
        #expect(try flat(cached) == flat(cached))
        #expect(calls.next() == 3)
    }

    @Test func generatorsStartAnewAndMayFail() throws {
        let data = Dataset(types: [TensorType(.f32, [])], .tensor) {
            let counter = Dataset.Counter()
            return {
                let n = counter.next()
                return n < 3 ? [Tensor.make([Float(n)], [])] : nil
            }
        }
        #expect(try flat(data.batch(2)) == [0, 1, 2])
        #expect(try flat(data) == [0, 1, 2])
        let failing = data.map(to: .tensor, types: [TensorType(.f32, [])]) { _ in throw DataError("E0507", "no") }
        #expect(throws: DataError.self) { try read(failing.shuffle().batch(2)) }
    }

    @Test func theCheckKnowsTypesOnly() throws {
        let x = Tensor.unknown(TensorType(.f32, [-1, 4]))
        let data = try Dataset(slices: [x], .tensor).shuffle().batch(8)
        #expect(data.count == nil && data.types == [TensorType(.f32, [-1, 4])])
        #expect(throws: DataError.self) { try read(Dataset(slices: [Tensor.unknown(TensorType(.f32, [3, 4]))], .tensor)) }
    }

    @Test func picturesAreScaledAsTheyAreBatched() throws {
        let data = try Dataset(slices: [Tensor.data(.u8, [2, 2], bytes: [0, 255, 51, 102])], .tensor, scales: [0: 1 / 255])
        #expect(data.types == [TensorType(.f32, [2])])
        let expected: [Float] = [0, 1, 0.2, 0.4]
        for values in try [read(data.batch(2))[0], read(data).flatMap { $0 }] {
            #expect(zip(values, expected).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    @Test func tablesBecomeRecordsOfTheirColumns() throws {
        let table = try Table(
            names: ["a", "b", "c", "y"],
            columns: [Column([1, 2]), Column([0.5, 1.5]), Column([true, false]), Column(["no", "yes"])], label: "y")
        let data = try Dataset(rows: table)
        #expect(data.structure == .list([.record(of: ["a", "b", "c"]), .tensor]))
        #expect(data.types.map(\.dtype) == [.i32, .f32, .bool, .i32])
        var iterator = try data.batch(2).makeIterator()
        #expect(try iterator.next()?[3].elements(as: Int32.self) == [0, 1])
        #expect(throws: DataError.self) { try Dataset(rows: table.withLabel(nil)) }
        #expect(try Dataset(rows: Table(schema: ["a", "y"], label: "y")).count == nil)
        let encoded = try FeatureSpace(auto: table).encode(table).tensors
        #expect(encoded[0].shape == [2, 3])
    }

    /// Chains of combinators over rows give what the same chains give over elements.
    @Test func rowsAndElementsAgree() throws {
        var random = SplitMix(seed: 9)
        for _ in 0..<200 {
            var rows = try numbers(random.below(12))
            var elements = rows.map(to: .tensor, types: rows.types) { $0 }
            for _ in 0..<random.below(4) {
                let n = 1 + random.below(5)
                let seed = random.next()
                let step: (Dataset) throws -> Dataset =
                    switch random.below(6) {
                    case 0: { try $0.take(n) }
                    case 1: { try $0.skip(n) }
                    case 2: { try $0.shard(n, n - 1) }
                    case 3: { try $0.repeated(n) }
                    case 4: { try $0.shuffle(seed: seed) }
                    default: { try $0.shuffle(buffer: n, seed: seed) }
                    }
                (rows, elements) = (try step(rows), try step(elements))
            }
            #expect(rows.count == elements.count)
            #expect(try flat(rows, iteration: 2, limit: 2000) == flat(elements, iteration: 2, limit: 2000))
            #expect(try read(rows.batch(3), iteration: 1) == read(elements.batch(3), iteration: 1))
        }
    }
}

struct RandomTests {
    @Test func theSameSeedGivesTheSameBits() {
        // The first outputs for seed 1234567, from the reference implementation.
        var random = SplitMix(seed: 1_234_567)
        #expect((0..<3).map { _ in random.next() } == [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423])
        var counts = Array(repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[random.below(7)] += 1 }
        #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    }
}
