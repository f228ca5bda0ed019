public import Engine
public import Graphs

/// A model in training: the values it has, and the compiled step that moves them on.
///
/// A step's program takes the carried tensors, the metrics' totals, the number of the step (an `f32` scalar,
/// counted from 1) and a batch; it replaces the carried tensors and the totals where they lie, and gives the loss of the
/// batch, then what else must be finite for the step to count. There is one program per batch shape: the last, shorter batch of an epoch has its own.
public final class Trainer {
    /// Steps taken so far, over all calls of `fit`.
    public private(set) var step = 0
    /// Parameters, states, slots and totals.
    private let memory: StepMemory
    private let counts: (parameters: Int, states: Int, slots: Int, totals: Int)
    private var programs: [[TensorType]: CompiledFunction] = [:]

    /// - Parameter totals: what the metrics begin with.
    public init(_ carried: Carried, totals: [Tensor], step: Int = 0) throws {
        memory = try StepMemory(carried.parameters + carried.states + carried.slots + totals)
        counts = (carried.parameters.count, carried.states.count, carried.slots.count, totals.count)
        self.step = step
    }

    /// Begins another training with these values and with the slots as they are; `false` where they are not of the types
    /// that are carried.
    public func resume(_ values: [Tensor], totals: [Tensor]) throws -> Bool {
        guard counts.parameters + counts.states == values.count, memory.types.starts(with: values.map(\.type)),
            memory.types[totalsRange].elementsEqual(totals.map(\.type))
        else { return false }
        try memory.set(0..<values.count, values)
        programs = [:]
        return true
    }

    /// Digests of what is carried: of parameters, states and slots, whole or as far as one looks at every step.
    public func digests(whole: Bool) -> [Digest] { memory.digests(0..<totalsRange.lowerBound, whole: whole) }

    private var totalsRange: Range<Int> { memory.types.count - counts.totals..<memory.types.count }

    /// What the steps so far have made of what was carried.
    public var carried: Carried {
        get throws {
            let all = try memory.values(0..<memory.types.count - counts.totals)
            let (p, s) = (counts.parameters, counts.states)
            return Carried(parameters: Array(all[..<p]), states: Array(all[p..<p + s]), slots: Array(all[(p + s)...]))
        }
    }
    /// The values of parameters, then of states.
    public var values: [Tensor] { get throws { try memory.values(0..<counts.parameters + counts.states) } }
    public var slotTypes: [TensorType] { Array(memory.types[(counts.parameters + counts.states)..<totalsRange.lowerBound]) }

    /// One step on a batch: the loss.
    private func advance(_ batch: [Tensor], _ plan: Plan) throws -> Double {
        let types = batch.map(\.type)
        let program: CompiledFunction
        if let known = programs[types] {
            program = known
        } else {
            program = try plan.step(types)
            programs[types] = program
        }
        var loss = Double.nan
        var isSound = false
        _ = try program.advance(memory, [.scalar(Double(step + 1), .f32)] + batch, step: step + 1) { results in
            loss = (try? results[0].element(0)) ?? .nan
            isSound = loss.isFinite && results.dropFirst().allSatisfy(\.isFinite)
            return isSound
        }
        guard isSound else { throw NotFinite(step: step + 1, loss: loss, batch: batch) }
        step += 1
        return loss
    }

    /// The first loss that is not finite, or gradient for a loss that is; the values are those before the step. Or the
    /// end of an epoch at which a value is not finite, and the epoch's last step.
    public struct NotFinite: Error {
        public let step: Int
        public let loss: Double
        public let batch: [Tensor]
        /// Of this call of `fit`, from 1.
        public internal(set) var epoch = 1
        /// The smallest loss and the last one before it, in this call of `fit`.
        public internal(set) var before: (lowest: Double, last: Double)?
        /// The epochs that were completed.
        public internal(set) var history = History()
    }

    /// When training ends: with both, whichever comes first; with neither, when the loss has stopped improving.
    public struct Limit {
        public var steps: Int?
        public var epochs: Int?
        public init(steps: Int?, epochs: Int?) { (self.steps, self.epochs) = (steps, epochs) }

        /// Without a limit: epochs without an improvement of the loss by `tolerance` of itself before it is done, and the
        /// most epochs there can be.
        static let patience = 10
        static let tolerance = 1e-4
        static let mostEpochs = 1000
        var isUntilDone: Bool { steps == nil && epochs == nil }
    }

    /// What training needs besides the step.
    public struct Plan {
        public var limit: Limit
        /// The step for a batch of these types.
        public var step: ([TensorType]) throws -> CompiledFunction
        /// The number of batches in an epoch, if it is known.
        public var batchesPerEpoch: Int?
        /// Begins an epoch; what it gives makes batches until it gives `nil`.
        public var batches: (_ epoch: Int) throws -> (() throws -> [Tensor]?)
        public var startTotals: [Tensor]
        /// The metrics' results from their totals.
        public var results: ([Tensor]) throws -> [(name: String, value: Double)]
        /// Evaluates on the validation data at the end of an epoch.
        public var validate: (() throws -> [(name: String, value: Double)])?
        /// Told of each epoch; training ends when it gives `false`.
        public var afterEpoch: ([(name: String, value: Double)]) throws -> Bool
        /// Told of every step and epoch, for a record.
        public var watch: Watch?
        /// Whether somebody asked training to end after the current step.
        public var isInterrupted: () -> Bool

