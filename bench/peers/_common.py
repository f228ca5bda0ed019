"""What the peers' scripts share: arguments, thread limits, timing, JSON lines. Import this BEFORE any numeric library."""
import argparse
import json
import os
import statistics
import time

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, ".data")


def parse(workload, peers):
    p = argparse.ArgumentParser(description=workload)
    p.add_argument("--peer", required=True, choices=list(peers))
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--quick", action="store_true", help="smaller work, fewer repeats; the numbers are not comparable")
    a = p.parse_args()
    limit_threads(a.threads)
    return a


def limit_threads(n):
    for k in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
              "TF_NUM_INTEROP_THREADS", "NPROC"):          # NPROC: the size of XLA's own CPU thread pool
        os.environ[k] = str(n)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    os.environ["JAX_PLATFORMS"] = "cpu"
    if n == 1:
        os.environ["XLA_FLAGS"] = (os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false").strip()


def torch_(n):
    import torch
    torch.set_num_threads(n)
    torch.manual_seed(0)
    return torch


def tf_(n):
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(n)
    tf.config.threading.set_inter_op_parallelism_threads(n)
    return tf


def peak_mb():
    """VmHWM: the peak of this very address space (ru_maxrss also counts what the parent had before exec)."""
    with open("/proc/self/status") as f:
        return next(round(int(line.split()[1]) / 1024, 1) for line in f if line.startswith("VmHWM"))


def repeat(f, budget=2.0, least=3, most=1000, warmup=1):
    """Wall seconds of each call of f, after the uncounted warm-up calls."""
    for _ in range(warmup):
        f()
    out = []
    end = time.perf_counter() + budget
    while len(out) < least or (time.perf_counter() < end and len(out) < most):
        t = time.perf_counter()
        f()
        out.append(time.perf_counter() - t)
    return out


def emit(metric, value, unit, n, best, **extra):
    line = {"metric": metric, "value": value, "unit": unit, "n": n, "best": best, "peak_mb": peak_mb()}
    print(json.dumps(line | extra), flush=True)


def emit_rate(metric, amount, secs, unit, **extra):
    """A rate, amount per second: of the median time, and of the best."""
    emit(metric, amount / statistics.median(secs), unit, len(secs), amount / min(secs), **extra)


def emit_time(metric, secs, unit, scale):
    emit(metric, statistics.median(secs) * scale, unit, len(secs), min(secs) * scale)


def emit_training(fit, rows, passes, warm, metric="samples_per_s"):
    """fit(n) trains once over n rows, shuffle and batching included, and gives the mean loss of its steps. The first call, over
    `warm` rows, compiles and is not counted; the loss that is shown is the last pass's."""
    losses = [fit(min(warm, rows))]
    secs = repeat(lambda: losses.append(fit(rows)), budget=0, least=passes, warmup=0)
    emit_rate(metric, rows, secs, "samples/s", loss=losses[-1])


def load(name):
    """The arrays x and y of a workload, which `data.py` has written."""
    import numpy as np
    return np.load(os.path.join(DATA, name + "_x.npy")), np.load(os.path.join(DATA, name + "_y.npy"))
