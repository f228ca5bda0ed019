internal import CKernels
internal import Glibc
internal import Graphs

extension Lowering {
    func lower(_ special: Special) throws(OpError) -> Lowered {
        switch special {
        case .transpose: transpose()
        case .select, .cast, .reshape, .identity, .broadcast, .slice, .randomUniform: preconditionFailure("`\(op.name)` is part of a fused loop")
        case .concat: concat()
        case .sliceGradient: sliceGradient()
        case .pad: pad()
        case .fill: fill()
        case .iota: iota()
        case .gather: gather()
        case .gatherGradient: gatherGradient()
        case .takeAlong: takeAlong()
        case .takeAlongGradient: takeAlongGradient()
        case .gatherND: gatherND()
        case .scatterND: scatter(into: nil, indices: 0, updates: 1, .add)
        case .scatterUpdate: scatter(into: 0, indices: 1, updates: 2, Self.update(arguments.string("reduction")))
        case .segment: segment()
        case .oneHot: oneHot()
        case .argmax: argExtreme(largest: true)
        case .argmin: argExtreme(largest: false)
        case .cumsum: cumulate(product: false)
        case .cumprod: cumulate(product: true)
        case .sort: sort()
        case .topK: topK()
        case .searchsorted: searchSorted()
        case .nonzero, .unique, .booleanMask:
            // What a script writes is computed at once, by `valueDependent`; here it came inside of another op.
            throw OpError(
                "E0210", "the shape of `\(op.name)` depends on values, which compiled code does not know",
                mend: "use `where` or a mask of fixed shape")
        case .matmul: matmul()
        case .randomNormal, .randomTruncatedNormal, .randomInt, .randomPermutation: random(special)
        case .conv, .convGradientInput, .convGradientKernel: conv(special)
        case .maxPool, .maxPoolGradient, .maxPoolTake, .averagePool, .averagePoolGradient: pool(special)
        case .softmax, .logSoftmax: softmax(special)
        case .batchNorm, .layerNorm: norm(special)
        case .inverse, .solve, .determinant, .cholesky, .qr, .svd, .eigh, .solveTriangular: linalg(special)
        case .scan: try scan()
        case .checkNumerics: checkNumerics()
        case .assert: assert()
        }
    }

    // MARK: Movement

    /// The view's elements, dense: threads take ranges of its first axis.
    private func gather(_ view: ViewPlan) -> Lowered {
        let (size, count) = (result.dtype.size, result.shape.product)
        if view.isDense { return .work(Self.copy(bytes: count * size)) }
        let rows = view.shape.first ?? 1
        let row = count / max(rows, 1)
        let grain = Self.rowsTogether(of: row * size)
        return .work { call throws(OpError) in
            let (x, y) = unsafe (call[0].pointer, call[1].pointer)
            ThreadPool.split(rows, grain: grain) { range in
                let part = range.count == rows ? view : view.part(range)
                unsafe part.with(x, size: size) { unsafe tfs_gather_view(size, $0, y + range.lowerBound * row * size, range.count * row) }
            }
        }
    }

    /// How many rows of so many bytes are worth a thread's while to copy.
    static func rowsTogether(of bytes: Int) -> Int { max(1, (1 << 17) / max(bytes, 1)) }

    private func transpose() -> Lowered {
        let rank = x.shape.count
        let axes = arguments.ints("axes").map { $0 < 0 ? $0 + rank : $0 }
        let dense = ViewPlan.denseStrides(x.shape)
        let view = ViewPlan(result.shape, strides: axes.map { dense[$0] })
        return view.isDense ? .alias : gather(view)
    }

    private func sliceView(of shape: Shape, count: Shape) -> ViewPlan {
        let (begin, step) = (arguments.ints("begin"), arguments.ints("step"))
        let dense = ViewPlan.denseStrides(shape)
        var offset = 0
        if !count.contains(0) { for axis in shape.indices { offset += begin[axis] * dense[axis] } }
        return ViewPlan(count, strides: shape.indices.map { dense[$0] * step[$0] }, offset: offset)
    }

    private func sliceGradient() -> Lowered {
        let view = sliceView(of: result.shape, count: x.shape)
        let (size, bytes, count) = (result.dtype.size, result.byteCount, x.shape.product)
        return .work { call throws(OpError) in
            let y = unsafe call[1].pointer
            unsafe memset(y, 0, bytes)
            unsafe view.with(y, size: size) { unsafe tfs_scatter_view(size, call[0].pointer, $0, count) }
        }
    }

    private func concat() -> Lowered {
        let axis = axis(result.shape.count)
        let size = result.dtype.size
        let outer = result.shape[..<axis].product
        let row = result.shape[axis...].product * size
        let parts = inputs.map { $0.shape[axis...].product * size }
        return .work { call throws(OpError) in
            var column = 0
            for (i, part) in parts.enumerated() where part > 0 {
                let (from, to) = unsafe (call[i].pointer, call[parts.count].pointer + column)
                for o in 0..<outer { unsafe memcpy(to + o * row, from + o * part, part) }
                column += part
            }
        }
    }

