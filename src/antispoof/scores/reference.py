"""How earlier bona fide captures of the same person and device move the threshold of the next one.

A camera shifts all its scores, so what scored low when it was surely bona fide may score low again. And a
live capture differs from an earlier one in pose, an attack in tone: how far a sample lies from the nearest
reference, along the directions in which attacks of a site differ from its people, tells more than its score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError
from antispoof.scores.location import typical_score
from antispoof.scores.logistic import fit_logistic
from antispoof.scores.simulated_site import SimulatedSite

__all__ = ["LOWERED_AT_MOST", "ReferenceRule", "fit_reference", "unfitted_reference"]

LOWERED_AT_MOST = 1.0
DIRECTIONS = 10
RIDGE = 1.0  # on the variance within a person, in units of the variance of all captures
SIZES = (1, 3, 5)  # references a sample, on which the rule is fitted
NEAREST = 0.1  # added to distances: the very same picture again is not infinitely near
# People at real sites move much more, or less, than at simulated ones. The rule is fitted with distances
# that are off by a factor of their own at every site (natural-log standard deviation): it trusts them less.
DISTANCE_SPREAD = 1.0
PENALTY = 1e-2

Number = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class ReferenceRule(BaseModel):
    """``threshold = follow * typical + per_distance * ln(distance) + offset``, for the next sample alone.

    ``typical`` is the typical score of the references. It never comes to lie more than ``lowest`` below the
    threshold without references, whatever they are; it may rise by any amount.

    Attributes:
        follow: how far the threshold follows the references' score, 0 to 1.
        per_distance: by how much it rises with each unit of the natural-log distance.
        offset: natural-log likelihood ratio.
        directions: (F, D), what features are multiplied by before distances are taken; empty where the rule
            looks at scores alone.
        lowest: by how much references lower a threshold at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    follow: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    per_distance: Weight
    offset: Number
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
        moved = self.follow * typical_score(known) + self.offset
        if self.directions:
            gap = np.asarray(tones, np.float64) - np.asarray(tone, np.float64)
            moved += self.per_distance * float(_log_distance(gap).min())
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
        S. Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006 (shift against spread within a
        person).
    """
    sites = [site for site in sites if site.bona_fide.any() and not site.bona_fide.all()]
    directions = _directions(sites)
    random = np.random.default_rng(seed)
    rows: list[tuple[float, float, float]] = []
    label: list[bool] = []
    for site in sites:
        tones = site.features @ directions
        off = DISTANCE_SPREAD * random.standard_normal()
        for index in range(site.scores.size):
            same = site.bona_fide & (site.person == site.person[index])
            same[index] = False
            others = np.flatnonzero(same)
            for size in SIZES if others.size else ():
                chosen = random.permutation(others)[:size]
                known = typical_score(site.scores[chosen])
                near = float(_log_distance(tones[chosen] - tones[index]).min()) + off
                rows.append((site.scores[index], site.scores[index] - known, -near))
                label.append(bool(site.bona_fide[index]))
    if len(set(label)) < 2:
        raise InputError("fit_reference needs sites with attacks and two bona fide captures of a person")
    design, nonnegative = np.array(rows), np.ones(3, np.bool_)
    weight, bias = fit_logistic(design, np.array(label), nonnegative=nonnegative, ridge=PENALTY)
    whole = max(float(weight[0] + weight[1]), 1e-9)
    return ReferenceRule(
        follow=float(weight[1]) / whole,
        per_distance=float(weight[2]) / whole,
        offset=-bias / whole,
        directions=[[float(f"{value:.5g}") for value in row] for row in directions.tolist()],
    )


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


def _log_distance(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the natural log of the length of each (…, D)."""
    return np.asarray(np.log(np.linalg.norm(gap, axis=-1) + NEAREST), np.float64)
