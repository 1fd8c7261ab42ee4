"""Answers that are evidence: what a turn and coloured light showed, with a ratio instead of passed or not.

The ratio is that of a cue, learned on simulated answers (`antispoof.runtime.cues`). It is added to what the
detector says, within bounds, and lets nobody pass by itself. What does not speak for a person is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from antispoof.challenges import ChallengeResult
from antispoof.sensing.cues import Measured
from antispoof.sensing.cues.face_light import reflected
from antispoof.sensing.cues.face_turn import turned

__all__ = ["EVIDENCE", "evidence_of"]

EVIDENCE: Mapping[str, tuple[str, str]] = {
    "light": ("face_light", "unclear_reflection"),
    "movement": ("face_turn", "not_answered"),
}
"""Challenge → the cue that its answer is evidence for, and the reason where there is no answer."""

_MEASURE: Mapping[str, Callable[[Mapping[str, float]], Measured]] = {"light": reflected, "movement": turned}


def evidence_of(results: Sequence[ChallengeResult]) -> tuple[Measured, ...]:
    """Return what the challenges of a capture are evidence of, also where they were not answered."""
    return tuple(_MEASURE[one.challenge](one.measurements) for one in results if one.challenge in _MEASURE)
