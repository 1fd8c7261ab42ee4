"""`Record`: what is kept of one scored presentation, as a flat row of a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from antispoof.batch.rows import Row
from antispoof.columns import OF_VERDICTS
from antispoof.errors import InputError
from antispoof.runtime.batching import Judged
from antispoof.runtime.verdict import Verdict

__all__ = ["WORKER_DIED", "Column", "Record", "columns", "record_of", "unscored"]

Record = dict[str, Any]
"""Column → text, number, truth value, or None for an empty cell; see `columns`."""

Column = tuple[str, Literal["text", "number", "truth"]]
"""Name of a column, and what stands in it."""

WORKER_DIED = "worker_died"
"""Error code of a presentation over which a worker process died."""

_KNOWN: tuple[Column, ...] = (
    ("id", "text"), ("subject", "text"), ("session", "text"), ("dataset", "text"), ("partition", "text"),
    ("pai_species", "text"), ("simulated", "truth"),
)  # fmt: skip
_NUMBERS = ("score", "threshold", "milliseconds")
_JUDGED: tuple[Column, ...] = tuple((name, "number" if name in _NUMBERS else "text") for name in OF_VERDICTS)


def columns(
    modalities: Iterable[str], bundles: Iterable[str], attributes: Iterable[str], *, labelled: bool
) -> tuple[Column, ...]:
    """Name the columns of a score file, in order.

    ``id``, ``subject``, ``session``, ``dataset``, ``partition``, ``pai_species`` and ``simulated`` repeat the
    manifest, as ``attribute.<name>`` does. ``score`` is the fused natural-log likelihood ratio, empty where
    there is none; ``outcome``, ``threshold``, ``operating_point``, ``rule``, ``policy``, ``bundle`` and
    ``bundle_sha256`` (several joined by ``+``) and ``reasons`` (joined by blanks) are the verdict's;
    ``error`` and ``error_message`` say why there is no verdict. For each modality ``status.<m>``,
    ``reasons.<m>`` and ``quality.<m>`` (what was measured, as JSON); for each bundle ``raw.<b>`` and
    ``calibrated.<b>``.

    Args:
        modalities: that may occur.
        bundles: names of those that may judge.
        attributes: that may occur.
        labelled: whether anybody says what was presented.
    """
    known = [column for column in _KNOWN if labelled or column[0] != "pai_species"]
    extra: list[Column] = [(f"attribute.{name}", "text") for name in attributes]
    for name in modalities:
        extra += [(f"{what}.{name}", "text") for what in ("status", "reasons", "quality")]
    for name in bundles:
        extra += [(f"{what}.{name}", "number") for what in ("raw", "calibrated")]
    return (*known, *_JUDGED, *extra)


def record_of(row: Row, judged: Judged) -> Record:
    """Put what became of a presentation beside what is known of it; empty cells are left out."""
    found = judged.result
    if isinstance(found, InputError):
        record = unscored(row, getattr(found, "code", "unusable_input"), str(found))
    else:
        record = {**_known(row), **_said(found)}
    return {**record, "milliseconds": round(judged.milliseconds, 3)}


def unscored(row: Row, code: str, message: str) -> Record:
    """Record why there is no verdict on a presentation."""
    return {**_known(row), "error": code, "error_message": message}


def _known(row: Row) -> Record:
    known = {name: getattr(row, name) for name, _ in _KNOWN}
    return {**known, **{f"attribute.{name}": value for name, value in row.attributes.items()}}


def _said(verdict: Verdict) -> Record:
    point = verdict.operating_point
    record: Record = {
        "score": verdict.score,
        "outcome": verdict.outcome,
        "threshold": point.threshold,
        "operating_point": point.name,
        "rule": point.rule,
        "policy": verdict.policy,
        "bundle": _joined([bundle.name for bundle in verdict.bundles], "+"),
        "bundle_sha256": _joined([bundle.sha256 for bundle in verdict.bundles], "+"),
        "reasons": _joined(verdict.reasons),
    }
    for part in verdict.evidence:
        record[f"status.{part.modality}"] = part.status
        record[f"reasons.{part.modality}"] = _joined(part.reasons)
        record[f"quality.{part.modality}"] = _measured(part.measurements)
    for said in verdict.bundle_scores:
        record[f"raw.{said.bundle}"] = said.raw
        record[f"calibrated.{said.bundle}"] = said.score
    return record


def _joined(words: Sequence[str], by: str = " ") -> str | None:
    return by.join(words) or None


def _measured(measurements: Mapping[str, float]) -> str | None:
    return (
        json.dumps({name: float(f"{value:.6g}") for name, value in measurements.items()})
        if measurements
        else None
    )
