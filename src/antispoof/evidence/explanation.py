"""Verdicts and policies in plain words. Neutral: they may be read by the person who was judged."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from antispoof.runtime.bundle import ONLY_BY_NAME
from antispoof.runtime.policy import Policy, in_words
from antispoof.runtime.verdict import BundleScore, CueEvidence, Evidence, ReferenceUse, Verdict
from antispoof.scores.fusion import fusions
from antispoof.sensing.provenance import REASONS, told_of

__all__ = [
    "BANDS_HZ",
    "OUTCOME_WORDS",
    "bundle_score_in_words",
    "caution_in_words",
    "course",
    "cue_in_words",
    "details",
    "evidence_in_words",
    "frames_in_words",
    "likelihood_in_words",
    "margin_in_words",
    "meant_by",
    "policy_in_words",
    "provenance_in_words",
    "sentence",
    "suspicious_spans",
    "tells_bands",
    "way_in_words",
    "when_in_words",
    "where_in_words",
]

OUTCOME_WORDS = {"bona_fide": "bona fide", "attack": "attack", "non_response": "no verdict"}
"""Outcome → what a reader is told."""

PERSON = ("a person who is there", "an attack")
LARGEST_RATIO = 1000  # beyond it a number would claim more than a calibration set can show
ONE_SIGNAL = {
    "voice": "a voice alone decides nothing: engines never heard and replays by loudspeaker may pass",
}
"""Modality → what is to be said where nothing else was judged."""
WORTH_TELLING = 0.1  # natural-log likelihood ratio
BANDS = (
    (4500, "the band of a telephone"),
    (5500, "a narrowed band, as of old codecs"),
    (7000, "the band of a wideband call"),
    (math.inf, "a full band"),
)
"""Up to where a voice is heard, in hertz → in words."""
BACKGROUNDS = (
    (15, "a loud background"),
    (30, "a background"),
    (50, "a quiet background"),
    (math.inf, "hardly any background, as in a studio or behind a gate"),
)
"""How far the background lies below, in decibels → in words."""
BANDS_HZ = (94.0, 7594.0)
"""Between which frequencies the rows of a recording's heat map lie, all of one width."""
PARTS = 6  # of these frequencies, that are told in words
CONTRADICTION = 2.0  # natural-log likelihood ratio: what sensors say more strongly than that, they mean


def details(verdict: Verdict) -> list[tuple[str, str]]:
    """List what stands behind an outcome, as pairs of a short name and words."""
    lines = [("score", margin_in_words(verdict))]
    if verdict.score is not None:
        lines.append(("meaning", likelihood_in_words(verdict.score, meant_by(verdict))))
    for part in verdict.evidence:
        lines.append((part.modality, evidence_in_words(part, len(verdict.evidence) > 1)))
        if way := way_in_words(part):
            lines.append(("channel", way))
        if part.unjudged:
            lines.append(("not judged", ", ".join(part.unjudged)))
        lines += frames_in_words(part, verdict.operating_point.threshold)
    if caution := caution_in_words(verdict):
        lines.append(("by itself", caution))
    lines += [("references", references_in_words(each)) for each in verdict.references]
    lines += [(each.name, cue_in_words(each)) for each in verdict.cues]
    if len(verdict.bundle_scores) > 1:
        lines += [("+".join(each.modalities), bundle_score_in_words(each)) for each in verdict.bundle_scores]
        lines.append(("together", sentence(verdict)))
    return lines + [("advice", line) for line in verdict.advice]


def caution_in_words(verdict: Verdict) -> str:
    """Say what a verdict over one sensor alone is not worth; empty where there is nothing to say."""
    used = {part.modality for part in verdict.evidence if part.status == "used"}
    alone = len(used) == 1 and verdict.outcome != "non_response"
    return ONE_SIGNAL.get(used.pop(), "") if alone else ""


