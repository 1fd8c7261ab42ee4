"""Turn, nod, blink or come closer, in an order nobody can foresee."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from antispoof.challenges import (
    ChallengeResult,
    ShownStep,
    Sound,
    Step,
    challenges,
    conclude,
    frames_of,
)
from antispoof.challenges.frame import ALIGNED_EYES, Frame
from antispoof.sensing.faces import Landmarks

__all__ = ["Movement", "eye_openness", "nose_shift"]

STEPS = 3
LOOK_S = 1.2
STEP_S = 6.0
MIN_BASE_FRAMES = 3

TURNS = ("turn_left", "turn_right")
TURN = 0.09  # nose_shift: about 10 degrees of a head, with which the next step may come
LEAST_TURN = 0.06  # with less nobody turned; a flat picture reaches 0.04 at 30 degrees, a nod 0.054
NOD = 0.22  # eye distances that the eyes sink: about 14 mm
CLOSER = 1.25  # times the first distance between the eyes
CLOSED = 0.93  # of the openness that is typical of the step, and so many times its spread below
CLOSED_SPREADS = 6.0
OPEN_AGAIN = 0.96
LEAST_SPREAD = 0.005  # of the nose at rest, distances of the eyes
LONGEST_BLINK_S = 2.0
MIN_RUN = 2  # frames in a row, so that one bad landmark answers nothing


class Movement:
    """``movement``: three movements out of five, after a moment of looking ahead.

    One of them at least is a turn. The steps are judged against the look ahead. A turn is measured by the
    parallax of the nose against the plane of eyes and mouth, which a flat picture does not have: how far it
    went is evidence with a ratio (`antispoof.challenges.answers`). A nod, coming closer and a blink are
    movements in the picture, which are there or not.
    """

    name = "movement"
    reasons: Mapping[str, str] = {
        "not_measurable": "keep your whole face in the oval, in even light, and try again",
        "not_answered": "follow each prompt as it appears, a little more clearly, and try again",
    }

    def plan(self, rng: random.Random) -> tuple[Step, ...]:
        """Draw three different movements: a turn, and two that may hold the other turn."""
        turn = rng.choice(TURNS)
        chosen = [turn, *rng.sample(sorted(_ANSWERS.keys() - {turn}), STEPS - 1)]
        rng.shuffle(chosen)
        return (Step("look_ahead", LOOK_S), *(Step(name, STEP_S) for name in chosen))

    def answered(self, frames: Sequence[Frame], shown: Sequence[ShownStep]) -> bool:
        """Tell whether the last movement has been seen."""
        if shown[-1].step.instruction == "look_ahead":
            return False
        base = _base(frames_of(frames, shown[0]))
        return base is not None and _answer(frames, shown[-1], base).found

    def verify(
        self,
        frames: Sequence[Frame],
        sound: Sound | None,  # noqa: ARG002
        shown: Sequence[ShownStep],
    ) -> ChallengeResult:
        """Look for each movement while it was asked for."""
        base = _base(frames_of(frames, shown[0])) if shown else None
        if base is None or len(shown) < 2:
            return conclude(
                self, "inconclusive", {"steps": float(max(len(shown) - 1, 0))}, ("not_measurable",)
            )
        measurements: dict[str, float] = {"steps": len(shown) - 1.0, "answered": 0.0}
        measurable = True
        turns: list[_Turn] = []
        for number, step in enumerate(shown[1:], 1):
            answer = _answer(frames, step, base)
            turn = _turn(frames, step, base) if step.step.instruction in TURNS else None
            label = f"step_{number}_{step.step.instruction}"
            measurements[label] = answer.value
            if answer.after_s is not None:
                measurements[f"{label}_after_s"] = answer.after_s
            if turn is not None:
                turns.append(turn)
                answer = replace(answer, found=min(turn.toward, turn.came) >= LEAST_TURN)
            measurements["answered"] += answer.found
            measurable &= answer.measurable
        if turns and measurable:
            measurements |= _together(turns)
        if measurements["answered"] == measurements["steps"]:
            return conclude(self, "measured" if turns else "passed", measurements)
        if not measurable:
            return conclude(self, "inconclusive", measurements, ("not_measurable",))
        return conclude(self, "failed", measurements, ("not_answered",))


def nose_shift(landmarks: Landmarks) -> float:
    """Return how far the tip of the nose is from the middle line of the face, in eye distances.

    The nose is written in the affine frame of the eyes and the middle of the mouth, so that turning, tilting
    and moving a flat picture leaves the number almost as it is, whereas the nose of a head stands in front
    of that plane and moves by about 0.6 times the tangent of the angle. Positive: to the right of the
    picture, which is the person's own left.
    """
    left, right, nose, mouth_left, mouth_right = landmarks
    eyes, mouth = (left + right) / 2, (mouth_left + mouth_right) / 2
    across, down = right - left, mouth - eyes
    area = across[0] * down[1] - across[1] * down[0]
    offset = nose - eyes
    return float((offset[0] * down[1] - offset[1] * down[0]) / area) if abs(area) > 1e-6 else 0.0


def eye_openness(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Return how much both eyes look as they do most of the time: 1 as usual, towards 0 when closed.

    Each eye is compared with its own median over the frames by normalised correlation, relative to what is
    typical; what the rest of the face loses at the same time (blur, a change of pose) is not counted. NaN
    where there is no face.

    Returns:
        float64, (N,).
    """
    known = [i for i, frame in enumerate(frames) if frame.aligned is not None]
    openness = np.full(len(frames), np.nan)
    if len(known) < MIN_BASE_FRAMES:
        return openness
    faces: Any = np.stack([frame.aligned for frame in frames if frame.aligned is not None]).astype(np.float32)
    eyes = np.mean([_likeness(faces, round(x), round(y)) for x, y in ALIGNED_EYES], axis=0)
    rest = _likeness(faces, 40, 52)  # the nose and what is below it
    usual = max(float(np.median(eyes)), 0.1)
    lost = np.clip(np.median(rest) - rest, 0, 1)
    openness[known] = np.clip(eyes / usual + lost, 0, 1)
    return openness


