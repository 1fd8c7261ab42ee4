"""How far scores can be taken at their word as natural-log likelihood ratios (bona fide against attack)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.evaluation.confidence import Interval, Rate
from antispoof.evaluation.curve import ErrorCurve, as_scores
from antispoof.scores.pool_adjacent_violators import pool_adjacent_violators

__all__ = [
    "ReliabilityBin",
    "bits",
    "cllr",
    "expected_calibration_error",
    "isotonic_blocks",
    "mean_bits",
    "min_cllr",
    "min_cllr_of",
    "reliability",
]

_AT_A_TIME = 100_000  # they stay in the cache


def cllr(bona_fide: ArrayLike, attack: ArrayLike) -> float:
    """Cost of log-likelihood ratios in bits, ½ [mean_bf log2(1 + e^-s) + mean_attack log2(1 + e^s)].

    0 is perfect, 1 is what a system scores that always says 0; a system that misleads scores more
    (Brümmer & du Preez, Computer Speech & Language 2006).

    Examples:
        >>> cllr([0.0, 0.0], [0.0])
        1.0
        >>> round(cllr([3.0, 5.0], [-4.0, -2.0]), 4)
        0.0723
    """
    genuine, attacks = as_scores(bona_fide, "bona_fide"), as_scores(attack, "attack")
    return (mean_bits(-genuine) + mean_bits(attacks)) / 2


def bits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cost of each likelihood ratio whose presentation was an attack, log2(1 + e^s)."""
    return np.asarray((np.maximum(scores, 0) + np.log1p(np.exp(-np.abs(scores)))) / math.log(2))


def mean_bits(scores: NDArray[np.float64]) -> float:
    """Mean of `bits`."""
    parts = range(0, len(scores), _AT_A_TIME)
    return sum(float(bits(scores[start : start + _AT_A_TIME]).sum()) for start in parts) / len(scores)


def min_cllr(bona_fide: ArrayLike, attack: ArrayLike) -> float:
    """Cllr after the best monotone recalibration of these very scores, by pooling adjacent violators."""
    return min_cllr_of(ErrorCurve.of(bona_fide, attack))


def min_cllr_of(curve: ErrorCurve) -> float:
    """Return `min_cllr` of the scores of a curve."""
    genuine, attacks = isotonic_blocks(curve)
    odds = (genuine / genuine.sum(), attacks / attacks.sum())
    total = 0.0
    for own, other in (odds, odds[::-1]):
        there = own > 0
        total += float(own[there] @ np.log1p(other[there] / own[there]))
    return total / (2 * math.log(2))


def isotonic_blocks(curve: ErrorCurve) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pool adjacent violators: the coarsest ascending blocks of scores in which the share of bona fide rises.

    Returns:
        Bona fide and attacks in each block, lowest scores first.
    """
    turns = curve.corners()  # between them one class stands alone, and its scores pool without loss
    genuine = np.diff(curve.rejected_bona_fide[turns]).astype(np.int64)
    attacks = np.diff(curve.rejected_attacks[turns]).astype(np.int64)
    return pool_adjacent_violators(genuine, attacks)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Presentations to which the scores give about the same chance of being bona fide.

    All shares are as if both classes were equally frequent.

    Attributes:
        predicted: mean of the chances the scores state, 1 / (1 + e^-s).
        observed: share that is bona fide in truth.
        interval: exact 95 % interval of ``observed``.
        bona_fide: how many bona fide presentations fell here.
        attacks: how many attacks fell here.
        weight: share of all presentations that fell here.
    """

    predicted: float
    observed: float
    interval: Interval
    bona_fide: int
    attacks: int
    weight: float


def reliability(bona_fide: ArrayLike, attack: ArrayLike, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Compare the chance that log-likelihood ratios state with what came true, in ``bins`` equal steps.

    Returns:
        The bins that hold any presentation, from 0 to 1.
    """
    genuine, attacks = as_scores(bona_fide, "bona_fide"), as_scores(attack, "attack")
    found = []
    sides = []
    for scores in (genuine, attacks):
        counts, sums = np.zeros(bins, np.int64), np.zeros(bins)
        for start in range(0, len(scores), _AT_A_TIME):
            with np.errstate(over="ignore"):  # the chance is 0
                chance = 1 / (1 + np.exp(-scores[start : start + _AT_A_TIME]))
            place = np.minimum((chance * bins).astype(np.intp), bins - 1)
            counts += np.bincount(place, minlength=bins)
            sums += np.bincount(place, chance, minlength=bins)
        sides.append((counts, sums))
    (own, own_sum), (other, other_sum) = sides
    for g, a, g_sum, a_sum in zip(
        own.tolist(), other.tolist(), own_sum.tolist(), other_sum.tolist(), strict=True
    ):
        if not g + a:
            continue
        weight = g / len(genuine) + a / len(attacks)
        raw = Rate(g, g + a).interval
        imbalance = len(genuine) / len(attacks)
        found.append(
            ReliabilityBin(
                predicted=(g_sum / len(genuine) + a_sum / len(attacks)) / weight,
                observed=g / len(genuine) / weight,
                interval=Interval(_balanced(raw.low, imbalance), _balanced(raw.high, imbalance)),
                bona_fide=g,
                attacks=a,
                weight=weight / 2,
            )
        )
    return tuple(found)


def expected_calibration_error(bins: tuple[ReliabilityBin, ...]) -> float:
    """Mean distance between the stated chance and what came true, weighted by how much fell in each bin."""
    return sum(each.weight * abs(each.predicted - each.observed) for each in bins)


def _balanced(share: float, imbalance: float) -> float:
    """Translate a share of bona fide to equally frequent classes; ``imbalance`` is bona fide per attack."""
    return share / (share + imbalance * (1 - share))
