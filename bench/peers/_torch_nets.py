"""The networks of the workloads in PyTorch; ResNet-50 has its strides in the 3x3 convolutions."""
from torch import nn


def mlp():
    return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))


def cnn():
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(.25),
                         nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(.5), nn.Linear(128, 10))


def conv(i, o, k, s=1):
    return nn.Conv2d(i, o, k, s, padding=k // 2, bias=False)


class Block(nn.Module):
    """`branch` beside a way around it, which is projected where the size changes."""

    def __init__(self, branch, i, o, stride, projects):
        super().__init__()
        self.branch = branch
        self.around = nn.Sequential(conv(i, o, 1, stride), nn.BatchNorm2d(o)) if projects else nn.Identity()

    def forward(self, x):
        return nn.functional.relu(self.branch(x) + self.around(x))


def basic(i, o, s):
    return Block(nn.Sequential(conv(i, o, 3, s), nn.BatchNorm2d(o), nn.ReLU(), conv(o, o, 3), nn.BatchNorm2d(o)), i, o, s, s > 1)


def bottleneck(i, o, s, projects):
    return Block(nn.Sequential(conv(i, o, 1), nn.BatchNorm2d(o), nn.ReLU(), conv(o, o, 3, s), nn.BatchNorm2d(o), nn.ReLU(),
                               conv(o, 4 * o, 1), nn.BatchNorm2d(4 * o)), i, 4 * o, s, projects)


def resnet20():
    layers, width = [conv(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage in range(3):
        for i in range(3):
            layers.append(basic(width, 16 * 2 ** stage, 2 if stage and not i else 1))
            width = 16 * 2 ** stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def resnet50():
    layers, width = [conv(3, 64, 7, 2), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)], 64
    for stage, depth in enumerate((3, 4, 6, 3)):
        for i in range(depth):
            layers.append(bottleneck(width, 64 * 2 ** stage, 2 if stage and not i else 1, not i))
            width = 256 * 2 ** stage
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))
