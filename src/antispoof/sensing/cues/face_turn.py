"""Does the nose come out of the plane of the face when a turn of the head is asked for, to the side asked?

The numbers are those of the challenge (`antispoof.challenges.movement`). A print that is turned grows narrow
and its nose stays in the plane; a film that was made before, or somebody else's answer, turns when and where
it likes. A film that turns to order, and a mask with a nose of its own, answer as a head does: against those
this cue says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from antispoof.sensing.cues import ALWAYS, UNASKED, Measured, Unasked, cues

__all__ = ["FaceTurn", "turned"]

WITHIN = ((-0.25, 0.25), (-0.05, 0.1), (-0.25, 0.25), (0.0, 3.0))  # farther says no more
NAMES = ("turn_toward", "turn_away", "turn_narrowed", "turn_over_rest")


class FaceTurn:
    """``face_turn``: how far the nose went to the side asked for, and to the other, and how narrow the face
    grew."""

    name = "face_turn"
    title = "relief of the turn that was asked for"
    drawn = ""
    features: tuple[str, ...] = ("toward", "away", "narrowed", "over_rest")
    reasons: Mapping[str, str] = {
        **ALWAYS,
        **UNASKED,
        "no_answer": "the turn was not shown to its end, or the face was lost",
    }

    def watch(self) -> Unasked:
        """Begin with a clip."""
        return Unasked(self.name)


def turned(measurements: Mapping[str, float]) -> Measured:
    """Make evidence of what the challenge measured.

    Args:
        measurements: ``turn_toward`` and ``turn_away``, in distances of the eyes; ``turn_narrowed``, natural
            logarithm of a ratio; ``turn_over_rest``, ``turn_toward`` over its spread at rest.
    """
    if not set(NAMES) <= set(measurements):
        return Measured("face_turn", None, ("no_answer",))
    toward, away, narrowed, over = (float(measurements[name]) for name in NAMES)
    numbers = [toward, away, narrowed, np.log1p(max(over, 0.0))]
    return Measured("face_turn", np.clip(numbers, *np.transpose(WITHIN)))


cues.register("face_turn")(FaceTurn())
