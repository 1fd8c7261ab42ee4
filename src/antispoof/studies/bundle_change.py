"""Which verdicts change where one bundle takes the place of another, on the same presentations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.evaluation.confidence import Rate, sign_test
from antispoof.evaluation.provenance import Provenance
from antispoof.evaluation.records import provenance_record, rate_record
from antispoof.evaluation.text import Labels
from antispoof.runtime.bundle import BundleMetadata
from antispoof.runtime.verdict import OperatingPoint

__all__ = ["OUTCOMES", "BundleChange", "GroupChange", "Judged", "change_record", "compare_verdicts"]

OUTCOMES = ("attack", "bona_fide", "non_response")
"""What the codes of outcomes mean."""
ATTACK, BONA_FIDE, NON_RESPONSE = range(3)

_MOST_VALUES = 20
FORMAT = 1
"""Version of the record's layout; it changes when a key is renamed or removed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one bundle says of N presentations.

    Attributes:
        bundle: which.
        point: where its bona fide begins; None where the outcomes were decided elsewhere.
        scores: float64 (N,), calibrated, higher = bona fide; NaN is a non-response.
        outcomes: int8 (N,), index into `OUTCOMES`.
    """

    bundle: BundleMetadata
    point: OperatingPoint | None
    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]

    @classmethod
    def at(cls, bundle: BundleMetadata, point: OperatingPoint, scores: NDArray[np.float64]) -> Judged:
        """Decide at an operating point."""
        outcomes = np.where(scores >= point.threshold, BONA_FIDE, ATTACK)
        outcomes[np.isnan(scores)] = NON_RESPONSE
        return cls(bundle, point, scores, outcomes.astype(np.int8))


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What changes in one group of presentations.

    Attributes:
        name: such as ``"all"``, ``"bona fide"``, ``"attacks: print"`` or ``"camera = b"``.
        by_attribute: whether an attribute tells it apart, and not a label alone.
        passed: how many of them the old and the new bundle pass.
        to_reject: passed before, taken for attacks now.
        to_pass: taken for attacks before, passed now.
        unanswered: answered before, non-responses now.
        answered: non-responses before, answered now.
        p_value: exact McNemar test of ``to_reject`` against ``to_pass``: small where the shift is no chance.
    """

    name: str
    by_attribute: bool
    passed: tuple[Rate, Rate]
    to_reject: Rate
    to_pass: Rate
    unanswered: Rate
    answered: Rate
    p_value: float


@dataclass(frozen=True, slots=True)
class BundleChange:
    """Two bundles on the same N presentations.

    Attributes:
        old: what the one says.
        new: what the other says.
        ids: N names.
        labels: what is known of the presentations, by column.
        counts: int (3, 3), old outcome × new outcome, in the order of `OUTCOMES`.
        changed: share of the verdicts that change.
        groups: all of them first, then by label and attribute.
        remarks: what a reader must not miss.
    """

    old: Judged
    new: Judged
    ids: NDArray[np.object_]
    labels: Mapping[str, Labels]
    counts: NDArray[np.int64]
    changed: Rate
    groups: tuple[GroupChange, ...]
    remarks: tuple[str, ...] = ()

    @property
    def rows(self) -> NDArray[np.intp]:
        """Of the presentations whose verdict changes."""
        return np.flatnonzero(self.old.outcomes != self.new.outcomes)


