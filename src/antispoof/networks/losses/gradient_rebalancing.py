"""Gradient rebalancing: the encoder of a modality that is ahead of the others learns more slowly.

X. Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR 2022. With s_m the
mean probability that modality m gives to the truth, and ρ_m = s_m over the mean of the others, gradients
into the encoder of m are multiplied by 1 − tanh(α (ρ_m − 1)) where ρ_m > 1.

It acts while the gradients of this step flow, on all losses; its own value is that of the loss
``per_modality``, which the comparison of modalities rests upon. Use it in place of that one.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses, modality_cross_entropy

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["GradientRebalancing"]


@losses.register("gradient_rebalancing")
class GradientRebalancing(Loss):
    """Cross-entropy of the modality scores, and smaller gradients for who is ahead.

    Args:
        alpha: how much smaller; 0 changes nothing.
    """

    modalities_needed = 2

    def __init__(self, *, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        cost = modality_cross_entropy(output, target)
        for factor, name in zip(self.factors(output, target).tolist(), output.modalities, strict=True):
            for tokens in output.levels[name]:
                if factor < 1 and tokens.requires_grad:
                    tokens.register_hook(partial(torch.mul, other=factor))  # type: ignore[no-untyped-call]
        return (target.presence * cost).sum() / target.presence.sum().clamp(min=1)

    def factors(self, output: NetworkOutput, target: Target) -> Tensor:
        """What the gradients of each modality are multiplied by: (M,), in 0..1."""
        sign = 2 * target.label[:, None] - 1
        truth = torch.sigmoid(output.modality_scores.detach() * sign) * target.presence
        seen = target.presence.sum(0)
        mean = truth.sum(0) / seen.clamp(min=1)
        known = (seen > 0).to(mean.dtype)
        others = ((known * mean).sum() - mean) / (known.sum() - 1).clamp(min=1)
        ratio = torch.where((known > 0) & (known.sum() > 1), mean / others.clamp(min=1e-6), 1.0)
        return 1 - torch.tanh(self.alpha * nn.functional.relu(ratio - 1))
