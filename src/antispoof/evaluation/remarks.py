"""What a reader must not miss beside the numbers, in words: notes at a figure, warnings about the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from antispoof.evaluation.clustering import FEWEST_PRESENTATIONS
from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.rank_test import chance_of_auc_at_most
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.tandem import VerificationScores
from antispoof.evaluation.thresholds import DecisionThreshold

if TYPE_CHECKING:
    from antispoof.evaluation.evaluation import Kind, Tandem

__all__ = ["notes", "of_the_scores", "of_the_verification", "reversed_scores", "simulated"]

_FAR_BELOW = 0.45  # AUC
_BY_CHANCE = 0.005  # of scores that say nothing
_ALWAYS = {
    "acer_max": "legacy, not ISO conformant",
    "acer_mean": "legacy, not ISO conformant",
    "far": "APCER over all species",
    "frr": "BPCER",
    "cllr": "if scores are ln likelihood ratios",
    "act_dcf": "if scores are ln likelihood ratios",
}


def notes(
    names: Iterable[str], scores: ScoreSet, species: Sequence[Kind], dev: ScoreSet | None
) -> dict[str, str]:
    """Say for each metric what a reader must know beside it, or why there is none."""
    responses = int(scores.is_response.sum())
    genuine = int((scores.is_bona_fide & scores.is_response).sum())
    presented = int(scores.is_bona_fide.sum())
    attacks = responses - genuine

    def note(name: str) -> str:
        from_curve = name not in ("max_apcer", "bpcer", "far", "frr", "acer_max", "acer_mean")
        if name not in ("bpcer", "frr") and presented == len(scores):
            return "no attack was presented"
        if name not in ("max_apcer", "far") and not presented:
            return "no bona fide was presented"
        if from_curve and not (genuine and attacks):
            return "a class got no response at all"
        if name == "hter" and dev is None:
            return "needs a development set"
        if name.startswith("tpr_at_fpr"):
            needed = round(1 / float(name.removeprefix("tpr_at_fpr_")))
            if attacks < needed:
                return f"refused: {attacks:,} attacks, needs {needed:,}"
        if name in ("bpcer10", "bpcer20", "bpcer100"):
            few = [each.name for each in species if each.errors.trials < int(name.removeprefix("bpcer"))]
            if few:
                return f"few attacks: none of {_listed(few)} may pass"
        return _ALWAYS.get(name, "")

    return {name: note(name) for name in names}


def of_the_scores(
    scores: ScoreSet,
    dev: ScoreSet | None,
    point: DecisionThreshold,
    kinds: Sequence[Kind],
    curve: ErrorCurve | None,
) -> list[str]:
    """Say what is to be known about the scores and the threshold."""
    found = reversed_scores(curve) + simulated(scores)
    if dev is not None and len(dev.bona_fide) and len(dev.attack):
        found += reversed_scores(
            ErrorCurve.of(dev.bona_fide, dev.attack), "Of the development scores the AUC"
        )
    if dev is not None and dev.simulated.any():
        found.append(f"{int(dev.simulated.sum()):,} presentations that set the threshold were simulated.")
    if dev is None and point.source:
        found.append(
            "The threshold was set on the scores it judges, so the error rates at it are descriptive. "
            "For a claim of performance set it on a development set (--dev) or state it (--at threshold=…)."
        )
    if dev is not None:
        both = _shared_ids(dev, scores)
        if both:
            found.append(f"{both:,} ids are in the development set and in the test set.")
        if dev.subject is not None and scores.subject is not None:
            shared = _subjects(dev) & _subjects(scores)
            if shared:
                found.append(f"{len(shared):,} subjects are in the development set and in the test set.")
    if not scores.is_bona_fide.any():
        found.append("No bona fide presentation: BPCER and whatever compares the classes cannot be given.")
    if scores.is_bona_fide.all():
        found.append("No attack presentation: APCER and whatever compares the classes cannot be given.")
    if not scores.is_response.any():
        found.append("Every presentation is a non-response: nothing was classified.")
    elif (~scores.is_response).any():
        silent = int((~scores.is_response).sum())
        found.append(
            f"{silent:,} of {len(scores):,} presentations got no response. They count as presented in APCER "
            "and BPCER, and as neither error; curves and what is read from them (D-EER, AUC, BPCER10 …) "
            "leave them out."
        )
    in_order = (*kinds[1:], kinds[0])
    small = [kind.name for kind in in_order if 0 < kind.errors.trials < FEWEST_PRESENTATIONS]
    if small:
        found.append(
            f"Fewer than {FEWEST_PRESENTATIONS} presentations of {_listed(small)}: "
            "the interval says more than the rate."
        )
    return found


def reversed_scores(curve: ErrorCurve | None, what: str = "AUC") -> list[str]:
    """Ask whether scores stand the wrong way round: scores that say nothing hardly ever rank like this."""
    if curve is None:
        return []
    area = curve.auc()
    if area >= _FAR_BELOW or chance_of_auc_at_most(curve) >= _BY_CHANCE:
        return []
    return [
        f"{what} is {area:.4f}, far below one half: are higher scores bona fide? "
        "If lower scores are, change the sign of every score."
    ]


def simulated(scores: ScoreSet) -> list[str]:
    """Say how many presentations were simulated."""
    count = int(scores.simulated.sum())
    if not count:
        return []
    return [
        f"{count:,} of {len(scores):,} presentations were simulated, not captured: "
        "every figure here describes simulated data."
    ]


def of_the_verification(
    verification: VerificationScores | None, threshold: float | None, joint: Tandem | None
) -> list[str]:
    """Say what is to be known about the verification scores, and about how they were joined."""
    if verification is None:
        return []
    if joint is None:
        return ["The tandem figures need bona fide and attack presentations with scores."]
    found = []
    alone = ErrorCurve.of(verification.target, verification.nontarget)
    if alone.auc() < _FAR_BELOW and chance_of_auc_at_most(alone) < _BY_CHANCE:
        found.append(
            f"The EER of the verification scores is {100 * joint.asv_eer:.1f} %: do higher scores mean "
            "the same person? If lower ones do, change the sign of every verification score."
        )
    full = joint.full_system
    if threshold is None and full is not None:
        found.append(
            "For IAPAR and RIAPAR the verification threshold was set at the EER of the verification scores "
            "it judges; state the one in force (--asv-threshold)."
        )
    if full is not None and full.rejected_uncompared:
        found.append(
            f"{full.rejected_uncompared:,} presentations that detection rejected were never compared: they "
            "count as presented and not accepted in FRR and IAPAR."
        )
    if full is not None and full.accepted_uncompared:
        found.append(
            f"{full.accepted_uncompared:,} presentations that detection accepts have no trial: those "
            "that have one are taken for a sample of them, and the full system's rates are estimates."
        )
    without = [name for name, rate in full.iapar.items() if not rate.trials] if full is not None else []
    if without:
        found.append(
            f"IAPAR of {_listed(without)} is not told: detection accepts some, and none was compared."
        )
    if full is not None and full.unknown_impostors:
        found.append(
            f"FAR of the full system is not told: {full.unknown_impostors:,} zero-effort impostors have no "
            "score of the detector."
        )
    silent = sum(map(len, verification.uncompared.values()))
    if silent or (full is not None and full.rejected_uncompared):
        found.append(
            "ASV EER, t-DCF, t-EER and a-DCF are over the presentations that were compared, and take "
            "detection and comparison as independent: where detection chose them, they do not hold."
        )
    return found


def _shared_ids(one: ScoreSet, other: ScoreSet) -> int:
    """Count the ids that stand in both."""
    few, many = sorted((one.ids, other.ids), key=len)
    known = set(few)
    return sum(name in known for name in many)


def _subjects(scores: ScoreSet) -> set[str]:
    if scores.subject is None:
        return set()
    used = np.flatnonzero(np.bincount(scores.subject.codes[scores.subject.codes >= 0]))
    return {scores.subject.names[code] for code in used.tolist()}


def _listed(names: Sequence[str]) -> str:
    """Name up to three things, and count the rest."""
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
