"""hibari: a network of 8 MB that speaks in the manner of Kokoro; offered where the package hibari-tts is.

The package (Apache-2.0) carries one American voice.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.simulation.speech.engines import ENGINES
from antispoof.simulation.speech.text_to_speech import Talker, talkers

_RATE = 24000


@cache
def _voice() -> Any:
    import hibari

    return hibari.Hibari(threads=1)


def _say(text: str, rng: np.random.Generator) -> tuple[NDArray[Any], int]:
    samples = _voice()(text, seed=int(rng.integers(2**31)), speed=float(rng.uniform(0.8, 1.25)))
    return samples, int(_RATE * np.exp(rng.normal(0, 0.08)))  # other throats


talkers.register("tts_hibari")(Talker(ENGINES["tts_hibari"].missing, _say))
