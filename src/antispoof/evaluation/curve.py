"""`ErrorCurve`: both error rates at every threshold that can make a difference, from one sort."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.errors import InputError

__all__ = ["EqualErrorRate", "ErrorCurve", "as_scores", "ascending", "probit", "running_total"]

_MERGED_AT_A_TIME = 250_000
_AT_A_TIME = 100_000


@dataclass(frozen=True, slots=True)
class EqualErrorRate:
    """Where the two error rates are closest.

    Attributes:
        value: mean of both error rates at ``threshold``.
        threshold: the observed score at which they are closest.
    """

    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class ErrorCurve:
    """Error counts at every distinct observed score taken as the threshold, and above the highest.

    A presentation is classified bona fide when its score is at or above the threshold.

    Attributes:
        thresholds: float64 (K,), the distinct observed scores, ascending.
        rejected_bona_fide: (K + 1,), bona fide below each threshold; the last entry is all of them.
        rejected_attacks: (K + 1,), attacks below each threshold; the last entry is all of them.
    """

    thresholds: NDArray[np.float64]
    rejected_bona_fide: NDArray[np.int32]
    rejected_attacks: NDArray[np.int32]

    @classmethod
    def of(cls, bona_fide: ArrayLike, attack: ArrayLike) -> ErrorCurve:
        """Sort the scores once.

        Args:
            bona_fide: finite scores (N,), N ≥ 1.
            attack: finite scores (M,), M ≥ 1.

        Raises:
            InputError: an argument is empty, not one-dimensional, or holds NaN or infinity.
        """
        positives, negatives = ascending(bona_fide, "bona_fide"), ascending(attack, "attack")
        merged, genuine = _merge(positives, negatives)
        last = np.empty(len(merged), np.bool_)
        last[-1] = True
        np.not_equal(merged[1:], merged[:-1], out=last[:-1])
        below = running_total(genuine)
        if last.all():
            thresholds, rejected_bona_fide = merged, below
            rejected_attacks = np.arange(len(below), dtype=np.int32)
        else:
            thresholds = merged[last]
            ends = np.concatenate(([0], np.flatnonzero(last) + 1)).astype(np.int32)
            rejected_bona_fide, rejected_attacks = below[ends], ends
        rejected_attacks -= rejected_bona_fide
        return cls(thresholds, rejected_bona_fide, rejected_attacks)

    def corners(self) -> NDArray[np.intp]:
        """Return the indices between which one class alone is rejected further, first and last included.

        They are far fewer than the thresholds, and however presentations are weighted, area and lowest cost
        of the curve through them are those of the whole curve.
        """
        genuine = self.rejected_bona_fide[1:] != self.rejected_bona_fide[:-1]
        attacks = self.rejected_attacks[1:] != self.rejected_attacks[:-1]
        turns = genuine[1:] != genuine[:-1]  # some presentation stands at every threshold
        turns |= genuine[1:] & attacks[1:]
        turns |= attacks[1:] != attacks[:-1]
        return np.concatenate(([0], np.flatnonzero(turns) + 1, [len(genuine)]))

    def thinned(self, points: int = 500) -> NDArray[np.intp]:
        """Return at most about ``points`` indices that draw the same line on probit axes."""
        walked = np.concatenate(
            ([0.0], np.cumsum(np.abs(np.diff(probit(self.apcer))) + np.abs(np.diff(probit(self.bpcer)))))
        )
        steps = np.searchsorted(walked, np.linspace(0, walked[-1], points // 2))
        return np.unique(np.concatenate((steps, np.maximum(steps - 1, 0))))  # both ends of every long step

    def reweighted(
        self, bona_fide: NDArray[np.int32] | None, attack: NDArray[np.int32] | None, index: NDArray[np.intp]
    ) -> ErrorCurve:
        """Return the curve at ``index`` with each presentation counted as often as its weight says.

        Args:
            bona_fide: (N + 1,), `running_total` of the weights in ascending order of the bona fide scores;
                None counts each presentation once.
            attack: (M + 1,), the same of the attacks.
            index: ascending, which thresholds to keep; it ends with the last, K.
        """
        genuine, attacks = self.rejected_bona_fide[index], self.rejected_attacks[index]
        return ErrorCurve(
            self.thresholds[index[:-1]],
            genuine if bona_fide is None else bona_fide[genuine],
            attacks if attack is None else attack[attacks],
        )

    @property
    def bona_fide_count(self) -> int:
        """How many bona fide presentations there are."""
        return int(self.rejected_bona_fide[-1])

    @property
    def attack_count(self) -> int:
        """How many attack presentations there are."""
        return int(self.rejected_attacks[-1])

    @property
    def bpcer(self) -> NDArray[np.float64]:
        """BPCER at each threshold, (K + 1,), rising from 0 to 1."""
        return self.rejected_bona_fide / self.bona_fide_count

    @property
    def apcer(self) -> NDArray[np.float64]:
        """APCER over all attacks at each threshold, (K + 1,), falling from 1 to 0."""
        return (self.attack_count - self.rejected_attacks) / self.attack_count

    def threshold(self, index: int) -> float:
        """Return threshold ``index`` (0 … K); K is the next number above the highest score: all rejected."""
        if index < len(self.thresholds):
            return float(self.thresholds[index])
        return math.nextafter(float(self.thresholds[-1]), math.inf)

    def index(self, threshold: float) -> int:
        """Return the index of the lowest threshold of the curve that classifies as ``threshold`` does."""
        return int(np.searchsorted(self.thresholds, threshold, side="left"))

    def auc(self) -> float:
        """Area under the ROC curve: share of pairs ranked rightly, half credit for ties (Mann–Whitney)."""
        pairs = 0.0
        for start in range(0, len(self.thresholds), _AT_A_TIME):
            bona_fide = np.diff(self.rejected_bona_fide[start : start + _AT_A_TIME + 1]).astype(np.float64)
            below = self.rejected_attacks[start : start + _AT_A_TIME + 1].astype(np.float64)
            pairs += float(bona_fide @ below[:-1] + bona_fide @ below[1:])
        return pairs / (2.0 * self.bona_fide_count * self.attack_count)

    def equal_error_rate(
        self, bona_fide: NDArray[np.int32] | None = None, attack: NDArray[np.int32] | None = None
    ) -> EqualErrorRate:
        """Mean of both error rates where they are closest; of two such thresholds, the higher mean.

        Args:
            bona_fide: (N + 1,), `running_total` of weights in ascending order of the bona fide scores; None
                counts each presentation once.
            attack: (M + 1,), the same of the attacks.
        """

        def rejected(index: int) -> tuple[int, int]:
            g, a = int(self.rejected_bona_fide[index]), int(self.rejected_attacks[index])
            return (g if bona_fide is None else int(bona_fide[g])), (a if attack is None else int(attack[a]))

        return self._equal_error_rate(rejected)

    def equal_error_rate_among(
        self, bona_fide: NDArray[np.float64], attack: NDArray[np.float64]
    ) -> EqualErrorRate:
        """Return the equal error rate of some of the presentations alone.

        Args:
            bona_fide: their bona fide scores, ascending.
            attack: their attack scores, ascending.
        """

        def rejected(index: int) -> tuple[int, int]:
            threshold = self.threshold(index)
            return int(bona_fide.searchsorted(threshold)), int(attack.searchsorted(threshold))

        return self._equal_error_rate(rejected)

    def _equal_error_rate(self, rejected: Callable[[int], tuple[int, int]]) -> EqualErrorRate:
        """Search by what is rejected, bona fide and attacks, at each index."""
        low, high = 0, len(self.thresholds)
        genuine, attacks = rejected(high)

        def gap(
            index: int,
        ) -> int:  # BPCER - APCER in units of 1 / (genuine × attacks): exact, rising with index
            g, a = rejected(index)
            return g * attacks - (attacks - a) * genuine

        def mean(index: int) -> float:
            g, a = rejected(index)
            return (g / genuine + (attacks - a) / attacks) / 2

        while high - low > 1:  # gap(low) < 0 <= gap(high)
            middle = (low + high) // 2
            low, high = (middle, high) if gap(middle) < 0 else (low, middle)
        best = min((low, high), key=lambda index: (abs(gap(index)), -mean(index)))
        return EqualErrorRate(mean(best), self.threshold(best))

    def lowest_cost(self, bona_fide_rejected: float, attack_accepted: float) -> tuple[float, float]:
        """Minimise ``bona_fide_rejected`` × BPCER + ``attack_accepted`` × APCER over the thresholds.

        Returns:
            The lowest cost, and the threshold that reaches it.
        """
        cost = self.rejected_bona_fide * (bona_fide_rejected / self.bona_fide_count)
        cost -= self.rejected_attacks * (attack_accepted / self.attack_count)
        best = int(np.argmin(cost))
        return float(cost[best]) + attack_accepted, self.threshold(best)


def _merge(
    positives: NDArray[np.float64], negatives: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Merge two ascending arrays, equal values of the first in front; tell which come from the first."""
    merged = np.empty(len(positives) + len(negatives))
    first = np.empty(len(merged), np.bool_)
    cuts = np.append(positives[_MERGED_AT_A_TIME::_MERGED_AT_A_TIME], np.inf)
    ends = zip(positives.searchsorted(cuts), negatives.searchsorted(cuts), strict=True)
    p = n = 0
    for p_end, n_end in ends:
        part = np.concatenate((positives[p:p_end], negatives[n:n_end]))
        order = part.argsort(kind="stable")  # of two sorted runs: one pass
        np.take(part, order, out=merged[p + n : p_end + n_end])
        np.less(order, p_end - p, out=first[p + n : p_end + n_end])
        p, n = p_end, n_end
    return merged, first


def probit(rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map rates to normal quantiles, those of 0 and 1 to ±6."""
    from scipy.special import ndtri

    return np.asarray(np.clip(ndtri(rates), -6, 6))


def running_total(weights: NDArray[Any]) -> NDArray[np.int32]:
    """Return (n + 1,): the sum of the first 0, 1, … n weights."""
    total = np.zeros(len(weights) + 1, np.int32)
    np.cumsum(weights, out=total[1:])
    return total


def ascending(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return checked scores in ascending order, without a copy where they are in it already."""
    scores = as_scores(values, name)
    return scores if (scores[1:] >= scores[:-1]).all() else np.sort(scores)


def as_scores(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Return ``values`` as float64 (N,), N ≥ 1, all finite.

    Raises:
        InputError: they are not; the message names ``name``.
    """
    try:
        scores = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers, got {values!r:.60}") from None
    if scores.ndim != 1 or not scores.size:
        raise InputError(
            f"{name} must be one-dimensional and hold at least one score, got shape {scores.shape}"
        )
    if not np.isfinite(scores).all():
        bad = scores[~np.isfinite(scores)][0]
        raise InputError(
            f"{name} must be finite, got {bad}; a non-response is not a score: leave it out here"
        )
    return scores
