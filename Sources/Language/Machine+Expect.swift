internal import Engine
internal import Graphs
internal import Syntax

/// What `because` said, and where the calls stood that led there.
struct Reason {
    var text: String
    var places: [Int]
}

/// `expect`: whether it holds, what a report wants to know of it, and why it does not.
extension Machine {
    func expect(_ condition: Value, _ expectation: Expectation, _ regs: Registers) throws {
        let decided = try truth(condition)
        if isCheck { return }
        guard let holds = decided else { return }
        try noteGates(expectation.condition, regs)
        let said = takeReasons(expectation)
        if holds { return }
        let failing = failing(expectation.condition, regs)
        // What a function says of itself is better than its arguments.
        var why = explain(failing, regs, wanted: true)
        if case .call = failing, !said.isEmpty { why = nil }
        let reasons = said + (why.map { [$0] } ?? [])
        let what = try expectation.message.map { try printed(regs[$0]) } ?? "this does not hold"
        let diagnostic = Diagnostic(
            code: "E0500", what: what, at: Label(failing.value.range, "expected to hold"),
            why: reasons.isEmpty ? nil : reasons.joined(separator: "; "), mend: mend(failing, regs))
        failedExpectations.append(diagnostic)
        session.report(diagnostic)
    }

    /// `because(text)`: kept for the `expect` that is being decided, if there is one.
    func because(_ text: String) {
        if isCheck { return }
        reasons.append(Reason(text: text, places: frames.map(\.pc)))
        // Nobody may ask for a long time.
        if reasons.count > 8 { reasons.removeFirst() }
    }

    /// What was said on the way to this condition's value.
    private func takeReasons(_ expectation: Expectation) -> [String] {
        defer { reasons = [] }
        let depth = frames.count - 1
        let here = expectation.start...frames[depth].pc
        return reasons.filter { $0.places.count > depth && here.contains($0.places[depth]) }.map(\.text)
    }

    /// The part of a condition that made it false.
    private func failing(_ probe: Probe, _ regs: Registers) -> Probe {
        guard case .logical(.and, let left, let right, _) = probe else { return probe }
        if case .bool(false) = regs[left.value.register] { return failing(left, regs) }
        if case .bool(true) = regs[left.value.register] { return failing(right, regs) }
        return probe
    }

    // MARK: Gates

    /// Every comparison of two numbers among the conditions that must all hold.
    private func noteGates(_ probe: Probe, _ regs: Registers) throws {
        switch probe {
        case .logical(.and, let left, let right, _):
            try noteGates(left, regs)
            // Where the left side is false the right one was not looked at.
            if case .bool(true) = regs[left.value.register] { try noteGates(right, regs) }
        case .comparison(let op, let left, let right, let value):
            guard let (x, y) = try numbers(op, regs[left.register], regs[right.register]), let holds = try truth(regs[value.register]) else { return }
            // What is required stands on the right, unless only the left side is plain: `0.9 <= accuracy`.
            let isFlipped = left.depth < right.depth
            measurements.add(
                .init(
                    place: value.range, comparison: isFlipped ? op.flipped : op, observed: isFlipped ? y : x,
                    required: isFlipped ? x : y, holds: holds))
        default: return
        }
    }

    /// Two sides as numbers, when the comparison says how good one is: counts that must agree are no measurements.
    private func numbers(_ op: BinaryOperator, _ a: Value, _ b: Value) throws -> (Double, Double)? {
        switch op {
        case .less, .lessEqual, .greater, .greaterEqual: break
        case .equal, .notEqual: if !isFloat(a), !isFloat(b) { return nil }
        default: return nil
        }
        guard let x = try number(a), let y = try number(b) else { return nil }
        return (x, y)
    }

    private func isFloat(_ value: Value) -> Bool {
        switch value {
        case .float: true
        case .tensor(let tensor): tensor.dtype.isFloat
        default: false
        }
    }

    private func number(_ value: Value) throws -> Double? {
        switch value {
        case .int(let x): Double(x)
        case .float(let x): x
        case .tensor(let tensor) where tensor.count == 1 && tensor.dtype != .bool && tensor.availability == .available:
            try tensor.elements(as: Double.self)[0]
        default: nil
        }
    }

    // MARK: Why

