import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.curve import ErrorCurve, running_total

Scores = NDArray[np.float64]

# Few distinct values make ties the rule, not the exception.
tied = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=30).map(np.array)
smooth = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30).map(np.array)
scores = st.one_of(tied, smooth)


def brute_rates(bona_fide: Scores, attack: Scores) -> list[tuple[float, float, float]]:
    observed = sorted(set(bona_fide) | set(attack))
    return [(t, float(np.mean(bona_fide < t)), float(np.mean(attack >= t))) for t in [*observed, math.inf]]


# Worked by hand. Sorted: a.1 a.2 b.3 a.4 b.6 a.7 b.8 b.9
BONA_FIDE, ATTACK = np.array([0.3, 0.6, 0.8, 0.9]), np.array([0.1, 0.2, 0.4, 0.7])


def test_rates_counted_by_hand() -> None:
    assert metrics.apcer(ATTACK, 0.4) == 0.5  # 0.4 itself is classified bona fide
    assert metrics.bpcer(BONA_FIDE, 0.6) == 0.25  # 0.6 itself is not rejected
    assert metrics.far(ATTACK, 0.7) == 0.25
    assert metrics.frr(BONA_FIDE, 0.7) == 0.5
    assert metrics.acer(0.25, 0.5) == 0.375
    assert metrics.hter(BONA_FIDE, ATTACK, 0.7) == 0.375
    assert metrics.auc(BONA_FIDE, ATTACK) == 13 / 16
    assert metrics.d_eer(BONA_FIDE, ATTACK).value == 0.25
    assert metrics.d_eer(BONA_FIDE, ATTACK).threshold == 0.6


def test_the_worst_species_sets_the_threshold() -> None:
    species = {"print": ATTACK[:2], "mask": ATTACK[2:]}
    assert metrics.max_apcer(species, 0.5) == 0.5
    assert metrics.threshold_at_apcer(BONA_FIDE, species, 0.0) == 0.8
    assert metrics.bpcer_at_apcer(BONA_FIDE, species, 0.0) == 0.5
    assert metrics.threshold_at_apcer(BONA_FIDE, {"all": ATTACK}, 0.25) == 0.6
    assert metrics.threshold_at_apcer(BONA_FIDE, species, 0.25) == 0.8  # 1 of 2 masks is more than a quarter


def test_full_system_rates_by_hand() -> None:
    assert metrics.iapar([True, False, False, False]) == 0.25
    assert metrics.riapar(0.25, 0.1) == pytest.approx(0.35)


def test_a_threshold_above_every_score_rejects_everything() -> None:
    threshold = metrics.threshold_at_apcer([0.1, 0.2], {"print": [0.9]}, 0.0)
    assert threshold > 0.9
    assert metrics.bpcer([0.1, 0.2], threshold) == 1


def test_bpcer_threshold_is_the_highest_that_keeps_the_promise() -> None:
    bona_fide = np.arange(100.0)
    assert metrics.threshold_at_bpcer(bona_fide, 0.29) == 29  # floating point says 0.29 × 100 = 28.999…
    assert metrics.threshold_at_bpcer(bona_fide, 0.0) == 0
    assert metrics.threshold_at_bpcer(bona_fide, 1.0) == 99


def test_too_few_attacks_for_the_rate_asked_gives_nan() -> None:
    assert math.isnan(metrics.tpr_at_fpr(BONA_FIDE, ATTACK, 0.01))
    assert metrics.tpr_at_fpr(BONA_FIDE, ATTACK, 0.25) == 0.75
    assert not math.isnan(metrics.tpr_at_fpr([1.0], np.zeros(1000), 1e-3))


@given(scores, scores)
def test_the_curve_equals_counting(bona_fide: Scores, attack: Scores) -> None:
    curve = ErrorCurve.of(bona_fide, attack)
    expected = brute_rates(bona_fide, attack)
    assert [(curve.bpcer[k], curve.apcer[k]) for k in range(len(expected))] == [
        (b, a) for _, b, a in expected
    ]
    assert list(curve.thresholds) == [t for t, _, _ in expected[:-1]]
    for k in range(len(expected)):
        assert curve.index(curve.threshold(k)) == k


@given(scores, scores)
def test_auc_equals_counting_pairs_and_scikit_learn(bona_fide: Scores, attack: Scores) -> None:
    wins = np.mean(np.sign(bona_fide[:, None] - attack[None, :]) / 2 + 0.5)
    assert metrics.auc(bona_fide, attack) == pytest.approx(wins, abs=1e-12)
    labels = np.r_[np.ones(len(bona_fide)), np.zeros(len(attack))]
    peer = roc_auc_score(labels, np.r_[bona_fide, attack])
    assert metrics.auc(bona_fide, attack) == pytest.approx(peer, abs=1e-12)


@given(scores, scores)
def test_the_equal_error_rate_is_the_closest_approach(bona_fide: Scores, attack: Scores) -> None:
    rates = brute_rates(bona_fide, attack)
    closest = min(abs(b - a) for _, b, a in rates)
    expected = max((b + a) / 2 for _, b, a in rates if abs(abs(b - a) - closest) < 1e-12)
    found = metrics.d_eer(bona_fide, attack)
    assert found.value == pytest.approx(expected, abs=1e-12)
    at_threshold = (metrics.bpcer(bona_fide, found.threshold) + metrics.apcer(attack, found.threshold)) / 2
    assert at_threshold == pytest.approx(found.value, abs=1e-12)


