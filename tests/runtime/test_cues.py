"""What a cue is worth: within its bounds, added to what the sensors say, and told in words and pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filmed import head, write
from numpy.typing import NDArray

import antispoof
from antispoof.errors import BundleError, InputError
from antispoof.runtime import cues as judging
from antispoof.runtime.cues import ALL_BOUNDS, CueRule, judge_cues, read_rule, shipped_rules
from antispoof.runtime.detector import Detector
from antispoof.sensing.cues import Measured, cues
from antispoof.sensing.cues.face_light import reflected

Picture = NDArray[np.uint8]


def rule(name: str, bias: float, bounds: tuple[float, float] = (-3.0, 1.5), **changes: Any) -> CueRule:
    """A rule whose first number counts, after ``bias``."""
    width = len(cues[name].features)
    weight = [[10.0]] + [[0.0]] * (width - 1)
    training = {"data": [], "recipe": "made here", "seed": 0, "code_version": "0"}
    values = {
        "cue": name,
        "version": "1",
        "description": "A test.",
        "licence": "Apache-2.0",
        "features": cues[name].features,
        "middle": [0.0] * width,
        "spread": [10.0] * width,
        "layers": [{"weight": weight, "bias": [bias]}],
        "calibration": {"slope": 1.0, "intercept": 0.0},
        "bounds": bounds,
        "training": training,
        "results": [],
        **changes,
    }
    return CueRule.model_validate(values)


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> dict[str, CueRule]:
    """The rules that count here, to be filled in."""
    made: dict[str, CueRule] = {}
    monkeypatch.setattr(judging, "shipped_rules", lambda: made)
    return made


def found(name: str, first: float) -> Measured:
    return Measured(name, np.array([first] + [0.0] * (len(cues[name].features) - 1)))


def test_a_ratio_keeps_within_its_bounds_and_all_within_theirs(rules: dict[str, CueRule]) -> None:
    names = ("face_relief", "face_screen", "face_camera")
    rules.update({name: rule(name, 0.0) for name in names})
    (one,) = judge_cues([found("face_relief", -1.25)])
    assert (one.status, one.score, one.contribution) == ("used", -1.25, -1.25)
    for first, each, total in ((-50.0, -3.0, ALL_BOUNDS[0]), (50.0, 1.5, ALL_BOUNDS[1])):
        said = judge_cues([found(name, first) for name in names])
        assert [cue.score for cue in said] == [each] * 3
        assert sum(cue.contribution for cue in said) == pytest.approx(total)


def test_what_was_not_measured_or_not_learned_has_no_say(rules: dict[str, CueRule]) -> None:
    rules["face_relief"] = rule("face_relief", 0.0)
    rules["face_camera"] = rule("face_camera", -3.0, (0.0, 0.0))
    said = judge_cues(
        [
            Measured("face_relief", None, ("too_still",)),
            found("face_camera", 1.0),
            found("face_screen", 1.0),
            Measured("lip_sound", None, ("no_sound",)),
        ]
    )
    assert [(cue.name, cue.status, cue.score, cue.contribution) for cue in said] == [
        ("face_relief", "not_measurable", None, 0.0),
        ("face_camera", "hint", None, 0.0),
        ("face_screen", "hint", None, 0.0),
    ], "of what nobody asked for, nothing is told"
    assert said[0].explained == (cues["face_relief"].reasons["too_still"],)
    (counting,) = judge_cues([found("face_relief", 1.0)], counted=False)
    assert counting.status == "hint", "where a policy counts decisions"


def test_what_is_unlike_all_that_was_learned_has_no_say(rules: dict[str, CueRule]) -> None:
    rules["face_relief"] = rule("face_relief", -2.0)
    width = len(cues["face_relief"].features)
    for far, status in ((0.15, "used"), (0.3, "hint")):
        values = np.where(np.arange(width) >= (1 - far) * width, 90.0, 0.0)
        (said,) = judge_cues([Measured("face_relief", values)])
        assert said.status == status
        assert ("unlike_learned" in said.reasons) == (status == "hint") == bool(said.explained)


def test_the_verdict_is_the_sum_and_says_so(
    rules: dict[str, CueRule], make_bundle: Callable[..., Path], portrait: Picture, tmp_path: Path, run: Any
) -> None:
    bundle = make_bundle()
    detector = antispoof.load(bundle)
    clip = write(tmp_path / "a.mp4", head(portrait, rate=10), rate=10)
    before = detector.check(face_rgb=clip)
    assert before.score is not None
    assert {cue.status for cue in before.cues} <= {"hint", "not_measurable"}
    rules["face_relief"] = rule("face_relief", -100.0)
    after = detector.check(face_rgb=clip)
    assert after.score == pytest.approx(before.score - 3.0)
    page = tmp_path / "page.html"
    code, out, _ = run("check", "--face-rgb", clip, "--bundle", bundle, "--report", page)
    assert code == (0 if after.outcome == "bona_fide" else 1)
    assert "relief from motion: speaks for an attack, -3.00" in out
    assert "screen in time: measured, and has no say" in out
    html = page.read_text()
    assert "relief from motion: speaks for an attack, -3.00" in html
    assert "how far the nose moved" in html
    code, out, _ = run("check", "--face-rgb", clip, "--bundle", bundle, "--json")
    document = json.loads(out)["results"][0]["verdict"]["cues"]
    assert {cue["name"]: cue["score"] for cue in document}["face_relief"] == -3.0
    assert detector.check(face_rgb=[picture for _, picture in head(portrait, seconds=0.5)]).cues == (), (
        "pictures without times have no course"
    )


def test_a_policy_that_counts_decisions_leaves_cues_out(
    rules: dict[str, CueRule], make_bundle: Callable[..., Path], portrait: Picture, tmp_path: Path
) -> None:
    from antispoof.runtime.policy import Policy

    rules["face_relief"] = rule("face_relief", -100.0)
    policy = Policy.model_validate({"name": "votes", "fusion": {"rule": "majority"}})
    detector = antispoof.load(make_bundle(), policy=policy)
    verdict = detector.check(face_rgb=write(tmp_path / "a.mp4", head(portrait, rate=10), rate=10))
    assert isinstance(detector, Detector)
    assert "used" not in {cue.status for cue in verdict.cues}


def test_a_rule_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    good = json.loads(rule("face_relief", 0.0).model_dump_json())
    path = tmp_path / "rule.json"
    path.write_text(json.dumps(good))
    assert read_rule(path).cue == "face_relief"
    for change, words in (
        ({"features": good["features"][::-1]}, "the numbers of face_relief are"),
        ({"middle": [0.0]}, "middle and spread must have"),
        ({"layers": [{"weight": [[1.0]], "bias": [0.0]}]}, "does not take"),
        ({"bounds": [-9.0, 0.0]}, "bounds"),
    ):
        path.write_text(json.dumps({**good, **change}))
        with pytest.raises(BundleError, match=words):
            read_rule(path)
    with pytest.raises(InputError, match=r"missing\.json"):
        read_rule(tmp_path / "missing.json")


@pytest.mark.parametrize("name", list(shipped_rules()))
def test_what_ships_is_bounded_and_says_where_it_comes_from(name: str) -> None:
    shipped = shipped_rules()[name]
    assert shipped.results
    assert all(result.simulated for result in shipped.results)
    assert all(data.simulated for data in shipped.training.data)
    values = np.random.default_rng(0).normal(0, 30, (500, len(shipped.features)))
    ratios = shipped.ratio(values)
    assert np.isfinite(ratios).all()
    assert ratios.min() >= shipped.bounds[0] >= -5
    assert ratios.max() <= shipped.bounds[1] <= 2


def test_an_answer_to_colours_is_evidence() -> None:
    seen = reflected({"chance": 0.005, "gain": 0.04, "gain_spread": 0.005})
    none = reflected({"chance": 0.6, "gain": 0.001, "gain_spread": 0.005})
    lost = reflected({"frames": 3.0})
    (there,), (away,), (unanswered,) = (judge_cues([each]) for each in (seen, none, lost))
    assert there.score is not None
    assert away.score is not None
    assert there.score > 0.5 > -0.5 > away.score
    assert (unanswered.status, unanswered.reasons) == ("not_measurable", ("no_answer",))
