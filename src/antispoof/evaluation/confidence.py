"""How sure one can be of an error rate (ISO/IEC 19795-1): exact intervals, bootstrap, rules of 3 and 30."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.errors import InputError

__all__ = [
    "Interval",
    "Rate",
    "bootstrap",
    "clopper_pearson",
    "percentile_interval",
    "sign_test",
    "student_quantile",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval; both ends are NaN where none can be given.

    Attributes:
        low: lower end.
        high: upper end.
    """

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Tell whether ``value`` lies in the interval, ends included."""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of presentations, with its exact (Clopper–Pearson) interval.

    Attributes:
        errors: how many went wrong.
        trials: out of how many; with none, the rate and its interval are NaN.
        level: confidence level of the interval, 0 … 1.
    """

    errors: int
    trials: int
    level: float = 0.95

    @property
    def value(self) -> float:
        """errors / trials."""
        return self.errors / self.trials if self.trials else math.nan

    @property
    def interval(self) -> Interval:
        """Two-sided Clopper–Pearson interval."""
        return (
            clopper_pearson(self.errors, self.trials, self.level)
            if self.trials
            else Interval(math.nan, math.nan)
        )

    @property
    def at_most(self) -> float:
        """One-sided upper limit: the true rate lies above it with a chance of at most 1 - ``level``."""
        if not self.trials:
            return math.nan
        return clopper_pearson(self.errors, self.trials, 2 * self.level - 1).high

    def in_words(self, verb: str) -> str:
        """Say what the count supports, by the rule of 3 (no errors) or the rule of 30 (some).

        Rule of 3: no error in N independent trials bounds the true rate by 3 / N at 95 %. Rule of 30: with at
        least 30 errors the true rate lies, at 90 %, within ±30 % of the observed one (ISO/IEC 19795-1).

        Args:
            verb: what an error is, such as ``"passed"`` or ``"were rejected"``.

        Examples:
            >>> Rate(0, 48).in_words("passed")
            '0 of 48 passed: at 95 % the true rate may be as high as 6.1 % (rule of 3: 3/48 = 6.2 %).'
        """
        if not self.trials:
            return "Nothing was tested."
        counted = f"{self.errors:,} of {self.trials:,} {verb}"
        level = f"{100 * self.level:g} %"
        if not self.errors:
            rule = ""
            if self.level == 0.95 and self.trials >= 3:
                rule = f" (rule of 3: 3/{self.trials:,} = {_percent(3 / self.trials)})"
            return f"{counted}: at {level} the true rate may be as high as {_percent(self.at_most)}{rule}."
        if self.errors < 30:
            return (
                f"{counted}: at {level} the true rate may be as high as {_percent(self.at_most)}; "
                "the rule of 30 is not met."
            )
        return f"{counted}: the rule of 30 is met: at 90 % the true rate is within ±30 % of the observed one."


def clopper_pearson(errors: int, trials: int, level: float = 0.95) -> Interval:
    """Exact two-sided interval of a binomial proportion (Clopper & Pearson, Biometrika 1934).

    Args:
        errors: 0 … ``trials``.
        trials: at least 1; they are taken to be independent.
        level: confidence level, between 0 and 1.

    Raises:
        InputError: an argument is out of range.

    Examples:
        >>> interval = clopper_pearson(errors=3, trials=60)
        >>> print(f"{interval.low:.4f} to {interval.high:.4f}")
        0.0104 to 0.1392
    """
    if trials < 1 or not 0 <= errors <= trials:
        raise InputError(f"errors must lie between 0 and trials ≥ 1, got errors={errors}, trials={trials}")
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, got {level}")
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(errors, trials - errors + 1, tail)) if errors else 0.0
    high = 1 - float(betaincinv(trials - errors, errors + 1, tail)) if errors < trials else 1.0
    return Interval(low, high)


def bootstrap(
    statistic: Callable[[NDArray[np.int32]], ArrayLike],
    clusters: int,
    *,
    resamples: int = 1000,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> NDArray[np.float64]:
    """Recompute a statistic on resamples of whole clusters (subjects, sources), drawn with replacement.

    Presentations of one subject resemble each other; drawing subjects, not presentations, keeps that in.

    Args:
        statistic: takes how often each cluster was drawn, int32 (clusters,), returns one or more numbers.
        clusters: how many there are.
        resamples: how many resamples to draw.
        seed: of the random numbers; the same seed gives the same resamples.
        tick: called after each resample, for a progress bar.

    Returns:
        float64 (resamples, number of statistics).

    Examples:
        Macro average over three sources, interval over sources:

        >>> auc_of_source = np.array([0.95, 0.90, 0.70])
        >>> draws = bootstrap(lambda n: n @ auc_of_source / n.sum(), clusters=3, resamples=2000)
        >>> interval = percentile_interval(draws)[0]
        >>> round(interval.low, 2), round(interval.high, 2)
        (0.7, 0.95)
    """
    if clusters < 1 or resamples < 1:
        raise InputError(f"clusters and resamples must be at least 1, got {clusters} and {resamples}")
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(resamples):
        drawn = random.integers(0, clusters, clusters, dtype=np.int32)
        counts = np.bincount(drawn, minlength=clusters).astype(np.int32)
        rows.append(np.atleast_1d(np.asarray(statistic(counts), np.float64)))
        tick()
    return np.stack(rows)


def percentile_interval(draws: NDArray[np.float64], level: float = 0.95) -> tuple[Interval, ...]:
    """Turn bootstrap draws (resamples, k) into k percentile intervals.

    A statistic that came out NaN (a resample without any attack, say) in more than 5 % of the draws has none.
    """
    tail = (1 - level) / 2
    intervals = []
    for column in draws.T:
        finite = column[~np.isnan(column)]
        if len(finite) < 0.95 * len(column):
            intervals.append(Interval(math.nan, math.nan))
            continue
        low, high = np.quantile(finite, (tail, 1 - tail))
        intervals.append(Interval(float(low), float(high)))
    return tuple(intervals)


def sign_test(wins: int, losses: int) -> float:
    """Chance of a split at least as uneven if both sides were equally likely (exact, two-sided).

    On the presentations that two systems decide differently this is McNemar's exact test.

    Examples:
        >>> sign_test(wins=1, losses=9)
        0.021484375
    """
    from scipy.special import bdtr

    fewer, trials = min(wins, losses), wins + losses
    return min(1.0, 2 * float(bdtr(fewer, trials, 0.5))) if trials else 1.0


def student_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t distribution, for a probability between 0 and 1.

    Examples:
        >>> round(student_quantile(0.975, degrees=4), 3)
        2.776
    """
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"
