"""conv32-3x3, conv64-3x3, maxpool2, dropout .25, dense128, dropout .5, dense10 on 28x28x1, batch 128, Adam(1e-3), softmax
cross-entropy: samples/s over passes of 2560 shuffled rows."""
from _common import emit_training, load, parse, tf_, torch_

a = parse("cnn_train", ["keras", "torch_channels_last"])
BATCH = 128
x, y = load("cnn")
N = 768 if a.quick else len(x)

if a.peer == "keras":
    tf_(a.threads)
    import keras
    L = keras.layers
    m = keras.Sequential([keras.Input((28, 28, 1)), L.Conv2D(32, 3, activation="relu"), L.Conv2D(64, 3, activation="relu"),
                          L.MaxPooling2D(2), L.Dropout(.25), L.Flatten(), L.Dense(128, "relu"), L.Dropout(.5), L.Dense(10)])
    m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit = lambda n: m.fit(x[:n], y[:n], batch_size=BATCH, epochs=1, verbose=0).history["loss"][-1]
else:
    torch = torch_(a.threads)
    from torch import nn
    from _torch_nets import cnn
    m = cnn().to(memory_format=torch.channels_last)
    xt = torch.from_numpy(x.transpose(0, 3, 1, 2)).to(memory_format=torch.channels_last)
    yt = torch.from_numpy(y).long()
    opt = torch.optim.Adam(m.parameters(), lr=1e-3, fused=True)
    lossf = nn.CrossEntropyLoss()

    def fit(n):
        losses = []
        for i in torch.randperm(n).split(BATCH):
            opt.zero_grad()
            loss = lossf(m(xt[i]), yt[i])
            loss.backward()
            opt.step()
            losses.append(loss.detach())
        return torch.stack(losses).mean().item()
emit_training(fit, N, passes=2, warm=384)
