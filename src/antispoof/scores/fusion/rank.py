"""Ranks instead of numbers: nothing needs calibrating, and no wild score outvotes the others."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from antispoof.errors import InputError
from antispoof.scores.calibration import Number
from antispoof.scores.fusion import FusionRule, Panel, fusions

__all__ = ["Rank", "rank_presentations"]

STEPS = 200

Voting = Literal["borda", "highest", "reciprocal"]


@fusions.register("rank")
class Rank(FusionRule):
    """The mean rank among development presentations, 0 to 1, less one half; both classes weigh the same.

    Attributes:
        reference: source → ascending quantiles of its development ratios. A source without any is ranked
            by the sign of its ratio.

    References:
        T. Ho, J. Hull and S. Srihari, "Decision combination in multiple classifier systems", IEEE TPAMI 16,
        1994 (Borda count).
    """

    level = "rank"
    learned: ClassVar[bool] = True

    reference: dict[str, Annotated[tuple[Number, ...], Field(min_length=1)]] = Field(default_factory=dict)

    @classmethod
    def fit(cls, dev: Panel, bona_fide: NDArray[np.bool_]) -> Self:
        """Keep quantiles of each source's development ratios."""
        steps = (np.arange(STEPS) + 0.5) / STEPS
        reference = {}
        for index, source in enumerate(dev.sources):
            said = dev.present[:, index]
            classes = [dev.llr[said & kind, index] for kind in (bona_fide, ~bona_fide)]
            kept = np.concatenate([np.quantile(part, steps) for part in classes if len(part)] or [[0.0]])
            reference[source] = tuple(np.sort(kept).tolist())
        return cls(reference=reference)

    def fuse(self, panel: Panel) -> NDArray[np.float64]:
        """Return the mean ranks less one half, (N,)."""
        ranks = np.full(panel.llr.shape, np.nan)
        for index, source in enumerate(panel.sources):
            known = np.array(self.reference.get(source, (0.0,)))
            llr = np.nan_to_num(panel.llr[:, index])
            # Ties count half, so that a score equal to all of the reference lies in the middle.
            below = np.searchsorted(known, llr, "left") + np.searchsorted(known, llr, "right")
            ranks[:, index] = below / (2 * len(known))
        ranks[~panel.present] = np.nan
        count = panel.present.sum(1)
        return np.where(count > 0, np.nansum(ranks, axis=1) / np.maximum(count, 1) - 0.5, np.nan)


def rank_presentations(panel: Panel, voting: Voting = "borda") -> NDArray[np.intp]:
    """Order the presentations of one session, the most trustworthy first.

    Each source ranks the presentations by its own ratios; the ranks are counted. Use it to choose which of
    several attempts to show or to keep. Judging the best of many attempts as if it were the only one lets an
    attacker try as often: set the threshold on sessions, not on single presentations.

    Args:
        panel: what the sources said of the N presentations.
        voting: ``borda`` adds up how many presentations each is ranked above; ``highest`` takes the best rank
            that any source gives; ``reciprocal`` adds 1 / (60 + rank).

    Returns:
        Indices (N,), best first; ties keep their order. A presentation that no source could judge comes last.

    Raises:
        InputError: no such voting.

    References:
        T. Ho, J. Hull and S. Srihari, IEEE TPAMI 16, 1994; G. Cormack, C. Clarke and S. Büttcher, "Reciprocal
        rank fusion", SIGIR 2009.
    """
    if voting not in ("borda", "highest", "reciprocal"):
        raise InputError(f"voting must be 'borda', 'highest' or 'reciprocal', got {voting!r}")
    present = panel.present
    values = np.where(present, panel.llr, -np.inf)
    above = (values[None, :, :] > values[:, None, :]).sum(1)  # (N, M): how many are ranked higher
    if voting == "borda":
        # An absent source ranks its presentation in the middle: it says nothing either way.
        votes = np.where(present, (values[:, None, :] > values[None, :, :]).sum(1) - above, 0).sum(1)
    elif voting == "highest":
        votes = -np.where(present, above, len(values)).min(1)
    else:
        votes = np.where(present, 1 / (61 + above), 0).sum(1)
    votes = np.where(present.any(1), votes.astype(np.float64), -np.inf)
    return np.argsort(-votes, kind="stable")
