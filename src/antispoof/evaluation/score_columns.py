"""The columns of a score file: numbers and labels, gathered chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from antispoof.columns import Layout, attributes_among
from antispoof.errors import InputError
from antispoof.evaluation.growing import Growing
from antispoof.evaluation.text import Encoder, Labels, Names
from antispoof.labels import truth

__all__ = ["MOST_GROUPS", "Collector", "ScoreColumns", "key_of"]

MOST_GROUPS = 12
"""A column of more different values tells single presentations apart, and no groups of them."""

_IDS_KEPT = 1_000_000  # of more, hashes tell whether they are unique, and are all that stays in memory


@dataclass(slots=True)
class ScoreColumns:
    """The columns of a score file, N rows.

    Attributes:
        layout: which column of the file is what.
        ids: names (N,); None where the file has none.
        scores: float64 (N,), higher = bona fide, NaN for a non-response; None where the file has none.
        labels: every other column, by `key_of` its role or else by name.
        cautions: what a reader of the results must know.
    """

    layout: Layout
    ids: Names | None
    scores: NDArray[np.float64] | None
    labels: dict[str, Labels]
    cautions: list[str] = field(default_factory=list)

    def simulated(self, rows: int) -> NDArray[np.bool_]:
        """Take the column ``simulated`` out; bool (N,)."""
        column = self.labels.pop("simulated", None)
        if column is None:
            return np.zeros(rows, np.bool_)
        flags = [truth(name) for name in column.names]
        if None in flags:
            bad = flags.index(None)
            row = int(np.flatnonzero(column.codes == bad)[0])
            who = repr(self.ids[row]) if self.ids is not None else f"row {row + 1}"
            raise InputError(f"simulated of {who} is {column.names[bad]!r}; write true or false")
        return np.asarray([*(bool(flag) for flag in flags), False], np.bool_)[column.codes]


def key_of(role: str) -> str:
    """Return what `ScoreColumns.labels` calls a role; an attribute may have the name of one."""
    return f"<{role}>" if role in ("label", "species", "claimed", "model", "digit") else role


class Collector:
    """Gathers chunks of rows."""

    def __init__(
        self,
        layout: Layout,
        attributes: Collection[str] | None = None,
        *,
        keep_ids: bool = True,
        rows: int = 0,
    ) -> None:
        """Make one; ``rows`` is how many there will be, where that is known."""
        taken = {index: key_of(role) for role, index in layout.roles.items()}
        self.layout = layout
        self.columns = {  # index → role, or the name of an attribute
            index: taken.get(index, name)
            for index, name in enumerate(layout.header)
            if name or index in taken
        }
        if attributes is not None:
            kept = {*taken.values(), *attributes, *attributes_among(list(self.columns.values()))}
            self.columns = {index: name for index, name in self.columns.items() if name in kept}
        self.ids: list[Names] = []
        self.hashes = Growing(np.uint64, rows if "id" in self.columns.values() else 0)
        self._ids_kept = float("inf") if keep_ids else _IDS_KEPT
        self.scores = Growing(np.float64, rows if "score" in self.columns.values() else 0)
        self.encoders = {name: Encoder(rows) for name in self.columns.values() if name not in ("id", "score")}
        kept = {*taken.values(), "subject", "simulated", *(attributes or ())}
        self.watched: dict[str, set[str]] = (
            {} if attributes is None else {name: set() for name in self.encoders if name not in kept}
        )

    def look(self, name: str, values: Iterable[str]) -> None:
        """Take note of values of a watched column, and leave it out once they are too many for groups."""
        self.watched[name].update(values)
        if len(self.watched[name]) > MOST_GROUPS:
            del self.watched[name], self.encoders[name]
            self.columns = {index: other for index, other in self.columns.items() if other != name}

    def add_names(self, names: Names) -> None:
        """Take ids; of many the hashes alone are kept."""
        self.hashes.add(names.hashes())
        self._ids_kept -= len(names)
        self.ids = [*self.ids, names] if self._ids_kept >= 0 else []

    def names(self, again: Callable[[], Names]) -> Names | None:
        """Return the ids; ``again`` reads those that were not kept."""
        if not len(self.hashes):
            return None
        return Names.join(self.ids) if self.ids else Names.kept_elsewhere(self.hashes.done(), again)

    def done(self, again: Callable[[], Names]) -> ScoreColumns:
        """Return the columns; ``again`` as for `names`."""
        scores = self.scores.done() if len(self.scores) else None
        if scores is not None and self.layout.negated:
            np.negative(scores, out=scores)
        labels = {}
        for name in list(self.encoders):
            labels[name] = self.encoders.pop(name).labels()
        return ScoreColumns(self.layout, self.names(again), scores, labels)
