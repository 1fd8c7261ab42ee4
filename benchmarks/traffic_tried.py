"""Ways to move a threshold by unlabelled scores of a site that were tried beside the one that ships."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from antispoof.scores.location import typical_score
from antispoof.scores.simulated_site import SimulatedSite
from antispoof.scores.traffic import ATTACK_LIMIT, RAISED_AT_MOST, fit_traffic

Floats = NDArray[np.float64]
Traffic = Callable[[Floats, float], float]
"""Scores and the threshold → by how much it moves: never down, and by no more than 1.5."""

LEVELS = np.linspace(0.5, 0.98, 25)
WORTH = 12.0
PLACES = np.arange(-3, 6, 0.1)
SHARES = np.linspace(0, ATTACK_LIMIT, 5)


def _bounded(moved: float) -> float:
    return float(np.clip(moved, 0, RAISED_AT_MOST))


def _classes(site: SimulatedSite) -> tuple[Floats, Floats]:
    return np.sort(site.scores[site.bona_fide]), np.sort(site.scores[~site.bona_fide])


def ships(sites: Sequence[SimulatedSite], threshold: float) -> Traffic:
    """The median of all scores."""
    rule = fit_traffic(sites, threshold)
    return lambda scores, at: rule.shift(scores, at)


def mixture(sites: Sequence[SimulatedSite], _threshold: float) -> Traffic:
    """Two classes of simulated shapes, at unknown places and shares: the least error expected.

    Scores of one site hang together, so all of them are worth ``WORTH`` independent ones.
    """
    people = np.concatenate([p - typical_score(p) for p, _ in map(_classes, sites)])
    attacks = np.concatenate([a - typical_score(a) for _, a in map(_classes, sites)])
    places = np.array([[typical_score(own) for own in _classes(site)] for site in sites])
    mean, covariance = places.mean(axis=0), np.cov(places.T)
    grid = np.stack(np.meshgrid(PLACES, PLACES, indexing="ij"), axis=-1)
    apart = grid - mean
    prior = -0.5 * np.einsum("...i,ij,...j", apart, np.linalg.inv(covariance), apart)
    prior[grid[..., 0] <= grid[..., 1]] = -np.inf
    bins = np.arange(-12, 12.01, 0.1)
    shapes = [np.histogram(own, bins)[0] + 1e-3 for own in (people, attacks)]
    middles = (bins[1:] + bins[:-1]) / 2
    densities = [
        np.stack(
            [
                np.interp(middles - place, middles, shape / shape.sum(), left=1e-6, right=1e-6)
                for place in PLACES
            ]
        )
        for shape in (np.convolve(one, np.ones(5) / 5, "same") for one in shapes)
    ]
    moves = np.arange(0, RAISED_AT_MOST + 0.01, 0.05)

    def rule(scores: Floats, at: float) -> float:
        seen = np.histogram(np.clip(scores, -11.9, 11.9), bins)[0] / scores.size
        weights = np.zeros_like(prior)
        logs = []
        for share in SHARES:
            mixed = (1 - share) * densities[0][:, None] + share * densities[1][None]
            logs.append(prior + WORTH * np.log(mixed) @ seen)
        top = max(float(one.max()) for one in logs)
        weights = sum((np.exp(one - top) for one in logs), weights)
        weights /= weights.sum()
        own, other = weights.sum(axis=1), weights.sum(axis=0)
        errors = [
            own @ [np.mean(people < at + move - place) for place in PLACES]
            + other @ [np.mean(attacks >= at + move - place) for place in PLACES]
            for move in moves
        ]
        return _bounded(float(moves[int(np.argmin(errors))]))

    return rule


def upper_half(sites: Sequence[SimulatedSite], threshold: float) -> Traffic:
    """People from the upper half alone, as attacks lie below: a line through high quantiles.

    The quantiles of a site's mixture, 0 to 40 % of it attacks, tell where the best threshold lies.
    """
    levels = (0.5, 0.6, 0.7, 0.8, 0.9)
    rows, best = [], []
    for people, attacks in map(_classes, sites):
        places = np.sort(np.concatenate([people, attacks]))
        errors = (
            np.searchsorted(people, places) / people.size
            + 1
            - np.searchsorted(attacks, places) / attacks.size
        )
        wanted = float(places[errors <= errors.min() + 1e-9].mean())
        for share in SHARES:
            values = np.concatenate([people, attacks])
            weights = np.repeat(
                [(1 - share) / people.size, share / attacks.size], [people.size, attacks.size]
            )
            order = np.argsort(values)
            rows.append([*np.interp(levels, np.cumsum(weights[order]), values[order]), 1.0])
            best.append(wanted)
    table, target = np.array(rows), np.array(best)
    ridge = np.diag([1.0] * len(levels) + [0.0]) * 0.01 * len(table)
    slope = np.linalg.solve(table.T @ table + ridge, table.T @ target)
    found = [
        (
            float(
                np.mean([error(site, share, slope, follow, threshold) for site in sites for share in SHARES])
            ),
            follow,
        )
        for follow in np.linspace(0, 1, 11)
    ]
    follow = min(found)[1]
    return lambda scores, at: _bounded(
        follow * (float(np.append(np.quantile(scores, levels), 1.0) @ slope) - at)
    )


def error(site: SimulatedSite, share: float, slope: Floats, follow: float, threshold: float) -> float:
    """Half total error of a site where the threshold follows a line through quantiles of its traffic."""
    people, attacks = _classes(site)
    count = round(300 * share)
    random = np.random.default_rng(0)
    scores = np.concatenate([random.choice(people, 300 - count), random.choice(attacks, count)])
    moved = threshold + _bounded(
        follow * (float(np.append(np.quantile(scores, (0.5, 0.6, 0.7, 0.8, 0.9)), 1.0) @ slope) - threshold)
    )
    return float((people < moved).mean() + (attacks >= moved).mean()) / 2


TRAFFIC: Mapping[str, Callable[[Sequence[SimulatedSite], float], Traffic]] = {
    "nothing moves": lambda _, __: lambda _, __: 0.0,
    "as it ships: the median": ships,
    "a mixture of simulated shapes": mixture,
    "high quantiles": upper_half,
}
