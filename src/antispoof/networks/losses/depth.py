"""Depth as an auxiliary target: a face is round, a print or a screen is flat.

Y. Liu, A. Jourabloo, X. Liu, "Learning Deep Models for Face Anti-Spoofing: Binary or Auxiliary
Supervision", CVPR 2018; differences to the eight neighbours: Z. Wang et al., "Deep Spatial Gradient and
Temporal Depth Learning for Face Anti-spoofing", CVPR 2020. Where the data hold no depth, an ellipsoid
stands for a face and zero for an attack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses
from antispoof.networks.tokens import regions, to_map, to_tokens

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["Depth", "ellipsoid", "neighbour_differences"]


@losses.register("depth")
class Depth(Loss):
    """Squared error of depth, and of its differences to the eight neighbours; mean over what is present.

    Args:
        contrast: weight of the differences.
    """

    needs = frozenset({"depth"})

    def __init__(self, *, contrast: float = 0.5) -> None:
        super().__init__()
        self.contrast = contrast

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        total, count = output.score.sum() * 0, torch.zeros_like(output.score[0])
        for name, depth in output.depth.items():
            truth = self._truth(depth, target)
            error = (depth - truth).square().mean((1, 2, 3))
            steps = neighbour_differences(depth) - neighbour_differences(truth)
            cost = error + self.contrast * steps.square().mean((1, 2, 3))
            here = target.presence[:, output.modalities.index(name)]
            total, count = total + (here * cost).sum(), count + here.sum()
        return total / count.clamp(min=1)

    def _truth(self, depth: Tensor, target: Target) -> Tensor:
        side = depth.shape[-1]
        face = ellipsoid(side).to(depth)
        assumed = face * target.label[:, None, None, None]
        if target.depth is None:
            return assumed
        given = to_map(regions(to_tokens(target.depth), side))
        return torch.where(given.isnan(), assumed, given)


def ellipsoid(side: int) -> Tensor:
    """Depth of a face that fills most of the picture, (1, 1, side, side): 1 at the nose, 0 at the edge."""
    places = (torch.arange(side) + 0.5) / side * 2 - 1
    radius = (places[:, None] / 0.95) ** 2 + (places[None] / 0.75) ** 2
    return (1 - radius).clamp(min=0).sqrt()[None, None]


def neighbour_differences(depth: Tensor) -> Tensor:
    """Neighbour minus middle for the eight neighbours: (B, 1, h, w) → (B, 8, h, w); zero beyond the edge."""
    height, width = depth.shape[-2:]
    padded = nn.functional.pad(depth, (1, 1, 1, 1))
    shifts = [(dy, dx) for dy in range(3) for dx in range(3) if (dy, dx) != (1, 1)]
    return torch.cat([padded[:, :, dy : dy + height, dx : dx + width] - depth for dy, dx in shifts], 1)
