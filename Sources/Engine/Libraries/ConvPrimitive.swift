internal import ConeDNN
internal import Graphs

/// One convolution as oneDNN compiled it for a geometry, with the reordering of its kernel and the descriptions of
/// its memory. Executing is `OneDNN`'s job.
@safe final class ConvPrimitive {
    struct Key: Hashable, Sendable {
        let direction: ConvDirection
        let geometry: WindowGeometry
    }

    let primitive: dnnl_primitive_t
    /// Between the script's kernel and oneDNN's (for the gradient by the kernel, back); `nil` when they are the same.
    private(set) var reorder: dnnl_primitive_t?
    private(set) var x: dnnl_memory_t?
    private(set) var y: dnnl_memory_t?
    private(set) var kernel: dnnl_memory_t?
    /// The kernel as the primitive wants it, in scratch memory of `packedSize` bytes.
    private(set) var packed: dnnl_memory_t?
    private(set) var packedSize = 0

    /// `nil` when oneDNN has no implementation for the geometry.
    init?(_ key: Key, engine: dnnl_engine_t) throws(OpError) {
        let g = key.geometry
        let spatial = g.input.count
        let tag = [dnnl_nwc, dnnl_nhwc, dnnl_ndhwc][spatial - 1]
        var x = dnnl_memory_desc_t()
        var y = dnnl_memory_desc_t()
        var anyKernel = dnnl_memory_desc_t()
        var kernel = dnnl_memory_desc_t()

        var dims = Dims([g.batch, g.channelsIn] + g.input)
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_tag(&x, Int32(spatial + 2), &dims.values, dnnl_f32, tag))
        dims = Dims([g.batch, g.channelsOut] + g.output)
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_tag(&y, Int32(spatial + 2), &dims.values, dnnl_f32, tag))

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
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_tag(&anyKernel, rank, &dims.values, dnnl_f32, dnnl_format_tag_any))
        try unsafe OneDNN.check(dnnl_memory_desc_init_by_strides(&kernel, rank, &dims.values, dnnl_f32, &kernelStrides.values))

        var walk = Dims(g.strides)
        var dilations = Dims(g.dilations.map { $0 - 1 })
        var before = Dims(g.before)
        var after = Dims(g.after)

        var forward = dnnl_convolution_desc_t()
        let kind = key.direction == .forward ? dnnl_forward_inference : dnnl_forward_training
        var status = unsafe dnnl_dilated_convolution_forward_desc_init(
            &forward, kind, dnnl_convolution_direct, &x, &anyKernel, nil, &y, &walk.values, &dilations.values,
            &before.values, &after.values)
        guard status == dnnl_success else { return nil }
        var description: dnnl_primitive_desc_t?
        status = unsafe dnnl_primitive_desc_create(&description, &forward, nil, engine, nil)
        guard status == dnnl_success else { return nil }
        defer { _ = unsafe dnnl_primitive_desc_destroy(description) }

        if key.direction != .forward {
            var backward = dnnl_convolution_desc_t()
            if key.direction == .gradientInput {
                status = unsafe dnnl_dilated_convolution_backward_data_desc_init(
                    &backward, dnnl_convolution_direct, &x, &anyKernel, &y, &walk.values, &dilations.values,
                    &before.values, &after.values)
            } else {
                status = unsafe dnnl_dilated_convolution_backward_weights_desc_init(
                    &backward, dnnl_convolution_direct, &x, &anyKernel, nil, &y, &walk.values, &dilations.values,
                    &before.values, &after.values)
            }
            guard status == dnnl_success else { return nil }
            let hint = unsafe description
            unsafe description = nil
            status = unsafe dnnl_primitive_desc_create(&description, &backward, nil, engine, hint)
            _ = unsafe dnnl_primitive_desc_destroy(hint)
            guard status == dnnl_success else { return nil }
        }

        let wanted = key.direction == .gradientKernel ? dnnl_query_diff_weights_md : dnnl_query_weights_md
        guard let packed = unsafe dnnl_primitive_desc_query_md(description, wanted, 0) else { return nil }
        var created: dnnl_primitive_t?
        status = unsafe dnnl_primitive_create(&created, description)
        guard status == dnnl_success, let created = unsafe created else { return nil }
        unsafe primitive = created

        try unsafe OneDNN.check(dnnl_memory_create(&self.x, &x, engine, nil))
        try unsafe OneDNN.check(dnnl_memory_create(&self.y, &y, engine, nil))
        try unsafe OneDNN.check(dnnl_memory_create(&self.kernel, &kernel, engine, nil))
        if unsafe dnnl_memory_desc_equal(packed, &kernel) == 0 {
            packedSize = unsafe dnnl_memory_desc_get_size(packed)
            try unsafe OneDNN.check(dnnl_memory_create(&self.packed, packed, engine, nil))
            var order: dnnl_primitive_desc_t?
            let back = key.direction == .gradientKernel
            try unsafe OneDNN.check(
                back
                    ? dnnl_reorder_primitive_desc_create(&order, packed, engine, &kernel, engine, nil)
                    : dnnl_reorder_primitive_desc_create(&order, &kernel, engine, packed, engine, nil))
            defer { _ = unsafe dnnl_primitive_desc_destroy(order) }
            try unsafe OneDNN.check(dnnl_primitive_create(&reorder, order))
        }
    }

    deinit {
        for unsafe memory in unsafe [x, y, kernel, packed] where unsafe memory != nil { _ = unsafe dnnl_memory_destroy(memory) }
        if unsafe reorder != nil { _ = unsafe dnnl_primitive_destroy(reorder) }
        _ = unsafe dnnl_primitive_destroy(primitive)
    }
}

/// `dnnl_dims_t`: sizes of up to 12 axes.
private struct Dims {
    var values: [Int64]
    init(_ sizes: [Int]) { values = sizes.map(Int64.init) + [Int64](repeating: 0, count: 12 - sizes.count) }
}
