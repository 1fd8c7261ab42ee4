"""On simulated sites alone: which forms and constants of the rules of context err least.

    python benchmarks/context_simulated.py --simulated ../shared/data/face/portraits

See ``simulated_sites.py``: other people, captures of other days, and each rule is judged on kinds of attack
that it was not fitted on. What ships is chosen here; ``face_context.py`` then measures it on real recaptures.
Figures are half total error rates in %, means over sites.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from simulated_sites import Site, add_options, simulated_sites
from traffic_tried import TRAFFIC, Traffic

import antispoof
from antispoof.runtime.references import default_threshold
from antispoof.scores import pooling, reference
from antispoof.scores.location import typical_score
from antispoof.scores.pooling import Pooling, fit_pooling
from antispoof.scores.reference import ReferenceRule, fit_reference
from antispoof.scores.simulated_site import SimulatedSite

KNOWN = (1, 3, 20)  # references: of the person; the last of anybody at the site
FRAMES = 5
DRAWS = 20  # bursts of each person and kind
SHARES = (0.0, 0.3)
Floats = NDArray[np.float64]
R = TypeVar("R")
Fitted = Callable[[Sequence[SimulatedSite], float], ReferenceRule]


def with_constants(**constants: Any) -> Fitted:
    """Fit as the recipe does, but for some of its constants."""

    def fit(sites: Sequence[SimulatedSite], _threshold: float) -> ReferenceRule:
        kept = {name: getattr(reference, name) for name in constants}
        for name, value in constants.items():
            setattr(reference, name, value)
        try:
            return fit_reference(sites)
        finally:
            for name, value in kept.items():
                setattr(reference, name, value)

    return fit


def with_score_alone(share: float) -> Fitted:
    """Follow the score of references, and so far, whatever their distance."""

    def fit(sites: Sequence[SimulatedSite], threshold: float) -> ReferenceRule:
        typical = float(np.mean([typical_score(site.scores[site.bona_fide]) for site in sites]))
        return ReferenceRule(follow=share, per_distance=0, offset=threshold - share * typical)

    return fit


def unlike_takes(sites: Sequence[SimulatedSite], _threshold: float) -> ReferenceRule:
    """Draw the score of few towards the centre by the variance of one person's takes alone."""
    rule = fit_reference(sites)
    within = np.mean(
        [
            site.scores[own].var(ddof=1)
            for site in sites
            for person in np.unique(site.person)
            if (own := site.bona_fide & (site.person == person)).sum() > 1
        ]
    )
    between = np.var([site.scores[site.bona_fide].mean() for site in sites], ddof=1)
    return rule.model_copy(update={"prior_references": float(within / between)})


REFERENCES: Mapping[str, Fitted] = {
    "as it ships": with_constants(),
    "distances known as they are": with_constants(KNOWN_SPREAD=0.0),
    "distances off by 0.4": with_constants(KNOWN_SPREAD=0.4),
    "distances off by 1.2": with_constants(KNOWN_SPREAD=1.2),
    "unknown distances off by 0.5": with_constants(DISTANCE_SPREAD=0.5),
    "unknown distances off by 2": with_constants(DISTANCE_SPREAD=2.0),
    "distances as they are": with_constants(KNOWN_SPREAD=0.0, DISTANCE_SPREAD=0.0),
    "distances as they are, attacks too": with_constants(
        KNOWN_SPREAD=0.0, DISTANCE_SPREAD=0.0, LEAST_DIFFERENCE=1.0
    ),
    "attacks as far as simulated": with_constants(LEAST_DIFFERENCE=1.0),
    "attacks half as far": with_constants(LEAST_DIFFERENCE=0.5),
    "variance of takes alone": unlike_takes,
    "no prior": lambda sites, _: fit_reference(sites).model_copy(update={"prior_references": 0.0}),
    "a quarter of the score alone": with_score_alone(0.25),
    "half of the score alone": with_score_alone(0.5),
    "three quarters of the score alone": with_score_alone(0.75),
}


def reference_errors(
    site: SimulatedSite, rule: ReferenceRule, threshold: float, known: int, seed: int
) -> float:
    """Half total error rate where each capture is held against references drawn for it."""
    random = np.random.default_rng(seed)
    tones = rule.tone(site.features)
    wrong = np.zeros(site.scores.size)
    for index in range(site.scores.size):
        others = site.bona_fide & (site.scores >= threshold - rule.lowest)
        others[index] = False
        if known < KNOWN[-1]:
            others &= site.person == site.person[index]
        chosen = random.permutation(np.flatnonzero(others))[:known]
        moved = threshold
        if chosen.size:
            moved = rule.threshold(site.scores[chosen], tones[chosen], tones[index], threshold)
        wrong[index] = (site.scores[index] >= moved) != site.bona_fide[index]
    return float(wrong[site.bona_fide].mean() + wrong[~site.bona_fide].mean()) / 2


