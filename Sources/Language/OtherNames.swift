/// What Python and the libraries of its landscape call things of tfs: for the mend of an unknown name.
enum OtherNames {
    static let constants = [
        "True": "true", "False": "false", "None": "none", "null": "none", "nil": "none", "NaN": "nan", "str": "string",
        "read_csv": "csv", "gradient": "grad", "dict": "record", "lambda": "x -> …",
    ]

    /// Those that mean just the same, so that one may stand for the other without a look.
    static let exact: Set<String> = ["True", "False", "None", "null", "nil", "NaN", "str", "read_csv"]

    static let verbs = [
        "train": "fit", "groupby": "group", "sort_values": "sort", "dropna": "filter(row -> …)", "astype": "cast",
        "append": "[...list, value]", "push": "[...list, value]", "extend": "a + b", "items": "for key, value in record { … }",
        "get": "record[\"name\"]", "format": "\"… {value}\"", "to_csv": "io.write(path, table)", "startswith": "starts_with",
        "endswith": "ends_with", "view": "reshape", "detach": "stop_gradient", "backward": "grad(f)(x)", "numpy": "tolist()",
        "length": "len(x)", "size": "len(x)", "count": "len(x)",
    ]

    static let fields = ["length": "len(x)", "size": "len(x)", "count": "len(x)", "T": "transpose(x)", "parameters": "params", "weights": "params"]

    /// A module of another library before a name: `np.zeros`.
    static func mend(module name: String) -> String? {
        ["np", "numpy", "tf", "torch", "jnp", "jax", "F", "keras", "K"].contains(name)
            ? "tfs has its functions without a prefix: `zeros`, `sum`, `relu`" : ["pd", "pandas", "pl"].contains(name)
            ? "write `csv(path)` for a table, and its verbs behind it" : nil
    }
}
