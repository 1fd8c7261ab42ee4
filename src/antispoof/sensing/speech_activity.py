"""How surely somebody speaks, from moment to moment: Silero VAD, a small network of others.

The network is ``silero_vad_16k_sequence.onnx`` of the package silero-vad 6.2.3
(https://github.com/snakers4/silero-vad; MIT, ``weights/LICENSE.silero_vad``), its weights unchanged, its
convolutions written as matrix products by ``tools/silero_vad_graph.py``. It hears frames of 32 ms, each after
the last 4 ms of the one before, and remembers what was said.
"""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.files import onnx_session

__all__ = ["SPEECH_FRAME", "speech_probability"]

SPEECH_FRAME = 512
"""Samples of a frame, at 16 kHz."""

BEFORE = 64  # samples of the frame before that a frame begins with
AT_ONCE = 512  # frames
LEVEL = 0.1  # root mean square of the loud frames as the network gets them: it has to hear, not to measure


def speech_probability(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Say of each frame how surely somebody speaks in it, however loud the recording is.

    Args:
        samples: (N,), at 16 kHz; N is at least 1.

    Returns:
        float32, (F,), 0 to 1; F is N in frames, rounded up.
    """
    count = -(-len(samples) // SPEECH_FRAME)
    frames = np.zeros((count, SPEECH_FRAME), np.float32)
    frames.reshape(-1)[: len(samples)] = samples
    loud = float(np.percentile(np.einsum("fn,fn->f", frames, frames), 95) / SPEECH_FRAME) ** 0.5
    frames *= LEVEL / max(loud, 1e-7)
    before = np.zeros((count, BEFORE), np.float32)
    before[1:] = frames[:-1, -BEFORE:]
    whole = np.concatenate([before, frames], axis=1)
    hidden, cell = np.zeros((2, 1, 1, 128), np.float32)
    found = []
    for start in range(0, count, AT_ONCE):
        inputs = {"input": whole[start : start + AT_ONCE], "h": hidden, "c": cell}
        part, hidden, cell = _network().run(["speech_probs", "hn", "cn"], inputs)
        found.append(np.asarray(part, np.float32).reshape(-1))
    return np.concatenate(found)


@functools.lru_cache(maxsize=1)
def _network() -> Any:
    return onnx_session(resources.files("antispoof.sensing").joinpath("weights/silero_vad.onnx").read_bytes())
