"""SVOX Pico: hidden Markov models, through the package py-nanotts or the program pico2wave."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.text_to_speech import Talker, run_program, talkers


def _missing() -> str:
    there = importlib.util.find_spec("py_nanotts") or shutil.which("pico2wave")
    return "" if there else "the package py-nanotts or the program 'pico2wave'"


def _say(text: str, rng: np.random.Generator) -> tuple[NDArray[Any], int]:
    voice = str(rng.choice(["en-US", "en-GB"]))
    speed, pitch = rng.uniform(0.85, 1.15), rng.uniform(0.8, 1.2)
    if importlib.util.find_spec("py_nanotts") is None:
        return run_program(lambda out: ["pico2wave", "-l", voice, "-w", str(out), text])
    py_nanotts: Any = importlib.import_module("py_nanotts")

    spoken = py_nanotts.NanoTTS().speak(text, voice=voice, speed=speed, pitch=pitch)
    return np.frombuffer(spoken, np.int16) / 32768, 16000


talkers.register("tts_pico")(Talker(_missing, _say))
