"""Is a short piece of film played over and over, forwards, or forwards and backwards?

What changes from one picture to the next is movement, and noise that is new in every picture. Where a piece
runs again the same change comes again, noise and all, with its sign turned about where the piece runs
backwards; and it does so through the whole clip, at one period. Who shakes the head to and fro, however
evenly, brings the movement again and not the noise.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["KEPT", "PLAYED", "Change", "Changes", "likeness"]

KEPT = 128  # changes that are compared with each other
SAMPLES = 8192  # pixels of each
MOST_LEVELS = 8.0  # edges of things that move do not count for more
LEAST_NOISE = 0.15  # levels: below, coding has left nothing to compare
LEAST_PICTURES = 20
PERIODS = (6, 48)  # pictures
LEAST_KNOWN = 1 / 3  # of the pictures have to have a partner
PLAYED = 0.36
"""From this likeness on a piece is played again; set on simulation, `benchmarks/video.py --still`."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changed from one picture to the next.

    Attributes:
        levels: float32, (h, w), of 255.
        fine: float32, (h, w), the same without what is larger than three pixels, within ±8.
        sampled: int8, (P,), pixels of ``fine`` on a grid, fifteenths of a level.
    """

    levels: NDArray[np.float32]
    fine: NDArray[np.float32]
    sampled: NDArray[np.int8]

    @classmethod
    def of(cls, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Change:
        """Compare two pictures: uint8, (h, w), about 480 pixels on their longer side."""
        levels: Any = after.astype(np.float32) - before.astype(np.float32)
        fine = np.clip(levels - cv2.blur(levels, (3, 3)), -MOST_LEVELS, MOST_LEVELS)
        step = max(1, int(np.sqrt(fine.size / SAMPLES)))
        return cls(levels, fine, (fine[::step, ::step] * 15).round().astype(np.int8).ravel())


class Changes:
    """What changed in the last pictures, finer than movement."""

    def __init__(self) -> None:
        self._changes: deque[NDArray[np.int8]] = deque(maxlen=KEPT)

    def see(self, change: Change) -> None:
        """Take in the next; of the pictures' size, or those before are let go."""
        if self._changes and len(self._changes[-1]) != len(change.sampled):
            self._changes.clear()
        self._changes.append(change.sampled)

    @property
    def count(self) -> int:
        """How many there are, at most `KEPT`."""
        return len(self._changes)

    def alike(self) -> Any:
        """Correlate all changes with each other: float32, (N, N), NaN where too little changed."""
        values = np.stack(self._changes).astype(np.float32)
        values -= values.mean(axis=1, keepdims=True)
        length = np.linalg.norm(values, axis=1, keepdims=True)
        quiet = length[:, 0] < LEAST_NOISE * 15 * np.sqrt(values.shape[1])
        values /= np.maximum(length, 1.0)
        alike = values @ values.T
        alike[quiet], alike[:, quiet] = np.nan, np.nan
        return alike

    def returning(self) -> float:
        """Return how alike the pictures are to a piece that runs again and again, see `likeness`."""
        return likeness(self.alike()) if self.count >= LEAST_PICTURES else 0.0


def likeness(alike: Any) -> float:
    """Return how alike changes are to those a period ago, or about turning points a half period apart.

    Args:
        alike: see `Changes.alike`.

    Returns:
        the mean correlation over the whole clip, of the period where it is highest, -1 to 1; 0 where nothing
        can be compared.
    """
    count = len(alike)
    known = ~np.isnan(alike)
    value = np.where(known, alike, 0.0).astype(np.float64)
    least, best = max(6, round(LEAST_KNOWN * count)), 0.0
    for period in range(PERIODS[0], min(PERIODS[1], count // 2) + 1):
        pairs = int(np.diagonal(known, period).sum())
        if pairs >= least:
            best = max(best, float(np.diagonal(value, period).sum()) / pairs)
    # Pairs about each turning point, the nearest first: place and partner add up to `turn`.
    turns = np.arange(2 * count - 1)
    outward = np.arange(min(PERIODS[1] // 2, count // 2))
    first = (turns[:, np.newaxis] - 1) // 2 - outward
    second = turns[:, np.newaxis] - first
    there = (first >= 0) & (second < count) & (first < second)
    first, second = np.where(there, first, 0), np.where(there, second, 0)
    there &= known[first, second]
    sums = np.cumsum(np.where(there, -value[first, second], 0.0), axis=1)
    pairs_by_turn = np.cumsum(there, axis=1)
    for half in range(PERIODS[0] // 2 + 1, min(PERIODS[1], count) // 2 + 1):
        phase = turns % (2 * half)
        total = np.bincount(phase, sums[:, half - 1], 2 * half)
        counts = np.bincount(phase, pairs_by_turn[:, half - 1], 2 * half)
        enough = counts >= least
        if enough.any():
            best = max(best, float((total[enough] / counts[enough]).max()))
    return best
