"""Dispatch cost of tiny operations: x = x*a ; x = x+b on 2x2 float32, and the same with gradients."""
from _common import emit_time, parse, repeat, torch_

a = parse("eager_overhead", ["numpy", "torch"])
OPS = 2_000 if a.quick else 20_000
if a.peer == "numpy":
    import numpy as np
    x0, p, q = (np.full((2, 2), v, np.float32) for v in (1.0, 0.999, 0.001))
else:
    torch = torch_(a.threads)
    x0, p, q = (torch.full((2, 2), v) for v in (1.0, 0.999, 0.001))


def chain(w, ops):
    x = x0
    for _ in range(ops // 2):
        x = x * w
        x = x + q
    return x


emit_time("us_per_op", repeat(lambda: chain(p, OPS), budget=0, least=10), "us/op", 1e6 / OPS)
if a.peer == "torch":
    w = p.clone().requires_grad_()

    def g():
        w.grad = None
        chain(w, 1000).sum().backward()
    emit_time("us_per_op_with_gradient", repeat(g, budget=0.3 if a.quick else 1.5), "us/op", 1e6 / 1000)
