"""Earlier captures of a person move the threshold of the next one, and a wrong one gains little."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from rendered import posed

import antispoof
from antispoof.errors import BundleError, InputError
from antispoof.evidence.explanation import references_in_words
from antispoof.scores.reference import ReferenceRule
from antispoof.scores.traffic import TrafficRule
from antispoof.sites.traffic import learn_from_scores

# By score and by how red the face is: features of the miniature network are its mean colour.
RULE = ReferenceRule(
    follow=0.5, per_distance=2.0, offset=2.0, directions=[[20.0], [0.0], [-20.0]], lowest=0.75
)

TRAFFIC = TrafficRule(follow=0.8, margin=2.0)


def tinted(picture: Any, red: float) -> Any:
    """Another capture of the same person, in other light."""
    return np.clip(posed(picture, 40 * red) * np.array([red, 1, 2 - red]), 0, 255).astype(np.uint8)


@pytest.fixture
def detector(make_bundle: Any) -> antispoof.Detector:
    return antispoof.load(make_bundle(reference=RULE.model_dump(), traffic=TRAFFIC.model_dump()))


def test_the_threshold_is_that_of_the_rule(detector: antispoof.Detector, close_up: Any) -> None:
    person, known = tinted(close_up, 1.1), [tinted(close_up, 1.2), tinted(close_up, 1.15)]
    verdict = detector.check(face_rgb=person, reference=known)
    alone = [detector.check(face_rgb=one) for one in (*known, person)]
    scores = [one.score for one in alone[:2]]
    tones = [RULE.tone(one.evidence[0].features) for one in alone]
    expected = RULE.threshold(scores, tones[:2], tones[2], 0.5)  # type: ignore[arg-type]
    assert verdict.score == alone[2].score, "references move the threshold, not the score"
    assert verdict.operating_point.threshold == pytest.approx(expected)
    (use,) = verdict.references
    assert (use.modality, use.used, use.left_out) == ("face_rgb", 2, ())
    assert use.shift == pytest.approx(expected - 0.5)
    assert verdict.as_dict()["references"][0]["used"] == 2
    other = detector.check(face_rgb=tinted(close_up, 1.6), reference={"face_rgb": known[0]})
    assert other.operating_point.threshold > verdict.operating_point.threshold, "it differs more in tone"
    assert detector.knowing(known).check(person) == verdict, "examined once, or each time"


def test_a_wrong_reference_lowers_no_threshold_by_more_than_stated(
    detector: antispoof.Detector, close_up: Any
) -> None:
    """All but the sample itself is handed in as its reference: the most that an attacker could do."""
    for red in np.arange(0.9, 1.3, 0.05):
        attack = tinted(close_up, float(red))
        almost = attack.copy()
        almost[0, 0, 0] ^= 1
        verdict = detector.check(face_rgb=attack, reference=[almost])
        assert verdict.operating_point.threshold >= 0.5 - RULE.lowest
        assert verdict.score is not None
        (use,) = verdict.references
        assert (use.copied, use.used, use.shift) == ((1,), 0, 0), "nor is it known for a reference"
        if verdict.score < 0.5 - RULE.lowest:
            assert (use.used, use.left_out, use.shift) == (0, (1,), 0), "judged an attack itself"
            assert verdict.outcome == "attack"


def test_the_same_picture_is_no_new_presentation_and_no_second_reference(
    detector: antispoof.Detector, close_up: Any
) -> None:
    person, known = tinted(close_up, 1.2), tinted(close_up, 1.25)
    assert detector.check(face_rgb=person, reference=known).outcome == "bona_fide"
    again = detector.check(face_rgb=person, reference=[known, person])
    assert (again.outcome, again.evidence[0].reasons) == ("non_response", ("repeated",))
    assert "handed in more than once" in again.advice[0]
    often = detector.check(face_rgb=person, reference=[known] * 5)
    assert often == detector.check(face_rgb=person, reference=[known])


@pytest.mark.parametrize("way", ["JPEG", "WEBP", "half", "brighter", "mirrored"])
def test_a_picture_does_not_vouch_for_a_copy_of_itself(
    detector: antispoof.Detector, portrait: Any, encode: Any, way: str
) -> None:
    """However it was coded since; another capture of the same person does."""
    person = tinted(portrait, 1.2)
    copy = {
        "JPEG": lambda: encode(person, "JPEG", quality=40),
        "WEBP": lambda: encode(person, "WEBP", quality=60),
        "half": lambda: encode(cv2.resize(person, None, fx=0.5, fy=0.5), "JPEG"),
        "brighter": lambda: np.clip(person * 1.15, 0, 255).astype(np.uint8),
        "mirrored": lambda: encode(person[:, ::-1], "JPEG", quality=80),
    }[way]()
    verdict = detector.check(face_rgb=person, reference=[tinted(portrait, 1.25), copy])
    (use,) = verdict.references
    assert (use.used, use.left_out, use.copied) == (1, (2,), (2,))
    assert "number 2 left out, this picture is a copy of it" in references_in_words(use)
    assert verdict.as_dict()["references"][0]["copied"] == [2]


def test_at_a_site_references_stay_known(detector: antispoof.Detector, close_up: Any) -> None:
    """Whichever comes first; which of them count is seen at the site."""
    metadata = detector.bundle.metadata
    site = learn_from_scores(metadata, np.linspace(2.5, 3.5, 200))
    assert site.shift > 0
    known = [tinted(close_up, 1.2), tinted(close_up, 1.0)]
    first, last = detector.knowing(known).calibrated(site), detector.calibrated(site).knowing(known)
    assert first.check(close_up) == last.check(close_up)
    assert first.references["face_rgb"].left_out == last.references["face_rgb"].left_out
    with pytest.raises(InputError, match="face_rgb are known already"):
        first.check(close_up, reference=known[0])


def test_what_would_get_no_verdict_itself_is_no_reference(
    detector: antispoof.Detector, close_up: Any
) -> None:
    clip = np.repeat(tinted(close_up, 1.2)[None], 4, axis=0)
    with pytest.raises(InputError, match="reference 1 of 1 cannot be used: the same picture or"):
        detector.check(face_rgb=close_up, reference={"face_rgb": [clip]})
    with pytest.raises(InputError, match="a path, bytes or an array, or a list of them; got 5"):
        detector.check(face_rgb=close_up, reference=5)  # type: ignore[arg-type]


def test_a_bundle_that_was_not_fitted_only_raises(make_bundle: Any, close_up: Any) -> None:
    detector = antispoof.load(make_bundle())
    high = detector.check(face_rgb=tinted(close_up, 1.2), reference=[tinted(close_up, 1.6)])
    assert high.operating_point.threshold > 0.5
    low = detector.check(face_rgb=tinted(close_up, 1.2), reference=[tinted(close_up, 1.1)])
    assert low.operating_point.threshold >= 0.5


def test_at_another_operating_point_it_moves_as_far(make_bundle: Any, close_up: Any) -> None:
    path = make_bundle(reference=RULE.model_dump())
    known = [tinted(close_up, 1.2)]
    moved = [
        antispoof.load(path, at=name).check(face_rgb=close_up, reference=known).operating_point.threshold
        for name in ("balanced", "strict")
    ]
    assert moved[1] - moved[0] == pytest.approx(4.0 - 0.5)


def test_bad_references_are_told(detector: antispoof.Detector, make_bundle: Any, close_up: Any) -> None:
    grey = np.full((300, 300, 3), 128, np.uint8)
    with pytest.raises(InputError, match="reference 2 of 2 cannot be judged: no face was found"):
        detector.check(face_rgb=close_up, reference=[close_up, grey])
    with pytest.raises(InputError, match="no capture is given of face_rgb"):
        detector.check(face_rgb=close_up, reference=[])
    with pytest.raises(InputError, match="there are captures of face_rgb, and no sample"):
        detector.check(reference={"face_rgb": [close_up]})
    with pytest.raises(BundleError, match="does not say what bona fide presentations score"):
        antispoof.load(make_bundle(site=None)).check(face_rgb=close_up, reference=[close_up])


def test_the_command_takes_references(
    make_bundle: Any, run: Any, tmp_path: Any, close_up: Any, encode: Any
) -> None:
    bundle = make_bundle(reference=RULE.model_dump())
    for name, red in (("selfie", 1.2), ("enrolment", 1.25), ("spoofed", 0.6)):
        (tmp_path / f"{name}.png").write_bytes(encode(tinted(close_up, red), "PNG"))
    (tmp_path / "broken.png").write_bytes(b"no picture")

    def check(*references: str) -> tuple[int, str, str]:
        words = [word for one in references for word in ("--reference", one)]
        answer: tuple[int, str, str] = run("check", tmp_path / "selfie.png", "--bundle", bundle, *words)
        return answer

    code, said, _ = check(str(tmp_path / "enrolment.png"), f"face_rgb={tmp_path / 'spoofed.png'}")
    assert code == 0
    assert "1 earlier capture of the person moved the threshold" in said
    assert "number 2 left out, judged an attack" in said
    assert (
        "1 earlier capture"
        in run(
            "check",
            tmp_path / "selfie.png",
            "--bundle",
            bundle,
            "--report",
            tmp_path / "page.html",
            "--reference",
            tmp_path / "enrolment.png",
        )[1]
    )
    assert "1 earlier capture of the person" in (tmp_path / "page.html").read_text(encoding="utf-8")
    for wrong, words in (
        (str(tmp_path / "broken.png"), "is not a picture"),
        (str(tmp_path / "missing.png"), "no such file"),
        (f"voice={tmp_path / 'enrolment.png'}", "voice is not among the samples"),
    ):
        code, said, errors = check(wrong)
        assert (code, words in errors) == (3, True), errors
        assert "selfie.png" not in said, "told before anything is judged"
