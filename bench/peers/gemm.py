"""Single-precision matrix product C = A B, row-major, output buffer reused where the API allows it; GFLOP per second.
openblas / onednn: cblas_sgemm / dnnl_sgemm of the distribution's shared libraries, called through ctypes;
openblas_skylakex: the former with AVX-512 kernels whatever the CPU's family says."""
import ctypes
import ctypes.util
import os
import sys

from _common import emit_rate, parse, repeat, torch_

a = parse("gemm", ["numpy", "torch", "jax", "openblas", "openblas_skylakex", "onednn"])
if a.peer.endswith("skylakex"):
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
import numpy as np  # noqa: E402

SHAPES = [(64, 64, 64), (512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048),
          (128, 784, 512), (128, 512, 10), (100352, 288, 64)]        # M x K x N
r = np.random.default_rng(0)
if a.peer == "torch":
    torch = torch_(a.threads)
elif a.peer == "jax":
    import jax
    import jax.numpy as jnp
    mm = jax.jit(lambda x, y: x @ y)
elif a.peer != "numpy":
    L = ctypes.util.find_library("dnnl" if a.peer == "onednn" else "openblas") or sys.exit("library not installed")
    lib, I, F, P = ctypes.CDLL(L), ctypes.c_int, ctypes.c_float, lambda v: v.ctypes.data_as(ctypes.c_void_p)
    Q = ctypes.c_long                            # dnnl_dim_t is 64 bits, cblas's int is 32
for m, k, n in SHAPES:
    x = r.standard_normal((m, k), dtype=np.float32)
    y = r.standard_normal((k, n), dtype=np.float32)
    c = np.empty((m, n), np.float32)
    if a.peer == "numpy":
        f = lambda: np.matmul(x, y, out=c)
    elif a.peer == "torch":
        x, y, c = torch.from_numpy(x), torch.from_numpy(y), torch.empty(m, n)
        f = lambda: torch.mm(x, y, out=c)
    elif a.peer == "jax":
        x, y = jnp.asarray(x), jnp.asarray(y)
        f = lambda: mm(x, y).block_until_ready()
    else:
        if a.peer == "onednn":
            N = ctypes.c_char(b"N")
            args = (N, N, Q(m), Q(n), Q(k), F(1), P(x), Q(k), P(y), Q(n), F(0), P(c), Q(n))
            f = lambda: lib.dnnl_sgemm(*args)
        else:
            args = (I(101), I(111), I(111), I(m), I(n), I(k), F(1), P(x), I(k), P(y), I(n), F(0), P(c), I(n))
            f = lambda: lib.cblas_sgemm(*args)
        f()
        assert np.allclose(c[:2], x[:2] @ y, atol=1e-2)
    flops = 2.0 * m * k * n
    calls = max(1, min(2000, int(2e8 / flops)))

    def g():
        for _ in range(calls):
            f()
    secs = repeat(g, budget=0.1 if a.quick else 0.4, least=5, most=200, warmup=2)
    emit_rate(f"sgemm_{m}x{k}x{n}", flops * calls / 1e9, secs, "GF/s")
