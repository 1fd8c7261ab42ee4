"""Captures of an attempt → one decision. Nobody is let through by what is missing, repeated or cut short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from antispoof.runtime.verdict import Verdict
from antispoof.sensing.capture import Recording, Source
from antispoof.service.attempts import Decision, Judgeable, JudgeableCapture

__all__ = ["judge"]

Check = Callable[[str | None, Mapping[str, Source]], Verdict]

ADVICE = {
    "duplicate_frames": "the camera picture could not be used: use the camera of this device, and try again",
}


@dataclass(frozen=True, slots=True)
class _Frame:
    seq: int
    verdict: Verdict
    complete: bool


def judge(judged: Judgeable, check: Check, frames: int) -> Decision:
    """Judge up to ``frames`` presentations spread over the attempt, and decide by the one in the middle.

    The outcome is bona fide only where every modality could be judged, the detector says so of the lower
    middle frame, every challenge was passed, and no capture is one that was seen before.

    Args:
        judged: the attempt.
        check: the detector.
        frames: how many presentations are looked at.

    Raises:
        Problem: a capture cannot be read, or the model fails.
    """
    checked = [
        _check_presentation(presentation, judged, check)
        for presentation in _presentations(judged.captures, frames)
    ]
    usable = sorted(
        (frame for frame in checked if frame.complete), key=lambda frame: frame.verdict.score or 0.0
    )
    shown = usable[(len(usable) - 1) // 2] if usable else checked[0]
    outcome: str = shown.verdict.outcome if usable else "non_response"
    reasons: list[str] = []
    advice: list[str] = []
    if outcome == "non_response":
        reasons += shown.verdict.reasons or ("modality_not_used",)
        advice += shown.verdict.advice
    hindrances = _hindrances(judged)
    if judged.mode == "active" and not judged.challenges:
        hindrances.append(("no_challenge", ""))
    if hindrances:
        reasons += [reason for reason, _ in hindrances]
        advice += [words for _, words in hindrances if words]
        if outcome == "bona_fide":
            outcome = "non_response"
    if judged.replayed:
        reasons.append("seen_in_another_session")
        outcome = "attack"
    # One outcome a result: what the detector alone would say is evidence.
    said = shown.verdict.as_dict()
    return Decision(
        outcome,
        tuple(dict.fromkeys(reasons)),
        tuple(dict.fromkeys(advice)),
        {
            "verdict": {**said, "outcome": outcome, "reasons": list(dict.fromkeys(reasons))},
            "evidence": {"detector_outcome": said["outcome"], "detector_reasons": said["reasons"]},
            "frames": [
                {"seq": frame.seq, "outcome": frame.verdict.outcome, "score": frame.verdict.score}
                for frame in checked
            ],
            "challenges": [dict(result) for result in judged.challenges],
        },
    )


def _check_presentation(
    presentation: Mapping[str, JudgeableCapture], judged: Judgeable, check: Check
) -> _Frame:
    verdict = check(judged.policy, {name: Recording(c.content, c.unit) for name, c in presentation.items()})
    used = {evidence.modality for evidence in verdict.evidence if evidence.status == "used"}
    complete = verdict.score is not None and used >= set(judged.modalities)
    return _Frame(next(iter(presentation.values())).seq, verdict, complete)


def _presentations(captures: tuple[JudgeableCapture, ...], frames: int) -> list[dict[str, JudgeableCapture]]:
    """Take samples of all modalities at evenly spread times; one that has fewer is used again."""
    by_modality: dict[str, list[JudgeableCapture]] = {}
    for capture in captures:
        by_modality.setdefault(capture.modality, []).append(capture)
    count = min(frames, max(map(len, by_modality.values())))
    return [
        {
            name: several[round((len(several) - 1) * (index + 0.5) / count)]
            for name, several in by_modality.items()
        }
        for index in range(count)
    ]


def _hindrances(judged: Judgeable) -> list[tuple[str, str]]:
    """List what keeps an attempt from being bona fide besides the detector, with advice."""
    found: list[tuple[str, str]] = []
    seen: set[tuple[str, str]] = set()
    for capture in judged.captures:
        if (capture.modality, capture.sha256) in seen:
            found.append(("duplicate_frames", ADVICE["duplicate_frames"]))
            break
        seen.add((capture.modality, capture.sha256))
    for result in judged.challenges:
        if result["outcome"] != "passed":
            reasons, advice = result["reasons"] or ["not_passed"], result["advice"]
            found += [(f"{result['challenge']}.{reason}", "") for reason in reasons]
            found += [(f"{result['challenge']}.{reasons[0]}", words) for words in advice]
    return found
