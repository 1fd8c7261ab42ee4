"""`compare`: several systems on the same presentations, with paired uncertainty of every difference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from antispoof._moved import old_names
from antispoof.errors import InputError
from antispoof.evaluation import remarks
from antispoof.evaluation.clustering import Clustering
from antispoof.evaluation.confidence import Interval, Rate, bootstrap, percentile_interval, sign_test
from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.error_rates import LABELS, ErrorRates
from antispoof.evaluation.evaluation import Estimate
from antispoof.evaluation.scores import Labels, ScoreSet
from antispoof.evaluation.thresholds import DecisionThreshold, Rule
from antispoof.labels import plain

__all__ = ["Comparison", "Disagreement", "SystemResult", "align", "compare"]

if not TYPE_CHECKING:
    __getattr__ = old_names(__name__)

_NO_INTERVAL = Interval(math.nan, math.nan)
_MOST_VALUES = 20
_LISTED = 12


@dataclass(frozen=True, slots=True)
class SystemResult:
    """What one of the compared systems scored.

    Attributes:
        name: of the system.
        operating_point: the threshold its decisions were made at.
        figures: estimates by name (see `error_rates.LABELS`).
        differences: this system minus the baseline, with the paired interval; empty for the baseline itself.
        curve: error counts at every threshold.
    """

    name: str
    operating_point: DecisionThreshold
    figures: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    curve: ErrorCurve


@dataclass(frozen=True, slots=True)
class Disagreement:
    """How often a system and the baseline decide differently on one group of presentations.

    Attributes:
        system: the one compared with the baseline.
        group: such as ``"attacks: print"`` or ``"bona fide, gender = f"``.
        differing: decisions that differ, of all in the group.
        only_system_right: presentations that only the system decided rightly.
        only_baseline_right: presentations that only the baseline decided rightly.
        p_value: exact McNemar test of the two counts.
    """

    system: str
    group: str
    differing: Rate
    only_system_right: int
    only_baseline_right: int
    p_value: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Systems on the same presentations.

    Attributes:
        scores: the baseline's scores, with what is known of the presentations.
        baseline: its name.
        systems: baseline first, the others in the order given.
        disagreements: where decisions differ most from the baseline's, the surest first.
        cluster: column whose values were resampled; None for single presentations.
        clusters: how many there were.
        resamples: how many bootstrap resamples were drawn, the same for all systems.
        seed: of the resamples.
        warnings: what a reader must not miss.
    """

    scores: ScoreSet
    baseline: str
    systems: tuple[SystemResult, ...]
    disagreements: tuple[Disagreement, ...]
    cluster: str | None
    clusters: int
    resamples: int
    seed: int
    warnings: tuple[str, ...]


