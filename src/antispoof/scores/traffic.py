"""How unlabelled scores of a site move its threshold: from the shape of the mixture, attacks among it or not.

The threshold rises with the median of all scores, by a bounded amount. It falls only where somebody who
answers for the site lets it, and where a high quantile calls for it too: with no more than two fifths attacks
among them, wherever those lie, the four-fifths quantile is at least the two-thirds quantile of the people, so
that even then a burst of attacks never takes it below what the people alone call for.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError

if TYPE_CHECKING:
    from antispoof.scores.simulated_site import SimulatedSite

__all__ = ["ATTACK_LIMIT", "LEAST_SCORES", "TrafficRule", "fit_traffic", "unfitted_traffic"]

ATTACK_LIMIT = 0.4
LEVEL = 0.8
MIDDLE = 0.5  # of quantiles from 0.5 to 0.8 the one that errs least on simulation
LOWERED_AT_MOST, RAISED_AT_MOST = 1.0, 1.5
LEAST_SCORES = 100
LARGEST_LOG = math.log(sys.float_info.max)  # the ratio itself is no number beyond it
LEAST_DIFFERENT = 5  # of them: decisions, and one file handed in again and again, have no shape
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
FOLLOWED = np.linspace(0, 1, 11)
TOLERANCE = 1e-3
MARGINS = np.arange(0, 8, 0.05)

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TrafficRule(BaseModel):
    """By how much traffic moves a threshold, at most to ``highest`` above the shipped one.

    It rises by ``follow * (median - raise_margin - threshold)``, and falls by no more than
    ``follow * (quantile - margin - threshold)`` and ``lowest``, where it may fall and both are below 0.

    Attributes:
        follow: how far the threshold follows the site, 0 to 1.
        margin: between the four-fifths quantile of all scores and the threshold.
        raise_margin: between their median and the threshold; None where the quantile alone moves it.
        lowest: by how much traffic lowers a threshold at most.
        highest: by how much it raises one at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    follow: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    margin: Annotated[float, Field(allow_inf_nan=False)]
    raise_margin: Annotated[float, Field(allow_inf_nan=False)] | None = None
    lowest: Weight = LOWERED_AT_MOST
    highest: Weight = RAISED_AT_MOST

    def shift(self, scores: ArrayLike, threshold: float, at_least: float = 0.0) -> float:
        """Tell by how much a threshold should move.

        Args:
            scores: (N,), of a site's presentations, at least 100, at most two fifths of them attacks.
            threshold: as the bundle ships it.
            at_least: the move that is in force, from which nothing is taken back, whoever sends the traffic;
                minus infinity lets the threshold fall.

        Raises:
            InputError: the scores are too few, no logs of ratios, or nearly all the same.
        """
        found = np.asarray(scores, np.float64).ravel()
        if not np.isfinite(found).all():
            bad = int((~np.isfinite(found)).sum())
            raise InputError(f"{bad} of {found.size} scores are no finite numbers")
        if (beyond := found[np.abs(found) > LARGEST_LOG]).size:
            raise InputError(
                f"{beyond.size} of {found.size} scores, such as {beyond[0]:g}, lie beyond "
                f"±{int(LARGEST_LOG)}, and no ratio has such a natural log: this rule takes natural-log "
                "likelihood ratios, the column score of antispoof check --csv"
            )
        if found.size < LEAST_SCORES:
            raise InputError(
                f"{found.size} scores are too few to see their shape: at least {LEAST_SCORES} are needed"
            )
        if (different := np.unique(np.round(found, 6)).size) < LEAST_DIFFERENT:
            alike = f"are {found[0]:g}" if different == 1 else f"are of {different} different numbers only"
            raise InputError(
                f"all {found.size} scores {alike}: they are not scores of different presentations"
            )
        # order statistics, not mixes of two: what holds for shares of people then holds for them exactly
        high, middle = np.quantile(found, (LEVEL, MIDDLE), method="higher").tolist()
        return max(self._moved(high, middle, threshold), at_least)

    def called_for(self, people: ArrayLike, threshold: float) -> float:
        """Tell what people alone call for, the least that traffic comes to where it may lower a threshold.

        Args:
            people: (N,), scores of bona fide presentations alone.
            threshold: as the bundle ships it.
        """
        level = (LEVEL - ATTACK_LIMIT) / (1 - ATTACK_LIMIT)
        quantile = np.quantile(np.asarray(people, np.float64), level, method="lower")
        return self._moved(float(quantile), -np.inf, threshold)

    def _moved(self, high: float, middle: float, threshold: float) -> float:
        moved = self.follow * (high - self.margin - threshold)
        if self.raise_margin is not None:
            moved = max(min(moved, 0.0), self.follow * (middle - self.raise_margin - threshold))
        return float(np.clip(moved, -self.lowest, self.highest))


