"""Detection AND comparison as one system: the full-system rates of ISO/IEC 30107-3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.evaluation import metrics
from antispoof.evaluation.confidence import Rate
from antispoof.evaluation.scores import ScoreSet
from antispoof.evaluation.tandem import VerificationScores

__all__ = ["FullSystem", "full_system"]


@dataclass(frozen=True, slots=True)
class FullSystem:
    """Rates of presentations that both systems must accept.

    What detection rejects need not be compared, and counts all the same: it was presented, and not accepted.

    Attributes:
        verification_threshold: where the comparison system stood.
        frr: mated bona fide presentations that were not accepted; a non-response of either system is not
            accepted.
        iapar: impostor attack presentations that were accepted, by species.
        far: zero-effort impostors that were accepted; None where their ids are not in the detector's file.
        rejected_uncompared: presentations that detection rejected and that were never compared; they count
            in ``frr`` and ``iapar``.
        left_out: presentations without a trial that count nowhere, because others of their kind that
            detection accepted have no trial either: the trials are a sample.
    """

    verification_threshold: float
    frr: Rate
    iapar: Mapping[str, Rate]
    far: Rate | None
    rejected_uncompared: int
    left_out: int

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
    row_of = {name: row for row, name in enumerate(scores.ids.tolist())}
    passed = scores.scores >= threshold  # NaN, a non-response, never passes
    tried = np.zeros(len(scores), np.bool_)

    def join(trial: str) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the detector's row of each trial, and whether both accept it; NaN is not accepted."""
        ids, values = verification.all_trials(trial)
        if unknown := [name for name in ids if name not in row_of]:
            raise InputError(f"verification id {unknown[0]!r} is not in {scores.name}")
        rows = np.asarray([row_of[name] for name in ids], np.intp)
        if wrong := np.flatnonzero(scores.is_bona_fide[rows] != (trial != "spoof")).tolist():
            raise InputError(
                f"verification id {ids[wrong[0]]!r} is a {trial} trial, but the other class in {scores.name}"
            )
        tried[rows] = True
        return rows, passed[rows] & (values >= verification_threshold)

    _, genuine_accepted = join("target")
    attack_rows, attack_accepted = join("spoof")
    far = None
    impostors, _ = verification.all_trials("nontarget")
    tried[[row_of[name] for name in impostors if name in row_of]] = True
    if impostors and all(name in row_of for name in impostors):
        _, accepted = join("nontarget")
        far = Rate(int(accepted.sum()), len(accepted))
    uncompared, left_out = 0, 0

    def missing(kind: NDArray[np.bool_]) -> int:
        """Count what detection rejected and nobody compared, where that is why nobody did."""
        nonlocal uncompared, left_out
        without = kind & ~tried
        if (without & passed).any():
            left_out += int(without.sum())
            return 0
        uncompared += int(without.sum())
        return int(without.sum())

    rejected = int((~genuine_accepted).sum())
    never = missing(scores.is_bona_fide)
    frr = Rate(rejected + never, len(genuine_accepted) + never)
    iapar = {}
    codes = scores.pai_species.codes[attack_rows]
    for code, name in enumerate(scores.pai_species.names):
        never = missing(scores.pai_species.codes == code)
        trials = int((codes == code).sum()) + never
        if trials:
            iapar[name] = Rate(int(attack_accepted[codes == code].sum()), trials)
    return FullSystem(verification_threshold, frr, iapar, far, uncompared, left_out)
