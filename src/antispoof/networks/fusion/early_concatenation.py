"""Early concatenation: the pictures of all sensors are the channels of one, and one encoder looks at it.

The plainest baseline of the field, for example in A. George et al., "Biometric Face Presentation Attack
Detection with Multi-Channel Convolutional Neural Network", IEEE T-IFS 2020. An absent sensor is a black
picture.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from antispoof.networks.fusion import Dims, Fusion, fusions
from antispoof.networks.tokens import Levels, statistics

__all__ = ["EarlyConcatenation"]


@fusions.register("early_concatenation")
class EarlyConcatenation(Fusion):
    """Means and deviations of the tokens of the one encoder; all pictures must be of one size."""

    joins_inputs = True

    def __init__(self, dims: Dims) -> None:
        super().__init__(dims, 2 * sum(next(iter(dims.values()))))

    def forward(self, levels: Mapping[str, Levels], presence: Tensor) -> Tensor:
        """Average over what is present; in a network the tokens of all modalities are the same."""
        total = torch.zeros(len(presence), self.dim, dtype=presence.dtype, device=presence.device)
        for name, tokens in self.selected(levels, presence).items():
            pooled = torch.cat([statistics(level) for level in tokens], 1)
            total = total + self.present(name, presence)[:, None] * pooled
        return total / presence.sum(1, keepdim=True).clamp(min=1)
