/// Einstein's summation: the letters of a specification given to axes, and the products that compute it.
struct Einsum {
    /// A letter, or one of the axes that `...` stands for, counted from the right.
    fileprivate enum Label: Hashable {
        case letter(Character)
        case ellipsis(Int)
    }

    private let op: Op
    private var operands: [[Label]] = []
    private var output: [Label] = []
    private var sizes: [Label: Int] = [:]

    init(_ op: Op, _ spec: String, _ shapes: [Shape]) throws(OpError) {
        self.op = op
        let text = spec.filter { $0 != " " }
        var sides = [text]
        if let arrow = text.firstIndex(of: ">"), arrow > text.startIndex, text[text.index(before: arrow)] == "-" {
            sides = [String(text[..<text.index(before: arrow)]), String(text[text.index(after: arrow)...])]
        }
        let parts = sides[0].split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == shapes.count else {
            throw .value(op, "spec", "\"\(spec)\"", expected: "letters for \(shapes.count) \(shapes.count == 1 ? "tensor" : "tensors")")
        }
        var order: [Label] = []
        var widest = 0
        for (part, shape) in zip(parts, shapes) {
            let labels = try Einsum.labels(op, spec, part, rank: shape.count)
            for (label, size) in zip(labels, shape) {
                if case .ellipsis(let k) = label { widest = max(widest, k + 1) }
                guard let known = sizes[label] else {
                    sizes[label] = size
                    order.append(label)
                    continue
                }
                guard let both = Shape.broadcast([known], [size]), known == size || known < 0 || size < 0 || label.isEllipsis else {
                    throw OpError("E0204", "`einsum(\"\(spec)\")`: `\(label.text)` is \(known) in one tensor and \(size) in another")
                }
                sizes[label] = both[0]
            }
            operands.append(labels)
        }
        if sides.count == 2 {
            output = try Einsum.labels(op, spec, sides[1], rank: nil, ellipsis: widest)
            for (index, label) in output.enumerated() {
                if sizes[label] == nil { throw OpError("E0205", "`einsum(\"\(spec)\")`: `\(label.text)` stands on the right only") }
                if output[..<index].contains(label) { throw OpError("E0205", "`einsum(\"\(spec)\")`: `\(label.text)` stands twice on the right") }
            }
        } else {
            // Implicit: the axes of `...`, then the letters that stand once, in alphabetical order.
            let all = operands.joined()
            let once = order.filter { label in !label.isEllipsis && all.filter { $0 == label }.count == 1 }
            output = (0..<widest).reversed().map { .ellipsis($0) } + once.sorted { $0.text < $1.text }
        }
    }

    private static func labels(_ op: Op, _ spec: String, _ part: String, rank: Int?, ellipsis: Int = 0) throws(OpError) -> [Label] {
        var result: [Label] = []
        var rest = Substring(part)
        let letters = part.filter { $0.isLetter }.count
        var seen = false
        while let first = rest.first {
            if rest.hasPrefix("..."), !seen {
                seen = true
                let count = rank.map { $0 - letters } ?? ellipsis
                if count > 0 { result += (0..<count).reversed().map { .ellipsis($0) } }
                rest = rest.dropFirst(3)
            } else if first.isLetter {
                result.append(.letter(first))
                rest = rest.dropFirst()
            } else {
                throw .value(op, "spec", "\"\(spec)\"", expected: "letters, `,`, `...` and one `->`")
            }
        }
        if let rank, result.count != rank {
            throw OpError("E0202", "`einsum(\"\(spec)\")`: `\(part)` names \(result.count) axes of a tensor with \(rank)")
        }
        return result
    }

    func type(_ inputs: [TensorType]) -> TensorType { TensorType(inputs.first?.dtype ?? .f32, output.map { sizes[$0] ?? -1 }) }

