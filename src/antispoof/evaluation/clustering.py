"""What a bootstrap resamples as a whole: the presentations of one subject, session or source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from antispoof.evaluation.scores import Labels, ScoreSet

__all__ = ["FEWEST_CLUSTERS", "FEWEST_PRESENTATIONS", "Clustering"]

FEWEST_CLUSTERS = 10
"""Over fewer, percentiles of a bootstrap are markedly too narrow."""

FEWEST_PRESENTATIONS = 30
"""The same for presentations that are resampled one by one."""


@dataclass(frozen=True, slots=True)
class Clustering:
    """Clusters of N presentations.

    Attributes:
        column: whose labels they are; None where each presentation is its own.
        count: how many there are.
        remarks: what a reader of the intervals must know, in sentences.
        labels: of the column; None where each presentation is its own.
    """

    column: str | None
    count: int
    remarks: tuple[str, ...]
    labels: Labels | None = None

    @classmethod
    def of(cls, scores: ScoreSet, column: str | None = None) -> Clustering:
        """Cluster by a column, by default ``subject`` where there is one.

        Labels that tie no two presentations together, or all of them, are no clustering: presentations are
        then resampled one by one, and the remarks say why.

        Raises:
            InputError: there is no such column.
        """
        rows = len(scores)
        name = column or "subject"
        if column is None and scores.subject is None:
            return cls._none(rows, f"No {name} is known")
        labels = scores.labels(name)
        sizes = labels.sizes()[1:]
        named, distinct = int(sizes.sum()), int((sizes > 0).sum())
        if not named:
            return cls._none(rows, f"No {name} is known (the column is empty)")
        if distinct == named and rows > 1:
            return cls._none(rows, f"No two presentations have the same {name}")
        if distinct == 1 and named == rows > 1:
            return cls._none(
                rows, f"All presentations have the same {name}", f", and say nothing of another {name}"
            )
        count = distinct + rows - named
        remarks = cls._few(rows)
        if named < rows:
            remarks.append(f"{rows - named:,} presentations have no {name}: each is resampled by itself.")
        if count < FEWEST_CLUSTERS:
            remarks.append(f"Only {count} values of {name}: bootstrap intervals over so few are too narrow.")
        return cls(name, count, tuple(remarks), labels)

    @classmethod
    def _none(cls, rows: int, why: str, more: str = "") -> Clustering:
        remarks = [
            f"{why}, so intervals take presentations as independent{more}; "
            "several presentations of one person make them too narrow."
        ]
        return cls(None, rows, (*remarks, *cls._few(rows)))

    @staticmethod
    def _few(rows: int) -> list[str]:
        if not 1 < rows < FEWEST_PRESENTATIONS:
            return []
        return [f"Only {rows} presentations: bootstrap intervals over so few are too narrow."]

    def numbers(self) -> NDArray[np.int32]:
        """Return int32 (N,), the cluster of each presentation; one without a label has its own."""
        if self.labels is None:
            return np.arange(self.count, dtype=np.int32)
        codes = self.labels.codes
        alone = codes < 0
        used = np.bincount(codes[~alone]) > 0
        number = np.where(alone, 0, (np.cumsum(used, dtype=np.int32) - 1)[codes]).astype(np.int32)
        number[alone] = int(used.sum()) + np.arange(int(alone.sum()), dtype=np.int32)
        return number
