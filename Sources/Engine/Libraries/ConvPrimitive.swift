internal import ConeDNN
internal import Graphs
internal import Synchronization

/// One convolution as oneDNN compiled it for a geometry. Threads run it side by side, each on memory of its own.
///
/// `Sendable` holds because everything but the list of idle runs is written once, and that is under a lock.
@safe final class ConvPrimitive: @unchecked Sendable {
    struct Key: Hashable, Sendable {
        let direction: ConvDirection
        let geometry: WindowGeometry
        /// Of the gradient by the kernel, `bias` asks for the gradient by the bias too.
        let epilogue: Epilogue.Fused
    }

    private let key: Key
    private let engine: dnnl_engine_t
    private var primitive: dnnl_primitive_t?
    /// Between the script's kernel and oneDNN's (for the gradient by the kernel, back); `nil` when they are the same.
    private var reorder: dnnl_primitive_t?
    private let descriptions = UnsafeMutablePointer<dnnl_memory_desc_t>.allocate(capacity: 6)
    private var x: UnsafeMutablePointer<dnnl_memory_desc_t> { unsafe descriptions }
    private var y: UnsafeMutablePointer<dnnl_memory_desc_t> { unsafe descriptions + 1 }
    private var bias: UnsafeMutablePointer<dnnl_memory_desc_t> { unsafe descriptions + 2 }
    private var scratchpad: UnsafeMutablePointer<dnnl_memory_desc_t> { unsafe descriptions + 3 }
    /// As the script has it, and as oneDNN wants it.
    private var kernel: UnsafeMutablePointer<dnnl_memory_desc_t> { unsafe descriptions + 4 }
    private var packed: UnsafeMutablePointer<dnnl_memory_desc_t> { unsafe descriptions + 5 }
    private let idle = Mutex<[Run]>([])

