"""Captures of an attempt → one decision. Nobody is let through by what is missing, repeated or cut short."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from antispoof.challenges import challenges
from antispoof.challenges.answers import EVIDENCE
from antispoof.runtime.cues import answers
from antispoof.runtime.verdict import Verdict
from antispoof.sensing.capture import Recording, Source, Sources
from antispoof.sensing.cues import Measured
from antispoof.service.attempts import Decision, Judgeable, JudgeableCapture

__all__ = ["judge"]

Check = Callable[
    [str | None, Mapping[str, Sources], Mapping[str, Sequence[Source]], Sequence[Measured], bool], Verdict
]
"""Policy, modality → sources, modality → references, cues of the stream, whether that was watched without a
gap → verdict."""

ADVICE = {
    "duplicate_frames": "the camera picture could not be used: use the camera of this device, and try again",
}


def judge(judged: Judgeable, check: Check, frames: int) -> Decision:
    """Judge an attempt: up to ``frames`` of its captures of each modality, as frames of one presentation.

    The outcome is bona fide only where every modality could be judged, the detector says so of all frames
    together, every challenge was passed or has an answer, and no capture is one that was seen before. An
    answer that is evidence (`antispoof.challenges.answers`) went into what the detector says, with its ratio;
    what does not speak for a person is none.

    Args:
        judged: the attempt.
        check: the detector.
        frames: how many captures of a modality are looked at, spread evenly over the attempt.

    Raises:
        Problem: a capture cannot be read, or the model fails.
    """
    chosen = _spread(judged.captures, frames)
    references: dict[str, list[Source]] = {}
    for one in judged.references:
        if one.modality in chosen:
            references.setdefault(one.modality, []).append(Recording(one.content, one.unit))
    sources = {name: _sources(several) for name, several in chosen.items()}
    verdict = check(judged.policy, sources, references, judged.cues, judged.in_one_run)
    used = {evidence.modality for evidence in verdict.evidence if evidence.status == "used"}
    complete = verdict.score is not None and used >= set(judged.modalities)
    outcome: str = verdict.outcome if complete else "non_response"
    reasons: list[str] = []
    advice: list[str] = []
    if outcome == "non_response":
        reasons += verdict.reasons or ("modality_not_used",)
        advice += verdict.advice
    hindrances = _hindrances(judged)
    if judged.mode == "active" and not judged.challenges:
        hindrances.append(("no_challenge", ""))
    if hindrances:
        if hindrances[0][0] == "duplicate_frames":  # which is what the detector calls repeated
            reasons = [reason for reason in reasons if reason != "repeated"]
        reasons += [reason for reason, _ in hindrances]
        advice += [words for _, words in hindrances if words]
        if outcome == "bona_fide":
            outcome = "non_response"
    if judged.replayed:
        reasons.append("seen_in_another_session")
        outcome = "attack"
    # One outcome a result: what the detector alone would say is evidence.
    said = verdict.as_dict()
    return Decision(
        outcome,
        tuple(dict.fromkeys(reasons)),
        tuple(dict.fromkeys(advice)),
        {
            "verdict": {**said, "outcome": outcome, "reasons": list(dict.fromkeys(reasons))},
            "evidence": {"detector_outcome": said["outcome"], "detector_reasons": said["reasons"]},
            "frames": _frames(chosen, verdict),
            "challenges": [dict(result) for result in judged.challenges],
        },
    )


def _spread(captures: tuple[JudgeableCapture, ...], frames: int) -> dict[str, list[JudgeableCapture]]:
    """Take captures of each modality at evenly spread times."""
    by_modality: dict[str, list[JudgeableCapture]] = {}
    for capture in captures:
        by_modality.setdefault(capture.modality, []).append(capture)
    chosen = {}
    for name, several in by_modality.items():
        count = min(frames, len(several))
        places = [round((len(several) - 1) * (index + 0.5) / count) for index in range(count)]
        chosen[name] = [several[place] for place in places]
    return chosen


def _sources(captures: Sequence[JudgeableCapture]) -> Sources:
    recordings = [Recording(capture.content, capture.unit) for capture in captures]
    return recordings if len(recordings) > 1 else recordings[0]


def _frames(chosen: Mapping[str, Sequence[JudgeableCapture]], verdict: Verdict) -> list[dict[str, Any]]:
    """Tell what each capture says by itself, of the modality that has most of them."""
    name = max(chosen, key=lambda each: len(chosen[each]))
    evidence = next(part for part in verdict.evidence if part.modality == name)
    scores = [frame.score for frame in evidence.frames] or [evidence.score]
    return [
        {"seq": capture.seq, "outcome": _outcome_of(score, verdict), "score": score}
        for capture, score in zip(chosen[name], scores, strict=True)
    ]


def _outcome_of(score: float | None, verdict: Verdict) -> str:
    if score is None:
        return "non_response"
    return "bona_fide" if score >= verdict.operating_point.threshold else "attack"


def _hindrances(judged: Judgeable) -> list[tuple[str, str]]:
    """List what keeps an attempt from being bona fide besides the detector, with advice."""
    found: list[tuple[str, str]] = []
    seen: set[tuple[str, str]] = set()
    for capture in judged.captures:
        if (capture.modality, capture.sha256) in seen:
            found.append(("duplicate_frames", ADVICE["duplicate_frames"]))
            break
        seen.add((capture.modality, capture.sha256))
    measured = {cue.name: cue for cue in judged.cues}
    for result in judged.challenges:
        if result["outcome"] == "measured":
            name, (cue, code) = result["challenge"], EVIDENCE[result["challenge"]]
            if cue not in measured or not answers(measured[cue]):
                found.append((f"{name}.{code}", challenges[name].reasons[code]))
        elif result["outcome"] != "passed":
            reasons, advice = result["reasons"] or ["not_passed"], result["advice"]
            found += [(f"{result['challenge']}.{reason}", "") for reason in reasons]
            found += [(f"{result['challenge']}.{reasons[0]}", words) for words in advice]
    return found
