"""A face seen twice: a close view for its tone and texture, a wider and coarser one for what surrounds it.

The close view goes through frozen ImageNet features, whose means and deviations a linear layer reads: with
little and simulated data to learn from, anything more flexible learns the simulator. The context view shares
the first stages and continues in a small residual network that was taught by other networks (distillation).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from antispoof.networks.encoders.efficientnet_lite import EfficientNetLite0
from antispoof.networks.encoders.residual import ResidualLevels
from antispoof.networks.pooling import mean_and_deviation

__all__ = ["ContextBranch", "TwoViewNetwork", "TwoViewOutput"]

_FIRST_LEVEL = 1  # the 16 channels of the first stage add nothing to the pooled features
SHARED_STAGES = 2


class TwoViewOutput(NamedTuple):
    """What the network says of B faces.

    Attributes:
        score: (B,), raw, higher = bona fide.
        heat_map: (B, h, w): what each place of the close view adds to the score through the channel means.
        features: (B, F): pooled features of the close view, then the context score.
    """

    score: Tensor
    heat_map: Tensor
    features: Tensor


class ContextBranch(nn.Module):
    """Maps of the shared stages → one log-odds, bona fide against attack.

    Args:
        inputs: channels of the incoming map.
        channels: channels of the residual levels.
        hidden: width of the hidden layer.
        dropout: share of pooled features dropped in training.
    """

    def __init__(
        self,
        inputs: int,
        channels: tuple[int, ...] = (48, 96, 128),
        hidden: int = 128,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.levels = ResidualLevels(inputs, channels)
        pooled = 2 * sum(channels)
        self.norm = nn.BatchNorm1d(pooled)
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(pooled, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, shared: Tensor) -> Tensor:
        """Map (B, C, h, w) to (B,)."""
        pooled = self.dropout(self.norm(mean_and_deviation(self.levels(shared))))
        score: Tensor = self.output(torch.relu(self.hidden(pooled)))
        return score[:, 0]


class TwoViewNetwork(nn.Module):
    """Close view and context view of a face → score, heat map and features.

    Args:
        stages: how many stages of EfficientNet-Lite0 look at the close view, 3 to 7.
        context_channels: channels of the residual levels of the context branch.
    """

    def __init__(self, stages: int = 5, context_channels: tuple[int, ...] = (48, 96, 128)) -> None:
        super().__init__()
        if stages < SHARED_STAGES + 1:
            raise ValueError(f"stages must be {SHARED_STAGES + 1} or more, got {stages}")
        self.encoder = EfficientNetLite0(stages)
        self.context = ContextBranch(self.encoder.channels[SHARED_STAGES - 1], context_channels)
        self.pooled = 2 * sum(self.encoder.channels[_FIRST_LEVEL:])
        self.head = nn.Linear(self.pooled + 1, 1)

    def forward(self, close: Tensor, context: Tensor) -> TwoViewOutput:
        """Judge faces.

        Args:
            close: (B, 3, H, W), RGB in 0..1.
            context: (B, 3, H', W'), RGB in 0..1.
        """
        levels = self.encoder(close)[_FIRST_LEVEL:]
        features = torch.cat([mean_and_deviation(levels), self.context_score(context)[:, None]], 1)
        score: Tensor = self.head(features)[:, 0]
        return TwoViewOutput(score, self._heat_map(levels), features)

    def shared_maps(self, context: Tensor) -> Tensor:
        """Maps of the shared stages, which training may compute once and keep: (B, C, h, w)."""
        x: Tensor = self.encoder.stem((context * 255 - 127) / 128)
        for stage in self.encoder.stages[:SHARED_STAGES]:
            x = stage(x)
        return x

    def context_score(self, context: Tensor) -> Tensor:
        """Score of the context branch alone, (B,)."""
        score: Tensor = self.context(self.shared_maps(context))
        return score

    def _heat_map(self, levels: list[Tensor]) -> Tensor:
        """Share of every place in the mean part of the linear layer, centred on the picture's own mean.

        A place is red not because the whole picture is, but because it is worse than the rest of it, so the
        total is added back evenly.
        """
        size = levels[1].shape[-2:]
        total = torch.zeros_like(levels[1][:, 0])
        at = 0
        for level in levels:
            weight = self.head.weight[0, at : at + level.shape[1]]
            at += level.shape[1]
            part = torch.einsum("bchw,c->bhw", level, weight)
            total = (
                total
                + nn.functional.interpolate(part[:, None], size, mode="bilinear", align_corners=False)[:, 0]
            )
        return total - total.mean((1, 2), keepdim=True)
