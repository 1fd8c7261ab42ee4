"""Score files: a table of this project's, or of anybody's, as columns of numbers and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antispoof.columns import Layout, recognise
from antispoof.errors import InputError, MissingExtraError
from antispoof.evaluation.text import Encoder, Labels, Names, joined
from antispoof.labels import truth
from antispoof.tables import Numbers, TextTable, pyarrow

__all__ = ["FINITE", "PARQUET", "ScoreColumns", "key_of", "read_columns", "read_table"]

FINITE = "scores must be finite numbers; leave the cell empty for a non-response"
PARQUET = frozenset({".parquet", ".pq"})
_ROWS_AT_A_TIME = 50_000
_BLOCK = 4 << 20  # bytes


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


class _UnusualError(Exception):
    """The quick reader met what the careful one reads, or refuses in words."""


class _Collector:
    """Gathers chunks of rows."""

    def __init__(self, layout: Layout) -> None:
        taken = {index: key_of(role) for role, index in layout.roles.items()}
        self.layout = layout
        self.columns = {  # index → role, or the name of an attribute
            index: taken.get(index, name)
            for index, name in enumerate(layout.header)
            if name or index in taken
        }
        self.ids: list[Names] = []
        self.scores: list[NDArray[np.float64]] = []
        self.encoders = {name: Encoder() for name in self.columns.values() if name not in ("id", "score")}

    def done(self) -> ScoreColumns:
        scores = joined(self.scores) if self.scores else None
        if scores is not None and self.layout.negated:
            np.negative(scores, out=scores)
        labels = {}
        for name in list(self.encoders):
            labels[name] = self.encoders.pop(name).labels()
        return ScoreColumns(self.layout, Names.join(self.ids) if self.ids else None, scores, labels)


def read_columns(path: Path, needed: Sequence[str], given: Mapping[str, str]) -> ScoreColumns:
    """Read a table, CSV or Parquet by its ending.

    Args:
        path: the file.
        needed: roles without which it cannot be used.
        given: which column is what, where somebody said so (`columns.parse_columns`).

    Raises:
        InputError: no such table; the message gives the line and the column.
        MissingExtraError: a Parquet file without pyarrow.
    """
    if path.suffix.lower() in PARQUET:
        try:
            return _read_parquet(path, needed, given)
        finally:
            _give_back()
    table = TextTable.open(path)
    layout = recognise(table.head, needed, given)
    try:
        found = _read_quickly(table, layout)
        _give_back()
    except (_UnusualError, MissingExtraError):
        found = _read_carefully(table, layout)
    if not _rows(found):
        raise InputError("a header and no rows; there is nothing to evaluate")
    return found


def read_table(path: Path, needed: Sequence[str]) -> dict[str, list[str]]:
    """Read a short table of text as strings by column.

    Raises:
        InputError: no such file, or no such table; the message says where and what to do.
    """
    if not path.is_file():
        raise InputError(f"{str(path)!r} does not exist")
    try:
        table = TextTable.open(path)
        layout = recognise(table.head, needed)
        names = {index: name for index, name in enumerate(layout.header) if name}
        names |= {index: role for role, index in layout.roles.items() if role != "label"}
        columns: dict[str, list[str]] = {name: [] for name in names.values()}
        for _, cells in table.rows(layout.header, headed=layout.headed):
            for index, name in names.items():
                columns[name].append(cells[index])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not next(iter(columns.values())):
        raise InputError(f"{path}: a header and no rows; there is nothing to evaluate")
    return columns


def _rows(found: ScoreColumns) -> int:
    column = found.ids if found.ids is not None else found.scores
    return len(next(iter(found.labels.values())) if column is None else column)


def _read_carefully(table: TextTable, layout: Layout) -> ScoreColumns:
    """Read row by row, with a word for whatever is wrong."""
    into = _Collector(layout)
    score_at, id_at = layout.roles.get("score"), layout.roles.get("id")
    numbers = Numbers(table.delimiter, layout.header[score_at]) if score_at is not None else None
    for lines, columns in table.chunks(layout.header, headed=layout.headed, size=_ROWS_AT_A_TIME):
        if id_at is not None:
            if "" in columns[id_at]:
                line = lines[columns[id_at].index("")]
                raise InputError(
                    f"line {line}, column {layout.header[id_at]!r}: there is no id; every presentation needs "
                    "one"
                )
            into.ids.append(Names.of(columns[id_at]))
        if score_at is not None and numbers is not None:
            who = columns[id_at] if id_at is not None else [f"row {line}" for line in lines]
            into.scores.append(_parse(columns[score_at], lines, who, numbers, layout.header[score_at]))
        for index, name in into.columns.items():
            if name in into.encoders:
                into.encoders[name].add(columns[index])
    if numbers is not None:
        numbers.finish()
    found = into.done()
    if numbers is not None and numbers.comma:
        found.cautions.append("Scores have decimal commas.")
    return found


def _parse(
    cells: Sequence[str], lines: Sequence[int], who: Sequence[str], numbers: Numbers, column: str
) -> NDArray[np.float64]:
    with suppress(ValueError):
        quickly = np.asarray(numbers.read_all(cells, lines), np.float64)
        if np.isfinite(quickly).all():
            return quickly
    values = []
    for cell, line, name in zip(cells, lines, who, strict=True):
        try:
            value = numbers.read(cell, line)
        except ValueError:
            if cell.strip():
                raise InputError(_no_score(line, column, name, cell)) from None
            value = np.nan
        else:
            if not np.isfinite(value):
                raise InputError(_no_score(line, column, name, cell))
        values.append(value)
    return np.asarray(values, np.float64)


def _no_score(line: int, column: str, name: str, cell: object) -> str:
    return f"line {line}, column {column!r}: the score of {name!r} is {cell!r}; {FINITE}"


def _read_quickly(table: TextTable, layout: Layout) -> ScoreColumns:
    """Read a file without surprises by pyarrow, many times as fast.

    Raises:
        _UnusualError: it is one with surprises.
        MissingExtraError: pyarrow is not installed.
    """
    if table.encoding != "utf-8-sig" or not table.delimiter:
        raise _UnusualError
    arrow, _ = pyarrow("")
    from pyarrow import csv

    into = _Collector(layout)
    header = [str(index) for index in range(len(layout.header))]
    word = arrow.dictionary(arrow.int32(), arrow.string())
    types = {"id": arrow.string(), "score": arrow.float64()}
    try:
        reader = csv.open_csv(
            table.path,
            read_options=csv.ReadOptions(
                column_names=header, skip_rows=table.skipped + layout.headed, block_size=_BLOCK
            ),
            parse_options=csv.ParseOptions(delimiter=table.delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={str(i): types.get(name, word) for i, name in into.columns.items()},
                include_columns=[str(i) for i in into.columns],
                null_values=[""],
                strings_can_be_null=False,
                true_values=[],
                false_values=[],
            ),
        )
        for batch in reader:
            _add_arrow(into, {int(name): batch.column(name) for name in batch.schema.names})
    except (arrow.ArrowException, OSError):
        raise _UnusualError from None
    return into.done()


def _add_arrow(into: _Collector, batch: Mapping[int, Any]) -> None:
    for index, name in into.columns.items():
        column = batch[index]
        if name == "id":
            names = Names.of_arrow(column)
            if names.empty().size:
                raise _UnusualError
            into.ids.append(names)
        elif name == "score":
            values = column.to_numpy(zero_copy_only=False)
            if np.count_nonzero(~np.isfinite(values)) != column.null_count:
                raise _UnusualError
            into.scores.append(values)
        else:
            into.encoders[name].add_arrow(column)


def _read_parquet(path: Path, needed: Sequence[str], given: Mapping[str, str]) -> ScoreColumns:
    arrow, parquet = pyarrow("a Parquet score file")
    try:
        file = parquet.ParquetFile(path)
        layout = recognise([list(file.schema_arrow.names)], needed, given)
        texts = [name for name, kind in _kinds(file) if _is_text(arrow, kind)]
        keys = [
            layout.header[i] for i in (layout.roles.get("id"), layout.roles.get("score")) if i is not None
        ]
        file = parquet.ParquetFile(path, read_dictionary=[name for name in texts if name not in keys])
        if not file.metadata.num_rows:
            raise InputError("no rows; there is nothing to evaluate")
        into, row = _Collector(layout), 0
        for batch in file.iter_batches(_ROWS_AT_A_TIME * 4, use_threads=False):
            columns = [_as_needed(arrow, batch.column(i), name, row) for i, name in into.columns.items()]
            try:
                _add_arrow(into, dict(zip(into.columns, columns, strict=True)))
            except _UnusualError:
                _refuse(columns, list(into.columns.values()), row)
            row += len(batch)
    except (arrow.ArrowException, OSError) as error:
        raise InputError(f"not a Parquet file: {error}") from None
    return into.done()


def _give_back() -> None:
    """Give back what pyarrow keeps of the memory that it worked in."""
    with suppress(MissingExtraError):
        pyarrow("")[0].default_memory_pool().release_unused()


def _kinds(file: Any) -> list[tuple[str, Any]]:
    return list(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True))


def _is_text(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind))


def _as_needed(arrow: Any, column: Any, name: str, row: int) -> Any:
    """Cast a column to what it is needed as; other types than text are written out."""
    import pyarrow.compute as compute

    if arrow.types.is_dictionary(column.type) and name not in ("id", "score"):
        return arrow.DictionaryArray.from_arrays(
            column.indices.cast(arrow.int32()), compute.cast(column.dictionary, arrow.string())
        )
    if arrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if name == "score":
        if _is_text(arrow, column.type):
            numbers = Numbers(",", name)
            cells = [cell or "" for cell in column.to_pylist()]
            lines = list(range(row + 1, row + len(cells) + 1))
            values = _parse(cells, lines, [f"row {line}" for line in lines], numbers, name)
            numbers.finish()
            return arrow.array(values, from_pandas=True)
        return column.cast(arrow.float64())
    text = compute.cast(column, arrow.string()).fill_null("")
    return text if name == "id" else text.dictionary_encode()


def _refuse(columns: Sequence[Any], names: Sequence[str], row: int) -> None:
    """Say which row of a Parquet file cannot be used."""
    by_name = dict(zip(names, columns, strict=True))
    ids = by_name["id"].to_pylist() if "id" in by_name else []
    if "" in ids:
        raise InputError(f"row {row + ids.index('') + 1} has no id; every presentation needs one")
    for at, value in enumerate(by_name["score"].to_pylist()):
        if value is not None and not np.isfinite(value):
            who = ids[at] if ids else f"row {row + at + 1}"
            raise InputError(f"the score of {who!r} is {value}; {FINITE}")
