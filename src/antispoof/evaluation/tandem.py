"""Detection in tandem with a comparison (verification) system: t-DCF, a-DCF, t-EER.

There are several t-DCFs; every function names its variant. Verification trials are ``target`` (mated bona
fide), ``nontarget`` (zero-effort impostor) and ``spoof`` (presentation attack); higher scores mean the
same person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.curve import EqualErrorRate, ErrorCurve, as_scores
from antispoof.evaluation.scores import read_table
from antispoof.labels import plain
from antispoof.tables import Numbers

__all__ = [
    "TandemCost",
    "VerificationScores",
    "min_a_dcf",
    "min_t_dcf_2019",
    "min_t_dcf_asvspoof5",
    "t_eer",
]

_TRIALS = ("target", "nontarget", "spoof")
_NONTARGET = ("non_target", "non_mated", "nonmated", "impostor", "imposter", "zero_effort")
_WORDS = {name: name for name in _TRIALS}
_WORDS |= dict.fromkeys(("mated", "genuine"), "target") | dict.fromkeys(
    ("attack", "presentation_attack"), "spoof"
)
_WORDS |= dict.fromkeys((*_NONTARGET, "zero_effort_impostor", "zero_effort_imposter"), "nontarget")


@dataclass(frozen=True, slots=True)
class VerificationScores:
    """Scores of a comparison system.

    Attributes:
        target: mated bona fide trials (T,).
        nontarget: zero-effort impostor trials (U,).
        spoof: presentation attack trials (V,); V = 0 where detection let no attack through to be compared:
            then there are full-system rates alone.
        target_ids: ids of the presentations behind ``target``; empty when unknown.
        spoof_ids: ids of the presentations behind ``spoof``; empty when unknown.
        nontarget_ids: ids of the presentations behind ``nontarget``; empty when unknown.
        uncompared: kind of trial → ids of presentations that the system gave no score: they stand in no
            array above, and are accepted nowhere.
    """

    target: NDArray[np.float64]
    nontarget: NDArray[np.float64]
    spoof: NDArray[np.float64]
    target_ids: tuple[str, ...] = ()
    spoof_ids: tuple[str, ...] = ()
    nontarget_ids: tuple[str, ...] = ()
    uncompared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def has_ids(self) -> bool:
        """Whether presentations can be joined to the detector's scores."""
        return bool(self.target_ids) and (bool(self.spoof_ids) or not len(self.spoof))

    def all_trials(self, trial: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """Return ids and scores of one kind of trial, NaN where the system gave none."""
        ids: tuple[str, ...] = getattr(self, f"{trial}_ids")
        without = self.uncompared.get(trial, ())
        scores = getattr(self, trial)[: len(ids)]
        return ids + without, np.append(scores, np.full(len(without), np.nan))

    @classmethod
    def read(cls, path: str | Path) -> VerificationScores:
        """Read a CSV file: ``score``, ``trial`` (target, nontarget, spoof) and, where known, ``id``.

        Mated and genuine mean target, impostor and zero-effort nontarget, attack spoof.

        With ids that the detector's score file holds too, the full system's IAPAR can be told. An empty score
        is a presentation that was not compared: such rows need an id. With ids there may be no spoof trial.

        Raises:
            InputError: the file is no such table, or a kind of trial is missing.
        """
        path = Path(path)
        columns = read_table(path, ("score", "trial"))
        words = list(map(plain, columns["trial"]))
        if unknown := [
            said for said, word in zip(columns["trial"], words, strict=True) if word not in _WORDS
        ]:
            raise InputError(f"{path}: trial {unknown[0]!r} is not one of {', '.join(_TRIALS)}")
        trials = np.asarray([_WORDS[word] for word in words])
        ids = np.asarray(columns.get("id", []), np.str_)
        scores = _comparison_scores(columns["score"], ids.tolist(), path)
        compared = ~np.isnan(scores)
        try:
            split = {
                trial: as_scores(scores[compared & (trials == trial)], f"{trial} scores")
                for trial in _TRIALS
                if trial != "spoof" or not len(ids) or (compared & (trials == trial)).any()
            }
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

        def ids_of(trial: str, with_score: bool = True) -> tuple[str, ...]:
            return tuple(ids[(compared == with_score) & (trials == trial)].tolist()) if len(ids) else ()

        without = {trial: ids_of(trial, with_score=False) for trial in _TRIALS}
        return cls(
            split["target"],
            split["nontarget"],
            split.get("spoof", np.zeros(0)),
            ids_of("target"),
            ids_of("spoof"),
            ids_of("nontarget"),
            {trial: found for trial, found in without.items() if found},
        )

    def equal_error_rate(self) -> EqualErrorRate:
        """EER of target against nontarget trials, and its threshold."""
        return metrics.d_eer(self.target, self.nontarget)

    def threshold(self) -> float:
        """Threshold of the verification system in the t-DCFs.

        The challenges' scorer takes the highest observed score BELOW the EER threshold, and so does this,
        to agree with published figures to the digit.
        """
        curve = ErrorCurve.of(self.target, self.nontarget)
        return curve.threshold(max(curve.index(curve.equal_error_rate().threshold) - 1, 0))


@dataclass(frozen=True, slots=True)
class TandemCost:
    """Priors and costs of a tandem; the defaults are those of the t-DCF of ASVspoof 2019 and ASVspoof 5.

    Attributes:
        pi_target: prior of a mated bona fide trial.
        pi_nontarget: prior of a zero-effort impostor.
        pi_spoof: prior of a presentation attack; the three sum to 1.
        c_miss: cost of rejecting a target.
        c_fa_nontarget: cost of accepting a nontarget.
        c_fa_spoof: cost of accepting a spoof.
    """

    pi_target: float = 0.95 * 0.99
    pi_nontarget: float = 0.95 * 0.01
    pi_spoof: float = 0.05
    c_miss: float = 1.0
    c_fa_nontarget: float = 10.0
    c_fa_spoof: float = 10.0

    def __post_init__(self) -> None:
        """Refuse priors that do not sum to 1, and negative numbers."""
        priors = self.pi_target, self.pi_nontarget, self.pi_spoof
        if min(*priors, self.c_miss, self.c_fa_nontarget, self.c_fa_spoof) < 0 or abs(sum(priors) - 1) > 1e-9:
            raise InputError(f"priors must sum to 1 and nothing be negative, got {self}")


T_DCF_COST = TandemCost()
A_DCF_COST = TandemCost(pi_target=0.9, pi_nontarget=0.05, pi_spoof=0.05, c_fa_nontarget=10.0, c_fa_spoof=20.0)


def min_t_dcf_2019(
    bona_fide: ArrayLike, attack: ArrayLike, verification: VerificationScores, cost: TandemCost = T_DCF_COST
) -> float:
    """Minimum normalised t-DCF in the legacy form of ASVspoof 2019 (Kinnunen et al., Odyssey 2018).

    (C1 BPCER + C2 APCER) / min(C1, C2), lowest over the detector's thresholds, with
    C1 = π_tar (C_miss - C_miss P_miss) - π_non C_fa P_fa and C2 = C_fa π_spf (1 - P_miss,spf); the
    verification system stands at `VerificationScores.threshold`.

    Raises:
        InputError: the verification system is so poor that C1 or C2 is not positive.
    """
    miss, false_alarm, spoof_accepted = _verification_rates(verification)
    c1 = (
        cost.pi_target * (cost.c_miss - cost.c_miss * miss)
        - cost.pi_nontarget * cost.c_fa_nontarget * false_alarm
    )
    c2 = cost.pi_spoof * cost.c_fa_spoof * spoof_accepted
    _check_weights(c1, c2)
    return ErrorCurve.of(bona_fide, attack).lowest_cost(c1, c2)[0] / min(c1, c2)


def min_t_dcf_asvspoof5(
    bona_fide: ArrayLike, attack: ArrayLike, verification: VerificationScores, cost: TandemCost = T_DCF_COST
) -> float:
    """Minimum normalised t-DCF in the form of ASVspoof 5 (Kinnunen et al., IEEE/ACM TASLP 2020).

    (C0 + C1 BPCER + C2 APCER) / (C0 + min(C1, C2)), lowest over the detector's thresholds, with
    C0 = π_tar C_miss P_miss + π_non C_fa P_fa, C1 = π_tar C_miss - C0 and C2 = π_spf C_fa,spf P_fa,spf; the
    verification system stands at `VerificationScores.threshold`.

    Raises:
        InputError: the verification system is so poor that C1 or C2 is not positive.
    """
    miss, false_alarm, spoof_accepted = _verification_rates(verification)
    c0 = cost.pi_target * cost.c_miss * miss + cost.pi_nontarget * cost.c_fa_nontarget * false_alarm
    c1 = cost.pi_target * cost.c_miss - c0
    c2 = cost.pi_spoof * cost.c_fa_spoof * spoof_accepted
    _check_weights(c1, c2)
    return (c0 + ErrorCurve.of(bona_fide, attack).lowest_cost(c1, c2)[0]) / (c0 + min(c1, c2))


def min_a_dcf(
    target: ArrayLike, nontarget: ArrayLike, spoof: ArrayLike, cost: TandemCost = A_DCF_COST
) -> float:
    """Minimum a-DCF of one score for both detection and verification (Shim et al., Odyssey 2024).

    [C_miss π_tar P_miss + C_fa,non π_non P_fa,non + C_fa,spf π_spf P_fa,spf] at the best threshold,
    divided by the cheaper of accepting and rejecting everything.

    Args:
        target: scores of mated bona fide trials (T,).
        nontarget: scores of zero-effort impostors (U,).
        spoof: scores of presentation attacks (V,).
        cost: priors and costs.

    Examples:
        >>> min_a_dcf(target=[2.0, 3.0], nontarget=[0.0], spoof=[2.5, 0.0])
        0.5
    """
    kinds = [
        np.sort(as_scores(s, n)) for s, n in ((target, "target"), (nontarget, "nontarget"), (spoof, "spoof"))
    ]
    thresholds = np.unique(np.concatenate(kinds))
    below = [np.append(np.searchsorted(scores, thresholds), len(scores)) / len(scores) for scores in kinds]
    reject_target = cost.c_miss * cost.pi_target
    accept_nontarget = cost.c_fa_nontarget * cost.pi_nontarget
    accept_spoof = cost.c_fa_spoof * cost.pi_spoof
    total = reject_target * below[0] + accept_nontarget * (1 - below[1]) + accept_spoof * (1 - below[2])
    return float(total.min() / min(accept_nontarget + accept_spoof, reject_target))


def t_eer(bona_fide: ArrayLike, attack: ArrayLike, verification: VerificationScores) -> float:
    """Concurrent tandem equal error rate (Kinnunen et al., IEEE TPAMI 2023, doi 10.1109/TPAMI.2023.3313648).

    The tandem accepts what both systems accept, taken as independent. With verification and detection
    thresholds free, P_miss = BPCER + (1 - BPCER) P_miss,asv, P_fa,non = (1 - BPCER) P_fa,asv and P_fa,spf
    = APCER P_fa,spf,asv meet in one point. For every verification threshold the detection threshold is
    taken at which P_miss is closest to the mean of the other two; of these points the one where the three
    are closest counts, and their mean is returned, without interpolation.

    Examples:
        >>> asv = VerificationScores(
        ...     target=np.array([1.0, 2.0, 3.0]), nontarget=np.array([-1.0, 0.0]), spoof=np.array([0.5, 2.5])
        ... )
        >>> t_eer(bona_fide=[0.3, 0.6, 0.8, 0.9], attack=[0.1, 0.2], verification=asv)
        0.0
    """
    detector = ErrorCurve.of(bona_fide, attack)
    bpcer, apcer = detector.bpcer, detector.apcer
    target, nontarget, spoof = (
        np.sort(s) for s in (verification.target, verification.nontarget, verification.spoof)
    )
    thresholds = np.unique(np.concatenate((target, nontarget, spoof)))
    asv_miss = np.searchsorted(target, thresholds) / len(target)
    asv_nontarget = 1 - np.searchsorted(nontarget, thresholds) / len(nontarget)
    asv_spoof = 1 - np.searchsorted(spoof, thresholds) / len(spoof)

    def rates(
        index: NDArray[np.intp],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        passed = 1 - bpcer[index]
        return bpcer[index] + passed * asv_miss, passed * asv_nontarget, apcer[index] * asv_spoof

    def gap(index: NDArray[np.intp]) -> NDArray[np.float64]:
        miss, from_nontarget, from_spoof = rates(index)
        return miss - (from_nontarget + from_spoof) / 2

    # The gap rises with the detection threshold: bisect for all verification thresholds at once.
    low, high = np.zeros(len(thresholds), np.intp), np.full(len(thresholds), len(bpcer) - 1, np.intp)
    while (high - low > 1).any():
        middle = (low + high) // 2
        below = gap(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    at = np.where(np.abs(gap(low)) <= np.abs(gap(high)), low, high)
    three = np.stack(rates(at))
    return float(three[:, np.argmin(np.ptp(three, axis=0))].mean())


def _comparison_scores(cells: Sequence[str], ids: Sequence[str], path: Path) -> NDArray[np.float64]:
    """Parse scores; an empty cell is NaN."""
    scores = np.full(len(cells), np.nan)
    numbers = Numbers(",", "score")
    for row, cell in enumerate(cells):
        name = f"id {ids[row]!r}" if len(ids) else f"row {row + 1}"
        if not cell.strip():
            if len(ids):
                continue
            raise InputError(
                f"{path}: {name} has no score: leave out trials that were not compared, or add a column id "
                "so that they can be counted as not accepted"
            )
        try:
            scores[row] = numbers.read(cell, row + 2)
        except ValueError:
            raise InputError(f"{path}: the score of {name} must be a number, got {cell!r}") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        if not np.isfinite(scores[row]):
            raise InputError(f"{path}: the score of {name} must be finite, got {cell!r}")
    try:
        numbers.finish()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return scores


def _verification_rates(verification: VerificationScores) -> tuple[float, float, float]:
    threshold = verification.threshold()
    return (
        float(np.mean(verification.target < threshold)),
        float(np.mean(verification.nontarget >= threshold)),
        float(np.mean(verification.spoof >= threshold)),
    )


def _check_weights(c1: float, c2: float) -> None:
    if c1 <= 0 or c2 <= 0:
        raise InputError(
            f"the t-DCF is not defined here: its weights must be positive, got C1={c1:.4g}, C2={c2:.4g}; "
            "the verification system errs too often, or accepts no attack at all"
        )
