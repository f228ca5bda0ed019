internal import Formats

extension Table {
    /// One row per column: its kind, how many cells are there and how many missing, mean, sample standard
    /// deviation, least, quartiles (interpolated) and greatest of numbers, distinct values and the most frequent.
    public func describe() -> Table {
        let fields = [
            "column", "kind", "count", "missing", "mean", "std", "min", "q25", "median", "q75", "max", "distinct", "top",
        ]
        guard let count else { return Table(unchecked: fields, [], count: nil, label: nil) }
        var cells = fields.map { _ in [Cell]() }
        for (name, column) in zip(names, columns) {
            let missing = column.missingCount
            var row: [Cell] = [.string(name), .string(column.kind.rawValue), .int(count - missing), .int(missing)]
            if case .numbers(let values, _) = column.values, count > missing {
                row += Summary((0..<count).filter { !column.isMissing($0) }.map { values[$0] }).cells
            } else {
                row += Array(repeating: .missing, count: 7)
            }
            var frequency: [Cell: Int] = [:]
            for index in 0..<count where !column.isMissing(index) { frequency[column[index], default: 0] += 1 }
            let most = frequency.values.max() ?? 0
            let top = frequency.filter { $0.value == most }.keys.map(\.text).min(by: codePointPrecedes)
            row += [.int(frequency.count), most > 1 ? .string(top ?? "") : .missing]
            for (index, cell) in row.enumerated() { cells[index].append(cell) }
        }
        return Table(unchecked: fields, cells.compactMap { Column(cells: $0) }, count: names.count, label: nil)
    }

    private struct Summary {
        let cells: [Cell]
        init(_ values: [Double]) {
            let sorted = values.sorted()
            let n = Double(values.count)
            let mean = values.reduce(0, +) / n
            let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            func quantile(_ share: Double) -> Double {
                let place = share * (n - 1)
                let low = sorted[Int(place)]
                return low + (sorted[min(Int(place) + 1, sorted.count - 1)] - low) * (place - place.rounded(.down))
            }
            cells =
                [.float(mean), values.count > 1 ? .float((squares / (n - 1)).squareRoot()) : .missing]
                + [quantile(0), quantile(0.25), quantile(0.5), quantile(0.75), quantile(1)].map(Cell.float)
        }
    }
}
