"""Does the face shine like a screen: does its light step, do bands run through it, does a fine pattern lie
over it?

Screens are refreshed, their backlight is switched, and a camera reads its rows one after the other, so that
bands run over what a screen shows; where two grids of pixels meet, they beat. All of it is in the light of
the screen and in nothing beside it. Room light that flickers makes bands as well, over everything: face and
surroundings are compared.

References:
    K. Patel, H. Han and A. Jain, "Secure face unlock: spoof detection on smartphones", IEEE Trans.
    Information Forensics and Security 11, 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.sensing.capture import Box
from antispoof.sensing.cues import ALWAYS, Measured, cues
from antispoof.sensing.track import TrackedFrame

__all__ = ["FaceScreen"]

LEAST_PICTURES = 8
LEAST_SHARE = 0.5
PROFILE = 64  # rows, or columns, of a profile
WAVES = 12  # of a profile that may be bands
PATCH = 128  # px of the picture as it came
RINGS = (0.12, 0.18, 0.25, 0.33, 0.42, 0.5)  # cycles a pixel
FLOOR = 1e-4

Values = NDArray[np.float64]


class FaceScreen:
    """``face_screen``: steps of brightness, bands that run along the rows, fine patterns."""

    name = "face_screen"
    title = "screen in time"
    drawn = "brightness of the face over that beside it, change in the logarithm"
    features: tuple[str, ...] = (
        "steps_face",
        "steps_rest",
        "steps_face_to_rest",
        "steps_common",
        "bands_face",
        "bands_face_to_columns",
        "bands_rest_to_columns",
        "bands_peak",
        "pattern",
        "pattern_high",
        "pattern_rest",
        "pattern_unsteady",
    )
    reasons: Mapping[str, str] = ALWAYS

    def watch(self) -> _Screen:
        """Begin with a clip."""
        return _Screen()


class _Screen:
    def __init__(self) -> None:
        self._pictures = self._with_face = 0
        self._last: tuple[Values, Values, Values, Values] | None = None
        self._light: list[tuple[float, float, float]] = []
        self._bands: list[tuple[float, ...]] = []
        self._patterns: list[tuple[float, float]] = []

    def see(self, frame: TrackedFrame) -> None:
        self._pictures += 1
        if frame.box is None:
            self._last = None
            return
        self._with_face += 1
        face = _inside(frame.luma, frame.box, 0.7)
        if min(face.shape) < 24:
            self._last = None
            return
        small = cv2.resize(frame.grey, (PROFILE, PROFILE), interpolation=cv2.INTER_AREA).astype(np.float64)
        beside = _beside(small, frame.box, frame.luma.shape)
        rows, columns = _profile(face, 1), _profile(face, 0)
        rest = np.nanmean(beside) if np.isfinite(beside).any() else np.nan
        self._light.append((frame.time_s, float(np.log(rows.mean() + 1)), float(np.log(rest + 1))))
        profiles = (rows, columns, _known(beside, 1), _known(beside, 0))
        if self._last is not None and not frame.cut:
            self._bands.append(_bands(profiles, self._last))
        self._last = profiles
        if frame.looked:
            self._patterns.append((_pattern(_middle(face)), _pattern(_corner(frame.luma, frame.box))))

    def measured(self) -> Measured:
        if self._with_face < LEAST_SHARE * max(self._pictures, 1):
            return Measured("face_screen", None, ("no_face",))
        if len(self._bands) < LEAST_PICTURES or not self._patterns:
            return Measured("face_screen", None, ("too_short",))
        light, bands, patterns = np.array(self._light), np.array(self._bands), np.array(self._patterns)
        quick = light[2:, 1:] - 2 * light[1:-1, 1:] + light[:-2, 1:]
        apart = quick[:, 0] - quick[:, 1]
        course = tuple(
            (float(at), float(value))
            for at, value in zip(light[1:-1, 0], apart, strict=True)
            if np.isfinite(value)
        )
        known = np.isfinite(apart)
        common = 0.0
        if known.sum() >= LEAST_PICTURES and quick[known].std(axis=0).min() > 1e-5:
            common = float(np.corrcoef(quick[known].T)[0, 1])
        own, rest, both = (_size(values[np.isfinite(values)]) for values in (quick[:, 0], quick[:, 1], apart))
        rows, columns, rest_rows, rest_columns, peak = (_usual(column) for column in bands.T)
        face_pattern = patterns[:, 0]
        values = [
            own,
            rest,
            both,
            common,
            rows,
            rows - columns,
            rest_rows - rest_columns,
            peak,
            float(np.median(face_pattern)),
            float(np.quantile(face_pattern, 0.8)),
            float(np.median(patterns[:, 1])),
            float(np.std(face_pattern)),
        ]
        return Measured("face_screen", np.array(values), (), course)


def _size(values: Values) -> float:
    """Return the logarithm of the spread, which a single jump does not move."""
    if not len(values):
        return float(np.log(FLOOR))
    return float(np.log(max(float(np.median(np.abs(values))) * 1.48, FLOOR)))


def _usual(values: Values) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0


def _inside(luma: NDArray[np.uint8], box: Box, share: float) -> NDArray[np.uint8]:
    """Cut the middle of the face out."""
    x, y = box.x + box.width / 2, box.y + box.height / 2
    half_width, half_height = share * box.width / 2, share * box.height / 2
    top, left = max(round(y - half_height), 0), max(round(x - half_width), 0)
    return luma[top : max(round(y + half_height), top), left : max(round(x + half_width), left)]


def _profile(face: NDArray[np.uint8], axis: int) -> Values:
    """Average along an axis, and bring what is left to `PROFILE` values."""
    means = cv2.reduce(face, axis, cv2.REDUCE_AVG, dtype=cv2.CV_32F).reshape(1, -1)
    return np.asarray(cv2.resize(means, (PROFILE, 1), interpolation=cv2.INTER_AREA)[0], np.float64)


def _beside(small: Values, box: Box, shape: tuple[int, ...]) -> Values:
    """Leave out the face and what is close to it: NaN there."""
    down, across = PROFILE / shape[0], PROFILE / shape[1]
    left, right = (box.x - 0.3 * box.width) * across, (box.x + 1.3 * box.width) * across
    top, bottom = (box.y - 0.4 * box.height) * down, (box.y + 1.4 * box.height) * down
    beside = small.copy()
    beside[max(round(top), 0) : max(round(bottom), 0), max(round(left), 0) : max(round(right), 0)] = np.nan
    return beside


def _known(values: Values, axis: int) -> Values:
    """Average along an axis over what is known; NaN where a third of it is not."""
    count = np.isfinite(values).sum(axis=axis)
    total = np.nansum(values, axis=axis)
    return np.where(count > 0.66 * values.shape[axis] * 0.5, total / np.maximum(count, 1), np.nan)


def _bands(now: tuple[Values, ...], before: tuple[Values, ...]) -> tuple[float, ...]:
    """Measure how waves along rows and columns changed: of the face, beside it, and how pure the face's
    are."""
    found = []
    peak = 0.0
    for place, (one, other) in enumerate(zip(now, before, strict=True)):
        change = np.log(one + 1) - np.log(other + 1)
        known = np.isfinite(change)
        if known.sum() < PROFILE // 2:
            found.append(np.nan)
            continue
        change = np.where(known, change - change[known].mean(), 0.0)
        power = np.abs(np.fft.rfft(change * np.hanning(PROFILE)))[1 : WAVES + 1] / PROFILE
        found.append(float(np.log(max(float(np.sqrt((power**2).sum())), FLOOR))))
        if place == 0:
            peak = float(np.log(max(float(power.max()), FLOOR) / max(float(np.median(power)), FLOOR)))
    return (*found, peak)


def _middle(face: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut a square out of the middle, as large as there is, up to `PATCH`."""
    side = min(PATCH, min(face.shape) // 2 * 2)
    top, left = (face.shape[0] - side) // 2, (face.shape[1] - side) // 2
    return face[top : top + side, left : left + side]


def _corner(luma: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """Cut a square out of the upper corner that is farther from the face."""
    side = min(PATCH, min(luma.shape) // 2 * 2)
    left = box.x + box.width / 2 > luma.shape[1] / 2
    return luma[:side, :side] if left else luma[:side, luma.shape[1] - side :]


def _pattern(patch: NDArray[np.uint8]) -> float:
    """Tell how far one fine wave stands out of all that are as fine: 0 where none does."""
    side = len(patch)
    if side < 32:
        return 0.0
    window = np.outer(np.hanning(side), np.hanning(side))
    values = patch.astype(np.float64)
    values -= cv2.GaussianBlur(values, (0, 0), 4)
    power: Any = np.log(np.abs(np.fft.rfft2(values * window)) + 1.0)
    ys, xs = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :]
    radius = np.hypot(ys, xs)
    # Waves along the rows or the columns alone are what coding in blocks leaves.
    there = (np.abs(ys) > 0.02) & (np.abs(xs) > 0.02)
    above = np.zeros_like(power)
    for low, high in pairwise(RINGS):
        ring = there & (radius >= low) & (radius < high)
        above[ring] = power[ring] - np.median(power[ring])
    return float(np.sort(above[there])[-4])


cues.register("face_screen")(FaceScreen())
