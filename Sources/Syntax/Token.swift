/// One token: what it is and the bytes it covers.
struct Token {
    var kind: TokenKind
    var start: Int
    var end: Int
    /// An opening bracket's closing token; else the place of a literal's value in the lexer's tables; else -1.
    var payload: Int = -1
}

enum TokenKind: UInt8 {
    case name, int, float
    /// 9223372036854775808, which only a minus sign brings into range.
    case minimumInt
    // A string is a run of tokens: start, text and interpolations in turn, end.
    case stringStart, stringText, interpolationStart, format, interpolationEnd, stringEnd
    case fn, `if`, `else`, `for`, `in`, `while`, `break`, `continue`, `return`, with, and, or, not, `true`, `false`, none
    case openParenthesis, closeParenthesis, openBracket, closeBracket, openBrace, closeBrace
    case comma, colon, semicolon, dot, ellipsis, question, arrow, pipe
    case equal, addEqual, subtractEqual, multiplyEqual, divideEqual, floorDivideEqual, moduloEqual, powerEqual
    case matmulEqual
    case equalEqual, notEqual, less, lessEqual, greater, greaterEqual
    case plus, minus, star, slash, slashSlash, percent, at, starStar
    case newline, end
    /// Text that the lexer has already complained about; stands where a value may.
    case error

    static let keywords: [String: TokenKind] = [
        "fn": .fn, "if": .if, "else": .else, "for": .for, "in": .in, "while": .while, "break": .break,
        "continue": .continue, "return": .return, "with": .with, "and": .and, "or": .or, "not": .not,
        "true": .true, "false": .false, "none": .none,
    ]

    var isKeyword: Bool { (TokenKind.fn.rawValue...TokenKind.none.rawValue).contains(rawValue) }

    var isOpening: Bool { self == .openParenthesis || self == .openBracket || self == .openBrace }

    /// Whether a statement goes on behind a newline that follows this token.
    var continuesLine: Bool {
        switch self {
        case .and, .or, .not, .in, .comma, .arrow, .pipe, .openBrace, .plus, .minus, .star, .slash, .slashSlash,
            .percent, .at, .starStar:
            true
        default:
            isComparison || updateOperator != nil || self == .equal
        }
    }

    var isComparison: Bool { (TokenKind.equalEqual.rawValue...TokenKind.greaterEqual.rawValue).contains(rawValue) }

    /// The operator of `+=` and its like.
    var updateOperator: BinaryOperator? {
        switch self {
        case .addEqual: .add
        case .subtractEqual: .subtract
        case .multiplyEqual: .multiply
        case .divideEqual: .divide
        case .floorDivideEqual: .floorDivide
        case .moduloEqual: .modulo
        case .powerEqual: .power
        case .matmulEqual: .matmul
        default: nil
        }
    }

    var binaryOperator: BinaryOperator? {
        switch self {
        case .or: .or
        case .and: .and
        case .equalEqual: .equal
        case .notEqual: .notEqual
        case .less: .less
        case .lessEqual: .lessEqual
        case .greater: .greater
        case .greaterEqual: .greaterEqual
        case .in: .in
        case .plus: .add
        case .minus: .subtract
        case .star: .multiply
        case .slash: .divide
        case .slashSlash: .floorDivide
        case .percent: .modulo
        case .at: .matmul
        case .starStar: .power
        default: nil
        }
    }
}
