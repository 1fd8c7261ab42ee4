"""Statistics of feature maps and pictures: what a small linear layer can read."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["log_contrast", "mean_and_deviation"]

_FLOOR = 0.004  # one step of 256: flatter than that no picture is


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


def log_contrast(pictures: Tensor) -> Tensor:
    """Log of the contrast in the middle of pictures, half as high and wide as they are.

    Args:
        pictures: (B, C, H, W), 0..1.

    Returns:
        (B, 1): log of the mean of the channels' standard deviations.
    """
    rows, columns = int(pictures.shape[-2]) // 4, int(pictures.shape[-1]) // 4
    middle = pictures[:, :, rows:-rows, columns:-columns]
    squares = (middle - middle.mean((2, 3), keepdim=True)).square().mean((2, 3))
    return squares.add(1e-8).sqrt().mean(1, keepdim=True).clamp(min=_FLOOR).log()
