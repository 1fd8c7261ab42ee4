"""ResNet-18, -34 and -50: shortcuts around two or three convolutions.

K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016; the stride of a
bottleneck is in its 3 × 3 convolution, as in all current versions. Trained from scratch; for ImageNet
weights use the encoder ``pretrained`` with ``microsoft/resnet-18``, ``-34`` or ``-50`` (Apache-2.0).
"""

from __future__ import annotations

from torch import Tensor, nn

from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["ResNet", "resnet18", "resnet34", "resnet50"]


class _Basic(nn.Module):
    """Two 3 × 3 convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_conv(inputs, width, 3, stride), nn.ReLU(), _conv(width, width, 3, 1))
        self.shortcut = _shortcut(inputs, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.layers(x) + self.shortcut(x))


class _Bottleneck(nn.Module):
    """Narrow, 3 × 3, wide again, and a shortcut."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(inputs, width, 1, 1),
            nn.ReLU(),
            _conv(width, width, 3, stride),
            nn.ReLU(),
            _conv(width, 4 * width, 1, 1),
        )
        self.shortcut = _shortcut(inputs, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.relu(self.layers(x) + self.shortcut(x))


class ResNet(Encoder):
    """A stem and four groups of blocks; the shallow level is the second group.

    Args:
        channels: channels of the input.
        blocks: blocks of each group.
        bottleneck: blocks of three convolutions instead of two.
        width: features of the first group; 64 in the paper.
    """

    def __init__(
        self, channels: int, blocks: tuple[int, int, int, int], bottleneck: bool, width: int
    ) -> None:
        super().__init__()
        block = _Bottleneck if bottleneck else _Basic
        groups = []
        inputs = width
        for index, count in enumerate(blocks):
            group = nn.Sequential()
            for at in range(count):
                stride = 2 if at == 0 and index > 0 else 1
                group.append(block(inputs, width << index, stride))
                inputs = (width << index) * block.expansion
            groups.append(group)
        stem = nn.Sequential(_conv(channels, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.shallow = nn.Sequential(stem, groups[0], groups[1])
        self.middle, self.deep = groups[2], groups[3]
        first = 2 * width * block.expansion
        self.dims = (first, 2 * first, 4 * first)
        self.stages = {"shallow": self.shallow, "middle": self.middle, "deep": self.deep}

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens at strides 8, 16 and 32."""
        shallow = self.shallow(x * 4 - 2)
        middle = self.middle(shallow)
        return to_tokens(shallow), to_tokens(middle), to_tokens(self.deep(middle))


@encoders.register("resnet18")
def resnet18(channels: int, *, width: int = 64) -> ResNet:
    """ResNet-18: eight blocks of two convolutions; ``width`` is that of the first group."""
    return ResNet(channels, (2, 2, 2, 2), False, width)


@encoders.register("resnet34")
def resnet34(channels: int, *, width: int = 64) -> ResNet:
    """ResNet-34: sixteen blocks of two convolutions; ``width`` is that of the first group."""
    return ResNet(channels, (3, 4, 6, 3), False, width)


@encoders.register("resnet50")
def resnet50(channels: int, *, width: int = 64) -> ResNet:
    """ResNet-50: sixteen bottlenecks; ``width`` is that of the first group."""
    return ResNet(channels, (3, 4, 6, 3), True, width)


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs)
    )


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return _conv(inputs, outputs, 1, stride)
