"""Statistics of feature maps: what a small linear layer can read from a frozen encoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["mean_and_deviation"]


def mean_and_deviation(levels: Sequence[Tensor]) -> Tensor:
    """Mean and standard deviation of every channel of every level.

    Args:
        levels: feature maps, each (B, C, h, w).

    Returns:
        (B, 2 ΣC): all means, then all deviations.
    """
    # In an exported graph ``var`` would count its values anew in every run.
    means = [level.mean((2, 3), keepdim=True) for level in levels]
    squares = [(level - mean).square().mean((2, 3)) for level, mean in zip(levels, means, strict=True)]
    # The floor keeps the gradient finite where a channel is constant.
    deviations = [variance.add(1e-6).sqrt() for variance in squares]
    return torch.cat([mean.flatten(1) for mean in means] + deviations, 1)
