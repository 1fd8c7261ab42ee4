"""The phase is thrown away and guessed back from the magnitudes.

D. Griffin, J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 1984;
N. Perraudin, P. Balazs, P. Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.spectra import (
    RATES,
    ShortTime,
    at_rate,
    inverse_mel_bank,
    mel_bank,
)

__all__ = ["griffin_lim"]

Rng = np.random.Generator


@copiers.register("copy_griffin_lim")
def griffin_lim(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Mel bands (or all bins), no phase, 8 to 40 rounds of guessing."""
    rate = int(rng.choice(RATES))
    wave = at_rate(samples, 16000, rate)
    size = int(rng.choice([512, 1024]))
    transform = ShortTime(size, size // 4)
    magnitude = np.abs(transform.forward(wave))
    if rng.random() < 0.8:
        bands = int(rng.choice([64, 80, 100, 128]))
        magnitude = magnitude @ mel_bank(bands, size, rate).T @ inverse_mel_bank(bands, size, rate).T
        magnitude = np.clip(magnitude, 0, None)
    phase = np.exp(2j * np.pi * rng.random(magnitude.shape)).astype(np.complex64)
    momentum = rng.choice([0.0, 0.9])
    before = phase
    for _ in range(int(rng.integers(8, 40))):
        now = transform.forward(transform.inverse(magnitude * phase, len(wave)))
        ahead = now + momentum * (now - before)
        phase, before = ahead / np.maximum(np.abs(ahead), 1e-9), now
    return at_rate(transform.inverse(magnitude * phase, len(wave)), rate, 16000, len(samples))
