"""Two vocoders share a voice: one below a frequency, the other, or nobody, above it.

As engines of several bands do, and those whose faults lie in one part of the spectrum only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import copiers
from antispoof.simulation.speech.copy_synthesis.griffin_lim import griffin_lim
from antispoof.simulation.speech.copy_synthesis.mel_bottleneck import mel_bottleneck
from antispoof.simulation.speech.copy_synthesis.minimum_phase import pitch_synchronous
from antispoof.simulation.speech.copy_synthesis.rough_phase import rough_phase

__all__ = ["split_band"]

Rng = np.random.Generator

_PARTS = (griffin_lim, mel_bottleneck, pitch_synchronous, rough_phase, None)


@copiers.register("copy_split_band")
def split_band(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Make one copy, and another or none, and put them together at 1 to 5 kHz."""
    first, second = rng.choice(len(_PARTS) - 1), rng.choice(len(_PARTS))
    parts = [samples if (make := _PARTS[which]) is None else make(samples, rng) for which in (first, second)]
    if rng.random() < 0.5:
        parts.reverse()
    edge = np.exp(rng.uniform(np.log(1000), np.log(5000)))
    hertz = np.fft.rfftfreq(len(samples), 1 / 16000)
    above = np.clip((hertz - edge) / rng.uniform(50, 400), 0, 1)
    low, high = (np.fft.rfft(np.asarray(part, np.float32)) for part in parts)
    return np.fft.irfft((1 - above) * low + above * high, len(samples))
