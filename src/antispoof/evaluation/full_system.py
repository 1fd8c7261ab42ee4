"""Detection AND comparison as one system: the full-system rates of ISO/IEC 30107-3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.confidence import Interval, Rate, clopper_pearson
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.tandem import VerificationScores

__all__ = ["EstimatedRate", "FullSystem", "full_system"]


@dataclass(frozen=True, slots=True)
class EstimatedRate(Rate):
    """A rate over all presentations, of whom comparison saw a sample only.

    Attributes:
        detection: presentations that detection accepted, of all.
        comparison: trials that comparison accepted, of those whose presentation detection accepted.
        of_accepted: whether the rate is of presentations that both accept, or of all others.
    """

    detection: tuple[int, int] = (0, 0)
    comparison: tuple[int, int] = (0, 0)
    of_accepted: bool = True

    @property
    def interval(self) -> Interval:
        """Product of both steps' exact intervals, each at half the error, so that together they hold."""
        level = (1 + self.level) / 2
        first, second = (clopper_pearson(*counts, level) for counts in (self.detection, self.comparison))
        low, high = first.low * second.low, first.high * second.high
        return Interval(low, high) if self.of_accepted else Interval(1 - high, 1 - low)


@dataclass(frozen=True, slots=True)
class FullSystem:
    """Rates of presentations that both systems must accept.

    What detection rejects need not be compared, and counts all the same: it was presented, and not accepted.

    Attributes:
        verification_threshold: where the comparison system stood.
        frr: mated bona fide presentations that were not accepted; a non-response of either system is not
            accepted.
        iapar: impostor attack presentations that were accepted, by species; NaN where detection accepts
            some of them and none was compared.
        far: zero-effort impostors that were accepted; None where their ids are not in the detector's file.
        rejected_uncompared: presentations that detection rejected and that were never compared.
        accepted_uncompared: presentations that detection accepts and that have no trial; their kind's rate
            is an `EstimatedRate`.
        unknown_impostors: zero-effort impostors that are not in the detector's file, where others are.
    """

    verification_threshold: float
    frr: Rate
    iapar: Mapping[str, Rate]
    far: Rate | None
    rejected_uncompared: int
    accepted_uncompared: int
    unknown_impostors: int

    def riapar(self, species: str) -> float:
        """Relative IAPAR of one species: 1 + IAPAR - (1 - FRR)."""
        return metrics.riapar(self.iapar[species].value, self.frr.value)


def full_system(
    scores: ScoreSet,
    threshold: float,
    verification: VerificationScores,
    verification_threshold: float | None = None,
) -> FullSystem:
    """Join detection and comparison by presentation id; both must accept.

    Every presentation counts: what detection rejects is not accepted, whether it was compared or not. Where
    some that it accepts have no trial, those that have one are taken for a sample of them. Bona fide
    presentations that were rejected and not compared count as mated or as zero-effort impostors in the
    proportion of those that were compared; a trial without a score says which they are.

    Args:
        scores: the detector's scores.
        threshold: the detector's.
        verification: trials with ids; a trial without a score was not compared.
        verification_threshold: of the comparison system; None puts it at the EER of these very trials.

    Raises:
        InputError: trials without ids, or an id that ``scores`` does not hold or holds in the other class.
    """
    if not verification.has_ids:
        raise InputError(
            "verification scores carry no ids, so they cannot be joined to the detector's scores"
        )
    if verification_threshold is None:
        verification_threshold = verification.equal_error_rate().threshold
    trials = {kind: verification.all_trials(kind) for kind in ("target", "nontarget", "spoof")}
    wanted = {name for ids, _ in trials.values() for name in ids}
    row_of = {name: row for row, name in enumerate(scores.ids) if name in wanted}
    impostors, compared_to = trials["nontarget"]
    known = np.asarray([name in row_of for name in impostors], np.bool_)
    strangers = int((~known).sum())  # whoever tried to pass as others may be no subject of the detector's
    trials["nontarget"] = tuple(np.asarray(impostors, object)[known].tolist()), compared_to[known]
    passed = scores.scores >= threshold  # NaN, a non-response, never passes
    rows = {kind: _joined(kind, ids, row_of, scores) for kind, (ids, _) in trials.items()}
    tried = np.zeros(len(scores), np.bool_)
    for each in rows.values():
        tried[each] = True

    def rate(kind: str, member: NDArray[np.bool_], of_accepted: bool) -> Rate:
        """Count the trials of one kind, among the presentations in ``member``."""
        own = member[rows[kind]]
        at = rows[kind][own]
        accepted = int((passed[at] & (trials[kind][1][own] >= verification_threshold)).sum())
        compared = int(passed[at].sum())
        seen = np.unique(at)
        through, stopped = int(passed[seen].sum()), int((~passed[seen]).sum())
        missed, never = member & ~tried & passed, member & ~tried & ~passed
        among = int((member & tried & passed).sum())
        share = through / among if among else float(kind != "nontarget")
        waiting = share * int(missed.sum())
        stopped_more = min(max(share * int((member & ~passed).sum()) - stopped, 0.0), float(never.sum()))
        if waiting and not through:
            return Rate(0, 0)
        if not waiting:
            if not stopped_more:
                total = len(at)
            else:  # as many trials for each that was stopped as for each that came through
                a_head = compared / through if through else 1.0
                total = compared + round(a_head * (stopped + stopped_more))
            return Rate(accepted if of_accepted else total - accepted, total)
        presented, came = round(through + waiting + stopped + stopped_more), round(through + waiting)
        both = round((through + waiting) * accepted / compared)
        return EstimatedRate(
            both if of_accepted else presented - both,
            presented,
            detection=(came, presented),
            comparison=(accepted, compared),
            of_accepted=of_accepted,
        )

    bona_fide = scores.is_bona_fide
    species = {name: scores.pai_species.codes == code for code, name in enumerate(scores.pai_species.names)}
    return FullSystem(
        verification_threshold,
        frr=rate("target", bona_fide, False),
        iapar={name: rate("spoof", member, True) for name, member in species.items() if member.any()},
        far=rate("nontarget", bona_fide, True) if len(rows["nontarget"]) and not strangers else None,
        rejected_uncompared=int((~tried & ~passed).sum()),
        accepted_uncompared=int((~tried & passed).sum()),
        unknown_impostors=strangers if known.any() else 0,
    )


def _joined(kind: str, ids: Sequence[str], row_of: Mapping[str, int], scores: ScoreSet) -> NDArray[np.intp]:
    """Return the detector's row of each trial; refuse what it does not know, or knows as the other class."""
    if unknown := [name for name in ids if name not in row_of]:
        more = f", nor are {len(unknown) - 1:,} others of {len(ids):,} {kind} trials" if unknown[1:] else ""
        raise InputError(
            f"verification id {unknown[0]!r} is not in {scores.name}{more}: give the detector's score "
            "of each (empty for a non-response), or leave the column id out, for t-DCF, t-EER and a-DCF alone"
        )
    rows = np.asarray([row_of[name] for name in ids], np.intp)
    if wrong := np.flatnonzero(scores.is_bona_fide[rows] != (kind != "spoof")).tolist():
        raise InputError(
            f"verification id {ids[wrong[0]]!r} is a {kind} trial, but the other class in {scores.name}"
        )
    return rows
