internal import CKernels
internal import Graphs

extension Libraries {
    /// The largest of each window; `Window.size` is the window.
    ///
    /// **shape** x: [n, spatial…, c], y: [n, spatial…, c]
    static func maxPool(_ x: Operand, _ window: Window, into y: Operand) throws(OpError) {
        var s = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: y.shape, window).plain
        switch unsafe x.dtype {
        case .f32: unsafe tfs_max_pool_f32(&s, x.elements(), y.elements())
        case .f64: unsafe tfs_max_pool_f64(&s, x.elements(), y.elements())
        default: throw unsafe noKernel("max_pool", x.dtype)
        }
    }

    /// dx: dy at the first largest of each window of x.
    static func maxPoolGradient(_ x: Operand, _ dy: Operand, _ window: Window, into dx: Operand) throws(OpError) {
        var s = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: dy.shape, window).plain
        switch unsafe x.dtype {
        case .f32: unsafe tfs_max_pool_gradient_f32(&s, x.elements(), dy.elements(), dx.elements())
        case .f64: unsafe tfs_max_pool_gradient_f64(&s, x.elements(), dy.elements(), dx.elements())
        default: throw unsafe noKernel("max_pool", x.dtype)
        }
    }

    /// y: z at the first largest of each window of x.
    static func maxPoolTake(_ x: Operand, _ z: Operand, _ window: Window, into y: Operand) throws(OpError) {
        var s = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: y.shape, window).plain
        switch unsafe x.dtype {
        case .f32: unsafe tfs_max_pool_take_f32(&s, x.elements(), z.elements(), y.elements())
        case .f64: unsafe tfs_max_pool_take_f64(&s, x.elements(), z.elements(), y.elements())
        default: throw unsafe noKernel("max_pool", x.dtype)
        }
    }

    /// The mean of each window without its padding.
    static func averagePool(_ x: Operand, _ window: Window, into y: Operand) throws(OpError) {
        var s = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, y: y.shape, window).plain
        switch unsafe x.dtype {
        case .f32: unsafe tfs_average_pool_f32(&s, x.elements(), y.elements())
        case .f64: unsafe tfs_average_pool_f64(&s, x.elements(), y.elements())
        default: throw unsafe noKernel("avg_pool", x.dtype)
        }
    }

    /// dx: the gradient of `averagePool`.
    static func averagePoolGradient(_ dy: Operand, _ window: Window, into dx: Operand) throws(OpError) {
        var s = unsafe WindowGeometry(dtype: dx.dtype, x: dx.shape, y: dy.shape, window).plain
        switch unsafe dx.dtype {
        case .f32: unsafe tfs_average_pool_gradient_f32(&s, dy.elements(), dx.elements())
        case .f64: unsafe tfs_average_pool_gradient_f64(&s, dy.elements(), dx.elements())
        default: throw unsafe noKernel("avg_pool", dx.dtype)
        }
    }
}
