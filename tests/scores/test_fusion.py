"""Fusion rules against independent references, and known cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from antispoof.errors import InputError
from antispoof.scores.calibration import calibrations
from antispoof.scores.fusion import Panel, contributions, fusions
from antispoof.scores.fusion.rank import rank_presentations
from antispoof.scores.fusion.sequential import Sequential
from antispoof.scores.logistic import fit_logistic


def panel(*rows: list[float], thresholds: list[float] | None = None) -> Panel:
    names = tuple("abcdef"[: len(rows[0])])
    return Panel.of(names, np.array(rows), thresholds=None if thresholds is None else np.array(thresholds))


@given(
    llr=st.lists(st.floats(-30, 30), min_size=1, max_size=6),
    partial=st.sampled_from([0.0, 0.2, 0.5, 0.99]),
)
@settings(max_examples=150)
def test_bayesian_weighs_an_attack_on_all_sensors_and_on_each_alone(llr: list[float], partial: float) -> None:
    # Bayes' rule by enumeration: what a presentation is, and which sensors an attack is made on
    count = len(llr)
    attacked = {(k,): partial / count for k in range(count)} if count > 1 else {}
    attacked[tuple(range(count))] = 1 - partial if count > 1 else 1.0
    chance = {s: p * math.prod(math.exp(-llr[k]) for k in s) for s, p in attacked.items()}
    expected = -math.log(sum(chance.values()))
    fused = fusions["bayesian"](partial=partial).fuse(panel(llr))[0]  # type: ignore[call-arg]
    assert fused == pytest.approx(expected, abs=1e-7)


def test_a_fooled_sensor_cannot_outvote_one_that_saw_the_attack() -> None:
    seen = panel([12.0, -5.0])
    assert fusions["llr_sum"]().fuse(seen)[0] > 0
    assert fusions["bayesian"]().fuse(seen)[0] < -2


@given(llr=st.lists(st.floats(-6, 6), min_size=2, max_size=6), attacked=st.integers(0, 5))
def test_what_others_say_cannot_hide_one_attacked_sensor(llr: list[float], attacked: int) -> None:
    # half of the prior lies on one sensor alone: no word of the others is worth more than log(2 n) to it
    one = llr[attacked % len(llr)]
    fused = fusions["bayesian"]().fuse(panel(llr))[0]
    assert fused <= one + math.log(2 * len(llr)) + 1e-9


def test_votes_are_decisions_at_each_threshold() -> None:
    votes = panel([1.0, 2.0, 3.0], [1.0, 2.0, -1.0], [1.0, -2.0, -1.0], thresholds=[0.5, 1.0, 0.0])
    accepts = {
        name: (fusions[name]().fuse(votes) >= 0).tolist() for name in ("and", "or", "majority", "k_of_n")
    }
    assert accepts == {
        "and": [True, False, False],
        "or": [True, True, True],
        "majority": [True, True, False],
        "k_of_n": [True, True, False],
    }
    assert np.isnan(fusions["k_of_n"]().fuse(panel([5.0, np.nan, np.nan])))[0]


def test_and_compounds_false_rejects_and_or_false_accepts() -> None:
    random = np.random.default_rng(0)
    drawn = Panel.of(("a", "b"), random.normal(size=(200_000, 2)), thresholds=np.array([-1.28155, -1.28155]))
    assert (fusions["and"]().fuse(drawn) < 0).mean() == pytest.approx(1 - 0.9**2, abs=0.003)
    assert (fusions["or"]().fuse(drawn) >= 0).mean() == pytest.approx(1 - 0.1**2, abs=0.003)


def test_the_sequential_rule_stops_when_it_is_sure() -> None:
    rule = Sequential(order=("b", "a"), miss=0.01, false_accept=0.01)
    drawn = panel([-9.0, 5.0], [3.0, 1.0], [9.0, -4.7], [2.0, np.nan])
    assert rule.fuse(drawn).tolist() == [5.0, 4.0, -4.7, 2.0]
    assert rule.asked(drawn).tolist() == [1, 2, 1, 1]


def test_the_sequential_rule_keeps_the_rates_it_states() -> None:
    random = np.random.default_rng(1)
    rates = []
    for sign in (1.0, -1.0):  # llr of N(±1, 1): normal with mean ±2, variance 4
        llr = random.normal(2 * sign, 2, (20_000, 12))
        drawn = Panel.of(tuple("abcdefghijkl"), llr)
        rule = Sequential(miss=0.05, false_accept=0.02)
        fused = rule.fuse(drawn)
        rates.append((fused * sign < 0).mean())
        assert rule.asked(drawn).mean() < 4
    assert rates[0] < 0.05
    assert rates[1] < 0.02


def test_stacking_counts_what_is_said_twice_once() -> None:
    random = np.random.default_rng(2)
    bona_fide = np.repeat([True, False], 5000)
    llr = random.normal(np.where(bona_fide, 1.0, -1.0), math.sqrt(2))
    copied = Panel.of(("a", "b"), np.column_stack([llr, llr]))
    fitted = fusions["stacking"].fit(copied, bona_fide)
    np.testing.assert_allclose(fitted.fuse(copied), llr, atol=0.2)
    summed = fusions["llr_sum"]().fuse(copied)
    np.testing.assert_allclose(summed, 2 * llr)
    # One of the two alone is worth as much, and is calibrated by itself.
    alone = fitted.fuse(Panel.of(("a",), llr[:, None]))
    np.testing.assert_allclose(alone, llr, atol=0.2)


def test_stacking_trusts_a_source_as_far_as_its_quality() -> None:
    random = np.random.default_rng(3)
    bona_fide = np.repeat([True, False], 4000)
    quality = random.random((8000, 2))
    llr = random.normal(0, 1, (8000, 2)) + np.where(bona_fide, 1.0, -1.0)[:, None] * 2 * quality
    fitted = fusions["stacking"].fit(Panel.of(("a", "b"), llr, quality), bona_fide)
    good, poor = (Panel.of(("a", "b"), np.array([[2.0, -2.0]]), np.array([q])) for q in ([1, 0], [0, 1]))
    assert fitted.fuse(good)[0] > 1
    assert fitted.fuse(poor)[0] < -1


def test_stacking_falls_back_on_the_largest_set_it_knows() -> None:
    random = np.random.default_rng(4)
    bona_fide = np.repeat([True, False], 300)
    llr = random.normal(np.where(bona_fide, 1.0, -1.0)[:, None], 1, (600, 2))
    fitted = fusions["stacking"].fit(Panel.of(("a", "b"), llr), bona_fide)
    unknown = Panel.of(("a", "b", "c"), np.column_stack([llr, np.full(600, 50.0)]))
    np.testing.assert_array_equal(fitted.fuse(unknown), fitted.fuse(Panel.of(("a", "b"), llr)))
    assert np.isnan(fitted.fuse(Panel.of(("c",), np.array([[9.0]]))))[0]
    with pytest.raises(InputError, match="10 development presentations"):
        fusions["stacking"].fit(Panel.of(("a",), llr[:12, :1]), bona_fide[:12])


@given(seed=st.integers(0, 5000), bound=st.booleans())
@settings(max_examples=25)
def test_logistic_regression_agrees_with_another(seed: int, bound: bool) -> None:
    random = np.random.default_rng(seed)
    x = random.normal(size=(300, 3)) * [1, 10, 0.1] + [0, 5, 1]
    bona_fide = random.random(300) < 1 / (1 + np.exp(-(x @ [1.0, 0.05, -3.0] + 2)))
    weights, intercept = fit_logistic(x, bona_fide, ridge=1e-3, nonnegative=np.array([bound, False, bound]))
    if bound:
        assert (weights[[0, 2]] >= 0).all()

        # No better point nearby: the loss rises in every direction that is allowed.
        def loss(w: np.ndarray[tuple[int, ...], np.dtype[np.float64]], b: float) -> float:
            share = np.where(bona_fide, 0.5 / bona_fide.sum(), 0.5 / (~bona_fide).sum())
            fit = share @ np.logaddexp(0, np.where(bona_fide, -1, 1) * (x @ w + b))
            return float(fit + 1e-3 * ((w * x.std(0)) ** 2).sum() / 2)

        least = loss(weights, intercept)
        for _ in range(30):
            moved = weights + random.normal(size=3) * 0.01 / x.std(0)
            moved[[0, 2]] = np.maximum(moved[[0, 2]], 0)
            assert loss(moved, intercept + random.normal() * 0.01) >= least - 1e-9
        return
    standard = (x - x.mean(0)) / x.std(0)
    share = np.where(bona_fide, 0.5 / bona_fide.sum(), 0.5 / (~bona_fide).sum())
    reference = LogisticRegression(C=1e3, tol=1e-10, max_iter=10_000).fit(standard, bona_fide, share)
    np.testing.assert_allclose(x @ weights + intercept, reference.decision_function(standard), atol=5e-3)


def test_isotonic_follows_the_pooled_violators_of_another() -> None:
    random = np.random.default_rng(5)
    bona_fide = random.random(3000) < 0.5
    score = random.normal(np.where(bona_fide, 1.0, -1.0), 1.0)
    fitted = calibrations["isotonic"].fit(score, bona_fide)
    weight = np.where(bona_fide, 0.5 / bona_fide.sum(), 0.5 / (~bona_fide).sum())
    reference = IsotonicRegression(y_min=1e-4, y_max=1 - 1e-4).fit(score, bona_fide, sample_weight=weight)
    middle = np.linspace(-1, 1, 50)
    chance = 1 / (1 + np.exp(-fitted(middle)))
    assert np.abs(chance - reference.predict(middle)).mean() < 0.03
    np.testing.assert_allclose(fitted(middle), 2 * middle, atol=0.8)


def test_robust_is_not_moved_by_a_few_wild_scores() -> None:
    random = np.random.default_rng(6)
    bona_fide = np.repeat([True, False], 2000)
    score = random.normal(np.where(bona_fide, 1.0, -1.0), 1.0)
    wild = score.copy()
    wild[2000:2030] = 40.0  # attacks that look perfect
    plain, robust = (calibrations[name].fit(wild, bona_fide) for name in ("logistic", "robust"))
    grid = np.linspace(-1.5, 1.5, 9)
    assert np.abs(robust(grid) - 2 * grid).max() < 0.5
    assert np.abs(plain(grid) - 2 * grid).max() > 1
    assert robust(np.array([1e4]))[0] < 8


def test_presentations_of_a_session_are_ranked() -> None:
    session = panel([0.0, 9.0, 1.0], [3.0, 8.0, 2.0], [1.0, -50.0, 0.0], [np.nan, np.nan, np.nan])
    assert rank_presentations(session).tolist() == [1, 0, 2, 3]
    assert rank_presentations(session, "reciprocal").tolist()[0] == 1
    assert rank_presentations(session, "highest").tolist()[:2] == [0, 1]
    with pytest.raises(InputError, match="voting must be"):
        rank_presentations(session, "loudest")  # type: ignore[arg-type]


def test_contributions_of_a_sum_are_its_parts() -> None:
    parts = panel([3.0, -1.0, np.nan])
    np.testing.assert_allclose(contributions(fusions["llr_sum"](), parts), [3.0, -1.0, 0.0])
    np.testing.assert_allclose(contributions(fusions["minimum"](), parts).sum(), -1.0)
