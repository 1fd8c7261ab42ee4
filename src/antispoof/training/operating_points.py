"""Scores on dev → calibration, thresholds, and the figures that a bundle tells."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.evaluation.calibration_quality import cllr
from antispoof.evaluation.metrics import (
    apcer,
    auc,
    bpcer,
    d_eer,
    threshold_at_apcer,
    threshold_at_bpcer,
)
from antispoof.runtime.bundle import OperatingPointEntry
from antispoof.scores.calibration import Calibration, calibrate, fit_calibration

__all__ = [
    "NO_EVIDENCE",
    "balanced_threshold",
    "calibrated_cost",
    "calibration_of",
    "figures",
    "operating_points",
]

Scores = NDArray[np.float64]

SECURE = 1.25
"""At "secure", an attack that passes is as bad as so many people who are turned away."""

NO_EVIDENCE = Calibration(slope=1e-6, intercept=0.0)
"""Of scores that tell nothing: every log-likelihood ratio is about 0."""


def calibration_of(bona_fide: Scores, attack: Scores) -> Calibration:
    """Fit the calibration; `NO_EVIDENCE` where attacks score as high as bona fide presentations."""
    try:
        return fit_calibration(bona_fide, attack)
    except InputError:
        return NO_EVIDENCE


def calibrated_cost(bona_fide: Scores, attack: Scores) -> float:
    """Return Cllr after the best calibration, in bits: 0 tells the classes apart, 1 tells nothing."""
    calibration = calibration_of(bona_fide, attack)
    return cllr(calibrate(bona_fide, calibration), calibrate(attack, calibration))


def operating_points(
    bona_fide: Scores, attacks: Mapping[str, Scores], data: str
) -> dict[str, OperatingPointEntry]:
    """Set thresholds by the rules that every bundle has, each by what it does to the worst species.

    A limit on the pool of all attacks would let one kind pass whole where there are others enough.

    Args:
        bona_fide: calibrated scores, (N,).
        attacks: calibrated scores by attack instrument species.
        data: what they are of, in words.
    """
    thresholds = {
        "balanced": (balanced_threshold(bona_fide, attacks), "max D-EER"),
        "secure": (
            balanced_threshold(bona_fide, attacks, SECURE),
            f"least max({SECURE} × max APCER, BPCER)",
        ),
    }
    for limit in (0.10, 0.05):
        threshold = threshold_at_apcer(bona_fide, attacks, limit)
        thresholds[f"apcer{limit * 100:.0f}"] = threshold, f"max APCER ≤ {limit:.0%}"
    thresholds["bpcer5"] = threshold_at_bpcer(bona_fide, 0.05), "BPCER ≤ 5%"
    return {
        name: OperatingPointEntry(
            threshold=threshold,
            rule=rule,
            data=data,
            apcer={species: apcer(scores, threshold) for species, scores in attacks.items()},
            bpcer=bpcer(bona_fide, threshold),
        )
        for name, (threshold, rule) in thresholds.items()
    }


def balanced_threshold(bona_fide: Scores, attacks: Mapping[str, Scores], weight: float = 1.0) -> float:
    """Return the lowest observed score at which the higher of BPCER and weighed worst APCER is least.

    Args:
        bona_fide: (N,).
        attacks: by species.
        weight: how many rejected people an accepted attack is as bad as; 1 is the D-EER.
    """
    candidates = np.unique(np.concatenate([bona_fide, *attacks.values()]))
    passed = [1 - np.searchsorted(np.sort(a), candidates) / len(a) for a in attacks.values()]
    rejected = np.searchsorted(np.sort(bona_fide), candidates) / len(bona_fide)
    return float(candidates[np.argmin(np.max([weight * np.max(passed, axis=0), rejected], axis=0))])


def figures(bona_fide: Scores, attacks: Mapping[str, Scores]) -> dict[str, float]:
    """Return AUC and D-EER, and the AUC by species."""
    pooled = np.concatenate(list(attacks.values()))
    found = {"auc": auc(bona_fide, pooled), "d_eer": d_eer(bona_fide, pooled).value}
    return found | {f"auc_{name}": auc(bona_fide, scores) for name, scores in attacks.items()}
