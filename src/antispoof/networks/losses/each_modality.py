"""Every modality by itself: binary cross-entropy of each one's own score.

Left to the fused score alone, the modality that is easiest to learn from keeps the others from learning; a
loss of their own lets each learn all it can (W. Wang et al., "What Makes Training Multi-Modal Classification
Networks Hard?", CVPR 2020). It also makes what each sensor says by itself mean something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["EachModality"]


@losses.register("each_modality")
class EachModality(Loss):
    """Mean of −log σ(±score) over modalities and rows, where a modality is present.

    Args:
        bona_fide_weight: weight of bona fide presentations.
        attack_weight: weight of attacks.
    """

    def __init__(self, *, bona_fide_weight: float = 1.0, attack_weight: float = 1.0) -> None:
        super().__init__()
        self.bona_fide_weight = bona_fide_weight
        self.attack_weight = attack_weight

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        label = target.label[:, None].expand_as(output.modality_scores)
        cost = nn.functional.binary_cross_entropy_with_logits(output.modality_scores, label, reduction="none")
        weight = self.attack_weight + (self.bona_fide_weight - self.attack_weight) * label
        present = target.presence
        return (present * weight * cost).sum() / present.sum().clamp(min=1)
