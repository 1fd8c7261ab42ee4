"""Of a voice: earlier recordings, other people's recordings, and speech that is too short for a decision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.miniature import voice_metadata, voice_network
from tests.spoken import spoken

import antispoof
from antispoof.errors import InputError
from antispoof.runtime.bundle import seal
from antispoof.sensing.modalities import modalities

RATE = 16_000


def muffled(sound: Any, width: int = 15) -> Any:
    return np.convolve(sound, np.hanning(width) / np.hanning(width).sum(), "same").astype(np.float32)


def sample(sound: Any) -> antispoof.Sample:
    return antispoof.Sample(np.asarray(sound, np.float32), {"sample_rate": RATE})


def with_shortest(path: Path, seconds: float) -> antispoof.Detector:
    """A bundle whose operating point was set for so short a voice."""
    whole = voice_metadata()
    points = {
        name: point.model_copy(update={"shortest_s": seconds})
        for name, point in whole.operating_points.items()
    }
    path.write_bytes(seal(voice_network(), whole.model_copy(update={"operating_points": points})))
    return antispoof.load(path)


@pytest.fixture
def detector(voice_bundle: Path) -> antispoof.Detector:
    return antispoof.load(voice_bundle)


def test_an_earlier_recording_moves_the_threshold_and_not_the_score(detector: antispoof.Detector) -> None:
    first, second = sample(spoken(5)), sample(spoken(6))
    alone, known = detector.check(voice=second), detector.check(voice=second, reference=first)
    assert known.score == alone.score
    (use,) = known.references
    assert (use.modality, use.used, use.left_out) == ("voice", 1, ())
    assert use.shift >= 0, "a bundle without a rule of its own only raises its threshold"
    assert known.operating_point.threshold == pytest.approx(alone.operating_point.threshold + use.shift)


@pytest.mark.parametrize("gain", [0.05, 0.4, 1.9])
def test_how_loud_an_earlier_recording_is_changes_next_to_nothing(
    detector: antispoof.Detector, gain: float
) -> None:
    person = sample(spoken(6))
    shifts = [
        detector.check(voice=person, reference=sample(np.clip(spoken(5) * by, -1, 1))).references[0].shift
        for by in (1.0, gain)
    ]
    assert shifts[0] == pytest.approx(shifts[1], abs=0.05)


def test_a_wrong_or_spoofed_reference_lets_no_spoof_pass(detector: antispoof.Detector) -> None:
    spoof = sample(muffled(spoken(6)))
    alone = detector.check(voice=spoof)
    assert alone.outcome == "attack"
    for known in (spoken(7), muffled(spoken(7)), muffled(spoken(7), 11), spoken(8, pitch_hz=210.0)):
        verdict = detector.check(voice=spoof, reference=sample(known))
        assert verdict.outcome == "attack"
        assert verdict.operating_point.threshold >= alone.operating_point.threshold
    assert detector.check(voice=spoof, reference=sample(muffled(spoken(7)))).references[0].left_out == (1,)


def test_references_that_cannot_be_used_are_named(detector: antispoof.Detector) -> None:
    person, known = sample(spoken(6)), spoken(5)
    with pytest.raises(InputError, match="reference 2 of 2 cannot be judged: nothing can be heard"):
        detector.check(voice=person, reference=[sample(known), sample(np.zeros(2 * RATE))])
    with pytest.raises(InputError, match="reference 1 of 1 cannot be used: too little speech"):
        detector.check(voice=person, reference=sample(spoken(5, syllables=5)))
    assert detector.check(voice=person, reference=person).reasons == ("repeated",)


def test_short_speech_is_no_verdict_unless_the_operating_point_was_set_for_it(
    detector: antispoof.Detector, tmp_path: Path
) -> None:
    brief = sample(spoken(5, syllables=5))
    spoken_s = modalities["voice"].quality(modalities["voice"].load(brief)).measurements["voice_s"]
    assert 0.75 < spoken_s < 1.5
    verdict = detector.check(voice=brief)
    assert (verdict.outcome, verdict.score, verdict.reasons) == ("non_response", None, ("too_short",))
    assert "speak for at least" in verdict.advice[0]
    assert with_shortest(tmp_path / "short.onnx", 0.75).check(voice=brief).score is not None
    assert with_shortest(tmp_path / "long.onnx", 30.0).check(voice=sample(spoken(5))).score is None


def test_short_speech_leaves_the_face_its_say(voice_bundle: Path, make_bundle: Any, close_up: Any) -> None:
    both = antispoof.load([make_bundle(), voice_bundle])
    face = both.check(face_rgb=close_up)
    verdict = both.check(face_rgb=close_up, voice=sample(spoken(5, syllables=5)))
    parts = {part.modality: part.status for part in verdict.evidence}
    assert parts == {"face_rgb": "used", "voice": "rejected"}
    assert [each.modalities for each in verdict.bundle_scores] == [("face_rgb",)]
    assert verdict.score == face.score
