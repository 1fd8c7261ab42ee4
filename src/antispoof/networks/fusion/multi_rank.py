"""Multi-rank fusion: at every depth modalities are ranked by what they have to say, and fused by rank.

Ordered weighted averaging (R. Yager, IEEE T-SMC 1988) with learned weights, of features in place of
numbers, and at each of several depths as in A. Parkin, O. Grinchuk, CVPR Workshops 2019. What counts is
that a modality is the most telling one of this presentation, not which one it is; so RGB, depth and thermal
serve alike, and with one absent the others move up.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions, linear_of_each
from antispoof.networks.tokens import Levels, statistics

__all__ = ["MultiRank", "ranked"]

_ABSENT = -1e4


@fusions.register("multi_rank")
class MultiRank(Fusion):
    """Every level: saliences, ranking, one linear layer a rank; the levels are then joined.

    Args:
        dims: see `Fusion`.
        width: features of a modality at a level.
    """

    def __init__(self, dims: Dims, *, width: int = 64) -> None:
        super().__init__(dims, width)
        self.projections = nn.ModuleList(
            linear_of_each({name: 2 * dims[name][level] for name in dims}, width) for level in range(3)
        )
        self.saliences = nn.ModuleList(nn.Linear(width, 1) for _ in range(3))
        self.ranks = nn.ModuleList(nn.ModuleList(nn.Linear(width, width) for _ in dims) for _ in range(3))
        self.join = nn.Sequential(
            nn.LayerNorm(3 * width), nn.Linear(3 * width, width), nn.GELU(), nn.Linear(width, width)
        )

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        chosen = self.selected(levels, presence)
        here = torch.stack([self.present(name, presence) for name in chosen], 1)
        fused = []
        for level in range(3):
            projections, ranks = self.projections[level], self.ranks[level]
            assert isinstance(projections, nn.ModuleDict)
            assert isinstance(ranks, nn.ModuleList)
            features = torch.stack(
                [projections[name](statistics(depths[level])) for name, depths in chosen.items()], 1
            )
            salience = self.saliences[level](torch.tanh(features))[..., 0]
            slots = ranked(features, torch.where(here > 0, salience, _ABSENT))
            fused.append(torch.stack([layer(slots[:, rank]) for rank, layer in enumerate(ranks)]).sum(0))
        embedding: Tensor = self.join(torch.cat(fused, 1))
        return embedding


def ranked(features: Tensor, salience: Tensor) -> Tensor:
    """Order features by falling salience, each weighed by σ(salience).

    Args:
        features: (B, M, D).
        salience: (B, M); far below zero where there is nothing.

    Returns:
        (B, M, D): first the most salient; zeros behind the last that there is.
    """
    order = salience.argsort(1, descending=True)
    weighed = features * torch.sigmoid(salience)[..., None]
    return weighed.gather(1, order[..., None].expand(-1, -1, features.shape[2]))
