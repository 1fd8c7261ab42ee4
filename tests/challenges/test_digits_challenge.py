"""A voice is found when there is one, in its time; tones of other kinds, noise and silence are not."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from antispoof.challenges import ShownStep, Sound, challenges
from antispoof.challenges.digits import voiced

DIGITS = challenges["digits"]
RATE = 16000


def word(rng: np.random.Generator, seconds: float = 0.35, pitch: float = 140.0) -> NDArray[np.float32]:
    """A pulse train of falling pitch through two resonances: what a vowel is made of."""
    n = int(seconds * RATE)
    phase = np.cumsum(np.linspace(pitch * 1.1, pitch * 0.9, n)) / RATE
    source = np.diff(np.floor(phase), prepend=0) + 0.02 * rng.standard_normal(n)
    out = source
    for formant in (600.0, 1300.0):
        t = np.arange(300) / RATE
        out = np.convolve(out, np.exp(-t * 400) * np.sin(2 * np.pi * formant * t))[:n]
    out = out * np.hanning(n)
    return np.asarray(0.3 * out / np.abs(out).max(), np.float32)


def spoken(
    shown: list[ShownStep], delay: float, rng: np.random.Generator, noise: float = 0.002, pitch: float = 140.0
) -> Sound:
    samples = noise * rng.standard_normal(int((shown[-1].end_s + 2) * RATE))
    for step in shown:
        said = word(rng, pitch=pitch)
        at = int((step.start_s + delay) * RATE)
        samples[at : at + len(said)] += said
    return Sound(samples.astype(np.float32), RATE, 0.0)


def planned(seed: int) -> list[ShownStep]:
    shown, now = [], 1.0
    for step in DIGITS.plan(random.Random(seed)):
        shown.append(ShownStep(step, now, now + step.duration_s))
        now += step.duration_s
    return shown


@settings(max_examples=30)
@given(
    seed=st.integers(0, 10**6),
    delay=st.floats(0.3, 1.1),
    noise=st.floats(0.0005, 0.01),
    pitch=st.floats(85, 300),
)
def test_digits_read_in_time_pass(seed: int, delay: float, noise: float, pitch: float) -> None:
    shown = planned(seed)
    sound = spoken(shown, delay, np.random.default_rng(seed), noise, pitch)
    result = DIGITS.verify([], sound, shown)
    assert result.outcome == "passed", result.measurements
    assert result.measurements["in_time"] == 5


def test_the_clock_of_the_sound_counts() -> None:
    shown = planned(1)
    sound = spoken(shown, 0.5, np.random.default_rng(0))
    early = Sound(sound.samples, RATE, -0.75)  # the same sound, three quarters of a second sooner
    assert DIGITS.verify([], sound, shown).outcome == "passed"
    assert DIGITS.verify([], early, shown).outcome == "failed"


def test_silence_noise_and_a_voice_at_another_time_do_not_pass() -> None:
    shown = planned(2)
    rng = np.random.default_rng(0)
    whole = int((shown[-1].end_s + 2) * RATE)
    quiet = Sound((1e-4 * rng.standard_normal(whole)).astype(np.float32), RATE, 0.0)
    hiss = Sound((0.2 * rng.standard_normal(whole)).astype(np.float32), RATE, 0.0)
    assert DIGITS.verify([], None, shown).reasons == ("no_sound",)
    assert DIGITS.verify([], Sound(np.zeros(whole, np.float32), RATE, 0.0), shown).reasons == ("no_sound",)
    assert DIGITS.verify([], quiet, shown).reasons == ("too_quiet",)
    assert DIGITS.verify([], hiss, shown).reasons == ("not_in_time",)
    once = spoken(shown[:1], 0.5, rng)
    padded = Sound(np.pad(once.samples, (0, whole)), RATE, 0.0)
    assert DIGITS.verify([], padded, shown).outcome == "failed"
    short = Sound(np.ones(100, np.float32), RATE, 0.0)
    assert DIGITS.verify([], short, shown).outcome == "inconclusive"


def test_a_voice_that_never_stops_does_not_pass() -> None:
    shown = planned(3)
    rng = np.random.default_rng(1)
    talk = np.concatenate([word(rng, 0.4) for _ in range(60)])
    result = DIGITS.verify([], Sound(talk[: 25 * RATE], RATE, 0.0), shown)
    assert result.outcome == "failed"


def test_an_overloaded_microphone_is_told() -> None:
    shown = planned(4)
    loud = np.sign(np.random.default_rng(1).standard_normal(25 * RATE)).astype(np.float32)
    assert DIGITS.verify([], Sound(loud, RATE, 0.0), shown).reasons == ("too_loud",)


@pytest.mark.parametrize("pitch", [80, 120, 220, 380])
def test_voiced_finds_voices_of_every_pitch(pitch: float) -> None:
    rng = np.random.default_rng(0)
    samples = 0.001 * rng.standard_normal(RATE)
    samples[4000:12000] += word(rng, 0.5, pitch)
    found = voiced(samples.astype(np.float32), RATE)
    assert found[30:70].mean() > 0.8
    assert not found[:20].any()
    assert not found[80:].any()


def test_plans_hold_digits_none_of_which_follows_itself() -> None:
    for seed in range(50):
        plan = DIGITS.plan(random.Random(seed))
        digits = [s.arguments["digit"] for s in plan]
        assert len(digits) == 5
        assert set(digits) <= set("0123456789")
        assert all(a != b for a, b in pairwise(digits))
        assert len({s.duration_s for s in plan}) > 1
    assert not DIGITS.answered([], planned(0))
