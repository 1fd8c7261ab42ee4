"""Another exposure, contrast and white balance."""

from __future__ import annotations

from torch import Tensor

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("tone", "image")
def tone(
    x: Tensor, draw: Draw, *, brightness: float = 0.2, contrast: float = 0.2, colour: float = 0.05
) -> Tensor:
    """Scale a picture about its mean, then each channel.

    Args:
        x: (B, C, H, W) in 0..1.
        draw: random numbers.
        brightness: largest change of all values, as a share.
        contrast: largest change of the distance to the mean, as a share.
        colour: largest change of one channel, as a share.
    """
    drawn = (2 * draw.uniform(2 + x.shape[1], 1, 1) - 1).to(x)
    mean = x.mean((1, 2, 3), keepdim=True)
    changed = (x - mean) * (1 + contrast * drawn[:, :1]) + mean * (1 + brightness * drawn[:, 1:2])
    return (changed * (1 + colour * drawn[:, 2:])).clamp(0, 1)
