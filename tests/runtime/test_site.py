"""A site's threshold follows its bona fide scores, and nothing upsets it easily."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import antispoof
from antispoof.errors import BundleError, InputError
from antispoof.runtime.bundle import SiteRule
from antispoof.scores.location import typical_score
from antispoof.sites.learning import _near_duplicates, _Rule

NONE = np.zeros(0)


def visit(close_up: Any, count: int, red: float = 1.0, blue: float = 1.0, seed: int = 0) -> list[Any]:
    """Captures of one site: one face in varying light, framing and tint."""
    random = np.random.default_rng(seed)
    captures = []
    for _ in range(count):
        shift = random.integers(-12, 13, 2)
        moved = cv2.warpAffine(
            close_up,
            np.array([[1, 0, shift[0]], [0, 1, shift[1]]], float),
            close_up.shape[1::-1],
            borderMode=cv2.BORDER_REPLICATE,
        )
        side_light = np.linspace(*random.uniform(0.5, 1.1, 2), close_up.shape[1])[None, :, None]
        tint = np.array([red, 1, blue]) * random.normal(1, 0.02, 3)
        captures.append(np.clip(moved * side_light * tint, 0, 255).astype(np.uint8))
    return captures


def test_a_shifted_site_is_met_where_it_is(close_up: Any, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    people, attacks = visit(close_up, 20, blue=1.35), visit(close_up, 10, red=0.7, blue=1.5, seed=1)
    before = [detector.check(face_rgb=person) for person in people]
    assert sum(verdict.outcome == "bona_fide" for verdict in before) < 5
    site = antispoof.learn_site(detector, people)
    at_site = detector.calibrated(site)
    after = [at_site.check(face_rgb=person) for person in people]
    assert sum(verdict.outcome == "bona_fide" for verdict in after) >= 18
    assert [verdict.score for verdict in after] == [verdict.score for verdict in before]
    assert all(at_site.check(face_rgb=attack).outcome == "attack" for attack in attacks)
    assert site.shift < 0
    assert site.shift_interval[0] <= site.shift <= site.shift_interval[1]
    assert at_site.operating_point.threshold == pytest.approx(0.5 + site.shift)
    assert "moved by" in at_site.operating_point.rule


def test_it_comes_back_from_its_file_and_fits_one_bundle(
    close_up: Any, make_bundle: Any, tmp_path: Any
) -> None:
    detector = antispoof.load(make_bundle(), at="strict")
    site = antispoof.learn_site(detector, visit(close_up, 8))
    antispoof.write_site(site, tmp_path / "site.json")
    assert antispoof.read_site(tmp_path / "site.json") == site
    at_site = detector.calibrated(tmp_path / "site.json")
    assert at_site.operating_point.name == "strict"
    assert at_site.operating_point.threshold == pytest.approx(4 + site.shift)
    from miniature import network

    path = make_bundle("other.onnx", model=network(gain=2.0), version="2")
    with pytest.raises(InputError, match=r"bundle 'miniature 1' \(.*…\), not to 'miniature 2' \(") as caught:
        antispoof.load(path).calibrated(site)
    again = make_bundle("again.onnx", version="2")  # the same graph, calibrated anew
    with pytest.raises(InputError, match="whose scores lie elsewhere"):
        antispoof.load(again).calibrated(site)
    for command in ("antispoof calibrate --bundle BUNDLE.onnx --face-rgb", "compare-bundles OLD BUNDLE.onnx"):
        assert command in str(caught.value)


@pytest.mark.filterwarnings("ignore:.* has no say:UserWarning")
def test_a_site_of_a_bundle_that_another_judges_before_is_refused(
    close_up: Any, make_bundle: Any, tmp_path: Any
) -> None:
    """A new default would else make a site calibration of the old one count for nothing, silently."""
    from miniature import network

    old, new = make_bundle(), make_bundle("new.onnx", model=network(gain=2.0), name="new")
    site = antispoof.learn_site(antispoof.load(old), visit(close_up, 5))
    antispoof.write_site(site, tmp_path / "site.json")
    antispoof.write_site(antispoof.learn_site(antispoof.load(new), visit(close_up, 5)), tmp_path / "new.json")
    policy = tmp_path / "here.yaml"
    policy.write_text("name: here\nsites: {miniature: site.json}\n")
    moved = antispoof.load(old).calibrated(site).operating_point
    for bundles in ([old], [old, new]):
        assert antispoof.load(bundles, policy=policy).operating_point == moved
    for bundles in ([new], [new, old]):
        with pytest.raises(InputError, match=r"belongs to bundle 'miniature 1'.*new.*antispoof calibrate"):
            antispoof.load(bundles, policy=policy)
        with pytest.raises(InputError, match=r"belongs to bundle 'miniature 1'.*new.*antispoof calibrate"):
            antispoof.load(bundles).calibrated(site)
    # With both files in the policy either may judge: the way on, and back.
    policy.write_text("name: here\nsites: {miniature: [site.json], new: new.json}\n")
    for bundles in ([new, old], [old, new], [new], [old]):
        assert "moved by" in antispoof.load(bundles, policy=policy).operating_point.rule


def test_two_versions_of_a_bundle_have_a_site_file_each(
    close_up: Any, make_bundle: Any, tmp_path: Any
) -> None:
    from miniature import network

    paths = [make_bundle(), make_bundle("two.onnx", model=network(gain=2.0), version="2")]
    sites = [antispoof.learn_site(antispoof.load(path), visit(close_up, 5)) for path in paths]
    for number, site in enumerate(sites):
        antispoof.write_site(site, tmp_path / f"{number}.json")
    (tmp_path / "here.yaml").write_text("name: here\nsites: {miniature: [0.json, 1.json]}\n")
    assert sites[0].shift != sites[1].shift
    for path, site in zip(paths, sites, strict=True):
        assert antispoof.load(path, policy=tmp_path / "here.yaml").site == site


def test_files_of_the_version_before(close_up: Any, make_bundle: Any, tmp_path: Any) -> None:
    site = antispoof.learn_site(antispoof.load(make_bundle()), visit(close_up, 5))
    written = {**site.model_dump(mode="json"), "head": None}
    del written["bundle_version"], written["typical_score"]
    path = tmp_path / "site.json"
    path.write_text(json.dumps(written))
    assert antispoof.read_site(path).shift == site.shift
    path.write_text(json.dumps({**written, "head": {"weight": [1.0], "bias": 0.0}}))
    with pytest.raises(InputError, match=r"--self-simulation, which is withdrawn.* make it anew"):
        antispoof.read_site(path)


def test_more_attacks_move_it_between_the_two(close_up: Any, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    people, attacks = visit(close_up, 12), visit(close_up, 12, red=0.8, blue=1.2, seed=1)
    alone = antispoof.learn_site(detector, people)
    both = antispoof.learn_site(detector, people, attacks)
    assert both.attack == 12
    assert alone.attack == 0
    assert any("--attack" in advice for advice in alone.advice)
    assert not any("--attack" in advice for advice in both.advice)
    at_site = detector.calibrated(both)
    assert all(at_site.check(face_rgb=person).outcome == "bona_fide" for person in people)
    assert all(at_site.check(face_rgb=attack).outcome == "attack" for attack in attacks)


def test_repeated_captures_are_noticed(close_up: Any, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    one, other = visit(close_up, 2)
    with pytest.raises(InputError, match="the 20 bona fide captures are one and the same"):
        antispoof.learn_site(detector, [one] * 20)
    site = antispoof.learn_site(detector, [*[one] * 19, other[:, ::-1]])
    assert (site.bona_fide, site.distinct) == (20, 2)
    assert any("20 captures look like only 2 different" in advice for advice in site.advice)


def test_bad_captures_are_counted_and_named(
    close_up: Any, blank: Any, make_bundle: Any, encode: Any, tmp_path: Any
) -> None:
    captures = [*visit(close_up, 12), *visit(close_up, 1, red=0.4, blue=2.0)]
    paths = []
    for index, capture in enumerate([*captures, blank]):
        paths.append(tmp_path / f"{index:02}.png")
        paths[-1].write_bytes(encode(capture, "PNG"))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    site = antispoof.learn_site(antispoof.load(make_bundle()), [*paths, tmp_path / "broken.png"])
    assert (site.bona_fide, site.rejected) == (13, 2)
    assert site.suspicious == (str(paths[12]),)
    assert any("12.png" in advice for advice in site.advice)


def test_too_few_captures_are_refused(close_up: Any, make_bundle: Any) -> None:
    detector = antispoof.load(make_bundle())
    with pytest.raises(InputError, match="4 of 4 bona fide captures can be judged; at least 5 are needed"):
        antispoof.learn_site(detector, visit(close_up, 4))
    assert antispoof.learn_site(detector, visit(close_up, 5)).bona_fide == 5


def test_a_bundle_without_a_starting_point_is_refused(close_up: Any, make_bundle: Any) -> None:
    with pytest.raises(BundleError, match="does not say what site calibration starts from"):
        antispoof.learn_site(antispoof.load(make_bundle(site=None)), visit(close_up, 5))


@pytest.mark.parametrize("text", ["", "[]", '{"shift": 1}', "\x00"])
def test_files_that_are_no_site_calibration(text: str, tmp_path: Any) -> None:
    path = tmp_path / "site.json"
    path.write_text(text)
    with pytest.raises(InputError, match="is no site calibration"):
        antispoof.read_site(path)
    with pytest.raises(InputError, match="cannot read the site calibration"):
        antispoof.read_site(tmp_path)


scores = st.lists(st.floats(-20, 20), min_size=5, max_size=40).map(np.array)


@given(scores=scores, by=st.floats(-10, 10), threshold=st.floats(-5, 5), prior=st.floats(0, 10))
def test_the_shift_follows_the_scores_and_shrinks(
    scores: Any, by: float, threshold: float, prior: float
) -> None:
    weights = np.ones_like(scores)
    rule = _Rule(SiteRule(bona_fide_score=2.0, prior_captures=prior), threshold)
    moved, still = rule.shift(scores + by, weights, NONE), rule.shift(scores, weights, NONE)
    assert moved - still == pytest.approx(by * scores.size / (scores.size + prior), abs=1e-9)
    far = _Rule(SiteRule(bona_fide_score=2.0, prior_captures=1e9), threshold)
    assert far.shift(scores, weights, NONE) == pytest.approx(0, abs=1e-5)


@given(scores=scores)
def test_the_typical_score_is_that_of_scipy_where_it_trims_whole_scores(scores: Any) -> None:
    from scipy.stats import trim_mean

    kept = scores[: scores.size // 4 * 4]
    assert typical_score(kept) == pytest.approx(trim_mean(kept, 0.25), abs=1e-9)


@given(scores=scores, bad=st.floats(-1e6, 1e6))
def test_one_bad_capture_in_five_stays_within_the_good_ones(scores: Any, bad: float) -> None:
    spoiled = np.append(scores, bad)
    value = typical_score(spoiled)
    assert scores.min() - 1e-9 <= value <= scores.max() + 1e-9


def test_near_duplicates_share_a_group() -> None:
    random = np.random.default_rng(0)
    looks = random.normal(size=(3, 500)).astype(np.float32)
    looks /= np.linalg.norm(looks, axis=1, keepdims=True)
    again = looks[1] + 0.02 / np.sqrt(500) * random.normal(size=500)
    np.testing.assert_array_equal(
        _near_duplicates(np.vstack([looks, again / np.linalg.norm(again)])), [0, 1, 2, 1]
    )


def test_the_withdrawn_option_says_so(run: Any) -> None:
    code, _, err = run("calibrate", "--face-rgb", "photos", "--self-simulation", "-o", "site.json")
    assert code == 3
    assert "--self-simulation is withdrawn" in err