    /// `nil` when oneDNN has no code of its own for the geometry.
    init?(_ key: Key, engine: dnnl_engine_t) throws(OpError) {
        self.key = key
        unsafe self.engine = engine
        unsafe descriptions.initialize(repeating: dnnl_memory_desc_t(), count: 6)
        let g = key.geometry
        let spatial = g.input.count
        let tag = [dnnl_nwc, dnnl_nhwc, dnnl_ndhwc][spatial - 1]
        let type = g.dtype == .bf16 ? dnnl_bf16 : dnnl_f32
        let types = (
            x: key.direction == .gradientInput ? dnnl_f32 : type, kernel: key.direction == .gradientKernel ? dnnl_f32 : type,
            y: key.direction == .forward ? dnnl_f32 : type)

        var dims = Dims([g.batch, g.channelsIn] + g.input)
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_tag(x, Int32(spatial + 2), &dims.values, types.x, tag))
        dims = Dims([g.batch, g.channelsOut] + g.output)
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_tag(y, Int32(spatial + 2), &dims.values, types.y, tag))
        dims = Dims([g.channelsOut])
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_tag(bias, 1, &dims.values, dnnl_f32, dnnl_a))

        // oneDNN's order of axes is (group, out, in, spatial…); the strides say where the script keeps them.
        let (inGroup, outGroup) = (g.channelsIn / g.groups, g.channelsOut / g.groups)
        var strides = [Int](repeating: 0, count: spatial)
        var stride = inGroup * g.channelsOut
        for axis in (0..<spatial).reversed() {
            strides[axis] = stride
            stride *= g.kernel[axis]
        }
        let isGrouped = g.groups > 1
        dims = Dims((isGrouped ? [g.groups] : []) + [outGroup, inGroup] + g.kernel)
        var kernelStrides = Dims((isGrouped ? [outGroup] : []) + [1, g.channelsOut] + strides)
        let rank = Int32(spatial + (isGrouped ? 3 : 2))
        var anyKernel = dnnl_memory_desc_t()
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_tag(&anyKernel, rank, &dims.values, types.kernel, dnnl_format_tag_any))
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_strides(kernel, rank, &dims.values, types.kernel, &kernelStrides.values))

        guard let description = unsafe try describe(anyKernel) else { return nil }
        defer { _ = unsafe dnnl_primitive_desc_destroy(description) }
        let wanted = key.direction == .gradientKernel ? dnnl_query_diff_weights_md : dnnl_query_weights_md
        guard let found = unsafe dnnl_primitive_desc_query_md(description, wanted, 0) else { return nil }
        unsafe packed.pointee = found.pointee
        if let found = unsafe dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0) {
            unsafe scratchpad.pointee = found.pointee
        }
        guard unsafe dnnl_primitive_create(&primitive, description) == dnnl_success else { return nil }
        if unsafe dnnl_memory_desc_equal(packed, kernel) == 0 {
            var order: dnnl_primitive_desc_t?
            let back = key.direction == .gradientKernel
            try unsafe OneDNN.check(
                back
                    ? dnnl_reorder_primitive_desc_create(&order, packed, engine, kernel, engine, nil)
                    : dnnl_reorder_primitive_desc_create(&order, kernel, engine, packed, engine, nil))
            defer { _ = unsafe dnnl_primitive_desc_destroy(order) }
            try unsafe OneDNN.check(dnnl_primitive_create(&reorder, order))
        }
    }

    deinit {
        if unsafe reorder != nil { _ = unsafe dnnl_primitive_destroy(reorder) }
        if unsafe primitive != nil { _ = unsafe dnnl_primitive_destroy(primitive) }
        unsafe descriptions.deallocate()
    }

    /// The primitive to make, or `nil`.
    private func describe(_ anyKernel: dnnl_memory_desc_t) throws(OpError) -> dnnl_primitive_desc_t? {
        let g = key.geometry
        var kernel = anyKernel
        let bias = unsafe key.epilogue.bias ? bias : nil
        var walk = Dims(g.strides)
        var dilations = Dims(g.dilations.map { $0 - 1 })
        var before = Dims(g.before)
        var after = Dims(g.after)
        var attributes: dnnl_primitive_attr_t?
        try unsafe OneDNN.check(dnnl_primitive_attr_create(&attributes))
        defer { _ = unsafe dnnl_primitive_attr_destroy(attributes) }
        // The library's own scratchpad belongs to the thread that compiles.
        try unsafe OneDNN.check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user))
        var description: dnnl_primitive_desc_t?

        if key.direction == .forward {
            var steps: dnnl_post_ops_t?
            try unsafe OneDNN.check(dnnl_post_ops_create(&steps))
            defer { _ = unsafe dnnl_post_ops_destroy(steps) }
            if key.epilogue.relu { try unsafe OneDNN.check(dnnl_post_ops_append_eltwise(steps, 1, dnnl_eltwise_relu, 0, 0)) }
            try unsafe OneDNN.check(dnnl_primitive_attr_set_post_ops(attributes, steps))
            var forward = dnnl_convolution_desc_t()
            let status = unsafe dnnl_dilated_convolution_forward_desc_init(
                &forward, dnnl_forward_inference, dnnl_convolution_direct, x, &kernel, bias, y, &walk.values,
                &dilations.values, &before.values, &after.values)
            guard status == dnnl_success else { return nil }
            guard unsafe dnnl_primitive_desc_create(&description, &forward, attributes, engine, nil) == dnnl_success else { return nil }
        } else {
            // A gradient wants to know its convolution.
            var (forwardX, forwardKernel, forwardY) = unsafe (x.pointee, kernel, y.pointee)
            let type = g.dtype == .bf16 ? dnnl_bf16 : dnnl_f32
            (forwardX.data_type, forwardKernel.data_type, forwardY.data_type) = (type, type, dnnl_f32)
            var forward = dnnl_convolution_desc_t()
            var status = unsafe dnnl_dilated_convolution_forward_desc_init(
                &forward, dnnl_forward_training, dnnl_convolution_direct, &forwardX, &forwardKernel, nil, &forwardY,
                &walk.values, &dilations.values, &before.values, &after.values)
            guard status == dnnl_success else { return nil }
            var hint: dnnl_primitive_desc_t?
            guard unsafe dnnl_primitive_desc_create(&hint, &forward, nil, engine, nil) == dnnl_success else { return nil }
            defer { _ = unsafe dnnl_primitive_desc_destroy(hint) }

            var backward = dnnl_convolution_desc_t()
            if key.direction == .gradientInput {
                status = unsafe dnnl_dilated_convolution_backward_data_desc_init(
                    &backward, dnnl_convolution_direct, x, &kernel, y, &walk.values, &dilations.values, &before.values,
                    &after.values)
            } else {
                status = unsafe dnnl_dilated_convolution_backward_weights_desc_init(
                    &backward, dnnl_convolution_direct, x, &kernel, bias, y, &walk.values, &dilations.values,
                    &before.values, &after.values)
            }
            guard status == dnnl_success else { return nil }
            guard unsafe dnnl_primitive_desc_create(&description, &backward, attributes, engine, hint) == dnnl_success else { return nil }
        }

        // oneDNN's reference loops are slower than ours.
        var name: UnsafePointer<CChar>?
        _ = unsafe withUnsafeMutablePointer(to: &name) { unsafe dnnl_primitive_desc_query(description, dnnl_query_impl_info_str, 0, $0) }
        if let name = unsafe name, unsafe String(cString: name).hasPrefix("ref") {
            _ = unsafe dnnl_primitive_desc_destroy(description)
            return nil
        }
        return unsafe description
    }

    // MARK: The kernel

    /// The bytes of a kernel in oneDNN's layout.
    var packedSize: Int { unsafe dnnl_memory_desc_get_size(packed) }

    /// Whether `other` lays its kernel out the same way.
    func packsLike(_ other: ConvPrimitive) -> Bool { unsafe dnnl_memory_desc_equal(packed, other.packed) != 0 }

    /// The kernel in oneDNN's layout.
    func pack(_ kernel: Operand) throws(OpError) -> PackedKernel {
        guard unsafe reorder != nil else { return try unsafe PackedKernel(packed, engine, at: kernel.pointer) }
        let result = try unsafe PackedKernel(packed, engine)
        try unsafe move(from: PackedKernel(self.kernel, engine, at: kernel.pointer), to: result)
        return result
    }

    /// A place for the gradient by the kernel, in oneDNN's layout; it may be `kernel` itself.
    func place(for kernel: Operand?) throws(OpError) -> PackedKernel {
        if unsafe reorder == nil, let kernel = unsafe kernel { return try unsafe PackedKernel(packed, engine, at: kernel.pointer) }
        return try unsafe PackedKernel(packed, engine)
    }

    /// Writes the gradient by the kernel in the script's layout.
    func unpack(_ packed: PackedKernel, into kernel: Operand) throws(OpError) {
        if unsafe reorder == nil {
            if unsafe packed.pointer != kernel.pointer { unsafe kernel.pointer.copyMemory(from: packed.pointer, byteCount: kernel.byteCount) }
            return
        }
        try unsafe move(from: packed, to: PackedKernel(self.kernel, engine, at: kernel.pointer))
    }

    private func move(from: PackedKernel, to: PackedKernel) throws(OpError) {
        OneDNN.useOneThread()
        let run = try unsafe Run(nil, nil, nil, nil, engine)
        try unsafe run.execute(reorder!, [(DNNL_ARG_FROM, from.memory), (DNNL_ARG_TO, to.memory)])
    }

    // MARK: Running

    /// Computes on the calling thread. x and y are in their places whichever of them is the result; `bias` where
    /// the key says so.
    func run(
        _ x: UnsafeMutableRawPointer, _ kernel: PackedKernel, _ y: UnsafeMutableRawPointer, bias: UnsafeMutableRawPointer?
    ) throws(OpError) {
        OneDNN.useOneThread()
        let waiting = idle.withLock { $0.popLast() }
        let run = if let waiting { waiting } else { try makeRun() }
        unsafe try run.point(x, y, bias)
        let (first, second, third) =
            switch key.direction {
            case .forward: (DNNL_ARG_SRC_0, DNNL_ARG_WEIGHTS_0, DNNL_ARG_DST_0)
            case .gradientInput: (DNNL_ARG_DIFF_SRC_0, DNNL_ARG_WEIGHTS_0, DNNL_ARG_DIFF_DST_0)
            case .gradientKernel: (DNNL_ARG_SRC_0, DNNL_ARG_DIFF_WEIGHTS_0, DNNL_ARG_DIFF_DST_0)
            }
        try unsafe run.execute(
            primitive!,
            [
                (first, run.x), (second, kernel.memory), (third, run.y),
                (key.direction == .gradientKernel ? DNNL_ARG_DIFF_BIAS : DNNL_ARG_BIAS, run.bias),
                (DNNL_ARG_SCRATCHPAD, run.scratchpad),
            ])
        idle.withLock { $0.append(run) }
    }

    private func makeRun() throws(OpError) -> Run {
        try unsafe Run(x, y, key.epilogue.bias ? bias : nil, scratchpad, engine)
    }

    /// What one thread runs a primitive with.
    @safe private final class Run: @unchecked Sendable {
        private(set) var x: dnnl_memory_t?
        private(set) var y: dnnl_memory_t?
        private(set) var bias: dnnl_memory_t?
        private(set) var scratchpad: dnnl_memory_t?
        private var stream: dnnl_stream_t?
        private let arguments: UnsafeMutablePointer<dnnl_exec_arg_t>

        init(
            _ x: UnsafePointer<dnnl_memory_desc_t>?, _ y: UnsafePointer<dnnl_memory_desc_t>?,
            _ bias: UnsafePointer<dnnl_memory_desc_t>?,
            _ scratchpad: UnsafePointer<dnnl_memory_desc_t>?, _ engine: dnnl_engine_t
        ) throws(OpError) {
            unsafe arguments = .allocate(capacity: 5)
            try unsafe OneDNN.check(dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)))
            if let x = unsafe x { try unsafe OneDNN.check(dnnl_memory_create(&self.x, x, engine, nil)) }
            if let y = unsafe y { try unsafe OneDNN.check(dnnl_memory_create(&self.y, y, engine, nil)) }
            if let bias = unsafe bias { try unsafe OneDNN.check(dnnl_memory_create(&self.bias, bias, engine, nil)) }
            if let scratchpad = unsafe scratchpad, unsafe dnnl_memory_desc_get_size(scratchpad) > 0 {
                let own = unsafe UnsafeMutableRawPointer(bitPattern: UInt.max)  // `DNNL_MEMORY_ALLOCATE`, which Swift cannot read
                try unsafe OneDNN.check(dnnl_memory_create(&self.scratchpad, scratchpad, engine, own))
            }
        }

        deinit {
            for unsafe memory in unsafe [x, y, bias, scratchpad] where unsafe memory != nil {
                _ = unsafe dnnl_memory_destroy(memory)
            }
            _ = unsafe dnnl_stream_destroy(stream)
            unsafe arguments.deallocate()
        }

        func point(
            _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ bias: UnsafeMutableRawPointer?
        ) throws(OpError) {
            try unsafe OneDNN.check(dnnl_memory_set_data_handle(self.x, x))
            try unsafe OneDNN.check(dnnl_memory_set_data_handle(self.y, y))
            if unsafe self.bias != nil { try unsafe OneDNN.check(dnnl_memory_set_data_handle(self.bias, bias)) }
        }

        func execute(_ primitive: dnnl_primitive_t, _ list: [(Int32, dnnl_memory_t?)]) throws(OpError) {
            var count = 0
            for unsafe (argument, memory) in unsafe list where unsafe memory != nil {
                unsafe arguments[count] = dnnl_exec_arg_t(arg: argument, memory: memory)
                count += 1
            }
            try unsafe OneDNN.check(dnnl_primitive_execute(primitive, stream, Int32(count), arguments))
            try unsafe OneDNN.check(dnnl_stream_wait(stream))
        }
    }
}

