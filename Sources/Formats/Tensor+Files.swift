public import Engine
internal import Graphs

extension Tensor {
    /// The elements of an array from a file.
    public static func data(_ array: NumericArray) -> Tensor { data(array.dtype, array.shape, bytes: array.bytes) }

    /// The elements as they are written to a file; `nil` for strings.
    public func numericArray() throws(ExecutionError) -> NumericArray? {
        guard dtype != .string else { return nil }
        return NumericArray(dtype, shape, bytes: try bytes())
    }
}
