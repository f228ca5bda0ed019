internal import Engine
public import Formats
internal import Synchronization

/// Follows a run, for a record of it; beside an earlier record it finds the first thing that differs.
///
/// It looks and changes nothing: a run that is followed gives the same bits as one that is not.
public final class Recorder: Sendable {
    private struct State {
        var record: RunRecord
        /// The end of the output that is no whole line yet.
        var line = ""
        /// The steps of the fit at hand.
        var steps = 0
        /// A loss that differs, while the tensors behind it have not been looked at.
        var pending: String?
        var difference: String?
        /// Whether all of an interrupted run has been seen.
        var isThrough = false
    }
    private let state: Mutex<State>
    private let expected: RunRecord?
    private let save: @Sendable (RunRecord) -> Void

    /// - Parameters:
    ///   - expected: the record that the run is compared with; the run is asked to end at the first difference.
    ///   - save: takes the record whenever a fit has ended.
    public init(_ record: RunRecord, expected: RunRecord? = nil, save: @escaping @Sendable (RunRecord) -> Void = { _ in }) {
        state = Mutex(State(record: record))
        (self.expected, self.save) = (expected, save)
    }

    public var record: RunRecord { state.withLock { $0.record } }
    /// The first difference, in a sentence or two.
    public var difference: String? { state.withLock { $0.difference } }
    /// Whether the run has done all that the record tells of an interrupted one.
    public var isThrough: Bool { state.withLock { $0.isThrough } }

    // MARK: The run

    /// Text that the script has written.
    public func wrote(_ text: String) {
        state.withLock { state in
            state.record.outputDigest.add(text)
            state.record.outputCount += text.utf8.count
            guard state.record.output.count < RunRecord.mostLines else { return }
            let lines = (state.line + text).split(separator: "\n", omittingEmptySubsequences: false)
            state.line = String(lines.last ?? "")
            for line in lines.dropLast() { add(line: String(line), &state) }
        }
    }

    private func add(line: String, _ state: inout State) {
        let index = state.record.output.count
        guard index < RunRecord.mostLines else { return }
        state.record.output.append(line)
        guard let expected else { return }
        if index >= expected.output.count {
            if !expected.output.isEmpty || expected.outputCount == 0 { tell("line \(index + 1) of the output, `\(line)`, is new", &state, isMore: true) }
        } else if expected.output[index] != line {
            tell("line \(index + 1) of the output is `\(line)` and was `\(expected.output[index])`", &state)
        }
    }

    func beginFit(_ fit: RunRecord.Fit) {
        state.withLock { state in
            state.record.fits.append(fit)
            state.steps = 0
            guard let expected else { return }
            let title = title(state)
            guard let other = other(state) else {
                return tell("\(title) is new: the recorded run has \(counted(expected.fits.count, "fit"))", &state, isMore: true)
            }
            var seeds: String?
            if other.seed != fit.seed { seeds = "the seed is \(fit.seed) and was \(other.seed)" }
            if seeds == nil, other.draws != fit.draws { seeds = "\(fit.draws) random draws come before it and \(other.draws) did" }
            if let index = fit.tensors.indices.first(where: { $0 >= other.tensors.count || other.tensors[$0] != fit.tensors[$0] }) {
                let was = index < other.tensors.count ? "`\(other.tensors[index])`" : "not there"
                return tell("\(title): its tensor `\(fit.tensors[index])` was \(was)", &state)
            }
            if other.tensors.count > fit.tensors.count { return tell("\(title): `\(other.tensors[fit.tensors.count])` is not there any more", &state) }
            let tensors = Self.differing(fit.tensors, fit.start, other.start)
            if seeds != nil || tensors != nil {
                tell("\(title), before its first step: " + [seeds, tensors].compactMap { $0 }.joined(separator: "; "), &state)
            }
        }
    }

    /// The digest of what the next step is fed.
    func feed(_ batch: UInt32) {
        state.withLock { state in
            let index = state.record.fits.count - 1
            state.record.fits[index].batches.append(batch)
            state.steps += 1
            guard let other = other(state), state.pending == nil else { return }
            if state.steps > other.batches.count {
                tell("\(title(state)) takes step \(state.steps), the recorded one ended after \(other.batches.count)", &state, isMore: true)
            } else if other.batches[state.steps - 1] != batch {
                tell("\(title(state)), \(moment(state)): the data that it is fed differ; all before is the same", &state)
            }
        }
    }

    /// The bits of a step's loss; where the step is watched, digests of the tensors after it.
    func step(loss: UInt64, row: [UInt16]?) {
        state.withLock { state in
            let index = state.record.fits.count - 1
            state.record.fits[index].losses.append(loss)
            if let row { state.record.fits[index].rows.append(row) }
            guard let other = other(state), state.steps <= other.losses.count else { return }
            let was = other.losses[state.steps - 1]
            if was != loss, state.pending == nil {
                state.pending = "\(title(state)), \(moment(state)): the loss is \(formatShortest(Double(bitPattern: loss))) and was \(formatShortest(Double(bitPattern: was)))"
            }
            let place = state.record.fits[index].rows.count - 1
            guard let row, other.rows.indices.contains(place) else { return }
            let tensors = Self.differing(other.tensors, row, other.rows[place])
            settle(tensors, "\(title(state)), \(moment(state)): the loss is the same", "after it", &state)
        }
    }

