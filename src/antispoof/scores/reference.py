"""How earlier bona fide captures of the same person and device move the threshold of the next one.

A camera shifts all its scores, so what scored low when it was surely bona fide may score low again; one such
score says less of that than several do. And a live capture differs from an earlier one in pose, an attack in
tone: how far a sample lies from the nearest reference, along the directions in which attacks of a site differ
from its people, tells more than its score.
How far is far, the references tell by how far they lie from each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError
from antispoof.scores.location import typical_score
from antispoof.scores.logistic import fit_logistic

if TYPE_CHECKING:
    from antispoof.scores.simulated_site import SimulatedSite

__all__ = ["LOWERED_AT_MOST", "ReferenceRule", "fit_reference", "unfitted_reference"]

LOWERED_AT_MOST = 1.0
DIRECTIONS = 10
RIDGE = 1.0  # on the variance within a person, in units of the variance of all captures
SIZES = (1, 3, 5)  # references of the sample's person, on which the rule is fitted
SITE_SIZES = (10, 20)  # references of anybody at the site
NEAREST = 0.1  # added to distances: the very same picture again is not infinitely near
USUAL = 0.75  # quantile of the distances between references: some may have been taken one after the other
PRIOR_AT_MOST = 100  # references that what people score anywhere counts as, where sites hardly differ
DOUBT = 2  # references after the first count as little as they are fewer than this
COMPARED = 64  # references whose distance to the others is taken
# Real captures are not rendered ones. People move more, or less, at every site: by a factor of their own
# (natural-log standard deviation), most of which references that differ from each other show. And attacks
# come nearer to the people of their site: their features differ by a share of what simulated ones do.
DISTANCE_SPREAD = 1.0
KNOWN_SPREAD = 0.8
LEAST_DIFFERENCE = 0.7
ROUNDS = 2  # of such factors, drawn for every simulated site
PENALTY = 1e-2

Number = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ReferenceRule(BaseModel):
    """By how much references move the threshold, for the next sample alone.

    It is ``follow * typical + offset + per_distance * excess + known * (known_offset + per_known * excess)``.

    ``typical`` is the typical score of the references, drawn towards ``centre`` as if ``prior_references`` of
    that score had come before them. ``known`` grows from 0 with one reference towards 1 with many, and
    ``excess`` is the natural log of the distance to the nearest less what is ``usual``: here, as far as that
    is known, and else in simulation. The threshold never comes to lie more than ``lowest`` below the one
    without references, whatever they are; it may rise by any amount.

    Attributes:
        follow: how far the threshold follows the references' score, 0 to 1.
        per_distance: by how much it rises with each unit of the excess.
        offset: natural-log likelihood ratio.
        per_known: by how much more it rises where the usual distance is known.
        known_offset: what is added to ``offset`` there.
        centre: mean score of people over simulated sites.
        prior_references: as how many references the centre counts; with 0 it has no say.
        usual: natural log of the usual distance in simulation; None where distances are taken as they are.
        directions: (F, D), what features are multiplied by before distances are taken; empty where the rule
            looks at scores alone.
        lowest: by how much references lower a threshold at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    follow: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    per_distance: Weight
    offset: Number
    per_known: Weight = 0
    known_offset: Number = 0
    centre: Number = 0
    prior_references: Weight = 0
    usual: Number | None = None
    directions: list[list[Number]] = []
    lowest: Weight = LOWERED_AT_MOST

    def tone(self, features: ArrayLike | None) -> NDArray[np.float64]:
        """Return features (…, F) along the directions, (…, D); D is 0 where the rule looks at none.

        Raises:
            InputError: there are not as many features as the rule was fitted on.
        """
        given = np.zeros(0) if features is None else np.asarray(features, np.float64)
        if not self.directions:
            return np.zeros((*given.shape[:-1], 0))
        if given.shape[-1] != len(self.directions):
            raise InputError(
                f"the rule for references takes {len(self.directions)} features, got {given.shape[-1]}"
            )
        return np.asarray(given @ np.array(self.directions), np.float64)

    def threshold(self, scores: ArrayLike, tones: ArrayLike, tone: ArrayLike, without: float) -> float:
        """Return the threshold of one sample.

        Args:
            scores: (K,), of the references, K at least 1.
            tones: (K, D), of the references, see `tone`.
            tone: (D,), of the sample.
            without: the threshold without references.

        Returns:
            At least ``without - lowest``.

        Raises:
            InputError: there is no reference, or a number is not finite.
        """
        known = np.asarray(scores, np.float64).ravel()
        if not known.size or not np.isfinite(known).all():
            raise InputError(f"scores of references must be finite, at least one; got {known.tolist()}")
        typical = _shrunk(typical_score(known), known.size, self.centre, self.prior_references)
        moved = self.follow * typical + self.offset
        if self.directions:
            own = np.asarray(tones, np.float64)
            excess = float(_log_distance(own - np.asarray(tone, np.float64)).min())
            surely = 0.0
            if self.usual is not None:
                surely = _known(known.size)
                excess -= surely * _between(own) + (1 - surely) * self.usual
            moved += (self.per_distance + self.per_known * surely) * excess + self.known_offset * surely
        if not math.isfinite(moved):
            raise InputError("features of samples and references must be finite")
        return max(moved, without - self.lowest)


