"""Does the face reflect the colours that a screen has just shown it? Only a challenge of light can tell.

The numbers are those of the challenge (`antispoof.challenges.light`). A film that was made before, or that is
fed in place of the camera, cannot know the colours. A print, a mask and a face that is rendered to order
reflect them as well: against those this cue says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from antispoof.sensing.cues import ALWAYS, UNASKED, Measured, Unasked, cues

__all__ = ["FaceLight", "reflected"]

LEAST_CHANCE = 0.005  # one of two hundred sequences


class FaceLight:
    """``face_light``: how few other colours would explain the face as well, and how strongly it reflects."""

    name = "face_light"
    title = "reflected light"
    drawn = ""
    features: tuple[str, ...] = ("unlike_chance", "gain_over_spread")
    reasons: Mapping[str, str] = {
        **ALWAYS,
        **UNASKED,
        "no_answer": "the colours were not shown to their end, or the face was lost",
    }

    def watch(self) -> Unasked:
        """Begin with a clip."""
        return Unasked(self.name)


def reflected(measurements: Mapping[str, float]) -> Measured:
    """Make evidence of what the challenge measured: ``chance``, ``gain`` and ``gain_spread``."""
    if not {"chance", "gain", "gain_spread"} <= set(measurements):
        return Measured("face_light", None, ("no_answer",))
    chance = -np.log(max(measurements["chance"], LEAST_CHANCE))
    gain = measurements["gain"] / max(measurements["gain_spread"], 1e-6)
    return Measured("face_light", np.array([chance, float(np.clip(gain, -10, 10))]))


cues.register("face_light")(FaceLight())
