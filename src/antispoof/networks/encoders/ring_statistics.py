"""Grey levels and grain of rings about the middle of a picture, and a small perceptron over them.

Of an eye that fills a stated share of the picture the rings are pupil, iris and what is about it, which is
how J. Daugman, "High Confidence Visual Recognition of Persons by a Test of Statistical Independence", TPAMI
1993, reads it. Each has three quantiles of its grey levels and the strength of its detail in three bands:
what light an instrument sends back, and how fine its grain is. These few physical numbers mean the same
before every sensor (measures of quality against spoofing: J. Galbally et al., "Image Quality Assessment for
Fake Biometric Detection", IEEE TIP 2014). There are no published weights.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor, nn

from antispoof.networks.encoders import encoders
from antispoof.networks.moments import MomentsEncoder

__all__ = ["RingNumbers", "RingStatistics", "blurred", "quantiles", "rings_of"]

EDGES = (0, 8, 13, 18, 23, 28, 33, 38, 43, 48, 54, 64)  # radii, in 64ths of half the side
BANDS = (1.0, 2.5, 6.0)  # deviations of the Gaussians between which the bands lie, in 128ths of the side
QUANTILES = (0.1, 0.5, 0.9)
INNER = 40  # radius within which the darkest and the brightest pixels count
FLOOR = 0.003  # of the deviation of a band, so that its logarithm has a bound
PER_RING = len(QUANTILES) + len(BANDS)


class RingNumbers(nn.Module):
    """Picture (B, C, H, W) → ``dim`` numbers: six of every ring, then five of the whole."""

    def __init__(self) -> None:
        super().__init__()
        self.dim = PER_RING * (len(EDGES) - 1) + 5

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) in 0..1 to (B, dim)."""
        grey = x.mean(1).clamp(0, 1)
        white = quantiles(grey[:, ::2, ::2].flatten(1), (0.9,)) + 0.05
        even = grey / white[:, :, None]
        rows, columns = int(x.shape[2]), int(x.shape[3])
        side = min(rows, columns)
        softer = [even, *(blurred(even, max(0.4, band * side / 128)) for band in BANDS)]
        details = [one - other for one, other in itertools.pairwise(softer)]
        rings = rings_of(rows, columns)
        found: list[Tensor] = []
        for inside in rings:
            found.append(quantiles(even.flatten(1)[:, inside], QUANTILES))
            for detail in details:
                within = detail.flatten(1)[:, inside]
                apart = within - within.mean(1, keepdim=True)
                found.append(((apart * apart).mean(1, keepdim=True) + 1e-12).sqrt().add(FLOOR).log())
        inner = torch.cat([inside for inside, edge in zip(rings, EDGES[1:], strict=False) if edge <= INNER])
        levels, shown = even.flatten(1)[:, inner], grey.flatten(1)[:, inner]
        found += [quantiles(levels, (0.0, 0.02)), quantiles(shown, (1.0,))]
        found += [((shown > 0.97).to(shown.dtype).mean(1, keepdim=True) + 1e-3).log(), white]
        return torch.cat(found, 1)


@encoders.register("ring_statistics")
class RingStatistics(MomentsEncoder):
    """Standardised numbers of rings and the hidden layers of a perceptron, one token each.

    Args:
        channels: of the input; their mean is looked at.
        widths: of the two hidden layers.
        dropout: share of the numbers and of the hidden units that training hides.
    """

    def __init__(
        self,
        channels: int,
        *,
        widths: tuple[int, int] = (48, 24),
        dropout: float = 0.2,
        numbers: nn.Module | None = None,
    ) -> None:
        del channels
        super().__init__(RingNumbers() if numbers is None else numbers, widths, dropout)

    def by_patch(self, x: Tensor) -> Tensor:
        """Return the numbers as if all were usual but those of each patch's ring: (B, dim, h, w), 16 × 16."""
        numbers = self.moments(x)
        middle = (torch.arange(16) + 0.5) / 8 - 1
        radius = 64 * (middle[:, None] ** 2 + middle[None] ** 2).sqrt()
        ring = (radius[..., None] >= torch.tensor(EDGES[1:-1])).sum(-1)
        mine = self.seen_in()[:, ring].to(x.dtype)
        usual = self.mean[None, :, None, None]
        mixed: Tensor = usual + mine * (numbers[:, :, None, None] - usual)
        return mixed

    def seen_in(self) -> Tensor:
        """Return which rings each number is of, bool, (dim, rings): of what is taken of the whole, none."""
        return (torch.arange(self.size) // PER_RING)[:, None] == torch.arange(len(EDGES) - 1)


def rings_of(rows: int, columns: int) -> list[Tensor]:
    """Return the flat indices of the pixels of each ring; of a tiny picture at least two."""
    y = (np.arange(rows) + 0.5) * 2 / rows - 1
    x = (np.arange(columns) + 0.5) * 2 / columns - 1
    radius = (64 * np.hypot(y[:, None], x[None])).ravel()
    found = []
    for low, high in itertools.pairwise(EDGES):
        inside = np.flatnonzero((radius >= low) & (radius < high))
        if len(inside) < 2:
            inside = np.abs(radius - (low + high) / 2).argsort()[:2]
        found.append(torch.from_numpy(inside))
    return found


def quantiles(values: Tensor, shares: tuple[float, ...]) -> Tensor:
    """Return the values at these shares of the order of the last axis, (…, len(shares))."""
    count = int(values.shape[-1])  # a plain number: an exported graph is for one size
    ordered = torch.topk(values, count, dim=-1, largest=False, sorted=True).values
    return torch.cat([ordered[..., round(share * (count - 1)), None] for share in shares], -1)


def blurred(grey: Tensor, deviation: float) -> Tensor:
    """Blur (B, H, W) with a Gaussian; edges repeat."""
    reach = math.ceil(3 * deviation)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    taps = (taps / taps.sum()).to(grey.dtype)
    padded = nn.functional.pad(grey[:, None], (reach, reach, reach, reach), mode="replicate")
    across = nn.functional.conv2d(padded, taps[None, None, None])
    return nn.functional.conv2d(across, taps[None, None, :, None])[:, 0]
