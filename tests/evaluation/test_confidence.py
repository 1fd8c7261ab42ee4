import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from antispoof.errors import InputError
from antispoof.evaluation.confidence import Rate, bootstrap, clopper_pearson, percentile_interval


@given(
    st.integers(1, 5_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.5, 0.999),
)
def test_clopper_pearson_equals_the_beta_quantiles_of_scipy(counts: tuple[int, int], level: float) -> None:
    errors, trials = counts
    found = clopper_pearson(errors, trials, level)
    tail = (1 - level) / 2
    low = beta.ppf(tail, errors, trials - errors + 1) if errors else 0.0
    high = beta.ppf(1 - tail, errors + 1, trials - errors) if errors < trials else 1.0
    assert found.low == pytest.approx(low, rel=1e-6, abs=1e-12)
    assert found.high == pytest.approx(high, rel=1e-6, abs=1e-12)


def test_clopper_pearson_in_closed_form() -> None:
    assert clopper_pearson(0, 48).high == pytest.approx(1 - 0.025 ** (1 / 48), rel=1e-12)
    assert Rate(0, 48).at_most == pytest.approx(1 - 0.05 ** (1 / 48), rel=1e-12)
    assert clopper_pearson(48, 48).low == pytest.approx(0.025 ** (1 / 48), rel=1e-12)


def test_the_rules_of_3_and_30_are_said_in_words() -> None:
    assert (
        Rate(0, 48)
        .in_words("passed")
        .startswith("0 of 48 passed: at 95 % the true rate may be as high as 6.1 % (rule of 3: 3/48")
    )
    assert "the rule of 30 is not met" in Rate(29, 1000).in_words("passed")
    assert (
        Rate(30, 1000)
        .in_words("were rejected")
        .startswith("30 of 1,000 were rejected: the rule of 30 is met")
    )
    assert math.isnan(Rate(0, 0).value)
    assert Rate(0, 0).in_words("passed") == "Nothing was tested."


@pytest.mark.parametrize(
    ("errors", "trials", "level"), [(1, 0, 0.95), (5, 4, 0.95), (-1, 4, 0.95), (1, 4, 1.0)]
)
def test_impossible_counts_are_refused(errors: int, trials: int, level: float) -> None:
    with pytest.raises(InputError, match="must lie between"):
        clopper_pearson(errors, trials, level)


def test_bootstrap_of_a_mean_has_the_width_theory_says() -> None:
    values = np.random.default_rng(7).normal(size=400)
    draws = bootstrap(lambda n: n @ values / n.sum(), clusters=400, resamples=4000)
    (interval,) = percentile_interval(draws)
    standard_error = values.std() / 20
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * standard_error, rel=0.05)
    assert values.mean() in interval


def test_copies_within_a_cluster_do_not_narrow_the_interval() -> None:
    source = np.random.default_rng(3).normal(size=50)
    once = percentile_interval(bootstrap(lambda n: n @ source / n.sum(), clusters=50))[0]
    tenfold = percentile_interval(bootstrap(lambda n: (10 * n) @ source / (10 * n).sum(), clusters=50))[0]
    assert (tenfold.low, tenfold.high) == pytest.approx((once.low, once.high))


def test_bootstrap_is_reproducible_and_every_draw_is_as_large_as_the_sample() -> None:
    sizes = bootstrap(lambda n: (n.sum(), n[0]), clusters=20, resamples=50, seed=1)
    assert (sizes[:, 0] == 20).all()
    assert (sizes == bootstrap(lambda n: (n.sum(), n[0]), clusters=20, resamples=50, seed=1)).all()
    assert not (sizes == bootstrap(lambda n: (n.sum(), n[0]), clusters=20, resamples=50, seed=2)).all()


def test_a_statistic_that_is_often_undefined_has_no_interval() -> None:
    draws = np.array([[math.nan, 1.0]] * 10 + [[1.0, 1.0]] * 90)
    often, never = percentile_interval(draws)
    assert math.isnan(often.low)
    assert (never.low, never.high) == (1.0, 1.0)


def test_nothing_to_resample_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1, got 0"):
        bootstrap(lambda n: n.sum(), clusters=0)
