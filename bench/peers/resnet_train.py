"""ResNet-20 with batch norm on 32x32x3, batch 128, Adam(1e-3), softmax cross-entropy: samples/s over passes of 640 rows."""
from _common import emit_training, load, parse, tf_, torch_

a = parse("resnet_train", ["torch_channels_last", "keras"])
BATCH = 128
x, y = load("resnet")
N = 256 if a.quick else len(x)

if a.peer == "keras":
    tf_(a.threads)
    import keras
    L = keras.layers

    def block(x, filters, stride):
        around = x if stride == 1 else L.BatchNormalization()(L.Conv2D(filters, 1, stride, "same", use_bias=False)(x))
        x = L.ReLU()(L.BatchNormalization()(L.Conv2D(filters, 3, stride, "same", use_bias=False)(x)))
        return L.ReLU()(L.BatchNormalization()(L.Conv2D(filters, 3, 1, "same", use_bias=False)(x)) + around)
    inputs = keras.Input((32, 32, 3))
    h = L.ReLU()(L.BatchNormalization()(L.Conv2D(16, 3, 1, "same", use_bias=False)(inputs)))
    for stage in range(3):
        for i in range(3):
            h = block(h, 16 * 2 ** stage, 2 if stage and not i else 1)
    m = keras.Model(inputs, L.Dense(10)(L.GlobalAveragePooling2D()(h)))
    m.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit = lambda n: m.fit(x[:n], y[:n], batch_size=BATCH, epochs=1, verbose=0).history["loss"][-1]
else:
    torch = torch_(a.threads)
    from torch import nn
    from _torch_nets import resnet20
    m = resnet20().to(memory_format=torch.channels_last)
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
emit_training(fit, N, passes=2, warm=128)
