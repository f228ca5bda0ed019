internal import Syntax

/// Finds statistics of a whole table, or of whole tensors, that change it before it is split: what is then learned from
/// the rows to test on makes the test too kind.
///
/// It goes through a file's statements in order and keeps which names come from which.
struct SplitReader {
    private(set) var warnings: [Diagnostic] = []
    /// The names of data, with the first of the names that they were made of.
    private var roots: [String: String] = [:]
    /// Names of numbers that were learned from data, with the data's first name.
    private var learned: [String: String] = [:]
    /// Data that such numbers have changed, with where.
    private var changed: [String: (range: SourceRange, statistic: String)] = [:]

    private static let statistics: Set = [
        "mean", "std", "var", "variance", "moments", "median", "quantile", "percentile", "min", "max", "describe", "amin", "amax",
        "reduce_mean", "reduce_std", "reduce_max", "reduce_min",
    ]

    init(_ script: Script) {
        for statement in script.statements {
            if case .assign(let target, let value) = statement.kind {
                look(value)
                switch target {
                case .name(let name): assign(name.text, value)
                case .list(let names), .record(let names): for name in names { forget(name.text) }
                }
            } else if case .expression(let value) = statement.kind {
                look(value)
            }
        }
    }

    private mutating func forget(_ name: String) {
        roots[name] = nil
        learned[name] = nil
        changed[name] = nil
    }

    private mutating func assign(_ name: String, _ value: Expression) {
        let base = Self.base(value)
        let root = base.map { roots[$0] ?? $0 }
        let found = root.flatMap { statistic(in: value, of: $0) }
        let before = base.flatMap { changed[$0] }
        let source = statisticSource(value)
        forget(name)
        if let root, !Self.isStatistic(value) {
            roots[name] = root
            changed[name] = found.map { (value.range, $0) } ?? before
        } else if let source {
            learned[name] = source
        }
    }

    /// Splits anywhere in an expression.
    private mutating func look(_ value: Expression) {
        guard case .call(let callee, let arguments) = value.kind else { return }
        var data: Expression?
        if case .field(let base, let name) = callee.kind, name.text == "split" { data = base }
        if case .name("train_test_split") = callee.kind { data = arguments.first?.value }
        guard let data, let name = Self.base(data) else { return }
        var found = changed[name]
        if found == nil, case .call = data.kind, let statistic = statistic(in: data, of: roots[name] ?? name) { found = (data.range, statistic) }
        if let found { warnings.append(.fittedBeforeSplit("`\(found.statistic)`", at: found.range, split: value.range)) }
    }

    /// The name that a chain of calls, or arithmetic, begins with.
    private static func base(_ value: Expression) -> String? {
        switch value.kind {
        case .name(let name): name
        case .parenthesized(let inner), .field(let inner, _), .index(let inner, _), .unary(_, let inner), .pipe(let inner, _): base(inner)
        case .call(let callee, _): if case .field(let inner, _) = callee.kind { base(inner) } else { nil }
        case .binary(let op, let left, _, _) where [.add, .subtract, .multiply, .divide].contains(op): base(left)
        default: nil
        }
    }

    /// Whether the whole expression is a statistic: `mean(x)`, `x.mean()`.
    private static func isStatistic(_ value: Expression) -> Bool {
        guard case .call(let callee, _) = value.kind else { return false }
        switch callee.kind {
        case .name(let name): return statistics.contains(name)
        case .field(_, let name): return statistics.contains(name.text)
        default: return false
        }
    }

    /// The data that a statistic is of, `nil` for what is none.
    private func statisticSource(_ value: Expression) -> String? {
        var source: String?
        Self.visit(value) { inner in
            if Self.isStatistic(inner), case .call(let callee, let arguments) = inner.kind {
                var of = arguments.first?.value
                if case .field(let base, _) = callee.kind { of = base }
                if let name = of.flatMap(Self.base) { source = source ?? roots[name] ?? name }
            }
            if case .name(let name) = inner.kind, let known = learned[name] { source = source ?? known }
        }
        return source
    }

    /// A statistic of the data in an expression, as the script calls it.
    private func statistic(in value: Expression, of root: String) -> String? {
        var found: String?
        Self.visit(value) { inner in
            guard found == nil else { return }
            if case .name(let name) = inner.kind, learned[name] == root { found = name }
            if Self.isStatistic(inner), case .call(let callee, let arguments) = inner.kind {
                var of = arguments.first?.value
                if case .field(let base, _) = callee.kind { of = base }
                if let name = of.flatMap(Self.base), (roots[name] ?? name) == root {
                    found = String(inner.range.source.text(inner.range).prefix(40))
                }
            }
        }
        return found
    }

    /// An expression and those in it, blocks left out.
    private static func visit(_ value: Expression, _ body: (Expression) -> Void) {
        body(value)
        switch value.kind {
        case .parenthesized(let a), .unary(_, let a), .field(let a, _), .index(let a, _): visit(a, body)
        case .binary(_, let a, let b, _), .pipe(let a, let b):
            visit(a, body)
            visit(b, body)
        case .call(let callee, let arguments):
            if case .field(let base, _) = callee.kind { visit(base, body) } else { visit(callee, body) }
            for argument in arguments { visit(argument.value, body) }
        case .list(let elements): for element in elements { visit(element.value, body) }
        case .record(let fields):
            for field in fields {
                if case .value(_, let inner) = field { visit(inner, body) }
                if case .spread(let inner) = field { visit(inner, body) }
            }
        case .lambda(_, .expression(let inner)): visit(inner, body)
        case .comprehension(let element, _): visit(element, body)
        default: return
        }
    }
}
