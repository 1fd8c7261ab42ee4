"""Two periods at a time keep a smoothed spectrum and get another phase: the least, or a random one.

A. Oppenheim, R. Schafer, "Discrete-Time Signal Processing" (homomorphic minimum phase).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.pitch import pitch_track

__all__ = ["pitch_synchronous"]

Rng = np.random.Generator


@copiers.register("copy_minimum_phase")
def pitch_synchronous(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Cut two periods around each pulse, smooth their spectrum, and lay least-phase copies end to end."""
    pitch, periodic = pitch_track(samples, 128)
    size = 1024
    threshold, lifter = rng.uniform(0.35, 0.5), int(rng.integers(40, 120))
    out = np.zeros(len(samples) + 2 * size)
    wave = np.pad(samples.astype(np.float64), size)
    fold = np.zeros(size)
    fold[0], fold[1:lifter] = 1, 2
    position = 0.0
    while position < len(samples):
        frame = min(int(position) // 128, len(pitch) - 1)
        voiced = periodic[frame] > threshold
        period = 16000 / pitch[frame] if voiced else 80.0
        width = int(2.2 * period)
        start = int(position) + size - width // 2
        piece = wave[start : start + width] * np.hanning(width)
        magnitude = np.abs(np.fft.rfft(piece, size))
        cepstrum = np.fft.irfft(np.log(np.maximum(magnitude, 1e-5)))
        spectrum = np.exp(np.fft.rfft(cepstrum * fold))
        if not voiced:
            spectrum = np.abs(spectrum) * np.exp(2j * np.pi * rng.random(len(spectrum)))
        grain = np.fft.irfft(spectrum)
        at = int(position) + size
        if voiced:
            out[at : at + 512] += grain[:512]
        else:
            out[at - 80 : at + 80] += np.fft.fftshift(grain)[size // 2 - 80 : size // 2 + 80] * np.hanning(
                160
            )
        position += period
    return out[size : size + len(samples)]
