"""conv32-3x3, conv64-3x3, maxpool2, dropout .25, dense128, dropout .5, dense10 on 28x28x1, batch 128, Adam(1e-3), softmax
cross-entropy: samples/s over passes of 2560 shuffled rows."""
from _common import emit_training, load, parse, tf_, torch_

a = parse("cnn_train", ["keras", "torch_channels_last", "torch_compile", "jax"])
import numpy as np  # noqa: E402

BATCH = 128
x, y = load("cnn")
N = 768 if a.quick else len(x)

if a.peer == "keras":
    tf = tf_(a.threads)
    import keras
    L = keras.layers
    m = keras.Sequential([keras.Input((28, 28, 1)), L.Conv2D(32, 3, activation="relu"), L.Conv2D(64, 3, activation="relu"),
                          L.MaxPooling2D(2), L.Dropout(.25), L.Flatten(), L.Dense(128, "relu"), L.Dropout(.5), L.Dense(10)])
    m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit = lambda n: m.fit(x[:n], y[:n], batch_size=BATCH, epochs=1, verbose=0)
    final = lambda: m.evaluate(x[:1280], y[:1280], verbose=0)
elif a.peer.startswith("torch"):
    torch = torch_(a.threads)
    from torch import nn
    from _torch_nets import cnn
    m = cnn()
    xt, yt = torch.from_numpy(x.transpose(0, 3, 1, 2).copy()), torch.from_numpy(y).long()
    m, xt = m.to(memory_format=torch.channels_last), xt.to(memory_format=torch.channels_last)
    net = torch.compile(m) if a.peer == "torch_compile" else m
    opt = torch.optim.Adam(m.parameters(), lr=1e-3, fused=True)
    lossf = nn.CrossEntropyLoss()

    def fit(n):
        for i in torch.randperm(n).split(BATCH):
            opt.zero_grad()
            lossf(net(xt[i]), yt[i]).backward()
            opt.step()

    def final():
        m.eval()
        with torch.no_grad():
            return lossf(m(xt[:1280]), yt[:1280])
else:
    import jax
    import jax.numpy as jnp
    from jax import lax
    import _jaxadam
    r = np.random.default_rng(1)
    w = lambda *s: jnp.asarray(r.standard_normal(s, dtype=np.float32) * np.float32((2 / np.prod(s[:-1])) ** .5))
    par = [w(3, 3, 1, 32), jnp.zeros(32), w(3, 3, 32, 64), jnp.zeros(64), w(9216, 128), jnp.zeros(128), w(128, 10), jnp.zeros(10)]
    conv = lambda v, k: lax.conv_general_dilated(v, k, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    drop = lambda k, v, p: v if k is None else jnp.where(jax.random.bernoulli(k, 1 - p, v.shape), v / (1 - p), 0)

    def loss(p, k, X, Y, i):
        k1, k2 = (None, None) if k is None else jax.random.split(k)
        h = jax.nn.relu(conv(X[i], p[0]) + p[1])
        h = jax.nn.relu(conv(h, p[2]) + p[3])
        h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        h = drop(k1, h, .25).reshape(len(i), -1)
        h = drop(k2, jax.nn.relu(h @ p[4] + p[5]), .5)
        return -jax.nn.log_softmax(h @ p[6] + p[7])[jnp.arange(len(i)), Y[i]].mean()
    st, step = _jaxadam.make(loss, par)
    X, Y = jnp.asarray(x), jnp.asarray(y)
    key = jax.random.key(0)

    def fit(n):
        global st, key
        for i in r.permutation(n).reshape(-1, BATCH):
            key, k = jax.random.split(key)
            st, l = step(st, k, X, Y, i)
        l.block_until_ready()
    final = lambda: loss(st[0], None, X, Y, np.arange(min(N, 1280)))
emit_training(fit, N, passes=2, warm=384, loss=final)
