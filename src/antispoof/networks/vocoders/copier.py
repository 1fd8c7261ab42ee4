"""A trained vocoder as a copier of speech: NumPy in, NumPy out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["VocoderCopier"]

_RATES = (16000, 20000, 22050, 24000)


@dataclass(frozen=True, slots=True)
class VocoderCopier:
    """Passes speech through the mel spectrogram and back through a trained vocoder.

    The weights are read again by every process that uses it, so that it can be sent to workers.

    Attributes:
        name: of the vocoder in the registry.
        weights: safetensors file.
    """

    name: str
    weights: Path

    def __call__(self, samples: NDArray[np.float32], rng: np.random.Generator) -> NDArray[Any]:
        """Map float32 (N,) at 16 kHz to as many samples; the generator draws the internal rate."""
        import soxr
        import torch

        from antispoof.networks.vocoders import HOP

        vocoder, spectrogram = _loaded(self.name, self.weights)
        rate = int(rng.choice(_RATES))
        wave = samples if rate == 16000 else soxr.resample(samples, 16000, rate)
        gain = 0.05 / max(float(np.sqrt(np.mean(wave**2))), 1e-6)
        short = -len(wave) % HOP
        with torch.inference_mode():
            torch.manual_seed(int(rng.integers(2**31)))
            made = vocoder.generate(
                spectrogram(torch.from_numpy(np.pad(wave * gain, (0, short)))[None].float())
            )
        out = made[0, : len(wave)].numpy() / gain
        out = out if rate == 16000 else soxr.resample(out, rate, 16000)
        return np.pad(out, (0, max(0, len(samples) - len(out))))[: len(samples)]


_CACHE: dict[tuple[str, Path], Any] = {}


def _loaded(name: str, weights: Path) -> Any:
    if (name, weights) not in _CACHE:
        from safetensors.torch import load_file

        from antispoof.networks.vocoders import MelSpectrogram, vocoders

        vocoder = vocoders[name]()
        vocoder.load_state_dict(load_file(weights), strict=False)
        _CACHE[name, weights] = (vocoder.eval(), MelSpectrogram())
    return _CACHE[name, weights]
