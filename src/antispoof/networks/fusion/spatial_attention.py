"""Spatial attention: every modality weighs its channels, then says which regions of the face to look at.

G. Wang, C. Lan, H. Han, S. Shan, X. Chen, "Multi-modal Face Presentation Attack Detection via Spatial and
Channel Attentions", CVPR Workshops 2019.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions, linear_of_each
from antispoof.networks.tokens import Levels, regions, select

__all__ = ["SpatialAttention"]


@fusions.register("spatial_attention")
class SpatialAttention(Fusion):
    """Middle and deep tokens over regions; the weights of the regions of a modality add up to one.

    Args:
        dims: see `Fusion`.
        width: features of a region.
        side: every modality gives side × side regions.
    """

    def __init__(self, dims: Dims, *, width: int = 64, side: int = 4) -> None:
        super().__init__(dims, width)
        self.side = side
        self.middle = linear_of_each({name: middle for name, (_, middle, _) in dims.items()}, width)
        self.deep = linear_of_each({name: deep for name, (_, _, deep) in dims.items()}, width)
        self.channels = linear_of_each(dict.fromkeys(dims, width), width)
        self.places = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 1, bias=False))
                for name in sorted(dims)
            }
        )
        self.joins = linear_of_each(dict.fromkeys(dims, width), width)
        self.norm = nn.LayerNorm(width)

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        parts = []
        for name, (_, middle, deep) in self.selected(levels, presence).items():
            features = self.middle[name](regions(middle, self.side))
            features = features + self.deep[name](regions(deep, self.side))
            features = features * torch.sigmoid(self.channels[name](features.mean(1)))[:, None]
            weights = self.places[name](features).softmax(1)
            seen = self.joins[name]((weights * features).sum(1))
            parts.append(select(seen, self.present(name, presence)))
        embedding: Tensor = self.norm(torch.stack(parts).sum(0))
        return embedding
