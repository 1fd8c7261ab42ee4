"""Error rates of a presentation attack detector, as pure functions of two arrays of scores.

Higher scores mean bona fide; a presentation is classified bona fide when its score ≥ threshold. Definitions
follow ISO/IEC 30107-3:2023 unless a function says otherwise. A function that is asked about no scores at all
raises `InputError`; what the data cannot support is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.errors import InputError
from antispoof.evaluation.curve import EqualErrorRate, ErrorCurve, as_scores, ascending

__all__ = [
    "acer",
    "apcer",
    "auc",
    "bpcer",
    "bpcer_at_apcer",
    "d_eer",
    "far",
    "frr",
    "hter",
    "iapar",
    "max_apcer",
    "riapar",
    "threshold_at_apcer",
    "threshold_at_bpcer",
    "tpr_at_fpr",
]


def apcer(attack: ArrayLike, threshold: float) -> float:
    """Attack presentation classification error rate: share of attacks classified bona fide.

    Args:
        attack: scores (M,) of ONE attack instrument species; over all species see `max_apcer`.
        threshold: a score at or above it is classified bona fide.

    Examples:
        >>> apcer([0.1, 0.4, 0.6, 0.9], threshold=0.5)
        0.5
    """
    return float(np.mean(as_scores(attack, "attack") >= threshold))


def bpcer(bona_fide: ArrayLike, threshold: float) -> float:
    """Bona fide presentation classification error rate: share of bona fide presentations classified attack.

    Args:
        bona_fide: scores (N,).
        threshold: a score below it is classified attack.

    Examples:
        >>> bpcer([0.4, 0.6, 0.8, 0.9], threshold=0.5)
        0.25
    """
    return float(np.mean(as_scores(bona_fide, "bona_fide") < threshold))


def max_apcer(attack: Mapping[str, ArrayLike], threshold: float) -> float:
    """APCER of the worst species, the headline that ISO/IEC 30107-3 asks for.

    Args:
        attack: scores by species.
        threshold: a score at or above it is classified bona fide.

    Examples:
        >>> max_apcer({"print": [0.1, 0.2], "mask": [0.3, 0.7]}, threshold=0.5)
        0.5
    """
    return max(apcer(scores, threshold) for scores in _species(attack).values())


far = apcer
"""False acceptance rate, as older papers call the APCER over all species: pass the scores of all attacks."""

frr = bpcer
"""False rejection rate, as older papers call the BPCER."""


def acer(apcer: float, bpcer: float) -> float:
    """Average classification error rate: legacy, not ISO conformant; say which APCER went in.

    Examples:
        >>> acer(apcer=0.5, bpcer=0.25)
        0.375
    """
    return (apcer + bpcer) / 2


def hter(bona_fide: ArrayLike, attack: ArrayLike, threshold: float) -> float:
    """Half total error rate (FAR + FRR) / 2, over all attacks pooled.

    Args:
        bona_fide: test scores (N,).
        attack: test scores (M,), all species together.
        threshold: the EER threshold of the DEVELOPMENT set, ``d_eer(dev_bona_fide, dev_attack).threshold``.

    Examples:
        >>> threshold = d_eer([0.3, 0.6, 0.8, 0.9], [0.1, 0.2, 0.4, 0.7]).threshold
        >>> hter([0.5, 0.7, 0.9, 0.9], [0.0, 0.3, 0.6, 0.8], threshold)
        0.375
    """
    return (far(attack, threshold) + frr(bona_fide, threshold)) / 2


def d_eer(bona_fide: ArrayLike, attack: ArrayLike) -> EqualErrorRate:
    """Detection equal error rate, over all attacks pooled.

    No interpolation: the mean of APCER and BPCER at the observed threshold where they are closest, as the
    ASVspoof challenges score it. Where two thresholds are equally close, the higher mean counts.

    Examples:
        >>> d_eer([0.3, 0.6, 0.8, 0.9], [0.1, 0.2, 0.4, 0.7])
        EqualErrorRate(value=0.25, threshold=0.6)
    """
    return ErrorCurve.of(bona_fide, attack).equal_error_rate()


def auc(bona_fide: ArrayLike, attack: ArrayLike) -> float:
    """Area under the ROC curve: chance that a bona fide scores above an attack, half credit for ties.

    Examples:
        >>> auc([0.3, 0.6], [0.1, 0.3])
        0.875
    """
    return ErrorCurve.of(bona_fide, attack).auc()


def threshold_at_apcer(bona_fide: ArrayLike, attack: Mapping[str, ArrayLike], apcer: float) -> float:
    """Lowest observed score that, as the threshold, keeps the APCER of every species at or below ``apcer``.

    Where no observed score does, the next number above the highest score, which rejects everything.

    Args:
        bona_fide: scores (N,).
        attack: scores by species.
        apcer: 0 … 1.

    Examples:
        >>> threshold_at_apcer([0.3, 0.6, 0.8, 0.9], {"print": [0.1, 0.2], "mask": [0.4, 0.7]}, apcer=0.5)
        0.6
    """
    _check_rate(apcer, "apcer")
    highest_rejected = max(
        _first_rejected(ascending(scores, name), apcer) for name, scores in _species(attack).items()
    )
    scores = [as_scores(bona_fide, "bona_fide"), *_species(attack).values()]
    above = [values[values > highest_rejected] for values in scores]
    candidates = [float(values.min()) for values in above if values.size]
    return min(candidates) if candidates else math.nextafter(highest_rejected, math.inf)


def threshold_at_bpcer(bona_fide: ArrayLike, bpcer: float) -> float:
    """Highest bona fide score that, as the threshold, keeps the BPCER at or below ``bpcer`` (0 … 1).

    Examples:
        >>> threshold_at_bpcer([0.3, 0.6, 0.8, 0.9], bpcer=0.25)
        0.6
    """
    _check_rate(bpcer, "bpcer")
    scores = ascending(bona_fide, "bona_fide")
    return float(scores[min(_whole(bpcer * len(scores)), len(scores) - 1)])


def bpcer_at_apcer(bona_fide: ArrayLike, attack: Mapping[str, ArrayLike], apcer: float) -> float:
    """BPCER at the threshold where the APCER of the worst species reaches ``apcer``.

    BPCER10, BPCER20 and BPCER100 are ``apcer`` = 1/10, 1/20 and 1/100.

    Examples:
        >>> bpcer_at_apcer([0.3, 0.6, 0.8, 0.9], {"print": [0.1, 0.2], "mask": [0.4, 0.7]}, apcer=0.5)
        0.25
    """
    return bpcer(bona_fide, threshold_at_apcer(bona_fide, attack, apcer))


def tpr_at_fpr(bona_fide: ArrayLike, attack: ArrayLike, fpr: float) -> float:
    """Share of bona fide accepted at the lowest threshold where the pooled APCER is at most ``fpr``.

    Returns:
        0 … 1; NaN when there are fewer than 1 / ``fpr`` attacks, too few to observe such a rate.

    Examples:
        >>> tpr_at_fpr([0.3, 0.6, 0.8, 0.9], [0.1, 0.2, 0.4, 0.7], fpr=0.25)
        0.75
        >>> tpr_at_fpr([0.3, 0.6, 0.8, 0.9], [0.1, 0.2, 0.4, 0.7], fpr=1e-3)
        nan
    """
    attacks = as_scores(attack, "attack")
    if len(attacks) * fpr < 1 - 1e-9:
        return math.nan
    return 1 - bpcer_at_apcer(bona_fide, {"all": attacks}, fpr)


def iapar(accepted: ArrayLike) -> float:
    """Impostor attack presentation accept rate: share of attacks that passed detection AND comparison.

    Args:
        accepted: bool (M,), the full system's decisions on impostor attacks of ONE species.

    Examples:
        >>> iapar([True, False, False, False])
        0.25
    """
    decisions = np.asarray(accepted)
    if decisions.dtype != np.bool_ or decisions.ndim != 1 or not decisions.size:
        raise InputError(f"accepted must be bool (M,), M ≥ 1, got {decisions.dtype} {decisions.shape}")
    return float(decisions.mean())


def riapar(iapar: float, frr: float) -> float:
    """Relative impostor attack presentation accept rate, 1 + IAPAR - (1 - FRR), of a full system.

    Args:
        iapar: of one species, 0 … 1.
        frr: false rejection rate of the same system on bona fide mated presentations, 0 … 1.

    Examples:
        >>> riapar(iapar=0.05, frr=0.2)
        0.25
    """
    return 1 + iapar - (1 - frr)


def _species(attack: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float64]]:
    if not attack:
        raise InputError("attack must hold the scores of at least one species, got none")
    return {name: as_scores(scores, f"attack[{name!r}]") for name, scores in attack.items()}


def _first_rejected(scores: NDArray[np.float64], apcer: float) -> float:
    """Return the highest of ascending scores that must be rejected, -inf when none must."""
    allowed = _whole(apcer * len(scores))
    return float(scores[-1 - allowed]) if allowed < len(scores) else -math.inf


def _whole(value: float) -> int:
    """Round down, forgiving the last digits: 0.29 × 100 allows 29 errors."""
    return math.floor(value + 1e-9)


def _check_rate(value: float, name: str) -> None:
    if not 0 <= value <= 1:
        raise InputError(f"{name} must lie between 0 and 1, got {value}")
