"""Per-modality heads: every modality that is present must be right by itself.

W. Wang, D. Tran, M. Feiszli, "What Makes Training Multi-modal Classification Networks Hard?", CVPR 2020:
without it, the easiest modality learns and the others stay behind. It is also what gives `modality_scores`
a meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from antispoof.networks.losses import Loss, losses, modality_cross_entropy

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["PerModality"]


@losses.register("per_modality")
class PerModality(Loss):
    """Binary cross-entropy of the modality scores, mean over all that are present."""

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        cost = modality_cross_entropy(output, target)
        return (target.presence * cost).sum() / target.presence.sum().clamp(min=1)