    /// Why a condition is not what was wanted.
    private func explain(_ probe: Probe, _ regs: Registers, wanted: Bool) -> String? {
        switch probe {
        case .comparison(let op, let left, let right, _):
            let (a, b) = (regs[left.register], regs[right.register])
            if wanted, op == .equal, let difference = difference(a, b) { return difference }
            return "\(shortened(a)) \(op.rawValue) \(shortened(b)) is \(!wanted)"
        case .logical(let op, let left, let right, let value):
            // Of `or` both sides failed, of `and` what was not wanted is that both hold.
            guard wanted == (op == .or) else { return "`\(value.text)` is \(!wanted)" }
            let parts = [left, right].compactMap { explain($0, regs, wanted: wanted) }
            return parts.isEmpty ? nil : parts.joined(separator: ", and ")
        case .negation(let inner, _): return explain(inner, regs, wanted: !wanted)
        case .call(let name, let isStandard, let arguments, let tested, let value):
            if isStandard, wanted, let reason = try? differences(name, arguments, tested, regs) { return reason }
            let shown = arguments.filter { $0.1.depth > 0 && isShown(regs[$0.1.register]) }.prefix(6)
            var values = ["`\(value.text)` is \(!wanted)"]
            for (_, kept) in shown {
                let text = "`\(kept.text)` is \(shortened(regs[kept.register]))"
                if !values.contains(text) { values.append(text) }
            }
            return values.count == 1 && wanted ? nil : values.joined(separator: "; ")
        case .field(let record, let value):
            return "`\(value.text)` is \(!wanted)" + (isShown(regs[record.register]) ? "; `\(record.text)` is \(shortened(regs[record.register]))" : "")
        case .plain(let value): return wanted ? nil : "`\(value.text)` is true"
        }
    }

    /// Whether a value's text says something.
    private func isShown(_ value: Value) -> Bool {
        switch value {
        case .none, .bool, .int, .float, .dtype, .string, .list, .range, .record, .tensor: true
        default: false
        }
    }

    private func mend(_ probe: Probe, _ regs: Registers) -> String? {
        guard case .comparison(.equal, let left, let right, _) = probe, case .float(let x) = regs[left.register],
            let y = try? number(regs[right.register]), abs(x - y) <= 1e-9 * max(abs(x), abs(y))
        else { return nil }
        return "compare floats with a tolerance: `abs(\(left.text) - \(right.text)) < 1e-9`"
    }

    func shortened(_ value: Value) -> String {
        let text = value.written.split(separator: "\n").map { $0.drop { $0 == " " } }.joined(separator: " ")
        return text.count > 200 ? text.prefix(200) + "…" : text
    }

    /// Where two long lists, records or strings first differ; `nil` when their texts show it.
    private func difference(_ a: Value, _ b: Value) -> String? {
        guard max(a.written.count, b.written.count) > 60 else { return nil }
        var (a, b, path) = (a, b, "")
        while true {
            switch (a, b) {
            case (.string(let x), .string(let y)):
                let (s, t) = (x.codePoints, y.codePoints)
                guard let place = zip(s, t).enumerated().first(where: { $1.0 != $1.1 })?.offset else { return lengths(s.count, t.count, "code points", path) }
                func part(_ scalars: [Unicode.Scalar]) -> String { quoted(String(String.UnicodeScalarView(scalars[max(place - 10, 0)..<min(place + 20, scalars.count)]))) }
                return "the first difference is at \(path)[\(place)]: …\(part(s))… and …\(part(t))…"
            case (.record(let x), .record(let y)):
                if x.names != y.names { return "the fields\(path.isEmpty ? "" : " at \(path)") are \(x.names.joined(separator: ", ")) and \(y.names.joined(separator: ", "))" }
                guard let place = x.values.indices.first(where: { (try? equal(x.values[$0], y.values[$0])) != true }) else { return nil }
                (a, b) = (x.values[place], y.values[place])
                path += "." + x.names[place]
            default:
                guard case .list = a, case .list = b, let x = try? elements(a), let y = try? elements(b) else {
                    return path.isEmpty ? nil : "the first difference is at \(path): \(shortened(a)) and \(shortened(b))"
                }
                guard let place = zip(x, y).enumerated().first(where: { (try? equal($1.0, $1.1)) != true })?.offset else { return lengths(x.count, y.count, "elements", path) }
                (a, b) = (x[place], y[place])
                path += "[\(place)]"
            }
        }
    }

    private func lengths(_ a: Int, _ b: Int, _ what: String, _ path: String) -> String {
        "\(path.isEmpty ? "" : "at \(path): ")\(a) and \(b) \(what), equal as far as the shorter goes"
    }
}

extension BinaryOperator {
    /// The comparison with its sides exchanged.
    fileprivate var flipped: BinaryOperator {
        switch self {
        case .less: .greater
        case .lessEqual: .greaterEqual
        case .greater: .less
        case .greaterEqual: .lessEqual
        default: self
        }
    }
}
