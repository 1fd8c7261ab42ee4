"""Central difference network: sees fine differences of tone, which print and screen leave behind.

Z. Yu et al., "Searching Central Difference Convolutional Networks for Face Anti-Spoofing", CVPR 2020
(CDCN), made narrow: a stem and three blocks of three convolutions at a half, a quarter and an eighth of the
resolution. There are no published weights under a free licence: it is trained from scratch.
"""

from __future__ import annotations

from torch import Tensor, nn

from antispoof.networks.central_difference import CentralDifferenceConv
from antispoof.networks.encoders import Encoder, encoders
from antispoof.networks.tokens import Levels, to_tokens

__all__ = ["CentralDifferenceNetwork"]


@encoders.register("central_difference")
class CentralDifferenceNetwork(Encoder):
    """Three blocks of three central difference convolutions, each ending in max pooling.

    Args:
        channels: channels of the input.
        width: features of a level; 128 in the paper.
        theta: share of the kernel that sees differences.
    """

    def __init__(self, channels: int, *, width: int = 32, theta: float = 0.7) -> None:
        super().__init__()
        self.dims = (width, width, width)
        self.shallow = nn.Sequential(_layer(channels, width // 2, theta), _block(width // 2, width, theta))
        self.middle = _block(width, width, theta)
        self.deep = _block(width, width, theta)
        self.stages = {"shallow": self.shallow, "middle": self.middle, "deep": self.deep}

    def forward(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens at strides 2, 4 and 8."""
        shallow = self.shallow(x * 4 - 2)
        middle = self.middle(shallow)
        return to_tokens(shallow), to_tokens(middle), to_tokens(self.deep(middle))


def _layer(inputs: int, outputs: int, theta: float) -> nn.Sequential:
    return nn.Sequential(CentralDifferenceConv(inputs, outputs, theta), nn.BatchNorm2d(outputs), nn.ReLU())


def _block(inputs: int, outputs: int, theta: float) -> nn.Sequential:
    wide = outputs * 3 // 2  # the paper: 128, 196, 128
    return nn.Sequential(
        _layer(inputs, outputs, theta),
        _layer(outputs, wide, theta),
        _layer(wide, outputs, theta),
        nn.MaxPool2d(3, 2, 1),
    )
