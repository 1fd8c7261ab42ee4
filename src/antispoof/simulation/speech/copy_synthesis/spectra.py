"""Short-time spectra and mel bands, shared by the copiers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATES", "ShortTime", "at_rate", "inverse_mel_bank", "log_mel", "mel_bank"]

RATES = (16000, 22050, 24000)
"""Sample rates that vocoders work at."""


@dataclass(frozen=True, slots=True)
class ShortTime:
    """Short-time Fourier transform with a Hann window and its least-squares inverse."""

    size: int
    hop: int

    def forward(self, samples: NDArray[Any]) -> NDArray[Any]:
        """Map (N,) to complex64 (frames, size // 2 + 1); N and the window decide the frames."""
        padded = np.pad(samples.astype(np.float32), (self.size, self.size))
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.size)[:: self.hop]
        return np.asarray(np.fft.rfft(frames * _window(self.size)))

    def inverse(self, spectrum: NDArray[Any], length: int) -> NDArray[Any]:
        """Map what `forward` returned back to (length,)."""
        window = _window(self.size)
        frames = np.fft.irfft(spectrum, self.size).astype(np.float32) * window
        total = self.hop * (len(frames) - 1) + self.size
        out, weight = np.zeros(total, np.float32), np.zeros(total, np.float32)
        overlap = self.size // self.hop
        for shift in range(overlap):  # frames that do not overlap are added at once
            rows = frames[shift::overlap]
            start, count = shift * self.hop, len(rows) * self.size
            out[start : start + count] += rows.ravel()
            weight[start : start + count] += np.tile(window**2, len(rows))
        out /= np.maximum(weight, 1e-3)
        return np.pad(out, (0, max(0, self.size + length - total)))[self.size : self.size + length]


@cache
def _window(size: int) -> NDArray[np.float32]:
    return np.asarray(np.hanning(size + 1)[:-1], np.float32)


@cache
def mel_bank(bands: int, size: int, rate: int, low: float = 0.0, high: float = 8000.0) -> NDArray[np.float32]:
    """Return triangular mel filters, (bands, size // 2 + 1), the sum of each 1."""

    def mel(f: Any) -> Any:
        return 2595 * np.log10(1 + f / 700)

    edges = 700 * (10 ** (np.linspace(mel(low), mel(high), bands + 2) / 2595) - 1)
    f = np.fft.rfftfreq(size, 1 / rate)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.clip(np.minimum((f - left) / (middle - left), (right - f) / (right - middle)), 0, None)
    bank[bank.sum(axis=1) == 0, 1] = 1e-3  # a band narrower than a bin
    return np.asarray(bank / bank.sum(axis=1, keepdims=True), np.float32)


@cache
def inverse_mel_bank(
    bands: int, size: int, rate: int, low: float = 0.0, high: float = 8000.0
) -> NDArray[np.float32]:
    """Return the pseudo-inverse of `mel_bank`, (size // 2 + 1, bands)."""
    return np.asarray(np.linalg.pinv(mel_bank(bands, size, rate, low, high)), np.float32)


def log_mel(
    samples: NDArray[Any], rate: int, size: int, window: int, hop: int, band: tuple[float, float], lead: int
) -> NDArray[np.float32]:
    """Return what trained vocoders read: the natural log of 80 mel magnitudes, (N // hop, 80).

    Frame k holds ``size`` samples from ``k * hop - lead`` on. Mel scale and areas are those of M. Slaney,
    "Auditory Toolbox", 1998: linear to 1 kHz, then logarithmic.
    """
    padded = np.pad(samples.astype(np.float32), (lead, size - hop - lead), "reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    hann = np.zeros(size, np.float32)
    hann[(size - window) // 2 :][:window] = _window(window)
    magnitude = np.abs(np.fft.rfft(frames * hann))
    bank = _slaney_bank(80, size, rate, *band)
    return np.asarray(np.log(np.maximum(magnitude @ bank.T, 1e-5)), np.float32)


@cache
def _slaney_bank(bands: int, size: int, rate: int, low: float, high: float) -> NDArray[np.float32]:
    step = np.log(6.4) / 27

    def mel(f: float) -> float:
        return f * 3 / 200 if f < 1000 else 15 + float(np.log(f / 1000)) / step

    marks = np.linspace(mel(low), mel(high), bands + 2)
    edges = np.where(marks < 15, marks * 200 / 3, 1000 * np.exp(step * (marks - 15)))
    f = np.fft.rfftfreq(size, 1 / rate)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bank = np.clip(np.minimum((f - left) / (middle - left), (right - f) / (right - middle)), 0, None)
    return np.asarray(bank * 2 / (right - left), np.float32)


def at_rate(samples: NDArray[Any], rate: int, wanted: int, length: int | None = None) -> NDArray[np.float32]:
    """Resample, and cut or fill with zeros to ``length`` samples."""
    import soxr

    out = samples if rate == wanted else soxr.resample(samples, rate, wanted)
    if length is not None:
        out = np.pad(out, (0, max(0, length - len(out))))[:length]
    return np.asarray(out, np.float32)
