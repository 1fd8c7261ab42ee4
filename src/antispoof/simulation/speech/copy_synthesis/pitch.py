"""Pitch by autocorrelation, good enough for copiers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pitch_track"]

_SIZE = 800
_LOWEST, _HIGHEST = 65, 400


def pitch_track(samples: NDArray[Any], hop: int, rate: int = 16000) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the pitch in hertz and how periodic the speech is in 0..1, one each ``hop`` samples."""
    padded = np.pad(samples.astype(np.float32), (_SIZE // 2, _SIZE))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[: len(samples) : hop]
    spectrum = np.fft.rfft(frames * np.hanning(_SIZE), 2 * _SIZE)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)
    shortest, longest = rate // _HIGHEST, rate // _LOWEST
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_SIZE), 2 * _SIZE)) ** 2)
    lags = correlation[:, shortest:longest] / np.maximum(correlation[:, :1], 1e-9)
    lags /= window[shortest:longest] / window[0]
    lags -= 0.15 * np.linspace(0, 1, longest - shortest)  # the shorter of two equally good periods
    best = lags.argmax(axis=1)
    middle = np.clip(best, 1, lags.shape[1] - 2)
    rows = np.arange(len(best))
    left, top, right = (lags[rows, middle + k] for k in (-1, 0, 1))
    offset = np.clip(0.5 * (left - right) / np.minimum(left - 2 * top + right, -1e-9), -0.5, 0.5)
    pitch = rate / (middle + offset + shortest)
    if len(pitch) >= 5:
        pitch = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(pitch, 2, mode="edge"), 5), axis=1)
    return pitch, np.clip(lags.max(axis=1), 0, 1)
