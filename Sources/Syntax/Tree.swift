/// A name where it stands in the source.
public struct Name: Sendable {
    public var text: String
    public var range: SourceRange
    public init(_ text: String, _ range: SourceRange) { (self.text, self.range) = (text, range) }
}

/// A comment, `#` or `##`; `text` is without the marks and the space behind them.
public struct Comment: Sendable {
    public var text: String
    public var isDocumentation: Bool
    /// Whether code stands before it on its line.
    public var isTrailing: Bool
    public var range: SourceRange
    public init(text: String, isDocumentation: Bool, isTrailing: Bool, range: SourceRange) {
        (self.text, self.isDocumentation, self.isTrailing, self.range) = (text, isDocumentation, isTrailing, range)
    }
}

/// A whole file: its statements, and every comment in order (the tree's ranges tell where they belong).
public struct Script: Sendable {
    public var source: SourceText
    public var statements: [Statement]
    public var comments: [Comment]
    public init(source: SourceText, statements: [Statement], comments: [Comment]) {
        (self.source, self.statements, self.comments) = (source, statements, comments)
    }
}

public typealias Block = [Statement]

public struct Expression: Sendable {
    public var kind: Kind
    public var range: SourceRange
    public init(_ kind: Kind, _ range: SourceRange) { (self.kind, self.range) = (kind, range) }

    public indirect enum Kind: Sendable {
        case none
        case bool(Bool)
        case int(Int)
        case float(Double)
        /// A string literal; a plain one has a single `.text` part (or none when empty).
        case string([StringPart])
        case name(String)
        case list([Element])
        /// `[element for a, b in source if condition …]`
        case comprehension(element: Expression, clauses: [Clause])
        case record([Field])
        /// `x -> …`, `(a, b = 1, ...rest) -> …`
        case lambda([Parameter], Body)
        case call(Expression, [Argument])
        case index(Expression, [Subscript])
        case field(Expression, Name)
        case unary(UnaryOperator, Expression)
        case binary(BinaryOperator, Expression, Expression, operatorRange: SourceRange)
        /// `left |> right`
        case pipe(Expression, Expression)
        /// `if a { … } else if b { … } else { … }`: the branches in order.
        case conditional([Branch], otherwise: Block?)
        case with(Expression, Block)
        case `for`([Name], in: Expression, Block)
        case `while`(Expression, Block)
        /// `model { … }`
        case model(Block)
        /// `( … )`, kept so that printing gives back what was written.
        case parenthesized(Expression)
        /// Where the parser recovered; a diagnostic has been recorded.
        case error
    }

    public struct Branch: Sendable {
        public var condition: Expression
        public var block: Block
        public init(condition: Expression, block: Block) { (self.condition, self.block) = (condition, block) }
    }
}

public enum StringPart: Sendable {
    /// Literal text, escapes already replaced.
    case text(String)
    /// `{expression:format}`
    case interpolation(Expression, format: String?)
}

/// An element of a list, or a value spread into it with `...`.
public struct Element: Sendable {
    public var value: Expression
    public var isSpread: Bool
    public init(_ value: Expression, isSpread: Bool = false) { (self.value, self.isSpread) = (value, isSpread) }
}

/// A field of a record, or of an estimator's block.
public enum Field: Sendable {
    /// `name = value`
    case value(Name, Expression)
    /// `name(parameters) = body` or `name(parameters) { … }`
    case function(Name, [Parameter], Body)
    /// `name`, short for `name = name`
    case shorthand(Name)
    /// `...record`
    case spread(Expression)
}

public enum Clause: Sendable {
    case each([Name], in: Expression)
    case condition(Expression)
}

public struct Argument: Sendable {
    public var name: Name?
    public var value: Expression
    public var isSpread: Bool
    public init(name: Name?, value: Expression, isSpread: Bool = false) {
        (self.name, self.value, self.isSpread) = (name, value, isSpread)
    }
}

