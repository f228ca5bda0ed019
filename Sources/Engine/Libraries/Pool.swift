internal import CKernels
internal import Graphs

extension Libraries {
    /// The largest of each window; `Window.size` is the window.
    ///
    /// **shape** x: [n, spatial…, c], y: [n, spatial…, c]
    static func maxPool(_ x: Operand, _ window: Window, into y: Operand) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: y.shape, window)
        try ThreadPool.run(geometry.gathers) { piece throws(OpError) in
            var s = piece.geometry.plain
            switch unsafe x.dtype {
            case .f32: unsafe tfs_max_pool_f32(&s, x.elements() + piece.x, y.elements() + piece.y)
            case .f64: unsafe tfs_max_pool_f64(&s, x.elements() + piece.x, y.elements() + piece.y)
            default: throw unsafe noKernel("max_pool", x.dtype)
            }
        }
    }

    /// Whether `maxPoolGradient` may write over x.
    static func maxPoolGradientIsInPlace(_ x: TensorType, _ dy: TensorType, _ window: Window) -> Bool {
        var s = WindowGeometry(dtype: x.dtype, x: x.shape, y: dy.shape, window).plain
        return unsafe tfs_pools_pairs(&s)
    }

    /// dx: dy at the first largest of each window of x.
    static func maxPoolGradient(_ x: Operand, _ dy: Operand, _ window: Window, into dx: Operand) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: dy.shape, window)
        try ThreadPool.run(geometry.scatters) { piece throws(OpError) in
            var s = piece.geometry.plain
            switch unsafe x.dtype {
            case .f32: unsafe tfs_max_pool_gradient_f32(&s, x.elements() + piece.x, dy.elements() + piece.y, dx.elements() + piece.x)
            case .f64: unsafe tfs_max_pool_gradient_f64(&s, x.elements() + piece.x, dy.elements() + piece.y, dx.elements() + piece.x)
            default: throw unsafe noKernel("max_pool", x.dtype)
            }
        }
    }

    /// y: z at the first largest of each window of x.
    static func maxPoolTake(_ x: Operand, _ z: Operand, _ window: Window, into y: Operand) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: y.shape, window)
        try ThreadPool.run(geometry.gathers) { piece throws(OpError) in
            var s = piece.geometry.plain
            switch unsafe x.dtype {
            case .f32: unsafe tfs_max_pool_take_f32(&s, x.elements() + piece.x, z.elements() + piece.x, y.elements() + piece.y)
            case .f64: unsafe tfs_max_pool_take_f64(&s, x.elements() + piece.x, z.elements() + piece.x, y.elements() + piece.y)
            default: throw unsafe noKernel("max_pool", x.dtype)
            }
        }
    }

    /// The mean of each window without its padding.
    static func averagePool(_ x: Operand, _ window: Window, into y: Operand) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: y.shape, window)
        try ThreadPool.run(geometry.gathers) { piece throws(OpError) in
            var s = piece.geometry.plain
            switch unsafe x.dtype {
            case .f32: unsafe tfs_average_pool_f32(&s, x.elements() + piece.x, y.elements() + piece.y)
            case .f64: unsafe tfs_average_pool_f64(&s, x.elements() + piece.x, y.elements() + piece.y)
            default: throw unsafe noKernel("avg_pool", x.dtype)
            }
        }
    }

    /// dx: the gradient of `averagePool`.
    static func averagePoolGradient(_ dy: Operand, _ window: Window, into dx: Operand) throws(OpError) {
        let geometry = unsafe WindowGeometry(dtype: dx.dtype, x: dx.shape, y: dy.shape, window)
        try ThreadPool.run(geometry.scatters) { piece throws(OpError) in
            var s = piece.geometry.plain
            switch unsafe dx.dtype {
            case .f32: unsafe tfs_average_pool_gradient_f32(&s, dy.elements() + piece.y, dx.elements() + piece.x)
            case .f64: unsafe tfs_average_pool_gradient_f64(&s, dy.elements() + piece.y, dx.elements() + piece.x)
            default: throw unsafe noKernel("avg_pool", dx.dtype)
            }
        }
    }
}

extension WindowGeometry {
    /// Bytes of x that a thread takes at a time: they stay in its second-level cache.
    private static let grain = 1 << 18

    /// For a pooling that adds to x: images.
    fileprivate var scatters: [WindowPiece] { byImages(Self.grain / max(elements.x * dtype.size, 1)) }

    /// For a pooling that writes y: images, or rows of a few large ones.
    fileprivate var gathers: [WindowPiece] {
        let parts = elements.x * dtype.size / Self.grain
        guard batch < 8, parts > 1 else { return scatters }
        return byOutputRows((output[0] + parts - 1) / parts) ?? scatters
    }
}

extension ThreadPool {
    fileprivate static func run(_ pieces: [WindowPiece], _ body: (WindowPiece) throws(OpError) -> Void) throws(OpError) {
        try run(pieces.count) { chunk throws(OpError) in try body(pieces[chunk]) }
    }
}
