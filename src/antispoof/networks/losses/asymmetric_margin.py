"""Asymmetric angular margin: bona fide embeddings stay close to one direction, attacks anywhere else.

Y. Zhang, F. Jiang, Z. Duan, "One-class Learning Towards Synthetic Voice Spoofing Detection", IEEE SPL 2021:
two margins on the cosine to one direction, a narrow one for bona fide and a wide one for attacks. The
direction is the mean of the bona fide embeddings of the batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["AsymmetricMargin"]


@losses.register("asymmetric_margin")
class AsymmetricMargin(Loss):
    """Mean of log(1 + exp(α · how far the cosine is on the wrong side of the margin)).

    Zero where the batch has no bona fide presentation, because there is no direction then.

    Args:
        bona_fide_cosine: cosine that bona fide embeddings should exceed.
        attack_cosine: cosine that attacks should stay below.
        scale: α.
    """

    def __init__(
        self, *, bona_fide_cosine: float = 0.9, attack_cosine: float = 0.2, scale: float = 20.0
    ) -> None:
        super().__init__()
        if not -1 <= attack_cosine < bona_fide_cosine <= 1:
            raise InputError(
                "attack_cosine must be below bona_fide_cosine and both in -1..1, got "
                f"{attack_cosine} and {bona_fide_cosine}"
            )
        self.bona_fide_cosine = bona_fide_cosine
        self.attack_cosine = attack_cosine
        self.scale = scale

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        unit = nn.functional.normalize(output.embedding, dim=1)
        direction = nn.functional.normalize((target.label[:, None] * unit).sum(0), dim=0)
        cosine = unit @ direction
        short = target.label * (self.bona_fide_cosine - cosine)
        beyond = (1 - target.label) * (cosine - self.attack_cosine)
        cost = nn.functional.softplus(self.scale * (short + beyond)).mean()
        return cost * (target.label.sum() > 0)