def sentence(verdict: Verdict) -> str:
    """Say in one sentence how the verdict came about."""
    used = [in_words(part.modality) for part in verdict.evidence if part.status == "used"]
    rejected = [in_words(part.modality) for part in verdict.evidence if part.status == "rejected"]
    if not used:
        return "Nothing could be judged, and that is never a pass."
    what = _listed(used)
    tail = f"; the {_listed(rejected)} could not be judged and had no say" if rejected else ""
    if verdict.outcome == "non_response":
        flawed = [in_words(p.modality) for p in verdict.evidence if p.status == "used" and p.reasons]
        if flawed and not verdict.causes:
            return f"The {_listed(flawed)} is not one presentation of one person, so nobody passes{tail}."
        why = "leaves it open" if any(c.code == "unsure" for c in verdict.causes) else "is not enough"
        return f"The {what} {why} under this policy{tail}."
    said = meant_by(verdict)[0 if verdict.outcome == "bona_fide" else 1]
    for_it = [each for each in verdict.bundle_scores if each.score > CONTRADICTION]
    against = [each for each in verdict.bundle_scores if each.score < -CONTRADICTION]
    if for_it and against:
        return (
            f"The sensors contradict each other: the {_sensors(for_it)} speaks for a person, the "
            f"{_sensors(against)} for an attack; together they were taken for {said}{tail}."
        )
    if len(used) == 1:
        return f"The {what} was taken for {said}{tail}."
    toward = 1 if verdict.outcome == "bona_fide" else -1
    strongest = max(verdict.bundle_scores, key=lambda each: toward * each.contribution, default=None)
    told = strongest is not None and len(verdict.bundle_scores) > 1 and toward * strongest.contribution > 0
    most = f", mostly because of the {_sensors([strongest])}" if strongest and told else ""
    return f"The {what} together were taken for {said}{most}{tail}."


def meant_by(verdict: Verdict) -> tuple[str, str]:
    """Say what bona fide and attack are to the bundles that judged."""
    meant = {ONLY_BY_NAME.get(each.name, PERSON) for each in verdict.bundles}
    return meant.pop() if len(meant) == 1 else PERSON


def likelihood_in_words(score: float, sides: tuple[str, str]) -> str:
    """Put a natural-log likelihood ratio into words, with those for bona fide and attack."""
    ratio = math.exp(min(abs(score), 20))
    if ratio < 1.5:
        return f"about as likely from {sides[0]} as from {sides[1]}"
    digits = f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"
    times = f"more than {LARGEST_RATIO}" if ratio > LARGEST_RATIO else digits
    likelier, other = sides if score > 0 else sides[::-1]
    return f"{times} times likelier from {likelier} than from {other}"


def margin_in_words(verdict: Verdict) -> str:
    """Say where the score lies with respect to the threshold; for a non-response, why there is none."""
    point = verdict.operating_point
    if verdict.score is None:
        if any(part.status == "used" for part in verdict.evidence):
            return "no answer yet, and that is never a pass"
        return "nothing could be judged, and that is never a pass"
    margin = verdict.score - point.threshold
    side = "above" if margin >= 0 else "below"
    distance = f"{abs(margin):.2f} {side} the threshold of {point.threshold:+.2f} ({point.name})"
    return f"{verdict.score:+.2f}, {distance}"


def evidence_in_words(evidence: Evidence, one_of_many: bool = False) -> str:
    """Say what became of one modality's sample; of several, also what it says by itself."""
    if evidence.status == "missing":
        return "no sample was given"
    if evidence.status == "rejected":
        return f"could not be judged: {', '.join(evidence.reasons)}"
    words, size = "used", evidence.measurements.get("face_side_px")
    spoken = evidence.measurements.get("voice_s")
    if evidence.reasons:
        words = f"not taken for one presentation of one person: {', '.join(evidence.reasons)}"
    elif size is not None:
        words += f", face of {size:.0f} pixels"
    elif spoken is not None:
        words += f", {spoken:.1f} s of voice"
    return (
        f"{words}, {evidence.score:+.2f} by itself" if one_of_many and evidence.score is not None else words
    )


def frames_in_words(evidence: Evidence, threshold: float) -> list[tuple[str, str]]:
    """List what the frames of a sample say, and when, as pairs of a short name and words."""
    lines = []
    if evidence.frames:
        scores = [frame.score for frame in evidence.frames if frame.score is not None]
        failed = Counter(reason for frame in evidence.frames for reason in frame.reasons)
        words = f"{len(evidence.frames)}"
        if scores:
            below = sum(score < threshold for score in scores)
            words += f", {min(scores):+.2f} to {max(scores):+.2f} by themselves, {below} below the threshold"
        if failed:
            why = ", ".join(f"{count} {reason}" for reason, count in failed.items())
            words += f"; not usable: {why}"
        lines.append(("frames", words))
    if evidence.timeline:
        lines.append(("when", when_in_words(evidence, threshold)))
    if where := where_in_words(evidence):
        lines.append(("frequencies", where))
    return lines


