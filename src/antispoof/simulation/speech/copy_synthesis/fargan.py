"""FARGAN: the neural vocoder inside Opus 1.5; offered where its program ``fargan_demo`` is on the path.

J.-M. Valin, A. Mustafa, J. Büthe, "Very Low Complexity Speech Synthesis Using Framewise Autoregressive GAN
(FARGAN) with Pitch Prediction", IEEE Signal Processing Letters, 2024. The program is built from the
sources of Opus 1.5 (BSD), configured with ``--enable-deep-plc --enable-dred``, by ``make fargan_demo``.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.simulation.speech.copy_synthesis import offer
from antispoof.simulation.speech.copy_synthesis.shaking import levelled, throat
from antispoof.simulation.speech.copy_synthesis.spectra import at_rate
from antispoof.simulation.speech.engines import ENGINES

__all__ = ["fargan"]

Rng = np.random.Generator

_PROGRAM = "fargan_demo"
_HOP, _FEATURES, _CEPSTRA, _PITCH = 160, 36, 18, 18
_SKIPPED = 5  # frames that only start the network
_DELAY = 240  # samples: where copies of speech lie nearest to it, in mel bands
_LEAD = _HOP * 10


@offer("copy_fargan", ENGINES["copy_fargan"].missing())
def fargan(samples: NDArray[np.float32], rng: Rng) -> NDArray[Any]:
    """Features and back at another level and speed; half the time with another tilt, pitch and some noise."""
    rate = throat(rng)
    wave, gain = levelled(at_rate(samples, 16000, rate), rng)
    padded = np.pad(wave, (_LEAD, _LEAD + -len(wave) % _HOP))
    with tempfile.TemporaryDirectory() as folder:
        speech, features, copy = (Path(folder) / name for name in ("in.pcm", "features.f32", "out.pcm"))
        (np.clip(padded, -1, 1) * 32767).astype("<i2").tofile(speech)
        _run("-features", speech, features)
        frames = np.fromfile(features, "<f4").reshape(-1, _FEATURES)
        if rng.random() < 0.5:
            frames = _altered(frames, rng)
            frames.astype("<f4").tofile(features)
        _run("-fargan-synthesis", features, copy)
        made = np.fromfile(copy, "<i2") / np.float32(32768 * gain)
    start = _LEAD - _SKIPPED * _HOP + _DELAY
    return at_rate(made[start : start + len(wave)], rate, 16000, len(samples))


def _altered(frames: NDArray[np.float32], rng: Rng) -> NDArray[np.float32]:
    """Change features, (frames, 36), within what stays speech: cepstra, and pitch in octaves."""
    changed = frames.copy()
    changed[:, 1:_CEPSTRA] += rng.normal(0, 0.06, _CEPSTRA - 1)
    changed[:, :_CEPSTRA] += rng.normal(0, rng.uniform(0, 0.1), (len(frames), _CEPSTRA))
    changed[:, _PITCH] += rng.normal(0, 0.5) / 12
    return changed


def _run(task: str, source: Path, out: Path) -> None:
    try:
        done = subprocess.run(
            [_PROGRAM, task, str(source), str(out)], capture_output=True, text=True, check=False, timeout=300
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{_PROGRAM} {task} failed: {error}") from None
    if done.returncode or not out.is_file():
        raise InputError(f"{_PROGRAM} {task} failed: {done.stderr.strip()[:200] or 'no output'}")
