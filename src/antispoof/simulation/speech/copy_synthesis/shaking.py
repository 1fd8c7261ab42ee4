"""What varies a trained vocoder, which has no knobs of its own: speed, level, and what it reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["levelled", "shaken", "throat"]

Rng = np.random.Generator


def throat(rng: Rng) -> int:
    """Draw a sample rate to read speech of 16 kHz at: for the vocoder, another throat.

    Rates below 15.5 kHz would cut the band that copies share with their originals.
    """
    return int(16000 * rng.uniform(0.97, 1.12))


def levelled(wave: NDArray[np.float32], rng: Rng) -> tuple[NDArray[np.float32], float]:
    """Return the wave at a drawn level of -30 to -18 dB, (N,), without clipping, and the gain that did it."""
    level = 10 ** (rng.uniform(-30, -18) / 20) / max(float(np.sqrt(np.mean(wave**2))), 1e-6)
    gain = min(level, 0.95 / max(float(np.abs(wave).max()), 1e-6))
    return np.asarray(wave * gain, np.float32), gain


def shaken(mel: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Blur, tilt and shake a natural-log mel spectrogram, (frames, bands), half the time: as if predicted."""
    if rng.random() < 0.5:
        return mel
    frames, bands = mel.shape
    out = mel.astype(np.float64)
    if rng.random() < 0.5:
        side = rng.uniform(0.05, 0.25)
        padded = np.pad(out, ((1, 1), (0, 0)), mode="edge")
        out = side * (padded[:-2] + padded[2:]) + (1 - 2 * side) * out
    out += rng.normal(0, 0.15) * np.linspace(-1, 1, bands)
    out += rng.normal(0, rng.uniform(0, 0.12), (frames, bands))
    return np.asarray(out, np.float32)
