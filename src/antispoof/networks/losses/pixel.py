"""Pixel-level supervision: every place is told whether skin or an instrument is seen there.

For attacks that cover part of a face (glasses, make-up, partial masks) the label of the whole is wrong for
most places: Y. Liu, J. Stehouwer, X. Liu, "On Disentangling Spoof Trace for Generic Face Anti-Spoofing",
ECCV 2020.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.losses import Loss, losses
from antispoof.networks.tokens import regions, to_map, to_tokens

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["Pixel"]


@losses.register("pixel")
class Pixel(Loss):
    """Binary cross-entropy of the patch scores against the share of skin in each patch.

    Places where the mask is unknown (NaN) are left out.
    """

    needs = frozenset({"patch_scores"})

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`.

        Raises:
            InputError: the targets have no pixel masks.
        """
        if target.pixel_mask is None:
            raise InputError(
                "the loss 'pixel' needs pixel masks in the data: add them, or use the loss 'patch'"
            )
        known = (~target.pixel_mask.isnan()).to(output.score.dtype)
        skin = target.pixel_mask.nan_to_num()
        total, count = output.score.sum() * 0, torch.zeros_like(output.score[0])
        for name, scores in output.patch_scores.items():
            side = to_map(scores[..., None]).shape[-1]
            share_known = regions(to_tokens(known), side)[..., 0]
            label = regions(to_tokens(skin), side)[..., 0] / share_known.clamp(min=1e-6)
            weight = share_known * target.presence[:, output.modalities.index(name)][:, None]
            cost = nn.functional.binary_cross_entropy_with_logits(scores, label.clamp(0, 1), reduction="none")
            total, count = total + (weight * cost).sum(), count + weight.sum()
        return total / count.clamp(min=1e-6)
