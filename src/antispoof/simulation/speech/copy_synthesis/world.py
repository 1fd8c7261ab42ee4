"""WORLD: pitch, spectral envelope and aperiodicity, and back; offered where the package pyworld is installed.

M. Morise, F. Yokomori, K. Ozawa, "WORLD: a vocoder-based high-quality speech synthesis system for real-time
applications", IEICE Transactions, 2016.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import offer
from antispoof.simulation.speech.engines import ENGINES

__all__ = ["world"]

Rng = np.random.Generator


@offer("copy_world", ENGINES["copy_world"].missing())
def world(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Analysis and synthesis with a slightly shifted pitch; half the time through coded parameters."""
    import pyworld

    wide = samples.astype(np.float64)
    pitch, times = pyworld.dio(wide, 16000)
    pitch = pyworld.stonemask(wide, pitch, times, 16000)
    envelope = pyworld.cheaptrick(wide, pitch, times, 16000)
    aperiodicity = pyworld.d4c(wide, pitch, times, 16000)
    if rng.random() < 0.5:
        size = (envelope.shape[1] - 1) * 2
        coded = pyworld.code_spectral_envelope(envelope, 16000, int(rng.integers(24, 61)))
        envelope = pyworld.decode_spectral_envelope(coded, 16000, size)
    shifted = pitch * 2 ** (rng.normal(0, 0.5) / 12)
    made = pyworld.synthesize(shifted, envelope, aperiodicity, 16000)
    return np.pad(made, (0, max(0, len(samples) - len(made))))[: len(samples)]
