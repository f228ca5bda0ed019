"""784-512-512-10 relu MLP, batch 128, Adam(1e-3), softmax cross-entropy: samples/s over an epoch of 60000 rows."""
from _common import emit_training, load, parse, tf_, torch_

a = parse("mlp_train", ["keras", "torch", "jax"])
import numpy as np  # noqa: E402

BATCH = 128
x, y = load("mlp")
RUN = 7_680 if a.quick else len(x)                # rows visited per timed pass

if a.peer == "keras":
    tf_(a.threads)
    import keras
    L = keras.layers
    m = keras.Sequential([keras.Input((784,)), L.Dense(512, "relu"), L.Dense(512, "relu"), L.Dense(10)])
    m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    # shuffle=True is the default
    fit = lambda n: m.fit(x[:n], y[:n], batch_size=BATCH, epochs=1, verbose=0).history["loss"][-1]
elif a.peer == "torch":
    torch = torch_(a.threads)
    from torch import nn
    from _torch_nets import mlp
    xt, yt = torch.from_numpy(x), torch.from_numpy(y).long()
    m = mlp()
    opt = torch.optim.Adam(m.parameters(), lr=1e-3, fused=True)
    lossf = nn.CrossEntropyLoss()

    def fit(n):
        losses = []
        for i in torch.randperm(n).split(BATCH):
            if len(i) == BATCH:
                opt.zero_grad()
                loss = lossf(m(xt[i]), yt[i])
                loss.backward()
                opt.step()
                losses.append(loss.detach())
        return torch.stack(losses).mean().item()
else:
    import jax
    import jax.numpy as jnp
    from _jax_training import Trainer
    r = np.random.default_rng(1)
    S = [784, 512, 512, 10]
    par = [(jnp.asarray(r.standard_normal((i, o), dtype=np.float32) * np.float32((2 / i) ** .5)), jnp.zeros(o)) for i, o in zip(S, S[1:])]

    def loss(p, X, Y, i):
        bx = X[i]
        for w, b in p[:-1]:
            bx = jax.nn.relu(bx @ w + b)
        lp = jax.nn.log_softmax(bx @ p[-1][0] + p[-1][1])
        return -lp[jnp.arange(len(bx)), Y[i]].mean()
    trainer = Trainer(loss, par)
    X, Y = jnp.asarray(x), jnp.asarray(y)
    fit = lambda n: trainer.fit(X, Y, r.permutation(n)[:n // BATCH * BATCH].reshape(-1, BATCH))
emit_training(fit, RUN, passes=1, warm=3840)
