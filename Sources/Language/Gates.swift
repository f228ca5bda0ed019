internal import Syntax

/// Finds `expect`s that cannot fail or cannot hold, from what the numbers in them can be: a share lies between 0 and 1,
/// a loss is not negative.
struct GateReader {
    private(set) var warnings: [Diagnostic] = []
    /// What the names of the functions around are bound to, innermost last.
    private var scopes: [[String: Known]] = [[:]]

    private enum Known {
        case quantity(Quantity)
        /// What `evaluate` or `fit` gives: a record of metrics.
        case results
        /// Something else, or bound more than once.
        case unclear
    }

    /// A number whose bounds are known.
    private struct Quantity {
        var name: String
        var low: Double
        var high: Double
        /// `lies between 0 and 1`
        var domain: String

        static func share(_ name: String) -> Quantity { Quantity(name: name, low: 0, high: 1, domain: "lies between 0 and 1") }
        static func positive(_ name: String) -> Quantity { Quantity(name: name, low: 0, high: .infinity, domain: "is never negative") }

        /// By the name of a metric in what `evaluate` and `fit` give.
        init?(metric name: String) {
            let plain = name.hasPrefix("val_") ? String(name.dropFirst(4)) : name
            let shown = "`\(name)`"
            if plain.hasSuffix("accuracy") || ["precision", "recall", "auc", "f1_score", "f1", "mean_iou"].contains(plain) {
                self = .share(shown)
            } else if ["loss", "mean_squared_error", "mean_absolute_error", "root_mean_squared_error", "mse", "mae", "rmse", "inertia", "examples"].contains(plain) {
                self = .positive(shown)
            } else if plain == "r2" {
                self.init(name: shown, low: -.infinity, high: 1, domain: "is at most 1")
            } else {
                return nil
            }
        }
        init(name: String, low: Double, high: Double, domain: String) {
            (self.name, self.low, self.high, self.domain) = (name, low, high, domain)
        }
    }

    init(_ script: Script) { block(script.statements) }

    private mutating func block(_ block: Block) { for statement in block { self.statement(statement) } }

    private mutating func inScope(_ body: (inout GateReader) -> Void) {
        scopes.append([:])
        body(&self)
        scopes.removeLast()
    }

    private mutating func bind(_ name: String, _ known: Known = .unclear) {
        let last = scopes.count - 1
        scopes[last][name] = scopes[last][name] == nil ? known : .unclear
    }

    private mutating func statement(_ statement: Statement) {
        switch statement.kind {
        case .expect(let condition, _): gate(condition)
        case .assign(.name(let name), let value):
            bind(name.text, quantity(value).map(Known.quantity) ?? (isResults(value) ? .results : .unclear))
        case .assign(.record(let names), let value):
            let isResults = isResults(value)
            for name in names { bind(name.text, (isResults ? Quantity(metric: name.text) : nil).map(Known.quantity) ?? .unclear) }
        case .assign(.list(let names), _): for name in names { bind(name.text) }
        case .update(let name, _, _, _): scopes[scopes.count - 1][name.text] = .unclear
        case .expression(let value): expression(value)
        case .declare(let declaration):
            guard case .body(.block(let block)) = declaration.content else { return }
            inScope { reader in
                for parameter in (declaration.parameters ?? []) + (declaration.inputs ?? []) { reader.bind(parameter.name.text) }
                reader.block(block)
            }
        case .test(_, _, let block): inScope { $0.block(block) }
        default: return
        }
    }

    /// Blocks hold gates too.
    private mutating func expression(_ value: Expression) {
        switch value.kind {
        case .conditional(let branches, let otherwise):
            for branch in branches { block(branch.block) }
            if let otherwise { block(otherwise) }
        case .for(let names, _, let inner):
            for name in names { bind(name.text) }
            block(inner)
        case .while(_, let inner), .with(_, let inner): block(inner)
        default: return
        }
    }

    // MARK: What an expression is

    private func lookup(_ name: String) -> Known? { scopes.reversed().lazy.compactMap { $0[name] }.first }

    private func isResults(_ value: Expression) -> Bool {
        switch value.kind {
        case .parenthesized(let inner): return isResults(inner)
        case .name(let name): if case .results? = lookup(name) { return true } else { return false }
        case .call(let callee, _):
            guard case .field(_, let name) = callee.kind else { return false }
            return ["evaluate", "score", "fit"].contains(name.text)
        default: return false
        }
    }

