public import Syntax

/// What a run measured, and what it required of that: the substance of reports.
public struct Measurements: Sendable {
    /// What one call of `evaluate`, or the last epoch of one of `fit`, gave.
    public struct Evaluation: Sendable {
        public var estimator: String
        /// The call as it is written; `#2` and so on behind it tell further calls with other results apart.
        public var call: String
        /// Where the script asked for it.
        public var place: SourceRange?
        public var values: [(name: String, value: Double)]
    }

    /// A comparison of two numbers that an `expect` asked for.
    ///
    /// One place has one gate: of a loop's turns the one that came nearest to failing counts, or failed by most.
    public struct Gate: Sendable {
        public var place: SourceRange
        public var comparison: BinaryOperator
        public var observed: Double
        public var required: Double
        public var holds: Bool
        /// How often the script came by.
        public var times = 1

        /// The condition as it is written.
        public var text: String { singleLine(place.source.text(place)) }
        /// How far the number is on the right side of what is required; negative when it is on the wrong one.
        public var margin: Double {
            switch comparison {
            case .greater, .greaterEqual: observed - required
            case .less, .lessEqual: required - observed
            case .notEqual: abs(observed - required)
            default: -abs(observed - required)
            }
        }
    }

    public private(set) var evaluations: [Evaluation] = []
    public private(set) var gates: [Gate] = []
    private var places: [SourceRange: Int] = [:]
    private var calls: [String: (count: Int, last: Int)] = [:]

    public init() {}

    mutating func add(_ gate: Gate) {
        guard let known = places[gate.place] else {
            places[gate.place] = gates.count
            gates.append(gate)
            return
        }
        var worse = gates[known]
        if worse.holds == gate.holds ? gate.margin < worse.margin : worse.holds { worse = gate }
        worse.times = gates[known].times + 1
        gates[known] = worse
    }

    mutating func add(_ evaluation: Evaluation) {
        var evaluation = evaluation
        let known = calls[evaluation.call]
        if let known, evaluations[known.last].values.map(\.value) == evaluation.values.map(\.value) { return }
        let count = (known?.count ?? 0) + 1
        calls[evaluation.call] = (count, evaluations.count)
        if count > 1 { evaluation.call += " #\(count)" }
        evaluations.append(evaluation)
    }
}

extension Machine {
    /// Remembers the numbers that a verb of an estimator gave.
    func note(_ estimator: Estimator, _ verb: String, _ values: [(name: String, value: Value)]) {
        if isCheck { return }
        let numbers = values.compactMap { name, value -> (name: String, value: Double)? in
            switch value {
            case .float(let x): return (name, x)
            case .int(let x): return (name, Double(x))
            default: return nil
            }
        }
        if numbers.isEmpty { return }
        let frame = frames.reversed().first { !$0.module.isStandard && $0.pc < $0.code.ranges.count }
        let place = frame.map { $0.code.callRange(at: $0.pc) }
        let call = place.map { singleLine($0.source.text($0)) } ?? "\(estimator.name).\(verb)"
        measurements.add(.init(estimator: estimator.name, call: call, place: place, values: numbers))
    }
}

/// A text's words on one line, cut where that gets long.
func singleLine(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    return line.count > 100 ? line.prefix(99) + "…" : line
}
