internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax
internal import Training

/// Why a step of `fit` gave a number that is not finite: it is taken again, op by op, with the values before it.
extension Machine {
    /// Puts the parameters back to where they were finite, and tells what is known of the step.
    func explain(
        _ failure: Trainer.NotFinite, _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples
    ) throws -> any Error {
        guard let carried = try fitted.trainer?.carried else { return failure }
        let names = (fitted.parameters + fitted.states).map(\.path)
        let values = carried.parameters + carried.states
        let when = "at step \(failure.step), in epoch \(failure.epoch)"
        var what = "the loss is \(formatShortest(failure.loss)) \(when)"
        var kept = "the parameters are as they were before this step"
        var why: [String] = []
        var mend: String?
        var place: Label?

        var before = carried
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            // What an earlier step made of a parameter that is too large to be looked at in each.
            fitted.trainer = nil
            before.parameters = fitted.parameters.map(\.value)
            before.states = fitted.states.map(\.value)
            let isOld = (before.parameters + before.states).contains { !$0.isFinite }
            let moment = isOld ? "before the first step" : "\(failure.loss.isFinite ? "after" : "before") step \(failure.step), in epoch \(failure.epoch)"
            what = "`\(names[index])` holds \(try text(of: values[index])) \(moment)"
            kept = "the parameters are as they were \(failure.epoch == 1 ? "before this `fit`" : "at the end of epoch \(failure.epoch - 1)")"
            if isOld { mend = "look at its initializer, or at what it was loaded from" }
        } else {
            try keep(fitted)
        }
        if let bad = try badData(examples, fitted, failure.batch) {
            why.append(bad.why)
            mend = bad.mend
        } else if mend == nil {
            if let found = try? inspect(failure, before, estimator, fitted, layer, examples) {
                if let gradient = found.gradient {
                    if fitted.trainer == nil {
                        why.append("\(gradient) for this batch")
                    } else {
                        what = "\(gradient) \(when), where the loss is \(formatFour(failure.loss))"
                    }
                }
                if let layer = found.layer { why.append("the output of `\(layer)` is the first that is not finite") }
                if found.layer == nil, found.gradient == nil, !failure.loss.isFinite {
                    why.append("what the layers give is finite, what the loss makes of it is not")
                }
                if let source = found.source {
                    let isBackward = found.gradient != nil && estimator.field("train_step") == nil
                    let words = Self.words(source, isGradient: isBackward)
                    if let range = session.range(of: source.origin), range != currentRange {
                        place = Label(range, words)
                    } else {
                        why.append(words)
                    }
                    mend = Self.mend(source.op, isGradient: isBackward)
                }
            }
            if let growth = growth(failure, names, values) {
                why.append(growth)
                mend = "lower the learning rate, by ten at first, or clip gradients: `adam(1e-4, clipnorm = 1.0)`"
            }
        }
        why.append(kept)
        let fault = Fault("E0464", what, why: why.joined(separator: "; "), mend: mend ?? Self.steadier)
        guard let place, var diagnostic = describe(fault, above: 0) as? Diagnostic else { return fault }
        diagnostic.also.append(place)
        return diagnostic
    }

    private static let steadier = "lower the learning rate, standardise the features, or clip gradients: `adam(1e-4, clipnorm = 1.0)`"

    // MARK: The data

    /// The first number of the data that is not finite, if the batch holds one.
    private func badData(_ examples: Examples, _ fitted: Fitted, _ batch: [Tensor]) throws -> (why: String, mend: String)? {
        guard !batch.allSatisfy(\.isFinite) else { return nil }
        let isWhole = !examples.sources.allSatisfy(\.isFinite)
        for (index, tensor) in (isWhole ? examples.sources : batch).enumerated() {
            guard let place = tensor.firstNotFinite else { continue }
            let isLabel = index >= examples.featureCount
            let size = max(1, tensor.shape.dropFirst().reduce(1, *))
            let (row, within) = (place / size, place % size)
            var spot = isWhole ? "row \(row)" : "example \(row) of the batch"
            if !isLabel, let names = fitted.space?.denseNames, names.indices.contains(within) {
                spot += ", column `\(names[within])`"
            } else if isLabel, let name = fitted.labelName {
                spot += ", column `\(name)`"
            } else if tensor.rank == 2 {
                spot += ", column \(within)"
            } else if tensor.rank > 2 {
                var (rest, indices) = (within, [Int]())
                for size in tensor.shape.dropFirst().reversed() {
                    indices.insert(rest % size, at: 0)
                    rest /= size
                }
                spot += ", at [\(indices.map(String.init).joined(separator: ", "))]"
            }
            let value = formatShortest(try tensor.element(place))
            let mend =
                if fitted.space != nil { "leave such rows out with `.filter(r -> …)`, or mend the file" } else if isLabel {
                    "leave such rows out"
                } else { "leave such rows out, or replace the numbers: `where(isfinite(x), x, 0.0)`" }
            return ("the \(isLabel ? "labels" : "features") hold \(value): \(spot) (counted from 0)", mend)
        }
        return nil
    }

    private func text(of tensor: Tensor) throws -> String {
        try tensor.firstNotFinite.map { formatShortest(try tensor.element($0)) } ?? "no such number"
    }

    // MARK: The step

    private struct Found {
        var layer: String?
        /// `the gradient of …`, when the loss is finite.
        var gradient: String?
        var source: Inspection.Source?
    }

    /// The step once more, with the result of each op: its loss, then its gradients (or new parameters) one by one.
    private func inspect(
        _ failure: Trainer.NotFinite, _ carried: Carried, _ estimator: Estimator, _ fitted: Fitted, _ layer: Layer, _ examples: Examples
    ) throws -> Found {
        let values = carried.parameters + carried.states + carried.slots + failure.batch
        let arguments = values.map(argument)
        let parameters = Array(arguments.prefix(carried.parameters.count))
        let batch = Array(arguments.suffix(failure.batch.count))
        var slots = arguments[(carried.parameters.count + carried.states.count)...].prefix(carried.slots.count)
        var outputs: [Tensor] = []
        var probed: [(path: String, tensor: Tensor)] = []
        let custom = estimator.field("train_step")
        // The draws are those of the step that went wrong.
        let before = (random, outputProbe)
        random.draws = fitted.draws[failure.batch.map(\.type)] ?? random.draws
        outputProbe = { probed.append(($0.path, $1)) }
        defer { (random, outputProbe) = before }
        try tracing(Array(zip(fitted.parameters + fitted.states, arguments))) {
            if let custom {
                let forms = fitted.slotForms.map { rebuild($0, from: &slots) }
                let (made, _, loss) = try customStep(custom, fitted, examples, batch, parameters, forms)
                outputs = [loss] + made
            } else {
                let loss = try pass(estimator, fitted, layer, examples, batch, training: true).loss
                outputs = [loss] + (try zip(Engine.gradients(of: loss, by: parameters), parameters).map { $0 ?? $1 })
            }
        }
        let seen = try Inspection(arguments: arguments, values: values, outputs: outputs + probed.map(\.tensor), step: failure.step)
        var found = Found()
        if let index = probed.indices.first(where: { !seen.isFinite(output: outputs.count + $0) }) { found.layer = probed[index].path }
        if !seen.isFinite(output: 0) {
            found.source = try seen.source(of: found.layer == nil ? 0 : outputs.count + (probed.firstIndex { $0.path == found.layer } ?? 0))
        } else {
            let bad = parameters.indices.filter { !seen.isFinite(output: 1 + $0) }
            guard let last = bad.last else { return found }
            // Gradients come down from the loss, so the last parameter is nearest to where they went wrong.
            let others = bad.count == 1 ? "" : bad.count == 2 ? " and of another parameter" : " and of \(bad.count - 1) other parameters"
            let number = seen.value(of: 1 + last)
            found.gradient = "the \(custom == nil ? "gradient" : "new value") of `\(fitted.parameters[last].path)`\(others) is \(formatShortest(number))"
            found.source = try seen.source(of: 1 + last)
        }
        return found
    }

    /// Signs of steps that are too long.
    private func growth(_ failure: Trainer.NotFinite, _ names: [String], _ values: [Tensor]) -> String? {
        if let (lowest, last) = failure.before, last > 10 * max(abs(lowest), 1e-6) {
            return "the loss had grown from \(formatFour(lowest)) to \(formatFour(last))"
        }
        let extremes = values.map { (try? $0.elements(as: Float.self).max { abs($0) < abs($1) }) ?? 0 }
        guard let index = extremes.indices.max(by: { abs(extremes[$0]) < abs(extremes[$1]) }), abs(extremes[index]) > 1e6 else { return nil }
        return "`\(names[index])` has grown to \(formatFour(Double(extremes[index])))"
    }

    // MARK: Words

    /// What an op made of which numbers: `log` of 0.0 is -inf.
    private static func words(_ source: Inspection.Source, isGradient: Bool) -> String {
        let result = formatFour(source.result)
        let operands = source.operands.map(formatFour)
        let name = source.op.drop { $0 == "_" }
        let symbols = ["add": "+", "subtract": "-", "multiply": "*", "divide": "/", "power": "**"]
        let words =
            switch operands.count {
            case 2 where symbols[source.op] != nil: operands.joined(separator: " \(symbols[source.op] ?? "") ") + " is \(result)"
            case 0: "`\(name)` gives \(result)"
            default: "`\(name)` of \(operands.joined(separator: " and ")) is \(result)"
            }
        return (isGradient ? "in the gradient of this, " : "") + words
    }

    private static func mend(_ op: String, isGradient: Bool) -> String? {
        switch op {
        case "log", "log2", "log10", "log1p": "keep the argument above 0: `log(x + 1e-7)`, or `log(maximum(x, 1e-7))`"
        case "sqrt" where !isGradient: "keep the argument from falling below 0: `sqrt(maximum(x, 0.0))`"
        case "sqrt", "rsqrt", "power":
            isGradient ? "the slope of a root is infinite at 0: keep its argument above, `sqrt(x + 1e-12)`" : "keep the argument above 0"
        case "divide", "reciprocal":
            isGradient
                ? "keep what is divided by, or the argument of a root or logarithm, away from 0: `sqrt(x + 1e-12)`"
                : "keep the divisor away from 0: `a / (b + 1e-7)`, or use `divide_no_nan`"
        case "exp", "exp2", "expm1", "sinh", "cosh": "`\(op)` overflows f32 above 88: bound its argument, or use `softplus`, `logsumexp` or a loss of logits"
        default: nil
        }
    }
}