public enum Subscript: Sendable {
    case index(Expression)
    case slice(start: Expression?, stop: Expression?, step: Expression?, SourceRange)
    /// `...`
    case ellipsis(SourceRange)
}

public enum UnaryOperator: String, Sendable, CaseIterable { case negate = "-", not = "not" }

public enum BinaryOperator: String, Sendable, CaseIterable {
    case or, and
    case equal = "==", notEqual = "!=", less = "<", lessEqual = "<=", greater = ">", greaterEqual = ">="
    case `in`, notIn = "not in"
    case add = "+", subtract = "-", multiply = "*", divide = "/", floorDivide = "//", modulo = "%", matmul = "@"
    case power = "**"
}

/// The body of a function: one expression after `=` or `->`, or a block.
public enum Body: Sendable {
    case expression(Expression)
    case block(Block)
}

public struct Parameter: Sendable {
    public var name: Name
    public var type: TypeAnnotation?
    public var defaultValue: Expression?
    public var isRest: Bool
    public var documentation: String?
    public var range: SourceRange
    public init(
        name: Name, type: TypeAnnotation? = nil, defaultValue: Expression? = nil, isRest: Bool = false,
        documentation: String? = nil, range: SourceRange
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.isRest = isRest
        self.documentation = documentation
        self.range = range
    }
}

/// `int`, `int?`, `f32[batch, 28, _, ...]`
public struct TypeAnnotation: Sendable {
    public enum Dimension: Sendable {
        case number(Int)
        case name(Name)
        case any
        case ellipsis
    }
    public var name: Name
    public var dimensions: [Dimension]?
    public var isOptional: Bool
    public var range: SourceRange
    public init(name: Name, dimensions: [Dimension]?, isOptional: Bool, range: SourceRange) {
        (self.name, self.dimensions, self.isOptional, self.range) = (name, dimensions, isOptional, range)
    }
}

public struct Statement: Sendable {
    public var kind: Kind
    public var range: SourceRange
    public init(_ kind: Kind, _ range: SourceRange) { (self.kind, self.range) = (kind, range) }

    public indirect enum Kind: Sendable {
        case expression(Expression)
        case assign(Target, Expression)
        /// `name op= value`
        case update(Name, BinaryOperator, Expression, operatorRange: SourceRange)
        case `return`(Expression?)
        case `break`
        case `continue`
        case declare(Declaration)
        case option(Name, TypeAnnotation?, defaultValue: Expression, documentation: String?)
        case `import`(path: String, pathRange: SourceRange, Alias?)
        case test(name: String, nameRange: SourceRange, Block)
        case expect(Expression, message: Expression?)
        /// Where the parser recovered; a diagnostic has been recorded.
        case error
    }

    public enum Alias: Sendable {
        case name(Name)
        case everything(SourceRange)
    }
}

/// What an assignment gives values to.
public enum Target: Sendable {
    case name(Name)
    /// `a, b = …`
    case list([Name])
    /// `{w, b} = …`
    case record([Name])
}

/// `fn`, `layer`, `model` or `estimator` with a name.
public struct Declaration: Sendable {
    public enum Kind: String, Sendable { case fn, layer, model, estimator }
    public enum Content: Sendable {
        case body(Body)
        /// An estimator's fields.
        case fields([Field])
    }
    public var kind: Kind
    public var name: Name
    /// The first list. `nil` for `model name { … }` and `estimator name { … }`, which are single values.
    public var parameters: [Parameter]?
    /// The second list, of a `layer` or of a `model` with explicit inputs.
    public var inputs: [Parameter]?
    public var result: TypeAnnotation?
    public var content: Content
    public var documentation: String?
    public init(
        kind: Kind, name: Name, parameters: [Parameter]?, inputs: [Parameter]?, result: TypeAnnotation?,
        content: Content, documentation: String?
    ) {
        self.kind = kind
        self.name = name
        self.parameters = parameters
        self.inputs = inputs
        self.result = result
        self.content = content
        self.documentation = documentation
    }
}