/// A kernel in the layout that a primitive wants, or the script's own memory where that is the same.
///
/// `Sendable` holds because it is written whole before others read it.
@safe final class PackedKernel: @unchecked Sendable {
    private(set) var memory: dnnl_memory_t?
    let pointer: UnsafeMutableRawPointer
    private let storage: Storage?

    fileprivate init(
        _ description: UnsafePointer<dnnl_memory_desc_t>, _ engine: dnnl_engine_t, at pointer: UnsafeMutableRawPointer? = nil
    ) throws(OpError) {
        if let pointer = unsafe pointer {
            storage = nil
            unsafe self.pointer = pointer
        } else {
            let size = unsafe dnnl_memory_desc_get_size(description)
            guard let storage = Storage(byteCount: size) else { throw .memory(bytes: Double(size), of: "a packed kernel") }
            self.storage = storage
            unsafe self.pointer = storage.base
        }
        try unsafe OneDNN.check(dnnl_memory_create(&memory, description, engine, self.pointer))
    }

    deinit { _ = unsafe dnnl_memory_destroy(memory) }
}

/// `dnnl_dims_t`: sizes of up to 12 axes.
private struct Dims {
    var values: [Int64]
    init(_ sizes: [Int]) { values = sizes.map(Int64.init) + [Int64](repeating: 0, count: 12 - sizes.count) }
}
