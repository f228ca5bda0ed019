internal import Formats
internal import Language

/// What a script's models take, a line each; what the data must tell is a dash, and below stands why.
func costTable(_ costs: [ModelCost]) -> String {
    if costs.isEmpty { return "  no models whose inputs are known\n" }
    let headings = ["model", "parameters", "multiply-adds", "batch", "activations", "optimizer", "on disk"]
    let rows = costs.map { cost in
        [
            title(cost), count(cost.parameters), count(cost.multiplyAdds),
            cost.batch.formatted, bytes(cost.activationBytes), bytes(cost.optimizerBytes), bytes(cost.diskBytes),
        ]
    }
    let widths = headings.indices.map { column in ([headings] + rows).map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
        "  " + zip(cells, widths).enumerated().map { index, cell in
            let room = String(repeating: " ", count: cell.1 - cell.0.count)
            return index == 0 ? cell.0 + room : room + cell.0
        }.joined(separator: "  ") + "\n"
    }
    var notes: [ModelCost.Note] = []
    for note in costs.compactMap(\.note) where !notes.contains(note) { notes.append(note) }
    let below = notes.map { note in
        "  \(costs.filter { $0.note == note }.map(\.name).joined(separator: ", ")): \(note.rawValue)\n"
    }
    return (([headings] + rows).map(line) + below).joined()
}

private func title(_ cost: ModelCost) -> String { cost.name == cost.kind ? cost.name : "\(cost.name) (\(cost.kind))" }

private func count(_ number: Int?) -> String { number.map(\.formatted) ?? "–" }
private func bytes(_ number: Int?) -> String { number.map(byteText) ?? "–" }

extension ModelCost {
    /// With numbers as they are; `null` for what the data must tell.
    var json: JSON {
        func number(_ value: Int?) -> JSON { value.map(JSON.int) ?? .null }
        return .object([
            .init("name", .string(name)), .init("kind", .string(kind)), .init("parameters", number(parameters)),
            .init("trainable", number(trainable)), .init("multiply_adds", number(multiplyAdds)), .init("batch", .int(batch)),
            .init("activation_bytes", number(activationBytes)), .init("optimizer_bytes", number(optimizerBytes)),
            .init("disk_bytes", number(diskBytes)),
        ] + (note.map { [.init("note", .string($0.rawValue))] } ?? []))
    }
}