def unfitted_reference(typical: float, threshold: float) -> ReferenceRule:
    """Return the rule for bundles that state none: it only raises thresholds, by a third of the way.

    Args:
        typical: score of bona fide presentations where the threshold was set.
        threshold: of the default operating point.
    """
    return ReferenceRule(follow=1 / 3, per_distance=0, offset=threshold - typical / 3, lowest=0)


def fit_reference(sites: Sequence[SimulatedSite], seed: int = 0) -> ReferenceRule:
    """Fit the rule on simulated sites: directions by discriminant analysis, weights by logistic regression.

    Args:
        sites: with both classes, at least two bona fide captures of every person.
        seed: draws the references.

    Raises:
        InputError: a class is missing, or there are no two captures of a person.

    References:
        S. Searle, G. Casella, C. McCulloch, "Variance Components", 1992 (prediction of a site's shift).
        S. Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006 (shift against spread within a
        person).
    """
    sites = [site for site in sites if site.bona_fide.any() and not site.bona_fide.all()]
    directions = _directions(sites)
    tones = [site.features @ directions for site in sites]
    usual = _usual(sites, tones)
    centre, prior = _prior(sites)
    random = np.random.default_rng(seed)
    rows = [
        row
        for _ in range(ROUNDS)
        for site, tone in zip(sites, tones, strict=True)
        for row in _rows(site, tone, usual, (centre, prior), random)
    ]
    label = np.array([bona_fide for _, bona_fide in rows], np.bool_)
    if label.all() or not label.any():
        raise InputError("fit_reference needs sites with attacks and two bona fide captures of a person")
    weight, bias = fit_logistic(
        np.array([row for row, _ in rows]),
        label,
        nonnegative=np.array([True, True, True, True, False]),
        ridge=PENALTY,
    )
    whole = max(float(weight[0] + weight[1]), 1e-9)
    follow, per_distance, per_known, known_offset = (weight[1:] / whole).tolist()
    return ReferenceRule(
        follow=follow,
        per_distance=per_distance,
        offset=-bias / whole,
        per_known=per_known,
        known_offset=-known_offset,
        centre=centre,
        prior_references=prior,
        usual=usual,
        directions=[[float(f"{value:.5g}") for value in row] for row in directions.tolist()],
    )


def _usual(sites: Sequence[SimulatedSite], tones: Sequence[NDArray[np.float64]]) -> float:
    """Return how far captures of one person usually lie apart, natural log; 0 where nobody has several."""
    people = [
        tone[own]
        for site, tone in zip(sites, tones, strict=True)
        for person in np.unique(site.person)
        if (own := site.bona_fide & (site.person == person)).sum() > 1
    ]
    return float(np.mean([_between(own) for own in people])) if people else 0.0


def _prior(sites: Sequence[SimulatedSite]) -> tuple[float, float]:
    """Return what people score over all sites, and as how many captures of a site that counts.

    As many as the variance of captures of one site, people and takes, is of the variance of sites (nested
    analysis of variance).
    """
    people = [
        [site.scores[site.bona_fide & (site.person == one)] for one in np.unique(site.person[site.bona_fide])]
        for site in sites
    ]
    means = [np.array([own.mean() for own in site]) for site in people]
    centre = np.array([own.mean() for own in means])
    several = [own for site in people for own in site if own.size > 1]
    takes = float(np.mean([own.var(ddof=1) * (1 - 1 / own.size) for own in several])) if several else 0.0
    persons = [own for own in means if own.size > 1]
    within = takes + (float(np.mean([own.var(ddof=1) for own in persons])) if persons else 0.0)
    chance = float(np.mean([own.var(ddof=1) / own.size for own in persons])) if persons else 0.0
    between = float(centre.var(ddof=1)) - chance if centre.size > 1 else 0.0
    return float(centre.mean()), within / max(between, within / PRIOR_AT_MOST) if within else 0.0