def compare_verdicts(
    old: Judged,
    new: Judged,
    ids: NDArray[np.object_],
    *,
    species: Labels | None = None,
    attributes: Mapping[str, Labels] | None = None,
    remarks: tuple[str, ...] = (),
) -> BundleChange:
    """Count the verdicts that change.

    Args:
        old: what the bundle in use says of N presentations.
        new: what the other says of the same.
        ids: their names, N.
        species: kinds of attack, no label is bona fide; None where nobody knows.
        attributes: what else is known of them; those with 2 to 20 values tell groups apart.
        remarks: what a reader must not miss.
    """
    counts = np.zeros((3, 3), np.int64)
    np.add.at(counts, (old.outcomes, new.outcomes), 1)
    total = len(ids)
    known = dict(attributes or {})
    groups = [_group("all", False, np.ones(total, np.bool_), old, new)]
    for by_attribute, found in ((False, _by_label(species)), (True, _by_attribute(species, known))):
        for name, member in found.items():
            if member.any() and not member.all():
                groups.append(_group(name, by_attribute, member, old, new))
    labels = known if species is None else {"pai_species": species, **known}
    return BundleChange(
        old,
        new,
        ids,
        labels,
        counts,
        Rate(total - int(np.trace(counts)), total),
        tuple(groups),
        remarks,
    )


def _by_label(species: Labels | None) -> dict[str, NDArray[np.bool_]]:
    if species is None:
        return {}
    kinds = {f"attacks: {kind}": species.codes == code for code, kind in enumerate(species.names)}
    return {"bona fide": species.codes < 0, **kinds}


def _by_attribute(species: Labels | None, attributes: Mapping[str, Labels]) -> dict[str, NDArray[np.bool_]]:
    found: dict[str, NDArray[np.bool_]] = {}
    sides: dict[str, NDArray[np.bool_] | None] = {"": None}
    if species is not None:
        sides = {"bona fide, ": species.codes < 0, "attacks, ": species.codes >= 0}
    for column, values in attributes.items():
        if not 2 <= values.distinct() <= _MOST_VALUES:
            continue
        for code, value in enumerate(values.names):
            for side, member in sides.items():
                here = values.codes == code
                found[f"{side}{column} = {value}"] = here if member is None else here & member
    return found


def _group(name: str, by_attribute: bool, member: NDArray[np.bool_], old: Judged, new: Judged) -> GroupChange:
    before, after = old.outcomes[member], new.outcomes[member]

    def rate(which: NDArray[np.bool_]) -> Rate:
        return Rate(int(which.sum()), len(before))

    to_reject = rate((before == BONA_FIDE) & (after == ATTACK))
    to_pass = rate((before == ATTACK) & (after == BONA_FIDE))
    return GroupChange(
        name,
        by_attribute,
        (rate(before == BONA_FIDE), rate(after == BONA_FIDE)),
        to_reject,
        to_pass,
        rate((before != NON_RESPONSE) & (after == NON_RESPONSE)),
        rate((before == NON_RESPONSE) & (after != NON_RESPONSE)),
        sign_test(to_reject.errors, to_pass.errors),
    )


def change_record(result: BundleChange, provenance: Provenance) -> dict[str, Any]:
    """Lay out what changes, ready for JSON."""
    return {
        "format": FORMAT,
        "kind": "bundle_change",
        "old": _judged_record(result.old),
        "new": _judged_record(result.new),
        "presentations": len(result.ids),
        "changed": rate_record(result.changed),
        "verdicts": {
            before: dict(zip(OUTCOMES, row, strict=True))
            for before, row in zip(OUTCOMES, result.counts.tolist(), strict=True)
        },
        "groups": [
            {
                "group": each.name,
                "presentations": each.to_reject.trials,
                "passed_by_old": rate_record(each.passed[0]),
                "passed_by_new": rate_record(each.passed[1]),
                "pass_to_reject": rate_record(each.to_reject),
                "reject_to_pass": rate_record(each.to_pass),
                "to_non_response": rate_record(each.unanswered),
                "from_non_response": rate_record(each.answered),
                "mcnemar_p_value": each.p_value,
            }
            for each in result.groups
        ],
        "remarks": list(result.remarks),
        "provenance": provenance_record(provenance),
    }


def _judged_record(judged: Judged) -> dict[str, Any]:
    bundle, point = judged.bundle, judged.point
    return {
        "name": bundle.name,
        "version": bundle.version,
        "sha256": bundle.sha256,
        "operating_point": None
        if point is None
        else {"name": point.name, "threshold": point.threshold, "rule": point.rule, "data": point.data},
    }
