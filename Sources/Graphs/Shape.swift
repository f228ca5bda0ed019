/// The sizes of a tensor's axes. `-1` is a size that the check does not know; a running tensor has none.
public typealias Shape = [Int]

/// A dtype with a shape: all that shape rules look at.
public struct TensorType: Sendable, Hashable, CustomStringConvertible {
    public var dtype: DType
    public var shape: Shape
    public init(_ dtype: DType, _ shape: Shape) { (self.dtype, self.shape) = (dtype, shape) }
    public var rank: Int { shape.count }
    /// No tensor has more axes.
    public static let mostAxes = 32
    /// Bytes of the elements; 0 while a size is not known.
    public var byteCount: Int { (shape.elementCount ?? 0) * dtype.size }
    /// `f32[batch?, 3]`: unknown sizes print as `_`.
    public var description: String { "\(dtype)\(shape.text)" }
}

extension [Int] {
    /// A size the check does not know.
    public static let unknownSize = -1

    public var isKnown: Bool { !contains(-1) }

    /// The number of elements, or `nil` when a size is unknown or the product does not fit.
    public var elementCount: Int? {
        var count = 1
        for size in self {
            if size < 0 { return nil }
            let (product, overflow) = count.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            count = product
        }
        return count
    }

    /// `[32, _, 3]`
    public var text: String { "[" + map { $0 < 0 ? "_" : String($0) }.joined(separator: ", ") + "]" }

    /// The shape of an element-wise result as NumPy broadcasts, or `nil` when the shapes do not go together.
    ///
    /// An unknown size meets 1 as unknown and any other size as that size.
    public static func broadcast(_ a: Shape, _ b: Shape) -> Shape? {
        let rank = Swift.max(a.count, b.count)
        var result = Shape(repeating: 1, count: rank)
        for axis in 0..<rank {
            let x = axis < rank - a.count ? 1 : a[axis - (rank - a.count)]
            let y = axis < rank - b.count ? 1 : b[axis - (rank - b.count)]
            if x == y || y == 1 {
                result[axis] = x
            } else if x == 1 || x == -1 {
                result[axis] = y
            } else if y == -1 {
                result[axis] = x
            } else {
                return nil
            }
        }
        return result
    }

    /// Whether the shapes can be equal: known sizes agree.
    public func matches(_ other: Shape) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0 == $1 || $0 < 0 || $1 < 0 }
    }
}

/// What an op's rule says about wrong arguments, in the user's words and without a place; the language adds
/// the place and draws it. `code` is one of the E02xx codes.
public struct OpError: Error, Sendable, Hashable {
    public var code: String
    public var what: String
    public var why: String?
    public var mend: String?
    public var misspelling: Misspelling?
    public init(_ code: String, _ what: String, why: String? = nil, mend: String? = nil, misspelling: Misspelling? = nil) {
        (self.code, self.what, self.why, self.mend, self.misspelling) = (code, what, why, mend, misspelling)
    }
}

/// A name that is not known, and those that are: one of them may be what is meant.
public struct Misspelling: Sendable, Hashable {
    public var found: String
    public var known: [String]
    public init(_ found: String, known: [String]) { (self.found, self.known) = (found, known) }
}
