"""The upper band is made of mirror images of the lower one, brought to the energies that belong there.

What is left of upsampling by learnt layers where their filters let images through: energies as they should
be, and a fine structure that belongs to other frequencies. A tone at the rate of the frames may stay, too.

J. Pons et al., "Upsampling artifacts in neural audio synthesis", ICASSP 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.spectra import ShortTime, at_rate

__all__ = ["images"]

Rng = np.random.Generator


@copiers.register("copy_images")
def images(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Decimate, put zeros between samples, and level bands of the result by those of the original."""
    factor = int(rng.choice([2, 4]))
    low = at_rate(samples, 16000, 16000 // factor)
    stuffed = np.zeros(len(low) * factor, np.float32)
    stuffed[::factor] = low * factor
    wave = np.pad(stuffed, (0, max(0, len(samples) - len(stuffed))))[: len(samples)]
    size = int(rng.choice([256, 512, 1024]))
    transform = ShortTime(size, size // 4)
    wanted, have = transform.forward(samples), transform.forward(wave)
    bands = int(rng.choice([24, 40, 64]))
    edges = np.unique(np.linspace(0, size // 2, bands + 1).astype(int))
    widths = np.diff(np.append(edges[:-1], size // 2 + 1))

    def energy(spectrum: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.sqrt(np.add.reduceat(np.abs(spectrum) ** 2, edges[:-1], axis=1) / widths + 1e-9))

    gain = np.repeat(energy(wanted) / energy(have), widths, axis=1)
    made = have * np.minimum(gain, 30).astype(np.float32)
    hertz = np.fft.rfftfreq(size, 1 / 16000)
    start = 8000 / factor * rng.uniform(0.6, 1.0)
    kept = np.clip(1 - (hertz - start) / 300, 0, 1) * rng.uniform(0.5, 1.0)
    out = transform.inverse(kept * wanted + (1 - kept) * made, len(samples))
    if rng.random() < 0.3:
        hop = int(rng.choice([160, 200, 256]))
        tone = np.sin(2 * np.pi * 16000 / hop * rng.integers(8, 40) * np.arange(len(samples)) / 16000)
        out = out + tone * np.sqrt(np.mean(out**2)) * 10 ** (-rng.uniform(30, 50) / 20)
    return np.asarray(out, np.float32)
