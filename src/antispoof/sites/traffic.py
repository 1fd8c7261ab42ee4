"""Learn a site calibration from unlabelled presentations: thousands of scores, nobody knows of whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.errors import InputError, MediaError
from antispoof.evaluation.score_files import read_columns
from antispoof.runtime.bundle import BundleMetadata
from antispoof.runtime.detector import Detector
from antispoof.runtime.references import default_threshold, traffic_rule
from antispoof.runtime.site import SiteCalibration
from antispoof.scores.traffic import ATTACK_LIMIT, LEAST_SCORES
from antispoof.sensing.capture import Source
from antispoof.sites.class_columns import refuse_classes

__all__ = ["learn_from_scores", "learn_unlabelled", "read_traffic"]

GOOD_SCORES = 1000
BLOCKS = 10  # of the traffic, resampled whole: neighbours come from the same people and hours
RESAMPLES = 1000
LARGEST_RATIO = 20.0  # e^20 is 1 in 500 million: no ratio that data supports, where percentages lie
INTERVAL = (5.0, 95.0)  # percentiles


def learn_from_scores(
    metadata: BundleMetadata,
    scores: ArrayLike,
    *,
    rejected: int = 0,
    in_force: SiteCalibration | None = None,
    may_lower: bool = False,
    seed: int = 0,
) -> SiteCalibration:
    """Learn by how much the thresholds should move from the scores of a site's traffic.

    Args:
        metadata: of the bundle that gave the scores.
        scores: (N,), at least 100, in the order in which they came; at most two fifths of attacks.
        rejected: presentations that could not be judged.
        in_force: by what the site is calibrated so far; traffic takes nothing of it back.
        may_lower: whether the threshold may come to lie below the one in force: only for a site of which
            somebody knows that its people are turned away. Whoever sends traffic has a say in it then.
        seed: of the bootstrap.

    Raises:
        InputError: the scores are too few, all the same, or no logs of ratios; ``in_force`` is of another
            bundle.
        BundleError: the bundle has no rule for traffic.
    """
    rule, threshold = traffic_rule(metadata), default_threshold(metadata)
    if in_force is not None:
        in_force.check(metadata)
    now = 0.0 if in_force is None else in_force.shift
    least = -np.inf if may_lower else now
    found = np.asarray(scores, np.float64).ravel()
    called_for = rule.shift(found, threshold, -np.inf)
    shift = max(called_for, least)
    random = np.random.default_rng(seed)
    blocks = np.array_split(found, BLOCKS)
    low, high = np.percentile(
        [
            _resampled(lambda drawn: rule.shift(drawn, threshold, least), blocks, random)
            for _ in range(RESAMPLES)
        ],
        INTERVAL,
    )
    advice = [
        "nobody says which of these were attacks: with more than two fifths of them among it, the threshold "
        "is too low"
    ]
    if called_for < shift:
        advice.append(
            f"this traffic calls for a move of {called_for:+.2f}, which would take the threshold below the "
            "one in force: attacks may look like that, so it stays. If you know that people are turned away "
            "here, take twenty bona fide captures, or let it fall (--lower)"
        )
    if found.size < GOOD_SCORES:
        advice.append(f"{found.size} scores are few: {GOOD_SCORES} of several days make the threshold surer")
    if called_for in (-rule.lowest, rule.highest):
        advice.append(
            f"the site calls for more than the {abs(called_for):.2f} that unlabelled traffic may move it by: "
            "take twenty bona fide captures there"
        )
    return SiteCalibration(
        bundle=metadata.name,
        bundle_version=metadata.version,
        bundle_sha256=metadata.sha256,
        shift=shift,
        shift_interval=(float(low), float(high)),
        bona_fide=0,
        distinct=0,
        attack=0,
        rejected=rejected,
        suspicious=(),
        advice=tuple(advice),
        unlabelled=found.size,
        attack_limit=ATTACK_LIMIT,
    )


def _resampled(
    shift: Callable[[NDArray[np.float64]], float],
    blocks: Sequence[NDArray[np.float64]],
    random: np.random.Generator,
) -> float:
    drawn = np.concatenate([blocks[index] for index in random.integers(0, len(blocks), len(blocks))])
    if drawn.size < LEAST_SCORES or np.ptp(drawn) == 0:
        drawn = np.concatenate(blocks)
    return shift(drawn)


def learn_unlabelled(
    detector: Detector,
    sources: Sequence[Source],
    *,
    in_force: SiteCalibration | None = None,
    may_lower: bool = False,
    seed: int = 0,
    progress: Callable[[], None] = lambda: None,
) -> SiteCalibration:
    """Score unlabelled presentations, and learn from the scores; see `learn_from_scores`.

    Args:
        detector: uncalibrated.
        sources: presentations of the one modality that its bundle judges.
        in_force: see `learn_from_scores`.
        may_lower: see there.
        seed: of the bootstrap.
        progress: called after each.

    Raises:
        InputError: too few can be judged, or all score the same.
        BundleError: the bundle has no rule for traffic.
    """
    metadata = detector.bundle.metadata
    traffic_rule(metadata)
    scores: list[float] = []
    for source in sources:
        try:
            score = detector.check(**{metadata.modalities[0]: source}).score
        except MediaError:
            score = None
        if score is not None:
            scores.append(score)
        progress()
    return learn_from_scores(
        metadata,
        scores,
        rejected=len(sources) - len(scores),
        in_force=in_force,
        may_lower=may_lower,
        seed=seed,
    )


def read_traffic(
    path: Path, given: Mapping[str, str], metadata: BundleMetadata
) -> tuple[NDArray[np.float64], int]:
    """Read the scores of a table.

    Args:
        path: CSV or Parquet, in the order in which the presentations came.
        given: which column holds the scores, where it is not called so (`columns.parse_columns`).
        metadata: of the bundle that gave them.

    Returns:
        (N,) scores, and how many rows have none.

    Raises:
        InputError: it is no such table, or it holds labels, what may be labels, scores of another bundle,
            probabilities or percentages.
    """
    try:
        columns = read_columns(path, ("score",), given)
        refuse_classes(columns)
    except InputError as error:
        raise InputError(f"{str(path)!r}: {error}") from None
    for column, own in (("bundle_sha256", metadata.sha256), ("bundle", metadata.name)):
        stated = columns.labels.get(column)
        others = [name for name in stated.names if name not in ("", own)] if stated is not None else []
        if others:
            raise InputError(
                f"{str(path)!r} holds scores of another bundle ({column} {others[0]}), and those of "
                f"{metadata.name!r} ({metadata.sha256[:12]}…) lie elsewhere: name the one that made them: "
                "--bundle"
            )
    assert columns.scores is not None  # it was asked for
    there = ~np.isnan(columns.scores)
    scores = columns.scores[there]
    if scores.size >= LEAST_SCORES and 0 <= scores.min() < scores.max():
        highest = scores.max()
        scale = "1, as probabilities do" if highest <= 1 else "100, as percentages do"
        if highest <= 1 or LARGEST_RATIO < highest <= 100:
            raise InputError(
                f"all {scores.size} scores of {str(path)!r} lie between 0 and {scale}: this rule takes "
                "natural-log likelihood ratios, the column score of antispoof check --csv"
            )
    return scores, int((~there).sum())
