"""Pool adjacent violators: the best monotone map, smoothed into one without steps."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from antispoof.scores.calibration import Number, ScoreCalibration, calibrations
from antispoof.scores.pool_adjacent_violators import pool_adjacent_violators

__all__ = ["Isotonic"]

MOST_KNOTS = 200


@calibrations.register("isotonic")
class Isotonic(ScoreCalibration):
    """Straight lines between knots; beyond the outermost, a hundredth as steep as over the whole range.

    One attack above all scores and one bona fide below them keep the ratios finite, and stand for what a
    finite development set cannot exclude.

    References:
        B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability
        estimates", KDD 2002; N. Brümmer, "Measuring, refining and calibrating speaker and language
        information", PhD thesis, Stellenbosch 2010 (the two extra scores).
    """

    scores: tuple[Number, ...]
    llrs: tuple[Number, ...]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if not self.scores or len(self.scores) != len(self.llrs):
            raise ValueError("scores and llrs must be as many, and at least one")
        if any(np.diff(self.scores) <= 0) or any(np.diff(self.llrs) < 0):
            raise ValueError("scores must rise from knot to knot, and llrs may not fall")
        return self

    @classmethod
    def fit(
        cls,
        score: NDArray[np.float64],
        bona_fide: NDArray[np.bool_],
        quality: NDArray[np.float64] | None = None,  # noqa: ARG003 - the map has one argument
    ) -> Self:
        """Fit by pooling adjacent violators."""
        extended = np.concatenate((score, [score.min() - 1, score.max() + 1]))
        label = np.concatenate((bona_fide, [True, False]))
        values, place = np.unique(extended, return_inverse=True)
        genuine, attacks = pool_adjacent_violators(
            np.bincount(place[label], minlength=len(values)),
            np.bincount(place[~label], minlength=len(values)),
        )
        ordered = np.sort(score)
        # The two extra scores are the first and the last; the others fill the blocks in order.
        ends = np.cumsum(genuine + attacks) - 1
        ends[-1] -= 1
        starts = np.concatenate(([0], ends[:-1]))
        llr = np.log(genuine / genuine.sum()) - np.log(attacks / attacks.sum())
        centres = np.array(
            [ordered[a:b].mean() if b > a else np.nan for a, b in zip(starts, ends, strict=True)]
        )
        keep = np.isfinite(centres)
        centres, llr = centres[keep], llr[keep]
        keep = np.concatenate(([True], np.diff(centres) > 0))
        centres, llr = centres[keep], llr[keep]
        if len(centres) > MOST_KNOTS:
            few = np.unique(np.linspace(0, len(centres) - 1, MOST_KNOTS).round().astype(int))
            centres, llr = centres[few], llr[few]
        return cls(scores=tuple(centres.tolist()), llrs=tuple(llr.tolist()))

    def __call__(
        self, score: NDArray[np.float64], quality: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Apply the map."""
        del quality  # one of the arguments that every calibration takes
        x, y = np.array(self.scores), np.array(self.llrs)
        inside = np.interp(score, x, y)
        if len(x) == 1:
            return np.asarray(inside, np.float64)
        # A hundredth of the mean steepness keeps the order of scores that nothing like them was fitted on.
        slope = (y[-1] - y[0]) / (x[-1] - x[0]) / 100
        beyond = np.minimum(score - x[0], 0) + np.maximum(score - x[-1], 0)
        return np.asarray(inside + slope * beyond, np.float64)
