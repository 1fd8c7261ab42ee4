"""The affine calibration against scikit-learn, and what a log likelihood ratio has to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from antispoof.errors import InputError
from antispoof.runtime.bundle import Calibration
from antispoof.scores.calibration import (
    calibrate,
    fit_calibration,
    supported_ratio,
    unseen_ratio,
    without_unseen,
)


def test_calibrate_is_affine() -> None:
    llr = calibrate(np.array([0.0, 1.0, -2.0]), Calibration(slope=3, intercept=0.5))
    np.testing.assert_allclose(llr, [0.5, 3.5, -5.5])


@given(
    seed=st.integers(0, 10_000), gap=st.floats(0.3, 6), spread=st.floats(0.01, 50), ratio=st.integers(1, 9)
)
@settings(max_examples=40)
def test_it_agrees_with_weighted_logistic_regression(
    seed: int, gap: float, spread: float, ratio: int
) -> None:
    random = np.random.default_rng(seed)
    bona_fide = spread * (gap + random.normal(size=60))
    attack = spread * random.normal(size=60 * ratio)
    assume(bona_fide.mean() > attack.mean())
    fitted = fit_calibration(bona_fide, attack, ridge=1e-4)
    pooled = np.concatenate([bona_fide, attack])
    label = np.repeat([1, 0], [bona_fide.size, attack.size])
    standard = (pooled - pooled.mean()) / pooled.std()
    weight = np.repeat([0.5 / bona_fide.size, 0.5 / attack.size], [bona_fide.size, attack.size])
    reference = LogisticRegression(C=1e4, tol=1e-10, max_iter=10_000).fit(standard[:, None], label, weight)
    expected = reference.decision_function(standard[:, None])
    np.testing.assert_allclose(calibrate(pooled, fitted), expected, rtol=2e-3, atol=2e-3)


def test_two_normal_distributions_have_a_known_ratio() -> None:
    random = np.random.default_rng(0)
    fitted = fit_calibration(random.normal(2, 1, 200_000), random.normal(0, 1, 50_000))
    assert fitted.slope == pytest.approx(2, rel=0.02)  # log N(x; 2, 1) - log N(x; 0, 1) = 2 x - 2
    assert fitted.intercept == pytest.approx(-2, rel=0.03)


def test_separated_classes_stay_finite() -> None:
    fitted = fit_calibration([10, 11, 12], [0, 1, 2])
    assert np.isfinite([fitted.slope, fitted.intercept]).all()


def test_bad_scores_are_refused() -> None:
    with pytest.raises(InputError, match="finite scores of both classes"):
        fit_calibration([], [1.0])
    with pytest.raises(InputError, match="finite scores of both classes"):
        fit_calibration([np.nan], [1.0])
    with pytest.raises(InputError, match="higher has to mean bona fide"):
        fit_calibration([0.0, 1.0], [2.0, 3.0])


@given(ratio=st.floats(-60, 60), limit=st.floats(0.5, 12))
def test_a_limited_ratio_is_that_of_a_class_that_may_be_mistaken(ratio: float, limit: float) -> None:
    llr = float(calibrate(ratio, Calibration(slope=1, intercept=0, limit=limit)))
    mistaken = 1 / (np.exp(limit) + 1)
    chance = mistaken + (1 - 2 * mistaken) / (1 + np.exp(-ratio))
    assert llr == pytest.approx(np.log(chance / (1 - chance)), abs=1e-6)
    assert abs(llr) <= min(limit, abs(ratio)) + 1e-12


def test_a_limit_changes_no_order_and_hardly_a_small_ratio() -> None:
    scores = np.linspace(-15, 15, 301)
    limited = calibrate(scores, Calibration(slope=1, intercept=0, limit=supported_ratio(60)))
    assert (np.diff(limited) > 0).all()
    near = np.abs(scores) <= 1
    np.testing.assert_allclose(limited[near], scores[near], atol=0.05)


def test_what_so_many_people_support_is_the_rule_of_succession() -> None:
    # 60 did as expected: the next one does not with chance 1 / 62, odds of 61 to 1
    assert supported_ratio(60) == pytest.approx(np.log(61))
    assert supported_ratio(1) == pytest.approx(np.log(2))


@given(ratio=st.floats(-30, 30), error=st.floats(0.02, 0.45))
def test_what_unseen_kinds_support_is_a_mixture_with_people(ratio: float, error: float) -> None:
    # with e attacks for 1 - e people above a threshold, an attack passes for a person with odds e to 1 - e
    llr = float(calibrate(ratio, Calibration(slope=1, intercept=0, unseen=unseen_ratio(error))))
    share = error / (1 - error)
    assert llr == pytest.approx(-np.log((1 - share) * np.exp(-ratio) + share), abs=1e-6)
    assert llr <= np.log((1 - error) / error) + 1e-9
    assert llr * ratio >= -1e-12  # speaks for the same side


@pytest.mark.parametrize("error", [0.0, 0.5, 0.7])
def test_unseen_kinds_that_tell_nothing_limit_nothing(error: float) -> None:
    with pytest.raises(InputError, match=f"between 0 and 0.5, got {error:g}"):
        unseen_ratio(error)


def test_limits_follow_each_other_and_bend_thresholds_alike() -> None:
    both = Calibration(slope=2, intercept=-1, limit=4, unseen=1.5)
    people = both.model_copy(update={"unseen": None})
    scores = np.linspace(-8, 8, 41)
    bent = calibrate(scores, both)
    assert (np.diff(bent) > 0).all()
    assert bent.max() < 1.5
    assert bent.min() > -4
    threshold = float(calibrate(0.7, people))
    passes = calibrate(scores, people) >= threshold
    np.testing.assert_array_equal(bent >= float(without_unseen(np.array(threshold), 1.5)), passes)


def test_a_rescaled_calibration_says_the_same_and_keeps_its_limit() -> None:
    first = Calibration(slope=2, intercept=-1, limit=4)
    scores = np.array([-3.0, 0.2, 5.0])
    np.testing.assert_allclose(
        calibrate((scores - 0.5) / 3, first.rescaled(3, 0.5)), calibrate(scores, first), rtol=1e-12
    )