    private func pad() -> Lowered {
        let (before, after, dtype) = (arguments.ints("before"), arguments.ints("after"), result.dtype)
        var one: UInt64 = 0
        unsafe tfs_fill(dtype.c, arguments.float("value"), &one, 1)
        let value = one
        // One axis after the other.
        var shape = x.shape
        var stages: [(outer: Int, n: Int, inner: Int, before: Int, after: Int)] = []
        for axis in shape.indices where before[axis] != 0 || after[axis] != 0 {
            let (outer, n, inner) = shape.around(axis)
            stages.append((outer, n, inner, before[axis], after[axis]))
            shape[axis] += before[axis] + after[axis]
        }
        if stages.isEmpty { return .alias }
        let plan = stages
        return .work { call throws(OpError) in
            var value = value
            var kept: [Storage] = []
            var from = unsafe call[0].pointer
            for (i, stage) in plan.enumerated() {
                var to = unsafe call[1].pointer
                if i < plan.count - 1 {
                    kept.append(try scratch(stage.outer * (stage.before + stage.n + stage.after) * stage.inner * dtype.size))
                    unsafe to = kept[i].base
                }
                unsafe tfs_pad_axis(dtype.size, from, to, stage.outer, stage.n, stage.inner, stage.before, stage.after, &value)
                unsafe from = to
            }
            withExtendedLifetime(kept) {}
        }
    }

    // MARK: Creation

    private func fill() -> Lowered {
        let (dtype, count) = (result.dtype.c, result.shape.product)
        switch arguments["value"] {
        case .int(let value): return .work { call throws(OpError) in unsafe tfs_fill_int(dtype, Int64(value), call[0].pointer, count) }
        case .bool(let value): return .work { call throws(OpError) in unsafe tfs_fill_int(dtype, value ? 1 : 0, call[0].pointer, count) }
        default:
            let value = arguments.float("value")
            return .work { call throws(OpError) in unsafe tfs_fill(dtype, value, call[0].pointer, count) }
        }
    }

    private func iota() -> Lowered {
        let dtype = result.dtype.c
        let (outer, n, inner) = result.shape.around(axis(result.shape.count))
        return .work { call throws(OpError) in unsafe tfs_iota(dtype, call[0].pointer, outer, n, inner) }
    }

    private func oneHot() -> Lowered {
        let (from, to) = (x.dtype.c, result.dtype.c)
        let (outer, classes, inner) = result.shape.around(axis(result.shape.count))
        return .work { call throws(OpError) in
            unsafe tfs_one_hot(from, call[0].pointer, to, call[1].pointer, outer, classes, inner)
        }
    }

    // MARK: Random

    private func random(_ special: Special) -> Lowered {
        let (dtype, count) = (result.dtype.c, result.shape.product)
        func draw(_ body: @escaping @Sendable (UInt64, UInt64, UnsafeMutableRawPointer) -> Void) -> Lowered {
            .work { call throws(OpError) in
                unsafe body(call[0].pointer.load(as: UInt64.self), call.step, call[1].pointer)
            }
        }
        switch special {
        case .randomNormal: return unsafe draw { unsafe tfs_random_normal(dtype, $0, $1, false, $2, count) }
        case .randomTruncatedNormal: return unsafe draw { unsafe tfs_random_normal(dtype, $0, $1, true, $2, count) }
        case .randomInt:
            let (lowest, end) = (Int64(arguments.int("minval")), Int64(arguments.int("maxval")))
            let width = UInt64(bitPattern: end &- lowest)
            return unsafe draw { unsafe tfs_random_int(dtype, $0, $1, lowest, width, $2, count) }
        case .randomPermutation:
            return unsafe draw { unsafe tfs_random_permutation($0, $1, $2.assumingMemoryBound(to: Int32.self), count) }
        default: preconditionFailure("`\(op.name)` is part of a fused loop")
        }
    }

    // MARK: Checks

    private func checkNumerics() -> Lowered {
        let (dtype, bytes, shape, message) = (x.dtype.c, x.byteCount, x.shape, arguments.string("message"))
        return .work(
            { call throws(OpError) in
                let place = unsafe tfs_find_nonfinite(dtype, call[0].pointer, shape.product)
                if place != .fine { throw Self.notFinite(message, at: place, in: shape) }
                unsafe memmove(call[1].pointer, call[0].pointer, bytes)
            }, inPlace: true)
    }

    /// Apart from the kernel: with the words written there, release builds of Swift 6.3 threw where nothing was wrong.
    @inline(never) private static func notFinite(_ message: String, at place: Int, in shape: Shape) -> OpError {
        OpError(
            "E0211", message.isEmpty ? "an element is not finite" : message,
            why: "the element at \(Self.place(place, in: shape).text) is nan or infinite")
    }

    private func assert() -> Lowered {
        let (bytes, shape, message) = (result.byteCount, inputs[0].shape, arguments.string("message"))
        return .work(
            { call throws(OpError) in
                let place = unsafe tfs_find_zero(.bool, call[0].pointer, shape.product)
                guard place == .fine else {
                    throw OpError(
                        "E0211", message.isEmpty ? "an asserted condition is false" : message,
                        why: shape.isEmpty ? nil : "it is false at \(Self.place(place, in: shape).text)")
                }
                unsafe memmove(call[2].pointer, call[1].pointer, bytes)
            }, inPlace: true)
    }

    /// The index of the element at a place in row-major order.
    static func place(_ flat: Int, in shape: Shape) -> [Int] {
        var rest = flat
        var result = shape
        for axis in shape.indices.reversed() {
            result[axis] = rest % shape[axis]
            rest /= shape[axis]
        }
        return result
    }
}

extension ArraySlice<Int> {
    var product: Int { reduce(1, *) }
}
