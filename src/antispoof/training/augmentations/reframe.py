"""The face is not exactly where, nor as large as, the detector says."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("reframe", "image", moves=True)
def reframe(
    x: Tensor, draw: Draw, *, shift: float = 0.05, scale: float = 0.1, rotation: float = 0.0
) -> Tensor:
    """Move, scale and turn pictures; what comes into view repeats the edge.

    Args:
        x: (B, C, H, W).
        draw: random numbers.
        shift: largest move, as a share of the side.
        scale: largest change of size, as a share.
        rotation: largest turn, in degrees.
    """
    drawn = 2 * draw.uniform(4) - 1
    size = 1 + scale * drawn[:, 2]
    angle = torch.deg2rad(rotation * drawn[:, 3])
    cos, sin = size * torch.cos(angle), size * torch.sin(angle)
    rows = torch.stack([cos, -sin, 2 * shift * drawn[:, 0], sin, cos, 2 * shift * drawn[:, 1]], 1)
    grid = nn.functional.affine_grid(rows.view(-1, 2, 3).to(x), list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
