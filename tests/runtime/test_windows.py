"""What lasts is judged in windows, and the evidence says when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from miniature import VOICE

import antispoof
from antispoof.sensing.capture import Sample
from antispoof.sensing.modalities import modalities


def sound(array: Any) -> Sample:
    return Sample(np.asarray(array, np.float32), {"sample_rate": 16_000})


def muffled(speech: Any) -> Any:
    return np.convolve(speech, np.hanning(15) / np.hanning(15).sum(), "same")


def test_the_score_is_the_mean_of_the_windows(speech: Any, voice_bundle: Path) -> None:
    clip = np.concatenate([speech] * 7)  # more windows than are scored at a time
    verdict = antispoof.load(voice_bundle).check(voice=sound(clip))
    (evidence,) = verdict.evidence
    voice: Any = modalities["voice"]
    sample = voice.load(sound(clip))
    windows = voice.prepare(sample, voice.quality(sample), **VOICE).astype(np.float64)
    expected = 5000 * (np.diff(windows) ** 2).mean(axis=1) - 4
    assert len(expected) > 8
    assert verdict.score == evidence.score == pytest.approx(expected.mean(), rel=1e-4)
    spans = voice.timeline(sample, voice.quality(sample), **VOICE)
    assert [(start, end) for start, end, _ in evidence.timeline] == list(spans)
    np.testing.assert_allclose([score for *_, score in evidence.timeline], expected, rtol=1e-3)
    assert evidence.features is not None
    np.testing.assert_allclose(evidence.features, [(np.diff(windows) ** 2).mean()], rtol=1e-3)


def test_the_timeline_says_when(speech: Any, voice_bundle: Path) -> None:
    clip = np.concatenate([*[speech] * 3, *[muffled(speech)] * 3, *[speech] * 3])
    (evidence,) = antispoof.load(voice_bundle).check(voice=sound(clip)).evidence
    third = len(clip) / 3 / 16_000
    scores = {"clear": [], "muffled": []}
    for start, end, score in evidence.timeline:
        if third <= start and end <= 2 * third:
            scores["muffled"].append(score)
        elif end <= third or start >= 2 * third:
            scores["clear"].append(score)
    assert max(scores["muffled"]) < min(scores["clear"])


def test_the_timeline_goes_into_json(speech: Any, voice_bundle: Path) -> None:
    document = antispoof.load(voice_bundle).check(voice=sound(speech)).as_dict()
    (window,) = document["evidence"][0]["timeline"]
    assert set(window) == {"start_s", "end_s", "score"}
    assert 0 <= window["start_s"] < window["end_s"] <= len(speech) / 16_000
    assert window["score"] == pytest.approx(document["score"])


def test_a_picture_has_no_timeline(close_up: Any, make_bundle: Any) -> None:
    (evidence,) = antispoof.load(make_bundle()).check(face_rgb=close_up).evidence
    assert evidence.timeline == ()


def test_silence_is_no_verdict(voice_bundle: Path) -> None:
    verdict = antispoof.load(voice_bundle).check(voice=sound(np.zeros(48_000)))
    assert (verdict.outcome, verdict.reasons) == ("non_response", ("silent",))
