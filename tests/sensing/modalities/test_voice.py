"""Speech comes in as it likes and goes out alike: one band, one level, no edges, no seams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from spoken import spoken

import antispoof
from antispoof.errors import InputError, MediaError
from antispoof.runtime.bundle import default_bundle
from antispoof.sensing.capture import Sample, WindowedModality
from antispoof.sensing.modalities import modalities
from antispoof.simulation.speech.non_speech import NON_SPEECH, non_speech
from antispoof.simulation.speech.non_speech_held_out import HELD_OUT_NON_SPEECH

ARGUMENTS = {
    "seconds": 4.0,
    "hop": 2.0,
    "low_hz": 70.0,
    "high_hz": 7000.0,
    "level_db": -26.0,
    "floor_db": -60.0,
}
KINDS = sorted([*NON_SPEECH, *HELD_OUT_NON_SPEECH])
voice: Any = modalities["voice"]


@pytest.fixture(scope="module")
def detector() -> antispoof.Detector:
    return antispoof.load(default_bundle("voice"))


def sound(array: Any, rate: int = 16_000) -> Sample:
    return Sample(np.asarray(array), {"sample_rate": rate})


def prepared(sample: Sample, **changes: float) -> Any:
    return voice.prepare(sample, voice.quality(sample), **{**ARGUMENTS, **changes})


def test_it_has_windows() -> None:
    assert voice.windowed
    assert isinstance(voice, WindowedModality)
    assert not isinstance(modalities["face_rgb"], WindowedModality)


def test_speech_can_be_judged(speech: Any) -> None:
    quality = voice.quality(voice.load(sound(speech)))
    assert quality.reasons == ()
    assert quality.measurements["duration_s"] == pytest.approx(len(speech) / 16_000)


def test_a_long_recording_is_cut_into_windows_and_each_has_its_time(speech: Any) -> None:
    sample = voice.load(sound(np.tile(speech, 4)))
    windows = prepared(sample)
    spans = np.array(voice.timeline(sample, voice.quality(sample), **ARGUMENTS))
    assert windows.shape == (len(spans), 64_000)
    assert windows.dtype == np.float32
    assert (np.diff(spans[:, 0]) <= 2.0 + 1e-3).all()
    np.testing.assert_allclose(spans[:, 1] - spans[:, 0], 4.0)
    assert spans[0, 0] >= 0
    assert spans[-1, 1] <= len(sample.array) / 16_000


def test_level_and_offset_and_rate_leave_no_trace(speech: Any) -> None:
    reference = prepared(voice.load(sound(speech)))
    quiet = prepared(voice.load(sound(speech * 0.05 + 0.2)))
    np.testing.assert_allclose(quiet, reference, atol=2e-3)
    integers = prepared(voice.load(sound(np.int16(speech * 32767))))
    np.testing.assert_allclose(integers, reference, atol=2e-3)
    stereo = prepared(voice.load(sound(np.stack([speech, speech], axis=1))))
    np.testing.assert_array_equal(stereo, reference)


@pytest.mark.parametrize("offset", [0.05, 0.2, -0.4])
@pytest.mark.parametrize("gain", [1.0, 0.1])
def test_an_offset_keeps_nobody_from_being_heard(speech: Any, gain: float, offset: float) -> None:
    even = 0.5 * gain * speech / np.abs(speech).max()
    expected = voice.quality(voice.load(sound(even)))
    moved = voice.quality(voice.load(sound(even + offset)))
    assert moved.reasons == expected.reasons == ()
    for name in ("speech_s", "range_db"):
        assert moved.measurements[name] == pytest.approx(expected.measurements[name], rel=0.05)


def test_channels_that_cancel_each_other_are_heard(speech: Any) -> None:
    reference = voice.load(sound(speech))
    opposed = voice.load(sound(np.stack([speech, -speech], axis=1)))
    np.testing.assert_array_equal(np.abs(opposed.array), np.abs(reference.array))


def test_what_is_loaded_is_loaded_once(speech: Any) -> None:
    sample = voice.load(sound(speech, 44_100))
    assert sample.metadata == {"sample_rate": 16_000, "source_rate": 44_100, "channels": 1}
    assert voice.load(sample) is sample


@pytest.mark.parametrize(
    ("array", "rate", "words"),
    [
        (np.zeros(0, np.float32), 16_000, "there is no sound in it"),
        (np.full(16_000, np.nan, np.float32), 16_000, "not numbers"),
        (np.zeros((16_000, 96), np.float32), 16_000, "96 channels; at most 8"),
        (np.zeros(16_000, complex), 16_000, "floating point or integer"),
        (np.zeros((2, 2, 2)), 16_000, "shape"),
        (np.zeros(3 * 3600 * 4000, np.int8), 4_000, "180 min long; at most 10 min are allowed"),
        (np.zeros(10), 200, "4,000 to 192,000 are accepted"),
    ],
)
def test_arrays_that_are_no_sound(array: Any, rate: int, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        voice.load(sound(array, rate))


@pytest.mark.parametrize("rate", [None, "16000", 16_000.5, True])
def test_an_array_states_its_rate(rate: Any) -> None:
    with pytest.raises(InputError, match="states its 'sample_rate'"):
        voice.load(Sample(np.zeros(16_000), {"sample_rate": rate}))
    with pytest.raises(InputError, match="needs its sample rate"):
        voice.load(np.zeros(16_000))


TIME = np.arange(48_000) / 16_000
CHORD = sum(np.sin(2 * np.pi * hertz * TIME) for hertz in (220, 277.2, 329.6, 440, 554.4))
RANDOM = np.random.default_rng(4)


@pytest.mark.parametrize(
    ("array", "reasons"),
    [
        (np.zeros(48_000), ("silent",)),
        (1e-4 * RANDOM.standard_normal(48_000), ("silent",)),
        (0.1 * RANDOM.standard_normal(48_000), ("only_noise",)),
        (0.001 * np.cumsum(RANDOM.standard_normal(48_000)), ("only_noise",)),
        (0.1 * CHORD, ("music",)),
    ],
    ids=["zeros", "faint", "white", "brown", "chord"],
)
def test_what_holds_no_voice_cannot_be_judged(array: Any, reasons: tuple[str, ...]) -> None:
    assert voice.quality(voice.load(sound(array))).reasons == reasons


@hypothesis_settings(max_examples=150)
@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32 - 1), seconds=st.floats(1.0, 5.0))
def test_where_nobody_speaks_nobody_is_bona_fide(
    detector: antispoof.Detector, kind: str, seed: int, seconds: float
) -> None:
    """Simulated, also of kinds that no limit was chosen on; some are judged, none of these passes."""
    sample = voice.load(sound(non_speech(kind, np.random.default_rng(seed), seconds)))
    if not voice.quality(sample).reasons:
        assert detector.check(voice=sample).outcome == "attack"


@pytest.mark.parametrize(("glide", "held"), [(0.0, True), (0.3, False)])
def test_a_pitch_that_stands_still_is_no_voice(glide: float, held: bool) -> None:
    time = np.arange(48_000) / 16_000
    phase = 2 * np.pi * np.cumsum(140 * (1 + glide * np.sin(2 * np.pi * time))) / 16_000
    place = 1 + np.sin(2 * np.pi * 4 * time)  # moving resonances, as of a mouth
    made = sum(np.sin(k * phase) * np.exp(-((k / (4 + 6 * place) - 1) ** 2) * 4) for k in range(1, 25))
    quality = voice.quality(voice.load(sound(0.05 * np.asarray(made))))
    assert (quality.measurements["held"] > 0.24) is held
    assert ("music" in quality.reasons) is held


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_buzz_that_swells_and_sways_like_speech_is_none(noise: float) -> None:
    time = np.arange(64_000) / 16_000
    for seed in range(12):
        rng = np.random.default_rng(seed)
        hertz = rng.uniform(80, 250) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 5) * time))
        phase = 2 * np.pi * np.cumsum(hertz) / 16_000
        buzz = sum(np.sin(k * phase) / k for k in range(1, 25)) * (0.6 + 0.4 * np.sin(8 * np.pi * time))
        made = 0.3 * buzz / np.abs(buzz).max() + 0.3 * noise * rng.standard_normal(time.size)
        reasons = voice.quality(voice.load(sound(made))).reasons
        assert set(reasons) & {"no_speech", "music", "only_noise"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("level_db", [-3.0, -26.0, -50.0, -57.0])
def test_speech_is_speech_however_loud_it_is(seed: int, level_db: float) -> None:
    speech = spoken(seed, pitch_hz=100 + 30 * seed).astype(np.float64)
    peak = {-3.0: 0.99 / np.abs(speech).max()}.get(
        level_db, 10 ** (level_db / 20) / np.sqrt(np.mean(speech**2))
    )
    quantised = np.int16(np.round(speech * peak * 32767))
    assert voice.quality(voice.load(sound(quantised))).reasons == ()


@pytest.mark.parametrize("seed", range(3))
def test_soft_speech_is_judged_as_loud_speech(detector: antispoof.Detector, seed: int) -> None:
    speech = spoken(seed).astype(np.float64)
    speech /= np.sqrt(np.mean(speech**2))
    loud, soft = (detector.check(voice=sound(speech * 10 ** (level_db / 20))) for level_db in (-23, -50))
    assert loud.score is not None
    assert soft.score == pytest.approx(loud.score, abs=0.05)
    assert soft.outcome == loud.outcome


@pytest.mark.parametrize("gain", [0.01, 1.0, 30.0])
def test_clipping_is_seen_at_any_level(speech: Any, gain: float) -> None:
    overdriven = gain * np.clip(speech * 40, -1, 1)
    assert voice.quality(voice.load(sound(overdriven))).reasons == ("clipped",)
    assert voice.quality(voice.load(sound(gain * speech))).reasons == ()


@pytest.mark.parametrize("samples", [40, 400, 3200])
def test_a_moment_is_too_short(speech: Any, samples: int) -> None:
    sample = voice.load(sound(speech[6000 : 6000 + samples]))
    assert "too_short" in voice.quality(sample).reasons
    assert np.isfinite(prepared(sample)).all()


def test_noise_around_speech_does_not_keep_it_from_being_judged(speech: Any) -> None:
    noise = RANDOM.standard_normal(len(speech)) * np.sqrt(np.mean(speech**2)) * 10 ** (-5 / 20)
    assert voice.quality(voice.load(sound(speech + noise))).reasons == ()


def test_silence_around_speech_changes_nothing(speech: Any) -> None:
    quiet = np.zeros(16_000, np.float32)
    around = prepared(voice.load(sound(np.concatenate([quiet, speech[3000:], quiet]))))
    alone = prepared(voice.load(sound(speech[3000:])))
    likeness = max(
        np.corrcoef(np.roll(around[0], shift)[:40_000], alone[0][:40_000])[0, 1]
        for shift in range(-1600, 1601, 10)
    )
    assert likeness > 0.9


def test_a_short_recording_is_repeated_without_a_seam(speech: Any) -> None:
    sample = voice.load(sound(speech[: 2 * 16_000]))
    window = prepared(sample)[0].astype(np.float64)
    steps = np.abs(np.diff(window))
    ((start, end),) = voice.timeline(sample, voice.quality(sample), **ARGUMENTS)
    period = round((end - start - 0.02) * 16_000)
    seams = np.arange(period, len(window), period)
    assert len(seams) >= 2
    assert max(steps[seam - 10 : seam + 330].max() for seam in seams) < np.percentile(steps, 99)
    middle = slice(1000, period - 1000)
    shifted = window[period : 2 * period][middle]
    assert np.corrcoef(window[:period][middle], shifted)[0, 1] > 0.99


def test_nothing_is_left_beyond_the_band(speech: Any) -> None:
    hiss = speech + 0.05 * RANDOM.standard_normal(len(speech))
    window = prepared(voice.load(sound(hiss)), floor_db=-120.0)[0]
    power = np.abs(np.fft.rfft(window * np.hanning(len(window)))) ** 2
    hertz = np.fft.rfftfreq(len(window), 1 / 16_000)
    inside = power[(hertz > 200) & (hertz < 6800)].mean()
    assert power[hertz > 7050].mean() < 1e-6 * inside
    assert power[hertz < 40].mean() < 1e-4 * inside


def test_windows_without_voice_are_left_out(speech: Any) -> None:
    sample = voice.load(sound(np.concatenate([speech, np.zeros(20 * 16_000, np.float32), speech])))
    spans = voice.timeline(sample, voice.quality(sample), **ARGUMENTS)
    assert len(prepared(sample)) == len(spans)
    assert not [span for span in spans if 6 < span[0] < 18]
    assert spans[-1][1] > 23
