"""A louder or softer recording."""

from __future__ import annotations

from torch import Tensor

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("gain", "waveform")
def gain(x: Tensor, draw: Draw, *, decibels: float = 6.0) -> Tensor:
    """Amplify recordings by up to ± ``decibels``; what exceeds full scale is clipped."""
    change = decibels * (2 * draw.uniform(1) - 1)
    return (x * (10 ** (change / 20)).to(x)).clamp(-1, 1)
