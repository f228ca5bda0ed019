"""Batch-1 forward latency of the MLP (784-512-512-10), the convolutional network for 28x28 images and ResNet-50 at 224x224
(random weights): p50 and p99 in microseconds. The input is already in memory in the framework's own type."""
import logging
import os
import statistics
import time
import warnings

from _common import DATA, emit, parse, torch_

a = parse("predict_latency", ["torch", "torch_jit", "onnxruntime", "jax"])
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import numpy as np  # noqa: E402

SHAPES = {"mlp": (784,), "cnn": (28, 28, 1), "resnet50": (224, 224, 3)}            # NHWC; torch and onnx use NCHW
LIMIT = {"mlp": (3000, 1.5), "cnn": (1500, 1.5), "resnet50": (60, 3.0)}            # calls, seconds
r = np.random.default_rng(0)


def measure(name, f):
    n, budget = LIMIT[name]
    if a.quick:
        n, budget = n // 5, budget / 5
    f(), f(), f()
    times, end = [], time.perf_counter() + budget
    while len(times) < n and (time.perf_counter() < end or len(times) < 5):
        t = time.perf_counter()
        f()
        times.append(1e6 * (time.perf_counter() - t))
    times.sort()
    emit(name + "_p50_us", statistics.median(times), "us", len(times), times[0])
    emit(name + "_p99_us", times[int(0.99 * len(times))], "us", len(times), times[int(0.99 * len(times))])


def nchw(s):
    return (1,) + ((s[2], s[0], s[1]) if len(s) == 3 else s)


if a.peer.startswith("torch"):
    torch = torch_(a.threads)
    import _torch_nets
    for name, shape in SHAPES.items():
        m, x = getattr(_torch_nets, name)().eval(), torch.randn(nchw(shape))
        if len(shape) == 3 and a.peer != "torch":
            m, x = m.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
        with torch.inference_mode():
            if a.peer == "torch_jit":
                m = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(m, x)))
            measure(name, lambda: m(x))
elif a.peer == "onnxruntime":
    import onnxruntime as ort
    ort.set_default_logger_severity(3)
    for name, shape in SHAPES.items():
        o = ort.SessionOptions()
        o.intra_op_num_threads = a.threads
        s = ort.InferenceSession(os.path.join(DATA, name + ".onnx"), o, providers=["CPUExecutionProvider"])
        x = r.standard_normal(nchw(shape), dtype=np.float32)
        measure(name, lambda: s.run(None, {"x": x}))
else:
    import jax
    import jax.numpy as jnp
    w = lambda *s: jnp.asarray(r.standard_normal(s, dtype=np.float32) * np.float32((2 / np.prod(s[:-1])) ** .5))
    cv = lambda v, k: jax.lax.conv_general_dilated(v, k, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    relu = jax.nn.relu
    pm = [(w(i, o), jnp.zeros(o)) for i, o in ((784, 512), (512, 512), (512, 10))]

    def mlp(p, v):
        return relu(relu(v @ p[0][0] + p[0][1]) @ p[1][0] + p[1][1]) @ p[2][0] + p[2][1]
    pc = [w(3, 3, 1, 32), jnp.zeros(32), w(3, 3, 32, 64), jnp.zeros(64), w(9216, 128), jnp.zeros(128), w(128, 10), jnp.zeros(10)]

    def cnn(p, v):
        h = relu(cv(relu(cv(v, p[0]) + p[1]), p[2]) + p[3])
        h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID").reshape(len(v), -1)
        return relu(h @ p[4] + p[5]) @ p[6] + p[7]
    for name, fn, p in (("mlp", mlp, pm), ("cnn", cnn, pc)):
        x = jnp.asarray(r.standard_normal((1, *SHAPES[name]), dtype=np.float32))
        j = jax.jit(fn)
        measure(name, lambda: j(p, x).block_until_ready())