    /// A step that was interrupted has been fed and has changed nothing.
    private static func forgetBegun(_ state: inout State) {
        let index = state.record.fits.count - 1
        guard state.record.fits[index].batches.count > state.record.fits[index].losses.count else { return }
        state.record.fits[index].batches.removeLast()
        state.steps -= 1
    }

    /// The end of an epoch: its figures, and digests of the whole tensors.
    func epoch(_ results: [(name: String, value: Double)], _ tensors: [Digest]) {
        state.withLock { state in
            Self.forgetBegun(&state)
            let index = state.record.fits.count - 1
            let number = state.record.fits[index].epochs.count
            state.record.fits[index].epochs.append(RunRecord.Epoch(steps: state.steps, results: results, tensors: tensors))
            guard let other = other(state), other.epochs.indices.contains(number) else { return }
            let was = other.epochs[number]
            let title = "\(title(state)), at the end of epoch \(number + 1)"
            settle(Self.differing(other.tensors, tensors, was.tensors), title, "then", &state)
            for ((name, value), old) in zip(results, was.results) where value.bitPattern != old.value.bitPattern && !(value.isNaN && old.value.isNaN) {
                return tell("\(title): `\(name)` is \(formatShortest(value)) and was \(formatShortest(old.value)); the tensors are the same", &state)
            }
        }
    }

    func endFit() {
        state.withLock { state in
            Self.forgetBegun(&state)
            if let other = other(state), other.batches.count > state.steps {
                tell("\(title(state)) ended after \(counted(state.steps, "step")), the recorded one took \(other.batches.count)", &state)
            }
        }
        save(record)
    }

    /// The end of the run.
    public func end(status: Int, files: [Journal.Entry]) {
        state.withLock { state in
            if !state.line.isEmpty { add(line: state.line, &state) }
            state.record.status = status
            state.record.files = files
            state.record.libraries = Dictionary(Surroundings.libraries.map { ($0.name, $0.version) }) { $1 }
            guard let expected, state.difference == nil, !state.isThrough else { return }
            let (fits, lines) = (state.record.fits.count, state.record.output.count)
            if let pending = state.pending { return tell(pending, &state) }
            if fits < expected.fits.count { return tell("the run has \(counted(fits, "fit")), the recorded one had \(expected.fits.count)", &state) }
            if lines < expected.output.count { return tell("the output ends after \(counted(lines, "line")), it had \(expected.output.count)", &state) }
            if !expected.isPartial, let was = expected.status {
                if was != status { return tell("the run ends with status \(status), it ended with \(was)", &state) }
                if expected.outputDigest != state.record.outputDigest {
                    return tell("the output differs after its first \(RunRecord.mostLines) lines", &state)
                }
            }
        }
        save(record)
    }

    // MARK: Words

    private func other(_ state: State) -> RunRecord.Fit? {
        guard let expected, state.difference == nil, state.record.fits.count <= expected.fits.count else { return nil }
        return expected.fits[state.record.fits.count - 1]
    }

    private func title(_ state: State) -> String {
        guard let fit = state.record.fits.last else { return "the run" }
        return "fit \(state.record.fits.count) (`\(fit.name)`, \(fit.place))"
    }

    private func moment(_ state: State) -> String { "step \(state.steps), in epoch \((state.record.fits.last?.epochs.count ?? 0) + 1)" }

    /// Tells a loss that differs with the tensors behind it, or that these alone do.
    private func settle(_ tensors: String?, _ title: String, _ when: String, _ state: inout State) {
        if let pending = state.pending {
            tell("\(pending); \(when) " + (tensors ?? "all tensors are the same"), &state)
            state.pending = nil
        } else if let tensors {
            tell("\(title), \(when) \(tensors)", &state)
        }
    }

    /// Notes the first difference and asks the run to end. What an interrupted run had not come to, is none.
    private func tell(_ difference: String, _ state: inout State, isMore: Bool = false) {
        guard expected != nil, state.difference == nil, !state.isThrough else { return }
        if isMore, expected?.isPartial == true {
            state.isThrough = true
        } else {
            state.difference = difference
        }
        Execution.interrupt()
    }

    private static func differing<D: Equatable>(_ names: [String], _ a: [D], _ b: [D]) -> String? {
        let differing = names.indices.filter { a[$0] != b[$0] }
        guard let first = differing.first else { return nil }
        let rest = differing.count - 1
        return "`\(names[first])` differs" + (rest == 0 ? "" : ", and \(rest == 1 ? "one other tensor" : "\(rest) others") of \(names.count)")
    }
}

/// `1 fit`, `2 fits`
public func counted(_ count: Int, _ noun: String) -> String { "\(count.formatted) \(noun)\(count == 1 ? "" : "s")" }
