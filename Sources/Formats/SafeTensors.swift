public import Graphs

/// Named tensors in the safetensors format: the length of a JSON header, the header, the elements.
public enum SafeTensors {
    public typealias Entry = (name: String, array: NumericArray)

    public struct Contents: Sendable {
        /// In the order of the header.
        public var tensors: [Entry]
        public var metadata: [(name: String, value: String)]
        public init(tensors: [Entry], metadata: [(name: String, value: String)] = []) {
            (self.tensors, self.metadata) = (tensors, metadata)
        }
    }

    public struct Header: Sendable {
        public var types: [(name: String, type: TensorType)]
        public var metadata: [(name: String, value: String)]
    }

    public static func read(_ path: String) throws(FormatError) -> Contents { try read(RandomAccess(path)) }

    public static func parse(_ bytes: [UInt8], path: String = "bytes") throws(FormatError) -> Contents {
        try read(RandomAccess(bytes, path: path))
    }

    /// Names, types and metadata without the elements.
    public static func readHeader(_ path: String) throws(FormatError) -> Header {
        let layout = try layout(RandomAccess(path))
        return Header(types: layout.slots.map { ($0.name, TensorType($0.dtype, $0.shape)) }, metadata: layout.metadata)
    }

    private struct Slot {
        var name: String
        var dtype: DType
        /// Bytes per element in the file, if tfs reads the type as a wider one.
        var unsigned: Int?
        var shape: Shape
        var (start, end): (Int, Int)
    }

    private static func read(_ file: RandomAccess) throws(FormatError) -> Contents {
        let layout = try layout(file)
        var tensors: [Entry] = []
        for slot in layout.slots {
            let place = layout.dataStart + slot.start
            var (dtype, bytes) = (slot.dtype, try file.read("`\(slot.name)`", at: place, count: slot.end - slot.start))
            if let size = slot.unsigned {
                guard let wider = NumericArray.widened(bytes, from: size) else {
                    throw FormatError(code: "E0604", file.path, .byte(place), "`\(slot.name)` has a number beyond i64")
                }
                (dtype, bytes) = wider
            }
            if dtype == .bool { for index in bytes.indices where bytes[index] > 1 { bytes[index] = 1 } }
            guard let array = NumericArray(dtype, slot.shape, bytes: bytes) else {
                throw FormatError(file.path, .byte(place), "`\(slot.name)` has sizes that do not match")
            }
            tensors.append((slot.name, array))
        }
        return Contents(tensors: tensors, metadata: layout.metadata)
    }

    /// The header, with every offset checked against the file.
    private static func layout(_ file: RandomAccess) throws(FormatError)
        -> (slots: [Slot], metadata: [(name: String, value: String)], dataStart: Int)
    {
        let path = file.path
        let length = try file.read("the header", at: 0, count: 8).little(0, 8)
        guard length <= UInt64(max(file.size - 8, 0)), length <= 100_000_000 else {
            throw FormatError(path, .byte(0), "this is not a safetensors file: its header cannot be \(length) bytes long")
        }
        let dataStart = 8 + Int(length)
        let size = file.size - dataStart
        let header: JSON
        do { header = try JSON.parse(file.read("the header", at: 8, count: Int(length)), path: path) } catch {
            throw FormatError(path, .byte(8), "the header is damaged: \(error.what)")
        }
        guard let members = header.members else { throw FormatError(path, .byte(8), "the header is not a JSON object") }
        var (slots, metadata): ([Slot], [(name: String, value: String)]) = ([], [])
        for member in members {
            func bad(_ what: String) -> FormatError { FormatError(path, .byte(8), "tensor `\(member.name)`: \(what)") }
            if member.name == "__metadata__" {
                for entry in member.value.members ?? [] {
                    guard let value = entry.value.string else { throw bad("`\(entry.name)` is not a string") }
                    metadata.append((entry.name, value))
                }
                continue
            }
            guard let code = member.value["dtype"]?.string, let sizes = member.value["shape"]?.array,
                let offsets = member.value["data_offsets"]?.array, offsets.count == 2, let start = offsets[0].int,
                let end = offsets[1].int
            else { throw bad("`dtype`, `shape` or `data_offsets` is missing") }
            let shape = sizes.compactMap(\.int)
            guard shape.count == sizes.count, shape.count <= 64, shape.allSatisfy({ $0 >= 0 }) else { throw bad("the shape is not one") }
            guard let (dtype, unsigned) = type(code) else {
                throw FormatError(code: "E0604", path, .byte(8), "tensor `\(member.name)` has the type `\(code)`, which is not read")
            }
            guard start >= 0, start <= end, end <= size else {
                throw bad("its bytes \(start) to \(end) are not in the \(size) bytes of the file")
            }
            guard NumericArray.byteCount(shape, 8) != nil, NumericArray.byteCount(shape, unsigned ?? dtype.size) == end - start
            else { throw bad("\(end - start) bytes do not hold the shape \(shape.text)") }
            slots.append(Slot(name: member.name, dtype: dtype, unsigned: unsigned, shape: shape, start: start, end: end))
        }
        var reached = 0
        for slot in slots.sorted(by: { ($0.start, $0.end) < ($1.start, $1.end) }) {
            guard slot.start == reached else {
                throw FormatError(path, .byte(dataStart + reached), "the tensors overlap or leave a gap before `\(slot.name)`")
            }
            reached = slot.end
        }
        guard reached == size else { throw FormatError(path, .byte(dataStart + reached), "the file goes on after its last tensor") }
        return (slots, metadata, dataStart)
    }