        public init(
            limit: Limit, step: @escaping ([TensorType]) throws -> CompiledFunction, batchesPerEpoch: Int?,
            batches: @escaping (_ epoch: Int) throws -> (() throws -> [Tensor]?),
            startTotals: [Tensor], results: @escaping ([Tensor]) throws -> [(name: String, value: Double)],
            validate: (() throws -> [(name: String, value: Double)])?,
            afterEpoch: @escaping ([(name: String, value: Double)]) throws -> Bool, isInterrupted: @escaping () -> Bool
        ) {
            self.limit = limit
            self.step = step
            self.batchesPerEpoch = batchesPerEpoch
            self.batches = batches
            self.startTotals = startTotals
            self.results = results
            self.validate = validate
            self.afterEpoch = afterEpoch
            self.isInterrupted = isInterrupted
        }
    }

    /// Follows a training without taking part in it.
    public struct Watch {
        /// Before a step, with its batch.
        public var willStep: ([Tensor]) throws -> Void
        /// After it, with its loss.
        public var didStep: (Double) throws -> Void
        public var didEpoch: ([(name: String, value: Double)]) throws -> Void

        public init(
            willStep: @escaping ([Tensor]) throws -> Void, didStep: @escaping (Double) throws -> Void,
            didEpoch: @escaping ([(name: String, value: Double)]) throws -> Void
        ) {
            (self.willStep, self.didStep, self.didEpoch) = (willStep, didStep, didEpoch)
        }
    }

    public struct Outcome {
        public var history: History
        public var isInterrupted: Bool
    }

    /// Trains. An epoch that the number of steps cuts short counts as one in the history.
    public func fit(_ plan: Plan, progress: Progress) throws -> Outcome {
        var history = History()
        var isInterrupted = true
        do { isInterrupted = try train(plan, progress, &history) } catch where plan.isInterrupted() && !(error is NotFinite) {
            // While a step was compiled, a batch was made or a callback ran.
        }
        progress.finish(interrupted: isInterrupted)
        return Outcome(history: history, isInterrupted: isInterrupted)
    }

    /// Whether it was asked to end.
    private func train(_ plan: Plan, _ progress: Progress, _ history: inout History) throws -> Bool {
        var taken = 0
        var best = Double.infinity
        var epochsSinceBest = 0
        var before: (lowest: Double, last: Double)?
        let mostEpochs = plan.limit.isUntilDone ? Limit.mostEpochs : plan.limit.epochs ?? .max
        var epoch = 0
        while epoch < mostEpochs, taken < plan.limit.steps ?? .max {
            let next = try plan.batches(epoch)
            try memory.set(totalsRange, plan.startTotals)
            var (lossSum, examples, batches) = (0.0, 0, 0)
            var interrupted = false
            var last: [Tensor]?
            progress.beginEpoch(
                epoch + 1, of: plan.limit.isUntilDone ? nil : plan.limit.epochs,
                batches: [plan.batchesPerEpoch, plan.limit.steps.map { $0 - taken }].compactMap { $0 }.min())
            while taken < plan.limit.steps ?? .max {
                var size = 0
                do {
                    guard let batch = try next() else { break }
                    size = batch.first?.shape.first ?? 1
                    try plan.watch?.willStep(batch)
                    let loss = try advance(batch, plan)
                    try plan.watch?.didStep(loss)
                    before = (min(loss, before?.lowest ?? loss), loss)
                    lossSum += loss * Double(size)
                    last = batch
                } catch var error as NotFinite {
                    progress.finish(interrupted: false)
                    (error.epoch, error.before, error.history) = (epoch + 1, before, history)
                    throw error
                } catch where plan.isInterrupted() {
                    // While the batch was made, or within the step: the values are those before it.
                    interrupted = true
                    break
                }
                examples += size
                batches += 1
                taken += 1
                if progress.wantsUpdate { progress.update(batches, [("loss", lossSum / Double(examples))] + (try plan.results(memory.values(totalsRange)))) }
                if plan.isInterrupted() {
                    interrupted = true
                    break
                }
            }
            // What no single step looks at.
            if let last, try !memory.areFinite(0..<counts.parameters + counts.states) {
                progress.finish(interrupted: false)
                var error = NotFinite(step: step, loss: before?.last ?? .nan, batch: last)
                (error.epoch, error.before, error.history) = (epoch + 1, before, history)
                throw error
            }
            if batches == 0 { return interrupted }
            var row: [(name: String, value: Double)] = [("loss", lossSum / Double(max(examples, 1)))]
            row += try plan.results(memory.values(totalsRange))
            if !interrupted, let validate = plan.validate {
                do { row += try validate().map { ("val_" + $0.name, $0.value) } } catch where plan.isInterrupted() { interrupted = true }
            }
            history.add(row)
            try plan.watch?.didEpoch(row)
            progress.endEpoch(row)
            epoch += 1
            if interrupted { return true }
            if try !plan.afterEpoch(row) { break }
            if plan.limit.isUntilDone {
                let watched = row.first { $0.name == "val_loss" }?.value ?? row[0].value
                if watched < best - Limit.tolerance * abs(best.isFinite ? best : 0) || !best.isFinite {
                    best = watched
                    epochsSinceBest = 0
                } else {
                    epochsSinceBest += 1
                    if epochsSinceBest >= Limit.patience { break }
                }
            }
        }
        return false
    }
}

/// What each epoch gave, by name, in the order of the names' first appearance.
public struct History: Sendable {
    public private(set) var names: [String] = []
    public private(set) var values: [String: [Double]] = [:]

    public init() {}

    public mutating func add(_ row: [(name: String, value: Double)]) {
        for (name, value) in row {
            if values[name] == nil { names.append(name) }
            values[name, default: []].append(value)
        }
    }

    /// Another fit's epochs behind these.
    public mutating func append(_ other: History) {
        for name in other.names {
            if values[name] == nil { names.append(name) }
            values[name, default: []] += other.values[name] ?? []
        }
    }
}
