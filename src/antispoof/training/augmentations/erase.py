"""A rectangle without content, so that no single place decides.

Z. Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
"""

from __future__ import annotations

import torch
from torch import Tensor

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("erase", "image")
def erase(x: Tensor, draw: Draw, *, share: float = 0.3, probability: float = 0.25) -> Tensor:
    """Fill a rectangle, of up to ``share`` of each side, with the picture's mean, with ``probability``."""
    drawn = draw.uniform(5).to(x)
    height, width = x.shape[2:]
    mask = torch.ones(len(x), 1, height, width, dtype=torch.bool, device=x.device)
    for axis, side in ((2, height), (3, width)):
        length = share * drawn[:, axis - 2]
        start = drawn[:, axis] * (1 - length)
        place = (torch.arange(side, device=x.device) + 0.5) / side
        inside = (place >= start[:, None]) & (place < (start + length)[:, None])
        mask &= inside.view(len(x), 1, *((side, 1) if axis == 2 else (1, side)))
    mask &= (drawn[:, 4] < probability).view(-1, 1, 1, 1)
    return torch.where(mask, x.mean((2, 3), keepdim=True), x)
