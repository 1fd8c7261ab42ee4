"""Flite: diphones and clustered units of a small concatenative and parametric synthesiser."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.text_to_speech import Talker, program_missing, run_program, talkers


def _say(text: str, rng: np.random.Generator) -> tuple[NDArray[Any], int]:
    voice = str(rng.choice(["kal", "kal16", "awb", "rms", "slt"]))
    stretch = f"duration_stretch={rng.uniform(0.9, 1.15):.2f}"
    return run_program(lambda out: ["flite", "-voice", voice, "--setf", stretch, "-t", text, "-o", str(out)])


talkers.register("tts_flite")(Talker(program_missing("flite"), _say))
