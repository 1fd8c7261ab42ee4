"""Harmonics plus noise: a sum of sinusoids at multiples of the pitch, and shaped noise for the rest.

Y. Stylianou, "Applying the harmonic plus noise model in concatenative speech synthesis", IEEE Trans. Speech
and Audio Processing, 2001.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.pitch import pitch_track
from antispoof.simulation.speech.copy_synthesis.spectra import ShortTime, inverse_mel_bank, mel_bank

__all__ = ["harmonic"]

Rng = np.random.Generator

_HOP = 128
_TRANSFORM = ShortTime(1024, _HOP)


@copiers.register("copy_harmonic")
def harmonic(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Sinusoids up to a drawn frequency, whose strengths the smoothed spectrum says, and noise above."""
    spectrum = np.abs(_TRANSFORM.forward(samples))[1024 // 2 // _HOP :]
    bands = int(rng.choice([40, 60, 80]))
    said = np.clip(
        spectrum @ mel_bank(bands, 1024, 16000).T @ inverse_mel_bank(bands, 1024, 16000).T, 1e-7, None
    )
    pitch, periodic = pitch_track(samples, _HOP)
    pitch = pitch * 2 ** (rng.normal(0, 0.5) / 12)
    count = min(len(pitch), len(said))
    said, pitch, periodic = said[:count], pitch[:count], periodic[:count]
    t = np.arange(len(samples)) / _HOP
    frames = np.arange(count)
    along = np.interp(t, frames, pitch)
    phase = 2 * np.pi * np.cumsum(along) / 16000
    top = rng.uniform(2500, 7000)
    voiced = np.interp(t, frames, np.clip((periodic - rng.uniform(0.3, 0.5)) * 4 + 0.5, 0, 1))
    out = np.zeros(len(samples))
    offsets = rng.choice([0.0, 1.0]) * rng.uniform(0, 2 * np.pi, 120)
    for k in range(1, int(top / pitch.min()) + 1):
        f = k * pitch
        if k > len(offsets):
            break
        bins = np.minimum((f / 16000 * 1024).round().astype(int), 512)
        strength = said[frames, bins] * (f < top) * np.sqrt(np.maximum(pitch, 50) / 15.6)
        out += np.interp(t, frames, strength) * np.cos(k * phase + offsets[k - 1])
    bins = np.fft.rfftfreq(1024, 1 / 16000)
    noisy = said * np.maximum((bins[None] > top).astype(float), 1 - np.clip(periodic, 0, 0.97)[:, None])
    noise = _TRANSFORM.forward(rng.standard_normal(len(samples)))
    pad = len(noise) - count
    lead = min(1024 // 2 // _HOP, pad)
    noisy = np.pad(noisy, ((lead, pad - lead), (0, 0)), mode="edge")
    hiss = _TRANSFORM.inverse(noise * noisy, len(samples))
    window_power = 1024 * 3 / 8
    made = 2 * voiced * out / np.sqrt(1024 * window_power) + hiss / np.sqrt(window_power)
    return np.asarray(made)
