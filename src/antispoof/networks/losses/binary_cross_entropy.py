"""Binary cross-entropy, with a weight for each class: −w log p of the class that is true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["BinaryCrossEntropy"]


@losses.register("binary_cross_entropy")
class BinaryCrossEntropy(Loss):
    """Mean of −w log σ(±score) over the batch.

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
        cost = nn.functional.binary_cross_entropy_with_logits(output.score, target.label, reduction="none")
        weight = self.attack_weight + (self.bona_fide_weight - self.attack_weight) * target.label
        return (weight * cost).mean()
