"""The magnitudes stay nearly as they are, the phase only roughly: more so where nobody hears it.

What decoders of waveforms have in common that get the magnitudes right, whatever they are made of: from some
frequency on, or in soft places, harmonics are no longer in step with one another and from frame to frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.spectra import RATES, ShortTime, at_rate

__all__ = ["rough_phase"]

Rng = np.random.Generator


@copiers.register("copy_rough_phase")
def rough_phase(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Turn every bin by an angle that wanders over time and frequency, further the higher it lies."""
    rate = int(rng.choice(RATES))
    wave = at_rate(samples, 16000, rate)
    size = int(rng.choice([256, 512, 1024]))
    transform = ShortTime(size, size // 4)
    spectrum = transform.forward(wave)
    frames, bins = spectrum.shape
    angle = rng.standard_normal((frames, bins)).astype(np.float32)
    for axis, most in ((0, 6), (1, 24)):
        width = int(rng.integers(1, most))
        kernel = np.hanning(width + 2)[1:-1]
        angle = np.apply_along_axis(np.convolve, axis, angle, kernel / np.sqrt((kernel**2).sum()), "same")
    hertz = np.fft.rfftfreq(size, 1 / rate)
    knee = np.exp(rng.uniform(np.log(300), np.log(4000)))
    reach = rng.uniform(0.1, 0.4) + rng.uniform(0.6, 2.2) * np.clip(hertz / knee - 1, 0, 1)
    level = np.abs(spectrum)
    loud = level / (level.mean(axis=1, keepdims=True) + 1e-7)
    if rng.random() < 0.5:  # further where it is soft
        reach = reach * np.clip(1.5 - np.sqrt(loud), 0.2, 1.5)
    turned = spectrum * np.exp(1j * reach * angle).astype(np.complex64)
    if rng.random() < 0.5:
        turned = turned * np.exp(rng.normal(0, rng.uniform(0.02, 0.12), (frames, bins))).astype(np.float32)
    return at_rate(transform.inverse(turned, len(wave)), rate, 16000, len(samples))
