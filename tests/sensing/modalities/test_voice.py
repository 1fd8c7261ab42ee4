"""Speech comes in as it likes and goes out alike: one band, one level, no edges, no seams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from antispoof.errors import InputError, MediaError
from antispoof.sensing.capture import Sample, WindowedModality
from antispoof.sensing.modalities import modalities

ARGUMENTS = {
    "seconds": 4.0,
    "hop": 2.0,
    "low_hz": 70.0,
    "high_hz": 7000.0,
    "level_db": -26.0,
    "floor_db": -60.0,
}
voice: Any = modalities["voice"]


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
        (np.zeros(3 * 3600 * 4000, np.int8), 4_000, "180.0 min long; at most 10.0 min are allowed"),
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
