"""How the ratios of several frames of one presentation become one.

Frames of a presentation share person, light, camera and instrument, so their ratios must not simply be added:
``n`` of them are worth ``n / (1 + (n - 1) correlation)`` independent ones. What is asked of the rule besides:
no frame that becomes better makes the whole worse, and a minority of good frames vouches for nothing. Nor
does a majority vouch for all where the others lie farther below it than frames of one capture do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from antispoof.errors import InputError
from antispoof.scores.calibration import Calibration, fit_calibration
from antispoof.scores.logistic import balanced_weights, sigmoid

if TYPE_CHECKING:
    from antispoof.scores.simulated_site import SimulatedSite

__all__ = ["UNFITTED", "Pooling", "fit_pooling"]

SIZES = (2, 3, 5, 8)  # frames a presentation, on which the rule is fitted
DRAWS = 8  # of each size, from each presentation
SHARES = np.linspace(0, 1, 11)
RIDGE = 1e-3  # on gain and offset: they stay near 0 where simulation says nothing
STEPS = 50
QUARTERED = 5  # frames: of fewer the lower quarter is one that may have blinked
USUAL = 0.99  # of simulated presentations of people, whose lower quarter is no farther below the whole
SLACK = 0.5  # for bundles that do not say it; with face-rgb 120 simulated sites come to 0.29

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Pooling(BaseModel):
    """``level + (effective - 1) * (gain * level + offset)``, and never more than the lower median, nor, of
    five frames or more, than their lower quartile and the ``slack``.

    ``level`` lies between the mean of all ratios and the mean of their lower half; ``effective`` is as how
    many independent frames they count. One frame keeps its ratio. Against a person evidence adds up, for one
    it does not: the bound keeps a rule that was learned on simulation from making up a pass.

    Attributes:
        correlation: of two frames of one presentation, within their class: 1 where a second frame tells
            nothing that the first does not, 0 where they are independent.
        low_share: where the level lies: 0 at the mean, 1 at the mean of the lower half.
        gain: how much of each further independent frame's evidence counts.
        offset: natural-log likelihood ratio that each of them adds; never for a person.
        slack: how far the whole lies above the lower quartile of five frames or more, at most.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    correlation: Share
    low_share: Share
    gain: Share
    offset: Annotated[float, Field(le=0, allow_inf_nan=False)]
    slack: Annotated[float, Field(ge=0, allow_inf_nan=False)] = SLACK

    def effective(self, frames: int) -> float:
        """Tell as how many independent ones that many frames of one presentation count."""
        return frames / (1 + (frames - 1) * self.correlation)

    def __call__(self, ratios: ArrayLike) -> float:
        """Pool the frames of one presentation.

        Args:
            ratios: (N,), natural-log likelihood ratios, N at least 1; their order does not matter.

        Returns:
            One natural-log likelihood ratio. It never falls where a ratio rises, and is at most the lower
            median: where half of the frames lie below a threshold, so does it.

        Raises:
            InputError: there is no frame, or a ratio is not a finite number.
        """
        ordered = np.sort(np.asarray(ratios, np.float64).ravel())
        if not ordered.size or not np.isfinite(ordered).all():
            raise InputError(f"ratios must be finite numbers, at least one; got {ordered.tolist()}")
        further = self.effective(ordered.size) - 1
        level = float(_levels(ordered[None], np.array([self.low_share]))[0, 0])
        pooled = level + further * (self.gain * level + self.offset)
        pooled = min(pooled, float(ordered[(ordered.size - 1) // 2]))
        if ordered.size < QUARTERED:
            return pooled
        return min(pooled, float(ordered[(ordered.size - 1) // 4]) + self.slack)


UNFITTED = Pooling.model_construct(correlation=1.0, low_share=0.5, gain=0.0, offset=0.0)
"""For bundles that state no rule: several frames are worth no more than one, and the lower weigh more."""


class _Draws(NamedTuple):
    """Presentations of n frames: ordered ratios (P, n), and which are bona fide (P,)."""

    ordered: NDArray[np.float64]
    bona_fide: NDArray[np.bool_]


def fit_pooling(sites: Sequence[SimulatedSite], seed: int = 0) -> Pooling:
    """Fit the rule on simulated sites: the correlation by analysis of variance, the rest by Cllr.

    What is wrong with the calibration of single frames at these sites is set right first, so that the rule
    does not make up for it.

    Args:
        sites: with both classes, and some presentations of two frames or more.
        seed: draws the frames.

    Raises:
        InputError: there are too few presentations of several frames, or a class is missing.

    References:
        L. Kish, "Survey Sampling", 1965 (effective sample size of clusters).
        R. Fisher, "Statistical Methods for Research Workers", 1925 (intraclass correlation).
    """
    presentations = [
        (site.scores[chosen], bool(bona_fide))
        for site in sites
        for bona_fide in (True, False)
        for person in np.unique(site.person)
        if (chosen := (site.person == person) & (site.bona_fide == bona_fide)).sum() > 1
    ]
    if len({bona_fide for _, bona_fide in presentations}) < 2:
        raise InputError("fit_pooling needs presentations of two frames or more of both classes")
    single = _single(presentations)
    presentations = [(single.slope * scores + single.intercept, kind) for scores, kind in presentations]
    correlation = _correlation(presentations)
    random = np.random.default_rng(seed)
    draws = [found for size in SIZES if (found := _draw(presentations, size, random)) is not None]
    further = [n / (1 + (n - 1) * correlation) - 1 for n in (one.ordered.shape[1] for one in draws)]
    label = np.concatenate([one.bona_fide for one in draws])
    worth = np.concatenate([np.full(len(one.bona_fide), w) for one, w in zip(draws, further, strict=True)])
    # every size weighs the same, and in each both classes do
    weight = np.concatenate([balanced_weights(one.bona_fide) for one in draws]) / len(draws)
    levels = np.concatenate([_levels(one.ordered, SHARES) for one in draws])
    middle = np.concatenate([one.ordered[:, (one.ordered.shape[1] - 1) // 2] for one in draws])
    sign = np.where(label, 1.0, -1.0)
    fitted = []
    for share, level in zip(SHARES.tolist(), levels.T, strict=True):
        gain, offset = _recalibrate(level, worth, label, weight)
        pooled = np.minimum(level + worth * (gain * level + offset), middle)
        loss = float(weight @ np.logaddexp(0, -sign * pooled))
        fitted.append((loss, Pooling(correlation=correlation, low_share=share, gain=gain, offset=offset)))
    rule = min(fitted, key=lambda one: one[0])[1]
    return rule.model_copy(update={"slack": _slack(rule, draws)})


def _slack(rule: Pooling, draws: Sequence[_Draws]) -> float:
    """Return how far people lie above the lower quartile of their frames, all but one in a hundred."""
    free = rule.model_copy(update={"slack": np.inf})
    above = [
        free(frames) - frames[(frames.size - 1) // 4]
        for one in draws
        if one.ordered.shape[1] >= QUARTERED
        for frames in one.ordered[one.bona_fide]
    ]
    return max(float(np.quantile(above, USUAL)), 0.0) if above else SLACK


def _single(presentations: Sequence[tuple[NDArray[np.float64], bool]]) -> Calibration:
    """Calibrate the ratios of single frames."""
    people, attacks = (
        np.concatenate([scores for scores, kind in presentations if kind == side]) for side in (True, False)
    )
    return fit_calibration(people, attacks, ridge=RIDGE)


def _draw(
    presentations: Sequence[tuple[NDArray[np.float64], bool]], size: int, random: np.random.Generator
) -> _Draws | None:
    """Draw so many frames from each presentation that has them; None where a class then lacks."""
    enough = [(scores, bona_fide) for scores, bona_fide in presentations if scores.size >= size]
    if len({bona_fide for _, bona_fide in enough}) < 2:
        return None
    drawn = [random.choice(scores, size, replace=False) for scores, _ in enough for _ in range(DRAWS)]
    return _Draws(np.sort(drawn), np.repeat([bona_fide for _, bona_fide in enough], DRAWS))


def _levels(ordered: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mix the mean of ordered ratios (P, n) with the mean of their lower half: (P, shares)."""
    low = ordered[:, : (ordered.shape[1] + 1) // 2].mean(axis=1, keepdims=True)
    return np.asarray((1 - shares) * ordered.mean(axis=1, keepdims=True) + shares * low, np.float64)


def _correlation(presentations: Sequence[tuple[NDArray[np.float64], bool]]) -> float:
    """Estimate the intraclass correlation of frames of a presentation, both classes together, 0 to 1."""
    within = between = shared = 0.0
    for kind in (True, False):
        groups = [scores for scores, bona_fide in presentations if bona_fide == kind]
        sizes = np.array([group.size for group in groups], np.float64)
        grand = float(np.concatenate(groups).mean())
        mean_square = sum(float(((group - group.mean()) ** 2).sum()) for group in groups) / (
            sizes.sum() - len(groups)
        )
        within += mean_square / 2
        if len(groups) < 2:
            continue
        typical = (sizes.sum() - (sizes**2).sum() / sizes.sum()) / (len(groups) - 1)
        spread = float(sizes @ np.array([(group.mean() - grand) ** 2 for group in groups]))
        between = (spread / (len(groups) - 1) - mean_square) / typical
        shared += max(between, 0.0) / 2
    return shared / (shared + within) if shared + within > 0 else 1.0


def _recalibrate(
    level: NDArray[np.float64],
    worth: NDArray[np.float64],
    label: NDArray[np.bool_],
    weight: NDArray[np.float64],
) -> tuple[float, float]:
    """Fit gain, 0 to 1, and offset, at most 0, of ``level + worth * (gain * level + offset)``."""
    design = np.column_stack([worth * level, worth])
    sign = np.where(label, 1.0, -1.0)
    theta = np.zeros(2)
    bounds = np.array([[0.0, -np.inf], [1.0, 0.0]])

    def loss(at: NDArray[np.float64]) -> float:
        return float(weight @ np.logaddexp(0, -sign * (level + design @ at)) + RIDGE * at @ at / 2)

    for _ in range(STEPS):
        odds = sigmoid(level + design @ theta)
        slope = design.T @ (weight * (odds - label)) + RIDGE * theta
        curve = design.T @ ((weight * odds * (1 - odds))[:, None] * design) + RIDGE * np.eye(2)
        # what its bound holds back is left where it is
        free = ~((theta <= bounds[0]) & (slope > 0) | (theta >= bounds[1]) & (slope < 0))
        step = np.zeros(2)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], slope[free])
        rate = 1.0
        while rate > 1e-8 and loss(np.clip(theta - rate * step, *bounds)) > loss(theta):
            rate /= 2
        moved = np.clip(theta - rate * step, *bounds)
        done = rate <= 1e-8 or float(np.abs(moved - theta).max()) < 1e-10
        theta = moved if rate > 1e-8 else theta
        if done:
            break
    return float(theta[0]), float(theta[1])
