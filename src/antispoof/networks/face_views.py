"""A face seen several times: close by for its tone and texture, wider and coarser for what surrounds it.

The close view goes through frozen ImageNet features, whose means and deviations a linear layer reads: with
little and simulated data to learn from, anything more flexible learns the simulator. What the wider views say
comes as log-odds: of a small residual network on the first stages that the views share, of finished networks
that answer beside this one, or of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from antispoof._moved import old_names
from antispoof.networks.encoders.efficientnet_lite import EfficientNetLite0
from antispoof.networks.encoders.residual import ResidualLevels
from antispoof.networks.pooling import log_contrast, mean_and_deviation

__all__ = ["ContextBranch", "FaceViewsNetwork", "FaceViewsOutput", "log_odds"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)

_FIRST_LEVEL = 1  # the 16 channels of the first stage add nothing to the pooled features
SHARED_STAGES = 2
LIMIT = 6.0  # log-odds are clipped to ±LIMIT: beyond it a network tells only how sure it is of itself


class FaceViewsOutput(NamedTuple):
    """What the network says of B faces.

    Attributes:
        score: (B,), raw, higher = bona fide.
        heat_map: (B, h, w): what each place of the close view adds to the score through the channel means.
        features: (B, F): pooled features of the close view and its log contrast, then log-odds of the wider
            views.
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


def log_odds(logits: Tensor, bona_fide: int) -> Tensor:
    """Log-odds of one class against all others, clipped: (B, C) → (B,)."""
    others = torch.cat([logits[:, :bona_fide], logits[:, bona_fide + 1 :]], 1)
    return torch.clamp(logits[:, bona_fide] - torch.logsumexp(others, 1), -LIMIT, LIMIT)


class FaceViewsNetwork(nn.Module):
    """Close view and wider views of a face → score, heat map and features.

    Args:
        stages: how many stages of EfficientNet-Lite0 look at the close view, 3 to 7.
        context_channels: channels of the residual levels of the context branch; None: there is none.
        bona_fide_classes: of each finished network that answers beside this one, which of its classes is
            bona fide.
    """

    def __init__(
        self,
        stages: int = 5,
        context_channels: tuple[int, ...] | None = (48, 96, 128),
        bona_fide_classes: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        if stages < SHARED_STAGES + 1:
            raise ValueError(f"stages must be {SHARED_STAGES + 1} or more, got {stages}")
        self.encoder = EfficientNetLite0(stages)
        self.context: ContextBranch | None = None
        if context_channels is not None:
            self.context = ContextBranch(self.encoder.channels[SHARED_STAGES - 1], context_channels)
        self.bona_fide_classes = bona_fide_classes
        self.pooled = 2 * sum(self.encoder.channels[_FIRST_LEVEL:]) + 1
        self.opinions = (self.context is not None) + len(bona_fide_classes)
        self.head = nn.Linear(self.pooled + self.opinions, 1)

    def forward(self, close: Tensor, *others: Tensor) -> FaceViewsOutput:
        """Judge faces.

        Args:
            close: (B, 3, H, W), RGB in 0..1.
            others: the context view, (B, 3, H', W'), RGB in 0..1, where there is a context branch; then
                logits of every finished network, (B, C).
        """
        levels = self.encoder(close)[_FIRST_LEVEL:]
        features = self._pool(close, levels)
        if self.opinions:
            features = torch.cat([features, self.odds(*others)], 1)
        score: Tensor = self.head(features)[:, 0]
        return FaceViewsOutput(score, self._heat_map(levels), features)

    def pooled_features(self, close: Tensor) -> Tensor:
        """Features of the close view alone, (B, P), its log contrast last: training computes them once."""
        return self._pool(close, self.encoder(close)[_FIRST_LEVEL:])

    @staticmethod
    def _pool(close: Tensor, levels: list[Tensor]) -> Tensor:
        return torch.cat([mean_and_deviation(levels), log_contrast(close)], 1)

    def shared_maps(self, context: Tensor) -> Tensor:
        """Maps of the shared stages, which training may compute once and keep: (B, C, h, w)."""
        x: Tensor = self.encoder.stem((context * 255 - 127) / 128)
        for stage in self.encoder.stages[:SHARED_STAGES]:
            x = stage(x)
        return x

    def branch_odds(self, shared: Tensor) -> Tensor:
        """Log-odds of the context branch alone, from shared maps: (B, C, h, w) → (B,)."""
        assert self.context is not None
        return torch.clamp(self.context(shared), -LIMIT, LIMIT)

    def odds(self, *others: Tensor) -> Tensor:
        """Log-odds of the wider views, (B, O), of what `forward` takes beside the close view."""
        said: list[Tensor] = []
        logits = others
        if self.context is not None:
            said.append(self.branch_odds(self.shared_maps(others[0])))
            logits = others[1:]
        said += [log_odds(x, k) for x, k in zip(logits, self.bona_fide_classes, strict=True)]
        return torch.stack(said, 1)

    def _heat_map(self, levels: list[Tensor]) -> Tensor:
        """Share of every place in the mean part of the linear layer, centred on the picture's own mean.

        A place is red not because the whole picture is, but because it is worse than the rest of it, so the
        total is added back evenly.
        """
        height, width = map(int, levels[1].shape[-2:])
        total = torch.zeros((), device=levels[1].device)
        at = 0
        for level in levels:
            # Plain integers: an exported graph is for one size, and would compute them anew in every run.
            channels, rows, columns = map(int, level.shape[1:])
            weight = self.head.weight[:, at : at + channels]
            at += channels
            part = (weight @ level.reshape(-1, channels, rows * columns)).reshape(-1, rows, columns)
            if (rows, columns) != (height, width):
                part = _between(rows, height) @ part @ _between(columns, width).T
            total = total + part
        return total - total.mean((1, 2), keepdim=True)


def _between(points: int, wanted: int) -> Tensor:
    """Return the matrix that interpolates linearly between ``points`` cells: (wanted, points)."""
    rows = nn.functional.interpolate(torch.eye(points)[None], wanted, mode="linear", align_corners=False)[0].T
    return torch.from_numpy(rows.numpy())  # a constant of an exported graph, not what it was made by
