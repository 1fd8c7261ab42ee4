"""Supervised contrastive loss: embeddings of one kind attract, all others repel.

P. Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020. Bona fide presentations are one kind;
each species of attack is one of its own, so that attacks need not resemble one another (Y. Jia et al.,
"Single-Side Domain Generalization for Face Anti-Spoofing", CVPR 2020).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from antispoof.errors import InputError
from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["SupervisedContrastive"]


@losses.register("supervised_contrastive")
class SupervisedContrastive(Loss):
    """−log of the share that its own kind has in the neighbourhood of each embedding.

    Mean over the embeddings that have company.

    Args:
        temperature: the smaller, the more the nearest count.
    """

    def __init__(self, *, temperature: float = 0.1) -> None:
        super().__init__()
        if temperature <= 0:
            raise InputError(f"temperature must be above 0, got {temperature}")
        self.temperature = temperature

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        kind = torch.where(target.label > 0.5, -1, target.species)
        unit = nn.functional.normalize(output.embedding, dim=1)
        myself = torch.eye(len(kind), dtype=torch.bool, device=kind.device)
        logits = (unit @ unit.T / self.temperature).masked_fill(myself, -1e4)
        log_share = logits - logits.logsumexp(1, keepdim=True)
        alike = ((kind[:, None] == kind) & ~myself).to(unit.dtype)
        company = alike.sum(1)
        cost = -(alike * log_share).sum(1) / company.clamp(min=1)
        return cost.sum() / (company > 0).sum().clamp(min=1)
