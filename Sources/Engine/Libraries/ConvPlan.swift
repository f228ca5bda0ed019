internal import CKernels
internal import ConeDNN
internal import Graphs
internal import Synchronization

/// A convolution, or one of its gradients, cut into pieces that threads take one after the other.
///
/// Where the pieces begin depends on the geometry only. `Sendable` holds because primitives may be run by all threads.
final class ConvPlan: Sendable {
    typealias Key = ConvPrimitive.Key

    private struct Piece: Sendable {
        /// Its place in `primitives`.
        let primitive: Int
        /// Where its x and y begin, in bytes.
        let x: Int
        let y: Int
        /// Its rows of channels in y.
        let rows: Range<Int>
    }

    let key: Key
    private let primitives: [ConvPrimitive]
    private let pieces: [Piece]

    /// `nil` when oneDNN has no code for one of the pieces.
    init?(_ key: Key, engine: dnnl_engine_t) throws(OpError) {
        self.key = key
        let (x, y) = key.bytesPerElement
        var primitives: [ConvPrimitive] = []
        var known: [WindowGeometry: Int] = [:]
        var pieces: [Piece] = []
        for piece in key.geometry.pieces(key.direction) {
            if known[piece.geometry] == nil {
                let own = Key(direction: key.direction, geometry: piece.geometry, epilogue: key.epilogue)
                guard let primitive = try unsafe ConvPrimitive(own, engine: engine) else { return nil }
                known[piece.geometry] = primitives.count
                primitives.append(primitive)
            }
            let row = piece.y / key.geometry.channelsOut
            let rows = row..<row + piece.geometry.output.reduce(piece.geometry.batch, *)
            pieces.append(Piece(primitive: known[piece.geometry]!, x: piece.x * x, y: piece.y * y, rows: rows))
        }
        self.primitives = primitives
        self.pieces = pieces
    }

    /// The kernel as each primitive wants it.
    func pack(_ kernel: Operand) throws(OpError) -> [PackedKernel] {
        var packed: [PackedKernel] = []
        for (i, primitive) in primitives.enumerated() {
            if let same = primitives[..<i].firstIndex(where: { $0.packsLike(primitive) }) {
                packed.append(packed[same])
            } else {
                try unsafe packed.append(primitive.pack(kernel))
            }
        }
        return packed
    }

    /// Convolution, or its gradient by the input.
    func run(_ x: Operand, _ kernel: [PackedKernel], _ y: Operand, _ epilogue: Epilogue) throws(OpError) {
        let channels = key.geometry.channelsOut
        try ThreadPool.run(pieces.count) { chunk throws(OpError) in
            let piece = pieces[chunk]
            try unsafe primitives[piece.primitive].run(
                x.pointer + piece.x, kernel[piece.primitive], y.pointer + piece.y, bias: epilogue.bias?.pointer)
            try unsafe epilogue.rest.apply(rows: piece.rows, columns: 0..<channels, of: channels, to: y)
        }
    }

    /// The gradient by the kernel, and by the bias if there is one: a sum over the pieces, in their order.
    func gradient(_ x: Operand, _ kernel: Operand, _ y: Operand, bias: Operand?) throws(OpError) {
        let channels = key.geometry.channelsOut
        let isWhole = pieces.count == 1
        var parts: [PackedKernel] = []
        for piece in pieces { try unsafe parts.append(primitives[piece.primitive].place(for: isWhole ? kernel : nil)) }
        let biases = try scratch(unsafe bias == nil ? 0 : pieces.count * channels * 4)
        try ThreadPool.run(pieces.count) { chunk throws(OpError) in
            let piece = pieces[chunk]
            try unsafe primitives[piece.primitive].run(
                x.pointer + piece.x, parts[chunk], y.pointer + piece.y,
                bias: bias == nil ? nil : biases.base + chunk * channels * 4)
        }
        if let bias = unsafe bias {
            let rows = unsafe (0..<pieces.count).map { unsafe biases.base.assumingMemoryBound(to: Float.self) + $0 * channels }
            unsafe sum(rows, channels, into: bias.elements())
        }
        // Pieces of one primitive have one layout.
        var isFirst = true
        for (index, primitive) in primitives.enumerated() {
            let own = pieces.indices.filter { pieces[$0].primitive == index }
            let total = parts[own[0]]
            if own.count > 1 {
                let rows = unsafe own.map { unsafe parts[$0].pointer.assumingMemoryBound(to: Float.self) }
                unsafe sum(rows, primitive.packedSize / 4, into: rows[0])
            }
            if isFirst {
                try unsafe primitive.unpack(total, into: kernel)
            } else {
                let more = try scratch(unsafe kernel.byteCount)
                try unsafe primitive.unpack(total, into: Operand(pointer: more.base, dtype: .f32, shape: kernel.shape))
                unsafe sum([kernel.elements(), more.base.assumingMemoryBound(to: Float.self)], kernel.count, into: kernel.elements())
            }
            isFirst = false
        }
    }

    /// y = the sum of the rows, in their order; y may be the first.
    private func sum(_ rows: [UnsafeMutablePointer<Float>], _ count: Int, into y: UnsafeMutablePointer<Float>) {
        // A few pages of each row a time.
        ThreadPool.split(count, grain: 4096) { range in
            let rows = unsafe rows.map { unsafe UnsafePointer($0) + range.lowerBound }
            unsafe tfs_sum_rows_f32(range.count, rows.count, rows, y + range.lowerBound)
        }
    }
}

extension ConvPlan.Key {
    /// Of x and y.
    fileprivate var bytesPerElement: (x: Int, y: Int) {
        let size = geometry.dtype.size
        switch direction {
        case .forward: return (size, 4)
        case .gradientInput: return (4, size)
        case .gradientKernel: return (size, size)
        }
    }
}

extension WindowGeometry {
    /// The pieces of a convolution: small enough for what they read and write to stay in the second-level cache and
    /// for threads to end together, large enough for starting them to cost nothing.
    func pieces(_ direction: ConvDirection) -> [WindowPiece] {
        let kernelBytes = kernel.reduce(4 * channelsIn / groups * channelsOut, *)
        let work = output.reduce(kernelBytes / 2, *)
        let bytes = 4 * (elements.x + elements.y)
        /// How many pieces are wanted for all threads to have work to the end.
        let many = 8
        var grain = max(1, min(pieceWork / work, pieceBytes / bytes))
        if batch < many * grain { grain = max((batch + many - 1) / many, (leastWork + work - 1) / work) }
        if direction == .gradientKernel {
            // Each piece has a sum of the kernel's size.
            let most = max(many, 2 * pieceBytes / kernelBytes)
            grain = max(grain, (batch + most - 1) / most)
        }
        if batch >= many || grain > 1 { return byImages(grain) }

        // A large kernel is read anew by each piece.
        let wanted = kernelBytes > pieceBytes ? 4 : many
        let parts = min((wanted + batch - 1) / batch, work / leastWork)
        if parts <= 1 { return byImages(1) }
        let split = direction == .gradientInput ? byInputRows((input[0] + parts - 1) / parts) : byOutputRows((output[0] + parts - 1) / parts)
        return split ?? byImages(1)
    }
}

/// 0.2 ms of arithmetic.
private let pieceWork = 24_000_000
/// Shorter pieces than of 10 µs would cost more in starting than they win.
private let leastWork = 1_000_000
private let pieceBytes = 1 << 20