@dataclass(frozen=True, slots=True)
class _Base:
    """The person at rest: nose shift and its spread, height of the eyes and their distance, in pixels, and
    that over the distance of the mouth."""

    nose: float
    nose_spread: float
    eyes_y: float
    eyes_apart: float
    width: float


@dataclass(frozen=True, slots=True)
class _Turn:
    """How far the nose was from rest on the side asked for, and how far it came there and went to the other
    side since the prompt, distances of the eyes, by two pictures in a row; how narrow the face grew, natural
    logarithm; and how many spreads of rest the first is."""

    toward: float
    came: float
    away: float
    narrowed: float
    over_rest: float


@dataclass(frozen=True, slots=True)
class _Answer:
    found: bool
    measurable: bool
    value: float
    after_s: float | None = None


def _base(frames: Sequence[Frame]) -> _Base | None:
    points = [frame.landmarks for frame in frames if frame.landmarks is not None]
    if len(points) < MIN_BASE_FRAMES:
        return None
    shifts = np.array([nose_shift(p) for p in points])
    nose = float(np.median(shifts))
    return _Base(
        nose=nose,
        nose_spread=1.4826 * float(np.median(np.abs(shifts - nose))),
        eyes_y=float(np.median([p[:2, 1].mean() for p in points])),
        eyes_apart=float(np.median([_eyes_apart(p) for p in points])),
        width=float(np.median([_width(p) for p in points])),
    )


def _turn(frames: Sequence[Frame], shown: ShownStep, base: _Base) -> _Turn | None:
    """Measure a turn while it was asked for; None where the face was hardly seen."""
    points = _points(frames_of(frames, shown))
    if len(points) < MIN_BASE_FRAMES:
        return None
    sign = 1.0 if shown.step.instruction == "turn_left" else -1.0
    shifts = sign * (np.array([nose_shift(p) for p in points]) - base.nose)
    widths = np.array([_width(p) for p in points]) / max(base.width, 1e-6)
    near, far = np.minimum(shifts[1:], shifts[:-1]), np.maximum(shifts[1:], shifts[:-1])
    toward, first = float(near.max()), float(shifts[:2].mean())
    narrowed = -float(np.log(max(np.quantile(widths, 0.1), 0.1)))
    over = toward / (base.nose_spread + LEAST_SPREAD)
    return _Turn(toward, toward - float(shifts.min()), first - float(far.min()), narrowed, over)


