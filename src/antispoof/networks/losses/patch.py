"""Patch-level supervision: every place of the picture has the label of the whole.

A. George, S. Marcel, "Deep Pixel-wise Binary Supervision for Face Presentation Attack Detection", ICB 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["Patch"]


@losses.register("patch")
class Patch(Loss):
    """Binary cross-entropy of the patch scores, mean over places and over the modalities that are present."""

    needs = frozenset({"patch_scores"})

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        total, count = output.score.sum() * 0, torch.zeros_like(output.score[0])
        for name, scores in output.patch_scores.items():
            here = target.presence[:, output.modalities.index(name)]
            label = target.label[:, None].expand_as(scores)
            cost = nn.functional.binary_cross_entropy_with_logits(scores, label, reduction="none").mean(1)
            total, count = total + (here * cost).sum(), count + here.sum()
        return total / count.clamp(min=1)
