"""Weakest link: an instrument has to deceive every sensor, so the sensor that doubts most is heard most.

A soft minimum of what the sensors say by themselves, −log(mean(exp(−τ s)))/τ with τ learned: the plain mean
for τ → 0, the minimum for τ → ∞. It is the pooling that multiple-instance learning uses for "any of these"
(J. Ramon, L. De Raedt, "Multi instance neural networks", ICML workshop 2000; M. Ilse et al.,
"Attention-based Deep Multiple Instance Learning", ICML 2018), here for "any sensor sees an attack". What
sensors tell only together is added by a small network over the features of all. With one sensor present
nothing is fused: what it says by itself remains, scaled.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions
from antispoof.networks.tokens import Levels, statistics

__all__ = ["WeakestLink"]


@fusions.register("weakest_link")
class WeakestLink(Fusion):
    """A soft minimum over modality scores, and a correction read from all features.

    Args:
        dims: see `Fusion`.
        width: features of the correction.
        sharpness: τ at the start; it is learned.
    """

    def __init__(self, dims: Dims, *, width: int = 48, sharpness: float = 0.5) -> None:
        super().__init__(dims, width)
        names = sorted(dims)
        self.norms = nn.ModuleDict({name: nn.LayerNorm(2 * sum(dims[name])) for name in names})
        self.projections = nn.ModuleDict({name: nn.Linear(2 * sum(dims[name]), width) for name in names})
        self.mix = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.gains = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in names})
        self.offsets = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in names})
        self.log_sharpness = nn.Parameter(torch.tensor(float(sharpness)).log())
        self.head = nn.Linear(width, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        total = presence.new_zeros(len(presence), self.dim)
        for name, tokens in self.selected(levels, presence).items():
            pooled = self.norms[name](torch.cat([statistics(level) for level in tokens], 1))
            total = total + self.present(name, presence)[:, None] * self.projections[name](pooled)
        embedding: Tensor = self.mix(total)
        return embedding

    def score(self, embedding: Tensor, modality_scores: Tensor, presence: Tensor) -> Tensor:
        """See `Fusion.score`."""
        gains = torch.stack([self.gains[name].exp() for name in self.modalities])
        offsets = torch.stack([self.offsets[name] for name in self.modalities])
        sharpness = self.log_sharpness.exp()
        said = torch.where(presence > 0, gains * modality_scores + offsets, 1e4)
        count = presence.sum(1).clamp(min=1)
        soft = -(torch.logsumexp(-sharpness * said, 1) - count.log()) / sharpness
        soft = torch.where(presence.sum(1) > 0, soft, 0.0)
        correction: Tensor = self.head(embedding)[:, 0]
        return soft + torch.where(presence.sum(1) > 1, correction, 0.0)
