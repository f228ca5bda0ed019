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
                    parameters: own.reduce(0) { $0 + ($1.type.shape.elementCount ?? 0) },
                    multiplyAdds: output.map { multiplyAdds(own, $0.shape) } ?? 0))
        }
        let all = layer.collect()
        let total = all.reduce(0) { $0 + ($1.type.shape.elementCount ?? 0) }
        let states = all.filter { $0.isState || !$0.trainable }.reduce(0) { $0 + ($1.type.shape.elementCount ?? 0) }
        let bytes = all.reduce(0) { $0 + ($1.type.shape.elementCount ?? 0) * $1.type.dtype.size }
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
        text += "\(rows.reduce(0) { $0 + $1.multiplyAdds }.formatted) multiply-adds per example, \(size(bytes))\n"
        return text
    }

    /// Products per example: each weight of a kernel meets every position of the output but its channels.
    private func multiplyAdds(_ parameters: [LayerParameter], _ output: Shape) -> Int {
        let positions = output.dropFirst().dropLast().reduce(1) { $0 * max($1, 1) }
        return parameters.filter { !$0.isState && $0.type.rank > 1 }.reduce(0) { $0 + ($1.type.shape.elementCount ?? 0) * positions }
    }

    private func shapeText(_ shape: Shape) -> String {
        "[" + (["_"] + shape.dropFirst().map { $0 < 0 ? "_" : String($0) }).joined(separator: ", ") + "]"
    }
    private func spaces(_ count: Int) -> String { String(repeating: " ", count: max(0, count)) }
    private func size(_ bytes: Int) -> String {
        if bytes < 1 << 10 { return "\(bytes) bytes" }
        let (value, unit) = bytes < 1 << 20 ? (Double(bytes) / 1024, "KB") : (Double(bytes) / 1_048_576, "MB")
        return "\((value * 10).rounded() / 10) \(unit)"
    }
}