@given(scores, scores)
def test_every_point_of_scikit_learns_roc_lies_on_the_curve(bona_fide: Scores, attack: Scores) -> None:
    labels = np.r_[np.ones(len(bona_fide)), np.zeros(len(attack))]
    fpr, tpr, thresholds = roc_curve(labels, np.r_[bona_fide, attack], drop_intermediate=False)
    for accepted_attacks, accepted_bona_fide, threshold in zip(fpr[1:], tpr[1:], thresholds[1:], strict=True):
        assert metrics.apcer(attack, threshold) == pytest.approx(accepted_attacks)
        assert 1 - metrics.bpcer(bona_fide, threshold) == pytest.approx(accepted_bona_fide)


@given(scores, st.lists(scores, min_size=1, max_size=3), st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.5, 1.0]))
def test_the_threshold_for_an_apcer_is_the_lowest_that_keeps_it(
    bona_fide: Scores, species: list[Scores], rate: float
) -> None:
    attack = {str(k): values for k, values in enumerate(species)}
    threshold = metrics.threshold_at_apcer(bona_fide, attack, rate)
    assert metrics.max_apcer(attack, threshold) <= rate + 1e-12
    observed = np.r_[bona_fide, *species]
    for lower in observed[observed < threshold]:
        assert metrics.max_apcer(attack, lower) > rate - 1e-12


@given(scores, st.sampled_from([0.0, 0.01, 0.05, 0.1, 0.5]))
def test_the_threshold_for_a_bpcer_is_the_highest_that_keeps_it(bona_fide: Scores, rate: float) -> None:
    threshold = metrics.threshold_at_bpcer(bona_fide, rate)
    assert metrics.bpcer(bona_fide, threshold) <= rate + 1e-12
    for higher in bona_fide[bona_fide > threshold]:
        assert metrics.bpcer(bona_fide, higher) > rate


@given(scores, scores, st.randoms())
def test_order_copies_and_monotone_transforms_change_nothing(
    bona_fide: Scores, attack: Scores, random: object
) -> None:
    expected = metrics.auc(bona_fide, attack), metrics.d_eer(bona_fide, attack).value
    shuffled = np.array(sorted(bona_fide, key=lambda _: random.random()))  # type: ignore[attr-defined]
    assert (metrics.auc(shuffled, attack), metrics.d_eer(shuffled, attack).value) == expected
    doubled = np.tile(bona_fide, 2), np.tile(attack, 2)
    assert metrics.auc(*doubled) == pytest.approx(expected[0], abs=1e-12)
    assert metrics.d_eer(*doubled).value == pytest.approx(expected[1], abs=1e-12)
    ranks = np.unique(np.r_[bona_fide, attack], return_inverse=True)[1].astype(float)
    ranked = ranks[: len(bona_fide)], ranks[len(bona_fide) :]
    assert (metrics.auc(*ranked), metrics.d_eer(*ranked).value) == expected


@given(scores, scores)
def test_swapping_the_classes_and_the_sign_mirrors_the_curve(bona_fide: Scores, attack: Scores) -> None:
    assert metrics.auc(-attack, -bona_fide) == pytest.approx(metrics.auc(bona_fide, attack), abs=1e-12)
    # Without ties between the classes; with them, "at or above" is bona fide on one side only.
    if not set(bona_fide) & set(attack):
        mirrored = metrics.d_eer(-attack, -bona_fide).value
        assert mirrored == pytest.approx(metrics.d_eer(bona_fide, attack).value, abs=1e-12)


@given(scores, scores, st.data())
def test_weights_count_as_copies(bona_fide: Scores, attack: Scores, data: st.DataObject) -> None:
    bona_fide, attack = np.sort(bona_fide), np.sort(attack)
    weights = [
        np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(x), max_size=len(x)).filter(any)))
        for x in (bona_fide, attack)
    ]
    totals = running_total(weights[0]), running_total(weights[1])
    curve = ErrorCurve.of(bona_fide, attack)
    copied = ErrorCurve.of(np.repeat(bona_fide, weights[0]), np.repeat(attack, weights[1]))
    assert curve.equal_error_rate(*totals).value == pytest.approx(copied.equal_error_rate().value, abs=1e-12)
    for index in (curve.corners(), np.arange(len(curve.thresholds) + 1)):
        weighted = curve.reweighted(*totals, index)
        assert weighted.auc() == pytest.approx(copied.auc(), abs=1e-12)
        assert weighted.lowest_cost(2, 1)[0] == pytest.approx(copied.lowest_cost(2, 1)[0], abs=1e-12)


@given(scores, scores, st.floats(0.1, 10), st.floats(0.1, 10))
def test_the_lowest_cost_is_the_lowest(
    bona_fide: Scores, attack: Scores, miss: float, false_alarm: float
) -> None:
    cost, threshold = ErrorCurve.of(bona_fide, attack).lowest_cost(miss, false_alarm)
    assert cost == pytest.approx(
        min(miss * b + false_alarm * a for _, b, a in brute_rates(bona_fide, attack))
    )
    at_threshold = miss * metrics.bpcer(bona_fide, threshold) + false_alarm * metrics.apcer(attack, threshold)
    assert at_threshold == pytest.approx(cost)


@pytest.mark.parametrize("bad", [[], [math.nan], [math.inf], [[1.0]], ["high"]])
def test_what_is_no_score_is_refused_by_name(bad: list[object]) -> None:
    with pytest.raises(InputError, match="attack must"):
        metrics.apcer(bad, 0.5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="bona_fide must"):
        metrics.d_eer(bad, [1.0])  # type: ignore[arg-type]


def test_what_is_no_rate_is_refused() -> None:
    with pytest.raises(InputError, match="apcer must lie between 0 and 1, got 5"):
        metrics.bpcer_at_apcer([1.0], {"print": [0.0]}, 5)
    with pytest.raises(InputError, match="at least one species"):
        metrics.max_apcer({}, 0.5)
    with pytest.raises(InputError, match="accepted must be bool"):
        metrics.iapar([0.5])
