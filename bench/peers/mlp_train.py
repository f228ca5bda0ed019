"""784-512-512-10 relu MLP, batch 128, Adam(1e-3), softmax cross-entropy: samples/s over an epoch of 60000 rows."""
from _common import emit_training, load, parse, tf_, torch_

a = parse("mlp_train", ["keras", "torch", "torch_compile", "jax"])
import numpy as np  # noqa: E402

BATCH = 128
x, y = load("mlp")
RUN = 7_680 if a.quick else len(x)                # rows visited per timed pass

if a.peer == "keras":
    tf = tf_(a.threads)
    import keras
    L = keras.layers
    m = keras.Sequential([keras.Input((784,)), L.Dense(512, "relu"), L.Dense(512, "relu"), L.Dense(10)])
    m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit = lambda n: m.fit(x[:n], y[:n], batch_size=BATCH, epochs=1, verbose=0)      # shuffle=True is the default
    final = lambda: m.evaluate(x[:1280], y[:1280], verbose=0)
elif a.peer.startswith("torch"):
    torch = torch_(a.threads)
    from torch import nn
    xt, yt = torch.from_numpy(x), torch.from_numpy(y).long()
    from _torch_nets import mlp
    m = mlp()
    opt = torch.optim.Adam(m.parameters(), lr=1e-3, fused=True)
    lossf = nn.CrossEntropyLoss()
    net = torch.compile(m) if a.peer == "torch_compile" else m

    def fit(n):
        for i in torch.randperm(n).split(BATCH):
            if len(i) == BATCH:
                opt.zero_grad()
                lossf(net(xt[i]), yt[i]).backward()
                opt.step()

    def final():
        with torch.no_grad():
            return lossf(m(xt[:1280]), yt[:1280])
else:
    import jax
    import jax.numpy as jnp
    import _jaxadam
    r = np.random.default_rng(1)
    S = [784, 512, 512, 10]
    par = [(jnp.asarray(r.standard_normal((i, o), dtype=np.float32) * np.float32((2 / i) ** .5)), jnp.zeros(o)) for i, o in zip(S, S[1:])]

    def loss(p, X, Y, i):
        bx = X[i]
        for w, b in p[:-1]:
            bx = jax.nn.relu(bx @ w + b)
        lp = jax.nn.log_softmax(bx @ p[-1][0] + p[-1][1])
        return -lp[jnp.arange(len(bx)), Y[i]].mean()
    st, step = _jaxadam.make(loss, par)
    X, Y = jnp.asarray(x), jnp.asarray(y)

    def fit(n):
        global st
        for i in r.permutation(n)[:n // BATCH * BATCH].reshape(-1, BATCH):
            st, l = step(st, X, Y, i)
        l.block_until_ready()
    final = lambda: loss(st[0], X, Y, np.arange(1280))
emit_training(fit, RUN, passes=1, warm=3840, loss=final)
