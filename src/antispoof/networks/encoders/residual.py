"""Plain residual levels on top of another encoder's feature maps: cheap to train, cheap to run.

K. He, X. Zhang, S. Ren, J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016 (basic block).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["ResidualLevels"]


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv(channels, channels, 1)
        self.second = _conv(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class ResidualLevels(nn.Module):
    """One convolution and one residual block a level; every level but the first halves the resolution.

    Args:
        inputs: channels of the incoming map.
        channels: channels of each level.
    """

    def __init__(self, inputs: int, channels: Sequence[int]) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.levels = nn.ModuleList()
        for index, width in enumerate(self.channels):
            entry = nn.Sequential(_conv(inputs, width, 1 if index == 0 else 2), nn.ReLU(), _Block(width))
            self.levels.append(entry)
            inputs = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (B, C, h, w) to one feature map a level."""
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps


def _conv(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs))
