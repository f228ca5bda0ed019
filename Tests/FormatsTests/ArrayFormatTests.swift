import Engine
import Graphs
import Testing

@testable import Formats

/// Files made by NumPy (`golden/make.py`), read back; written ones read the same; damaged ones are errors.
struct ArrayFormatTests {
    @Test(arguments: [
        ("type08", DType.u8), ("type09", .i8), ("type0b", .i16), ("type0c", .i32), ("type0d", .f32), ("type0e", .f64),
    ])
    func idxOfEveryType(_ name: String, _ dtype: DType) throws {
        let array = try IDX.read(golden("\(name).idx"))
        #expect(array.type == TensorType(dtype, [2, 3]))
        #expect(array.doubles == (0..<6).map { Double($0 * 7 - (dtype == .u8 ? 0 : 10)) })
        try withTemporaryFile { path in
            try IDX.write(array, to: path)
            #expect(try Files.read(path) == Files.read(golden("\(name).idx")))
        }
    }

    @Test func mnistIsFoundUnderItsNames() throws {
        let (images, labels) = try MNIST.read(golden(""), split: "train")
        #expect(images.shape == [3, 4, 4])
        #expect(labels.integers == [7, 0, 2])
        #expect(images.integers?.suffix(2) == [230, 235])
        #expect(try MNIST.read(golden(""), split: "test").labels.count == 2)
        #expect(try MNIST.readHeader(golden(""), split: "train") == TensorType(.u8, [3, 4, 4]))
        #expect(throws: FormatError.self) { try MNIST.read(golden(""), split: "validation") }
        #expect(throws: FormatError.self) { try MNIST.read("/tmp/none", split: "train") }
    }

    @Test func cifarPlanesBecomePixels() throws {
        let (images, labels) = try CIFAR10.readFile(golden("data_batch_1.bin"))
        #expect(images.shape == [2, 32, 32, 3])
        #expect(labels.integers == [3, 9])
        #expect(images.integers?.prefix(6) == [0, 0, 0, 1, 1, 1])
        #expect(throws: FormatError.self) { try CIFAR10.decode([ByteStream([1, 2, 3], path: "x")]) }
    }

    @Test(arguments: [
        ("bool", DType.bool), ("u1", .u8), ("i1", .i8), ("i2", .i16), ("i4", .i32), ("i8", .i64), ("f2", .f16), ("f4", .f32),
        ("f8", .f64), ("big_i4", .i32), ("big_f8", .f64), ("u2", .i32), ("u4", .i64),
    ])
    func npyOfEveryType(_ name: String, _ dtype: DType) throws {
        let array = try NPY.read(golden("\(name).npy"))
        #expect(array.type == TensorType(dtype, [2, 3]))
        let expected = (0..<6).map { Double($0 * 3 - (name.contains("u") ? 0 : 5)) }
        #expect(array.doubles == (dtype == .bool ? expected.map { _ in 1 } : expected))
        #expect(try NPY.readTensor(golden("\(name).npy")).numericArray() == array)
        try withTemporaryFile { path in
            try NPY.write(array, to: path)
            #expect(try NPY.read(path) == array)
            #expect(try NPY.readHeader(path) == array.type)
            if name == "f4" { #expect(try Files.read(path) == Files.read(golden("f4.npy"))) }
        }
    }

    @Test func npyOrdersVersionsAndShapes() throws {
        #expect(try NPY.read(golden("fortran.npy")).doubles == (0..<24).map(Double.init))
        #expect(try NPY.readTensor(golden("fortran.npy")).elements(as: Double.self) == (0..<24).map(Double.init))
        #expect(try NPY.read(golden("scalar.npy")).doubles == [2.5])
        #expect(try NPY.readTensor(golden("scalar.npy")).elements(as: Double.self) == [2.5])
        #expect(try NPY.readTensor(golden("empty.npy")).shape == [0, 3])
        #expect(try NPY.read(golden("empty.npy")).shape == [0, 3])
        #expect(try NPY.read(golden("version2.npy")).integers == [0, 1, 2, 3])
        #expect(throws: FormatError.self) { try NPY.write(NumericArray(.bf16, [1], bytes: [0, 0])!, to: "/tmp/x.npy") }
    }

    @Test func npzStoredDeflatedAndWritten() throws {
        let stored = try NPZ.read(golden("stored.npz"))
        #expect(stored.map(\.name) == ["a", "b"])
        #expect(stored[1].array.doubles == [1, 0, 0, 1])
        let deflated = try NPZ.read(golden("deflated.npz"))
        #expect(deflated[0].array.integers == Array(0..<300))
        #expect(deflated[1].array.shape == [])
        #expect(try NPZ.readHeader(golden("stored.npz")).map(\.type) == [TensorType(.f32, [3]), TensorType(.f64, [2, 2])])
        #expect(try NPZ.readHeader(golden("deflated.npz")).map(\.type) == [TensorType(.i32, [300]), TensorType(.f32, [])])
        for compress in [false, true] {
            try withTemporaryFile { path in
                try NPZ.write(stored + [(name: "ü", array: deflated[0].array)], to: path, compress: compress)
                let again = try NPZ.read(path)
                #expect(again.map(\.name) == ["a", "b", "ü"])
                #expect(again.map(\.array) == stored.map(\.array) + [deflated[0].array])
            }
        }
    }

    @Test func safetensorsWithMetadata() throws {
        let contents = try SafeTensors.read(golden("small.safetensors"))
        #expect(contents.tensors.map(\.name) == ["w", "b", "i"])
        #expect(contents.tensors[0].array.doubles == [1, 2, 3, 4])
        #expect(contents.tensors[1].array.doubles == [1, -2])
        #expect(contents.tensors[2].array.integers == [-9])
        #expect(contents.metadata.map(\.value) == ["pt", "ü\n"])
        #expect(try SafeTensors.readHeader(golden("small.safetensors")).types[0].type == TensorType(.f32, [2, 2]))
        try withTemporaryFile { path in
            try SafeTensors.write(contents, to: path)
            let again = try SafeTensors.read(path)
            #expect(again.tensors.map(\.name) == ["w", "b", "i"])
            #expect(again.tensors.map(\.array) == contents.tensors.map(\.array))
            #expect(again.metadata.map(\.value) == ["pt", "ü\n"])
        }
        #expect(throws: FormatError.self) {
            try SafeTensors.write(.init(tensors: [contents.tensors[0], contents.tensors[0]]), to: "/tmp/x.safetensors")
        }
    }

