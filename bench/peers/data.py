"""Writes the arrays that the training workloads read, for tfs and its peers alike, and the networks that onnxruntime loads."""
import contextlib
import io
import os
import warnings

import numpy as np
import torch

import _torch_nets

from _common import DATA


def prototypes(n, shape, classes):
    """Noise around one random prototype per class; one label in ten is random, so that the loss stays near 0.5 and neither
    gradients nor the optimizer's moments vanish into zeros and denormals."""
    r = np.random.default_rng(0)
    proto = r.standard_normal((classes, *shape), dtype=np.float32)
    y = r.integers(0, classes, n)
    x = r.standard_normal((n, *shape), dtype=np.float32)
    x += 0.5 * proto[y]
    flip = r.random(n) < 0.1
    y[flip] = r.integers(0, classes, int(flip.sum()))
    return x, y.astype(np.int32)


def tokens(n, length, kinds, classes):
    """Random tokens; the class is that of the first one, in nine of ten rows."""
    r = np.random.default_rng(0)
    x = r.integers(0, kinds, (n, length)).astype(np.int32)
    y = x[:, 0] % classes
    flip = r.random(n) < 0.1
    y[flip] = r.integers(0, classes, int(flip.sum()))
    return x, y.astype(np.int32)


def coins(n, length, kinds):
    """Random tokens and random labels of 0 and 1."""
    r = np.random.default_rng(0)
    return r.integers(0, kinds, (n, length)).astype(np.int32), r.integers(0, 2, n).astype(np.float32)


ARRAYS = {
    "mlp": lambda: prototypes(60_000, (784,), 10),
    "cnn": lambda: prototypes(2_560, (28, 28, 1), 10),
    "resnet": lambda: prototypes(640, (32, 32, 3), 10),
    "odd": lambda: prototypes(51_200, (100,), 11),
    "tokens": lambda: coins(1_280, 80, 20_000),
    "encoder": lambda: tokens(640, 64, 1_000, 10),
}
NETS = {"mlp": (1, 784), "cnn": (1, 1, 28, 28), "resnet50": (1, 3, 224, 224)}

os.makedirs(DATA, exist_ok=True)
for name, make in ARRAYS.items():
    if not os.path.exists(os.path.join(DATA, name + "_y.npy")):
        x, y = make()
        np.save(os.path.join(DATA, name + "_x.npy"), x)
        np.save(os.path.join(DATA, name + "_y.npy"), y)
warnings.filterwarnings("ignore")
for name, shape in NETS.items():
    path = os.path.join(DATA, name + ".onnx")
    if not os.path.exists(path):
        with contextlib.redirect_stdout(io.StringIO()):
            net = getattr(_torch_nets, name)().eval()
            torch.onnx.export(net, torch.randn(shape), path, input_names=["x"], output_names=["y"], dynamo=False)
