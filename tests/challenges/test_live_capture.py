"""A whole capture, from the first picture to the results, with a clock of its own."""

from __future__ import annotations

import random

import numpy as np
import pytest
from rendered import FRONT, Look, picture

from antispoof.challenges import challenges
from antispoof.challenges.answers import evidence_of
from antispoof.challenges.live import LiveCapture, challenges_for
from antispoof.errors import InputError, UnknownNameError
from antispoof.runtime.cues import answers

GOALS = {
    "turn_left": Look(yaw=-20),
    "turn_right": Look(yaw=20),
    "nod": Look(pitch=14, y=45),
    "come_closer": Look(distance=400),
    "blink": Look(closed=1),
}


def act(capture: LiveCapture, *, obey: bool = True, earlier: int = 0) -> float:
    """Play the person: follow each step half a second after it is shown."""
    rng = np.random.default_rng(earlier)
    now, since = 100.0, 100.0
    while not capture.finished and now < 160:
        if capture.advance(now):
            since = now
            continue
        step = capture.step
        look = FRONT
        if step is not None and obey and 0.5 < now - since < 1.0:
            look = GOALS.get(step.instruction, FRONT)
        colour = step.arguments.get("colour") if step else None
        light = [0.12 * (int(colour[k : k + 2], 16) / 255) ** 2.2 if colour else 0.0 for k in (1, 3, 5)]
        red, green, blue = light if obey else [0.0] * 3
        capture.see(picture(look, screen=(red, green, blue), noise=2, rng=rng), now)
        now += 0.125
    return now


def outcomes(capture: LiveCapture) -> dict[str, str]:
    return {result.challenge: result.outcome for result in capture.results()}


def test_who_follows_passes_and_who_does_not_fails() -> None:
    names = challenges_for("active", voice=False)
    good = LiveCapture(names, random.Random(3))
    end = act(good)
    assert good.finished
    assert end < 125  # answers let the next step come sooner
    assert outcomes(good) == {
        "passive": "passed",
        "movement": "measured",
        "light": "measured",
        "repetition": "passed",
    }
    turn, light = sorted(evidence_of(good.results()), key=lambda found: found.name, reverse=True)
    assert (turn.name, light.name) == ("face_turn", "face_light")
    assert answers(turn)
    assert answers(light)

    idle = LiveCapture(("passive", "light"), random.Random(3))
    act(idle, obey=False)
    assert outcomes(idle) == {"passive": "passed", "light": "failed", "repetition": "passed"}
    assert not any(answers(found) for found in evidence_of(idle.results()))

    again = LiveCapture(("passive",), random.Random(3), earlier=good.digests)
    act(again)
    assert outcomes(again)["repetition"] == "failed"
    fresh = LiveCapture(("passive",), random.Random(3), earlier=good.digests)
    act(fresh, earlier=1)
    assert outcomes(fresh) == {"passive": "passed", "repetition": "passed"}


def test_steps_wait_for_a_good_picture_and_come_one_at_a_time() -> None:
    capture = LiveCapture(("movement",), random.Random(0))
    assert (capture.step, capture.number, capture.steps) == (None, 0, 4)
    for i in range(10):
        assert capture.see(np.full((240, 240, 3), 128, np.uint8), i / 8).hint == "no_face"
        assert not capture.advance(i / 8)
    for i in range(3):
        assert capture.see(picture(), 2 + i / 8).hint is None
    assert capture.advance(3.0)
    assert capture.number == 1
    assert capture.step is not None
    assert capture.step.instruction == "look_ahead"
    assert not capture.advance(3.1)
    unfinished, repetition = capture.results()
    assert (unfinished.outcome, unfinished.reasons) == ("inconclusive", ("not_finished",))
    assert unfinished.advice
    assert repetition.outcome == "passed"


def test_a_step_without_an_answer_ends_with_its_time() -> None:
    capture = LiveCapture(("movement",), random.Random(0))
    for i in range(3):
        capture.see(picture(), i / 8)
    now, starts = 1.0, []
    while not capture.finished:
        if capture.advance(now):
            starts.append(now)
        now += 0.1
    assert np.diff(starts) == pytest.approx([1.2, 6, 6, 6], abs=0.11)
    assert not capture.advance(now)
    assert capture.step is None


def test_pictures_in_coloured_light_are_not_for_the_detector() -> None:
    capture = LiveCapture(("light",), random.Random(0))
    for i in range(3):
        assert capture.see(picture(), i / 8).judge
    capture.advance(0.5)
    assert not capture.see(picture(), 0.6).judge


def test_sound_is_placed_by_its_samples_not_by_a_late_network() -> None:
    capture = LiveCapture(("digits",), random.Random(0))
    for late, i in zip((0.2, 0.05, 0.4, 0.1), range(4), strict=True):
        capture.hear(np.full(1600, i / 10, np.float32), 16000, 50 + (i + 1) * 0.1 + late)
    sound = capture._sound()
    assert sound is not None
    assert sound.start_s == pytest.approx(50.05)
    assert len(sound.samples) == 6400


def test_bad_input_is_refused() -> None:
    capture = LiveCapture(("digits",), random.Random(0))
    capture.hear(np.zeros(10, np.float32), 16000, 1.0)
    with pytest.raises(InputError, match="rate must stay the same"):
        capture.hear(np.zeros(10, np.float32), 44100, 1.0)
    with pytest.raises(InputError, match="float32"):
        capture.hear(np.zeros(10, np.int16), 16000, 1.0)  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="did you mean 'movement'"):
        LiveCapture(("movment",), random.Random(0))
    with pytest.raises(InputError, match="at least one challenge"):
        LiveCapture((), random.Random(0))


@pytest.mark.parametrize("name", list(challenges))
def test_every_challenge_keeps_the_contract(name: str) -> None:
    challenge = challenges[name]
    assert challenge.name == name
    plan = challenge.plan(random.Random(1))
    assert plan == challenge.plan(random.Random(1))
    assert all(0.3 < step.duration_s < 10 for step in plan)
    assert challenge.verify([], None, []).outcome == "inconclusive"
    for words in challenge.reasons.values():
        assert not any(w in words.lower() for w in ("attack", "spoof", "fake", "fraud", "replay", "score"))


def test_modes() -> None:
    assert challenges_for("passive", voice=True) == ("passive",)
    assert challenges_for("active", voice=False) == ("passive", "movement", "light")
    assert set(challenges_for("active", voice=True)) == set(challenges)


def test_a_capture_with_a_gap_was_not_watched_in_one_run() -> None:
    def captured(gap_s: float) -> LiveCapture:
        capture, rng = LiveCapture(("passive",), random.Random(0)), np.random.default_rng(0)
        for number in range(30):
            now = number / 8 + (gap_s if number >= 15 else 0.0)
            capture.see(picture(noise=2, rng=rng), now)
            capture.advance(now)
        return capture

    assert captured(0.0).in_one_run
    assert not captured(1.0).in_one_run


def test_what_is_not_judged_may_have_gaps() -> None:
    capture, rng = LiveCapture(("passive",), random.Random(0)), np.random.default_rng(0)
    blank = np.full((240, 240, 3), 128, np.uint8)
    for number in range(4):
        capture.see(blank, float(number))
    for number in range(10):
        capture.see(picture(noise=2, rng=rng), 5 + number / 8)
    capture.see(blank, 9.0)
    assert capture.in_one_run
    capture.see(picture(noise=2, rng=rng), 9.125)
    assert not capture.in_one_run, "nobody saw what was before the camera for three seconds"