def unfitted_traffic(typical: float, threshold: float) -> TrafficRule:
    """Return the rule for bundles that state none: it only raises thresholds, by half of the way.

    Args:
        typical: score of bona fide presentations where the threshold was set.
        threshold: of the default operating point.
    """
    return TrafficRule(follow=0.5, margin=typical - threshold, lowest=0)


def fit_traffic(sites: Sequence[SimulatedSite], threshold: float) -> TrafficRule:
    """Choose how far to follow and the margins: the least mean error over simulated sites, 0 to 40 % attacks.

    Args:
        sites: with both classes.
        threshold: that is to be moved.

    Raises:
        InputError: no site has both classes.
    """
    rises, falls = np.zeros((FOLLOWED.size, MARGINS.size)), np.zeros(MARGINS.size)
    mixtures = [
        (people, attacks, _quantiles(people, attacks, share))
        for site in sites
        if (people := np.sort(site.scores[site.bona_fide])).size
        and (attacks := np.sort(site.scores[~site.bona_fide])).size
        for share in SHARES
    ]
    if not mixtures:
        raise InputError("fit_traffic needs sites with both classes")
    for people, attacks, (_, middle) in mixtures:
        moved = FOLLOWED[:, None] * (middle - MARGINS - threshold)
        rises += _errors(people, attacks, threshold, moved) / len(mixtures)
    best = rises.min(axis=1)
    # Following further than it pays is a risk: the least that costs no more than a thousandth.
    row = int(np.flatnonzero(best <= best.min() + TOLERANCE)[0])
    follow, raise_margin = float(FOLLOWED[row]), float(MARGINS[rises[row] <= best[row] + 1e-9].mean())
    for people, attacks, (high, middle) in mixtures:
        fallen = np.minimum(follow * (high - MARGINS - threshold), 0)
        moved = np.maximum(fallen, follow * (middle - raise_margin - threshold))
        falls += _errors(people, attacks, threshold, moved) / len(mixtures)
    # The smaller that margin, the less a burst can lower the threshold.
    margin = float(MARGINS[falls <= falls.min() + 1e-9].min())
    return TrafficRule(follow=follow, margin=margin, raise_margin=raise_margin)


def _errors(
    people: NDArray[np.float64], attacks: NDArray[np.float64], threshold: float, moved: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the half total errors of a site, of which scores are ordered, where the threshold moves so."""
    at = threshold + np.clip(moved, -LOWERED_AT_MOST, RAISED_AT_MOST)
    rejected = np.searchsorted(people, at, side="left") / people.size
    return np.asarray((rejected + 1 - np.searchsorted(attacks, at, side="left") / attacks.size) / 2)


def _quantiles(
    people: NDArray[np.float64], attacks: NDArray[np.float64], share: float
) -> tuple[float, float]:
    """Return the high quantile and the median of a mixture with that share of attacks."""
    values = np.concatenate([people, attacks])
    weights = np.repeat([(1 - share) / people.size, share / attacks.size], [people.size, attacks.size])
    order = np.argsort(values)
    upper = np.cumsum(weights[order])
    high, middle = (float(values[order][np.searchsorted(upper, level - 1e-9)]) for level in (LEVEL, MIDDLE))
    return high, middle
