"""Bilinear fusion: all products of a feature of one modality with a feature of another.

T.-Y. Lin, A. RoyChowdhury, S. Maji, "Bilinear CNN Models for Fine-grained Visual Recognition", ICCV 2015
(outer product, signed root, unit length), here for each pair of modalities, beside the features of each by
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions, linear_of_each
from antispoof.networks.tokens import Levels, select, statistics

__all__ = ["Bilinear", "bilinear_product"]


@fusions.register("bilinear")
class Bilinear(Fusion):
    """Outer products of pooled deep tokens, for every pair that is present.

    Args:
        dims: see `Fusion`.
        width: width of the embedding.
        rank: features of a modality before the product, of which a pair has rank².
    """

    def __init__(self, dims: Dims, *, width: int = 64, rank: int = 12) -> None:
        super().__init__(dims, width)
        self.projections = linear_of_each({name: 2 * deep for name, (_, _, deep) in dims.items()}, rank)
        self.alone = linear_of_each(dict.fromkeys(dims, rank), width)
        self.pairs = tuple(combinations(sorted(dims), 2))
        self.together = nn.ModuleDict({f"{a}+{b}": nn.Linear(rank * rank, width) for a, b in self.pairs})
        self.norm = nn.LayerNorm(width)

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        features = {
            name: self.projections[name](statistics(deep))
            for name, (_, _, deep) in self.selected(levels, presence).items()
        }
        parts = [select(self.alone[name](features[name]), self.present(name, presence)) for name in features]
        for a, b in self.pairs:
            seen = self.together[f"{a}+{b}"](bilinear_product(features[a], features[b]))
            parts.append(select(seen, self.present(a, presence) * self.present(b, presence)))
        embedding: Tensor = self.norm(torch.stack(parts).sum(0))
        return embedding


def bilinear_product(first: Tensor, second: Tensor) -> Tensor:
    """Outer product of (B, D) and (B, E), its signed root, at unit length: (B, D·E)."""
    product = (first[:, :, None] * second[:, None]).flatten(1)
    rooted = product.sign() * (product.abs() + 1e-6).sqrt()
    unit: Tensor = rooted / rooted.square().sum(1, keepdim=True).clamp(min=1e-12).sqrt()
    return unit
