internal import CKernels
internal import Graphs
internal import Synchronization

extension Libraries {
    /// The convolution (cross-correlation) of x by a kernel, over one to three spatial axes.
    ///
    /// x and kernel may be bf16 with y f32. A kernel that never changes is reordered once where `kept` is given.
    ///
    /// **shape** x: [n, spatial…, in], kernel: [spatial…, in / groups, out], y: [n, spatial…, out], bias: [out]
    static func conv(
        _ x: Operand, _ kernel: Operand, _ window: Window, epilogue: Epilogue = unsafe Epilogue(), kept: KeptKernel? = nil,
        into y: Operand
    ) throws(OpError) {
        if unsafe y.count == 0 { return }
        if unsafe x.count == 0 || kernel.count == 0 {
            unsafe y.zero()
            return try unsafe finish(y, epilogue)
        }
        let geometry = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, kernel: kernel.shape, y: y.shape, window)
        if let (x, kernel, y) = unsafe asProduct(geometry, x, kernel, y) { return try unsafe matmul(x, kernel, epilogue: epilogue, into: y) }
        if let winograd = Winograd(.forward, geometry, isKept: kept != nil) {
            let packed = if let kept { try unsafe kept.packed(winograd, kernel) } else { try unsafe winograd.pack(kernel) }
            return try unsafe winograd.run(x, packed, y, epilogue)
        }
        if kept == nil, let patches = Patches(.forward, geometry) { return try unsafe patches.run(x, kernel, y, epilogue) }
        if let plan = try unsafe plan(.forward, geometry, epilogue.fused) {
            let packed = if let kept { try unsafe kept.packed(plan, kernel) } else { try unsafe plan.pack(kernel) }
            return try unsafe plan.run(x, packed, y, epilogue)
        }
        if unsafe !epilogue.isEmpty {
            try unsafe conv(x, kernel, window, into: y)
            return try unsafe finish(y, epilogue)
        }
        if geometry.dtype == .bf16 {
            return try unsafe widened(x) { x throws(OpError) in
                try unsafe widened(kernel) { kernel throws(OpError) in try unsafe conv(x, kernel, window, into: y) }
            }
        }
        try unsafe plain(geometry, .forward, x, kernel, y)
    }

    /// A convolution by a kernel of size 1 on one large image is a product, and is faster as one.
    private static func asProduct(
        _ geometry: WindowGeometry, _ x: Operand, _ kernel: Operand, _ y: Operand
    ) -> (x: Operand, kernel: Operand, y: Operand)? {
        let cells = geometry.input.reduce(1, *)
        guard geometry.dtype == .f32, geometry.batch == 1, geometry.groups == 1, cells >= 512,
            (geometry.kernel + geometry.strides).allSatisfy({ $0 == 1 }), (geometry.before + geometry.after).allSatisfy({ $0 == 0 })
        else { return nil }
        func matrix(_ operand: Operand, _ rows: Int, _ columns: Int) -> Operand {
            unsafe Operand(pointer: operand.pointer, dtype: operand.dtype, shape: [rows, columns])
        }
        return unsafe (
            matrix(x, cells, geometry.channelsIn), matrix(kernel, geometry.channelsIn, geometry.channelsOut),
            matrix(y, cells, geometry.channelsOut)
        )
    }

    /// dx: the gradient of `conv` by x; dy and kernel may be bf16.
    static func convGradientInput(
        _ dy: Operand, _ kernel: Operand, _ window: Window, into dx: Operand
    ) throws(OpError) {
        if unsafe dx.count == 0 { return }
        if unsafe dy.count == 0 || kernel.count == 0 { return unsafe dx.zero() }
        let geometry = unsafe WindowGeometry(dtype: dy.dtype, x: dx.shape, kernel: kernel.shape, y: dy.shape, window)
        if let winograd = Winograd(.gradientInput, geometry) {
            return try unsafe winograd.run(dy, winograd.pack(kernel), dx, Epilogue())
        }
        if let patches = Patches(.gradientInput, geometry) { return try unsafe patches.gradientInput(dy, kernel, into: dx) }
        if let plan = try plan(.gradientInput, geometry) { return try unsafe plan.run(dx, plan.pack(kernel), dy, Epilogue()) }
        if geometry.dtype == .bf16 {
            return try unsafe widened(dy) { dy throws(OpError) in
                try unsafe widened(kernel) { kernel throws(OpError) in try unsafe convGradientInput(dy, kernel, window, into: dx) }
            }
        }
        try unsafe plain(geometry, .gradientInput, dx, kernel, dy)
    }

    /// dkernel: the gradient of `conv` by the kernel; x and dy may be bf16. With it comes dbias, the sum of dy over
    /// all axes but the last.
    static func convGradientKernel(
        _ x: Operand, _ dy: Operand, _ window: Window, into dkernel: Operand, bias dbias: Operand? = nil
    ) throws(OpError) {
        let isEmpty = unsafe x.count == 0 || dy.count == 0
        if unsafe isEmpty || dkernel.count == 0 {
            unsafe dkernel.zero()
            if let dbias = unsafe dbias, isEmpty { unsafe dbias.zero() }
            if isEmpty { return }
        }
        let geometry = unsafe WindowGeometry(dtype: x.dtype, x: x.shape, kernel: dkernel.shape, y: dy.shape, window)
        if let winograd = Winograd(.gradientKernel, geometry) {
            try unsafe winograd.gradient(x, dy, into: dkernel)
            if let dbias = unsafe dbias { try unsafe sumRows(dy, into: dbias) }
            return
        }
        if let patches = Patches(.gradientKernel, geometry) {
            try unsafe patches.gradientKernel(x, dy, into: dkernel)
            if let dbias = unsafe dbias { try unsafe sumRows(dy, into: dbias) }
            return
        }
        if let plan = try unsafe plan(.gradientKernel, geometry, Epilogue.Fused(bias: dbias != nil)) {
            return try unsafe plan.gradient(x, dkernel, dy, bias: dbias)
        }
        if geometry.dtype == .bf16 {
            return try unsafe widened(x) { x throws(OpError) in
                try unsafe widened(dy) { dy throws(OpError) in try unsafe convGradientKernel(x, dy, window, into: dkernel, bias: dbias) }
            }
        }
        try unsafe convPlain(.gradientKernel, geometry, x, dkernel, dy)
        if let dbias = unsafe dbias { try unsafe sumRows(dy, into: dbias) }
    }

    /// The sum over all axes but the last, in parts of fixed size.
    private static func sumRows(_ x: Operand, into y: Operand) throws(OpError) {
        let (c, size) = unsafe (y.count, x.dtype.size)
        let rows = unsafe x.count / c
        let grain = max(1, (1 << 16) / c)
        let parts = (rows + grain - 1) / grain
        let sums = try scratch(parts * c * size)
        ThreadPool.split(rows, grain: grain) { range in
            unsafe tfs_reduce(
                .sum, x.dtype.c, x.pointer + range.lowerBound * c * size, sums.base + range.lowerBound / grain * c * size, 1,
                range.count, c)
        }
        unsafe tfs_reduce(.sum, x.dtype.c, sums.base, y.pointer, 1, parts, c)
    }

    private static func plan(
        _ direction: ConvDirection, _ geometry: WindowGeometry, _ epilogue: Epilogue.Fused = Epilogue.Fused()
    ) throws(OpError) -> ConvPlan? {
        guard geometry.dtype == .f32 || geometry.dtype == .bf16 else { return nil }
        return try OneDNN.shared.plan(ConvPlan.Key(direction: direction, geometry: geometry, epilogue: epilogue))
    }

    /// The epilogue of a result that is there already.
    private static func finish(_ y: Operand, _ epilogue: Epilogue) throws(OpError) {
        let columns = unsafe y.shape[y.shape.count - 1]
        try unsafe epilogue.apply(rows: 0..<y.count / columns, columns: 0..<columns, of: columns, to: y)
    }

    /// The plain loops over images on all threads.
    private static func plain(
        _ geometry: WindowGeometry, _ direction: ConvDirection, _ x: Operand, _ kernel: Operand, _ y: Operand
    ) throws(OpError) {
        let size = unsafe y.dtype.size
        let pieces = geometry.byImages(1)
        try ThreadPool.run(pieces.count) { chunk throws(OpError) in
            let piece = pieces[chunk]
            let x = unsafe Operand(pointer: x.pointer + piece.x * size, dtype: x.dtype, shape: x.shape)
            let y = unsafe Operand(pointer: y.pointer + piece.y * size, dtype: y.dtype, shape: y.shape)
            try unsafe convPlain(direction, piece.geometry, x, kernel, y)
        }
    }

    /// Also the oracle of the tests.
    static func convPlain(
        _ direction: ConvDirection, _ geometry: WindowGeometry, _ x: Operand, _ kernel: Operand, _ y: Operand
    ) throws(OpError) {
        var s = geometry.plain
        switch (direction, geometry.dtype) {
        case (.forward, .f32): unsafe tfs_conv_f32(&s, x.elements(), kernel.elements(), y.elements())
        case (.forward, .f64): unsafe tfs_conv_f64(&s, x.elements(), kernel.elements(), y.elements())
        case (.gradientInput, .f32): unsafe tfs_conv_gradient_input_f32(&s, y.elements(), kernel.elements(), x.elements())
        case (.gradientInput, .f64): unsafe tfs_conv_gradient_input_f64(&s, y.elements(), kernel.elements(), x.elements())
        case (.gradientKernel, .f32): unsafe tfs_conv_gradient_kernel_f32(&s, x.elements(), y.elements(), kernel.elements())
        case (.gradientKernel, .f64): unsafe tfs_conv_gradient_kernel_f64(&s, x.elements(), y.elements(), kernel.elements())
        default: throw noKernel("conv", geometry.dtype)
        }
    }
}

/// A kernel that never changes, in the layout that its last use wanted.
final class KeptKernel: Sendable {
    private enum Layout {
        case none, packed([PackedKernel], for: ConvPlan), transformed(Storage)
    }
    private let layout = Mutex(Layout.none)

    fileprivate func packed(_ plan: ConvPlan, _ kernel: Operand) throws(OpError) -> [PackedKernel] {
        if case .packed(let packed, let known) = layout.withLock({ $0 }), known === plan { return packed }
        let packed = try unsafe plan.pack(kernel)
        layout.withLock { $0 = .packed(packed, for: plan) }
        return packed
    }

    fileprivate func packed(_ winograd: Winograd, _ kernel: Operand) throws(OpError) -> Storage {
        if case .transformed(let packed) = layout.withLock({ $0 }) { return packed }
        let packed = try unsafe winograd.pack(kernel)
        layout.withLock { $0 = .transformed(packed) }
        return packed
    }
}

/// A convolution and its two gradients.
enum ConvDirection: Hashable, Sendable {
    case forward, gradientInput, gradientKernel
}
