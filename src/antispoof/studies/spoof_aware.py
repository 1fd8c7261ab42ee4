"""Spoof-aware verification: one score for "the same person, and really there".

A trial has a verification score (same person?) and a detection score (bona fide?), and is a target, a
nontarget (zero-effort impostor) or a spoof. Rules are fitted on development trials and judged on others by
a-DCF.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.confidence import Interval, bootstrap, percentile_interval
from antispoof.evaluation.scores import read_table
from antispoof.evaluation.tandem import A_DCF_COST, VerificationScores, min_a_dcf, t_eer
from antispoof.scores.calibration import fit_best
from antispoof.scores.logistic import fit_logistic

__all__ = ["PUBLISHED", "JointTrials", "SpoofAwareResult", "compare_spoof_aware"]

TRIALS = ("target", "nontarget", "spoof")
CODES = {"1": "target", "2": "nontarget", "0": "spoof"}  # as ASVspoof 5 writes ``sasv_label``
PUBLISHED = "nonlinear"
"""The best published rule without further training (Wang et al., Interspeech 2024): the one to beat."""

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JointTrials:
    """N trials of a verification system with a detector.

    Attributes:
        verification: (N,), higher = the same person.
        detection: (N,), higher = bona fide.
        trial: (N,), ``target``, ``nontarget`` or ``spoof``.
        ids: (N,), what the split hashes.
    """

    verification: Scores
    detection: Scores
    trial: NDArray[np.str_]
    ids: NDArray[np.str_]

    @classmethod
    def read(cls, path: str | Path) -> JointTrials:
        """Read a CSV file: ``asv_score``, ``cm_score``, ``trial`` (or ASVspoof 5's ``sasv_label``), ``id``.

        Without ``id`` the number of the row stands for it.

        Raises:
            InputError: it is no such table, or one kind of trial is missing.
        """
        path = Path(path)
        columns = read_table(path, ("asv_score", "cm_score"))
        label = columns.get("trial") or columns.get("sasv_label")
        if label is None:
            raise InputError(
                f"{path}: no column 'trial' (target, nontarget, spoof) or 'sasv_label' (1, 2, 0)"
            )
        try:
            scores = [np.array(list(map(float, columns[name]))) for name in ("asv_score", "cm_score")]
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
        if not all(np.isfinite(part).all() for part in scores):
            raise InputError(f"{path}: asv_score and cm_score must be finite numbers")
        trial = np.array([_trial(cell) for cell in label])
        for kind, spelling in zip(trial.tolist(), label, strict=True):
            if kind not in TRIALS:
                raise InputError(f"{path}: trial {spelling!r} is not one of {', '.join(TRIALS)}")
        if missing := set(TRIALS) - set(trial.tolist()):
            raise InputError(f"{path}: there is no {sorted(missing)[0]} trial")
        ids = columns.get("id") or [str(row) for row in range(len(trial))]
        return cls(scores[0], scores[1], trial, np.array(ids))

    def take(self, rows: NDArray[Any]) -> JointTrials:
        """Return the trials at ``rows``."""
        return JointTrials(self.verification[rows], self.detection[rows], self.trial[rows], self.ids[rows])

    def split(self, dev_share: float) -> tuple[JointTrials, JointTrials]:
        """Split into development and test trials by a hash of the id.

        Raises:
            InputError: ``dev_share`` does not lie between 0 and 1, or a side lacks one kind of trial.
        """
        if not 0 < dev_share < 1:
            raise InputError(f"dev_share must lie between 0 and 1, got {dev_share}")
        hashed = [
            int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") for name in self.ids.tolist()
        ]
        dev = np.array(hashed) / 2**64 < dev_share
        for side in (self.trial[dev], self.trial[~dev]):
            if set(side.tolist()) != set(TRIALS):
                raise InputError(
                    f"a dev share of {dev_share:g} leaves a side of the split without one kind of trial"
                )
        return self.take(dev), self.take(~dev)

    def of(self, kind: str) -> NDArray[np.bool_]:
        """Tell which trials (N,) are of a kind."""
        return np.asarray(self.trial == kind)


@dataclass(frozen=True, slots=True)
class SpoofAwareResult:
    """One rule on the test trials.

    Attributes:
        name: of the rule.
        words: what it does.
        a_dcf: minimum a-DCF.
        difference: a-DCF less that of `PUBLISHED`, and its paired 95 % interval; None for itself.
        t_eer: for two thresholds the concurrent t-EER, for one the least that the largest of the three error
            rates (target rejected, nontarget accepted, spoof accepted) can be.
        sv_eer: EER of targets against nontargets.
        spf_eer: EER of targets against spoofs.
    """

    name: str
    words: str
    a_dcf: float
    difference: tuple[float, Interval] | None
    t_eer: float
    sv_eer: float
    spf_eer: float


Rule = Callable[[Scores, Scores], Scores]


def compare_spoof_aware(
    dev: JointTrials,
    test: JointTrials,
    *,
    resamples: int = 1000,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> tuple[SpoofAwareResult, ...]:
    """Fit every rule on ``dev`` and judge it on ``test``, beside the best published simple rule.

    Args:
        dev: trials to fit on.
        test: other trials.
        resamples: bootstrap resamples of the test trials, the same for all rules.
        seed: of the resamples.
        tick: called after each resample.

    Returns:
        One result a rule, lowest a-DCF first.
    """
    rules = _fit(dev)
    scores = {name: rule(test.verification, test.detection) for name, (_, rule) in rules.items()}
    kinds = [np.flatnonzero(test.of(kind)) for kind in TRIALS]

    def costs(rows: list[NDArray[np.intp]]) -> list[float]:
        target, nontarget, spoof = rows
        return [min_a_dcf(s[target], s[nontarget], s[spoof]) for s in scores.values()]

    values = costs(kinds)
    names = list(scores)
    against = names.index(PUBLISHED)
    intervals: list[Interval] = [Interval(math.nan, math.nan)] * len(names)
    if resamples:

        def statistic(weights: NDArray[np.int32]) -> Scores:
            found = np.array(costs([np.repeat(part, weights[part]) for part in kinds]))
            return np.asarray(found - found[against], np.float64)

        draws = bootstrap(statistic, len(test.trial), resamples=resamples, seed=seed, tick=tick)
        intervals = list(percentile_interval(draws))
    target, nontarget, attack = (test.verification[part] for part in kinds)
    verification = VerificationScores(target, nontarget, attack)
    bona_fide, spoof = test.detection[~test.of("spoof")], test.detection[test.of("spoof")]
    found = []
    for index, name in enumerate(names):
        target, nontarget, attack = (scores[name][part] for part in kinds)
        three_way = (
            t_eer(bona_fide, spoof, verification) if name == "gate" else _three_way(target, nontarget, attack)
        )
        found.append(
            SpoofAwareResult(
                name,
                rules[name][0],
                values[index],
                None if index == against else (values[index] - values[against], intervals[index]),
                three_way,
                metrics.d_eer(target, nontarget).value,
                metrics.d_eer(target, attack).value,
            )
        )
    return tuple(sorted(found, key=lambda result: result.a_dcf))


def _fit(dev: JointTrials) -> dict[str, tuple[str, Rule]]:
    target, nontarget, spoof = (dev.of(kind) for kind in TRIALS)
    same = fit_best(dev.verification[~spoof], target[~spoof])
    real = fit_best(dev.detection, ~spoof)
    means = dev.verification.mean(), dev.detection.mean()
    spreads = dev.verification.std() or 1.0, dev.detection.std() or 1.0
    non = A_DCF_COST.c_fa_nontarget * A_DCF_COST.pi_nontarget
    spf = A_DCF_COST.c_fa_spoof * A_DCF_COST.pi_spoof
    shares = math.log(non / (non + spf)), math.log(spf / (non + spf))

    def joined(from_nontarget: Scores, from_spoof: Scores) -> Scores:
        return -np.logaddexp(shares[0] - from_nontarget, shares[1] - from_spoof)

    gate = _best_gate(dev)
    columns = _quadratic(same(dev.verification), real(dev.detection))
    parts = []
    for other in (nontarget, spoof):
        rows = target | other
        parts.append(fit_logistic(columns[rows], target[rows], ridge=1e-4))

    def learned(a: Scores, b: Scores) -> Scores:
        x = _quadratic(same(a), real(b))
        return joined(*(x @ weights + intercept for weights, intercept in parts))

    return {
        "verification": ("verification score alone", lambda a, _: a),
        "detection": ("detection score alone", lambda _, b: b),
        "sum": ("raw scores added", lambda a, b: a + b),
        "z-sum": (
            "scores standardised on dev, added",
            lambda a, b: (a - means[0]) / spreads[0] + (b - means[1]) / spreads[1],
        ),
        "llr-sum": ("calibrated log likelihood ratios added", lambda a, b: same(a) + real(b)),
        "product": (
            "product of the two probabilities",
            lambda a, b: -np.logaddexp(0, -same(a)) - np.logaddexp(0, -real(b)),
        ),
        "gate": (
            "both must accept; detection threshold from dev",
            lambda a, b: np.where(b >= gate, a, a - 1e6),
        ),
        PUBLISHED: (
            "-log of the weighted e^-LLR, weights from the costs (Wang et al. 2024)",
            lambda a, b: joined(same(a), real(b)),
        ),
        "learned": ("the same, of ratios learned from both scores and their squares", learned),
    }


def _quadratic(a: Scores, b: Scores) -> Scores:
    # Squares of bounded ratios: a wild score must not rule the fit.
    a, b = np.clip(a, -15, 15), np.clip(b, -15, 15)
    return np.column_stack([a, b, a * a, a * b, b * b])


def _best_gate(dev: JointTrials) -> float:
    """Return the detection threshold at which verification behind it has the lowest a-DCF."""
    candidates = np.unique(np.quantile(dev.detection, np.linspace(0, 0.98, 99)))

    def cost(threshold: float) -> float:
        passed = np.where(dev.detection >= threshold, dev.verification, dev.verification - 1e6)
        target, nontarget, spoof = (passed[dev.of(kind)] for kind in TRIALS)
        return min_a_dcf(target, nontarget, spoof)

    return float(min(candidates.tolist(), key=cost))


def _three_way(target: Scores, nontarget: Scores, spoof: Scores) -> float:
    thresholds = np.unique(np.concatenate([target, nontarget, spoof]))
    below = [np.searchsorted(np.sort(part), thresholds) / len(part) for part in (target, nontarget, spoof)]
    worst = np.maximum(below[0], np.maximum(1 - below[1], 1 - below[2]))
    return float(worst.min())


def _trial(cell: str) -> str:
    word = cell.strip().lower().removesuffix(".0")
    return CODES.get(word, word)
