"""The CIFAR network of He et al. (2016) with short cuts without parameters, by the names of its published weights."""


def cifar_resnet20(classes):
    import torch
    import torch.nn.functional as F
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inner, outer, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(outer)
            self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(outer)
            self.widen = outer - inner

        def forward(self, x):
            y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
            if self.widen:
                x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.widen // 2, self.widen // 2))
            return F.relu(y + x)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(16)
            inner = 16
            for number, (outer, stride) in enumerate(((16, 1), (32, 2), (64, 2)), 1):
                blocks = []
                for i in range(3):
                    blocks.append(Block(inner, outer, stride if i == 0 else 1))
                    inner = outer
                setattr(self, f"layer{number}", nn.Sequential(*blocks))
            self.linear = nn.Linear(64, classes)

        def forward(self, x):
            x = F.relu(self.bn1(self.conv1(x)))
            x = self.layer3(self.layer2(self.layer1(x)))
            return self.linear(x.mean((2, 3)))

    return Network()
