"""Look into the camera for a moment: several pictures of one person, none of which repeats."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from antispoof.challenges import (
    ChallengeResult,
    ShownStep,
    Sound,
    Step,
    challenges,
    conclude,
    frames_of,
)
from antispoof.challenges.frame import Frame
from antispoof.sensing.repetition import REPEATED_ADVICE, find_repetition

__all__ = ["Passive"]

DURATION_S = 2.5
MIN_FRAMES = 6
MIN_SPAN_S = 1.0
MIN_WITH_FACE = 0.8
MAX_WITH_SEVERAL = 0.2
JUMP = 0.6  # face sides between neighbouring frames: nobody moves that far in a quarter of a second
JUMP_WITHIN_S = 0.25


class Passive:
    """``passive``: look into the camera."""

    name = "passive"
    reasons: Mapping[str, str] = {
        "too_few_frames": "the connection was too slow: try again",
        "no_face": "keep your face in the oval until the end",
        "several_faces": "have one person in front of the camera",
        "discontinuous": "hold still, and keep your face in the oval until the end",
        "frozen": REPEATED_ADVICE,
        "looped": REPEATED_ADVICE,
    }

    def plan(self, rng: random.Random) -> tuple[Step, ...]:  # noqa: ARG002 - there is nothing to draw
        """Return the one step there is."""
        return (Step("look_ahead", DURATION_S),)

    def answered(self, frames: Sequence[Frame], shown: Sequence[ShownStep]) -> bool:  # noqa: ARG002
        """Return False: the step takes its time."""
        return False

    def verify(
        self,
        frames: Sequence[Frame],
        sound: Sound | None,  # noqa: ARG002
        shown: Sequence[ShownStep],
    ) -> ChallengeResult:
        """Check that one face was there all the time, in pictures that follow each other."""
        mine = [frame for step in shown for frame in frames_of(frames, step)]
        span = mine[-1].time_s - mine[0].time_s if mine else 0.0
        count = max(len(mine), 1)
        repetition = find_repetition(mine)
        measurements = {
            "frames": float(len(mine)),
            "span_s": span,
            "with_face": sum(frame.box is not None for frame in mine) / count,
            "with_several_faces": sum(frame.faces > 1 for frame in mine) / count,
            "largest_jump_sides": _largest_jump(mine),
            "frozen_s": repetition.frozen_s,
            "duplicated": repetition.duplicated,
            "returned_frames": float(repetition.returned),
            "loop_ratio": repetition.loop_ratio,
        }
        if len(mine) < MIN_FRAMES or span < MIN_SPAN_S:
            return conclude(self, "inconclusive", measurements, ("too_few_frames",))
        checks = (
            ("no_face", measurements["with_face"] < MIN_WITH_FACE),
            ("several_faces", measurements["with_several_faces"] > MAX_WITH_SEVERAL),
            ("discontinuous", measurements["largest_jump_sides"] > JUMP),
        )
        reasons = tuple(code for code, found in checks if found)
        if repetition.reasons:
            return conclude(self, "failed", measurements, (*repetition.reasons, *reasons))
        return conclude(self, "inconclusive" if reasons else "passed", measurements, reasons)


def _largest_jump(frames: Sequence[Frame]) -> float:
    """Return the largest move of the face between neighbouring frames, in sides of the face."""
    largest = 0.0
    for before, after in pairwise(frames):
        if before.box is None or after.box is None or after.time_s - before.time_s > JUMP_WITHIN_S:
            continue
        a, b = before.box, after.box
        move = np.hypot(a.x + a.width / 2 - b.x - b.width / 2, a.y + a.height / 2 - b.y - b.height / 2)
        largest = max(largest, float(move) / max(a.width, a.height))
    return largest


challenges.register("passive")(Passive())
