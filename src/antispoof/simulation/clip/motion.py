"""How heads, hands and cameras move: two generators that share nothing, so that one may teach and one test.

A track is one number at every time of a clip, with mean 0 and about unit deviation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

__all__ = ["MOTIONS", "Motion", "Track", "blinks", "gestures", "still", "track_of", "wander"]

Track = Callable[[float], float]
Motion = Callable[[np.random.Generator, float, float], Track]
"""(generator, seconds of the clip, quickness in hertz) → track."""

STEP_S = 1 / 120


def track_of(values: NDArray[np.float64]) -> Track:
    """Interpolate values that are ``STEP_S`` apart."""
    times = STEP_S * np.arange(len(values))
    return lambda time_s: float(np.interp(time_s, times, values))


def still(value: float = 0.0) -> Track:
    """Return a track that stays where it is."""
    return lambda _: value


def wander(rng: np.random.Generator, seconds: float, hertz: float) -> Track:
    """Band-limited noise: a random walk that is drawn back, twice smoothed."""
    count = int(seconds / STEP_S) + 240
    keep = float(np.exp(-2 * np.pi * hertz * STEP_S))
    values = rng.standard_normal(count + 480)
    for _ in range(2):
        values = lfilter([1 - keep], [1, -keep], values)
    values = values[480:]
    # Two seconds hold few swings: what counts is how far they go.
    return track_of((values - values.mean()) / (values.std() + 1e-9))


def gestures(rng: np.random.Generator, seconds: float, hertz: float) -> Track:
    """Holds and moves between them, each with the least jerk (Flash and Hogan 1985), and a tremor."""
    count = int(seconds / STEP_S) + 240
    values = np.zeros(count)
    at, here = 0, float(rng.normal())
    while at < count:
        hold = int(rng.exponential(0.25 / hertz) / STEP_S)
        values[at : at + hold] = here
        at += hold
        goes = max(12, int(rng.uniform(0.35, 0.9) / hertz / STEP_S))
        there = float(np.clip(rng.normal(), -2, 2))
        s = np.arange(goes) / goes
        moved = here + (there - here) * (10 * s**3 - 15 * s**4 + 6 * s**5)
        values[at : at + goes] = moved[: max(0, count - at)]
        at, here = at + goes, there
    time = STEP_S * np.arange(count)
    values += 0.02 * np.sin(2 * np.pi * rng.uniform(6, 11) * time + rng.uniform(0, 6.28))
    return track_of((values - values.mean()) / max(values.std(), 0.3))


MOTIONS: dict[str, Motion] = {"gestures": gestures, "wander": wander}


def blinks(rng: np.random.Generator, seconds: float, per_minute: float) -> Track:
    """How far the lids are closed: 0 to 1; 0.2 to 0.35 s a blink, faster shut than open."""
    count = int(seconds / STEP_S) + 240
    values = np.zeros(count)
    at = rng.exponential(60 / per_minute)
    while at < seconds:
        length = int(rng.uniform(0.20, 0.35) / STEP_S)
        shape = np.interp(np.linspace(0, 1, length), [0, 0.3, 0.45, 1], [0, 1, 1, 0])
        start = int(at / STEP_S)
        piece = values[start : start + length]
        piece[:] = np.maximum(piece, shape[: len(piece)])
        at += 0.4 + rng.exponential(60 / per_minute)
    return track_of(values)
