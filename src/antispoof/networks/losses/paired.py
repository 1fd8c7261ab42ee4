"""Paired term: a bona fide presentation must score higher than the attack that was made of it.

Pairs share person, camera and light, so that what remains is the attack. RankNet (C. Burges et al.,
"Learning to Rank using Gradient Descent", ICML 2005) with a margin. Rows with the same pair number make a
pair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["Paired"]


@losses.register("paired")
class Paired(Loss):
    """Mean of log(1 + exp(margin − (bona fide score − attack score))) over all pairs in the batch.

    Args:
        margin: how much higher, in log-odds.
    """

    def __init__(self, *, margin: float = 1.0) -> None:
        super().__init__()
        self.margin = margin

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        bona_fide = target.label > 0.5
        pairs = bona_fide[:, None] & ~bona_fide & (target.pair[:, None] == target.pair)
        difference = output.score[:, None] - output.score
        cost = pairs * nn.functional.softplus(self.margin - difference)
        return cost.sum() / pairs.sum().clamp(min=1)
