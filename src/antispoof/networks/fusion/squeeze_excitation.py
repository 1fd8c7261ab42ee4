"""Squeeze-and-excitation fusion: every modality weighs its own channels before all are joined.

S. Zhang et al., "A Dataset and Benchmark for Large-Scale Multi-Modal Face Anti-Spoofing", CVPR 2019, after
J. Hu, L. Shen, G. Sun, "Squeeze-and-Excitation Networks", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions, linear_of_each
from antispoof.networks.tokens import Levels, regions, select

__all__ = ["SqueezeExcitation"]


@fusions.register("squeeze_excitation")
class SqueezeExcitation(Fusion):
    """Deep tokens over regions, channels weighed by their own means, joined, and one residual layer.

    Args:
        dims: see `Fusion`.
        width: features of a region.
        side: every modality gives side × side regions.
        reduction: how much narrower the layer between mean and weight is.
    """

    def __init__(self, dims: Dims, *, width: int = 64, side: int = 4, reduction: int = 8) -> None:
        super().__init__(dims, width)
        self.side = side
        self.projections = linear_of_each({name: deep for name, (_, _, deep) in dims.items()}, width)
        narrow = max(width // reduction, 4)
        self.excitations = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(width, narrow), nn.GELU(), nn.Linear(narrow, width), nn.Sigmoid()
                )
                for name in sorted(dims)
            }
        )
        self.joins = linear_of_each(dict.fromkeys(dims, width), width)
        self.trunk = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        parts = []
        for name, (_, _, deep) in self.selected(levels, presence).items():
            features = self.projections[name](regions(deep, self.side))
            features = features * self.excitations[name](features.mean(1))[:, None]
            parts.append(select(self.joins[name](features), self.present(name, presence)))
        joined = torch.stack(parts).sum(0)
        embedding: Tensor = (joined + self.trunk(joined)).mean(1)
        return embedding
