"""Writes numpy.txt beside this file: what NumPy says about ops of the registry.

    python3 make.py

Each case is an op line with attributes, then its inputs and results, one array a line: dtype, shape, elements.
"""
import pathlib
import numpy as np

random = np.random.default_rng(20)
lines = []
NAMES = {"float32": "f32", "float64": "f64", "int32": "i32", "int64": "i64", "bool": "bool", "uint8": "u8", "int8": "i8"}


def array(kind, x):
    x = np.asarray(x)
    shape = ",".join(map(str, x.shape)) or "-"
    elements = " ".join(repr(float(v)) for v in x.ravel())
    lines.append(f"{kind} {NAMES[str(x.dtype)]} {shape} {elements}".rstrip())


def value(v):
    if isinstance(v, bool):
        return f"bool:{str(v).lower()}"
    if isinstance(v, int):
        return f"int:{v}"
    if isinstance(v, float):
        return f"float:{v!r}"
    if isinstance(v, str):
        return f"string:{v}"
    return "ints:" + ",".join(map(str, v))


def case(op, inputs, results, **attributes):
    lines.append(" ".join(["op", op] + [f"{k}={value(v)}" for k, v in attributes.items()]))
    for x in inputs:
        array("in", x)
    for y in results if isinstance(results, list) else [results]:
        array("out", y)


def draw(*shape, low=-2.0, high=2.0):
    return random.uniform(low, high, shape)


# Element by element
x, unit, positive = draw(3, 4), draw(3, 4, low=-0.9, high=0.9), draw(3, 4, low=0.1, high=5)
special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-300, 700.0])
for name in "negative abs sign square exp exp2 expm1 ceil floor trunc sin cos tan arctan sinh cosh tanh arcsinh".split():
    case(name, [x], getattr(np, name)(x))
    with np.errstate(all="ignore"):
        case(name, [special], getattr(np, name)(special))
for name in "log log1p log2 log10 sqrt cbrt reciprocal".split():
    case(name, [positive], getattr(np, name)(positive))
for name in "arcsin arccos arctanh".split():
    case(name, [unit], getattr(np, name)(unit))
case("arccosh", [positive + 1], np.arccosh(positive + 1))
case("round", [np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.4])], np.round(np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.4])))
for name in "isnan isinf isfinite".split():
    case(name, [special], getattr(np, name)(special))

a, b = draw(2, 1, 4), draw(3, 1)
for name in "add subtract multiply divide floor_divide mod maximum minimum arctan2 hypot logaddexp".split():
    case(name, [a, b], getattr(np, name)(a, b))
case("power", [np.abs(a), b], np.power(np.abs(a), b))
i, j = np.arange(-6, 6, dtype=np.int32), np.array([3, -3, 7, -7] * 3, dtype=np.int32)
for name in "add subtract multiply floor_divide mod maximum minimum".split():
    case(name, [i, j], getattr(np, name)(i, j))
for name, f in {"less": np.less, "equal": np.equal, "greater_equal": np.greater_equal, "not_equal": np.not_equal}.items():
    case(name, [i, np.int32(0)], f(i, np.int32(0)))
for name in "bitwise_and bitwise_or bitwise_xor".split():
    case(name, [i, j], getattr(np, name)(i, j))
p, q = np.array([True, True, False, False]), np.array([True, False, True, False])
for name in "logical_and logical_or logical_xor".split():
    case(name, [p, q], getattr(np, name)(p, q))
case("where", [p[:, None], np.arange(3.0), np.array([[-1.0]])], np.where(p[:, None], np.arange(3.0), -1.0))

# Reductions
r = draw(3, 4, 5)
for name in "sum prod max min mean var std".split():
    case(name, [r], getattr(np, name)(r))
    case(name, [r], getattr(np, name)(r, axis=1), axis=[1])
    case(name, [r], getattr(np, name)(r, axis=(0, 2), keepdims=True), axis=[0, -1], keepdims=True)
