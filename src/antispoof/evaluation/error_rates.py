"""Every error rate of one score set under any weights: one sort, many resamples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from antispoof._moved import old_names
from antispoof.evaluation.calibration_quality import bits, mean_bits
from antispoof.evaluation.curve import ErrorCurve, running_total
from antispoof.evaluation.detection_cost import ASVSPOOF5
from antispoof.evaluation.ranking import Ranking
from antispoof.evaluation.scores import ScoreSet

__all__ = ["APCER_OF", "LABELS", "LOWER_IS_BETTER", "ErrorRates"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)

APCER_OF = "apcer:"
"""Prefix of the figures that hold the APCER of one species, such as ``apcer:print``."""

LABELS = {
    "max_apcer": "max APCER",
    "bpcer": "BPCER",
    "d_eer": "D-EER",
    "auc": "AUC",
    "bpcer10": "BPCER10",
    "bpcer20": "BPCER20",
    "bpcer100": "BPCER100",
    "hter": "HTER",
    "far": "FAR",
    "frr": "FRR",
    "acer_max": "ACER (max species)",
    "acer_mean": "ACER (mean species)",
    "tpr_at_fpr_1e-2": "TPR@FPR=1e-2",
    "tpr_at_fpr_1e-3": "TPR@FPR=1e-3",
    "tpr_at_fpr_1e-4": "TPR@FPR=1e-4",
    "min_dcf": "minDCF",
    "act_dcf": "actDCF",
    "cllr": "Cllr",
}
"""Name of a figure → how reports write it."""

LOWER_IS_BETTER = {name: not (name == "auc" or name.startswith("tpr")) for name in LABELS}

_BPCER_AT = {"bpcer10": 0.1, "bpcer20": 0.05, "bpcer100": 0.01}
_TPR_AT = {"tpr_at_fpr_1e-2": 1e-2, "tpr_at_fpr_1e-3": 1e-3, "tpr_at_fpr_1e-4": 1e-4}


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Presentations of one kind that got a response, ascending by score.

    Attributes:
        cluster: int32 (n,), the cluster of each; None where each counts once.
        rejected: how many of them lie below the threshold.
        scores: float64 (n,).
    """

    cluster: NDArray[np.int32] | None
    rejected: int
    scores: NDArray[np.float64]

    def running_total(self, weights: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return (n + 1,): the weights of the first 0, 1, … n."""
        if self.cluster is None:
            return np.arange(len(self.scores) + 1, dtype=np.int32)
        return running_total(weights[self.cluster])


class ErrorRates:
    """The metrics of a score set as a function of how often each cluster counts.

    Calling it with ones gives the figures themselves, with the draws of a bootstrap their distribution.

    Args:
        scores: the presentations.
        threshold: for ``max_apcer``, ``bpcer``, ``far``, ``frr``, the ACERs and the APCER of each species.
        dev_eer_threshold: for ``hter``; None leaves it NaN.
        cluster: int32 (N,), which cluster each presentation belongs to (see `Clustering`); None puts all
            into one, which spares most of the sorting.
        ranking: of ``scores``, where it is there already.

    Attributes:
        names: of the figures, in the order in which a call returns them.
        curve: error counts with every presentation counted once; None when a class has no response.
    """

    def __init__(
        self,
        scores: ScoreSet,
        threshold: float,
        dev_eer_threshold: float | None,
        cluster: NDArray[np.int32] | None,
        ranking: Ranking | None = None,
    ) -> None:
        """Sort once."""
        self.names = (*LABELS, *(APCER_OF + name for name in scores.pai_species.names))
        ranking = ranking or Ranking.of(scores)
        self.curve = ranking.curve
        genuine, attacks = ranking.bona_fide, ranking.attack
        codes, values, response = scores.pai_species.codes, scores.scores, scores.is_response

        def rank(ascending: NDArray[np.float64], member: NDArray[np.bool_]) -> _Ranked:
            clusters: NDArray[np.int32] | None
            if cluster is None:
                clusters = None
            else:
                rows = np.flatnonzero(member & response)
                clusters = cluster[rows[np.argsort(values[rows])]]
            return _Ranked(clusters, int(np.searchsorted(ascending, threshold)), ascending)

        self._genuine = rank(genuine, codes < 0)
        self._attacks = rank(attacks, codes >= 0)
        self._species = [rank(each, codes == code) for code, each in enumerate(ranking.species.values())]
        silent = np.flatnonzero(~response)
        self._silent_kind = codes[silent] + 1
        self._silent_cluster = np.zeros(len(silent), np.int32) if cluster is None else cluster[silent]
        if self.curve is None:
            return
        self._dev_eer_index = None if dev_eer_threshold is None else self.curve.index(dev_eer_threshold)
        self._corners = self.curve.corners()
        self._bayes_index = self.curve.index(ASVSPOOF5.threshold)
        self._bits: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        if cluster is None:
            self._cllr = (mean_bits(-genuine) + mean_bits(attacks)) / 2
        else:
            self._bits = bits(-genuine), bits(attacks)

    def __call__(self, weights: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return the figures with cluster k counted ``weights[k]`` times; without clusters, each once.

        Returns:
            float64 (len(names),); NaN where a figure is undefined.
        """
        below = self._genuine.running_total(weights)
        species = [each.running_total(weights) for each in self._species]
        silent = np.bincount(self._silent_kind, weights[self._silent_cluster], len(species) + 1)
        all_genuine = float(below[-1]) + silent[0]
        presented = np.asarray([total[-1] for total in species]) + silent[1:]
        accepted = np.asarray(
            [t[-1] - t[each.rejected] for each, t in zip(self._species, species, strict=True)]
        )
        with np.errstate(invalid="ignore"):
            bpcer = np.divide(below[self._genuine.rejected], all_genuine)
            apcer = accepted / presented
            far = np.divide(accepted.sum(), presented.sum())
        tested = apcer[~np.isnan(apcer)]
        max_apcer, mean_apcer = (tested.max(), tested.mean()) if len(tested) else (math.nan, math.nan)
        found = dict.fromkeys(LABELS, math.nan)
        found |= {"max_apcer": max_apcer, "bpcer": bpcer, "far": far, "frr": bpcer}
        found |= {"acer_max": (max_apcer + bpcer) / 2, "acer_mean": (mean_apcer + bpcer) / 2}
        if self.curve is not None:
            attacks_below = self._attacks.running_total(weights)
            if below[-1] and attacks_below[-1]:  # a resample may miss a class
                found |= self._from_the_curve(self.curve, below, attacks_below, species)
                found["cllr"] = self._cllr_of(weights, below, attacks_below)
                if (at := self._dev_eer_index) is not None:
                    false_rejects = below[self.curve.rejected_bona_fide[at]] / all_genuine
                    false_accepts = attacks_below[-1] - attacks_below[self.curve.rejected_attacks[at]]
                    found["hter"] = float(false_rejects + false_accepts / presented.sum()) / 2
        return np.asarray([*found.values(), *apcer], np.float64)

    def _cllr_of(
        self, weights: NDArray[np.int32], below: NDArray[np.int32], attacks_below: NDArray[np.int32]
    ) -> float:
        if self._bits is None:
            return self._cllr
        genuine, attacks = weights[self._genuine.cluster], weights[self._attacks.cluster]
        own, other = self._bits
        return (float(genuine @ own / below[-1]) + float(attacks @ other / attacks_below[-1])) / 2

    def _from_the_curve(
        self,
        curve: ErrorCurve,
        genuine: NDArray[np.int32],
        attacks: NDArray[np.int32],
        species: list[NDArray[np.int32]],
    ) -> dict[str, float]:
        """Read areas and rates off the curve, given the running totals of the weights."""
        once = self._genuine.cluster is None
        coarse = curve.reweighted(None if once else genuine, None if once else attacks, self._corners)
        found = {
            "auc": coarse.auc(),
            "d_eer": curve.equal_error_rate(genuine, attacks).value,
            "min_dcf": coarse.lowest_cost(*ASVSPOOF5.weights)[0],
        }
        miss, false_alarm = ASVSPOOF5.weights
        bpcer = genuine[curve.rejected_bona_fide[self._bayes_index]] / genuine[-1]
        apcer = 1 - attacks[curve.rejected_attacks[self._bayes_index]] / attacks[-1]
        found["act_dcf"] = float(miss * bpcer + false_alarm * apcer)
        for name, rate in _BPCER_AT.items():
            at = 0
            for each, total in zip(self._species, species, strict=True):
                # The highest attack with too many at or above it must be rejected.
                highest = np.searchsorted(total, total[-1] - math.floor(rate * total[-1] + 1e-9)) - 1
                if highest >= 0:
                    at = max(at, int(np.searchsorted(curve.thresholds, each.scores[highest], side="right")))
            found[name] = float(genuine[curve.rejected_bona_fide[at]] / genuine[-1])
        for name, rate in _TPR_AT.items():
            if len(self._attacks.scores) * rate >= 1 - 1e-9:
                must_reject = np.searchsorted(attacks, attacks[-1] - math.floor(rate * attacks[-1] + 1e-9))
                at = int(np.searchsorted(curve.rejected_attacks, must_reject))
                found[name] = float(1 - genuine[curve.rejected_bona_fide[at]] / genuine[-1])
        return found
