"""Verdicts in plain words. Neutral: they may be read by the person who was judged."""

from __future__ import annotations

import math

from antispoof.runtime.verdict import Evidence, Verdict

__all__ = ["OUTCOME_WORDS", "details", "evidence_in_words", "likelihood_in_words", "margin_in_words"]

OUTCOME_WORDS = {"bona_fide": "bona fide", "attack": "attack", "non_response": "no verdict"}
"""Outcome → what a reader is told."""

LARGEST_RATIO = 1000  # beyond it a number would claim more than a calibration set can show


def details(verdict: Verdict) -> list[tuple[str, str]]:
    """List what stands behind an outcome, as pairs of a short name and words."""
    lines = [("score", margin_in_words(verdict))]
    if verdict.score is not None:
        lines.append(("meaning", likelihood_in_words(verdict.score)))
    lines += [(part.modality, evidence_in_words(part)) for part in verdict.evidence]
    return lines + [("advice", line) for line in verdict.advice]


def likelihood_in_words(score: float) -> str:
    """Put a natural-log likelihood ratio into words."""
    ratio = math.exp(min(abs(score), 20))
    if ratio < 1.5:
        return "about as likely from a person who is there as from an attack"
    digits = f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
    times = f"more than {LARGEST_RATIO}" if ratio > LARGEST_RATIO else digits
    sides = ("a person who is there", "an attack")
    likelier, other = sides if score > 0 else sides[::-1]
    return f"{times} times likelier from {likelier} than from {other}"


def margin_in_words(verdict: Verdict) -> str:
    """Say where the score lies with respect to the threshold; for a non-response, that there is none."""
    point = verdict.operating_point
    if verdict.score is None:
        return "nothing could be judged, and that is never a pass"
    margin = verdict.score - point.threshold
    side = "above" if margin >= 0 else "below"
    distance = f"{abs(margin):.2f} {side} the threshold of {point.threshold:+.2f} ({point.name})"
    return f"{verdict.score:+.2f}, {distance}"


def evidence_in_words(evidence: Evidence) -> str:
    """Say what became of one modality's sample."""
    if evidence.status == "missing":
        return "no sample was given"
    if evidence.status == "rejected":
        return f"could not be judged: {', '.join(evidence.reasons)}"
    size = evidence.measurements.get("face_side_px")
    return "used" if size is None else f"used, face of {size:.0f} pixels"
