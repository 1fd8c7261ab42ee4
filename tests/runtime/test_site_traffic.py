"""A site learned from unlabelled traffic, and one whose captures each presentation is held against."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import antispoof
from antispoof.errors import InputError
from antispoof.runtime.bundle import read_bundle
from antispoof.runtime.references import default_threshold, traffic_rule
from antispoof.scores.reference import ReferenceRule
from antispoof.scores.traffic import ATTACK_LIMIT, TrafficRule
from antispoof.sites.traffic import learn_from_scores

TRAFFIC = TrafficRule(follow=0.8, margin=2.0)


def table(path: Any, scores: Any, header: str = "score", row: str = "{}") -> Any:
    path.write_text("\n".join([header, *(row.format(score) for score in scores)]) + "\n", encoding="utf-8")
    return path


def test_a_site_from_scores_alone(make_bundle: Any, run: Any, tmp_path: Any, close_up: Any) -> None:
    bundle, out = make_bundle(traffic=TRAFFIC.model_dump()), tmp_path / "site.json"
    scores = np.random.default_rng(0).normal(4, 1, 1200)
    traffic = table(tmp_path / "t.csv", scores)
    code, said, errors = run("calibrate", "--scores", traffic, "--bundle", bundle, "-o", out)
    assert code == 0, errors
    assert "1200 unlabelled presentations, at most 40% of them attacks" in said
    site = antispoof.read_site(out)
    metadata = read_bundle(bundle).metadata
    assert site.shift == pytest.approx(TRAFFIC.shift(scores, 0.5))
    assert site.shift_interval[0] <= site.shift <= site.shift_interval[1]
    assert (site.unlabelled, site.attack_limit, site.bona_fide) == (1200, ATTACK_LIMIT, 0)
    assert traffic_rule(metadata) == TRAFFIC
    assert default_threshold(metadata) == 0.5
    verdict = antispoof.load(bundle).calibrated(out).check(face_rgb=close_up)
    assert verdict.operating_point.threshold == pytest.approx(0.5 + site.shift)


def test_traffic_takes_nothing_back_unless_somebody_says_so(
    make_bundle: Any, run: Any, tmp_path: Any
) -> None:
    bundle, now, out = (
        make_bundle(traffic=TRAFFIC.model_dump()),
        tmp_path / "now.json",
        tmp_path / "site.json",
    )
    random = np.random.default_rng(0)
    high = table(tmp_path / "high.csv", random.normal(3.5, 1, 600))
    low = table(tmp_path / "low.csv", random.normal(1, 1, 600))
    words = ("--bundle", bundle, "-o", out)
    run("calibrate", "--scores", high, "--bundle", bundle, "-o", now)
    raised = antispoof.read_site(now).shift
    assert raised > 0
    code, said, errors = run("calibrate", "--scores", low, *words)
    assert (code, antispoof.read_site(out).shift) == (0, 0), errors
    assert "would take the threshold below the one in force" in " ".join(said.split())
    run("calibrate", "--scores", low, "--site", now, *words)
    assert antispoof.read_site(out).shift == raised
    run("calibrate", "--scores", low, "--site", now, "--lower", *words)
    assert antispoof.read_site(out).shift < 0
    code, _, errors = run("calibrate", "--lower", "--face-rgb", tmp_path, *words)
    assert code == 3
    assert "--lower" in errors


@pytest.mark.parametrize(
    ("scores", "header", "row", "words"),
    [
        ([1.0] * 200, "score", "{}", "all 200 scores are 1"),
        (range(10), "score", "{}", "10 scores are too few"),
        ([*range(150), np.inf], "score", "{}", "must be finite numbers"),
        (range(200), "id,score,label", "a{0},{0},spoof", "has labels (column 'label'"),
        (range(200), "score,attack_type", "{0},replay", "has labels (column 'attack_type'"),
        (range(200), "score,genuine", "{0},0", "has labels (column 'genuine': '0' in 200)"),
        (range(200), "score,is_spoof", "{0},1", "has labels (column 'is_spoof'"),
        (range(200), "score,label", "{0},1", "column 'label' holds '1' in 200, which may say"),
        (
            range(200),
            "score,label",
            "{0},pass\n-{0}.5,fail",
            "column 'label' holds 'pass' in 200, 'fail' in 200",
        ),
        (range(200), "score,notes", "{0},real\n-{0}.5,spoof", "has labels (column 'notes'"),
        (range(200), "score,y", "{0},1\n-{0}.5,0", "column 'y' holds '1' in 200, '0' in 200, which may say"),
        (range(200), "score,x", "{0},True\n-{0}.5,False", "column 'x' holds 'True' in 200, 'False' in 200"),
        (range(200), "score,x", "{0},1\n-{0}.5,", "'1' in 200, '' in 200, which may say"),
        (range(200), "score,x", "{0},1\n-{0}.5,", "a row that says nothing is taken for neither"),
        (range(200), "score,x", "{0},x\n-{0}.5,", "write 'bona_fide' or the kind of attack, such as 'print'"),
        (range(200), "score,result", "{0},pass\n-{0}.5,fail", "column 'result' holds 'pass' in 200, 'fail'"),
        (
            range(200),
            "score,outcome",
            "{0},pass\n-{0}.5,fail",
            "column 'outcome' holds 'pass' in 200, 'fail'",
        ),
        (range(200), "score,outcome", "{0},live\n-{0}.5,spoof", "has labels (column 'outcome'"),
        (
            range(200),
            "score,medium",
            "{0},print\n-{0}.5,phone",
            "has labels (column 'medium': 'print' in 200",
        ),
        (range(200), "score,medium", "{0},phone\n-{0}.5,paper mask", "has labels (column 'medium'"),
        (range(200), "score,mode", "{0},live\n-{0}.5,", "column 'mode' holds 'live' in 200, '' in 200"),
        (range(200), "score,mode", "{0},real\n-{0}.5,0", "column 'mode' holds 'real' in 200, '0' in 200"),
        (range(200), "a,b,c,score", "{0},A07,spoof,{0}", "has labels (column 'c'"),
        (range(200), "score,x", "1_{0},a", "column 'score': the score of 'row 2' is '1_0'"),
        (range(200), "score,x", "\uff11{0},a", "is '\uff110'; scores must be finite numbers in plain digits"),
        (
            range(200),
            "score,notes",
            "{0},bona fide\n-{0}.5,",
            "column 'notes' holds 'bona fide' in 200, '' in",
        ),
        (range(200), "score,notes", "{0},\n-{0}.5,spoof", "has labels (column 'notes'"),
        (range(200), "score,notes", "{0},Bona-Fide\n-{0}.5,mask", "has labels (column 'notes'"),
        ([*range(150), 1e300, -1e300], "score", "{}", "2 of 152 scores, such as 1e+300, lie beyond ±709"),
        (range(200), "logit", "{}", "no column 'score'"),
        ([], "score", "{}", "a header and no rows"),
        (np.linspace(0.01, 0.99, 200), "score", "{}", "between 0 and 1, as probabilities do"),
        (np.linspace(0.3, 99, 200), "score", "{}", "between 0 and 100, as percentages do"),
        (range(200), "score,bundle", "{},voice-edge", "another bundle (bundle voice-edge)"),
        (range(200), "score,bundle_sha256", "{},beef", "another bundle (bundle_sha256 beef)"),
    ],
)
def test_bad_traffic_is_told(
    make_bundle: Any, run: Any, tmp_path: Any, scores: Any, header: str, row: str, words: str
) -> None:
    traffic = table(tmp_path / "t.csv", scores, header, row)
    out = tmp_path / "site.json"
    code, _, errors = run("calibrate", "--scores", traffic, "--bundle", make_bundle(), "-o", out)
    assert code == 3
    assert words in " ".join(errors.split())
    assert not out.exists()


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("score,mode", "{0},live"),
        ("score,note", "{0},Real"),
        ("score,label", "{0},bona fide"),
        ("score,genuine", "{0},1"),
        ("score,is_spoof", "{0},false"),
        ("score,retry", "{0},0"),
        ("score,site", "{0},1"),
        ("score,passed", "{0},yes"),
        ("score,attempt", "{0},0\n-{0}.5,1\n{0}.25,2"),
        ("score,eye", "{0},L\n-{0}.5,R"),
        ("score,sex", "{0},m\n-{0}.5,f"),
        ("score,device", "{0},phone\n-{0}.5,tablet"),
        ("score,mode", "{0},live\n-{0}.5,portrait"),
        ("score,label", "{0},"),
        ("score,label", "{0},unknown\n-{0}.5,"),
        ("score,subject", "{0},1\n-{0}.5,0"),
        ("score,outcome,threshold", "{0},bona_fide,0.5\n-{0}.5,attack,0.5"),
    ],
)
def test_columns_that_tell_no_classes_are_left_alone(
    make_bundle: Any, run: Any, tmp_path: Any, header: str, row: str
) -> None:
    traffic = table(tmp_path / "t.csv", range(200), header, row)
    out = tmp_path / "site.json"
    code, _, errors = run("calibrate", "--scores", traffic, "--bundle", make_bundle(), "-o", out)
    assert code == 0, errors
    assert antispoof.read_site(out).unlabelled == row.count("{") * 200


def test_what_is_no_log_of_a_ratio_is_refused_by_every_way_in(make_bundle: Any) -> None:
    metadata = read_bundle(make_bundle(traffic=TRAFFIC.model_dump())).metadata
    for beyond in (710, -1e300):
        with pytest.raises(InputError, match=r"1 of 151 scores, such as .* lie beyond ±709"):
            learn_from_scores(metadata, [*range(150), beyond])
        with pytest.raises(InputError, match="column score"):
            TRAFFIC.shift([*range(150), beyond], 0.5)


def test_a_site_file_that_moves_everything_is_refused(make_bundle: Any, tmp_path: Any) -> None:
    out = tmp_path / "site.json"
    site = learn_from_scores(read_bundle(make_bundle(traffic=TRAFFIC.model_dump())).metadata, range(200))
    out.write_text(site.model_copy(update={"shift": -50.0}).model_dump_json(), encoding="utf-8")
    with pytest.raises(InputError, match=r"shift.*greater than or equal to -20"):
        antispoof.read_site(out)


def test_captures_of_a_site_are_what_each_presentation_is_held_against(
    make_bundle: Any, tmp_path: Any, close_up: Any
) -> None:
    """At a blue site a blue face is near its people; a redder one is far, and its threshold higher."""
    rule = ReferenceRule(follow=0.5, per_distance=2, offset=1, directions=[[20.0], [0.0], [-20.0]], lowest=1)
    detector = antispoof.load(make_bundle(reference=rule.model_dump()))
    random = np.random.default_rng(0)

    def lit(tint: tuple[float, float, float]) -> Any:
        light = np.linspace(*random.uniform(0.5, 1.1, 2), close_up.shape[1])[None, :, None]
        return np.clip(close_up * light * tint, 0, 255).astype(np.uint8)

    people = [lit((1, 1, blue)) for blue in random.normal(1.15, 0.02, 12)]
    site = antispoof.learn_site(detector, people)
    assert len(site.captures) == site.distinct > 1
    antispoof.write_site(site, tmp_path / "site.json")
    there = detector.calibrated(tmp_path / "site.json")
    near, far = there.check(face_rgb=people[0]), there.check(face_rgb=lit((1.6, 1, 0.8)))
    assert near.operating_point.threshold < far.operating_point.threshold
    assert near.operating_point.threshold >= 0.5 - rule.lowest
    assert near.score == detector.check(face_rgb=people[0]).score