def _together(turns: Sequence[_Turn]) -> dict[str, float]:
    """Return what the turns of a capture were on average."""
    rows = np.array([(one.toward, one.away, one.narrowed, one.over_rest) for one in turns]).mean(axis=0)
    names = ("turn_toward", "turn_away", "turn_narrowed", "turn_over_rest")
    return dict(zip(names, rows.tolist(), strict=True))


def _answer(frames: Sequence[Frame], shown: ShownStep, base: _Base) -> _Answer:
    """Look for the movement: not there at first, there later, by `MIN_RUN` frames in a row."""
    seen = [frame for frame in frames_of(frames, shown) if frame.landmarks is not None]
    if len(seen) < MIN_BASE_FRAMES:
        return _Answer(False, False, 0.0)
    values, limit = _ANSWERS[shown.step.instruction](seen, base)
    there = values >= limit
    value = float(values.max())
    if there.all():  # it was there before it was asked for
        return _Answer(False, True, value)
    begin = int(np.argmin(there))
    for i in range(begin + 1, len(seen) - MIN_RUN + 1):
        if there[i : i + MIN_RUN].all():
            return _Answer(True, True, value, seen[i].time_s - shown.start_s)
    return _Answer(False, True, value)


Values = tuple[NDArray[np.float64], float]


def _points(frames: Sequence[Frame]) -> list[Landmarks]:
    return [frame.landmarks for frame in frames if frame.landmarks is not None]


def _width(points: Landmarks) -> float:
    """Distance of the eyes over that of the mouth from them."""
    down = points[3:].mean(axis=0) - points[:2].mean(axis=0)
    return _eyes_apart(points) / max(float(np.hypot(*down)), 1e-6)


def _eyes_apart(points: Landmarks) -> float:
    return float(np.hypot(*(points[1] - points[0])))


def _turned_left(frames: Sequence[Frame], base: _Base) -> Values:
    return np.array([nose_shift(p) - base.nose for p in _points(frames)]), TURN


def _turned_right(frames: Sequence[Frame], base: _Base) -> Values:
    return np.array([base.nose - nose_shift(p) for p in _points(frames)]), TURN


def _nodded(frames: Sequence[Frame], base: _Base) -> Values:
    return np.array([(p[:2, 1].mean() - base.eyes_y) / base.eyes_apart for p in _points(frames)]), NOD


def _closer(frames: Sequence[Frame], base: _Base) -> Values:
    return np.array([_eyes_apart(p) / base.eyes_apart for p in _points(frames)]), CLOSER


def _blinked(frames: Sequence[Frame], base: _Base) -> Values:  # noqa: ARG001
    """Return 1 in the frames of a blink that has ended: eyes closed for a moment, open before and after."""
    openness = np.nan_to_num(eye_openness(frames), nan=1.0)
    spread = 1.4826 * float(np.median(np.abs(openness - np.median(openness))))
    limit = min(CLOSED, 1 - CLOSED_SPREADS * spread)
    times = np.array([frame.time_s for frame in frames])
    blinked = np.zeros(len(frames))
    for i in np.flatnonzero(openness < limit):
        before = np.flatnonzero((times < times[i]) & (times >= times[i] - LONGEST_BLINK_S))
        after = np.flatnonzero((times > times[i]) & (times <= times[i] + LONGEST_BLINK_S))
        if (openness[before] > OPEN_AGAIN).any() and (openness[after] > OPEN_AGAIN).any():
            blinked[i:] = 1.0
    return blinked, 1.0


_ANSWERS: Mapping[str, Callable[[Sequence[Frame], _Base], Values]] = {
    "turn_left": _turned_left,
    "turn_right": _turned_right,
    "nod": _nodded,
    "blink": _blinked,
    "come_closer": _closer,
}


def _likeness(faces: Any, x: int, y: int) -> NDArray[np.float64]:
    """Correlate a part of each aligned face with its median, at the best of small shifts; (N,), 0 to 1."""
    across, down, slack = 9, 5, 2
    rows, columns = slice(y - down, y + down), slice(x - across, x + across)
    usual = np.median(faces[:, rows, columns], axis=0).astype(np.float32)
    wider = faces[:, y - down - slack : y + down + slack, x - across - slack : x + across + slack]
    found = [
        cv2.matchTemplate(np.ascontiguousarray(part), usual, cv2.TM_CCOEFF_NORMED).max() for part in wider
    ]
    return np.clip(np.nan_to_num(np.array(found, np.float64)), 0, 1)


challenges.register("movement")(Movement())