    private static func type(_ code: String) -> (DType, unsigned: Int?)? {
        switch code {
        case "BOOL": (.bool, nil)
        case "U8": (.u8, nil)
        case "I8": (.i8, nil)
        case "I16": (.i16, nil)
        case "I32": (.i32, nil)
        case "I64": (.i64, nil)
        case "F16": (.f16, nil)
        case "BF16": (.bf16, nil)
        case "F32": (.f32, nil)
        case "F64": (.f64, nil)
        case "U16": (.i32, 2)
        case "U32": (.i64, 4)
        case "U64": (.i64, 8)
        default: nil
        }
    }

    private static func code(_ dtype: DType) -> String? {
        switch dtype {
        case .bool: "BOOL"
        case .u8: "U8"
        case .i8: "I8"
        case .i16: "I16"
        case .i32: "I32"
        case .i64: "I64"
        case .f16: "F16"
        case .bf16: "BF16"
        case .f32: "F32"
        case .f64: "F64"
        case .string: nil
        }
    }

    /// Writes tensors with distinct names. The header keeps their order; the elements stand widest first, so that
    /// each tensor is aligned.
    public static func write(_ contents: Contents, to path: String) throws(FormatError) {
        let tensors = contents.tensors
        let order = tensors.indices.sorted {
            (-tensors[$0].array.dtype.size, $0) < (-tensors[$1].array.dtype.size, $1)
        }
        var (starts, reached) = (Array(repeating: 0, count: tensors.count), 0)
        for index in order {
            starts[index] = reached
            reached += tensors[index].array.bytes.count
        }
        var members: [JSON.Member] = []
        if !contents.metadata.isEmpty {
            members.append(.init("__metadata__", .object(contents.metadata.map { .init($0.name, .string($0.value)) })))
        }
        var seen: Set<String> = ["__metadata__"]
        for (index, (name, array)) in tensors.enumerated() {
            guard seen.insert(name).inserted, let code = code(array.dtype) else {
                throw FormatError(code: "E0604", path, "two tensors have the name `\(name)`, or its type cannot be written")
            }
            members.append(
                .init(
                    name,
                    .object([
                        .init("dtype", .string(code)), .init("shape", .array(array.shape.map(JSON.int))),
                        .init("data_offsets", .array([.int(starts[index]), .int(starts[index] + array.bytes.count)])),
                    ])))
        }
        var header = Array(JSON.object(members).text().utf8)
        while header.count % 8 != 0 { header.append(32) }
        var length: [UInt8] = []
        length.appendLittle(header.count, 8)
        let file = try OutputFile(path)
        try file.write(length + header)
        for index in order { try file.write(tensors[index].array.bytes) }
        try file.commit()
    }
}