def compare(
    systems: Mapping[str, ScoreSet],
    *,
    dev: Mapping[str, ScoreSet] | None = None,
    baseline: str | None = None,
    at: str = "EER",
    cluster: str | None = None,
    resamples: int = 1000,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Comparison:
    """Compare systems that scored the same presentations.

    Args:
        systems: scores by name of the system, at least two; the same ids with the same species in each.
        dev: development scores by the same names, to set each system's threshold on.
        baseline: name of the system the others are held against; the first by default.
        at: rule that sets each system's threshold, see `Rule.parse`.
        cluster: column whose values are resampled together; ``subject`` by default where there is one.
        resamples: bootstrap resamples; every resample is scored by all systems, so differences are paired.
        seed: of the resamples.
        tick: called after each resample.

    Raises:
        InputError: fewer than two systems, an unknown baseline, or systems that did not score the same
            presentations.

    Examples:
        >>> ids, species = ["a", "b", "c", "d"], ["bona_fide", "bona_fide", "print", "print"]
        >>> ours = ScoreSet.from_columns(ids, [2.0, 1.0, -1.0, -2.0], species)
        >>> theirs = ScoreSet.from_columns(ids, [2.0, -1.5, -1.0, -2.0], species)
        >>> both = compare({"ours": ours, "theirs": theirs}, resamples=0)
        >>> both.systems[1].differences["auc"].value
        -0.25
    """
    if len(systems) < 2:
        raise InputError(f"systems must hold at least two score sets to compare, got {len(systems)}")
    baseline = next(iter(systems)) if baseline is None else baseline
    if baseline not in systems:
        raise InputError(f"baseline {baseline!r} is not among the systems: {', '.join(systems)}")
    if dev is not None and set(dev) != set(systems):
        raise InputError(f"dev must hold one score set for each system, got {', '.join(dev)}")
    if resamples < 0:
        raise InputError(f"resamples must be at least 0, got {resamples}")
    names = [baseline, *(name for name in systems if name != baseline)]
    aligned = align({name: systems[name] for name in names})
    first = aligned[baseline]
    if not len(first.bona_fide) or not len(first.attack):
        raise InputError(f"{baseline}: a comparison needs scores of bona fide and of attack presentations")
    points = {name: Rule.parse(at).fit((dev or aligned)[name]) for name in names}
    clusters = Clustering.of(first, cluster)
    resampling = resamples > 0 and clusters.count > 1
    numbers = clusters.numbers() if resampling else None
    compute = {
        name: ErrorRates(aligned[name], points[name].threshold, _dev_eer(dev, name), numbers)
        for name in names
    }
    labels = list(LABELS)
    ones = np.ones(clusters.count if resampling else 1, np.int32)
    values = np.stack([compute[name](ones)[: len(labels)] for name in names])
    draws = np.full((1, len(names), len(labels)), math.nan)
    if resampling:
        flat = bootstrap(
            lambda weights: np.concatenate([compute[name](weights)[: len(labels)] for name in names]),
            clusters.count,
            resamples=resamples,
            seed=seed,
            tick=tick,
        )
        draws = flat.reshape(resamples, len(names), len(labels))
    found = []
    for row, name in enumerate(names):
        curve = compute[name].curve
        if curve is None:
            raise InputError(f"{name}: a comparison needs scores of bona fide and of attack presentations")
        differences = (
            {} if not row else _estimates(labels, values[row] - values[0], draws[:, row] - draws[:, 0])
        )
        found.append(
            SystemResult(
                name, points[name], _estimates(labels, values[row], draws[:, row]), differences, curve
            )
        )
    return Comparison(
        scores=first,
        baseline=baseline,
        systems=tuple(found),
        disagreements=_disagreements(aligned, points, names),
        cluster=clusters.column,
        clusters=clusters.count,
        resamples=resamples,
        seed=seed,
        warnings=(
            *(f"{name}: {caution}" for name, each in systems.items() for caution in each.cautions),
            *_warnings(first, dev, points, found),
            *clusters.remarks,
        ),
    )


def _dev_eer(dev: Mapping[str, ScoreSet] | None, name: str) -> float | None:
    if dev is None or not len(dev[name].bona_fide) or not len(dev[name].attack):
        return None
    return Rule("eer").fit(dev[name]).threshold


def _estimates(
    labels: list[str], values: NDArray[np.float64], draws: NDArray[np.float64]
) -> dict[str, Estimate]:
    intervals = percentile_interval(draws)
    return {
        label: Estimate(value, _NO_INTERVAL if math.isnan(value) else interval)
        for label, value, interval in zip(labels, values.tolist(), intervals, strict=True)
    }


def align(systems: Mapping[str, ScoreSet]) -> dict[str, ScoreSet]:
    """Bring every set into the first one's order, and what any of them knows of a presentation into all.

    Raises:
        InputError: they are not of the same presentations.
    """
    (reference_name, reference), *_ = systems.items()
    ids = reference.ids.tolist()
    aligned = {}
    attributes: dict[str, Labels] = {}
    for name, scores in systems.items():
        row_of = {each: row for row, each in enumerate(scores.ids.tolist())}
        absent = [each for each in ids if each not in row_of]
        extra = set(row_of) - set(ids)
        if absent or extra:
            where, lacking = (name, absent) if absent else (reference_name, sorted(extra))
            raise InputError(
                f"{where} lacks {len(lacking):,} presentations of {reference_name if absent else name}, "
                f"the first is {lacking[0]!r}; give every system the same presentations, "
                "with an empty score for a non-response"
            )
        scores = scores.take(np.asarray([row_of[each] for each in ids], np.intp))
        pairs = zip(ids, reference.pai_species.decode(), scores.pai_species.decode(), strict=True)
        for each, expected, said in pairs:
            if expected != said and plain(expected) != plain(said):
                raise InputError(
                    f"{each!r} is {expected or 'bona fide'} in {reference_name} "
                    f"and {said or 'bona fide'} in {name}"
                )
        attributes = {**scores.attributes, **attributes}
        aligned[name] = scores
    subject = next((each.subject for each in aligned.values() if each.subject is not None), None)
    species = aligned[reference_name].pai_species
    simulated = np.any([each.simulated for each in aligned.values()], axis=0)
    return {
        name: replace(
            each, name=name, pai_species=species, subject=subject, attributes=attributes, simulated=simulated
        )
        for name, each in aligned.items()
    }


def _disagreements(
    systems: Mapping[str, ScoreSet], points: Mapping[str, DecisionThreshold], names: list[str]
) -> tuple[Disagreement, ...]:
    first = systems[names[0]]
    genuine = first.is_bona_fide
    groups = {"bona fide": genuine}
    for code, species in enumerate(first.pai_species.names):
        groups[f"attacks: {species}"] = first.pai_species.codes == code
    for column, labels in first.attributes.items():
        if 2 <= len(labels.names) <= _MOST_VALUES:
            for code, value in enumerate(labels.names):
                groups[f"bona fide, {column} = {value}"] = genuine & (labels.codes == code)
                groups[f"attacks, {column} = {value}"] = ~genuine & (labels.codes == code)
    accepted = {name: systems[name].scores >= points[name].threshold for name in names}
    baseline_right = accepted[names[0]] == genuine
    found = []
    for name in names[1:]:
        right = accepted[name] == genuine
        for group, member in groups.items():
            if not member.any():
                continue
            only_system = int((member & right & ~baseline_right).sum())
            only_baseline = int((member & ~right & baseline_right).sum())
            if only_system + only_baseline:
                differing = Rate(only_system + only_baseline, int(member.sum()))
                p = sign_test(only_system, only_baseline)
                found.append(Disagreement(name, group, differing, only_system, only_baseline, p))
    found.sort(key=lambda each: -each.differing.interval.low)
    return tuple(found[:_LISTED])


def _warnings(
    scores: ScoreSet,
    dev: Mapping[str, ScoreSet] | None,
    points: Mapping[str, DecisionThreshold],
    systems: Sequence[SystemResult],
) -> list[str]:
    found = []
    for system in systems:
        found += remarks.reversed_scores(system.curve, f"The AUC of {system.name}")
    found += remarks.simulated(scores)
    if dev is None and any(point.source for point in points.values()):
        found.append(
            "Each threshold was set on the scores it judges, so the error rates at it are descriptive. "
            "Give development scores (--dev, one for each system, in the same order) for a fair comparison."
        )
    return found
