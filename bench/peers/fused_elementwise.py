"""y = tanh(a*x+b)*sigmoid(x)+x over 16M float32 (a=1.5, b=0.5). `c_loop` is the same formula as one C loop with the C
library's vector mathematics and a reused result: what the memory allows, or nearly."""
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile

from _common import emit_time, parse, repeat, tf_, torch_

a = parse("fused_elementwise", ["c_loop", "torch", "torch_compile", "tf_xla", "jax"])
N = 1 << (20 if a.quick else 24)
A, B = 1.5, 0.5
import numpy as np  # noqa: E402

x = np.random.default_rng(0).standard_normal(N, dtype=np.float32)

SRC = r"""
#include <math.h>
void fused(float *restrict y, const float *restrict x, float a, float b, long n) {
  #pragma omp parallel for simd schedule(static)
  for (long i = 0; i < n; i++) y[i] = tanhf(a * x[i] + b) / (1.0f + expf(-x[i])) + x[i];
}
"""
if a.peer == "c_loop":
    cc = shutil.which("gcc") or sys.exit("no gcc")
    with tempfile.TemporaryDirectory() as d:
        source, library = os.path.join(d, "k.c"), os.path.join(d, "k.so")
        with open(source, "w") as file:
            file.write(SRC)
        subprocess.check_call([cc, "-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-fopenmp", "-shared",
                               "-fPIC", source, "-o", library, "-lmvec", "-lm"])
        lib = ctypes.CDLL(library)
    y = np.zeros_like(x)
    ptr = lambda v: v.ctypes.data_as(ctypes.c_void_p)
    f = lambda: lib.fused(ptr(y), ptr(x), ctypes.c_float(A), ctypes.c_float(B), ctypes.c_long(N))
elif a.peer.startswith("torch"):
    torch = torch_(a.threads)
    xt = torch.from_numpy(x)
    e = lambda v: torch.tanh(A * v + B) * torch.sigmoid(v) + v
    g = torch.compile(e) if a.peer == "torch_compile" else e
    f = lambda: g(xt)
elif a.peer == "tf_xla":
    tf = tf_(a.threads)
    xt = tf.constant(x)
    g = tf.function(lambda v: tf.tanh(A * v + B) * tf.sigmoid(v) + v, jit_compile=True)
    f = lambda: g(xt)
else:
    import jax
    import jax.numpy as jnp
    xt = jnp.asarray(x)
    g = jax.jit(lambda v: jnp.tanh(A * v + B) * jax.nn.sigmoid(v) + v)
    f = lambda: g(xt).block_until_ready()
emit_time("ms", repeat(f, budget=1.0, warmup=2), "ms", 1e3)
