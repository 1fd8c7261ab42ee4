"""The screen's colours are found in a rendered face that they light, and in nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered import FRONT, Look, picture

from antispoof.challenges import ChallengeResult, ShownStep, Sound, challenges
from antispoof.challenges.answers import evidence_of
from antispoof.challenges.frame import Frame, observe
from antispoof.challenges.light import PALETTE, find_reflection
from antispoof.runtime.cues import answers

LIGHT = challenges["light"]
RATE = 8.0


def is_answer(result: ChallengeResult) -> bool:
    return result.outcome == "measured" and all(answers(found) for found in evidence_of([result]))


def planned(seed: int) -> list[ShownStep]:
    steps = LIGHT.plan(random.Random(seed))
    return [ShownStep(step, 10 + 0.7 * i, 10 + 0.7 * (i + 1)) for i, step in enumerate(steps)]


def lit(
    lights: list[ShownStep], strength: float, *, lag: float = 0.3, subject: int | None = None
) -> list[Frame]:
    """Film a person whose screen shows ``lights``, ``lag`` seconds late, among small movements."""
    rng = np.random.default_rng(0)
    looks = [Look(x=x) for x in (0, 2, 4, 2)]
    frames = []
    for i in range(int((lights[-1].end_s - lights[0].start_s) * RATE)):
        now = lights[0].start_s + i / RATE
        colour = [s.step.arguments["colour"] for s in lights if s.start_s <= now - lag]
        channels = [(int(colour[-1][k : k + 2], 16) / 255) ** 2.2 for k in (1, 3, 5)] if colour else [0] * 3
        red, green, blue = (strength * c for c in channels)
        seen = picture(looks[i // 4 % 4], subject=subject, screen=(red, green, blue), noise=2, rng=rng)
        frames.append(observe(seen, now))
    return frames


@pytest.mark.parametrize(("subject", "strength", "lag"), [(None, 0.1, 0.3), (1, 0.1, 0.6)])
def test_the_light_of_the_screen_is_found(subject: int | None, strength: float, lag: float) -> None:
    shown = planned(1)
    result = LIGHT.verify(lit(shown, strength, lag=lag, subject=subject), None, shown)
    assert is_answer(result), result.measurements
    assert result.measurements["lag_s"] == pytest.approx(lag, abs=0.13)
    assert result.measurements["gain"] == pytest.approx(strength, rel=0.6)


def test_its_absence_is_found_too() -> None:
    shown = planned(2)
    result = LIGHT.verify(lit(shown, 0.0), None, shown)
    assert result.outcome == "failed"
    assert result.reasons == ("no_reflection",)


def test_another_sequence_is_no_answer() -> None:
    recorded = lit(planned(3), 0.15)
    found = [is_answer(LIGHT.verify(recorded, None, planned(seed))) for seed in range(100, 150)]
    assert sum(found) <= 12  # SIMULATED: one of ten


def test_what_the_whole_camera_picture_does_is_not_the_face() -> None:
    # A white balance that wanders with the sequence moves face and background alike.
    shown = planned(4)
    tinted = []
    for frame, coloured in zip(lit(shown, 0.0), lit(shown, 0.2), strict=True):
        assert frame.skin is not None
        assert coloured.skin is not None
        assert frame.background is not None
        gain = np.array(coloured.skin) / np.array(frame.skin)
        red, green, blue = np.array(frame.background) * gain
        tinted.append(replace(frame, skin=coloured.skin, background=(red, green, blue)))
    result = LIGHT.verify(tinted, None, shown)
    assert not is_answer(result), result.measurements


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1))
def test_noise_passes_as_seldom_as_stated(seed: int) -> None:
    """With no reflection the chance is uniform: this many noises of 2 % size do not reach the limit."""
    shown = planned(5)
    template = observe(picture(FRONT), 0.0)
    rng = np.random.default_rng(seed)
    colours = np.exp(rng.normal(0, 0.001, (44, 3))) * 0.3
    frames = [
        replace(template, time_s=10 + i / 8, skin=(r, g, b), background=(0.2, 0.2, 0.2))
        for i, (r, g, b) in enumerate(colours)
    ]
    reflection = find_reflection(frames, shown)
    assert 1 / 200 <= reflection.chance <= 1
    assert reflection.gain < 0.01
    assert LIGHT.verify(frames, None, shown).outcome == "failed"


def test_too_little_to_see_is_inconclusive() -> None:
    shown = planned(6)
    frames = lit(shown, 0.1)
    assert LIGHT.verify(frames[:10], None, shown).reasons == ("too_few_frames",)
    assert LIGHT.verify([replace(f, skin=None) for f in frames], None, shown).reasons == ("face_lost",)
    assert LIGHT.verify([], None, []).outcome == "inconclusive"
    close = [replace(f, background=None) for f in frames]  # the face fills the picture
    assert is_answer(LIGHT.verify(close, None, shown))
    silent = Sound(np.zeros(10, np.float32), 16000, 0.0)
    assert is_answer(LIGHT.verify(frames, silent, shown))


def test_plans_are_random_and_slow_enough_for_photosensitive_people() -> None:
    plans = [LIGHT.plan(random.Random(i)) for i in range(50)]
    assert len({tuple(s.arguments["colour"] for s in plan) for plan in plans}) == 50
    for plan in plans:
        colours = [s.arguments["colour"] for s in plan]
        assert set(colours) <= set(PALETTE)
        assert all(a != b for a, b in pairwise(colours))
        assert all(s.duration_s > 1 / 3 for s in plan)
    assert not LIGHT.answered([], planned(0))
