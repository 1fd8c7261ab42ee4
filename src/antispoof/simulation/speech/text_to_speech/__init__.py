"""Text to speech with the engines of this machine, one engine a file.

An engine that is not installed says so when asked to speak and is left out of `found_talkers`. The version of
an engine decides its samples.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.registry import Registry
from antispoof.sensing.audio import RATE, load_audio

__all__ = ["Talker", "found_talkers", "run_program", "speak", "talkers"]

Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Talker:
    """One engine.

    Attributes:
        missing: what must be installed, or an empty text when the engine is ready.
        say: text and generator → samples, (N,), and their rate.
    """

    missing: Callable[[], str]
    say: Callable[[str, Rng], tuple[NDArray[Any], int]]


talkers: Registry[Talker] = Registry("text-to-speech engine", __name__)


def found_talkers() -> tuple[str, ...]:
    """Return the engines that are ready on this machine."""
    return tuple(name for name in talkers if not talkers[name].missing())


def speak(text: str, name: str, rng: Rng) -> NDArray[np.float32]:
    """Let an engine speak; the generator draws voice, speed and pitch. Returns (N,) at 16 kHz.

    Raises:
        UnknownNameError: no such engine.
        InputError: it is not installed, or it fails.
    """
    import soxr

    talker = talkers[name]
    if missing := talker.missing():
        raise InputError(f"{name} needs {missing}, which is not on this machine")
    samples, rate = talker.say(text, rng)
    if len(samples) < rate // 4:
        raise InputError(f"{name} said nothing of {text[:40]!r}")
    return np.asarray(soxr.resample(np.asarray(samples, np.float32), rate, 16000), np.float32)


def program_missing(program: str) -> Callable[[], str]:
    """Return a check for a program of the machine."""
    return lambda: "" if shutil.which(program) else f"the program {program!r}"


def run_program(command: Callable[[Path], list[str]]) -> tuple[NDArray[Any], int]:
    """Run a program that writes a sound file and read the file.

    Raises:
        InputError: it fails, takes more than a minute, or writes nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "speech.wav"
        words = command(out)
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            raise InputError(f"{words[0]} took more than 60 s to speak") from None
        if done.returncode or not out.is_file():
            raise InputError(
                f"{words[0]} failed: {(done.stderr or done.stdout).strip()[:200] or 'no output'}"
            )
        return load_audio(out).array, RATE
