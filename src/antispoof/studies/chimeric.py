"""Chimeric multimodal evaluation: one person's face beside another person's voice, attacked in every way.

Real data of both sensors of the same people hardly exist. Sensors whose scores do not depend on one another
can be put together by chance instead. That is not the same: whatever makes both sensors fail together, such
as a bad room, is missing, so figures from it are marked chimeric wherever they appear.

References:
    N. Poh and S. Bengio, "Using chimeric users to construct fusion classifiers in biometric authentication
    tasks: an investigation", ICASSP 2006.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from antispoof.errors import InputError
from antispoof.evaluation.comparison import Comparison, compare
from antispoof.evaluation.metrics import apcer, bpcer, d_eer, threshold_at_bpcer
from antispoof.evaluation.scores import ScoreSet
from antispoof.studies.fused_scores import BEST, FittedFusion, fuse_scores, split_by_hash

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "DEFAULT_RULE",
    "Chimeric",
    "ChimericRow",
    "chimeric_in_words",
    "evaluate_chimeric",
    "pair",
    "print_chimeric",
]

DEFAULT_RULE = "bayesian"
BPCER = 0.05

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChimericRow:
    """One rule, or one sensor alone, on the chimeric test set.

    Attributes:
        name: of the rule or sensor.
        single: whether it is one sensor.
        eer: kind of attack → D-EER, with both sensors there.
        pooled: D-EER over all kinds of attack.
        missing: sensor that is missing → D-EER over the attacks on the other.
        bpcer: at the threshold of BPCER ≤ 5 % on development scores.
        caught: kind of attack → share that was caught at that threshold.
    """

    name: str
    single: bool
    eer: Mapping[str, float]
    pooled: float
    missing: Mapping[str, float]
    bpcer: float
    caught: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Chimeric:
    """The whole evaluation.

    Attributes:
        sensors: the two names.
        kinds: of attack: on the first only, on the second only, on both.
        rows: sensors first, then the rules, by pooled D-EER.
        comparison: paired intervals against the better sensor.
        and_expected: BPCER that AND should have if sensors err independently, at 5 % of each on dev.
        and_observed: what it has.
        seed: of the pairing.
        subjects: subjects of each sensor in the test set.
        pairs: pairs of each kind in the test set.
        simulated: whether any of the presentations was simulated.
    """

    sensors: tuple[str, str]
    kinds: tuple[str, str, str]
    rows: tuple[ChimericRow, ...]
    comparison: Comparison
    and_expected: float
    and_observed: float
    seed: int
    subjects: tuple[int, int]
    pairs: int
    simulated: bool

    def row(self, name: str) -> ChimericRow:
        """Return the row of a rule or sensor."""
        return next(row for row in self.rows if row.name == name)


def pair(
    first: ScoreSet, second: ScoreSet, names: tuple[str, str], *, pairs: int, seed: int
) -> dict[str, ScoreSet]:
    """Put presentations of two sensors together by chance.

    Every subject of the first sensor is given one of the second; its presentations are paired with that
    subject's, as often as needed. Where a pair of subjects lacks bona fide or attack presentations of a
    sensor, they come from any subject.

    Args:
        first: scores of one sensor.
        second: scores of the other.
        names: of the two.
        pairs: of each kind: bona fide, attack on the first only, on the second only, on both.
        seed: of the pairing.

    Returns:
        Two score sets of the same ids, the attribute ``chimeric`` being ``true``.

    Raises:
        InputError: a set lacks bona fide or attack presentations.
    """
    random = np.random.default_rng(seed)
    sets = (first, second)
    for scores, name in zip(sets, names, strict=True):
        if scores.is_bona_fide.all() or not scores.is_bona_fide.any():
            raise InputError(f"{name}: chimeric pairs need bona fide and attack presentations")
    subjects = [_subjects(scores) for scores in sets]
    known = [_rows_of(scores) for scores in sets]
    given = random.permutation(len(subjects[1]))[np.arange(len(subjects[0])) % len(subjects[1])]
    rows: list[list[int]] = [[], []]
    species: list[str] = []
    people: list[str] = []
    kinds = (
        (True, True, "bona_fide"),
        *zip((False, True, False), (True, False, False), _kinds(names), strict=True),
    )
    for genuine, also_genuine, kind in kinds:
        for count in range(pairs):
            person = count % len(subjects[0])
            who = (subjects[0][person], subjects[1][given[person]])
            for side, wanted in enumerate((genuine, also_genuine)):
                own = known[side].get((who[side], wanted)) or known[side][None, wanted]
                rows[side].append(own[int(random.integers(len(own)))])
            species.append(kind)
            people.append(f"{who[0]}+{who[1]}")
    ids = [f"chimeric-{count}" for count in range(len(species))]
    simulated = first.simulated[rows[0]] | second.simulated[rows[1]]
    return {
        name: ScoreSet.from_columns(
            ids,
            scores.scores[rows[side]],
            species,
            subject=people,
            attributes={"chimeric": ["true"] * len(ids)},
            simulated=simulated.tolist(),
            name=name,
        )
        for side, (name, scores) in enumerate(zip(names, sets, strict=True))
    }


def evaluate_chimeric(
    first: ScoreSet,
    second: ScoreSet,
    names: tuple[str, str],
    *,
    dev_share: float = 0.5,
    pairs: int = 2000,
    calibration: str = BEST,
    resamples: int = 1000,
    seed: int = 0,
    tick: Callable[[], None] = lambda: None,
) -> Chimeric:
    """Attack one sensor, the other and both, and fuse by every rule, with all sensors and with one missing.

    Subjects of either sensor are split into development and test before they are paired.

    Args:
        first: scores of one sensor; a ``subject`` column keeps people apart.
        second: scores of the other.
        names: of the two.
        dev_share: of the subjects, to fit on.
        pairs: of each kind, in either part.
        calibration: as in `fuse_scores`.
        resamples: bootstrap resamples, of pairs of subjects.
        seed: of pairing and resamples.
        tick: called after each resample.

    Raises:
        InputError: a set lacks a class on one side of the split, or both have the same name.
    """
    if names[0] == names[1]:
        raise InputError(f"two sensors are called {names[0]!r}; name them apart")
    halves = [split_by_hash(scores, dev_share) for scores in (first, second)]
    dev, test = (
        pair(halves[0][part], halves[1][part], names, pairs=pairs, seed=seed + part) for part in (0, 1)
    )
    fused = fuse_scores(test, dev, calibration=calibration)
    result = compare(
        fused.test, dev=fused.dev, baseline=fused.best_single, resamples=resamples, seed=seed, tick=tick
    )
    kinds = _kinds(names)
    rows = [
        _row(name, fused.test[name], fused.dev[name], fused.fitted.get(name), test, names, kinds)
        for name in fused.test
    ]
    rows.sort(key=lambda row: (not row.single, row.pooled))
    singles = [_at_bpcer(fused.dev[name]) for name in names]
    rejected = [
        fused.test[name].scores[fused.test[name].is_bona_fide] < limit
        for name, limit in zip(names, singles, strict=True)
    ]
    expected = 1 - (1 - rejected[0].mean()) * (1 - rejected[1].mean())
    return Chimeric(
        sensors=names,
        kinds=kinds,
        rows=tuple(rows),
        comparison=result,
        and_expected=float(expected),
        and_observed=float((rejected[0] | rejected[1]).mean()),
        seed=seed,
        subjects=(len(_subjects(halves[0][1])), len(_subjects(halves[1][1]))),
        pairs=pairs,
        simulated=bool(first.simulated.any() or second.simulated.any()),
    )


def print_chimeric(console: Console, result: Chimeric) -> None:
    """Print the matrix of attack kinds × rules × missing sensor, and what it says in words."""
    from antispoof.evaluation.terminal import table

    mark = "chimeric, simulated" if result.simulated else "chimeric"
    first, second = result.sensors
    console.print(
        f"{mark}: {result.subjects[0]} subjects of {first}, each with one of {result.subjects[1]} of "
        f"{second}, by chance (seed {result.seed}); {result.pairs:,} test pairs of each kind",
        soft_wrap=True,
    )
    errors = table(f"D-EER % ({mark}), by what is attacked", "rule", *result.kinds, "any")
    absent = (f"no\n{first}", f"no\n{second}")
    caught = (f"caught\n{kind}" for kind in result.kinds[:2])
    operation = table(
        f"D-EER % without a sensor, and at BPCER ≤ {100 * BPCER:g} % on dev ({mark})",
        *("rule", *absent, "BPCER\n%", *caught),
    )
    for row in result.rows:
        name = row.name + (" (default)" if row.name == DEFAULT_RULE else "")
        last = row.single and all(not other.single or other.pooled <= row.pooled for other in result.rows)
        rates = (*(row.eer[kind] for kind in result.kinds), row.pooled)
        errors.add_row(name, *(f"{100 * rate:.1f}" for rate in rates), end_section=last)
        operation.add_row(
            name,
            *(f"{100 * row.missing[one]:.1f}" if one in row.missing else "–" for one in result.sensors),
            f"{100 * row.bpcer:.1f}",
            *(f"{100 * row.caught[kind]:.1f}" for kind in result.kinds[:2]),
            end_section=last,
        )
    console.print(errors)
    console.print(operation)
    console.print(
        "caught: share of the attacks on this sensor, in per cent. An attack on one sensor only "
        "is one that the other sensor takes for bona fide: as if that one had been fooled perfectly.",
        soft_wrap=True,
    )
    for line in chimeric_in_words(result):
        console.print(line, soft_wrap=True)


def chimeric_in_words(result: Chimeric) -> list[str]:
    """Say whether the default rule is better than either sensor, and how AND fares."""
    mine = result.row(DEFAULT_RULE)
    singles = [result.row(name) for name in result.sensors]
    better = all(mine.pooled < row.pooled and mine.eer["both"] < row.eer["both"] for row in singles)
    said = "is below both sensors alone" if better else "is NOT below both sensors alone"
    alone = " and ".join(f"{100 * row.pooled:.1f} ({row.name})" for row in singles)
    on_both = " and ".join(f"{100 * row.eer['both']:.1f}" for row in singles)
    lines = [
        f"{DEFAULT_RULE} {said}: D-EER {100 * mine.pooled:.1f} % over all kinds of attack against {alone}; "
        f"{100 * mine.eer['both']:.1f} % against {on_both} where both sensors are attacked."
    ]
    fooled = ", ".join(
        f"{100 * mine.caught[kind]:.1f} % with {other} fooled"
        for kind, other in zip(result.kinds[:2], result.sensors[::-1], strict=True)
    )
    lines.append(f"An attacker who fools one sensor perfectly is caught by {DEFAULT_RULE}: {fooled}.")
    lines.append(
        f"AND at 5 % BPCER of each sensor on dev rejects {100 * result.and_observed:.1f} % of bona fide "
        f"pairs; {100 * result.and_expected:.1f} % is expected of sensors that err independently."
    )
    return lines


def _row(
    name: str,
    test: ScoreSet,
    dev: ScoreSet,
    fitted: FittedFusion | None,
    raw: Mapping[str, ScoreSet],
    names: tuple[str, str],
    kinds: tuple[str, str, str],
) -> ChimericRow:
    label = np.array(test.pai_species.decode())
    genuine = _said(test.scores[test.is_bona_fide])
    attacks = {kind: _said(test.scores[label == kind]) for kind in kinds}
    limit = _at_bpcer(dev)
    missing = {}
    for absent, other in ((names[0], names[1]), (names[1], names[0])):
        if fitted is None:
            if name == absent:
                continue
            scores = test.scores
        else:
            columns = {
                each: np.full(len(test), np.nan) if each == absent else raw[each].scores for each in names
            }
            scores = fitted.fuse(fitted.panel(columns, {}))
        seen = (label == kinds[names.index(other)]) | (label == kinds[2])
        here, there = _said(scores[test.is_bona_fide]), _said(scores[seen])
        if len(here) and len(there):
            missing[absent] = d_eer(here, there).value
    return ChimericRow(
        name=name,
        single=fitted is None,
        eer={kind: d_eer(genuine, part).value for kind, part in attacks.items()},
        pooled=d_eer(genuine, np.concatenate(list(attacks.values()))).value,
        missing=missing,
        bpcer=bpcer(genuine, limit),
        caught={kind: 1 - apcer(part, limit) for kind, part in attacks.items()},
    )


def _at_bpcer(dev: ScoreSet) -> float:
    return threshold_at_bpcer(dev.bona_fide, BPCER)


def _kinds(names: tuple[str, str]) -> tuple[str, str, str]:
    return f"{names[0]} only", f"{names[1]} only", "both"


def _said(scores: Scores) -> Scores:
    return scores[~np.isnan(scores)]


def _subject_of(scores: ScoreSet) -> list[str]:
    names: list[str] = scores.ids.tolist()
    if scores.subject is None:
        return names
    return [subject or name for subject, name in zip(scores.subject.decode(), names, strict=True)]


def _subjects(scores: ScoreSet) -> list[str]:
    return sorted(set(_subject_of(scores)))


def _rows_of(scores: ScoreSet) -> dict[tuple[str | None, bool], list[int]]:
    """Return the rows of each subject and class, and under None those of anybody."""
    found: dict[tuple[str | None, bool], list[int]] = {}
    for row, (subject, genuine) in enumerate(
        zip(_subject_of(scores), scores.is_bona_fide.tolist(), strict=True)
    ):
        found.setdefault((subject, genuine), []).append(row)
        found.setdefault((None, genuine), []).append(row)
    return found
