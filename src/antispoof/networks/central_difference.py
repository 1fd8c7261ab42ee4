"""Central difference convolution: part of the kernel sees differences from the middle of its window.

Z. Yu et al., "Searching Central Difference Convolutional Networks for Face Anti-Spoofing", CVPR 2020:

    y(p) = Σ_n w(n) x(p+n) − θ x(p) Σ_n w(n)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.errors import InputError

__all__ = ["CentralDifferenceConv"]


class CentralDifferenceConv(nn.Conv2d):
    """A 3 × 3 convolution, θ of it on differences; costs what a convolution costs.

    Args:
        inputs: channels in.
        outputs: channels out.
        theta: 0 is a convolution, 1 sees differences only.
        stride: step of the window.
    """

    def __init__(self, inputs: int, outputs: int, theta: float = 0.7, stride: int = 1) -> None:
        if not 0 <= theta <= 1:
            raise InputError(f"theta must be 0 to 1, got {theta}")
        super().__init__(inputs, outputs, 3, stride, 1, bias=False)
        self.theta = theta
        middle = torch.zeros(1, 1, 3, 3)
        middle[..., 1, 1] = 1
        self.register_buffer("middle", middle, persistent=False)
        self.middle: Tensor

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H', W')."""
        weight = self.weight - self.theta * self.weight.sum((2, 3), keepdim=True) * self.middle
        return nn.functional.conv2d(x, weight, None, self.stride, self.padding)
