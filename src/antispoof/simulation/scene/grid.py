"""The raster of the maps of a head, and patterns on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GRID",
    "OUTSIDE",
    "SHAPE",
    "Grid",
    "Map",
    "Rng",
    "band",
    "coordinates",
    "noise",
    "rows_between",
    "strand_noise",
]

Map = NDArray[np.float32]
Rng = np.random.Generator
OUTSIDE = -400.0
"""Height where there is no head: behind everything."""


@dataclass(frozen=True, slots=True)
class Grid:
    """The maps' raster.

    Attributes:
        width: cells across.
        height: cells down.
        step: millimetres a cell.
        left: x of the first column.
        top: y of the first row.
    """

    width: int = 120
    height: int = 174
    step: float = 2.0
    left: float = -120.0
    top: float = -148.0


GRID = Grid()
SHAPE = (GRID.height, GRID.width)


@lru_cache(maxsize=1)
def coordinates() -> tuple[Map, Map]:
    """Return x (1, W) and y (H, 1), to be broadcast: what depends on one alone costs next to nothing."""
    xs = GRID.left + GRID.step * np.arange(GRID.width)
    ys = GRID.top + GRID.step * np.arange(GRID.height)
    return xs.astype(np.float32)[None, :], ys.astype(np.float32)[:, None]


def band(y: Map, low: float, high: float, soft: float) -> Map:
    """Return 1 between two heights in millimetres, 0 outside, with edges so many millimetres wide."""
    return np.asarray(np.clip((y - low) / soft, 0, 1) * np.clip((high - y) / soft, 0, 1), np.float32)


def noise(rng: Rng, sigma: float) -> Map:
    """Return smooth noise over the grid: mean 0, variance near 1, correlated over ``sigma`` millimetres."""
    cells = max(2.0, sigma / GRID.step)
    shape = (max(4, int(GRID.height / cells) + 3), max(4, int(GRID.width / cells) + 3))
    coarse = rng.standard_normal(shape, np.float32)
    return np.asarray(
        cv2.resize(coarse, (GRID.width, GRID.height), interpolation=cv2.INTER_CUBIC), np.float32
    )


def strand_noise(rng: Rng, across: float, along: float) -> Map:
    """Return noise drawn out downwards: unit variance, correlated over so many millimetres."""
    shape = (int(GRID.height * GRID.step / along) + 3, int(GRID.width * GRID.step / across) + 3)
    coarse = rng.standard_normal(shape, np.float32)
    return np.asarray(
        cv2.resize(coarse, (GRID.width, GRID.height), interpolation=cv2.INTER_CUBIC), np.float32
    )


def rows_between(top: float, bottom: float) -> slice:
    """Return the rows of the grid between two heights in millimetres."""
    return slice(int((top - GRID.top) / GRID.step), int((bottom - GRID.top) / GRID.step))
