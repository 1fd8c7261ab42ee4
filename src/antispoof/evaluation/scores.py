"""`ScoreSet`: what a system said about every presentation of a test, and the file it is kept in."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.columns import attributes_among
from antispoof.errors import InputError
from antispoof.evaluation.field_labels import join_protocol, species_of, without_bona_fide
from antispoof.evaluation.score_files import FINITE, PARQUET, read_columns, read_table
from antispoof.evaluation.text import Labels, Names
from antispoof.files import replacing
from antispoof.tables import pyarrow

__all__ = ["Labels", "ScoreSet", "read_table"]


_NEEDED = ("id", "score", "label")


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Scores of N presentations with what is known about each; the only input of this room.

    Make one with `read` or `from_columns`, which check it. Higher scores mean bona fide.

    Attributes:
        name: what reports call it.
        ids: N strings, unique. Those of a file of more than a million rows are read from it again when they
            are first asked for.
        scores: float64 (N,); NaN is a non-response, every other value is finite.
        pai_species: presentation attack instrument species; no label means bona fide.
        subject: whose presentation it was, or None when that is not known.
        attributes: any further columns, such as ``modality``, ``dataset`` or ``age_group``.
        simulated: bool (N,); True for a presentation that was simulated and not captured.
        read_as: how somebody else's file was read, in words; empty for this project's own.
        cautions: what a reader of the results must know about how the file was read.
    """

    name: str
    ids: Names
    scores: NDArray[np.float64]
    pai_species: Labels
    subject: Labels | None
    attributes: Mapping[str, Labels] = field(default_factory=dict)
    simulated: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    read_as: str = ""
    cautions: tuple[str, ...] = ()

    @classmethod
    def from_columns(
        cls,
        ids: Sequence[str],
        scores: ArrayLike,
        pai_species: Sequence[str | None],
        *,
        subject: Sequence[str | None] | None = None,
        attributes: Mapping[str, Sequence[str | None]] | None = None,
        simulated: Sequence[bool] | None = None,
        name: str = "scores",
    ) -> ScoreSet:
        """Build a checked score set from columns of equal length N.

        Args:
            ids: unique names of the presentations.
            scores: finite numbers, higher = bona fide; NaN marks a non-response.
            pai_species: the attack instrument species; None or ``"bona_fide"`` for bona fide. ``""`` means so
                where no other row does.
            subject: whose presentation it was.
            attributes: further labels by column name.
            simulated: which presentations were simulated.
            name: what reports call the set.

        Raises:
            InputError: the columns differ in length or are empty, ids repeat, a score is infinite, or a
                species names none or means both.
        """
        values = np.asarray(scores, np.float64)
        species, _ = without_bona_fide(
            Labels.encode("bona_fide" if label is None else label for label in pai_species)
        )
        made = cls(
            name=name,
            ids=Names.of(ids),
            scores=values,
            pai_species=species,
            subject=None if subject is None else Labels.encode(subject),
            attributes={column: Labels.encode(labels) for column, labels in (attributes or {}).items()},
            simulated=np.zeros(len(values), np.bool_)
            if simulated is None
            else np.asarray(simulated, np.bool_),
        )
        _check(made)
        return made

    @classmethod
    def read(
        cls,
        path: str | Path,
        *,
        columns: Mapping[str, str] = MappingProxyType({}),
        bona_fide: str | None = None,
        protocols: Sequence[str | Path] = (),
        attributes: Collection[str] | None = None,
    ) -> ScoreSet:
        """Read a score file: a text table, or Parquet if it ends in .parquet or .pq.

        Columns ``id``, ``score`` and ``pai_species`` are required, ``subject`` and ``simulated`` understood;
        any other becomes an attribute. An empty score is a non-response. Files of the field (ASVspoof,
        LivDet-Iris, bob, DeepfakeBench) and usual names of columns are recognised; ``read_as`` says so.

        Args:
            path: the file.
            columns: which column is what, such as ``{"id": "utt", "score": "cm", "label": "key"}``; a number
                counts columns from 1, and a minus before the score's means that lower scores are bona fide.
            bona_fide: the label that means bona fide, where ``0`` and ``1`` would leave that open.
            protocols: lists with the labels, where the file holds ids and scores alone; the first that names
                one of its presentations is taken.
            attributes: further columns to keep; of the others those alone that hold at most 12 different
                values, by which `evaluate` tells groups apart. None keeps all.

        Raises:
            InputError: the file is missing, empty or not such a table; the message says where and what to do.
            MissingExtraError: a Parquet file without pyarrow.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"score file {str(path)!r} does not exist")
        in_scores = {role: name for role, name in columns.items() if not protocols or role in ("id", "score")}
        try:
            found = read_columns(path, _NEEDED[:2] if protocols else _NEEDED, in_scores, attributes)
            read_as = found.layout.said
            if protocols:
                of_list = {role: name for role, name in columns.items() if role not in in_scores}
                found = join_protocol(found, list(map(Path, protocols)), of_list)
                read_as = "; labels: ".join(filter(None, (read_as, found.layout.said)))
            assert found.scores is not None
            species = species_of(found, bona_fide)
            rows = len(found.scores)
            subject, simulated = found.labels.pop("subject", None), found.simulated(rows)
            among = attributes_among(list(found.labels))
            kept = [name for name in found.labels if name in among or name in (attributes or ())]
            made = cls(
                name=path.stem,
                ids=Names.of(f"row {row + 1}" for row in range(rows)) if found.ids is None else found.ids,
                scores=found.scores,
                pai_species=species,
                subject=subject,
                simulated=simulated,
                attributes={name: found.labels[name] for name in kept},
                read_as=read_as,
                cautions=tuple(found.cautions),
            )
            _check(made)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
        return made

    def write(self, path: str | Path) -> None:
        """Write the set as CSV or Parquet, by its ending; `read` gives back the same set, scores bit for bit.

        Raises:
            MissingExtraError: a Parquet file without pyarrow.
        """
        path = Path(path)
        columns: dict[str, list[Any]] = {
            "id": self.ids.tolist(),
            "score": [None if score != score else score for score in self.scores.tolist()],
            "pai_species": [label or "bona_fide" for label in self.pai_species.decode()],
        }
        if self.subject is not None:
            columns["subject"] = self.subject.decode()
        columns |= {name: labels.decode() for name, labels in self.attributes.items()}
        if self.simulated.any():
            columns["simulated"] = ["true" if flag else "false" for flag in self.simulated.tolist()]
        if path.suffix.lower() in PARQUET:
            arrow, parquet = pyarrow("a Parquet score file")
            with replacing(path) as draft:
                parquet.write_table(arrow.table(columns), draft)
            return
        with replacing(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))

    def take(self, index: NDArray[Any]) -> ScoreSet:
        """Return the presentations at ``index`` (numbers or a mask)."""
        return ScoreSet(
            self.name,
            self.ids[index],
            self.scores[index],
            self.pai_species.take(index),
            None if self.subject is None else self.subject.take(index),
            {name: labels.take(index) for name, labels in self.attributes.items()},
            self.simulated[index],
            self.read_as,
            self.cautions,
        )

    def labels(self, column: str) -> Labels:
        """Return the labels of ``subject``, ``pai_species`` or an attribute.

        Raises:
            InputError: there is no such column.
        """
        known = {"pai_species": self.pai_species, **self.attributes}
        if self.subject is not None:
            known["subject"] = self.subject
        if column not in known:
            raise InputError(f"{self.name} has no column {column!r}; it has {', '.join(sorted(known))}")
        return known[column]

    @property
    def is_bona_fide(self) -> NDArray[np.bool_]:
        """bool (N,), True for a bona fide presentation, whether it got a response or not."""
        return self.pai_species.codes < 0

    @property
    def is_response(self) -> NDArray[np.bool_]:
        """bool (N,), False for a non-response."""
        return ~np.isnan(self.scores)

    @property
    def bona_fide(self) -> NDArray[np.float64]:
        """Scores of the bona fide presentations that got a response."""
        return self.scores[self.is_bona_fide & self.is_response]

    @property
    def attack(self) -> NDArray[np.float64]:
        """Scores of the attack presentations that got a response."""
        return self.scores[~self.is_bona_fide & self.is_response]

    def __len__(self) -> int:
        """Return N."""
        return len(self.scores)


def _check(scores: ScoreSet) -> None:
    rows = len(scores.scores)
    lengths = {
        "ids": len(scores.ids),
        "pai_species": len(scores.pai_species),
        "subject": rows if scores.subject is None else len(scores.subject),
        "simulated": len(scores.simulated),
        **{name: len(labels) for name, labels in scores.attributes.items()},
    }
    for name, length in lengths.items():
        if length != rows:
            raise InputError(f"{name} has {length} rows, scores has {rows}; they must be equal")
    if scores.scores.ndim != 1 or not rows:
        raise InputError(f"scores must be one-dimensional and not empty, got shape {scores.scores.shape}")
    if infinite := np.flatnonzero(np.isinf(scores.scores)).tolist():
        where = infinite[0]
        raise InputError(f"the score of {str(scores.ids[where])!r} is {scores.scores[where]}; {FINITE}")
    if (nameless := scores.ids.empty()).size:
        raise InputError(f"row {nameless[0] + 1} has no id; every presentation needs one")
    if repeated := scores.ids.repeated():
        more = f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""
        raise InputError(
            f"id {scores.ids[repeated[0]]!r} appears more than once{more}; one row for each presentation"
        )
