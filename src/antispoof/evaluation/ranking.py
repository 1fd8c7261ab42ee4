"""`Ranking`: the scores of a set in ascending order, class by class; sorted once for all that asks."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from antispoof.evaluation.curve import ErrorCurve
from antispoof.evaluation.scores import ScoreSet

__all__ = ["Ranking"]


@dataclass(frozen=True)
class Ranking:
    """Scores of the presentations that got a response, ascending.

    Attributes:
        name: of the score set.
        bona_fide: float64 (G,).
        species: attack scores, float64 (n,), of every species of the set's vocabulary; some may be empty.
    """

    name: str
    bona_fide: NDArray[np.float64]
    species: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, scores: ScoreSet) -> Ranking:
        """Sort the scores of a set."""
        codes, values = scores.pai_species.codes, scores.scores

        def ranked(code: int) -> NDArray[np.float64]:
            own: NDArray[np.float64] = values[codes == code]
            own.sort()
            return own[: own.searchsorted(np.nan)]  # non-responses stand last

        with ThreadPoolExecutor(2) as threads:
            genuine, *kinds = threads.map(ranked, range(-1, len(scores.pai_species.names)))
        return cls(scores.name, genuine, dict(zip(scores.pai_species.names, kinds, strict=True)))

    @cached_property
    def attack(self) -> NDArray[np.float64]:
        """Scores of all attacks, float64 (A,)."""
        if len(self.species) == 1:
            return next(iter(self.species.values()))
        together = np.concatenate([np.zeros(0), *self.species.values()])
        together.sort(kind="stable")  # sorted runs, which a stable sort merges
        return together

    @cached_property
    def curve(self) -> ErrorCurve | None:
        """Error counts at every threshold; None when a class has no response."""
        if len(self.bona_fide) and len(self.attack):
            return ErrorCurve.of(self.bona_fide, self.attack)
        return None
