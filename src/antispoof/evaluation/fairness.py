"""Whether a detector errs more often on some groups of people than on others, at its operating point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from antispoof.errors import InputError
from antispoof.evaluation.confidence import Rate
from antispoof.evaluation.scores import ScoreSet

__all__ = ["SMALLEST_GROUP", "Differential", "Fairness", "GroupRates", "differential", "fairness", "gini"]

SMALLEST_GROUP = 30
"""A rate of a group that rests on fewer presentations is reported and marked, but never ranked."""


@dataclass(frozen=True, slots=True)
class GroupRates:
    """The error rates of one group.

    Attributes:
        name: of the group.
        bpcer: share of its bona fide presentations classified attack.
        apcer: the same for attacks classified bona fide, by species.
    """

    name: str
    bpcer: Rate
    apcer: Mapping[str, Rate]

    @property
    def small(self) -> bool:
        """True when some rate of the group rests on too few presentations to be ranked."""
        return any(0 < rate.trials < SMALLEST_GROUP for rate in (self.bpcer, *self.apcer.values()))


@dataclass(frozen=True, slots=True)
class Differential:
    """How far one rate differs between the ranked groups (ISO/IEC 19795-10).

    Attributes:
        rate: ``"BPCER"`` or ``"APCER <species>"``.
        worst: the group with the highest rate.
        best: the group with the lowest.
        gap: highest minus lowest rate.
        worst_to_best: highest / lowest; NaN when the lowest is 0.
        worst_to_geometric_mean: highest / geometric mean over the groups; NaN when a rate is 0.
        gini: sample-size corrected Gini coefficient, 0 (equal) … 1.
    """

    rate: str
    worst: str
    best: str
    gap: float
    worst_to_best: float
    worst_to_geometric_mean: float
    gini: float


@dataclass(frozen=True, slots=True)
class Fairness:
    """Error rates by group of one attribute.

    Attributes:
        attribute: the column.
        groups: one entry for each value that occurs, in alphabetical order.
        differentials: of BPCER and of the APCER of each species, where at least two groups are ranked.
        fdr: fairness discrepancy rate 1 - [α A + (1 - α) B], α = ½, A the largest gap of any species' APCER
            and B that of the BPCER (de Freitas Pereira & Marcel 2021, with PAD's rates); 1 is fair; NaN when
            A or B is unknown.
        garbe: α G_A + (1 - α) G_B with the Gini coefficients in place of the gaps (Howard et al. 2022); 0
            is fair.
    """

    attribute: str
    groups: tuple[GroupRates, ...]
    differentials: tuple[Differential, ...]
    fdr: float
    garbe: float


def fairness(scores: ScoreSet, attribute: str, threshold: float) -> Fairness:
    """Compute the error rates of every group of ``attribute`` at ``threshold``.

    Presentations without a value of the attribute form no group. A non-response counts as presented, and
    neither as accepted nor as rejected.

    Raises:
        InputError: no such column, or no presentation has a value in it.
    """
    labels = scores.labels(attribute)
    species = scores.pai_species
    accepted, rejected = scores.scores >= threshold, scores.scores < threshold
    groups = []
    for code, name in sorted(enumerate(labels.names), key=lambda pair: pair[1]):
        member = labels.codes == code
        if not member.any():
            continue
        genuine = member & scores.is_bona_fide
        attacks = {s: member & (species.codes == k) for k, s in enumerate(species.names)}
        groups.append(
            GroupRates(
                name,
                Rate(int((genuine & rejected).sum()), int(genuine.sum())),
                {s: Rate(int((m & accepted).sum()), int(m.sum())) for s, m in attacks.items() if m.any()},
            )
        )
    if not groups:
        raise InputError(f"{scores.name}: no presentation has a value in column {attribute!r}")
    of_bpcer = differential("BPCER", {group.name: group.bpcer for group in groups})
    of_apcer = [
        differential(f"APCER {s}", {group.name: group.apcer[s] for group in groups if s in group.apcer})
        for s in species.names
    ]
    apcers = [each for each in of_apcer if each]
    fdr = garbe = math.nan
    if of_bpcer and apcers:
        fdr = 1 - (max(each.gap for each in apcers) + of_bpcer.gap) / 2
        garbe = (max(each.gini for each in apcers) + of_bpcer.gini) / 2
    found = tuple(each for each in (of_bpcer, *apcers) if each)
    return Fairness(attribute, tuple(groups), found, fdr, garbe)


def differential(rate: str, groups: Mapping[str, Rate]) -> Differential | None:
    """Compare one rate between the groups that are large enough; None when fewer than two are."""
    values = {name: each.value for name, each in groups.items() if each.trials >= SMALLEST_GROUP}
    if len(values) < 2:
        return None
    worst, best = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
    high, low = values[worst], values[best]
    geometric_mean = math.exp(math.fsum(map(math.log, values.values())) / len(values)) if low else 0.0
    return Differential(
        rate,
        worst,
        best,
        high - low,
        high / low if low else math.nan,
        high / geometric_mean if geometric_mean else math.nan,
        gini(list(values.values())),
    )


def gini(values: Sequence[float]) -> float:
    """Gini coefficient of n ≥ 2 rates, corrected for n: Σ|xᵢ - xⱼ| / (2 n (n - 1) mean); 0 if all are 0.

    Examples:
        >>> gini([0.1, 0.1, 0.1])
        0.0
        >>> gini([0.0, 0.2])
        1.0
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n < 2:
        raise InputError(f"values must hold at least 2 rates, got {n}")
    if not x.any():
        return 0.0
    return float(np.abs(x[:, None] - x[None, :]).sum() / (2 * n * (n - 1) * x.mean()))