def _shrunk(typical: float, count: int, centre: float, prior: float) -> float:
    """Estimate where a site lies from the typical score of so many captures, and where sites lie."""
    return (count * typical + prior * centre) / (count + prior)


def _rows(
    site: SimulatedSite,
    tone: NDArray[np.float64],
    usual: float,
    shrinkage: tuple[float, float],
    random: np.random.Generator,
) -> Iterator[tuple[tuple[float, ...], bool]]:
    """Hold every capture of a site against references drawn from it, as if it were a real one."""
    tone, attack = tone.copy(), ~site.bona_fide
    difference = tone[attack].mean(axis=0) - tone[~attack].mean(axis=0)
    tone[attack] -= random.uniform(0, 1 - LEAST_DIFFERENCE) * difference
    unknown, ever = DISTANCE_SPREAD * random.standard_normal(), KNOWN_SPREAD * random.standard_normal()
    for index, (score, bona_fide) in enumerate(
        zip(site.scores.tolist(), site.bona_fide.tolist(), strict=True)
    ):
        others = site.bona_fide.copy()
        others[index] = False
        same = np.flatnonzero(others & (site.person == site.person[index]))
        drawn = [random.permutation(same)[:size] for size in SIZES if same.size]
        if same.size:
            drawn += [random.permutation(np.flatnonzero(others))[:size] for size in SITE_SIZES]
        for chosen in drawn:
            known = _known(chosen.size)
            excess = float(_log_distance(tone[chosen] - tone[index]).min())
            excess -= known * _between(tone[chosen]) + (1 - known) * usual
            excess += (1 - known) * unknown + ever
            typical = _shrunk(typical_score(site.scores[chosen]), chosen.size, *shrinkage)
            yield (score, score - typical, -excess, -excess * known, known), bona_fide


def _directions(sites: Sequence[SimulatedSite]) -> NDArray[np.float64]:
    """Find in which directions attacks differ most from the people of their site, (F, D).

    They are scaled so that captures of one person at one site have about unit mean square distance.
    """
    if not sites:
        raise InputError("fit_reference needs sites with attacks and two bona fide captures of a person")
    spread: Any = np.concatenate([site.features for site in sites]).std(axis=0, dtype=np.float64)
    spread = np.where(spread > 1e-9, spread, np.inf)  # what never varies says nothing
    shifts, within, freedom = [], np.zeros((spread.size, spread.size)), 0
    for site in sites:
        features = site.features / spread
        shifts.append(features[~site.bona_fide].mean(axis=0) - features[site.bona_fide].mean(axis=0))
        for person in np.unique(site.person[site.bona_fide]):
            own = features[site.bona_fide & (site.person == person)]
            apart = own - own.mean(axis=0)
            within += apart.T @ apart
            freedom += len(own) - 1
    covariance = within / max(freedom, 1) + RIDGE * np.eye(spread.size)
    whitening = np.linalg.inv(np.linalg.cholesky(covariance)).T
    _, _, main = np.linalg.svd(np.array(shifts) @ whitening, full_matrices=False)
    found = whitening @ main[:DIRECTIONS].T / spread[:, None]
    return np.asarray(found / math.sqrt(found.shape[1]), np.float64)


def _known(count: int) -> float:
    """Tell how far so many references show what is usual, 0 to 1."""
    return (count - 1) / (count - 1 + DOUBT)


def _between(tones: NDArray[np.float64]) -> float:
    """Return how far each of (K, D) lies from the one nearest to it, natural log; 0 for one alone."""
    count = len(tones)
    if count < 2:
        return 0.0
    some = np.arange(0, count, -(-count // COMPARED))
    apart = _log_distance(tones[some, None] - tones)
    apart[np.arange(some.size), some] = np.inf
    return float(np.quantile(apart.min(axis=1), USUAL))


def _log_distance(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural log of the length of each (…, D)."""
    return np.asarray(np.log(np.linalg.norm(gap, axis=-1) + NEAREST), np.float64)
