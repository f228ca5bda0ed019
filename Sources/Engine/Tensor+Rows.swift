public import Graphs
internal import Glibc

/// Rows in and out of tensors without an op per row: what readers and batches are made with.
extension Tensor {
    /// What the elements of one tensor may take at most: the machine's memory.
    public static var largestByteCount: Int { Storage.limit }

    private static func fitting(_ type: TensorType) throws(ExecutionError) -> Int {
        let (bytes, overflow) = (type.shape.elementCount ?? .max).multipliedReportingOverflow(by: type.dtype.size)
        guard !overflow, bytes <= largestByteCount else { throw ExecutionError(.memory(type), origin: -1) }
        return bytes
    }

    /// A tensor of these bytes, the elements in row-major order.
    public static func data(_ dtype: DType, _ shape: Shape, bytes: [UInt8]) -> Tensor {
        precondition(shape.elementCount.map { $0 * dtype.size } == bytes.count, "as many bytes as the elements have")
        let storage = allocate(bytes.count)
        unsafe storage.lend { target in unsafe bytes.withUnsafeBytes { unsafe target.copyMemory(from: $0) } }
        return Tensor(TensorType(dtype, shape), storage)
    }

    /// The slices of the first axis at these places, stacked in this order.
    ///
    /// - Parameter scale: for a `u8` tensor: elements become `f32`, multiplied by it.
    public func gatheringRows(_ rows: [Int], scale: Float? = nil) throws(ExecutionError) -> Tensor {
        precondition(rank > 0, "a tensor with rows")
        let (source, inner) = (try computedStorage(), Array(shape.dropFirst()))
        let (height, width) = (shape[0], inner.reduce(1, *))
        precondition(rows.allSatisfy { $0 >= 0 && $0 < height }, "rows of the tensor")
        let type = TensorType(scale == nil ? dtype : .f32, [rows.count] + inner)
        let storage = Tensor.allocate(try Tensor.fitting(type))
        let (from, to) = (width * dtype.size, width * type.dtype.size)
        if from > 0 {
            unsafe source.lend { bytes in
                unsafe storage.lend { target in
                    for (place, row) in rows.enumerated() {
                        let read = unsafe bytes.baseAddress! + row * from
                        let write = unsafe target.baseAddress! + place * to
                        guard let scale else {
                            unsafe memcpy(write, read, from)
                            continue
                        }
                        precondition(dtype == .u8, "only `u8` is scaled")
                        let bytes = unsafe read.assumingMemoryBound(to: UInt8.self)
                        let floats = unsafe write.assumingMemoryBound(to: Float.self)
                        for index in 0..<width { unsafe floats[index] = Float(bytes[index]) * scale }
                    }
                }
            }
        }
        return Tensor(type, storage)
    }

    /// The slice of the first axis at a place, without that axis.
    public func row(_ index: Int, scale: Float? = nil) throws(ExecutionError) -> Tensor {
        let rows = try gatheringRows([index], scale: scale)
        return Tensor(TensorType(rows.dtype, Array(rows.shape.dropFirst())), try rows.computedStorage())
    }

    /// The elements from a place on, in steps of so many elements along each axis of a shape; `nil` unless they are at hand and few,
    /// or not many and in long runs.
    public func part(at place: Int, _ shape: Shape, strides: [Int]) -> Tensor? {
        let (type, size) = (TensorType(dtype, shape), dtype.size)
        guard let count = shape.elementCount, count <= 256 || count * size <= 1 << 14 && strides.last == 1 && shape.last! * size >= 256
        else { return nil }
        return unsafe lendPresent { from in
            unsafe Tensor.filled(type, count) { to in
                if count > 0 { unsafe Self.copy(from + place * size, strides, shape, to, size) }
            }
        }
    }

    private static func copy(
        _ from: UnsafeRawPointer, _ strides: [Int], _ shape: Shape, _ to: UnsafeMutableRawPointer, _ size: Int
    ) {
        // The last axes that lie side by side are one run.
        var (axis, run) = (shape.count, 1)
        while axis > 0, strides[axis - 1] == run {
            axis -= 1
            run *= shape[axis]
        }
        var places = Array(repeating: 0, count: axis)
        var (from, to) = unsafe (from, to)
        while true {
            unsafe memcpy(to, from, run * size)
            unsafe to += run * size
            var k = axis - 1
            while k >= 0 {
                places[k] += 1
                unsafe from += strides[k] * size
                if places[k] < shape[k] { break }
                unsafe from -= shape[k] * strides[k] * size
                places[k] = 0
                k -= 1
            }
            if k < 0 { return }
        }
    }

    /// The same elements under other sizes, of equally many.
    public func reshaped(_ shape: Shape) throws(ExecutionError) -> Tensor {
        precondition(shape.elementCount == count, "as many elements as before")
        return Tensor(TensorType(dtype, shape), try computedStorage())
    }

    /// Tensors of one dtype on a new first axis. Each fits into `shape`; what it leaves free is `filler`.
    public static func stacking(_ tensors: [Tensor], in shape: Shape, filler: Tensor? = nil) throws(ExecutionError) -> Tensor {
        guard let first = tensors.first else { preconditionFailure("something to stack") }
        let (dtype, size) = (first.dtype, first.dtype.size)
        let storage = allocate(try fitting(TensorType(dtype, [tensors.count] + shape)))
        let length = shape.reduce(size, *)
        let free = try filler?.computedStorage()
        for (place, tensor) in tensors.enumerated() {
            precondition(tensor.dtype == dtype && tensor.rank == shape.count, "elements of one kind")
            let source = try tensor.computedStorage()
            if tensor.shape == shape {
                if length > 0 {
                    unsafe source.lend { bytes in
                        unsafe storage.lend { target in
                            _ = unsafe memcpy(target.baseAddress! + place * length, bytes.baseAddress!, length)
                        }
                    }
                }
                continue
            }
            unsafe storage.lend { target in
                if let free {
                    unsafe free.lend { one in
                        for index in 0..<length / size {
                            unsafe memcpy(target.baseAddress! + place * length + index * size, one.baseAddress!, size)
                        }
                    }
                }
                unsafe source.lend { bytes in
                    unsafe copyBlock(bytes.baseAddress!, tensor.shape, to: target.baseAddress! + place * length, shape, size)
                }
            }
        }
        return Tensor(TensorType(dtype, [tensors.count] + shape), storage)
    }

    /// Copies an array into the corner of a larger one of the same rank, a run of the last axis at a time.
    private static func copyBlock(
        _ source: UnsafeMutableRawPointer, _ small: Shape, to target: UnsafeMutableRawPointer, _ large: Shape, _ size: Int
    ) {
        guard let last = small.last, !small.contains(0) else { return }
        let run = last * size
        var index = Array(repeating: 0, count: small.count - 1)
        for line in 0..<small.dropLast().reduce(1, *) {
            var offset = 0
            for axis in index.indices { offset = offset * large[axis] + index[axis] }
            unsafe memcpy(target + offset * large[large.count - 1] * size, source + line * run, run)
            for axis in index.indices.reversed() {
                index[axis] += 1
                if index[axis] < small[axis] { break }
                index[axis] = 0
            }
        }
    }
}

extension Tensor {
    /// The bytes of the elements in row-major order, least significant first.
    public func bytes() throws(ExecutionError) -> [UInt8] {
        let (storage, length) = (try computedStorage(), (count ?? 0) * dtype.size)
        return unsafe storage.lend { bytes in unsafe Array(bytes.prefix(length)) }
    }
}
