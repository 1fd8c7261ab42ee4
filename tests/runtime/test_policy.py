"""Policies: what they ask for, what they answer, and what they say of themselves."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import antispoof
from antispoof.errors import InputError, UnknownNameError
from antispoof.evidence.explanation import policy_in_words, sentence
from antispoof.runtime.bundle import read_bundle, shipped_bundles
from antispoof.runtime.detector import Detector
from antispoof.runtime.examiner import find_operating_point
from antispoof.runtime.policy import Policy, decide, read_policy, shipped_policies
from antispoof.runtime.verdict import Evidence, OperatingPoint
from antispoof.scores.fusion import fusions
from antispoof.sensing.capture import Sample

POINT = OperatingPoint("p", 1.0, "given", "dev")


def parts(**status: str) -> list[Evidence]:
    return [Evidence(name, what) for name, what in status.items()]  # type: ignore[arg-type]


def test_a_score_just_below_the_threshold_is_tried_again() -> None:
    policy = Policy(name="p", retry_band=0.5, optional=("face_rgb", "voice"))
    used = parts(face_rgb="used")
    assert decide(used, 1.0, POINT, policy).outcome == "bona_fide"
    unsure = decide(used, 0.99, POINT, policy)
    assert (unsure.outcome, unsure.score) == ("non_response", None)
    assert unsure.causes[0].code == "unsure"
    assert "try again" in unsure.causes[0].advice
    assert "voice recording" in unsure.causes[0].advice
    assert decide(used, 0.49, POINT, policy).outcome == "attack"


@pytest.mark.parametrize(
    ("changes", "evidence", "outcome", "codes"),
    [
        ({}, {"face_rgb": "used", "voice": "missing"}, "non_response", ["missing_voice"]),
        ({}, {"face_rgb": "used"}, "non_response", ["missing_voice"]),
        ({}, {"face_rgb": "used", "voice": "rejected"}, "non_response", ["rejected_voice"]),
        ({"if_missing": "attack"}, {"face_rgb": "used"}, "attack", ["missing_voice"]),
        ({"if_rejected": "attack"}, {"face_rgb": "used", "voice": "rejected"}, "attack", ["rejected_voice"]),
        ({"required": (), "at_least": 2}, {"face_rgb": "used"}, "non_response", ["too_few_sensors"]),
        ({}, {"face_rgb": "used", "voice": "used"}, "bona_fide", []),
        ({"required": ()}, {"face_rgb": "used", "voice": "rejected"}, "bona_fide", []),
    ],
)
def test_what_a_pass_needs(changes: Any, evidence: dict[str, str], outcome: str, codes: list[str]) -> None:
    policy = Policy(**{"name": "p", "required": ("voice",), **changes})
    decision = decide(parts(**evidence), 5.0, POINT, policy)
    assert decision.outcome == outcome
    assert [cause.code for cause in decision.causes] == codes
    # An attack that was seen is an attack, whatever is missing.
    assert decide(parts(**evidence), -5.0, POINT, policy).outcome == "attack"


def test_costs_give_bayes_threshold() -> None:
    policy = Policy(name="p", costs={"attack_prior": 0.1, "false_accept": 9, "false_reject": 1})
    assert policy.operating_point([POINT]).threshold == pytest.approx(0.0)
    dearer = Policy(name="p", costs={"attack_prior": 0.1, "false_accept": 90, "false_reject": 1})
    assert dearer.operating_point([POINT]).threshold == pytest.approx(math.log(10))


def test_of_several_bundles_the_highest_threshold_counts() -> None:
    other = OperatingPoint("q", 2.0, "EER", "dev")
    assert Policy(name="p").operating_point([POINT, other]).threshold == 2.0
    votes = Policy(name="p", fusion={"rule": "and"})
    assert votes.operating_point([POINT, other]).threshold == 0.0


@pytest.mark.parametrize("name", shipped_policies())
def test_shipped_policies_say_what_they_do(name: str) -> None:
    policy = read_policy(name)
    assert policy.name == name
    words = dict(policy_in_words(policy))
    assert words["fusion"].startswith(policy.fusion.rule)
    assert {"for whom", "sensors", "threshold", "measured"} <= set(words)
    antispoof.load(policy=name)


@pytest.mark.parametrize("name", shipped_policies())
@pytest.mark.parametrize("bundle", shipped_bundles())
def test_shipped_bundles_know_the_operating_points_of_shipped_policies(name: str, bundle: str) -> None:
    find_operating_point(read_bundle(bundle).metadata, read_policy(name).at)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no keys"),
        ("name: [", "is not YAML"),
        ("name: p\nfuson: {}\n", "fuson: Extra inputs"),
        ("name: p\nfusion: {rule: bayesan}\n", "did you mean 'bayesian'"),
        ("name: p\nfusion: {rule: k_of_n, parameters: {k: 0}}\n", "fusion"),
        ("name: p\nat: [EER]\nthreshold: 1\n", "one of at, threshold and costs"),
        ("name: p\nfusion: {rule: rank}\n", "needs a threshold"),
        ("name: p\nretry_band: -1\n", "retry_band"),
        ("name: p\nrequired: [voice]\noptional: [voice]\n", "required and optional at once"),
        ("name: p\nrequired: [face-rgb]\n", "unknown modality 'face-rgb'; did you mean 'face_rgb'?"),
        ("name: p\noptional: [voice]\nat_least: 3\n", "more than there are"),
    ],
)
def test_what_is_no_policy_is_told(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(words)):
        read_policy(path)


def test_policies_that_are_not_there() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'convenience'"):
        read_policy("conveniense")
    with pytest.raises(InputError, match="cannot read the policy"):
        read_policy("none.yaml")


# From here on: several miniature bundles in one detector.


def sound(array: Any) -> Sample:
    return Sample(np.asarray(array, np.float32), {"sample_rate": 16_000})


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from miniature import metadata, network, voice_metadata, voice_network

    from antispoof.runtime.bundle import seal

    folder = tmp_path_factory.mktemp("bundles")
    made = [
        (network(), metadata()),
        (voice_network(), voice_metadata(calibration={"slope": 8000.0, "intercept": -5.0})),
    ]
    paths = []
    for number, (model, about) in enumerate(made):
        paths.append(folder / f"{number}.onnx")
        paths[-1].write_bytes(seal(model, about))
    return paths


@pytest.fixture(scope="module")
def samples(close_up: Any, blank: Any, speech: Any) -> dict[str, dict[str, Any]]:
    """Modality → kind of sample → what is handed in."""
    muffled = np.convolve(speech, np.hanning(25) / np.hanning(25).sum(), "same").astype(np.float32)

    def tinted(red: float, blue: float) -> Any:
        return np.clip(close_up * np.array([red, 1, blue]), 0, 255).astype(np.uint8)

    return {
        "face_rgb": {
            "bona_fide": tinted(1.2, 0.6),
            "attack": tinted(0.6, 1.2),
            "no face": blank,
            "black": np.zeros_like(close_up),
            "absent": None,
        },
        "voice": {
            "bona_fide": sound(speech),
            "attack": sound(muffled),
            "silent": sound(np.zeros(48_000)),
            "frozen": sound(np.full(48_000, 0.3)),
            "absent": None,
        },
    }


@pytest.fixture(scope="module")
def detector(bundles: list[Path]) -> Detector:
    return antispoof.load(bundles)


def test_two_bundles_give_one_verdict(detector: Detector, samples: Any) -> None:
    face, voice = samples["face_rgb"]["bona_fide"], samples["voice"]["bona_fide"]
    alone = [detector.check(face_rgb=face), detector.check(voice=voice)]
    verdict = detector.check(face_rgb=face, voice=voice)
    assert [part.modality for part in verdict.evidence] == ["face_rgb", "voice"]
    assert [part.score for part in verdict.evidence] == [one.score for one in alone]
    assert {bundle.name for bundle in verdict.bundles} == {"miniature", "miniature-voice"}
    assert verdict.score == pytest.approx(sum(each.contribution for each in verdict.bundle_scores))
    llr = np.array([[one.score for one in alone]])
    from antispoof.scores.fusion import Panel

    assert verdict.score == fusions["bayesian"]().fuse(Panel.of(("a", "b"), llr))[0]
    assert verdict.as_dict()["opinions"][1]["modalities"] == ["voice"]
    assert "together were taken for" in sentence(verdict)


@pytest.mark.parametrize(
    ("face", "voice", "outcome"),
    [
        ("bona_fide", "bona_fide", "bona_fide"),
        ("bona_fide", "absent", "bona_fide"),
        ("absent", "bona_fide", "bona_fide"),
        ("bona_fide", "silent", "bona_fide"),
        ("black", "bona_fide", "bona_fide"),
        ("attack", "bona_fide", "attack"),  # they contradict each other
        ("bona_fide", "attack", "attack"),
        ("attack", "attack", "attack"),
        ("attack", "frozen", "attack"),
        ("no face", "attack", "attack"),
        ("black", "silent", "non_response"),
        ("no face", "frozen", "non_response"),
        ("absent", "absent", "non_response"),
        ("absent", "silent", "non_response"),
    ],
)
def test_every_state_of_the_sensors_has_a_stated_outcome(
    detector: Detector, samples: Any, face: str, voice: str, outcome: str
) -> None:
    verdict = detector.check(face_rgb=samples["face_rgb"][face], voice=samples["voice"][voice])
    assert verdict.outcome == outcome
    assert sentence(verdict)
    if {face, voice} == {"attack", "bona_fide"}:
        assert "contradict each other" in sentence(verdict)


kinds = st.fixed_dictionaries(
    {
        "face_rgb": st.sampled_from(["bona_fide", "attack", "no face", "black", "absent"]),
        "voice": st.sampled_from(["bona_fide", "attack", "silent", "frozen", "absent"]),
    }
)


@given(
    chosen=kinds,
    rule=st.sampled_from(["bayesian", "llr_sum", "and", "or", "minimum", "sequential", "k_of_n"]),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_pass_without_evidence_whatever_the_sensors_do(
    detector: Detector, samples: Any, chosen: dict[str, str], rule: str
) -> None:
    detector._rules = Policy(name="p", fusion={"rule": rule})
    try:
        sources = {name: samples[name][kind] for name, kind in chosen.items()}
        verdict = detector.check(**sources)
        backwards = detector.check(**dict(reversed(sources.items())))
        judged = {name: kind for name, kind in chosen.items() if kind in ("bona_fide", "attack")}
        only = detector.check(**{name: sources[name] for name in judged})
    finally:
        detector._rules = Policy(name="none")
    assert backwards == verdict
    if verdict.outcome == "bona_fide":
        assert "bona_fide" in judged.values()
    # A rejected sensor changes nothing: neither the outcome nor the score.
    assert (only.outcome, only.score) == (verdict.outcome, verdict.score)
    assert verdict.outcome != "bona_fide" or verdict.score is not None
    if not judged:
        assert verdict.outcome == "non_response"


def test_a_rejected_sample_names_the_bundle_that_would_have_judged(detector: Detector, samples: Any) -> None:
    verdict = detector.check(voice=samples["voice"]["silent"])
    assert [bundle.name for bundle in verdict.bundles] == ["miniature-voice"]
    assert [part.modality for part in verdict.evidence] == ["voice"]
    assert (verdict.score, verdict.bundle_scores) == (None, ())


def test_policies_at_work(bundles: list[Path], samples: Any) -> None:
    face, voice = samples["face_rgb"]["bona_fide"], samples["voice"]["bona_fide"]
    strict = antispoof.load(bundles, policy="high-security")
    alone = strict.check(face_rgb=face)
    assert (alone.outcome, alone.reasons, alone.policy) == (
        "non_response",
        ("too_few_sensors",),
        "high-security",
    )
    assert "another sensor is needed" in alone.advice[0]
    both = strict.check(face_rgb=face, voice=voice)
    assert both.outcome in ("bona_fide", "attack")
    assert both.operating_point.threshold == 4.0  # the rule of "strict" is APCER <= 1 %
    assert strict.check(face_rgb=samples["face_rgb"]["attack"]).outcome == "attack"
    closed = Policy(name="p", optional=("face_rgb",))
    with pytest.raises(InputError, match="policy 'p' does not look at voice"):
        antispoof.load(bundles, policy=closed).check(voice=voice)
    with pytest.raises(InputError, match="the policy sets the operating point"):
        antispoof.load(bundles, policy=closed, at="strict")


def test_a_site_is_part_of_a_policy(bundles: list[Path], samples: Any, tmp_path: Path) -> None:
    face, voice = samples["face_rgb"]["bona_fide"], samples["voice"]["bona_fide"]
    plain = antispoof.load(bundles)
    site = antispoof.SiteCalibration(
        bundle="miniature",
        bundle_sha256=plain.bundle.metadata.sha256,
        shift=1.5,
        shift_interval=(1.0, 2.0),
        bona_fide=20,
        distinct=18,
        attack=0,
        rejected=0,
        suspicious=(),
        advice=(),
    )
    antispoof.write_site(site, tmp_path / "site.json")
    path = tmp_path / "here.yaml"
    path.write_text("name: here\nsites: {miniature: site.json}\n", encoding="utf-8")
    here = antispoof.load(bundles, policy=path)
    assert here.check(face_rgb=face).operating_point.threshold == pytest.approx(0.5 + 1.5)
    both = here.check(face_rgb=face, voice=voice)
    assert both.operating_point.threshold == 0.5
    before = {each.bundle: each.score for each in plain.check(face_rgb=face, voice=voice).bundle_scores}
    after = {each.bundle: each.score for each in both.bundle_scores}
    assert after["miniature"] == pytest.approx(before["miniature"] - 1.5)
    assert after["miniature-voice"] == before["miniature-voice"]
    again = antispoof.load(bundles).calibrated(site).check(face_rgb=face, voice=voice)
    assert again.score == both.score


def test_a_learned_rule_stands_in_a_policy(bundles: list[Path], samples: Any) -> None:
    from antispoof.scores.fusion import Panel

    random = np.random.default_rng(0)
    bona_fide = np.repeat([True, False], 200)
    llr = random.normal(np.where(bona_fide, 2.0, -2.0)[:, None], 2.0, (400, 2))
    learned = fusions["stacking"].fit(Panel.of(("miniature", "miniature-voice"), llr), bona_fide)
    written = {"rule": "stacking", "parameters": json.loads(learned.model_dump_json())}
    detector = antispoof.load(bundles, policy=Policy(name="p", fusion=written))
    verdict = detector.check(**{name: kinds["bona_fide"] for name, kinds in samples.items()})
    said = np.array([[each.score for each in verdict.bundle_scores]])
    names = tuple(each.bundle for each in verdict.bundle_scores)
    assert verdict.score == learned.fuse(Panel.of(names, said))[0]
    assert sum(each.contribution for each in verdict.bundle_scores) == pytest.approx(verdict.score)


def test_a_failing_side_fails_the_whole(detector: Detector, samples: Any) -> None:
    with pytest.raises(antispoof.MediaError):
        detector.check(face_rgb=samples["face_rgb"]["bona_fide"], voice=b"not a recording")
    with pytest.raises(InputError, match="name at least one"):
        antispoof.load([])


def test_one_bundle_named_is_one_bundle_used(bundles: list[Path], samples: Any) -> None:
    with pytest.raises(InputError, match="judges face_rgb; it cannot use voice"):
        antispoof.load(bundles[0]).check(voice=samples["voice"]["bona_fide"])


def test_a_bundle_that_never_judges_is_named(make_bundle: Any) -> None:
    mine, other = make_bundle(), make_bundle("other.onnx", name="other")
    with pytest.warns(UserWarning, match="other 1 has no say: miniature 1, named before it, judges face_rgb"):
        detector = antispoof.load([mine, other])
    assert len(detector.without_a_say()) == 1
