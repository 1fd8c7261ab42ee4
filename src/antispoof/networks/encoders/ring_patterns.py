"""What `ring_statistics` takes of an eye, and what repeats in it: dots, rays, edges of a disc, even noise.

A textured lens is a printed pattern of one pitch that ends in circles (D. Yadav et al., "Unraveling the
effect of textured contact lenses on iris recognition", IEEE TIFS 2014), screens and screened prints are
lattices (J. Daugman, "Demodulation by Complex-Valued Wavelets for Stochastic Pattern Recognition", IJWMIP
2003); painted and printed irises have straight rays and few grey levels; paper has no grain where a sclera
has, or more. Of simulated eyes this tells far more than the rings alone: docs/models/iris-edge.md. There are
no published weights.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from antispoof.networks.encoders import encoders
from antispoof.networks.encoders.ring_statistics import (
    RingNumbers,
    RingStatistics,
    blurred,
    quantiles,
    rings_of,
)

__all__ = ["PatternNumbers", "RingPatterns"]

IRIS = 2 / 3  # radius of the iris, in half sides of a picture cut out at 1.5 diameters
GRAINS = (0.8, 1.6, 4.0)  # deviations of Gaussians, in 256ths of the side
GRAIN_RINGS = (3, 5, 6, 7, 8, 9)
WINDOW = 1 / 4  # side of the windows whose spectra are taken, of the side of the picture
WINDOWS_DEG = (0, 35, 90, 145, 180, 215, 325)  # where lids seldom are
WAVES = (0.06, 0.10, 0.16, 0.25, 0.40)  # cycles a pixel of 256
RADII, RAYS = 80, 256
FROM, TO = 0.25, 1.25  # of the radius of the iris
SIDES_DEG = 40  # of the horizontal: what lids leave free
SPOKES = (12, 90)  # rays around the iris
LATTICE, POLAR, PLAIN = 3 * (len(WAVES) - 1), 21, 11  # how many numbers each gives
IRIS_RINGS = range(2, 8)
FLOOR = 0.002


class PatternNumbers(nn.Module):
    """Picture (B, C, H, W) → ``dim`` numbers: those of `RingNumbers` at half the size, then these.

    Args:
        iris: radius of the iris, in half sides.
    """

    def __init__(self, iris: float = IRIS) -> None:
        super().__init__()
        self.iris = iris
        self.rings = RingNumbers()
        self.dim = self.rings.dim + 4 * len(GRAIN_RINGS) + LATTICE + POLAR + PLAIN

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) in 0..1 to (B, dim)."""
        grey = x.mean(1).clamp(0, 1)
        half = nn.functional.avg_pool2d(grey[:, None], 2)
        white = quantiles(grey[:, ::4, ::4].flatten(1), (0.9,)) + 0.05
        even = grey / white[:, :, None]
        side = min(int(x.shape[2]), int(x.shape[3])) / 256
        soft = blurred(even, max(0.4, GRAINS[0] * side))
        found = [self.rings(half), self._grain(even, soft), self._lattice(even), self._polar(even)]
        return torch.cat([*found, self._plain(half[:, 0], white, even - soft)], 1)

    def _grain(self, even: Tensor, soft: Tensor) -> Tensor:
        """Strength of two fine bands of six rings, skewness and tails of a broader one."""
        side = min(int(even.shape[1]), int(even.shape[2])) / 256
        softer, softest = (blurred(even, max(0.4, grain * side)) for grain in GRAINS[1:])
        bands, broad = (even - soft, soft - softer), soft - softest
        found = []
        rings = rings_of(int(even.shape[1]), int(even.shape[2]))
        for inside in (rings[index] for index in GRAIN_RINGS):
            found += [_strength(band.flatten(1)[:, inside]) for band in bands]
            value = broad.flatten(1)[:, inside]
            apart = value - value.mean(1, keepdim=True)
            ratio = value / ((apart * apart).mean(1, keepdim=True).sqrt() + 1e-3)
            found.append((ratio**3).mean(1, keepdim=True).clamp(-4, 4))
            found.append((ratio**4).mean(1, keepdim=True).clamp(min=1.0).log().clamp(0, 4))
        return torch.cat(found, 1)

    def _lattice(self, even: Tensor) -> Tensor:
        """How far single waves stand out of the spectra of windows on the iris, in four bands."""
        rows, columns = int(even.shape[1]), int(even.shape[2])
        side = max(8, 2 * round(WINDOW * min(rows, columns) / 2))
        reach = self.iris * min(rows, columns) / 2
        parts = []
        for degrees in WINDOWS_DEG:
            angle = math.radians(degrees)
            top = round((rows - side) / 2 + 0.66 * reach * math.sin(angle))
            left = round((columns - side) / 2 + 0.66 * reach * math.cos(angle))
            parts.append(even[:, max(top, 0) : max(top, 0) + side, max(left, 0) : max(left, 0) + side])
        windows = torch.stack(parts, 1)
        windows = (windows - windows.mean((2, 3), keepdim=True)) * _tensor(np.outer(*[np.hanning(side)] * 2))
        power = _power(_power_rows(windows, side), side)
        cycles = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]).ravel()
        upright = np.broadcast_to(np.fft.rfftfreq(side) > 0, (side, side // 2 + 1)).ravel()
        scale = min(rows, columns) / 256
        power = power.flatten(2)
        share = power / (
            power[:, :, torch.from_numpy(np.flatnonzero(cycles > 0.03 / scale))].sum(2, True) + 1e-9
        )
        mean, found = (share.mean(1) + 1e-7).log(), []
        for low, high in itertools.pairwise(WAVES):
            band = np.flatnonzero((cycles * scale >= low) & (cycles * scale < high) & upright)
            band = band if len(band) > 1 else np.arange(2)
            inside, each = mean[:, band], share[:, :, band]
            found += [inside.amax(1, keepdim=True) - quantiles(inside, (0.5,)), _deviation(inside)]
            usual = quantiles(each.flatten(0, 1), (0.5,)).reshape(each.shape[0], each.shape[1])
            found.append(((each.amax(2) + 1e-9) / (usual + 1e-9)).log().mean(1, keepdim=True))
        return torch.cat(found, 1)

    def _polar(self, even: Tensor) -> Tensor:
        """Edges that run around the iris, strength of rays over that of rings, and spokes."""
        sheet = self._sheet(even).clamp(max=1.6)
        angle = np.arange(RAYS) * 2 * np.pi / RAYS
        sides = np.flatnonzero(np.abs(np.cos(angle)) > np.cos(np.deg2rad(SIDES_DEG)))
        free = sheet[:, :, torch.from_numpy(sides)]
        profile = quantiles(free.transpose(1, 2).reshape(-1, len(sides), RADII).transpose(1, 2), (0.5,))
        step = _along(profile.reshape(-1, RADII), 1.2)
        step = step[:, 1:] - step[:, :-1]
        found = []
        for part in (step[:, :20], step[:, 20:45], step[:, 45:]):
            found += [part.amax(1, keepdim=True), part.amin(1, keepdim=True)]
        change = _along((free[:, 1:] - free[:, :-1]).transpose(1, 2), 1.0).transpose(1, 2)
        common = quantiles(change, (0.5,)).abs()[:, :, 0]
        coherent = common / (quantiles(change.abs(), (0.5,))[:, :, 0] + 2 * FLOOR)
        for start, stop in ((0, 15), (15, 30), (30, 50), (50, 70)):
            found.append(coherent[:, start:stop].amax(1, keepdim=True))
        found.append(torch.topk(coherent, 3, dim=1).values.mean(1, keepdim=True))
        around, outwards = free[:, :, 1:] - free[:, :, :-1], free[:, 1:] - free[:, :-1]
        for start, stop in ((8, 25), (25, 40), (40, 55), (55, 70)):
            across, along = (part[:, start:stop].flatten(1) for part in (around, outwards))
            found.append(_strength(across) - _strength(along))
        for start, stop in ((12, 28), (28, 44), (44, 58)):
            level = sheet[:, start:stop].mean(1)
            power = _power_rows((level - _along(level, 12.0))[:, None, None], RAYS)
            spokes = (power[0] ** 2 + power[1] ** 2)[:, 0, 0]
            spokes = spokes / (spokes[:, 3:].sum(1, keepdim=True) + 1e-6)
            inside = spokes[:, SPOKES[0] : SPOKES[1]]
            found.append(((inside.amax(1, keepdim=True) + 1e-9) / (quantiles(inside, (0.5,)) + 1e-9)).log())
            found.append(inside.sum(1, keepdim=True))
        return torch.cat(found, 1)

    def _sheet(self, even: Tensor) -> Tensor:
        """Sample the picture around its middle, Daugman's rubber sheet: (B, RADII, RAYS)."""
        rows, columns = int(even.shape[1]), int(even.shape[2])
        radius = np.linspace(FROM, TO, RADII)[:, None] * self.iris * min(rows, columns) / 2
        angle = np.arange(RAYS) * 2 * np.pi / RAYS
        y = np.clip((rows - 1) / 2 + radius * np.sin(angle), 0, rows - 1.001).ravel()
        x = np.clip((columns - 1) / 2 + radius * np.cos(angle), 0, columns - 1.001).ravel()
        top, left = np.floor(y).astype(np.int64), np.floor(x).astype(np.int64)
        down, right = y - top, x - left
        flat = even.flatten(1)
        total = torch.zeros(1)
        for place, weight in (
            (top * columns + left, (1 - down) * (1 - right)),
            (top * columns + left + 1, (1 - down) * right),
            ((top + 1) * columns + left, down * (1 - right)),
            ((top + 1) * columns + left + 1, down * right),
        ):
            total = total + flat[:, torch.from_numpy(place)] * _tensor(weight)
        return total.reshape(-1, RADII, RAYS)

    def _plain(self, grey: Tensor, white: Tensor, fine: Tensor) -> Tensor:
        """Reflections, the pupil, and noise where there is least of it."""
        rows, columns = int(grey.shape[1]), int(grey.shape[2])
        rings = rings_of(rows, columns)
        y, x = np.mgrid[:rows, :columns]
        apart = 64 * np.hypot((y + 0.5) * 2 / rows - 1, (x + 0.5) * 2 / columns - 1).ravel()
        near = torch.from_numpy(np.flatnonzero(apart < 60))
        shown = grey.flatten(1)[:, near]
        bright = (0.9 * shown.amax(1, keepdim=True)).clamp(min=0.27)
        hot = (shown > bright).to(grey.dtype)
        far = _tensor(apart[near.numpy()] / 64)
        share = hot.mean(1, keepdim=True)
        middle = (hot * far).mean(1, keepdim=True) / (share + 1e-6)
        spread = ((hot * far * far).mean(1, keepdim=True) / (share + 1e-6) - middle**2).clamp(min=0).sqrt()
        pupil = (grey.flatten(1) / white)[:, torch.cat(rings[:2])]
        found = [(share + 1e-3).log(), middle, spread, quantiles(pupil, (0.1, 0.5)), _deviation(pupil)]
        found.append(quantiles((grey.flatten(1) / white)[:, rings[6]], (0.5,)) - found[3][:, :1])
        fine = nn.functional.avg_pool2d(fine.abs()[:, None], 8)[:, 0]
        coarse = rings_of(int(fine.shape[1]), int(fine.shape[2]))
        parts = (fine.flatten(1), fine.flatten(1)[:, torch.cat(coarse[9:])], fine.flatten(1)[:, coarse[0]])
        least = (
            (quantiles(part, (at,)) + FLOOR / 2).log()
            for part, at in zip(parts, (0.05, 0.1, 0.5), strict=True)
        )
        whole, outside, dark = least
        found += [whole, outside - whole, dark - whole]
        return torch.cat([*found, shown.mean(1, keepdim=True)], 1)


@encoders.register("ring_patterns")
class RingPatterns(RingStatistics):
    """Standardised numbers of rings and patterns and the hidden layers of a perceptron, one token each.

    Args:
        channels: of the input; their mean is looked at.
        widths: of the two hidden layers.
        dropout: share of the numbers and of the hidden units that training hides.
        iris: radius of the iris, in half sides of the picture.
    """

    def __init__(
        self,
        channels: int,
        *,
        widths: tuple[int, int] = (48, 24),
        dropout: float = 0.2,
        iris: float = IRIS,
    ) -> None:
        super().__init__(channels, widths=widths, dropout=dropout, numbers=PatternNumbers(iris))

    def seen_in(self) -> Tensor:
        """Return which rings each number is of, bool, (dim, rings): lattices, edges and rays of the iris."""
        found, start = super().seen_in(), RingNumbers().dim
        for ring in GRAIN_RINGS:
            found[start : start + 4, ring] = True
            start += 4
        found[start : start + LATTICE + POLAR, list(IRIS_RINGS)] = True
        return found


def _strength(values: Tensor) -> Tensor:
    return (_deviation(values) + FLOOR).log()


def _deviation(values: Tensor) -> Tensor:
    apart = values - values.mean(1, keepdim=True)
    return ((apart * apart).mean(1, keepdim=True) + 1e-12).sqrt()


def _along(values: Tensor, deviation: float) -> Tensor:
    """Blur along the last axis; ends repeat."""
    reach = math.ceil(3 * deviation)
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    taps = (taps / taps.sum()).to(values.dtype)
    flat = values.reshape(-1, 1, int(values.shape[-1]))
    padded = nn.functional.pad(flat, (reach, reach), mode="replicate")
    return nn.functional.conv1d(padded, taps[None, None]).reshape(values.shape)


def _power_rows(values: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Transform the last axis: cosine and sine part, up to the highest frequency. Matrices run everywhere."""
    phase = 2 * np.pi * np.outer(np.arange(side), np.arange(side // 2 + 1)) / side
    return values @ _tensor(np.cos(phase)), values @ _tensor(np.sin(phase))


def _power(rows: tuple[Tensor, Tensor], side: int) -> Tensor:
    """Transform the axis before the last as well, and return the power of every wave."""
    phase = 2 * np.pi * np.outer(np.arange(side), np.arange(side)) / side
    cosine, sine = _tensor(np.cos(phase)), _tensor(np.sin(phase))
    real = cosine @ rows[0] - sine @ rows[1]
    imaginary = sine @ rows[0] + cosine @ rows[1]
    return real * real + imaginary * imaginary


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)