def references_in_words(use: ReferenceUse) -> str:
    """Say what earlier captures of the person did to the threshold."""
    words = []
    if use.used:
        captures = "earlier capture" if use.used == 1 else "earlier captures"
        words.append(f"{use.used} {captures} of the person moved the threshold by {use.shift:+.2f}")
    attacks = [number for number in use.left_out if number not in use.copied]
    for numbers, why in ((attacks, "judged an attack"), (use.copied, "this picture is a copy of it")):
        if numbers:
            several = "numbers" if len(numbers) > 1 else "number"
            words.append(f"{several} {', '.join(map(str, numbers))} left out, {why}")
    return "; ".join(words)


def when_in_words(evidence: Evidence, threshold: float) -> str:
    """Say when in a sample it lies below the threshold."""
    spans = suspicious_spans(evidence, threshold)
    if not spans:
        return "at no time below the threshold" + _strongest(evidence, threshold)
    if len(spans) == 1 and spans[0] == (evidence.timeline[0][0], evidence.timeline[-1][1]):
        return "below the threshold all the time" + _strongest(evidence, threshold)
    words = [f"{_clock(start)} to {_clock(end)}" for start, end in spans]
    return "below the threshold from " + ", from ".join(words) + _strongest(evidence, threshold)


def _strongest(evidence: Evidence, threshold: float) -> str:
    """Name the window that says most for the side that the whole is on."""
    if len(evidence.timeline) < 2 or evidence.score is None:
        return ""
    side = 1 if evidence.score >= threshold else -1
    start, end, score = max(evidence.timeline, key=lambda window: side * window[2])
    return f"; most for the verdict from {_clock(start)} to {_clock(end)}, {score:+.2f}"


def tells_bands(evidence: Evidence) -> bool:
    """Tell whether the heat map is one of bands and windows: that of one recording, not of a picture."""
    return evidence.heat_map is not None and bool(evidence.timeline) and not evidence.frames


def where_in_words(evidence: Evidence) -> str:
    """Name the frequencies of a recording that say most for its side; empty where none are told."""
    if not tells_bands(evidence) or evidence.heat_map is None or evidence.score is None:
        return ""
    side = 1 if evidence.score > 0 else -1
    bands = np.maximum(side * evidence.heat_map.mean(axis=1), 0)
    parts = bands.reshape(PARTS, -1).sum(axis=1)
    if not parts.any():
        return ""
    most, width = int(parts.argmax()), (BANDS_HZ[1] - BANDS_HZ[0]) / PARTS / 1000
    low = BANDS_HZ[0] / 1000 + most * width
    what = "a person who is there" if side > 0 else "an attack"
    place = f"between {low:.1f} and {low + width:.1f} kHz"
    return f"what speaks for {what} lies {place} before all, {100 * parts[most] / parts.sum():.0f} % of it"


def way_in_words(evidence: Evidence) -> str:
    """Say through what a recording seems to have come; empty where nothing was measured of it."""
    band, background = (evidence.measurements.get(name) for name in ("band_hz", "background_db"))
    if band is None or background is None:
        return ""
    kind = next(words for edge, words in BANDS if band <= edge)
    quiet = next(words for edge, words in BACKGROUNDS if background <= edge)
    return f"{kind}, heard up to {band / 1000:.1f} kHz; {quiet}, {background:.0f} dB below the voice"


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


def bundle_score_in_words(opinion: BundleScore) -> str:
    """Say what one bundle said, and what that did to the fused score."""
    done = "raised" if opinion.contribution >= 0 else "lowered"
    moved = f"beside the others it {done} the score by {abs(opinion.contribution):.2f}"
    return f"said {opinion.score:+.2f} by {opinion.bundle}; {moved}"


