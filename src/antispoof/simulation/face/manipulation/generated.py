"""A control: pictures that a program made as a whole, with the spectrum that enlarging networks leave.

Generative networks enlarge small maps step by step, and a transposed convolution whose kernel is not balanced
leaves copies of the spectrum (A. Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016; R.
Durall et al., "Watch your Up-Convolution", CVPR 2020). Here a mixture of several people's pictures, a quarter
as large, is enlarged in two such steps. That is a stand-in for the traces, not for any generator.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.face.manipulation import warps
from antispoof.simulation.face.manipulation.forgeries import Seen
from antispoof.simulation.face.optics import resize
from antispoof.simulation.face.tone import Picture

__all__ = ["generate", "spectral_numbers"]

_STEPS = 2
_BANDS = 16


def generate(people: Sequence[Seen], rng: np.random.Generator, unbalance: float = 0.05) -> NDArray[np.uint8]:
    """Mix the pictures of two people or more, and enlarge the mixture from a quarter of its size.

    Args:
        people: the first gives the shape of the face and of the picture.
        rng: draws the shares and the kernels.
        unbalance: deviation of the weights of a kernel about those of a balanced one.

    Returns:
        uint8, (H, W, 3), RGB.
    """
    first = people[0]
    shape = first.picture.shape[:2]
    shares = rng.dirichlet(np.full(len(people), 2.0))
    parts = [warps.similarity(one.picture, one.points, first.points, shape) for one in people]
    mixed = np.asarray(sum(share * part for share, part in zip(shares, parts, strict=True)), np.float32)
    small = resize(mixed, max(8, shape[1] // 2**_STEPS), max(8, shape[0] // 2**_STEPS))
    for _ in range(_STEPS):
        small = _enlarged(small, rng, unbalance)
    return np.asarray(np.clip(small, 0, 1) * 255 + 0.5, np.uint8)


def _enlarged(picture: Picture, rng: np.random.Generator, unbalance: float) -> Picture:
    """One transposed convolution: every pixel paints a kernel of 4 × 4, twice as far apart as pixels were."""
    height, width = picture.shape[:2]
    spread = np.zeros((2 * height, 2 * width, 3), np.float32)
    spread[::2, ::2] = picture
    edge = np.array([0.25, 0.75, 0.75, 0.25])
    kernel = np.outer(edge, edge) * (1 + rng.normal(0, unbalance, (4, 4)))
    painted = cv2.filter2D(spread, -1, kernel.astype(np.float32), borderType=cv2.BORDER_REFLECT)
    return np.asarray(painted, np.float32)


def spectral_numbers(image: NDArray[np.uint8]) -> tuple[float, float]:
    """Measure what enlarging leaves: how steeply the spectrum falls, and how much it stands out on the grid.

    Args:
        image: uint8, (H, W, 3), RGB, at least 32 px on each side.

    Returns:
        The slope of log power over log frequency, and the log of the power on multiples of a quarter of the
        sampling frequency, along both axes, over that beside them.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32)
    side = min(grey.shape) // 16 * 16
    grey = grey[:side, :side] - grey[:side, :side].mean()
    window = np.hanning(side)
    power = np.abs(np.fft.fft2(grey * window[:, None] * window)) ** 2 + 1.0
    down, across = np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij")
    radius = np.hypot(down, across)
    edges = np.linspace(0.05, 0.5, _BANDS + 1)
    levels = [np.log(power[(radius >= a) & (radius < b)].mean()) for a, b in itertools.pairwise(edges)]
    slope = float(np.polyfit(np.log((edges[:-1] + edges[1:]) / 2), levels, 1)[0])
    quarter = side // 4
    on, beside = [], []
    for y, x in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 1), (1, 2), (2, 2)):
        rows, columns = y * quarter, x * quarter
        on.append(power[rows, columns])
        near = [(a, b) for a in (-3, 0, 3) for b in (-3, 0, 3) if a or b]
        beside += [power[(rows + a) % side, (columns + b) % side] for a, b in near]
    return slope, float(np.log(np.mean(on)) - np.log(np.mean(beside)))
