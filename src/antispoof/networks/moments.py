"""Encoders that take numbers once, without learning, and learn a small perceptron over them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from antispoof.networks.encoders import Encoder
from antispoof.networks.tokens import Levels

__all__ = ["MomentsEncoder"]


class MomentsEncoder(Encoder):
    """Standardised moments and the hidden layers of a perceptron, one token each.

    Args:
        moments: maps inputs to (B, dim), and learns nothing; ``dim`` is its attribute.
        widths: of the two hidden layers.
        dropout: share of the moments and of the hidden units that training hides.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, moments: nn.Module, widths: tuple[int, int], dropout: float) -> None:
        super().__init__()
        self.moments = moments
        size = moments.dim
        assert isinstance(size, int)
        first, second = widths
        self.size = size
        self.dims = (first, first, second)
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.shallow = nn.Sequential(nn.Dropout(dropout), nn.Linear(size, first))
        self.middle = nn.Sequential(nn.ReLU(), nn.Dropout(dropout))
        self.deep = nn.Sequential(nn.Linear(first, second), nn.ReLU(), nn.Dropout(dropout / 2))
        self.stages = {"shallow": self.shallow, "middle": self.middle, "deep": self.deep}

    def standardise(self, mean: Tensor, deviation: Tensor) -> None:
        """Set mean and deviation of the moments, each (dim,), measured on what is trained with."""
        self.mean.copy_(mean)
        self.deviation.copy_(deviation.clamp(min=1e-6))

    def from_moments(self, moments: Tensor) -> Levels:
        """Map moments (B, dim) to three levels of one token each."""
        return self.from_shallow(self.shallow(self.standardised(moments)))

    def standardised(self, moments: Tensor) -> Tensor:
        """Map moments (B, dim) to deviations from what is usual."""
        return ((moments - self.mean) / self.deviation).clamp(-5, 5)

    def from_shallow(self, shallow: Tensor) -> Levels:
        """Map what the first layer gives, (B, D), to three levels of one token each."""
        middle = self.middle(shallow)
        deep = self.deep(middle)
        return shallow[:, None], middle[:, None], deep[:, None]

    def forward(self, x: Tensor) -> Levels:
        """Map inputs (B, …) to three levels of one token each."""
        return self.from_moments(self.moments(x))

    def by_patch(self, x: Tensor) -> Tensor | None:
        """Return the moments as if the whole looked like each patch, (B, dim, h, w); None without patches."""
        del x
        return None
