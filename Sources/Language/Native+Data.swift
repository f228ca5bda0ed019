internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

extension Native {
    static let dataFunctions: [Native] = []
    static let tableVerbs: [Native] = []
    static let datasetVerbs: [Native] = []
}

extension DatasetValue {
    var text: String { "<dataset>" }
    /// The number of elements, unknown when the stream does not tell.
    func count() throws -> Value { dataset.count.map { .int($0) } ?? .unknown }
}

/// A row as a record.
func rowRecord(_ table: Table, _ row: Int) -> Value {
    .none
}

extension Machine {
    func tableField(_ table: TableValue, _ name: String) throws -> Value {
        throw Fault.noField(name, of: .table(table), known: [])
    }
    func datasetField(_ dataset: DatasetValue, _ name: String) throws -> Value {
        throw Fault.noField(name, of: .dataset(dataset), known: [])
    }
    /// A verb of tables, called from Swift.
    func tableVerb(_ name: String, _ table: Value, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        try call(session.library.verb(name, of: table) ?? .none, [table] + positional, named)
    }
    func datasetVerb(_ name: String, _ dataset: Value, _ positional: [Value], _ named: [(String, Value)]) throws -> Value {
        try call(session.library.verb(name, of: dataset) ?? .none, [dataset] + positional, named)
    }
    func iterator(over dataset: DatasetValue) throws -> Iterator {
        Iterator(.unknown(element: .unknown))
    }
    /// In the check: a file must be there, unless the script writes it.
    func requireFile(_ path: String) throws {
    }
}
