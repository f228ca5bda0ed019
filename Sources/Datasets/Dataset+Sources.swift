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

extension Dataset {
    /// The rows of a table: records of its columns, or with a label `[record, label]`. Ints become `i32`, other
    /// numbers `f32`, truth values `bool`, the strings of a label its classes' places. Strings elsewhere and
    /// missing cells are errors: `FeatureSpace` is what encodes them.
    public init(rows table: Table) throws(DataError) {
        var tensors: [Tensor] = []
        for name in table.featureNames {
            guard let column = try table.column(name) else {
                if table.texts[name] != nil { throw .stringsInTensor(name) }
                tensors.append(.unknown(TensorType(.f32, [-1])))
                continue
            }
            tensors.append(try Self.tensor(column, name))
        }
        guard let label = table.label else {
            try self.init(slices: tensors, .record(of: table.featureNames))
            return
        }
        if let column = try table.labelColumn() {
            let isText = if case .strings = column.values { true } else { false }
            tensors.append(
                isText ? Tensor.make(try LabelSpace(column, name: label).encode(column, name: label), [column.count])
                    : try Self.tensor(column, label))
        } else {
            tensors.append(.unknown(TensorType(.f32, [-1])))
        }
        try self.init(slices: tensors, .list([.record(of: table.featureNames), .tensor]))
    }

    private static func tensor(_ column: Column, _ name: String) throws(DataError) -> Tensor {
        if let row = (0..<column.count).first(where: column.isMissing) {
            throw DataError("E0504", "row \(row) of `\(name)` is missing", mend: "fit an estimator to the table itself, which fills gaps")
        }
        switch column.values {
        case .numbers(let values, let isInteger):
            let ints = isInteger ? values.compactMap { Int32(exactly: $0) } : []
            if isInteger, ints.count == values.count { return .make(ints, [ints.count]) }
            return .make(values.map { Float($0) }, [values.count])
        case .bools(let values): return .make(values, [values.count])
        case .strings:
            throw .stringsInTensor(name)
        }
    }
}

extension DataError {
    fileprivate static func stringsInTensor(_ column: String) -> DataError {
        DataError(
            "E0506", "column `\(column)` holds strings, which a tensor cannot",
            mend: "leave it out with `.drop(\"\(column)\")`, or fit an estimator to the table itself")
    }
}

extension FeatureSpace.Encoded {
    /// `dense` as `f32[rows, width]` (left out when no feature is dense), then the categories of each embedding as
    /// `i32[rows]`.
    public var tensors: [Tensor] {
        (width > 0 ? [Tensor.make(dense, [rows, width])] : []) + ids.map { Tensor.make($0, [rows]) }
    }
}
