"""How unlabelled scores of a site move its threshold: from the shape of the mixture, attacks among it or not.

The rule reads a high quantile of all scores. With no more than two fifths attacks among them, wherever those
lie, the four-fifths quantile is at least the two-thirds quantile of the people, so a burst of attacks never
takes the threshold below what the people alone call for; how far it can drive it up is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError
from antispoof.scores.simulated_site import SimulatedSite

__all__ = ["ATTACK_LIMIT", "LEAST_SCORES", "TrafficRule", "fit_traffic", "unfitted_traffic"]

ATTACK_LIMIT = 0.4
LEVEL = 0.8
LEAST_SCORES = 100
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
FOLLOWED = np.linspace(0, 1, 11)
MARGINS = np.arange(0, 8, 0.05)

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class TrafficRule(BaseModel):
    """``shift = follow * (quantile - margin - threshold)``, kept between ``-lowest`` and ``highest``.

    Attributes:
        follow: how far the threshold follows the site, 0 to 1.
        margin: between the four-fifths quantile of all scores and the threshold.
        lowest: by how much traffic lowers a threshold at most.
        highest: by how much it raises one at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    follow: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
    margin: Annotated[float, Field(allow_inf_nan=False)]
    lowest: Weight = 1.0
    highest: Weight = 1.5

    def shift(self, scores: ArrayLike, threshold: float) -> float:
        """Tell by how much a threshold should move.

        Args:
            scores: (N,), of a site's presentations, at least 100, at most two fifths of them attacks.
            threshold: as the bundle ships it.

        Raises:
            InputError: the scores are too few, not finite, or all the same.
        """
        found = np.asarray(scores, np.float64).ravel()
        if not np.isfinite(found).all():
            bad = int((~np.isfinite(found)).sum())
            raise InputError(f"{bad} of {found.size} scores are no finite numbers")
        if found.size < LEAST_SCORES:
            raise InputError(
                f"{found.size} scores are too few to see their shape: at least {LEAST_SCORES} are needed"
            )
        if np.ptp(found) == 0:
            raise InputError(
                f"all {found.size} scores are {found[0]:g}: they are not scores of different presentations"
            )
        # an order statistic, not a mix of two: what holds for shares of people then holds for it exactly
        return self._moved(float(np.quantile(found, LEVEL, method="higher")), threshold)

    def called_for(self, people: ArrayLike, threshold: float) -> float:
        """Tell what people alone call for, the least that traffic with attacks among it comes to.

        Args:
            people: (N,), scores of bona fide presentations alone.
            threshold: as the bundle ships it.
        """
        level = (LEVEL - ATTACK_LIMIT) / (1 - ATTACK_LIMIT)
        quantile = np.quantile(np.asarray(people, np.float64), level, method="lower")
        return self._moved(float(quantile), threshold)

    def _moved(self, quantile: float, threshold: float) -> float:
        return float(np.clip(self.follow * (quantile - self.margin - threshold), -self.lowest, self.highest))


def unfitted_traffic(typical: float, threshold: float) -> TrafficRule:
    """Return the rule for bundles that state none: it only raises thresholds, by half of the way.

    Args:
        typical: score of bona fide presentations where the threshold was set.
        threshold: of the default operating point.
    """
    return TrafficRule(follow=0.5, margin=typical - threshold, lowest=0)


def fit_traffic(sites: Sequence[SimulatedSite], threshold: float) -> TrafficRule:
    """Choose how far to follow and the margin: the least mean error over simulated sites, 0 to 40 % attacks.

    Args:
        sites: with both classes.
        threshold: that is to be moved.

    Raises:
        InputError: no site has both classes.
    """
    errors = np.zeros((FOLLOWED.size, MARGINS.size))
    count = 0
    for site in sites:
        people, attacks = np.sort(site.scores[site.bona_fide]), np.sort(site.scores[~site.bona_fide])
        if not people.size or not attacks.size:
            continue
        count += 1
        for share in SHARES:
            quantile = _quantile(people, attacks, share)
            moved = threshold + FOLLOWED[:, None] * (quantile - MARGINS - threshold)
            errors += np.searchsorted(people, moved, side="left") / people.size
            errors += 1 - np.searchsorted(attacks, moved, side="left") / attacks.size
    if not count:
        raise InputError("fit_traffic needs sites with both classes")
    errors /= 2 * count * len(SHARES)
    best = errors.min(axis=1)
    # Following further than it pays is a risk: the least that costs no more than a thousandth.
    row = int(np.flatnonzero(best <= best.min() + 1e-3)[0])
    least = np.flatnonzero(errors[row] <= best[row] + 1e-9)
    return TrafficRule(follow=float(FOLLOWED[row]), margin=float(MARGINS[least].mean()))


def _quantile(people: NDArray[np.float64], attacks: NDArray[np.float64], share: float) -> float:
    """Return the quantile of a mixture with that share of attacks."""
    values = np.concatenate([people, attacks])
    weights = np.repeat([(1 - share) / people.size, share / attacks.size], [people.size, attacks.size])
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), LEVEL - 1e-9)])
