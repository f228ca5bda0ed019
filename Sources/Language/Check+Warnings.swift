internal import Datasets
internal import Engine
internal import Graphs
internal import Syntax

/// In the check: what an estimator was fitted to and evaluated on.
struct EstimatorUse {
    let estimator: Estimator
    var fitted: [(data: Lineage, place: SourceRange?)] = []
    /// Evaluations on examples that it was fitted to.
    var seen: [(place: SourceRange?, fit: SourceRange?)] = []
    /// Whether it is also held against others, by `validation` or another `evaluate`.
    var hasOthers = false
}

/// What the check finds legal and almost surely wrong.
extension Machine {
    func warn(_ diagnostic: Diagnostic) {
        // What nobody can point at in the script is not the script's.
        guard isCheck, diagnostic.at != nil, !check.warnings.contains(diagnostic) else { return }
        check.warnings.append(diagnostic)
    }

    /// The innermost place in the script.
    private var place: SourceRange? {
        guard let frame = frames.last(where: { !$0.module.isStandard }), frame.pc < frame.code.ranges.count else { return nil }
        return frame.code.ranges[frame.pc]
    }

    private var isTest: Bool { frames.contains { $0.code.kind == .test } }

    /// What has come up, with what can be said only at the end.
    func findings(_ module: Module, _ unusedBindings: [Name]) -> [Diagnostic] {
        // A line in a loop evaluates several estimators, of which the last one has a name.
        let uses = check.uses.values.filter { !$0.hasOthers }.map { use in
            let holder = module.slots.first { if case .estimator(let held) = module.registers[$0.value] { held === use.estimator } else { false } }
            return (isNamed: holder != nil, name: holder?.key ?? use.estimator.name, seen: use.seen)
        }
        var told: Set<SourceRange> = []
        for use in uses.sorted(by: { $0.isNamed == $1.isNamed ? $0.name < $1.name : $0.isNamed }) {
            for (place, fit) in use.seen where place.map({ told.insert($0).inserted }) ?? true {
                warn(.evaluatedOnFitted(use.name, at: place, fit: fit))
            }
        }
        for name in unusedBindings {
            if let slot = module.slots[name.text], case .layer = module.registers[slot] {
                warn(.neverApplied(name.text, at: name.range, isNamed: true))
            } else {
                warn(.unused("binding", name))
            }
        }
        return check.warnings
    }

    // MARK: Layers

    /// A layer whose value the statement drops.
    func warnOfDiscarded(_ constructor: Constructor) {
        guard constructions.isEmpty || !applications.isEmpty, let frame = frames.last, !frame.module.isStandard, let place, check.discarded.contains(place)
        else { return }
        warn(.neverApplied(constructor.name, at: place, isNamed: false))
    }

    /// `dropout(0.9)`, which keeps a tenth.
    func warnOfKeepProbability(_ layer: Layer) {
        // What a layer of the library builds inside is its own.
        if let outer = applications.last?.layer, outer.constructor.module.isStandard, outer.constructor.info.kind == .layer { return }
        guard layer.constructor.module.isStandard, layer.kind.hasSuffix("dropout") || layer.kind.hasPrefix("spatial_dropout"),
            let position = layer.constructor.info.configuration.parameters.firstIndex(where: { $0.name == "rate" }),
            layer.configuration.indices.contains(position), case .float(let rate) = layer.configuration[position], rate >= 0.75, rate < 1
        else { return }
        let keep = (((1 - rate) * 1e6).rounded() / 1e6)
        warn(.keepProbability(layer.kind, formatShortest(rate), keep: formatShortest(keep), at: place))
    }

    // MARK: Losses

    private static let squashing: Set = ["softmax", "log_softmax", "sigmoid"]

    func noteSquashed(_ op: Op, _ results: [Tensor]) {
        if Self.squashing.contains(op.name) { check.squashed[ObjectIdentifier(results[0])] = (results[0], op.name) }
    }

    /// A loss that applies `softmax` or `sigmoid` to what has been through it.
    func warnOfSquashed(_ loss: String, _ arguments: [Value]) {
        guard arguments.count >= 2, case .tensor(let outputs) = arguments[1], let (_, function) = check.squashed[ObjectIdentifier(outputs)] else { return }
        guard loss.hasSuffix("softmax_cross_entropy") || loss.hasSuffix("sigmoid_cross_entropy") else { return }
        warn(.appliedTwice(function, loss, at: check.lastPart ?? place))
    }

    // MARK: Fitting

    func noteFit(_ estimator: Estimator, _ data: Value, validation: Value, batch: Int?, _ layer: Layer?) {
        guard isCheck else { return }
        check.attempted[ObjectIdentifier(estimator)] = estimator
        if let layer, batch == 1, layer.parts.contains(where: { $0.kind == "batch_norm" && $0.constructor.module.isStandard }) {
            warn(.batchesOfOne(layer.parts.first { $0.kind == "batch_norm" }?.path ?? layer.path, at: place))
        }
        if case .dataset(let value) = data, let label = value.lineage.order { warn(.ordered(label.isEmpty ? "" : " `\(label)`", at: place)) }
        if let lineage = lineage(of: data) {
            check.uses[ObjectIdentifier(estimator), default: EstimatorUse(estimator: estimator)].fitted.append((lineage, place))
        }
        if !validation.isNone { check.uses[ObjectIdentifier(estimator), default: EstimatorUse(estimator: estimator)].hasOthers = true }
    }

    func noteEvaluation(_ estimator: Estimator, _ data: Value) {
        guard isCheck, !isTest, !estimator.isWhole, var use = check.uses[ObjectIdentifier(estimator)] else { return }
        if let lineage = lineage(of: data), let fit = use.fitted.first(where: { lineage.isPart(of: $0.data) }) {
            use.seen.append((place, fit.place))
        } else {
            use.hasOthers = true
        }
        check.uses[ObjectIdentifier(estimator)] = use
    }

    /// A classifier whose outputs are not as many as the classes.
    func warnOfClassCount(_ estimator: Estimator, _ fitted: Fitted, _ layer: Layer) {
        guard isCheck, case .classes(let classes) = fitted.labels, estimator.field("train_step") == nil,
            let output = layer.outputType, let width = output.shape.last, width >= 0, output.rank == 2
        else { return }
        switch LossKind(estimator.field("loss")) {
        case .classNumbers, .oneHot:
            if width != classes.count {
                warn(.otherClassCount(width, classes.count, fitted.labelName.map { "`\($0)`" } ?? "the data", at: layer.stackRanges.last ?? nil ?? place))
            }
        case .twoClasses, .numbers: return
        }
    }
}
