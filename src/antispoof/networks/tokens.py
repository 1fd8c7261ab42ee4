"""Tokens: what encoders hand to fusions. A token is one place of a picture, or one stretch of a recording."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from antispoof.errors import InputError

__all__ = ["Levels", "regions", "select", "statistics", "to_map", "to_tokens"]

Levels = tuple[Tensor, Tensor, Tensor]
"""Shallow, middle and deep tokens, each (B, T, D) with its own T and D."""


def to_tokens(maps: Tensor) -> Tensor:
    """Read a feature map (B, D, h, w) row by row: (B, h·w, D)."""
    return maps.flatten(2).transpose(1, 2)


def to_map(tokens: Tensor) -> Tensor:
    """Lay tokens (B, s², D) out as a square map (B, D, s, s).

    Raises:
        InputError: the number of tokens is no square.
    """
    batch, count, width = tokens.shape
    side = math.isqrt(count)
    if side * side != count:
        raise InputError(f"tokens must be those of a square picture, got {count} of them")
    return tokens.transpose(1, 2).reshape(batch, width, side, side)


def regions(tokens: Tensor, side: int) -> Tensor:
    """Average tokens (B, T, D) over side × side regions: (B, side², D).

    Where T is a square, the regions are boxes of the picture; otherwise they are stretches of the sequence.
    Boxes overlap by one place where the side does not divide the picture, as in adaptive pooling.
    """
    batch, count, width = tokens.shape
    across = math.isqrt(count)
    if across * across != count:
        return _averaging(count, side * side, tokens) @ tokens
    average = _averaging(across, side, tokens)
    rows = average @ tokens.reshape(batch, across, across * width)
    return (average @ rows.reshape(batch * side, across, width)).reshape(batch, side * side, width)


def select(tokens: Tensor, present: Tensor) -> Tensor:
    """Put zeros where a sensor is absent, whatever stands there (NaN · 0 would be NaN).

    Args:
        tokens: (B, …).
        present: (B,), 1 where the sensor is present, else 0.
    """
    return torch.where(present.reshape(-1, *[1] * (tokens.dim() - 1)) > 0, tokens, 0.0)


def statistics(tokens: Tensor) -> Tensor:
    """Mean, then standard deviation, of every feature over the tokens: (B, T, D) → (B, 2D)."""
    mean = tokens.mean(1)
    variance = (tokens - mean[:, None]).square().mean(1)
    # The floor keeps the gradient finite where a feature is constant.
    return torch.cat([mean, (variance + 1e-6).sqrt()], 1)


def _averaging(inputs: int, outputs: int, like: Tensor) -> Tensor:
    """Matrix (outputs, inputs) that averages neighbouring rows."""
    rows = []
    for index in range(outputs):
        start, end = index * inputs // outputs, -(-(index + 1) * inputs // outputs)
        rows.append([1 / (end - start) if start <= at < end else 0.0 for at in range(inputs)])
    return torch.tensor(rows, dtype=like.dtype, device=like.device)
