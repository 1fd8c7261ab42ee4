"""Another transfer curve: a sensor that darkens the middle, or comes close to two values."""

from __future__ import annotations

import torch
from torch import Tensor

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("curve", "image")
def curve(x: Tensor, draw: Draw, *, gamma: float = 1.6, steep: float = 4.0) -> Tensor:
    """Raise pictures to a power, then steepen them about their middle; black stays black, and white white.

    Args:
        x: (B, C, H, W) in 0..1.
        draw: random numbers.
        gamma: highest power; the lowest is its inverse.
        steep: greatest steepness in the middle of the curve; the least is 1.
    """
    drawn = draw.uniform(2, 1, 1, 1).to(x)
    bent = x.clamp(0, 1) ** (gamma ** (2 * drawn[:, 0] - 1))
    slope = steep ** drawn[:, 1]
    half = torch.tanh(slope / 2)
    # At slope 1 the curve is still nearly straight.
    return 0.5 + 0.5 * torch.tanh(slope * (bent - 0.5)) / half
