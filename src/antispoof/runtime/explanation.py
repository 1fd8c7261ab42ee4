"""Verdicts in plain words. Neutral: they may be read by the person who was judged."""

from __future__ import annotations

import itertools
import math

from antispoof.runtime.verdict import Evidence, Verdict

__all__ = [
    "OUTCOME_WORDS",
    "course",
    "details",
    "evidence_in_words",
    "likelihood_in_words",
    "margin_in_words",
    "suspicious_spans",
    "when_in_words",
]

OUTCOME_WORDS = {"bona_fide": "bona fide", "attack": "attack", "non_response": "no verdict"}
"""Outcome → what a reader is told."""

LARGEST_RATIO = 1000  # beyond it a number would claim more than a calibration set can show


def details(verdict: Verdict) -> list[tuple[str, str]]:
    """List what stands behind an outcome, as pairs of a short name and words."""
    lines = [("score", margin_in_words(verdict))]
    if verdict.score is not None:
        lines.append(("meaning", likelihood_in_words(verdict.score)))
    for part in verdict.evidence:
        lines.append((part.modality, evidence_in_words(part)))
        if part.timeline:
            lines.append(("when", when_in_words(part, verdict.operating_point.threshold)))
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
    spoken = evidence.measurements.get("voice_s")
    if spoken is not None:
        return f"used, {spoken:.1f} s of voice"
    return "used" if size is None else f"used, face of {size:.0f} pixels"


def when_in_words(evidence: Evidence, threshold: float) -> str:
    """Say when in a sample it lies below the threshold."""
    spans = suspicious_spans(evidence, threshold)
    if not spans:
        return "at no time below the threshold"
    if len(spans) == 1 and spans[0] == (evidence.timeline[0][0], evidence.timeline[-1][1]):
        return "below the threshold all the time"
    words = [f"{_clock(start)} to {_clock(end)}" for start, end in spans]
    return "below the threshold from " + ", from ".join(words)


def suspicious_spans(evidence: Evidence, threshold: float) -> list[tuple[float, float]]:
    """Return when the `course` of a sample lies below the threshold: starts and ends, in seconds."""
    spans: list[tuple[float, float]] = []
    for start, end, score in course(evidence):
        if score >= threshold:
            continue
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


def course(evidence: Evidence) -> list[tuple[float, float, float]]:
    """Resolve windows that overlap into stretches that do not: (start, end, mean of the windows over it)."""
    edges = sorted({edge for start, end, _ in evidence.timeline for edge in (start, end)})
    stretches = []
    for left, right in itertools.pairwise(edges):
        over = [score for start, end, score in evidence.timeline if start <= left and right <= end]
        if over:
            stretches.append((left, right, sum(over) / len(over)))
    return stretches


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f}:{seconds % 60:04.1f}"
