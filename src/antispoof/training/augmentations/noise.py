"""A noisier sensor."""

from __future__ import annotations

from torch import Tensor

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("noise", "any")
def noise(x: Tensor, draw: Draw, *, deviation: float = 0.03) -> Tensor:
    """Add white noise whose deviation is drawn from 0 to ``deviation``; for pictures and recordings."""
    strength = deviation * draw.uniform(*(1,) * (x.dim() - 1)).to(x)
    return (x + strength * draw.normal(*x.shape[1:]).to(x)).clamp(-1 if x.dim() == 2 else 0, 1)
