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
        var views = [self]
        Self.merge(&views)
        self = views[0]
    }
    private init(unmerged shape: [Int], _ strides: [Int]) { (self.shape, self.strides, offset) = (shape, strides, 0) }

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

    /// Strides that repeat an array of one shape over a wider one.
    static func broadcastStrides(_ from: [Int], to shape: [Int]) -> [Int] {
        let dense = denseStrides(from)
        return shape.indices.map { axis in
            let own = axis - (shape.count - from.count)
            return own < 0 || from[own] == 1 ? 0 : dense[own]
        }
    }

    /// Arrays broadcast to one shape, walked together.
    static func together(_ shapes: [[Int]], to shape: [Int]) -> [ViewPlan] {
        var views = shapes.map { ViewPlan(unmerged: shape, broadcastStrides($0, to: shape)) }
        merge(&views)
        return views
    }

    /// Drops axes of size 1 and joins neighbours that all views walk as one.
    private static func merge(_ views: inout [ViewPlan]) {
        for axis in views[0].shape.indices.reversed() where views[0].shape[axis] == 1 {
            for i in views.indices {
                views[i].shape.remove(at: axis)
                views[i].strides.remove(at: axis)
            }
        }
        for axis in views[0].shape.indices.dropLast().reversed() {
            let size = views[0].shape[axis + 1]
            guard views.allSatisfy({ $0.strides[axis] == $0.strides[axis + 1] * size }) else { continue }
            for i in views.indices {
                views[i].shape[axis] *= size
                views[i].strides[axis] = views[i].strides[axis + 1]
                views[i].shape.remove(at: axis + 1)
                views[i].strides.remove(at: axis + 1)
            }
        }
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
