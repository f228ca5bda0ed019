public import Graphs

/// What is wrong with data, in the user's words and without a place in the script; the language adds that.
///
/// `E0501` no such column · `E0502` lengths differ · `E0503` a label that the classes lack · `E0504` a missing
/// cell where a value is needed · `E0505` shares of a split · `E0506` a column of another kind · `E0507`
/// elements that do not stack or match · `E0508` a bad count · `E0509` nothing to learn from.
public struct DataError: Error, Sendable, Hashable, CustomStringConvertible {
    public var code: String
    public var what: String
    public var why: String?
    public var mend: String?
    public var misspelling: Misspelling?

    public init(_ code: String, _ what: String, why: String? = nil, mend: String? = nil, misspelling: Misspelling? = nil) {
        (self.code, self.what, self.why, self.mend, self.misspelling) = (code, what, why, mend, misspelling)
    }

    /// More elements at once than memory holds.
    static func room(_ what: String) -> DataError { DataError("E0508", "\(what) does not fit into memory") }

    public var description: String { what }
}
