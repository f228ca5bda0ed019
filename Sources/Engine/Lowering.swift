internal import CKernels
internal import Glibc
internal import Graphs

/// An op of known shapes on its way to an instruction.
struct Lowering {
    let op: Op
    let attributes: Attributes
    let inputs: [TensorType]
    let results: [TensorType]
    /// Which results somebody uses.
    let isNeeded: [Bool]
    var finish = Finish()
    /// Which inputs are the same at every run.
    var isFixed: [Bool] = []

    /// What a library does to its result: where the summands are among the operands.
    struct Finish {
        var bias: Int?
        var residual: Int?
        var isRelu = false
        var count: Int { (bias == nil ? 0 : 1) + (residual == nil ? 0 : 1) }

        func epilogue(_ call: Call) -> Epilogue {
            unsafe Epilogue(bias: bias.map { unsafe call[$0] }, residual: residual.map { unsafe call[$0] }, relu: isRelu)
        }
    }

    enum Lowered {
        /// The result is the first input under another shape.
        case alias
        /// `inPlace`: the result may lie where an input of its size lay.
        case work(Work, inPlace: Bool)

        static func work(_ work: @escaping Work) -> Lowered { .work(work, inPlace: false) }
    }

    var arguments: Arguments { Arguments(op, attributes) }
    var x: TensorType { inputs[0] }
    var result: TensorType { results[0] }

    /// Whether the kernel leaves out results that nobody needs; the others are then not even memory.
    var omitsUnneeded: Bool { if case .special(.scan) = op.kernel { true } else { false } }

    func lower() throws(OpError) -> Lowered {
        switch op.kernel {
        case .map, .zip: preconditionFailure("`\(op.name)` is part of a fused loop")
        case .reduce(let kernel): reduce(kernel)
        case .special(let special): try lower(special)
        case .composed: preconditionFailure("`\(op.name)` is expanded when a graph is built")
        }
    }

    /// The attribute `axis`, counted from the front.
    func axis(_ rank: Int, _ name: String = "axis") -> Int {
        let axis = arguments.int(name)
        return axis < 0 ? axis + rank : axis
    }

    static func copy(bytes: Int) -> Work {
        { call throws(OpError) in unsafe memcpy(call[1].pointer, call[0].pointer, bytes) }
    }

    /// An error when an element of an integer divisor is zero.
    static func divisorCheck(_ x: TensorType, isRemainder: Bool) -> Work {
        let (dtype, count, sign) = (x.dtype.c, x.shape.product, isRemainder ? "%" : "//")
        return { call throws(OpError) in
            if unsafe tfs_find_zero(dtype, call.pointer(0), count) != .fine {
                throw OpError("E0209", "integer division by zero", why: "the divisor of `\(sign)` has a zero", mend: "cast to f32, or mask with `where`")
            }
        }
    }

    // MARK: Reductions

    /// An array seen as [outer, n, inner], folded over n, once for each run of axes that go.
    static func stages(_ shape: Shape, _ arguments: Arguments) -> [(outer: Int, n: Int, inner: Int)] {
        let axes = Set((arguments.optionalInts("axis") ?? Array(shape.indices)).map { $0 < 0 ? $0 + shape.count : $0 })
        // Neighbouring axes that are folded, or kept, alike count as one.
        var groups: [(size: Int, isFolded: Bool)] = []
        for (axis, size) in shape.enumerated() where size != 1 {
            if groups.last?.isFolded == axes.contains(axis) {
                groups[groups.count - 1].size *= size
            } else {
                groups.append((size, axes.contains(axis)))
            }
        }
        if !groups.contains(where: \.isFolded) { groups.append((1, true)) }
        // The last group first: it is dense.
        var stages: [(outer: Int, n: Int, inner: Int)] = []
        while let last = groups.lastIndex(where: \.isFolded) {
            stages.append(groups.map(\.size).around(last))
            groups.remove(at: last)
        }
        return stages
    }

    private func reduce(_ kernel: tfs_reduce) -> Lowered {
        let stages = Self.stages(x.shape, arguments)
        let dtype = x.dtype
        let wide: DType =
            switch dtype {
            case .bool: kernel == .all || kernel == .any ? .bool : .i32
            case .u8, .i8, .i16: .i32
            case .f16, .bf16: .f32
            case .i32, .i64, .f32, .f64, .string: dtype
            }
        let count = x.shape.product
        if wide == dtype, stages.count == 1 {
            let stage = stages[0]
            return .work { call throws(OpError) in
                unsafe tfs_reduce(kernel, wide.c, call[0].pointer, call[1].pointer, stage.outer, stage.n, stage.inner)
            }
        }
        let plan = stages
        return .work { call throws(OpError) in
            var from = try scratch(count * wide.size)
            unsafe tfs_cast(dtype.c, call[0].pointer, wide.c, from.base, count)
            for stage in plan {
                let to = try scratch(stage.outer * stage.inner * wide.size)
                unsafe tfs_reduce(kernel, wide.c, from.base, to.base, stage.outer, stage.n, stage.inner)
                from = to
            }
            unsafe tfs_cast(wide.c, from.base, dtype.c, call[1].pointer, plan[plan.count - 1].outer * plan[plan.count - 1].inner)
        }
    }
}

extension Int {
    /// What kernels that look for mistakes return when there is none.
    static let fine = Int(bitPattern: UInt.max)
}

/// Memory for the length of a call.
func scratch(_ byteCount: Int) throws(OpError) -> Storage {
    guard let storage = Storage(byteCount: byteCount) else { throw .memory(bytes: Double(byteCount), of: "a step of this computation") }
    return storage
}