    @Test func sizesLargerThanTheFileAreErrorsBeforeAllocating() {
        #expect(throws: FormatError.self) { try IDX.parse([0, 0, 8, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]) }
        #expect(throws: FormatError.self) { try IDX.parse([0, 0, 14, 3] + Array(repeating: 0x7f, count: 12)) }
        for shape in ["99999999999, 9", "4611686018427387904, 0", "0, 4611686018427387904, 4", "99999999999999999999, 1"] {
            let header = "{'descr': '<f8', 'fortran_order': True, 'shape': (\(shape)), }\n"
            let npy = [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
            #expect(throws: FormatError.self) { try NPY.parse(npy) }
        }
        #expect(throws: FormatError.self) { try SafeTensors.parse(Array(repeating: 0xff, count: 32)) }
    }

    @Test func aTensorOfAFileThatEndsEarlyIsAnError() throws {
        let bytes = try Files.read(golden("f4.npy"))
        try withTemporaryFile { path in
            try Files.write(Array(bytes.dropLast()), to: path)
            #expect(throws: FormatError.self) { try NPY.readTensor(path) }
        }
    }

    @Test func theErrorNamesTheByte() {
        do {
            _ = try IDX.parse([0, 0, 8, 1, 0, 0, 0, 3, 1], path: "x.idx")
            Issue.record("no error")
        } catch {
            #expect(error.description == "x.idx, byte 9: the file ends early: an array of shape [3] needs 3 bytes, 1 are there")
        }
    }

    static let damageable: [(String, @Sendable ([UInt8]) throws -> Void)] = [
        ("type0b.idx", { _ = try IDX.parse($0) }), ("train-images-idx3-ubyte.gz", { _ = try IDX.parse($0) }),
        ("f4.npy", { _ = try NPY.parse($0) }), ("fortran.npy", { _ = try NPY.parse($0) }),
        ("stored.npz", { _ = try NPZ.parse($0) }), ("deflated.npz", { _ = try NPZ.parse($0) }),
        ("small.safetensors", { _ = try SafeTensors.parse($0) }),
    ]

    /// Every prefix is an error; whatever bytes change, nothing traps.
    @Test(arguments: damageable.indices) func cutAndDamagedFilesNeverTrap(_ index: Int) throws {
        let (name, read) = Self.damageable[index]
        let bytes = try Files.read(golden(name))
        try read(bytes)
        for length in 0..<bytes.count {
            #expect(throws: FormatError.self, "\(name) cut to \(length)") { try read(Array(bytes[..<length])) }
        }
        var random = Noise(seed: UInt64(index))
        for _ in 0..<3000 {
            var damaged = bytes
            for _ in 0...random.below(3) { damaged[random.below(damaged.count)] = UInt8(random.below(256)) }
            do { try read(damaged) } catch { #expect(error is FormatError) }
        }
    }
}

struct JSONTests {
    @Test func valuesRoundTrip() throws {
        let text = #"{"a":[1,-2.5,1e+300,true,null],"b":{"c":"x\"\\\n\u0001é😀"},"d":[],"e":{},"f":9223372036854775807}"#
        let value = try JSON.parse(text)
        #expect(value.text() == text)
        #expect(try JSON.parse(value.text(indent: 2)) == value)
        #expect(try JSON.parse(#""\ud83d\ude00\/""#) == .string("😀/"))
        #expect(value["b"]?["c"]?.string?.count == 7)
        #expect(try JSON.parse("9223372036854775808") == .number(0x1p63))
    }

    @Test(arguments: [
        "", "{", "[1,", "[1 2]", "{\"a\" 1}", "{a:1}", "01", "1.", "1e", "-", "+1", "tru", "\"abc", "\"\\x\"", "\"\\ud800\"",
        "\"\u{1}\"", "[1]]", "{\"a\":1,\"a\":2}", "1e999", "nan", "'a'", "[,]", "\"\\u12\"",
    ])
    func malformedTextIsAnError(_ text: String) {
        #expect(throws: FormatError.self) { try JSON.parse(text) }
    }

    @Test func nestingIsBounded() {
        #expect(throws: FormatError.self) { try JSON.parse(String(repeating: "[", count: 100_000)) }
        do { _ = try JSON.parse("{\n  \"a\": }", path: "c.json") } catch {
            #expect(error.description == "c.json:2:8: this is not a JSON value")
        }
    }

    @Test func infinityIsNotWritten() {
        #expect(throws: FormatError.self) { try JSON.write(.array([.number(.infinity)]), to: "/tmp/x.json") }
    }

    @Test func linesAndText() throws {
        try withTemporaryFile { path in
            try Files.write("a\r\nb\n\nlast", to: path)
            #expect(try TextLines.read(path) == ["a", "b", "", "last"])
            try Files.write([65, 0xff], to: path)
            do { _ = try Files.readText(path) } catch let error as FormatError { #expect(error.place == .byte(1)) }
        }
    }
}
