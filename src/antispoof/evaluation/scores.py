"""`ScoreSet`: what a system said about every presentation of a test, and the file it is kept in."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from antispoof.errors import InputError, MissingExtraError

__all__ = ["Labels", "ScoreSet", "read_table"]

_BONA_FIDE = frozenset({"", "bona_fide", "bonafide", "bona fide", "bona-fide", "live", "real", "genuine"})
_NOT_A_SPECIES = frozenset({"nan", "none", "null", "na", "n/a", "-", "0", "1", "true", "false"})
_TRUTH = {"": False, "0": False, "false": False, "no": False, "1": True, "true": True, "yes": True}
_PARQUET = frozenset({".parquet", ".pq"})
_NEEDED = ("id", "score", "pai_species")
_ROWS_AT_A_TIME = 50_000


@dataclass(frozen=True, slots=True)
class Labels:
    """A column of N labels from a small vocabulary, stored as numbers.

    Attributes:
        codes: int32 (N,), index into ``names``; -1 where there is no label.
        names: the vocabulary, in the order of first appearance.
    """

    codes: NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def encode(cls, values: Iterable[Any]) -> Labels:
        """Number the labels of ``values``; None, NaN and the empty string are no label."""
        encoder = _Encoder()
        encoder.add(values)
        return encoder.labels()

    def decode(self) -> list[str]:
        """Return the N labels as strings; the empty string where there is none."""
        names = [*self.names, ""]
        return [names[code] for code in self.codes.tolist()]

    def take(self, index: NDArray[Any]) -> Labels:
        """Return the labels at ``index`` (numbers or a mask), with the same vocabulary."""
        return Labels(self.codes[index], self.names)

    def __len__(self) -> int:
        """Return N."""
        return len(self.codes)


class _Encoder:
    """Numbers labels chunk by chunk, so that a long column is never held as strings."""

    def __init__(self) -> None:
        self._numbers: dict[Any, int] = {None: -1, "": -1}
        self._chunks: list[NDArray[np.int32]] = []

    def add(self, values: Iterable[Any]) -> None:
        numbers = self._numbers
        codes = [numbers.setdefault(value, len(numbers) - 2) for value in values]
        self._chunks.append(np.asarray(codes, np.int32))

    def labels(self) -> Labels:
        names = list(self._numbers)[2:]
        codes = np.concatenate(self._chunks)
        for missing in [
            number for number, name in enumerate(names) if name != name
        ]:  # NaN, as pandas writes it
            codes[codes == missing] = -1
        return Labels(codes, tuple(map(str, names)))


@dataclass(frozen=True, slots=True)
class ScoreSet:
    """Scores of N presentations with what is known about each; the only input of this room.

    Make one with `read` or `from_columns`, which check it. Higher scores mean bona fide.

    Attributes:
        name: what reports call it.
        ids: (N,) strings, unique.
        scores: float64 (N,); NaN is a non-response, every other value is finite.
        pai_species: presentation attack instrument species; no label means bona fide.
        subject: whose presentation it was, or None when that is not known.
        attributes: any further columns, such as ``modality``, ``dataset`` or ``age_group``.
        simulated: bool (N,); True for a presentation that was simulated and not captured.
    """

    name: str
    ids: NDArray[np.str_]
    scores: NDArray[np.float64]
    pai_species: Labels
    subject: Labels | None
    attributes: Mapping[str, Labels] = field(default_factory=dict)
    simulated: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

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
            pai_species: the attack instrument species; None, ``""`` or ``"bona_fide"`` for bona fide.
            subject: whose presentation it was.
            attributes: further labels by column name.
            simulated: which presentations were simulated.
            name: what reports call the set.

        Raises:
            InputError: the columns differ in length or are empty, ids repeat, a score is infinite, or a
                species names none.
        """
        values = np.asarray(scores, np.float64)
        made = cls(
            name=name,
            ids=np.asarray(ids, np.str_),
            scores=values,
            pai_species=_without_bona_fide(Labels.encode(pai_species)),
            subject=None if subject is None else Labels.encode(subject),
            attributes={column: Labels.encode(labels) for column, labels in (attributes or {}).items()},
            simulated=np.zeros(len(values), np.bool_)
            if simulated is None
            else np.asarray(simulated, np.bool_),
        )
        _check(made)
        return made

    @classmethod
    def read(cls, path: str | Path) -> ScoreSet:
        """Read a score file: CSV (comma, semicolon or tab), or Parquet if it ends in .parquet or .pq.

        Columns ``id``, ``score`` and ``pai_species`` are required, ``subject`` and ``simulated`` understood;
        any other becomes an attribute. An empty score is a non-response.

        Raises:
            InputError: the file is missing, empty or not such a table; the message says where and what to do.
            MissingExtraError: a Parquet file without pyarrow.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"score file {str(path)!r} does not exist")
        chunks = _read_parquet(path, _NEEDED) if path.suffix.lower() in _PARQUET else _read_csv(path, _NEEDED)
        try:
            return _assemble(chunks, path.stem)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

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
        if path.suffix.lower() in _PARQUET:
            arrow, parquet = _pyarrow()
            parquet.write_table(arrow.table(columns), path)
            return
        with path.open("w", encoding="utf-8", newline="") as file:
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
        raise InputError(f"the score of {str(scores.ids[where])!r} is {scores.scores[where]}; {_FINITE}")
    ids = scores.ids.tolist()
    if len(set(ids)) < rows:
        seen: set[str] = set()
        repeated = [name for name in ids if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
        more = f" and {len(repeated) - 1} more" if len(repeated) > 1 else ""
        raise InputError(f"id {repeated[0]!r} appears more than once{more}; one row for each presentation")
    if not all(ids):
        raise InputError(f"row {ids.index('') + 1} has no id; every presentation needs one")


_FINITE = "scores must be finite numbers; leave the cell empty for a non-response"


def _assemble(chunks: Iterable[Mapping[str, Sequence[Any]]], name: str) -> ScoreSet:
    """Make a score set of a table that comes in chunks of rows."""
    ids: list[NDArray[np.str_]] = []
    scores: list[NDArray[np.float64]] = []
    simulated: list[NDArray[np.bool_]] = []
    encoders: dict[str, _Encoder] = {}
    for chunk in chunks:
        ids.append(np.asarray(chunk["id"], np.str_))
        scores.append(_parse_scores(chunk["score"], chunk["id"]))
        if "simulated" in chunk:
            simulated.append(np.asarray(_parse_truth(chunk["simulated"], chunk["id"]), np.bool_))
        for column, cells in chunk.items():
            if column not in ("id", "score", "simulated"):
                encoders.setdefault(column, _Encoder()).add(cells)
    labels = {column: encoder.labels() for column, encoder in encoders.items()}
    values = np.concatenate(scores)
    made = ScoreSet(
        name,
        np.concatenate(ids),
        values,
        _without_bona_fide(labels.pop("pai_species")),
        labels.pop("subject", None),
        labels,
        np.concatenate(simulated) if simulated else np.zeros(len(values), np.bool_),
    )
    _check(made)
    return made


def _without_bona_fide(raw: Labels) -> Labels:
    """Return the species alone: bona fide, in any of its usual spellings, becomes no label."""
    names: dict[str, int] = {}
    new = []
    for spelling in raw.names:
        name = spelling.strip()
        if name.lower() in _NOT_A_SPECIES:
            raise InputError(
                f"pai_species holds {name!r}, which names no attack instrument; "
                "write 'bona_fide' for a bona fide presentation and a name such as 'print' for an attack"
            )
        new.append(-1 if name.lower() in _BONA_FIDE else names.setdefault(name, len(names)))
    return Labels(np.asarray([*new, -1], np.int32)[raw.codes], tuple(names))


def _parse_scores(cells: Sequence[Any], ids: Sequence[str]) -> NDArray[np.float64]:
    try:
        values = np.asarray(list(map(float, cells)), np.float64)
    except (TypeError, ValueError):
        values = np.asarray(
            [_parse_score(cell, name) for cell, name in zip(cells, ids, strict=True)], np.float64
        )
    else:  # float() takes "nan", which nobody may write
        for row in np.flatnonzero(np.isnan(values)).tolist():
            _parse_score(cells[row], ids[row])
    return values


def _parse_score(cell: Any, name: str) -> float:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return float("nan")
    try:
        value = float(cell)
    except (TypeError, ValueError):
        raise InputError(f"the score of {name!r} is {cell!r}; {_FINITE}") from None
    if value != value:
        raise InputError(f"the score of {name!r} is {cell!r}; {_FINITE}")
    return value


def _parse_truth(cells: Sequence[str], ids: Sequence[str]) -> list[bool]:
    try:
        return [_TRUTH[cell.strip().lower()] for cell in cells]
    except KeyError:
        bad = next(row for row, cell in enumerate(cells) if cell.strip().lower() not in _TRUTH)
        raise InputError(f"simulated of {ids[bad]!r} is {cells[bad]!r}; write true or false") from None


def _require(header: Sequence[str], needed: Sequence[str]) -> None:
    """Refuse a table that lacks a column or repeats one; the message says what the table has."""
    for name in needed:
        if name not in header:
            close = difflib.get_close_matches(name, header, n=1, cutoff=0.5)
            hint = f"; rename {close[0]!r} to {name!r}?" if close else ""
            raise InputError(f"no column {name!r}; the columns are {', '.join(map(repr, header))}{hint}")
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError(f"column {twice!r} appears more than once")


def read_table(path: Path, needed: Sequence[str]) -> dict[str, list[str]]:
    """Read a short CSV file (comma, semicolon or tab) as strings by column.

    Raises:
        InputError: no such file, or no such table; the message says where and what to do.
    """
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist")
    columns: dict[str, list[str]] = {}
    try:
        for chunk in _read_csv(path, needed):
            for name, cells in chunk.items():
                columns.setdefault(name, []).extend(cells)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return columns


def _read_csv(path: Path, needed: Sequence[str]) -> Iterator[dict[str, Sequence[str]]]:
    """Read a CSV file (comma, semicolon or tab) with a header row, as chunks of its columns.

    Raises:
        InputError: no rows, not UTF-8, a row of another length, or a missing column of ``needed``.
    """
    empty = True
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            reader = csv.reader(file, delimiter=max(",;\t", key=first.count))
            header = [name.strip() for name in next(reader, [])]
            if not any(header):
                raise InputError("the file is empty; the first row must name the columns")
            _require(header, needed)
            while rows := list(islice(reader, _ROWS_AT_A_TIME)):
                if any(len(row) != len(header) for row in rows):
                    rows = [row for row in rows if row]  # blank lines
                    for row in rows:
                        if len(row) != len(header):
                            raise InputError(
                                f"a row has {len(row)} cells, the header has {len(header)}: {row!r}"
                            )
                if rows:
                    empty = False
                    yield dict(zip(header, zip(*rows, strict=True), strict=True))
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason} at byte {error.start})") from None
    except csv.Error as error:
        raise InputError(f"not a CSV file: {error}") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from None
    if empty:
        raise InputError("a header and no rows; there is nothing to evaluate")


def _read_parquet(path: Path, needed: Sequence[str]) -> Iterator[dict[str, Sequence[Any]]]:
    """Read a Parquet file as chunks of its columns, all but ``score`` as strings, missing ones empty.

    Raises:
        InputError: no rows, no Parquet file, or a missing column of ``needed``.
        MissingExtraError: pyarrow is not installed.
    """
    arrow, parquet = _pyarrow()
    try:
        file = parquet.ParquetFile(path)
        header = list(file.schema_arrow.names)
        _require(header, needed)
        if not file.metadata.num_rows:
            raise InputError("no rows; there is nothing to evaluate")
        for batch in file.iter_batches(_ROWS_AT_A_TIME):
            columns = {name: batch.column(name).to_pylist() for name in header}
            yield {
                name: cells if name == "score" else ["" if cell is None else str(cell) for cell in cells]
                for name, cells in columns.items()
            }
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"not a Parquet file: {error}") from None


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("a Parquet score file", "parquet") from None
    return pyarrow, pyarrow.parquet
