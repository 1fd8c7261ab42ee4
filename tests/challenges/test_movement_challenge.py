"""Turn, nod, blink, come closer: seen in a rendered head, not seen in a flat picture or a person at rest."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from rendered import FRONT, Look, on_paper, picture

from antispoof.challenges import ShownStep, Step, challenges
from antispoof.challenges.answers import evidence_of
from antispoof.challenges.frame import Frame, observe
from antispoof.challenges.movement import eye_openness, nose_shift
from antispoof.runtime.cues import answers, judge_cues
from antispoof.sensing.faces import find_faces, find_landmarks

MOVEMENT = challenges["movement"]
RATE = 8.0
EASE = (0.0, 0.0, 0.35, 0.7, 1.0, 1.0, 1.0, 0.7, 0.35, 0.0, 0.0)
GOALS = {
    "turn_left": Look(yaw=-20),
    "turn_right": Look(yaw=20),
    "nod": Look(pitch=14, y=45),
    "come_closer": Look(distance=400),
    "blink": Look(closed=1),
}


def towards(goal: Look, share: float) -> Look:
    if goal.closed:
        return Look(closed=float(share == 1.0))
    names = ("yaw", "pitch", "y", "distance")
    return replace(
        FRONT, **{n: getattr(FRONT, n) + share * (getattr(goal, n) - getattr(FRONT, n)) for n in names}
    )


def film(looks: Iterable[Look], subject: int | None, start_s: float = 0.0) -> list[Frame]:
    rng = np.random.default_rng(4)
    return [
        observe(picture(look, subject=subject, rng=rng), start_s + i / RATE) for i, look in enumerate(looks)
    ]


def acted(names: Iterable[str], subject: int | None = None) -> tuple[list[Frame], list[ShownStep]]:
    """Look ahead, then do as told."""
    frames = film([FRONT] * 6, subject)
    shown = [ShownStep(Step("look_ahead", 1), 0.0, 0.8)]
    for name in names:
        begin = frames[-1].time_s + 1 / RATE
        frames += film([towards(GOALS[name], share) for share in EASE], subject, begin)
        shown.append(ShownStep(Step(name, 6), begin - 0.05, frames[-1].time_s + 0.05))
    return frames, shown


@pytest.mark.parametrize("subject", [None, 4])
def test_each_movement_is_seen_and_only_that(subject: int | None) -> None:
    for name in GOALS:
        frames, shown = acted([name], subject)
        result = MOVEMENT.verify(frames, None, shown)
        turn = name.startswith("turn")
        assert result.outcome == ("measured" if turn else "passed"), name
        if turn:
            assert all(answers(found) for found in evidence_of([result])), result.measurements
        for other in GOALS.keys() - {name}:
            asked = [shown[0], replace(shown[1], step=Step(other, 6))]
            if (name, other) in {("nod", "blink"), ("turn_left", "blink"), ("turn_right", "blink")}:
                continue  # eyes look different from another side: not told apart, as the docs say
            result = MOVEMENT.verify(frames, None, asked)
            assert result.outcome == "failed", (name, other, result.measurements)
            assert result.reasons == ("not_answered",)
            assert result.advice


def test_a_sequence_in_another_order_fails() -> None:
    frames, shown = acted(["turn_left", "come_closer", "turn_right"])
    result = MOVEMENT.verify(frames, None, shown)
    assert result.outcome == "measured"
    assert result.measurements["answered"] == 3
    wrong = [
        shown[0],
        replace(shown[1], step=shown[3].step),
        shown[2],
        replace(shown[3], step=shown[1].step),
    ]
    assert MOVEMENT.verify(frames, None, wrong).outcome == "failed"


def test_a_movement_before_it_was_asked_for_does_not_count() -> None:
    held = film([Look(yaw=-20)] * 10, None, 1.0)
    frames = film([FRONT] * 6, None) + held
    shown = [
        ShownStep(Step("look_ahead", 1), 0.0, 0.8),
        ShownStep(Step("turn_left", 6), 0.95, 3.0),
    ]
    assert MOVEMENT.verify(frames, None, shown).outcome == "failed"


def test_a_flat_print_that_is_turned_is_no_turn() -> None:
    flat = picture(FRONT, size=320)
    shown = [ShownStep(Step("look_ahead", 1), 0.0, 0.8), ShownStep(Step("turn_left", 6), 0.9, 3.0)]
    for sign in (-1, 1):
        frames = [observe(on_paper(flat, 0), i / RATE) for i in range(6)]
        frames += [observe(on_paper(flat, sign * 35 * share), 1 + i / RATE) for i, share in enumerate(EASE)]
        result = MOVEMENT.verify(frames, None, shown)
        (found,) = evidence_of([result])
        (said,) = judge_cues([found])
        assert not answers(found)
        assert said.score is not None
        assert said.score < 0, "no answer, and evidence against"


def test_a_turn_to_the_other_side_is_no_answer() -> None:
    frames, shown = acted(["turn_right"])
    wrong = [shown[0], replace(shown[1], step=Step("turn_left", 6))]
    (right,), (other,) = (evidence_of([MOVEMENT.verify(frames, None, asked)]) for asked in (shown, wrong))
    assert answers(right)
    assert not answers(other)
    assert judge_cues([right])[0].contribution > 0 >= judge_cues([other])[0].contribution


def test_one_movement_at_least_is_a_turn() -> None:
    for seed in range(60):
        asked = [step.instruction for step in MOVEMENT.plan(random.Random(seed))[1:]]
        assert len(set(asked)) == 3
        assert any(name.startswith("turn") for name in asked)


def test_a_face_that_cannot_be_measured_is_inconclusive() -> None:
    frames, shown = acted(["nod"])
    blind = [replace(f, landmarks=None, aligned=None) for f in frames]
    assert MOVEMENT.verify(blind, None, shown).reasons == ("not_measurable",)
    assert MOVEMENT.verify([], None, shown).outcome == "inconclusive"
    assert MOVEMENT.verify(frames, None, []).outcome == "inconclusive"
    half = frames[:6] + blind[6:]
    assert MOVEMENT.verify(half, None, shown).outcome == "inconclusive"


def test_answered_follows_the_movement() -> None:
    frames, shown = acted(["turn_right"])
    so_far = [MOVEMENT.answered(frames[:n], shown) for n in range(6, len(frames) + 1)]
    assert not so_far[0]
    assert so_far[-1]
    assert so_far == sorted(so_far)
    assert not MOVEMENT.answered(frames, shown[:1])


def test_plans_cannot_be_foreseen_and_do_not_repeat() -> None:
    plans = {tuple(s.instruction for s in MOVEMENT.plan(random.Random(i))) for i in range(1000)}
    assert len(plans) == 5 * 4 * 3 - 3 * 2, "all but those without a turn"
    assert all(plan[0] == "look_ahead" and len(set(plan)) == 4 for plan in plans)


@pytest.mark.parametrize("angle", [0, 20, -35, 90])
def test_nose_shift_ignores_turns_in_the_plane_scale_and_shear(angle: float) -> None:
    points = np.array([[10, 10], [30, 10], [23, 20], [12, 30], [28, 30]], float)
    a = np.radians(angle)
    affine = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ [[3, 0.4], [0, 1.5]]
    assert nose_shift(points @ affine.T + (5, -7)) == pytest.approx(nose_shift(points))
    assert nose_shift(points) == pytest.approx(0.15)


def test_landmarks_lie_in_the_face(portrait: NDArray[np.uint8]) -> None:
    box = find_faces(portrait)[0].box
    points = find_landmarks(portrait, box)
    assert points is not None
    left, right, nose, mouth_left, mouth_right = points
    assert left[0] < nose[0] < right[0]
    assert left[1] < nose[1] < mouth_left[1]
    assert mouth_left[0] < mouth_right[0]
    inside = (points > (box.x, box.y)) & (points < (box.x + box.width, box.y + box.height))
    assert inside.all()
    # Where they are in that picture, to a tenth of the distance between the eyes.
    expected = np.array([[201, 102], [247, 102], [222, 125], [202, 144], [241, 144]])
    assert np.abs(points - expected).max() < 5


def test_no_landmarks_where_there_is_no_face(portrait: NDArray[np.uint8]) -> None:
    box = find_faces(portrait)[0].box
    assert find_landmarks(np.full_like(portrait, 128), box) is None


def test_eye_openness_of_few_frames_is_unknown() -> None:
    assert np.isnan(eye_openness(film([FRONT] * 2, None))).all()
