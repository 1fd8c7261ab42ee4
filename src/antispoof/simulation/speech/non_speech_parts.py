"""What several of the sounds without a voice are made of: (N,) float64, at 16 kHz."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.recording import RATE

__all__ = ["resonance", "teeth"]

Sound = NDArray[np.float64]


def teeth(hertz: Sound) -> Sound:
    """A sawtooth of a moving pitch, in hertz for every sample; harmonics above 7.5 kHz are left out."""
    phase = np.cumsum(hertz) / RATE
    count = int(min(7500 / hertz.max(), 50))
    return np.asarray(sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, max(count, 1) + 1)))


def resonance(sound: Sound, centre: float, width: float) -> Sound:
    """What a resonance of a centre and a half width, in hertz, leaves of a sound."""
    hertz = np.fft.rfftfreq(sound.size, 1 / RATE)
    return np.asarray(np.fft.irfft(np.fft.rfft(sound) / (1 + ((hertz - centre) / width) ** 2), sound.size))
