"""Left becomes right."""

from __future__ import annotations

from torch import Tensor

from antispoof.training.augmentations import Draw, augmentation

__all__: list[str] = []


@augmentation("flip", "image", moves=True)
def flip(x: Tensor, draw: Draw, *, probability: float = 0.5) -> Tensor:
    """Mirror pictures with ``probability``."""
    chosen = draw.uniform(1, 1, 1).to(x.device) < probability
    return x.flip(3).where(chosen, x)
