"""Speech from files, and the one form in which both classes leave a simulation.

Samples are float32, shape (N,), in [-1, 1], at 16 kHz. Bona fide and spoofed speech end in `finish`: the same
band, level and edges, because else sample rate or loudness gives the class away.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError, MediaError
from antispoof.sensing.audio import RATE, load_audio

__all__ = ["RATE", "finish", "read_speech"]

Speech = NDArray[np.float32]

_SHORTEST = RATE // 4
_LEVEL_DB = -26.0
"""Root mean square of finished speech, relative to full scale: the nominal level of ITU-T P.56 tests."""


def read_speech(path: Path) -> Speech:
    """Read a recording as the detectors do, as mono at 16 kHz.

    Raises:
        MediaError: it cannot be decoded, or is shorter than a quarter of a second.
    """
    speech = np.asarray(load_audio(path).array, np.float32)
    if len(speech) < _SHORTEST:
        raise MediaError("empty", f"{path}: holds {len(speech) / RATE:.2f} s of speech, 0.25 s are needed")
    return speech


def finish(samples: Speech, edges_s: float = 0.0) -> Speech:
    """Bring speech into the form that both classes share: 60 to 7600 Hz, silent edges cut, -26 dB.

    Args:
        samples: (N,).
        edges_s: seconds that are kept before and after what is heard. Of a word that is cut tight nothing
            tells how loud it is beside its surroundings, so that it counts as hardly spoken.

    Raises:
        InputError: nothing is left, or it is silent.
    """
    spectrum = np.fft.rfft(samples)
    f = np.fft.rfftfreq(len(samples), 1 / RATE)
    band = np.clip((f - 50) / 30, 0, 1) * np.clip((7700 - f) / 200, 0, 1)
    clean = np.fft.irfft(spectrum * band, len(samples))
    frames = np.lib.stride_tricks.sliding_window_view(clean, 400)[::160] if len(clean) >= 400 else clean[None]
    loud = np.sqrt(np.mean(frames**2, axis=1))
    if loud.max() < 1e-5:
        raise InputError("the speech is silent")
    active = np.flatnonzero(loud > loud.max() * 10 ** (-35 / 20))
    edge = round(edges_s * RATE)
    clean = clean[max(active[0] * 160 - edge, 0) : active[-1] * 160 + 400 + edge]
    level = np.sqrt(np.mean(clean**2))
    return np.asarray(np.clip(clean * 10 ** (_LEVEL_DB / 20) / level, -1, 1), np.float32)
