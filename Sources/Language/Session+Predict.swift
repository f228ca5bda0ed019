internal import Datasets
internal import Engine
internal import Formats
internal import Syntax

extension Session {
    /// Predictions of a saved estimator on a table's file: one row per row, to another file or as CSV to the console.
    ///
    /// Throws a `Diagnostic` for a file that cannot be read or does not fit the model.
    public func predict(model: String, data: String, output: String?) throws {
        let machine = Machine(session: self, isCheck: false)
        do {
            let estimator = try machine.loadEstimator(model)
            let table = try Table(CSV.read(data))
            var result = try machine.predict(estimator, .table(TableValue(table)), batch: 256)
            if case .tensor(let tensor) = result {
                result = .table(TableValue(try Table(names: ["prediction"], columns: [Column(try tensor.elements(as: Double.self))])))
            }
            guard case .table(let predictions) = result else { return }
            let contents = CSV.Contents(names: predictions.table.names, columns: predictions.table.columns)
            if let output {
                try CSV.write(contents, to: output)
            } else {
                console.write(CSV.text(contents))
            }
        } catch {
            throw machine.describe(error, above: 0)
        }
    }
}
