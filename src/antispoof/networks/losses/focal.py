"""Focal loss: what is classified well already counts less, −w (1 − p)^γ log p, p of the true class.

T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár, "Focal Loss for Dense Object Detection", ICCV 2017.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["Focal"]


@losses.register("focal")
class Focal(Loss):
    """Mean of −w (1 − p)^γ log p over the batch.

    Args:
        gamma: 0 is cross-entropy.
        bona_fide_weight: weight of bona fide presentations.
        attack_weight: weight of attacks.
    """

    def __init__(
        self, *, gamma: float = 2.0, bona_fide_weight: float = 1.0, attack_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.gamma = gamma
        self.bona_fide_weight = bona_fide_weight
        self.attack_weight = attack_weight

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        log_p = nn.functional.logsigmoid(output.score * (2 * target.label - 1))
        weight = self.attack_weight + (self.bona_fide_weight - self.attack_weight) * target.label
        return -(weight * (1 - log_p.exp()) ** self.gamma * log_p).mean()
