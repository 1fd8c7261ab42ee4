"""`frozen_texture`, and numbers of a print that mean the same before every sensor.

Where ridges touch, where they do not and at the edge between: how much fine detail there is and how uneven,
how steep edges are over the contrast of the ridges, specks of the size of pores and bubbles, waves finer than
ridges, such as layers and dots of a printer, and how evenly ridges are dark (what is looked for: E. Marasco,
A. Ross, "A survey on antispoofing schemes for fingerprint recognition systems", ACM Computing Surveys 2014).
Most are relative to the contrast of the ridges around, so that a sensor's transfer curve matters little. The
numbers have no weights; the filters have those of `frozen_texture`.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor, nn

from antispoof.networks.encoders import encoders
from antispoof.networks.encoders.frozen_texture import FrozenTexture
from antispoof.networks.encoders.ring_statistics import blurred, quantiles
from antispoof.networks.tokens import Levels

__all__ = ["PrintNumbers", "PrintTexture"]

SCALES = (0.7, 1.2, 2.0, 3.4, 6.0, 12.0)  # px at 500 ppi: deviations of Gaussians
SPECKS = (1.2, 1.8, 2.6, 4.0)  # px: deviations; pores to bubbles
WAVES = (0.16, 0.22, 0.28, 0.36, 0.50)  # cycles a px: finer than ridges
NEIGHBOURS = ((0, 1), (1, 0), (0, 2), (2, 0), (0, 3), (3, 0), (1, 1), (1, -1), (2, 2), (2, -2))
SIDE_OF_RIDGE = 0.35  # of the contrast around: what is darker touches, what is lighter does not
NEAR = 8.0  # px: how far contrast is averaged
STEEP = (0.5, 0.75, 0.9, 0.97)


class PrintNumbers(nn.Module):
    """Picture (B, C, H, W) at 500 ppi, ridges dark → ``dim`` numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.dim = len(SCALES) + 27 + len(STEEP) + 6 + 6 * len(SPECKS) + 3 * (len(WAVES) - 1) + 10 + 6

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) in 0..1 to (B, dim)."""
        grey = x.mean(1)
        softer = [grey, *(blurred(grey, scale) for scale in SCALES)]
        bands = [one - other for one, other in itertools.pairwise(softer)]
        ridges = bands[3] + bands[4]
        contrast = blurred(ridges * ridges, NEAR).clamp(min=0).sqrt() + 0.02
        touching = (ridges < -SIDE_OF_RIDGE * contrast).to(grey.dtype)
        apart = (ridges > SIDE_OF_RIDGE * contrast).to(grey.dtype)
        edge = 1 - touching - apart
        found = [_strength(band, torch.ones_like(band)) for band in bands]
        for band in bands[:3]:
            for where in (touching, apart, edge):
                found += _shape(band, where)
        found += [_steepness(softer[1], contrast), *_levels(grey, touching, apart)]
        for scale in SPECKS:
            found += _specks(grey, scale, contrast, touching, apart)
        found += [_waves(grey - softer[5]), *_likeness((bands[1] + bands[2]) / contrast)]
        uneven = contrast.log()
        wide = blurred(uneven, 10.0)
        shade = blurred(touching, 6.0)
        everywhere = torch.ones_like(grey)
        found += [_deviation(part, everywhere) for part in (uneven - wide, wide, uneven, shade)]
        found += [
            _mean((shade > 0.8).to(grey.dtype), everywhere),
            _mean((shade < 0.2).to(grey.dtype), everywhere),
        ]
        return torch.cat(found, 1)


@encoders.register("print_texture")
class PrintTexture(FrozenTexture):
    """The levels of `FrozenTexture`, the deep one with the numbers of the whole print at every place.

    Args:
        channels: 1, which is shown as grey, or 3.
        pretrained: with the ImageNet weights; without them it is a bank of random filters.
    """

    def __init__(self, channels: int, *, pretrained: bool = True) -> None:
        super().__init__(channels, pretrained=pretrained)
        self.numbers = PrintNumbers()
        self.placed = self.dims[2]
        self.dims = (self.dims[0], self.dims[1], self.dims[2] + self.numbers.dim)
        self.register_buffer("mean", torch.zeros(sum(self.dims)))
        self.register_buffer("deviation", torch.ones(sum(self.dims)))

    def raw(self, x: Tensor) -> Levels:
        """Map (B, C, H, W) to tokens as filters and numbers give them."""
        shallow, middle, deep = super().raw(x)
        numbers = self.numbers(x)[:, None].expand(-1, int(deep.shape[1]), -1)
        return shallow, middle, torch.cat([deep, numbers], 2)


def _mean(values: Tensor, where: Tensor) -> Tensor:
    return (values * where).sum((1, 2))[:, None] / (where.sum((1, 2))[:, None] + 1)


def _deviation(values: Tensor, where: Tensor) -> Tensor:
    middle = _mean(values, where)[:, :, None]
    return (_mean((values - middle) ** 2, where) + 1e-12).sqrt()


def _strength(values: Tensor, where: Tensor) -> Tensor:
    return (_deviation(values, where) + 1e-4).log()


def _shape(values: Tensor, where: Tensor) -> list[Tensor]:
    """Strength, skewness and tails of what is somewhere."""
    deviation = _deviation(values, where) + 1e-4
    ratio = values / deviation[:, :, None]
    tails = _mean(ratio**4, where).clamp(min=1.0).log().clamp(0, 4)
    return [deviation.log(), _mean(ratio**3, where).clamp(-4, 4), tails]


def _steepness(grey: Tensor, contrast: Tensor) -> Tensor:
    across = (grey[:, 1:-1, 2:] - grey[:, 1:-1, :-2]) / 2
    down = (grey[:, 2:, 1:-1] - grey[:, :-2, 1:-1]) / 2
    slope = (across * across + down * down + 1e-12).sqrt() / contrast[:, 1:-1, 1:-1]
    return quantiles(slope[:, ::2, ::2].flatten(1), STEEP)


def _levels(grey: Tensor, touching: Tensor, apart: Tensor) -> list[Tensor]:
    everywhere = torch.ones_like(grey)
    shares = [_mean(where, everywhere) for where in (touching, apart)]
    return [
        *shares,
        *(_mean(grey, where) for where in (touching, apart)),
        *(_deviation(grey, where) for where in (touching, apart)),
    ]


def _specks(grey: Tensor, scale: float, contrast: Tensor, touching: Tensor, apart: Tensor) -> list[Tensor]:
    """The strongest dark and light specks of a size, and how much of the ridges and valleys has any."""
    soft = nn.functional.pad(blurred(grey, scale)[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    around = soft[:, 2:, 1:-1] + soft[:, :-2, 1:-1] + soft[:, 1:-1, 2:] + soft[:, 1:-1, :-2]
    dark = scale**2 * (around - 4 * soft[:, 1:-1, 1:-1]) / contrast
    found = []
    for sign in (1, -1):
        values = (sign * dark).flatten(1)
        count = int(values.shape[1])
        strongest = torch.topk(values, max(2, count // 100), dim=1).values
        found += [strongest[:, -1:], strongest[:, count // 1000, None]]
    found.append(_mean((-dark > 0.5).to(grey.dtype), touching))
    found.append(_mean((dark > 0.5).to(grey.dtype), apart))
    return found


def _waves(detail: Tensor) -> Tensor:
    """Mean, peak and deviation of the logarithm of the spectrum, in four bands that are finer than ridges."""
    rows, columns = int(detail.shape[1]), int(detail.shape[2])
    window = np.outer(np.hanning(rows), np.hanning(columns))
    across = 2 * np.pi * np.outer(np.arange(columns), np.arange(columns // 2 + 1)) / columns
    down = 2 * np.pi * np.outer(np.arange(rows), np.arange(rows)) / rows
    seen = detail * _tensor(window)
    even, odd = seen @ _tensor(np.cos(across)), seen @ _tensor(np.sin(across))
    cosine, sine = _tensor(np.cos(down)), _tensor(np.sin(down))
    power = blurred((cosine @ even - sine @ odd) ** 2 + (sine @ even + cosine @ odd) ** 2, 0.8)
    level = (power.clamp(min=0).flatten(1) + 1e-6).log()
    y, x = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None]
    cycles, oblique = np.hypot(y, x), (x > 0.01) & (np.abs(y) > 0.01)
    found = []
    for low, high in itertools.pairwise(WAVES):
        band = level[:, torch.from_numpy(np.flatnonzero((cycles >= low) & (cycles < high) & oblique))]
        middle = band.mean(1, keepdim=True)
        spread = ((band - middle) ** 2).mean(1, keepdim=True).sqrt()
        found += [middle, band.amax(1, keepdim=True) - middle, spread]
    return torch.cat(found, 1)


def _likeness(detail: Tensor) -> list[Tensor]:
    """Correlation of fine detail with itself, a few pixels away."""
    power = (detail * detail).mean((1, 2))[:, None] + 1e-6
    rows, columns = int(detail.shape[1]), int(detail.shape[2])
    found = []
    for down, right in NEIGHBOURS:
        here = detail[:, down:, max(0, right) : columns + min(0, right)]
        there = detail[:, : rows - down, max(0, -right) : columns - max(0, right)]
        found.append((here * there).mean((1, 2))[:, None] / power)
    return found


def _tensor(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)
