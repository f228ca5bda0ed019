"""Tokens of 1000 kinds, two encoder blocks (width 128, 4 heads, 512 hidden, norm after each branch, no dropout), the mean of
64 places, dense 10; batch 32, Adam(1e-3), softmax cross-entropy: samples/s over passes of 640 rows."""
from _common import emit_training, load, parse, torch_

a = parse("transformer_train", ["torch", "torch_compile", "jax"])
import numpy as np  # noqa: E402

BATCH, T, V, D, HEADS, HIDDEN = 32, 64, 1000, 128, 4, 512
x, y = load("encoder")
N = 256 if a.quick else len(x)

if a.peer.startswith("torch"):
    torch = torch_(a.threads)
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.places = nn.Embedding(V, D), nn.Parameter(0.1 * torch.randn(T, D))
            self.blocks = nn.Sequential(*(nn.TransformerEncoderLayer(D, HEADS, HIDDEN, dropout=0.0, batch_first=True) for _ in range(2)))
            self.head = nn.Linear(D, 10)

        def forward(self, v):
            return self.head(self.blocks(self.tokens(v) + self.places).mean(1))
    m = Net()
    net = torch.compile(m) if a.peer == "torch_compile" else m
    opt = torch.optim.Adam(m.parameters(), lr=1e-3, fused=True)
    lossf = nn.CrossEntropyLoss()
    xt, yt = torch.from_numpy(x), torch.from_numpy(y).long()

    def fit(n):
        losses = []
        for i in torch.randperm(n).split(BATCH):
            opt.zero_grad()
            loss = lossf(net(xt[i]), yt[i])
            loss.backward()
            opt.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()
else:
    import jax
    import jax.numpy as jnp
    from _jax_training import Trainer
    r = np.random.default_rng(0)
    w = lambda *s: jnp.asarray(r.standard_normal(s, dtype=np.float32) * np.float32((2 / (s[0] + s[-1])) ** .5))
    block = lambda: {"qkv": w(D, 3 * D), "qb": jnp.zeros(3 * D), "o": w(D, D), "ob": jnp.zeros(D), "u": w(D, HIDDEN), "ub": jnp.zeros(HIDDEN),
                     "v": w(HIDDEN, D), "vb": jnp.zeros(D), "g": jnp.ones((2, D)), "b": jnp.zeros((2, D))}
    par = {"e": w(V, D), "p": w(T, D), "blocks": [block(), block()], "h": w(D, 10), "hb": jnp.zeros(10)}

    def norm(v, g, b):
        v = v - v.mean(-1, keepdims=True)
        return v * jax.lax.rsqrt((v * v).mean(-1, keepdims=True) + 1e-3) * g + b

    def loss(p, X, Y, i):
        h = p["e"][X[i]] + p["p"]
        for q in p["blocks"]:
            parts = (h @ q["qkv"] + q["qb"]).reshape(len(i), T, 3, HEADS, D // HEADS)
            query, key, value = parts[:, :, 0], parts[:, :, 1], parts[:, :, 2]
            weights = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", query, key) * (D // HEADS) ** -.5)
            attended = jnp.einsum("bhqk,bkhd->bqhd", weights, value).reshape(len(i), T, D)
            h = norm(h + attended @ q["o"] + q["ob"], q["g"][0], q["b"][0])
            h = norm(h + jax.nn.relu(h @ q["u"] + q["ub"]) @ q["v"] + q["vb"], q["g"][1], q["b"][1])
        lp = jax.nn.log_softmax(h.mean(1) @ p["h"] + p["hb"])
        return -lp[jnp.arange(len(i)), Y[i]].mean()
    trainer = Trainer(loss, par)
    X, Y = jnp.asarray(x), jnp.asarray(y)
    fit = lambda n: trainer.fit(X, Y, r.permutation(n).reshape(-1, BATCH))
emit_training(fit, N, passes=3, warm=64)
