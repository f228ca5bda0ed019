"""Start, import, multiply two 2x2 matrices, print; the driver takes the time from outside. Arguments as of the others."""
import sys

peer = sys.argv[sys.argv.index("--peer") + 1]
M = [[1.0, 2.0], [3.0, 4.0]]
if peer == "numpy":
    import numpy as np
    a = np.array(M, "float32")
elif peer == "torch":
    import torch
    a = torch.tensor(M)
else:
    import jax.numpy as jnp
    a = jnp.array(M)
print(a @ a)
