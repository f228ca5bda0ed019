"""Embedding 20000x128, an LSTM or GRU of 128 (last state), dense 1, sequence 80, batch 32, Adam(1e-3), sigmoid
cross-entropy: samples/s over passes of 1280 shuffled rows of integer tokens."""
from _common import emit_training, load, parse, tf_, torch_


def run(cell):
    a = parse(cell + "_train", ["keras", "torch"])
    BATCH, V, D = 32, 20_000, 128
    x, y = load("tokens")
    N = 320 if a.quick else len(x)

    if a.peer == "keras":
        tf_(a.threads)
        import keras
        L = keras.layers
        m = keras.Sequential([keras.Input((80,), dtype="int32"), L.Embedding(V, D), (L.LSTM if cell == "lstm" else L.GRU)(D), L.Dense(1)])
        m.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
        y = y[:, None]
        fit = lambda n: m.fit(x[:n], y[:n], batch_size=BATCH, epochs=1, verbose=0).history["loss"][-1]
    else:
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
            losses = []
            for i in torch.randperm(n).split(BATCH):
                opt.zero_grad()
                loss = lossf(m(xt[i]), yt[i])
                loss.backward()
                opt.step()
                losses.append(loss.detach())
            return torch.stack(losses).mean().item()
    emit_training(fit, N, passes=3, warm=128)
