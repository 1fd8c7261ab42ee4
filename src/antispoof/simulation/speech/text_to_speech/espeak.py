"""eSpeak NG: formant synthesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.text_to_speech import Talker, program_missing, run_program, talkers

_VOICES = (
    "en-us",
    "en-gb",
    "en-gb-scotland",
    "en-us+f2",
    "en-us+f4",
    "en-us+m3",
    "en-gb+m7",
    "en-gb+f3",
    "en-us+m5",
)


def _say(text: str, rng: np.random.Generator) -> tuple[NDArray[Any], int]:
    voice, speed, pitch = str(rng.choice(_VOICES)), int(rng.integers(130, 190)), int(rng.integers(25, 75))
    return run_program(
        lambda out: ["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", str(out), text]
    )


talkers.register("tts_espeak")(Talker(program_missing("espeak-ng"), _say))
