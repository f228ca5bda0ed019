"""Embedding 20000x128, an LSTM or GRU of 128 (last state), dense 1, sequence 80, batch 32, Adam(1e-3), sigmoid
cross-entropy: samples/s over passes of 1280 shuffled rows of integer tokens."""
from _common import emit_training, load, parse, tf_, torch_


def run(cell):
    a = parse(cell + "_train", ["keras", "torch", "jax"])
    import numpy as np
    BATCH, T, V, D = 32, 80, 20_000, 128
    x, y = load("tokens")
    N = 320 if a.quick else len(x)

    if a.peer == "keras":
        tf_(a.threads)
        import keras
        L = keras.layers
        m = keras.Sequential([keras.Input((T,), dtype="int32"), L.Embedding(V, D), (L.LSTM if cell == "lstm" else L.GRU)(D), L.Dense(1)])
        m.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
        y = y[:, None]
        fit = lambda n: m.fit(x[:n], y[:n], batch_size=BATCH, epochs=1, verbose=0)
        final = lambda: m.evaluate(x[:1280], y[:1280], verbose=0)
    elif a.peer == "torch":
        torch = torch_(a.threads)
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.e, self.d = nn.Embedding(V, D), nn.Linear(D, 1)
                self.r = (nn.LSTM if cell == "lstm" else nn.GRU)(D, D, batch_first=True)

            def forward(self, v):
                return self.d(self.r(self.e(v))[0][:, -1])[:, 0]
        m = Net()
        opt = torch.optim.Adam(m.parameters(), fused=True)
        lossf = nn.BCEWithLogitsLoss()
        xt, yt = torch.from_numpy(x), torch.from_numpy(y)

        def fit(n):
            for i in torch.randperm(n).split(BATCH):
                opt.zero_grad()
                lossf(m(xt[i]), yt[i]).backward()
                opt.step()

        def final():
            with torch.no_grad():
                return lossf(m(xt[:1280]), yt[:1280])
    else:
        import jax
        import jax.numpy as jnp
        import _jaxadam
        r = np.random.default_rng(0)
        w = lambda *s: jnp.asarray(r.standard_normal(s, dtype=np.float32) * np.float32(.05))
        G = (4 if cell == "lstm" else 3) * D
        par = {"e": w(V, D), "wx": w(D, G), "wh": w(D, G), "b": jnp.zeros(G), "bh": jnp.zeros(G), "d": w(D), "c": jnp.zeros(())}
        sigmoid, tanh = jax.nn.sigmoid, jnp.tanh

        def loss(p, X, Y, i):
            gx = p["e"][X[i]].transpose(1, 0, 2) @ p["wx"] + p["b"]        # one product for all steps

            def lstm(hc, g):
                h, c = hc
                f, j, o, u = jnp.split(g + h @ p["wh"], 4, -1)
                c = sigmoid(f) * c + sigmoid(j) * tanh(u)
                return (sigmoid(o) * tanh(c), c), None

            def gru(hc, g):
                h, c = hc
                s = h @ p["wh"] + p["bh"]
                z, q = jnp.split(sigmoid(g[:, :2 * D] + s[:, :2 * D]), 2, -1)
                return (z * h + (1 - z) * tanh(g[:, 2 * D:] + q * s[:, 2 * D:]), c), None
            z = jnp.zeros((len(i), D))
            (h, _), _ = jax.lax.scan(lstm if cell == "lstm" else gru, (z, z), gx)
            l, t = h @ p["d"] + p["c"], Y[i]
            return (jnp.maximum(l, 0) - l * t + jnp.log1p(jnp.exp(-jnp.abs(l)))).mean()
        st, step = _jaxadam.make(loss, par)
        X, Y = jnp.asarray(x), jnp.asarray(y)

        def fit(n):
            nonlocal st
            for i in r.permutation(n).reshape(-1, BATCH):
                st, l = step(st, X, Y, i)
            l.block_until_ready()
        final = lambda: loss(st[0], X, Y, np.arange(len(x)))
    emit_training(fit, N, passes=3, warm=128, loss=final)
