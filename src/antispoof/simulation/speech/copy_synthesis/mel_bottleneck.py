"""The mel bottleneck of every neural vocoder with a phase that is nearly right.

A trained vocoder keeps the pulses and the low harmonics and invents what the mel bands cannot say: the fine
structure of the spectrum and, the higher the frequency the more, the phase. Here both are lost by a drawn
amount, without a network.
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

__all__ = ["mel_bottleneck"]

Rng = np.random.Generator


@copiers.register("copy_mel_bottleneck")
def mel_bottleneck(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Keep the envelope that the mel bands say; blur fine structure and phase from a drawn frequency on."""
    rate = int(rng.choice(RATES))
    wave = at_rate(samples, 16000, rate)
    transform = ShortTime(1024, 256)
    spectrum = transform.forward(wave)
    magnitude = np.abs(spectrum)
    bands = int(rng.choice([64, 80, 80, 100]))
    mel = magnitude @ mel_bank(bands, 1024, rate).T
    if rng.random() < 0.5:  # the network smooths over time as well
        kernel = np.hanning(int(rng.choice([3, 5])) + 2)[1:-1]
        mel = np.apply_along_axis(np.convolve, 0, mel, kernel / kernel.sum(), mode="same")
    said = np.clip(mel @ inverse_mel_bank(bands, 1024, rate).T, 1e-6, None)
    f = np.fft.rfftfreq(1024, 1 / rate)
    onset, width = np.exp(rng.uniform(np.log(400), np.log(5000))), rng.uniform(300, 2000)
    share = 1 / (1 + np.exp(-(f - onset) / width))
    fine = np.clip(share + rng.uniform(-0.2, 0.3), 0, 1)
    made = said**fine * magnitude ** (1 - fine)
    speckle = rng.rayleigh(1 / np.sqrt(np.pi / 2), made.shape)
    made = made * (1 + fine * rng.uniform(0, 0.8) * (speckle - 1))
    error = rng.standard_normal(spectrum.shape)
    steadiness = rng.choice([0.0, 0.7])  # the phase error of one frame lives on in the next
    for i in range(1, len(error)):
        error[i] = steadiness * error[i - 1] + np.sqrt(1 - steadiness**2) * error[i]
    turned = np.angle(spectrum) + share * rng.uniform(0.3, 1.5) * np.pi / 2 * error
    phase = np.exp(1j * turned)
    for _ in range(int(rng.integers(0, 3))):  # towards a spectrum that a waveform can have
        again = transform.forward(transform.inverse(made * phase, len(wave)))
        phase = again / np.maximum(np.abs(again), 1e-9)
    return at_rate(transform.inverse(made * phase, len(wave)), rate, 16000, len(samples))
