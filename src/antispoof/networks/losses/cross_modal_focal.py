"""Cross-modal focal loss: a modality is let off where another one is right and sure.

A. George, S. Marcel, "Cross Modal Focal Loss for RGBD Face Anti-Spoofing", CVPR 2021. With p and q the
probability of the true class by two modalities:

    −(1 − w)^γ log p,   w = q · 2pq / (p + q)

Here over all ordered pairs that are present; a modality that is alone has plain cross-entropy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from antispoof.networks.losses import Loss, losses

if TYPE_CHECKING:
    from antispoof.networks.network import NetworkOutput, Target

__all__ = ["CrossModalFocal"]


@losses.register("cross_modal_focal")
class CrossModalFocal(Loss):
    """Mean over modalities of their mean over the others.

    Args:
        gamma: 0 is cross-entropy of every modality.
    """

    modalities_needed = 2

    def __init__(self, *, gamma: float = 3.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, output: NetworkOutput, target: Target) -> Tensor:
        """See `Loss.forward`."""
        log_p = nn.functional.logsigmoid(output.modality_scores * (2 * target.label[:, None] - 1))
        mine, others = log_p.exp()[:, :, None], log_p.exp()[:, None]
        sure = others * 2 * mine * others / (mine + others).clamp(min=1e-12)
        itself = torch.eye(log_p.shape[1], dtype=torch.bool, device=log_p.device)
        both = target.presence[:, :, None] * target.presence[:, None] * ~itself
        let_off = (both * (1 - sure).clamp(min=0) ** self.gamma).sum(2) / both.sum(2).clamp(min=1)
        alone = both.sum(2) == 0
        cost = -torch.where(alone, 1.0, let_off) * log_p
        return (target.presence * cost).sum() / target.presence.sum().clamp(min=1)
