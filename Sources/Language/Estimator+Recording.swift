internal import Engine
internal import Graphs
internal import Syntax
internal import Training

/// What a recorder is told of fits.
extension Machine {
    private func entry(_ estimator: Estimator, tensors: [String], start: [Digest]) -> RunRecord.Fit {
        let place = currentRange.map { range in
            let (line, column) = range.source.position(of: range.start)
            return "\(range.source.path):\(line):\(column)"
        }
        return RunRecord.Fit(
            name: estimator.name, place: place ?? "", seed: random.seed, draws: random.draws, tensors: tensors, start: start)
    }

    /// Follows a training, if the run is recorded.
    func watch(_ estimator: Estimator, _ fitted: Fitted, _ trainer: Trainer) -> Trainer.Watch? {
        guard let recorder = session.recorder else { return nil }
        var names = (fitted.parameters + fitted.states).map { "\($0.path) \($0.type)" }
        for (parameter, form) in zip(fitted.parameters, fitted.slotForms) {
            names += slotNames(form).map { "\(parameter.path) \($0) of the optimizer" }
        }
        recorder.beginFit(entry(estimator, tensors: names, start: trainer.digests(whole: true)))
        var step = 0
        return Trainer.Watch(
            willStep: { batch in
                var digest = Digest()
                for tensor in batch { try digest.add(tensor) }
                recorder.feed(UInt32(truncatingIfNeeded: digest.value))
            },
            didStep: { loss in
                step += 1
                recorder.step(
                    loss: loss.bitPattern,
                    row: RunRecord.isWatched(step) ? trainer.digests(whole: false).map { UInt16(truncatingIfNeeded: $0.value) } : nil)
            },
            didEpoch: { recorder.epoch($0, trainer.digests(whole: true)) })
    }

    /// An estimator that learns from all of the data at once: the features, and what was learned from them.
    func record(_ estimator: Estimator, features: Value, learned: Value) throws {
        guard let recorder = session.recorder else { return }
        var (names, digests): ([String], [Digest]) = ([], [])
        func add(_ name: String, _ value: Value) throws {
            guard case .tensor(let tensor) = value, tensor.dtype != .string else { return }
            var digest = Digest()
            try digest.add(tensor)
            names.append("\(name) \(tensor.type)")
            digests.append(digest)
        }
        try add("features", features)
        if case .record(let record) = learned { for (name, value) in zip(record.names, record.values) { try add(name, value) } }
        recorder.beginFit(entry(estimator, tensors: names, start: digests))
        recorder.endFit()
    }

    private func slotNames(_ form: Value) -> [String] {
        switch form {
        case .record(let record): zip(record.names, record.values).flatMap { name, value in slotNames(value).map { $0 == "slot" ? name : name + " " + $0 } }
        case .list(let list): list.values.enumerated().flatMap { index, value in slotNames(value).map { "\($0) \(index)" } }
        case .tensor, .int, .float: ["slot"]
        default: []
        }
    }
}
