"""100-37-11 relu MLP, Adam(1e-3), softmax cross-entropy, at batches of 1, 7 and 1024: samples/s over shuffled passes."""
from _common import emit_training, load, parse, torch_

a = parse("odd_train", ["torch", "jax"])
import numpy as np  # noqa: E402

x, y = load("odd")
if a.peer == "torch":
    torch = torch_(a.threads)
    from torch import nn
    xt, yt = torch.from_numpy(x), torch.from_numpy(y).long()
else:
    import jax
    import jax.numpy as jnp
    from _jax_training import Trainer
    r = np.random.default_rng(1)
    X, Y = jnp.asarray(x), jnp.asarray(y)


def torch_case(batch):
    m = nn.Sequential(nn.Linear(100, 37), nn.ReLU(), nn.Linear(37, 11))
    opt = torch.optim.Adam(m.parameters(), lr=1e-3, fused=True)
    lossf = nn.CrossEntropyLoss()

    def fit(n):
        losses = []
        for i in torch.randperm(n).split(batch):
            opt.zero_grad()
            loss = lossf(m(xt[i]), yt[i])
            loss.backward()
            opt.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()
    return fit


def jax_case(batch):
    w = lambda i, o: jnp.asarray(r.standard_normal((i, o), dtype=np.float32) * np.float32((2 / (i + o)) ** .5))

    def loss(p, X, Y, i):
        lp = jax.nn.log_softmax(jax.nn.relu(X[i] @ p[0] + p[1]) @ p[2] + p[3])
        return -lp[jnp.arange(len(i)), Y[i]].mean()
    trainer = Trainer(loss, [w(100, 37), jnp.zeros(37), w(37, 11), jnp.zeros(11)])
    return lambda n: trainer.fit(X, Y, r.permutation(n).reshape(-1, batch))


for batch, rows in ((1, 2000), (7, 7000), (1024, 51_200)):
    n = rows // 10 if a.quick else rows
    fit = torch_case(batch) if a.peer == "torch" else jax_case(batch)
    emit_training(fit, n, passes=3, warm=batch, metric=f"batch_{batch}_samples_per_s")
