"""Hadamard fusion: modalities are mapped to one space and multiplied feature by feature.

J.-H. Kim et al., "Hadamard Product for Low-rank Bilinear Pooling", ICLR 2017. An absent modality is a
factor of one.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions, linear_of_each
from antispoof.networks.tokens import Levels, statistics

__all__ = ["Hadamard"]


@fusions.register("hadamard")
class Hadamard(Fusion):
    """Product of the tanh of pooled and projected deep tokens, then one linear layer.

    Args:
        dims: see `Fusion`.
        width: features of the common space.
    """

    def __init__(self, dims: Dims, *, width: int = 64) -> None:
        super().__init__(dims, width)
        self.projections = linear_of_each({name: 2 * deep for name, (_, _, deep) in dims.items()}, width)
        self.join = nn.Linear(width, width)

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        product = torch.ones_like(presence[:, :1])
        for name, (_, _, deep) in self.selected(levels, presence).items():
            factor = torch.tanh(self.projections[name](statistics(deep)))
            product = product * torch.where(self.present(name, presence)[:, None] > 0, factor, 1.0)
        embedding: Tensor = self.join(product.expand(-1, self.dim))
        return embedding
