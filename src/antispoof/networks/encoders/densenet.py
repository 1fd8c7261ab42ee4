"""DenseNet-121: every layer sees all layers before it, so fine texture reaches the end.

G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, "Densely Connected Convolutional Networks", CVPR 2017.
Trained from scratch: no source of weights is supported.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["DenseNet"]

_BLOCKS = (6, 12, 24, 16)


class _Layer(nn.Module):
    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_conv(inputs, 4 * growth, 1),
            *_conv(4 * growth, growth, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


@encoders.register("densenet121")
class DenseNet(Encoder):
    """A stem and four dense blocks; the shallow level is the second block.

    Args:
        channels: channels of the input.
        growth: features that every layer adds; 32 in the paper.
    """

    def __init__(self, channels: int, *, growth: int = 32) -> None:
        super().__init__()
        width = 2 * growth
        blocks: list[nn.Sequential] = []
        widths = []
        for index, count in enumerate(_BLOCKS):
            block = nn.Sequential()
            if index > 0:
                block.append(nn.Sequential(*_conv(width, width // 2, 1), nn.AvgPool2d(2)))
                width //= 2
            for _ in range(count):
                block.append(_Layer(width, growth))
                width += growth
            blocks.append(block)
            widths.append(width)
        stem = nn.Sequential(
            nn.Conv2d(channels, 2 * growth, 7, 2, 3, bias=False),
            nn.BatchNorm2d(2 * growth),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        self.shallow = nn.Sequential(stem, blocks[0], blocks[1])
        self.middle = blocks[2]
        self.deep = nn.Sequential(blocks[3], nn.BatchNorm2d(width), nn.ReLU())
        self.dims = (widths[1], widths[2], widths[3])
        self.stages = {"shallow": self.shallow, "middle": self.middle, "deep": self.deep}

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens at strides 8, 16 and 32."""
        shallow = self.shallow(x * 4 - 2)
        middle = self.middle(shallow)
        return to_tokens(shallow), to_tokens(middle), to_tokens(self.deep(middle))


def _conv(inputs: int, outputs: int, kernel: int) -> list[nn.Module]:
    """Return normalisation, activation and convolution, in that order."""
    return [
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
    ]
