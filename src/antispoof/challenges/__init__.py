"""Capture challenges: what a person in front of a camera is asked to do, and whether they did.

A challenge plans steps nobody can foresee, which are revealed one at a time; what was seen and heard between
the showing of a step and its end, by the server's clock, is the response. `frame` holds what is kept of a
picture, `live` leads through a whole capture.

An answer makes some attacks harder. A turn and coloured light are evidence with a ratio (`answers`); other
challenges are passed or not. None speaks for bona fide by itself: the verdict also rests on what the detector
sees. What each can and cannot show stands in ``docs/concepts/challenges.md``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from antispoof.challenges.frame import Frame
from antispoof.registry import Registry

__all__ = [
    "Challenge",
    "ChallengeResult",
    "Outcome",
    "ShownStep",
    "Sound",
    "Step",
    "challenges",
    "conclude",
    "frames_of",
]

Outcome = Literal["passed", "measured", "failed", "inconclusive"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        instruction: code that the page turns into words, for example ``turn_left``.
        duration_s: how long it may take; a step without an answer before then takes exactly this long.
        arguments: what the page shows with it: ``{"colour": "#ff4040"}``, ``{"digit": "7"}``.
    """

    instruction: str
    duration_s: float
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step with the time at which it was revealed and the time at which it ended.

    Attributes:
        step: what was asked for.
        start_s: when it was sent, by the server's clock, in seconds.
        end_s: when it was answered or its time was up.
    """

    step: Step
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard.

    Attributes:
        samples: float32, (N,), -1 to 1.
        rate: samples a second.
        start_s: time of the first sample by the server's clock, in seconds.
    """

    samples: NDArray[np.float32]
    rate: int
    start_s: float


@dataclass(frozen=True, slots=True)
class ChallengeResult:
    """Whether a challenge was met.

    Attributes:
        challenge: its registered name.
        outcome: ``passed``; ``measured``, where there is an answer that is evidence with a ratio, see
            `antispoof.challenges.answers`; ``failed``, when the response was looked for under conditions in
            which it would have been found; ``inconclusive``, when conditions allowed no answer.
        measurements: the numbers that were compared with limits, unit in the name.
        reasons: why it was not answered, as codes of the challenge's ``reasons``.
        advice: the same in neutral words for the person in front of the camera.
    """

    challenge: str
    outcome: Outcome
    measurements: Mapping[str, float]
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


class Challenge(Protocol):
    """One kind of challenge.

    Attributes:
        name: the registered name.
        reasons: code → neutral words that tell what to do, and nothing about how attacks are found.
    """

    name: str
    reasons: Mapping[str, str]

    def plan(self, rng: random.Random) -> tuple[Step, ...]:
        """Draw the steps; pass `random.SystemRandom` where nobody may foresee them."""
        ...

    def answered(self, frames: Sequence[Frame], shown: Sequence[ShownStep]) -> bool:
        """Tell whether the last step shown has its answer already, so that the next may be revealed."""
        ...

    def verify(
        self, frames: Sequence[Frame], sound: Sound | None, shown: Sequence[ShownStep]
    ) -> ChallengeResult:
        """Compare what was seen and heard with what was asked for.

        Args:
            frames: in the order of their times.
            sound: None without a microphone.
            shown: the challenge's own steps, in order.
        """
        ...


challenges: Registry[Challenge] = Registry("capture challenge", __name__)


def frames_of(frames: Sequence[Frame], shown: ShownStep, grace_s: float = 0.0) -> list[Frame]:
    """Return the frames that arrived while a step was shown, or up to ``grace_s`` later."""
    return [frame for frame in frames if shown.start_s <= frame.time_s <= shown.end_s + grace_s]


def conclude(
    challenge: Challenge, outcome: Outcome, measurements: Mapping[str, float], reasons: tuple[str, ...] = ()
) -> ChallengeResult:
    """Build a challenge's result, with the advice that belongs to the reasons."""
    advice = tuple(challenge.reasons[code] for code in reasons)
    return ChallengeResult(challenge.name, outcome, dict(measurements), reasons, advice)
