"""Several frames of one presentation are one verdict, and a minority of good ones never passes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from miniature import TWO_SENSORS, sensor_network

import antispoof
from antispoof.runtime.bundle import read_bundle
from antispoof.runtime.detector import Detector
from antispoof.runtime.scorer import Scorer
from antispoof.scores.pooling import UNFITTED, Pooling

RULE = Pooling(correlation=0.5, low_share=0.3, gain=0.8, offset=-0.1)


def tinted(picture: Any, red: float, seed: int = 0) -> Any:
    """The more red, the more bona fide for the miniature bundle; the noise makes it another picture."""
    noise = np.random.default_rng(seed).integers(0, 3, picture.shape)
    return (picture * (red, 0.8, 1.4 - red) * 0.7 + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def detector(make_bundle: Any) -> Detector:
    return antispoof.load(make_bundle(pooling=RULE.model_dump()))


def test_frames_are_pooled_by_the_rule_of_the_bundle(
    detector: Detector, make_bundle: Any, close_up: Any
) -> None:
    frames = [tinted(close_up, red, seed) for seed, red in enumerate((0.9, 0.5, 0.8, 0.7, 0.95))]
    alone = [detector.check(face_rgb=frame).score for frame in frames]
    together = detector.check(face_rgb=frames)
    (evidence,) = together.evidence
    assert together.score == evidence.score == pytest.approx(RULE(alone), abs=1e-4)
    np.testing.assert_allclose([one.score for one in evidence.frames], alone, atol=1e-4)
    nearest = int(np.argmin(np.abs(np.array(alone) - together.score)))
    assert evidence.shown == nearest
    assert evidence.timeline == (), "nobody knows when they were taken"
    unfitted = antispoof.load(make_bundle()).check(face_rgb=frames)
    assert unfitted.score == pytest.approx(UNFITTED(alone), abs=1e-4)
    document = together.as_dict()["evidence"][0]
    assert document["frames"][0] == {
        "score": evidence.frames[0].score,
        "reasons": [],
        "start_s": None,
        "end_s": None,
    }
    one = detector.check(face_rgb=frames[:1])
    assert one.score == detector.check(face_rgb=frames[0]).score
    assert one.evidence[0].frames == ()


@settings(max_examples=8)
@given(bad=st.integers(1, 3), data=st.data())
def test_one_good_frame_among_bad_ones_never_passes(portrait: Any, bundle: Path, bad: int, data: Any) -> None:
    good = data.draw(st.integers(1, bad))
    face = portrait[20:220, 140:320]
    frames = [tinted(face, 0.5, seed) for seed in range(bad)]
    frames += [tinted(face, 1.4, 10 + seed) for seed in range(good)]
    detector = antispoof.load(bundle)
    outcomes = [detector.check(face_rgb=frame).outcome for frame in frames]
    assert outcomes == ["attack"] * bad + ["bona_fide"] * good
    order = data.draw(st.permutations(frames))
    assert detector.check(face_rgb=order).outcome == "attack"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from miniature import metadata, network

    from antispoof.runtime.bundle import seal

    path = tmp_path_factory.mktemp("bundle") / "miniature.onnx"
    path.write_bytes(seal(network(), metadata(pooling=RULE.model_dump())))
    return path


def test_frames_are_scored_in_one_batch_for_each_core(
    detector: Detector, close_up: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    call = Scorer.__call__

    def counted(self: Scorer, arrays: Any, presence: Any = None) -> Any:
        sizes.append(len(next(iter(arrays.values()))))
        return call(self, arrays, presence)

    monkeypatch.setattr(Scorer, "__call__", counted)
    frames = [tinted(close_up, 0.9, seed) for seed in range(5)]
    for cores, expected in ((1, [5]), (2, [2, 3]), (8, [1] * 5)):
        for user in ("detector", "examiner", "presentation"):
            monkeypatch.setattr(f"antispoof.runtime.{user}.cores", lambda count=cores: count)
        sizes.clear()
        detector.check(face_rgb=frames)
        assert sorted(sizes) == expected, "a batch for each core"


def test_frames_that_cannot_be_judged_have_no_say_unless_they_are_most(
    detector: Detector, close_up: Any, blank: Any
) -> None:
    good = [tinted(close_up, red, seed) for seed, red in enumerate((0.9, 0.8))]
    found = detector.check(face_rgb=[good[0], blank, good[1]])
    assert found.score == pytest.approx(detector.check(face_rgb=good).score)
    assert [frame.reasons for frame in found.evidence[0].frames] == [(), ("no_face",), ()]
    verdict = detector.check(face_rgb=[good[0], blank, blank + 1])
    assert (verdict.outcome, verdict.reasons) == ("non_response", ("few_usable", "no_face"))
    assert len(verdict.advice) == 2
    assert detector.check(face_rgb=[blank, blank + 1]).reasons == ("no_face",)


def test_what_no_camera_took_of_one_person_is_never_bona_fide(
    detector: Detector, close_up: Any, portrait: Any
) -> None:
    good, bad = tinted(close_up, 1.2), tinted(close_up, 0.4)
    verdict = detector.check(face_rgb=[good, tinted(close_up, 1.2, 1), good])
    assert (verdict.outcome, verdict.score, verdict.reasons) == ("non_response", None, ("repeated",))
    assert verdict.evidence[0].status == "used"
    assert verdict.evidence[0].score is not None
    assert verdict.advice
    attack = detector.check(face_rgb=[bad, bad])
    assert attack.outcome == "attack", "an attack that was seen is one"
    # another pose in another place stands for another person
    mixed = detector.check(face_rgb=[good, tinted(portrait[:, ::-1], 1.2), tinted(close_up, 1.2, 2)])
    assert (mixed.outcome, mixed.reasons) == ("non_response", ("several_people",))


def test_a_clip_is_judged_by_frames_with_times(detector: Detector, close_up: Any, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = 180, 200, "bgr0"
        for index in range(40):
            red = 1.2 if index < 20 else 0.5
            picture = np.roll(tinted(close_up, red, index), index % 5, axis=1)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        out.mux(stream.encode(None))
    verdict = detector.check(face_rgb=path)
    (evidence,) = verdict.evidence
    assert verdict.outcome == "attack", "half of it is one"
    starts, ends, scores = zip(*evidence.timeline, strict=True)
    assert (starts[0], ends[-1]) == (0, pytest.approx(4.0))
    assert [score > 0.5 for score in scores] == [True] * 4 + [False] * 4
    assert [frame.span_s for frame in evidence.frames] == list(zip(starts, ends, strict=True))
    assert evidence.unjudged == ()


def test_sensors_with_unlike_numbers_of_frames_are_judged_together(make_bundle: Any, close_up: Any) -> None:
    """Of the sensor that has fewer, frames are used again."""
    inputs = [TWO_SENSORS[0], {**TWO_SENSORS[1], "modality": "face_infrared"}]
    detector = antispoof.load(make_bundle("two.onnx", sensor_network(), inputs=inputs, site=None))
    frames = [tinted(close_up, red, seed) for seed, red in enumerate((0.9, 0.7, 0.8))]
    infrared = [close_up[..., 1], close_up[..., 0]]
    verdict = detector.check(face_rgb=frames, face_infrared=infrared)
    assert [(part.modality, len(part.frames)) for part in verdict.evidence] == [
        ("face_rgb", 3),
        ("face_infrared", 2),
    ]
    pairs = [(frames[0], infrared[0]), (frames[1], infrared[0]), (frames[2], infrared[1])]
    alone = [detector.check(face_rgb=one, face_infrared=other).score for one, other in pairs]
    assert verdict.score == pytest.approx(UNFITTED(alone), abs=1e-4)


def test_a_voice_in_several_recordings(speech: Any, voice_bundle: Path) -> None:
    from antispoof.sensing.capture import Sample

    parts = [Sample((speech * gain).astype(np.float32), {"sample_rate": 16_000}) for gain in (1.0, 0.5)]
    detector = antispoof.load(voice_bundle)
    alone = [detector.check(voice=part).score for part in parts]
    assert detector.check(voice=parts).score == pytest.approx(UNFITTED(alone), abs=1e-3)


@pytest.mark.parametrize(
    ("source", "words"),
    [([], "the list of frames is empty"), ([[]], "not a list"), ([None], "a source is a path")],
)
def test_bad_lists_are_refused(detector: Detector, source: Any, words: str) -> None:
    with pytest.raises(antispoof.InputError, match=words):
        detector.check(face_rgb=source)


def test_a_site_moves_the_ratios_and_not_the_evidence(make_bundle: Any, close_up: Any) -> None:
    """Frames that each pass at a site pass together, whatever the rule makes of ratios below zero."""
    from antispoof.runtime.site import SiteCalibration

    path = make_bundle(pooling=RULE.model_dump())
    metadata = read_bundle(path).metadata
    site = SiteCalibration(
        bundle=metadata.name,
        bundle_sha256=metadata.sha256,
        shift=-6.0,
        shift_interval=(-6.0, -6.0),
        bona_fide=9,
        distinct=9,
        attack=0,
        rejected=0,
        suspicious=(),
        advice=(),
    )
    there = antispoof.load(path).calibrated(site)
    frames = [tinted(close_up, 0.65, seed) for seed in range(3)]
    alone = [there.check(face_rgb=frame).score or math.nan for frame in frames]
    assert there.check(face_rgb=frames).score == pytest.approx(RULE(np.array(alone) + 6) - 6, abs=1e-4)
