"""From a picture to a verdict, and never a pass where something is missing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
import pytest
from miniature import network

import antispoof
from antispoof.errors import BundleError, InputError, MediaError, UnknownNameError
from antispoof.runtime.policy import Decision, Policy, decide
from antispoof.runtime.verdict import Evidence, OperatingPoint
from antispoof.sensing.capture import Quality, Sample
from antispoof.sensing.modalities import modalities


def tinted(picture: Any, red: float, blue: float) -> Any:
    return np.clip(picture * np.array([red, 1, blue]), 0, 255).astype(np.uint8)


def test_path_bytes_and_array_give_one_verdict(
    close_up: Any, encode: Any, make_bundle: Any, tmp_path: Any
) -> None:
    detector = antispoof.load(make_bundle())
    content = encode(close_up, "PNG")
    (tmp_path / "face.png").write_bytes(content)
    verdicts = [
        detector.check(face_rgb=s)
        for s in (tmp_path / "face.png", str(tmp_path / "face.png"), content, close_up)
    ]
    assert len({str(verdict) for verdict in verdicts}) == 1
    assert verdicts[0] == verdicts[3]


def test_the_score_is_the_calibrated_output_of_the_network(close_up: Any, make_bundle: Any) -> None:
    verdict = antispoof.load(make_bundle()).check(face_rgb=close_up)
    modality = modalities["face_rgb"]
    sample = Sample(close_up)
    view = modality.prepare(sample, modality.quality(sample), scale=1.1, size=32).astype(float)
    raw = view[0].mean() - view[2].mean()
    assert verdict.score == pytest.approx(20 * raw - 1, abs=1e-4)
    (evidence,) = verdict.evidence
    assert evidence.status == "used"
    assert evidence.score == verdict.score
    assert evidence.features is not None
    np.testing.assert_allclose(evidence.features, view.mean(axis=(1, 2)), atol=1e-5)
    assert evidence.heat_map is not None
    blocks = (view[0] - view[2]).reshape(4, 8, 4, 8).mean(axis=(1, 3))
    np.testing.assert_allclose(evidence.heat_map, blocks, atol=1e-5)
    assert evidence.frame is not None
    assert evidence.region is not None
    assert evidence.frame.width == round(1.1 * max(evidence.region.width, evidence.region.height))


def test_red_is_bona_fide_and_blue_an_attack(close_up: Any, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    assert detector.check(face_rgb=tinted(close_up, 1.2, 0.6)).outcome == "bona_fide"
    assert detector.check(face_rgb=tinted(close_up, 0.6, 1.2)).outcome == "attack"


def test_outputs_other_than_the_score_are_optional(close_up: Any, make_bundle: Any) -> None:
    whole = antispoof.load(make_bundle()).check(face_rgb=close_up)
    bare = antispoof.load(make_bundle(model=network(features=False, heat_map=False))).check(face_rgb=close_up)
    assert bare.score == whole.score
    assert bare.evidence[0].features is None
    assert bare.evidence[0].heat_map is None


def test_what_cannot_be_judged_is_a_non_response(blank: Any, make_bundle: Any) -> None:
    verdict = antispoof.load(make_bundle()).check(face_rgb=blank)
    assert verdict.outcome == "non_response"
    assert verdict.score is None
    assert verdict.reasons == ("no_face",)
    assert "face the camera" in verdict.advice[0]
    assert str(verdict) == "non_response (no_face)"


def test_a_missing_sensor_is_a_non_response(make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    for verdict in (detector.check(), detector.check(face_rgb=None)):
        assert verdict.outcome == "non_response"
        assert verdict.evidence[0].status == "missing"


def test_names_of_sensors_are_checked(close_up: Any, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    with pytest.raises(UnknownNameError, match="unknown modality 'face_rbg'; did you mean 'face_rgb'"):
        detector.check(face_rbg=close_up)


def test_media_errors_come_through(make_bundle: Any) -> None:
    with pytest.raises(MediaError, match="no such file"):
        antispoof.load(make_bundle()).check(face_rgb="none.jpg")


def test_operating_points_by_name(close_up: Any, make_bundle: Any) -> None:
    path = make_bundle()
    assert antispoof.load(path).operating_point.name == "balanced"
    strict = antispoof.load(path, at="strict")
    assert strict.check(face_rgb=close_up).operating_point == OperatingPoint(
        "strict", 4.0, "APCER <= 1 %", "dev"
    )
    with pytest.raises(UnknownNameError, match="unknown operating point 'stric'; did you mean 'strict'"):
        antispoof.load(path, at="stric")


def test_the_threshold_itself_is_bona_fide() -> None:
    point = OperatingPoint("p", 1.0, "", "")
    policy, used = Policy(name="p"), [Evidence("face_rgb", "used")]
    assert decide(used, 1.0, point, policy) == Decision("bona_fide", 1.0)
    assert decide(used, np.nextafter(1.0, 0), point, policy).outcome == "attack"
    assert decide([], None, point, policy) == Decision("non_response", None)
    assert decide([Evidence("face_rgb", "rejected")], 9.0, point, policy) == Decision("non_response", None)
    assert decide(used, float("nan"), point, policy) == Decision("non_response", None)


def test_a_network_that_fails_never_passes_anybody(close_up: Any, make_bundle: Any, monkeypatch: Any) -> None:
    detector = antispoof.load(make_bundle(model=network(gain=float("inf"))))
    with pytest.raises(BundleError, match="not a finite number"):
        detector.check(face_rgb=close_up)

    class Odd:
        windowed = False

        def prepare(self, *_: Any, **__: Any) -> Any:
            return np.zeros((1, 2), np.float32)

    real = modalities["face_rgb"]
    odd = Odd()
    odd.load, odd.quality = real.load, real.quality  # type: ignore[attr-defined]
    monkeypatch.setitem(modalities._things, "face_rgb", odd)
    with pytest.raises(BundleError, match="fails"):
        detector.check(face_rgb=close_up)


def test_a_verdict_goes_into_json_without_pixels(close_up: Any, make_bundle: Any) -> None:
    verdict = antispoof.load(make_bundle()).check(face_rgb=close_up)
    document = json.loads(json.dumps(verdict.as_dict()))
    assert document["outcome"] == verdict.outcome
    assert document["evidence"][0]["region"]["width"] > 0
    assert document["bundles"][0]["name"] == "miniature"
    assert set(document) >= {"outcome", "score", "operating_point", "evidence", "bundles"}
    assert document["opinions"][0]["contribution"] == document["score"]
    assert document["margin"] == document["score"] - document["operating_point"]["threshold"]
    assert len(json.dumps(document)) < 2000


def test_a_rejected_sample_keeps_its_measurements(make_bundle: Any, monkeypatch: Any, close_up: Any) -> None:
    modality = modalities["face_rgb"]
    monkeypatch.setattr(
        modality, "quality", lambda _: Quality(("too_dark",), {"brightest": 9.0}), raising=False
    )
    verdict = antispoof.load(make_bundle()).check(face_rgb=close_up)
    assert verdict.evidence[0].measurements == {"brightest": 9.0}
    assert verdict.evidence[0].status == "rejected"


def test_inputs_of_the_wrong_kind(make_bundle: Any) -> None:
    with pytest.raises(InputError, match="a path, the bytes of a file or an array; got int"):
        antispoof.load(make_bundle()).check(face_rgb=3)  # type: ignore[arg-type]


def test_threads_share_a_detector(close_up: Any, portrait: Any, blank: Any, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    pictures = [close_up, portrait, blank] * 8
    alone = [str(detector.check(face_rgb=picture)) for picture in pictures]
    with ThreadPoolExecutor(8) as pool:
        together = pool.map(lambda picture: str(detector.check(face_rgb=picture)), pictures)
    assert list(together) == alone


def test_a_bundle_for_an_unknown_sensor_is_refused(make_bundle: Any) -> None:
    views = [
        {"name": name, "modality": "sonar", "prepare": {"scale": 1.0, "size": 8}}
        for name in ("tight", "wide")
    ]
    with pytest.raises(UnknownNameError, match="unknown modality 'sonar'"):
        antispoof.load(make_bundle(inputs=views))


def test_a_face_is_told_in_pixels_of_the_file(portrait: Any, encode: Any, make_bundle: Any) -> None:
    """However large the picture was when it was looked at."""
    detector = antispoof.load(make_bundle())
    large = cv2.resize(portrait, (3072, 3072), interpolation=cv2.INTER_CUBIC)
    (reduced,), (whole,) = (
        detector.check(face_rgb=one).evidence for one in (encode(large, "JPEG", quality=95), large)
    )
    for small, full in ((reduced.region, whole.region), (reduced.frame, whole.frame)):
        assert small is not None
        assert full is not None
        assert (small.x, small.y, small.width) == pytest.approx((full.x, full.y, full.width), abs=0.03 * 3072)
    assert reduced.score == pytest.approx(whole.score, abs=0.5)
