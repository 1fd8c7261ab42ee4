"""Attention: full, linear in the number of tokens, and within windows.

Cost of weighing T tokens of width D, in multiply-accumulates, without the four projections (4·T·D²):

    full       2·T²·D           every token looks at every token
    linear     2·T·D²/heads     keys and values are summed up first
    windowed   2·T·w²·D         every token looks at the w × w tokens of its window

At T = 1024, D = 96, 4 heads and windows of 7 that is 201, 4.7 and 9.6 million.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from antispoof.errors import InputError

__all__ = [
    "Attention",
    "AttentionKind",
    "TransformerBlock",
    "attention_macs",
    "full_attention",
    "linear_attention",
    "windowed_attention",
]

AttentionKind = Literal["full", "linear", "windowed"]


def full_attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Scaled dot-product attention (A. Vaswani et al., NeurIPS 2017): softmax(q kᵀ / √d + bias) v.

    Args:
        query: (B, heads, T, d).
        key: (B, heads, S, d).
        value: (B, heads, S, d).
        bias: added to the logits, broadcast to (B, heads, T, S).

    Returns:
        (B, heads, T, d).
    """
    logits = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if bias is not None:
        logits = logits + bias
    return logits.softmax(-1) @ value


def linear_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Linear attention (A. Katharopoulos et al., "Transformers are RNNs", ICML 2020).

    φ(q) Σ φ(k)ᵀv / φ(q) Σ φ(k) with φ(x) = elu(x) + 1. Shapes as in `full_attention`.
    """
    q, k = nn.functional.elu(query) + 1, nn.functional.elu(key) + 1
    summed = k.transpose(-2, -1) @ value
    normaliser = q @ k.sum(-2)[..., None]
    return (q @ summed) / (normaliser + 1e-6)


def windowed_attention(
    query: Tensor, key: Tensor, value: Tensor, height: int, width: int, window: int
) -> Tensor:
    """Full attention inside windows of window × window places (Z. Liu et al., "Swin Transformer", ICCV 2021).

    Args:
        query: (B, heads, height·width, d), as are key and value.
        key: see query.
        value: see query.
        height: rows of the map.
        width: columns of the map.
        window: side of a window; those at the right and bottom edges may be smaller.
    """
    batch, heads, _, depth = query.shape
    down, right = -height % window, -width % window
    rows, columns = (height + down) // window, (width + right) // window

    def divide(x: Tensor) -> Tensor:
        x = nn.functional.pad(x.reshape(-1, height, width, x.shape[-1]), (0, 0, 0, right, 0, down))
        x = x.reshape(-1, rows, window, columns, window, x.shape[-1]).transpose(2, 3)
        return x.reshape(-1, rows * columns, window * window, x.shape[-1])

    inside = divide(torch.ones(1, height * width, 1, dtype=query.dtype, device=query.device))
    bias = (inside - 1).transpose(-2, -1) * 1e4  # padding is not looked at
    y = full_attention(divide(query), divide(key), divide(value), bias)
    y = y.reshape(-1, rows, columns, window, window, depth).transpose(2, 3)
    y = y.reshape(batch, heads, rows * window, columns * window, depth)[:, :, :height, :width]
    return y.reshape(batch, heads, height * width, depth)


def attention_macs(kind: AttentionKind, tokens: int, width: int, heads: int, window: int) -> int:
    """Multiply-accumulates of weighing the tokens of one picture, without the projections."""
    if kind == "linear":
        return 2 * tokens * width * width // heads
    return 2 * tokens * (tokens if kind == "full" else window * window) * width


class Attention(nn.Module):
    """Multi-head self-attention over the tokens of a picture.

    Args:
        width: features of a token.
        heads: how many heads share them.
        kind: ``full``, ``linear`` or ``windowed``.
        window: side of a window, where there are windows.
    """

    def __init__(self, width: int, heads: int, kind: AttentionKind = "full", window: int = 7) -> None:
        super().__init__()
        if width % heads:
            raise InputError(f"heads must divide the width {width}, got {heads}")
        if kind not in ("full", "linear", "windowed"):
            raise InputError(f"attention must be 'full', 'linear' or 'windowed', got {kind!r}")
        self.heads, self.kind, self.window = heads, kind, window
        self.project_in = nn.Linear(width, 3 * width)
        self.project_out = nn.Linear(width, width)

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """Map (B, height·width, D) to the same shape."""
        batch, count, features = tokens.shape
        packed = self.project_in(tokens).reshape(batch, count, 3, self.heads, features // self.heads)
        query, key, value = packed.permute(2, 0, 3, 1, 4).unbind(0)
        if self.kind == "full":
            y = full_attention(query, key, value)
        elif self.kind == "linear":
            y = linear_attention(query, key, value)
        else:
            y = windowed_attention(query, key, value, height, width, self.window)
        mixed: Tensor = self.project_out(y.transpose(1, 2).reshape(batch, count, features))
        return mixed


class TransformerBlock(nn.Module):
    """Attention, then a layer of two, each normalised before and added to what came in.

    Args:
        width: features of a token.
        heads: heads of the attention.
        expansion: width of the hidden layer, in widths of a token.
        kind: see `Attention`.
        window: see `Attention`.
    """

    def __init__(
        self, width: int, heads: int, expansion: int = 4, kind: AttentionKind = "full", window: int = 7
    ) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads, kind, window)
        self.norm_hidden = nn.LayerNorm(width)
        self.hidden = nn.Sequential(
            nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width)
        )

    def forward(self, tokens: Tensor, height: int, width: int) -> Tensor:
        """Map (B, height·width, D) to the same shape."""
        tokens = tokens + self.attention(self.norm_attention(tokens), height, width)
        out: Tensor = tokens + self.hidden(self.norm_hidden(tokens))
        return out
