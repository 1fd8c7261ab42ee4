"""Which sensors an attack is taken to show in, and how far a ratio may go: chosen on simulated scores.

    python benchmarks/fusion_prior.py

SIMULATED throughout, from figures of the model cards alone, no score of anybody. Four sensors give log
likelihood ratios, normal in either class, right for kinds of attack that calibration has seen (D-EER
``seen``). Attacks are of kinds that it has not: each has the D-EER that leaving it out had. An attack is made
on every subset of the sensors in turn, the others see a bona fide person. Of every prior and limit are told,
at 5 % BPCER of the fused score: the subset that passes most, attacks on each sensor alone, on all; and how
many of the 11 subsets of two or more sensors, all attacked, are not below the best of their sensors in D-EER.
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import logsumexp
from scipy.stats import norm

from antispoof.evaluation.metrics import d_eer
from antispoof.scores.calibration import saturated, supported_ratio, unseen_ratio, without_unseen

Array = NDArray[np.float64]
Subset = tuple[int, ...]
Prior = Mapping[Subset, float]

BPCER = 0.05


@dataclass(frozen=True)
class Sensor:
    """D-EER of kinds of attack seen in training, and of each kind left out; people of development."""

    name: str
    seen: float
    unseen: Sequence[float]
    people: int


# docs/models/voice-edge.md; of others `antispoof compare --matrix RUNS/matrix.csv --figure d_eer`, mean of
# three seeds. No protocol leaves kinds out for the face: from as good as the seen to three times as bad.
VOICE = [42.6, 27.8, 27.3, 27.0, 23.6, 22.2, 21.4, 20.4, 20.4, 20.1, 19.6, 17.5, 17.3, 16.5, 15.5, 13.7]
VOICE += [12.4, 12.1, 8.6, 6.2, 4.8, 3.3]
FINGERPRINT = [10.3, 16.1, 11.4, 9.4, 11.4, 12.3, 13.8, 22.3, 11.9]
IRIS = [38.3, 9.6, 23.4, 5.7, 0.1, 9.3, 6.4, 22.8, 22.0]
SENSORS = (
    Sensor("face", 0.08, [0.08, 0.16, 0.24], 88),
    Sensor("voice", 0.125, [x / 100 for x in VOICE], 60),
    Sensor("fingerprint", 0.13, [x / 100 for x in FINGERPRINT], 60),
    Sensor("iris", 0.11, [x / 100 for x in IRIS], 72),
)


def subsets(count: int, fewest: int = 1) -> list[Subset]:
    return [s for size in range(fewest, count + 1) for s in itertools.combinations(range(count), size)]


def every_subset_alike(count: int, partial: float) -> Prior:
    """All with 1 - partial; each proper subset as likely as another."""
    others = 2**count - 2
    return {s: 1 - partial if len(s) == count else partial / others for s in subsets(count)}


def every_number_alike(count: int, partial: float) -> Prior:
    """All with 1 - partial; one sensor, two, … as likely as another."""
    return {
        s: 1 - partial if len(s) == count else partial / (count - 1) / math.comb(count, len(s))
        for s in subsets(count)
    }


def one_or_all(count: int, partial: float) -> Prior:
    """All with 1 - partial, else one alone."""
    found: dict[Subset, float] = {(k,): partial / count for k in range(count)}
    found[tuple(range(count))] = 1 - partial if count > 1 else 1.0
    return found


PRIORS: dict[str, Callable[[int, float], Prior]] = {
    "every subset alike": every_subset_alike,
    "every number alike": every_number_alike,
    "one or all": one_or_all,
}


def fuse(llr: Array, prior: Prior) -> Array:
    """Bayes' rule over the subsets, each by itself: (N, M) → (N,)."""
    terms = [math.log(p) - llr[:, list(s)].sum(1) for s, p in prior.items() if p > 0]
    return np.asarray(-logsumexp(np.stack(terms), axis=0), np.float64)


def draw(sensor: Sensor, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Ratios of bona fide presentations and of attacks of unseen kinds."""
    spread = -2 * norm.ppf(sensor.seen)
    kind = -norm.ppf(rng.choice(np.array(sensor.unseen), count))  # half the distance, in spreads
    bona_fide = spread * (spread / 2 + rng.standard_normal(count))
    attack = spread * (spread / 2 - 2 * kind + rng.standard_normal(count))
    return bona_fide, attack


def limited(llr: Array, sensor: Sensor, limit: str) -> Array:
    people = supported_ratio(sensor.people)
    unseen = unseen_ratio(float(np.mean(sensor.unseen)))
    if limit == "both sides":
        return saturated(llr, min(people, unseen))
    llr = saturated(llr, people)
    return without_unseen(llr, unseen) if limit == "above" else llr


def measure(prior: Callable[[int, float], Prior], partial: float, limit: str, count: int) -> list[str]:
    """One row of the table."""
    rng = np.random.default_rng(0)
    drawn = [draw(sensor, count, rng) for sensor in SENSORS]
    live, attack = (
        np.column_stack([limited(part[k], s, limit) for part, s in zip(drawn, SENSORS, strict=True)])
        for k in range(2)
    )
    half = count // 2  # one half sets the threshold, the other is attacked
    everywhere = prior(len(SENSORS), partial)
    threshold = np.quantile(fuse(live[:half], everywhere), BPCER)
    passed = {}
    for attacked in subsets(len(SENSORS)):
        mixed = live[half:].copy()
        mixed[:, list(attacked)] = attack[half:, list(attacked)]
        passed[attacked] = float((fuse(mixed, everywhere) >= threshold).mean())
    single = [d_eer(live[:, k], attack[:, k]).value for k in range(len(SENSORS))]
    above = sum(
        d_eer(*(fuse(each[:, list(s)], prior(len(s), partial)) for each in (live, attack))).value
        >= min(single[k] for k in s)
        for s in subsets(len(SENSORS), 2)
    )
    worst = max(passed, key=lambda s: passed[s])
    return [
        f"{100 * passed[worst]:.1f} ({'+'.join(SENSORS[k].name for k in worst)})",
        *(f"{100 * passed[(k,)]:.1f}" for k in range(len(SENSORS))),
        f"{100 * passed[tuple(range(len(SENSORS)))]:.1f}",
        f"{above} of {len(subsets(len(SENSORS), 2))}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--count", type=int, default=20000, help="presentations of either class")
    parser.add_argument("--partial", type=float, nargs="+", default=[0.3, 0.5, 0.65, 0.8])
    arguments = parser.parse_args()
    console = Console(width=140, highlight=False)
    for limit in ("people", "both sides", "above"):
        table = Table(title=f"SIMULATED, ratios limited: {limit}; attacks that pass at BPCER {BPCER:.0%}, %")
        for column in ("prior", "partial", "worst", *(s.name for s in SENSORS), "all", "not below best"):
            table.add_column(column, justify="left" if column == "prior" else "right")
        for name, prior in PRIORS.items():
            for partial in arguments.partial:
                table.add_row(name, f"{partial:g}", *measure(prior, partial, limit, arguments.count))
        console.print(table)


if __name__ == "__main__":
    main()
