"""Sentences for engines to say, drawn from a small grammar: many texts, no corpus, no licence."""

from __future__ import annotations

import numpy as np

__all__ = ["sentence"]

_WHO = (
    "the old captain", "my neighbour", "a quiet student", "the woman from the bakery", "our teacher",
    "every visitor", "his younger brother", "the tall gardener", "nobody in the village",
    "one of the nurses", "the judge", "a stranger", "the whole orchestra", "her grandmother",
    "the night porter", "a shepherd", "the engineer", "their youngest daughter",
)  # fmt: skip
_DOES = (
    "has forgotten", "wanted to buy", "was looking for", "will never sell", "carefully repaired",
    "often talks about", "could not find", "gave away", "painted", "kept thinking of",
    "promised to return", "shouted at", "measured", "dreamed of", "is afraid of", "quickly finished",
    "borrowed", "described",
)  # fmt: skip
_WHAT = (
    "the green bicycle", "seven cups of coffee", "a house by the river", "the last chapter",
    "those heavy boxes", "the broken telephone", "an unusual question", "the key to the garden gate",
    "three hundred letters", "a jar of honey", "the voice on the radio", "fresh vegetables",
    "the general's horse", "a very long journey", "the price of wood", "that strange noise",
    "a pair of gloves", "the number nine bus",
)  # fmt: skip
_WHEN = (
    "before breakfast", "on a Thursday in March", "while it was raining", "without saying why",
    "at a quarter to six", "in the middle of the bridge", "after the thunderstorm", "for the first time",
    "as if nothing had happened", "because the shop was closed", "under the orange lamp", "two years ago",
    "when the music stopped", "every evening",
)  # fmt: skip


def sentence(rng: np.random.Generator) -> str:
    """Draw one sentence of eight to eighteen words."""
    who, does, what, when = (str(rng.choice(words)) for words in (_WHO, _DOES, _WHAT, _WHEN))
    text = f"{when}, {who} {does} {what}" if rng.random() < 0.3 else f"{who} {does} {what} {when}"
    return text[0].upper() + text[1:] + ("." if rng.random() < 0.85 else "?")