case("all", [p.reshape(2, 2)], np.all(p.reshape(2, 2), axis=1), axis=[1])
case("any", [q.reshape(2, 2)], np.any(q.reshape(2, 2), axis=1), axis=[1])
ties = np.array([[1.0, 3, 3, 2], [4, 4, 0, 0]])
case("argmax", [ties], np.argmax(ties, axis=1), axis=1)
case("argmin", [ties], np.argmin(ties, axis=0), axis=0)
case("argmax", [ties], np.argmax(ties))
case("cumsum", [r], np.cumsum(r, axis=1), axis=1)
case("cumsum", [r], np.flip(np.cumsum(np.flip(r, 1), axis=1), 1), axis=1, reverse=True)
case("cumprod", [r], np.cumprod(r, axis=2), axis=2)

# Movement
m = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
case("transpose", [m], m.T)
case("transpose", [m], m.transpose(1, 0, 2), axes=[1, 0, 2])
big = np.arange(35 * 41, dtype=np.float64).reshape(35, 41)
case("transpose", [big], big.T)
case("concat", [m, m[:, :1]], np.concatenate([m, m[:, :1]], axis=1), axis=1)
case("stack", [m, m + 1], np.stack([m, m + 1], axis=2), axis=2)
case("_slice", [m], m[1:, ::-1, 3:0:-2], begin=[1, 2, 3], end=[2, -1, 0], step=[1, -1, -2])
case("flip", [m], np.flip(m, 1), axis=[1])
case("roll", [m], np.roll(m, 5, axis=2), shift=[5], axis=[2])
case("tile", [m[:, :, 0]], np.tile(m[:, :, 0], (2, 2)), repeats=[2, 2])
case("broadcast_to", [np.arange(3.0)], np.broadcast_to(np.arange(3.0), (2, 2, 3)), shape=[2, 2, 3])
for mode in "constant reflect symmetric edge".split():
    case("pad", [m], np.pad(m, ((0, 0), (2, 1), (1, 2)), mode=mode), pad_width=[0, 0, 2, 1, 1, 2], mode=mode)
case("tril", [big[:4, :5]], np.tril(big[:4, :5]))
case("diag", [np.arange(3.0)], np.diag(np.arange(3.0)))

# Indexing and order
at = np.array([[2, 0], [-1, 1]], dtype=np.int32)
case("gather", [m, at], np.take(m, at, axis=1), axis=1)
order = np.argsort(r, axis=1, kind="stable").astype(np.int32)
case("take_along_axis", [r, order], np.take_along_axis(r, order, axis=1), axis=1)
case("sort", [r], np.sort(r, axis=1), axis=1)
case("argsort", [ties], np.argsort(ties, axis=1, kind="stable").astype(np.int32))
case("argsort", [ties], np.argsort(-ties, axis=1, kind="stable").astype(np.int32), descending=True)
case("searchsorted", [np.array([1.0, 3, 3, 5]), np.array([0.0, 3, 4, 9])], np.searchsorted([1, 3, 3, 5], [0, 3, 4, 9]).astype(np.int32))
case("searchsorted", [np.array([1.0, 3, 3, 5]), np.array([0.0, 3, 4, 9])], np.searchsorted([1, 3, 3, 5], [0, 3, 4, 9], side="right").astype(np.int32), side="right")
case("nonzero", [ties], np.argwhere(ties))
case("boolean_mask", [m, np.array([[True, False, True], [False, False, True]])], m[np.array([[True, False, True], [False, False, True]])])
case("unique", [np.array([3.0, 1, 3, 2])], np.unique(np.array([3.0, 1, 3, 2])))
case("gather_nd", [m, np.array([[1, 2], [0, -1]], dtype=np.int32)], m[[1, 0], [2, -1]])

pathlib.Path(__file__).with_name("numpy.txt").write_text("\n".join(lines) + "\n")
