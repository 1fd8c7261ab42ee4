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
    means = [level.mean((2, 3)) for level in levels]
    # The floor keeps the gradient finite where a channel is constant.
    deviations = [level.var((2, 3), correction=0).add(1e-6).sqrt() for level in levels]
    return torch.cat(means + deviations, 1)
