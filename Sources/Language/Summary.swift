internal import Engine
internal import Graphs
internal import Syntax

/// `net.summary()`: a table of layers with output shapes, parameters, multiply-adds and memory.
extension Machine {
    private struct Row {
        var name: String
        var output: String
        var parameters: Int
        var multiplyAdds: Int
    }

    func summary(of layer: Layer) -> String {
        let batch = layer.firstInputs?.batch ?? 1
        let tally = try? tallied(layer, batch: batch)
        let parts: [Layer] = (layer.stack?.compactMap { if case .layer(let part) = $0 { part } else { nil } }) ?? layer.applied
        var rows: [Row] = []
        var counted: Set<ObjectIdentifier> = []
        for part in parts {
            let own = part.collect().filter { counted.insert(ObjectIdentifier($0)).inserted }
            let output = part.outputType
            rows.append(
                Row(
                    name: "\(part.path.split(separator: "/").last ?? "")  (\(part.kind))",
                    output: output.map { shapeText($0.shape) } ?? "?",
                    parameters: own.reduce(0) { $0 + $1.size },
                    multiplyAdds: (tally?.ofLayers[ObjectIdentifier(part)] ?? 0) / batch))
        }
        let all = layer.collect()
        let total = all.reduce(0) { $0 + $1.size }
        let states = all.filter { $0.isState || !$0.trainable }.reduce(0) { $0 + $1.size }
        let bytes = all.reduce(0) { $0 + $1.type.byteCount }
        let headings = ("layer", "output", "parameters", "multiply-adds")
        let nameWidth = ([headings.0.count] + rows.map(\.name.count)).max() ?? 0
        let outputWidth = ([headings.1.count] + rows.map(\.output.count)).max() ?? 0
        let countWidth = ([headings.2.count] + rows.map(\.parameters.formatted.count)).max() ?? 0
        let workWidth = ([headings.3.count] + rows.map(\.multiplyAdds.formatted.count)).max() ?? 0
        func line(_ a: String, _ b: String, _ c: String, _ d: String) -> String {
            a + spaces(nameWidth - a.count) + "  " + b + spaces(outputWidth - b.count) + "  " + spaces(countWidth - c.count) + c + "  "
                + spaces(workWidth - d.count) + d + "\n"
        }
        var text = "\(layer.path)" + (layer.inputType.map { "  input \($0.dtype)\(shapeText($0.shape))" } ?? "") + "\n"
        text += line(headings.0, headings.1, headings.2, headings.3)
        for row in rows { text += line(row.name, row.output, row.parameters.formatted, row.multiplyAdds.formatted) }
        text += "total: \(total.formatted) parameters (\((total - states).formatted) trainable, \(states.formatted) not), "
        text += "\(((tally?.multiplyAdds ?? 0) / batch).formatted) multiply-adds per example, \(byteText(bytes))\n"
        return text
    }

    private func shapeText(_ shape: Shape) -> String {
        "[" + (["_"] + shape.dropFirst().map { $0 < 0 ? "_" : String($0) }).joined(separator: ", ") + "]"
    }
    private func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
}

/// `512 bytes`, `4.5 KB`, `3.2 MB`
public func byteText(_ bytes: Int) -> String {
    if bytes < 1 << 10 { return "\(bytes) bytes" }
    let (value, unit) = bytes < 1 << 20 ? (Double(bytes) / 1024, "KB") : (Double(bytes) / 1_048_576, "MB")
    return "\((value * 10).rounded() / 10) \(unit)"
}
