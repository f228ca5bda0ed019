// Products of matrices, factorisations, and what is made of them. Matrices stand in the last two axes; the axes before
// are batches.
extension Op {
    static let linearAlgebra: [Op] = [
        .special(
            "_matmul", doc: "The product of matrices.", [.tensor("a"), .tensor("b"), .bool("transpose_a", false), .bool("transpose_b", false)],
            promotion: .number, kernel: .matmul, example: "matmul([[1, 2]], [[3], [4]])    # => [[11]]",
            samples: [
                Sample([.random([2, 3]), .random([3, 2])]), Sample([.random([3, 2]), .random([4, 3])], ["transpose_a": .bool(true), "transpose_b": .bool(true)]),
                Sample([.random([2, 1, 2, 3]), .random([3, 3, 4])]), Sample([.random([2, 3]), .random([4, 3])], ["transpose_b": .bool(true)]),
                Sample([.random([3, 2]), .random([3, 4])], ["transpose_a": .bool(true)]),
            ],
            gradient: .of { (g, dy) throws(OpError) in
                let (a, b) = (g.inputs[0], g.inputs[1])
                let (ta, tb) = (g.arguments.bool("transpose_a"), g.arguments.bool("transpose_b"))
                // The factor's first, which most often is a kernel: then what came from the layer below may go.
                let db = tb ? try dy.matmul(a, transposeA: true, transposeB: ta) : try a.matmul(dy, transposeA: !ta)
                let da = ta ? try b.matmul(dy, transposeA: tb, transposeB: true) : try dy.matmul(b, transposeB: !tb)
                return [try da.unbroadcast(to: a.shape), try db.unbroadcast(to: b.shape)]
            },
            infer: { (i) throws(OpError) in
                [TensorType(i.dtype, try product(i.op, i.shape, i.inputs[1].shape, i.arguments.bool("transpose_a"), i.arguments.bool("transpose_b")))]
            }),
        .composed(
            "matmul", doc: "The product of matrices (`a @ b`), batched over leading axes; a vector is a row on the left, a column on the right.",
            [.tensor("a"), .tensor("b"), .bool("transpose_a", false), .bool("transpose_b", false)], promotion: .number,
            example: "matmul([[1, 2]], [[3], [4]])    # => [[11]]", samples: [Sample([.random([2, 2, 3]), .random([3, 2])]), Sample([.random([3]), .random([3, 2])])],
            infer: { (i) throws(OpError) in
                try i.requireNumbers()
                try i.require(rank: 1...64)
                try i.require(rank: 1...64, 1)
                let (a, b) = (i.shape, i.inputs[1].shape)
                var shape = try product(
                    i.op, a.count == 1 ? [1, a[0]] : a, b.count == 1 ? [b[0], 1] : b, a.count > 1 && i.arguments.bool("transpose_a"),
                    b.count > 1 && i.arguments.bool("transpose_b"), shown: (a, b))
                if b.count == 1 { shape.removeLast() }
                if a.count == 1 { shape.remove(at: shape.count - (b.count == 1 ? 1 : 2)) }
                return [TensorType(i.dtype, shape)]
            },
            { (e) throws(OpError) in
                [try matrixProduct(e.inputs[0], e.inputs[1], e.arguments.bool("transpose_a"), e.arguments.bool("transpose_b"))]
            }),
        .composed(
            "dot", doc: "Σ over the last axis of a and the last but one of b (NumPy's rule); of vectors the inner product.", [.tensor("a"), .tensor("b")],
            promotion: .number, example: "dot([1, 2], [3, 4])    # => 11", samples: [Sample([.random([2, 3]), .random([4, 3, 2])])]
        ) { (e) throws(OpError) in
            let (a, b) = (e.inputs[0], e.inputs[1])
            if a.shape.isEmpty || b.shape.isEmpty { return [try a * b] }
            return [try contracted(e.arguments.op, a, b, [a.shape.count - 1], [Swift.max(b.shape.count - 2, 0)])]
        },
        .composed("matvec", doc: "The product of matrices and vectors: [.., m, n] and [.., n] give [.., m].", [.tensor("a"), .x], promotion: .number, example: "matvec([[1, 2], [3, 4]], [1, 1])    # => [3, 7]", samples: [Sample([.random([2, 2, 3]), .random([2, 3])])]) {
            (e) throws(OpError) in
            let (a, x) = (e.inputs[0], e.inputs[1])
            if a.shape.count < 2 { throw .rank(e.arguments.op, "a", "at least 2 axes", got: a.shape) }
            if x.shape.isEmpty { throw .rank(e.arguments.op, "x", "at least 1 axis", got: x.shape) }
            let y = try a.matmul(x.expanded(x.shape.count))
            return [try y.reshaped(Shape(y.shape.dropLast()))]
        },
        .composed("vdot", doc: "The inner product of all elements.", [.tensor("a"), .tensor("b")], promotion: .number, example: "vdot([1, 2], [3, 4])    # => 11", samples: [Sample([.random([2, 3]), .random([2, 3])])]) {
            (e) throws(OpError) in [try (e.inputs[0].op("ravel") * e.inputs[1].op("ravel")).op("sum")]
        },
        .composed("inner", doc: "Σ over the last axes of both.", [.tensor("a"), .tensor("b")], promotion: .number, example: "inner([1, 2], [3, 4])    # => 11", samples: [Sample([.random([2, 3]), .random([4, 3])])]) {
            (e) throws(OpError) in
            let (a, b) = (e.inputs[0], e.inputs[1])
            if a.shape.isEmpty || b.shape.isEmpty { return [try a * b] }
            return [try contracted(e.arguments.op, a, b, [a.shape.count - 1], [b.shape.count - 1])]
        },
        .composed("outer", doc: "All products of an element of a with one of b.", [.tensor("a"), .tensor("b")], promotion: .number, example: "outer([1, 2], [3, 4])    # => [[3, 4], [6, 8]]", samples: [Sample([.random([2]), .random([3])])]) {
            (e) throws(OpError) in [try e.inputs[0].op("ravel").expanded(1) * e.inputs[1].op("ravel")]
        },
        .composed(
            "tensordot", doc: "Σ over axes of both: the last n of a with the first n of b, or the two lists given.",
            [.tensor("a"), .tensor("b"), Parameter("axes", .pairs, default: .ints([2]), doc: "a number, or a list of axes of a and one of b")], promotion: .number,
            example: "tensordot([1, 2], [3, 4], 1)    # => 11", samples: [Sample([.random([2, 3, 4]), .random([3, 4, 2])]), Sample([.random([2, 3]), .random([4, 2])], ["axes": .ints([0, 1])])]
        ) { (e) throws(OpError) in
            let (a, b, axes) = (e.inputs[0], e.inputs[1], e.arguments.ints("axes"))
            if axes.count == 1 {
                let n = axes[0]
                guard n >= 0, n <= a.shape.count, n <= b.shape.count else { throw .value(e.arguments.op, "axes", n, expected: "at most the rank of each") }
                return [try contracted(e.arguments.op, a, b, Array((a.shape.count - n)..<a.shape.count), Array(0..<n))]
            }
            if axes.count % 2 != 0 { throw .value(e.arguments.op, "axes", axes, expected: "as many axes of a as of b") }
            return [
                try contracted(
                    e.arguments.op, a, b, e.arguments.op.resolve(axes: Array(axes.prefix(axes.count / 2)), rank: a.shape.count),
                    e.arguments.op.resolve(axes: Array(axes.suffix(axes.count / 2)), rank: b.shape.count))
            ]
        },
        .composed(
            "einsum", doc: "Einstein's sum: axes with the same letter go together, letters missing on the right are summed; `...` stands for any axes.",
            [Parameter("spec", .string([])), Parameter("xs", .tensors)], promotion: .number, example: "einsum(\"ij,jk->ik\", [[1, 2]], [[3], [4]])    # => [[11]]",
            samples: [
                Sample([.random([2, 3]), .random([3, 4])], ["spec": .string("ij,jk->ik")]), Sample([.random([3, 3])], ["spec": .string("ii->i")]),
                Sample([.random([2, 2, 3]), .random([4, 3])], ["spec": .string("...ij,kj->...ki")]), Sample([.random([2]), .random([3]), .random([2, 3])], ["spec": .string("i,j,ij")]),
            ], infer: { (i) throws(OpError) in [try Einsum(i.op, i.arguments.string("spec"), i.inputs.map(\.shape)).type(i.inputs)] },
            { (e) throws(OpError) in [try Einsum(e.arguments.op, e.arguments.string("spec"), e.inputs.map(\.shape)).term(e.inputs)] }),
        .composed("kron", doc: "Kronecker's product of two matrices.", [.tensor("a"), .tensor("b")], promotion: .number, example: "kron([[1, 2]], [[1], [1]])    # => [[1, 2], [1, 2]]", samples: [Sample([.random([2, 3]), .random([3, 2])])]) {
            (e) throws(OpError) in
            let (a, b) = (e.inputs[0], e.inputs[1])
            for x in [a, b] where x.shape.count != 2 { throw .rank(e.arguments.op, "a", "2 axes", got: x.shape) }
            let (m, n, p, q) = (a.shape[0], a.shape[1], b.shape[0], b.shape[1])
            return [try (a.reshaped([m, 1, n, 1]) * b.reshaped([1, p, 1, q])).reshaped([e.arguments.op.product(m, p), e.arguments.op.product(n, q)])]
        },
        .composed("cross", doc: "The cross product of vectors of three along an axis.", [.tensor("a"), .tensor("b"), .axis(-1)], promotion: .number, example: "cross([1, 0, 0], [0, 1, 0])    # => [0, 0, 1]", samples: [Sample([.random([2, 3]), .random([3])])]) {
            (e) throws(OpError) in
            let shape = try e.arguments.op.broadcast(e.inputs.map(\.shape))
            let axis = try e.arguments.axis(rank: shape.count)
            if shape[axis] != 3, shape[axis] >= 0 { throw .value(e.arguments.op, "the size of axis \(axis)", shape[axis], expected: "3") }
            func turned(_ x: Term, _ by: Int) throws(OpError) -> Term {
                let x = try x.broadcast(shape)
                return try [x.sliced(axis, by, 3), x.sliced(axis, 0, by)].concat(axis)
            }
            let (a, b) = (e.inputs[0], e.inputs[1])
            return [try turned(a, 1) * turned(b, 2) - turned(a, 2) * turned(b, 1)]
        },
        .composed(
            "cdist", doc: "Distances of each row of x to each row of y.", [.x, .tensor("y"), .choice("metric", ["euclidean", "sqeuclidean", "cosine", "manhattan"])], promotion: .real,
            example: "cdist([[0.0, 0.0]], [[3.0, 4.0]])    # => [[5.0]]",
            samples: ["euclidean", "sqeuclidean", "cosine", "manhattan"].map { Sample([.distinct([2, 3]), .random([4, 3])], ["metric": .string($0)]) },
            infer: { (i) throws(OpError) in
                for k in 0...1 { try i.require(rank: 2...2, k) }
                if ![i.shape[1]].matches([i.inputs[1].shape[1]]) { throw .disagree(i.op, "the rows are equally long", i.shape, i.inputs[1].shape) }
                return [TensorType(i.dtype, [i.shape[0], i.inputs[1].shape[0]])]
            },
            { (e) throws(OpError) in
                let (x, y) = (e.inputs[0], e.inputs[1])
                switch e.arguments.string("metric") {
                case "cosine": return [try 1 - x.op("normalize").matmul(y.op("normalize"), transposeB: true)]
                case "manhattan": return [try (x.expanded(1) - y).op("abs").sum([2])]
                default:
                    let squares = try (x.expanded(1) - y).op("square").sum([2])
                    return [e.arguments.string("metric") == "sqeuclidean" ? squares : try root(squares)]
                }
            }),
        .matrix("_inv", doc: "The inverse.", kernel: .inverse, gradient: .of { (b, dy) throws(OpError) in
            let y = b.outputs[0]
            return [try -(y.matmul(dy, transposeA: true).matmul(y, transposeB: true))]
        }) { shape in [shape] },
        .matrix("_det", doc: "The determinant.", kernel: .determinant, gradient: .of { (b, dy) throws(OpError) in
            let inverse = try b.inputs[0].op("_inv").matrixTranspose
            return [try inverse * (dy * b.outputs[0]).reshaped(dy.shape + [1, 1])]
        }) { shape in [Shape(shape.dropLast(2))] },
        .matrix("_cholesky", doc: "The lower Cholesky factor.", kernel: .cholesky, sample: .positive([3, 3]), gradient: .of { (b, dy) throws(OpError) in
            let l = b.outputs[0]
            let p = try lowerHalf(l.matmul(dy, transposeA: true))
            let half = try triangular(l, p, lower: true, transpose: true)
            let s = try triangular(l, half.matrixTranspose, lower: true, transpose: true).matrixTranspose
            return [try (s + s.matrixTranspose) * 0.5]
        }) { shape in [shape] },
        .matrix("_qr", doc: "Reduced QR factors.", kernel: .qr, results: ["q", "r"], square: false, sample: .matrix([4, 3]), gradient: .rule { (b) throws(OpError) in
            let (q, r) = (b.outputs[0], b.outputs[1])
            if b.inputs[0].shape[b.inputs[0].shape.count - 2] < r.shape[r.shape.count - 1] {
                throw .rank(b.arguments.op, "x", "at least as many rows as columns for its gradient", got: b.inputs[0].shape)
            }
            let (dq, dr) = (try b.gradients[0].or(0, like: q), try b.gradients[1].or(0, like: r))
            let m = try r.matmul(dr, transposeB: true) - dq.matmul(q, transposeA: true)
            let lower = try m.op("tril") + m.op("tril", with: ["k": .int(-1)]).matrixTranspose
            return [try triangular(r, (dq + q.matmul(lower)).matrixTranspose, lower: false, transpose: false).matrixTranspose]
        }) { shape in
            let (m, n) = (shape[shape.count - 2], shape[shape.count - 1])
            let k = m < 0 || n < 0 ? -1 : Swift.min(m, n)
            return [shape.replacing(shape.count - 1, with: k), shape.replacing(shape.count - 2, with: k)]
        },
        .matrix("_svd", doc: "Singular values and vectors.", kernel: .svd, results: ["u", "s", "vh"], square: false, sample: .positive([3, 3]), gradient: .rule { (g) throws(OpError) in
            let (u, s, vh) = (g.outputs[0], g.outputs[1], g.outputs[2])
            let (du, ds, dvh) = (try g.gradients[0].or(0, like: u), try g.gradients[1].or(0, like: s), try g.gradients[2].or(0, like: vh))
            let (v, dv) = (try vh.matrixTranspose, try dvh.matrixTranspose)
            let (row, column) = (try s.expanded(s.shape.count), try s.expanded(s.shape.count - 1))
            let f = try reciprocalDifference(column * column - row * row)
            func skew(_ x: Term, _ dx: Term) throws(OpError) -> Term {
                let p = try x.matmul(dx, transposeA: true)
                return try f * (p - p.matrixTranspose)
            }
            let eye = try offset(g.builder, [s.shape[s.shape.count - 1], s.shape[s.shape.count - 1]]).op("equal", g.builder.constant(0, .i32)).cast(s.dtype)
            let middle = try skew(u, du) * column + row * skew(v, dv) + eye * ds.expanded(s.shape.count)
            var dx = try u.matmul(middle).matmul(vh)
            let scaledU = try du / column
            dx = try dx + (scaledU - u.matmul(u.matmul(scaledU, transposeA: true))).matmul(vh)
            let scaledV = try dvh / row
            return [try dx + u.matmul(scaledV - scaledV.matmul(v).matmul(vh))]
        }) { shape in
            let (m, n) = (shape[shape.count - 2], shape[shape.count - 1])
            let k = m < 0 || n < 0 ? -1 : Swift.min(m, n)
            return [shape.replacing(shape.count - 1, with: k), Shape(shape.dropLast(2)) + [k], shape.replacing(shape.count - 2, with: k)]
        },
        .matrix("_eigh", doc: "Eigenvalues, ascending, and vectors of a symmetric matrix.", kernel: .eigh, results: ["values", "vectors"], sample: .positive([3, 3]), gradient: .rule { (g) throws(OpError) in
            let (w, v) = (g.outputs[0], g.outputs[1])
            let (dw, dv) = (try g.gradients[0].or(0, like: w), try g.gradients[1].or(0, like: v))
            let (row, column) = (try w.expanded(w.shape.count), try w.expanded(w.shape.count - 1))
            let n = w.shape[w.shape.count - 1]
            let eye = try offset(g.builder, [n, n]).op("equal", g.builder.constant(0, .i32)).cast(w.dtype)
            let middle = try eye * dw.expanded(w.shape.count) + reciprocalDifference(column - row) * v.matmul(dv, transposeA: true)
            let dx = try v.matmul(middle).matmul(v, transposeB: true)
            return [try (dx + dx.matrixTranspose) * 0.5]
        }) { shape in [Shape(shape.dropLast()), shape] },
        .special(
            "_solve", doc: "X of A·X = B.", [.tensor("a"), .tensor("b")], promotion: .real, kernel: .solve, example: "linalg.solve([[2.0]], [[4.0]])    # => [[2.0]]",
            samples: [Sample([.matrix([3, 3]), .random([3, 2])])],
            gradient: .of { (g, dy) throws(OpError) in
                let db = try g.inputs[0].matrixTranspose.op("_solve", dy)
                let da = try -(db.matmul(g.outputs[0], transposeB: true))
                return [try da.unbroadcast(to: g.inputs[0].shape), try db.unbroadcast(to: g.inputs[1].shape)]
            },
            infer: solving),
        .special(
            "_solve_triangular", doc: "X of A·X = B, A triangular.", [.tensor("a"), .tensor("b"), .bool("lower", true), .bool("transpose", false)], promotion: .real,
            kernel: .solveTriangular, example: "linalg.solve_triangular([[2.0]], [[4.0]])    # => [[2.0]]",
            samples: [Sample([.matrix([3, 3]), .random([3, 2])]), Sample([.matrix([3, 3]), .random([3, 2])], ["lower": .bool(false), "transpose": .bool(true)])],
            gradient: .of { (g, dy) throws(OpError) in
                let (a, y) = (g.inputs[0], g.outputs[0])
                let (lower, transpose) = (g.arguments.bool("lower"), g.arguments.bool("transpose"))
                let db = try triangular(a, dy, lower: lower, transpose: !transpose)
                let full = transpose ? try y.matmul(db, transposeB: true) : try db.matmul(y, transposeB: true)
                let da = try -(full.op(lower ? "tril" : "triu"))
                return [try da.unbroadcast(to: a.shape), try db.unbroadcast(to: g.inputs[1].shape)]
            },
            infer: solving),
        .ofMatrix("linalg.inv", doc: "The inverse of square matrices.", example: "linalg.inv([[2.0]])    # => [[0.5]]", infer: { $0 }) { (x, _) throws(OpError) in try x.op("_inv") },
        .ofMatrix("linalg.det", doc: "The determinant of square matrices.", example: "linalg.det([[2.0, 0.0], [0.0, 3.0]])    # => 6.0", infer: { Shape($0.dropLast(2)) }) { (x, _) throws(OpError) in try x.op("_det") },
        .ofMatrix("linalg.cholesky", doc: "The triangular L with L·Lᵀ = x, x symmetric positive definite.", [.bool("upper", false, doc: "give Lᵀ")], example: "linalg.cholesky([[4.0]])    # => [[2.0]]", positive: true, infer: { $0 }) {
            (x, a) throws(OpError) in a.bool("upper") ? try x.op("_cholesky").matrixTranspose : try x.op("_cholesky")
        },
        .ofMatrix("linalg.logdet", doc: "log det of symmetric positive definite matrices.", example: "linalg.logdet([[1.0]])    # => 0.0", positive: true, infer: { Shape($0.dropLast(2)) }) {
            (x, _) throws(OpError) in
            let d = try diagonal(x.op("_cholesky"), 0).op("log")
            return try d.sum([d.shape.count - 1]) * 2
        },
        .ofMatrix("linalg.matrix_power", doc: "x·x·…·x, n times; a negative n takes the inverse.", [.int("n")], example: "linalg.matrix_power([[2.0]], 3)    # => [[8.0]]", sample: ["n": .int(3)], infer: { $0 }) {
            (x, a) throws(OpError) in
            var n = a.int("n")
            guard n.magnitude <= 1 << 20 else { throw .value(a.op, "n", n, expected: "a smaller exponent") }
            var base = n < 0 ? try x.op("_inv") : x
            n = abs(n)
            var result: Term?
            while n > 0 {
                if n & 1 == 1 { if let so = result { result = try so.matmul(base) } else { result = base } }
                n >>= 1
                if n > 0 { base = try base.matmul(base) }
            }
            if let result { return result }
            let size = x.shape[x.shape.count - 1]
            return try offset(x.builder, [size, size]).op("equal", x.builder.constant(0, .i32)).cast(x.dtype).broadcast(x.shape)
        },
        .ofMatrices("linalg.qr", doc: "The factors Q, with orthonormal columns, and R, upper triangular: x = Q·R (reduced).", names: ["q", "r"], kernel: "_qr", example: "linalg.qr([[2.0]]).q.shape    # => [1, 1]", sample: .matrix([4, 3])),
        .ofMatrices("linalg.svd", doc: "Singular values s, descending, and vectors: x = u·diag(s)·vh (reduced).", names: ["u", "s", "vh"], kernel: "_svd", example: "linalg.svd([[2.0]]).s    # => [2.0]", sample: nil),
        .ofMatrices("linalg.eigh", doc: "Eigenvalues, ascending, and eigenvectors (columns) of symmetric matrices.", names: ["values", "vectors"], kernel: "_eigh", example: "linalg.eigh([[2.0]]).values    # => [2.0]", sample: nil, square: true),
        .composed(
            "linalg.slogdet", doc: "Sign and log |det| of square matrices, without overflow.", [.x], promotion: .real, example: "linalg.slogdet([[-1.0]]).sign    # => -1.0", results: .record(["sign", "logdet"]),
            samples: [Sample([.matrix([3, 3])])],
            infer: { (i) throws(OpError) in
                try requireSquare(i)
                let type = TensorType(i.dtype, Shape(i.shape.dropLast(2)))
                return [type, type]
            },
            { (e) throws(OpError) in
                let factors = try e.builder.op("_qr", e.inputs)
                let d = try diagonal(factors[1], 0)
                let last = d.shape.count - 1
                let sign = try d.op("sign").op("prod", with: ["axis": .ints([last])]) * factors[0].op("_det").op("sign")
                return [try sign.op("stop_gradient"), try d.op("abs").op("log").sum([last])]
            }),
        .composed(
            "linalg.solve", doc: "X of a·X = b; b a matrix or one vector.", [.tensor("a"), .tensor("b")], promotion: .real, example: "linalg.solve([[2.0]], [4.0])    # => [2.0]",
            samples: [Sample([.matrix([3, 3]), .random([3])]), Sample([.matrix([2, 3, 3]), .random([3, 2])])], infer: solvingAny,
            { (e) throws(OpError) in [try columns(e.inputs[1]) { (b) throws(OpError) in try e.inputs[0].op("_solve", b) }] }),
        .composed(
            "linalg.solve_triangular", doc: "X of a·X = b for a triangular a; `adjoint` solves with its transpose.", [.tensor("a"), .tensor("b"), .bool("lower", true), .bool("adjoint", false)],
            promotion: .real, example: "linalg.solve_triangular([[2.0]], [4.0])    # => [2.0]", samples: [Sample([.matrix([3, 3]), .random([3])])], infer: solvingAny,
            { (e) throws(OpError) in
                [
                    try columns(e.inputs[1]) { (b) throws(OpError) in
                        try triangular(e.inputs[0], b, lower: e.arguments.bool("lower"), transpose: e.arguments.bool("adjoint"))
                    }
                ]
            }),
        .composed(
            "linalg.cholesky_solve", doc: "X of A·X = b, given the lower Cholesky factor of A.", [.tensor("chol"), .tensor("b")], promotion: .real,
            example: "linalg.cholesky_solve([[2.0]], [4.0])    # => [1.0]", samples: [Sample([.matrix([3, 3]), .random([3])])], infer: solvingAny,
            { (e) throws(OpError) in
                let l = e.inputs[0]
                return [
                    try columns(e.inputs[1]) { (b) throws(OpError) in
                        try triangular(l, triangular(l, b, lower: true, transpose: false), lower: true, transpose: true)
                    }
                ]
            }),
        .composed(
            "linalg.lstsq", doc: "The x that minimises ‖a·x - b‖² + l2·‖x‖², for an a with independent columns (or l2 > 0).", [.tensor("a"), .tensor("b"), .float("l2", 0)], promotion: .real,
            example: "linalg.lstsq([[1.0], [1.0]], [1.0, 3.0])    # => [2.0]", samples: [Sample([.matrix([4, 3]), .random([4])]), Sample([.matrix([4, 3]), .random([4])], ["l2": .float(0.5)])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 2...64)
                let (a, b) = (i.shape, i.inputs[1].shape)
                guard b.count == 1 || b.count == a.count, [a[a.count - 2]].matches([b[b.count == 1 ? 0 : b.count - 2]]) else {
                    throw .disagree(i.op, "a and b have as many rows", a, b)
                }
                return [TensorType(i.dtype, b.replacing(b.count == 1 ? 0 : b.count - 2, with: a[a.count - 1]))]
            },
            { (e) throws(OpError) in
                let (a, l2) = (e.inputs[0], e.arguments.float("l2"))
                return [
                    try columns(e.inputs[1]) { (b) throws(OpError) in
                        if l2 > 0 {
                            let n = a.shape[a.shape.count - 1]
                            let eye = try offset(e.builder, [n, n]).op("equal", e.builder.constant(0, .i32)).cast(a.dtype)
                            return try (a.matmul(a, transposeA: true) + eye * l2).op("_solve", a.matmul(b, transposeA: true))
                        }
                        let factors = try e.builder.op("_qr", [a])
                        return try triangular(factors[1], factors[0].matmul(b, transposeA: true), lower: false, transpose: false)
                    }
                ]
            }),
        .composed(
            "linalg.pinv", doc: "Moore and Penrose's inverse; singular values below rcond · the largest count as 0.", [.x, .float("rcond", 1e-6)], promotion: .real,
            example: "linalg.pinv([[2.0]])    # => [[0.5]]", samples: [Sample([.positive([3, 3])])],
            infer: { (i) throws(OpError) in
                try i.require(rank: 2...64)
                var shape = i.shape
                shape.swapAt(shape.count - 1, shape.count - 2)
                return [TensorType(i.dtype, shape)]
            },
            { (e) throws(OpError) in
                let f = try e.builder.op("_svd", e.inputs)
                let s = f[1]
                let bound = try s.max([s.shape.count - 1], keepdims: true) * e.arguments.float("rcond")
                let isLarge = try s.op("greater", bound)
                let inverse = try (1 / s.kept(where: isLarge, else: s.constant(1))).kept(where: isLarge)
                return [try (f[2].matrixTranspose * inverse.expanded(s.shape.count - 1)).matmul(f[0], transposeB: true)]
            }),
    ]

    // MARK: Shape rules

    private static func product(_ op: Op, _ a: Shape, _ b: Shape, _ ta: Bool, _ tb: Bool, shown: (Shape, Shape)? = nil) throws(OpError) -> Shape {
        guard a.count >= 2, b.count >= 2 else { throw .rank(op, a.count < 2 ? "a" : "b", "at least 2 axes", got: a.count < 2 ? a : b) }
        let (m, k) = (a[a.count - (ta ? 1 : 2)], a[a.count - (ta ? 2 : 1)])
        let (l, n) = (b[b.count - (tb ? 1 : 2)], b[b.count - (tb ? 2 : 1)])
        if ![k].matches([l]) {
            throw .disagree(
                op, "the columns of `a` (\(k)) meet the rows of `b` (\(l))", shown?.0 ?? a, shown?.1 ?? b,
                mend: [k].matches([n]) && !tb ? "`transpose_b = true` if `b` lies on its side" : nil)
        }
        guard let batch = Shape.broadcast(Shape(a.dropLast(2)), Shape(b.dropLast(2))) else { throw .doNotBroadcast(op, [a, b]) }
        return batch + [m, n]
    }

    /// NumPy's product of tensors of any rank. A stack of matrices times one matrix is one product of a taller one.
    static func matrixProduct(_ a: Term, _ b: Term, _ ta: Bool, _ tb: Bool) throws(OpError) -> Term {
        let (rankA, rankB) = (a.shape.count, b.shape.count)
        let left = rankA == 1 ? try a.expanded(0) : a
        let right = rankB == 1 ? try b.expanded(1) : b
        let (ta, tb) = (ta && rankA > 1, tb && rankB > 1)
        var y: Term
        if left.shape.count > 2, right.shape.count == 2, !ta, left.shape.isKnown {
            let rows = Shape(left.shape.dropLast())
            y = try left.reshaped([rows.elementCount ?? -1, left.shape[left.shape.count - 1]]).matmul(right, transposeB: tb)
            y = try y.reshaped(rows + [y.shape[1]])
        } else {
            y = try left.matmul(right, transposeA: ta, transposeB: tb)
        }
        if rankB == 1 { y = try y.reshaped(Shape(y.shape.dropLast())) }
        if rankA == 1 {
            var shape = y.shape
            shape.remove(at: shape.count - (rankB == 1 ? 1 : 2))
            y = try y.reshaped(shape)
        }
        return y
    }

    /// Σ over the given axes of both: the other axes of a, then those of b.
    private static func contracted(_ op: Op, _ a: Term, _ b: Term, _ axesA: [Int], _ axesB: [Int]) throws(OpError) -> Term {
        for (i, j) in Swift.zip(axesA, axesB) where ![a.shape[i]].matches([b.shape[j]]) {
            throw .disagree(op, "axis \(i) of `a` meets axis \(j) of `b`", a.shape, b.shape)
        }
        let (keptA, keptB) = (a.shape.indices.filter { !axesA.contains($0) }, b.shape.indices.filter { !axesB.contains($0) })
        func size(_ x: Term, _ axes: [Int]) -> Int { axes.map { x.shape[$0] }.elementCount ?? -1 }
        let left = try a.transposed(keptA + axesA).reshaped([size(a, keptA), size(a, axesA)])
        let right = try b.transposed(axesB + keptB).reshaped([size(b, axesB), size(b, keptB)])
        return try left.matmul(right).reshaped(keptA.map { a.shape[$0] } + keptB.map { b.shape[$0] })
    }

    private static func requireSquare(_ i: Inference) throws(OpError) {
        try i.require(rank: 2...64)
        let (m, n) = (i.shape[i.shape.count - 2], i.shape[i.shape.count - 1])
        if ![m].matches([n]) { throw .rank(i.op, i.op.parameters[0].name, "square matrices", got: i.shape) }
        if !i.dtype.isFloat || i.dtype.size < 4 { throw .dtype(i.op, i.dtype, expected: "f32 and f64", mend: "`cast(…, f32)`") }
    }

    private static func solving(_ i: Inference) throws(OpError) -> [TensorType] {
        try requireSquare(i)
        try i.require(rank: 2...64, 1)
        return [TensorType(i.dtype, try product(i.op, i.shape, i.inputs[1].shape, false, false))]
    }

    private static func solvingAny(_ i: Inference) throws(OpError) -> [TensorType] {
        try requireSquare(i)
        try i.require(rank: 1...64, 1)
        let b = i.inputs[1].shape
        var shape = try product(i.op, i.shape, b.count == 1 ? b + [1] : b, false, false, shown: (i.shape, b))
        if b.count == 1 { shape.removeLast() }
        return [TensorType(i.dtype, shape)]
    }

    private static func columns(_ b: Term, _ solve: (Term) throws(OpError) -> Term) throws(OpError) -> Term {
        if b.shape.count > 1 { return try solve(b) }
        let y = try solve(b.expanded(1))
        return try y.reshaped(Shape(y.shape.dropLast()))
    }

    // MARK: Gradients' helpers

    private static func triangular(_ a: Term, _ b: Term, lower: Bool, transpose: Bool) throws(OpError) -> Term {
        try a.op("_solve_triangular", b, with: ["lower": .bool(lower), "transpose": .bool(transpose)])
    }

    /// The lower triangle with half the diagonal.
    private static func lowerHalf(_ x: Term) throws(OpError) -> Term {
        try (x.op("tril") + x.op("tril", with: ["k": .int(-1)])) * 0.5
    }

    /// 1 / x, and 0 where x is 0 (the diagonal, and equal values, whose vectors have no gradient).
    private static func reciprocalDifference(_ x: Term) throws(OpError) -> Term { try x.constant(1).op("divide_no_nan", x) }

    // MARK: Families

    private static func matrix(
        _ name: String, doc: String, kernel: Special, results: [String] = [], square: Bool = true, sample: Sample.Input = .matrix([2, 3, 3]), gradient: Gradient,
        _ shapes: @escaping @Sendable (Shape) -> [Shape]
    ) -> Op {
        special(
            name, doc: doc, [.x], promotion: .real, kernel: kernel, example: "linalg.inv([[2.0]])    # => [[0.5]]", results: results.isEmpty ? .one : .record(results),
            samples: [Sample([sample])], gradient: gradient
        ) { (i) throws(OpError) in
            if square { try requireSquare(i) } else { try i.require(rank: 2...64) }
            return shapes(i.shape).map { TensorType(i.dtype, $0) }
        }
    }

    private static func ofMatrix(
        _ name: String, doc: String, _ more: [Parameter] = [], example: String, positive: Bool = false, sample: [String: Attribute] = [:],
        infer shape: @escaping @Sendable (Shape) -> Shape, _ formula: @escaping @Sendable (Term, Arguments) throws(OpError) -> Term
    ) -> Op {
        composed(
            name, doc: doc, [.x] + more, promotion: .real, example: example, samples: [Sample([positive ? .positive([3, 3]) : .matrix([2, 3, 3])], sample)],
            infer: { (i) throws(OpError) in
                try requireSquare(i)
                return [TensorType(i.dtype, shape(i.shape))]
            },
            { (e) throws(OpError) in [try formula(e.inputs[0], e.arguments)] })
    }

    private static func ofMatrices(_ name: String, doc: String, names: [String], kernel: String, example: String, sample: Sample.Input?, square: Bool = false) -> Op {
        composed(
            name, doc: doc, [.x], promotion: .real, example: example, results: .record(names), samples: [Sample([sample ?? .positive([3, 3])])],
            infer: nil,
            { (e) throws(OpError) in
                if square { try requireSquare(Inference(op: e.arguments.op, inputs: e.inputs.map(\.type), attributes: e.arguments.attributes)) }
                return try e.builder.op(kernel, e.inputs)
            })
    }
}