    private func quantity(_ value: Expression) -> Quantity? {
        switch value.kind {
        case .parenthesized(let inner): return quantity(inner)
        case .name(let name):
            guard case .quantity(let found)? = lookup(name) else { return nil }
            return Quantity(name: "`\(name)`", low: found.low, high: found.high, domain: found.domain)
        case .field(let base, let name): return isResults(base) ? Quantity(metric: name.text) : nil
        case .index(let base, let subscripts):
            // `history.loss[-1]`, `found["accuracy"]`
            guard subscripts.count == 1, case .index(let index) = subscripts[0] else { return nil }
            if case .string(let parts) = index.kind, parts.count == 1, case .text(let name) = parts[0] {
                return isResults(base) ? Quantity(metric: name) : nil
            }
            return quantity(base)
        case .call(let callee, let arguments):
            guard case .name(let function) = callee.kind, !scopes.contains(where: { $0.keys.contains(function) }) else { return nil }
            let shown = "`\(value.range.source.text(value.range).prefix(40))`"
            switch function {
            case "square", "abs", "norm", "exp", "len": return .positive(shown)
            case "sigmoid", "softmax": return .share(shown)
            case "accuracy", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy": return .share(shown)
            case "mean_squared_error", "mean_absolute_error", "sparse_softmax_cross_entropy", "softmax_cross_entropy", "sigmoid_cross_entropy",
                "root_mean_squared_error":
                return .positive(shown)
            // Averages and the like stay within the bounds; a sum of what is not negative is not.
            case "mean", "min", "max", "float", "round":
                guard let first = arguments.first, let inner = quantity(first.value) else { return nil }
                return Quantity(name: shown, low: inner.low, high: inner.high, domain: inner.domain)
            case "sum", "sqrt":
                guard let first = arguments.first, let inner = quantity(first.value), inner.low >= 0 else { return nil }
                return .positive(shown)
            case "cast":
                guard let first = arguments.first, isComparison(first.value) else { return nil }
                return .share(shown)
            default: return nil
            }
        default: return nil
        }
    }

    private func isComparison(_ value: Expression) -> Bool {
        switch value.kind {
        case .parenthesized(let inner): isComparison(inner)
        case .binary(.equal, _, _, _), .binary(.notEqual, _, _, _), .binary(.less, _, _, _), .binary(.lessEqual, _, _, _),
            .binary(.greater, _, _, _), .binary(.greaterEqual, _, _, _):
            true
        default: false
        }
    }

    private func number(_ value: Expression) -> Double? {
        switch value.kind {
        case .int(let x): return Double(x)
        case .float(let x): return x
        case .parenthesized(let inner): return number(inner)
        case .unary(.negate, let inner): return number(inner).map { -$0 }
        case .binary(let op, let left, let right, _):
            guard let a = number(left), let b = number(right) else { return nil }
            switch op {
            case .add: return a + b
            case .subtract: return a - b
            case .multiply: return a * b
            case .divide: return b == 0 ? nil : a / b
            default: return nil
            }
        default: return nil
        }
    }

    // MARK: Gates

    private mutating func gate(_ condition: Expression, isNegated: Bool = false) {
        switch condition.kind {
        case .parenthesized(let inner): gate(inner, isNegated: isNegated)
        case .unary(.not, let inner): gate(inner, isNegated: !isNegated)
        case .binary(.and, let left, let right, _), .binary(.or, let left, let right, _):
            gate(left, isNegated: isNegated)
            gate(right, isNegated: isNegated)
        case .binary(let op, let left, let right, _):
            if let quantity = quantity(left), let bound = number(right) { compare(quantity, op, bound, isNegated, condition.range) }
            if let quantity = quantity(right), let bound = number(left), let turned = Self.turned[op] {
                compare(quantity, turned, bound, isNegated, condition.range)
            }
        default: return
        }
    }

    private static let turned: [BinaryOperator: BinaryOperator] = [
        .less: .greater, .lessEqual: .greaterEqual, .greater: .less, .greaterEqual: .lessEqual, .equal: .equal, .notEqual: .notEqual,
    ]

    private mutating func compare(_ quantity: Quantity, _ op: BinaryOperator, _ bound: Double, _ isNegated: Bool, _ range: SourceRange) {
        let (low, high) = (quantity.low, quantity.high)
        let holds: Bool
        switch op {
        case .less where high < bound, .lessEqual where high <= bound, .greater where low > bound, .greaterEqual where low >= bound,
            .notEqual where bound < low || bound > high:
            holds = true
        case .less where low >= bound, .lessEqual where low > bound, .greater where high <= bound, .greaterEqual where high < bound,
            .equal where bound < low || bound > high:
            holds = false
        default: return
        }
        var mend: String?
        if high == 1, low == 0, bound >= 2, bound <= 100 {
            let percent = bound == bound.rounded() ? "\(Int(bound))" : formatShortest(bound)
            mend = "write \(formatShortest(bound / 100)) for \(percent) percent"
        }
        warnings.append(.gate(holds != isNegated, quantity.name, quantity.domain, mend: mend, at: range))
    }
}
