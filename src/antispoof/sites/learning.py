"""Learn a site calibration: move the threshold to where camera, light and people put bona fide scores.

Between sites the scores of a detector shift as a whole far more than their order suffers, and a few bona fide
captures are enough to see by how much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import BundleError, InputError, MediaError
from antispoof.runtime.bundle import SiteRule
from antispoof.runtime.detector import Detector
from antispoof.runtime.site import SiteCalibration, SiteCapture
from antispoof.scores.location import typical_score
from antispoof.scores.reference import ReferenceRule
from antispoof.sensing.capture import Source
from antispoof.sensing.modalities import modalities

__all__ = ["MIN_CAPTURES", "learn_site"]

MIN_CAPTURES = 5
GOOD_CAPTURES = 20
DUPLICATE_CORRELATION = 0.97
ENVELOPE = 400  # samples
OUTLIER_SPREADS = 4.0
RESAMPLES = 2000
INTERVAL = (5.0, 95.0)  # percentiles


@dataclass(frozen=True, slots=True)
class _Captures:
    scores: NDArray[np.float64]
    names: tuple[str, ...]
    looks: NDArray[np.float32]  # (N, D), rows of zero mean and unit length
    features: NDArray[np.float64]  # (N, F); (N, 0) where the bundle gives none
    rejected: int


def learn_site(
    detector: Detector,
    bona_fide: Sequence[Source],
    attack: Sequence[Source] = (),
    *,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> SiteCalibration:
    """Learn by how much the thresholds have to move at a site.

    Args:
        detector: uncalibrated; its bundle must state what bona fide scores it was tuned on.
        bona_fide: at least 5 usable captures from the site, better 20 of different people, days and light.
        attack: captures of attacks at the site, where there are any.
        seed: of the bootstrap.
        progress: called after each capture.

    Raises:
        InputError: too few captures can be judged, or all are one and the same.
        BundleError: the bundle cannot be calibrated from bona fide captures alone.
    """
    metadata = detector.bundle.metadata
    if metadata.site is None:
        raise BundleError(f"bundle {metadata.name!r} does not say what site calibration starts from")
    people = _examine(detector, bona_fide, progress)
    attacks = _examine(detector, attack, progress)
    if people.scores.size < MIN_CAPTURES:
        raise InputError(
            f"{people.scores.size} of {len(bona_fide)} bona fide captures can be judged; "
            f"at least {MIN_CAPTURES} are needed, {GOOD_CAPTURES} are better"
        )
    groups = _near_duplicates(people.looks)
    threshold = metadata.operating_points[metadata.default_operating_point].threshold
    distinct, weights = int(groups.max()) + 1, _weights(groups)
    if distinct == 1:
        raise InputError(
            f"the {people.scores.size} bona fide captures are one and the same, as far as can be told: "
            "take them on other days, in other places, of other people"
        )
    captures: tuple[SiteCapture, ...] = ()
    if metadata.reference is not None and not attacks.scores.size:
        captures = _kept(metadata.reference, people, groups)
        shifts = _held_out_shifts(metadata.reference, captures, threshold)
        shift = float(np.median(shifts))
        low, high = np.percentile(shifts, INTERVAL)
    else:
        rule = _Rule(metadata.site, threshold)
        shift = rule.shift(people.scores, weights, attacks.scores)
        resampled = _bootstrap(rule, people.scores, groups, attacks.scores, np.random.default_rng(seed))
        low, high = np.percentile(resampled, INTERVAL)
    centre = float(np.median(people.scores))
    spread = 1.4826 * float(np.median(np.abs(people.scores - centre)))
    suspicious = tuple(
        name
        for name, score in zip(people.names, people.scores, strict=True)
        if score < centre - OUTLIER_SPREADS * max(spread, 0.5)
    )
    return SiteCalibration(
        bundle=metadata.name,
        bundle_version=metadata.version,
        bundle_sha256=metadata.sha256,
        typical_score=typical_score(people.scores, weights),
        shift=shift,
        shift_interval=(float(low), float(high)),
        bona_fide=people.scores.size,
        distinct=distinct,
        attack=attacks.scores.size,
        rejected=people.rejected + attacks.rejected,
        suspicious=suspicious,
        advice=_advice(people.scores.size, distinct, attacks.scores.size, suspicious),
        captures=captures,
    )


def _kept(rule: ReferenceRule, people: _Captures, groups: NDArray[np.int64]) -> tuple[SiteCapture, ...]:
    """Keep the score and the tone of each distinct capture, the mean of those that look alike."""
    tones = rule.tone(people.features)
    members = [groups == group for group in range(int(groups.max()) + 1)]
    return tuple(
        SiteCapture(score=float(people.scores[own].mean()), tone=tuple(tones[own].mean(axis=0).tolist()))
        for own in members
    )


def _held_out_shifts(
    rule: ReferenceRule, captures: Sequence[SiteCapture], threshold: float
) -> NDArray[np.float64]:
    """Return by how much each capture would have the threshold moved by all the others."""
    scores = np.array([one.score for one in captures])
    tones = np.array([one.tone for one in captures])
    others = [np.arange(len(captures)) != index for index in range(len(captures))]
    return np.array(
        [
            rule.threshold(scores[rest], tones[rest], tone, threshold) - threshold
            for rest, tone in zip(others, tones, strict=True)
        ]
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """How scores of a site become a shift of the threshold."""

    start: SiteRule
    threshold: float

    def shift(
        self, scores: NDArray[np.float64], weights: NDArray[np.float64], attacks: NDArray[np.float64]
    ) -> float:
        """Follow the typical bona fide score; with attacks, aim between both, as far as they are many.

        Where both are known the threshold goes to the point that lies as many spreads below the bona fide
        scores as above the attacks. Either estimate is drawn towards the one before it while captures are
        few.
        """
        typical = typical_score(scores, weights)
        shift = self.start.shift(typical, float(weights.sum()))
        if attacks.size:
            spread, attack_spread = max(float(scores.std()), 0.5), max(float(attacks.std()), 0.5)
            attack_typical = typical_score(attacks)
            between = (typical * attack_spread + attack_typical * spread) / (spread + attack_spread)
            trust = attacks.size / (attacks.size + MIN_CAPTURES)
            shift += trust * (between - self.threshold - shift)
        return float(shift)


def _examine(detector: Detector, sources: Sequence[Source], progress: Callable[[], None]) -> _Captures:
    view = detector.bundle.metadata.inputs[0]
    modality = modalities[view.modality]
    scores, names, looks, features = [], [], [], []
    for index, source in enumerate(sources):
        try:
            sample = modality.load(source)
            verdict = detector.check(**{view.modality: sample})
        except MediaError:
            progress()
            continue
        if verdict.score is not None:
            scores.append(verdict.score)
            name = str(source) if isinstance(source, (str, Path)) else f"capture {index}"
            own = verdict.evidence[0].features
            features.append(np.zeros(0) if own is None else own)
            names.append(name.encode("utf-8", "replace").decode())
            prepared = modality.prepare(sample, modality.quality(sample), **view.prepare)
            looks.append(_look(_envelope(prepared[0]) if modality.windowed else prepared))
        progress()
    return _Captures(
        np.array(scores),
        tuple(names),
        np.array(looks, np.float32),
        np.array(features),
        rejected=len(sources) - len(scores),
    )


def _envelope(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """How loud a recording is from moment to moment: copies of it agree in that, whatever became of them."""
    blocks = np.abs(window[: window.size // ENVELOPE * ENVELOPE]).reshape(-1, ENVELOPE)
    return np.asarray(blocks.mean(axis=1), np.float32)


def _look(prepared: NDArray[np.float32]) -> NDArray[np.float32]:
    flat: Any = prepared.ravel() - prepared.mean()
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-9), np.float32)


def _near_duplicates(looks: NDArray[np.float32]) -> NDArray[np.int64]:
    """Number captures so that near-duplicates share a number: each joins the first it looks like."""
    groups: list[int] = []
    firsts: list[NDArray[np.float32]] = []
    for look in looks:
        alike = [group for group, first in enumerate(firsts) if float(look @ first) >= DUPLICATE_CORRELATION]
        groups.append(alike[0] if alike else len(firsts))
        if not alike:
            firsts.append(look)
    return np.array(groups)


def _weights(groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """One vote a group, shared by its members."""
    return 1 / np.bincount(groups)[groups]


def _bootstrap(
    rule: _Rule,
    scores: NDArray[np.float64],
    groups: NDArray[np.int64],
    attacks: NDArray[np.float64],
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Shifts from resampled groups of captures, as near-duplicates come and go together."""
    members = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    shifts = []
    for _ in range(RESAMPLES):
        drawn = [members[group] for group in random.integers(0, len(members), len(members))]
        weights = np.concatenate([np.full(len(some), 1 / len(some)) for some in drawn])
        some_attacks = random.choice(attacks, attacks.size) if attacks.size else attacks
        shifts.append(rule.shift(scores[np.concatenate(drawn)], weights, some_attacks))
    return np.array(shifts)


def _advice(count: int, distinct: int, attacks: int, suspicious: tuple[str, ...]) -> tuple[str, ...]:
    advice = []
    if distinct < count / 2:
        advice.append(
            f"{count} captures look like only {distinct} different ones: take them on other days, in other "
            "places, of other people"
        )
    if count < GOOD_CAPTURES:
        advice.append(f"{count} captures are few: {GOOD_CAPTURES} varied ones make the threshold surer")
    if not attacks:
        advice.append("captures of attacks at this site (--attack) would make it better")
    if suspicious:
        advice.append("are these bona fide? they score far below the others: " + ", ".join(suspicious))
    return tuple(advice)
