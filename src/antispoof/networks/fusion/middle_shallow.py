"""Middle-shallow aggregation: a trunk of its own takes up every branch at every depth.

A. Parkin, O. Grinchuk, "Recognizing Multi-Modal Face Spoofing with Face Recognition Networks", CVPR
Workshops 2019 (winner of the CASIA-SURF challenge).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.fusion import Dims, Fusion, fusions, linear_of_each
from antispoof.networks.tokens import Levels, regions, select, statistics, to_map, to_tokens

__all__ = ["MiddleShallow"]


class _Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(1, width),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.GroupNorm(1, width),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = maps + self.layers(maps)
        return out


@fusions.register("middle_shallow")
class MiddleShallow(Fusion):
    """Shallow tokens of all branches enter a convolutional trunk; middle, then deep ones join on its way.

    Args:
        dims: see `Fusion`.
        width: features of the trunk.
        side: side of the trunk's first map; it halves from level to level.
    """

    def __init__(self, dims: Dims, *, width: int = 48, side: int = 8) -> None:
        super().__init__(dims, 2 * width)
        self.sides = (side, side // 2, side // 4)
        if side < 4 or side % 4:
            raise InputError(f"side must be a multiple of 4, got {side}")
        self.projections = nn.ModuleList(
            linear_of_each({name: dims[name][level] for name in dims}, width) for level in range(3)
        )
        self.blocks = nn.ModuleList(_Block(width) for _ in range(3))
        self.downs = nn.ModuleList(nn.Conv2d(width, width, 3, 2, 1) for _ in range(2))

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        chosen = self.selected(levels, presence)
        trunk: Tensor | None = None
        for level, (projections, side) in enumerate(zip(self.projections, self.sides, strict=True)):
            assert isinstance(projections, nn.ModuleDict)
            parts = [
                select(projections[name](regions(depths[level], side)), self.present(name, presence))
                for name, depths in chosen.items()
            ]
            joined = to_map(torch.stack(parts).sum(0))
            if trunk is not None:
                joined = joined + self.downs[level - 1](trunk)
            trunk = self.blocks[level](joined)
        assert trunk is not None
        return statistics(to_tokens(trunk))
