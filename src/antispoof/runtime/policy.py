"""Evidence → outcome."""

from __future__ import annotations

from collections.abc import Iterable

from antispoof.runtime.verdict import Evidence, OperatingPoint, Outcome

__all__ = ["decide"]


def decide(evidence: Iterable[Evidence], operating_point: OperatingPoint) -> tuple[Outcome, float | None]:
    """Add up the log likelihood ratios of the evidence used, and compare them with the threshold.

    Returns:
        outcome and fused score. Where nothing could be used it is a non-response without a score, never a
        pass.
    """
    scores = [entry.score for entry in evidence if entry.status == "used" and entry.score is not None]
    if not scores:
        return "non_response", None
    score = sum(scores)
    return ("bona_fide" if score >= operating_point.threshold else "attack"), score
