internal import CKernels
internal import Graphs

/// Fingerprints of 64 bits: equal for equal bytes, and all but surely different for others. They keep no secrets.
public struct Digest: Sendable, Hashable {
    public var value: UInt64 = 0
    public init() {}

    public mutating func add(_ bytes: RawSpan) {
        unsafe bytes.withUnsafeBytes { buffer in
            if let base = buffer.baseAddress { unsafe value = tfs_digest(value, base, buffer.count) }
        }
    }
    public mutating func add(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe add(RawSpan(_unsafeBytes: $0)) }
    }
    public mutating func add(_ text: String) { add(Array(text.utf8)) }

    /// The elements, and their type.
    public mutating func add(_ tensor: Tensor) throws(ExecutionError) {
        add("\(tensor.type)")
        var whole = self
        try tensor.withBytes { whole.add($0) }
        self = whole
    }

    /// Sixteen hexadecimal digits.
    public var text: String { Self.hex(value, digits: 16) }

    public static func hex(_ value: UInt64, digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
}

extension StepMemory {
    /// What a digest at every step looks at of a value: all of it up to this many bytes, else as many in lines that lie
    /// evenly over it.
    private static let glance = 1 << 14

    /// Digests of the values, of the whole of them or as far as one looks at every step.
    public func digests(_ range: Range<Int>, whole: Bool) -> [Digest] {
        // Where memory is wanting for that, the next step or look at the values says so.
        try? finishRows(of: range)
        let bases = unsafe bases
        return range.map { index in
            var digest = Digest()
            let bytes = types[index].byteCount
            if whole || bytes <= Self.glance {
                digest.value = unsafe tfs_digest(0, bases[index], bytes)
            } else {
                let (line, count) = (256, Self.glance / 256)
                for place in 0..<count {
                    let offset = (bytes / line - 1) * place / (count - 1) * line
                    digest.value = unsafe tfs_digest(digest.value, bases[index] + offset, line)
                }
            }
            return digest
        }
    }
}
