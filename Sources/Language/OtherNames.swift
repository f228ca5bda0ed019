internal import Syntax

/// What Python and the libraries of its landscape call things of tfs: for the mend of an unknown name.
enum OtherNames {
    static let constants = [
        "True": "true", "False": "false", "None": "none", "null": "none", "nil": "none", "NaN": "nan", "str": "string",
        "read_csv": "csv", "gradient": "grad", "dict": "record", "lambda": "x -> …",
    ]

    /// Those that mean just the same, so that one may stand for the other without a look.
    static let exact: Set<String> = ["True", "False", "None", "null", "nil", "NaN", "str", "read_csv"]

    /// `$` stands for what the script wrote before the dot.
    static let verbs = [
        "train": "fit", "groupby": "group", "sort_values": "sort", "dropna": "filter(row -> …)", "astype": "cast",
        "append": "[...list, value]", "push": "[...list, value]", "extend": "a + b", "items": "for key, value in record { … }",
        "get": "record[\"name\"]", "format": "\"… {value}\"", "to_csv": "io.write(path, table)", "startswith": "starts_with",
        "endswith": "ends_with", "view": "reshape", "detach": "stop_gradient", "backward": "grad(f)(x)", "numpy": "tolist()",
        "length": "len($)", "size": "len($)", "count": "len($)",
    ]

    static let fields = [
        "length": "len($)", "size": "len($)", "count": "len($)", "T": "transpose($)", "parameters": "params", "weights": "params",
        "ndim": "rank", "lower": "lower()", "upper": "upper()",
    ]

    /// A mend with what stands before the dot at `place`.
    static func mend(_ mend: String, before place: SourceRange?) -> String {
        guard mend.hasPrefix("write `"), mend.contains("$") else { return mend }
        return mend.replacing("$", with: place.flatMap(receiver) ?? "x")
    }

    /// The names, calls and indices on the line that lead up to a field.
    private static func receiver(before place: SourceRange) -> String? {
        let bytes = place.source.utf8[..<place.start]
        guard bytes.last == UInt8(ascii: ".") else { return nil }
        var (start, depth) = (bytes.count - 1, 0)
        while start > 0 {
            switch bytes[start - 1] {
            case UInt8(ascii: ")"), UInt8(ascii: "]"): depth += 1
            case UInt8(ascii: "("), UInt8(ascii: "["):
                if depth == 0 { return text(bytes[start..<bytes.count - 1]) }
                depth -= 1
            case UInt8(ascii: "\n"): return nil
            case UInt8(ascii: "\""):
                guard let opening = bytes[..<(start - 1)].lastIndex(of: UInt8(ascii: "\"")) else { return nil }
                start = opening + 1
            case let byte where depth == 0 && !(byte >= 0x80 || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20)):
                return text(bytes[start..<bytes.count - 1])
            default: break
            }
            start -= 1
        }
        return text(bytes[..<(bytes.count - 1)])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? { bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }

    /// A module of another library before a name: `np.zeros`.
    static func mend(module name: String) -> String? {
        ["np", "numpy", "tf", "torch", "jnp", "jax", "F", "keras", "K"].contains(name)
            ? "tfs has its functions without a prefix: `zeros`, `sum`, `relu`" : ["pd", "pandas", "pl"].contains(name)
            ? "write `csv(path)` for a table, and its verbs behind it" : nil
    }
}
