"""Ridges of friction skin in a grey picture: where they are, how far apart, which way they run, how clear.

The spectrum of small windows tells all of it: where there are ridges, one pair of peaks holds most of the
energy. Noise has no peak, cloth and halftone have several (D. Maltoni et al., "Handbook of Fingerprint
Recognition", 3rd ed., Springer 2022, sections 3.2 to 3.4, for the local ridge frequency and orientation that
are read from such windows).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

__all__ = ["MIN_CONTRAST", "PERIOD_MM", "STEP", "Ridges", "find_ridges", "of_a_finger"]

WINDOW, STEP = 32, 16  # px
PERIODS = (2.6, 16.0)  # px, what a window of 32 can tell
PERIOD_MM = 0.463
"""Mean distance of ridges, over fingers of adults; 9.1 px at 500 ppi (Maltoni et al., section 3.4; the
deviation between people is about 10 %)."""
FLAT = 3.0  # grey levels, standard deviation: less is no structure
ONE_DIRECTION = 0.5  # second peak of another direction over the first; cloth and halftone come near 1
MIN_CLARITY = 0.28
MIN_FLOW = 0.72  # likeness of direction of neighbours; of isotropic noise with one scale, 0.4
MIN_CONTRAST = 6.0  # grey levels, standard deviation
APART = np.cos(np.deg2rad(35.0))  # of directions that count as others


@dataclass(frozen=True, slots=True)
class Ridges:
    """What the windows of a picture show: arrays of one shape (rows, columns), a window every `STEP` px.

    Attributes:
        clarity: 0 to 1, share of the energy of a window that one pair of peaks holds; 0 where it is flat.
        period: px from ridge to ridge; meaningless where clarity is 0.
        angle: radians, 0 to pi, direction across the ridges.
        second: 0 to 1 and more, the strongest peak of another direction over the first.
        contrast: standard deviation of the window, grey levels.
        mean: of the window, grey levels.
    """

    clarity: NDArray[np.float32]
    period: NDArray[np.float32]
    angle: NDArray[np.float32]
    second: NDArray[np.float32]
    contrast: NDArray[np.float32]
    mean: NDArray[np.float32]

    @property
    def one_direction(self) -> NDArray[np.bool_]:
        """Where lines run in one direction and not across each other."""
        return self.second < ONE_DIRECTION


def _waves() -> tuple[NDArray[Any], ...]:
    """Which places of a half spectrum are waves that count, and which of those run in other directions."""
    rows, columns = np.meshgrid(scipy.fft.fftfreq(WINDOW), scipy.fft.rfftfreq(WINDOW), indexing="ij")
    radius = np.hypot(rows, columns)
    band = (radius >= 1 / PERIODS[1]) & (radius <= 1 / PERIODS[0])
    band &= ~((columns == 0) & (rows < 0))  # the same wave as its counterpart
    doubled = np.where((columns > 0) & (columns < 0.5), 2.0, 1.0)  # half of the plane is left out
    weights = (doubled * (radius > 1.5 / WINDOW)).astype(np.float32)
    places = np.flatnonzero(band)
    unit = np.stack([rows, columns], 2).reshape(-1, 2)[places] / radius.ravel()[places, None]
    return weights.ravel(), places, np.abs(unit @ unit.T) < APART


WEIGHTS, PLACES, OTHERS = _waves()
HANN = np.outer(np.hanning(WINDOW + 2)[1:-1], np.hanning(WINDOW + 2)[1:-1]).astype(np.float32)


def find_ridges(picture: NDArray[np.uint8]) -> Ridges:
    """Look at windows of 32 px, one every 16 px; the picture is mirrored at its edges.

    Args:
        picture: uint8, (H, W).

    Returns:
        arrays of ceil(H / 16) rows and ceil(W / 16) columns; windows are centred at 8, 24, 40, … px.
    """
    rows, columns = (-(-side // STEP) for side in picture.shape)
    after = [side * STEP - length + 8 for side, length in zip((rows, columns), picture.shape, strict=True)]
    padded = cv2.copyMakeBorder(picture, 8, after[0], 8, after[1], cv2.BORDER_REFLECT)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (WINDOW, WINDOW))[::STEP, ::STEP]
    values = windows.reshape(-1, WINDOW, WINDOW).astype(np.float32)
    mean = values.mean((1, 2))
    values -= mean[:, None, None]
    contrast = np.sqrt(np.einsum("nij,nij->n", values, values) / WINDOW**2)
    found = np.zeros((4, len(values)), np.float32)
    structured = np.flatnonzero(contrast > FLAT)
    if len(structured):
        found[:, structured] = _peaks(values[structured])
    clarity, period, angle, second = found.reshape(4, rows, columns)
    return Ridges(
        clarity, period, angle, second, contrast.reshape(rows, columns), mean.reshape(rows, columns)
    )


def of_a_finger(ridges: Ridges) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Tell where ridges are clear and run as their neighbours do.

    Returns:
        that, and the likeness of directions, 0 to 1; both as the arrays of ``ridges``.
    """
    clear = (ridges.clarity > MIN_CLARITY) & ridges.one_direction & (ridges.contrast > MIN_CONTRAST)
    wave = np.exp(2j * ridges.angle) * clear
    sums = np.stack([wave.real, wave.imag, clear]).astype(np.float32)
    real, imag, count = (cv2.blur(part, (3, 3), borderType=cv2.BORDER_CONSTANT) for part in sums)
    flow = np.asarray(np.hypot(real, imag) / np.maximum(count, 1e-6), np.float32)
    return clear & (flow > MIN_FLOW) & (count > 0.4), flow


def _peaks(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read clarity, period, angle and second peak of windows without their mean: (4, N)."""
    spectrum = scipy.fft.rfft2(values * HANN)
    power = spectrum.real**2 + spectrum.imag**2
    count = len(power)
    flat = power.reshape(count, -1)
    total = np.maximum(flat @ WEIGHTS, 1e-6)
    banded = flat[:, PLACES]
    peak = banded.argmax(1)
    highest = np.maximum(banded[np.arange(count), peak], 1e-9)
    others = (banded * OTHERS[peak]).max(1)
    row, column = np.divmod(PLACES[peak], WINDOW // 2 + 1)
    sums = np.zeros((3, count))
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            y, x = row + down, column + right
            mirrored = (x < 0) | (x > WINDOW // 2)  # the other half of the plane is the same, turned
            at_y, at_x = np.where(mirrored, -y, y) % WINDOW, np.where(mirrored, -x, x) % WINDOW
            here = power[np.arange(count), at_y, at_x]
            wave_y = (y + WINDOW // 2) % WINDOW - WINDOW // 2
            sums += here * np.stack([np.ones(count), wave_y, x])
    weight = np.maximum(sums[0], 1e-9)
    fy, fx = sums[1] / weight / WINDOW, sums[2] / weight / WINDOW
    clarity = np.clip(2 * sums[0] / total, 0, 1)
    period = 1 / np.maximum(np.hypot(fy, fx), 1e-3)
    return np.stack([clarity, period, np.arctan2(fy, fx) % np.pi, others / highest]).astype(np.float32)