def cue_in_words(cue: CueEvidence) -> str:
    """Say what a cue of a clip speaks for, or why it does not."""
    if cue.score is None:
        if cue.status == "hint":
            return "; ".join((f"{cue.title}: measured, and has no say", *cue.explained))
        return f"{cue.title}: not measurable, {'; '.join(cue.explained)}"
    side = PERSON[0 if cue.score > 0 else 1]
    speaks = f"speaks for {side}" if abs(cue.score) >= WORTH_TELLING else "leaves it open"
    return f"{cue.title}: {speaks}, {cue.contribution:+.2f}"


def policy_in_words(policy: Policy) -> list[tuple[str, str]]:
    """Say what a policy does, as pairs of a short name and words."""
    lines = [("for whom", policy.description or "–"), ("sensors", _sensors_of(policy))]
    missing = {"non_response": "the answer is a non-response", "attack": "it is taken for an attack"}
    if policy.required:
        lines.append(("without one", f"where a required sample is missing, {missing[policy.if_missing]}"))
        lines.append(("unusable", f"where one cannot be judged, {missing[policy.if_rejected]}"))
    rule = fusions[policy.fusion.rule]
    parameters = ", ".join(
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in policy.fusion.parameters
        if not isinstance(value, (dict, tuple))
    )
    first = (rule.__doc__ or "").strip().splitlines()[0]
    lines.append(("fusion", f"{policy.fusion.rule}{f' ({parameters})' if parameters else ''}: {first}"))
    lines.append(("threshold", _threshold_of(policy)))
    if policy.retry_band:
        again = f"a score up to {policy.retry_band:g} below the threshold gets no verdict: try again"
        lines.append(("try again", again))
    lines.append(("an attack", "one that was seen is an attack, whatever else is missing"))
    if policy.sites:
        sites = (f"{name}: {' or '.join(paths)}" for name, paths in policy.sites.items())
        lines.append(("sites", ", ".join(sites)))
    for found in policy.measured:
        kinds = [words for words, so in (("simulated", found.simulated), ("chimeric", found.chimeric)) if so]
        mark = f" ({', '.join(kinds)})" if kinds else ""
        passed = ", ".join(f"{100 * rate:.1f} % of {kind}" for kind, rate in found.apcer.items())
        lines.append(
            (
                "measured",
                f"{' + '.join(found.modalities)} on {found.data}{mark}: "
                f"passed {passed}; bona fide rejected {100 * found.bpcer:.1f} %, "
                f"asked again {100 * found.asked_again:.1f} %",
            )
        )
    if not policy.measured:
        lines.append(("measured", "nothing yet: measure it on your own data before you rely on it"))
    return lines


def _sensors_of(policy: Policy) -> str:
    said = []
    if policy.required:
        said.append(f"required: {', '.join(policy.required)}")
    if policy.optional is None:
        said.append("any other is looked at" if policy.required else "any is looked at")
    elif policy.optional:
        said.append(f"optional: {', '.join(policy.optional)}")
    count = policy.at_least
    said.append(f"at least {count} must be judged")
    return "; ".join(said)


def _threshold_of(policy: Policy) -> str:
    if policy.threshold is not None:
        return f"{policy.threshold:+.2f} for whatever is there"
    if policy.costs is not None:
        return f"{policy.costs.threshold:+.2f}: {policy.operating_point(()).rule}"
    wanted = " or ".join(policy.at) if policy.at else "its default"
    if policy.fusion.parameters.level == "decision" and policy.fusion.rule != "sequential":
        return f"each bundle's own: {wanted}"
    return f"each bundle's own: {wanted}, the first that it knows; of several bundles the highest"


def _sensors(opinions: list[BundleScore]) -> str:
    return _listed([in_words(name) for each in opinions for name in each.modalities])


def _listed(words: list[str]) -> str:
    """Join nouns that the text puts "the" in front of."""
    return words[0] if len(words) == 1 else f"{', the '.join(words[:-1])} and the {words[-1]}"


def _clock(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{seconds // 60:.0f}:{seconds % 60:04.1f}"


def provenance_in_words(files: Sequence[str | Path | bytes]) -> list[str]:
    """Tell what the C2PA manifests of files say; nothing of one that carries none, which says nothing."""
    lines = []
    for file in files:
        told = told_of(file)
        if isinstance(told, str):
            lines.append(told)
        elif told is not None:
            lines.append(f"C2PA manifest, {told.state}, signed by {told.signer or 'nobody named'}")
            lines += [f"{code}: {REASONS[code]}" for code in told.reasons]
    return lines
