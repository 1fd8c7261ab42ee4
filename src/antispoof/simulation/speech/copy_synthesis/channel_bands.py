"""A channel vocoder: the loudness of bands, put on pulses and noise.

H. Dudley, "The vocoder", Bell Laboratories Record, 1939.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.pitch import pitch_track
from antispoof.simulation.speech.copy_synthesis.spectra import ShortTime, inverse_mel_bank, mel_bank

__all__ = ["channel_bands"]

Rng = np.random.Generator


@copiers.register("copy_channel_bands")
def channel_bands(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Sixteen to sixty bands over a sawtooth at the pitch, or over noise alone (whispered)."""
    size = int(rng.choice([256, 512]))
    transform = ShortTime(size, size // 4)
    bands = int(rng.integers(16, 60)) if size == 512 else int(rng.integers(16, 30))
    said = np.abs(transform.forward(samples)) @ mel_bank(bands, size, 16000).T
    noise = rng.standard_normal(len(samples))
    if rng.random() < 0.8:
        pitch, periodic = pitch_track(samples, 128)
        along = np.interp(np.arange(len(samples)) / 128, np.arange(len(pitch)), pitch)
        voiced = np.interp(
            np.arange(len(samples)) / 128, np.arange(len(pitch)), (periodic > 0.45).astype(float)
        )
        turns = np.cumsum(along) / 16000
        pulses = (np.diff(np.floor(turns), prepend=0) > 0) * np.sqrt(16000 / along)
        source = voiced * (pulses + rng.uniform(0.02, 0.2) * noise) + (1 - voiced) * noise
    else:
        source = noise
    carrier = transform.forward(source)
    have = np.abs(carrier) @ mel_bank(bands, size, 16000).T
    gain = np.clip(said / np.maximum(have, 1e-6) @ inverse_mel_bank(bands, size, 16000).T, 0, None)
    return transform.inverse(carrier * gain, len(samples))
