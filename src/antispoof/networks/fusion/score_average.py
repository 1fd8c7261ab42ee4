"""Score averaging: every modality judges by itself, and the judgements are averaged, as a baseline.

J. Kittler, M. Hatef, R. Duin, J. Matas, "On Combining Classifiers", IEEE T-PAMI 1998 (sum rule); for
presentation attacks for example A. George, S. Marcel, "Cross Modal Focal Loss for RGBD Face Anti-Spoofing",
CVPR 2021.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from antispoof.networks.fusion import Dims, Fusion, fusions
from antispoof.networks.tokens import Levels, select, statistics

__all__ = ["ScoreAverage"]


@fusions.register("score_average")
class ScoreAverage(Fusion):
    """Mean of what the present modalities say; the embedding is their pooled deep tokens side by side."""

    def __init__(self, dims: Dims) -> None:
        super().__init__(dims, sum(2 * deep for _, _, deep in dims.values()))
        self.head = nn.Identity()  # there is nothing to learn

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """See `Fusion.forward`."""
        return torch.cat(
            [
                select(statistics(deep), self.present(name, presence))
                for name, (_, _, deep) in self.selected(levels, presence).items()
            ],
            1,
        )

    def score(self, embedding: Tensor, modality_scores: Tensor, presence: Tensor) -> Tensor:  # noqa: ARG002
        """Return the mean over what is present."""
        return (presence * modality_scores).sum(1) / presence.sum(1).clamp(min=1)
