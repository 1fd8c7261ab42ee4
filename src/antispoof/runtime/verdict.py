"""What comes out: a verdict, the evidence it rests on, and the operating point it was taken at."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from antispoof._moved import old_names
from antispoof.sensing.capture import Box

__all__ = [
    "BundleReference",
    "BundleScore",
    "Cause",
    "CueEvidence",
    "Evidence",
    "FrameEvidence",
    "OperatingPoint",
    "Outcome",
    "ReferenceUse",
    "Status",
    "Verdict",
]

__getattr__ = old_names(__name__)

Outcome = Literal["bona_fide", "attack", "non_response"]
Status = Literal["used", "missing", "rejected"]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Where bona fide begins.

    Attributes:
        name: what it is called, for example ``"balanced"``.
        threshold: natural-log likelihood ratio; a score at or above it is bona fide.
        rule: how the threshold was set.
        data: on which data it was set.
    """

    name: str
    threshold: float
    rule: str
    data: str


@dataclass(frozen=True, slots=True)
class BundleReference:
    """Which model judged.

    Attributes:
        name: of the bundle.
        version: of the bundle.
        sha256: of its graph, weights included, in hexadecimal.
    """

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class FrameEvidence:
    """What became of one of several frames.

    Attributes:
        score: natural-log likelihood ratio of this frame by itself; None where it could not be judged, and
            where a bundle of several modalities tells only what they say together.
        reasons: why it could not be judged, as codes.
        span_s: of a clip: from when to when it stands for what was seen, in seconds; None where nobody knows
            when it was taken.
    """

    score: float | None
    reasons: tuple[str, ...] = ()
    span_s: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one modality contributed.

    Attributes:
        modality: registered name.
        status: ``used``; ``missing``, when there was no such sensor; ``rejected``, when its sample could
            not be judged.
        reasons: why it was rejected, as codes; of several frames that were used, why they are none that one
            camera took of one person in a row: then the verdict is never bona fide.
        advice: the same in neutral words that may be shown to the person in front of the sensor.
        measurements: the numbers that the quality gate looked at.
        score: natural-log likelihood ratio, positive when the sample speaks for bona fide; None unless used,
            and where a bundle of several modalities tells only what they say together.
        region: where in the picture the subject is, in pixels of the file.
        frame: the part of the picture that the heat map covers, in pixels of the file; it may reach outside.
        heat_map: float32, (h, w): what in the frame looks bona fide (positive) or like an attack (negative).
            Of a recording a row is a band of frequencies (60 of 125 Hz, the lowest first, from 94 Hz on), a
            column a window of the timeline.
        features: float64, (F,): what site calibration works on.
        timeline: when in the sample it is bona fide or an attack: (start, end, natural-log likelihood ratio)
            of each window of a recording or frame of a clip, in seconds; empty where nobody knows times.
        unjudged: what else is in the file that nobody judged, in words: the pictures of a film whose voice
            was, for one.
        frames: of several frames what became of each, in their order; empty of one.
        shown: which of them measurements, region, frame and heat map are of: the one whose ratio is nearest
            to that of the whole.
    """

    modality: str
    status: Status
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    measurements: Mapping[str, float] = field(default_factory=dict)
    score: float | None = None
    region: Box | None = None
    frame: Box | None = None
    heat_map: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    features: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)
    timeline: tuple[tuple[float, float, float], ...] = ()
    unjudged: tuple[str, ...] = ()
    frames: tuple[FrameEvidence, ...] = ()
    shown: int = 0


@dataclass(frozen=True, slots=True)
class CueEvidence:
    """What one cue found in the course of a clip; see `antispoof.sensing.cues`.

    Attributes:
        name: of the cue.
        title: what it looks at, in words.
        status: ``used``; ``hint``, when it was measured and has no say; ``not_measurable``.
        score: natural-log likelihood ratio, within the bounds of its rule; None unless used.
        contribution: what of it went into the verdict's score: all of it, unless all cues together reached
            their bounds.
        reasons: why it could not be measured, or has no say, as codes.
        explained: the same in neutral words.
        measurements: its numbers by name.
        course: what it saw when: (seconds, value).
        drawn: what those values are, in words.
    """

    name: str
    title: str
    status: Literal["used", "hint", "not_measurable"]
    score: float | None
    contribution: float
    reasons: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()
    measurements: Mapping[str, float] = field(default_factory=dict)
    course: tuple[tuple[float, float], ...] = ()
    drawn: str = ""


@dataclass(frozen=True, slots=True)
class BundleScore:
    """What one bundle said, and what it brought to the whole.

    Attributes:
        bundle: its name.
        modalities: which sensors it looked at; it weighs them jointly.
        score: natural-log likelihood ratio.
        contribution: its share of the verdict's score, which is the sum of all shares.
        raw: what its network gave, before it was calibrated; higher = bona fide, without a unit.
    """

    bundle: str
    modalities: tuple[str, ...]
    score: float
    contribution: float
    raw: float | None = None


@dataclass(frozen=True, slots=True)
class ReferenceUse:
    """What earlier captures of the person did to the threshold.

    Attributes:
        modality: of the references.
        used: how many of them count.
        left_out: numbers, from 1, of those that do not count.
        shift: by how much they moved the threshold, natural-log likelihood ratio.
        copied: those of them that the presentation is a copy of; the others are themselves judged attacks.
    """

    modality: str
    used: int
    left_out: tuple[int, ...]
    shift: float
    copied: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a policy gave another answer than the score alone.

    Attributes:
        code: such as ``unsure`` or ``missing_voice``.
        advice: what to do about it, in neutral words that may be shown to the person in front of the sensors.
    """

    code: str
    advice: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one presentation.

    Attributes:
        outcome: ``bona_fide``, ``attack`` or ``non_response`` (nothing could be judged, or the policy asks
            for more, which is never a pass).
        score: natural-log likelihood ratio of all modalities together, or, where the policy counts decisions,
            the margin of the decisive one; None for a non-response.
        evidence: one entry a modality.
        operating_point: where bona fide begins.
        bundles: which models judged.
        bundle_scores: what each of them said; empty where nothing could be judged.
        causes: why the policy gave another answer than the score alone.
        policy: name of the policy; None for a detector without one.
        references: what earlier captures of the person did, one entry a modality; empty without any.
        cues: what the course of a clip shows, one entry a cue; empty where there is no clip. Their
            contributions and those of the bundles add up to the score.
    """

    outcome: Outcome
    score: float | None
    evidence: tuple[Evidence, ...]
    operating_point: OperatingPoint
    bundles: tuple[BundleReference, ...]
    bundle_scores: tuple[BundleScore, ...] = ()
    causes: tuple[Cause, ...] = ()
    policy: str | None = None
    references: tuple[ReferenceUse, ...] = ()
    cues: tuple[CueEvidence, ...] = ()

    def __str__(self) -> str:
        """Give outcome and score on one line."""
        if self.score is None:
            return f"{self.outcome} ({', '.join(self.reasons)})"
        return f"{self.outcome} (score {self.score:+.2f}, threshold {self.operating_point.threshold:+.2f})"

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why there is no other answer, as codes: the policy's causes, then why samples were rejected."""
        rejected = tuple(reason for evidence in self.evidence for reason in evidence.reasons)
        return tuple(cause.code for cause in self.causes) + rejected

    @property
    def opinions(self) -> tuple[BundleScore, ...]:
        """The name of `bundle_scores` in version 0.1, for one release."""
        warnings.warn("Verdict.opinions is called bundle_scores now", DeprecationWarning, stacklevel=2)
        return self.bundle_scores

    @property
    def margin(self) -> float | None:
        """How far the score lies above the threshold; None for a non-response."""
        return None if self.score is None else self.score - self.operating_point.threshold

    @property
    def advice(self) -> tuple[str, ...]:
        """What the person in front of the sensors can do about it."""
        own = tuple(cause.advice for cause in self.causes if cause.advice)
        return own + tuple(advice for evidence in self.evidence for advice in evidence.advice)

    def as_dict(self) -> dict[str, Any]:
        """Return what can go into JSON: everything but heat maps and features."""
        point = self.operating_point
        return {
            "outcome": self.outcome,
            "score": self.score,
            "margin": self.margin,
            "reasons": list(self.reasons),
            "policy": self.policy,
            "operating_point": {
                "name": point.name,
                "threshold": point.threshold,
                "rule": point.rule,
                "data": point.data,
            },
            "evidence": [
                {
                    "modality": evidence.modality,
                    "status": evidence.status,
                    "score": evidence.score,
                    "reasons": list(evidence.reasons),
                    "advice": list(evidence.advice),
                    "measurements": dict(evidence.measurements),
                    "region": _box_as_dict(evidence.region),
                    "timeline": [
                        {"start_s": start, "end_s": end, "score": score}
                        for start, end, score in evidence.timeline
                    ],
                    "unjudged": list(evidence.unjudged),
                    "frames": [_frame_as_dict(frame) for frame in evidence.frames],
                    "shown": evidence.shown,
                }
                for evidence in self.evidence
            ],
            "opinions": [
                {
                    "bundle": each.bundle,
                    "modalities": list(each.modalities),
                    "score": each.score,
                    "contribution": each.contribution,
                }
                for each in self.bundle_scores
            ],
            "references": [
                {
                    "modality": each.modality,
                    "used": each.used,
                    "left_out": list(each.left_out),
                    "shift": each.shift,
                    "copied": list(each.copied),
                }
                for each in self.references
            ],
            "cues": [
                {
                    "name": each.name,
                    "title": each.title,
                    "status": each.status,
                    "score": each.score,
                    "contribution": each.contribution,
                    "reasons": list(each.reasons),
                    "measurements": dict(each.measurements),
                    "course": [{"time_s": at, "value": value} for at, value in each.course],
                }
                for each in self.cues
            ],
            "bundles": [
                {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
                for bundle in self.bundles
            ],
        }


def _frame_as_dict(frame: FrameEvidence) -> dict[str, Any]:
    start, end = frame.span_s or (None, None)
    return {"score": frame.score, "reasons": list(frame.reasons), "start_s": start, "end_s": end}


def _box_as_dict(box: Box | None) -> dict[str, float] | None:
    return None if box is None else {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
