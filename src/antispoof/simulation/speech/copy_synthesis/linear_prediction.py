"""Linear prediction: the envelope is kept, the excitation is made anew, wholly or in part.

J. Makhoul, "Linear prediction: a tutorial review", Proceedings of the IEEE, 1975; for the excited variant
C. Un, D. Magill, "The residual-excited linear prediction vocoder", IEEE Trans. Communications, 1975.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.pitch import pitch_track
from antispoof.simulation.speech.copy_synthesis.spectra import ShortTime

__all__ = ["residual_excited", "source_filter"]

Rng = np.random.Generator

_SIZE, _HOP = 512, 128
_TRANSFORM = ShortTime(_SIZE, _HOP)


def _envelopes(spectrum: NDArray[Any], order: int) -> NDArray[Any]:
    """All-pole fit to each frame's power spectrum: gain over |A|, (frames, bins)."""
    power = np.abs(spectrum.astype(np.complex128)) ** 2
    r = np.fft.irfft(power)[:, : order + 1]
    r[:, 0] = r[:, 0] * 1.0001 + 1e-9
    a, error = np.zeros((len(r), order + 1)), r[:, 0].copy()
    a[:, 0] = 1
    for i in range(1, order + 1):  # Levinson-Durbin, all frames at once
        k = -np.einsum("ij,ij->i", a[:, :i], r[:, i:0:-1]) / error
        flipped = a[:, i - 1 :: -1] if i > 1 else a[:, :1]
        a[:, 1 : i + 1] += k[:, None] * flipped[:, :i]
        error *= np.clip(1 - k**2, 1e-6, 1)
    return np.asarray(np.sqrt(error)[:, None] / np.maximum(np.abs(np.fft.rfft(a, _SIZE)), 1e-4))


@copiers.register("copy_source_filter")
def source_filter(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Pulses where the speech is voiced, noise where it is not, through the envelope."""
    order = int(rng.integers(12, 26))
    spectrum = _TRANSFORM.forward(samples)
    envelope = _envelopes(spectrum, order)
    pitch, periodic = pitch_track(samples, _HOP)
    pitch = pitch * 2 ** (rng.normal(0, 0.5) / 12)
    threshold = rng.uniform(0.35, 0.55)
    pulses = np.zeros(len(samples))
    position, jitter = 0.0, rng.uniform(0, 0.01)
    while position < len(samples):
        frame = int(position) // _HOP
        if periodic[frame] > threshold:
            pulses[int(position)] = np.sqrt(16000 / pitch[frame])
            position += 16000 / pitch[frame] * (1 + rng.normal(0, jitter))
        else:
            position += _HOP
    voiced = np.repeat(np.clip((periodic - threshold) * 4 + 0.5, 0, 1), _HOP)[: len(samples)]
    breath = rng.uniform(0.02, 0.3)
    noise = rng.standard_normal(len(samples))
    excitation = voiced * (pulses + breath * noise) + (1 - voiced) * noise
    return _TRANSFORM.inverse(_TRANSFORM.forward(excitation) * envelope / np.sqrt(_SIZE), len(samples))


@copiers.register("copy_residual_excited")
def residual_excited(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Keep the excitation below a drawn frequency; above it, noise that follows its ups and downs."""
    spectrum = _TRANSFORM.forward(samples)
    envelope = _envelopes(spectrum, int(rng.integers(14, 22)))
    residual = spectrum / np.maximum(envelope, 1e-6)
    f = np.fft.rfftfreq(_SIZE, 1 / 16000)
    onset, width = np.exp(rng.uniform(np.log(700), np.log(4500))), rng.uniform(100, 800)
    share = 1 / (1 + np.exp(-(f - onset) / width))
    high = _TRANSFORM.inverse(residual * share, len(samples))
    kernel = np.hanning(int(rng.integers(16, 120)) + 2)[1:-1]
    loudness = np.sqrt(np.convolve(high.astype(np.float64) ** 2, kernel / kernel.sum(), mode="same") + 1e-12)
    noise = _TRANSFORM.forward(rng.standard_normal(len(samples)) * loudness)
    target = np.sqrt(np.mean(np.abs(residual * share) ** 2) + 1e-12)
    noise *= target / np.sqrt(np.mean(np.abs(noise * share) ** 2) + 1e-12)
    return _TRANSFORM.inverse((residual * (1 - share) + noise * share) * envelope, len(samples))