def traffic_errors(site: SimulatedSite, rule: Traffic, threshold: float, share: float, seed: int) -> float:
    """Half total error rate after traffic of half of the captures; of the other half."""
    random = np.random.default_rng(seed)
    halves = [random.permutation(np.flatnonzero(site.bona_fide == kind)) for kind in (True, False)]
    (seen, people), (heard, attacks) = ((half[: half.size // 2], half[half.size // 2 :]) for half in halves)
    count = round(300 * share)
    drawn = np.concatenate([random.choice(seen, 300 - count), random.choice(heard, count)])
    moved = threshold + rule(site.scores[drawn], threshold)
    return float((site.scores[people] < moved).mean() + (site.scores[attacks] >= moved).mean()) / 2


def with_slack(rule: Pooling, sites: Sequence[SimulatedSite]) -> Mapping[str, Callable[[Floats], float]]:
    """Forms of what keeps a majority of good frames from vouching for the others, each set on simulation.

    Each may turn away one in a hundred of the simulated presentations of people more than the lower median.
    """
    free = rule.model_copy(update={"slack": 1e9})
    random = np.random.default_rng(0)
    people = [burst for site in sites for burst in bursts(site, (FRAMES, 0), random)]

    def bounded(name: str, low: Callable[[Floats], float]) -> tuple[str, Callable[[Floats], float]]:
        slack = max(float(np.quantile([free(one) - low(one) for one in people], pooling.USUAL)), 0.0)
        return f"{name} and {slack:.2f}", lambda ratios: min(free(ratios), low(ratios) + slack)

    return dict(
        [
            ("the lower median alone", free),
            bounded("the lower quartile", lambda r: float(np.sort(r)[(r.size - 1) // 4])),
            bounded("the least", lambda r: float(np.min(r))),
            bounded("the mean of the lower half", lambda r: float(np.sort(r)[: (r.size + 1) // 2].mean())),
            bounded("the mean of the lower two", lambda r: float(np.sort(r)[:2].mean())),
            bounded("the mean less the spread", lambda r: float(r.mean() - r.std())),
        ]
    )


def bursts(site: SimulatedSite, counts: tuple[int, int], random: np.random.Generator) -> list[Floats]:
    """Draw bursts of so many bona fide frames and so many of attacks, all of one person."""
    found = []
    for person in np.unique(site.person):
        kinds = [site.scores[(site.person == person) & (site.bona_fide == kind)] for kind in (True, False)]
        if all(own.size >= count for own, count in zip(kinds, counts, strict=True)):
            found += [
                np.concatenate(
                    [random.choice(k, c, replace=False) for k, c in zip(kinds, counts, strict=True)]
                )
                for _ in range(DRAWS)
            ]
    return found


def of_other_kinds(sites: Sequence[Site], kinds: Sequence[str]) -> dict[str, list[SimulatedSite]]:
    """Return for each kind of attack the sites of the half of all kinds that it is not among."""
    halves = [[site.scored for site in sites if site.kind in half] for half in (kinds[::2], kinds[1::2])]
    return {kind: halves[1 - place % 2] for place, kind in enumerate(kinds)}


def by_half(
    others: Mapping[str, list[SimulatedSite]], fit: Callable[[list[SimulatedSite]], R]
) -> dict[str, R]:
    """Fit once on each half, and return for each kind what was fitted without it."""
    fitted: dict[int, R] = {}
    for sites in others.values():
        if id(sites) not in fitted:
            fitted[id(sites)] = fit(sites)
    return {kind: fitted[id(sites)] for kind, sites in others.items()}


def applied(
    fit: Callable[[Sequence[SimulatedSite], float], R], at: float, sites: Sequence[SimulatedSite]
) -> R:
    """Fit on sites, at that threshold."""
    return fit(sites, at)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser)
    arguments = parser.parse_args()
    console = Console(width=120)
    threshold = default_threshold(antispoof.load(arguments.bundle).bundle.metadata)
    fit, judge = simulated_sites(arguments)
    others = of_other_kinds(fit, list(dict.fromkeys(site.kind for site in fit)))
    plain = [
        ((site.scored.scores >= threshold) != site.scored.bona_fide, site.scored.bona_fide) for site in judge
    ]
    alone = float(np.mean([(w[b].mean() + w[~b].mean()) / 2 for w, b in plain]))
    console.print(f"one picture at {threshold:.2f}: {100 * alone:.2f} % of {len(judge)} simulated sites")

    table = Table("references", *(f"{known}" for known in KNOWN))
    for name, fitted in REFERENCES.items():
        rules = by_half(others, partial(applied, fitted, threshold))
        errors = [
            [reference_errors(s.scored, rules[s.kind], threshold, k, n) for n, s in enumerate(judge)]
            for k in KNOWN
        ]
        table.add_row(name, *(f"{100 * np.mean(row):.2f}" for row in errors))
    console.print(table)

    table = Table("traffic", *(f"{share:.0%} attacks" for share in SHARES))
    for name, learn in TRAFFIC.items():
        learned = by_half(others, partial(applied, learn, threshold))
        errors = [
            [traffic_errors(s.scored, learned[s.kind], threshold, share, n) for n, s in enumerate(judge)]
            for share in SHARES
        ]
        table.add_row(name, *(f"{100 * np.mean(row):.2f}" for row in errors))
    console.print(table)

    table = Table(
        f"{FRAMES} frames, at most", "people turned away", "3 + 2 pass", "4 + 1 pass", "attacks pass"
    )
    rule = fit_pooling([site.scored for site in fit])
    for name, pool in with_slack(rule, [site.scored for site in fit]).items():
        random = np.random.default_rng(1)
        shares = []
        for counts in ((5, 0), (3, 2), (4, 1), (0, 5)):
            passed = [pool(burst) >= threshold for s in judge for burst in bursts(s.scored, counts, random)]
            shares.append(float(np.mean(passed)))
        shares[0] = 1 - shares[0]
        table.add_row(name, *(f"{100 * share:.1f}" for share in shares))
    console.print(table)


if __name__ == "__main__":
    main()
