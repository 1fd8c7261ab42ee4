"""How figures are written and said, alike on the terminal and in the report."""

from __future__ import annotations

import math

from antispoof.evaluation.confidence import Interval, Rate
from antispoof.evaluation.evaluation import Estimate, Evaluation
from antispoof.evaluation.full_system import EstimatedRate

__all__ = [
    "counted",
    "decided_at",
    "difference",
    "figure",
    "headline",
    "interval",
    "number",
    "of_all",
    "percent",
    "tested",
]

_NOT_RATES = frozenset({"auc", "min_dcf", "act_dcf", "cllr", "min_cllr"})


def counted(count: int, noun: str) -> str:
    """Write a count with its noun, in the plural unless there is one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """Write a share as per cent, two decimals, more where they would all be zero."""
    if math.isnan(share):
        return "–"
    if 0 < abs(share) < 0.0001:
        return f"{100 * share:.2g} %"
    return f"{100 * share:.2f} %"


def of_all(rate: Rate) -> str:
    """Write a rate as what it was counted from: the counts are exact, the share is for the eye."""
    if not rate.trials:
        return "–"
    if isinstance(rate, EstimatedRate):
        return f"about {100 * rate.value:.1f} %, estimated: {interval('bpcer', rate.interval)}"
    return f"{rate.errors:,} of {rate.trials:,}, {100 * rate.value:.1f} %"


def number(value: float) -> str:
    """Write a number that is no rate, four decimals."""
    return "–" if math.isnan(value) else f"{value:.4f}"


def figure(name: str, value: float) -> str:
    """Write the value of a named figure in its customary unit."""
    return number(value) if name in _NOT_RATES else percent(value)


def interval(name: str, ends: Interval) -> str:
    """Write an interval as "1.20 – 3.40 %"; empty when there is none."""
    if math.isnan(ends.low):
        return ""
    low, high = figure(name, ends.low), figure(name, ends.high)
    return f"{low.removesuffix(' %')} – {high}" if name not in _NOT_RATES else f"{low} – {high}"


def signed(name: str, value: float) -> str:
    """Write a difference with its sign; rates in percentage points."""
    if math.isnan(value):
        return "–"
    return f"{value:+.4f}" if name in _NOT_RATES else f"{100 * value:+.2f}"


def ends(name: str, interval: Interval) -> str:
    """Write the interval of a difference as "[-1.20, +0.40]"; empty when there is none."""
    if math.isnan(interval.low):
        return ""
    return f"[{signed(name, interval.low)}, {signed(name, interval.high)}]"


def difference(name: str, estimate: Estimate) -> str:
    """Write a difference with its interval."""
    return f"{signed(name, estimate.value)} {ends(name, estimate.interval)}".strip()


def tested(result: Evaluation) -> str:
    """Say what was tested: presentations, species, subjects."""
    attacks = sum(kind.errors.trials for kind in result.species)
    species = f"{len(result.species)} species" if result.species else "no species"
    said = f"{result.bona_fide.errors.trials:,} bona fide and {attacks:,} attack presentations of {species}"
    if result.scores.subject is not None:
        said += f", {counted(result.scores.subject.distinct(), 'subject')}"
    silent = int((~result.scores.is_response).sum())
    return said + (f", {counted(silent, 'non-response')}" if silent else "")


def decided_at(result: Evaluation) -> str:
    """Say where the threshold stands and how it came there."""
    point = result.operating_point
    if not point.source:
        return f"Threshold {point.threshold:.6g}, as given"
    where = "these very scores" if result.threshold_is_fitted_here else point.source
    return f"Threshold {point.threshold:.6g}, set by {point.rule} on {where}"


def headline(result: Evaluation) -> str:
    """Say the result in plain words."""
    said = []
    worst = result.worst
    if worst is not None:
        what = f"the worst kind of attack ({worst.name})" if len(result.species) > 1 else "all attacks"
        passed = f"{percent(worst.errors.value)} of {what} pass"
        attacks = sum(kind.errors.trials for kind in result.species)
        said.append(passed if worst.errors.errors else f"None of {counted(attacks, 'attack')} passed")
    if result.bona_fide.errors.trials:
        rejected = f"{percent(result.bona_fide.errors.value)} of bona fide presentations are rejected"
        none = f"none of {counted(result.bona_fide.errors.trials, 'bona fide presentation')} was rejected"
        said.append(rejected if result.bona_fide.errors.errors else none)
    sentence = ", ".join(said) + "."
    return sentence[:1].upper() + sentence[1:]
