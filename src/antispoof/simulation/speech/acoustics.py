"""Rooms and microphones: what stands between a mouth and a file.

J. Allen, D. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 1979.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["filtered", "hum", "microphone", "reverberated", "room"]

RATE = 16000

Speech = NDArray[np.float32]
Rng = np.random.Generator


def reverberated(samples: NDArray[Any], response: NDArray[Any]) -> NDArray[Any]:
    """Convolve with the impulse response of a room; the length stays."""
    size = 1 << int(np.ceil(np.log2(len(samples) + len(response))))
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size))[: len(samples)]


def filtered(samples: NDArray[Any], response: Callable[[NDArray[Any]], Any]) -> NDArray[Any]:
    """Filter by a magnitude response with the least phase that it allows."""
    size = 1 << int(np.ceil(np.log2(len(samples) + 4096)))
    decibel = response(np.maximum(np.fft.rfftfreq(4096, 1 / RATE), 1.0))
    cepstrum = np.fft.irfft(np.log(10 ** (np.maximum(decibel, -80) / 20)))
    fold = np.zeros(4096)
    fold[0], fold[1:2048], fold[2048] = 1, 2, 1
    impulse = np.fft.irfft(np.exp(np.fft.rfft(cepstrum * fold)))
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(impulse, size))[: len(samples)]


def microphone(rng: Rng) -> Callable[[NDArray[Any]], Any]:
    """Draw the response of a small microphone: hertz → decibel."""
    low, lift = rng.uniform(60, 150), rng.uniform(0, 5)

    def response(f: NDArray[Any]) -> Any:
        return -10 * np.log10(1 + (low / f) ** 2) + lift * np.exp(-0.5 * (np.log(f / 6000) / 0.5) ** 2)

    return response


def hum(f: NDArray[Any]) -> Any:
    """Return the spectrum of a fan or a road: hertz → decibel."""
    return -10 * np.log10(1 + f / 300)


def room(rng: Rng) -> NDArray[Any]:
    """Return the impulse response of a shoebox room: image sources, then a tail that fades."""
    size = rng.uniform((2.5, 2.5, 2.3), (7, 6, 3.2))
    microphone = rng.uniform(0.3, 0.7, 3) * size
    direction = rng.standard_normal(3)
    source = microphone + direction / np.linalg.norm(direction) * rng.uniform(0.15, 1.2)
    source = np.clip(source, 0.1, size - 0.1)
    walls = rng.uniform(0.45, 0.85)
    n = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    images = np.where(n % 2 == 0, n * size + source, n * size + size - source)
    distance = np.linalg.norm(images - microphone, axis=1)
    gain = walls ** np.abs(n).sum(axis=1) / np.maximum(distance, 0.1)
    decay = rng.uniform(0.15, 0.6)  # seconds to -60 dB
    out = np.zeros(int(RATE * decay) + 512)
    delay = (distance - distance.min()) / 343 * RATE
    whole = delay.astype(int)
    inside = whole < len(out) - 1
    part = (delay - whole)[inside]
    np.add.at(out, whole[inside], gain[inside] * (1 - part))
    np.add.at(out, whole[inside] + 1, gain[inside] * part)
    time = np.arange(len(out)) / RATE
    tail = rng.standard_normal(len(out)) * 10 ** (-3 * time / decay) * np.clip(time / 0.02, 0, 1)
    return np.asarray(out / gain.max() + 0.02 * walls * tail)
