"""Several frames of one presentation become one ratio, and a minority of them vouches for nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antispoof.errors import InputError
from antispoof.scores.pooling import UNFITTED, Pooling, fit_pooling
from antispoof.scores.simulated_site import SimulatedSite

share = st.floats(0, 1)
rules = st.builds(Pooling, correlation=share, low_share=share, gain=share, offset=st.floats(-3, 0))
ratio = st.floats(-20, 20)


@given(rules, ratio)
def test_one_frame_keeps_its_ratio(rule: Pooling, value: float) -> None:
    assert rule([value]) == pytest.approx(value)
    assert rule([value] * 5) <= value + 1e-9, "copies of a picture, coded anew, gain nothing"


@given(rules, st.floats(-6, 6), st.lists(st.floats(0, 20), min_size=1, max_size=9), st.data())
def test_one_good_frame_among_bad_ones_never_passes(
    rule: Pooling, threshold: float, below: list[float], data: Any
) -> None:
    bad = [threshold - 1e-6 - each for each in below]
    good = data.draw(st.lists(st.floats(threshold, 30), min_size=1, max_size=len(bad)))
    assert rule([*bad, *good]) < threshold, "half of the frames, or more, lie below the threshold"


@given(rules, st.lists(ratio, min_size=1, max_size=9), st.data())
def test_a_frame_that_becomes_better_makes_nothing_worse(
    rule: Pooling, ratios: list[float], data: Any
) -> None:
    place, by = data.draw(st.integers(0, len(ratios) - 1)), data.draw(st.floats(0, 20))
    better = [*ratios[:place], ratios[place] + by, *ratios[place + 1 :]]
    assert rule(better) >= rule(ratios) - 1e-9
    assert rule(ratios) == pytest.approx(rule(sorted(ratios)[::-1])), "their order does not matter"


@given(rules, st.lists(ratio, min_size=5, max_size=9))
def test_frames_that_lie_far_below_the_others_are_heard(rule: Pooling, ratios: list[float]) -> None:
    """Two of five, and two of nine, are enough; which two frames of one capture never are."""
    assert rule(ratios) <= sorted(ratios)[(len(ratios) - 1) // 4] + rule.slack + 1e-9


def test_how_far_frames_of_one_capture_lie_apart_is_learned() -> None:
    near, far = (fit_pooling(simulated(correlation)).slack for correlation in (0.95, 0.5))
    assert 0 < near < far / 2


def test_what_was_not_fitted_counts_several_frames_as_one() -> None:
    assert UNFITTED.effective(5) == 1
    assert UNFITTED([2.0] * 5) == 2
    assert UNFITTED([2.0, 2.0, 2.0, 2.0, -5.0]) == pytest.approx((0.6 + (2 + 2 - 5) / 3) / 2)


@pytest.mark.parametrize("ratios", [[], [np.nan], [1.0, np.inf]])
def test_no_frame_and_no_number_are_refused(ratios: list[float]) -> None:
    with pytest.raises(InputError, match="ratios must be finite numbers, at least one"):
        UNFITTED(ratios)


def simulated(correlation: float, sites: int = 60, frames: int = 12, seed: int = 5) -> list[SimulatedSite]:
    """Calibrated ratios: both classes normal, means ± half of the variance of one frame, 4."""
    random = np.random.default_rng(seed)
    found = []
    for _ in range(sites):
        bona_fide = np.repeat([True, False], 3 * frames)
        person = np.tile(np.repeat(np.arange(3), frames), 2)
        mean = np.where(bona_fide, 2.0, -2.0) + np.repeat(random.normal(0, 2 * correlation**0.5, 6), frames)
        scores = mean + random.normal(0, 2 * (1 - correlation) ** 0.5, mean.size)
        found.append(SimulatedSite(scores, scores[:, None], person, bona_fide))
    return found


@pytest.mark.parametrize("correlation", [0.2, 0.8])
def test_what_is_fitted_says_about_as_much_as_can_be_said(correlation: float) -> None:
    """Of normal scores the log likelihood ratio of n frames is the effective number times their mean."""
    rule = fit_pooling(simulated(correlation))
    assert rule.correlation == pytest.approx(correlation, abs=0.08)
    frames = np.concatenate([site.scores.reshape(6, 12)[:, :5] for site in simulated(correlation, seed=6)])
    sign = np.tile(np.repeat([1.0, -1.0], 3), 60)

    def bits(ratios: Any) -> float:
        return float(np.logaddexp(0, -sign * ratios).mean() / np.log(2))

    pooled = np.array([rule(row) for row in frames])
    ideal = 5 / (1 + 4 * correlation) * frames.mean(axis=1)
    # the plainest of the rules within 2 % of the best
    assert bits(ideal) < bits(pooled) < 1.04 * min(bits(frames.mean(axis=1)), bits(frames[:, 0]))
    # where all of it speaks against a person, it is as much as it should be
    against = frames.max(axis=1) < 0
    np.testing.assert_allclose(pooled[against], ideal[against], rtol=0.25, atol=0.5)


def test_frames_that_share_everything_are_worth_one() -> None:
    rule = fit_pooling(simulated(1.0))
    assert rule.effective(8) == pytest.approx(1, abs=1e-6)


def test_a_class_that_is_missing_is_told() -> None:
    (site,) = simulated(0.5, sites=1)
    people = site.bona_fide
    alone = SimulatedSite(site.scores[people], site.features[people], site.person[people], people[people])
    with pytest.raises(InputError, match="two frames or more of both classes"):
        fit_pooling([alone])
