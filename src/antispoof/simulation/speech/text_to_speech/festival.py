"""Festival: diphones and, where its voice is installed, hidden Markov models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.text_to_speech import Talker, program_missing, run_program, talkers

_VOICES = ("kal_diphone", "ked_diphone", "cmu_us_slt_arctic_hts")
_FOLDERS = (Path("/usr/share/festival/voices"), Path("/usr/lib/festival/voices"))


def _say(text: str, rng: np.random.Generator) -> tuple[NDArray[Any], int]:
    installed = [v for v in _VOICES if any(f for folder in _FOLDERS for f in folder.glob(f"*/{v}"))]
    chosen = str(rng.choice(installed)) if installed else ""

    def command(out: Path) -> list[str]:
        source = out.with_suffix(".txt")
        source.write_text(text, encoding="utf-8")
        voice = ["-eval", f"(voice_{chosen})"] if chosen else []
        return ["text2wave", *voice, str(source), "-o", str(out)]

    return run_program(command)


talkers.register("tts_festival")(Talker(program_missing("text2wave"), _say))
