/// Kernels with work of their own; the engine has one arm for each. The comment gives inputs and attributes.
public enum Special: Sendable, CaseIterable {
    /// condition (bool), a, b of one dtype, all broadcast together: a where the condition holds, else b
    case select
    // Movement
    /// x; `shape`, already resolved (no -1 while running)
    case reshape
    /// x; `axes`
    case transpose
    /// x; `shape`
    case broadcast
    /// x; `dtype`
    case cast
    /// xs…; `axis`
    case concat
    /// x; `begin`, `end`, `step` (one per axis; step may be negative, end exclusive, -1 with a negative step means
    /// "past the first element"): NumPy's basic slicing with resolved bounds
    case slice
    /// dy; `begin`, `end`, `step`, `shape`: dy written into zeros of `shape` at the slice: the gradient of `slice`
    case sliceGradient
    /// x; `before`, `after` (per axis), `value` (the mirroring modes are composed)
    case pad
    // Creation
    /// `shape`, `value`, `dtype`
    case fill
    /// `shape`, `axis`, `dtype`: the index along an axis
    case iota
    // Indexing. Indices are i32 or i64; one out of range is an OpError.
    /// x, indices; `axis`, `batch_dims`
    case gather
    /// indices, updates; `shape`, `axis`, `batch_dims`: adds updates into zeros; the gradient of `gather`
    case gatherGradient
    /// x, indices (same rank); `axis`
    case takeAlong
    /// indices, updates; `shape`, `axis`: adds; the gradient of `takeAlong`
    case takeAlongGradient
    /// x, indices [..., k]: the last axis addresses the first k axes of x
    case gatherND
    /// indices, updates; `shape`: adds into zeros
    case scatterND
    /// x, indices, updates; `reduction` ("none", "add", "max", "min", "mul")
    case scatterUpdate
    /// data, ids; `num_segments`, `mode` ("sum", "max", "min", "prod")
    case segment
    /// x; `num_classes`, `axis`, `dtype`
    case oneHot
    // Order
    /// x; `axis`: index of the first largest, i64
    case argmax
    case argmin
    /// x; `axis`, `exclusive`, `reverse`
    case cumsum
    case cumprod
    /// x; `axis`, `descending`: stable; results values, indices (i32)
    case sort
    /// x; `k`: of the last axis; results values, indices (i32)
    case topK
    /// sorted (a vector), values; `side`; i32
    case searchsorted
    // Values decide the shape: computed at once, refused in compiled code
    /// x: indices of non-zeros [n, rank], i64
    case nonzero
    /// x: sorted distinct values, index of the first occurrence, inverse, counts (all i64)
    case unique
    /// x, mask: rows of x where mask holds; mask's shape is a prefix of x's
    case booleanMask
    // Products
    /// a, b (rank ≥ 2, batch axes broadcast); `transpose_a`, `transpose_b`
    case matmul
    // Random: the last input is the key (i64 scalar); a compiled step mixes in its number
    /// key; `shape`, `dtype`: uniform in [0, 1)
    case randomUniform
    /// key; `shape`, `dtype`: standard normal
    case randomNormal
    /// key; `shape`, `dtype`: standard normal redrawn outside ±2
    case randomTruncatedNormal
    /// key; `shape`, `minval`, `maxval`, `dtype`
    case randomInt
    /// key; `n`: a permutation of 0..<n, i32
    case randomPermutation
    // Networks: channels last, n spatial axes; kernel [spatial…, in / groups, out]
    /// x, kernel; `strides`, `before`, `after` (explicit padding per spatial axis), `dilations`, `groups`
    case conv
    /// dy, kernel; `input_shape`, then as conv: the gradient by x
    case convGradientInput
    /// x, dy; `kernel_shape`, then as conv: the gradient by the kernel
    case convGradientKernel
    /// x; `pool_size`, `strides`, `before`, `after`
    case maxPool
    /// x, dy; as maxPool: dy lands on the first largest of each window
    case maxPoolGradient
    /// x, z (shape of x); as maxPool: z at the first largest of each window (the gradient of maxPoolGradient by dy)
    case maxPoolTake
    /// x; as maxPool; padding does not count
    case averagePool
    /// dy; `input_shape`, then as maxPool
    case averagePoolGradient
    /// x; `axis` (one): softmax, shifted by the largest
    case softmax
    case logSoftmax
    /// x [..., c], gamma, beta; `epsilon`: statistics over all axes but the last; results y, mean, variance
    case batchNorm
    /// x [..., c], gamma, beta; `epsilon`: statistics over the last axis; results y, mean, variance
    case layerNorm
    // Linear algebra, f32 and f64, batched over leading axes
    case inverse, solve, determinant, cholesky, qr, svd, eigh
    /// a, b; `lower`, `transpose`
    case solveTriangular
    // Control
    /// carries…, sequences…, captures…; `body` (graph: carries, slices, captures → carries, ys), `carries`,
    /// `sequences` (counts), `reverse`. Results: final carries…, ys stacked on axis 0…, the carries each step began with, stacked…
    case scan
    /// x: itself (an alias that gradients can be taken by)
    case identity
    /// x; `message`: itself, or an OpError when an element is not finite
    case checkNumerics
    /// condition (bool, any shape), x; `message`: x, or an OpError when an element is false
    case assert
}
