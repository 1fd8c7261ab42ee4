"""Out of focus, or moved."""

from __future__ import annotations

from torch import Tensor, nn

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("blur", "image")
def blur(x: Tensor, draw: Draw, *, radius: int = 2, probability: float = 0.3) -> Tensor:
    """Mix pictures, with ``probability``, with their mean over windows of ``2 * radius + 1`` pixels."""
    drawn = draw.uniform(2, 1, 1, 1).to(x)
    side = 2 * radius + 1
    padded = nn.functional.pad(x, (radius,) * 4, mode="replicate")
    smooth = nn.functional.avg_pool2d(padded, side, stride=1)
    share = drawn[:, 0] * (drawn[:, 1] < probability)
    return x + share * (smooth - x)
