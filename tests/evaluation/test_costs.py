import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from antispoof.errors import InputError
from antispoof.evaluation.calibration_quality import (
    cllr,
    expected_calibration_error,
    isotonic_blocks,
    min_cllr,
    reliability,
)
from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.detection_cost import DetectionCost, act_dcf, min_dcf

Scores = NDArray[np.float64]
scores = st.one_of(
    st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=40).map(np.array),
    st.lists(st.integers(-240, 240).map(lambda k: k / 8), min_size=1, max_size=40).map(np.array),
)

BONA_FIDE, ATTACK = np.array([0.3, 0.6, 0.8, 0.9]), np.array([0.1, 0.2, 0.4, 0.7])


def test_detection_costs_by_hand() -> None:
    # Weights 0.95 and 0.5, divided by 0.5: rejecting costs 1.9, accepting 1.
    # t = 0.3 (0 rejected, half of the attacks accepted): 0.5. Every other threshold rejects a bona fide.
    assert min_dcf(BONA_FIDE, ATTACK) == pytest.approx(0.5)
    # -ln 1.9 = -0.64: everything lies above, so everything is accepted.
    assert DetectionCost().threshold == pytest.approx(-math.log(1.9))
    assert act_dcf(BONA_FIDE, ATTACK) == 1.0
    assert act_dcf([5.0, -1.0], [-5.0, -4.0]) == pytest.approx(0.95)


def test_cllr_by_hand() -> None:
    assert cllr([0.0], [0.0]) == 1.0
    assert cllr([math.log(3)], [-math.log(3)]) == pytest.approx(math.log2(4 / 3))
    assert cllr([1000.0], [-1000.0]) == 0.0
    assert cllr([-1000.0], [1000.0]) == pytest.approx(1000 / math.log(2))


def test_min_cllr_by_hand() -> None:
    assert min_cllr([1.0, 2.0], [-1.0, -2.0]) == 0.0
    assert min_cllr([1.0, 1.0], [1.0]) == pytest.approx(1.0)
    assert min_cllr([-1.0], [1.0]) == pytest.approx(1.0)
    # Blocks: one attack alone; one bona fide with one attack; one bona fide alone.
    # The middle block keeps odds 1 : 1, so it costs half a bit on each side.
    assert min_cllr([1.0, 3.0], [0.0, 2.0]) == pytest.approx(0.5)


@given(scores, scores)
def test_blocks_equal_scikit_learns_isotonic_regression(bona_fide: Scores, attack: Scores) -> None:
    x = np.r_[bona_fide, attack]
    y = np.r_[np.ones(len(bona_fide)), np.zeros(len(attack))]
    peer = IsotonicRegression(y_min=0, y_max=1).fit(x, y).predict(np.sort(x))
    genuine, attacks = isotonic_blocks(ErrorCurve.of(bona_fide, attack))
    share = np.repeat(genuine / (genuine + attacks), genuine + attacks)
    assert share == pytest.approx(peer, abs=1e-9)
    assert (np.diff(genuine / (genuine + attacks)) > 0).all()


@given(scores, scores)
def test_recalibration_never_costs_and_ranking_is_all_that_counts(bona_fide: Scores, attack: Scores) -> None:
    best = min_cllr(bona_fide, attack)
    assert -1e-12 <= best <= 1 + 1e-12
    assert best <= cllr(bona_fide, attack) + 1e-9
    assert best == pytest.approx(min_cllr(2 * bona_fide - 3, 2 * attack - 3), abs=1e-9)
    assert best == pytest.approx(min_cllr(np.tile(bona_fide, 3), np.tile(attack, 3)), abs=1e-9)
    assert min_dcf(bona_fide, attack) <= act_dcf(bona_fide, attack) + 1e-9
    assert min_dcf(bona_fide, attack) <= 1 + 1e-12


def test_an_ascending_run_with_one_late_fall_is_pooled_by_the_stack() -> None:
    # Each pass over the whole array would pool a single block here.
    attack = np.repeat(np.arange(300.0), np.arange(300, 0, -1))
    bona_fide = np.repeat(np.arange(300.0), 1)
    worst = np.full(5000, 300.0)
    genuine, attacks = isotonic_blocks(ErrorCurve.of(bona_fide, np.r_[attack, worst]))
    assert genuine.sum() == 300
    assert attacks.sum() == len(attack) + 5000
    assert (np.diff(genuine / (genuine + attacks)) > 0).all()


def test_reliability_by_hand() -> None:
    log3 = math.log(3)
    (low, high) = reliability([log3, log3, -log3], [-log3, -log3, -log3, log3], bins=2)
    assert (low.bona_fide, low.attacks, high.bona_fide, high.attacks) == (1, 3, 2, 1)
    assert [low.predicted, high.predicted] == pytest.approx([0.25, 0.75])
    assert low.observed == pytest.approx((1 / 3) / (1 / 3 + 3 / 4))
    assert high.observed == pytest.approx((2 / 3) / (2 / 3 + 1 / 4))
    assert low.weight + high.weight == pytest.approx(1)
    assert low.interval.low < low.observed < low.interval.high
    expected = low.weight * abs(0.25 - low.observed) + high.weight * abs(0.75 - high.observed)
    assert expected_calibration_error((low, high)) == pytest.approx(expected)


def test_true_likelihood_ratios_lie_on_the_diagonal() -> None:
    random = np.random.default_rng(0)
    genuine, attacks = random.normal(1, 1, 40_000), random.normal(-1, 1, 40_000)
    bins = reliability(2 * genuine, 2 * attacks)  # ln N(x; 1, 1) / N(x; -1, 1) = 2x
    assert expected_calibration_error(bins) < 0.01
    assert cllr(2 * genuine, 2 * attacks) - min_cllr(genuine, attacks) < 0.005
    assert expected_calibration_error(reliability(8 * genuine, 8 * attacks)) > 0.05


def test_impossible_costs_are_refused() -> None:
    with pytest.raises(InputError, match="pi_spoof must lie between 0 and 1"):
        DetectionCost(pi_spoof=1.0)
