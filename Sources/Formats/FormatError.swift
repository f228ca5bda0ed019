/// What a reader or writer says about a file, in the user's words; the language adds the script's place.
public struct FormatError: Error, Sendable, Hashable, CustomStringConvertible {
    /// A place inside a file.
    public enum Place: Sendable, Hashable {
        case whole
        /// Counted from 0.
        case byte(Int)
        /// Both counted from 1; the column in characters of the file's bytes.
        case line(Int, column: Int)
    }

    /// `E0601` the file cannot be opened, read or written; `E0602` it is not what the format says; `E0603` an
    /// argument does not suit the file; `E0604` a value that the format cannot hold.
    public var code: String
    public var path: String
    public var place: Place
    public var what: String
    public var why: String?
    public var mend: String?

    public init(
        code: String = "E0602", _ path: String, _ place: Place, _ what: String, why: String? = nil,
        mend: String? = nil
    ) {
        self.code = code
        self.path = path
        self.place = place
        self.what = what
        self.why = why
        self.mend = mend
    }

    /// About the file as a whole.
    public init(code: String = "E0602", _ path: String, _ what: String, why: String? = nil, mend: String? = nil) {
        self.init(code: code, path, .whole, what, why: why, mend: mend)
    }

    /// `data.csv:3:7: …`, `x.npy, byte 12: …`
    public var description: String {
        switch place {
        case .whole: "\(path): \(what)"
        case .byte(let offset): "\(path), byte \(offset): \(what)"
        case .line(let line, let column): "\(path):\(line):\(column): \(what)"
        }
    }
}
