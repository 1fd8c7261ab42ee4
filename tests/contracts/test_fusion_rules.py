"""What holds for every registered fusion rule and calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antispoof.errors import InputError
from antispoof.scores.calibration import ScoreCalibration, calibrations, fit_best
from antispoof.scores.fusion import FusionRule, Panel, contributions, fusions

SOURCES = ("face", "infrared", "voice")
THRESHOLDS = np.array([0.2, -0.4, 0.1])


def drawn(seed: int, count: int = 400, absent: float = 0.2) -> tuple[Panel, np.ndarray[Any, Any]]:
    random = np.random.default_rng(seed)
    bona_fide = random.random(count) < 0.5
    llr = random.normal(np.where(bona_fide, 1.5, -1.5)[:, None], [1.0, 2.0, 1.5], (count, 3))
    llr[random.random(llr.shape) < absent] = np.nan
    return Panel.of(SOURCES, llr, random.random(llr.shape), THRESHOLDS), bona_fide


@pytest.fixture(scope="module")
def fitted() -> dict[str, FusionRule]:
    panel, bona_fide = drawn(7)
    return {name: fusions[name].fit(panel, bona_fide) for name in fusions}


def one(llr: list[float | None], quality: list[float] | None = None) -> Panel:
    values = np.array([[np.nan if value is None else value for value in llr]])
    return Panel.of(SOURCES, values, None if quality is None else np.array([quality]), THRESHOLDS)


ratios = st.lists(st.one_of(st.none(), st.floats(-60, 60)), min_size=3, max_size=3)
qualities = st.lists(st.floats(0, 1), min_size=3, max_size=3)


@pytest.mark.parametrize("name", fusions)
def test_it_separates_what_its_sources_separate(name: str, fitted: dict[str, FusionRule]) -> None:
    panel, bona_fide = drawn(8, 2000, absent=0.0)
    fused = fitted[name].fuse(panel)
    assert (fused[bona_fide, None] > fused[None, ~bona_fide]).mean() > 0.9
    assert fused.dtype == np.float64


@pytest.mark.parametrize("name", fusions)
def test_without_evidence_nothing_is_said(name: str, fitted: dict[str, FusionRule]) -> None:
    assert np.isnan(fitted[name].fuse(one([None, None, None]))).all()


@pytest.mark.parametrize("name", fusions)
@given(llr=ratios, quality=qualities)
@settings(max_examples=40)
def test_an_absent_source_might_as_well_not_exist(
    name: str, llr: list[float | None], quality: list[float]
) -> None:
    rule = FITTED[name]
    here = [index for index, value in enumerate(llr) if value is not None]
    if not here:
        return
    panel = one(llr, quality)
    without = Panel.of(
        tuple(SOURCES[index] for index in here),
        panel.llr[:, here],
        panel.quality[:, here],
        THRESHOLDS[here],
    )
    np.testing.assert_array_equal(rule.fuse(panel), rule.fuse(without))
    # The quality of what is absent has no say either.
    other = np.where(np.isnan(panel.llr), 1 - panel.quality, panel.quality)
    np.testing.assert_array_equal(
        rule.fuse(panel), rule.fuse(Panel.of(SOURCES, panel.llr, other, THRESHOLDS))
    )


@pytest.mark.parametrize("name", fusions)
@given(llr=ratios, quality=qualities, order=st.permutations(range(3)))
@settings(max_examples=40)
def test_the_order_of_sources_never_matters(
    name: str, llr: list[float | None], quality: list[float], order: list[int]
) -> None:
    panel = one(llr, quality)
    shuffled = Panel.of(
        tuple(SOURCES[index] for index in order),
        panel.llr[:, order],
        panel.quality[:, order],
        THRESHOLDS[order],
    )
    np.testing.assert_array_equal(FITTED[name].fuse(panel), FITTED[name].fuse(shuffled))


@pytest.mark.parametrize("name", [name for name in fusions if fusions[name].monotone])
@given(llr=ratios, quality=qualities, which=st.integers(0, 2), more=st.floats(0, 20))
@settings(max_examples=60)
def test_a_higher_ratio_never_lowers_the_result(
    name: str, llr: list[float | None], quality: list[float], which: int, more: float
) -> None:
    value = llr[which]
    if value is None:
        return
    raised = [*llr]
    raised[which] = value + more
    before = FITTED[name].fuse(one(llr, quality))[0]
    after = FITTED[name].fuse(one(raised, quality))[0]
    assert np.isnan(before) == np.isnan(after)
    assert np.isnan(before) or after >= before - 1e-9 * (1 + abs(before))


@pytest.mark.parametrize("name", fusions)
@given(llr=ratios, quality=qualities)
@settings(max_examples=30)
def test_contributions_add_up_to_the_result(name: str, llr: list[float | None], quality: list[float]) -> None:
    panel = one(llr, quality)
    shares = contributions(FITTED[name], panel)
    fused = np.nan_to_num(FITTED[name].fuse(panel))[0]
    assert shares.sum() == pytest.approx(fused, abs=1e-8 * (1 + abs(fused)))
    assert (shares[~panel.present[0]] == 0).all()


@pytest.mark.parametrize("name", fusions)
def test_it_survives_its_file(name: str, fitted: dict[str, FusionRule]) -> None:
    again = fusions[name].model_validate_json(fitted[name].model_dump_json())
    panel, _ = drawn(9)
    np.testing.assert_array_equal(again.fuse(panel), fitted[name].fuse(panel))


@pytest.mark.parametrize("name", fusions)
def test_many_at_once_is_each_by_itself(name: str, fitted: dict[str, FusionRule]) -> None:
    panel, _ = drawn(10, 50)
    together = fitted[name].fuse(panel)
    alone = [fitted[name].fuse(panel.take(np.array([row])))[0] for row in range(50)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


@pytest.mark.parametrize("name", fusions)
def test_its_words_say_what_it_does(name: str) -> None:
    assert fusions[name].__doc__
    assert fusions[name].level in ("score", "decision", "rank")


def test_bad_panels_are_refused() -> None:
    with pytest.raises(InputError, match="must be finite, or NaN"):
        Panel.of(("a",), np.array([[np.inf]]))
    with pytest.raises(InputError, match="different names"):
        Panel.of(("a", "a"), np.zeros((1, 2)))
    with pytest.raises(InputError, match=r"must be \(N, 2\)"):
        Panel.of(("a", "b"), np.zeros((3, 1)))
    with pytest.raises(InputError, match="thresholds must be 1 finite"):
        Panel.of(("a",), np.zeros((1, 1)), thresholds=np.array([np.nan]))


FITTED = {name: fusions[name].fit(*drawn(7)) for name in fusions}


def calibration_data(seed: int, count: int = 600) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(seed)
    bona_fide = random.random(count) < 0.4
    quality = random.random(count)
    score = random.normal(np.where(bona_fide, 1.0, -1.0) * (0.3 + quality), 0.7)
    return score, bona_fide, quality


@pytest.mark.parametrize("name", calibrations)
def test_a_calibration_keeps_the_order_and_survives_its_file(name: str) -> None:
    score, bona_fide, _ = calibration_data(0)
    fitted = calibrations[name].fit(score, bona_fide)
    grid = np.linspace(score.min() - 3, score.max() + 3, 500)
    llr = fitted(grid)
    assert np.isfinite(llr).all()
    assert (np.diff(llr) >= -1e-12).all()
    again = calibrations[name].model_validate_json(fitted.model_dump_json())
    np.testing.assert_array_equal(again(grid), llr)


@pytest.mark.parametrize("name", calibrations)
def test_calibrated_scores_cost_little_more_than_the_least(name: str) -> None:
    from antispoof.evaluation.calibration_quality import cllr, min_cllr

    score, bona_fide, _ = calibration_data(1, 4000)
    fitted: ScoreCalibration = calibrations[name].fit(score[:2000] * 7 + 3, bona_fide[:2000])
    llr, label = fitted(score[2000:] * 7 + 3), bona_fide[2000:]
    assert cllr(llr[label], llr[~label]) < 1.1 * min_cllr(llr[label], llr[~label])


@pytest.mark.parametrize("name", calibrations)
@pytest.mark.parametrize("gap", [10.0, 0.0])
def test_a_calibration_stays_finite_where_classes_separate_or_do_not_differ(name: str, gap: float) -> None:
    score = np.array([0.0, 0.5, 1.0, 0.25] * 3) + np.repeat([0.0, gap], 6)
    fitted = calibrations[name].fit(score, np.repeat([False, True], 6))
    assert np.isfinite(fitted(np.array([-1e6, 0.0, 1e6]))).all()


def test_quality_sharpens_the_logistic_calibration() -> None:
    from antispoof.evaluation.calibration_quality import cllr

    score, bona_fide, quality = calibration_data(2, 8000)
    halves = slice(0, 4000), slice(4000, 8000)
    losses = []
    for given_quality in (None, quality):
        parts = [None if given_quality is None else given_quality[half] for half in halves]
        fitted = calibrations["logistic"].fit(score[halves[0]], bona_fide[halves[0]], parts[0])
        llr, label = fitted(score[halves[1]], parts[1]), bona_fide[halves[1]]
        losses.append(cllr(llr[label], llr[~label]))
    assert losses[1] < losses[0] - 0.01


def test_the_best_calibration_is_the_simplest_where_it_fits() -> None:
    random = np.random.default_rng(3)
    score = np.concatenate([random.normal(2, 1, 1000), random.normal(0, 1, 1000)])
    assert type(fit_best(score, np.repeat([True, False], 1000))) is calibrations["logistic"]
    squashed = 1 / (1 + np.exp(-6 * score))
    assert type(fit_best(squashed, np.repeat([True, False], 1000))) is not calibrations["logistic"]
    with pytest.raises(InputError, match="at least 4"):
        fit_best(score[:3], np.array([True, True, False]))
