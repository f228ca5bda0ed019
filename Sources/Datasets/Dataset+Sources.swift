public import Engine
internal import Formats
internal import Graphs

extension Dataset {
    /// MNIST and its like: images `f32[rows, columns, 1]` from 0 to 1, and labels `i32`.
    public static func mnist(_ folder: String, split: String) throws -> Dataset {
        let (images, labels) = try MNIST.read(folder, split: split)
        return try pictures(images, images.shape + [1], labels)
    }

    /// CIFAR-10: images `f32[32, 32, 3]` from 0 to 1, and labels `i32`.
    public static func cifar10(_ folder: String, split: String) throws -> Dataset {
        let (images, labels) = try CIFAR10.read(folder, split: split)
        return try pictures(images, images.shape, labels)
    }

    /// Images stay bytes until they are batched.
    private static func pictures(_ images: NumericArray, _ shape: [Int], _ labels: NumericArray) throws -> Dataset {
        try Dataset(
            slices: [
                Tensor.data(.u8, shape, bytes: images.bytes), Tensor.make(labels.bytes.map { Int32($0) }, labels.shape),
            ], .pair, scales: [0: 1 / 255])
    }
}

extension FeatureSpace.Encoded {
    /// `dense` as `f32[rows, width]` (left out when no feature is dense), then the categories of each embedding as
    /// `i32[rows]`.
    public var tensors: [Tensor] {
        (width > 0 ? [Tensor.make(dense, [rows, width])] : []) + ids.map { Tensor.make($0, [rows]) }
    }
}
