internal import CKernels
internal import Graphs

/// A strided walk over a dense array, in as few axes as it can be told.
struct ViewPlan: Sendable {
    private(set) var shape: [Int]
    private(set) var strides: [Int]
    /// Where it begins, in elements.
    private(set) var offset: Int

    init(_ shape: [Int], strides: [Int], offset: Int = 0) {
        (self.shape, self.strides, self.offset) = (shape, strides, offset)
        merge()
    }

    /// How many elements apart neighbours along each axis of a dense array are.
    static func denseStrides(_ shape: [Int]) -> [Int] {
        var result = shape
        var stride = 1
        for axis in shape.indices.reversed() {
            result[axis] = stride
            stride *= shape[axis]
        }
        return result
    }

    /// Drops axes of size 1 and joins neighbours that are walked as one.
    private mutating func merge() {
        for axis in shape.indices.reversed() where shape[axis] == 1 {
            shape.remove(at: axis)
            strides.remove(at: axis)
        }
        for axis in shape.indices.dropLast().reversed() where strides[axis] == strides[axis + 1] * shape[axis + 1] {
            shape[axis] *= shape[axis + 1]
            strides[axis] = strides[axis + 1]
            shape.remove(at: axis + 1)
            strides.remove(at: axis + 1)
        }
    }

    /// A range of its first axis.
    func part(_ range: Range<Int>) -> ViewPlan {
        var part = self
        part.shape[0] = range.count
        part.offset += range.lowerBound * strides[0]
        return part
    }

    /// Whether it is the array itself.
    var isDense: Bool { offset == 0 && (shape.isEmpty || shape.count == 1 && strides[0] == 1) }

    /// Lends the walk over an operand to a kernel.
    @unsafe func with<R>(_ base: UnsafeRawPointer, size: Int, _ body: (tfs_view) -> R) -> R {
        unsafe shape.withUnsafeBufferPointer { shape in
            unsafe strides.withUnsafeBufferPointer { strides in
                unsafe body(
                    tfs_view(
                        data: base + offset * size, rank: shape.count, shape: shape.baseAddress, strides: strides.baseAddress))
            }
        }
    }
}

extension [Int] {
    /// The array seen as [outer, this axis, inner].
    func around(_ axis: Int) -> (outer: Int, n: Int, inner: Int) {
        (self[..<axis].reduce(1, *), self[axis], self[(axis + 1)...].reduce(1, *))
    }
    var product: Int { reduce(1, *) }
}