    /// The products, two tensors at a time from the left.
    func term(_ inputs: [Term]) throws(OpError) -> Term {
        guard var result = inputs.first else { throw .value(op, "xs", "[]", expected: "at least one tensor") }
        var labels = operands[0]
        (result, labels) = try withoutRepeats(result, labels)
        for index in inputs.indices.dropFirst() {
            let (next, nextLabels) = try withoutRepeats(inputs[index], operands[index])
            let later = Set(output).union(operands[(index + 1)...].joined())
            (result, labels) = try product(result, labels, next, nextLabels, later)
        }
        (result, labels) = try summed(result, labels, keeping: Set(output))
        let missing = output.filter { !labels.contains($0) }
        precondition(missing.isEmpty, "einsum lost an axis")
        return try result.transposed(output.map { label in labels.firstIndex(of: label) ?? 0 })
    }

    /// A letter that stands twice in one tensor takes its diagonal.
    private func withoutRepeats(_ x: Term, _ labels: [Label]) throws(OpError) -> (Term, [Label]) {
        var (x, labels) = (x, labels)
        while let second = labels.indices.first(where: { labels[..<$0].contains(labels[$0]) }), let first = labels.firstIndex(of: labels[second]) {
            let rest = labels.indices.filter { $0 != first && $0 != second }
            let label = labels[second]
            x = try Op.diagonal(x.transposed(rest + [first, second]), 0)
            labels = rest.map { labels[$0] } + [label]
        }
        return (x, labels)
    }

    private func summed(_ x: Term, _ labels: [Label], keeping kept: Set<Label>) throws(OpError) -> (Term, [Label]) {
        let axes = labels.indices.filter { !kept.contains(labels[$0]) }
        return (try x.sum(axes), labels.filter { kept.contains($0) })
    }

    private func product(_ a: Term, _ la: [Label], _ b: Term, _ lb: [Label], _ later: Set<Label>) throws(OpError) -> (Term, [Label]) {
        let (a, la) = try summed(a, la, keeping: later.union(lb))
        let (b, lb) = try summed(b, lb, keeping: later.union(la))
        let batch = la.filter { lb.contains($0) && later.contains($0) }
        let folded = la.filter { lb.contains($0) && !later.contains($0) }
        let (onlyA, onlyB) = (la.filter { !lb.contains($0) }, lb.filter { !la.contains($0) })
        func part(_ x: Term, _ labels: [Label], _ order: [Label]) throws(OpError) -> Term { try x.transposed(order.map { label in labels.firstIndex(of: label) ?? 0 }) }
        func shape(_ x: Term, _ labels: [Label], _ of: [Label]) -> Shape { of.map { label in x.shape[labels.firstIndex(of: label) ?? 0] } }
        // A folded axis of `...` may be 1 on one side only.
        func wide(_ x: Term, _ labels: [Label]) throws(OpError) -> Term {
            try x.broadcast(zip(labels, x.shape).map { folded.contains($0) ? (sizes[$0] ?? $1) : $1 })
        }
        let (wa, wb) = (try wide(a, la), try wide(b, lb))
        let k = folded.map { sizes[$0] ?? 1 }.elementCount ?? -1
        let (sa, sb) = (shape(a, la, onlyA), shape(b, lb, onlyB))
        let left = try part(wa, la, batch + onlyA + folded).reshaped(shape(a, la, batch) + [sa.elementCount ?? -1, k])
        let right = try part(wb, lb, batch + folded + onlyB).reshaped(shape(b, lb, batch) + [k, sb.elementCount ?? -1])
        let y = try left.matmul(right)
        return (try y.reshaped(y.shape.dropLast(2) + sa + sb), batch + onlyA + onlyB)
    }
}

extension Einsum.Label {
    fileprivate var isEllipsis: Bool { if case .ellipsis = self { true } else { false } }
    fileprivate var text: String {
        switch self {
        case .letter(let letter): String(letter)
        case .ellipsis: "..."
        }
    }
}
